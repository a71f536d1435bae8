"""Integers of 8 bits with scales and zero points, as quantising tools leave weights.

    W = (values - zero) * scale

A matrix of `calls` has no zero point and a scale for each row. Differences that lie within -128 .. 127 are int8 there,
others, from -255 to 255, int16: both are exact.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from ..calls.quantized import LARGEST_SUM, LEVELS_INT8, Quantized
from ..cells.spec import Array

DTYPES = (np.dtype(np.int8), np.dtype(np.uint8))


class Misfit(ValueError):
    """A scale or a zero point that no weight has."""


class Scaled(NamedTuple):
    """Integers, and what makes floats of them; scale and zero point have as many axes, of their size or of 1."""

    values: Any  # int8 or uint8 (..., rows, columns)
    scale: Array  # float32, finite, above 0; 0 at most where values are the zero point
    zero: Any  # of the dtype of the values

    @property
    def shape(self) -> tuple[int, ...]:
        return self.values.shape  # type: ignore[no-any-return]  # an array's

    @property
    def ndim(self) -> int:
        return len(self.shape)

    @property
    def dtype(self) -> np.dtype[Any]:
        """Of the floats."""
        return self.scale.dtype

    def directions(self) -> list[Scaled]:
        """Return each of the weights (D, rows, columns)."""
        parts = [np.broadcast_to(own, (len(self.values), *own.shape[1:])) for own in self]
        return [Scaled(*own) for own in zip(*parts, strict=True)]

    def transpose(self, order: Sequence[int] | None) -> Scaled:
        """Exchange axes, or refuse an order as NumPy does."""
        return Scaled(*[part.transpose(order) for part in self])

    def floats(self) -> Array:
        found: Array = (self.values.astype(np.float32) - self.zero.astype(np.float32)) * self.scale
        return found

    def differences(self) -> Any:
        """Return values - zero, int16."""
        return np.subtract(self.values, self.zero, dtype=np.int16)


def scaled(values: Any, scale: Array, zero: Any) -> Scaled:
    """Return integers of 8 bits with their scales, which are found to be those of weights."""
    if zero.dtype != values.dtype:
        raise Misfit(f"a zero point of {zero.dtype} does not fit values of {values.dtype}")
    wrong = ~(np.isfinite(scale) & (scale >= 0))
    if not scale.all():  # of a unit without weights a tool may leave it
        axes = tuple([axis for axis in range(values.ndim) if scale.shape[axis] == 1])
        wrong |= (scale == 0) & (values != zero).any(axis=axes, keepdims=True)
    if wrong.any():
        raise Misfit(f"a scale is {scale[wrong][0]}, expected a finite number above 0")
    return Scaled(values, scale, zero)


def floats(weights: Any) -> Any:
    """Return integers as the floats that they stand for; an array as it is."""
    return weights.floats() if isinstance(weights, Scaled) else weights


def fit(*weights: Scaled) -> bool:
    """Whether calls take weights as they are: each row has one scale, and not too many columns.

    127 levels of activations, the fewest there are, have to fit the 32 bits of a sum.
    """
    if not all(own.scale.shape[-1:] == (1,) for own in weights):
        return False
    sums = [np.abs(own.differences()).sum(axis=-1, dtype=np.int64) for own in weights]
    return all(own.max(initial=0) <= LARGEST_SUM // LEVELS_INT8 for own in sums)


def matrices(*weights: Scaled) -> list[Quantized]:
    """Return the matrices of weights (rows, columns), all of one dtype."""
    whole = [own.differences() for own in weights]
    narrow = all(values.min(initial=0) >= -128 and values.max(initial=0) <= 127 for values in whole)
    dtype = np.int8 if narrow else np.int16
    found = []
    for own, values in zip(weights, whole, strict=True):
        scale = np.broadcast_to(own.scale, (len(values), 1))[:, 0]
        found.append(Quantized(values.astype(dtype, order="C"), np.array(scale, np.float32, order="C")))
    return found
