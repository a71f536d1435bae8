"""Products with matrices of integers, in NumPy.

What meets a matrix becomes integers, too, a column at a time: x by its own largest, a hidden state by 1, or by its
largest where that is more. With Q levels of activations and a scale for each row of a matrix

    x_q = round(x * (Q / max|x|))           S = W_q x_q, exact           W x = S * (W_scale * (max|x| / Q))
    h_q = round(h * (Q / r))                r = max(1, max|h|)           W h = S * ((W_scale / Q) * r)

and z = fma(S, factor, z) in float32; what becomes an integer is the exact product. A column that is not finite has the
factor nan: nothing is lost in an integer.

Where `in_two_planes` of quantized.py says so, an integer q is 256 high + low, and there are two such fma, of 256 times
the sum of the high ones first.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from ..cells.spec import Array
from .quantized import Quantized, in_two_planes, levels

#: an input that is below has no integers but 0: Q / max|x| stays far below infinity
LEAST_INPUT = np.float32(2.0**-100)


class Integers:
    """A matrix of integers, or some of its rows or columns, in the place of an array of float32. Never changed."""

    dtype = np.dtype(np.float32)  # of what it is multiplied with, and of the products

    def __init__(self, W: Quantized, Q: int, two_planes: bool) -> None:
        self.W, self.Q, self.two_planes = W, Q, two_planes

    @property
    def shape(self) -> tuple[int, ...]:
        return self.W.values.shape  # type: ignore[no-any-return]  # an array's

    def __len__(self) -> int:
        return len(self.W.values)

    def __getitem__(self, own: Any) -> Integers:
        """Return some of the rows, or of all rows some columns; the levels are those of the whole."""
        scale = self.W.scale[own[0] if isinstance(own, tuple) else own]
        return Integers(Quantized(self.W.values[own], scale), self.Q, self.two_planes)

    def sums(self, q: Array) -> Array:
        """Return S, rounded to float32: in float64 the sums are exact, in whatever order."""
        exact: Array = self.W.values.astype(np.float64) @ q.astype(np.float64)
        return exact.astype(np.float32)

    def add(self, z: Any, q: Array, factor: Array) -> Array:
        """Return z + factor W_q q."""
        if not self.two_planes:
            return fma(self.sums(q), factor, z)
        high = np.floor((q + 128) / 256)
        z = fma(self.sums(high), np.float32(256) * factor, z)
        return fma(self.sums(q - 256 * high), factor, z)


def with_integers(arrays: Iterable[Any]) -> list[Any]:
    """Replace what is Quantized of the arrays of a cell."""
    given = list(arrays)
    two_planes = in_two_planes(*[W for W in given if isinstance(W, Quantized)])
    return [Integers(W, levels(W, two_planes), two_planes) if isinstance(W, Quantized) else W for W in given]


def has_integers(arrays: Mapping[str, Any]) -> bool:
    """Whether some of the notebook's parameters are integers."""
    return any(isinstance(array, Integers) for array in arrays.values())


def with_levels(matrices: Iterable[Any]) -> list[Any]:
    """Give all of them the levels of the least: one vector of integers meets all gates. What is none stays as it is."""
    found = list(matrices)
    Q = min((W.Q for W in found if isinstance(W, Integers)), default=0)
    return [Integers(W.W, Q, W.two_planes) if isinstance(W, Integers) else W for W in found]


def add_input(z: Array, W: Any, x: Array) -> Array:
    """Return z + W x, for an input x (n_x, m), or for tokens (m,), each a column that is 1 there and else 0."""
    tokens = x.dtype.kind == "i"
    if not isinstance(W, Integers):
        return z + (W[:, x] if tokens else W @ x)  # type: ignore[no-any-return]  # an array
    if tokens:
        x = (np.arange(W.shape[1])[:, None] == x).astype(np.float32)
    Q, largest = np.float32(W.Q), np.abs(x).max(axis=0, initial=0)
    used = largest >= LEAST_INPUT  # of nan not
    inverse = np.where(used, Q / np.where(used, largest, 1), np.float32(0))
    scale = np.where(used, largest / Q, np.float32(0))
    finite = np.isfinite(largest)
    q = nearest(np.where(finite, x, 0), np.where(finite, inverse, 0))
    return W.add(z, q, W.W.scale[:, None] * np.where(finite, scale, np.float32(np.nan)))


def add_hidden(z: Array, W: Any, h: Array) -> Array:
    """Return z + W h, for a hidden state h (n_h, m)."""
    if not isinstance(W, Integers):
        return z + W @ h  # type: ignore[no-any-return]  # an array
    return _add_hidden(z, W, h)


def projected(W_hr: Any, a: Array) -> Array:
    """Return W_hr a."""
    if not isinstance(W_hr, Integers):
        return W_hr @ a  # type: ignore[no-any-return]  # an array
    return _add_hidden(np.float32(0), W_hr, a)


def _add_hidden(z: Any, W: Integers, h: Array) -> Array:
    Q, largest = np.float32(W.Q), np.abs(h).max(axis=0, initial=1)
    finite = np.isfinite(largest)
    r = np.where(finite, largest, np.float32(1))
    q = nearest(np.where(finite, h, 0), Q / r)
    return W.add(z, q, (W.W.scale / Q)[:, None] * np.where(finite, r, np.float32(np.nan)))


def nearest(x: Array, factor: Array) -> Array:
    """Return x * factor rounded to integers, once: to the nearest, ties to even."""
    return np.rint(x.astype(np.float64) * factor)


def fma(x: Array, y: Array, z: Array) -> Array:
    """Return x y + z, rounded once but where float64, in which the product is exact, rounds the sum to a half."""
    return (x.astype(np.float64) * y + z).astype(np.float32)
