"""Whole graphs by the onnx package's ReferenceEvaluator, with our operators in them."""

from __future__ import annotations

import builtins
import importlib

import numpy as np
import pytest
from problems import assert_same_bits

from cyrnn import onnx

N_X, N, T, M, WORDS = 6, 8, 7, 3, 11


def draw(*shape, seed=0, dtype=np.float32):
    return np.random.default_rng(seed).standard_normal(shape).astype(dtype)


WEIGHTS = {"W": draw(1, 4 * N, N_X, seed=1), "R": draw(1, 4 * N, N, seed=2), "B": draw(1, 8 * N, seed=3)}


@pytest.fixture
def helper():
    return pytest.importorskip("onnx.helper")


def model_of(helper, nodes, tensors, inputs, outputs, domain=""):
    types, numpy_helper = importlib.import_module("onnx").TensorProto, importlib.import_module("onnx.numpy_helper")
    kinds = {np.float32: types.FLOAT, np.int64: types.INT64, np.int32: types.INT32}
    graph = helper.make_graph(
        nodes,
        "g",
        [helper.make_tensor_value_info(name, kinds[dtype], None) for name, dtype in inputs.items()],
        [helper.make_tensor_value_info(name, types.FLOAT, None) for name in outputs],
        [numpy_helper.from_array(value, name) for name, value in tensors.items()],
    )
    opsets = [helper.make_opsetid("", 17), *([helper.make_opsetid(domain, 1)] if domain else [])]
    return helper.make_model(graph, opset_imports=opsets, ir_version=8)


def evaluator(model):
    return importlib.import_module("onnx.reference").ReferenceEvaluator(model, new_ops=onnx.reference_ops())


def tagger(helper, **attributes):
    """Words -> vectors -> an LSTM -> classes -> probabilities."""
    nodes = [
        helper.make_node("Gather", ["table", "words"], ["X"]),
        helper.make_node("LSTM", ["X", "W", "R", "B", "lens"], ["Y"], hidden_size=N, **attributes),
        helper.make_node("Squeeze", ["Y", "axis"], ["rows"]),
        helper.make_node("MatMul", ["rows", "head"], ["scores"]),
        helper.make_node("Softmax", ["scores"], ["p"], axis=-1),
    ]
    tensors = WEIGHTS | {"table": draw(WORDS, N_X, seed=4), "head": draw(N, 4, seed=5), "axis": np.array([1])}
    return model_of(helper, nodes, tensors, {"words": np.int64, "lens": np.int32}, ["p"])


@pytest.mark.parametrize("direction", ["forward", "reverse"])
def test_a_whole_graph_has_the_values_of_onnxruntime(helper, direction):
    runtime = pytest.importorskip("onnxruntime")
    model = tagger(helper, direction=direction)
    fed = {"words": np.random.default_rng(0).integers(0, WORDS, (T, M)), "lens": np.array([7, 2, 5], np.int32)}
    session = runtime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    (wanted,), (found,) = session.run(None, fed), evaluator(model).run(None, fed)
    assert found.shape == wanted.shape == (T, M, 4)
    np.testing.assert_allclose(found, wanted, rtol=0, atol=1e-6)


def lstm_of(helper, inputs, outputs=("Y",), **attributes):
    return helper.make_node("LSTM", inputs, list(outputs), hidden_size=N, **attributes)


def counted(monkeypatch):
    """How often an LSTM is prepared from now on."""
    count, prepare = [], onnx.LSTM._prepare
    monkeypatch.setattr(onnx.LSTM, "_prepare", lambda *arguments: (count.append(1), prepare(*arguments))[1])
    return count


def test_weights_of_initializers_are_packed_once(helper, monkeypatch):
    model = evaluator(model_of(helper, [lstm_of(helper, ["X", *"WRB"])], WEIGHTS, {"X": np.float32}, ["Y"]))
    count = counted(monkeypatch)
    for seed in range(3):
        x = draw(T, M, N_X, seed=seed)
        (found,) = model.run(None, {"X": x})
        assert len(count) == 1
        assert_same_bits([found], onnx.lstm(x, *WEIGHTS.values())[:1])
        count.pop()


def test_weights_that_may_change_are_packed_in_every_call(helper, monkeypatch):
    """The same array, with other values in it."""
    model = evaluator(model_of(helper, [lstm_of(helper, ["X", *"WRB"])], {}, dict.fromkeys("XWRB", np.float32), ["Y"]))
    fed = {"X": draw(T, M, N_X)} | {name: value.copy() for name, value in WEIGHTS.items()}
    count = counted(monkeypatch)
    (one,) = model.run(None, fed)
    fed["W"] *= 2
    (two,) = model.run(None, fed)
    assert len(count) == 2
    assert_same_bits([two], onnx.lstm(*fed.values())[:1])
    assert not np.array_equal(one, two)
    fed["W"].setflags(write=False)  # its owner may set it back
    model.run(None, fed)
    fed["W"].setflags(write=True)
    fed["W"] *= 2
    (two,) = model.run(None, fed)
    assert_same_bits([two], onnx.lstm(*fed.values())[:1])


def test_outputs_without_a_name_do_not_become_inputs_that_are_left_out(helper):
    nodes = [
        lstm_of(helper, ["X", "W", "R", "B"], ["", "h"]),
        lstm_of(helper, ["X", "W", "R", "", "", "h"], ["Y", "", "Y_c"]),
    ]
    model = evaluator(model_of(helper, nodes, WEIGHTS, {"X": np.float32}, ["Y", "Y_c"]))
    x = draw(T, M, N_X)
    W, R, B = WEIGHTS.values()
    wanted = onnx.lstm(x, W, R, None, None, onnx.lstm(x, W, R, B)[1])
    assert_same_bits(model.run(None, {"X": x}), wanted[::2])


def test_an_rnn_has_one_activation_though_onnx_says_two(helper):
    W, R = draw(1, N, N_X), draw(1, N, N, seed=1)
    node = helper.make_node("RNN", ["X", "W", "R"], ["Y"], hidden_size=N)
    model = evaluator(model_of(helper, [node], {"W": W, "R": R}, {"X": np.float32}, ["Y"]))
    x = draw(T, M, N_X)
    assert_same_bits(model.run(None, {"X": x}), onnx.rnn(x, W, R)[:1])


def test_attributes_of_a_function_are_those_of_its_call(helper):
    kinds = importlib.import_module("onnx").AttributeProto
    inner = lstm_of(helper, ["X", "W", "R"])
    inner.attribute.append(kinds(name="direction", ref_attr_name="way", type=kinds.STRING))
    function = helper.make_function(
        "own", "Encoder", ["X", "W", "R"], ["Y"], [inner], [helper.make_opsetid("", 17)], ["way"]
    )
    fed = {"X": draw(T, M, N_X), "W": WEIGHTS["W"], "R": WEIGHTS["R"]}
    run = evaluator(function).run
    for way in ("forward", "reverse"):
        assert_same_bits(run(None, fed, attributes={"way": way}), onnx.lstm(*fed.values(), direction=way)[:1])


def test_dynamic_quantize_lstm_runs_in_float32(helper):
    q = [np.random.default_rng(i).integers(0, 255, (1, k, 4 * N)).astype(np.uint8) for i, k in enumerate((N_X, N))]
    scale, zero = np.float32([0.01]), np.uint8([128])
    names = ["X", "W", "R", "B", "", "", "", "", "ws", "wz", "rs", "rz"]
    tensors = {"W": q[0], "R": q[1], "B": WEIGHTS["B"], "ws": scale, "wz": zero, "rs": scale, "rz": zero}
    node = helper.make_node("DynamicQuantizeLSTM", names, ["Y"], domain="com.microsoft", hidden_size=N)
    model = model_of(helper, [node], tensors, {"X": np.float32}, ["Y"], "com.microsoft")
    x = draw(T, M, N_X)
    wide = [((value.astype(np.float32) - 128) * scale).transpose(0, 2, 1) for value in q]
    assert_same_bits(evaluator(model).run(None, {"X": x}), onnx.lstm(x, *wide, WEIGHTS["B"])[:1])


def test_without_the_onnx_package_it_says_what_to_install(monkeypatch):
    def missing(name, *arguments):
        if name.partition(".")[0] == "onnx":
            raise ImportError("No module named 'onnx'")
        return builtins.__import__(name, *arguments)

    monkeypatch.setattr(importlib, "import_module", missing)
    wanted = r"onnx\.reference_ops: the onnx package is not installed: pip install onnx, or cyrnn's"
    with pytest.raises(ImportError, match=wanted):
        onnx.reference_ops()
