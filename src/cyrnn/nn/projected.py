"""A layer of an LSTM whose hidden state is projected: h = W_hr a, and h is what goes on (Sak, Senior, Beaufays 2014).

There is no kernel for it. The cell is run step by step, with [x, h] of the step before in the place of x and a hidden
product of zeros: many calls for each step, and right.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from .. import sequence
from ..cells.spec import Array
from ..kernels import dispatch
from ..packing import gate_keys, on_cache_line
from .sublayer import Past, Sublayer, Trace
from .weights import Plan, from_notebook


class ProjectedSublayer(Sublayer):
    """The weights of one layer in one direction, the projection among them. Never changed."""

    def __init__(self, plan: Plan, weights: Mapping[str, Array], sublayer: int) -> None:
        super().__init__(plan, weights, sublayer)
        self.quick = dispatch.NoLayer()
        self.W_hr = weights[f"weight_hr{self.suffix}"].copy()  # (H_out, n_a)
        face, (H_out, n_a) = self.panels.face, self.W_hr.shape
        self._project = on_cache_line(face.packed_size(H_out, n_a, 1), plan.dtype)
        face.pack(self.W_hr, 0, 1, self._project)
        self._turned = on_cache_line(face.packed_size(n_a, H_out, 1), plan.dtype)
        face.pack_turned(self.W_hr, 0, 1, self._turned)

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
            joined = np.concatenate((x[t, :n], trace.hidden[t, :n]), axis=1)
            start = [None, *trace.cells[1:, t, :n]]
            blocks = sequence.run(self.panels, joined[None], start, gates=gates)
            trace.cells[:, t + 1, :n] = blocks.states[:, 1]
            trace.gates[t, :, :n] = blocks.gates[0]
            self._times(self._project, blocks.states[0, 1], trace.hidden[t + 1, :n])
        return trace

    def step(self, x: Array, states: Sequence[Array]) -> Sequence[Array]:
        return [state[1] for state in self.run(x[None], states).states]

    def backward(self, trace: Trace, dh: Array, last: Sequence[Array], active: sequence.Active = None) -> Past:
        T, m, _ = trace.x.shape
        n_a, dtype = self.plan.hidden_size, self.plan.dtype
        dx, d_hr = np.zeros(trace.x.shape, dtype), np.zeros_like(self.W_hr)
        back, carried = np.zeros_like(last[0]), np.stack(last[1:])
        weights = {key: np.zeros_like(self.arrays[key]) for key in gate_keys(self.plan.cell)}
        for t in reversed(range(T)):
            n = m if active is None else active[t]
            arriving = added(dh[t, :n], back[:n])
            da = np.empty((n, n_a), dtype)
            self._times(self._turned, arriving, da)
            if n:
                self.panels.face.add_outer(arriving, trace.cells[0, t + 1, :n], d_hr)
            found = sequence.backward(self.plan.cell, self._step_back(trace, t, n, da, carried))
            carried[:, :n] = found.initial[1:]
            dx[t, :n], back[:n] = np.split(found.x[0], [self.features], axis=1)
            for key, gradient in found.weights.items():
                weights[key] = added(weights[key], gradient)
        named = from_notebook(self.plan, weights, self.suffix, self.features)
        return Past(dx, [back, *carried], named | {f"weight_hr{self.suffix}": d_hr})

    def _step_back(self, trace: Trace, t: int, n: int, da: Array, carried: Array) -> sequence.Past:
        """Return what the way back through step t needs, for the first n columns."""
        before = trace.cells[:, t : t + 1, :n].copy()
        before[0] = 0  # the hidden state came in as a part of x
        return sequence.Past(
            self.arrays,
            da[None],
            np.concatenate((np.zeros_like(da)[None], carried[:, :n])),
            np.concatenate((trace.x[t, :n], trace.hidden[t, :n]), axis=1)[None],
            before,
            np.ascontiguousarray(trace.cells[:, t + 1 : t + 2, :n]),
            np.ascontiguousarray(trace.gates[t : t + 1, :, :n]),
        )

    def _times(self, panels: Array, rows: Array, out: Array) -> None:
        """Write the rows (m, k) times the transposed of a packed matrix (n, k) into out (m, n)."""
        if rows.size and out.size:
            self.panels.face.multiply(rows, panels, None, out)


def added(left: Array, right: Array) -> Array:
    with np.errstate(all="ignore"):
        return left + right
