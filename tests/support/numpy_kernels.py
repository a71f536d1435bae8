"""The kernels' entry points in NumPy, from cells/*.py: what compiled kernels are compared with, layer by layer.

Each function serves both dtypes; shapes and layouts are those of kernels/views.pyx, "packed" is merely joined. Sums are
in the order of NumPy's matmul; the canonical order is the compiled kernels' promise.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from cyrnn.cells import CELLS, Cell, activations
from cyrnn.cells.spec import Array, Arrays, PointwiseBackwardArgs

Active = NDArray[np.intp] | None


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
    active: Active = None,
) -> None:
    spec = CELLS[cell]
    T, m, n_x = x.shape
    n_a = states.shape[3]
    W_x = _matrices(Wx, n_a, n_x, [gate.W_x is not None for gate in spec.gates])
    W_a = _matrices(Wa, n_a, n_a, [gate.W_a is not None for gate in spec.gates])
    bias = b.reshape(-1, 1, n_a)
    stored = [g for g, gate in enumerate(spec.gates) if gate.name in spec.stored_gates]
    with np.errstate(all="ignore"):
        for t in range(T):
            part = _columns(first, last, m, active, t)
            previous = states[:, t, part]
            following: Arrays = ()
            values: Arrays = ()
            hidden = previous[0]
            for stage in spec.stages:
                done = len(values)
                z = tuple(
                    bias[g] + _product(x[t, part], W_x[g]) + _product(hidden, W_a[g])
                    for g in range(done, done + len(stage.gates))
                )
                found, following = stage.pointwise(z, tuple(previous), values)
                values += found
                if stage.hands_on is not None:
                    hidden = stage.hands_on(tuple(previous), values)
            states[:, t + 1, part] = following
            if gates is not None:
                gates[t, :, part] = [values[g] for g in stored]


def _columns(first: int, last: int, m: int, active: Active, t: int) -> slice:
    """Those that take part in step t."""
    last = m if last < 0 else last
    return slice(first, last if active is None else max(first, min(last, int(active[t]))))


def _matrices(packed: Array, rows: int, k: int, there: list[bool]) -> list[Array | None]:
    """Return one matrix (rows, k) for each gate, None for a half that is not there."""
    given = iter(packed.reshape(sum(there), rows, k))
    return [next(given) if have else None for have in there]


def _product(rows: Array, W: Array | None) -> Array | float:
    """A half that is not there adds nothing, be it to inf."""
    return 0.0 if W is None else rows @ W.T


def head(a: Array, Wy: Array, by: Array, y: Array) -> None:
    n_y = y.shape[1]
    with np.errstate(all="ignore"):
        z = by + a @ Wy.reshape(n_y, a.shape[1]).T  # (N, n_y)
    softmax(z.T, y.T)


def pack_transposed(W: Array, gate: int, gates: int, out: Array) -> None:
    n, units = W.shape
    out.reshape(units, gates, n)[:, gate] = W.T


def backward(
    cell: str,
    da: Array,
    WaT: Array,
    previous: Array,
    next: Array,
    gates: Array | None,
    inner: Array | None,
    dz: Array,
    d_initial: Array,
    first: int = 0,
    last: int = -1,
    active: Active = None,
) -> None:
    spec = CELLS[cell]
    T, m, n_a = da.shape
    transposed = _transposed(spec, WaT, n_a)
    given = np.zeros_like(d_initial[0])
    with np.errstate(all="ignore"):
        for t in reversed(range(T)):
            part = _columns(first, last, m, active, t)
            stored = () if gates is None else tuple(gates[t, :, part])
            before, after = tuple(previous[:, t, part]), tuple(next[:, t, part])
            if inner is not None and spec.recomputed:
                stored += (inner[t, part],)
            d_next, end = given[part] + da[t, part], dz.shape[2]
            for stage, W_aT in reversed(list(zip(spec.stages, transposed, strict=True))):
                if inner is not None and stage.hands_on is not None:
                    inner[t, part] = stage.hands_on(before, stored)
                args = PointwiseBackwardArgs(d_next, tuple(d_initial[1:, part]), before, after, stored)
                found = stage.derivative(args)
                begin = end - len(found.dz) * n_a
                dz[t, part, begin:end] = np.concatenate(found.dz, axis=1)
                for row, value in zip(d_initial[1:], found.skip_gradients, strict=True):
                    row[part] = value
                d_next = dz[t, part, begin : begin + W_aT.shape[1]] @ W_aT.T
                end = begin
            given[part] = d_next
    part = slice(first, m if last < 0 else last)
    d_initial[0, part] = given[part]
    if "a" in spec.skip_gradients:
        d_initial[0, part] += d_initial[1, part]


def _transposed(spec: Cell, WaT: Array, n_a: int) -> list[Array]:
    """Return W_a^T of each stage, (n_a, gates with a recurrent half * n_a)."""
    sizes = [sum(gate.W_a is not None for gate in stage.gates) * n_a for stage in spec.stages]
    ends = np.cumsum(sizes) * n_a
    return [part.reshape(n_a, -1) for part in np.split(WaT, ends[:-1])]


def multiply(rows: Array, panels: Array, b: Array | None, out: Array) -> None:
    with np.errstate(all="ignore"):
        np.matmul(rows, panels.reshape(out.shape[1], rows.shape[1]).T, out=out)
        if b is not None:
            out += b


def sum_outer(left: Array, right: Array, out: Array) -> None:
    with np.errstate(all="ignore"):
        out += left.T @ right


def add_rows(left: Array, out: Array) -> None:
    with np.errstate(all="ignore"):
        out += left.sum(axis=0)
