"""One step of any cell in NumPy, forward and backward, from the formulas in cells/*.py: the arithmetic of all calls.

Forward, for each gate g of a stage:

    z_g = W_x xt + W_a h + b                    h = a_prev; in a second stage what the first one hands on

then the stage's pointwise formulas. Backward, from the gradients dz_g that its derivative makes of these:

    dxt = sum over g of W_x^T dz_g              dh = sum over g of W_a^T dz_g

and, summed over all steps and sequences (`sum_weights`),

    dW_x = dz_g xt^T            dW_a = dz_g h^T            db = dz_g

Arrays are the notebook's: a column for each of the m sequences of a batch. Sums are in the order of NumPy's matmul; the
canonical order is the promise of the compiled kernels. Sums over rows go by the same blocks as theirs.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple, TypeGuard

import numpy as np

from ..cells import Cell, Gate, Stage, activations
from ..cells.spec import Array, Arrays, PointwiseBackwardArgs
from .reference_quantized import add_hidden, add_input, with_levels

#: gradients of weights are sums over rows, a step of one sequence each: of so many at a time, and of so many in a group
BLOCK_ROWS, GROUP_ROWS = 256, 65536


class GateWeights(NamedTuple):
    """The weights of one gate, or their gradients; a half that the gate has not is None."""

    W_x: Any  # (n_a, n_x), an array or forward, too, Integers; or None
    W_a: Any  # (n_a, n_h), likewise; n_h = n_a but for a projected hidden state
    b: Array | None  # (n_a, 1); None where the backward pass does not read it


class Step(NamedTuple):
    """One step forward: what the backward pass reads of it."""

    xt: Array  # (n_x, m)
    #: each state before the step, (n_a, m); of an LSTM with a projection h (n_h, m) in the place of a
    previous: Arrays
    next: Arrays  # each state after the step, (n_a, m)
    gates: Arrays  # each of cell.stored_gates, (n_a, m)


class StepGradients(NamedTuple):
    xt: Array  # (n_x, m)
    previous: Arrays  # of the shapes of Step.previous
    z: Arrays  # of each gate of the cell, (n_a, m)


def gate_weights(cell: Cell, arrays: Mapping[str, Array], n_a: int) -> list[GateWeights]:
    """Return views of the notebook's parameters, or of their gradients, for each gate in the order of cell.gates."""

    def of_gate(gate: Gate) -> GateWeights:
        W_x = None if gate.W_x is None else arrays[gate.W_x]
        W_a = None if gate.W_a is None else arrays[gate.W_a]
        if cell.stacked:  # columns of one matrix, for [a_prev, xt]
            W_x, W_a = (None if W_x is None else W_x[:, n_a:]), (None if W_a is None else W_a[:, :n_a])
        return GateWeights(W_x, W_a, arrays.get(gate.b))

    return in_levels([of_gate(gate) for gate in cell.gates])


def in_levels(weights: list[GateWeights]) -> list[GateWeights]:
    """Give the input halves of all gates the same levels of activations, and the recurrent halves, if they have any."""
    halves = with_levels([gate.W_x for gate in weights]), with_levels([gate.W_a for gate in weights])
    return [GateWeights(W_x, W_a, gate.b) for gate, W_x, W_a in zip(weights, *halves, strict=True)]


def pre_activation(weights: GateWeights, xt: Array, h: Array) -> Array:
    """z = W_x xt + W_a h + b. A half that is None adds nothing, be xt or h infinite."""
    z: Array | None = weights.b
    assert z is not None  # read forward, and of the gates that are recomputed
    if weights.W_x is not None:
        z = add_input(z, weights.W_x, xt)
    if weights.W_a is not None:
        z = add_hidden(z, weights.W_a, h)
    return z


def stages_of(cell: Cell) -> Iterator[tuple[Stage, slice]]:
    """Yield each stage, and where its gates are among those of the cell."""
    first = 0
    for stage in cell.stages:
        yield stage, slice(first, first + len(stage.gates))
        first += len(stage.gates)


def step_forward(cell: Cell, weights: Sequence[GateWeights], xt: Array, previous: Arrays) -> Step:
    """Run one step from the states `previous`."""
    values: Arrays = ()
    following: Arrays = ()
    h = previous[0]
    for stage, part in stages_of(cell):
        z = tuple([pre_activation(gate, xt, h) for gate in weights[part]])
        found, following = stage.pointwise(z, previous, values)
        values += found
        if stage.hands_on is not None:
            h = stage.hands_on(previous, values)
    stored = [value for gate, value in zip(cell.gates, values, strict=True) if gate.name in cell.stored_gates]
    return Step(xt, previous, following, tuple(stored))


def h_of_stages(cell: Cell, step: Step) -> list[Array]:
    """Return h of each stage: what W_a of its gates was multiplied by."""
    handed = [stage.hands_on(step.previous, step.gates) for stage in cell.stages if stage.hands_on is not None]
    return [step.previous[0], *handed]


def step_backward(cell: Cell, weights: Sequence[GateWeights], step: Step, d_next: Arrays) -> StepGradients:
    """Return the gradients of one step, from those of the states after it, (n_a, m) each."""
    hidden, (xt, previous, following, gates) = cell.states[0], step
    recomputed = [pre_activation(gate, xt, previous[0]) for gate in weights if gate.W_x is None]
    dxt, dh, d_state = np.zeros_like(xt), d_next[0], dict(zip(cell.states, d_next, strict=True))
    d_z: Arrays = ()
    # the whole gradient of a_next goes through the last stage: nothing has gone past it yet
    skip = tuple([np.zeros_like(dh) if state == hidden else d_state[state] for state in cell.skip_gradients])
    for (stage, part), h in zip(reversed(list(stages_of(cell))), reversed(h_of_stages(cell, step)), strict=True):
        args = PointwiseBackwardArgs(dh, skip, previous, following, (*gates, *recomputed))
        dz, skip = stage.derivative(args)
        dh = np.zeros_like(h)
        for dz_g, gate in zip(dz, weights[part], strict=True):
            if gate.W_x is not None:
                dxt += gate.W_x.T @ dz_g
            if gate.W_a is not None:
                dh += gate.W_a.T @ dz_g
        d_z = (*dz, *d_z)
    past = dict(zip(cell.skip_gradients, skip, strict=True))
    d_hidden = dh + past[hidden] if hidden in past else dh
    return StepGradients(dxt, (d_hidden, *(past[state] for state in cell.states[1:])), d_z)


def sum_weights(cell: Cell, steps: Sequence[Step], d_z: Sequence[Arrays], d_weights: Sequence[GateWeights]) -> None:
    """Add the gradients of the weights to `d_weights`, from dz of each gate in every step."""
    x = rows_of([step.xt for step in steps])
    h_of_stage = [rows_of(list(h)) for h in zip(*[h_of_stages(cell, step) for step in steps], strict=True)]
    of_gate = [rows_of(list(dz)) for dz in zip(*d_z, strict=True)]
    for (_, part), h in zip(stages_of(cell), h_of_stage, strict=True):
        for dz, d_gate in zip(of_gate[part], d_weights[part], strict=True):
            if d_gate.W_x is not None:
                d_gate.W_x[...] += sum_outer(dz, x)
            if d_gate.W_a is not None:
                d_gate.W_a[...] += sum_outer(dz, h)
            if d_gate.b is not None:
                d_gate.b[...] += sum_outer(dz, np.ones((len(dz), 1), dz.dtype))


def rows_of(steps: Sequence[Array]) -> Array:
    """Return (N, n): a row for each column of each step, (n, m), steps and columns ascending."""
    return np.concatenate([step.T for step in steps])


def sum_outer(left: Array, right: Array) -> Array:
    """Return left^T right for left (N, n) and right (N, k): rows in blocks, blocks in groups, all in their order.

    A block is a sum in float64, so that what is compared with it shows its own error.
    """
    N, total = len(left), np.zeros((left.shape[1], right.shape[1]), left.dtype)
    for first in range(0, N, GROUP_ROWS):
        group = np.zeros_like(total)
        for row in range(first, min(first + GROUP_ROWS, N), BLOCK_ROWS):
            block = slice(row, min(row + BLOCK_ROWS, N))  # a group is whole blocks
            group += np.matmul(left[block].T, right[block], dtype=np.float64).astype(total.dtype)
        total += group
    return total


def head(W_y: Array | None, b_y: Array | None, a: Array) -> Array:
    """y = softmax(W_y a + b_y), for a (n_a, m); (0, m) without a head."""
    if W_y is None or b_y is None:
        return np.empty((0, a.shape[1]), a.dtype)
    z = W_y @ a + b_y  # (n_y, m)
    return activations.softmax(z) if z.size else z  # an empty column has no maximum


# ---- plain arrays ------------------------------------------------------------------------------------------------


def is_array(given: Any) -> TypeGuard[Array]:
    """Whether an object is an array that calls take: no subclass, float32 or float64, aligned, in native byte order."""
    return type(given) is np.ndarray and given.dtype in (np.float32, np.float64) and bool(given.flags.aligned)


def is_plain(given: Any, dtype: np.dtype[Any], *shape: int) -> bool:
    """Whether an object is such an array, of that dtype and shape."""
    return is_array(given) and given.dtype == dtype and given.shape == shape


# ---- parameters of the notebook ------------------------------------------------------------------------------------


def units(arrays: dict[str, Array]) -> int:
    """Return n_a: the rows of the first of a cell's parameters, which multiplies the input."""
    return len(next(iter(arrays.values())))


def shape_of(names: tuple[str, str], sizes: dict[str, int]) -> tuple[int, ...]:
    """Return the shape of a parameter."""
    return tuple(sum(sizes[term] for term in name.split(" + ")) for name in names)
