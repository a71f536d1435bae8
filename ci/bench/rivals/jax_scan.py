"""JAX: a compiled lax.scan with the input product hoisted out of it, or left inside; a compiled step."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from ..contestant import Way
from ..work import Array, Case

jax.config.update("jax_enable_x64", True)  # else float64 is silently float32; float32 stays float32


def version() -> str:
    return str(jax.__version__)


def _pointwise(cell: str) -> Callable[[Any, Any], tuple[Any, Any]]:
    def rnn(z: Any, state: Any) -> tuple[Any, Any]:
        a = jnp.tanh(z)
        return (a,), a

    def lstm(z: Any, state: Any) -> tuple[Any, Any]:
        z_f, z_i, z_o, z_c = jnp.split(z, 4, axis=-1)
        c = jax.nn.sigmoid(z_f) * state[1] + jax.nn.sigmoid(z_i) * jnp.tanh(z_c)
        a = jax.nn.sigmoid(z_o) * jnp.tanh(c)
        return (a, c), a

    return rnn if cell == "rnn" else lstm


def _scan(cell: str, unroll: int, hoist: bool) -> Callable[..., Any]:
    pointwise = _pointwise(cell)

    def hoisted(x: Any, state: Any, W_x: Any, W_a: Any, b: Any) -> Any:
        zx = x @ W_x + b
        return lax.scan(lambda state, zxt: pointwise(zxt + state[0] @ W_a, state), state, zx, unroll=unroll)[
            1
        ]

    def inside(x: Any, state: Any, W_x: Any, W_a: Any, b: Any) -> Any:
        W = jnp.concatenate([W_a, W_x])
        return lax.scan(
            lambda state, xt: pointwise(jnp.concatenate([state[0], xt], axis=-1) @ W + b, state),
            state,
            x,
            unroll=unroll,
        )[1]

    return jax.jit(hoisted if hoist else inside)


def _arrays(case: Case) -> tuple[Any, Any, Any, Any, Any]:
    """x (T_x, m, n_x), state ((m, n_a), ...), W_x (n_x, gates * n_a), W_a (n_a, gates * n_a), b.

    Where m is 1, x (T_x, n_x) and state ((n_a,), ...): XLA's product of a vector is up to 1.3x faster.
    """
    W_x, W_a, b = case.weights("fioc")
    x, states = case.x_rows, [case.a0_rows, case.c0_rows][: 2 if case.cell == "lstm" else 1]
    if case.m == 1:
        x, states = x[:, 0], [state[0] for state in states]
    W_x, W_a = np.ascontiguousarray(W_x.T), np.ascontiguousarray(W_a.T)
    return jax.device_put((x, tuple(states), W_x, W_a, b))


def hidden(case: Case) -> list[Way]:
    arrays = _arrays(case)

    def read(a: Any) -> dict[str, Array]:
        return {"a": np.asarray(a).reshape(case.T_x, case.m, case.n_a).transpose(2, 1, 0)}

    def way(name: str, unroll: int, hoist: bool) -> Way:
        run = _scan(case.cell, unroll, hoist)
        return Way("jax", name, lambda: run(*arrays).block_until_ready(), read)

    return [way("hoisted", 1, True), way("hoisted, unrolled 4", 4, True), way("inside", 1, False)]


def stream(case: Case) -> list[Way]:
    _, state, W_x, W_a, b = _arrays(case)
    xt = case.x_rows[0, 0]
    pointwise = _pointwise(case.cell)
    # xt, W_x, W_a and b are arguments: as constants XLA would fold their product out of the step
    compiled = jax.jit(lambda xt, state, W_x, W_a, b: pointwise(xt @ W_x + b + state[0] @ W_a, state)[0])

    def call() -> Any:
        nonlocal state
        state = compiled(xt, state, W_x, W_a, b)
        state[0].block_until_ready()
        return state

    def read(state: Any) -> dict[str, Array]:
        return {name: np.asarray(array).reshape(-1, 1) for name, array in zip("ac", state, strict=False)}

    return [Way("jax", "step", call, read)]


def train(case: Case) -> list[Way]:
    x, state, W_x, W_a, b = _arrays(case)
    da = jax.device_put(case.da_rows[:, 0] if case.m == 1 else case.da_rows)
    others = tuple(jnp.zeros_like(other) for other in state[1:])

    def read(found: Any) -> dict[str, Array]:
        dx, da0, dW_x, dW_a, db = (np.asarray(gradient) for gradient in found)
        rows = dx.reshape(case.T_x, case.m, case.n_x), da0.reshape(case.m, case.n_a)
        return case.gradients(*rows, dW_x.T, dW_a.T, db, "fioc")

    def way(name: str, unroll: int, hoist: bool) -> Way:
        scan = _scan(case.cell, unroll, hoist)

        def loss(x: Any, a0: Any, W_x: Any, W_a: Any, b: Any, others: Any, da: Any) -> Any:
            return (scan(x, (a0, *others), W_x, W_a, b) * da).sum()

        run = jax.jit(jax.grad(loss, argnums=(0, 1, 2, 3, 4)))
        return Way("jax", name, lambda: jax.block_until_ready(run(x, state[0], W_x, W_a, b, others, da)), read)

    return [way("hoisted", 1, True), way("hoisted, unrolled 4", 4, True), way("inside", 1, False)]
