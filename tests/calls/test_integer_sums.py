"""Integer weights bit for bit: layers without activations against whole numbers of Python's and one rounding a step."""

from __future__ import annotations

import numpy as np
import pytest
from drawn import drawn
from hypothesis import given
from hypothesis import strategies as st
from integers import INT8, INT16, WIDTHS, Layer, compiled, each_kind, each_width, expected, inputs, layer, matrix, run
from problems import ODD_SIZES, assert_same_bits

from cyrnn.calls.quantized import Quantized, levels

float32, EMPTY = np.float32, np.empty((1, 1, 0), np.float32)


def assert_as_expected(layer: Layer, x, states=None) -> None:
    want = expected(layer, x, states)
    assert all(np.isfinite(value).all() for value in want), "the case is none: all bits of nan are alike"
    assert_same_bits(run(layer.sublayer(), x, states), want)


@compiled
@pytest.mark.parametrize("n", ODD_SIZES)
@each_width
@each_kind
def test_layer_without_activations_has_the_bits_of_exact_sums(kind, width, n):
    for i, n_x in enumerate((0, *ODD_SIZES)):
        m, T = 1 + (n + i) % 9, 1 + i % 3
        one = layer(kind, width, n_x, n, seed=i)
        assert_as_expected(one, inputs(T, m, n_x, i), one.states(m, i))


@compiled
@pytest.mark.parametrize(("n_x", "n", "m", "T"), [(64, 64, 1, 3), (100, 70, 8, 2), (31, 131, 6, 2), (5, 40, 33, 4)])
@each_width
@each_kind
def test_larger_layer_has_the_bits_of_exact_sums(kind, width, n_x, n, m, T):
    """Several panels, tiles of rows with some left over, levels of int16 below 32767."""
    one = layer(kind, width, n_x, n)
    assert_as_expected(one, inputs(T, m, n_x), one.states(m))


@compiled
@pytest.mark.parametrize("m", [1, 2, 5])
@each_width
@pytest.mark.parametrize("kind", ["rnn", "relu"])
def test_many_steps_have_the_bits_of_exact_sums(kind, width, m):
    """More than one block of steps whose input projection is summed at once."""
    one = layer(kind, width, 9, 21)
    assert_as_expected(one, inputs(101, m, 9), one.states(m))


@compiled
@each_kind
@drawn
@given(data=st.data())
def test_drawn_layer_has_the_bits_of_exact_sums(kind, data):
    """Integers of every size that 16 bits hold; states of every size, whose levels shrink where they are over 1."""
    width = data.draw(st.sampled_from(WIDTHS))
    sizes = data.draw(st.integers(0, 40)), data.draw(st.integers(1, 40))
    top = data.draw(st.sampled_from((1, 127, 2047, 32767) if width.dtype.itemsize == 2 else (1, 127)))
    one = layer(kind, width, *sizes, seed=data.draw(st.integers(0, 999)), top=top)
    m = data.draw(st.integers(1, 12))
    factor = data.draw(st.sampled_from((1e-3, 1, 1e3)))
    x = inputs(data.draw(st.integers(1, 3 if factor <= 1 else 1)), m, sizes[0]) * float32(factor)
    assert_as_expected(one, x, one.states(m, scale=data.draw(st.sampled_from((0, 0.1, 1, 4)))))


# ---- the largest sums ---------------------------------------------------------------------------------------------


def signs(pattern: str, n: int) -> np.ndarray:
    return np.where(np.arange(n) % 2 & (pattern == "alternating"), -1, 1)


@compiled
@pytest.mark.parametrize("n", [1, 2, 63, 513, 4096])
@pytest.mark.parametrize(("width", "top"), [("int8", 127), ("int16", 127), ("int16", 2047), ("int16", 32767)])
@pytest.mark.parametrize("x_pattern", ["one sign", "alternating"])
@pytest.mark.parametrize("pattern", ["one sign", "alternating"])
def test_largest_sums_of_x_do_not_wrap(pattern, x_pattern, width, top, n):
    """32767 in every place of 4096 leaves 15 levels, the fewest of what is tested here; 2047 leaves 256."""
    values = np.array([signs(pattern, n), -signs(pattern, n), signs("one sign", n)]) * top
    W_x = Quantized(values.astype(width), np.array([1, 1, 0.5], float32) / float32(top * n))
    none = Quantized(np.zeros((3, 3), width), np.zeros(3, float32))
    one = layer("rnn", INT16, n, 3)._replace(W_x=W_x, W_a=none)
    x = (signs(x_pattern, n) * np.array([[[3.0], [-3.0]]])).astype(float32)
    assert_as_expected(one, x)
    largest = [sum(int(w) * int(s) for w, s in zip(row, signs(x_pattern, n), strict=True)) for row in values]
    z = run(one.sublayer(), x)[0][0, 0] - one.b[0]
    np.testing.assert_allclose(z, [3 * s / (top * n) * f for s, f in zip(largest, (1, 1, 0.5), strict=True)], atol=1e-5)


@pytest.mark.parametrize("n", [3, 65, 1024, 4096])
@pytest.mark.parametrize(("width", "top"), [("int8", 127), ("int16", 2047)])
@pytest.mark.parametrize("pattern", ["one sign", "alternating"])
def test_largest_sums_of_states_do_not_wrap(pattern, width, top, n):
    values = np.tile(signs(pattern, n) * top, (n, 1))
    values[1::2] *= -1
    W_a = Quantized(values.astype(width), np.full(n, 1 / (top * n), float32))
    b, h = np.linspace(-0.5, 0.5, n, dtype=float32)[None], signs(pattern, n).astype(float32)
    one = layer("rnn", INT16, 0, 1)._replace(W_a=W_a, W_x=Quantized(W_a.values[:, :0], W_a.scale), b=b)
    (z, _) = run(one.sublayer(), EMPTY, (h[None],))
    most = levels(W_a)
    assert most == (127 if width == "int8" else min(32767, (2**31 - 1) // (n * top)))
    sums = np.where(np.arange(n) % 2, -1, 1) * (top * most * n)
    assert abs(int(sums[0])) < 2**31
    np.testing.assert_allclose(z[0, 0] - b[0], sums * (1 / (top * n * most)), atol=1e-6)


@drawn
@given(data=st.data())
def test_levels_are_the_most_that_fit_32_bits(data):
    rows, K = data.draw(st.integers(1, 4)), data.draw(st.sampled_from((0, 1, 3, 64, 600, 5000)))
    top = data.draw(st.sampled_from((0, 1, 127, 2047, 32767)))
    W = matrix(np.random.RandomState(data.draw(st.integers(0, 99))), rows, K, INT16, top)
    if data.draw(st.booleans()):
        W.values[0] = -top
    most = levels(W)
    largest = max(sum(abs(value) for value in row) for row in W.values.tolist())
    assert 1 <= most <= 32767
    assert most * largest < 2**31
    assert most == 32767 or (most + 1) * largest >= 2**31


def test_levels_of_bytes_are_those_of_bytes():
    """But of rows so long that sums of them could overflow."""
    for K, most in ((0, 127), (5000, 127), (133144, 127), (133145, 126), (140000, 120)):
        assert levels(Quantized(np.full((2, K), -127, np.int8), np.ones(2, float32))) == most
    for K, most in ((0, 127), (5000, 127), (132104, 127), (132105, 126), (140000, 119)):
        assert levels(Quantized(np.full((2, K), -128, np.int8), np.ones(2, float32))) == most


@compiled
def test_sums_of_a_very_long_row_of_bytes_do_not_wrap():
    W_x = Quantized(np.full((3, 140_000), 127, np.int8), np.full(3, 1e-6, float32))
    assert_as_expected(layer("rnn", INT8, 0, 3)._replace(W_x=W_x), np.ones((1, 2, 140_000), float32))


@compiled
@pytest.mark.parametrize("value", [-128, 127])
def test_sums_of_the_longest_row_of_bytes_with_all_levels_do_not_wrap(value):
    """132104 times -128 times 127 is 2^31 less 1025."""
    W_x = Quantized(np.full((2, 132_104), value, np.int8), np.full(2, 1e-6, float32))
    assert levels(W_x) == 127
    one = layer("rnn", INT8, 0, 2)._replace(W_x=W_x)
    for sign in (1, -1):
        assert_as_expected(one, np.full((1, 1, 132_104), sign, float32))


# ---- the least integer of 8 bits ----------------------------------------------------------------------------------


@compiled
@pytest.mark.parametrize("m", [1, 2, 5, 9, 33])
@each_kind
def test_least_integer_has_the_bits_of_exact_sums(kind, m):
    """-128 in every matrix: some of the integers, and in every place of a row, with activations of one sign, too."""
    one, random = layer(kind, INT8, 21, 19), np.random.RandomState(m)
    for W in (one.W_x, one.W_a, one.W_hr):
        if W is not None:
            W.values[random.random_sample(W.values.shape) < 0.3] = -128
            W.values[::5] = -128
    x = inputs(3, m, 21)
    x[0], x[1] = np.abs(x[0]), 1
    states = one.states(m)
    for sign in (1, -1):
        assert_as_expected(one, sign * x, states)
        assert_as_expected(one, sign * x, tuple(sign * np.abs(value) for value in states))


@compiled
@pytest.mark.parametrize("n", [1, 2, 63, 513, 4096])
@pytest.mark.parametrize("pattern", ["one sign", "alternating"])
def test_largest_sums_of_the_least_integer_do_not_wrap(pattern, n):
    W_x = Quantized(np.full((3, n), -128, np.int8), np.full(3, 1 / (128 * n), float32))
    one = layer("rnn", INT8, n, 3)._replace(W_x=W_x)
    x = (signs(pattern, n) * np.array([[[3.0], [-3.0]]])).astype(float32)
    assert_as_expected(one, x)
    S = int(signs(pattern, n).sum()) * 127
    np.testing.assert_allclose(run(one.sublayer(), x)[0][0, 0] - one.b[0], -3 * S / (127 * n), atol=1e-5)


# ---- numbers at the ends of their range ---------------------------------------------------------------------------

EDGES = {
    "zeros": [0.0, -0.0],
    "subnormal": [1e-45, 1e-40, -1e-39],
    "below 2^-100": [np.nextafter(float32(2.0**-100), float32(0)), -(2.0**-101)],
    "2^-100": [2.0**-100, -(2.0**-101), 2.0**-113],
    "small": [1e-30, 2e-30, -1e-31],
    "1e38": [1e38, -1e38, 3e37],
    "largest": [np.finfo(float32).max, -np.finfo(float32).max, 1.0],
    "halves": [1.0, *(np.arange(0.5, 127) / 127)],
}


@compiled
@pytest.mark.parametrize("edge", EDGES)
@each_width
@each_kind
def test_inputs_at_the_ends_of_their_range_have_the_bits_of_exact_sums(kind, width, edge):
    random = np.random.RandomState(3)
    x = random.choice(EDGES[edge], (2, 3, 19)).astype(float32)
    x[0, 0] = EDGES[edge][0]                            # a row that has the largest of them, alone
    x[1] = inputs(1, 3, 19)[0]
    one = layer(kind, width, 19, 5)
    one.W_x.scale[...] = np.minimum(one.W_x.scale, float32(1e-4) if edge in ("1e38", "largest") else 1)
    if edge in ("1e38", "largest"):
        x = x[:1]
        if kind != "rnn":                               # products of two such numbers are infinite
            one.W_x.scale[...] *= float32(1e-30)
    assert_as_expected(one, x)


@compiled
@pytest.mark.parametrize("edge", EDGES)
@each_width
@each_kind
def test_states_at_the_ends_of_their_range_have_the_bits_of_exact_sums(kind, width, edge):
    one = layer(kind, width, 3, 19)
    states = tuple(np.random.RandomState(4).choice(EDGES[edge], value.shape).astype(float32) for value in one.states(3))
    for value in states:
        value[0] = EDGES[edge][0]
    if edge in ("1e38", "largest"):
        one.W_a.scale[...] *= float32(1e-38)
        states = (states[0] * float32(1 if kind in ("rnn", "relu") else 0.25), *(s * 0 for s in states[1:]))
    assert_as_expected(one, inputs(1, 3, 3), states)


@each_width
@each_kind
def test_inputs_below_a_threshold_count_as_zeros(kind, width):
    one = layer(kind, width, 7, 5)
    tiny = np.full((3, 2, 7), -np.nextafter(float32(2.0**-100), float32(0)), float32)
    want = run(one.sublayer(), np.zeros_like(tiny))
    for x in (tiny, -tiny, tiny * float32(1e-8), np.zeros_like(tiny) * float32(-1)):
        assert_same_bits(run(one.sublayer(), x), want)
