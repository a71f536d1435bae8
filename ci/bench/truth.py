"""What is right: each case in float64, from the equations, and how far a contestant may be from it."""

from __future__ import annotations

import numpy as np

from .work import Array, Case

#: Largest allowed difference from the float64 result. All compared values lie within (-1, 1) or close to it.
#: A float32 sum of 2048 products of size 1/32 is known to 1e-6; recurrence may double that a few times over.
TOLERANCE = {"f32": 2e-5, "f64": 1e-12}
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
        worst = max(worst, float(difference.max(initial=0)) if np.isfinite(difference).all() else np.inf)
    if not worst <= TOLERANCE[case.dtype]:
        raise ValueError(
            f"differs from the float64 result by {worst:.1e}, tolerance {TOLERANCE[case.dtype]:.0e}"
        )
    return worst
