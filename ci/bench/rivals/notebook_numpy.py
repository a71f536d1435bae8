"""The notebook's own manner: a Python loop over steps, a product per gate, a copy per step, all kept in a cache.

Written from the equations in the manner in which such notebooks are, with one thing better than usual: work
arrays have the dtype of the input, so that float32 is not computed in float64, which would be slower.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from cyrnn.demo import plain

from ..contestant import Variant
from ..work import Array, Case


def version() -> str:
    return np.__version__


def sigmoid(x: Array) -> Array:
    return 1 / (1 + np.exp(-x))


def softmax(x: Array) -> Array:
    e = np.exp(x - np.max(x))
    return e / e.sum(axis=0)


def rnn_cell(xt: Array, a_prev: Array, parameters: dict[str, Array]) -> tuple[Any, ...]:
    Wax = parameters["Wax"]
    Waa = parameters["Waa"]
    Wya = parameters["Wya"]
    ba = parameters["ba"]
    by = parameters["by"]
    a_next = np.tanh(np.dot(Wax, xt) + np.dot(Waa, a_prev) + ba)
    yt = softmax(np.dot(Wya, a_next) + by)
    return a_next, yt, (a_next, a_prev, xt, parameters)


def lstm_cell(xt: Array, a_prev: Array, c_prev: Array, parameters: dict[str, Array]) -> tuple[Any, ...]:
    Wf, bf = parameters["Wf"], parameters["bf"]
    Wi, bi = parameters["Wi"], parameters["bi"]
    Wc, bc = parameters["Wc"], parameters["bc"]
    Wo, bo = parameters["Wo"], parameters["bo"]
    Wy, by = parameters["Wy"], parameters["by"]
    n_x, m = xt.shape
    n_a = Wy.shape[1]

    both = np.zeros((n_a + n_x, m), xt.dtype)
    both[:n_a, :] = a_prev
    both[n_a:, :] = xt

    ft = sigmoid(np.dot(Wf, both) + bf)
    it = sigmoid(np.dot(Wi, both) + bi)
    cct = np.tanh(np.dot(Wc, both) + bc)
    c_next = ft * c_prev + it * cct
    ot = sigmoid(np.dot(Wo, both) + bo)
    a_next = ot * np.tanh(c_next)
    yt = softmax(np.dot(Wy, a_next) + by)
    return a_next, c_next, yt, (a_next, c_next, a_prev, c_prev, ft, it, cct, ot, xt, parameters)


def rnn_sequence(x: Array, a0: Array, parameters: dict[str, Array]) -> tuple[Any, ...]:
    caches = []
    _, m, T_x = x.shape
    n_y, n_a = parameters["Wya"].shape
    a = np.zeros((n_a, m, T_x), x.dtype)
    y = np.zeros((n_y, m, T_x), x.dtype)
    a_next = a0
    for t in range(T_x):
        a_next, yt, cache = rnn_cell(x[:, :, t], a_next, parameters)
        a[:, :, t] = a_next
        y[:, :, t] = yt
        caches.append(cache)
    return a, y, (caches, x)


def lstm_sequence(x: Array, a0: Array, parameters: dict[str, Array]) -> tuple[Any, ...]:
    caches = []
    _, m, T_x = x.shape
    n_y, n_a = parameters["Wy"].shape
    a = np.zeros((n_a, m, T_x), x.dtype)
    c = np.zeros((n_a, m, T_x), x.dtype)
    y = np.zeros((n_y, m, T_x), x.dtype)
    a_next = a0
    c_next = np.zeros(a0.shape, x.dtype)
    for t in range(T_x):
        a_next, c_next, yt, cache = lstm_cell(x[:, :, t], a_next, c_next, parameters)
        a[:, :, t] = a_next
        c[:, :, t] = c_next
        y[:, :, t] = yt
        caches.append(cache)
    return a, y, c, (caches, x)


def gru_sequence(x: Array, a0: Array, parameters: dict[str, Array]) -> tuple[Any, ...]:
    caches = []
    _, m, T_x = x.shape
    n_y, n_a = parameters["Wy"].shape
    a = np.zeros((n_a, m, T_x), x.dtype)
    y = np.zeros((n_y, m, T_x), x.dtype)
    a_next = a0
    for t in range(T_x):
        a_next, yt, cache = plain.gru_cell_forward(x[:, :, t], a_next, parameters)
        a[:, :, t] = a_next
        y[:, :, t] = yt
        caches.append(cache)
    return a, y, (caches, x)


def read_named(*names: str) -> Any:
    """Return a function that names the leading results of a tuple."""
    return lambda result: dict(zip(names, result, strict=False))


def offers(case: Case) -> bool:
    """The notebook has no GRU; the grid alone has one beside these."""
    return case.cell != "gru"


def cell(case: Case) -> list[Variant]:
    if not offers(case):
        return []
    xt, a_prev, c_prev, parameters = np.ascontiguousarray(case.x[:, :, 0]), case.a0, case.c0, case.parameters
    if case.cell == "rnn":
        return [Variant("notebook", "", lambda: rnn_cell(xt, a_prev, parameters), read_named("a", "y"))]
    return [Variant("notebook", "", lambda: lstm_cell(xt, a_prev, c_prev, parameters), read_named("a", "c", "y"))]


def forward(case: Case) -> list[Variant]:
    if not offers(case):
        return []
    x, a0, parameters = case.x, case.a0, case.parameters
    if case.cell == "rnn":
        return [Variant("notebook", "", lambda: rnn_sequence(x, a0, parameters), read_named("a", "y"))]
    return [Variant("notebook", "", lambda: lstm_sequence(x, a0, parameters), read_named("a", "y", "c"))]


def rnn_cell_backward(da_next: Array, cache: tuple[Any, ...]) -> dict[str, Array]:
    a_next, a_prev, xt, parameters = cache
    dz = (1 - a_next**2) * da_next
    return {
        "dxt": np.dot(parameters["Wax"].T, dz),
        "dWax": np.dot(dz, xt.T),
        "da_prev": np.dot(parameters["Waa"].T, dz),
        "dWaa": np.dot(dz, a_prev.T),
        "dba": np.sum(dz, axis=1, keepdims=True),
    }


def lstm_cell_backward(da_next: Array, dc_next: Array, cache: tuple[Any, ...]) -> dict[str, Array]:
    _, c_next, a_prev, c_prev, ft, it, cct, ot, xt, parameters = cache
    n_a = da_next.shape[0]
    both = np.concatenate((a_prev, xt), axis=0)
    seen = np.tanh(c_next)
    dc = dc_next + da_next * ot * (1 - seen**2)
    dz = {
        "f": dc * c_prev * ft * (1 - ft),
        "i": dc * cct * it * (1 - it),
        "c": dc * it * (1 - cct**2),
        "o": da_next * seen * ot * (1 - ot),
    }
    found = {"dc_prev": dc * ft}
    products: Any = 0
    for gate, d in dz.items():
        found[f"dW{gate}"] = np.dot(d, both.T)
        found[f"db{gate}"] = np.sum(d, axis=1, keepdims=True)
        products = products + np.dot(parameters[f"W{gate}"].T, d)
    found["da_prev"], found["dxt"] = products[:n_a], products[n_a:]
    return found


def sequence_backward(cell: str, da: Array, caches: tuple[Any, ...]) -> dict[str, Array]:
    steps, x = caches
    n_a, m, T_x = da.shape
    found = {"dx": np.zeros((x.shape[0], m, T_x), da.dtype)}
    da_prev, dc_prev = np.zeros((n_a, m), da.dtype), np.zeros((n_a, m), da.dtype)
    for t in reversed(range(T_x)):
        if cell == "lstm":
            step = lstm_cell_backward(da[:, :, t] + da_prev, dc_prev, steps[t])
            dc_prev = step["dc_prev"]
        else:
            step = WITHOUT_MEMORY[cell](da[:, :, t] + da_prev, steps[t])
        da_prev = step["da_prev"]
        found["dx"][:, :, t] = step["dxt"]
        for name, value in step.items():
            if name[:2] in ("dW", "db"):
                if name in found:
                    found[name] += value
                else:
                    found[name] = value
    return found | {"da0": da_prev}


#: the cells whose only state is a; the GRU, which the notebook has not, is the demo's, and for the grid alone
WITHOUT_MEMORY = {"rnn": rnn_cell_backward, "gru": plain.gru_cell_backward}


def offers_gradients(case: Case) -> bool:
    """Its own sizes are small, and large ones last."""
    return offers(case) and case.n_a <= 64


def train(case: Case) -> list[Variant]:
    if not offers_gradients(case):
        return []
    variant = forward(case)[0]
    return [Variant("notebook", "", lambda: sequence_backward(case.cell, case.da, variant.call()[-1]), dict)]


def backward(case: Case) -> list[Variant]:
    if not offers_gradients(case):
        return []
    *_, caches = forward(case)[0].call()
    return [Variant("notebook", "", lambda: sequence_backward(case.cell, case.da, caches), dict)]
