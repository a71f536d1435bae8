"""The kernels' face in NumPy: ISA "reference", slow and readable; the compiled kernels are compared with it.

Each function serves both dtypes. Shapes and layouts are those of `Face` in this package's `__init__.py`. Sums
are in whatever order NumPy's matmul takes them; the canonical order is the compiled kernels' promise.
"""

from __future__ import annotations

import numpy as np

from ..cells import CELLS, activations
from ..cells.spec import Array


def exp(x: Array, out: Array) -> None:
    with np.errstate(all="ignore"):
        np.exp(x, out=out)


def tanh(x: Array, out: Array) -> None:
    with np.errstate(all="ignore"):
        out[...] = activations.tanh(x)


def sigmoid(x: Array, out: Array) -> None:
    with np.errstate(all="ignore"):
        out[...] = activations.sigmoid(x)


def softmax(z: Array, out: Array) -> None:
    if z.size:  # an empty column has no maximum
        with np.errstate(all="ignore"):
            out[...] = activations.softmax(z)


def packed_size(units: int, k: int, gates: int) -> int:
    return gates * units * k


def pack(W: Array, gate: int, gates: int, out: Array) -> None:
    out.reshape(gates, *W.shape)[gate] = W


def forward(
    cell: str,
    x: Array,
    Wx: Array,
    Wa: Array,
    b: Array,
    states: Array,
    gates: Array | None,
    first: int = 0,
    last: int = -1,
) -> None:
    part = slice(first, x.shape[1] if last < 0 else last)
    x, states = x[:, part], states[:, :, part]
    if gates is not None:
        gates = gates[:, :, part]
    spec = CELLS[cell]
    T, _, n_x = x.shape
    n_a = states.shape[3]
    G = len(spec.gates)
    W_x = Wx.reshape(G, n_a, n_x)
    W_a = Wa.reshape(G, n_a, n_a)
    bias = b.reshape(G, 1, n_a)
    stored = [g for g, gate in enumerate(spec.gates) if gate.name in spec.stored_gates]
    with np.errstate(all="ignore"):
        for t in range(T):
            previous = states[:, t]
            z = bias + x[t] @ W_x.mT + previous[0] @ W_a.mT  # (G, m, n_a)
            values, following = spec.pointwise(tuple(z), tuple(previous))
            states[:, t + 1] = following
            if gates is not None:
                gates[t] = [values[g] for g in stored]


def head(a: Array, Wy: Array, by: Array, y: Array) -> None:
    n_y = y.shape[1]
    with np.errstate(all="ignore"):
        z = by + a @ Wy.reshape(n_y, a.shape[1]).T  # (N, n_y)
    softmax(z.T, y.T)


def pack_turned(W: Array, gate: int, gates: int, out: Array) -> None:
    n, units = W.shape
    out.reshape(units, gates, n)[:, gate] = W.T


def backward(
    cell: str,
    da: Array,
    WaT: Array,
    previous: Array,
    next: Array,
    gates: Array | None,
    dz: Array,
    start: Array,
    first: int = 0,
    last: int = -1,
) -> None:
    part = slice(first, da.shape[1] if last < 0 else last)
    spec = CELLS[cell]
    T, _, n_a = da.shape
    G = len(spec.gates)
    W_aT = WaT.reshape(n_a, G * n_a)
    given = np.zeros_like(start[0, part])
    carried = start[1:, part]
    with np.errstate(all="ignore"):
        for t in reversed(range(T)):
            stored = () if gates is None else tuple(gates[t, :, part])
            before, after = tuple(previous[:, t, part]), tuple(next[:, t, part])
            arriving = (given + da[t, part], *carried)
            d_gates, following = spec.derivative(arriving, before, after, stored)
            dz[t, part] = np.concatenate(d_gates, axis=1)
            for row, state in zip(carried, following, strict=True):
                row[...] = state
            given = dz[t, part] @ W_aT.T
    start[0, part] = given


def multiply(rows: Array, panels: Array, out: Array) -> None:
    with np.errstate(all="ignore"):
        np.matmul(rows, panels.reshape(out.shape[1], rows.shape[1]).T, out=out)


def add_outer(left: Array, right: Array, out: Array) -> None:
    with np.errstate(all="ignore"):
        out += left.T @ right


def add_rows(left: Array, out: Array) -> None:
    with np.errstate(all="ignore"):
        out += left.sum(axis=0)
