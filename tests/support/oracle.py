"""The cells' equations in the widest float NumPy has, one column at a time, without any code of cyrnn.

Each entry of EQUATIONS is one step of one cell for one column, written from the paper's equations.
"""

from __future__ import annotations

import numpy as np

Wide = np.longdouble


def sigma(z):
    return 1 / (1 + np.exp(-z))


def rnn(p, x, a):
    return (np.tanh(p["Wax"] @ x + p["Waa"] @ a + p["ba"]),)


def rnn_relu(p, x, a):
    return (np.maximum(p["Wax"] @ x + p["Waa"] @ a + p["ba"], 0),)


def lstm(p, x, a, c):
    s = np.concatenate([a, x])
    forget, update, output = (sigma(p[f"W{g}"] @ s + p[f"b{g}"]) for g in "fio")
    c = forget * c + update * np.tanh(p["Wc"] @ s + p["bc"])
    return output * np.tanh(c), c


def gru(p, x, a):
    s = np.concatenate([a, x])
    update, reset = sigma(p["Wz"] @ s + p["bz"]), sigma(p["Wr"] @ s + p["br"])
    candidate = np.tanh(p["Wc"] @ np.concatenate([reset * a, x]) + p["bc"])
    return (update * a + (1 - update) * candidate,)


def gru_after(p, x, a):
    s, n = np.concatenate([a, x]), len(a)
    update, reset = sigma(p["Wz"] @ s + p["bz"]), sigma(p["Wr"] @ s + p["br"])
    candidate = np.tanh(p["Wc"][:, n:] @ x + p["bc"] + reset * (p["Wc"][:, :n] @ a + p["bca"]))
    return (update * a + (1 - update) * candidate,)


#: cell name -> (step, head's matrix, head's bias)
EQUATIONS = {
    "rnn": (rnn, "Wya", "by"),
    "rnn_relu": (rnn_relu, "Wya", "by"),
    "lstm": (lstm, "Wy", "by"),
    "gru": (gru, "Wy", "by"),
    "gru_after": (gru_after, "Wy", "by"),
}


def head(W, b, a):
    z = W @ a + b
    e = np.exp(z - z.max(initial=-np.inf))
    return e / e.sum()


def sequence(problem):
    """What `problems.run_sequence` should give: (states, each (n_a, m, T_x); y (n_y, m, T_x))."""
    step, W, b = EQUATIONS[problem.cell.name]
    p = {
        key: value.astype(Wide).squeeze(1) if key[0] == "b" else value.astype(Wide)
        for key, value in problem.parameters.items()
    }
    x = problem.x.astype(Wide)
    n_y, n_a = p[W].shape
    _, m, T_x = x.shape
    states = tuple(np.empty((n_a, m, T_x), Wide) for _ in problem.initial)
    y = np.empty((n_y, m, T_x), Wide)
    with np.errstate(all="ignore"):
        for j in range(m):
            now = tuple(value[:, j].astype(Wide) for value in problem.initial)
            for t in range(T_x):
                now = step(p, x[:, j, t], *now)
                for stored, value in zip(states, now, strict=True):
                    stored[:, j, t] = value
                y[:, j, t] = head(p[W], p[b], now[0])
    return states, y
