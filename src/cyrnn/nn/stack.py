"""The sublayers of a model, one on the other: a run over whole sequences, a step of a stream, and the way back.

A layer has one sublayer for each direction, all of which read what the layer below hands on. The reverse one reads each
sequence from its end, and what it says is turned round again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, TypeAlias

import numpy as np

from ..cells.spec import Array
from .batch import Batch
from .projected import ProjectedSublayer
from .sublayer import Sublayer, Trace
from .weights import Plan

#: the states of a model, in the order of its cell's: (sublayers, m, n) each; None for zeros
States: TypeAlias = "Sequence[Array | None]"


def packed(plan: Plan, weights: Mapping[str, Array]) -> tuple[Sublayer, ...]:
    """Return the sublayers of a model, in torch's order: layers, then directions."""
    kind = ProjectedSublayer if plan.proj_size else Sublayer
    return tuple(kind(plan, weights, sublayer) for sublayer in range(plan.sublayers))


def quickly(sublayers: Sequence[Sublayer], x: Any, hx: Any, batch_first: bool) -> Any:
    """Run the layers in compiled code: what torch returns for plain arrays that fit; else None."""
    if len(sublayers) == 1:
        return sublayers[0].quick(x, hx, batch_first)
    if type(x) is not np.ndarray:
        return None
    turned = batch_first and x.ndim == 3
    if turned:
        x = x.swapaxes(0, 1)
    D, last = sublayers[0].plan.directions, None
    for first in range(0, len(sublayers), D):
        outputs = []
        for way, sublayer in enumerate(sublayers[first : first + D]):
            found = sublayer.quick(x[::-1] if way else x, hx, False, last)
            if found is None:
                return None
            output, last = found
            outputs.append(output[::-1] if way else output)
        x = outputs[0] if D == 1 else np.concatenate(outputs, axis=-1)
    return x.swapaxes(0, 1) if turned else x, last


def begun_anew(state: Any, reset: Any, columns: tuple[int, ...]) -> tuple[bool, Any]:
    """Return whether `reset` is a plain mask of these columns, or None, and the state with zeros where it says so."""
    if reset is None:
        return True, state
    if type(reset) is not np.ndarray or reset.dtype != np.bool or reset.shape != columns or not columns:
        return False, None
    if state is None or not reset.any():
        return True, state
    parts = state if type(state) is tuple else (state,)
    if not all(type(part) is np.ndarray and part.ndim == 3 and part.shape[1:2] == columns for part in parts):
        return False, None
    begun = tuple(np.where(reset[:, None], part.dtype.type(0), part) for part in parts)
    return True, begun if type(state) is tuple else begun[0]


class Run(NamedTuple):
    output: Array  # (T, m, D * H_out)
    states: tuple[Array, ...]  # (sublayers, m, n) each: after each sequence's last step
    traces: list[Trace]  # of each sublayer, where they were wanted


def run(
    sublayers: Sequence[Sublayer],
    x: Array,
    initial: States,
    batch: Batch,
    *,
    keep: bool = False,
    noise: Sequence[Array] = (),
) -> Run:
    """Run x (T, m, n_x) through all sublayers. `noise`: what the output of each layer but the last is multiplied by.

    All but the traces is in the caller's order.
    """
    if batch.order is not None and not keep:
        found = _run_ragged(sublayers, x, initial, batch)
        if found is not None:
            return found
    x, initial = batch.sort(x), [None if state is None else batch.sort(state) for state in initial]
    plan = sublayers[0].plan
    D, traces = plan.directions, []
    states = tuple(np.empty((len(sublayers), batch.m, size), plan.dtype) for size in plan.state_sizes)
    for first in range(0, len(sublayers), D):
        if first and noise:
            x = noisy(x, noise[first // D - 1])
        outputs = []
        for way, sublayer in enumerate(sublayers[first : first + D]):
            start = [None if state is None else state[first + way] for state in initial]
            trace = sublayer.run(batch.flip(x) if way else x, start, gates=keep, active=batch.active)
            outputs.append(batch.flip(trace.hidden[1:]) if way else trace.hidden[1:])
            for final, state in zip(states, trace.states, strict=True):
                final[first + way] = batch.last(state)
            if keep:
                traces.append(trace)
        x = outputs[0] if D == 1 else np.concatenate(outputs, axis=2)
    return Run(batch.unsort(x), tuple(batch.unsort(state) for state in states), traces)


def _run_ragged(sublayers: Sequence[Sublayer], x: Array, initial: States, batch: Batch) -> Run | None:
    """Do the same in compiled code, which sorts and turns round on its way; None where it does not apply."""
    plan = sublayers[0].plan
    states = tuple(np.empty((len(sublayers), batch.m, size), plan.dtype) for size in plan.state_sizes)
    for first in range(0, len(sublayers), plan.directions):
        output = np.empty((batch.T, batch.m, plan.directions * plan.output_size), plan.dtype)
        for way in range(plan.directions):
            k = first + way
            start = tuple(None if state is None else state[k] for state in initial)
            part = output[:, :, way * plan.output_size : (way + 1) * plan.output_size]
            found = sublayers[k].quick.ragged(x, start, batch.order, batch.steps, bool(way), part)
            if found is None:
                return None
            for state, last in zip(states, found, strict=True):
                state[k] = last
        x = output
    return Run(x, states, [])


def step(sublayers: Sequence[Sublayer], x: Array, states: Sequence[Array]) -> tuple[Array, tuple[Array, ...]]:
    """Return the output for x (m, n_x) and the states after one step from `states`, through layers of one direction."""
    following = tuple(np.empty(state.shape, state.dtype) for state in states)
    for k, sublayer in enumerate(sublayers):
        after = sublayer.step(x, [state[k] for state in states])
        for new, state in zip(following, after, strict=True):
            new[k] = state
        x = after[0]
    return x, following


class Gradients(NamedTuple):
    x: Array  # (T, m, n_x)
    initial: tuple[Array, ...]  # (sublayers, m, n) each
    weights: dict[str, Array]  # by torch's names


def backward(
    sublayers: Sequence[Sublayer],
    traces: Sequence[Trace],
    batch: Batch,
    dy: Array,
    last: Sequence[Array],
    noise: Sequence[Array] = (),
) -> Gradients:
    """Return the gradients of a run, from those of its output, (T, m, D * H_out), and of its states.

    Arrays as in `run`, the traces sorted; neither `dy` nor `last` is written to.
    """
    dy, last = batch.sort(dy), [batch.sort(state) for state in last]
    D, H_out = sublayers[0].plan.directions, sublayers[0].plan.output_size
    initial: list[list[Array]] = [[] for _ in sublayers]
    weights: dict[str, Array] = {}
    for first in reversed(range(0, len(sublayers), D)):
        parts = []
        for way in range(D):
            k = first + way
            dh = dy[:, :, way * H_out : (way + 1) * H_out]
            dh = np.array(batch.flip(dh) if way else dh, order="C")
            arriving = [state[k] for state in last]
            batch.add_last(dh, arriving[0])
            past = sublayers[k].backward(traces[k], dh, arriving, batch.active)
            for start, given in zip(past.initial, arriving, strict=True):
                start[batch.idle] = given[batch.idle]
            parts.append(batch.flip(past.x) if way else past.x)
            initial[k] = list(past.initial)
            weights |= past.weights
        with np.errstate(all="ignore"):
            dy = sum(parts[1:], start=parts[0])
        if first and noise:
            dy = noisy(dy, noise[first // D - 1])
    named = {name: weights[name] for name in sublayers[0].plan.shapes}
    starts = tuple(batch.unsort(np.stack(column)) for column in zip(*initial, strict=True))
    return Gradients(batch.unsort(dy), starts, named)


def noisy(x: Array, noise: Array) -> Array:
    with np.errstate(all="ignore"):
        return x * noise
