"""RNNCell, LSTMCell and GRUCell: one step of one layer."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from ..cells.spec import Array
from . import _check
from .layers import NONLINEARITIES, nonlinearity_of
from .module import Module
from .weights import Plan


class SingleCell(Module):
    """One layer, one step a call; see Module."""

    def __call__(self, input: Any, hx: Any = None) -> Any:
        """Run the cell for one step.

        Parameters
        ----------
        input : ndarray of shape (N, input_size) or (input_size,)
            Of the dtype of the cell; any strides.
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

        Notes
        -----
        Step after step has the very bits of a layer with the same weights on the whole sequence.
        """
        (sublayer,) = self._sublayers
        found = sublayer.forward(input, hx)
        if found is None:
            found = sublayer.forward(*self._plain(type(self).__name__, input, hx))
        return found[1]

    def _plain(self, function: str, input: Any, hx: Any) -> tuple[Array, Any]:
        """Make the arguments of a call plain, or say what is wrong with them."""
        plan = self._plan
        x = _check.array(function, "input", input, plan.dtype)
        _check.features(function, "input", x, "N", plan.input_size)
        if hx is None:
            return x, None
        wanted = (*x.shape[:-1], plan.hidden_size)
        states = []
        for name, given in _check.states(function, "hx", hx, len(plan.state_sizes)):
            state = _check.array(function, name, given, plan.dtype)
            if state.shape != wanted:
                _check.wrong_state(function, name, state, (), "hidden_size", wanted, "input")
            states.append(state)
        return x, tuple(states) if len(states) > 1 else states[0]

    def _build(self, cell: str, input_size: Any, hidden_size: Any, bias: Any, dtype: Any, rng: Any) -> None:
        function = type(self).__name__
        plan = Plan(
            cell,
            _check.whole_number(function, "input_size", input_size, least=0),
            _check.whole_number(function, "hidden_size", hidden_size, least=1),
            _check.floating(function, dtype),
            _check.flag(function, "bias", bias),
            numbered=False,
        )
        self._begin(plan, rng)


class RNNCell(SingleCell):
    """The plain recurrent cell, as torch.nn.RNNCell.

    Parameters
    ----------
    input_size, hidden_size, bias, nonlinearity, dtype, rng
        As for `RNN`.

    Raises
    ------
    ValueError, TypeError
        If an argument is not as above.

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

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        bias: bool = True,
        nonlinearity: str = "tanh",
        *,
        dtype: Any = np.float32,
        rng: Any = None,
    ) -> None:
        cell = _check.choice("RNNCell", "nonlinearity", nonlinearity, NONLINEARITIES)
        self._build(cell, input_size, hidden_size, bias, dtype, rng)

    @property
    def nonlinearity(self) -> str:
        return nonlinearity_of(self._plan)


class LSTMCell(SingleCell):
    """The long short-term memory cell, as torch.nn.LSTMCell.

    Parameters
    ----------
    input_size, hidden_size, bias, dtype, rng
        As for `RNN`.

    Raises
    ------
    ValueError, TypeError
        If an argument is not as above.

    Notes
    -----
    Weights as those of a layer of `LSTM`, without a number.

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

    _options: ClassVar[dict[str, Any]] = {"bias": True}

    def __init__(
        self, input_size: int, hidden_size: int, bias: bool = True, *, dtype: Any = np.float32, rng: Any = None
    ) -> None:
        self._build("lstm", input_size, hidden_size, bias, dtype, rng)


class GRUCell(SingleCell):
    """The gated recurrent unit, as torch.nn.GRUCell.

    Parameters
    ----------
    input_size, hidden_size, bias, dtype, rng
        As for `RNN`.

    Raises
    ------
    ValueError, TypeError
        If an argument is not as above.

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

    def __init__(
        self, input_size: int, hidden_size: int, bias: bool = True, *, dtype: Any = np.float32, rng: Any = None
    ) -> None:
        self._build("gru_after", input_size, hidden_size, bias, dtype, rng)
