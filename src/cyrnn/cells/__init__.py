"""One stem per cell: `rnn.py` says what it is, `rnn.pxi` is its compiled twin."""

from .lstm import LSTM
from .rnn import RNN
from .spec import Cell, Gate

#: every cell by its name, which is also its name at the kernels' face
CELLS = {cell.name: cell for cell in (RNN, LSTM)}

__all__ = ["CELLS", "LSTM", "RNN", "Cell", "Gate"]
