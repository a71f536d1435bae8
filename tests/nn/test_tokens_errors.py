"""Whole numbers that are refused as tokens, or taken for features; arguments of any kind beside them."""

from __future__ import annotations

import threading

import numpy as np
import pytest
from nn_models import assert_same
from problems import DTYPES, isa_in_use, name_of

from cyrnn import nn

each_dtype = pytest.mark.parametrize("dtype", DTYPES, ids=name_of)


def one_hot(tokens, V, dtype):
    return (np.asarray(tokens)[..., None] == np.arange(V)).astype(dtype)


T = np.array([[1, 2, 3, 0], [4, 0, 0, 2]])


def changed(index, value, dtype=np.int64):
    tokens = T.astype(dtype)
    tokens[index] = value
    return tokens


def of(dtype=np.float32, **options):
    return nn.LSTM(5, 3, dtype=dtype, rng=0, **options)


SENTENCES = {
    "beyond": (
        lambda: of()(changed((1, 2), 5)),
        "LSTM: input[1, 2] is 5, expected 0 <= token < input_size = 5: features are input.astype(np.float32)",
    ),
    "negative": (
        lambda: of(np.float64).forward(changed((0, 3), -1, np.int8)),
        "LSTM.forward: input[0, 3] is -1, expected 0 <= token < input_size = 5: features are input.astype(np.float64)",
    ),
    "above 2**63": (
        lambda: of()(changed((0, 0), 2**63 + 1, np.uint64)),
        f"LSTM: input[0, 0] is {2**63 + 1}, expected 0 <= token < input_size = 5: features are "
        "input.astype(np.float32)",
    ),
    "a multiple of 2**32 above": (
        lambda: of()(changed((0, 0), 2**32 + 1)),
        f"LSTM: input[0, 0] is {2**32 + 1}, expected 0 <= token < input_size = 5: features are "
        "input.astype(np.float32)",
    ),
    "ragged, within": (
        lambda: of(batch_first=True)(changed((1, 1), 7), lengths=[1, 2]),
        "LSTM: input[1, 1] is 7, expected 0 <= token < input_size = 5: features are input.astype(np.float32)",
    ),
    "a list": (
        lambda: of()([1, 5]),
        "LSTM: input[1] is 5, expected 0 <= token < input_size = 5: features are np.asarray(input).astype(np.float32)",
    ),
    "a step": (
        lambda: of().step(np.array([1, 9])),
        "LSTM.step: x_t[1] is 9, expected 0 <= token < input_size = 5: features are x_t.astype(np.float32)",
    ),
    "a number": (
        lambda: of().step(-1),
        "LSTM.step: x_t is -1, expected 0 <= token < input_size = 5: features are np.asarray(x_t).astype(np.float32)",
    ),
    "wrong lengths": (
        lambda: of()(T, lengths=[1, 2]),
        "LSTM: lengths has shape (2,), expected (N,) = (4,): N = 4 from input",
    ),
    "lengths of one sequence": (
        lambda: of()(T[0], lengths=[1]),
        "LSTM: lengths is given, expected None: input has no axis of a batch",
    ),
    "features of float64": (
        lambda: of(np.float64)(np.ones((7, 5), np.int64)),
        "LSTM: input has dtype int64 and shape (L, N) = (7, 5), expected another N than input_size = 5: features of "
        "one sequence are input.astype(np.float64), tokens of a batch come with lengths=, reset= or hx",
    ),
    "features of float64, a step": (
        lambda: of(np.float64).step([1, 2, 3, 4, 0]),
        "LSTM.step: x_t has dtype int64 and shape (N,) = (5,), expected another N than input_size = 5: features of "
        "one sequence are np.asarray(x_t).astype(np.float64), tokens of a batch come with reset= or a state",
    ),
    "features of float64, a cell": (
        lambda: nn.GRUCell(5, 3, dtype=np.float64)(np.arange(5)),
        "GRUCell: input has dtype int64 and shape (N,) = (5,), expected another N than input_size = 5: features of "
        "one sequence are input.astype(np.float64), tokens of a batch come with hx",
    ),
    "one-hot rows of integers": (
        lambda: of()(np.eye(5, dtype=np.int64)[np.arange(20) % 5]),
        "LSTM: input has dtype int64 and shape (L, N) = (20, 5), expected another N than input_size = 5: features of "
        "one sequence are input.astype(np.float32), tokens of a batch come with lengths=, reset= or hx",
    ),
}


@pytest.mark.parametrize("name", SENTENCES)
def test_error_says_what_was_got_and_wanted(name):
    call, said = SENTENCES[name]
    with pytest.raises(ValueError) as caught:  # noqa: PT011  # the sentence is compared
        call()
    assert str(caught.value) == said + (", ids of an nn.Embedding go through it first" if "token <" in said else "")


def test_tensor_is_told_its_own_cure():
    torch = pytest.importorskip("torch")
    model = of(np.float64)
    assert_same(model(torch.tensor(T)), model(T))
    with pytest.raises(ValueError, match=r"features are input\.double\(\)"):
        model(torch.tensor(T) + 4)


@each_dtype
def test_batch_of_input_size_sequences_is_tokens_where_that_is_certain(dtype):
    model = of(dtype)
    tokens = np.random.default_rng(0).integers(0, 5, (4, 5))
    wanted = model(one_hot(tokens, 5, dtype))
    zeros = (np.zeros((1, 5, 3), dtype),) * 2
    assert_same(model(tokens, lengths=[4] * 5), wanted)
    assert_same(model(tokens, zeros), wanted)
    assert_same(model.step(tokens[0], reset=np.ones(5, bool)), model.step(tokens[0], zeros))
    cell = nn.RNNCell(5, 3, dtype=dtype, rng=0)
    assert_same(cell(tokens[0], zeros[0][0]), cell(one_hot(tokens[0], 5, dtype)))
    if dtype == np.float32:  # whole numbers were never features there
        assert_same(model(tokens), wanted)


def test_whole_features_of_float64_stay_features():
    model = of(np.float64)
    for x in (np.arange(40).reshape(4, 2, 5), np.arange(40).reshape(4, 2, 5).tolist()):
        assert_same(model(x), model(np.asarray(x, np.float64)))
    assert_same(model.step(np.arange(10).reshape(2, 5)), model.step(np.arange(10.0).reshape(2, 5)))
    flags = np.eye(5, dtype=bool)
    assert_same(model(flags), model(flags.astype(np.float64)))
    with pytest.raises(TypeError, match="has dtype bool"):
        of()(flags)


@pytest.mark.skipif(isa_in_use() == "reference", reason="checks values as NumPy does, and reads no memory by them")
def test_tokens_that_another_thread_changes_stay_within_the_weights():
    """What is checked is a copy: a call either refuses the numbers, or computes with such as it checked."""
    model, tokens = nn.GRU(3, 40, bidirectional=True, rng=0), np.zeros((200, 3), np.int64)
    ended = threading.Event()

    def change():
        while not ended.is_set():
            tokens[...] = 1 << 60
            tokens[...] = 2

    other = threading.Thread(target=change)
    other.start()
    try:
        for _ in range(30):
            try:
                output, _, tape = model.forward(tokens, lengths=[200, 7, 100])
            except ValueError as error:
                assert "expected 0 <= token < input_size = 3" in str(error)  # noqa: PT017  # or there is none
                continue
            assert np.isfinite(model.backward(tape, output).weights["weight_ih_l0"]).all()
    finally:
        ended.set()
        other.join()


class Table:
    """What pandas has, with columns of whole numbers."""

    columns = tuple("abcde")
    dtypes = (np.dtype(np.int64),) * 5

    def __array__(self, dtype=None, copy=None):
        return np.arange(10).reshape(2, 5)


def test_table_has_features():
    assert_same(of(np.float64)(Table()), of(np.float64)(np.arange(10.0).reshape(2, 5)))
    with pytest.raises(TypeError, match="has dtype int64"):
        of()(Table())


@each_dtype
def test_other_arguments_of_any_kind_go_with_tokens(dtype):
    model, h = of(dtype), np.random.default_rng(0).standard_normal((2, 1, 4, 3)).astype(dtype)
    wanted = model(T, (h[0], h[1]), lengths=[0, 1, 2, 0])
    other = dtype.newbyteorder(">")
    assert_same(model(T, (h[0].astype(other), h[1]), lengths=np.array([0, 1, 2, 0], ">i8")), wanted)
    found = model.step(T[0], (h[0].astype(other), h[1].astype(other)))
    assert_same(found, model.step(T[0], (h[0], h[1])))
    resets = np.array([[False, True, False, True], [True, False, True, False]])
    assert_same(model(T, reset=resets.tolist()), model(T, reset=resets))
    assert_same(model(T[:, 0], reset=[True, False]), model(T[:, 0], reset=np.array([True, False])))
