"""Models of torch.nn as models of cyrnn.nn."""

from __future__ import annotations

from typing import Any

from . import _check
from .cells import GRUCell, LSTMCell, RNNCell
from .layers import GRU, LSTM, RNN
from .module import Module

_CLASSES: dict[str, type[Module]] = {kind.__name__: kind for kind in (RNN, LSTM, GRU, RNNCell, LSTMCell, GRUCell)}


def from_torch(module: Any, *, dtype: Any = None) -> Module:
    """Make a model with the class, the sizes, the options and the weights of one of torch.nn's.

    Parameters
    ----------
    module : torch.nn.Module
        An RNN, LSTM, GRU, RNNCell, LSTMCell or GRUCell, or of a subclass of one. Only its attributes are asked for:
        torch is not imported.
    dtype : dtype, optional
        float32 or float64; if left out, float64 for weights in float64, else float32.

    Returns
    -------
    RNN, LSTM, GRU, RNNCell, LSTMCell or GRUCell
        With copies of the weights.

    Raises
    ------
    TypeError, ValueError
        If module is of another class, or its weights do not fit its sizes.

    Examples
    --------
    >>> class LSTMCell:  # or torch.nn.LSTMCell
    ...     input_size, hidden_size, bias = 1, 2, False
    ...     weight_ih, weight_hh = np.ones((8, 1), np.float32), np.ones((8, 2), np.float32)
    >>> cyrnn.nn.from_torch(LSTMCell())
    LSTMCell(1, 2, bias=False)
    """
    return _CLASSES[_check.framework_class("from_torch", module, _CLASSES)].from_torch(module, dtype=dtype)
