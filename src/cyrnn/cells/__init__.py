"""One stem per cell: `rnn.py` says what it is, `rnn.pxi` is its compiled twin."""

from .gru import GRU, GRU_AFTER
from .lstm import LSTM
from .rnn import RNN, RNN_RELU
from .spec import Cell, Gate, Stage

#: every cell by its name, which is also its name in the kernels' registry
CELLS = {cell.name: cell for cell in (RNN, LSTM, GRU, GRU_AFTER, RNN_RELU)}

__all__ = ["CELLS", "GRU", "GRU_AFTER", "LSTM", "RNN", "RNN_RELU", "Cell", "Gate", "Stage"]
