"""One layer of nn in one direction, in NumPy: the interface of sublayer.pxi.

The hidden state h is a, or with a projection (Sak, Senior and Beaufays 2014)

    h_next = W_hr a_next        and backward    da_next = W_hr^T dh_next        dW_hr = dh_next a_next^T

Sequences may have lengths of their own. Each step is run for those sequences alone that still go on: the state of any
other stays as it is, which is the state after its own last step. In the backward pass the gradient of a state stays as
it came in until the last step of its sequence is reached.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..cells import Cell, Variant
from ..cells.spec import Array, Arrays
from .reference_batch import Axes, Lengths, Resets, StepOfBatch, rows_of_tokens, steps_of
from .reference_quantized import projected, with_integers
from .reference_step import (
    GateWeights,
    Step,
    in_levels,
    is_array,
    is_plain,
    rows_of,
    step_backward,
    step_forward,
    sum_outer,
    sum_weights,
)


class SavedForward:
    """The record of a forward pass, for the backward pass. Never changed."""

    steps_run = 0  # no work to share: NumPy's products have threads of their own

    def __init__(self, sublayer: Sublayer, axes: Axes, T: int, m: int, tokens: bool) -> None:
        self.sublayer, self.axes, self.T, self.m, self.tokens = sublayer, axes, T, m, tokens
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


class Sublayer:
    """One layer in one direction, or nn's cell, called as torch.nn calls it. Never changed.

    W_x (B * n_a, n_x) and W_a (B * n_a, n_h) have B blocks of n_a rows, in torch's order; gate g of the cell has the
    block blocks[g] in both. b (G, n_a) has the biases of the cell's gates, W_hr (n_h, n_a) is a projection or None.
    W_x, W_a and W_hr may all be Quantized, of integers of one dtype: there is no backward pass then.
    The sublayer is number `index` of `count`, layers first, then directions.
    """

    row_fmas = token_fmas = 0  # likewise

    def __init__(
        self,
        cell: Cell,
        arrays: tuple[Any, Any, Array, Any],
        blocks: tuple[int, ...],
        index: int,
        count: int,
        directions: int,
        single_step: bool,
        variant: Variant | None = None,
        reverse: bool | None = None,
    ) -> None:
        W_x, W_a, b, W_hr = self.arrays = tuple(with_integers(arrays))
        self.cell, self.dtype, self.blocks = cell, b.dtype, blocks
        self._peepholes = None
        if variant is not None and cell.stages_of is not None:
            self.cell, self._peepholes = cell._replace(stages=cell.stages_of(variant)), variant.peepholes
        self.n_x, self.n_h, self.n_a = W_x.shape[1], W_a.shape[1], b.shape[1]
        self.index, self.count, self.single_step = index, count, single_step
        self.directions, self.direction = directions, index % directions
        self._reverse = self.direction > 0 if reverse is None else reverse
        self._weights, self._W_hr = in_levels(self._of_gates(W_x, W_a, list(b[:, :, None]))), W_hr

    def _of_gates(self, W_x: Any, W_a: Any, b: list[Array]) -> list[GateWeights]:
        """Return views of each gate's rows of W_x and W_a, with its b (n_a, 1), in the order of the cell's gates."""
        rows = [slice(block * self.n_a, (block + 1) * self.n_a) for block in self.blocks]
        return [
            GateWeights(W_x[own] if gate.W_x else None, W_a[own] if gate.W_a else None, bias)
            for gate, own, bias in zip(self.cell.gates, rows, b, strict=True)
        ]

    @np.errstate(all="ignore")
    def forward(
        self,
        x: Any,
        hx: Any = None,
        batch_first: bool = False,
        lengths: Lengths | None = None,
        reset: Any = None,
        last: Any = None,
        output: Any = None,
        records: list[SavedForward] | None = None,
        resets: Resets | None = None,
    ) -> tuple[Any, Any] | None:
        """Return (output, states after the last step), of a cell (None, states); or None.

        x is (T, m, n_x), with `batch_first` (m, T, n_x), or without a batch (T, n_x); states are (count, m, n) or
        (count, n), of all sublayers of a model. A cell's x and states have no first axis. Where `reset` (m,), or of one
        sequence a bool, is true, the pass starts from zeros. `last`: the states that another sublayer of the model
        returned; this one's are written beside the others. `output`: what the other direction of the layer returned. To
        `records`, where they are given, what `backward` reads is appended. `resets`: before which steps sequences are
        reset. x may be Tokens of n_x, which have all axes but the last, or whole numbers that can be nothing else.
        """
        batched_axes = 2 if self.single_step else 3
        x, of_tokens = rows_of_tokens(x, batched_axes - 1, self.n_x, self.dtype, lengths, batch_first)
        if not is_array(x) or x.ndim not in (batched_axes - 1, batched_axes):
            return None
        if x.dtype != self.dtype or x.shape[-1] != self.n_x:
            return None
        axes = Axes(self.single_step, x.ndim == batched_axes, bool(batch_first) and x.ndim == 3)
        rows = axes.rows(x)
        T, m, _ = rows.shape
        if lengths is not None and not (axes.batched and (lengths.T, len(lengths.lengths)) == (T, m)):
            return None
        if resets is not None and (self.single_step or resets.flags.shape != (T + 1, m)):
            return None
        states = self._columns_of(hx, axes, m)
        if states is None or not self._reset(states, reset, axes, m):
            return None
        ends = np.full(m, T) if lengths is None else lengths.lengths
        saved = SavedForward(self, axes, T, m, of_tokens)
        saved.resets = (resets or saved.resets).within(ends)
        initial = [state.copy() if saved.resets.to_initial else np.zeros_like(state) for state in states]
        hidden = np.zeros((T, m, self.n_h), self.dtype)
        for part in steps_of(ends, reverse=self._reverse):
            sequences, times = part
            at_reset = saved.resets.before(part, self._reverse)
            for state, first in zip(states, initial, strict=True):
                state[:, at_reset] = first[:, at_reset]
            before = tuple([state[:, sequences] for state in states])  # (n_h, k), then (n_a, k)
            xt = rows[times, sequences].T  # (n_x, k)
            read = xt.argmax(axis=0) if of_tokens else xt
            step = step_forward(self.cell, self._weights, read, before)._replace(xt=xt)
            a_next, *others = step.next
            h_next = a_next if self._W_hr is None else projected(self._W_hr, a_next)
            for state, value in zip(states, (h_next, *others), strict=True):
                state[:, sequences] = value
            hidden[times, sequences] = h_next.T
            if records is not None:
                saved.steps.append((part, step))
        if records is not None:
            records.append(saved)
        return self._with_output(hidden, axes, output), self._with_states(states, axes, m, last)

    @np.errstate(all="ignore")
    def backward(
        self, saved: SavedForward, d_output: Any, d_state: Any, d_initial: Any = None
    ) -> tuple[Array | None, Any, Arrays] | None:
        """Return (dx, gradients of the initial states, of the weights), from the record of a forward pass; or None.

        dx is None of tokens. Arrays as in `forward`; d_output and d_state may be None, for zeros, so may one of a pair.
        `d_initial`: what another sublayer returned, beside which this one's are written. Gradients of the weights:
        dW_x, dW_a as the sublayer was given them, db_x, db_a (B * n_a,) of the halves, dW_hr and dP if there are
        such.
        """
        axes, T, m = saved.axes, saved.T, saved.m
        leading = axes.given(np.empty((T, m, 0))).shape[:-1]
        if not (d_output is None or is_plain(d_output, self.dtype, *leading, self.directions * self.n_h)):
            return None
        d_states = self._columns_of(d_state, axes, m, optional=True)
        if saved.sublayer is not self or d_states is None:
            return None
        d_hidden = None if d_output is None else axes.rows(d_output)[:, :, self._own_columns()]  # (T, m, n_h)
        dx = np.zeros((T, m, self.n_x), self.dtype)
        dW_x, dW_a = (np.zeros_like(array) for array in self.arrays[:2])
        db = [np.zeros_like(gate.b) for gate in self._weights]
        d_h: list[Array] = []
        d_z: list[Arrays] = []
        d_resets = [np.full_like(d, -0.0) for d in d_states]  # which adds nothing, be it a sign
        for part, step in reversed(saved.steps):
            sequences, times = part
            dh_next, *others = (d[:, sequences] for d in d_states)  # (n_h, k), then (n_a, k)
            if d_hidden is not None:
                dh_next = dh_next + d_hidden[times, sequences].T
            da_next = dh_next if self._W_hr is None else self._W_hr.T @ dh_next
            d_xt, d_previous, dz = step_backward(self.cell, self._weights, step, (da_next, *others))
            d_h.append(dh_next)
            d_z.append(dz)
            dx[times, sequences] = d_xt.T
            for d, value in zip(d_states, d_previous, strict=True):
                d[:, sequences] = value
            at_reset = saved.resets.before(part, self._reverse)
            for d, past in zip(d_states, d_resets, strict=True):
                if saved.resets.to_initial:
                    past[:, at_reset] += d[:, at_reset]
                d[:, at_reset] = 0
        for d, past in zip(d_states, d_resets, strict=True):
            d += past
        steps = [step for _, step in saved.steps]
        dW_hr = None if self._W_hr is None else np.zeros_like(self._W_hr)
        if steps:
            sum_weights(self.cell, steps, d_z[::-1], self._of_gates(dW_x, dW_a, db))
        if steps and dW_hr is not None:
            dW_hr += sum_outer(rows_of(d_h[::-1]), rows_of([step.next[0] for step in steps]))
        others = [d for d in (dW_hr, self._of_peepholes(steps, d_z[::-1])) if d is not None]
        gradients = (dW_x, dW_a, *self._biases(db), *others)
        return None if saved.tokens else axes.given(dx), self._with_states(d_states, axes, m, d_initial), gradients

    def _of_peepholes(self, steps: list[Step], d_z: list[Arrays]) -> Array | None:
        """Return dP, a row for each peephole: dz of its gate times the cell state that it shows, summed."""
        if self._peepholes is None:
            return None
        names, dP = [gate.name for gate in self.cell.gates], np.zeros_like(self._peepholes)
        for row, name in zip(dP, self.cell.peepholes, strict=True):
            shown = [(step.next if name == "ot" else step.previous)[-1] for step in steps]
            products = [dz[names.index(name)] * c for dz, c in zip(d_z, shown, strict=True)]
            if products:
                row += sum_outer(rows_of(products), np.ones((sum(p.shape[1] for p in products), 1), row.dtype))[:, 0]
        return dP

    def _biases(self, db: list[Array]) -> tuple[Array, Array]:
        """Return db_x and db_a (B * n_a,). The halves of a gate have a bias each: its b is their sum."""
        db_x, db_a = (np.zeros(len(array), self.dtype) for array in self.arrays[:2])
        for gate, block, d in zip(self.cell.gates, self.blocks, db, strict=True):
            for half, whole in ((gate.W_x, db_x), (gate.W_a, db_a)):
                if half:
                    whole[block * self.n_a : (block + 1) * self.n_a] += d[:, 0]
        return db_x, db_a

    # ---- arrays as a caller has them ---------------------------------------------------------------------------------

    def _sizes(self) -> tuple[int, ...]:
        """Return n of each state."""
        return (self.n_h, *[self.n_a] * (len(self.cell.states) - 1))

    def _columns_of(self, given: Any, axes: Axes, m: int, *, optional: bool = False) -> list[Array] | None:
        """Return copies (n, m) of this sublayer's states, zeros for None; None where they are not plain and fit."""
        sizes = self._sizes()
        found = [np.zeros((n, m), self.dtype) for n in sizes]
        if given is None:
            return found
        if len(sizes) == 1:
            given = (given,)
        elif type(given) not in (tuple, list) or len(given) != len(sizes):
            return None
        for state, value, n in zip(found, given, sizes, strict=True):
            if value is None and optional:
                continue
            if not is_plain(value, self.dtype, *axes.state_shape(self.count, m, n)):
                return None
            state[...] = axes.columns(value, self.index)
        return found

    def _reset(self, states: list[Array], reset: Any, axes: Axes, m: int) -> bool:
        """Set states (n, m) to zero where `reset` says so; return whether it fits."""
        if reset is None:
            return True
        if type(reset) is bool and not axes.batched:
            reset = np.array([reset])
        elif not (axes.batched and type(reset) is np.ndarray and reset.dtype == np.bool and reset.shape == (m,)):
            return False
        for state in states:
            state[:, reset] = 0
        return True

    def _own_columns(self) -> slice:
        """Return where in an output (T, m, directions * n_h) this direction is."""
        return slice(self.direction * self.n_h, (self.direction + 1) * self.n_h)

    def _with_output(self, hidden: Array, axes: Axes, output: Any) -> Any:
        """Return the output of the layer with this direction's hidden states (T, m, n_h) written in."""
        if self.single_step:
            return output
        if output is None:
            T, m, n_h = hidden.shape
            output = axes.given(np.empty((T, m, self.directions * n_h), self.dtype))
        axes.rows(output)[:, :, self._own_columns()] = hidden
        return output

    def _with_states(self, own: list[Array], axes: Axes, m: int, states: Any) -> Any:
        """Return the states of all sublayers with this one's (n, m) written in: an array, or a tuple of two."""
        if states is None:
            states = tuple([np.empty(axes.state_shape(self.count, m, len(state)), self.dtype) for state in own])
            states = states if len(states) > 1 else states[0]
        for whole, state in zip(states if len(own) > 1 else (states,), own, strict=True):
            axes.columns(whole, self.index)[...] = state
        return states
