"""The record of a forward pass of one layer of nn in one direction, in NumPy: that of record.pxi."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ..cells.spec import Array, Arrays
from .reference_batch import Axes, Resets, StepOfBatch
from .reference_step import Step

if TYPE_CHECKING:
    from .reference_nn import Sublayer


class SavedForward:
    """The record of a forward pass, for the backward pass. Never changed."""

    steps_run = 0  # no work to share: NumPy's products have threads of their own

    def __init__(self, sublayer: Sublayer, axes: Axes, T: int, m: int) -> None:
        self.sublayer, self.axes, self.T, self.m = sublayer, axes, T, m
        self.tokens = False  # whether x was such
        self.steps: list[tuple[StepOfBatch, Step]] = []
        self.resets = Resets(np.zeros((T + 1, m), np.bool), False)

    def every_gate(self) -> Arrays:
        """Return each stored gate of every step: (T, m, n_a), with the axes of x; zero past the ends of sequences."""
        count = len(self.sublayer.cell.stored_gates)
        return tuple([self._every([step.gates[g] for _, step in self.steps]) for g in range(count)])

    def every_cell_state(self) -> Array:
        """Return the last of the states after every step, likewise."""
        return self._every([step.next[-1] for _, step in self.steps])

    def _every(self, values: list[Array]) -> Array:
        """Put one array of each step, (n_a, k), where the caller has that step."""
        rows = np.zeros((self.T, self.m, self.sublayer.n_a), self.sublayer.dtype)
        for ((sequences, times), _), value in zip(self.steps, values, strict=True):
            rows[times, sequences] = value.T
        return self.axes.given(rows)
