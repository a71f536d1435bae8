"""What is right: each case in float64, from the equations, and how far a contestant may be from it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from .work import GATES, Array, Case

#: Largest allowed difference from the float64 result. All compared values lie within (-1, 1) or close to it.
#: A float32 sum of 2048 products of size 1/32 is known to 1e-6; recurrence may double that a few times over.
TOLERANCE = {"f32": 2e-5, "f64": 1e-12}
#: kinds whose results are gradients
GRADIENTS = ("train", "backward")
#: steps that a streaming contestant takes, on the case's one x, before its state is compared
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


def _step(cell: str, z_x: Array, z_a: Array, a: Array, c: Array) -> Step:
    """z_x and z_a: what comes from the input and from the hidden state, biases included, gates as in work.GATES."""
    if cell == "rnn":
        return Step(a, c, np.tanh(z_x + z_a), c, ())
    if cell == "gru":
        x_z, x_r, x_c = np.split(z_x, 3, axis=1)
        a_z, a_r, inner = np.split(z_a, 3, axis=1)
        z, r = _logistic(x_z + a_z), _logistic(x_r + a_r)
        g = np.tanh(x_c + r * inner)
        return Step(a, c, z * a + (1 - z) * g, c, (z, r, g, inner))
    z_f, z_i, z_c, z_o = np.split(z_x + z_a, 4, axis=1)
    f, i, g, o = _logistic(z_f), _logistic(z_i), np.tanh(z_c), _logistic(z_o)
    c_next = f * c + i * g
    return Step(a, c, o * np.tanh(c_next), c_next, (f, i, g, o))


def _steps(case: Case, x: Array) -> list[Step]:
    """Run x (T_x, m, n_x) from the case's initial states."""
    W_x, W_a, b, b_a = (array.astype(np.float64) for array in case.weights())
    a, c = (state.T.astype(np.float64) for state in (case.a0, case.c0))
    steps: list[Step] = []
    for xt in x:
        steps.append(_step(case.cell, xt @ W_x.T + b, a @ W_a.T + b_a, a, c))
        a, c = steps[-1].a_next, steps[-1].c_next
    return steps


def run(case: Case) -> dict[str, Array]:
    """Return a (n_a, m, T_x), y (n_y, m, T_x) and, for an LSTM, c (n_a, m, T_x), all float64.

    A case of kind "stream" is run for STREAM_STEPS steps on its one xt.
    """
    x = case.x_rows.astype(np.float64)
    steps = _steps(case, np.repeat(x, STREAM_STEPS, axis=0) if case.kind == "stream" else x)
    W_y, b_y = (array.astype(np.float64) for array in list(case.parameters.values())[-2:])
    result = {"a": np.stack([step.a_next.T for step in steps], axis=2)}
    result["y"] = np.stack([_softmax(W_y @ step.a_next.T + b_y) for step in steps], axis=2)
    if case.cell == "lstm":
        result["c"] = np.stack([step.c_next.T for step in steps], axis=2)
    return result


def _back(cell: str, step: Step, da: Array, dc: Array) -> tuple[Array, Array, Array, Array]:
    """Return the gradients of z_x and z_a, and what reaches a_prev and c_prev past the products."""
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
    parts = dc * step.c_prev * f * (1 - f), dc * g * i * (1 - i), dc * i * (1 - g**2), da * seen * o * (1 - o)
    dz = np.concatenate(parts, axis=1)
    return dz, dz, np.zeros_like(da), dc * f


def gradients(case: Case) -> dict[str, Array]:
    """Return the gradients of sum(a * da) in x, a0 and the weights, float64, by the chain rule."""
    W_x, W_a, b, b_a = (array.astype(np.float64) for array in case.weights())
    x, da_rows = case.x_rows.astype(np.float64), case.da_rows.astype(np.float64)
    steps = _steps(case, x)
    dx, da, dc = np.empty_like(x), np.zeros(da_rows.shape[1:]), np.zeros(da_rows.shape[1:])
    dW_x, dW_a, db, db_a = (np.zeros_like(array) for array in (W_x, W_a, b, b_a))
    for t in reversed(range(case.T_x)):
        dz_x, dz_a, past, dc = _back(case.cell, steps[t], da + da_rows[t], dc)
        dx[t], da = dz_x @ W_x, past + dz_a @ W_a
        dW_x, dW_a = dW_x + dz_x.T @ x[t], dW_a + dz_a.T @ steps[t].a_prev
        db, db_a = db + dz_x.sum(axis=0), db_a + dz_a.sum(axis=0)
    return case.gradients(dx, da, dW_x, dW_a, db, db_a, GATES)


def error(case: Case, got: dict[str, Array], want: dict[str, Array]) -> float:
    """Return the largest difference over everything in `got`; raise ValueError if it is not within tolerance.

    `got` is a contestant's {"a": ...}, perhaps with y and c. A stream gives its last a and c only, (n_a, 1).
    """
    worst = 0.0
    for name, array in got.items():
        right = want[name][:, :, -1] if case.kind in ("stream", "cell") else want[name]
        if array.shape != right.shape:
            raise ValueError(f"{name} has shape {array.shape}, expected {right.shape}")
        if array.dtype != case.real:
            raise ValueError(f"{name} is {array.dtype}, expected {case.real}: not the same work")
        difference = np.abs(array.astype(np.float64) - right)
        if case.kind in GRADIENTS:  # of any size: relative to the largest element
            difference /= max(np.abs(right).max(initial=0), 1e-300)
        worst = max(worst, float(difference.max(initial=0)) if np.isfinite(difference).all() else np.inf)
    if not worst <= TOLERANCE[case.dtype]:
        raise ValueError(
            f"differs from the float64 result by {worst:.1e}, tolerance {TOLERANCE[case.dtype]:.0e}"
        )
    return worst
