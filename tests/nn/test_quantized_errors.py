"""What a quantised model cannot do, and what `quantize` refuses: each error says so, and the cure."""

from __future__ import annotations

import os

import numpy as np
import pytest

import cyrnn
from cyrnn import nn

LSTM, GRU = nn.LSTM(3, 5, rng=0), nn.GRU(3, 5, rng=1)
CELL = nn.GRUCell(3, 5, rng=2)
INT8, INT16 = LSTM.quantize("int8"), LSTM.quantize("int16")
X = np.ones((7, 2, 3), np.float32)


def with_weight(name: str, index, value):
    model = nn.LSTM(3, 5, rng=0)
    getattr(model, name)[index] = value
    return model


def tape():
    return LSTM.forward(X)[2]


def adam(weights):
    gradients = {f"d{key}": np.ones(value.shape) for key, value in weights.items()}
    return cyrnn.update_parameters_with_adam(weights, gradients, *cyrnn.initialize_adam(weights), t=1)


def prefixed(model) -> dict:
    return {f"encoder.{key}": value for key, value in model.state_dict().items()}


NOT_TRAINED = "the model has int8 weights, which are not trained: train in float32, then quantise"
FLOATS = "the weights are int8, expected floats: do so with the float32 model, and quantise behind it"
STAYS = (
    "dtype is float64, expected float32: a model of int8 weights computes in float32; the one that it was quantised "
    "from has the digits"
)
#: what is done -> the class of the error and all of its sentence
SENTENCES = {
    "kind unsigned": (
        lambda: LSTM.quantize("uint8"),
        TypeError,
        "LSTM.quantize: kind is 'uint8', expected 'int8' or 'int16': weights have both signs",
    ),
    "kind of torch's": (
        lambda: LSTM.quantize("quint8"),
        TypeError,
        "LSTM.quantize: kind is 'quint8', expected 'int8' or 'int16': weights have both signs",
    ),
    "kind a dtype": (
        lambda: CELL.quantize(np.float16),
        TypeError,
        "GRUCell.quantize: kind is float16, expected 'int8' or 'int16': floats of fewer bits would be no faster",
    ),
    "kind of four bits": (
        lambda: LSTM.quantize("int4"),
        TypeError,
        "LSTM.quantize: kind is 'int4', expected 'int8' or 'int16': 8 bits are the fewest, and more than 16 would be "
        "no more exact than floats",
    ),
    "kind a number": (lambda: LSTM.quantize(8), TypeError, "LSTM.quantize: kind is 8, expected 'int8' or 'int16'"),
    "kind None": (lambda: LSTM.quantize(None), TypeError, "LSTM.quantize: kind is None, expected 'int8' or 'int16'"),
    "kind a list": (
        lambda: LSTM.quantize(["int8"]),
        TypeError,
        "LSTM.quantize: kind is of type list, expected 'int8' or 'int16'",
    ),
    "quantised already": (
        lambda: INT8.quantize("int16"),
        TypeError,
        "LSTM.quantize: the weights are int8, expected floats: quantise the float32 model that they are from",
    ),
    "float64": (
        lambda: nn.LSTM(3, 5, dtype=np.float64).quantize("int8"),
        TypeError,
        "LSTM.quantize: the model is float64, expected float32: with int8 weights the results are float32; "
        "model.float().quantize('int8') rounds the weights to float32 first",
    ),
    "nan in a matrix": (
        lambda: with_weight("weight_hh_l0", (3, 1), np.nan).quantize("int8"),
        ValueError,
        "LSTM.quantize: weight_hh_l0[3, 1] is nan, expected finite numbers: int8 has no other",
    ),
    "infinity in a bias": (
        lambda: with_weight("bias_ih_l0", 4, np.inf).quantize("int16"),
        ValueError,
        "LSTM.quantize: bias_ih_l0[4] is inf, expected finite numbers: int16 has no other",
    ),
    "calibrate of float64": (
        lambda: LSTM.quantize("int8", calibrate=X.astype(float)),
        TypeError,
        "LSTM.quantize: calibrate has dtype float64, expected float32: the weights are float32; "
        "calibrate.astype(np.float32)",
    ),
    "calibrate of other features": (
        lambda: LSTM.quantize("int8", calibrate=X[..., :2]),
        ValueError,
        "LSTM.quantize: calibrate has shape (7, 2, 2), expected (L, N, input_size) or (L, input_size) "
        "with input_size = 3",
    ),
    "calibrate with the batch first": (
        lambda: nn.LSTM(3, 5, batch_first=True).quantize("int8", calibrate=X[0, 0]),
        ValueError,
        "LSTM.quantize: calibrate has shape (3,), expected (N, L, input_size) or (L, input_size) with input_size = 3",
    ),
    "calibrate of a cell": (
        lambda: CELL.quantize("int8", calibrate=X),
        ValueError,
        "GRUCell.quantize: calibrate has shape (7, 2, 3), expected (N, input_size) or (input_size,) "
        "with input_size = 3",
    ),
    "an Embedding": (
        lambda: nn.Embedding(3, 5).quantize("int8"),
        TypeError,
        "Embedding.quantize: its weights stay floats, expected a recurrent layer, a cell or a Linear: quantise the "
        "recurrent layers, which take most of the time, and leave this one as it is",
    ),
    # ---- training
    "forward": (lambda: INT8.forward(X), TypeError, f"LSTM.forward: {NOT_TRAINED}"),
    "backward": (lambda: INT8.backward(tape(), None), TypeError, f"LSTM.backward: {NOT_TRAINED}"),
    "train": (lambda: INT8.train(), TypeError, f"LSTM.train: {NOT_TRAINED}"),
    "parameters": (lambda: INT8.parameters(), TypeError, f"LSTM.parameters: {NOT_TRAINED}"),
    "Adam": (
        lambda: adam(INT8.state_dict()),
        TypeError,
        "update_parameters_with_adam: parameters has int8 weights, which are not trained: train in float32, then "
        "quantise",
    ),
    # ---- floats
    "double": (lambda: INT8.double(), TypeError, f"LSTM.to: {STAYS}"),
    "to float64": (lambda: INT8.to(np.float64), TypeError, f"LSTM.to: {STAYS}"),
    "half": (
        lambda: INT8.half(),
        NotImplementedError,
        "LSTM.half: cyrnn computes in float32 or float64: leave it out; float16 weights and inputs are taken as "
        "float32",
    ),
    "made in float64": (
        lambda: nn.from_state_dict(INT8.state_dict(), dtype=np.float64),
        TypeError,
        f"from_state_dict: {STAYS}",
    ),
    "made in no dtype": (
        lambda: nn.from_state_dict(INT8.state_dict(), dtype="int8"),
        TypeError,
        "from_state_dict: dtype is 'int8', expected float32 or float64",
    ),
    "gates": (lambda: INT8.to_gates("onnx"), TypeError, f"LSTM.to_gates: {FLOATS}"),
    "weights of Keras": (lambda: INT8.keras_weights(), TypeError, f"LSTM.keras_weights: {FLOATS}"),
    # ---- weights of another kind
    "floats into integers": (
        lambda: INT8.load_state_dict(LSTM.state_dict()),
        ValueError,
        "LSTM.load_state_dict: state_dict does not fit: it has no scales as weight_ih_l0_scale, the model has int8 "
        "weights: load floats into a float32 model, then quantize('int8') of that",
    ),
    "integers into floats": (
        lambda: LSTM.load_state_dict(INT8.state_dict()),
        ValueError,
        "LSTM.load_state_dict: state_dict does not fit: it has int8 weights with scales, the model has float32: "
        "nn.from_state_dict makes the model that they are of, or quantize of this one makes one that they fit",
    ),
    "int16 into int8": (
        lambda: INT8.load_state_dict(INT16.state_dict()),
        ValueError,
        "LSTM.load_state_dict: state_dict does not fit: weight_ih_l0 has dtype int16, expected int8; weight_hh_l0 has "
        "dtype int16, expected int8",
    ),
    "integers of another module": (
        lambda: INT8.load_state_dict(GRU.quantize("int8").state_dict()),
        ValueError,
        "LSTM.load_state_dict: state_dict does not fit: it has the weights of GRU(3, 5), expected LSTM(3, 5): "
        "3 gates: a GRU's; make GRU(3, 5), or let nn.from_state_dict make it",
    ),
    "a prefix": (
        lambda: INT8.load_state_dict(prefixed(INT8)),
        ValueError,
        "LSTM.load_state_dict: state_dict does not fit: its names begin with 'encoder.', expected weight_ih_l0 and so "
        "on: prefix='encoder.' leaves that out",
    ),
    "integers without scales": (
        lambda: nn.from_state_dict({k: v for k, v in INT8.state_dict().items() if not k.endswith("_scale")}),
        ValueError,
        "from_state_dict: weights does not fit: weight_ih_l0 has dtype int8, expected float32 or float64; weight_hh_l0 "
        "has dtype int8, expected float32 or float64; what is quantised is multiplied by its scale first, what is "
        "whole takes astype(np.float32)",
    ),
    "floats with scales": (
        lambda: nn.from_state_dict(INT8.state_dict() | LSTM.state_dict()),
        ValueError,
        "from_state_dict: weights does not fit: weight_ih_l0_scale is not one of its parameters; weight_hh_l0_scale is "
        "not one of its parameters",
    ),
    "attribute that is misspelt": (
        lambda: setattr(INT8, "weight_ih_l0_scales", 1),
        AttributeError,
        "LSTM: weight_ih_l0_scales is not one of its parameters, expected weight_ih_l0_scale",
    ),
}


@pytest.mark.parametrize("what", SENTENCES)
def test_error_says_what_was_got_and_wanted(what):
    do, kind, said = SENTENCES[what]
    with pytest.raises(kind) as caught:
        do()
    assert str(caught.value) == said


@pytest.mark.parametrize("ending", [".onnx", ".h5", ".keras"])
def test_format_of_floats_alone_is_refused(tmp_path, ending):
    path = str(tmp_path / f"model{ending}")
    with pytest.raises(TypeError, match="expected floats") as caught:
        INT8.save(path)
    said = "the weights are int8, expected floats: save it as .npz or .safetensors, or save the float32 model"
    assert str(caught.value) == f"LSTM.save: {path!r}: {said}"
    assert os.listdir(tmp_path) == []


class Broken:
    """An entry whose shape is known and which cannot be read."""

    shape = (20, 3)

    def __init__(self, error):
        self.error = error

    @property
    def dtype(self):
        raise self.error


def test_entry_that_cannot_be_read_is_said_where_it_is_loaded():
    weights = INT8.state_dict() | {"weight_ih_l0": Broken(ValueError("a bad sector"))}
    with pytest.raises(ValueError, match="a bad sector"):
        nn.from_state_dict(weights)


def test_memory_error_of_an_entry_is_the_callers():
    with pytest.raises(MemoryError):
        nn.from_state_dict(INT8.state_dict() | {"weight_ih_l0": Broken(MemoryError())})


def test_parameters_of_their_own_names_are_trained_by_adam():
    """Floats under names as those of scales; integers without such."""
    weights = {"gain": np.ones(3, np.float32), "gain_scale": np.ones(3, np.float32), "count": np.ones(3, np.int8)}
    adam(weights)
    assert weights["gain"][0] < 1 > weights["count"][0]
