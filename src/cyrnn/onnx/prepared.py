"""The prepared operators RNN and GRU, whose state is the hidden one alone."""

from __future__ import annotations

from typing import Any, Unpack

from .attributes import Attributes, GRUAttributes, shown
from .layers import Layer, Tape


class HiddenStateLayer(Layer):
    """An operator that has no state but the hidden one."""

    _names = ("h",)

    def __call__(self, X: Any, sequence_lens: Any = None, initial_h: Any = None) -> tuple[Any, ...]:
        """Run the operator.

        Parameters
        ----------
        X : ndarray of shape (seq_length, batch_size, input_size)
            With layout 1 (batch_size, seq_length, input_size). Of the dtype of the weights.
        sequence_lens : array of batch_size whole numbers, optional
            How many steps each sequence has, from 0 to seq_length.
        initial_h : ndarray of shape (D, batch_size, H), optional
            With layout 1 (batch_size, D, H). Zeros if left out.

        Returns
        -------
        Y : ndarray of shape (seq_length, D, batch_size, H)
            Of every step; zero behind the end of a sequence.
        Y_h : ndarray of shape (D, batch_size, H)
            After the last step of each sequence.

        Raises
        ------
        ValueError, TypeError
            If an input has another shape or dtype.

        See Also
        --------
        forward : The same with a tape, for `backward`.

        Examples
        --------
        >>> W, R = np.ones((1, 5, 3), np.float32), np.ones((1, 5, 5), np.float32)
        >>> X = np.ones((7, 2, 3), np.float32)
        >>> Y, Y_h = cyrnn.onnx.RNN(W, R)(X, sequence_lens=[7, 3])
        >>> np.array_equal(Y[6, 0, 0], Y_h[0, 0]), np.array_equal(Y[2, 0, 1], Y_h[0, 1])
        (True, True)
        """
        return self._call(X, sequence_lens, (initial_h,))

    def forward(self, X: Any, sequence_lens: Any = None, initial_h: Any = None) -> tuple[Any, ...]:
        """Run the operator, and keep what `backward` needs.

        Parameters
        ----------
        X, sequence_lens, initial_h
            As for a call. X is kept, not copied: leave it as it is until `backward`.

        Returns
        -------
        Y, Y_h
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
        >>> W, R = np.ones((1, 5, 3), np.float32), np.ones((1, 5, 5), np.float32)
        >>> X = np.ones((7, 2, 3), np.float32)
        >>> *_, tape = cyrnn.onnx.RNN(W, R).forward(X)
        >>> tape.output_shape
        (7, 1, 2, 5)
        """
        return self._forward(X, sequence_lens, (initial_h,))

    def backward(self, tape: Tape, dY: Any, dY_h: Any = None) -> dict[str, Any]:
        """Return the gradients of a loss with respect to every input that was given.

        Parameters
        ----------
        tape : Tape
            The last of what `forward` returned.
        dY : ndarray of the shape of Y, or None for zeros
            Gradient of the loss with respect to Y.
        dY_h : ndarray of the shape of Y_h, optional
            Likewise of the states; zeros if left out.

        Returns
        -------
        dict
            By the name of the input: `X W R initial_h`, and `B` where there is one.

        Raises
        ------
        ValueError, TypeError
            For wrong shapes, another dtype or kind, a tape of another layer.

        See Also
        --------
        forward : What makes the tape.

        Examples
        --------
        >>> W, R = np.ones((1, 5, 3), np.float32), np.ones((1, 5, 5), np.float32)
        >>> X = np.ones((7, 2, 3), np.float32)
        >>> layer = cyrnn.onnx.RNN(W, R)
        >>> Y, Y_h, tape = layer.forward(X)
        >>> sorted(layer.backward(tape, np.ones_like(Y)))
        ['R', 'W', 'X', 'initial_h']
        """
        return self._backward(tape, dY, (dY_h,))


class RNN(HiddenStateLayer):
    """The simple recurrent operator, with its weights packed once.

    Step t is::

        Ht = f(Xt W^T + Ht-1 R^T + Wb + Rb)

    Parameters
    ----------
    W : ndarray of shape (D, H, input_size)
        Of float16, float32 or float64; float16 is computed in float32.
    R : ndarray of shape (D, H, H)
        Of the same dtype.
    B : ndarray of shape (D, 2 * H), optional
        Biases, those of W and those of R side by side; zeros if left out.
    direction : str
        One of "forward", "reverse" and "bidirectional"; D = num_directions is 1 or 2.
    activations : list of str, optional
        The function f for each direction, of Relu Tanh Sigmoid Affine LeakyRelu ThresholdedRelu ScaledTanh HardSigmoid
        Elu Softsign Softplus; Tanh if left out.
    activation_alpha, activation_beta : list of float, optional
        Constants of those activations that have an alpha, or a beta, in their order; ONNX's own if left out.
    clip : float, optional
        What goes into the activations of gates stays within -clip .. clip.
    hidden_size : int, optional
        H, which R says, too.
    layout : int
        0: X (seq_length, batch_size, input_size), states (D, batch_size, H), Y (seq_length, D, batch_size, H);
        1: X (batch_size, seq_length, input_size), states (batch_size, D, H), Y (batch_size, seq_length, D, H).

    Raises
    ------
    ValueError, TypeError
        If a weight has another shape or dtype, or an attribute is none of these.

    See Also
    --------
    cyrnn.onnx.rnn : The operator as a function.
    cyrnn.onnx.load : The layers of a file.
    cyrnn.nn.RNN : The layers of torch.

    References
    ----------
    https://onnx.ai/onnx/operators/onnx__RNN.html

    Examples
    --------
    >>> W, R = np.ones((1, 5, 3), np.float32), np.ones((1, 5, 5), np.float32)
    >>> layer = cyrnn.onnx.RNN(W, R, activations=["Softsign"])
    >>> layer
    <onnx.RNN 3 -> 5, forward, float32>
    >>> Y, Y_h = layer(np.ones((7, 2, 3), np.float32))
    >>> Y.shape, Y_h.shape
    ((7, 1, 2, 5), (1, 2, 5))
    """

    _operator = "RNN"

    @shown("RNN")
    def __init__(self, W: Any, R: Any, B: Any = None, **attributes: Unpack[Attributes]) -> None:
        self._prepare(W, R, B, None, attributes)


class GRU(HiddenStateLayer):
    """The gated recurrent operator, with its weights packed once.

    Rows of W, R and B are in the order z, r, h. Step t is::

        zt = f(Xt Wz^T + Ht-1 Rz^T + Wbz + Rbz)        rt likewise
        ht = g(Xt Wh^T + (rt * Ht-1) Rh^T + Rbh + Wbh)                with linear_before_reset = 0
        ht = g(Xt Wh^T + rt * (Ht-1 Rh^T + Rbh) + Wbh)                else
        Ht = (1 - zt) * ht + zt * Ht-1

    Parameters
    ----------
    W : ndarray of shape (D, 3 * H, input_size)
        As for `RNN`.
    R : ndarray of shape (D, 3 * H, H)
        As for `RNN`.
    B : ndarray of shape (D, 6 * H), optional
        As for `RNN`.
    direction : str
        As for `RNN`.
    activations : list of str, optional
        The functions f, g for each direction; Sigmoid, Tanh if left out.
    activation_alpha, activation_beta, clip, hidden_size, layout
        As for `RNN`.
    linear_before_reset : int
        0 or 1: whether the reset gate stands before the product, or behind it as in cuDNN and torch.

    Raises
    ------
    ValueError, TypeError
        As `RNN` does.

    See Also
    --------
    cyrnn.onnx.gru : The operator as a function.
    cyrnn.nn.GRU : The layers of torch.

    References
    ----------
    https://onnx.ai/onnx/operators/onnx__GRU.html

    Examples
    --------
    >>> W, R = np.ones((1, 15, 3), np.float32), np.ones((1, 15, 5), np.float32)
    >>> layer = cyrnn.onnx.GRU(W, R, linear_before_reset=1, direction="reverse")
    >>> layer
    <onnx.GRU 3 -> 5, reverse, float32>
    """

    _operator = "GRU"

    @shown("GRU")
    def __init__(self, W: Any, R: Any, B: Any = None, **attributes: Unpack[GRUAttributes]) -> None:
        self._prepare(W, R, B, None, attributes)
