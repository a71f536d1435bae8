"""Pieces of long sequences, for truncated back-propagation."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from . import _check_optimizers as _check

if TYPE_CHECKING:
    from numpy.typing import NDArray


def chunks(x: Any, T: int, *, batch_first: bool = False) -> Iterator[NDArray[Any]]:
    """Return the successive pieces of T steps of x, views of it; the last may be shorter.

    Parameters
    ----------
    x : ndarray of shape (L, ...), or (N, L, ...) with `batch_first`
        Inputs, tokens, targets: of any dtype.
    T : int
        Steps of a piece, at least 1.
    batch_first : bool
        Whether time is the second axis.

    Returns
    -------
    iterator of ndarray
        None of x without steps.

    Raises
    ------
    ValueError, TypeError
        If an argument is not as above; at once, not when the first piece is asked for.

    See Also
    --------
    cyrnn.nn.LSTM.forward : Takes a piece and the state that the piece before has left.

    Notes
    -----
    With the state of a piece carried into the next, the outputs have the bits of one call over the whole. Gradients do
    not go back beyond the piece: they are those of torch where the state is detached.

    Examples
    --------
    >>> from cyrnn.training import chunks
    >>> [piece.shape for piece in chunks(np.zeros((7, 2, 3)), 3)]
    [(3, 2, 3), (3, 2, 3), (1, 2, 3)]
    >>> lstm, x, state = cyrnn.nn.LSTM(3, 5, rng=0), np.ones((7, 2, 3), np.float32), None
    >>> for piece in chunks(x, 3):
    ...     output, state, tape = lstm.forward(piece, state)
    >>> np.array_equal(output[-1], lstm(x)[0][-1])
    True
    """
    steps = _check.count("chunks", "T", T)
    array = np.asarray(x)
    axis = _check.time_axis("chunks", array.shape, _check.flag("chunks", "batch_first", batch_first))
    starts = range(0, array.shape[axis], steps)
    return (array[:, i : i + steps] if axis else array[i : i + steps] for i in starts)
