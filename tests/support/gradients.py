"""The gradients of every cell, twice, without any code of cyrnn: by the chain rule and by the complex step.

The loss is sum(a * da), with a part sum(c_last * dc) for each state c beside a: its gradients are what the
backward functions return for da and dc. `chain` goes back through each equation in the widest float that NumPy
has. `complex_step` knows the forward equations of oracle.py alone: with h so small that its square is nothing,
f(x + ih) = f(x) + ih f'(x) has the derivative in its imaginary part, and nothing cancels (Squire and Trapp 1998).
"""

from __future__ import annotations

import numpy as np
import oracle
from oracle import Wide, sigma

H = 1e-40


def rnn(p, x, previous, incoming, relu=False):
    (a_prev,), (da_next,) = previous, incoming
    z = p["Wax"] @ x + p["Waa"] @ a_prev + p["ba"]
    dz = da_next * (z > 0) if relu else da_next * (1 - np.tanh(z) ** 2)
    weights = {"Wax": dz @ x.T, "Waa": dz @ a_prev.T, "ba": dz.sum(axis=1, keepdims=True)}
    return p["Wax"].T @ dz, (p["Waa"].T @ dz,), weights


def rnn_relu(p, x, previous, incoming):
    return rnn(p, x, previous, incoming, relu=True)


def lstm(p, x, previous, incoming):
    (a_prev, c_prev), (da_next, dc_next) = previous, incoming
    s = np.concatenate([a_prev, x])
    forget, update, output = (sigma(p[f"W{g}"] @ s + p[f"b{g}"]) for g in "fio")
    candidate = np.tanh(p["Wc"] @ s + p["bc"])
    seen = np.tanh(forget * c_prev + update * candidate)
    dc = dc_next + da_next * output * (1 - seen**2)
    dz = {
        "f": dc * c_prev * forget * (1 - forget),
        "i": dc * candidate * update * (1 - update),
        "c": dc * update * (1 - candidate**2),
        "o": da_next * seen * output * (1 - output),
    }
    weights = {f"W{g}": dz[g] @ s.T for g in dz}
    weights |= {f"b{g}": dz[g].sum(axis=1, keepdims=True) for g in dz}
    ds = sum(p[f"W{g}"].T @ dz[g] for g in dz)
    return ds[len(a_prev) :], (ds[: len(a_prev)], dc * forget), weights


def gru(p, x, previous, incoming, after=False):
    (a_prev,), (da_next,) = previous, incoming
    n = len(a_prev)
    s = np.concatenate([a_prev, x])
    update, reset = sigma(p["Wz"] @ s + p["bz"]), sigma(p["Wr"] @ s + p["br"])
    W_a, W_x = p["Wc"][:, :n], p["Wc"][:, n:]
    inner = W_a @ a_prev + p["bca"] if after else reset * a_prev
    candidate = np.tanh(W_x @ x + p["bc"] + (reset * inner if after else W_a @ inner))
    dz = {"z": da_next * (a_prev - candidate) * update * (1 - update)}
    dz["c"] = da_next * (1 - update) * (1 - candidate**2)
    d_inner = dz["c"] * reset if after else W_a.T @ dz["c"]
    dz["r"] = (dz["c"] * inner if after else d_inner * a_prev) * reset * (1 - reset)
    weights = {f"W{g}": dz[g] @ s.T for g in "zr"} | {f"b{g}": dz[g].sum(axis=1, keepdims=True) for g in "zrc"}
    da = p["Wz"][:, :n].T @ dz["z"] + p["Wr"][:, :n].T @ dz["r"] + da_next * update
    if after:
        weights["Wc"] = np.concatenate([d_inner @ a_prev.T, dz["c"] @ x.T], axis=1)
        weights["bca"] = d_inner.sum(axis=1, keepdims=True)
        da = da + W_a.T @ d_inner
    else:
        weights["Wc"] = dz["c"] @ np.concatenate([inner, x]).T
        da = da + d_inner * reset
    return sum(p[f"W{g}"][:, n:].T @ dz[g] for g in dz), (da,), weights


def gru_after(p, x, previous, incoming):
    return gru(p, x, previous, incoming, after=True)


#: cell name -> (p, x, states before, gradients of the states after) -> (dx, gradients of the states before, of weights)
CHAIN = {"rnn": rnn, "rnn_relu": rnn_relu, "lstm": lstm, "gru": gru, "gru_after": gru_after}


def wide(problem) -> dict:
    return {key: value.astype(Wide) for key, value in problem.parameters.items()}


def chain(problem, da, last) -> dict:
    """Gradients for da (n_a, m, T) and for `last`, one (n_a, m) for each state but the first, after step T - 1."""
    p, x, T = wide(problem), problem.x.astype(Wide), da.shape[2]
    step, back = oracle.EQUATIONS[problem.cell.name][0], CHAIN[problem.cell.name]
    before = [tuple(value.astype(Wide) for value in problem.initial)]
    for t in range(T):
        before.append(step(p, x[:, :, t], *before[-1]))
    incoming = [np.zeros(problem.initial[0].shape, Wide), *(value.astype(Wide) for value in last)]
    dx, total = np.zeros((*x.shape[:2], T), Wide), {}
    for t in reversed(range(T)):
        incoming[0] = incoming[0] + da[:, :, t].astype(Wide)
        dx[:, :, t], incoming, weights = back(p, x[:, :, t], before[t], incoming)
        incoming = list(incoming)
        total = {key: value + total.get(key, 0) for key, value in weights.items()}
    return named(problem, dx, incoming, total or zeros(problem))


def zeros(problem) -> dict:
    keys = problem.parameters.keys() - {problem.cell.W_y, problem.cell.b_y}
    return {key: np.zeros(problem.parameters[key].shape, Wide) for key in keys}


def named(problem, dx, initial, weights) -> dict:
    states = {f"d{state}0": value for state, value in zip(problem.cell.states, initial, strict=True)}
    return {"dx": dx} | states | {f"d{key}": value for key, value in weights.items()}


def complex_step(problem, da, last) -> dict:
    """The same, each element of each gradient from its own run forward."""
    step, T = oracle.EQUATIONS[problem.cell.name][0], da.shape[2]
    p = {key: problem.parameters[key].astype(complex) for key in zeros(problem)}
    x = problem.x[:, :, :T].astype(complex)
    initial = [value.astype(complex) for value in problem.initial]

    def loss() -> complex:
        states, total = initial, 0j
        for t in range(T):
            states = step(p, x[:, :, t], *states)
            total += (states[0] * da[:, :, t]).sum()
        return total + sum((state * d).sum() for state, d in zip(states[1:], last, strict=True))

    def derivative(array) -> np.ndarray:
        out = np.empty(array.shape)
        for at in np.ndindex(array.shape):
            array[at] += H * 1j
            out[at] = loss().imag / H
            array[at] = array[at].real
        return out

    return named(problem, derivative(x), map(derivative, initial), {key: derivative(p[key]) for key in p})


def central(loss, array, h: float = 2.0**-17) -> np.ndarray:
    """Central differences of loss() in every element of `array`, which is put back."""
    out = np.empty(array.shape)
    for at in np.ndindex(array.shape):
        kept = array[at]
        array[at] = kept + h
        above = loss()
        array[at] = kept - h
        out[at] = (above - loss()) / (2 * h)
        array[at] = kept
    return out
