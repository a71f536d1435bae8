"""Tokens in the place of features: the bits of the one-hot rows that they stand for, forward and backward."""

from __future__ import annotations

import numpy as np
import pytest
from nn_models import assert_same
from problems import DTYPES, isa_in_use, name_of

import cyrnn
from cyrnn import nn

KINDS = {
    "rnn": (nn.RNN, {}),
    "lstm": (nn.LSTM, {}),
    "gru": (nn.GRU, {}),
    "gru-before": (nn.GRU, {"reset_after": False}),
    "lstm-peephole": (nn.LSTM, {"peephole": True, "clip": 1.0}),
    "lstm-coupled": (nn.LSTM, {"coupled": True}),
    "lstm-projection": (nn.LSTM, {"proj_size": 3}),
}
MODELS = {
    "one": {},
    "no-bias": {"bias": False},
    "both-ways": {"bidirectional": True, "batch_first": True},
    "stack": {"bidirectional": True, "num_layers": 2},
}
each_dtype = pytest.mark.parametrize("dtype", DTYPES, ids=name_of)
each_kind = pytest.mark.parametrize("kind", KINDS)


def made(kind, V, H, dtype=np.float32, **options):
    make, own = KINDS[kind]
    return make(V, H, dtype=dtype, rng=1, **own, **options)


def one_hot(tokens, V, dtype):
    return (np.asarray(tokens)[..., None] == np.arange(V)).astype(dtype)


def same_pass(model, tokens, x, lengths=None, seed=0):
    """Call, forward and backward have the same bits for tokens and for their rows; return the gradients of tokens."""
    assert_same(model(tokens, lengths=lengths), model(x, lengths=lengths))
    output, state, tape = model.forward(tokens, lengths=lengths)
    wanted, of_rows, tape_of_rows = model.forward(x, lengths=lengths)
    assert_same((output, state), (wanted, of_rows))
    d = np.random.default_rng(seed).standard_normal(output.shape).astype(output.dtype)
    found, expected = model.backward(tape, d), model.backward(tape_of_rows, d)
    assert found.input is None
    assert_same(found.hx, expected.hx)
    for name, gradient in expected.weights.items():
        assert found.weights[name].tobytes() == gradient.tobytes(), name
    return found


@each_dtype
@each_kind
@pytest.mark.parametrize("form", MODELS)
def test_tokens_have_the_bits_of_their_rows(kind, form, dtype):
    """Of sizes on both sides of a vector and of a tile, of one column and of many, whole and ragged."""
    random = np.random.default_rng(3)
    for H, V, L, N in ((5, 7, 9, 1), (17, 1, 4, 5), (33, 80, 24, 2), (40, 12, 5, 13)):
        model = made(kind, V, H, dtype, **MODELS[form])
        shape = (N, L) if model.batch_first else (L, N)
        tokens = random.integers(0, V, shape)
        x = one_hot(tokens, V, dtype)
        same_pass(model, tokens, x)
        lengths = random.integers(0, L + 1, N)
        within = np.arange(L)[:, None] < lengths
        tokens[~(within.T if model.batch_first else within)] = -5  # nobody looks there
        same_pass(model, tokens, x, lengths)
        same_pass(model, tokens.astype(np.int16), x, lengths.tolist())
        alone = random.integers(0, V, L)
        same_pass(model, alone, one_hot(alone, V, dtype))


@each_dtype
@each_kind
def test_step_of_tokens_has_the_bits_of_the_sequence(kind, dtype):
    model = made(kind, 11, 18, dtype, num_layers=2)
    tokens = np.random.default_rng(0).integers(0, 11, (6, 3))
    whole, last = model(tokens)
    state = alone = None
    for t, column in enumerate(tokens):
        output, state = model.step(column, state, reset=np.zeros(3, bool))
        wanted, alone = model.step(int(column[1]), alone)
        if isa_in_use() != "reference":  # whose sums have the order of NumPy's matmul
            assert_same((output, output[1]), (whole[t], wanted))
        np.testing.assert_allclose(output, whole[t], rtol=0, atol=1e-5)
        np.testing.assert_allclose(output[1], wanted, rtol=0, atol=1e-5)
    np.testing.assert_allclose(state[0] if type(state) is tuple else state, last[0] if type(last) is tuple else last,
                               rtol=0, atol=1e-5)  # fmt: skip
    assert_same(model.step(tokens[0, 0]), model.step(np.array(tokens[0, 0], np.uint8)))
    assert_same(model.step(tokens[0].tolist(), None), model.step(one_hot(tokens[0], 11, dtype)))


@each_dtype
@pytest.mark.parametrize("cell", [nn.RNNCell, nn.LSTMCell, nn.GRUCell])
def test_cell_takes_tokens(cell, dtype):
    model = cell(9, 20, dtype=dtype, rng=0)
    for tokens in (np.array([8, 0, 3, 3]), np.array(4), 4, [1, 2]):
        state = model(tokens)
        assert_same(state, model(one_hot(tokens, 9, dtype)))
        assert_same(model(tokens, state), model(one_hot(tokens, 9, dtype), state))


@each_kind
@pytest.mark.parametrize("width", ["int8", "int16", "int16x2"])
def test_tokens_have_the_bits_of_their_rows_where_weights_are_integers(kind, width):
    random = np.random.default_rng(5)
    for H, V, L, N in ((5, 3, 9, 1), (40, 90, 30, 1), (33, 18, 7, 9)):
        for options in ({}, {"bidirectional": True}):
            model = made(kind, V, H, **options).quantize(width)
            tokens = random.integers(0, V, (L, N))
            x, lengths = one_hot(tokens, V, np.float32), random.integers(0, L + 1, N)
            assert_same(model(tokens), model(x))
            assert_same(model(tokens, lengths=lengths), model(x, lengths=lengths))
    one = made(kind, 6, 8)
    model, report = one.quantize(width, calibrate=np.arange(6)[:, None])
    assert report.largest < 0.1
    assert_same(model.step(3), model.step(one_hot(3, 6, np.float32)))


@each_dtype
def test_gradient_is_summed_in_blocks_and_groups_of_rows(dtype):
    """77,100 rows: more than one group of 65,536; most tokens are in every block, one in few."""
    random = np.random.default_rng(7)
    model = nn.RNN(5, 3, dtype=dtype, rng=0)
    tokens = random.integers(0, 4, (300, 257))
    tokens[::97, 100] = 4
    same_pass(model, tokens, one_hot(tokens, 5, dtype))


def test_gradient_has_the_same_bits_on_any_number_of_threads():
    before = cyrnn.get_num_threads()
    model, tokens = nn.LSTM(50, 96, rng=0), np.random.default_rng(0).integers(0, 50, (40, 33))
    found = []
    try:
        for threads in (1, 2, 4):
            cyrnn.set_num_threads(threads)
            output, _, tape = model.forward(tokens)
            found.append([output, *model.backward(tape, np.cos(output)).weights.values()])
    finally:
        cyrnn.set_num_threads(before)
    assert_same(tuple(found[1]), tuple(found[0]))
    assert_same(tuple(found[2]), tuple(found[0]))


@pytest.mark.parametrize("name", ["lstm", "gru-before"])
def test_gradient_is_that_of_central_differences(name):
    model = made(name, 4, 3, np.float64)
    tokens, lengths = np.array([[0, 3], [1, 1], [3, 9], [0, -1]]), [4, 2]
    G = np.random.default_rng(0).standard_normal((4, 2, 3))
    tape = model.forward(tokens, lengths=lengths)[2]
    found = model.backward(tape, G).weights["weight_ih_l0"]
    weights, step = model.state_dict(), 1e-5
    for index in np.ndindex(*found.shape):
        loss = []
        for sign in (1, -1):
            moved = {key: value.copy() for key, value in weights.items()}
            moved["weight_ih_l0"][index] += sign * step
            model.load_state_dict(moved)
            loss.append(float((model(tokens, lengths=lengths)[0] * G).sum()))
        assert abs((loss[0] - loss[1]) / (2 * step) - found[index]) < 1e-8
    assert not found[:, 2].any()  # a token that never comes


@pytest.mark.skipif(isa_in_use() == "reference", reason="NumPy's matmul says nothing of the sign of zeros")
@each_dtype
@pytest.mark.parametrize("kind", ["rnn", "lstm", "gru", "gru-before"])
def test_zeros_have_the_sign_that_rows_give_them(kind, dtype):
    """Biases that are -0, weights that are zeros of both signs: of some units of -0 alone, or of values below zero."""
    for V in (1, 2, 6):
        model = made(kind, V, 20, dtype)
        weights = {name: np.copysign(np.zeros_like(value), -1) for name, value in model.state_dict().items()}
        W = weights["weight_ih_l0"]
        W[1::5, V // 2] = 0
        W[2::5] = -np.arange(V)
        W[3::5, 0] = 1
        model.load_state_dict(weights)
        tokens = np.arange(V).repeat(2)
        for x in (tokens, tokens[::-1]):
            same_pass(model, x, one_hot(x, V, dtype))


def test_weight_that_is_not_finite_comes_into_the_steps_of_its_token_alone():
    model = nn.RNN(4, 3, rng=0)
    model.weight_ih_l0[0, 2] = np.nan
    model.pack()
    output, _ = model(np.array([1, 0, 2, 1]))
    assert np.isfinite(output[:2]).all()
    assert np.isnan(output[2:, 0]).all()


@each_dtype
def test_tokens_of_any_memory_are_the_same(dtype):
    model = nn.GRU(100, 6, dtype=dtype, rng=0)
    plain = np.random.default_rng(0).integers(0, 100, (5, 4))
    wanted = model(plain)
    read_only = plain.copy()
    read_only.flags.writeable = False
    spread = np.full((10, 12), -1)
    spread[::2, ::-3] = plain
    given = [plain.astype(kind) for kind in ("i1", "u1", ">i2", "<u4", ">u8", "u8", "i4")]
    for x in (*given, read_only, spread[::2, ::-3], np.asfortranarray(plain), plain.tolist(), tuple(plain)):
        assert_same(model(x), wanted)
        assert_same(model.forward(x)[:2], wanted)


def test_tape_keeps_the_tokens():
    model, tokens = nn.LSTM(7, 5, rng=0), np.array([[1, 2], [6, 0], [3, 3]])
    output, _, tape = model.forward(tokens)
    wanted = model.backward(tape, output).weights["weight_ih_l0"]
    tokens[...] = 1 << 40
    assert_same(model.backward(tape, output).weights["weight_ih_l0"], wanted)


def test_dropout_falls_as_on_rows():
    for options in ({}, {"batch_first": True}):
        model = nn.LSTM(7, 5, num_layers=2, dropout=0.5, rng=0, **options)
        tokens = np.random.default_rng(0).integers(0, 7, (6, 3))
        found, wanted = (
            model.forward(x, dropout_rng=4)[:2] for x in (tokens.tolist(), one_hot(tokens, 7, np.float32))
        )
        assert_same(found, wanted)


@each_dtype
@pytest.mark.parametrize("reset_to", ["zeros", "hx"])
def test_resets_of_tokens_are_those_of_rows(reset_to, dtype):
    random, model = np.random.default_rng(2), nn.GRU(7, 18, bidirectional=True, dtype=dtype, rng=0)
    tokens, reset = random.integers(0, 7, (20, 5)), random.random((20, 5)) < 0.2
    h = random.standard_normal((2, 5, 18)).astype(dtype)
    known = {"lengths": [20, 3, 0, 9, 20], "reset": reset, "reset_to": reset_to}
    output, state, tape = model.forward(tokens, h, **known)
    wanted, last, of_rows = model.forward(one_hot(tokens, 7, dtype), h, **known)
    assert_same((output, state), (wanted, last))
    found, expected = model.backward(tape, output).weights, model.backward(of_rows, output).weights
    assert_same(tuple(found.values()), tuple(expected.values()))


def test_sequential_begins_with_tokens():
    layers = nn.LSTM(9, 6, rng=0), nn.LayerNorm(6), nn.Linear(6, 9, rng=1)
    model, tokens = nn.Sequential(*layers), np.random.default_rng(0).integers(0, 9, (5, 3))
    output, state, tape = model.forward(tokens, lengths=[5, 0, 2])
    wanted, last, of_rows = model.forward(one_hot(tokens, 9, np.float32), lengths=[5, 0, 2])
    assert_same((output, state[0]), (wanted, last[0]))
    found, expected = model.backward(tape, output), model.backward(of_rows, output)
    assert found.input is None
    assert_same(tuple(found.weights.values()), tuple(expected.weights.values()))
    assert_same(model.step(tokens[0])[0], model.step(one_hot(tokens[0], 9, np.float32))[0])
    assert model.step(3)[0].shape == (9,)


@pytest.mark.parametrize("shape", [(0, 3), (4, 0), (0,), (0, 0)])
def test_nothing_is_no_token(shape):
    for batch_first in (False, True):
        model = nn.GRU(7, 5, batch_first=batch_first, bidirectional=True, rng=0)
        found = same_pass(model, np.zeros(shape, np.int32), np.zeros((*shape, 7), np.float32))
        assert not found.weights["weight_ih_l0"].any()
