"""Linear layers of int8 and int16 weights: against loops by hand, their weights, files and errors."""

from __future__ import annotations

import copy
import pickle

import numpy as np
import pytest
import quantized_oracle
import refusals
from nn_models import assert_same
from problems import isa_in_use
from tolerances import assert_close

from cyrnn import nn

KINDS = ("int8", "int16", "int16x2")
each_kind = pytest.mark.parametrize("kind", KINDS)
LINEAR = nn.Linear(20, 9, rng=0)
X = np.random.default_rng(1).standard_normal((7, 4, 20)).astype(np.float32)


@each_kind
@pytest.mark.parametrize("bias", [True, False])
def test_output_is_that_of_loops(kind, bias):
    layer = nn.Linear(20, 9, bias, rng=0)
    rows = quantized_oracle.Matrix(layer.weight, kind)
    want = np.array([[rows.of_input(row.tolist()) for row in batch] for batch in X]) + (layer.bias if bias else 0)
    got = layer.quantize(kind)(X)
    if isa_in_use() == "baseline":  # which rounds a product before it takes the nearest integer: one level off
        np.testing.assert_allclose(got, want, rtol=0, atol=np.abs(X).max() * np.abs(layer.weight).max() / rows.levels)
    else:
        assert_close(got, want, "integer weights against oracle")


@each_kind
def test_report_and_what_it_says(kind):
    layer, report = LINEAR.quantize(kind, calibrate=X)
    difference = layer(X).astype(float) - LINEAR(X)
    assert report == (np.sqrt(np.mean(difference**2)), np.abs(difference).max())
    assert 0 < report.rms < (5e-3 if kind == "int8" else 3e-4)
    assert repr(layer) == f"Linear(in_features=20, out_features=9, bias=True, weights='{kind}')"
    assert layer.weight_dtype == layer.weight.dtype == kind.removesuffix("x2")
    assert list(layer.state_dict()) == ["weight", "weight_scale", "bias"]


@each_kind
@pytest.mark.parametrize("batch_first", [True, False])
def test_each_row_has_the_same_bits_alone_and_in_a_ragged_batch(kind, batch_first):
    layer = nn.Linear(20, 9, batch_first=batch_first, rng=0).quantize(kind)
    y = layer(X)
    for i in range(7):
        assert_same(layer(X[i, 2]), y[i, 2])
    lengths = [0, 4, 2, 4, 1, 3, 4] if batch_first else [3, 7, 0, 1]
    ends = np.array(lengths)
    steps = np.arange(4)[None] < ends[:, None] if batch_first else np.arange(7)[:, None] < ends
    assert_same(layer(X, lengths=lengths), np.where(steps[..., None], y, 0).astype(np.float32))


@each_kind
@pytest.mark.parametrize("bias", [True, False])
def test_layer_comes_back_from_files_copies_and_weights(tmp_path, kind, bias):
    layer = nn.Linear(20, 9, bias, rng=0).quantize(kind)
    found = [copy.copy(layer), copy.deepcopy(layer), pickle.loads(pickle.dumps(layer))]
    found += [nn.from_state_dict(layer.state_dict(), kind="Linear"), nn.Linear(20, 9, bias, rng=5).quantize(kind)]
    found[-1].load_state_dict(layer.state_dict())
    for ending in (".npz", ".safetensors"):
        layer.save(tmp_path / f"layer{ending}")
        found.append(nn.load(tmp_path / f"layer{ending}"))
    for again in found:
        assert repr(again) == repr(layer)
        assert_same(again.state_dict(), layer.state_dict())
        assert_same(again(X), layer(X))


@each_kind
def test_nan_stays_in_its_row_and_no_features_are_the_bias(kind):
    x = X.copy()
    x[2, 1, 3] = np.nan
    y = LINEAR.quantize(kind)(x)
    assert np.isnan(y[2, 1]).all()
    assert np.isnan(y).sum() == 9
    empty = nn.Linear(0, 3, rng=0)
    empty.bias[...] = [1, 2, 3]
    assert_same(empty.quantize(kind)(np.zeros((2, 0), np.float32)), np.array([[1, 2, 3]] * 2, np.float32))


INT8 = LINEAR.quantize("int8")
#: what is done -> the class of the error and all of its sentence
SENTENCES = {
    "forward": (lambda: INT8.forward(X), TypeError, f"Linear.forward: {refusals.NOT_TRAINED}"),
    "backward": (lambda: INT8.backward(LINEAR.forward(X)[1], X), TypeError, f"Linear.backward: {refusals.NOT_TRAINED}"),
    "float64": (
        lambda: nn.Linear(3, 2, dtype=np.float64).quantize("int8"),
        TypeError,
        "Linear.quantize: the model is float64, expected float32: with int8 weights the results are float32; "
        "model.float().quantize('int8') rounds the weights to float32 first",
    ),
    "calibrate": (
        lambda: LINEAR.quantize("int8", calibrate=X[..., :3]),
        ValueError,
        "Linear.quantize: calibrate has shape (7, 4, 3), expected (*, in_features) with in_features = 20",
    ),
    "integers into floats": (
        lambda: LINEAR.load_state_dict(INT8.state_dict()),
        ValueError,
        "Linear.load_state_dict: state_dict does not fit: it has int8 weights with scales, the model has float32: "
        "nn.from_state_dict makes the model that they are of, or quantize of this one makes one that they fit",
    ),
    "floats into integers": (
        lambda: INT8.load_state_dict(LINEAR.state_dict()),
        ValueError,
        "Linear.load_state_dict: state_dict does not fit: it has no scales as weight_scale, the model has int8 "
        "weights: load floats into a float32 model, then quantize('int8') of that",
    ),
    "alone": (
        lambda: nn.from_state_dict({"weight": INT8.weight, "weight_scale": INT8.weight_scale}),
        ValueError,
        "from_state_dict: weights has weight (9, 20) alone: those of nn.Embedding(9, 20) and of nn.Linear(20, 9, "
        "bias=False) look alike; kind='Embedding' or kind='Linear' says which",
    ),
}
test_error_says_what_was_got_and_wanted = refusals.each_of(SENTENCES)
