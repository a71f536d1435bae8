"""Matrices of integers: how they come from floats, and what a layer of them computes, against loops by hand."""

from __future__ import annotations

import numpy as np
import pytest
import quantized_oracle
from hypothesis import given, settings
from hypothesis import strategies as st
from problems import assert_same_bits, isa_in_use
from tolerances import assert_close

from cyrnn import calls
from cyrnn.calls import Packed, reference, stack
from cyrnn.calls.quantized import Quantized, dequantized, levels, quantized
from cyrnn.cells import CELLS
from cyrnn.weights import orders

DTYPES = (np.dtype(np.int8), np.dtype(np.int16))
each_integer = pytest.mark.parametrize("dtype", DTYPES, ids=str)
each_cell = pytest.mark.parametrize("name", ["rnn", "lstm", "gru", "gru_after"])
T, N_X, N_A = 6, 3, 5


@pytest.fixture(params=["in use", "reference"])
def cell_calls(request):
    """The calls of a cell, of the ISA in use and of the reference."""
    if request.param == "in use":
        return calls.of
    return lambda cell: reference.CellCalls(cell, 0, None, None, Packed)


# ---- from floats to integers -------------------------------------------------------------------------------------


@each_integer
def test_largest_of_each_row_is_the_largest_integer(dtype):
    W = np.random.default_rng(0).standard_normal((7, 11)).astype(np.float32) * np.logspace(-20, 20, 7)[:, None]
    q = quantized(W.astype(np.float32), dtype)
    assert q.values.dtype == dtype
    assert q.values.flags.c_contiguous
    assert q.scale.dtype == np.float32
    assert (np.abs(q.values).max(axis=1) == quantized_oracle.TOP[dtype.name]).all()


@each_integer
def test_integers_are_those_of_the_loop(dtype):
    W = np.random.default_rng(1).standard_normal((9, 4)).astype(np.float32)
    by_hand = quantized_oracle.Matrix(W, dtype.name)
    q = quantized(W, dtype)
    assert q.values.tolist() == by_hand.rows
    assert q.scale.tolist() == by_hand.scales
    assert levels(q) == by_hand.levels


@each_integer
@settings(max_examples=50, deadline=None)
@given(data=st.data())
def test_rounded_weight_is_within_half_a_scale(dtype, data):
    rows, columns = data.draw(st.integers(1, 4)), data.draw(st.integers(0, 5))
    finite = st.floats(-(2.0**120), 2.0**120, width=32).filter(lambda w: w == 0 or abs(w) > 2.0**-100)
    W = np.array(data.draw(st.lists(finite, min_size=rows * columns, max_size=rows * columns)), np.float32)
    W = W.reshape(rows, columns)
    q = quantized(W, dtype)
    error = np.abs(dequantized(q).astype(np.float64) - W)
    # scale is rounded to float32, and so is the product
    assert (error <= q.scale[:, None].astype(np.float64) * 0.5 * (1 + 1e-3)).all()


@each_integer
def test_row_of_zeros_has_scale_zero(dtype):
    q = quantized(np.array([[0, 0], [0, -3]], np.float32), dtype)
    top = quantized_oracle.TOP[dtype.name]
    assert q.values.tolist() == [[0, 0], [0, -top]]
    assert q.scale.tolist() == [0, np.float32(3 / top)]
    assert dequantized(q)[0].tolist() == [0, 0]


@each_integer
def test_matrix_without_columns_is_nothing(dtype):
    q = quantized(np.zeros((3, 0), np.float32), dtype)
    assert (q.values.shape, q.scale.tolist()) == ((3, 0), [0, 0, 0])
    assert levels(q) == (127 if dtype == np.int8 else 32767)


@pytest.mark.parametrize(("columns", "value"), [(4096, 2047), (1, 32767), (1, 1), (70000, 32767)])
def test_sums_of_int16_at_their_largest_fit_32_bits(columns, value):
    q = Quantized(np.full((1, columns), value, np.int16), np.ones(1, np.float32))
    assert levels(q) * columns * value < 2**31
    assert levels(q) == 32767 or (levels(q) + 1) * columns * value >= 2**31


# ---- a layer -----------------------------------------------------------------------------------------------------


def weights_of(name: str, seed: int = 3, n_h: int = N_A):
    """W_x, W_a, b_x and b_a with torch's blocks of rows; the last row of each block of W_x is zero."""
    blocks = max(blocks_of(name)) + 1
    random = np.random.default_rng(seed)
    shapes = (blocks * N_A, N_X), (blocks * N_A, n_h), (blocks * N_A,), (blocks * N_A,)
    W_x, W_a, b_x, b_a = (random.uniform(-0.6, 0.6, shape).astype(np.float32) for shape in shapes)
    W_x[N_A - 1 :: N_A] = 0
    return W_x, W_a, b_x, b_a


def blocks_of(name: str) -> tuple[int, ...]:
    return orders.blocks(CELLS[name], orders.order_of("torch", CELLS[name]))


def layer(cell_calls, name, dtype, W_hr=None, *, W_x, W_a, b_x, b_a):
    cell = CELLS[name]
    b = stack.biases(cell, blocks_of(name), b_x, b_a, N_A, np.float32)
    matrices = [None if W is None else quantized(W, dtype) for W in (W_x, W_a, W_hr)]
    return cell_calls(cell).sublayer(*matrices[:2], b, matrices[2], blocks_of(name), 0, 1, 1, False)


def sequences(m: int = 4) -> np.ndarray:
    """A batch whose columns differ by powers of ten, with a step of zeros and a large one."""
    x = np.random.default_rng(4).standard_normal((T, m, N_X)) * np.logspace(-2, 1, m)[:, None]
    x[2, 0], x[3, 1] = 0, 1e4
    return x.astype(np.float32)


@each_integer
@each_cell
def test_layer_computes_what_loops_do(cell_calls, name, dtype):
    given_weights = dict(zip(("W_x", "W_a", "b_x", "b_a"), weights_of(name), strict=True))
    x = sequences()
    output, states = layer(cell_calls, name, dtype, **given_weights).forward(x)
    by_hand = quantized_oracle.Layer(name, dtype.name, *given_weights.values())
    for column in range(x.shape[1]):
        outputs, h, c = by_hand.run(x[:, column].tolist())
        assert_close(output[:, column], np.array(outputs), "integer weights against oracle")
        for state, want in zip(states if isinstance(states, tuple) else (states,), (h, c), strict=False):
            assert_close(state[0, column], np.array(want), "integer weights against oracle")


@each_integer
@each_cell
def test_state_beyond_one_is_scaled_by_its_largest(cell_calls, name, dtype):
    """Within a batch: the first column's stays at 1, the others have 3 and 50 at most."""
    weights = dict(zip(("W_x", "W_a", "b_x", "b_a"), weights_of(name, 5), strict=True))
    h = np.random.default_rng(6).uniform(-1, 1, (1, 3, N_A)).astype(np.float32)
    h[0, 1, 2], h[0, 2, 4] = 3, -50
    c = np.random.default_rng(7).standard_normal(h.shape).astype(np.float32)
    x = sequences(3)[:1]
    output, _ = layer(cell_calls, name, dtype, **weights).forward(x, (h, c) if name == "lstm" else h)
    by_hand = quantized_oracle.Layer(name, dtype.name, *weights.values())
    for column in range(3):
        outputs, _, _ = by_hand.run(x[:, column].tolist(), h[0, column].tolist(), c[0, column].tolist())
        assert_close(output[:, column], np.array(outputs), "integer weights against oracle")


@each_integer
def test_projection_computes_what_loops_do(cell_calls, dtype):
    weights = dict(zip(("W_x", "W_a", "b_x", "b_a"), weights_of("lstm", 8, n_h=2), strict=True))
    W_hr = np.random.default_rng(9).uniform(-3, 3, (2, N_A)).astype(np.float32)
    x = sequences()
    output, _ = layer(cell_calls, "lstm", dtype, W_hr, **weights).forward(x)
    by_hand = quantized_oracle.Layer("lstm", dtype.name, *weights.values(), W_hr=W_hr)
    for column in range(x.shape[1]):
        outputs, _, _ = by_hand.run(x[:, column].tolist())
        assert_close(output[:, column], np.array(outputs), "integer weights against oracle")


@each_integer
@each_cell
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf], ids=str)
def test_what_is_not_finite_stays_and_in_its_column(cell_calls, name, dtype, value):
    """In x or in the hidden state: nan from there on; other columns as they were."""
    weights = dict(zip(("W_x", "W_a", "b_x", "b_a"), weights_of(name, 10), strict=True))
    x, h = sequences(), np.zeros((1, 4, N_A), np.float32)
    c = np.zeros_like(h)
    sublayer = layer(cell_calls, name, dtype, **weights)
    want, _ = sublayer.forward(x, (h, c) if name == "lstm" else h)
    x[1, 1, 0], h[0, 2, 3] = value, value
    output, _ = sublayer.forward(x, (h, c) if name == "lstm" else h)
    assert np.isnan(output[1:, 1]).all()
    assert np.isnan(output[:, 2]).all()
    assert_same_bits(output[:, [0, 3]], want[:, [0, 3]])
    assert_same_bits(output[:1, 1], want[:1, 1])


@each_cell
def test_input_too_small_for_a_scale_is_no_input(cell_calls, name):
    """Below 2^-100 Q / max|x| would come near infinity: it is an input of zeros."""
    weights = dict(zip(("W_x", "W_a", "b_x", "b_a"), weights_of(name, 11), strict=True))
    sublayer = layer(cell_calls, name, DTYPES[0], **weights)
    x = np.full((T, 1, N_X), 2.0**-101, np.float32)
    assert_same_bits(sublayer.forward(x)[0], sublayer.forward(np.zeros_like(x))[0])
    x[...] = 2.0**-99
    assert np.isfinite(sublayer.forward(x)[0]).all()


@each_integer
@each_cell
def test_each_sequence_has_its_bits_alone_and_in_pieces(cell_calls, name, dtype):
    weights = dict(zip(("W_x", "W_a", "b_x", "b_a"), weights_of(name, 12), strict=True))
    x, sublayer = sequences(), layer(cell_calls, name, dtype, **weights)
    output, last = sublayer.forward(x)
    for column in range(x.shape[1]):
        assert_same_bits(sublayer.forward(x[:, column : column + 1].copy())[0], output[:, column : column + 1])
    state, steps = None, []
    for t in range(T):
        step, state = sublayer.forward(x[t : t + 1], state)
        steps.append(step)
    assert_same_bits(np.concatenate(steps), output)
    for got, want in zip(state if isinstance(state, tuple) else (state,), last if isinstance(last, tuple) else (last,),
                         strict=True):
        assert_same_bits(got, want)


@pytest.mark.skipif(isa_in_use() == "reference", reason="NumPy writes past no memory")
@pytest.mark.parametrize("integers", [False, True])
@pytest.mark.parametrize(("cell", "single_step"), [("lstm", True), ("rnn", True), ("gru", False), ("gru_after", False)])
def test_projection_of_what_has_none_is_refused(cell, single_step, integers):
    """Memory past the end of arrays would be written or read; nn has no such model."""
    gates = len(CELLS[cell].gates)
    blocks = tuple(range(gates)) if cell != "gru_after" else (2, 1, 0, 2)
    rows = 5 * (max(blocks) + 1)
    matrices = [np.ones(shape, np.float32) for shape in ((rows, 3), (rows, 2), (2, 5))]
    W_x, W_a, W_hr = [quantized(W, np.int8) for W in matrices] if integers else matrices
    b = np.zeros((gates, 5), np.float32)
    with pytest.raises(ValueError, match="a projection"):
        calls.of(CELLS[cell]).sublayer(W_x, W_a, b, W_hr, blocks, 0, 1, 1, single_step)


@pytest.mark.parametrize("K", [2048, 8000, 20000])
@pytest.mark.parametrize("constant", [False, True])
def test_int16_of_many_columns_shares_the_bits_of_a_sum(K, constant):
    """Weights that kept their 12 bits would leave activations of 20000 columns fewer than 7."""
    rng = np.random.default_rng(K)
    W = rng.uniform(-1, 1, (9, K)).astype(np.float32)
    W = np.sign(W) if constant else W
    q = quantized(W, np.int16)
    assert levels(q) >= np.abs(q.values).max() >= 300
    x = rng.standard_normal((50, K), np.float32)
    want = x.astype(float) @ W.T.astype(float)
    error = calls.linear(q, None).forward(x) - want
    assert np.sqrt(np.mean(error**2)) < 4e-3 * want.std()
