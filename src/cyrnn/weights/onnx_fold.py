"""Operators of ONNX through which a constant weight is followed: what quantising and transposing tools leave."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ..cells.spec import Array
from .scaled import DTYPES, Misfit, Scaled, scaled

if TYPE_CHECKING:
    from .onnx_file import Node


class NotConstant(ValueError):
    """A weight that is computed from what the file does not know, or that does not fit."""


def _along(values: Array, parameter: Array, axis: Any) -> Array:
    """A scale or a zero point, of one number or of one for each entry of an axis, in a shape that goes with values."""
    if parameter.size == 1:
        return parameter.reshape([1] * values.ndim)
    if not isinstance(axis, int) or not -values.ndim <= axis < values.ndim or parameter.shape != (values.shape[axis],):
        raise NotConstant(f"a scale of shape {parameter.shape} does not fit values of shape {values.shape}")
    shape = [1] * values.ndim
    shape[axis] = parameter.size
    return parameter.reshape(shape)


def dequantized(values: Array, scale: Array, zero: Array | None, axis: int = 1) -> Array:
    """(values - zero point) * scale, in the dtype of the scale."""
    whole = values.astype(np.float32)
    if zero is not None:
        whole = whole - _along(values, zero, axis).astype(np.float32)
    return np.asarray(whole * _along(values, scale, axis)).astype(scale.dtype, copy=False)


def _dequantize(node: Node, values: Array, others: list[Array | None]) -> Array:
    scale, zero = [*others, None, None][:2]
    if scale is None:
        raise NotConstant(f"{node} has no scale")
    axis = node.attribute("axis")
    return dequantized(values, scale, zero, 1 if axis is None else axis)


def _kept(node: Node, values: Array, others: list[Array | None]) -> Scaled | None:
    """Return what DequantizeLinear reads, integers of 8 bits with scales in float32; None of anything else."""
    scale, zero = [*others, None, None][:2]
    if scale is None or scale.dtype != np.float32 or values.dtype not in DTYPES:
        return None
    axis = node.attribute("axis")
    axis, zero = 1 if axis is None else axis, np.zeros((), values.dtype) if zero is None else zero
    try:
        return scaled(values, _along(values, scale, axis), _along(values, zero, axis))
    except Misfit as error:
        raise NotConstant(f"{node}: {error}") from None


def _quantize(node: Node, values: Array, others: list[Array | None]) -> Array:
    scale, zero = [*others, None, None][:2]
    if scale is None:
        raise NotConstant(f"{node} has no scale")
    axis = node.attribute("axis")
    axis, dtype = 1 if axis is None else axis, np.dtype(np.uint8) if zero is None else zero.dtype
    whole = np.rint(values / _along(values, scale, axis))
    if zero is not None:
        whole = whole + _along(values, zero, axis)
    if dtype.kind not in "iu":
        raise NotConstant(f"{node} makes {dtype}, expected whole numbers")
    limits = np.iinfo(dtype.str)
    return np.clip(whole, limits.min, limits.max).astype(dtype)


def _transpose(node: Node, values: Any, _: list[Array | None]) -> Any:
    order = node.attribute("perm")
    try:
        if order and not all(-values.ndim <= axis < values.ndim for axis in order):  # NumPy takes 2 ** 40 for 0
            raise OverflowError
        return values.transpose(order if order else None)
    except (ValueError, TypeError, OverflowError):
        raise NotConstant(f"{node} has the order {order} for values of shape {values.shape}") from None


def _slice(node: Node, values: Array, others: list[Array | None]) -> Array:
    starts, ends, axes, steps = [*others, None, None, None, None][:4]
    if starts is None or ends is None or not starts.size == ends.size <= values.ndim:
        raise NotConstant(f"{node} has no starts and ends that fit values of shape {values.shape}")
    first, last = [int(n) for n in starts.ravel()], [int(n) for n in ends.ravel()]
    along = list(range(len(first))) if axes is None else [int(n) for n in axes.ravel()]
    by = [1] * len(first) if steps is None else [int(n) for n in steps.ravel()]
    if len(along) != len(first) or not all(-values.ndim <= axis < values.ndim for axis in along):
        raise NotConstant(f"{node} has the axes {along} for values of shape {values.shape}")
    if by != [1] * len(first):
        raise NotConstant(f"{node} has the steps {by}, expected 1")
    for axis, start, end in zip(along, first, last, strict=True):
        place = [slice(None)] * (axis % values.ndim)
        values = values[(*place, slice(start, end))]
    return values


def _reshaped(node: Node, values: Array, others: list[Array | None]) -> Array:
    """Unsqueeze and Squeeze; their axes are an input, or of older opsets an attribute."""
    given = others[0].ravel().tolist() if others and others[0] is not None else node.attribute("axes")
    unfit = NotConstant(f"{node} has the axes {given} for values of shape {values.shape}")
    if given is None or not 0 < np.size(given) <= 8:
        raise unfit
    try:
        axes = tuple([int(axis) for axis in given])
        return np.expand_dims(values, axes) if node.op_type == "Unsqueeze" else values.squeeze(axes)
    except (ValueError, TypeError, OverflowError):
        raise unfit from None


def joined(node: Node, parts: list[Array], most: int) -> Array:
    """Concat, of at most so many numbers as the file has for it: a small file cannot ask for much memory."""
    axis = node.attribute("axis")
    if sum(part.size for part in parts) > most:
        raise NotConstant(f"{node} repeats its inputs, expected each number once")
    shapes = ", ".join(str(part.shape) for part in parts)
    unfit = NotConstant(f"{node} has the axis {axis} for values of shapes {shapes}")
    if len({part.dtype for part in parts}) != 1:
        raise unfit
    try:
        return np.concatenate(parts, axis)
    except (ValueError, TypeError, OverflowError):
        raise unfit from None


def followed(node: Node, found: Array | Scaled, others: list[Array | None], integers: bool) -> Array | Scaled:
    """Return what a node makes of a constant; with `integers` those stay what they are, with their scales beside."""
    if isinstance(found, Scaled):
        if node.op_type == "Identity":
            return found
        if node.op_type == "Transpose":
            exchanged: Scaled = _transpose(node, found, others)
            return exchanged
        found = found.floats()
    if integers and node.op_type == "DequantizeLinear":
        kept = _kept(node, found, others)
        if kept is not None:
            return kept
    made: Array = FOLDED[node.op_type](node, found, others)
    return made


#: operators through which a constant is followed
FOLDED: dict[str, Any] = {
    "Identity": lambda node, values, others: values,
    "Transpose": _transpose,
    "Slice": _slice,
    "Squeeze": _reshaped,
    "Unsqueeze": _reshaped,
    "DequantizeLinear": _dequantize,
    "QuantizeLinear": _quantize,
}
