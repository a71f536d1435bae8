"""An embedding of integers: rows by their indices, each multiplied by its scale.

    y = scale[i] * values[i]            for every index i, in float32: an exact product, rounded once

A row and its scale stand side by side in an array of float32, whose rows the calls of an embedding of floats copy, bit
by bit: indices, ragged batches and threads are as there, compiled and in NumPy.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..cells.spec import Array
from ..kernels import dispatch
from .implementation import implementation
from .quantized import Quantized

_WORD = np.dtype(np.float32)


class QuantizedEmbedding:
    """The rows of an embedding, `Quantized`, with a forward pass alone. Never changed."""

    def __init__(self, W: Quantized) -> None:
        rows, n = W.values.shape
        self._dtype, first = W.values.dtype, _WORD.itemsize // W.values.itemsize
        self._columns = slice(first, first + n)  # of integers, behind the scale
        stored = np.zeros((rows, 1 + -(-n // first)), _WORD)
        stored[:, 0] = W.scale
        stored.view(self._dtype)[:, self._columns] = W.values
        self._stored = implementation.Embedding(*dispatch.kernels.tables, stored, None)

    def forward(self, indices: Any, lengths: Any = None, batch_first: bool = False) -> Array | None:
        """Return the rows (..., n) of indices (...), of up to two axes, float32; or None.

        `lengths`: of a ragged batch (T, m), or with `batch_first` (m, T): what is past the end of a sequence is not
        looked at, and its rows are zero.
        """
        found = self._stored.forward(indices, lengths, batch_first)
        if found is None:
            return None
        with np.errstate(all="ignore"), implementation.DefaultEnvironment():
            y: Array = np.multiply(found.view(self._dtype)[..., self._columns], found[..., :1], dtype=_WORD)
        return y
