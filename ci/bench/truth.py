"""What is right: each case in float64, from the equations, and how far a contestant may be from it."""

from __future__ import annotations

import numpy as np

from .work import Array, Case

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


def run(case: Case) -> dict[str, Array]:
    """Return a (n_a, m, T_x), y (n_y, m, T_x) and, for an LSTM, c (n_a, m, T_x), all float64.

    a case of kind "stream" is run for STREAM_STEPS steps on its one xt.
    """
    p = {key: value.astype(np.float64) for key, value in case.parameters.items()}
    W_x, W_a, b = (array.astype(np.float64) for array in case.weights("fico"))
    steps = STREAM_STEPS if case.kind == "stream" else case.T_x
    a_next, c_next = case.a0.astype(np.float64), case.c0.astype(np.float64)
    a, c, y = [], [], []
    for t in range(steps):
        xt = case.x[:, :, min(t, case.T_x - 1)].astype(np.float64)
        z = W_x @ xt + W_a @ a_next + b[:, None]
        if case.cell == "rnn":
            a_next = np.tanh(z)
            y.append(_softmax(p["Wya"] @ a_next + p["by"]))
        else:
            z_f, z_i, z_c, z_o = np.split(z, 4)
            c_next = _logistic(z_f) * c_next + _logistic(z_i) * np.tanh(z_c)
            a_next = _logistic(z_o) * np.tanh(c_next)
            y.append(_softmax(p["Wy"] @ a_next + p["by"]))
        a.append(a_next)
        c.append(c_next)
    result = {"a": np.stack(a, axis=2), "y": np.stack(y, axis=2)}
    if case.cell == "lstm":
        result["c"] = np.stack(c, axis=2)
    return result


def gradients(case: Case) -> dict[str, Array]:
    """Return the gradients of sum(a * da) in x, a0 and the weights, float64, by the chain rule."""
    W_x, W_a, b = (array.astype(np.float64) for array in case.weights("fico"))
    x, da_rows = case.x_rows.astype(np.float64), case.da_rows.astype(np.float64)
    a, c, kept = case.a0_rows.astype(np.float64), case.c0_rows.astype(np.float64), []
    for xt in x:
        z = xt @ W_x.T + a @ W_a.T + b
        if case.cell == "rnn":
            a_next, c_next, gates = np.tanh(z), c, ()
        else:
            f, i, g, o = np.split(z, 4, axis=1)
            gates = f, i, g, o = _logistic(f), _logistic(i), np.tanh(g), _logistic(o)
            c_next = f * c + i * g
            a_next = o * np.tanh(c_next)
        kept.append((a, c, a_next, c_next, gates))
        a, c = a_next, c_next
    dx, da, dc = np.empty_like(x), np.zeros_like(a), np.zeros_like(c)
    dW_x, dW_a, db = np.zeros_like(W_x), np.zeros_like(W_a), np.zeros_like(b)
    for t in reversed(range(case.T_x)):
        a_prev, c_prev, a_next, c_next, gates = kept[t]
        da = da + da_rows[t]
        if case.cell == "rnn":
            dz = da * (1 - a_next**2)
        else:
            f, i, g, o = gates
            seen = np.tanh(c_next)
            dc = dc + da * o * (1 - seen**2)
            parts = dc * c_prev * f * (1 - f), dc * g * i * (1 - i), dc * i * (1 - g**2), da * seen * o * (1 - o)
            dz, dc = np.concatenate(parts, axis=1), dc * f
        dx[t], da = dz @ W_x, dz @ W_a
        dW_x, dW_a, db = dW_x + dz.T @ x[t], dW_a + dz.T @ a_prev, db + dz.sum(axis=0)
    return case.gradients(dx, da, dW_x, dW_a, db, "fico")


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
