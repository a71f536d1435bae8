"""nn.Embedding: vectors by their indices, ragged batches, gradients."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
from nn_models import assert_same
from problems import DTYPES, isa_in_use, name_of

import cyrnn
from cyrnn import nn
from cyrnn.calls import threads

INTEGERS = [np.dtype(f"{kind}{size}") for kind in "iu" for size in (1, 2, 4, 8)]
each_dtype = pytest.mark.parametrize("dtype", DTYPES, ids=name_of)


def draw(shape, dtype, seed=0):
    return np.random.default_rng(seed).standard_normal(shape).astype(dtype)


def sum_in_order(d):
    """The sum of the rows of d (N, n): blocks of 256 in their order, then the blocks; N up to 65536."""
    total = np.zeros(d.shape[1], d.dtype)
    for first in range(0, len(d), 256):
        block = np.zeros(d.shape[1], d.dtype)
        for row in d[first : first + 256]:
            block = block + row
        total = total + block
    return total


@each_dtype
@pytest.mark.parametrize("integers", INTEGERS, ids=name_of)
@pytest.mark.parametrize("shape", [(), (3,), (0,), (4, 5), (3, 0), (2, 3, 4), (1, 2, 1, 2)], ids=str)
def test_embedding_gives_the_rows_of_its_weight(shape, integers, dtype):
    layer = nn.Embedding(100, 7, dtype=dtype, rng=1)
    indices = np.random.default_rng(0).integers(0, 100, shape).astype(integers)
    want = layer.weight[indices.astype(int)]
    assert_same([layer(indices), layer.forward(indices)[0]], [want, want])
    assert_same([layer(list(indices) if shape else int(indices)), layer(np.array(indices, order="F"))], [want, want])
    assert_same(layer(indices.astype(integers.newbyteorder())), want)


@each_dtype
@pytest.mark.parametrize("sizes", [(1, 1), (50, 0), (50, 1), (50, 33), (3, 200)], ids=str)
def test_embedding_gradient_is_the_sum_at_the_positions_in_their_order(sizes, dtype):
    rows, n = sizes
    layer = nn.Embedding(rows, n, dtype=dtype, rng=1)
    indices = np.random.default_rng(0).integers(0, rows, (40, 30))
    d = draw((40, 30, n), dtype)
    _, tape = layer.forward(indices)
    found = layer.backward(tape, d).weights
    want = np.stack([sum_in_order(d[indices == row]) for row in range(rows)])
    if isa_in_use() == "reference":  # its blocks are sums in float64
        np.testing.assert_allclose(found["weight"], want, rtol=0, atol=1e-4 if dtype == np.float32 else 1e-12)
    else:
        assert_same(found["weight"], want)
    assert_same(layer.backward(tape, np.asfortranarray(d)).weights, found)
    assert list(found) == ["weight"]


@each_dtype
def test_embedding_gradient_of_one_row_is_that_of_a_bias(dtype):
    """70000 positions: sums of blocks, of groups of blocks, and of groups."""
    layer, linear = nn.Embedding(2, 5, dtype=dtype, rng=1), nn.Linear(1, 5, dtype=dtype, rng=1)
    d = draw((70_000, 5), dtype)
    found = layer.backward(layer.forward(np.ones(70_000, np.int64))[1], d).weights["weight"]
    x = np.ones((70_000, 1), dtype)
    assert_same(found[1], linear.backward(linear.forward(x)[1], d).weights["bias"])
    assert not found[0].any()


@each_dtype
@pytest.mark.parametrize("batch_first", [False, True])
def test_embedding_ragged_batch_looks_at_no_index_behind_an_end(batch_first, dtype):
    layer = nn.Embedding(10, 6, padding_idx=3, batch_first=batch_first, dtype=dtype, rng=1)
    T, lengths = 9, np.array([9, 0, 4, 1, 9])
    within = np.arange(T)[:, None] < lengths
    within = within.T if batch_first else within
    indices = np.random.default_rng(0).integers(0, 10, within.shape)
    d = draw((*within.shape, 6), dtype)
    indices[~within], d[~within] = -(2**40), np.nan
    y, tape = layer.forward(indices, lengths=lengths)
    found = layer.backward(tape, d)
    rows, rows_tape = layer.forward(indices[within])
    assert_same([y[within], found], [rows, layer.backward(rows_tape, d[within])])
    assert not y[~within].any()
    assert_same(layer(indices, lengths=lengths.tolist()), y)
    for other in (indices.astype(np.int32), indices.clip(0).astype(np.uint64)):
        assert_same(layer(other, lengths=lengths), y)
    assert not layer(indices, lengths=0 * lengths).any()


def test_embedding_row_of_padding_is_zero_and_stays():
    layer = nn.Embedding(5, 3, padding_idx=-2, rng=0)
    assert layer.padding_idx == 3
    assert not layer.weight[3].any()
    d = np.ones((4, 3), np.float32)
    found = layer.backward(layer.forward([3, 1, 3, 4])[1], d).weights["weight"]
    np.testing.assert_array_equal(found.sum(axis=1), [0, 3, 0, 0, 3])
    layer.weight[3] = 7
    layer.pack()
    assert_same(layer([3]), np.full((1, 3), 7, np.float32))


@each_dtype
def test_embedding_gradient_agrees_with_central_differences(dtype):
    layer = nn.Embedding(4, 3, dtype=np.float64, rng=1)
    indices, d, h = np.array([[0, 2], [2, 1], [2, 0]]), draw((3, 2, 3), dtype).astype(np.float64), 2.0**-16
    found = layer.backward(layer.forward(indices)[1], d).weights["weight"]
    for at in np.ndindex(found.shape):
        sides = []
        for step in (h, -h):
            layer.weight[at] += step
            layer.pack()
            sides.append(float((layer(indices) * d).sum()))
            layer.weight[at] -= step
        assert abs((sides[0] - sides[1]) / (2 * h) - found[at]) < 1e-9, at


@each_dtype
def test_embedding_threads_share_with_the_same_bits(dtype, monkeypatch):
    layer = nn.Embedding(60, 37, dtype=dtype, rng=1)
    indices, d = np.random.default_rng(0).integers(0, 60, (50, 40)), draw((50, 40, 37), dtype)

    def everything() -> list:
        y, tape = layer.forward(indices)
        return [y, layer.backward(tape, d)]

    before = cyrnn.get_num_threads()
    monkeypatch.setattr(threads, "MILLISECOND_FMAS", 1)
    try:
        cyrnn.set_num_threads(1)
        want = everything()
        cyrnn.set_num_threads(3)
        assert_same(everything(), want)
    finally:
        monkeypatch.undo()
        cyrnn.set_num_threads(before)


@each_dtype
def test_embedding_agrees_with_torch_forward_and_backward(dtype):
    torch = pytest.importorskip("torch", reason="torch is not installed")
    module = torch.nn.Embedding(12, 5, padding_idx=0, dtype=getattr(torch, dtype.name))
    indices, d = np.random.default_rng(0).integers(0, 12, (7, 6)), draw((7, 6, 5), dtype)
    for layer in (nn.from_torch(module), nn.Embedding.from_torch(module)):
        assert repr(layer).removesuffix(", dtype='float64')").rstrip(")") == repr(module).rstrip(")")
        assert_same(layer(torch.tensor(indices)), module(torch.tensor(indices)).detach().numpy())
        module.zero_grad()
        module(torch.tensor(indices)).backward(torch.tensor(d))
        found = layer.backward(layer.forward(indices)[1], d).weights["weight"]
        np.testing.assert_allclose(found, module.weight.grad.numpy(), rtol=0, atol=50 * np.finfo(dtype).eps)


def test_embedding_of_torch_that_changes_itself_is_refused():
    torch = pytest.importorskip("torch", reason="torch is not installed")
    with pytest.raises(ValueError, match=r"module.max_norm is 1.0, expected None: torch shortens vectors"):
        nn.from_torch(torch.nn.Embedding(3, 2, max_norm=1.0))
    with pytest.raises(ValueError, match=r"module.scale_grad_by_freq is True, expected False"):
        nn.Embedding.from_torch(torch.nn.Embedding(3, 2, scale_grad_by_freq=True))


def test_embedding_begins_as_torch_does():
    layer = nn.Embedding(300, 400, padding_idx=7, rng=0)
    rest = np.delete(layer.weight, 7, axis=0)
    assert abs(rest.mean()) < 0.01
    assert abs(rest.std() - 1) < 0.01
    assert 3.5 < abs(rest).max() < 6
    assert not layer.weight[7].any()


def test_embedding_is_shown_cast_and_copied():
    layer = nn.Embedding(5, 3, -1, batch_first=True, rng=0)
    assert repr(layer) == "Embedding(5, 3, padding_idx=4, batch_first=True)"
    want = layer([1, 2])
    assert_same(pickle.loads(pickle.dumps(layer))([1, 2]), want)
    assert repr(layer.double()) == "Embedding(5, 3, padding_idx=4, batch_first=True, dtype='float64')"
    assert_same(layer([1, 2]), want.astype(np.float64))
    assert repr(nn.Embedding(2, 3)) == "Embedding(2, 3)"
    assert (layer.num_embeddings, layer.embedding_dim) == (5, 3)


def test_embedding_tape_has_a_copy_of_the_indices():
    layer = nn.Embedding(5, 3, rng=0)
    indices = np.array([1, 2])
    _, tape = layer.forward(indices)
    indices[:] = 4
    found = layer.backward(tape, np.ones((2, 3), np.float32)).weights["weight"]
    np.testing.assert_array_equal(found.sum(axis=1), [0, 3, 3, 0, 0])
    assert repr(tape) == "<tape of Embedding, 5 of 3: 2 rows>"


def test_embedding_without_vectors_takes_no_index():
    layer = nn.Embedding(0, 3)
    assert layer([]).shape == (0, 3)
    assert layer(np.zeros((2, 0), np.int8)).shape == (2, 0, 3)
    assert layer.backward(layer.forward([])[1], np.zeros((0, 3), np.float32)).weights["weight"].shape == (0, 3)
    with pytest.raises(ValueError, match=r"^Embedding: input\[0\] is 0, expected 0 <= index < num_embeddings = 0$"):
        layer([0])
