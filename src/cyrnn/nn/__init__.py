"""The classes that people know from torch.nn, on NumPy arrays.

A sequence is (L, N, features), as there, and weights have torch's names, shapes and order of gates, so that a trained
model is loaded as it is. A call is as in eval mode. Beyond torch, `lengths` says how long each sequence of a batch is,
`step` follows a stream, and `forward` and `backward` go through a whole model and back, with dropout between layers.
There is no `eval()`, `train()` or `to()`: leave them out. Every example in a docstring begins with

>>> import numpy as np
>>> import cyrnn.nn
"""

from .cells import GRUCell, LSTMCell, RNNCell
from .convert import from_torch
from .layers import GRU, LSTM, RNN

__all__ = ["GRU", "LSTM", "RNN", "GRUCell", "LSTMCell", "RNNCell", "from_torch"]
