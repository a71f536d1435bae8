"""Embeddings of int8 and int16 weights: against loops by hand, their weights, files and errors."""

from __future__ import annotations

import copy
import pickle
import struct
from fractions import Fraction

import numpy as np
import pytest
import refusals
from nn_models import assert_same

from cyrnn import calls, nn
from cyrnn.calls.quantized import LARGEST, Quantized

each_kind = pytest.mark.parametrize("kind", ["int8", "int16"])
EMBEDDING = nn.Embedding(50, 7, padding_idx=3, rng=0)
IDS = np.random.default_rng(1).integers(0, 50, (6, 4))


def nearest(exact: Fraction) -> float:
    """In float32. A double holds the product of a float32 and 16 bits."""
    assert Fraction(float(exact)) == exact
    return struct.unpack("f", struct.pack("f", float(exact)))[0]


def looked_up(layer, ids) -> np.ndarray:
    """By a loop over numbers of Python."""
    weight, scale = layer.weight.tolist(), layer.weight_scale.tolist()
    rows = [[nearest(Fraction(scale[i]) * value) for value in weight[i]] for i in np.ravel(ids).tolist()]
    return np.array(rows, np.float32).reshape(*np.shape(ids), layer.embedding_dim)


@each_kind
@pytest.mark.parametrize("n", [1, 2, 3, 4, 5, 7, 16, 33])
@pytest.mark.parametrize("shape", [(), (5,), (2, 3), (2, 2, 3), (0, 3)], ids=str)
def test_vectors_are_those_of_a_loop(kind, n, shape):
    layer = nn.Embedding(50, n, rng=n).quantize(kind)
    ids = np.random.default_rng(n).integers(0, 50, shape)
    found = layer(ids)
    assert_same(found, looked_up(layer, ids))
    assert (found.dtype, found.flags.c_contiguous) == (np.float32, True)
    if ids.size:  # a list of nothing has one axis
        assert_same(layer(ids.tolist()), found)
    assert_same(layer(ids.astype(np.uint8)), found)


@each_kind
def test_weights_are_the_nearest_integers(kind):
    layer, top = EMBEDDING.quantize(kind), LARGEST[np.dtype(kind)]
    peak = np.abs(EMBEDDING.weight).max(axis=1)
    np.testing.assert_allclose(layer.weight_scale * top, peak, rtol=1e-6)
    assert (np.abs(layer.weight).max(axis=1) == np.where(peak > 0, top, 0)).all()
    error = np.abs(layer.weight * layer.weight_scale[:, None].astype(float) - EMBEDDING.weight)
    assert (error.max(axis=1) <= 0.501 * peak / top).all()
    assert not layer(3).any()  # the row of padding is zeros, as before


@each_kind
def test_report_and_what_it_says(kind):
    layer, report = EMBEDDING.quantize(kind, calibrate=IDS)
    difference = layer(IDS).astype(float) - EMBEDDING(IDS)
    assert report == (np.sqrt(np.mean(difference**2)), np.abs(difference).max())
    assert 0 < report.rms < {"int8": 8e-3, "int16": 5e-4}[kind]
    assert repr(layer) == f"Embedding(50, 7, padding_idx=3, weights='{kind}')"
    assert layer.weight_dtype == layer.weight.dtype == kind
    assert list(layer.state_dict()) == ["weight", "weight_scale"]


def test_vectors_of_16_bits_are_nearer():
    """Nothing is multiplied: the four bits that int16 leaves to sums are there for the asking."""
    indices = np.arange(50)
    reports = [EMBEDDING.quantize(kind, calibrate=indices)[1] for kind in ("int16x2", "int16")]
    assert 8 * reports[0].rms < reports[1].rms


@each_kind
@pytest.mark.parametrize("batch_first", [True, False])
def test_ragged_batch_is_zero_past_the_ends(kind, batch_first):
    layer = nn.Embedding(50, 7, batch_first=batch_first, rng=0).quantize(kind)
    lengths = np.array([6, 0, 2, 5])
    within = np.arange(6)[:, None] < lengths
    ids = np.where(within, IDS, -1)
    want = np.where(within[..., None], looked_up(layer, IDS), 0).astype(np.float32)
    if batch_first:
        ids, want = ids.T, want.swapaxes(0, 1)
    assert_same(layer(ids, lengths=lengths), want)
    assert_same(layer(np.ascontiguousarray(ids), lengths=lengths.tolist()), want)


@each_kind
def test_layer_comes_back_from_files_copies_and_weights(tmp_path, kind):
    layer = EMBEDDING.quantize(kind)
    found = [copy.copy(layer), copy.deepcopy(layer), pickle.loads(pickle.dumps(layer))]
    found.append(nn.from_state_dict(layer.state_dict(), kind="Embedding", padding_idx=3))
    found.append(nn.Embedding(50, 7, padding_idx=3, rng=5).quantize(kind))
    found[-1].load_state_dict(layer.state_dict())
    for ending in (".npz", ".safetensors"):
        layer.save(tmp_path / f"layer{ending}")
        found.append(nn.load(tmp_path / f"layer{ending}"))
    for again in found:
        assert repr(again) == repr(layer)
        assert_same(again.state_dict(), layer.state_dict())
        assert_same(again(IDS), layer(IDS))


def test_file_without_a_bias_is_of_its_own_class(tmp_path):
    for layer in (nn.Linear(7, 50, bias=False, rng=0).quantize("int8"), EMBEDDING.quantize("int8")):
        layer.save(tmp_path / "layer.npz")
        assert type(nn.load(tmp_path / "layer.npz")) is type(layer)


def test_attributes_take_effect_with_pack():
    layer = EMBEDDING.quantize("int8")
    before = layer(IDS)
    layer.weight[...], layer.weight_scale[...] = -128, np.float32(0.1)
    assert_same(layer(IDS), before)
    layer.pack()
    assert_same(layer(IDS), looked_up(layer, IDS))
    assert (layer(IDS) == np.float32(-128) * np.float32(0.1)).all()


@pytest.mark.parametrize(("dtype", "value"), [(np.int8, -128), (np.int16, 32767), (np.int16, -32768)])
def test_any_integers_and_scales_fit(dtype, value):
    """There are no sums that would not. Products may be subnormal or overflow."""
    layer = nn.Embedding(6, 600, rng=0).quantize(dtype)
    layer.weight[...] = value
    layer.weight_scale[...] = [0, 1e-45, 3e-41, 0.1, 1e33, 3e38]
    layer.pack()
    want = np.float32([np.float64(scale) * value for scale in layer.weight_scale[:5]])
    np.testing.assert_array_equal(layer(np.arange(5)), np.repeat(want[:, None], 600, 1))
    assert np.isinf(layer(5)).all()


@each_kind
def test_calls_answer_none_where_arguments_are_not_plain(kind):
    W = Quantized(np.ones((4, 3), kind), np.ones(4, np.float32))
    layer = calls.embedding(W, None)
    for given in ([1, 2], np.float32([1]), np.array([4]), np.array([-1]), np.zeros((1, 1, 1), int)):
        assert layer.forward(given) is None
    W.values[...], W.scale[...] = 0, 0  # it has its own
    assert_same(layer.forward(np.array([3])), np.ones((1, 3), np.float32))


@pytest.mark.parametrize(("rows", "n"), [(0, 3), (3, 0), (0, 0)])
def test_no_rows_and_no_columns(rows, n):
    layer = nn.Embedding(rows, n, rng=0).quantize("int16")
    assert layer(np.zeros(2 * (rows > 0), int)).shape == (2 * (rows > 0), n)


def test_least_integer_of_a_linear_is_taken():
    layer = nn.Linear(20, 9, rng=0).quantize("int8")
    layer.load_state_dict(layer.state_dict() | {"weight": np.full((9, 20), -128, np.int8)})
    x = np.float32([1, -1] * 10)
    x[0] = 0
    want = np.float64(layer.bias) + 128 * np.float64(layer.weight_scale)
    np.testing.assert_allclose(layer(x), want, rtol=1e-6)


INT8 = EMBEDDING.quantize("int8")
#: what is done -> the class of the error and all of its sentence
SENTENCES = {
    "forward": (lambda: INT8.forward(IDS), TypeError, f"Embedding.forward: {refusals.NOT_TRAINED}"),
    "backward": (
        lambda: INT8.backward(EMBEDDING.forward(IDS)[1], IDS),
        TypeError,
        f"Embedding.backward: {refusals.NOT_TRAINED}",
    ),
    "train": (lambda: INT8.train(), TypeError, f"Embedding.train: {refusals.NOT_TRAINED}"),
    "float64": (
        lambda: nn.Embedding(3, 2, dtype=np.float64).quantize("int8"),
        TypeError,
        "Embedding.quantize: the model is float64, expected float32: with int8 weights the results are float32; "
        "model.float().quantize('int8') rounds the weights to float32 first",
    ),
    "double": (
        lambda: INT8.double(),
        TypeError,
        "Embedding.to: dtype is float64, expected float32: a model of int8 weights computes in float32; the one that "
        "it was quantised from has the digits; dequantize().double() is of float64, with the digits that the integers "
        "have",
    ),
    "index": (
        lambda: INT8([3, 50]),
        ValueError,
        "Embedding: input[1] is 50, expected 0 <= index < num_embeddings = 50",
    ),
    "calibrate": (
        lambda: EMBEDDING.quantize("int8", calibrate=[[3], [-1]]),
        ValueError,
        "Embedding.quantize: calibrate[1, 0] is -1, expected 0 <= index < num_embeddings = 50",
    ),
    "calibrate of nothing": (
        lambda: EMBEDDING.quantize("int8", calibrate=[]),
        ValueError,
        "Embedding.quantize: calibrate has shape (0,), expected some input: results are compared for it",
    ),
    "calibrate a switch": (
        lambda: EMBEDDING.quantize("int8", calibrate=np.True_),
        TypeError,
        "Embedding.quantize: calibrate is True, expected an array: an input as a call takes it, without a state",
    ),
    "calibrate of floats": (
        lambda: EMBEDDING.quantize("int8", calibrate=[0.5]),
        TypeError,
        "Embedding.quantize: calibrate has dtype float64, expected whole numbers, the indices of vectors: "
        "np.asarray(calibrate).astype(np.int64) of whole floats",
    ),
    "integers into floats": (
        lambda: EMBEDDING.load_state_dict(INT8.state_dict()),
        ValueError,
        "Embedding.load_state_dict: state_dict does not fit: it has int8 weights with scales, the model has float32: "
        "nn.from_state_dict makes the model that they are of, or quantize of this one makes one that they fit",
    ),
    "floats into integers": (
        lambda: INT8.load_state_dict(EMBEDDING.state_dict()),
        ValueError,
        "Embedding.load_state_dict: state_dict does not fit: it has no scales as weight_scale, the model has int8 "
        "weights: load floats into a float32 model, then quantize('int8') of that",
    ),
    "scale": (
        lambda: INT8.load_state_dict(INT8.state_dict() | {"weight_scale": np.full(50, np.nan, np.float32)}),
        ValueError,
        "Embedding.load_state_dict: state_dict does not fit: weight_scale[0] is nan, expected a finite number of at "
        "least 0",
    ),
    "quantised already": (
        lambda: INT8.quantize("int16"),
        TypeError,
        "Embedding.quantize: the weights are int8, expected floats: quantise the float32 model that they are from, "
        "or dequantize() of this one, which is rounded once more",
    ),
}
test_error_says_what_was_got_and_wanted = refusals.each_of(SENTENCES)
