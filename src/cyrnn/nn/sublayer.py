"""One layer of a model in one direction, its weights packed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from .. import sequence
from ..cells.spec import Array
from ..packing import Panels
from .weights import Plan, from_notebook, to_notebook


class Trace(NamedTuple):
    """What a run leaves: time-major, from the initial states on."""

    x: Array  # (T, m, n_x)
    hidden: Array  # (T + 1, m, H_out): a, or its projection
    cells: Array  # (S, T + 1, m, n_a): the states of the cell
    gates: Array  # (T, G, m, n_a); G = 0 where they were not wanted

    @property
    def states(self) -> tuple[Array, ...]:
        """The states that go from step to step, each (T + 1, m, n)."""
        return (self.hidden, *self.cells[1:])


class Past(NamedTuple):
    """What the way back gives: the gradients of what a run was given."""

    x: Array  # (T, m, n_x)
    initial: Sequence[Array]  # (m, n) for each state
    weights: dict[str, Array]  # by torch's names


class Sublayer:
    """The weights of one layer in one direction. Never changed."""

    def __init__(self, plan: Plan, weights: Mapping[str, Array], sublayer: int) -> None:
        self.plan = plan
        self.suffix = plan.suffixes[sublayer]
        self.arrays = to_notebook(plan, weights, self.suffix)
        self.panels = Panels(plan.cell, self.arrays, plan.dtype)
        #: the compiled calls, which give None where they do not apply: quick(x, hx, batch_first, last) is what torch's
        #: layer returns, or its cell; quick.ragged(...) runs sequences of lengths of their own (kernels/fast_layer.pxi)
        self.quick: Any = self.panels.calls.layer(self.panels, not plan.numbered, plan.sublayers, sublayer)

    def run(
        self, x: Array, initial: Sequence[Array | None], *, gates: bool = False, active: sequence.Active = None
    ) -> Trace:
        """Run x (T, m, n_x) from the initial states (m, n), None for zeros; at step t the first active[t] columns."""
        blocks = sequence.run_layer(self.panels, x, initial, gates=gates, active=active)
        return Trace(x, blocks.states[0], blocks.states, blocks.gates)

    def step(self, x: Array, states: Sequence[Array]) -> Sequence[Array]:
        """Return the states (m, n) one step after `states`, for x (m, n_x)."""
        before = np.empty((len(states), len(x), self.plan.hidden_size), self.plan.dtype)
        for row, state in zip(before, states, strict=True):
            row[...] = state
        return list(sequence.step(self.panels, x, before))

    def backward(self, trace: Trace, dh: Array, last: Sequence[Array], active: sequence.Active = None) -> Past:
        """Return the gradients of a run, from dh (T, m, H_out) and what arrives at the last of each state, (m, n).

        The first of `last` is not read: it is a part of dh.
        """
        before, after = trace.cells[:, :-1], trace.cells[:, 1:]
        gates = trace.gates if trace.gates.shape[1] else None
        past = sequence.Past(self.arrays, dh, np.stack(last), trace.x, before, after, gates)
        found = sequence.backward(self.plan.cell, past, active)
        weights = from_notebook(self.plan, found.weights, self.suffix)
        return Past(found.x, list(found.initial), weights)
