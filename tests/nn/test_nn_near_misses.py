"""Weights and modules that are nearly what is wanted: what a sentence says of them, and where it says nothing."""

from __future__ import annotations

import numpy as np
import pytest
from nn_models import assert_same

from cyrnn import nn

WEIGHTS = nn.LSTM(3, 5, rng=0).state_dict()
PROJECTED = nn.LSTM(3, 5, proj_size=2, rng=0).state_dict()
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


def test_model_without_units_is_described_by_nothing():
    empty = {"weight_ih_l0": np.zeros((0, 3)), "weight_hh_l0": np.zeros((0, 0))}
    assert "has weight_ih_l0 (0, 3), weight_hh_l0 (0, 0), expected those of one of" in refused(empty)


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
        (Tensor(np.zeros((7, 4, 3), "f")), "has dtype float32, expected float64: the weights are float64; input.double()"),
        (np.zeros((7, 4, 3), "e"), "has dtype float16 (computed in float32), expected float64: the weights are float64"),
        (np.zeros((7, 4, 3), "g"), f"has dtype {np.dtype('g')}, expected float32 or float64 (float16, integers and "),
    ],
    ids=["tensor", "float16", "longdouble"],
)
def test_floats_of_another_width_say_how_to_get_the_models(given, said):
    assert f"input {said}" in called(given, np.float64)


def test_bytes_of_the_other_order_are_shown_with_their_order():
    swapped = np.dtype(np.float64).newbyteorder()
    said = f"input has dtype {swapped} (computed in float64), expected float32: the weights are float32; "
    assert said in called(np.zeros((7, 4, 3), swapped), np.float32)


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
