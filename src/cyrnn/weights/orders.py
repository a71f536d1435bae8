"""The order in which each framework keeps the gates of a cell, as blocks of rows of one matrix.

Letters are the first ones of the notebook's names: i f c o of an LSTM (c, the candidate, is g elsewhere), r z c of a
GRU (r, the reset gate; z, the update gate; c is n or h elsewhere), a of an RNN. Every permutation is derived from this
table.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..cells import Cell
from ..cells.spec import Array

#: framework -> cell -> its gates
ORDERS = {
    "torch": {"rnn": "a", "lstm": "ifco", "gru": "rzc"},  # torch.nn: W_ii W_if W_ig W_io; W_ir W_iz W_in
    "onnx": {"rnn": "a", "lstm": "iofc", "gru": "zrc"},  # the operators: W[iofc]; W[zrh]
}


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


def rows(given: str, wanted: str, units: int) -> list[int]:
    """Return where the rows of blocks in the order `wanted` are in blocks in the order `given`."""
    return [given.index(gate) * units + row for gate in wanted for row in range(units)]


def in_order(value: Array, given: str, wanted: str, n: int, dtype: np.dtype[Any], empty: Any = np.empty) -> Array:
    """Return blocks of n rows in another order; zeros for one that is not given. `empty`: what makes the array."""
    out: Array = empty((len(wanted) * n, *value.shape[1:]), dtype)
    for block, gate in zip(out.reshape(len(wanted), n, *value.shape[1:]), wanted, strict=True):
        at = given.find(gate) * n
        block[...] = value[at : at + n] if gate in given else 0
    return out
