"""Matrices of integers with a scale for each row: how they come from floats, and what activations meet them with.

W[j, k] = scale[j] * values[j, k]. Activations become integers, too, anew in every step; products of both are summed
exactly. docs/how_to/quantized.md has the whole sequence.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from ..cells.spec import Array

#: dtype of integers -> the largest that a weight is rounded to. int16 holds 12 bits: what a weight has more would be
#: taken from the activations, whose products with a row have to fit 32 bits
LARGEST = {np.dtype(np.int8): 127, np.dtype(np.int16): 2047}
#: and the same where activations are in two planes, so that 15 bits of a weight cost them none
LARGEST_SPLIT = 32767
#: the most that a plane holds
LARGEST_PLANE = 128
#: what sums have to stay within
LARGEST_SUM = 2**31 - 1
#: activations that meet int8 weights lie within -127 .. 127; those that meet int16 weights within 16 bits
LEVELS_INT8 = 127
MAX_LEVELS = {np.dtype(np.int8): LEVELS_INT8, np.dtype(np.int16): 32767}
#: products of int8 in a row that fit, whatever they are: a weight may be -128, as tools of others make it
SAFE_INT8 = LARGEST_SUM // (LEVELS_INT8 * 128)
#: numbers that are worked on at once: temporaries are of 8 bytes, a large matrix of 1 or 2
_AT_ONCE = 1 << 18


class Quantized(NamedTuple):
    """A matrix of integers with a scale for each row."""

    values: Any  # int8 or int16 (rows, K), C order. int8: -128 .. 127
    scale: Array  # float32 (rows,), finite, not negative


def quantized(W: Array, dtype: Any, *, two_planes: bool = False) -> Quantized:
    """Round W (rows, K), of finite floats, to integers: the largest of a row to the largest there is.

    That is less for int16 where sums of long rows would not fit: so that activations have as many bits as weights, or
    fit in two planes.
    """
    peak, row_sums = np.zeros(len(W)), np.zeros(len(W))
    for some in blocks(W):
        part = np.abs(np.ascontiguousarray(W[some]))
        peak[some], row_sums[some] = part.max(axis=1, initial=0), part.sum(axis=1, dtype=np.float64)
    top = LARGEST[np.dtype(dtype)]
    if dtype == np.int16:
        row_sums /= np.where(peak > 0, peak, 1)  # in units of the largest
        longest = max(1.0, row_sums.max(initial=1))
        fitting = int(np.sqrt(LARGEST_SUM / longest))
        if two_planes:  # rounding adds half a unit to each weight of a row at most
            top, fitting = LARGEST_SPLIT, int((LARGEST_SUM // LARGEST_PLANE - W.shape[1]) / longest)
        top = min(top, fitting)
    scale = (peak / top).astype(np.float32)
    divisor = np.where(scale > 0, scale, 1).astype(np.float64)
    values = np.empty(W.shape, dtype)
    for some in blocks(W):
        values[some] = np.clip(np.rint(W[some] / divisor[some, None]), -top, top)
    values[scale == 0] = 0
    return Quantized(values, scale)


def blocks(W: Array) -> Iterator[slice]:
    """Yield the rows of W some at a time: few enough for temporaries of 8 bytes a number."""
    count = max(1, _AT_ONCE // max(1, W.shape[1]))
    return (slice(row, row + count) for row in range(0, len(W), count))


def sums(values: Any) -> Any:
    """Return for each row of integers what their absolute values add up to, int64."""
    found = np.zeros(len(values), np.int64)
    for some in blocks(values):
        found[some] = np.abs(values[some].astype(np.int32)).sum(axis=1, dtype=np.int64)
    return found


def dequantized(W: Quantized) -> Array:
    """Return W as floats (rows, K), float32."""
    found: Array = W.values * W.scale[:, None]
    return found


def in_two_planes(*matrices: Quantized | None) -> bool:
    """Whether activations of 16 bits meet the matrices of a cell, in two planes of 8 that have a sum each.

    That is so where some weight has more than 12 bits, and where no sum overflows 32.
    """
    found = [W for W in matrices if W is not None and W.values.dtype == np.int16]
    return any(_peak(W) > LARGEST[W.values.dtype] for W in found) and all(
        sums(W.values).max(initial=0) <= LARGEST_SUM // LARGEST_PLANE for W in found
    )


def levels(W: Quantized, two_planes: bool = False) -> int:
    """Return the largest integer of the activations that W is multiplied with: no sum of products overflows 32 bits."""
    most = MAX_LEVELS[W.values.dtype]
    if two_planes or (most == LEVELS_INT8 and W.values.shape[1] <= SAFE_INT8):
        return most
    return min(most, LARGEST_SUM // max(1, int(sums(W.values).max(initial=1))))


def _peak(W: Quantized) -> int:
    """Return the largest magnitude."""
    return max(int(W.values.max(initial=0)), -int(W.values.min(initial=0)))
