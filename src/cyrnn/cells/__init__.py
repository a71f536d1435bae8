"""One stem per cell: `rnn.py` says what it is, `rnn.pxi` is its compiled twin."""

from .lstm import LSTM
from .rnn import RNN
from .spec import Cell, Gate

__all__ = ["LSTM", "RNN", "Cell", "Gate"]
