"""A layer of an LSTM whose hidden state is projected: h = W_hr a, and h is what goes on (Sak, Senior, Beaufays 2014).

There is no kernel for it. The cell is run step by step, with h in the place of a_prev, zeros behind it: a few calls for
each step.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from .. import sequence
from ..cells.spec import Array
from ..kernels import dispatch
from ..packing import joined, joined_turned, turned
from .sublayer import Past, Sublayer, Trace
from .weights import Plan, from_notebook


class ProjectedSublayer(Sublayer):
    """The weights of one layer in one direction, the projection among them. Never changed."""

    def __init__(self, plan: Plan, weights: Mapping[str, Array], sublayer: int) -> None:
        super().__init__(plan, weights, sublayer)
        self.quick = dispatch.NoLayer()
        self.W_hr = weights[f"weight_hr{self.suffix}"].copy()  # (H_out, n_a)
        self._project = joined([[self.W_hr]], plan.dtype, self.panels.face)
        self._turned = joined_turned([[self.W_hr]], plan.dtype, self.panels.face)

    def run(
        self, x: Array, initial: Sequence[Array | None], *, gates: bool = False, active: sequence.Active = None
    ) -> Trace:
        T, m, _ = x.shape
        cell, n_a, dtype = self.plan.cell, self.plan.hidden_size, self.plan.dtype
        trace = Trace(
            x,
            np.zeros((T + 1, m, self.plan.output_size), dtype),
            np.zeros((len(cell.states), T + 1, m, n_a), dtype),
            np.zeros((T, len(cell.stored_gates) if gates else 0, m, n_a), dtype),
        )
        for states, given in zip(trace.states, initial, strict=True):
            if given is not None:
                states[0] = given
        for t in range(T):
            n = m if active is None else active[t]
            before = trace.cells[:, t, :n].copy()
            before[0] = self._in_place_of_a(trace.hidden[t, :n])
            if gates:
                blocks = sequence.run_layer(self.panels, x[t : t + 1, :n], list(before), gates=True)
                after, trace.gates[t, :, :n] = blocks.states[:, 1], blocks.gates[0]
            else:
                after = sequence.step(self.panels, x[t, :n], before)
            trace.cells[:, t + 1, :n] = after
            self._times(self._project, after[0], trace.hidden[t + 1, :n])
        return trace

    def step(self, x: Array, states: Sequence[Array]) -> Sequence[Array]:
        return [state[1] for state in self.run(x[None], states).states]

    def backward(self, trace: Trace, dh: Array, last: Sequence[Array], active: sequence.Active = None) -> Past:
        T, m, _ = trace.x.shape
        cell, arrays, dtype, face = self.plan.cell, self.arrays, self.plan.dtype, self.panels.face
        n_a, H_out = self.plan.hidden_size, self.plan.output_size
        WxT, WaT = turned(cell, arrays, dtype, face)
        dh, da = dh.copy(), np.zeros((T, m, n_a), dtype)
        dz = np.zeros((T, m, len(cell.gates) * n_a), dtype)
        start = np.stack((np.zeros((m, n_a), dtype), *last[1:]))  # of each step in turn
        for t in reversed(range(T)):
            now = slice(t, t + 1)
            dh[t] = added(dh[t], start[0, :, :H_out])
            self._times(self._turned, dh[t], da[t])
            before, after = trace.cells[:, now], trace.cells[:, t + 1 : t + 2]
            past = sequence.Past(arrays, da[now], (), trace.x[now], before, after, trace.gates[now])
            sequence.steps_back(cell, past, WaT, None, dz[now], start, None if active is None else active[now])
        which = sequence.taking_part(T, m, active)
        previous = self._in_place_of_a(trace.hidden[:-1])
        dx, weights = sequence.products(cell, arrays, WxT, dz, trace.x, previous, None, which)
        d_hr = np.zeros_like(self.W_hr)
        if which.any():
            face.add_outer(sequence.rows_of(dh, which), sequence.rows_of(trace.cells[0, 1:], which), d_hr)
        named = from_notebook(self.plan, weights, self.suffix) | {f"weight_hr{self.suffix}": d_hr}
        return Past(dx, [start[0, :, :H_out], *start[1:]], named)

    def _in_place_of_a(self, h: Array) -> Array:
        """Return h (..., H_out) with zeros behind it, (..., n_a)."""
        wide = np.zeros((*h.shape[:-1], self.plan.hidden_size), h.dtype)
        wide[..., : h.shape[-1]] = h
        return wide

    def _times(self, panels: Array, rows: Array, out: Array) -> None:
        """Write the rows (m, k) times the transposed of a packed matrix (n, k) into out (m, n)."""
        if rows.size and out.size:
            self.panels.face.multiply(rows, panels, None, out)


def added(left: Array, right: Array) -> Array:
    with np.errstate(all="ignore"):
        return left + right
