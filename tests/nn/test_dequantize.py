"""`dequantize`: the float32 model that integers and their scales stand for."""

from __future__ import annotations

import numpy as np
import pytest
from nn_models import assert_same

from cyrnn import nn

MODELS = {
    "rnn": nn.RNN(3, 5, num_layers=2, nonlinearity="relu", rng=0),
    "lstm": nn.LSTM(3, 5, bidirectional=True, proj_size=2, batch_first=True, rng=1),
    "lstm with peepholes": nn.LSTM(3, 5, peephole=True, clip=2.0, rng=2),
    "coupled lstm": nn.LSTM(3, 5, coupled=True, rng=3),
    "gru": nn.GRU(3, 5, bias=False, reset_after=False, rng=4),
    "cell": nn.GRUCell(3, 5, rng=5),
    "linear": nn.Linear(3, 5, rng=6),
    "embedding": nn.Embedding(3, 5, padding_idx=1, rng=7),
}
X = np.random.default_rng(8).standard_normal((4, 2, 3)).astype(np.float32)
each_model = pytest.mark.parametrize("model", MODELS.values(), ids=MODELS)
each_kind = pytest.mark.parametrize("kind", ["int8", "int16"])


def input_of(model):
    return np.array([[0, 2], [1, 1]]) if isinstance(model, nn.Embedding) else X[0] if model is MODELS["cell"] else X


def products(quantised) -> dict[str, np.ndarray]:
    """Every weight of floats by its name: a double holds the product of a float32 and 16 bits."""
    own, found = quantised.state_dict(), {}
    for name, value in own.items():
        if f"{name}_scale" in own:
            found[name] = (value.astype(float) * own[f"{name}_scale"].astype(float)[:, None]).astype(np.float32)
        elif name.removesuffix("_scale") not in found:
            found[name] = value
    return found


@each_kind
@each_model
def test_weights_are_scales_times_integers(model, kind):
    quantised = model.quantize(kind)
    found = quantised.dequantize()
    assert repr(found) == repr(model)
    assert found.weight_dtype == found.dtype == np.float32
    assert list(found.state_dict()) == list(model.state_dict())
    assert_same(found.state_dict(), products(quantised))
    model_of_them = model.quantize(kind).dequantize()
    model_of_them.load_state_dict(products(quantised))
    assert_same(found(input_of(model)), model_of_them(input_of(model)))
    assert quantised.weight_dtype == kind  # as it was


@each_model
def test_floats_do_what_integers_do_not(model, tmp_path):
    found = model.quantize("int16").dequantize()
    if hasattr(found, "forward"):
        *results, tape = found.forward(input_of(model))
        assert found.backward(tape, np.ones_like(results[0])).weights.keys() == found.state_dict().keys()
    assert found.quantize("int8").weight_dtype == np.int8
    assert found.double().dtype == np.float64


@each_model
def test_float_leaves_integers_and_floats_are_copied(model):
    quantised = model.quantize("int8")
    assert quantised.float() is quantised.to(np.float32) is quantised
    assert quantised.weight_dtype == np.int8
    copy = model.dequantize()
    assert copy is not model
    assert_same(copy.state_dict(), model.state_dict())


def test_attributes_are_taken_as_they_stand_and_stay_apart():
    quantised = nn.Linear(3, 5, rng=0).quantize("int8")
    quantised.weight_scale[...] = 3e38
    quantised.weight[...] = [[1, -2, 0]] * 5
    found = quantised.dequantize()
    np.testing.assert_array_equal(found.weight, np.float32([[3e38, -np.inf, 0]] * 5))
    found.bias[...] = 7
    assert (quantised.bias != 7).all()
    quantised.weight = quantised.weight[:, :2]
    with pytest.raises(ValueError, match=r"Linear\.dequantize: a weight does not fit: weight has shape \(5, 2\)"):
        quantised.dequantize()


@each_kind
@pytest.mark.parametrize("ending", [".npz", ".safetensors"])
def test_files_and_weights_of_integers_become_floats_where_that_is_asked_for(tmp_path, ending, kind):
    for model in (MODELS["lstm with peepholes"], MODELS["linear"]):
        quantised, path = model.quantize(kind), tmp_path / f"model{ending}"
        quantised.save(path)
        for found in (nn.load(path, dequantize=True), nn.load(path, dequantize=True, dtype="float32")):
            assert repr(found) == repr(model)
            assert_same(found.state_dict(), products(quantised))
        wide = nn.load(path, dequantize=True, dtype=np.float64).state_dict()
        assert_same(wide, {name: value.astype(float) for name, value in products(quantised).items()})
        assert nn.load(path, dequantize=False).weight_dtype == kind
        assert nn.from_state_dict(model.state_dict(), dequantize=True).weight_dtype == np.float32


def test_files_of_floats_alone_stay_as_they_are(tmp_path):
    pytest.importorskip("h5py", reason="h5py is not installed")
    path = tmp_path / "model.h5"
    nn.LSTM(3, 5, batch_first=True, rng=0).save(path)
    assert repr(nn.load(path, dequantize=True)) == "LSTM(3, 5, batch_first=True)"
    with pytest.raises(TypeError, match=r"^nn\.load: dequantize is 1, expected True or False"):
        nn.load(path, dequantize=1)


def test_what_weights_say_may_be_said_of_a_class_that_has_no_such_option():
    weights = MODELS["cell"].state_dict()
    assert repr(nn.from_state_dict(weights, coupled=False, peephole=False, proj_size=0)) == "GRUCell(3, 5)"
    assert repr(nn.from_state_dict(weights, coupled=True)) == "LSTMCell(3, 5, coupled=True)"
