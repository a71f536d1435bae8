"""The prepared operators RNN, LSTM and GRU."""

from __future__ import annotations

from typing import Any, Unpack

from .attributes import Attributes, GRUAttributes, LSTMAttributes, shown
from .layers import Layer, Tape


class HiddenStateLayer(Layer):
    """An operator that has no state but the hidden one."""

    _names = ("h",)

    def __call__(self, X: Any, sequence_lens: Any = None, initial_h: Any = None) -> tuple[Any, ...]:
        """Return Y, Y_h: of every step, zero behind the end of a sequence, and after the last step of each.

        sequence_lens (batch_size,), whole numbers from 0 to seq_length; states are zeros if left out.
        """
        return self._call(X, sequence_lens, (initial_h,))

    def forward(self, X: Any, sequence_lens: Any = None, initial_h: Any = None) -> tuple[Any, ...]:
        """Return Y, Y_h and a tape for `backward`. X is kept, not copied."""
        return self._forward(X, sequence_lens, (initial_h,))

    def backward(self, tape: Tape, dY: Any, dY_h: Any = None) -> dict[str, Any]:
        """Return the gradients of a loss with respect to every input that was given, by its name.

        dY as Y, dY_h as Y_h; None stands for zeros.
        """
        return self._backward(tape, dY, (dY_h,))


class RNN(HiddenStateLayer):
    """The simple recurrent operator.

        Ht = f(Xt W^T + Ht-1 R^T + Wb + Rb)

    Parameters
    ----------
    W (D, H, input_size), R (D, H, H), B (D, 2H) : ndarray
        float16, float32 or float64; float16 is computed in float32. B may be None.
    direction : str
        "forward", "reverse" or "bidirectional"; D = num_directions is 1 or 2.
    activations : list of str, optional
        f for each direction, of Relu Tanh Sigmoid Affine LeakyRelu ThresholdedRelu ScaledTanh HardSigmoid Elu Softsign
        Softplus; Tanh if left out.
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

    References
    ----------
    https://onnx.ai/onnx/operators/onnx__RNN.html
    """

    _operator = "RNN"

    @shown("RNN")
    def __init__(self, W: Any, R: Any, B: Any = None, **attributes: Unpack[Attributes]) -> None:
        self._prepare(W, R, B, None, attributes)


class GRU(HiddenStateLayer):
    """The gated recurrent operator; rows of W, R and B in the order z, r, h.

        zt = f(Xt Wz^T + Ht-1 Rz^T + Wbz + Rbz)        rt likewise
        ht = g(Xt Wh^T + (rt * Ht-1) Rh^T + Rbh + Wbh)                with linear_before_reset = 0
        ht = g(Xt Wh^T + rt * (Ht-1 Rh^T + Rbh) + Wbh)                else
        Ht = (1 - zt) * ht + zt * Ht-1

    Parameters
    ----------
    W (D, 3H, input_size), R (D, 3H, H), B (D, 6H) : ndarray
        As for `RNN`.
    activations : list of str, optional
        f, g for each direction; Sigmoid, Tanh if left out.
    linear_before_reset : int
        0 or 1: whether the reset gate stands before the product, or behind it as in cuDNN and torch.
    direction, activation_alpha, activation_beta, clip, hidden_size, layout
        As for `RNN`.

    Raises
    ------
    ValueError, TypeError
        As `RNN` does.

    References
    ----------
    https://onnx.ai/onnx/operators/onnx__GRU.html
    """

    _operator = "GRU"

    @shown("GRU")
    def __init__(self, W: Any, R: Any, B: Any = None, **attributes: Unpack[GRUAttributes]) -> None:
        self._prepare(W, R, B, None, attributes)


class LSTM(Layer):
    """The long short-term memory operator; rows of W, R and B in the order i, o, f, c, of P in the order i, o, f.

        it = f(Xt Wi^T + Ht-1 Ri^T + Pi * Ct-1 + Wbi + Rbi)        ft likewise, or 1 - it with input_forget = 1
        ct = g(Xt Wc^T + Ht-1 Rc^T + Wbc + Rbc)
        Ct = ft * Ct-1 + it * ct
        ot = f(Xt Wo^T + Ht-1 Ro^T + Po * Ct + Wbo + Rbo)
        Ht = ot * h(Ct)

    Parameters
    ----------
    W (D, 4H, input_size), R (D, 4H, H), B (D, 8H), P (D, 3H) : ndarray
        As for `RNN`. P, the peepholes, may be None, too.
    activations : list of str, optional
        f, g, h for each direction; Sigmoid, Tanh, Tanh if left out.
    input_forget : int
        0 or 1: whether there is one gate for input and forget. The rows of f are not read then.
    direction, activation_alpha, activation_beta, clip, hidden_size, layout
        As for `RNN`.

    Raises
    ------
    ValueError, TypeError
        As `RNN` does.

    References
    ----------
    https://onnx.ai/onnx/operators/onnx__LSTM.html
    """

    _operator, _names = "LSTM", ("h", "c")

    @shown("LSTM")
    def __init__(self, W: Any, R: Any, B: Any = None, P: Any = None, **attributes: Unpack[LSTMAttributes]) -> None:
        self._prepare(W, R, B, P, attributes)

    def __call__(
        self, X: Any, sequence_lens: Any = None, initial_h: Any = None, initial_c: Any = None
    ) -> tuple[Any, ...]:
        """Return Y, Y_h, Y_c, as a call of `RNN` does."""
        return self._call(X, sequence_lens, (initial_h, initial_c))

    def forward(
        self, X: Any, sequence_lens: Any = None, initial_h: Any = None, initial_c: Any = None
    ) -> tuple[Any, ...]:
        """Return Y, Y_h, Y_c and a tape for `backward`. X is kept, not copied."""
        return self._forward(X, sequence_lens, (initial_h, initial_c))

    def backward(self, tape: Tape, dY: Any, dY_h: Any = None, dY_c: Any = None) -> dict[str, Any]:
        """Return the gradients of a loss, as `RNN.backward` does; dY_c as Y_c."""
        return self._backward(tape, dY, (dY_h, dY_c))
