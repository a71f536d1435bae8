"""The prepared operator LSTM."""

from __future__ import annotations

from typing import Any, Unpack

from .attributes import LSTMAttributes, shown
from .layers import Layer, Tape


class LSTM(Layer):
    """The long short-term memory operator, with its weights packed once.

    Rows of W, R and B are in the order i, o, f, c, those of P in the order i, o, f. Step t is::

        it = f(Xt Wi^T + Ht-1 Ri^T + Pi * Ct-1 + Wbi + Rbi)        ft likewise, or 1 - it with input_forget = 1
        ct = g(Xt Wc^T + Ht-1 Rc^T + Wbc + Rbc)
        Ct = ft * Ct-1 + it * ct
        ot = f(Xt Wo^T + Ht-1 Ro^T + Po * Ct + Wbo + Rbo)
        Ht = ot * h(Ct)

    Parameters
    ----------
    W : ndarray of shape (D, 4 * H, input_size)
        As for `RNN`.
    R : ndarray of shape (D, 4 * H, H)
        As for `RNN`.
    B : ndarray of shape (D, 8 * H), optional
        As for `RNN`.
    P : ndarray of shape (D, 3 * H), optional
        Peepholes; none if left out.
    direction : str
        As for `RNN`.
    activations : list of str, optional
        The functions f, g, h for each direction; Sigmoid, Tanh, Tanh if left out.
    activation_alpha, activation_beta, clip, hidden_size, layout
        As for `RNN`.
    input_forget : int
        0 or 1: whether there is one gate for input and forget. The rows of f are not read then.

    Raises
    ------
    ValueError, TypeError
        As `RNN` does.

    See Also
    --------
    cyrnn.onnx.lstm : The operator as a function.
    cyrnn.nn.LSTM : The layers of torch.

    References
    ----------
    https://onnx.ai/onnx/operators/onnx__LSTM.html

    Examples
    --------
    >>> W, R = np.ones((2, 20, 3), np.float32), np.ones((2, 20, 5), np.float32)
    >>> Y, Y_h, Y_c = cyrnn.onnx.LSTM(W, R, direction="bidirectional")(np.ones((7, 4, 3), np.float32))
    >>> Y.shape, Y_c.shape
    ((7, 2, 4, 5), (2, 4, 5))
    """

    _operator, _names = "LSTM", ("h", "c")

    @shown("LSTM")
    def __init__(self, W: Any, R: Any, B: Any = None, P: Any = None, **attributes: Unpack[LSTMAttributes]) -> None:
        self._prepare(W, R, B, P, attributes)

    def __call__(
        self, X: Any, sequence_lens: Any = None, initial_h: Any = None, initial_c: Any = None
    ) -> tuple[Any, ...]:
        """Run the operator.

        Parameters
        ----------
        X : ndarray of shape (seq_length, batch_size, input_size)
            With layout 1 (batch_size, seq_length, input_size). Of the dtype of the weights.
        sequence_lens : array of batch_size whole numbers, optional
            How many steps each sequence has, from 0 to seq_length.
        initial_h, initial_c : ndarray of shape (D, batch_size, H), optional
            With layout 1 (batch_size, D, H). Zeros if left out.

        Returns
        -------
        Y : ndarray of shape (seq_length, D, batch_size, H)
            Of every step; zero behind the end of a sequence.
        Y_h, Y_c : ndarray of shape (D, batch_size, H)
            Hidden and cell state after the last step of each sequence.

        Raises
        ------
        ValueError, TypeError
            If an input has another shape or dtype.

        See Also
        --------
        forward : The same with a tape, for `backward`.

        Examples
        --------
        >>> W, R = np.ones((1, 20, 3), np.float32), np.ones((1, 20, 5), np.float32)
        >>> X = np.ones((7, 2, 3), np.float32)
        >>> Y, Y_h, Y_c = cyrnn.onnx.LSTM(W, R)(X, sequence_lens=[7, 3])
        >>> np.array_equal(Y[2, 0, 1], Y_h[0, 1])
        True
        """
        return self._call(X, sequence_lens, (initial_h, initial_c))

    def forward(
        self, X: Any, sequence_lens: Any = None, initial_h: Any = None, initial_c: Any = None
    ) -> tuple[Any, ...]:
        """Run the operator, and keep what `backward` needs.

        Parameters
        ----------
        X, sequence_lens, initial_h, initial_c
            As for a call. X is kept, not copied: leave it as it is until `backward`.

        Returns
        -------
        Y, Y_h, Y_c
            As from a call.
        tape : Tape
            The pass.

        Raises
        ------
        ValueError, TypeError
            As a call does, and if the weights are integers.

        See Also
        --------
        backward : The gradients, from the tape.

        Examples
        --------
        >>> W, R = np.ones((1, 20, 3), np.float32), np.ones((1, 20, 5), np.float32)
        >>> X = np.ones((7, 2, 3), np.float32)
        >>> *_, tape = cyrnn.onnx.LSTM(W, R).forward(X)
        >>> tape.output_shape
        (7, 1, 2, 5)
        """
        return self._forward(X, sequence_lens, (initial_h, initial_c))

    def backward(self, tape: Tape, dY: Any, dY_h: Any = None, dY_c: Any = None) -> dict[str, Any]:
        """Return the gradients of a loss with respect to every input that was given.

        Parameters
        ----------
        tape : Tape
            The last of what `forward` returned.
        dY : ndarray of the shape of Y, or None for zeros
            Gradient of the loss with respect to Y.
        dY_h, dY_c : ndarray of the shape of Y_h, optional
            Likewise of the states; zeros if left out.

        Returns
        -------
        dict
            By the name of the input: `X W R initial_h initial_c`, and `B` and `P` where there are any.

        Raises
        ------
        ValueError, TypeError
            For wrong shapes, another dtype or kind, a tape of another layer.

        See Also
        --------
        forward : What makes the tape.

        Examples
        --------
        >>> W, R = np.ones((1, 20, 3), np.float32), np.ones((1, 20, 5), np.float32)
        >>> X = np.ones((7, 2, 3), np.float32)
        >>> layer = cyrnn.onnx.LSTM(W, R)
        >>> Y, *_, tape = layer.forward(X)
        >>> sorted(layer.backward(tape, np.ones_like(Y)))
        ['R', 'W', 'X', 'initial_c', 'initial_h']
        """
        return self._backward(tape, dY, (dY_h, dY_c))
