"""Weights of quantised models: their names, files, copies and attributes, and what is refused of them."""

from __future__ import annotations

import copy
import os
import pickle
import tracemalloc

import numpy as np
import pytest
from nn_models import assert_same

from cyrnn import nn
from cyrnn.calls.quantized import LARGEST, LARGEST_SUM, Quantized, levels, quantized, sums

MODELS = {
    "lstm": nn.LSTM(3, 5, rng=0),
    "stack": nn.LSTM(3, 5, 2, bidirectional=True, batch_first=True, proj_size=2, dropout=0.1, peephole=True, rng=1),
    "reset before": nn.GRU(3, 5, reset_after=False, recurrent_activation=("hard_sigmoid", 1 / 6, 0.5), rng=2),
    "relu": nn.RNN(3, 5, nonlinearity="relu", bias=False, clip=0.7, rng=3),
    "coupled": nn.LSTM(3, 5, 2, coupled=True, rng=4),
    "no features": nn.LSTM(0, 2, rng=5),
    "LSTMCell": nn.LSTMCell(3, 5, peephole=True, rng=6),
    "GRUCell": nn.GRUCell(3, 5, bias=False, rng=7),
}
each_model = pytest.mark.parametrize("name", MODELS)
each_kind = pytest.mark.parametrize("kind", ["int8", "int16"])
LSTM = MODELS["lstm"]


def outputs(model):
    x = np.random.default_rng(8).standard_normal((4, 2, model.input_size)).astype(np.float32)
    return model(x[0]) if type(model).__name__.endswith("Cell") else model(x)


def assert_equal(found, model) -> None:
    assert type(found) is type(model)
    assert repr(found) == repr(model)
    assert found.weight_dtype == model.weight_dtype
    assert_same_weights(found, model.state_dict())
    assert_same(outputs(found), outputs(model))


def assert_same_weights(model, wanted) -> None:
    found = model.state_dict()
    assert list(found) == list(wanted)
    for name, array in wanted.items():
        assert (found[name].dtype, found[name].tobytes()) == (array.dtype, array.tobytes()), name


# ---- names -------------------------------------------------------------------------------------------------------


@each_kind
@each_model
def test_matrix_has_integers_and_a_scale_for_each_row(name, kind):
    model, floats = MODELS[name].quantize(kind), MODELS[name].state_dict()
    found, top = model.state_dict(), LARGEST[np.dtype(kind)]
    assert {key.removesuffix("_scale") for key in found} == set(floats)
    for key, array in floats.items():
        if key.startswith(("bias", "weight_ch")):
            assert_same(found[key], array)
            continue
        values, scale = found[key], found[f"{key}_scale"]
        assert (values.dtype, values.shape) == (kind, array.shape)
        assert (scale.dtype, scale.shape) == (np.float32, array.shape[:1])
        assert list(found).index(f"{key}_scale") == list(found).index(key) + 1
        assert np.abs(values * scale[:, None] - array).max(initial=0) <= 0.51 * np.abs(array).max(initial=0) / top


@each_kind
@each_model
def test_model_says_what_it_is(name, kind):
    model = MODELS[name]
    found = model.quantize(kind)
    assert repr(found) == f"{repr(model)[:-1]}, weights='{kind}')"
    assert (found.dtype, found.weight_dtype) == (np.float32, kind)
    assert model.weight_dtype == model.dtype


@pytest.mark.parametrize("given", ["int8", np.int8, np.dtype("int8"), "i1"], ids=repr)
def test_kind_is_a_name_or_a_dtype(given):
    assert LSTM.quantize(given).weight_dtype == np.int8


def test_kind_may_be_that_of_torch():
    torch = pytest.importorskip("torch")
    assert LSTM.quantize(torch.int16).weight_dtype == np.int16


def test_model_of_floats_stays_as_it_was():
    model = copy.deepcopy(LSTM)
    before, x = model.state_dict(), outputs(model)
    model.quantize("int8").weight_ih_l0[...] = 0
    assert_same_weights(model, before)
    assert_same(outputs(model), x)


def test_attributes_of_a_subclass_come_along():
    class Tagger(nn.LSTM):
        def tagged(self, x):
            return self(x), self.tag

    model = Tagger(3, 5, rng=0)
    model.tag = ["noun"]
    found = model.quantize("int8")
    assert type(found) is Tagger
    assert found.tagged(np.ones((2, 3), np.float32))[1] is model.tag


# ---- copies and files --------------------------------------------------------------------------------------------


def pickled(model):
    return pickle.loads(pickle.dumps(model))


@each_kind
@each_model
@pytest.mark.parametrize("how", [copy.copy, copy.deepcopy, pickled], ids=["copy", "deepcopy", "pickle"])
def test_copy_is_as_good(name, kind, how):
    model = MODELS[name].quantize(kind)
    assert_equal(how(model), model)


@each_kind
@each_model
@pytest.mark.parametrize("ending", [".npz", ".safetensors"])
def test_saved_model_comes_back(tmp_path, name, kind, ending):
    model, path = MODELS[name].quantize(kind), tmp_path / f"model{ending}"
    model.save(path)
    assert_equal(nn.load(path), model)


@each_kind
@each_model
def test_model_is_made_of_its_weights(name, kind):
    model = MODELS[name].quantize(kind)
    weights = {f"encoder.{key}": value for key, value in model.state_dict().items()}
    options = {key: getattr(model, key) for key in ("batch_first", "dropout", "clip", "coupled", "nonlinearity",
               "reset_after", "recurrent_activation") if hasattr(model, key)}
    if not isinstance(model, nn.GRU | nn.LSTM | nn.GRUCell | nn.LSTMCell):
        options.pop("recurrent_activation", None)
    assert_equal(nn.from_state_dict(weights, **options), model)


@each_kind
@each_model
def test_weights_load_into_a_model_of_the_same_kind(name, kind):
    model = MODELS[name].quantize(kind)
    other = copy.deepcopy(MODELS[name])
    for key in other._plan.matrices:
        getattr(other, key)[...] *= 3
    other = other.quantize(kind)
    other.load_state_dict({f"a.{key}": value for key, value in model.state_dict().items()}, prefix="a.")
    assert_equal(other, model)


def test_file_of_the_model_is_a_quarter(tmp_path):
    model = nn.LSTM(128, 128, rng=0)
    for kind, least in (("int8", 3.7), ("int16", 1.9)):
        model.save(tmp_path / "floats.npz")
        model.quantize(kind).save(tmp_path / "integers.npz")
        sizes = [os.path.getsize(tmp_path / f"{name}.npz") for name in ("floats", "integers")]
        assert sizes[0] / sizes[1] > least


# ---- attributes --------------------------------------------------------------------------------------------------


def test_attributes_take_effect_with_pack():
    model = LSTM.quantize("int8")
    before = outputs(model)
    model.weight_hh_l0[...] = 0
    model.weight_ih_l0_scale = model.weight_ih_l0_scale.astype(np.float64) * 2  # is cast
    assert_same(outputs(model), before)
    model.pack()
    floats = copy.deepcopy(LSTM)
    floats.weight_hh_l0[...], floats.weight_ih_l0 = 0, floats.weight_ih_l0 * 2
    floats.pack()
    assert not np.array_equal(outputs(model)[0], before[0])
    assert np.abs(outputs(model)[0] - outputs(floats)[0]).max() < 1e-2


def test_float_leaves_the_integers():
    model = LSTM.quantize("int8")
    assert model.float() is model
    assert model.to("cpu", np.float32).eval() is model
    assert model.weight_dtype == np.int8


def test_integers_of_more_than_twelve_bits_are_taken():
    """As files of others have them: activations lose what bits these have more."""
    model = LSTM.quantize("int16")
    weights = model.state_dict()
    for key in model._plan.matrices:
        weights[key], weights[f"{key}_scale"] = weights[key] * np.int16(16), weights[f"{key}_scale"] / 16
    model.load_state_dict(weights)
    assert_same_weights(model, weights)
    assert np.abs(outputs(model)[0] - outputs(LSTM)[0]).max() < 1e-3


def test_least_integer_of_8_bits_is_taken():
    """As tools of others leave it: 16 bits of the same integers have other activations alone."""
    weights, model = changed(INT8, "weight_hh_l0", (3, 2), -128), copy.deepcopy(INT8)
    model.load_state_dict(weights)
    assert_same_weights(model, weights)
    assert_equal(nn.from_state_dict(weights), model)
    wide = weights | {key: value.astype(np.int16) for key, value in weights.items() if value.dtype == np.int8}
    wide = nn.from_state_dict(wide)
    assert 0 < np.abs(outputs(model)[0] - outputs(wide)[0]).max() < 1e-2


def test_byte_order_of_integers_is_no_matter():
    model = LSTM.quantize("int16")
    swapped = {key: value.astype(value.dtype.newbyteorder()) for key, value in model.state_dict().items()}
    assert_equal(nn.from_state_dict(swapped), model)


# ---- what does not fit -------------------------------------------------------------------------------------------

INT8, INT16 = LSTM.quantize("int8"), LSTM.quantize("int16")
MOST = LARGEST_SUM // 127


def changed(model, name: str, index, value) -> dict:
    weights = model.state_dict()
    weights[name][index] = value
    return weights


#: weights -> the end of the sentence of each of those who refuse them
HOSTILE = {
    "scale nan": (
        lambda: changed(INT8, "weight_ih_l0_scale", 4, np.nan),
        "weight_ih_l0_scale[4] is nan, expected a finite number of at least 0",
    ),
    "scale infinite": (
        lambda: changed(INT16, "weight_ih_l0_scale", 4, np.inf),
        "weight_ih_l0_scale[4] is inf, expected a finite number of at least 0",
    ),
    "scale too large for float32": (
        lambda: INT8.state_dict() | {"weight_ih_l0_scale": np.full(20, 1e39)},
        "weight_ih_l0_scale[0] is inf, expected a finite number of at least 0",
    ),
    "scale negative, and nan": (
        lambda: changed(INT8, "weight_ih_l0_scale", 0, -1) | {"weight_hh_l0_scale": np.full(20, np.nan, np.float32)},
        "weight_ih_l0_scale[0] is -1.0, expected a finite number of at least 0; "
        "weight_hh_l0_scale[0] is nan, expected a finite number of at least 0",
    ),
    "scale of another length": (
        lambda: INT8.state_dict() | {"weight_ih_l0_scale": np.ones(5, np.float32)},
        "weight_ih_l0_scale has shape (5,), expected (20,)",
    ),
    "scale of a matrix": (
        lambda: INT8.state_dict() | {"weight_ih_l0_scale": np.ones((20, 1), np.float32)},
        "weight_ih_l0_scale has shape (20, 1), expected (20,)",
    ),
    "one scale missing": (
        lambda: {key: value for key, value in INT8.state_dict().items() if key != "weight_hh_l0_scale"},
        "weight_hh_l0_scale is missing",
    ),
    "scale of a bias": (
        lambda: INT8.state_dict() | {"bias_ih_l0_scale": np.ones(20, np.float32)},
        "bias_ih_l0_scale is not one of its parameters",
    ),
    "one matrix of floats": (
        lambda: INT8.state_dict() | {"weight_hh_l0": np.zeros((20, 5), np.float32)},
        "weight_hh_l0 has dtype float32, expected int8; floats go into the float32 model, quantize('int8') of which "
        "has int8 weights that load_state_dict takes",
    ),
    "bias of integers": (
        lambda: INT8.state_dict() | {"bias_ih_l0": np.zeros(20, np.int32)},
        "bias_ih_l0 has dtype int32, expected float32 or float64; what is quantised is multiplied by its scale first, "
        "what is whole takes astype(np.float32)",
    ),
}


@pytest.mark.parametrize("what", HOSTILE)
def test_weights_that_do_not_fit_are_refused(what):
    make, said = HOSTILE[what]
    weights = make()
    model = copy.deepcopy(INT16 if weights["weight_ih_l0"].dtype == np.int16 else INT8)
    before = outputs(model)
    for do, begin in (
        (lambda: model.load_state_dict(weights), "LSTM.load_state_dict: state_dict does not fit: "),
        (lambda: nn.from_state_dict(weights), "from_state_dict: weights does not fit: "),
    ):
        with pytest.raises(ValueError, match=r"does not fit") as caught:
            do()
        assert str(caught.value) == begin + said
    assert_same(outputs(model), before)


@pytest.mark.parametrize(("more", "fits"), [(0, True), (1, False)])
def test_sums_of_a_row_may_be_as_large_as_leaves_127_levels(more, fits):
    model = nn.RNN(600, 1, bias=False, rng=0).quantize("int16")
    values = np.full(600, -(MOST // 600), np.int16)
    values[0] -= MOST % 600 + more
    assert np.abs(values.astype(int)).sum() == MOST + more
    weights = model.state_dict() | {"weight_ih_l0": values[None]}
    if fits:
        model.load_state_dict(weights)
        assert np.isfinite(model(np.ones((1, 600), np.float32))[0]).all()
        return
    said = (
        f"weight_ih_l0[0] has absolute values that add up to {MOST + 1}, expected at most {MOST}: fewer bits and a "
        "larger scale"
    )
    with pytest.raises(ValueError, match="does not fit") as caught:
        model.load_state_dict(weights)
    assert str(caught.value).endswith(said)


@pytest.mark.parametrize(
    "value",
    [np.zeros((20, 2), np.int8), np.zeros((20, 3), np.float32), np.zeros((20, 3), np.int64), None, "text"],
    ids=["columns", "floats", "int64", "None", "text"],
)
def test_attribute_that_does_not_fit_is_refused_wherever_it_is_read(tmp_path, value):
    model = copy.deepcopy(INT8)
    before = outputs(model)
    model.weight_ih_l0 = value
    for do in (model.pack, model.state_dict, lambda: pickle.dumps(model), lambda: copy.copy(model),
               lambda: model.save(tmp_path / "model.npz")):
        with pytest.raises(ValueError, match=r"^LSTM\.(pack|state_dict|pickle): a weight does not fit: weight_ih_l0"):
            do()
    assert_same(outputs(model), before)
    assert os.listdir(tmp_path) == []


def test_file_whose_integers_do_not_fit_is_refused(tmp_path):
    path = str(tmp_path / "model.npz")
    np.savez(path, **changed(INT8, "weight_hh_l0_scale", 1, np.nan))
    with pytest.raises(ValueError, match=r"weight_hh_l0_scale\[1\] is nan") as caught:
        nn.load(path)
    assert str(caught.value).startswith(f"nn.load: {path!r} does not fit: ")


@pytest.mark.parametrize("kind", ["int8", "int16"])
def test_integers_take_no_temporaries_of_the_whole_matrix(kind):
    W = np.random.default_rng(0).standard_normal((2048, 2048), np.float32)
    block = 1 << 18  # numbers, three or four times 8 bytes each
    tracemalloc.start()
    try:
        found = quantized(W, np.dtype(kind))
        assert tracemalloc.get_traced_memory()[1] < found.values.nbytes + 32 * block
        tracemalloc.reset_peak()
        before = tracemalloc.get_traced_memory()[0]
        assert levels(Quantized(found.values.astype(np.int16), found.scale)) > 127
        assert tracemalloc.get_traced_memory()[1] < before + W.nbytes // 2 + 32 * block
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("shape", [(3, 1 << 18), (2, (1 << 18) + 1), (700, 700), (0, 3), (3, 0)], ids=str)
def test_blocks_of_rows_have_the_integers_of_each_row_alone(shape, order):
    W = np.asarray(np.random.default_rng(0).standard_normal(shape, np.float32), order=order)
    for kind in (np.int8, np.int16):
        found = quantized(W, kind)
        peak = np.abs(W).max(axis=1, initial=0).astype(float)
        top = {np.int8: 127, np.int16: 2047}[kind]
        if kind == np.int16 and W.size:
            top = min(top, int(np.sqrt((2**31 - 1) / max((np.abs(W).sum(axis=1, dtype=float) / peak).max(), 1))))
        assert_same(found.scale, (peak / top).astype(np.float32))
        assert_same(found.values, np.rint(W / found.scale.astype(float)[:, None]).astype(kind))
        assert found.values.flags.c_contiguous
        assert sums(found.values).tolist() == [int(np.abs(row.astype(int)).sum()) for row in found.values]
