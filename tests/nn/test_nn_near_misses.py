"""Weights and modules that are nearly what is wanted: what a sentence says of them, and where it says nothing."""

from __future__ import annotations

import re

import numpy as np
import pytest
from nn_models import assert_same

from cyrnn import nn

WEIGHTS = nn.LSTM(3, 5, rng=0).state_dict()
PROJECTED = nn.LSTM(3, 5, proj_size=2, rng=0).state_dict()
X = np.zeros((7, 4, 3), np.float32)
SEVEN_ROWS = {"weight_ih_l0": np.zeros((7, 3)), "weight_hh_l0": np.zeros((7, 5))}


def refused(given, model=None, kind=ValueError, **options) -> str:
    """What is said of weights: by a model that loads them, or where a model is to be made of them."""
    with pytest.raises(kind) as caught:
        model.load_state_dict(given, **options) if model else nn.from_state_dict(given, **options)
    return str(caught.value).partition(": ")[2]


# ---- weights -------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["weight_ih_l0", "weight_hh_l0", "weight_hr_l0"])
@pytest.mark.parametrize("axes", [1, 3])
def test_matrix_of_other_dimensions_describes_no_model(name, axes):
    given = PROJECTED | {name: PROJECTED[name][0] if axes == 1 else PROJECTED[name][..., None]}
    said = refused(given)
    assert f"{name} {given[name].shape}" in said
    assert "expected those of one of torch.nn's recurrent modules: weight_ih_l0 (1, 3 or 4 times hidden_size, " in said


@pytest.mark.parametrize("extra", [{"bias_ih": np.zeros(20)}, {"weight_hr": np.zeros((2, 5))}])
def test_names_of_a_cell_among_those_of_layers_describe_no_model(extra):
    assert "expected those of one of torch.nn's recurrent modules" in refused(WEIGHTS | extra)


@pytest.mark.parametrize(("rows", "units"), [(0, 0), (10, 5), (25, 5), (21, 5), (4, 5), (8, 0)])
def test_rows_that_are_not_1_or_3_or_4_times_the_units_describe_no_model(rows, units):
    given = {"weight_ih_l0": np.zeros((rows, 3)), "weight_hh_l0": np.zeros((rows, units))}
    said = f"has weight_ih_l0 ({rows}, 3), weight_hh_l0 ({rows}, {units}), expected those of one of"
    assert said in refused(given)


def test_lists_describe_the_model_that_their_arrays_do():
    made = nn.from_state_dict({name: value.tolist() for name, value in PROJECTED.items()})
    assert repr(made) == "LSTM(3, 5, proj_size=2)"
    assert_same(made.state_dict(), PROJECTED)


def test_float64_in_the_other_order_of_bytes_makes_a_model_of_float64():
    swapped = np.dtype(np.float64).newbyteorder()
    assert nn.from_state_dict({name: value.astype(swapped) for name, value in WEIGHTS.items()}).dtype == np.float64


@pytest.mark.parametrize("lost", ["weight_ih_l0_reverse", "weight_hh_l0_reverse", "bias_hh_l0_reverse"])
def test_part_of_the_weights_of_another_model_is_not_called_that_model(lost):
    given = nn.LSTM(3, 5, bidirectional=True, rng=0).state_dict()
    del given[lost]
    said = refused(given, nn.LSTM(3, 5))
    assert "_reverse is not one of its parameters" in said
    assert "it has the weights of" not in said


def test_number_of_a_layer_may_have_two_digits():
    model = nn.RNN(2, 1, num_layers=12, rng=0)
    assert repr(nn.from_state_dict(model.state_dict())) == "RNN(2, 1, num_layers=12)"


class Full(dict):
    """A dict that has no memory for the read of a number, counted from 0."""

    def __init__(self, given, number=-1):
        super().__init__(given)
        self.reads, self.number = 0, number

    def __getitem__(self, name):
        self.reads += 1
        if self.reads > self.number >= 0:
            raise MemoryError
        return super().__getitem__(name)


@pytest.mark.parametrize(
    "given", [WEIGHTS, SEVEN_ROWS, {"epoch": 3, "model": WEIGHTS}], ids=["weights", "seven rows", "checkpoint"]
)
def test_no_memory_for_a_weight_is_no_misfit(given):
    """At whichever read: the weights may be right, and the next attempt good."""
    model = nn.LSTM(3, 5, rng=1)
    for do in (nn.from_state_dict, model.load_state_dict):
        whole = Full(given)
        try:
            do(whole)
        except ValueError:
            assert given is not WEIGHTS
        assert whole.reads > 1
        before = model.state_dict()
        for number in range(whole.reads):
            with pytest.raises(MemoryError):
                do(Full(given, number))
        assert_same(model.state_dict(), before)


def test_many_names_are_shown_by_the_first_six():
    given = {f"m{i}.{name}": value for i in range(8) for name, value in WEIGHTS.items()}
    shown = ", ".join(f"'m{i}.'" for i in range(6))
    assert f"it has the weights of 8 modules, {shown}, and 2 more, expected those of one: " in refused(given)
    six = {name: value for name, value in given.items() if name < "m6"}
    assert f"it has the weights of 6 modules, {shown}, expected those of one: " in refused(six)


# ---- checkpoints and files -----------------------------------------------------------------------


def test_checkpoint_is_looked_into_to_a_depth_that_ends():
    given, index = WEIGHTS, ""
    for name in "edcba":
        given, index = {name: given}, f"[{name!r}]{index}"
        said = refused(given, nn.LSTM(3, 5))
        if name != "a":
            assert said.endswith(f"expected its weights: checkpoint{index}")
    assert "weight_ih_l0 is missing" in said


def test_entry_of_a_checkpoint_that_cannot_be_read_hides_none_after_it():
    class Broken(dict):
        def __getitem__(self, name):
            if name == "epoch":
                raise OSError("what")
            return super().__getitem__(name)

    said = refused(Broken(epoch=3, model=WEIGHTS))
    assert said.endswith("it is a checkpoint with 'epoch', 'model', expected its weights: checkpoint['model']")


@pytest.mark.parametrize("names", [("arr_of_mine", "arr_2"), ("bias1", "fc2_3")])
def test_names_like_those_of_arrays_without_names_are_names(names):
    said = refused(dict.fromkeys(names, np.zeros(3)), nn.LSTM(3, 5))
    assert f"{names[0]} is not one of its parameters" in said
    assert "savez" not in said


@pytest.mark.parametrize("names", [("data.pkl.md",), ("my_data.pkl",), ("code/x", "a")])
def test_names_like_those_of_a_file_of_torchs_are_names(names):
    said = refused(dict.fromkeys(names, np.zeros(3)), nn.LSTM(3, 5))
    assert f"{names[0]} is not one of its parameters" in said
    assert "torch.save" not in said


# ---- input ---------------------------------------------------------------------------------------


class Tensor:
    """A tensor of torch, as far as it is asked."""

    dtype = "torch.float32"

    def __init__(self, array):
        self.array = array

    def detach(self):
        return self

    def __array__(self, dtype=None, copy=None):
        return self.array


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (Tensor(X), "has dtype float32, expected float64: the weights are float64; input.double()"),
        (X.astype("e"), "has dtype float16 (computed in float32), expected float64: the weights are float64; "),
        pytest.param(
            X.astype("g"), f"has dtype {np.dtype('g')}, expected float32 or float64 (float16, integers and ",
            marks=pytest.mark.skipif(np.dtype("g") == np.float64, reason="no wider float on this system"),
        ),
    ],
    ids=["tensor", "float16", "longdouble"],
)
def test_floats_of_another_width_say_how_to_get_the_models(given, said):
    assert f"input {said}" in called(given, np.float64)


def test_bytes_of_the_other_order_are_shown_with_their_order():
    swapped = np.dtype(np.float64).newbyteorder()
    said = f"input has dtype {swapped} (computed in float64), expected float32: the weights are float32; "
    assert said in called(X.astype(swapped), np.float32)


@pytest.mark.parametrize("odd", [np.float64(1), True, np.float32(1)], ids=repr)
def test_list_with_what_is_no_number_of_pythons_has_a_dtype_of_its_own(odd):
    x = np.ones((7, 4, 3)).tolist()
    nn.LSTM(3, 5)(x)
    x[2][1][0] = odd
    assert "input has dtype float64, expected float32" in called(x, np.float32)


def called(given, dtype) -> str:
    with pytest.raises(TypeError) as caught:
        nn.LSTM(3, 5, dtype=dtype)(given)
    return str(caught.value)


# ---- modules -------------------------------------------------------------------------------------


def module_like(model, **others):
    """An object of a class of torch.nn's name that has its attributes."""
    options = {option: getattr(model, option) for option in model._options}
    sizes = {"input_size": model.input_size, "hidden_size": model.hidden_size}
    return type(type(model).__name__, (), options | sizes | model.state_dict() | others)()


def test_wrapper_in_a_wrapper_of_a_subclass_is_unwrapped():
    model = nn.GRU(3, 5, batch_first=True, rng=0)
    given = module_like(model)
    for ancestor, held in (("DataParallel", "module"), ("OptimizedModule", "_orig_mod"), ("AveragedModel", "module")):
        given = type("Mine", (type(ancestor, (), {}),), {held: given})()
        made = nn.from_torch(given)
        assert repr(made) == "GRU(3, 5, batch_first=True)"
        assert_same(made.state_dict(), model.state_dict())


def script(**attributes):
    """What torch.jit makes of a module, as far as it is asked."""
    return type("RecursiveScriptModule", (type("ScriptModule", (), {}),), attributes)()


def whole(parts, **attributes):
    """A module with others inside."""
    return type("Model", (), {"named_modules": lambda self: parts, "state_dict": dict} | attributes)()


def test_script_is_the_module_that_it_was_made_of():
    model = nn.GRU(3, 5, rng=0)
    made = nn.from_torch(script(original_name="GRU", **vars(type(module_like(model)))))
    assert repr(made) == "GRU(3, 5)"
    assert_same(made.state_dict(), model.state_dict())


LSTM = module_like(nn.LSTM(3, 5, rng=0))
KNOWN = "RNN, LSTM, GRU, RNNCell, LSTMCell, GRUCell, Linear, Embedding, LayerNorm, Dropout, Sequential"
PART = ": nn.from_state_dict(module.state_dict(), prefix) makes the model of a part"
ONE_OF = f"expected one of torch.nn's {KNOWN}"
MODULES = {
    "trace": (script(original_name="LSTM"), "module is a trace, which keeps weights and no options: "),
    "trace of a head": (script(original_name="Linear"), "module is a trace, which keeps weights and no options: "),
    "class of a head": (nn.Linear, "module is the class Linear, expected a module: Linear(...)"),
    "script of another": (script(original_name="Conv1d"), f"module is of type RecursiveScriptModule, {ONE_OF}" + PART),
    "script without a name": (script(input_size=3), f"module is of type RecursiveScriptModule, {ONE_OF}" + PART),
    "class of another": (type("Conv1d", (), {}), f"module is of type type, {ONE_OF}"),
    "quantised": (
        type("LSTM", (), {"__module__": "torch.ao.nn.quantized.modules.rnn"})(),
        "module is a quantised LSTM, expected one of floats, or one of torch.ao.nn.quantized.dynamic: give the module",
    ),
    "one inside": (
        whole([("", object()), ("head", object()), ("net.0", LSTM), ("net.1", LSTM)]),
        f"module is of type Model, {ONE_OF}: from_torch(module.get_submodule('net.0'))",
    ),
    "none inside": (whole([("", LSTM), ("head", object())]), f"module is of type Model, {ONE_OF}"),
    "no pairs inside": (whole([3]), f"module is of type Model, {ONE_OF}"),
    "triples inside": (whole([(3, 4, 5)]), f"module is of type Model, {ONE_OF}"),
    "names that are no method": (whole([], named_modules=[("0", LSTM)]), f"module is of type Model, {ONE_OF}"),
    "no weights": (type("Set", (), {"named_modules": lambda _: [("0", LSTM)]})(), f"module is of type Set, {ONE_OF}"),
}


@pytest.mark.parametrize("what", MODULES)
def test_module_that_is_none_of_ours_says_what_it_is(what):
    module, said = MODULES[what]
    with pytest.raises(TypeError) as caught:
        nn.from_torch(module)
    found = str(caught.value).removeprefix("from_torch: ")
    assert found == said if said.endswith(("Sequential", ")", PART)) else found.startswith(said)


def test_module_without_numbers_or_attributes_says_so():
    meta = type("Tensor", (), {"is_meta": True})()
    with pytest.raises(ValueError, match=r"^LSTM.from_torch: module is on the meta device, which holds no numbers: "):
        nn.from_torch(module_like(nn.LSTM(3, 5), weight_ih_l0=meta))
    with pytest.raises(TypeError, match=r"^GRU.from_torch: module is of type GRU and has no num_layers, expected one "):
        nn.from_torch(type("GRU", (), {"input_size": 3})())


def test_tensor_that_has_a_shape_and_cannot_be_read_is_named():
    tensor = type("Tensor", (), {"detach": None, "is_quantized": True, "shape": (20, 3), "dtype": "torch.qint8"})()
    assert "weight_ih_l0 cannot be read: its tensor is quantised, " in refused(WEIGHTS | {"weight_ih_l0": tensor})


# ---- names and devices ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "more"),
    [
        ({}, ""),
        ({"num_layers": 2}, ""),
        ({"num_layers": 3, "bias": False, "proj_size": 2}, ", ..."),  # nine
        ({"num_layers": 3}, ", ..."),
    ],
)
def test_name_like_that_of_a_weight_shows_the_first_eight_weights(options, more):
    model = nn.LSTM(3, 5, **options)
    with pytest.raises(AttributeError) as caught:
        model.bias_of_mine = 3
    shown = ", ".join(list(model.state_dict())[:8])
    assert str(caught.value) == f"LSTM: bias_of_mine is not one of its parameters, expected one of {shown}{more}"
    model.weights, model.biases = 3, 4  # these are nearly no weight's


@pytest.mark.parametrize("given", [(), (None,), (True,), ("cpu:0",), ("cpu", None, False), ("float32",)])
def test_place_that_a_model_is_at_already_is_no_error(given):
    model = nn.GRUCell(3, 5)
    assert model.to(*given) is model
    assert model.dtype == np.float32


def test_dtype_that_no_model_has_is_named_as_it_is_written():
    float16 = type("dtype", (), {"__str__": lambda _: "torch.float16"})()
    for given, shown in ((float16, "torch.float16"), (3.5, "float")):
        with pytest.raises(TypeError, match=rf"^LSTM.to: got {shown}, expected 'cpu', float32 or float64$"):
            nn.LSTM(3, 5).to(given)


@pytest.mark.parametrize("given", [3.5, "half", "gpu", np.dtype("f2"), int])
def test_place_that_no_model_is_at_is_refused(given):
    model = nn.GRUCell(3, 5)
    for arguments in ((given,), ("cpu", given), (np.float64, given), (given, np.float64)):
        with pytest.raises((TypeError, NotImplementedError), match=r"^GRUCell.to: "):
            model.to(*arguments)
    assert model.dtype == np.float32


# ---- what mutants of the checks asked for --------------------------------------------------------


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda lstm: lstm(np.zeros((7, 4, 4), np.float32)), "input_size = 3"),
        (lambda lstm: lstm(X, (np.zeros((1, 4, 5), np.float32),)), "hx has 1 entries, expected 2: (h, c)"),
        (lambda lstm: lstm.step(X[0], reset=np.zeros(5, bool)), "(4,)"),
        (lambda lstm: nn.LSTM(3, 5, num_layers=2, dropout=-0.5), "dropout is -0.5, expected a number from 0 to 1"),
    ],
)
def test_argument_that_is_too_much_or_too_little_is_refused(call, said):
    with pytest.raises(ValueError, match=re.escape(said)):
        call(nn.LSTM(3, 5, rng=0))


def test_weight_that_cannot_be_read_hides_none_of_the_others():
    said = refused(WEIGHTS | {"weight_ih_l0": object(), "bias_hh_l0": np.zeros(19)}, nn.LSTM(3, 5, rng=0))
    assert "weight_ih_l0" in said
    assert "bias_hh_l0 has shape (19,), expected (20,)" in said


@pytest.mark.parametrize("options", [{"hidden_size": 4}, {"hidden_size": 6}, {"num_layers": 2}, {"bidirectional": 1}])
def test_option_that_weights_contradict_is_refused(options):
    with pytest.raises(ValueError, match="the weights say so"):
        nn.from_state_dict(WEIGHTS, **options)
    assert nn.from_state_dict(WEIGHTS, hidden_size=5, batch_first=True).batch_first


def test_number_among_the_names_of_weights_is_what_is_wrong():
    assert "1 is not one of its parameters" in refused({1: X, **WEIGHTS})


@pytest.mark.parametrize("path", ["model.npz", "MODEL.NPZ", "a.pt/model.npz"])
def test_path_is_read_by_what_its_ending_says(path):
    said = refused(path, nn.LSTM(3, 5, rng=0), TypeError)
    assert f"np.load({path!r}) reads it" in said.replace("np.load(path)", f"np.load({path!r})")
    assert "torch.load" not in said
    assert "load_file" not in said
    assert "torch.load" in refused("model", nn.LSTM(3, 5, rng=0), TypeError)


def test_many_prefixes_are_counted():
    given = {f"m{i:02}.{name}": value for i in range(13) for name, value in WEIGHTS.items()}
    assert "'m05.', and 7 more" in refused(given, nn.LSTM(3, 5, rng=0))


def test_none_is_no_state_dict():
    assert "state_dict is None, expected a dict" in refused(None, nn.LSTM(3, 5, rng=0), TypeError)


def test_wrapped_module_of_another_class_is_told_with_the_wrapper():
    inside = type("Own", (), {"named_modules": lambda self: [("", self), ("rnn", LSTM)], "state_dict": None})()
    wrapped = type("DataParallel", (), {"module": inside})()
    with pytest.raises(TypeError, match=r"from_torch\(module\.module\.get_submodule\('rnn'\)\)$"):
        nn.from_torch(wrapped)
