"""Stands in for sequence.run_layer and the ragged sequence.backward, until they are there."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from .. import sequence
from ..cells import Cell
from ..cells.spec import Array
from ..packing import Panels


def run_layer(
    panels: Panels,
    x: Array,
    initial: Sequence[Array | None],
    *,
    gates: bool = False,
    active: Array | None = None,
) -> sequence.Blocks:
    blocks = sequence.run(panels, x, initial, gates=gates)
    if active is not None:
        for t, n in enumerate(active):
            blocks.states[:, t + 1, n:] = 0
            blocks.gates[t, :, n:] = 0
    return blocks


def backward(cell: Cell, past: sequence.Past, active: Array | None = None) -> sequence.Gradients:
    if active is None:
        return sequence.backward(cell, past)
    T, m, _ = past.da.shape
    lengths = (active[:, None] > np.arange(m)).sum(0)
    whole = sequence.backward(cell, past._replace(da=past.da[:0], x=past.x[:0], previous=past.previous[:, :0]))
    dx = np.zeros((T, m, past.x.shape[2]), past.x.dtype)
    for n in np.unique(lengths[lengths > 0]):
        who = lengths == n
        gates = None if past.gates is None else np.ascontiguousarray(past.gates[:n, :, who])
        part = sequence.backward(
            cell,
            sequence.Past(
                past.arrays,
                np.ascontiguousarray(past.da[:n, who]),
                np.ascontiguousarray(past.last[:, who]),
                np.ascontiguousarray(past.x[:n, who]),
                np.ascontiguousarray(past.previous[:, :n, who]),
                np.ascontiguousarray(past.following[:, :n, who]),
                gates,
            ),
        )
        dx[:n, who] = part.x
        whole.initial[:, who] = part.initial
        for key, value in part.weights.items():
            whole.weights[key][...] += value
    return whole._replace(x=dx)
