"""Torch's dynamically quantised modules as models: with their own integers and scales, or with the floats of those.

torch.ao.nn.quantized.dynamic keeps weights packed; `get_weight` and `get_bias` of a module unpack them, under the names
of torch.nn; of a Linear `weight` and `bias` do. Quantised to float16 they are floats.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from ..weights import scaled
from ..weights.scaled import Misfit, Scaled
from . import _check, _check_modules, _check_quantized
from .module import Loaded


class Unpacked(NamedTuple):
    """The weights of a module by their names, and the dtype of the integers among them; None where all are floats."""

    weights: dict[str, Any]
    integers: np.dtype[Any] | None


def model_of(kind: Any, function: str, module: Any, dtype: Any, dequantize: bool) -> Any:
    """Make a model of a class from the quantised module of the same name."""
    matrices = _check_modules.attribute(function, module, "get_weight")()
    found = _unpacked(function, matrices, _check_modules.attribute(function, module, "get_bias")(), dequantize)
    options = {name: getattr(module, name, default) for name, default in kind._options.items()}
    options["bias"] = any(name.startswith("bias") for name in found.weights)
    sizes = [_check_modules.attribute(function, module, name) for name in ("input_size", "hidden_size")]
    return kind(*sizes, **options, **_begin(function, found, dtype))


def head_of(kind: Any, function: str, module: Any, sizes: Mapping[str, Any], dtype: Any) -> Any:
    """Make a head of a class and its sizes from the quantised module of the same name, which has one matrix."""
    weight = {"weight": _check_modules.unpacked(function, module, "weight")}
    bias = {"bias": _check_modules.unpacked(function, module, "bias")}
    found = _unpacked(function, weight, bias, False)
    return kind(**sizes, **_begin(function, found, dtype))


def _begin(function: str, found: Unpacked, dtype: Any) -> dict[str, Any]:
    """Return the arguments of a class that say what it begins with."""
    if found.integers is not None and dtype is not None:
        _check_quantized.stays_float32(function, _check.floating(function, dtype), found.integers)
    begin = Loaded(function, "module", found.weights, False, found.integers)
    return {"dtype": np.float32 if dtype is None else dtype, "rng": begin}


def _unpacked(function: str, matrices: Mapping[str, Any], biases: Mapping[str, Any], dequantize: bool) -> Unpacked:
    found = {name: value for name, value in biases.items() if value is not None}
    whole = {name: _scaled(function, name, value) for name, value in matrices.items()}
    integers = [value for value in whole.values() if isinstance(value, Scaled)]
    if dequantize or len(integers) != len(whole) or not scaled.fit(*integers):
        return Unpacked({name: scaled.floats(value) for name, value in whole.items()} | found, None)
    for name, W in zip(whole, scaled.matrices(*integers), strict=True):
        found |= {name: W.values, f"{name}_scale": W.scale}
    return Unpacked(found, W.values.dtype)


def _scaled(function: str, name: str, tensor: Any) -> Any:
    """Return the integers of a tensor with their scales; a tensor of floats as it is."""
    if getattr(tensor, "is_quantized", False) is not True:
        return tensor
    values = _check.values(tensor.int_repr())
    if _check_modules.scales_by_row(function, name, tensor):
        scale, zero = (_check.values(own()) for own in (tensor.q_per_channel_scales, tensor.q_per_channel_zero_points))
    else:
        scale, zero = np.array([tensor.q_scale()]), np.array([tensor.q_zero_point()])
    _check_modules.scales_fit(function, name, values.shape, scale, zero)
    try:
        return scaled.scaled(values, scale.astype(np.float32)[:, None], zero.astype(values.dtype)[:, None])
    except Misfit as error:
        _check_modules.unfit(function, name, error)
