"""Runs any cell over time.

From `run` on, arrays are time-major: x (T, m, n_x), states (S, T + 1, m, n_a), gates (T, G, m, n_a) and y
(T, m, n_y). `advance` is the one place that calls the time loop. Columns of the batch never meet, so a
run may be split over m. A stream is `step` after `step`, each from the states of the last.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias, cast

import numpy as np

from . import _check, threads
from .cells import Cell
from .cells.spec import Array
from .kernels import dispatch
from .packing import (
    Panels,
    check_parameters,
    gate_keys,
    joined,
    native,
    panels_for,
    split_weights,
    time_major,
    turned,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from .kernels.face import Face

Active: TypeAlias = "NDArray[np.intp] | None"


class Blocks(NamedTuple):
    """What a run leaves: whole blocks of memory, which facades cut into views."""

    states: Array  # (S, T + 1, m, n_a), in the order of cell.states; [:, 0] are the initial states
    gates: Array  # (T, G, m, n_a), in the order of cell.stored_gates; G = 0 where they were not wanted
    y: Array  # (T, m, n_y)


def checked_run(
    function: str,
    cell: Cell,
    inputs: dict[str, Any],
    initial: dict[str, Any],
    parameters: object,
    *,
    gates: bool = True,
) -> Blocks:
    """Check every argument of a notebook's function, in its own layout and by its own names, and run it.

    `inputs` is x (n_x, m, T_x), or xt (n_x, m), a sequence of one step; `initial` the states (n_a, m), in the
    order of cell.states, where c0 may be None for zeros. `parameters` may be packed.
    """
    call = _check.Call(function)
    ((name, given),) = inputs.items()
    x = call.take(name, given, ("n_x", "m", "T_x") if name == "x" else ("n_x", "m"))
    checked = check_parameters(call, cell, parameters)
    rows = [
        None if name == "c0" and state is None else call.take(name, state, ("n_a", "m")).T
        for name, state in initial.items()
    ]
    panels = panels_for(call, cell, checked)
    x = x if x.ndim == 3 else x[:, :, None]
    return run(panels, time_major(x, panels.dtype), rows, gates=gates)


def run(panels: Panels, x: Array, initial: Sequence[Array | None], *, gates: bool = True) -> Blocks:
    """Run a cell and its head over x from the initial states, each (m, n_a), None for zeros.

    With `gates`, what the cell's cache stores beside its states is kept.
    """
    T, m, _ = x.shape
    states = begin(panels, T, m, initial)
    G = len(panels.cell.stored_gates) if gates else 0
    stored = np.empty((T, G, m, panels.n_a), panels.dtype)
    advance(panels, x, states, stored if G else None)
    return Blocks(states, stored, head(panels, states[0, 1:]))


def run_layer(
    panels: Panels, x: Array, initial: Sequence[Array | None], *, gates: bool = False, active: Active = None
) -> Blocks:
    """Run a cell without its head: y has no rows. With `active`, a batch of sequences of falling lengths.

    active (T,), whole numbers that never grow: only the first active[t] columns take part in step t, and the cost is
    that of these. Where a column takes no part, states and gates are zero.
    """
    T, m, _ = x.shape
    room = np.empty if active is None else np.zeros
    states = begin(panels, T, m, initial, room)
    G = len(panels.cell.stored_gates) if gates else 0
    stored = room((T, G, m, panels.n_a), panels.dtype)
    advance(panels, x, states, stored if G else None, active)
    return Blocks(states, stored, np.empty((T, m, 0), panels.dtype))


def step(panels: Panels, x: Array, states: Array) -> Array:
    """Return the states (S, m, n_a) one step after `states`, for x (m, n_x): a stream, its state kept by the caller.

    No head, no cache; what comes back is the only memory asked for. All arrays are of the panels' dtype; `x` may
    have any strides, `states` are C-contiguous.
    """
    following = panels.calls.advance(panels, x, states)
    if following is not None:
        return cast(Array, following)
    blocks = begin(panels, 1, len(x), list(states))
    advance(panels, x[None], blocks)
    return np.ascontiguousarray(blocks[:, 1])


def begin(
    panels: Panels, T: int, m: int, initial: Sequence[Array | None], room: Callable[..., Array] = np.empty
) -> Array:
    """Return states (S, T + 1, m, n_a) with slot 0 filled in; the rest is for `advance` to write."""
    states = room((len(panels.cell.states), T + 1, m, panels.n_a), panels.dtype)
    for slot, state in zip(states[:, 0], initial, strict=True):
        slot[...] = 0 if state is None else native(state, panels.dtype)
    return states


def advance(
    panels: Panels, x: Array, states: Array, gates: Array | None = None, active: Active = None
) -> None:
    """Write states[:, 1:], and gates where given, from x and states[:, 0]; the batch is split over threads."""
    T, m, n_x = x.shape
    if T == 0 or states.size == 0:  # the kernels never see an empty run
        return
    work = (T * m if active is None else int(active.sum())) * panels.n_a * len(panels.cell.gates) * (n_x + panels.n_a)

    def columns(first: int, last: int) -> None:
        weights = panels.Wx, panels.Wa, panels.b
        panels.face.forward(panels.cell.name, x, *weights, states, gates, first, last, active)

    threads.split(columns, m, work)


def head(panels: Panels, a: Array) -> Array:
    """Return y = softmax(Wy a + by), (T, m, n_y), for a (T, m, n_a), C-contiguous."""
    T, m, n_a = a.shape
    y = np.empty((T, m, panels.n_y), panels.dtype)
    rows, out = a.reshape(T * m, n_a), y.reshape(T * m, panels.n_y)

    def part(first: int, last: int) -> None:
        panels.face.head(rows[first:last], panels.Wy, panels.by, out[first:last])

    if y.size:
        threads.split(part, T * m, y.size * n_a)
    return y


class Past(NamedTuple):
    """What the way back needs of a run, time-major and of one dtype; S states, G' stored gates."""

    arrays: Mapping[str, Array]  # the parameters, of their own dtypes
    da: Array  # (T, m, n_a), unit stride along n_a: what arrives at the hidden state of each step
    last: Sequence[Array | None] | Array  # (m, n_a) each: arriving after the last step; [0] is not read
    x: Array  # (T, m, n_x)
    previous: Array  # (S, T, m, n_a): states before each step, and
    following: Array  # after it, of the same strides
    gates: Array | None  # (T, G', m, n_a); None where the cell stores none


class Gradients(NamedTuple):
    """What the way back gives, time-major."""

    x: Array  # (T, m, n_x)
    initial: Array  # (S, m, n_a), in the order of cell.states
    weights: dict[str, Array]  # by the parameter's key, of its shape


def backward(cell: Cell, past: Past, active: Active = None) -> Gradients:
    """Return the gradients of everything that a run was given, from what arrives at its states.

    Beside the results it takes memory for T m ((G + 1) n_a + n_x) elements, G being the number of gates, and where it
    has to put rows side by side for those again. `active` as in `run_layer`; `past.last` is what arrives after the last
    step in which a column took part.
    """
    T, m, n_a = past.da.shape
    dtype = past.x.dtype
    dz = np.zeros((T, m, len(cell.gates) * n_a), dtype)
    start = np.zeros((1 + len(cell.carried), m, n_a), dtype)
    for row, state in zip(start[1:], past.last[1:], strict=False):
        row[...] = 0 if state is None else state
    face = dispatch.kernels.of(dtype)
    inner = _inner(cell, past, face) if dz.size else None
    WxT, WaT = turned(cell, past.arrays, dtype, face)
    steps_back(cell, past, WaT, inner, dz, start, active)
    which = taking_part(T, m, active)
    dx, weights = products(cell, past.arrays, WxT, dz, past.x, past.previous[0], inner, which)
    return Gradients(dx, start[: len(cell.states)], weights)


def steps_back(
    cell: Cell, past: Past, WaT: Array, inner: Array | None, dz: Array, start: Array, active: Active = None
) -> None:
    """Write dz (T, m, G * n_a), the gradients of the pre-activations, and those of the initial states to `start`.

    Arguments as the kernels' face has them; the batch is split over threads.
    """
    _, m, n_a = past.da.shape
    face = dispatch.kernels.of(dz.dtype)

    def columns(first: int, last: int) -> None:
        states = past.previous, past.following, past.gates
        face.backward(cell.name, past.da, WaT, *states, inner, dz, start, first, last, active)

    if dz.size:
        threads.split(columns, m, dz.size * n_a)


def taking_part(T: int, m: int, active: Active) -> NDArray[np.bool]:
    """Return (T, m): which columns take part in which step."""
    return np.arange(m) < (np.full(T, m) if active is None else active)[:, None]


def products(
    cell: Cell,
    arrays: Mapping[str, Array],
    WxT: Array,
    dz: Array,
    x: Array,
    previous: Array,
    inner: Array | None,
    which: NDArray[np.bool],
) -> tuple[Array, dict[str, Array]]:
    """Return dx (T, m, n_x) and the gradients of the weights, from dz and what the weights were multiplied by.

    `which` (T, m): the rows that count. What remains of the way back when no step waits for another.
    """
    n_a, n_x, dtype = previous.shape[2], x.shape[2], dz.dtype
    dx, weights = np.zeros(x.shape, dtype), {key: np.zeros(arrays[key].shape, dtype) for key in gate_keys(cell)}
    if not dz.size or not which.any():
        return dx, weights
    face = dispatch.kernels.of(dtype)
    rows, inputs, hidden = (rows_of(block, which) for block in (dz, x, previous))
    multiplied = [hidden, hidden if inner is None else rows_of(inner, which)]  # by the W_a of each stage
    stage_of = [number for number, stage in enumerate(cell.stages) for _ in stage.gates]
    skipped = len(cell.again) * n_a  # of each row: gates without an input half
    found = np.empty((len(rows), n_x), dtype)

    def inputs_of(first: int, last: int) -> None:
        face.multiply(rows[first:last, skipped:], WxT, None, found[first:last])

    def units(first: int, last: int) -> None:
        for g, gate in enumerate(cell.gates):
            W_x, W_a = split_weights(cell, gate, weights, n_a)
            part = rows[:, g * n_a + first : g * n_a + last]
            if W_a is not None:
                face.add_outer(part, multiplied[stage_of[g]], W_a[first:last])
            if W_x is not None and n_x:
                face.add_outer(part, inputs, W_x[first:last])
            face.add_rows(part, weights[gate.b][first:last, 0])

    if n_x:
        threads.split(inputs_of, len(rows), rows.size * n_x)
        dx[which] = found
    threads.split(units, n_a, rows.size * (n_x + n_a))
    return dx, weights


def rows_of(block: Array, which: NDArray[np.bool]) -> Array:
    """Return the rows of block (T, m, n) of the columns that take part, `which` (T, m): (N, n), C-contiguous."""
    return np.ascontiguousarray(block.reshape(which.size, block.shape[2]) if which.all() else block[which])


def _inner(cell: Cell, past: Past, face: Face) -> Array | None:
    """Return room for what a first stage hands on, or z of the gate without an input half; (T, m, n_a) or None."""
    if not cell.again and len(cell.stages) == 1:
        return None
    T, m, n_a = past.da.shape
    out = np.zeros((T * m, n_a), past.da.dtype)
    if cell.again:
        (gate,) = cell.again
        _, W_a = split_weights(cell, gate, past.arrays, n_a)
        rows = past.previous[0].reshape(T * m, n_a)
        panels, b = (joined([[cast(Array, matrix)]], out.dtype, face) for matrix in (W_a, past.arrays[gate.b]))

        def part(first: int, last: int) -> None:
            face.multiply(rows[first:last], panels, b, out[first:last])

        threads.split(part, T * m, out.size * n_a)
    return out.reshape(T, m, n_a)
