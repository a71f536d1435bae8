"""The operators as functions: positional arguments are inputs, keywords attributes, results outputs."""

from __future__ import annotations

from typing import Any, Unpack

from .attributes import Attributes, GRUAttributes, LSTMAttributes, shown
from .prepared import GRU, LSTM, RNN


@shown("RNN")
def rnn(
    X: Any,
    W: Any,
    R: Any,
    B: Any = None,
    sequence_lens: Any = None,
    initial_h: Any = None,
    **attributes: Unpack[Attributes],
) -> tuple[Any, Any]:
    """Return Y, Y_h of the operator RNN. See `cyrnn.onnx.RNN` for shapes and attributes.

    Examples
    --------
    >>> X, W, R = np.ones((7, 2, 3), np.float32), np.ones((1, 5, 3), np.float32), np.ones((1, 5, 5), np.float32)
    >>> Y, Y_h = cyrnn.onnx.rnn(X, W, R, activations=["Softsign"])
    >>> Y.shape, Y_h.shape
    ((7, 1, 2, 5), (1, 2, 5))
    """
    Y, Y_h = RNN(W, R, B, **attributes)(X, sequence_lens, initial_h)
    return Y, Y_h


@shown("GRU")
def gru(
    X: Any,
    W: Any,
    R: Any,
    B: Any = None,
    sequence_lens: Any = None,
    initial_h: Any = None,
    **attributes: Unpack[GRUAttributes],
) -> tuple[Any, Any]:
    """Return Y, Y_h of the operator GRU. See `cyrnn.onnx.GRU` for shapes and attributes.

    Examples
    --------
    >>> X, W, R = np.ones((2, 7, 3), np.float32), np.ones((1, 15, 3), np.float32), np.ones((1, 15, 5), np.float32)
    >>> Y, Y_h = cyrnn.onnx.gru(X, W, R, linear_before_reset=1, layout=1)
    >>> Y.shape, Y_h.shape
    ((2, 7, 1, 5), (2, 1, 5))
    """
    Y, Y_h = GRU(W, R, B, **attributes)(X, sequence_lens, initial_h)
    return Y, Y_h


@shown("LSTM")
def lstm(
    X: Any,
    W: Any,
    R: Any,
    B: Any = None,
    sequence_lens: Any = None,
    initial_h: Any = None,
    initial_c: Any = None,
    P: Any = None,
    **attributes: Unpack[LSTMAttributes],
) -> tuple[Any, Any, Any]:
    """Return Y, Y_h, Y_c of the operator LSTM. See `cyrnn.onnx.LSTM` for shapes and attributes.

    Examples
    --------
    >>> X, W, R = np.ones((7, 2, 3), np.float32), np.ones((2, 20, 3), np.float32), np.ones((2, 20, 5), np.float32)
    >>> Y, Y_h, Y_c = cyrnn.onnx.lstm(X, W, R, sequence_lens=[7, 4], direction="bidirectional")
    >>> Y.shape, Y_h.shape, Y_c.shape
    ((7, 2, 2, 5), (2, 2, 5), (2, 2, 5))
    """
    Y, Y_h, Y_c = LSTM(W, R, B, P, **attributes)(X, sequence_lens, initial_h, initial_c)
    return Y, Y_h, Y_c
