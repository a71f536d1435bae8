"""The notebook's job and its backward pass in plain NumPy, as a reader writes them from equations: the demo's rival.

Not for use: no checks, and softmax and sigmoid are the short forms. Names and results are those of `cyrnn`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..cells.spec import Array

Parameters = dict[str, Array]


def sigmoid(x: Array) -> Array:
    return np.asarray(1 / (1 + np.exp(-x)))


def tanh(x: Array) -> Array:
    return np.tanh(x)


def softmax(x: Array) -> Array:
    e = np.exp(x - np.max(x))
    return np.asarray(e / e.sum(axis=0))


def rnn_cell_forward(xt: Array, a_prev: Array, parameters: Parameters) -> tuple[Any, ...]:
    p = parameters
    a_next = np.tanh(p["Waa"] @ a_prev + p["Wax"] @ xt + p["ba"])
    yt_pred = softmax(p["Wya"] @ a_next + p["by"])
    return a_next, yt_pred, (a_next, a_prev, xt, parameters)


def rnn_forward(x: Array, a0: Array, parameters: Parameters) -> tuple[Any, ...]:
    _, m, T_x = x.shape
    n_y, n_a = parameters["Wya"].shape
    a = np.zeros((n_a, m, T_x))
    y_pred = np.zeros((n_y, m, T_x))
    caches = []
    a_next = a0
    for t in range(T_x):
        a_next, y_pred[:, :, t], cache = rnn_cell_forward(x[:, :, t], a_next, parameters)
        a[:, :, t] = a_next
        caches.append(cache)
    return a, y_pred, (caches, x)


def lstm_cell_forward(xt: Array, a_prev: Array, c_prev: Array, parameters: Parameters) -> tuple[Any, ...]:
    p = parameters
    both = np.concatenate((a_prev, xt))
    ft = sigmoid(p["Wf"] @ both + p["bf"])
    it = sigmoid(p["Wi"] @ both + p["bi"])
    cct = np.tanh(p["Wc"] @ both + p["bc"])
    ot = sigmoid(p["Wo"] @ both + p["bo"])
    c_next = ft * c_prev + it * cct
    a_next = ot * np.tanh(c_next)
    yt_pred = softmax(p["Wy"] @ a_next + p["by"])
    return a_next, c_next, yt_pred, (a_next, c_next, a_prev, c_prev, ft, it, cct, ot, xt, parameters)


def lstm_forward(x: Array, a0: Array, parameters: Parameters) -> tuple[Any, ...]:
    _, m, T_x = x.shape
    n_y, n_a = parameters["Wy"].shape
    a = np.zeros((n_a, m, T_x))
    c = np.zeros((n_a, m, T_x))
    y = np.zeros((n_y, m, T_x))
    caches = []
    a_next, c_next = a0, np.zeros_like(a0)
    for t in range(T_x):
        a_next, c_next, y[:, :, t], cache = lstm_cell_forward(x[:, :, t], a_next, c_next, parameters)
        a[:, :, t] = a_next
        c[:, :, t] = c_next
        caches.append(cache)
    return a, y, c, (caches, x)


def gru_cell_forward(
    xt: Array, a_prev: Array, parameters: Parameters, *, reset_after: bool = False
) -> tuple[Any, ...]:
    p, n_a = parameters, len(a_prev)
    both = np.concatenate((a_prev, xt))
    zt = sigmoid(p["Wz"] @ both + p["bz"])
    rt = sigmoid(p["Wr"] @ both + p["br"])
    if reset_after:
        inner = p["Wc"][:, :n_a] @ a_prev + p["bca"]
        cct = np.tanh(p["Wc"][:, n_a:] @ xt + p["bc"] + rt * inner)
    else:
        cct = np.tanh(p["Wc"] @ np.concatenate((rt * a_prev, xt)) + p["bc"])
    a_next = zt * a_prev + (1 - zt) * cct
    yt_pred = softmax(p["Wy"] @ a_next + p["by"])
    return a_next, yt_pred, (a_next, a_prev, zt, rt, cct, xt, parameters)


def gru_forward(x: Array, a0: Array, parameters: Parameters, *, reset_after: bool = False) -> tuple[Any, ...]:
    _, m, T_x = x.shape
    n_y, n_a = parameters["Wy"].shape
    a = np.zeros((n_a, m, T_x))
    y = np.zeros((n_y, m, T_x))
    caches = []
    a_next = a0
    for t in range(T_x):
        a_next, y[:, :, t], cache = gru_cell_forward(x[:, :, t], a_next, parameters, reset_after=reset_after)
        a[:, :, t] = a_next
        caches.append(cache)
    return a, y, (caches, x)


def rnn_cell_backward(da_next: Array, cache: tuple[Any, ...]) -> Parameters:
    a_next, a_prev, xt, p = cache
    dz = da_next * (1 - a_next**2)
    weights = {"dWax": dz @ xt.T, "dWaa": dz @ a_prev.T, "dba": dz.sum(axis=1, keepdims=True)}
    return {"dxt": p["Wax"].T @ dz, "da_prev": p["Waa"].T @ dz, **weights}


def add(total: Parameters, step: Parameters) -> None:
    """Add the gradients of one step to those of the later ones."""
    for key, gradient in step.items():
        if key in total:
            total[key] += gradient
        else:
            total[key] = gradient


def rnn_backward(da: Array, caches: tuple[Any, ...]) -> Parameters:
    return without_memory(rnn_cell_backward, da, caches)


def without_memory(cell_backward: Callable[..., Parameters], da: Array, caches: tuple[Any, ...]) -> Parameters:
    """Go back over the steps of a cell whose only state is a."""
    steps, x = caches
    n_a, m, T = da.shape
    dx = np.zeros((len(x), m, T))
    da_prev: Array = np.zeros((n_a, m))
    total: Parameters = {}
    for t in reversed(range(T)):
        step = cell_backward(da[:, :, t] + da_prev, steps[t])
        dx[:, :, t], da_prev = step.pop("dxt"), step.pop("da_prev")
        add(total, step)
    return {"dx": dx, "da0": da_prev, **total}


def gru_cell_backward(da_next: Array, cache: tuple[Any, ...]) -> Parameters:
    _, a_prev, zt, rt, cct, xt, p = cache
    n_a = len(a_prev)
    both, inner = np.concatenate((a_prev, xt)), np.concatenate((rt * a_prev, xt))
    dz_z = da_next * (a_prev - cct) * zt * (1 - zt)
    dz_c = da_next * (1 - zt) * (1 - cct**2)
    d_inner = p["Wc"].T @ dz_c
    dz_r = d_inner[:n_a] * a_prev * rt * (1 - rt)
    d_both = p["Wz"].T @ dz_z + p["Wr"].T @ dz_r
    da_prev = d_both[:n_a] + da_next * zt + d_inner[:n_a] * rt
    gradients = {"dxt": d_both[n_a:] + d_inner[n_a:], "da_prev": da_prev}
    for gate, dz, multiplied in (("z", dz_z, both), ("r", dz_r, both), ("c", dz_c, inner)):
        gradients["dW" + gate] = dz @ multiplied.T
        gradients["db" + gate] = dz.sum(axis=1, keepdims=True)
    return gradients


def gru_backward(da: Array, caches: tuple[Any, ...]) -> Parameters:
    return without_memory(gru_cell_backward, da, caches)


def lstm_cell_backward(da_next: Array, dc_next: Array, cache: tuple[Any, ...]) -> Parameters:
    a_next, c_next, a_prev, c_prev, ft, it, cct, ot, xt, p = cache
    n_a = len(a_next)
    tanh_c = np.tanh(c_next)
    dc = dc_next + da_next * ot * (1 - tanh_c**2)
    dz_f = dc * c_prev * ft * (1 - ft)
    dz_i = dc * cct * it * (1 - it)
    dz_c = dc * it * (1 - cct**2)
    dz_o = da_next * tanh_c * ot * (1 - ot)
    both = np.concatenate((a_prev, xt))
    d_both = p["Wf"].T @ dz_f + p["Wi"].T @ dz_i + p["Wc"].T @ dz_c + p["Wo"].T @ dz_o
    gradients = {"dxt": d_both[n_a:], "da_prev": d_both[:n_a], "dc_prev": dc * ft}
    for gate, dz in (("f", dz_f), ("i", dz_i), ("c", dz_c), ("o", dz_o)):
        gradients["dW" + gate] = dz @ both.T
        gradients["db" + gate] = dz.sum(axis=1, keepdims=True)
    return gradients


def lstm_backward(da: Array, caches: tuple[Any, ...]) -> Parameters:
    steps, x = caches
    n_a, m, T = da.shape
    dx = np.zeros((len(x), m, T))
    da_prev: Array = np.zeros((n_a, m))
    dc_prev: Array = np.zeros((n_a, m))
    total: Parameters = {}
    for t in reversed(range(T)):
        step = lstm_cell_backward(da[:, :, t] + da_prev, dc_prev, steps[t])
        dx[:, :, t], da_prev, dc_prev = step.pop("dxt"), step.pop("da_prev"), step.pop("dc_prev")
        add(total, step)
    return {"dx": dx, "da0": da_prev, **total}
