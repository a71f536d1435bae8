"""Files of ONNX whose weights are integers, and what they stand for in float64."""

from __future__ import annotations

import numpy as np
from onnx_writer import model, node, tensor

GATES = {"RNN": 1, "GRU": 3, "LSTM": 4}


def drawn(op, n_x, n, dtype, zero="centre", per_channel=False, D=1, *, shared=False, peepholes=False, seed=0):
    """W and R (D, gates * n, columns) of integers, their scales and zero points, and B: by their names.

    Zero points in the centre are 0 or 128, and the integers -127 .. 127 from it; else both are any. `shared`: both
    directions have the scales of one.
    """
    random, rows = np.random.default_rng(seed), GATES[op] * n
    limits, middle = np.iinfo(dtype), 128 if dtype == "uint8" else 0
    found = {}
    for name, columns in (("W", n_x), ("R", n)):
        shape = (1 if shared else D, rows) if per_channel else (D,)
        low = middle - 127 if zero == "centre" else limits.min
        found[name] = random.integers(low, limits.max, (D, rows, columns), dtype, endpoint=True)
        scale = random.uniform(0.5, 1, shape) / (127 * np.sqrt(n))
        found[f"{name}_scale"] = scale.astype(np.float32)
        points = random.integers(middle - 60, middle + 60, shape) if zero == "any" else np.full(shape, middle)
        found[f"{name}_zero"] = points.astype(dtype)
        found[name][0, :2, 0] = [limits.max, low]  # so that no zero point but the middle has them all within 127
    found["B"] = random.uniform(-0.3, 0.3, (D, 2 * rows)).astype(np.float32)
    if peepholes:
        found["P"] = random.uniform(-0.3, 0.3, (D, 3 * n)).astype(np.float32)
    return found


def along(parameter, axis=1):
    """A scale or a zero point (D,) or (D, rows), or of no axis, in a shape that goes with weights."""
    parameter = np.asarray(parameter)
    return parameter.reshape((*parameter.shape, *[1] * (3 - parameter.ndim))) if parameter.ndim else parameter


def dequantise(weights, name):
    """W or R in float64."""
    values, scale, zero = (weights[key] for key in (name, f"{name}_scale", f"{name}_zero"))
    return (values.astype(np.float64) - along(zero).astype(np.float64)) * along(scale).astype(np.float64)


def parts_of_dynamic(_, weights, x="X", Y="Y", suffix="", **attributes):
    """A node DynamicQuantizeLSTM, and its tensors by their names."""
    tensors = {f"{name}{suffix}": value for name, value in weights.items() if value is not None}
    for name in tensors.keys() & {f"W{suffix}", f"R{suffix}"}:
        tensors[name] = np.ascontiguousarray(np.swapaxes(tensors[name], 1, 2))
    names = ["W", "R", "B", "", "", "", "P", "W_scale", "W_zero", "R_scale", "R_zero"]
    inputs = [x, *[f"{name}{suffix}" if f"{name}{suffix}" in tensors else "" for name in names]]
    return [node("DynamicQuantizeLSTM", inputs, [Y], f"cell{suffix}", "com.microsoft", **attributes)], tensors


def parts_of_linear(op, weights, x="X", Y="Y", suffix="", axis=1, **attributes):
    """A node whose weights come from DequantizeLinear, each with scales along one axis, and all tensors."""
    nodes, tensors = [], {f"{name}{suffix}": weights[name] for name in "BP" if name in weights}
    for name in "WR":
        values, scale, zero = weights[name], weights.get(f"{name}_scale"), weights.get(f"{name}_zero")
        if scale is None:
            tensors[f"{name}{suffix}"] = values
            continue
        if np.ndim(scale) == 2:
            (scale,), (zero,) = scale, zero
        own = 0 if np.shape(scale) == (2,) else axis  # of directions
        parameters = {f"{name}_values{suffix}": values, f"{name}_scale{suffix}": scale}
        parameters |= {} if zero is None else {f"{name}_zero{suffix}": zero}
        tensors |= parameters
        nodes.append(node("DequantizeLinear", [*parameters], [f"{name}{suffix}"], f"of {name}", axis=own))
    inputs = [f"{name}{suffix}" if name else "" for name in ["W", "R", "B", "", *["", "", "P"] * ("P" in weights)]]
    return [*nodes, node(op, [x, *inputs], [Y], f"cell{suffix}", **attributes)], tensors


def dynamic(weights, **attributes):
    """A model with a node DynamicQuantizeLSTM."""
    nodes, tensors = parts_of_dynamic("LSTM", weights, **attributes)
    return model(nodes, [tensor(value, name) for name, value in tensors.items()])


def linear(op, weights, **attributes):
    """A model with a node whose weights come from DequantizeLinear."""
    nodes, tensors = parts_of_linear(op, weights, **attributes)
    return model(nodes, [tensor(value, name) for name, value in tensors.items()])
