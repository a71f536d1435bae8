"""Weights as other frameworks have them: each against the framework's own equations, and back bit by bit."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import stored
from tolerances import assert_close

from cyrnn import nn
from cyrnn.weights import orders

FEATURES, UNITS, STEPS = 3, 4, 5
_, RESULTS = stored.load("keras.npz")
KINDS = {"rnn": nn.RNN, "lstm": nn.LSTM, "gru": nn.GRU}


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


def run(step, x, n=UNITS):
    """Hidden states of a sequence (L, features), from zeros."""
    h, c, found = np.zeros(n), np.zeros(n), []
    for x_t in x:
        h, c = step(x_t, h, c)
        found.append(h)
    return np.array(found)


# ---- the frameworks' equations, from their sources -----------------------------------------------


def lstm(order):
    """Parts in the order of its text: i, f, o gates, c or g the candidate."""

    def of(W, R, b, forget_bias=0.0):
        def step(x, h, c):
            z = dict(zip(order, np.split(W @ x + R @ h + b, 4), strict=True))
            c = sigmoid(z["f"] + forget_bias) * c + sigmoid(z["i"]) * np.tanh(z["g"])
            return sigmoid(z["o"]) * np.tanh(c), c

        return step

    return of


def gru(order, after, mixed):
    """`mixed(z, h, n)`: the next state; n the candidate."""

    def of(W, R, b):
        rows = {name: slice(i * UNITS, (i + 1) * UNITS) for i, name in enumerate(order)}

        def step(x, h, c):
            Wx, (b_x, b_h) = W @ x, b
            z, r = (sigmoid(Wx[rows[k]] + R[rows[k]] @ h + b_x[rows[k]] + b_h[rows[k]]) for k in "zr")
            k = rows["n"]
            inner = r * (R[k] @ h + b_h[k]) if after else R[k] @ (r * h) + b_h[k]
            return mixed(z, h, np.tanh(Wx[k] + b_x[k] + inner)), c

        return step

    return of


def keeps_z(z, h, n):
    return z * h + (1 - z) * n


def keeps_the_rest(z, h, n):
    return (1 - z) * h + z * n


#: framework -> the equations of its cell; weights are (rows, features) here
LSTMS = {
    "torch": lstm("ifgo"),
    "onnx": lstm("iofg"),
    "keras": lstm("ifgo"),
    "cudnn": lstm("ifgo"),
    "paddle": lstm("ifgo"),
    "paddle.fluid": lstm("gifo"),
    "dynet": lstm("ifog"),
    "coreml": lstm("ifog"),
    "chainer": lstm("ifog"),
    "mxnet": lstm("ifgo"),
    "tensorflow": lstm("igfo"),
    "tensorflow.BlockLSTMV2": lstm("ifgo"),
    "notebook": lstm("figo"),
}
GRUS = {
    "torch": gru("rzn", True, keeps_z),
    "onnx": gru("zrn", False, keeps_z),
    "keras": gru("zrn", True, keeps_z),
    "cudnn": gru("rzn", True, keeps_z),
    "paddle": gru("rzn", True, keeps_z),
    "dynet": gru("zrn", False, keeps_the_rest),
    "coreml": gru("rnz", False, keeps_z),
    "chainer": gru("rzn", True, keeps_z),
    "mxnet": gru("rzn", True, keeps_z),
    "tensorflow": gru("rzn", False, keeps_z),
    "notebook": gru("zrn", False, keeps_z),
}
#: what is said where the name of the framework does not say it
SAID = {"onnx": False, "keras": True, "coreml": False, "notebook": False}


def drawn(gates, random, dtype=np.float64, n=UNITS, features=FEATURES):
    shapes = (gates * n, features), (gates * n, n), (2, gates * n)
    return [random.uniform(-1, 1, shape).astype(dtype) for shape in shapes]


def in_layout(framework, *matrices):
    transposed = orders.facts_of(framework).transposed
    return [matrix.T if transposed else matrix for matrix in matrices]


@pytest.mark.parametrize("framework", LSTMS)
def test_lstm_has_the_results_of_the_framework(framework):
    random = np.random.default_rng(0)
    W, R, b = drawn(4, random)
    x = random.standard_normal((STEPS, FEATURES))
    adds = {"forget_bias": 0.75} if framework in ("dynet", "tensorflow") else {}
    model = nn.LSTM.from_gates(*in_layout(framework, W, R), b, order=framework, **adds)
    want = run(LSTMS[framework](W, R, b[0] + b[1], **adds), x)
    assert_close(model(x)[0], want, "stack against oracle")


@pytest.mark.parametrize("framework", GRUS)
def test_gru_has_the_results_of_the_framework(framework):
    random = np.random.default_rng(1)
    W, R, b = drawn(3, random)
    x = random.standard_normal((STEPS, FEATURES))
    said = {"reset_after": SAID[framework]} if framework in SAID else {}
    model = nn.GRU.from_gates(*in_layout(framework, W, R), b, order=framework, **said)
    assert_close(model(x)[0], run(GRUS[framework](W, R, b), x), "stack against oracle")


def test_every_framework_of_the_table_is_tested():
    lstms = {framework for framework, cells in orders.ORDERS.items() if "lstm" in cells}
    grus = {framework for framework, cells in orders.ORDERS.items() if "gru" in cells}
    assert lstms == {*LSTMS, "chainer.links"}
    assert grus == {*GRUS, "chainer.links", "paddle.fluid"}
    assert set(orders.FACTS) <= set(orders.ORDERS)


def test_chainer_link_has_its_gates_unit_by_unit():
    """functions/rnn/lstm.py: r = x.reshape(len(x), units, 4); a, i, f, o are its last axis."""
    random = np.random.default_rng(2)
    W, R, b = drawn(4, random)
    x = random.standard_normal((STEPS, FEATURES))

    def step(x_t, h, c):
        a, i, f, o = (W @ x_t + R @ h + b[0]).reshape(UNITS, 4).T
        c = np.tanh(a) * sigmoid(i) + sigmoid(f) * c
        return sigmoid(o) * np.tanh(c), c

    model = nn.LSTM.from_gates(W, R, b[0], order="chainer.links")
    assert_close(model(x)[0], run(step, x), "stack against oracle")


@pytest.mark.parametrize("origin_mode", [False, True])
def test_gru_of_paddle_fluid_has_its_recurrent_weights_in_two_parts(origin_mode):
    """gru_op.cc: state_weight = weight_data + 2 * frame_size * frame_size."""
    random = np.random.default_rng(3)
    W, R, b = drawn(3, random)
    flat, x = R.T.copy().ravel(), random.standard_normal((STEPS, FEATURES))
    first, second = np.split(flat, [2 * UNITS * UNITS])
    parts = first.reshape(UNITS, 2 * UNITS), second.reshape(UNITS, UNITS)
    rows = np.concatenate([part.T for part in parts])
    mixed = keeps_z if origin_mode else keeps_the_rest
    want = run(gru("zrn", False, mixed)(W, rows, b * [[1], [0]]), x)
    negate = "" if origin_mode else "z"
    model = nn.GRU.from_gates(W.T, R.T, b[:1], order="paddle.fluid", negate=negate, transpose=True)
    assert_close(model(x)[0], want, "stack against oracle")
    back = model.to_gates("paddle.fluid", negate=negate)
    assert back.R[0].tobytes() == R.T.copy().tobytes()
    with pytest.raises(ValueError, match=r"negate is None, expected 'z' where h = .* unless its origin_mode is true"):
        nn.GRU.from_gates(W.T, R.T, b[:1], order="paddle.fluid")


@pytest.mark.parametrize("cell", ["lstm", "lstm 2", "gru"])
def test_cells_of_tensorflow_have_its_results(cell):
    """As TensorFlow 2.21 computed them, which its text of LSTMBlockCell contradicts."""
    case = RESULTS[f"tensorflow {cell}"]
    W, R = np.split(case["w"], [FEATURES])
    if cell == "gru":
        model = nn.GRU.from_gates(W, R, case["b"], order="tensorflow")
        state = case["h"][None]
    else:
        order, adds = ("tensorflow", 1.0) if cell == "lstm" else ("tensorflow.BlockLSTMV2", None)
        peepholes = np.stack([case[f"wc{gate}"] for gate in "ifo"])
        model = nn.LSTM.from_gates(W, R, case["b"], peepholes, order=order, forget_bias=adds)
        state = case["h"][None], case["c"][None]
    assert_close(model(case["x"][None], state)[0][0], case["output"], "sequence against another framework")


# ---- letters, shapes, several layers -------------------------------------------------------------


@pytest.mark.parametrize("letters", ["".join(p) for p in itertools.permutations("ifco")])
@pytest.mark.parametrize("transpose", [False, True])
def test_any_order_of_letters_goes_there_and_back_bit_by_bit(letters, transpose):
    W, R, b = drawn(4, np.random.default_rng(4), np.float32)
    W, R = (W.T, R.T) if transpose else (W, R)
    model = nn.LSTM.from_gates(W, R, b, order=letters)  # the shapes tell
    assert model.dtype == np.float32
    back = model.to_gates(letters, transpose=transpose)
    assert [back.W[0].tobytes(), back.R[0].tobytes()] == [W.tobytes("C"), R.tobytes("C")]
    assert back.b[0].tobytes() == b.tobytes()
    start = letters.index("f") * UNITS
    rows = (W.T if transpose else W)[start : start + UNITS]
    np.testing.assert_array_equal(model.weight_ih_l0[UNITS : 2 * UNITS], rows)  # torch: i, f, g, o


@pytest.mark.parametrize("framework", orders.ORDERS)
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("layers", "directions"), [(1, 1), (2, 1), (1, 2), (2, 2)])
def test_every_framework_goes_there_and_back_bit_by_bit(framework, kind, layers, directions):
    if kind not in orders.ORDERS[framework]:
        with pytest.raises(ValueError, match="which has no such cell"):
            KINDS[kind](3, 4).to_gates(framework)
        return
    options = {"bidirectional": directions == 2, "dtype": np.float64}
    model = KINDS[kind](FEATURES, UNITS, layers, rng=5, **options)
    asked = {"forget_bias": 0.0} if orders.facts_of(framework).forget_bias and kind == "lstm" else {}
    if framework == "paddle.fluid" and kind == "gru":
        asked["negate"] = "z"
    gates = model.to_gates(framework, **asked)
    assert len(gates.W) == len(gates.R) == len(gates.b) == layers * directions
    assert gates.P is None
    if kind == "gru":
        options["reset_after"] = True
    again = KINDS[kind].from_gates(*gates, order=framework, **asked, **options)
    assert repr(again) == repr(model)
    for name, array in model.state_dict().items():
        assert getattr(again, name).tobytes() == array.tobytes(), name


def test_array_with_an_axis_more_is_a_list_as_onnx_has_it():
    random = np.random.default_rng(6)
    W, R = random.standard_normal((2, 16, 3)), random.standard_normal((2, 16, 4))
    B, P = random.standard_normal((2, 32)), random.standard_normal((2, 12))
    model = nn.LSTM.from_gates(W, R, B, P, order="onnx", bidirectional=True)
    assert repr(model) == "LSTM(3, 4, bidirectional=True, peephole=True, dtype='float64')"
    from cyrnn import onnx

    X = random.standard_normal((STEPS, 2, 3))
    Y, _, _ = onnx.lstm(X, W, R, B, P=P, direction="bidirectional")
    np.testing.assert_array_equal(model(X)[0], Y.transpose(0, 2, 1, 3).reshape(STEPS, 2, 8))
    back = model.to_gates("onnx")
    np.testing.assert_array_equal(np.stack(back.P).reshape(2, 12), P)


def test_peepholes_follow_the_order_of_the_gates():
    W, R, b = drawn(4, np.random.default_rng(7))
    P = np.arange(12.0).reshape(3, 4)
    model = nn.LSTM.from_gates(W, R, b, P, order="cifo")
    np.testing.assert_array_equal(model.weight_ch_l0, P[[0, 2, 1]])  # ours: i, o, f
    assert model.to_gates("cifo").P[0].tobytes() == P.tobytes()
    coupled = nn.LSTM.from_gates(W[:12], R[:12], b[:, :12], P[:2], order="coi", coupled=True)
    np.testing.assert_array_equal(coupled.weight_ch_l0, P[[1, 0]])


def test_forget_bias_is_added_to_the_forget_gate_alone():
    W, R, b = drawn(4, np.random.default_rng(8))
    model = nn.LSTM.from_gates(W, R, order="ifco", forget_bias=1.5)
    np.testing.assert_array_equal(model.bias_ih_l0, np.repeat([0, 1.5, 0, 0], 4))
    assert not model.bias_hh_l0.any()
    other = nn.LSTM.from_gates(W, R, b, order="ifco", forget_bias=0.25)
    np.testing.assert_array_equal(other.bias_ih_l0[4:8], b[0, 4:8] + 0.25)
    np.testing.assert_allclose(other.to_gates("ifco", forget_bias=0.25).b[0], b, rtol=1e-15)


def test_one_bias_is_that_of_the_input():
    W, R, b = drawn(3, np.random.default_rng(9))
    model = nn.GRU.from_gates(W, R, b[0], order="rzc", reset_after=True)
    np.testing.assert_array_equal(model.bias_ih_l0, b[0])
    assert not model.bias_hh_l0.any()
    assert not nn.GRU.from_gates(W, R, order="rzc", reset_after=False).bias


@pytest.mark.parametrize(("kind", "gates"), [(nn.RNNCell, 1), (nn.LSTMCell, 4), (nn.GRUCell, 3)])
def test_cells_have_it_too(kind, gates):
    W, R, b = drawn(gates, np.random.default_rng(10), np.float32)
    cell = kind.from_gates(W, R, b, order="torch")
    np.testing.assert_array_equal(cell.weight_ih, W)
    assert cell.to_gates("torch").b[0].tobytes() == b.tobytes()
    with pytest.raises(ValueError, match="W has 2 entries, expected one matrix: a cell has one layer"):
        kind.from_gates([W, W], [R, R], order="torch")


def test_arrays_are_copied():
    W, R, b = drawn(1, np.random.default_rng(11), np.float32)
    model = nn.RNN.from_gates(W, R, b, order="a")
    before = model.state_dict()
    W += 1
    np.testing.assert_array_equal(model.weight_ih_l0, before["weight_ih_l0"])
    model.to_gates("a").W[0][...] = 7
    np.testing.assert_array_equal(model.weight_ih_l0, before["weight_ih_l0"])


SQUARE = np.ones((16, 4)), np.ones((16, 4))
FLAT = np.ones((16, 3)), np.ones((16, 4))
REFUSED = [
    (nn.LSTM, SQUARE, {"order": "ifco"}, "transpose is not given, expected True where .* W has shape .16, 4."),
    (nn.RNN, (np.ones((4, 4)),) * 2, {"order": "a"}, "transpose is not given"),
    (nn.LSTM, FLAT, {"order": "ifgo"}, "order is 'ifgo', expected the letters ifco .* or one of torch, onnx"),
    (nn.LSTM, FLAT, {"order": "ifc"}, "order is 'ifc', expected the letters ifco"),
    (nn.LSTM, FLAT, {"order": 4}, "order is 4, expected the letters ifco"),
    (nn.LSTM, FLAT, {"order": "ifco", "transpose": True}, r"R has shape \(16, 4\), expected \(hidden_size, 4 \* hid"),
    (nn.LSTM, FLAT, {"order": "tensorflow"}, "forget_bias is None, expected a number: tensorflow adds"),
    (nn.LSTM, FLAT, {"order": "ifco", "negate": "z"}, "negate is 'z', expected letters of ifco"),
    (nn.LSTM, (FLAT[0][:12], FLAT[1]), {"order": "ifco"}, r"W has shape \(12, 3\), expected \(16, input_size\)"),
    (nn.LSTM, (FLAT[0], FLAT[1][:12]), {"order": "ifco"}, r"R has shape \(12, 4\), expected \(4 \* hidden_size, hid"),
    (nn.LSTM, (*FLAT, np.ones(4)), {"order": "ifco"}, r"b has shape \(4,\), expected \(16,\), or two of them, \(2, 1"),
    (nn.LSTM, (*FLAT, None, np.ones((3, 5))), {"order": "ifco"}, r"P has shape \(3, 5\), expected \(3, 4\)"),
    (nn.LSTM, ([FLAT[0]] * 2, [FLAT[1]] * 2), {"order": "ifco"}, r"W\[1\] and R\[1\] have input_size, hidden_size ="),
    (nn.LSTM, ([FLAT[0]] * 2, [FLAT[1]]), {"order": "ifco"}, "R has 1 entries, expected 2, one for each layer"),
    (nn.LSTM, ([FLAT[0]], [FLAT[1]]), {"order": "ifco", "bidirectional": True}, "W has 1 entries, expected 2 for each"),
    (nn.LSTM, (np.ones(3), FLAT[1]), {"order": "ifco"}, r"W has shape \(3,\), expected a matrix"),
    (nn.GRU, (FLAT[0][:12], FLAT[1][:12]), {"order": "zrc"}, "reset_after is not given, expected True where"),
    (nn.GRU, (FLAT[0][:12], FLAT[1][:12]), {"order": "onnx"}, "reset_after is not given"),
    (nn.GRU, (FLAT[0][:12], FLAT[1][:12]), {"order": "torch", "forget_bias": 1}, "forget_bias is 1, expected 0"),
    (nn.RNN, (*FLAT, None, np.ones((3, 4))), {"order": "a"}, "P is given, expected None: the cell has no peepholes"),
    (nn.LSTM, FLAT, {"order": "ifgo"}, r"order is 'ifgo', expected the letters ifco \(c, the candidate, is g"),
    (nn.RNN, FLAT, {"order": "dynet"}, "order is 'dynet', which has no such cell"),
]


@pytest.mark.parametrize(("kind", "given", "options", "said"), REFUSED)
def test_what_the_arrays_do_not_tell_is_refused(kind, given, options, said):
    with pytest.raises(ValueError, match=f"from_gates: {said}"):
        kind.from_gates(*given, **options)


@pytest.mark.parametrize(
    ("given", "options", "said"),
    [
        ((np.ones((16, 3), np.int8), FLAT[1]), {}, "W has dtype int8, expected float32 or float64: what is quantised"),
        (FLAT, {"transpose": "yes"}, "transpose is 'yes', expected True or False"),
        (FLAT, {"forget_bias": "1"}, "forget_bias is '1', expected a number"),
        (FLAT, {"num_layers": 2}, "num_layers is given, expected none: the arrays say it"),
        (FLAT, {"batchfirst": True}, "batchfirst is no option of it, expected one of batch_first"),
    ],
)
def test_wrong_kinds_are_refused(given, options, said):
    with pytest.raises(TypeError, match=said):
        nn.LSTM.from_gates(*given, order="ifco", **options)


def test_square_weights_are_taken_as_the_caller_says():
    random = np.random.default_rng(12)
    W, R, b = drawn(4, random, features=UNITS)
    one = nn.LSTM.from_gates(W, R, b, order="ifco", transpose=False)
    two = nn.LSTM.from_gates(W.T, R.T, b, order="ifco", transpose=True)
    np.testing.assert_array_equal(one.weight_hh_l0, two.weight_hh_l0)
    R = random.standard_normal((4, 4))
    upper = nn.RNN.from_gates(R, R, order="a", transpose=True)
    np.testing.assert_array_equal(upper.weight_hh_l0, R.T)


def test_projection_is_refused_on_the_way_out():
    with pytest.raises(ValueError, match=r"to_gates: the model has proj_size = 2, expected 0: state_dict\(\) has its"):
        nn.LSTM(3, 4, proj_size=2).to_gates("onnx")
