"""The truth: each case in float64, from the equations, and how far a contestant may be from it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from .work import GATES, NN_TRAIN, QUANTIZED, STREAMS, Array, Case

#: Largest allowed difference from the float64 result. All compared values lie within (-1, 1) or close to it.
#: A float32 sum of 2048 products of size 1/32 is known to 1e-6; recurrence may double that a few times over.
TOLERANCE = {"f32": 2e-5, "f64": 1e-12}
#: Largest root mean square of the differences of hidden states of QUANTIZED: int8 has 1e-3 to 6e-3, at the smallest
#: shapes 1.5e-2, while the LSTM's gates f and o exchanged, the least of such mistakes, have 4.7e-2 (2026-11-29).
RMS_LIMIT = 0.03
#: kinds whose results are gradients
GRADIENTS = ("train", "backward", *NN_TRAIN)
#: steps that a contestant of STREAMS takes, on the case's one x, before its state is compared
STREAM_STEPS = 3


def _logistic(z: Array) -> Array:
    return np.asarray(0.5 * (1 + np.tanh(0.5 * z)))


def _softmax(z: Array) -> Array:
    e = np.exp(z - z.max(axis=0))
    return np.asarray(e / e.sum(axis=0))


class Step(NamedTuple):
    """One step of a cell, rows (m, n_a)."""

    a_prev: Array
    c_prev: Array
    a_next: Array
    c_next: Array
    gates: Sequence[Array]


def _step(
    cell: str, z_x: Array, z_a: Array, a: Array, c: Array, P: Array | None, candidate: Callable[[Array], Array] | None
) -> Step:
    """z_x and z_a: the halves from the input and from the hidden state, biases included, gates as in work.GATES.

    P: peepholes, rows of i, o, f. candidate: the product of a GRU that resets before it.
    """
    if cell == "rnn":
        return Step(a, c, np.tanh(z_x + z_a), c, ())
    if cell == "gru":
        x_z, x_r, x_c = np.split(z_x, 3, axis=1)
        a_z, a_r, inner = np.split(z_a, 3, axis=1)
        z, r = _logistic(x_z + a_z), _logistic(x_r + a_r)
        g = np.tanh(x_c + (r * inner if candidate is None else candidate(r * a)))
        return Step(a, c, z * a + (1 - z) * g, c, (z, r, g, inner))
    z_f, z_i, z_c, z_o = np.split(z_x + z_a, 4, axis=1)
    P = np.zeros((3, c.shape[1])) if P is None else P
    f, i, g = _logistic(z_f + P[2] * c), _logistic(z_i + P[0] * c), np.tanh(z_c)
    c_next = f * c + i * g
    o = _logistic(z_o + P[1] * c_next)
    return Step(a, c, o * np.tanh(c_next), c_next, (f, i, g, o))


def _steps(case: Case, x: Array) -> list[Step]:
    """Run x (T_x, m, n_x) from the case's initial states."""
    W_x, W_a, b, b_a = (array.astype(np.float64) for array in case.weights())
    a, c = (state.T.astype(np.float64) for state in (case.a0, case.c0))
    P, candidate = None if case.peepholes is None else case.peepholes.astype(np.float64), None
    if case.cell == "gru" and case.resets_before:
        W_c, b_c = W_a[-case.n_a :], b_a[-case.n_a :]

        def candidate(a: Array) -> Array:
            return a @ W_c.T + b_c

    steps: list[Step] = []
    for xt in x:
        steps.append(_step(case.cell, xt @ W_x.T + b, a @ W_a.T + b_a, a, c, P, candidate))
        a, c = steps[-1].a_next, steps[-1].c_next
    return steps


def run(case: Case) -> dict[str, Array]:
    """Return the results of a forward pass, all float64: the last layer's a (n_a, m, T_x), of both directions one above
    the other, the states h_n and c_n (sublayers, m, n_a) after each sequence's last step; of a single layer y
    (n_y, m, T_x) and c (n_a, m, T_x), too. Names are there if the cell has such a state.

    One of STREAMS is run for STREAM_STEPS steps on its one xt.
    """
    x = case.x_rows.astype(np.float64)
    if case.kind in STREAMS:
        x = np.repeat(x, STREAM_STEPS, axis=0)
    lengths = np.full(case.m, len(x)) if case.lengths is None else case.lengths
    last: dict[str, list[Array]] = {"h_n": [], "c_n": []}
    D = case.directions
    for first in range(0, len(case.sublayers), D):
        outputs = []
        for direction, layer in enumerate(case.sublayers[first : first + D]):
            steps = _steps(layer, x[::-1] if direction else x)
            a, c = (np.stack(rows) for rows in zip(*((step.a_next, step.c_next) for step in steps), strict=True))
            for name, rows in (("h_n", a), ("c_n", c)):
                last[name].append(rows[lengths - 1, np.arange(case.m)])
            outputs.append(a[::-1] if direction else a)
        x = np.concatenate(outputs, axis=2)
    x[np.arange(len(x))[:, None] >= lengths] = 0
    result = {"a": x.transpose(2, 1, 0)} | {name: np.stack(rows) for name, rows in last.items()}
    if len(case.sublayers) == 1:
        W_y, b_y = (array.astype(np.float64) for array in list(case.parameters.values())[-2:])
        result["y"] = np.stack([_softmax(W_y @ step.a_next.T + b_y) for step in steps], axis=2)
        result["c"] = c.transpose(2, 1, 0)
    if case.cell != "lstm":
        result = {name: array for name, array in result.items() if name[0] != "c"}
    return result


def _backward_step(cell: str, step: Step, da: Array, dc: Array) -> tuple[Array, Array, Array, Array]:
    """Return the gradients of z_x and z_a, and the skip gradients of a_prev and c_prev, past the products."""
    if cell == "rnn":
        dz = da * (1 - step.a_next**2)
        return dz, dz, np.zeros_like(da), dc
    if cell == "gru":
        z, r, g, inner = step.gates
        dz_z, dz_c = da * (step.a_prev - g) * z * (1 - z), da * (1 - z) * (1 - g**2)
        first = dz_z, dz_c * inner * r * (1 - r)
        return np.concatenate([*first, dz_c], axis=1), np.concatenate([*first, dz_c * r], axis=1), da * z, dc
    f, i, g, o = step.gates
    seen = np.tanh(step.c_next)
    dc = dc + da * o * (1 - seen**2)
    blocks = dc * step.c_prev * f * (1 - f), dc * g * i * (1 - i), dc * i * (1 - g**2), da * seen * o * (1 - o)
    dz = np.concatenate(blocks, axis=1)
    return dz, dz, np.zeros_like(da), dc * f


def _backward(case: Case, x: Array, steps: list[Step], da_rows: Array) -> tuple[Array, ...]:
    """Return dx (T, m, n_x), da0 and dc0 (m, n_a), dW_x, dW_a, db, db_a of one layer in one direction."""
    W_x, W_a, b, b_a = (array.astype(np.float64) for array in case.weights())
    dx, da, dc = np.empty_like(x), np.zeros(da_rows.shape[1:]), np.zeros(da_rows.shape[1:])
    dW_x, dW_a, db, db_a = (np.zeros_like(array) for array in (W_x, W_a, b, b_a))
    for t in reversed(range(case.T_x)):
        dz_x, dz_a, skip, dc = _backward_step(case.cell, steps[t], da + da_rows[t], dc)
        dx[t], da = dz_x @ W_x, skip + dz_a @ W_a
        dW_x, dW_a = dW_x + dz_x.T @ x[t], dW_a + dz_a.T @ steps[t].a_prev
        db, db_a = db + dz_x.sum(axis=0), db_a + dz_a.sum(axis=0)
    return dx, da, dc, dW_x, dW_a, db, db_a


def gradients(case: Case) -> dict[str, Array]:
    """Return the gradients of sum(a * da) in x, a0 and the weights, float64, by the chain rule."""
    x = case.x_rows.astype(np.float64)
    dx, da, _, *weights = _backward(case, x, _steps(case, x), case.da_rows.astype(np.float64))
    return case.gradients(dx, da, *weights, GATES)


def layer_gradients(case: Case) -> dict[str, Array]:
    """Return the gradients of sum(output * da) in x, the initial states and the weights of all sublayers, float64.

    dx (n_x, m, T_x); dh_0, dc_0 (sublayers, m, n_a); the notebook's names of the weights behind a sublayer's number.
    Past the end of a sequence da is zero, and with it every gradient.
    """
    D, n = case.directions, case.n_a
    inputs, steps = [case.x_rows.astype(np.float64)], []
    for k, layer in enumerate(case.sublayers):
        x = inputs[k // D]
        steps.append(_steps(layer, x[::-1] if k % D else x))
        if k % D == D - 1:
            outputs = (np.stack([step.a_next for step in each]) for each in steps[-D:])
            inputs.append(np.concatenate([a[::-1] if j else a for j, a in enumerate(outputs)], axis=2))
    dx = case.da_rows.astype(np.float64)
    if case.lengths is not None:
        dx[np.arange(len(dx))[:, None] >= case.lengths] = 0
    found: dict[str, Array] = {}
    initial: list[tuple[Array, Array]] = []
    for first in reversed(range(0, len(case.sublayers), D)):
        x, da_rows, dx = inputs[first // D], dx, np.zeros_like(inputs[first // D])
        for k in reversed(range(first, first + D)):
            flip = slice(None, None, -1 if k % D else 1)
            da = da_rows[flip, :, (k % D) * n : (k % D + 1) * n]
            dx_k, da0, dc0, *weights = _backward(case.sublayers[k], x[flip], steps[k], da)
            dx, initial = dx + dx_k[flip], [(da0, dc0), *initial]
            named = case.sublayers[k].weight_gradients(*weights, GATES)
            found |= {f"{k} {name}": array for name, array in named.items()}
    names = ("dh_0", "dc_0") if case.cell == "lstm" else ("dh_0",)
    found |= {name: np.stack(states) for name, states in zip(names, zip(*initial, strict=True), strict=False)}
    return found | {"dx": dx.transpose(2, 1, 0)}


def wanted(case: Case) -> dict[str, Array]:
    """Return the right results of a case, by name; none where only time is asked for."""
    if case.kind == "pack":
        return {}
    if case.kind in NN_TRAIN:
        return layer_gradients(case)
    return gradients(case) if case.kind in GRADIENTS else run(case)


def error(case: Case, got: dict[str, Array], want: dict[str, Array]) -> float:
    """Return the largest difference over everything in `got`; raise ValueError if it is not within tolerance.

    Of QUANTIZED the root mean square over the hidden states.

    `got` is a contestant's {"a": ...}, perhaps with more. A stream gives its last a and c only, (n_a, 1), or h_n and
    c_n.
    """
    worst = 0.0
    squares: list[Array] = []
    for name, array in got.items():
        last = case.kind in ("stream", "quantized_step", "cell") and name in ("a", "y", "c")
        right = want[name][:, :, -1] if last else want[name]
        if array.shape != right.shape:
            raise ValueError(f"{name} has shape {array.shape}, expected {right.shape}")
        if array.dtype != case.real:
            raise ValueError(f"{name} is {array.dtype}, expected {case.real}: not the same work")
        difference = np.abs(array.astype(np.float64) - right)
        if case.kind in GRADIENTS:  # of any size: relative to the largest element
            difference /= max(np.abs(right).max(initial=0), 1e-300)
        if name in ("a", "h_n"):
            squares.append(np.square(difference).ravel())
        worst = max(worst, float(difference.max(initial=0)) if np.isfinite(difference).all() else np.inf)
    if case.kind in QUANTIZED:
        return _within_rms_limit(float(np.sqrt(np.concatenate(squares).mean())))
    if not worst <= TOLERANCE[case.dtype]:
        raise ValueError(
            f"differs from the float64 result by {worst:.1e}, tolerance {TOLERANCE[case.dtype]:.0e}"
        )
    return worst


def _within_rms_limit(rms: float) -> float:
    if not rms <= RMS_LIMIT:
        raise ValueError(f"differs from the float64 result by {rms:.1e} rms, limit {RMS_LIMIT}")
    return rms
