"""Recurrent networks on the CPU, on NumPy arrays.

The functions of the notebook "RNN and LSTM 101", compiled, with their backward passes, and those of a GRU in the same
style. Their arrays have features first, then the batch, then time: x is (n_x, m, T_x). `cyrnn.nn` has the classes of
torch.nn, with torch's order of axes: `help(cyrnn.nn)`; `cyrnn.plot` draws pictures (extra `plot`), and
`cyrnn.estimators` are those of scikit-learn (extra `sklearn`).
`cyrnn.set_num_threads` says how many threads a large call may use; a star import leaves out this function and
`cyrnn.get_num_threads`. Every example in a docstring begins with

>>> import numpy as np
>>> import cyrnn
>>> from cyrnn import *
"""

from typing import TYPE_CHECKING

from .calls.threads import get_num_threads as get_num_threads
from .calls.threads import set_num_threads as set_num_threads
from .notebook import (
    gru_backward,
    gru_cell_backward,
    gru_cell_forward,
    gru_forward,
    lstm_backward,
    lstm_cell_backward,
    lstm_cell_forward,
    lstm_forward,
    pack,
    rnn_backward,
    rnn_cell_backward,
    rnn_cell_forward,
    rnn_forward,
    sigmoid,
    softmax,
    tanh,
)
from .training import initialize_adam, update_parameters_with_adam

if TYPE_CHECKING:
    from . import estimators as estimators
    from . import nn as nn
    from . import plot as plot

__version__ = "0.2.0"

__all__ = [
    "gru_backward",
    "gru_cell_backward",
    "gru_cell_forward",
    "gru_forward",
    "initialize_adam",
    "lstm_backward",
    "lstm_cell_backward",
    "lstm_cell_forward",
    "lstm_forward",
    "pack",
    "rnn_backward",
    "rnn_cell_backward",
    "rnn_cell_forward",
    "rnn_forward",
    "sigmoid",
    "softmax",
    "tanh",
    "update_parameters_with_adam",
]


if not TYPE_CHECKING:  # to a type checker a misspelt name is an error

    def __getattr__(name):
        """Import `cyrnn.estimators`, `cyrnn.nn` and `cyrnn.plot` where they are first asked for."""
        if name in ("estimators", "nn", "plot"):
            import importlib

            return importlib.import_module(f"{__name__}.{name}")
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    """Return what a shell completes `cyrnn.` to: the rooms for users, too, and nothing of those behind the names."""
    special = {name for name in globals() if name.startswith("__")}
    return sorted({*__all__, "estimators", "get_num_threads", "nn", "plot", "set_num_threads"} | special)
