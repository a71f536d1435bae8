"""Nodes whose weights are integers, as models of nn: with those integers, and with the bits of the nodes."""

from __future__ import annotations

import numpy as np
import pytest
from integer_files import GATES, drawn, dynamic, linear, parts_of_dynamic, parts_of_linear
from nn_models import assert_same
from onnx_writer import model, node, tensor

from cyrnn import nn, onnx

N_X, N = 4, 6
X = np.random.default_rng(9).standard_normal((11, 3, N_X)).astype(np.float32)


def as_sequence(Y):
    """Y (L, D, N, n) as the input of a layer above."""
    return np.ascontiguousarray(Y.transpose(0, 2, 1, 3)).reshape(Y.shape[0], Y.shape[2], -1)


def saved(path, data):
    (path / "m.onnx").write_bytes(data)
    return path / "m.onnx"


@pytest.mark.parametrize(("dtype", "zero", "kind"), [("int8", "centre", "int8"), ("uint8", "any", "int16")])
@pytest.mark.parametrize("per_channel", [False, True], ids=["tensor", "channel"])
@pytest.mark.parametrize("direction", ["forward", "bidirectional"])
@pytest.mark.parametrize("op", [*GATES, "DynamicQuantizeLSTM"])
def test_node_of_integers_is_a_model_with_its_bits(tmp_path, op, dtype, zero, kind, per_channel, direction):
    D = 2 if direction == "bidirectional" else 1
    if op == "DynamicQuantizeLSTM":
        data = dynamic(drawn("LSTM", N_X, N, dtype, zero, per_channel, D), direction=direction)
    else:
        data = linear(op, drawn(op, N_X, N, dtype, zero, per_channel, D, shared=True), direction=direction)
    found = nn.load(saved(tmp_path, data))
    assert found.weight_dtype == kind
    assert repr(found).endswith(f", weights='{kind}')")
    assert_same(found(X)[0], as_sequence(onnx.load(data)["cell"](X)[0]))
    floats = nn.load(tmp_path / "m.onnx", dequantize=True)
    assert floats.weight_dtype == np.float32
    assert_same(floats(X)[0], as_sequence(onnx.load(data, dequantize=True)["cell"](X)[0]))
    for name in ("weight_ih_l0", "weight_hh_l0"):
        W = getattr(found, name) * getattr(found, f"{name}_scale")[:, None]
        np.testing.assert_allclose(W, getattr(floats, name), rtol=3e-7)


def test_variants_keep_their_integers(tmp_path):
    weights = drawn("LSTM", N_X, N, "int8", "any", True, peepholes=True)
    options = {"input_forget": 1, "clip": 1.5, "activations": ["HardSigmoid", "Softsign", "Tanh"]}
    data = dynamic(weights, **options)
    found = nn.load(saved(tmp_path, data), batch_first=True)
    assert "coupled=True" in repr(found)
    assert found.weight_dtype == np.int16
    assert_same(found(X.swapaxes(0, 1))[0].swapaxes(0, 1), as_sequence(onnx.load(data)["cell"](X)[0]))
    found.save(tmp_path / "m.npz")
    for name, value in nn.load(tmp_path / "m.npz").state_dict().items():
        np.testing.assert_array_equal(value, found.state_dict()[name])


def stack(kinds):
    """A model of layers, each of its kind, and between them what removes the axis of a direction."""
    nodes, tensors, x = [], {"axis": np.array([1])}, "X"
    for k, (make, dtype, zero) in enumerate(kinds):
        weights = drawn("LSTM", N if k else N_X, N, dtype, zero, True, seed=k)
        own_nodes, own = make("LSTM", weights, x, f"Y{k}", str(k))
        nodes += [*own_nodes, node("Squeeze", [f"Y{k}", "axis"], [f"X{k}"])]
        tensors |= own
        x = f"X{k}"
    return model(nodes, [tensor(value, name) for name, value in tensors.items()])


def floats_of(_, weights, x, Y, suffix):
    tensors = {f"{name}{suffix}": np.ones(weights[name].shape, np.float32) / 8 for name in "WR"}
    tensors[f"B{suffix}"] = weights["B"]
    return [node("LSTM", [x, *tensors], [Y], f"cell{suffix}", hidden_size=N)], tensors


STACKS = {
    "dynamic": ([(parts_of_dynamic, "int8", "centre")] * 3, "int8"),
    "any zero point": ([(parts_of_dynamic, "int8", "centre"), (parts_of_dynamic, "uint8", "any")], "int16"),
    "both kinds": ([(parts_of_dynamic, "int8", "centre"), (parts_of_linear, "uint8", "centre")], "int8"),
    "floats below": ([(floats_of, "int8", "centre"), (parts_of_dynamic, "int8", "centre")], "float32"),
    "floats above": ([(parts_of_linear, "int8", "centre"), (floats_of, "int8", "centre")], "float32"),
}


@pytest.mark.parametrize(("kinds", "dtype"), STACKS.values(), ids=STACKS)
def test_layers_of_a_stack_have_one_dtype(tmp_path, kinds, dtype):
    data = stack(kinds)
    found = nn.load(saved(tmp_path, data))
    assert (found.num_layers, found.weight_dtype) == (len(kinds), dtype)
    layers, output = onnx.load(data, dequantize=dtype == "float32"), X
    for name in layers:
        output = as_sequence(layers[name](output)[0])
    if dtype != "int16":  # activations of a layer that is int8 alone have fewer levels there
        assert_same(found(X)[0], output)
    np.testing.assert_allclose(found(X)[0], output, atol=0.02)
    assert nn.load(tmp_path / "m.onnx", "cell1").input_size == N


def test_options_of_floats_want_floats(tmp_path):
    path = saved(tmp_path, dynamic(drawn("LSTM", N_X, N, "int8", "centre", True)))
    with pytest.raises(TypeError, match=r"dtype is float64, expected float32: a model of int8 weights"):
        nn.load(path, dtype=np.float64)
    assert nn.load(path, dtype=np.float64, dequantize=True).dtype == np.float64
    with pytest.raises(TypeError, match=r"^nn\.load: dequantize is 'no', expected True or False"):
        nn.load(path, dequantize="no")
    nn.LSTM(3, 5, rng=0).save(tmp_path / "m.npz")
    assert nn.load(tmp_path / "m.npz", dequantize=True).weight_dtype == np.float32
    with pytest.raises(TypeError, match=r"^nn\.load: dequantize is 'no', expected True or False"):
        nn.load(tmp_path / "m.npz", dequantize="no")


def test_damaged_scales_say_where_they_are(tmp_path):
    weights = drawn("LSTM", N_X, N, "int8", "centre", True)
    weights["W_scale"][0, 3] = np.nan
    with pytest.raises(ValueError, match=r"^nn\.load: '.*m\.onnx': DynamicQuantizeLSTM 'cell': W: a scale is nan"):
        nn.load(saved(tmp_path, dynamic(weights)))


def test_node_of_wrong_shapes_is_refused(tmp_path):
    weights = drawn("LSTM", N_X, N, "int8", "centre", False) | {"R": np.ones((1, 4 * N, N - 1), np.int8)}
    with pytest.raises(ValueError, match=r"LSTM 'cell': its W is float32 \(1, 24, 4\), expected floats of"):
        nn.load(saved(tmp_path, dynamic(weights)))
