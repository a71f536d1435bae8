"""Gradients of weights and biases are sums over rows, a step of a sequence each: by blocks, which keep them exact."""

from __future__ import annotations

import numpy as np
import pytest
from entry_points import points_of
from problems import COMPILED, DTYPES, assert_same_bits, each_dtype, isa_in_use
from tolerances import EPS

from cyrnn import nn, rnn_backward, rnn_forward

BLOCK_ROWS, GROUP_ROWS = 256, 65536
each_compiled = pytest.mark.parametrize(
    ("dtype", "isa"), [pytest.param(d, isa, id=f"{d.name}-{isa}") for d in DTYPES for isa in COMPILED]
)


def sum_rows(terms: np.ndarray) -> np.ndarray:
    """The sum over axis 0 that docs/explanation/numerics.md promises, one addition at a time."""
    for size in (BLOCK_ROWS, GROUP_ROWS // BLOCK_ROWS, len(terms) // GROUP_ROWS + 1):
        chunks = [terms[i : i + size] for i in range(0, len(terms), size)]
        terms = np.array([np.add.accumulate(chunk, axis=0)[-1] for chunk in chunks])
    (total,) = terms
    return total


def powers_of_two(random: np.random.RandomState, *shape: int, dtype) -> np.ndarray:
    """Factors whose products are exact: a fused multiply-add rounds as an addition does."""
    return (2.0 ** random.randint(-3, 4, shape)).astype(dtype)


@pytest.mark.parametrize("N", [1, 255, 256, 257, 700, 65536, 65537, 2 * 65536 + 300])
@each_compiled
def test_sums_are_in_blocks_and_groups_to_the_bit(dtype, isa, N):
    random, points = np.random.RandomState(N), points_of(isa, dtype)
    left = random.standard_normal((N, 7)).astype(dtype)
    right = powers_of_two(random, N, 21, dtype=dtype)
    outer, sums = np.zeros((7, 21), dtype), np.zeros(7, dtype)
    points.sum_outer(left, right, outer)
    points.add_rows(left, sums)
    want = [sum_rows(left[:, [u]] * right) for u in range(7)]
    assert_same_bits([outer, sums], [np.array(want), sum_rows(left)])


@pytest.mark.parametrize("lengths", [None, "ragged"])
@pytest.mark.parametrize("bidirectional", [False, True])
@each_dtype
@pytest.mark.skipif(isa_in_use() == "reference", reason="NumPy's order within a block is its own")
def test_layer_sums_its_rows_from_the_initial_state_on(dtype, bidirectional, lengths):
    """A relu layer that hands its input on, so that every term of its gradients is known."""
    T, m, n = 9, 67, 3
    random = np.random.RandomState(1)
    model = nn.RNN(n, n, nonlinearity="relu", bidirectional=bidirectional, dtype=dtype)
    for name, value in (weights := model.state_dict()).items():
        value[...] = np.eye(n) if "weight_ih" in name else 0
    model.load_state_dict(weights)
    x, d = powers_of_two(random, T, m, n, dtype=dtype), random.standard_normal((T, m, n * (1 + bidirectional)))
    h_0 = powers_of_two(random, 1 + bidirectional, m, n, dtype=dtype)
    ends = np.full(m, T) if lengths is None else random.randint(0, T + 1, m)
    *_, tape = model.forward(x, h_0, lengths=None if lengths is None else ends)
    found = model.backward(tape, d.astype(dtype)).weights
    order = np.argsort(-ends, kind="stable")  # the longest first, as they are run
    for direction, suffix in enumerate(["", "_reverse"][: 1 + bidirectional]):
        dz, before, given = [], [], []
        for t in range(T):
            for j in order[: (ends > t).sum()]:
                at, previous = (ends[j] - 1 - t, ends[j] - t) if direction else (t, t - 1)
                dz.append(d[at, j, direction * n : (direction + 1) * n].astype(dtype))
                before.append(x[previous, j] if t > 0 else h_0[direction, j])
                given.append(x[at, j])
        dz, before, given = np.array(dz), np.array(before), np.array(given)
        for name, right in (("weight_hh_l0", before), ("weight_ih_l0", given)):
            want = np.array([sum_rows(dz[:, [u]] * right) for u in range(n)])
            assert_same_bits([found[name + suffix]], [want])
        assert_same_bits([found["bias_ih_l0" + suffix]], [sum_rows(dz)])


@pytest.mark.parametrize("isa", COMPILED)
def test_float32_counts_past_2_to_the_24(isa):
    """One running sum would stand still at 16,777,216."""
    N, points = 2**25, points_of(isa, np.float32)
    ones = np.broadcast_to(np.ones((1, 1), np.float32), (N, 1))
    outer, sums = np.zeros((1, 1), np.float32), np.zeros(1, np.float32)
    points.sum_outer(ones, ones, outer)
    points.add_rows(ones, sums)
    assert (outer.item(), sums.item()) == (N, N)


def test_float32_gradients_of_a_million_rows_are_close():
    """A million times 0.1: one running sum is 0.9% off."""
    m = T = 1000
    zeros = np.zeros((1, 1), np.float32)
    parameters = dict.fromkeys(("Wax", "Waa", "Wya", "by"), zeros) | {"ba": np.full((1, 1), 0.5, np.float32)}
    x, a0 = np.full((1, m, T), 0.5, np.float32), np.full((1, m), np.tanh(np.float32(0.5)))
    a, _, caches = rnn_forward(x, a0, parameters)
    factor = 1 - np.float64(a[0, 0, 0]) ** 2
    found = rnn_backward(np.full((1, m, T), 0.1 / factor, np.float32), caches)
    dz = np.float64(np.float32(0.1 / factor)) * factor
    for key, want in {"dba": dz, "dWax": 0.5 * dz, "dWaa": dz * np.float64(a0[0, 0])}.items():
        assert abs(found[key].item() / (m * T * want) - 1) < 2e-5, key


@pytest.mark.parametrize("kind", ["RNN", "LSTM", "GRU"])
def test_float32_gradients_are_as_close_as_those_of_torch(kind):
    """Against float64, over the largest: torch 2.13 is 3.3e-7 to 4.6e-7 off here, in float32 on a CPU."""
    rng = np.random.default_rng(1)
    model, exact = getattr(nn, kind)(16, 64, rng=rng), getattr(nn, kind)(16, 64, dtype=np.float64)
    exact.load_state_dict({name: value.astype(np.float64) for name, value in model.state_dict().items()})
    x, d = rng.standard_normal((100, 256, 16), np.float32), rng.standard_normal((100, 256, 64), np.float32)
    found, want = (
        one.backward(one.forward(x.astype(dtype))[-1], d.astype(dtype)).weights
        for one, dtype in ((model, np.float32), (exact, np.float64))
    )
    for name in want:
        error = np.abs(found[name] - want[name]).max() / np.abs(want[name]).max()
        assert error < 6 * EPS[np.dtype(np.float32)], f"{name}: {error:.1e}"
