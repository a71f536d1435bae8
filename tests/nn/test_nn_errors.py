"""Bad input to cyrnn.nn: errors say function, argument, what was got and what was wanted, before any work."""

from __future__ import annotations

import numpy as np
import pytest
from nn_models import KINDS, build, each_kind, make, parts

from cyrnn import nn

X = np.zeros((7, 4, 3), np.float32)
H = np.zeros((2, 4, 5), np.float32)


class Attached:
    """What a tensor of torch that requires grad is to NumPy."""

    def __array__(self, dtype=None, copy=None):
        raise RuntimeError("use detach()")


def call(**stack):
    return build("lstm", num_layers=2, **stack)


#: what is done -> the class of the error and all of its sentence
SENTENCES = {
    "input of one dimension": (
        lambda: call()(X[0, 0]),
        ValueError,
        "LSTM: input has shape (3,), expected (L, N, input_size) or (L, input_size) with input_size = 3",
    ),
    "input of other features, batch_first": (
        lambda: call(batch_first=True)(X[:, :, :2]),
        ValueError,
        "LSTM: input has shape (7, 4, 2), expected (N, L, input_size) or (L, input_size) with input_size = 3",
    ),
    "input of float64": (
        lambda: call()(X.astype(np.float64)),
        TypeError,
        "LSTM: input has dtype float64, expected float32: the weights are float32; input.astype(np.float32)",
    ),
    "input of integers": (
        lambda: call()(X.astype(np.int64)),
        TypeError,
        "LSTM: input has dtype int64, expected float32: the weights are float32; tokens are (L, N) or (L,); "
        "features: input.astype(np.float32)",
    ),
    "input of float32 to float64": (
        lambda: nn.LSTM(3, 5, dtype=np.float64)(X),
        TypeError,
        "LSTM: input has dtype float32, expected float64: the weights are float64; input.astype(np.float64)",
    ),
    "input a tensor that requires grad": (
        lambda: call()(Attached()),
        TypeError,
        "LSTM: input is of type Attached, expected an array of numbers: use detach()",
    ),
    "input None": (lambda: call()(None), TypeError, "LSTM: input is None, expected an array of numbers"),
    "hx an array": (
        lambda: call()(X, H),
        TypeError,
        "LSTM: hx is of type ndarray, expected the pair (h, c)",
    ),
    "hx of three": (lambda: call()(X, (H, H, H)), ValueError, "LSTM: hx has 3 entries, expected 2: (h, c)"),
    "h of another batch": (
        lambda: call()(X, (H[:, :3], H)),
        ValueError,
        "LSTM: hx[0] has shape (2, 3, 5), expected (D * num_layers, N, H_out) = (2, 4, 5): N = 4 from input",
    ),
    "c of other layers": (
        lambda: call(bidirectional=True)(X, (np.concatenate([H, H]), H)),
        ValueError,
        "LSTM: hx[1] has shape (2, 4, 5), expected (D * num_layers, N, hidden_size) = (4, 4, 5): N = 4 from input",
    ),
    "h with a batch for an input without": (
        lambda: call()(X[:, 0], (H, H)),
        ValueError,
        "LSTM: hx[0] has shape (2, 4, 5), expected (D * num_layers, H_out) = (2, 5): input has no axis of a batch",
    ),
    "h of float64": (
        lambda: call()(X, (H.astype(np.float64), H)),
        TypeError,
        "LSTM: hx[0] has dtype float64, expected float32: the weights are float32; hx[0].astype(np.float32)",
    ),
    "c None": (lambda: call()(X, (H, None)), TypeError, "LSTM: hx[1] is None, expected an array of numbers"),
    "lengths negative": (
        lambda: call()(X, lengths=[1, -1, 3, 4]),
        ValueError,
        "LSTM: lengths[1] is -1, expected 0 <= length <= L = 7: L = 7 from input",
    ),
    "lengths longer than L": (
        lambda: call().forward(X, lengths=[1, 2, 8, 9]),
        ValueError,
        "LSTM.forward: lengths[2] is 8, expected 0 <= length <= L = 7: L = 7 from input",
    ),
    "lengths beyond int64": (
        lambda: call()(X, lengths=np.array([1, 2, 3, 2**64 - 1], np.uint64)),
        ValueError,
        "LSTM: lengths[3] is 18446744073709551615, expected 0 <= length <= L = 7: L = 7 from input",
    ),
    "lengths of another count": (
        lambda: call()(X, lengths=[1, 2, 3]),
        ValueError,
        "LSTM: lengths has shape (3,), expected (N,) = (4,): N = 4 from input",
    ),
    "lengths a number": (
        lambda: call()(X, lengths=3),
        ValueError,
        "LSTM: lengths has shape (), expected (N,) = (4,): N = 4 from input",
    ),
    "lengths a word": (
        lambda: call()(X, lengths="abcd"),
        TypeError,
        "LSTM: lengths is 'abcd', expected N = 4 whole numbers",
    ),
    "lengths an array of words": (
        lambda: call()(X, lengths=np.array(["a", "b", "c", "d"])),
        TypeError,
        "LSTM: lengths has dtype <U1, expected N = 4 whole numbers",
    ),
    "lengths not whole": (
        lambda: call()(X, lengths=[1, 2.5, 3, 4]),
        TypeError,
        "LSTM: lengths has dtype float64, expected whole numbers",
    ),
    "lengths a mask": (
        lambda: call()(X, lengths=[True, False, True, True]),
        TypeError,
        "LSTM: lengths has dtype bool, expected whole numbers",
    ),
    "lengths without a batch": (
        lambda: call()(X[:, 0], lengths=[7]),
        ValueError,
        "LSTM: lengths is given, expected None: input has no axis of a batch",
    ),
    "x_t a sequence": (
        lambda: call().step(X),
        ValueError,
        "LSTM.step: x_t has shape (7, 4, 3), expected (N, input_size) or (input_size,) with input_size = 3",
    ),
    "state of another batch": (
        lambda: call().step(X[0], (H[:, :2], H)),
        ValueError,
        "LSTM.step: state[0] has shape (2, 2, 5), expected (D * num_layers, N, H_out) = (2, 4, 5): N = 4 from x_t",
    ),
    "reset of another count": (
        lambda: call().step(X[0], reset=[True]),
        ValueError,
        "LSTM.step: reset has shape (1,), expected (N,) = (4,)",
    ),
    "reset of numbers": (
        lambda: call().step(X[0], reset=np.array([0, 1, 0, 1], np.int64)),
        TypeError,
        "LSTM.step: reset has dtype int64, expected bool: reset != 0",
    ),
    "reset of a list of numbers": (
        lambda: call().step(X[0], reset=[0, 1.5, 0, 1]),
        TypeError,
        "LSTM.step: reset has dtype float64, expected bool: np.asarray(reset, bool)",
    ),
    "reset with a batch for a stream without": (
        lambda: call().step(X[0, 0], reset=[True]),
        ValueError,
        "LSTM.step: reset has shape (1,), expected () = ()",
    ),
    "dropout_rng a word": (
        lambda: call().forward(X, dropout_rng="one"),
        TypeError,
        "LSTM.forward: dropout_rng is 'one', expected a Generator or a seed, whole and not negative",
    ),
    "tape of another kind": (
        lambda: call().backward(X, X),
        TypeError,
        "LSTM.backward: tape is of type ndarray, expected what forward returned last",
    ),
    "tape of another model": (
        lambda: call().backward(nn.LSTM(3, 5).forward(X)[2], X),
        ValueError,
        "LSTM.backward: tape is of another model: <tape of a model lstm, 3 -> 5: L = 7, N = 4>",
    ),
    "d_output of another shape": (
        lambda: (m := call(batch_first=True)).backward(m.forward(X)[2], X),
        ValueError,
        "LSTM.backward: d_output has shape (7, 4, 3), expected (N, L, D * H_out) = (7, 4, 5): the shape of output",
    ),
    "d_state of another shape": (
        lambda: (m := call()).backward(m.forward(X)[2], None, (H, H[:1])),
        ValueError,
        "LSTM.backward: d_state[1] has shape (1, 4, 5), expected (D * num_layers, N, hidden_size) = (2, 4, 5): "
        "N = 4 from input of forward",
    ),
    "input of a cell": (
        lambda: nn.LSTMCell(3, 5)(X),
        ValueError,
        "LSTMCell: input has shape (7, 4, 3), expected (N, input_size) or (input_size,) with input_size = 3",
    ),
    "state of a cell": (
        lambda: nn.LSTMCell(3, 5)(X[0], (H[0], H[0, :2])),
        ValueError,
        "LSTMCell: hx[1] has shape (2, 5), expected (N, hidden_size) = (4, 5): N = 4 from input",
    ),
    "state of a cell without a batch": (
        lambda: nn.RNNCell(3, 5)(X[0, 0], H[0]),
        ValueError,
        "RNNCell: hx has shape (4, 5), expected (hidden_size) = (5,): input has no axis of a batch",
    ),
    "hidden_size 0": (
        lambda: nn.LSTM(3, 0),
        ValueError,
        "LSTM: hidden_size is 0, expected a whole number of at least 1",
    ),
    "hidden_size a word": (
        lambda: nn.RNNCell(3, "5"),
        TypeError,
        "RNNCell: hidden_size is '5', expected a whole number of at least 1",
    ),
    "input_size not whole": (
        lambda: nn.LSTM(3.5, 5),
        ValueError,
        "LSTM: input_size is 3.5, expected a whole number of at least 0",
    ),
    "num_layers 0": (
        lambda: nn.LSTM(3, 5, 0),
        ValueError,
        "LSTM: num_layers is 0, expected a whole number of at least 1",
    ),
    "bias a word": (lambda: nn.LSTM(3, 5, 1, "tanh"), TypeError, "LSTM: bias is 'tanh', expected True or False"),
    "bidirectional a number": (
        lambda: nn.LSTM(3, 5, bidirectional=2),
        TypeError,
        "LSTM: bidirectional is 2, expected True or False",
    ),
    "dropout above 1": (
        lambda: nn.LSTM(3, 5, dropout=1.5),
        ValueError,
        "LSTM: dropout is 1.5, expected a number from 0 to 1",
    ),
    "dropout nan": (
        lambda: nn.LSTM(3, 5, dropout=float("nan")),
        ValueError,
        "LSTM: dropout is nan, expected a number from 0 to 1",
    ),
    "dropout True": (
        lambda: nn.LSTM(3, 5, dropout=True),
        ValueError,
        "LSTM: dropout is True, expected a number from 0 to 1",
    ),
    "proj_size negative": (
        lambda: nn.LSTM(3, 5, proj_size=-1),
        ValueError,
        "LSTM: proj_size is -1, expected a whole number of at least 0",
    ),
    "proj_size too large": (
        lambda: nn.LSTM(3, 5, proj_size=5),
        ValueError,
        "LSTM: proj_size is 5, expected less than hidden_size = 5",
    ),
    "proj_size larger": (
        lambda: nn.LSTM(3, 5, proj_size=9),
        ValueError,
        "LSTM: proj_size is 9, expected less than hidden_size = 5",
    ),
    "nonlinearity unknown": (
        lambda: nn.RNN(3, 5, nonlinearity="gelu"),
        ValueError,
        "RNN: nonlinearity is 'gelu', expected one of sigmoid, tanh, relu, hard_sigmoid, identity, affine, leaky_relu, "
        "thresholded_relu, scaled_tanh, elu, softsign, softplus",
    ),
    "dtype of integers": (
        lambda: nn.LSTM(3, 5, dtype=int),
        TypeError,
        "LSTM: dtype is <class 'int'>, expected float32 or float64",
    ),
    "dtype None": (
        lambda: nn.LSTM(3, 5, dtype=None),
        TypeError,
        "LSTM: dtype is None, expected float32 or float64",
    ),
    "rng negative": (
        lambda: nn.LSTM(3, 5, rng=-1),
        ValueError,
        "LSTM: rng is -1, expected a Generator or a seed, whole and not negative",
    ),
}


@pytest.mark.parametrize("what", SENTENCES)
def test_error_says_what_was_got_and_wanted(what):
    do, kind, sentence = SENTENCES[what]
    with pytest.raises(kind) as caught:
        do()
    assert str(caught.value) == sentence


def test_bounds_in_sentences_are_as_said():
    """What is "at least" or "from ... to" a number takes that number, and "less than" takes all below."""
    assert repr(nn.LSTM(0, 1, 1, proj_size=0)) == "LSTM(0, 1)"
    for size in (1, 4):
        assert nn.LSTM(3, 5, proj_size=size).proj_size == size
    for dropout in (0, 1, 0.0, np.float32(1)):
        assert nn.LSTM(3, 5, 2, dropout=dropout).dropout == float(dropout)
    for taken in (list, np.asarray):  # by the general road, by the compiled call
        assert call()(taken(X), lengths=[0, 7, 1, 7])[0].shape == (7, 4, 5)
        assert call()(taken(X), lengths=[0] * 4)[0].shape == (7, 4, 5)
    assert call()(X[:0], lengths=[0] * 4)[0].shape == (0, 4, 5)


@each_kind
def test_state_of_a_wrong_shape_is_refused_in_every_call(kind):
    case = make(kind, num_layers=2)
    wrong = [part[:1] for part in parts(case.state)]
    wrong = tuple(wrong) if len(wrong) > 1 else wrong[0]
    tape = case.model.forward(case.x)[2]
    for name, do in {
        "": lambda: case.model(case.x, wrong),
        ".forward": lambda: case.model.forward(case.x, wrong),
        ".step": lambda: case.model.step(case.x[0], wrong),
        ".backward": lambda: case.model.backward(tape, None, wrong),
    }.items():
        with pytest.raises(ValueError, match=rf"^{KINDS[kind][0]}{name}: .* has shape \(1, 4, \d\), expected \(D \* "):
            do()


@pytest.mark.parametrize(
    "value",
    [object(), "word", [[1, 2], [3]], {"a": 1}, np.array([None]), np.zeros((7, 4, 3), "M8[s]")],
    ids=["object", "word", "uneven", "dict", "objects", "dates"],
)
def test_hostile_objects_are_refused_wherever_an_array_is_wanted(value):
    model = call()
    tape = model.forward(X)[2]
    for do in (
        lambda: model(value),
        lambda: model(X, (value, H)),
        lambda: model(X, lengths=value),
        lambda: model.step(value),
        lambda: model.step(X[0], (H, value)),
        lambda: model.step(X[0], reset=value),
        lambda: model.backward(tape, value),
        lambda: nn.LSTMCell(3, 5)(value),
        lambda: nn.LSTM(3, 5, dtype=value),
        lambda: nn.LSTM(value, 5),
        lambda: nn.LSTM(3, 5, batch_first=value),
        lambda: nn.LSTM(3, 5, dropout=value),
        lambda: nn.RNN(3, 5, nonlinearity=value),
        lambda: nn.from_torch(value),
    ):
        with pytest.raises((TypeError, ValueError)) as caught:
            do()
        assert len(str(caught.value)) < 250
