"""What a quantised model cannot do, and what `quantize` refuses: each error says so, and the cure."""

from __future__ import annotations

import os

import numpy as np
import pytest
import refusals

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


def with_floats():
    model = LSTM.quantize("int8")
    model.weight_hh_l0 = LSTM.weight_hh_l0
    return model


def tape():
    return LSTM.forward(X)[2]


def adam(weights, *averages):
    gradients = {f"d{key}": np.ones(value.shape) for key, value in weights.items()}
    return cyrnn.update_parameters_with_adam(weights, gradients, *(averages or cyrnn.initialize_adam(weights)), t=1)


def prefixed(model) -> dict:
    return {f"encoder.{key}": value for key, value in model.state_dict().items()}


FLOATS = (
    "the weights are int8, expected floats: do so with the float32 model, and quantise behind it, or with dequantize() "
    "of this one"
)
STAYS = (
    "dtype is float64, expected float32: a model of int8 weights computes in float32; the one that it was quantised "
    "from has the digits; {}"
)
CAST = STAYS.format("dequantize().double() is of float64, with the digits that the integers have")
WITHOUT = "floats are what a model has without it, and what dequantize() makes of integers"
CALIBRATE = "expected an array: an input as a call takes it, without a state"
EXAMPLE = "quantize('int8'), or quantize('int8', calibrate=x)"
FLOATS_IN = "floats go into the float32 model, quantize('int8') of which has int8 weights that load_state_dict takes"
#: what is done -> the class of the error and all of its sentence
SENTENCES = {
    "kind unsigned": (
        lambda: LSTM.quantize("uint8"),
        TypeError,
        "LSTM.quantize: kind is 'uint8', expected 'int8', 'int16' or 'int16x2': weights have both signs",
    ),
    "kind of torch's": (
        lambda: LSTM.quantize("quint8"),
        TypeError,
        "LSTM.quantize: kind is 'quint8', expected 'int8', 'int16' or 'int16x2': weights have both signs",
    ),
    "kind a dtype": (
        lambda: CELL.quantize(np.float16),
        TypeError,
        "GRUCell.quantize: kind is float16, expected 'int8', 'int16' or 'int16x2': floats of fewer bits "
        "would be no faster",
    ),
    "kind of four bits": (
        lambda: LSTM.quantize("int4"),
        TypeError,
        "LSTM.quantize: kind is 'int4', expected 'int8', 'int16' or 'int16x2': 8 bits are the fewest, and "
        "more than 16 would be no more exact than floats",
    ),
    "kind a number of bits": (
        lambda: LSTM.quantize(8),
        TypeError,
        "LSTM.quantize: kind is 8, expected 'int8', 'int16' or 'int16x2': 'int8' has so many bits",
    ),
    "kind a number": (
        lambda: LSTM.quantize(7), TypeError, "LSTM.quantize: kind is 7, expected 'int8', 'int16' or 'int16x2'"
    ),
    "kind in capitals": (
        lambda: LSTM.quantize("INT8"),
        TypeError,
        "LSTM.quantize: kind is 'INT8', expected 'int8', 'int16' or 'int16x2': 'int8' is how it is written",
    ),
    "kind of torch's eight bits": (
        lambda: CELL.quantize("qint8"),
        TypeError,
        "GRUCell.quantize: kind is 'qint8', expected 'int8', 'int16' or 'int16x2': 'int8' is how it is written",
    ),
    "kind in bytes": (
        lambda: LSTM.quantize("i8"),
        TypeError,
        "LSTM.quantize: kind is 'i8', expected 'int8', 'int16' or 'int16x2': NumPy takes that for int64",
    ),
    "kind int": (
        lambda: LSTM.quantize(int),
        TypeError,
        "LSTM.quantize: kind is int, expected 'int8', 'int16' or 'int16x2': NumPy takes that for int64",
    ),
    "kind of floats": (
        lambda: INT8.quantize("float32"),
        TypeError,
        f"LSTM.quantize: kind is 'float32', expected 'int8', 'int16' or 'int16x2': {WITHOUT}",
    ),
    "kind missing": (
        lambda: CELL.quantize(),
        TypeError,
        f"GRUCell.quantize: kind is missing, expected 'int8', 'int16' or 'int16x2': {EXAMPLE}",
    ),
    "kind missing, with an input": (
        lambda: LSTM.quantize(calibrate=X),
        TypeError,
        f"LSTM.quantize: kind is missing, expected 'int8', 'int16' or 'int16x2': {EXAMPLE}",
    ),
    "on the class": (
        lambda: nn.LSTM.quantize("int8"),
        TypeError,
        "quantize: the model is 'int8', expected one of nn: nn.LSTM(...).quantize('int8'), not "
        "nn.LSTM.quantize('int8')",
    ),
    "argument of pack's": (
        lambda: LSTM.quantize(weights="int8"),
        TypeError,
        f"LSTM.quantize: there is no argument 'weights', expected kind and calibrate: {EXAMPLE}",
    ),
    "argument of torch's": (
        lambda: LSTM.quantize("int8", dtype="int8"),
        TypeError,
        f"LSTM.quantize: there is no argument 'dtype', expected kind and calibrate: {EXAMPLE}",
    ),
    "argument twice": (
        lambda: LSTM.quantize("int8", kind="int8"),
        TypeError,
        f"LSTM.quantize: kind is given twice: {EXAMPLE}",
    ),
    "arguments too many": (
        lambda: LSTM.quantize("int8", X, None),
        TypeError,
        f"LSTM.quantize: got 3 arguments, expected kind and calibrate: {EXAMPLE}",
    ),
    "calibrate of no steps": (
        lambda: LSTM.quantize("int8", calibrate=X[:0]),
        ValueError,
        "LSTM.quantize: calibrate has shape (0, 2, 3), expected some input: results are compared for it",
    ),
    "calibrate of nan": (
        lambda: LSTM.quantize("int8", calibrate=np.where(np.arange(3) == 1, np.float32(np.nan), X)),
        ValueError,
        "LSTM.quantize: calibrate[0, 0, 1] is nan, expected finite numbers: results for it are compared, and would be "
        "nan",
    ),
    "calibrate a switch": (
        lambda: LSTM.quantize("int8", calibrate=True),
        TypeError,
        f"LSTM.quantize: calibrate is True, {CALIBRATE}",
    ),
    "calibrate with a state": (
        lambda: LSTM.quantize("int8", calibrate=(X, None)),
        TypeError,
        f"LSTM.quantize: calibrate is of type tuple, {CALIBRATE}",
    ),
    "state of integers": (
        lambda: CELL.quantize("int16")(X[0], np.ones((2, 5), np.int16)),
        TypeError,
        "GRUCell: hx has dtype int16 (computed in float64), expected float32: the weights are float32; states are no "
        "integers, not even where weights are; hx.astype(np.float32)",
    ),
    "kind None": (
        lambda: LSTM.quantize(None), TypeError, "LSTM.quantize: kind is None, expected 'int8', 'int16' or 'int16x2'"
    ),
    "kind a list": (
        lambda: LSTM.quantize(["int8"]),
        TypeError,
        "LSTM.quantize: kind is of type list, expected 'int8', 'int16' or 'int16x2'",
    ),
    "quantised already": (
        lambda: INT8.quantize("int16"),
        TypeError,
        "LSTM.quantize: the weights are int8, expected floats: quantise the float32 model that they are from, "
        "or dequantize() of this one, which is rounded once more",
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
    # ---- training
    "forward": (lambda: INT8.forward(X), TypeError, f"LSTM.forward: {refusals.NOT_TRAINED}"),
    "backward": (lambda: INT8.backward(tape(), None), TypeError, f"LSTM.backward: {refusals.NOT_TRAINED}"),
    "train": (lambda: INT8.train(), TypeError, f"LSTM.train: {refusals.NOT_TRAINED}"),
    "parameters": (lambda: INT8.parameters(), TypeError, f"LSTM.parameters: {refusals.NOT_TRAINED}"),
    "averages of Adam": (
        lambda: cyrnn.initialize_adam(INT16.state_dict()),
        TypeError,
        "initialize_adam: parameters has int16 weights, which are not trained: train in float32, then quantise",
    ),
    "Adam": (
        lambda: adam(INT8.state_dict(), *cyrnn.initialize_adam(LSTM.state_dict())),
        TypeError,
        "update_parameters_with_adam: parameters has int8 weights, which are not trained: train in float32, then "
        "quantise",
    ),
    # ---- floats
    "double": (lambda: INT8.double(), TypeError, f"LSTM.to: {CAST}"),
    "to float64": (lambda: INT8.to(np.float64), TypeError, f"LSTM.to: {CAST}"),
    "half": (
        lambda: INT8.half(),
        NotImplementedError,
        "LSTM.half: cyrnn computes in float32 or float64: leave it out; float16 weights and inputs are taken as "
        "float32",
    ),
    "made in float64": (
        lambda: nn.from_state_dict(INT8.state_dict(), dtype=np.float64),
        TypeError,
        "from_state_dict: " + STAYS.format("dequantize=True makes floats of the integers"),
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
        "dtype int16, expected int8; nn.from_state_dict makes the model that such integers and their scales are of",
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
    "nan in a bias that is loaded": (
        lambda: INT8.load_state_dict(INT8.state_dict() | {"bias_hh_l0": np.float32([0] * 19 + [np.nan])}),
        ValueError,
        "LSTM.load_state_dict: state_dict does not fit: bias_hh_l0[19] is nan, expected a finite number, as quantize "
        "does",
    ),
    "floats in an attribute": (
        lambda: with_floats().pack(),
        ValueError,
        f"LSTM.pack: a weight does not fit: weight_hh_l0 has dtype float32, expected int8; {FLOATS_IN}",
    ),
    "option that is misspelt": (
        lambda: nn.from_state_dict(INT8.state_dict(), dequantise=True),
        TypeError,
        "from_state_dict: dequantise is no option of LSTM, expected one of proj_size, num_layers, bias, batch_first, "
        "dropout, bidirectional, peephole, coupled, recurrent_activation, activation, clip, output_activation, dtype, "
        "rng, dequantize",
    ),
    "option of an LSTM of three blocks": (
        lambda: nn.from_state_dict(nn.LSTMCell(3, 5, coupled=True).state_dict(), output_activation="relu"),
        TypeError,
        "from_state_dict: output_activation is no option of GRUCell, expected one of bias, reset_after, "
        "recurrent_activation, activation, clip, dtype, rng, dequantize: coupled=True makes an LSTM of 3 blocks of "
        "rows, which look like those of a GRU",
    ),
    "names of torch's packed weights": (
        lambda: nn.from_state_dict({"lstm._all_weight_values.0.param": None, "lstm._all_weight_values.1.param": None}),
        ValueError,
        "from_state_dict: weights does not fit: it has 'lstm._all_weight_values.0.param', "
        "'lstm._all_weight_values.1.param', as a quantised module of torch packs them: nn.from_torch(module) makes the "
        "model of such a module, with its integers",
    ),
    "names of torch's packed Linear": (
        lambda: LSTM.load_state_dict({"scale": 1.0, "zero_point": 0, "_packed_params._packed_params": (None, None)}),
        ValueError,
        "LSTM.load_state_dict: state_dict does not fit: it has '_packed_params._packed_params', as a quantised module "
        "of torch packs them: nn.from_torch(module) makes the model of such a module, with its integers",
    ),
    "attribute that is misspelt": (
        lambda: setattr(INT8, "weight_ih_l0_scales", 1),
        AttributeError,
        "LSTM: weight_ih_l0_scales is not one of its parameters, expected weight_ih_l0_scale",
    ),
}
test_error_says_what_was_got_and_wanted = refusals.each_of(SENTENCES)


@pytest.mark.parametrize("ending", [".onnx", ".h5", ".keras"])
def test_format_of_floats_alone_is_refused(tmp_path, ending):
    path = str(tmp_path / f"model{ending}")
    with pytest.raises(TypeError, match="expected floats") as caught:
        INT8.save(path)
    cure = "save it as .npz or .safetensors, or save the float32 model, or dequantize() of this one"
    assert str(caught.value) == f"LSTM.save: {path!r}: the weights are int8, expected floats: {cure}"
    assert os.listdir(tmp_path) == []


def test_cure_of_a_format_of_floats_works(tmp_path):
    INT8.dequantize().save(tmp_path / "model.onnx")
    np.testing.assert_array_equal(nn.load(tmp_path / "model.onnx")(X)[0], INT8.dequantize()(X)[0])


class Broken:
    """An entry whose shape is known and which cannot be read."""

    shape = (20, 3)

    def __init__(self, error):
        self.error = error

    @property
    def dtype(self):
        raise self.error


@pytest.mark.parametrize("error", [ValueError("a bad sector"), MemoryError("a bad sector")])
def test_entry_that_cannot_be_read_is_said_where_it_is_loaded(error):
    with pytest.raises(type(error), match="a bad sector"):
        nn.from_state_dict(INT8.state_dict() | {"weight_ih_l0": Broken(error)})


def test_parameters_of_their_own_names_are_trained_by_adam():
    """Floats under names as those of scales; integers without such."""
    weights = {"gain": np.ones(3, np.float32), "gain_scale": np.ones(3, np.float32), "count": np.ones(3, np.int8)}
    adam(weights)
    assert weights["gain"][0] < 1 > weights["count"][0]
