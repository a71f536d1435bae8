"""The order in which each framework keeps the gates of a cell, as blocks of rows of one matrix.

Letters are the first ones of the notebook's names: i f c o of an LSTM (c, the candidate, is g, j or z elsewhere), r z c
of a GRU (r, the reset gate; z, the update gate, u elsewhere; c is n or h elsewhere), a of an RNN. Every permutation is
derived from this table.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from ..cells import Cell
from ..cells.spec import Array

#: framework -> cell -> its gates; a cell that the framework keeps as a matrix for each gate, in the order of its text
ORDERS = {
    "torch": {"rnn": "a", "lstm": "ifco", "gru": "rzc"},  # torch.nn: W_ii W_if W_ig W_io; W_ir W_iz W_in
    "onnx": {"rnn": "a", "lstm": "iofc", "gru": "zrc"},  # the operators: W[iofc]; W[zrh]
    # keras/src/layers/rnn/lstm.py: k_i, k_f, k_c, k_o; gru.py: x_z, x_r, x_h; the same in Keras 1 and 2
    "keras": {"rnn": "a", "lstm": "ifco", "gru": "zrc"},
    # linLayerID of cudnnGetRNNWeightParams: input, forget, new memory, output; reset, update, new memory. Keras'
    # CuDNNLSTM and CuDNNGRU have the order of Keras, and a layout of their own: keras_layout.py
    "cudnn": {"rnn": "a", "lstm": "ifco", "gru": "rzc"},
    "paddle": {"rnn": "a", "lstm": "ifco", "gru": "rzc"},  # paddle/nn/layer/rnn.py: W_ii W_if W_ig W_io; W_ir W_iz W_ic
    # operators lstm and gru of paddle.fluid: Weight = {W_ch, W_ih, W_fh, W_oh}; update, reset, candidate
    "paddle.fluid": {"lstm": "cifo", "gru": "zrc"},
    # dynet/lstm.cc, VanillaLSTMBuilder: i_ait, i_aft, i_aot, i_agt; gru.cc: X2Z, X2R, X2H, a matrix each
    "dynet": {"lstm": "ifoc", "gru": "zrc"},
    # MIL's operators, coremltools/converters/mil/mil/ops/defs: "ifoz layout"; W_ir W_io W_iz, o being the candidate
    "coreml": {"lstm": "ifoc", "gru": "rcz"},
    # NStepLSTM, n_step_lstm.py: W_0 to W_3 of i, f, o, a; NStepGRU: of r, z, h'
    "chainer": {"rnn": "a", "lstm": "ifoc", "gru": "rzc"},
    # chainer.links.LSTM, functions/rnn/lstm.py: a, i, f, o = _extract_gates(x), unit by unit; StatefulGRU: W_r, W_z, W
    "chainer.links": {"lstm": "cifo", "gru": "rzc"},
    # gluon/rnn/rnn_cell.py: in_gate, forget_gate, in_transform, out_gate; reset_gate, update_gate, next_h_tmp
    "mxnet": {"rnn": "a", "lstm": "ifco", "gru": "rzc"},
    # LSTMBlockCell, BlockLSTM, BasicLSTMCell: i, ci, f, o, as measured of TensorFlow 2.21, though the operator's text
    # says i, f, ci, o; GRUBlockCell, GRUCell: w_ru, then w_c
    "tensorflow": {"lstm": "icfo", "gru": "rzc"},
    "tensorflow.BlockLSTMV2": {"lstm": "ifco"},  # as measured, and as its kernel's IFCO says
    "notebook": {"rnn": "a", "lstm": "fico", "gru": "zrc"},  # Wf, Wi, Wc, Wo; Wz, Wr, Wc, a matrix each
}


class Facts(NamedTuple):
    """What a conversion has to know beside the order. None: the file or the caller says so."""

    transposed: bool = False  # weights are (features, rows), for x @ W
    reset_after: bool | None = True  # whether a GRU resets behind its product
    forget_bias: bool = False  # the cell adds a number to the forget gate's pre-activation, which no bias holds
    negated: str | None = ""  # gates that stand for 1 minus ours: z of a GRU with h = (1 - z) * h + z * c
    by_unit: bool = False  # rows go unit by unit, the gates of each beside one another, not gate by gate
    two_matrices: bool = False  # R of a GRU is (n, 3 * n) by its shape, in memory (n, 2 * n), then (n, n)


#: framework -> its facts; torch's, where nothing else is said
FACTS = {
    "onnx": Facts(reset_after=None),  # linear_before_reset
    "keras": Facts(transposed=True, reset_after=None),  # h = z * h_tm1 + (1 - z) * hh
    # gru_op.cc: h_t = (1 - u_t) h + u_t c, unless origin_mode is true; weight_data + 2 * frame_size * frame_size
    "paddle.fluid": Facts(transposed=True, reset_after=False, negated=None, two_matrices=True),
    # forget_bias = 1 of VanillaLSTMBuilder is its argument's default; gru.cc: ft = 1 - zt is the factor of h
    "dynet": Facts(reset_after=False, forget_bias=True, negated="z"),
    "coreml": Facts(reset_after=None),  # MIL's text has it after, NeuralNetwork.proto, which runs it, before
    # linear_interpolate(z, h_bar, h) is z * h_bar + (1 - z) * h
    "chainer.links": Facts(reset_after=False, negated="z", by_unit=True),
    # weights are one matrix of [x, h], (features + n, rows); GRUBlockCell: h = (1 - u) * c + u * h_prev
    "tensorflow": Facts(transposed=True, reset_after=False, forget_bias=True),
    "tensorflow.BlockLSTMV2": Facts(transposed=True),
    "notebook": Facts(reset_after=None),
}


def facts_of(framework: str) -> Facts:
    """Return the facts of a framework, those of torch where the table has none."""
    return FACTS.get(framework, Facts())


def gates_of(cell: Cell) -> str:
    """Return the letters of a cell's gates, each once, in torch's order."""
    return order_of("torch", cell)


def order_of(framework: str, cell: Cell) -> str:
    """Return the gates of a cell as a framework has them: without those that the cell has not."""
    whole = ORDERS[framework][cell.name.partition("_")[0]]
    own = {gate.name[0] for gate in cell.gates}
    return "".join([letter for letter in whole if letter in own])


def blocks(cell: Cell, order: str) -> tuple[int, ...]:
    """Return for each gate of a cell its place in an order: which block of rows it has in weights.

    Two gates that are the halves of one, as the candidate's in a GRU, have one block.
    """
    by_key: dict[str | None, int] = {gate.W_x: order.index(gate.name[0]) for gate in cell.gates if gate.W_x}
    return tuple([by_key[gate.W_x or gate.W_a] for gate in cell.gates])


def rows(given: str, wanted: str, units: int, *, by_unit: bool = False) -> list[int]:
    """Return where the rows of blocks in the order `wanted` are in blocks in the order `given`.

    `by_unit`: the rows that are given go unit by unit, not block by block.
    """
    step, start = (len(given), 1) if by_unit else (1, units)
    return [given.index(gate) * start + row * step for gate in wanted for row in range(units)]


def in_order(value: Array, given: str, wanted: str, n: int, dtype: np.dtype[Any], empty: Any = np.empty) -> Array:
    """Return blocks of n rows in another order; zeros for one that is not given. `empty`: what makes the array."""
    out: Array = empty((len(wanted) * n, *value.shape[1:]), dtype)
    for block, gate in zip(out.reshape(len(wanted), n, *value.shape[1:]), wanted, strict=True):
        at = given.find(gate) * n
        block[...] = value[at : at + n] if gate in given else 0
    return out
