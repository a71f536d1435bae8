"""One stem per cell: `rnn.py` says what it is, `rnn.pxi` is its compiled twin."""

from .activations import FUNCTIONS, PLAIN, Activation, Variant
from .gru import GRU, GRU_AFTER, GRU_AFTER_VARIANT, GRU_VARIANT
from .lstm import LSTM, LSTM_COUPLED, LSTM_VARIANT
from .rnn import RNN, RNN_RELU, RNN_VARIANT
from .spec import Cell, Gate, Stage

#: every cell by its name, which is also its name in the kernels' registry
CELLS = {
    cell.name: cell
    for cell in (
        *(RNN, LSTM, GRU, GRU_AFTER, RNN_RELU),
        *(RNN_VARIANT, LSTM_VARIANT, LSTM_COUPLED, GRU_VARIANT, GRU_AFTER_VARIANT),
    )
}

__all__ = [
    "CELLS",
    "FUNCTIONS",
    "GRU",
    "GRU_AFTER",
    "LSTM",
    "PLAIN",
    "RNN",
    "Activation",
    "Cell",
    "Gate",
    "Stage",
    "Variant",
]
