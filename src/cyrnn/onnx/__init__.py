"""The recurrent operators of ONNX, on NumPy arrays: RNN, LSTM and GRU with all their attributes, forward and backward.

    rnn, lstm, gru    the operators: positional arguments are their inputs, keywords their attributes
    RNN, LSTM, GRU    prepared layers: weights are packed once, for many calls
    load              the recurrent nodes of a file of ONNX, as prepared layers
    reference_ops     the operators for the onnx package's ReferenceEvaluator, which runs a whole graph

Names, shapes and defaults are those of the operators' descriptions, opsets 1 to 22, https://onnx.ai/onnx/operators/.
Neither onnx nor onnxruntime is imported; `reference_ops` alone imports onnx.
"""

from .files import load as load
from .lstm_layer import LSTM as LSTM
from .operators import gru as gru
from .operators import lstm as lstm
from .operators import rnn as rnn
from .prepared import GRU as GRU
from .prepared import RNN as RNN
from .reference import reference_ops as reference_ops
