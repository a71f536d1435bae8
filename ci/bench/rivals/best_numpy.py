"""The best that NumPy can do: one product for all gates, no temporaries, nothing kept that is not asked for.

The input product is done once for all steps. The gates stand side by side: a step has one product, one tanh,
since sigmoid(z) = (1 + tanh(z/2)) / 2, the halves put into the weights before the clock starts. Everything is
written into memory and through views that were made before the clock started.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ..contestant import Way
from ..work import Array, Case


def version() -> str:
    return np.__version__


def _halved(case: Case) -> tuple[Array, Array, Array]:
    """Weights with the gates f, i, o first, halved, then c."""
    W_x, W_a, b = case.weights("fioc")
    if case.cell == "lstm":
        half = np.repeat(np.array([0.5, 0.5, 0.5, 1], case.real), case.n_a)
        W_x, W_a, b = W_x * half[:, None], W_a * half[:, None], b * half
    return W_x, W_a, b


def _lstm_step(
    product: Callable[..., Array], W: Array, z: Array, c: Array, spare: Array, gate: list[Array]
) -> Callable[[Array, Array, Array], None]:
    """Return step(zx, a_prev, a_next); z, c, spare: work memory; gate: views f, i, o, c, (f, i, o) of z."""
    f, i, o, candidate, logistic = gate
    add, multiply, tanh, half = np.add, np.multiply, np.tanh, z.dtype.type(0.5)

    def step(zx: Array, a_prev: Array, a_next: Array) -> None:
        product(a_prev, W, out=z)
        add(z, zx, out=z)
        tanh(z, out=z)
        multiply(logistic, half, out=logistic)
        add(logistic, half, out=logistic)
        multiply(c, f, out=c)
        multiply(i, candidate, out=spare)
        add(c, spare, out=c)
        tanh(c, out=spare)
        multiply(o, spare, out=a_next)

    return step


def _rnn_step(product: Callable[..., Array], W: Array, z: Array) -> Callable[[Array, Array, Array], None]:
    add, tanh = np.add, np.tanh

    def step(zx: Array, a_prev: Array, a_next: Array) -> None:
        product(a_prev, W, out=z)
        add(z, zx, out=z)
        tanh(z, out=a_next)

    return step


def _stepper(
    case: Case, fortran: bool, c: Array
) -> tuple[Array, Array, Callable[[Array, Array, Array], None]]:
    """Return W_x (n_x, gates * n_a), b, and the step for states of shape (m, n_a), or (n_a,) where m is 1.

    `fortran`: W_a as the transpose of C-ordered (gates * n_a, n_a): BLAS then runs dot products, not updates.
    """
    W_x, W_a, b = _halved(case)
    W = W_a.T if fortran else np.ascontiguousarray(W_a.T)
    n = case.n_a
    lead = () if case.m == 1 else (case.m,)
    z = np.empty((*lead, W.shape[1]), case.real)
    product = np.dot if case.m == 1 else np.matmul
    if case.cell == "rnn":
        return np.ascontiguousarray(W_x.T), b, _rnn_step(product, W, z)
    gate = [z[..., k * n : (k + 1) * n] for k in range(4)] + [z[..., : 3 * n]]
    return np.ascontiguousarray(W_x.T), b, _lstm_step(product, W, z, c, np.empty((*lead, n), case.real), gate)


def hidden(case: Case) -> list[Way]:
    return [_hidden(case, fortran) for fortran in (False, True)]


def _hidden(case: Case, fortran: bool) -> Way:
    lead = () if case.m == 1 else (case.m,)
    a0, c0 = case.a0_rows.reshape(*lead, -1), case.c0_rows.reshape(*lead, -1)
    c = c0.copy()
    W_x, b, step = _stepper(case, fortran, c)
    x = case.x_rows.reshape(case.T_x * case.m, case.n_x)
    zx = np.empty((case.T_x * case.m, W_x.shape[1]), case.real)
    a = np.empty((case.T_x, *lead, case.n_a), case.real)
    a_steps = list(a)
    turns = list(zip(zx.reshape(case.T_x, *lead, -1), [a0, *a_steps], a_steps, strict=False))

    def call() -> Array:
        np.matmul(x, W_x, out=zx)
        np.add(zx, b, out=zx)
        np.copyto(c, c0)
        for zxt, a_prev, a_next in turns:
            step(zxt, a_prev, a_next)
        return a

    def read(a: Array) -> dict[str, Array]:
        return {"a": a.reshape(case.T_x, case.m, case.n_a).transpose(2, 1, 0)}

    return Way("numpy", "dot" if fortran else "update", call, read)


def stream(case: Case) -> list[Way]:
    return [_stream(case, fortran) for fortran in (False, True)]


def _stream(case: Case, fortran: bool) -> Way:
    """One product of [a_prev, xt], which stand in one array: xt is copied there, a_next is written there."""
    W_x, W_a, b = _halved(case)
    stacked = np.concatenate([W_a, W_x], axis=1)
    W = stacked.T if fortran else np.ascontiguousarray(stacked.T)
    xt = case.x_rows[0, 0]
    both = np.concatenate([case.a0[:, 0], xt])
    inlet = both[case.n_a :]
    copyto = np.copyto
    a, c = both[: case.n_a], case.c0[:, 0].copy()
    z = np.empty(W.shape[1], case.real)
    n = case.n_a
    if case.cell == "rnn":
        step = _rnn_step(np.dot, W, z)
    else:
        gate = [z[k * n : (k + 1) * n] for k in range(4)] + [z[: 3 * n]]
        step = _lstm_step(np.dot, W, z, c, np.empty(n, case.real), gate)

    def call() -> None:
        copyto(inlet, xt)
        step(b, both, a)

    def read(_: None) -> dict[str, Array]:
        result = {"a": a.reshape(-1, 1).copy()}
        return result | {"c": c.reshape(-1, 1).copy()} if case.cell == "lstm" else result

    return Way("numpy", "dot" if fortran else "update", call, read)


def pack(case: Case) -> list[Way]:
    """np.copyto of as many bytes as the parameters have, into memory that is there already."""
    source = np.concatenate([value.ravel() for value in case.parameters.values()])
    target = np.empty_like(source)
    return [Way("numpy", "copyto", lambda: np.copyto(target, source), lambda _: {})]
