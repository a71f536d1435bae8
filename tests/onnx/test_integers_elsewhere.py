"""Files of onnxruntime's own quantising, and its results: farther from float64 than ours of the same integers."""

from __future__ import annotations

import numpy as np
import pytest
from integer_files import dequantise, drawn

from cyrnn import onnx

ox = pytest.importorskip("onnx", reason="onnx is not installed")
runtime = pytest.importorskip("onnxruntime", reason="onnxruntime is not installed")
tools = pytest.importorskip("onnxruntime.quantization", reason="onnxruntime's tools are not installed")

N_X, N, T, M = 24, 32, 40, 3
STEPS = np.random.default_rng(9).standard_normal((T, M, N_X)).astype(np.float32)


def saved(path, node, tensors, D):
    """Write a model with one recurrent node."""
    X = ox.helper.make_tensor_value_info("X", ox.TensorProto.FLOAT, ["T", "M", N_X])
    Y = ox.helper.make_tensor_value_info("Y", ox.TensorProto.FLOAT, ["T", D, "M", N])
    stored = [ox.numpy_helper.from_array(value, name) for name, value in tensors.items()]
    graph = ox.helper.make_graph([node], "g", [X], [Y], stored)
    opsets = [ox.helper.make_opsetid("", 17), ox.helper.make_opsetid("com.microsoft", 1)]
    ox.save(ox.helper.make_model(graph, opset_imports=opsets, ir_version=9), path)


def rms(found, truth):
    return np.sqrt(np.square(found - truth).mean())


def theirs(path):
    options = runtime.SessionOptions()
    options.intra_op_num_threads = 1
    session = runtime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    return session.run(None, {"X": STEPS})[0]


@pytest.mark.parametrize("per_channel", [False, True], ids=["tensor", "channel"])
@pytest.mark.parametrize("weight_type", ["QInt8", "QUInt8"])
@pytest.mark.parametrize("direction", ["forward", "reverse", "bidirectional"])
def test_file_of_quantize_dynamic_is_nearer_to_float64_than_onnxruntime(tmp_path, direction, weight_type, per_channel):
    D = 2 if direction == "bidirectional" else 1
    random, bound = np.random.default_rng(D), 2 / np.sqrt(N)
    shapes = {"W": (D, 4 * N, N_X), "R": (D, 4 * N, N), "B": (D, 8 * N)}
    tensors = {name: random.uniform(-bound, bound, shape).astype(np.float32) for name, shape in shapes.items()}
    node = ox.helper.make_node("LSTM", ["X", *tensors], ["Y"], "cell", hidden_size=N, direction=direction)
    saved(tmp_path / "floats.onnx", node, tensors, D)
    path = tmp_path / "integers.onnx"
    kind = getattr(tools.QuantType, weight_type)
    tools.quantize_dynamic(tmp_path / "floats.onnx", path, weight_type=kind, per_channel=per_channel)
    model = ox.load(path)
    (quantised,) = [own for own in model.graph.node if own.op_type == "DynamicQuantizeLSTM"]
    parts = {own.name: ox.numpy_helper.to_array(own) for own in model.graph.initializer}
    W, R, B, W_scale, W_zero, R_scale, R_zero = (parts[quantised.input[k]] for k in (1, 2, 3, 8, 9, 10, 11))
    read = {"W": W.swapaxes(1, 2), "W_scale": W_scale, "W_zero": W_zero}
    read |= {"R": R.swapaxes(1, 2), "R_scale": R_scale, "R_zero": R_zero}
    whole = [dequantise(read, "W"), dequantise(read, "R"), B.astype(np.float64)]
    truth = onnx.lstm(STEPS.astype(np.float64), *whole, direction=direction)[0]
    layer = onnx.load(path)[quantised.name]
    assert repr(layer).endswith("int8 weights>")
    assert rms(layer(STEPS)[0], truth) < rms(theirs(path), truth)


KINDS = [(dtype, zero, False) for dtype in ("int8", "uint8") for zero in ("centre", "any")]
KINDS += [("int8", "centre", True), ("uint8", "centre", True)]  # onnxruntime refuses other zero points for each channel


@pytest.mark.parametrize(("dtype", "zero", "per_channel"), KINDS)
@pytest.mark.parametrize("D", [1, 2])
def test_integers_with_any_zero_point_are_nearer_to_float64_than_onnxruntime(tmp_path, D, dtype, zero, per_channel):
    weights = drawn("LSTM", N_X, N, dtype, zero, per_channel, D)
    names = ["X", "W", "R", "B", "", "", "", "", "W_scale", "W_zero", "R_scale", "R_zero"]
    own = {"direction": "bidirectional"} if D == 2 else {}
    node = ox.helper.make_node("DynamicQuantizeLSTM", names, ["Y"], "cell", "", "com.microsoft", hidden_size=N, **own)
    tensors = {name: value.swapaxes(1, 2) if name in "WR" else value for name, value in weights.items()}
    saved(tmp_path / "m.onnx", node, {name: np.ascontiguousarray(value) for name, value in tensors.items()}, D)
    whole = [dequantise(weights, "W"), dequantise(weights, "R"), weights["B"].astype(np.float64)]
    truth = onnx.lstm(STEPS.astype(np.float64), *whole, **own)[0]
    assert rms(onnx.load(tmp_path / "m.onnx")["cell"](STEPS)[0], truth) < rms(theirs(tmp_path / "m.onnx"), truth)
