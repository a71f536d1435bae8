"""One call, from Python's objects to kernels and back: the only way down for every facade.

A call answers None where an argument is not a plain array that fits. The facade then makes the arguments plain, or says
by `_check` what is wrong with them, and calls again, with the caller's own objects for the caches. `_calls.pyx` has the
calls, compiled; `reference.py` has them in NumPy, for ISA "reference" and for reading.
"""

from __future__ import annotations

from typing import Any

from ..cells import Cell
from ..kernels import dispatch
from . import threads
from .implementation import implementation
from .packed import Packed
from .quantized import Quantized
from .quantized_rows import QuantizedEmbedding

__all__ = ["DefaultEnvironment", "Packed", "Tokens", "elements", "embedding", "layer_norm", "lengths", "linear", "of",
           "resets_of", "threads", "tokens", "training"]

#: lengths(lengths, T, m) -> the sorted lengths of a ragged batch, for `Sublayer.forward`; or None
lengths = implementation.lengths

#: resets_of(flags, to_initial) -> the flags (T, m) of where sequences are reset, for `Sublayer.forward`; or None
resets_of = implementation.resets_of

#: tokens(array, n_x, itemsize, lengths, batch_first) -> what `Sublayer.forward` takes for x (`Tokens`); or None
tokens, Tokens = implementation.tokens, implementation.Tokens

#: a context in which NumPy, too, computes in the default floating-point environment
DefaultEnvironment = implementation.DefaultEnvironment

_of_cells: dict[str, Any] = {}


def of(cell: Cell) -> Any:
    """Return the calls of a cell: `step`, `sequence`, `backward`, `backward_step`, `pack`, `sublayer`."""
    if cell.name not in _of_cells:
        number = dispatch.kernels.cell_numbers[cell.name]
        tables = *dispatch.kernels.tables, Packed, _integers
        _of_cells[cell.name] = implementation.CellCalls(cell, number, *tables)
    return _of_cells[cell.name]


def _integers() -> Any:
    """Return the table of functions for integer weights; its module is imported when it is first asked for."""
    return dispatch.kernels.integers


def elements(name: str) -> Any:
    """Return a function of whole arrays, "sigmoid", "tanh" or "softmax"."""
    return implementation.Elements(name, *dispatch.kernels.tables)


def linear(W: Any, b: Any) -> Any:
    """Return the calls of a linear layer, `forward` and `backward`, for W (units, features) and b (units,) or None.

    The arrays are plain and of one dtype, and belong to what is returned from then on. W may be `Quantized`: then there
    is no `backward`, and b is float32.
    """
    if isinstance(W, Quantized):
        return implementation.Linear(*dispatch.kernels.tables, W, b, _integers())
    return implementation.Linear(*dispatch.kernels.tables, W, b)


def embedding(W: Any, padding: int | None) -> Any:
    """Return the calls of an embedding, likewise, for W (rows, n); `padding` is the row that gets no gradient."""
    if isinstance(W, Quantized):
        return QuantizedEmbedding(W)
    return implementation.Embedding(*dispatch.kernels.tables, W, padding)


def layer_norm(n: int, dtype: Any, w: Any, b: Any, eps: float) -> Any:
    """Return the calls of a layer normalisation of n features, likewise; w and b (n,), or None, of the dtype."""
    return implementation.LayerNorm(*dispatch.kernels.tables, n, dtype == "float64", w, b, eps)


def training() -> Any:
    """Return the calls of losses and optimizers."""
    return implementation.Training(*dispatch.kernels.tables)
