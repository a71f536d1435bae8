"""Exact sums, rounded once: what a fused multiply-add of floats is held against."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np


def rounded(exact: Fraction) -> float:
    """To the nearest float, of two equally near to the even one: by whole numbers, in units of the last place."""
    if not exact:
        return 0.0
    exponent = math.frexp(float(abs(exact)))[1]  # may be 1 too large, where a float rounds up to a power of 2
    if abs(exact) < Fraction(2) ** (exponent - 1):
        exponent -= 1
    unit = Fraction(2) ** max(exponent - 24, -149)
    value = round(exact / unit) * unit  # Python rounds halves to even
    return float(value) if abs(value) < 2**128 else math.copysign(math.inf, value)


def fma(a, b, c) -> np.ndarray:
    """a * b + c of float32, rounded once. The sum in double is rounded to odd: no tie arises on the way to float32.

    Boldo and Melquiond, "Emulation of FMA and correctly rounded sums", IEEE Transactions on Computers 57(4), 2008.
    """
    with np.errstate(all="ignore"):
        product, c = np.multiply(a, b, dtype=np.float64), np.asarray(c, np.float64)  # 24 + 24 bits: exact
        total = product + c
        of_c = total - product
        rest = (product - (total - of_c)) + (c - of_c)  # of the sum, exactly
        bits = np.ascontiguousarray(total).view(np.int64)
        even = np.isfinite(total) & (rest != 0) & (bits % 2 == 0)
        bits += np.where(even, np.where((rest > 0) == (total > 0), 1, -1), 0)
        return bits.view(np.float64).astype(np.float32)
