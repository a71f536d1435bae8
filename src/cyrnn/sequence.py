"""Runs any cell over time. Everything here is time-major: x (T, m, n_x), states (S, T + 1, m, n_a), y (T, m, n_y).

`advance` is the one place that calls the time loop. Columns of the batch never meet, so a slice of the batch,
`x[:, i:j]` with `states[:, :, i:j]` and `gates[:, :, i:j]`, is a run of its own. A stream is a run of T = 1 whose
last states become the first of the next.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from .cells.spec import Array
from .packing import Panels, native


class Blocks(NamedTuple):
    """What a run leaves: whole blocks of memory, that facades cut into views."""

    states: Array  # (S, T + 1, m, n_a), in the order of cell.states; [:, 0] are the initial states
    gates: Array | None  # (T, G, m, n_a), in the order of cell.stored_gates
    y: Array | None  # (T, m, n_y)


def run(panels: Panels, x: Array, initial: Sequence[Array | None], *, head: bool = True, gates: bool = True) -> Blocks:
    """Run a cell over x (T, m, n_x) from the initial states, each (m, n_a), None for zeros.

    With `head`, y = softmax(Wy a + by) of every step; with `gates`, what the cell's cache stores beside its states.
    """
    cell, dtype = panels.cell, panels.dtype
    T, m, _ = x.shape
    n_a, n_y = panels.n_a, panels.n_y
    states = np.empty((len(cell.states), T + 1, m, n_a), dtype)
    for slot, state in zip(states[:, 0], initial, strict=True):
        slot[...] = 0 if state is None else native(state, dtype)
    stored = np.empty((T, len(cell.stored_gates), m, n_a), dtype) if gates and cell.stored_gates else None
    advance(panels, x, states, stored)
    if not head:
        return Blocks(states, stored, None)
    y = np.empty((T, m, n_y), dtype)
    if y.size:
        panels.face.head(states[0, 1:].reshape(T * m, n_a), panels.Wy, panels.by, y.reshape(T * m, n_y))
    return Blocks(states, stored, y)


def hidden_states(panels: Panels, x: Array, initial: Sequence[Array | None]) -> Array:
    """Return the hidden states alone (T, m, n_a): no head, no caches."""
    return run(panels, x, initial, head=False, gates=False).states[0, 1:]


def advance(panels: Panels, x: Array, states: Array, gates: Array | None = None) -> None:
    """Fill states[:, 1:] from x and states[:, 0], and gates if given; nothing is allocated."""
    if x.shape[0] and states.size:  # kernels never see an empty run
        panels.face.forward(panels.cell.name, x, panels.Wx, panels.Wa, panels.b, states, gates)
