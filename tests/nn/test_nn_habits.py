"""What scripts written for torch do with a model: its methods, names of weights, arrays of other kinds as input."""

from __future__ import annotations

import pydoc
import rlcompleter

import numpy as np
import pytest
from nn_models import assert_same

import cyrnn
from cyrnn import nn

CLASSES = [nn.RNN, nn.LSTM, nn.GRU, nn.RNNCell, nn.LSTMCell, nn.GRUCell]
each_class = pytest.mark.parametrize("kind", CLASSES, ids=lambda kind: kind.__name__)
X = np.random.default_rng(0).standard_normal((7, 4, 3), np.float32)


def refused(do, kind=TypeError) -> str:
    with pytest.raises(kind) as caught:
        do()
    return str(caught.value)


class Named:
    """A torch.device or torch.dtype, as far as it is asked."""

    def __init__(self, text):
        self.text = text

    def __str__(self):
        return self.text


device, dtype = (type(name, (Named,), {}) for name in ("device", "dtype"))


# ---- methods -------------------------------------------------------------------------------------


@each_class
def test_methods_that_change_nothing_return_the_model(kind):
    model = kind(3, 5, rng=0)
    weights = model.state_dict()
    for call in (
        model.eval,
        lambda: model.train(False),
        model.cpu,
        model.float,
        lambda: model.to("cpu"),
        lambda: model.to(device("cpu")),
        lambda: model.to(device="cpu", non_blocking=True),
        lambda: model.to(np.float32),
        lambda: model.to("cpu", dtype("torch.float32")),
    ):
        assert call() is model
    assert model.flatten_parameters() is None
    assert_same(model.state_dict(), weights)


@each_class
@pytest.mark.parametrize("how", ["double", "to", "to a torch dtype"])
def test_double_returns_the_model_which_then_computes_in_float64(kind, how):
    model = kind(3, 5, rng=0)
    weights = model.state_dict()
    given = {"to": np.float64, "to a torch dtype": dtype("torch.float64")}
    assert (model.double() if how == "double" else model.to(given[how])) is model
    assert model.dtype == np.float64
    want = kind(3, 5, dtype=np.float64)
    want.load_state_dict(weights)
    x = (X[0] if kind in CLASSES[3:] else X).astype(np.float64)
    assert_same(model(x), want(x))
    assert_same(model.state_dict(), {name: value.astype(np.float64) for name, value in weights.items()})
    assert getattr(model, next(iter(weights))).dtype == np.float64
    assert model.float() is model
    assert_same(model.state_dict(), weights)


@each_class
def test_methods_that_are_not_here_say_what_to_do_instead(kind):
    model, name = kind(3, 5), kind.__name__
    training = "forward(x, dropout_rng=rng) keeps a tape, backward(tape, d_output) gives the gradients"
    for do, function, said in (
        (model.train, "train", training),
        (lambda: model.train(mode=True), "train", training),
        (model.parameters, "parameters", "state_dict() has the weights"),
        (model.named_parameters, "named_parameters", "state_dict() has the weights"),
        (model.zero_grad, "zero_grad", "state_dict() has the weights"),
        (model.cuda, "cuda", "cyrnn runs on the CPU: leave it out; set_num_threads says on how many of its cores"),
        (model.half, "half", "cyrnn computes in float32 or float64: leave it out"),
        (model.bfloat16, "bfloat16", "cyrnn computes in float32 or float64: leave it out"),
        (lambda: model.to("cuda:1"), "to", "the device is 'cuda:1': cyrnn runs on the CPU"),
        (lambda: model.to(device("mps")), "to", "the device is 'mps': cyrnn runs on the CPU"),
        (lambda: model.to(0), "to", "the device is '0': cyrnn runs on the CPU"),
    ):
        found = refused(do, NotImplementedError)
        assert found.startswith(f"{name}.{function}: ")
        assert said in found
    for given in (np.float16, dtype("torch.float16"), np.zeros(3), object()):
        assert refused(lambda given=given: model.to(given)).startswith(f"{name}.to: got ")


# ---- names ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("weight_ih_10", "weight_ih_l0"),
        ("weigth_ih_l0", "weight_ih_l0"),
        ("weight_hh_lO", "weight_hh_l0"),
        ("weight_ih", "weight_ih_l0"),
        ("bias_ih_l", "bias_ih_l0"),
        ("weight_x", "one of weight_ih_l0, weight_hh_l0, bias_ih_l0, bias_hh_l0"),
    ],
)
def test_misspelt_name_of_a_weight_cannot_be_set(name, hint):
    model = nn.LSTM(3, 5)
    said = refused(lambda: setattr(model, name, np.zeros((20, 3))), AttributeError)
    assert said == f"LSTM: {name} is not one of its parameters, expected {hint}"
    assert not hasattr(model, name)


def test_bias_of_a_model_without_cannot_be_set():
    model = nn.GRUCell(3, 5, bias=False)
    said = refused(lambda: setattr(model, "bias_ih", np.zeros(15)), AttributeError)
    assert said == "GRUCell: bias_ih is not one of its parameters, expected one of weight_ih, weight_hh"


@each_class
def test_weights_and_names_of_ones_own_can_be_set(kind):
    model = kind(3, 5)
    for name, value in model.state_dict().items():
        setattr(model, name, value * 2)
        delattr(model, name)
        setattr(model, name, value)
    model.note, model._mine = "mine", 3

    class Mine(kind):
        def __init__(self):
            self.before = 1
            super().__init__(3, 5)
            self.embedding = np.zeros((9, 3))

    assert Mine().before == 1


@each_class
def test_tab_completion_shows_public_names_alone(kind):
    model = kind(3, 5)
    shown = [name for name in dir(model) if not (name.startswith("__") and name.endswith("__"))]
    assert not [name for name in shown if name.startswith("_")]
    assert {"pack", "state_dict", "load_state_dict", "eval", "dtype", *model.state_dict()} <= set(shown)
    assert not {"cuda", "train", "parameters", "half"} & set(shown)
    assert all(hasattr(model, name) for name in shown)


def test_tab_completion_of_the_modules_shows_public_names_alone():
    public = {"RNN", "LSTM", "GRU", "RNNCell", "LSTMCell", "GRUCell", "Linear", "Embedding"}
    public |= {"LayerNorm", "Dropout", "LastStep", "Sequential"}
    public |= {"from_state_dict", "from_torch", "from_keras", "load"}
    assert {name for name in dir(nn) if not name.startswith("__")} == public
    namespace: dict = {}
    exec("from cyrnn.nn import *", namespace)
    assert set(namespace) - {"__builtins__"} == public
    shown = {name for name in dir(cyrnn) if not name.startswith("__")}
    assert shown == {*cyrnn.__all__, "estimators", "nn", "plot", "get_num_threads", "set_num_threads"}
    completer, found = rlcompleter.Completer({"nn": nn}), []
    while name := completer.complete("nn.", len(found)):
        found.append(name.removeprefix("nn.").rstrip("()"))
    assert set(found) == public


def test_help_of_nn_is_a_page_that_names_every_class_and_method():
    page = pydoc.plain(pydoc.render_doc(nn))
    assert len(page.splitlines()) < 100
    for name in ("RNN", "LSTM", "GRU", "LSTMCell", "GRUCell", "Linear", "Embedding", "from_torch", "from_state_dict"):
        assert name in page
    for name in ("step", "forward", "backward", "load_state_dict", "state_dict", "pack"):
        assert f"model.{name}" in page or name in page
    assert "weight_hr_l0" in pydoc.plain(pydoc.render_doc(nn.LSTM))


# ---- input ---------------------------------------------------------------------------------------


def test_list_of_floats_has_the_dtype_of_the_model():
    for real in (np.float32, np.float64):
        model = nn.LSTM(3, 5, dtype=real, rng=0)
        x, state = X.astype(real), np.full((1, 4, 5), 0.5, real)
        want = model(x, (state, state))
        assert_same(model(X.tolist(), (state.tolist(), state.tolist())), want)
        assert_same(model([[tuple(column) for column in step] for step in X.tolist()], (state, state)), want)
        assert_same(model.step([1, 2.5, 3]), model.step(np.array([1, 2.5, 3], real)))


def test_list_of_arrays_has_their_dtype():
    model = nn.LSTM(3, 5)
    said = refused(lambda: model(list(X.astype(np.float64))))
    assert said == (
        "LSTM: input has dtype float64, expected float32: the weights are float32; np.asarray(input).astype(np.float32)"
    )
    assert_same(model(list(X)), model(X))


@pytest.mark.parametrize("given", ["array", "list"])
def test_whole_numbers_with_an_axis_too_many_are_told_what_tokens_are(given):
    words = np.array([[[5, 17, 3], [42, 7, 0]]])
    model = nn.GRU(3, 5)
    for call, name, x in ((model, "input", words), (model.step, "x_t", words[0]), (model.forward, "input", words)):
        said = refused(lambda call=call, x=x: call(x.tolist() if given == "list" else x))
        assert "; tokens are (" in said
        assert "; features: " in said
        assert said.endswith(f"{name if given == 'array' else f'np.asarray({name})'}.astype(np.float32)")
    wide = nn.GRU(4, 5, dtype=np.float64)
    said = refused(lambda: wide(words), ValueError)
    assert said.endswith("input_size = 4: tokens are (L, N) or (L,)")
    assert wide([[[1, 2, 3, 4]]])[0].dtype == np.float64


def test_packed_sequence_is_named_and_lengths_take_its_place():
    PackedSequence = type("PackedSequence", (tuple,), {})
    for do in (nn.LSTM(3, 5), nn.LSTM(3, 5).forward, nn.LSTMCell(3, 5)):
        said = refused(lambda do=do: do(PackedSequence((X, [4, 4], None, None))))
        assert ": input is a PackedSequence, expected an array: input, lengths = pad_packed_sequence(" in said
        assert said.endswith("(input, batch_first=model.batch_first), then model(input, lengths=lengths)")


class Frame:
    """What a DataFrame has, as far as it is asked."""

    def __init__(self, **columns):
        self.columns, self.values = list(columns), list(columns.values())
        self.dtypes = [np.asarray(values).dtype for values in self.values]

    def __array__(self, dtype=None, copy=None):
        return np.array(self.values, dtype=object if any(kind.kind not in "fiub" for kind in self.dtypes) else None).T

    def astype(self, dtype):
        return np.array(self.values, dtype).T


@pytest.mark.parametrize("kind", ["columns and dtypes", "pandas"])
def test_column_of_a_table_that_is_not_of_numbers_is_named(kind):
    def make(**columns):
        if kind != "pandas":
            return Frame(**columns)
        return pytest.importorskip("pandas", reason="pandas is not installed").DataFrame(columns)

    model = nn.LSTM(3, 5)
    said = refused(lambda: model(make(a=[1.0, 2.0], city=["Rome", "Oslo"], b=[3, 4])))
    assert said.startswith("LSTM: input has the column 'city' of ")
    assert said.endswith(", expected numbers: input.drop(columns=['city']), or numbers in its place")
    numbers = make(a=[1.0, 2.0], b=[0.5, 1.5], c=[3, 4])
    assert refused(lambda: model(numbers)).endswith("the weights are float32; input.astype(np.float32)")
    want = model(np.array([[1, 0.5, 3], [2, 1.5, 4]], np.float32))
    assert_same(model(numbers.astype(np.float32)), want)


class Tensor:
    """A tensor of torch on the CPU, as far as it is asked: NumPy knows its bfloat16 as little as torch's."""

    def __init__(self, array, dtype):
        self.array, self.dtype = array, dtype

    def detach(self):
        return self

    def float(self):
        return Tensor(self.array.astype(np.float32), "torch.float32")

    def __array__(self, dtype=None, copy=None):
        if "float8" in self.dtype or "bfloat16" in self.dtype:
            raise TypeError("Got unsupported ScalarType BFloat16")
        return self.array


def test_bfloat16_of_torch_is_taken_as_float32_and_float64_says_how_to_get_it():
    model = nn.LSTM(3, 5, rng=0)
    for name in ("torch.bfloat16", "torch.float8_e4m3fn", "torch.float8_e5m2"):
        assert_same(model(Tensor(X.astype(np.float64), name)), model(X))
    said = refused(lambda: model(Tensor(X.astype(np.float64), "torch.float64")))
    assert said == "LSTM: input has dtype float64, expected float32: the weights are float32; input.float()"


def test_bfloat16_of_torch_itself_is_taken_as_float32():
    torch = pytest.importorskip("torch", reason="torch is not installed")
    model = nn.LSTM(3, 5, rng=0)
    given = torch.tensor(X).bfloat16()
    assert_same(model(given), model(given.float().numpy()))
    assert "detach()" in refused(lambda: model(torch.tensor(X, requires_grad=True)))


def test_floats_of_ml_dtypes_are_taken_as_float32():
    ml_dtypes = pytest.importorskip("ml_dtypes", reason="ml_dtypes is not installed")
    model = nn.LSTM(3, 5, rng=0)
    for kind in (ml_dtypes.bfloat16, ml_dtypes.float8_e5m2, ml_dtypes.float8_e4m3fn):
        given = X.astype(kind)
        assert_same(model(given), model(given.astype(np.float32)))
        assert_same(model.step(given[0]), model.step(given[0].astype(np.float32)))
    assert "has dtype int4" in refused(lambda: model(X.astype(ml_dtypes.int4)))
