"""A projected hidden state in the kernels, h = W_hr a, against its equations in a loop of float64."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pytest
from entry_points import Guarded, batch_sizes_of, pack, points_of
from problems import COMPILED, DTYPES, assert_same_bits
from tolerances import assert_close, assert_gradients_close

each_compiled = pytest.mark.parametrize(
    ("dtype", "isa"), [pytest.param(d, isa, id=f"{d.name}-{isa}") for d in DTYPES for isa in COMPILED]
)
#: (n_x, n_h, n_a, m, T): one column interleaved, odd sizes, a projection larger than the cell, full tiles
SIZES = [(32, 17, 40, 1, 30), (3, 2, 5, 3, 7), (5, 9, 4, 7, 4), (16, 24, 33, 17, 5), (0, 1, 1, 1, 1)]
SIZES += [(64, 32, 64, 8, 6)]
each_size = pytest.mark.parametrize("sizes", SIZES, ids=str)


class Given(NamedTuple):
    x: np.ndarray  # (T, m, n_x)
    W_x: np.ndarray  # (4, n_a, n_x), gates f, i, c, o
    W_h: np.ndarray  # (4, n_a, n_h)
    b: np.ndarray  # (4, n_a)
    W_hr: np.ndarray  # (n_h, n_a)
    h0: np.ndarray  # (m, n_h)
    c0: np.ndarray  # (m, n_a)
    dh: np.ndarray  # (T, m, n_h): incoming
    dc: np.ndarray  # (m, n_a): after the last step
    sizes: np.ndarray  # (T,): columns of each step


def draw(sizes, dtype, *, ragged: bool = False) -> Given:
    n_x, n_h, n_a, m, T = sizes
    random = np.random.RandomState(sum(sizes))
    shapes = [(T, m, n_x), (4, n_a, n_x), (4, n_a, n_h), (4, n_a), (n_h, n_a), (m, n_h), (m, n_a)]
    shapes += [(T, m, n_h), (m, n_a)]
    arrays = [(random.standard_normal(shape) / np.sqrt(shape[-1] or 1)).astype(dtype) for shape in shapes]
    lengths = np.sort(random.randint(1, T + 1, m))[::-1] if ragged else np.full(m, T)
    return Given(*arrays, batch_sizes_of(lengths, T))


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


def equations(given: Given) -> dict[str, np.ndarray]:
    """Forward and backward in float64; what no column takes part in is zero."""
    x, W_x, W_h, b, W_hr, h0, c0, dh, dc, sizes = (
        np.asarray(a, np.float64 if a.dtype.kind == "f" else a.dtype) for a in given
    )
    T, m, n_h = dh.shape
    n_a = c0.shape[1]
    h, c, a = np.zeros((T + 1, m, n_h)), np.zeros((T + 1, m, n_a)), np.zeros((T, m, n_a))
    gates, dz, da = np.zeros((T, 4, m, n_a)), np.zeros((T, m, 4, n_a)), np.zeros((T, m, n_a))
    h[0], c[0], dh, dc = h0, c0, dh.copy(), dc.copy()
    for t in range(T):
        n = sizes[t]
        z = b[:, None] + x[t, :n] @ W_x.transpose(0, 2, 1) + h[t, :n] @ W_h.transpose(0, 2, 1)
        f, i, o = sigmoid(z[0]), sigmoid(z[1]), sigmoid(z[3])
        g = np.tanh(z[2])
        c[t + 1, :n] = f * c[t, :n] + i * g
        a[t, :n] = o * np.tanh(c[t + 1, :n])
        h[t + 1, :n] = a[t, :n] @ W_hr.T
        gates[t, :, :n] = f, i, g, o
    after = np.zeros((m, n_h))
    for t in reversed(range(T)):
        n = sizes[t]
        dh[t, :n] += after[:n]
        da[t, :n] = dh[t, :n] @ W_hr
        f, i, g, o = gates[t, :, :n]
        tc = np.tanh(c[t + 1, :n])
        d = dc[:n] + da[t, :n] * o * (1 - tc**2)
        dz[t, :n] = np.stack(
            [d * c[t, :n] * f * (1 - f), d * g * i * (1 - i), d * i * (1 - g**2), da[t, :n] * tc * o * (1 - o)], axis=1
        )
        dc[:n] = d * f
        after[:n] = np.einsum("mgu,guh->mh", dz[t, :n], W_h)
    return {
        "h": h[1:], "a": a, "c": c[1:], "gates": gates,
        "dz": dz.reshape(T, m, 4 * n_a), "dh": dh, "da": da, "dh0": after, "dc0": dc,
    }  # fmt: skip


def run(points, given: Given, parts, *, plain_states: bool = True) -> dict[str, np.ndarray]:
    """The same by the kernels, in parts of the batch: (first, last)."""
    T, m, n_h = given.dh.shape
    n_a, dtype = given.c0.shape[1], given.c0.dtype
    Wx, Wa, b, Whr = (pack(points, list(W)) for W in (given.W_x, given.W_h, given.b[:, :, None], given.W_hr[None]))
    shapes = (T + 1, m, n_h), (2, T + 1, m, n_a), (T, 4, m, n_a)
    hidden, states, gates = (Guarded(shape, dtype) for shape in shapes)
    hidden.array[...], states.array[...], gates.array[...] = 0, 0, 0
    hidden.array[0], states.array[:, 0] = given.h0, (np.full((m, n_a), np.nan), given.c0)  # a before step 0: not read
    sizes = None if (given.sizes == m).all() and plain_states else given.sizes
    for first, last in parts:
        points.forward(
            "lstm", given.x, Wx, Wa, b, states.array, gates.array, first, last, sizes, Whr, hidden.array
        )
    WaT = np.empty(points.packed_size(n_h, 4 * n_a, 1), dtype)
    for gate, W in enumerate(given.W_h):
        points.pack_transposed(W, gate, 4, WaT)
    WhrT = np.empty(points.packed_size(n_a, n_h, 1), dtype)
    points.pack_transposed(given.W_hr, 0, 1, WhrT)
    dz, dh, da = Guarded((T, m, 4 * n_a), dtype), Guarded((T, m, n_h), dtype), Guarded((T, m, n_a), dtype)
    start, dh0 = Guarded((2, m, n_a), dtype), Guarded((m, n_h), dtype)
    dz.array[...], da.array[...], dh.array[...], start.array[1] = 0, 0, given.dh, given.dc
    before, after = states.array[:, :-1], states.array[:, 1:]
    for first, last in parts:
        points.backward(
            "lstm", da.array, WaT, before, after, gates.array, None, dz.array, start.array, first, last, sizes,
            WhrT, dh.array, dh0.array,
        )  # fmt: skip
    for output in (hidden, states, gates, dz, dh, da, start, dh0):
        output.assert_kept()
    assert np.isnan(start.array[0]).all(), "the gradient of a before step 0 is not asked for"
    return {
        "h": hidden.array[1:], "a": after[0], "c": after[1], "gates": gates.array,
        "dz": dz.array, "dh": dh.array, "da": da.array, "dh0": dh0.array, "dc0": start.array[1],
    }  # fmt: skip


def ranges_of(m: int) -> list[tuple[int, int]]:
    return [(0, m // 2), (m // 2, m)] if m > 1 else [(0, m)]


@pytest.mark.parametrize("ragged", [False, True], ids=["whole", "ragged"])
@each_size
@each_compiled
def test_projection_follows_equations(dtype, isa, sizes, ragged):
    given = draw(sizes, dtype, ragged=ragged)
    points = points_of(isa, dtype)
    got, want = run(points, given, [(0, -1)]), equations(given)
    forward = ("h", "a", "c", "gates")
    for name in forward:
        assert_close(got[name], want[name], "sequence against oracle")
    gradients = [{key: value for key, value in found.items() if key not in forward} for found in (got, want)]
    assert_gradients_close(*gradients, "gradient against equations")


@each_size
@each_compiled
def test_projection_in_parts_of_the_batch_has_the_same_bits(dtype, isa, sizes):
    """Threads share a batch by columns; batch_sizes that name all columns change nothing."""
    given, points = draw(sizes, dtype), points_of(isa, dtype)
    whole = run(points, given, [(0, -1)])
    for parts, plain in ((ranges_of(sizes[3]), True), ([(0, -1)], False)):
        assert_same_bits(run(points, given, parts, plain_states=plain).values(), whole.values())
