"""Variants of cells: activations, clips, peepholes, coupled gates, the GRU that resets before its product.

The oracle is written out here, from ONNX's descriptions of its recurrent operators, one column at a time.
"""

from __future__ import annotations

import pickle

import numpy as np
import pytest
from gradients import central
from problems import assert_same_bits, assert_same_values

from cyrnn import nn

F = {
    "sigmoid": lambda z: 1 / (1 + np.exp(-z)),
    "tanh": np.tanh,
    "relu": lambda z: np.maximum(z, 0),
    "hard_sigmoid": lambda z, a=0.2, b=0.5: np.maximum(0, np.minimum(1, a * z + b)),
    "identity": lambda z: z,
    "affine": lambda z, a=1.0, b=0.0: a * z + b,
    "leaky_relu": lambda z, a=0.01: np.where(z < 0, a * z, z),
    "thresholded_relu": lambda z, a=1.0: np.where(z > a, z, 0),
    "scaled_tanh": lambda z, a=1.0, b=1.0: a * np.tanh(b * z),
    "elu": lambda z, a=1.0: np.where(z < 0, a * (np.exp(np.minimum(z, 0)) - 1), z),
    "softsign": lambda z: z / (1 + np.abs(z)),
    "softplus": lambda z: np.log(1 + np.exp(z)),
}
#: each activation, with its own constants and with others; scaled so that sums over time stay small
ACTIVATIONS = [*F, ("hard_sigmoid", 1 / 6, 0.5), ("affine", 0.5, 0.1), ("leaky_relu", 0.2), ("elu", 0.5)]
ACTIVATIONS += [("thresholded_relu", 0.25), ("scaled_tanh", 1.7159, 2 / 3)]
MODELS = {
    "peephole": lambda **o: nn.LSTM(3, 5, peephole=True, **o),
    "peephole and clip": lambda **o: nn.LSTM(3, 5, peephole=True, clip=0.4, **o),
    "coupled": lambda **o: nn.LSTM(3, 5, coupled=True, **o),
    "coupled, peephole and clip": lambda **o: nn.LSTM(3, 5, coupled=True, peephole=True, clip=0.4, **o),
    "three activations": lambda **o: nn.LSTM(
        3, 5, recurrent_activation="hard_sigmoid", activation="softsign", output_activation="relu", **o
    ),
    "GRU before": lambda **o: nn.GRU(3, 5, reset_after=False, **o),
    "GRU before, clip": lambda **o: nn.GRU(3, 5, reset_after=False, clip=0.3, activation="softsign", **o),
    "GRU after, clip": lambda **o: nn.GRU(3, 5, clip=0.3, recurrent_activation="hard_sigmoid", **o),
    "RNN": lambda **o: nn.RNN(3, 5, nonlinearity=("elu", 0.5), **o),
    "RNN, clip": lambda **o: nn.RNN(3, 5, nonlinearity="relu", clip=0.3, **o),
}


def function(given):
    name, *constants = given if isinstance(given, tuple) else (given,)
    return lambda z: F[name](z, *constants)


def step(model, w, x, h, c):
    """(h, c) after one step of one column, from weights in torch's blocks; c is None but for an LSTM."""
    clip = model.clip or np.inf

    def limited(z):
        return np.clip(z, -clip, clip)

    b_x, b_h = w.get("bias_ih", 0), w.get("bias_hh", 0)
    zx, zh = w["weight_ih"] @ x + b_x, w["weight_hh"] @ h + b_h
    if isinstance(model, nn.RNN):
        return function(model.nonlinearity)(limited(zx + zh)), None
    f, g = function(model.recurrent_activation), function(model.activation)
    if isinstance(model, nn.GRU):
        (rx, ux, nx), (rh, uh, nh) = np.split(zx, 3), np.split(zh, 3)
        r, u = f(limited(rx + rh)), f(limited(ux + uh))
        inner = r * nh
        if not model.reset_after:
            n = len(h)
            inner = w["weight_hh"][2 * n :] @ (r * h) + (b_h[2 * n :] if np.ndim(b_h) else 0)
        return u * h + (1 - u) * g(limited(nx + inner)), None
    P = w.get("weight_ch", np.zeros((3, len(h))))
    if model.coupled:
        zi, zc, zo = np.split(zx + zh, 3)
        i = f(limited(zi + P[0] * c))
        forget = 1 - i
    else:
        zi, zf, zc, zo = np.split(zx + zh, 4)
        i, forget = f(limited(zi + P[0] * c)), f(limited(zf + P[2] * c))
    c = forget * c + i * g(limited(zc))
    o = f(limited(zo + P[1] * c))
    return o * function(model.output_activation or model.activation)(c), c


def oracle(model, x, lengths=None):
    """The output (L, N, H_out), all layers and directions, from zeros."""
    x, weights = x.astype(float), {name: value.astype(float) for name, value in model.state_dict().items()}
    L, N, _ = x.shape
    ends = [L] * N if lengths is None else lengths
    for layer in range(model.num_layers):
        parts = []
        for way in ("", "_reverse")[: 1 + model.bidirectional]:
            suffix = f"_l{layer}{way}"
            w = {name.removesuffix(suffix): value for name, value in weights.items() if name.endswith(suffix)}
            out = np.zeros((L, N, model.hidden_size))
            for j, end in enumerate(ends):
                h, c = np.zeros(model.hidden_size), np.zeros(model.hidden_size)
                for t in reversed(range(end)) if way else range(end):
                    h, c = step(model, w, x[t, j], h, c)
                    out[t, j] = h
            parts.append(out)
        x = np.concatenate(parts, axis=2)
    return x


def draw(L, N, n=3, dtype=np.float64):
    return np.random.default_rng(1).standard_normal((L, N, n)).astype(dtype)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", MODELS)
def test_variant_has_the_values_of_its_equations(name, dtype):
    model = MODELS[name](num_layers=2, bidirectional=True, dtype=dtype, rng=3)
    x, lengths = draw(7, 5, dtype=dtype), [7, 0, 3, 6, 1]
    tolerance = 1e-12 if dtype is np.float64 else 1e-5
    np.testing.assert_allclose(model(x)[0], oracle(model, x), rtol=0, atol=tolerance)
    np.testing.assert_allclose(model(x, lengths=lengths)[0], oracle(model, x, lengths), rtol=0, atol=tolerance)


@pytest.mark.parametrize("place", ["recurrent_activation", "activation", "output_activation"])
@pytest.mark.parametrize("activation", ACTIVATIONS, ids=str)
def test_every_activation_in_every_place_has_its_values(activation, place):
    model = nn.LSTM(3, 21, **{place: activation}, dtype=np.float64, rng=3)  # a vector of some, and rest of one
    x = 3 * draw(3, 2)
    np.testing.assert_allclose(model(x)[0], oracle(model, x), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("activation", ACTIVATIONS, ids=str)
def test_rnn_and_gru_take_every_activation(activation):
    x = draw(3, 2)
    for model in (
        nn.RNN(3, 5, nonlinearity=activation, dtype=np.float64, rng=3),
        nn.GRU(3, 5, activation=activation, dtype=np.float64, rng=3),
        nn.GRU(3, 5, recurrent_activation=activation, reset_after=False, dtype=np.float64, rng=3),
    ):
        np.testing.assert_allclose(model(x)[0], oracle(model, x), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("lengths", [None, [3, 1]])
@pytest.mark.parametrize("name", MODELS)
def test_gradients_are_those_of_central_differences(name, lengths):
    model = MODELS[name](bidirectional=True, dtype=np.float64, rng=3)
    x = draw(3, 2)
    d_output = np.random.default_rng(2).standard_normal((3, 2, 10))
    valid = np.arange(3)[:, None] < np.array([3, 3] if lengths is None else lengths)

    def loss():
        model.pack()
        return float((model(x, lengths=lengths)[0] * d_output)[valid].sum())

    tape = model.forward(x, lengths=lengths)[2]
    gradients = model.backward(tape, d_output)
    np.testing.assert_allclose(gradients.input, central(loss, x), rtol=1e-6, atol=1e-8)
    for weight, d in gradients.weights.items():
        np.testing.assert_allclose(d, central(loss, getattr(model, weight)), rtol=1e-6, atol=1e-8, err_msg=weight)


@pytest.mark.parametrize("activation", ACTIVATIONS, ids=str)
def test_gradients_of_every_activation_are_those_of_central_differences(activation):
    for model in (
        nn.LSTM(3, 5, recurrent_activation=activation, peephole=True, dtype=np.float64, rng=5),
        nn.LSTM(3, 5, activation=activation, dtype=np.float64, rng=5),
        nn.RNN(3, 5, nonlinearity=activation, dtype=np.float64, rng=5),
    ):
        x = draw(3, 2)
        output, _, tape = model.forward(x)
        gradient = model.backward(tape, np.ones_like(output)).input
        wanted = central(lambda model=model, x=x: model(x)[0].sum(), x)
        np.testing.assert_allclose(gradient, wanted, rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(
    ("plain", "other"),
    [
        (lambda **o: nn.LSTM(7, 21, **o), lambda **o: nn.LSTM(7, 21, clip=1e30, **o)),
        (lambda **o: nn.GRU(7, 21, **o), lambda **o: nn.GRU(7, 21, clip=1e30, **o)),
        (lambda **o: nn.RNN(7, 21, **o), lambda **o: nn.RNN(7, 21, clip=1e30, **o)),
        (
            lambda **o: nn.GRU(7, 21, reset_after=False, **o),
            lambda **o: nn.GRU(7, 21, reset_after=False, clip=1e30, **o),
        ),
    ],
    ids=["LSTM", "GRU", "RNN", "GRU before"],
)
def test_variant_that_changes_nothing_has_the_bits_of_the_plain_cell(plain, other, dtype):
    one, two = plain(dtype=dtype, rng=0), other(dtype=dtype, rng=0)
    for N in (1, 2, 17):
        x = draw(6, N, 7, dtype)
        output, _, tape = one.forward(x)
        same, _, other_tape = two.forward(x)
        assert_same_values([same], [output])
        gradients, others = one.backward(tape, output), two.backward(other_tape, output)
        assert_same_values(others.input, gradients.input)
        for name, d in gradients.weights.items():
            assert_same_values(others.weights[name], d)


@pytest.mark.parametrize("name", MODELS)
def test_bits_do_not_depend_on_the_batch_the_cut_and_the_lengths(name):
    model = MODELS[name](dtype=np.float32, rng=0)
    x = draw(9, 33, dtype=np.float32)
    output, _ = model(x)
    assert_same_values(model(x[:, 20:21])[0], output[:, 20:21])
    assert_same_values(model(x[:, 20])[0], output[:, 20])
    state, steps = None, []
    for frame in x:
        out, state = model.step(frame, state)
        steps.append(out)
    assert_same_values(np.stack(steps), output)
    lengths = list(np.random.default_rng(0).integers(0, 10, 33))
    ragged, _ = model(x, lengths=[int(length) for length in lengths])
    for j, length in enumerate(lengths):
        assert_same_values(ragged[:length, j], output[:length, j])


@pytest.mark.parametrize("name", MODELS)
def test_variants_survive_pickling_saving_and_repr(name):
    model = MODELS[name](num_layers=2, dtype=np.float64, rng=0)
    x = draw(3, 2)
    again = eval(f"nn.{model!r}")
    again.load_state_dict(model.state_dict())
    for other in (again, pickle.loads(pickle.dumps(model))):
        assert repr(other) == repr(model)
        assert_same_bits(other(x)[0], model(x)[0])


def test_weights_with_peepholes_make_their_model():
    for model in (nn.LSTM(3, 5, peephole=True, num_layers=2), nn.LSTM(3, 5, peephole=True, coupled=True)):
        assert repr(nn.from_state_dict(model.state_dict())) == repr(model)
        x = draw(3, 2, dtype=np.float32)
        assert_same_bits(nn.from_state_dict(model.state_dict())(x)[0], model(x)[0])


def test_special_values_go_through_activations():
    for activation in ACTIVATIONS:
        model = nn.RNN(1, 1, nonlinearity=activation, bias=False, dtype=np.float64)
        model.weight_ih_l0[...], model.weight_hh_l0[...] = 1, 0
        model.pack()
        x = np.array([np.nan, np.inf, -np.inf, 0.0, 800.0, -800.0])
        with np.errstate(all="ignore"):
            wanted = function(activation)(x)
        wanted[np.isnan(x)] = np.nan
        if activation == "softplus":
            wanted[4:] = 800, 0
        found = model(x[None, :, None])[0][0, :, 0]
        np.testing.assert_allclose(found, wanted, rtol=1e-15, atol=1e-300, err_msg=str(activation))


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (lambda: nn.LSTM(3, 5, activation="swish"), "LSTM: activation is 'swish', expected one of sigmoid, tanh,"),
        (lambda: nn.RNN(3, 5, nonlinearity=None), "RNN: nonlinearity is None, expected one of sigmoid, tanh, relu,"),
        (lambda: nn.GRU(3, 5, activation=("tanh", 1)), "GRU: activation has 1 constants behind 'tanh', expected none"),
        (lambda: nn.GRU(3, 5, activation=("elu", "x")), r"GRU: activation\[1\] is 'x', expected a finite number"),
        (lambda: nn.GRU(3, 5, activation=("elu", np.nan)), r"GRU: activation\[1\] is nan, expected a finite number"),
        (lambda: nn.LSTM(3, 5, activation=("elu", -1)), r"LSTM: activation\[1\] is -1.0, expected 0 or more for 'elu'"),
        (lambda: nn.LSTM(3, 5, clip=0), "LSTM: clip is 0, expected a number above 0, or None"),
        (lambda: nn.RNN(3, 5, clip="3"), "RNN: clip is '3', expected a number above 0, or None"),
    ],
)
def test_wrong_options_are_refused(make, sentence):
    with pytest.raises(ValueError, match=sentence):
        make()


def test_a_tape_of_another_variant_is_refused():
    one, two = nn.LSTM(3, 5, clip=1.0), nn.LSTM(3, 5, clip=2.0)
    output, _, tape = one.forward(draw(2, 2, dtype=np.float32))
    with pytest.raises(ValueError, match="tape is of another model"):
        two.backward(tape, output)
