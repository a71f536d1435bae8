"""LSTM: layers of the long short-term memory cell."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Literal, overload

import numpy as np

from ..calls import stack
from ._check_resets import ZEROS
from .differentiable import Differentiable
from .layers import LAYER_OPTIONS, build
from .typed import Cells, DType, F, Gates, Pair, ResetTo
from .variants import LSTM_OPTIONS, OfLSTM, lstm_cell

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray


class LSTM(OfLSTM, Differentiable[F, Pair[F]]):
    """Layers of the long short-term memory cell, as torch.nn.LSTM.

    Step t of a layer is::

        i = sigmoid(W_ii x_t + b_ii + W_hi h_(t-1) + b_hi)      f, o likewise
        g = tanh   (W_ig x_t + b_ig + W_hg h_(t-1) + b_hg)
        c_t = f * c_(t-1) + i * g
        h_t = o * tanh(c_t), or W_hr (o * tanh(c_t)) with proj_size

    Parameters
    ----------
    input_size, hidden_size, num_layers, bias, batch_first, dropout, bidirectional
        As for `RNN`.
    proj_size : int
        If not 0, the size H_out of the hidden state, less than hidden_size.
    dtype, rng
        As for `RNN`.
    peephole : bool
        Whether the gates see the cell state, too: i and f with + w_ci * c_(t-1) and + w_cf * c_(t-1), o with
        + w_co * c_t.
    coupled : bool
        Whether there is no forget gate of its own: f = 1 - i. Weights have 3 * hidden_size rows then, in the order
        i, g, o.
    recurrent_activation, activation, output_activation : str or tuple
        The activation of i, f, o; of g; and that of c_t on its way to h_t, which is that of g if left out. One of
        "sigmoid", "tanh", "relu", "hard_sigmoid", "identity", "affine", "leaky_relu", "thresholded_relu",
        "scaled_tanh", "elu", "softsign", "softplus", as ONNX defines them; or a tuple with alpha and beta behind the
        name: ("hard_sigmoid", 1 / 6, 0.5) is that of torch and Keras 3, "hard_sigmoid" alone that of ONNX and Keras 2.
    clip : float, optional
        Limit of what goes into the gates and g: it stays within -clip .. clip.

    Raises
    ------
    ValueError, TypeError
        If an argument is not as above.

    See Also
    --------
    GRU : Layers whose cell has gates, but no memory.
    LSTMCell : One step of one layer.
    cyrnn.lstm_forward : The notebook's function.

    Notes
    -----
    Weights as for `RNN`, with 4 * hidden_size rows in the order i, f, g, o, which the notebook calls `it ft cct ot`.
    With peephole there is `weight_ch_l0` (3, hidden_size), rows w_ci, w_co, w_cf; of coupled gates (2, hidden_size).
    With proj_size there is `weight_hr_l0` (proj_size, hidden_size), too; `weight_hh_l0` has proj_size columns, and the
    input of the layers above D * proj_size features.

    References
    ----------
    Hochreiter and Schmidhuber 1997; Gers, Schmidhuber and Cummins 2000; Gers and Schmidhuber 2000 (peepholes); Greff et
    al. 2015 (coupled gates); Sak, Senior and Beaufays 2014 (the projection); torch.nn.LSTM, PyTorch 2.

    Examples
    --------
    >>> lstm = cyrnn.nn.LSTM(3, 5, num_layers=2, bidirectional=True, rng=0)
    >>> lstm
    LSTM(3, 5, num_layers=2, bidirectional=True)
    >>> output, (h_n, c_n) = lstm(np.ones((7, 2, 3), np.float32))
    >>> output.shape, h_n.shape, c_n.shape
    ((7, 2, 10), (4, 2, 5), (4, 2, 5))
    """

    if TYPE_CHECKING:
        weight_ch_l0: NDArray[F]
        weight_ch_l0_reverse: NDArray[F]
        weight_hr_l0: NDArray[F]
        weight_hr_l0_reverse: NDArray[F]
        weight_hr_l1: NDArray[F]
        weight_hr_l1_reverse: NDArray[F]

    _options: ClassVar[dict[str, Any]] = {"proj_size": 0} | LAYER_OPTIONS
    _variants: ClassVar[dict[str, Any]] = LSTM_OPTIONS

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        proj_size: int = 0,
        *,
        dtype: DType[F] = np.float32,  # type: ignore[assignment]  # the default of F
        rng: np.random.Generator | int | None = None,
        peephole: bool = False,
        coupled: bool = False,
        recurrent_activation: str | tuple[Any, ...] = "sigmoid",
        activation: str | tuple[Any, ...] = "tanh",
        output_activation: str | tuple[Any, ...] | None = None,
        clip: float | None = None,
    ) -> None:
        given = peephole, coupled, recurrent_activation, activation, output_activation, clip
        cell, variant, peephole = lstm_cell("LSTM", *given)
        sizes = input_size, hidden_size, num_layers
        build(self, cell, *sizes, bias, batch_first, dropout, bidirectional, proj_size, dtype, rng, variant, peephole)

    if TYPE_CHECKING:

        def double(self) -> LSTM[np.float64]: ...

    @overload
    def __call__(
        self,
        input: ArrayLike,
        hx: ArrayLike | None = None,
        *,
        lengths: ArrayLike | None = None,
        reset: ArrayLike | None = None,
        reset_to: ResetTo = "zeros",
        return_gates: Literal[False] = False,
        return_cells: Literal[False] = False,
    ) -> tuple[NDArray[F], Pair[F]]: ...
    @overload
    def __call__(
        self,
        input: ArrayLike,
        hx: ArrayLike | None = None,
        *,
        lengths: ArrayLike | None = None,
        reset: ArrayLike | None = None,
        reset_to: ResetTo = "zeros",
        return_gates: Literal[True],
        return_cells: Literal[False] = False,
    ) -> tuple[NDArray[F], Pair[F], Gates[F]]: ...
    @overload
    def __call__(
        self,
        input: ArrayLike,
        hx: ArrayLike | None = None,
        *,
        lengths: ArrayLike | None = None,
        reset: ArrayLike | None = None,
        reset_to: ResetTo = "zeros",
        return_gates: Literal[False] = False,
        return_cells: Literal[True],
    ) -> tuple[NDArray[F], Pair[F], Cells[F]]: ...
    @overload
    def __call__(
        self,
        input: ArrayLike,
        hx: ArrayLike | None = None,
        *,
        lengths: ArrayLike | None = None,
        reset: ArrayLike | None = None,
        reset_to: ResetTo = "zeros",
        return_gates: Literal[True],
        return_cells: Literal[True],
    ) -> tuple[NDArray[F], Pair[F], Gates[F], Cells[F]]: ...
    @overload
    def __call__(
        self,
        input: ArrayLike,
        hx: ArrayLike | None = None,
        *,
        lengths: ArrayLike | None = None,
        reset: ArrayLike | None = None,
        reset_to: ResetTo = "zeros",
        return_gates: bool = False,
        return_cells: bool = False,
    ) -> tuple[Any, ...]: ...
    def __call__(
        self,
        input: Any,
        hx: Any = None,
        *,
        lengths: Any = None,
        reset: Any = None,
        reset_to: Any = "zeros",
        return_gates: bool = False,
        return_cells: bool = False,
    ) -> Any:
        """Run the model over whole sequences.

        Parameters
        ----------
        input, hx, lengths, reset, reset_to, return_gates
            As for a call of `RNN`.
        return_cells : bool
            Whether the cell state c of every step is returned, too.

        Returns
        -------
        output, state, gates
            As from a call of `RNN`.
        cells : list of ndarrays, with `return_cells`
            For each layer and direction, in the order of c_n: c after every step, as `output` but
            (L, N, hidden_size); zero behind the end of a sequence. It is the last of the results.

        Raises
        ------
        ValueError, TypeError
            As a call of `RNN`.

        See Also
        --------
        forward : The same with a tape, for `backward`.
        step : One step of a stream.

        Examples
        --------
        >>> lstm = cyrnn.nn.LSTM(3, 5, rng=0)
        >>> output, (h_n, c_n), (c,) = lstm(np.ones((7, 2, 3), np.float32), return_cells=True)
        >>> np.array_equal(c[-1], c_n[0])
        True
        """
        if lengths is None and reset is None and reset_to is ZEROS and not return_gates and not return_cells:
            found = stack.forward(self._sublayers, self._plan.directions, input, hx, self.batch_first)
            if found is not None:
                return found
        return self._call(input, hx, lengths, (reset, reset_to), return_gates, return_cells)

    @property
    def proj_size(self) -> int:
        """The size of the projected hidden state; 0 where there is no projection."""
        return self._plan.proj_size
