"""A linear layer, an embedding, layer normalisation, and functions of whole arrays, in NumPy: as the .pxi so named.

    y = W x + b         and backward    dx = W^T dy         dW = dy x^T         db = dy

for every row x, the gradients of the weights summed over the rows in their order. A row of an embedding is looked up by
its index; its gradient is the sum of what comes in at the positions that have it.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..cells import activations
from ..cells.spec import Array
from .reference_batch import MAX_AXES, Lengths, rows_within
from .reference_quantized import Integers, add_input, with_integers
from .reference_step import is_array, is_plain, sum_outer


class Linear:
    """The weights of a linear layer: W (units, features), or `Quantized`; b (units,) or None. Never changed."""

    def __init__(self, f32: Any, f64: Any, W: Any, b: Array | None, integers: Any = None) -> None:
        (self._W,), self._b = with_integers([W]), b

    @np.errstate(all="ignore")
    def forward(self, x: Any, lengths: Lengths | None = None, batch_first: bool = False) -> Array | None:
        """Return y (..., units) for x (..., features), of up to two leading axes; or None.

        `lengths`: of a ragged batch x (T, m, features), or with `batch_first` (m, T, features): what is past the end of
        a sequence is not read, and y is zero there.
        """
        within = self._rows(x, lengths, batch_first)
        if within is None:
            return None
        y = np.zeros((*x.shape[:-1], len(self._W)), x.dtype)
        if isinstance(self._W, Integers):
            b = np.zeros((len(self._W), int(within.sum())), x.dtype)
            y[within] = add_input(b if self._b is None else b + self._b[:, None], self._W, x[within].T).T
            return y
        y[within] = x[within] @ self._W.T if self._b is None else x[within] @ self._W.T + self._b
        return y

    @np.errstate(all="ignore")
    def backward(
        self, x: Any, d_output: Any, lengths: Lengths | None = None, batch_first: bool = False
    ) -> tuple[Array, Array, Array | None] | None:
        """Return (dx, dW, db) for x and the gradient of y, both as in `forward`; db is None without a bias. Or None."""
        within = self._rows(x, lengths, batch_first)
        if within is None or not is_plain(d_output, self._W.dtype, *x.shape[:-1], len(self._W)):
            return None
        d, dx = d_output[within], np.zeros(x.shape, x.dtype)
        dx[within] = d @ self._W
        db = None if self._b is None else sum_outer(d, np.ones((len(d), 1), d.dtype))[:, 0]
        return dx, sum_outer(d, x[within]), db

    def _rows(self, x: Any, lengths: Lengths | None, batch_first: bool) -> NDArray[np.bool] | None:
        if not is_array(x) or x.dtype != self._W.dtype or not 1 <= x.ndim <= MAX_AXES + 1:
            return None
        return rows_within(x.shape[:-1], lengths, batch_first) if x.shape[-1] == self._W.shape[1] else None


class Embedding:
    """The rows of an embedding: W (rows, n). Never changed."""

    def __init__(self, f32: Any, f64: Any, W: Array, padding: int | None) -> None:
        self._W, self._padding = W, padding

    def forward(self, indices: Any, lengths: Lengths | None = None, batch_first: bool = False) -> Array | None:
        """Return the rows (..., n) of indices (...), of up to two axes; or None.

        `lengths`: of a ragged batch (T, m), or with `batch_first` (m, T): what is past the end of a sequence is not
        looked at, and its rows are zero.
        """
        within = self._rows(indices, lengths, batch_first)
        if within is None:
            return None
        found = np.zeros((*indices.shape, self._W.shape[1]), self._W.dtype)
        found[within] = self._W[indices[within].astype(np.int64)]
        return found

    @np.errstate(all="ignore")
    def backward(
        self, indices: Any, d_output: Any, lengths: Lengths | None = None, batch_first: bool = False
    ) -> Array | None:
        """Return dW for indices as in `forward` and the gradient of its result; or None."""
        within = self._rows(indices, lengths, batch_first)
        if within is None or not is_plain(d_output, self._W.dtype, *indices.shape, self._W.shape[1]):
            return None
        found, d, dW = indices[within].astype(np.int64), d_output[within], np.zeros_like(self._W)
        for row in np.unique(found):
            if row != self._padding:
                own = d[found == row]
                dW[row] = sum_outer(own, np.ones((len(own), 1), own.dtype))[:, 0]
        return dW

    def _rows(self, indices: Any, lengths: Lengths | None, batch_first: bool) -> NDArray[np.bool] | None:
        """Return which positions take part; None where they are not all indices of rows."""
        if type(indices) is not np.ndarray or indices.dtype.kind not in "iu" or indices.ndim > MAX_AXES:
            return None
        within = rows_within(indices.shape, lengths, batch_first)
        if within is None or ((indices[within] < 0) | (indices[within] >= len(self._W))).any():
            return None
        return within


class LayerNorm:
    """A layer normalisation of n features: w (n,) and b (n,), or None. Never changed."""

    def __init__(self, f32: Any, f64: Any, n: int, double: bool, w: Array | None, b: Array | None, eps: float) -> None:
        self._n, self._dtype = n, np.dtype(np.float64 if double else np.float32)
        self._w, self._b, self._eps = w, b, self._dtype.type(eps)

    @np.errstate(all="ignore")
    def forward(self, x: Any, lengths: Lengths | None = None, batch_first: bool = False) -> Array | None:
        """Return y (..., n) for x (..., n), of up to two leading axes, as `Linear.forward`; or None."""
        within = self._rows(x, lengths, batch_first)
        if within is None:
            return None
        y, (normal, _) = np.zeros(x.shape, x.dtype), self._normal(x[within])
        normal = normal if self._w is None else normal * self._w
        y[within] = normal if self._b is None else normal + self._b
        return y

    @np.errstate(all="ignore")
    def backward(
        self, x: Any, d_output: Any, lengths: Lengths | None = None, batch_first: bool = False
    ) -> tuple[Array, Array | None, Array | None] | None:
        """Return (dx, dw, db), of which the latter are None where there is no weight or no bias; or None."""
        within = self._rows(x, lengths, batch_first)
        if within is None or not is_plain(d_output, self._dtype, *x.shape):
            return None
        d, dx, (normal, r) = d_output[within], np.zeros(x.shape, x.dtype), self._normal(x[within])
        if not d.size:
            zeros = np.zeros(self._n, self._dtype)
            return dx, None if self._w is None else zeros, None if self._b is None else zeros.copy()
        g = d if self._w is None else d * self._w
        dx[within] = r * (g - g.mean(axis=-1, keepdims=True) - normal * (g * normal).mean(axis=-1, keepdims=True))
        ones = np.ones((len(d), 1), d.dtype)
        dw = None if self._w is None else sum_outer(d * normal, ones)[:, 0]
        return dx, dw, None if self._b is None else sum_outer(d, ones)[:, 0]

    def _normal(self, x: Array) -> tuple[Array, Array]:
        """Return rows as they are normalised, and 1 / sqrt(variance + eps) of each."""
        if not x.size:
            return x, x
        d = x - x.mean(axis=-1, keepdims=True)
        r = 1 / np.sqrt(np.square(d).mean(axis=-1, keepdims=True) + self._eps)
        return d * r, r

    def _rows(self, x: Any, lengths: Lengths | None, batch_first: bool) -> NDArray[np.bool] | None:
        if not is_array(x) or x.dtype != self._dtype or not 1 <= x.ndim <= MAX_AXES + 1:
            return None
        return rows_within(x.shape[:-1], lengths, batch_first) if x.shape[-1] == self._n else None


class Elements:
    """sigmoid, tanh or softmax of a plain array with one axis at least; None for anything else."""

    def __init__(self, name: str, *_: Any) -> None:
        self._function = getattr(activations, name)

    @np.errstate(all="ignore")
    def __call__(self, given: Any) -> Any:
        if not is_array(given) or given.ndim == 0:
            return None
        return self._function(given) if given.size else given.copy()  # a column of nothing has no maximum
