"""RNNCell, LSTMCell and GRUCell: one step of one layer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Generic

import numpy as np

from ..cells import Variant
from . import _check, tokens
from .cell_module import CellModule
from .typed import DType, F, One, Pair, S
from .variants import GRU_OPTIONS, LSTM_OPTIONS, RNN_OPTIONS, OfGRU, OfLSTM, OfRNN, gru_cell, lstm_cell, rnn_cell
from .weights import Plan

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray


class SingleCell(CellModule[F], Generic[F, S]):
    """One layer, one step a call; see Module."""

    if TYPE_CHECKING:
        weight_ih: NDArray[F]
        weight_hh: NDArray[F]
        bias_ih: NDArray[F]
        bias_hh: NDArray[F]
        weight_ih_scale: NDArray[np.float32]  # of a quantised model
        weight_hh_scale: NDArray[np.float32]

    def __call__(self, input: ArrayLike, hx: ArrayLike | None = None) -> S:
        """Run the cell for one step.

        Parameters
        ----------
        input : ndarray of shape (N, input_size) or (input_size,)
            Of the dtype of the cell; any strides. Or tokens, whole numbers (N,) or one number, as for a layer.
        hx : ndarray, or a pair of them for an LSTMCell, optional
            The state before the step: h, or (h, c), each (N, hidden_size), or (hidden_size,). Zeros if left out.

        Returns
        -------
        ndarray, or a pair of them from an LSTMCell
            The state after the step, as `hx`: new arrays.

        Raises
        ------
        ValueError, TypeError
            For wrong shapes, another dtype or kind; before any work.

        See Also
        --------
        cyrnn.nn.LSTM.step : One step of all layers of a model.

        Notes
        -----
        Step after step has the very bits of a layer with the same weights on the whole sequence.

        Examples
        --------
        >>> cell, h = cyrnn.nn.GRUCell(3, 5, rng=0), None
        >>> for frame in np.ones((7, 2, 3), np.float32):
        ...     h = cell(frame, h)
        >>> h.shape
        (2, 5)
        """
        (sublayer,) = self._sublayers
        found = sublayer.forward(input, hx)
        if found is None:
            found = sublayer.forward(*self._plain(type(self).__name__, input, hx))
        return found[1]  # type: ignore[no-any-return]  # S, as the class says

    def _plain(self, function: str, input: Any, hx: Any) -> tuple[Any, Any]:
        """Make the arguments of a call plain, or say what is wrong with them."""
        plan = self._plan
        numbers = tokens.numbers_in(function, "input", input, 1)
        if numbers is not None:
            known = tokens.has_batch(hx, 2)
            x = tokens.checked(function, "input", plan, numbers, input, axes=1, cure="hx", batched=known)
            wanted = (*x.shape, plan.hidden_size)
        else:
            x = _check.array(function, "input", input, plan.dtype)
            _check.features(function, "input", x, "N", plan.input_size, input)
            wanted = (*x.shape[:-1], plan.hidden_size)
        if hx is None:
            return x, None
        states = []
        for name, given in _check.states(function, "hx", hx, len(plan.state_sizes)):
            state = _check.array(function, name, given, plan.dtype)
            if state.shape != wanted:
                _check.wrong_state(function, name, state, (), "hidden_size", wanted, "input")
            states.append(state)
        return x, tuple(states) if len(states) > 1 else states[0]

    def _build(
        self,
        cell: str,
        input_size: Any,
        hidden_size: Any,
        bias: Any,
        dtype: Any,
        rng: Any,
        variant: Variant,
        peephole: bool = False,
    ) -> None:
        function = type(self).__name__
        plan = Plan(
            cell,
            _check.whole_number(function, "input_size", input_size, least=0),
            _check.whole_number(function, "hidden_size", hidden_size, least=1),
            _check.floating(function, dtype),
            _check.flag(function, "bias", bias),
            numbered=False,
            variant=variant,
            peephole=peephole,
        )
        self._begin(plan, rng)


class RNNCell(OfRNN, SingleCell[F, One[F]]):
    """The plain recurrent cell, as torch.nn.RNNCell.

    Parameters
    ----------
    input_size, hidden_size, bias, nonlinearity, dtype, rng, clip
        As for `RNN`.

    Raises
    ------
    ValueError, TypeError
        If an argument is not as above.

    See Also
    --------
    RNN : Layers of this cell, over whole sequences.
    cyrnn.rnn_cell_forward : The notebook's function.

    Notes
    -----
    Weights as those of a layer of `RNN`, without a number: `weight_ih weight_hh bias_ih bias_hh`.

    References
    ----------
    torch.nn.RNNCell, PyTorch 2.

    Examples
    --------
    >>> cell = cyrnn.nn.RNNCell(3, 5, rng=0)
    >>> cell(np.ones((2, 3), np.float32)).shape
    (2, 5)
    """

    _options: ClassVar[dict[str, Any]] = {"bias": True, "nonlinearity": "tanh"}
    _variants: ClassVar[dict[str, Any]] = RNN_OPTIONS

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        bias: bool = True,
        nonlinearity: str | tuple[Any, ...] = "tanh",
        *,
        dtype: DType[F] = np.float32,  # type: ignore[assignment]  # the default of F
        rng: np.random.Generator | int | None = None,
        clip: float | None = None,
    ) -> None:
        cell, variant = rnn_cell("RNNCell", nonlinearity, clip)
        self._build(cell, input_size, hidden_size, bias, dtype, rng, variant)

    if TYPE_CHECKING:

        def double(self) -> RNNCell[np.float64]: ...


class LSTMCell(OfLSTM, SingleCell[F, Pair[F]]):
    """The long short-term memory cell, as torch.nn.LSTMCell.

    Parameters
    ----------
    input_size, hidden_size, bias, dtype, rng
        As for `RNN`.
    peephole, coupled, recurrent_activation, activation, output_activation, clip
        As for `LSTM`.

    Raises
    ------
    ValueError, TypeError
        If an argument is not as above.

    See Also
    --------
    LSTM : Layers of this cell, over whole sequences.
    cyrnn.lstm_cell_forward : The notebook's function.

    Notes
    -----
    Weights as those of a layer of `LSTM`, without a number; with peepholes `weight_ch`.

    References
    ----------
    torch.nn.LSTMCell, PyTorch 2.

    Examples
    --------
    >>> cell = cyrnn.nn.LSTMCell(3, 5, rng=0)
    >>> h, c = cell(np.ones((2, 3), np.float32))
    >>> h, c = cell(np.ones((2, 3), np.float32), (h, c))
    >>> h.shape, c.shape
    ((2, 5), (2, 5))
    """

    if TYPE_CHECKING:
        weight_ch: NDArray[F]

    _options: ClassVar[dict[str, Any]] = {"bias": True}
    _variants: ClassVar[dict[str, Any]] = LSTM_OPTIONS

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        bias: bool = True,
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
        cell, variant, peephole = lstm_cell("LSTMCell", *given)
        self._build(cell, input_size, hidden_size, bias, dtype, rng, variant, peephole)

    if TYPE_CHECKING:

        def double(self) -> LSTMCell[np.float64]: ...


class GRUCell(OfGRU, SingleCell[F, One[F]]):
    """The gated recurrent unit, as torch.nn.GRUCell.

    Parameters
    ----------
    input_size, hidden_size, bias, dtype, rng
        As for `RNN`.
    reset_after, recurrent_activation, activation, clip
        As for `GRU`.

    Raises
    ------
    ValueError, TypeError
        If an argument is not as above.

    See Also
    --------
    GRU : Layers of this cell, over whole sequences.
    cyrnn.gru_cell_forward : The notebook's function.

    Notes
    -----
    Weights as those of a layer of `GRU`, without a number.

    References
    ----------
    torch.nn.GRUCell, PyTorch 2.

    Examples
    --------
    >>> cell = cyrnn.nn.GRUCell(3, 5, rng=0)
    >>> cell(np.ones(3, np.float32)).shape
    (5,)
    """

    _options: ClassVar[dict[str, Any]] = {"bias": True}
    _variants: ClassVar[dict[str, Any]] = GRU_OPTIONS

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        bias: bool = True,
        *,
        dtype: DType[F] = np.float32,  # type: ignore[assignment]  # the default of F
        rng: np.random.Generator | int | None = None,
        reset_after: bool = True,
        recurrent_activation: str | tuple[Any, ...] = "sigmoid",
        activation: str | tuple[Any, ...] = "tanh",
        clip: float | None = None,
    ) -> None:
        cell, variant = gru_cell("GRUCell", reset_after, recurrent_activation, activation, clip)
        self._build(cell, input_size, hidden_size, bias, dtype, rng, variant)

    if TYPE_CHECKING:

        def double(self) -> GRUCell[np.float64]: ...
