"""Make the data by which weights that are integers elsewhere are held against those who made them.

    python ci/torch_data/integers.py tests/data        with torch, onnxruntime, onnx and NumPy installed

One file, integers.npz: files of onnxruntime's quantize_dynamic, what goes in, and its own results; the integers, scales
and zero points of modules of torch.ao.nn.quantized.dynamic, what goes in, and torch's results. tests/onnx and tests/nn
read it where none of them is installed.
"""

from __future__ import annotations

import sys
import tempfile
import warnings
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import torch
from onnxruntime.quantization import QuantType, quantize_dynamic

sys.path.insert(0, str(Path(__file__).parents[2] / "tests" / "support"))
import stored

N_X, N, T, M = 12, 16, 20, 2
OPTIONS = {"LSTM": {"num_layers": 2, "bidirectional": True}, "GRU": {"num_layers": 2, "bidirectional": True}}
OPTIONS |= {name: {} for name in ("LSTMCell", "GRUCell", "RNNCell")}
CONFIGS = {"tensor": "default_dynamic_qconfig", "channel": "per_channel_dynamic_qconfig"}


def sequence() -> np.ndarray:
    return np.random.default_rng(9).standard_normal((T, M, N_X)).astype(np.float32)


def of_onnxruntime(direction: str, per_channel: bool) -> dict[str, np.ndarray]:
    D, random = 2 if direction == "bidirectional" else 1, np.random.default_rng(0)
    shapes = {"W": (D, 4 * N, N_X), "R": (D, 4 * N, N), "B": (D, 8 * N)}
    weights = {name: random.uniform(-0.5, 0.5, shape).astype(np.float32) for name, shape in shapes.items()}
    tensors = [onnx.numpy_helper.from_array(value, name) for name, value in weights.items()]
    make = onnx.helper
    node = make.make_node("LSTM", ["X", "W", "R", "B"], ["Y"], "cell", hidden_size=N, direction=direction)
    X = make.make_tensor_value_info("X", onnx.TensorProto.FLOAT, ["T", "M", N_X])
    Y = make.make_tensor_value_info("Y", onnx.TensorProto.FLOAT, ["T", D, "M", N])
    graph = make.make_graph([node], "g", [X], [Y], tensors)
    with tempfile.TemporaryDirectory() as folder:
        path, own = Path(folder) / "floats.onnx", Path(folder) / "integers.onnx"
        onnx.save(make.make_model(graph, opset_imports=[make.make_opsetid("", 17)], ir_version=9), path)
        quantize_dynamic(path, own, weight_type=QuantType.QInt8, per_channel=per_channel)
        file = own.read_bytes()
    session = onnxruntime.InferenceSession(file, providers=["CPUExecutionProvider"])
    return {"file": np.frombuffer(file, np.uint8), "Y": session.run(None, {"X": sequence()})[0]}


def of_torch(name: str, config: str) -> dict[str, np.ndarray]:
    torch.manual_seed(3)
    kind, tools = getattr(torch.nn, name), torch.ao.quantization
    whole = torch.nn.Sequential(kind(N_X, N, **OPTIONS[name]))
    (module,) = tools.quantize_dynamic(whole, {kind: getattr(tools, config)})
    found = {key: value.detach().numpy() for key, value in module.get_bias().items()}
    for key, W in module.get_weight().items():
        scale, zero = W.q_scale, W.q_zero_point
        if "per_channel" in str(W.qscheme()):
            scale, zero = W.q_per_channel_scales, W.q_per_channel_zero_points
        found |= {key: W.int_repr().numpy(), f"{key}_scale": np.float64(scale()), f"{key}_zero": np.int64(zero())}
    with torch.no_grad():
        x = torch.from_numpy(sequence())
        if not name.endswith("Cell"):
            return found | {"output": module(x)[0].numpy()}
        state, outputs = None, []
        for x_t in x:
            state = module(x_t, state)
            outputs.append((state[0] if isinstance(state, tuple) else state).numpy())
        return found | {"output": np.stack(outputs)}


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    torch.backends.quantized.engine = "fbgemm"
    results = {"x": {"x": sequence()}}
    for direction in ("forward", "reverse", "bidirectional"):
        for k, per in enumerate(CONFIGS):
            results[f"onnxruntime {direction} {per}"] = of_onnxruntime(direction, bool(k))
    results |= {f"torch {name} {per}": of_torch(name, config) for name in OPTIONS for per, config in CONFIGS.items()}
    versions = {"torch": torch.__version__, "onnxruntime": onnxruntime.__version__, "numpy": np.__version__}
    stored.save(Path(sys.argv[1]) / "integers.npz", versions, results)
