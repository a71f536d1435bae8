"""Mistakes that a type checker finds: a line that ends in `# wrong` is an error to mypy and pyright, and no other."""
# ruff: noqa: B018 - an expression is enough

from __future__ import annotations

import numpy as np

import cyrnn
from cyrnn import nn, onnx

lstm, cell = nn.LSTM(3, 5), nn.LSTMCell(3, 5)
x = np.zeros((7, 2, 3), np.float32)

lstm.hidden  # wrong
lstm.weight_ih_10  # wrong
lstm.weight_ih_10 = x  # wrong
lstm.hidden_size = 7  # wrong
cell.step(x[0])  # wrong
cell.weight_ih_l0  # wrong
nn.GRU(3, 5).proj_size  # wrong
nn.Lstm(3, 5)  # wrong
nn.stacked  # wrong
cyrnn.lstm_foreward  # wrong
nn.LSTM("3", 5)  # wrong
nn.LSTM(3, 5, dtype=np.int8)  # wrong
nn.GRU(3, 5, proj_size=2)  # wrong
nn.GRU(3, 5)(x, return_cells=True)  # wrong
lstm(x, length=[7, 7])  # wrong
lstm(None)  # wrong
nn.Linear(3)  # wrong
nn.Linear(3, 5).hidden_size  # wrong
nn.Embedding(3, 5)([1], [2])  # wrong
output, h_n, c_n = lstm(x)  # wrong
nn.GRUCell(3, 5, peephole=True)  # wrong
onnx.lstm(x, x, x, linear_before_reset=1)  # wrong
onnx.RNN(x, x, clip="3")  # wrong
onnx.GRU(x, x, directions="reverse")  # wrong
