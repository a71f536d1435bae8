"""The recurrent operators of ONNX against their descriptions, written out here for one column at a time."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pytest
from gradients import central
from interpreter import run_python
from problems import assert_same_bits, assert_same_values

from cyrnn import nn, onnx

SIZES = {"RNN": 1, "GRU": 3, "LSTM": 4}
ACTIVATIONS = {
    "Relu": lambda z: np.maximum(z, 0),
    "Tanh": np.tanh,
    "Sigmoid": lambda z: 1 / (1 + np.exp(-z)),
    "Affine": lambda z, a=1.0, b=0.0: a * z + b,
    "LeakyRelu": lambda z, a=0.01: np.where(z < 0, a * z, z),
    "ThresholdedRelu": lambda z, a=1.0: np.where(z > a, z, 0),
    "ScaledTanh": lambda z, a=1.0, b=1.0: a * np.tanh(b * z),
    "HardSigmoid": lambda z, a=0.2, b=0.5: np.clip(a * z + b, 0, 1),
    "Elu": lambda z, a=1.0: np.where(z < 0, a * np.expm1(np.minimum(z, 0)), z),
    "Softsign": lambda z: z / (1 + np.abs(z)),
    "Softplus": lambda z: np.log(1 + np.exp(z)),
}


def inputs(operator, D=1, T=5, m=3, n_x=4, n=5, dtype=np.float64, peepholes=False):
    """X, W, R, B, sequence_lens, initial states, P."""
    random, G = np.random.default_rng(n + D), SIZES[operator]

    def draw(*shape):
        return (random.standard_normal(shape) / 2).astype(dtype)

    X, W, R, B = draw(T, m, n_x), draw(D, G * n, n_x), draw(D, G * n, n), draw(D, 2 * G * n)
    states = [draw(D, m, n) for _ in range(2 if operator == "LSTM" else 1)]
    given = [X, W, R, B, np.array([T, 0, 2][:m], np.int32), *states]
    return [*given, draw(D, 3 * n)] if peepholes else given


def oracle(operator, given, direction="forward", activations=None, clip=None, coupled=0, after=0):
    """Y, Y_h and of an LSTM Y_c, in layout 0; activations: functions, for each direction."""
    X, W, R, B, lengths, h0, *others = given
    c0 = others[0] if operator == "LSTM" else None
    D, (T, m, _), n = len(W), X.shape, R.shape[2]
    P = others[1] if len(others) > 1 else np.zeros((D, 3 * n))
    Y, last, last_c = np.zeros((T, D, m, n)), np.zeros((D, m, n)), np.zeros((D, m, n))
    default = {"RNN": ["Tanh"], "GRU": ["Sigmoid", "Tanh"], "LSTM": ["Sigmoid", "Tanh", "Tanh"]}[operator]
    functions = activations or [ACTIVATIONS[name] for name in default] * D
    limit = np.inf if clip is None else clip

    def limited(z):
        return np.clip(z, -limit, limit)

    for d, j in itertools.product(range(D), range(m)):
        f, *gh = functions[d * len(default) : (d + 1) * len(default)]
        reverse = direction == "reverse" or d == 1
        Wb, Rb = np.split(B[d], 2)
        h, c = h0[d, j], None if c0 is None else c0[d, j]
        end = T if lengths is None else lengths[j]
        for t in reversed(range(end)) if reverse else range(end):
            x, r = W[d] @ X[t, j] + Wb, R[d] @ h + Rb
            if operator == "RNN":
                h = f(limited(x + r))
            elif operator == "GRU":
                (xz, xr, xh), (rz, rr, rh) = np.split(x, 3), np.split(r, 3)
                z, reset = f(limited(xz + rz)), f(limited(xr + rr))
                inner = reset * rh if after else R[d][2 * n :] @ (reset * h) + Rb[2 * n :]
                h = (1 - z) * gh[0](limited(xh + inner)) + z * h
            else:
                (zi, zo, zf, zc), (Pi, Po, Pf) = np.split(x + r, 4), np.split(P[d], 3)
                i = f(limited(zi + Pi * c))
                forget = 1 - i if coupled else f(limited(zf + Pf * c))
                c = forget * c + i * gh[0](limited(zc))
                h = f(limited(zo + Po * c)) * gh[1](c)
            Y[t, d, j] = h
        last[d, j], last_c[d, j] = h, c if c is not None else 0
    return (Y, last, last_c) if operator == "LSTM" else (Y, last)


def run(operator, given, **attributes):
    return getattr(onnx, operator.lower())(*given, **attributes)


def assert_close(got, want, tolerance=1e-12):
    for g, w in zip(got, want, strict=True):
        assert g.shape == w.shape
        np.testing.assert_allclose(g, w, rtol=tolerance, atol=tolerance)


FORMS = [
    ("RNN", {}, {}),
    ("GRU", {}, {}),
    ("GRU", {"linear_before_reset": 1}, {"after": 1}),
    ("LSTM", {}, {}),
    ("LSTM", {"input_forget": 1}, {"coupled": 1}),
]
each_form = pytest.mark.parametrize(("operator", "attributes", "options"), FORMS)
each_direction = pytest.mark.parametrize("direction", ["forward", "reverse", "bidirectional"])


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
@pytest.mark.parametrize("layout", [0, 1])
@each_direction
@each_form
def test_operator_has_the_values_of_its_description(operator, attributes, options, direction, layout, dtype):
    D = 2 if direction == "bidirectional" else 1
    given = inputs(operator, D, dtype=dtype, peepholes=operator == "LSTM")
    wide = [np.float64(array) if array.dtype != np.int32 else array for array in given]
    wanted = oracle(operator, wide, direction, clip=0.6, **options)
    if layout:
        given[0], given[5:7] = given[0].swapaxes(0, 1), [a.swapaxes(0, 1) if a.ndim == 3 else a for a in given[5:7]]
        wanted = (wanted[0].transpose(2, 0, 1, 3), *[value.swapaxes(0, 1) for value in wanted[1:]])
    found = run(operator, given, direction=direction, clip=0.6, layout=layout, **attributes)
    assert {value.dtype for value in found} == {np.dtype(dtype)}
    assert_close(found, wanted, {2: 2e-3, 4: 1e-5, 8: 1e-12}[np.dtype(dtype).itemsize])


@each_form
def test_whatever_may_be_left_out_is_zero(operator, attributes, options):
    X, W, R, *_ = given = inputs(operator)
    zeros = [X, W, R, np.zeros_like(given[3]), None, *[np.zeros_like(state) for state in given[5:]]]
    assert_close(run(operator, [X, W, R], **attributes), oracle(operator, zeros, **options))


@pytest.mark.parametrize("constants", [False, True])
@pytest.mark.parametrize("name", ACTIVATIONS)
def test_activations_take_their_constants_in_order(name, constants):
    wanted = [ACTIVATIONS[name], ACTIVATIONS["Tanh"], ACTIVATIONS[name]]
    alphas, betas = [], []
    if constants:
        takes = {"Affine": 2, "ScaledTanh": 2, "HardSigmoid": 2, "LeakyRelu": 1, "ThresholdedRelu": 1, "Elu": 1}
        count = takes.get(name, 0)
        for i, place in enumerate((0, 2)):
            own = [0.3 + 0.2 * i, 0.6 - 0.1 * i][:count]
            alphas, betas = alphas + own[:1], betas + own[1:]
            wanted[place] = lambda z, own=own: ACTIVATIONS[name](z, *own)
    given = inputs("LSTM", peepholes=True)
    found = run("LSTM", given, activations=[name, "tanh", name.upper()], activation_alpha=alphas, activation_beta=betas)
    assert_close(found, oracle("LSTM", given, activations=wanted))


def test_each_direction_has_its_own_activations():
    given = inputs("GRU", 2)
    names = ["HardSigmoid", "Softsign", "Sigmoid", "Tanh"]
    found = run("GRU", given, direction="bidirectional", activations=names)
    assert_close(found, oracle("GRU", given, "bidirectional", [ACTIVATIONS[name] for name in names]))


@pytest.mark.parametrize("layout", [0, 1])
@each_direction
@each_form
def test_gradients_are_those_of_central_differences(operator, attributes, options, direction, layout):
    D = 2 if direction == "bidirectional" else 1
    X, W, R, B, lengths, *states = inputs(operator, D, T=3, m=2, n_x=2, n=3, peepholes=operator == "LSTM")
    P = [states.pop()] if operator == "LSTM" else []
    if layout:
        X, states = X.swapaxes(0, 1).copy(), [state.swapaxes(0, 1).copy() for state in states]
    lengths[:] = 3, 2
    names = ["initial_h", "initial_c"][: len(states)]
    arrays = {"X": X, "W": W, "R": R, "B": B} | dict(zip(names, states, strict=True)) | dict(zip("P", P, strict=False))

    def layer():
        more = {"P": P[0]} if P else {}
        return getattr(onnx, operator)(W, R, B, **more, direction=direction, layout=layout, clip=0.9, **attributes)

    *outputs, tape = layer().forward(X, lengths, *states)
    random = np.random.default_rng(1)
    d = [random.standard_normal(value.shape) for value in outputs]
    (d[0][1, 2:] if layout else d[0][2:, :, 1])[...] = 0  # behind the end of a sequence nothing is read
    gradients = tape.layer.backward(tape, *d)
    assert gradients.keys() == arrays.keys()

    def loss():
        return sum(float((value * dv).sum()) for value, dv in zip(layer()(X, lengths, *states), d, strict=True))

    for name, array in arrays.items():
        np.testing.assert_allclose(gradients[name], central(loss, array), rtol=1e-6, atol=1e-8, err_msg=name)


def test_default_operators_have_the_bits_of_nn():
    """One cell, one order of sums: rows of weights are permuted, nothing else."""
    lstm, gru = nn.LSTM(7, 21, rng=0), nn.GRU(7, 21, rng=0)
    x = np.random.default_rng(0).standard_normal((9, 4, 7)).astype(np.float32)
    for model, order, attributes in ((lstm, (0, 3, 1, 2), {}), (gru, (1, 0, 2), {"linear_before_reset": 1})):
        w = {k: np.split(v, len(order)) for k, v in model.state_dict().items()}
        W, R = (np.concatenate([w[name][g] for g in order])[None] for name in ("weight_ih_l0", "weight_hh_l0"))
        B = np.concatenate([w[name][g] for name in ("bias_ih_l0", "bias_hh_l0") for g in order])[None]
        operator = onnx.lstm if model is lstm else onnx.gru
        assert_same_bits([operator(x, W, R, B, **attributes)[0][:, 0]], [model(x)[0]])


@pytest.mark.parametrize("operator", SIZES)
def test_every_node_test_of_onnx_holds_in_both_dtypes(operator):
    pytest.importorskip("onnx")
    done = run_python(Path(__file__).parents[1] / "support" / "onnx_node_tests.py", operator, seconds=120)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) >= 6


WRONG = {
    "direction": (
        lambda X, W, R, B: onnx.RNN(W, R, direction="back"),
        "RNN: direction is 'back', expected 'forward' or",
    ),
    "W": (lambda X, W, R, B: onnx.RNN(W[0], R), r"RNN: W has shape \(5, 4\), expected \(num_directions, 1 \* hidden"),
    "D": (lambda X, W, R, B: onnx.RNN(W, R, direction="bidirectional"), r"RNN: W has shape \(1, 5, 4\)"),
    "gates": (lambda X, W, R, B: onnx.LSTM(W, R), "LSTM: W has 5 rows, expected 4 \\* hidden_size = 20"),
    "B": (lambda X, W, R, B: onnx.RNN(W, R, B[:, :5]), r"RNN: B has shape \(1, 5\), expected .* = \(1, 10\)"),
    "hidden_size": (lambda X, W, R, B: onnx.RNN(W, R, hidden_size=6), "RNN: hidden_size is 6, expected 5, that of R"),
    "activation": (
        lambda X, W, R, B: onnx.RNN(W, R, activations=["Gelu"]),
        r"RNN: activations\[0\] is 'Gelu', expected",
    ),
    "count": (
        lambda X, W, R, B: onnx.RNN(W, R, activations=["Tanh"] * 2),
        "RNN: activations has 2 entries, expected 1",
    ),
    "alpha": (lambda X, W, R, B: onnx.RNN(W, R, activation_alpha=[1.0]), "RNN: activation_alpha has 1 numbers more"),
    "clip": (lambda X, W, R, B: onnx.RNN(W, R, clip=-1.0), "RNN: clip is -1.0, expected a number above 0"),
    "infinite": (lambda X, W, R, B: onnx.RNN(W, R, clip=10**400), "RNN: clip is 10*, expected a finite number"),
    "layout": (lambda X, W, R, B: onnx.RNN(W, R, layout=2), "RNN: layout is 2, expected 0 or 1"),
    "layouts": (lambda X, W, R, B: onnx.RNN(W, R, layout=np.array([0, 1])), r"RNN: layout is array\(\[0, 1\]\), expec"),
    "sizes": (lambda X, W, R, B: onnx.RNN(W, R, hidden_size=np.array([5, 5])), r"hidden_size is array\(\[5, 5\]\)"),
    "half": (lambda X, W, R, B: onnx.RNN(W, R, hidden_size=5.0), "RNN: hidden_size is 5.0, expected 5, that of R"),
    "X": (
        lambda X, W, R, B: onnx.RNN(W, R)(X[0]),
        r"RNN: X has shape \(3, 4\), expected \(seq_length, batch_size, input_size\): input_size = 4",
    ),
    "h": (
        lambda X, W, R, B: onnx.RNN(W, R)(X, None, X[:1]),
        r"RNN: initial_h has shape \(1, 3, 4\), expected .* = \(1, 3, 5\)",
    ),
    "long": (
        lambda X, W, R, B: onnx.RNN(W, R)(X, [6, 0, 0]),
        r"RNN: sequence_lens\[0\] is 6, expected 0 to 5: seq_length",
    ),
    "longer": (lambda X, W, R, B: onnx.RNN(W, R)(X, [0, 2**70, 0]), r"sequence_lens\[1\] is 11805916207174113034"),
}


@pytest.mark.parametrize(("call", "sentence"), WRONG.values(), ids=WRONG)
def test_what_does_not_fit_is_refused(call, sentence):
    with pytest.raises(ValueError, match=sentence):
        call(*inputs("RNN")[:4])


@pytest.mark.parametrize("dress", ["unaligned", "swapped", "reversed", "read-only", "list"])
def test_arrays_in_any_dress_have_the_values_of_plain_ones(dress):
    def dressed(array):
        if dress == "unaligned":
            memory = np.empty(array.nbytes + 1, np.uint8)[1:].view(array.dtype).reshape(array.shape)
            memory[...] = array
            return memory
        if dress == "swapped":
            return array.astype(array.dtype.newbyteorder())
        if dress == "reversed":
            return array[..., ::-1].copy()[..., ::-1]
        if dress == "list":
            return array.tolist()
        array = array.copy()
        array.setflags(write=False)
        return array

    given = inputs("LSTM", peepholes=True)
    assert_same_values(run("LSTM", [dressed(array) for array in given]), run("LSTM", given))
    X, W, R, B, _, h, c, _ = given
    layer = onnx.LSTM(W, R, B)
    Y, _, _, tape = layer.forward(dressed(X), None, dressed(h), dressed(c))
    d = layer.backward(tape, dressed(Y), dressed(h), dressed(c))
    Y, _, _, tape = layer.forward(X, None, h, c)
    wanted = layer.backward(tape, Y, h, c)
    assert_same_values(d.values(), wanted.values())


def test_other_dtypes_are_refused():
    X, W, R, *_ = inputs("RNN")
    with pytest.raises(TypeError, match="RNN: X has dtype float32, expected float64, that of W"):
        onnx.rnn(X.astype(np.float32), W, R)
    with pytest.raises(TypeError, match="RNN: W has dtype int8, expected float16, float32 or float64"):
        onnx.RNN(W.astype(np.int8), R)
    with pytest.raises(TypeError, match="RNN: sequence_lens has dtype float64, expected int32"):
        onnx.rnn(X, W, R, None, [1.0, 2.0, 3.0])
    with pytest.raises(TypeError, match="RNN: sequence_lens is 'abc', expected int32"):
        onnx.rnn(X, W, R, None, "abc")
    for given in (0.5, "0.5", np.ones((1, 1))):
        with pytest.raises(TypeError, match=r"RNN: activation_alpha is .*, expected a list of numbers"):
            onnx.RNN(W, R, activations=["LeakyRelu"], activation_alpha=given)


def test_constants_of_activations_may_be_an_array():
    X, W, R, *_ = inputs("RNN")
    given = {"activations": ["Affine"], "activation_beta": [0.25]}
    first = onnx.rnn(X, W, R, activation_alpha=np.array([0.5]), **given)
    assert_same_bits(first[0], onnx.rnn(X, W, R, activation_alpha=[0.5], **given)[0])


@pytest.mark.parametrize("name", ["LeakyRelu", "Elu"])
def test_a_slope_that_the_value_does_not_tell_is_refused(name):
    X, W, R, *_ = inputs("RNN")
    layer = onnx.RNN(W, R, activations=[name], activation_alpha=[-0.5])
    Y, _, tape = layer.forward(X)
    with pytest.raises(ValueError, match=r"has alpha = -0\.5, expected 0 or more: the slope is computed from"):
        layer.backward(tape, Y)


def test_a_tape_belongs_to_its_layer():
    X, W, R, *_ = inputs("RNN")
    one, two = onnx.RNN(W, R), onnx.RNN(W, R)
    Y, _, tape = one.forward(X)
    with pytest.raises(ValueError, match="tape is of another layer"):
        two.backward(tape, Y)
    with pytest.raises(TypeError, match="tape is of type tuple"):
        one.backward((1,), Y)
