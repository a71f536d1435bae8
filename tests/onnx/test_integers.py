"""Weights that are integers in a file: what a layer computes with them, against float64 and against onnxruntime."""

from __future__ import annotations

import contextlib
import random

import numpy as np
import pytest
from integer_files import GATES, dequantise, drawn, dynamic, linear
from onnx_writer import field, model, node, tensor
from problems import assert_same_bits

from cyrnn import onnx

N_X, N = 5, 7
STEPS = np.random.default_rng(9).standard_normal((11, 3, N_X)).astype(np.float32)
KINDS = [("int8", "centre"), ("int8", "any"), ("uint8", "centre"), ("uint8", "any")]
each_kind = pytest.mark.parametrize(("dtype", "zero"), KINDS, ids="-".join)
each_channel = pytest.mark.parametrize("per_channel", [False, True], ids=["tensor", "channel"])
each_operator = pytest.mark.parametrize("op", GATES)
#: width of integers -> what the results may be from those of float64, rms
LIMITS = {"int8": 2e-3, "int16": 1e-4}


def wanted(op, weights, X=STEPS, **attributes):
    """The operator in float64, of weights that are multiplied by their scales in float64."""
    W, R = (dequantise(weights, name) for name in "WR")
    others = {name: weights[name].astype(np.float64) for name in ("B", "P") if name in weights}
    return getattr(onnx, op.lower())(X.astype(np.float64), W, R, **others, **attributes)


def rms(found, truth):
    return np.sqrt(np.mean([np.square(one - other).mean() for one, other in zip(found, truth, strict=True)]))


def width(layer):
    return repr(layer).removesuffix(" weights>").rpartition(", ")[2]


@each_kind
@each_channel
@pytest.mark.parametrize("direction", ["forward", "reverse", "bidirectional"])
def test_dynamic_quantize_lstm_computes_with_its_integers(dtype, zero, per_channel, direction):
    weights = drawn("LSTM", N_X, N, dtype, zero, per_channel, 2 if direction == "bidirectional" else 1)
    layer = onnx.load(dynamic(weights, direction=direction))["cell"]
    assert width(layer) == ("int8" if zero == "centre" else "int16")
    error = rms(layer(STEPS), wanted("LSTM", weights, direction=direction))
    assert 0 < error < LIMITS[width(layer)]
    floats = onnx.load(dynamic(weights, direction=direction), dequantize=True)["cell"]
    assert rms(floats(STEPS), wanted("LSTM", weights, direction=direction)) < 1e-6


@each_kind
@each_channel
@each_operator
@pytest.mark.parametrize("direction", ["forward", "bidirectional"])
def test_dequantised_weights_stay_integers(op, dtype, zero, per_channel, direction):
    weights = drawn(op, N_X, N, dtype, zero, per_channel, 2 if direction == "bidirectional" else 1, shared=True)
    layer = onnx.load(linear(op, weights, direction=direction))["cell"]
    assert width(layer) == ("int8" if zero == "centre" else "int16")
    assert 0 < rms(layer(STEPS), wanted(op, weights, direction=direction)) < LIMITS[width(layer)]


@pytest.mark.parametrize("zero", ["centre", "any"])
@pytest.mark.parametrize(
    ("op", "attributes"),
    [
        ("LSTM", {"activations": ["HardSigmoid", "Softsign", "Tanh"], "clip": 1.5}),
        ("LSTM", {"input_forget": 1}),
        ("GRU", {"linear_before_reset": 1}),
        ("GRU", {"activations": ["Sigmoid", "Softsign"], "linear_before_reset": 1}),
        ("RNN", {"activations": ["Relu"]}),
    ],
)
def test_attributes_are_in_force(op, attributes, zero):
    weights = drawn(op, N_X, N, "int8", zero, True, peepholes=op == "LSTM")
    layer = onnx.load(linear(op, weights, **attributes))["cell"]
    assert 0 < rms(layer(STEPS), wanted(op, weights, **attributes)) < LIMITS[width(layer)]
    if op == "LSTM":
        assert_same_bits(onnx.load(dynamic(weights, **attributes))["cell"](STEPS), layer(STEPS))


def test_layout_lengths_and_states_are_as_of_floats():
    weights = drawn("LSTM", N_X, N, "uint8", "any", True, 2, shared=True)
    random = np.random.default_rng(1)
    h, c = random.standard_normal((2, 3, 2, N)).astype(np.float32)
    options = {"direction": "bidirectional", "layout": 1}
    layer, lengths = onnx.load(linear("LSTM", weights, **options))["cell"], [11, 0, 4]
    X = np.ascontiguousarray(STEPS.swapaxes(0, 1))
    found = layer(X, lengths, h, c)
    states = {"initial_h": h.astype(np.float64), "initial_c": c.astype(np.float64)}
    whole = wanted("LSTM", weights, X, **options, sequence_lens=lengths, **states)
    assert rms(found, whole) < LIMITS["int16"]
    assert_same_bits(layer(X.astype(">f4"), lengths, h, c), found)
    with pytest.raises(TypeError, match=r"onnx\.LSTM: X has dtype float64, expected float32"):
        layer(X.astype(np.float64))


def test_the_same_integers_have_the_same_bits_whatever_node_they_are_in():
    signed = drawn("LSTM", N_X, N, "int8", "centre", True)
    unsigned = dict(signed)
    for name in "WR":
        unsigned[name] = (signed[name].astype(np.int16) + 128).astype(np.uint8)
        unsigned[f"{name}_zero"] = np.full_like(unsigned[f"{name}_zero"], 128, np.uint8)
    first = onnx.load(dynamic(signed))["cell"](STEPS)
    for data in (dynamic(unsigned), linear("LSTM", unsigned)):
        assert_same_bits(onnx.load(data)["cell"](STEPS), first)


@pytest.mark.parametrize(("value", "wide"), [(-127, "int8"), (-128, "int16")])
def test_least_integer_of_8_bits_takes_16(value, wide):
    weights = drawn("LSTM", N_X, N, "int8", "centre", False)
    weights["R"][0, 3, 2] = value
    layer = onnx.load(linear("LSTM", weights))["cell"]
    assert width(layer) == wide
    assert rms(layer(STEPS), wanted("LSTM", weights)) < LIMITS[wide]


def test_differences_of_at_most_127_are_int8_whatever_the_zero_point():
    weights = drawn("GRU", N_X, N, "int8", "centre", False)
    for name in "WR":
        np.clip(weights[name], -120, 127, out=weights[name])
        weights[f"{name}_zero"] = np.int8(3)
    layer = onnx.load(linear("GRU", weights))["cell"]
    assert width(layer) == "int8"
    assert rms(layer(STEPS), wanted("GRU", weights)) < LIMITS["int8"]


def test_unit_without_weights_may_have_any_scale():
    weights = drawn("LSTM", N_X, N, "int8", "any", True)
    for name in "WR":
        weights[name][0, 4] = weights[f"{name}_zero"][0, 4]
        weights[f"{name}_scale"][0, 4] = 0
    for data in (linear("LSTM", weights), dynamic(weights)):
        assert rms(onnx.load(data)["cell"](STEPS), wanted("LSTM", weights)) < LIMITS["int16"]


@pytest.mark.parametrize("twice", [False, True])
def test_integers_are_followed_through_transpose_identity_and_quantize(twice):
    """Quantised `twice`: the integers are those of the last time."""
    weights = drawn("LSTM", N_X, N, "int8", "any", True)
    nodes, tensors = [], {"B": weights["B"]}
    for name in "WR":
        floats = dequantise(weights, name).astype(np.float32)
        tensors[f"{name}0"] = np.ascontiguousarray(floats.transpose(1, 2, 0))
        tensors |= {f"{name}_{part}": weights[f"{name}_{part}"][0] for part in ("scale", "zero")}
        own = [f"{name}_scale", f"{name}_zero"]
        kinds = ["QuantizeLinear", "DequantizeLinear"] * (1 + twice)
        for k, kind in enumerate(kinds):
            nodes.append(node(kind, [f"{name}{k}", *own], [f"{name}{k + 1}"], axis=-3 if k % 2 else 0))
        nodes.append(node("Identity", [f"{name}{len(kinds)}"], [f"{name}_same"]))
        nodes.append(node("Transpose", [f"{name}_same"], [name], perm=[2, 0, 1]))
    nodes.append(node("LSTM", ["X", "W", "R", "B"], ["Y"], "cell", hidden_size=N))
    found = onnx.load(model(nodes, [tensor(value, name) for name, value in tensors.items()]))["cell"]
    assert_same_bits(found(STEPS), onnx.load(linear("LSTM", weights))["cell"](STEPS))


FLOATS = {
    "a scale for each column": {"W_scale": np.linspace(0.001, 0.002, N_X, dtype=np.float32)},
    "a scale in float16": {"W_scale": np.float16(0.002), "R_scale": np.float16(0.002), "B": np.zeros((1, 8 * N), "f2")},
    "a scale in float64": {"W_scale": 0.002, "R_scale": 0.002, "B": np.zeros((1, 8 * N))},
    "W in float32": {"W": np.ones((1, 4 * N, N_X), np.float32) / 8, "W_scale": None},
    "R of 16 bits": {"R": np.full((1, 4 * N, N), 300, np.int16), "R_zero": None},
}


@pytest.mark.parametrize("changes", FLOATS.values(), ids=FLOATS)
def test_other_weights_become_floats(changes):
    weights = drawn("LSTM", N_X, N, "int8", "centre", False) | changes
    axis = 2 if np.ndim(weights["W_scale"]) else 1
    data = linear("LSTM", weights, axis=axis)
    found, floats = (onnx.load(data, dequantize=own)["cell"] for own in (False, True))
    assert repr(found) == repr(floats)
    assert "weights" not in repr(found)
    X = STEPS.astype(found.dtype)
    assert_same_bits(found(X), floats(X))


def test_more_columns_than_sums_hold_become_floats():
    columns = 133_200
    W = np.full((1, 4, columns), 127, np.int8)
    weights = {"W": W, "R": np.ones((1, 4, 1), np.int8), "B": np.zeros((1, 8), np.float32)}
    weights |= {"W_scale": np.float32(1e-7), "R_scale": np.float32(0.1), "W_zero": None, "R_zero": None}
    assert repr(onnx.load(linear("LSTM", weights))["cell"]).endswith("float32>")
    weights["W"] = W[..., :133_100]
    assert repr(onnx.load(linear("LSTM", weights))["cell"]).endswith("float32, int8 weights>")


def test_integers_go_forward_alone():
    layer = onnx.load(linear("GRU", drawn("GRU", N_X, N, "int8", "centre", True)))["cell"]
    assert repr(layer) == "<onnx.GRU 5 -> 7, forward, float32, int8 weights>"
    with pytest.raises(TypeError, match=r"^onnx\.GRU\.forward: <onnx\.GRU .* has weights of integers.*dequantize=True"):
        layer.forward(STEPS)


def test_flag_is_a_flag():
    with pytest.raises(ValueError, match=r"^onnx\.load: dequantize is 'no', expected 0 or 1"):
        onnx.load(b"", dequantize="no")


# ---- damaged files ---------------------------------------------------------------------------------------------------

DYNAMIC = {
    "nan": ({"W_scale": np.float32([np.nan])}, "W: a scale is nan, expected a finite number above 0"),
    "infinite": ({"R_scale": np.float32([np.inf])}, "R: a scale is inf, expected"),
    "negative": ({"R_scale": np.float32([-0.5])}, "R: a scale is -0.5, expected"),
    "zero": ({"W_scale": np.float32([0])}, "W: a scale is 0.0, expected"),
    "scale of float64": ({"W_scale": np.float64([0.1])}, "W_scale is float64, expected float32"),
    "no scale": ({"R_scale": None}, "R_scale is left out, expected float32"),
    "no R": ({"R": None}, "there is no W or no R"),
    "shape of a scale": ({"W_scale": np.ones((1, 3), "f4")}, "a scale of shape (1, 3) does not fit W of shape (1, 5"),
    "scalar": ({"W_scale": np.float32(0.1)}, "a scale of shape () does not fit W of shape (1, 5, 28)"),
    "dtype of zero": ({"W_zero": np.uint8([0])}, "W: a zero point of uint8 does not fit values of int8"),
    "shape of zero": ({"W_zero": np.int8([0, 0])}, "a zero point of shape (2,) does not fit a scale of shape (1,)"),
    "floats": ({"W": np.zeros((1, 4 * N, N_X), np.float32)}, "W has dtype float32, expected int8 or uint8"),
    "shape of W": ({"W": np.ones((1, 4, N_X), np.int8)}, "R has shape (1, 28, 7), expected"),
    "gates": ({"W": np.ones((1, 8, 5), "i1"), "R": np.ones((1, 8, 7), "i1")}, "W has 8 rows, expected 4 * hidden_size"),
    "axes of W": ({"W": np.ones((1, 4, 1, 1), np.int8)}, "does not fit W of shape"),
    "directions": ({"W": np.ones((2, 28, 5), "i1"), "W_zero": None, "W_scale": np.ones(2, "f4")}, "W has shape (2,"),
    "nothing": ({"W": np.ones((0, 28, 5), "i1"), "W_zero": None, "W_scale": np.ones(0, "f4")}, "W has shape (0,"),
    "dtype of B": ({"B": np.zeros((1, 8 * N))}, "B has dtype float64, expected float32"),
}


@pytest.mark.parametrize(("changes", "sentence"), DYNAMIC.values(), ids=DYNAMIC)
@pytest.mark.parametrize("dequantize", [False, True])
def test_dynamic_node_that_does_not_fit_says_why(changes, sentence, dequantize):
    weights = drawn("LSTM", N_X, N, "int8", "centre", False) | changes
    found = onnx.load(dynamic(weights), dequantize=dequantize)
    with pytest.raises(ValueError, match=r"^onnx\.load: \d+ bytes: DynamicQuantizeLSTM 'cell': ") as caught:
        found["cell"]
    assert sentence in str(caught.value)


LINEAR = {
    "nan": ({"W_scale": np.float32(np.nan)}, "DequantizeLinear 'of W': a scale is nan, expected a finite number"),
    "negative": ({"R_scale": np.full(4 * N, -0.5, np.float32)}, "DequantizeLinear 'of R': a scale is -0.5, expected"),
    "zero": ({"R_scale": np.zeros(4 * N, np.float32)}, "DequantizeLinear 'of R': a scale is 0.0, expected"),
    "shape": ({"W_scale": np.ones(3, "f4")}, "a scale of shape (3,) does not fit values of shape (1, 28, 5)"),
    "dtype of zero": ({"W_zero": np.uint8(0)}, "'of W': a zero point of uint8 does not fit values of int8"),
    "shape of zero": ({"W_zero": np.int8([0, 1])}, "a scale of shape (2,) does not fit values of shape (1, 28, 5)"),
    "axis": ({"axis": 7, "W_scale": np.ones(28, "f4")}, "a scale of shape (28,) does not fit values of shape"),
    "one axis": ({"R": np.ones(28, np.int8)}, "R has shape (28,), expected (num_directions, 4 * hidden_size, hidden"),
    "a number": ({"W": np.int8(1)}, "W has shape (), expected"),
    "no scale": ({"W_scale": None}, "W has dtype int8 and no scale, expected floats"),
}


@pytest.mark.parametrize(("changes", "sentence"), LINEAR.values(), ids=LINEAR)
def test_dequantised_weight_that_does_not_fit_says_why(changes, sentence):
    weights = drawn("LSTM", N_X, N, "int8", "centre", False) | changes
    found = onnx.load(linear("LSTM", weights, axis=weights.pop("axis", 1)))
    with pytest.raises(ValueError, match=r"^onnx\.load: \d+ bytes: LSTM 'cell': ") as caught:
        found["cell"]
    assert sentence in str(caught.value)


def test_truncated_and_damaged_files_of_integers_raise_nothing_but_value_errors():
    weights = drawn("LSTM", N_X, N, "uint8", "any", True)
    dice = random.Random(0)
    for data in (dynamic(weights), linear("LSTM", weights)):
        for end in range(0, len(data), 29):
            with pytest.raises(ValueError, match=r"^onnx\.load: "):
                onnx.load(data[:end])["cell"]
        for _ in range(400):
            damaged = bytearray(data)
            for _ in range(dice.randint(1, 4)):
                damaged[dice.randrange(len(data))] = dice.randrange(256)
            with contextlib.suppress(ValueError):
                found = onnx.load(damaged)
                for layer in found.values():
                    layer(np.zeros((2, 1, layer.input_size), layer.dtype))


@pytest.mark.parametrize("offset", [8, 9])
def test_integers_in_a_file_of_their_own_are_read(tmp_path, offset):
    weights = drawn("LSTM", N_X, N, "int8", "centre", True)
    W = np.ascontiguousarray(weights["W"].swapaxes(1, 2))
    whole = dynamic(weights)
    head = b"".join(field(1, size) for size in W.shape) + field(2, 3) + field(8, "W") + field(14, 1)
    place = {"location": "w.bin", "offset": str(offset), "length": str(W.nbytes)}
    head += b"".join(field(13, field(1, key) + field(2, value)) for key, value in place.items())
    others = {name: value for name, value in weights.items() if name != "W"}
    others["R"] = np.ascontiguousarray(weights["R"].swapaxes(1, 2))
    names = ["X", "W", "R", "B", "", "", "", "", "W_scale", "W_zero", "R_scale", "R_zero"]
    own = node("DynamicQuantizeLSTM", names, ["Y"], "cell", "com.microsoft")
    (tmp_path / "m.onnx").write_bytes(model([own], [head, *[tensor(value, name) for name, value in others.items()]]))
    (tmp_path / "w.bin").write_bytes(bytes(offset) + W.tobytes())
    assert_same_bits(onnx.load(tmp_path / "m.onnx")["cell"](STEPS), onnx.load(whole)["cell"](STEPS))
    (tmp_path / "w.bin").write_bytes(W.tobytes())
    with pytest.raises(ValueError, match="claims 140 bytes"):
        onnx.load(tmp_path / "m.onnx")["cell"]


def test_input_of_no_features_has_no_sums():
    weights = drawn("LSTM", 1, N, "int8", "centre", True)
    weights["W"] = weights["W"][:, :, :0]
    X = STEPS[..., :0]
    assert rms(onnx.load(dynamic(weights))["cell"](X), wanted("LSTM", weights, X)) < LIMITS["int8"]
