"""The best that NumPy can do: one product for all gates, no temporaries, nothing kept that is not asked for.

The input product is done once for all steps. The gates stand side by side: a step has one product, one tanh,
since sigmoid(z) = (1 + tanh(z/2)) / 2, the halves put into the weights before the clock starts. A GRU's candidate
has a tanh of its own, which waits for the reset gate. Everything is written into memory and through views that were
made before the clock started.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..contestant import Variant
from ..work import Array, Case


def version() -> str:
    return np.__version__


ORDERS = {"lstm": "fioc", "gru": "zrc"}
#: with peepholes o waits for the cell state: the other gates stand together
PEEPHOLE_ORDERS = {"lstm": "fico"}


def _halved(case: Case) -> tuple[Array, Array, Array, Array]:
    """Weights with the gates that have a sigmoid first, halved, then the candidate."""
    W_x, W_a, b, b_a = case.weights(ORDERS)
    if case.cell != "rnn":
        half = np.full(len(b), 0.5, case.real)
        half[-case.n_a :] = 1
        W_x, W_a, b = W_x * half[:, None], W_a * half[:, None], b * half
    return W_x, W_a, b, b_a


def _lstm_step(
    product: Callable[..., Array], W: Array, z: Array, c: Array, scratch: Array, gate: list[Array]
) -> Callable[[Array, Array, Array], None]:
    """Return step(zx, a_prev, a_next); z, c, scratch: work memory; gate: views f, i, o, c of z."""
    f, i, o, candidate = gate
    logistic = z[..., : 3 * f.shape[-1]]
    add, multiply, tanh, half = np.add, np.multiply, np.tanh, z.dtype.type(0.5)

    def step(zx: Array, a_prev: Array, a_next: Array) -> None:
        product(a_prev, W, out=z)
        add(z, zx, out=z)
        tanh(z, out=z)
        multiply(logistic, half, out=logistic)
        add(logistic, half, out=logistic)
        multiply(c, f, out=c)
        multiply(i, candidate, out=scratch)
        add(c, scratch, out=c)
        tanh(c, out=scratch)
        multiply(o, scratch, out=a_next)

    return step


def _peephole_step(
    product: Callable[..., Array], W: Array, P: Array, z: Array, c: Array, scratch: Array
) -> Callable[[Array, Array, Array], None]:
    """As `_lstm_step`, gates f, i, c, o; P: halved, rows i, o, f."""
    f, i, candidate, o = (z[..., k : k + c.shape[-1]] for k in range(0, z.shape[-1], c.shape[-1]))
    first, logistic = z[..., : 3 * c.shape[-1]], z[..., : 2 * c.shape[-1]]
    P_i, P_o, P_f = P
    add, multiply, tanh, half = np.add, np.multiply, np.tanh, z.dtype.type(0.5)

    def step(zx: Array, a_prev: Array, a_next: Array) -> None:
        product(a_prev, W, out=z)
        add(z, zx, out=z)
        multiply(c, P_f, out=scratch)
        add(f, scratch, out=f)
        multiply(c, P_i, out=scratch)
        add(i, scratch, out=i)
        tanh(first, out=first)
        multiply(logistic, half, out=logistic)
        add(logistic, half, out=logistic)
        multiply(c, f, out=c)
        multiply(i, candidate, out=scratch)
        add(c, scratch, out=c)
        multiply(c, P_o, out=scratch)
        add(o, scratch, out=o)
        tanh(o, out=o)
        multiply(o, half, out=o)
        add(o, half, out=o)
        tanh(c, out=scratch)
        multiply(o, scratch, out=a_next)

    return step


def _gru_step(
    product: Callable[..., Array], W: Array, z: Array, scratch: Array, gate: list[Array]
) -> Callable[[tuple[Array, Array, Array], Array, Array], None]:
    """Return step((zx, candidate, a_prev), multiplied, a_next); gate: views inner, z, r and so on of z.

    candidate: its input half, which the reset gate does not touch. The state is there twice since a stream multiplies
    [a_prev, xt].
    """
    inner, update, reset, *_ = gate
    logistic = z[..., inner.shape[-1] : 3 * inner.shape[-1]]
    add, multiply, subtract, tanh, half = np.add, np.multiply, np.subtract, np.tanh, z.dtype.type(0.5)

    def step(given: tuple[Array, Array, Array], multiplied: Array, a_next: Array) -> None:
        zx, candidate, a_prev = given
        product(multiplied, W, out=z)
        add(z, zx, out=z)
        tanh(logistic, out=logistic)
        multiply(logistic, half, out=logistic)
        add(logistic, half, out=logistic)
        multiply(inner, reset, out=inner)
        add(inner, candidate, out=inner)
        tanh(inner, out=inner)
        subtract(a_prev, inner, out=scratch)
        multiply(scratch, update, out=scratch)
        add(inner, scratch, out=a_next)

    return step


def _rnn_step(product: Callable[..., Array], W: Array, z: Array) -> Callable[[Array, Array, Array], None]:
    add, tanh = np.add, np.tanh

    def step(zx: Array, a_prev: Array, a_next: Array) -> None:
        product(a_prev, W, out=z)
        add(z, zx, out=z)
        tanh(z, out=a_next)

    return step


def _step(case: Case, W: Array, z: Array, c: Array) -> Callable[[Any, Array, Array], None]:
    """Return the step for states of shape (m, n_a), or (n_a,) where m is 1, as those of c; z: work memory."""
    n, product = case.n_a, np.dot if z.ndim == 1 else np.matmul
    gate = [z[..., k : k + n] for k in range(0, z.shape[-1], n)]
    if case.cell == "rnn":
        return _rnn_step(product, W, z)
    if case.cell == "gru":
        return _gru_step(product, W, z, np.empty_like(c), gate)
    return _lstm_step(product, W, z, c, np.empty_like(c), gate)


def _ordered(matrix: Array, fortran: bool) -> Array:
    """Return a matrix (units, k) transposed: in place, then BLAS runs dot products, or copied, then it runs updates."""
    return matrix.T if fortran else np.ascontiguousarray(matrix.T)


def _inner_first(case: Case, W_a: Array, b: Array, b_a: Array) -> tuple[Array, Array]:
    """Return W_a and b with a GRU's inner, which has no input half, before the gates: inner, z, r, (c)."""
    if case.cell != "gru":
        return W_a, b
    return np.roll(W_a, case.n_a, axis=0), np.concatenate([b_a[-case.n_a :], b])


def hidden(case: Case) -> list[Variant]:
    return [_hidden(case, fortran) for fortran in (False, True)]


def _hidden(case: Case, fortran: bool) -> Variant:
    lead = () if case.m == 1 else (case.m,)
    a0, c0 = (state.T.reshape(*lead, -1) for state in (case.a0, case.c0))
    c = c0.copy()
    W_x, *rest = _halved(case)
    W_a, b = _inner_first(case, *rest)
    W_x = np.ascontiguousarray(W_x.T)
    step = _step(case, _ordered(W_a, fortran), np.empty((*lead, len(W_a)), case.real), c)
    x = case.x_rows.reshape(case.T_x * case.m, case.n_x)
    zx = np.tile(b, (case.T_x * case.m, 1))
    own = len(b) - W_x.shape[1]  # where a GRU's inner is, which stays as it is
    inputs, b = zx[:, own:], b[own:]
    a = np.empty((case.T_x, *lead, case.n_a), case.real)
    a_steps = list(a)
    before = [a0, *a_steps[:-1]]
    given: Any = zx.reshape(case.T_x, *lead, -1)
    if case.cell == "gru":
        given = zip(given[..., : len(W_a)], given[..., len(W_a) :], before, strict=True)
    rows = list(zip(given, before, a_steps, strict=True))

    def call() -> Array:
        np.matmul(x, W_x, out=inputs)
        np.add(inputs, b, out=inputs)
        np.copyto(c, c0)
        for zxt, a_prev, a_next in rows:
            step(zxt, a_prev, a_next)
        return a

    def read(a: Array) -> dict[str, Array]:
        return {"a": a.reshape(case.T_x, case.m, case.n_a).transpose(2, 1, 0)}

    return Variant("numpy", "dot" if fortran else "update", call, read)


def peephole(case: Case) -> list[Variant]:
    return [_peephole(case, fortran) for fortran in (False, True)]


def _peephole(case: Case, fortran: bool) -> Variant:
    """The stack by hand; only an LSTM has peepholes."""
    n, lead = case.n_a, () if case.m == 1 else (case.m,)
    a0, c0 = (state.T.reshape(*lead, -1) for state in (case.a0, case.c0))
    c = c0.copy()
    W_x, W_a, b, _ = case.weights(PEEPHOLE_ORDERS)
    half = np.full(4 * n, 0.5, case.real)
    half[2 * n : 3 * n] = 1
    W_x, W_a, b = np.ascontiguousarray((W_x * half[:, None]).T), W_a * half[:, None], b * half
    z, product = np.empty((*lead, 4 * n), case.real), np.matmul if lead else np.dot
    P = np.asarray(case.peepholes) * case.real.type(0.5)
    step = _peephole_step(product, _ordered(W_a, fortran), P, z, c, np.empty_like(c))
    x, zx = case.x_rows.reshape(case.T_x * case.m, case.n_x), np.empty((case.T_x * case.m, 4 * n), case.real)
    a = np.empty((case.T_x, *lead, n), case.real)
    rows = list(zip(zx.reshape(case.T_x, *lead, -1), [a0, *a[:-1]], a, strict=True))

    def call() -> Array:
        np.matmul(x, W_x, out=zx)
        np.add(zx, b, out=zx)
        np.copyto(c, c0)
        for zxt, a_prev, a_next in rows:
            step(zxt, a_prev, a_next)
        return a

    def read(a: Array) -> dict[str, Array]:
        states = {"h_n": a[-1], "c_n": c}
        named = {name: state.reshape(1, case.m, n).copy() for name, state in states.items()}
        return {"a": a.reshape(case.T_x, case.m, n).transpose(2, 1, 0)} | named

    return Variant("numpy", "dot" if fortran else "update", call, read)


def stream(case: Case) -> list[Variant]:
    makers = (_stream, _stream_apart) if case.cell == "gru" else (_stream,)
    return [make(case, fortran) for make in makers for fortran in (False, True)]


def _stream(case: Case, fortran: bool) -> Variant:
    """One product of [a_prev, xt], which stand in one array: xt is copied there, a_next is written there."""
    W_x, *rest = _halved(case)
    W_a, b = _inner_first(case, *rest)
    n = case.n_a
    if case.cell == "gru":  # a block of zeros each
        W_a, W_x = np.concatenate([W_a, np.zeros_like(W_a[:n])]), np.concatenate([np.zeros_like(W_x[:n]), W_x])
    W = _ordered(np.concatenate([W_a, W_x], axis=1), fortran)
    xt = case.x_rows[0, 0]
    both = np.concatenate([case.a0[:, 0], xt])
    inlet = both[n:]
    copyto = np.copyto
    a, c = both[:n], case.c0[:, 0].copy()
    z = np.empty(W.shape[1], case.real)
    step = _step(case, W, z, c)
    given: Any = (b, z[-n:], a) if case.cell == "gru" else b

    def call() -> None:
        copyto(inlet, xt)
        step(given, both, a)

    return Variant("numpy", "dot" if fortran else "update", call, lambda _: _read_states(case, a, c))


def _stream_apart(case: Case, fortran: bool) -> Variant:
    """Of a GRU, two products and no zeros: 25 us at n = 256, with them 39; at n = 64 5.3 and 4.9 (Xeon, 2026-11-24)."""
    W_x, *rest = _halved(case)
    W_a, b = _inner_first(case, *rest)
    n, W_x = case.n_a, _ordered(W_x, fortran)
    xt, inlet, a = case.x_rows[0, 0], case.x_rows[0, 0].copy(), case.a0[:, 0].copy()
    zx = b.copy()
    inputs, b = zx[n:], b[n:]
    copyto, product, add = np.copyto, np.dot, np.add
    step = _step(case, _ordered(W_a, fortran), np.empty(3 * n, case.real), a)
    given = zx[: 3 * n], zx[3 * n :], a

    def call() -> None:
        copyto(inlet, xt)
        product(inlet, W_x, out=inputs)
        add(inputs, b, out=inputs)
        step(given, a, a)

    return Variant("numpy", f"apart, {'dot' if fortran else 'update'}", call, lambda _: _read_states(case, a, a))


def _read_states(case: Case, a: Array, c: Array) -> dict[str, Array]:
    states = (a, c) if case.cell == "lstm" else (a,)
    return {name: state.reshape(-1, 1).copy() for name, state in zip("ac", states, strict=False)}


def pack(case: Case) -> list[Variant]:
    """np.copyto of as many bytes as the parameters have, into memory that is there already."""
    source = np.concatenate([value.ravel() for value in case.parameters.values()])
    target = np.empty_like(source)
    return [Variant("numpy", "copyto", lambda: np.copyto(target, source), lambda _: {})]
