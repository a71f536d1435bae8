"""The operators as functions: positional arguments are inputs, keywords attributes, results outputs."""

from __future__ import annotations

from typing import Any, Unpack

from .attributes import Attributes, GRUAttributes, LSTMAttributes, shown
from .lstm_layer import LSTM
from .prepared import GRU, RNN


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
    """Run the operator RNN, and return its outputs.

    Parameters
    ----------
    X : ndarray of shape (seq_length, batch_size, input_size)
        With layout 1 (batch_size, seq_length, input_size). Of the dtype of the weights.
    W, R, B
        As for `cyrnn.onnx.RNN`.
    sequence_lens : array of batch_size whole numbers, optional
        How many steps each sequence has, from 0 to seq_length.
    initial_h : ndarray of shape (D, batch_size, H), optional
        With layout 1 (batch_size, D, H). Zeros if left out.
    direction, activations, activation_alpha, activation_beta, clip, hidden_size, layout
        As for `cyrnn.onnx.RNN`.

    Returns
    -------
    Y : ndarray of shape (seq_length, D, batch_size, H)
        Hidden states of every step; zero behind the end of a sequence.
    Y_h : ndarray of shape (D, batch_size, H)
        After the last step of each sequence.

    Raises
    ------
    ValueError, TypeError
        If an input has another shape or dtype, or an attribute is none of these.

    See Also
    --------
    cyrnn.onnx.RNN : The same with weights that are packed once, for many calls; and its gradients.

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
    """Run the operator GRU, and return its outputs.

    Parameters
    ----------
    X : ndarray of shape (seq_length, batch_size, input_size)
        With layout 1 (batch_size, seq_length, input_size). Of the dtype of the weights.
    W, R, B
        As for `cyrnn.onnx.GRU`.
    sequence_lens : array of batch_size whole numbers, optional
        How many steps each sequence has, from 0 to seq_length.
    initial_h : ndarray of shape (D, batch_size, H), optional
        With layout 1 (batch_size, D, H). Zeros if left out.
    direction, activations, activation_alpha, activation_beta, clip, hidden_size, layout, linear_before_reset
        As for `cyrnn.onnx.GRU`.

    Returns
    -------
    Y : ndarray of shape (seq_length, D, batch_size, H)
        Hidden states of every step; zero behind the end of a sequence.
    Y_h : ndarray of shape (D, batch_size, H)
        After the last step of each sequence.

    Raises
    ------
    ValueError, TypeError
        If an input has another shape or dtype, or an attribute is none of these.

    See Also
    --------
    cyrnn.onnx.GRU : The same with weights that are packed once, for many calls; and its gradients.

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
    """Run the operator LSTM, and return its outputs.

    Parameters
    ----------
    X : ndarray of shape (seq_length, batch_size, input_size)
        With layout 1 (batch_size, seq_length, input_size). Of the dtype of the weights.
    W, R, B
        As for `cyrnn.onnx.LSTM`.
    sequence_lens : array of batch_size whole numbers, optional
        How many steps each sequence has, from 0 to seq_length.
    initial_h, initial_c : ndarray of shape (D, batch_size, H), optional
        With layout 1 (batch_size, D, H). Zeros if left out.
    P
        As for `cyrnn.onnx.LSTM`.
    direction, activations, activation_alpha, activation_beta, clip, hidden_size, layout, input_forget
        As for `cyrnn.onnx.LSTM`.

    Returns
    -------
    Y : ndarray of shape (seq_length, D, batch_size, H)
        Hidden states of every step; zero behind the end of a sequence.
    Y_h, Y_c : ndarray of shape (D, batch_size, H)
        Hidden and cell state after the last step of each sequence.

    Raises
    ------
    ValueError, TypeError
        If an input has another shape or dtype, or an attribute is none of these.

    See Also
    --------
    cyrnn.onnx.LSTM : The same with weights that are packed once, for many calls; and its gradients.

    Examples
    --------
    >>> X, W, R = np.ones((7, 2, 3), np.float32), np.ones((2, 20, 3), np.float32), np.ones((2, 20, 5), np.float32)
    >>> Y, Y_h, Y_c = cyrnn.onnx.lstm(X, W, R, sequence_lens=[7, 4], direction="bidirectional")
    >>> Y.shape, Y_h.shape, Y_c.shape
    ((7, 2, 2, 5), (2, 2, 5), (2, 2, 5))
    """
    Y, Y_h, Y_c = LSTM(W, R, B, P, **attributes)(X, sequence_lens, initial_h, initial_c)
    return Y, Y_h, Y_c
