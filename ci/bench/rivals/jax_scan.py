"""JAX: a compiled lax.scan with the input product hoisted out of it, or left inside, in two forms; a compiled step."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from ..contestant import Variant
from ..work import Array, Case

jax.config.update("jax_enable_x64", True)  # else float64 is silently float32; float32 stays float32
ORDERS = {"lstm": "fioc", "gru": "zrc"}


def version() -> str:
    return str(jax.__version__)


def _pointwise(cell: str, together: bool) -> Callable[..., tuple[Any, Any]]:
    """Return f(zx, za, state, more) -> (state, a); zx: the half from x, with biases; za: from the hidden state.

    `together`: one sigmoid of all its gates, else one of each. XLA fuses them otherwise: up to 1.6x faster forward, and
    5x for the GRU's gradients at m = 1, but up to 2x slower elsewhere (Xeon, 2026-11-24).
    """

    def gates(z: Any, count: int) -> Any:
        if together:
            return jnp.split(jax.nn.sigmoid(z), count, axis=-1)
        return map(jax.nn.sigmoid, jnp.split(z, count, axis=-1))

    def rnn(zx: Any, za: Any, state: Any, more: Any) -> tuple[Any, Any]:
        a = jnp.tanh(zx + za)
        return (a,), a

    def gru(zx: Any, za: Any, state: Any, more: Any) -> tuple[Any, Any]:
        n = 2 * state[0].shape[-1]
        z, r = gates(zx[..., :n] + za[..., :n], 2)
        c = jnp.tanh(zx[..., n:] + r * (za[..., n:] + more[0]))
        a = z * state[0] + (1 - z) * c
        return (a,), a

    def lstm(zx: Any, za: Any, state: Any, more: Any) -> tuple[Any, Any]:
        n, z = 3 * state[0].shape[-1], zx + za
        f, i, o = gates(z[..., :n], 3)
        c = f * state[1] + i * jnp.tanh(z[..., n:])
        a = o * jnp.tanh(c)
        return (a, c), a

    return {"rnn": rnn, "gru": gru, "lstm": lstm}[cell]


def _forms(cell: str) -> tuple[tuple[str, bool], ...]:
    return (("", False),) if cell == "rnn" else (("", False), (", gates together", True))


def _scans(case: Case) -> list[tuple[str, Callable[..., Any]]]:
    """Return names and functions (x, state, W_x, W_a, b, *more) -> a, compiled."""
    found = []
    for form, together in _forms(case.cell):
        pointwise = _pointwise(case.cell, together)
        found += [
            (f"hoisted{form}", _hoisted(pointwise, 1)),
            (f"hoisted, unrolled 4{form}", _hoisted(pointwise, 4)),
            (f"inside{form}", _inside(pointwise, case.cell)),
        ]
    return found


def _hoisted(pointwise: Callable[..., Any], unroll: int) -> Callable[..., Any]:
    def scan(x: Any, state: Any, W_x: Any, W_a: Any, b: Any, *more: Any) -> Any:
        zx = x @ W_x + b
        return lax.scan(
            lambda state, zxt: pointwise(zxt, state[0] @ W_a, state, more), state, zx, unroll=unroll
        )[1]

    return jax.jit(scan)


def _inside(pointwise: Callable[..., Any], cell: str) -> Callable[..., Any]:
    def scan(x: Any, state: Any, W_x: Any, W_a: Any, b: Any, *more: Any) -> Any:
        if cell == "gru":  # whose halves may not be added
            return lax.scan(lambda state, xt: pointwise(xt @ W_x + b, state[0] @ W_a, state, more), state, x)[1]
        W = jnp.concatenate([W_a, W_x])
        return lax.scan(
            lambda state, xt: pointwise(jnp.concatenate([state[0], xt], axis=-1) @ W, b, state, more), state, x
        )[1]

    return jax.jit(scan)


def _arrays(case: Case) -> tuple[Any, ...]:
    """x (T_x, m, n_x), state ((m, n_a), ...), W_x (n_x, gates * n_a), W_a (n_a, gates * n_a), b; a GRU's bca, too.

    Where m is 1, x (T_x, n_x) and state ((n_a,), ...): XLA's product of a vector is up to 1.3x faster.
    """
    W_x, W_a, *biases = case.weights(ORDERS)
    x, states = case.x_rows, case.initial
    if case.m == 1:
        x, states = x[:, 0], [state[0] for state in states]
    W_x, W_a = np.ascontiguousarray(W_x.T), np.ascontiguousarray(W_a.T)
    more = [biases[1][-case.n_a :]] if case.cell == "gru" else []
    return jax.device_put((x, tuple(states), W_x, W_a, biases[0], *more))


def hidden(case: Case) -> list[Variant]:
    arrays = _arrays(case)

    def read(a: Any) -> dict[str, Array]:
        return {"a": np.asarray(a).reshape(case.T_x, case.m, case.n_a).transpose(2, 1, 0)}

    def variant(name: str, run: Callable[..., Any]) -> Variant:
        return Variant("jax", name, lambda: run(*arrays).block_until_ready(), read)

    return [variant(*named) for named in _scans(case)]


def stream(case: Case) -> list[Variant]:
    return [_stream(case, form, together) for form, together in _forms(case.cell)]


def _stream(case: Case, form: str, together: bool) -> Variant:
    _, state, *weights = _arrays(case)
    xt = case.x_rows[0, 0]
    pointwise = _pointwise(case.cell, together)

    # xt and the weights are arguments: as constants XLA would fold their product out of the step
    @jax.jit
    def compiled(xt: Any, state: Any, W_x: Any, W_a: Any, b: Any, *more: Any) -> Any:
        return pointwise(xt @ W_x + b, state[0] @ W_a, state, more)[0]

    def call() -> Any:
        nonlocal state
        state = compiled(xt, state, *weights)
        state[0].block_until_ready()
        return state

    def read(state: Any) -> dict[str, Array]:
        return {name: np.asarray(array).reshape(-1, 1) for name, array in zip("ac", state, strict=False)}

    return Variant("jax", f"step{form}", call, read)


def train(case: Case) -> list[Variant]:
    x, state, *weights = _arrays(case)
    da = jax.device_put(case.da_rows[:, 0] if case.m == 1 else case.da_rows)
    others = tuple(jnp.zeros_like(other) for other in state[1:])

    def read(found: Any) -> dict[str, Array]:
        dx, da0, dW_x, dW_a, *db = (np.asarray(gradient) for gradient in found)
        rows = dx.reshape(case.T_x, case.m, case.n_x), da0.reshape(case.m, case.n_a)
        return case.gradients(*rows, dW_x.T, dW_a.T, db[0], db[-1], ORDERS)

    def variant(name: str, scan: Callable[..., Any]) -> Variant:
        def loss(others: Any, da: Any, x: Any, a0: Any, *weights: Any) -> Any:
            return (scan(x, (a0, *others), *weights) * da).sum()

        run = jax.jit(jax.grad(loss, argnums=tuple(range(2, 4 + len(weights)))))
        return Variant("jax", name, lambda: jax.block_until_ready(run(others, da, x, state[0], *weights)), read)

    return [variant(*named) for named in _scans(case)]
