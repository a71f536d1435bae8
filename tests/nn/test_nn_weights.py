"""The weights of cyrnn.nn: names, shapes, beginnings, where they come from, and when a change of them takes effect."""

from __future__ import annotations

import collections
import copy
import io
import pickle
import re
import types

import numpy as np
import pytest
from nn_models import assert_same, build, each_dtype, each_kind, each_stack, make, parts

from cyrnn import nn

CLASSES = [nn.RNN, nn.LSTM, nn.GRU, nn.RNNCell, nn.LSTMCell, nn.GRUCell]
ROWS = {"RNN": 1, "LSTM": 4, "GRU": 3}
each_class = pytest.mark.parametrize("kind", CLASSES, ids=lambda kind: kind.__name__)


# ---- names, shapes, beginnings -------------------------------------------------------------------


def test_names_and_shapes_are_torchs():
    """As printed by torch 2.13: LSTM(3, 5, num_layers=2, bidirectional=True, proj_size=2).state_dict()."""
    want = {}
    for layer, features in ((0, 3), (1, 4)):
        for way in ("", "_reverse"):
            want |= {
                f"weight_ih_l{layer}{way}": (20, features),
                f"weight_hh_l{layer}{way}": (20, 2),
                f"bias_ih_l{layer}{way}": (20,),
                f"bias_hh_l{layer}{way}": (20,),
                f"weight_hr_l{layer}{way}": (2, 5),
            }
    weights = nn.LSTM(3, 5, num_layers=2, bidirectional=True, proj_size=2).state_dict()
    assert [(name, value.shape) for name, value in weights.items()] == list(want.items())


@each_class
def test_rows_of_weights_are_those_of_the_gates(kind):
    model = kind(3, 5, bias=False)
    cell = kind.__name__.endswith("Cell")
    rows = 5 * ROWS[kind.__name__.removesuffix("Cell")]
    shapes = {name: value.shape for name, value in model.state_dict().items()}
    assert shapes == {f"weight_ih{'_l0' * (not cell)}": (rows, 3), f"weight_hh{'_l0' * (not cell)}": (rows, 5)}


@each_dtype
@each_class
def test_weights_begin_uniform_within_torchs_bound(kind, dtype):
    model = kind(30, 64, dtype=dtype, rng=0)
    for name, value in model.state_dict().items():
        assert value.dtype == dtype
        assert getattr(model, name).flags.writeable
        assert abs(value).max() <= 1 / 8
        assert abs(value).max() > 0.9 / 8
        assert abs(value.mean()) < 5 * (1 / 8) / np.sqrt(3 * value.size)


@each_class
def test_weights_begin_by_the_seed_or_the_generator(kind):
    first, same, other, free = (kind(3, 5, rng=rng).state_dict() for rng in (1, np.random.default_rng(1), 2, None))
    assert_same(first, same)
    for different in (other, free):
        assert not np.array_equal(first[next(iter(first))], different[next(iter(first))])
    state = np.random.get_state()[1].copy()  # noqa: NPY002 - the global stream is left alone
    kind(3, 5)
    np.testing.assert_array_equal(state, np.random.get_state()[1])  # noqa: NPY002 - as above


def test_weights_begin_the_same_in_both_dtypes_but_for_rounding():
    narrow, wide = (nn.LSTM(3, 5, dtype=dtype, rng=1).state_dict() for dtype in (np.float32, np.float64))
    assert_same(narrow, {name: value.astype(np.float32) for name, value in wide.items()})


# ---- pack: when a change takes effect ------------------------------------------------------------


def every_call(case) -> list:
    output, state, tape = case.model.forward(case.x, case.state)
    found = case.model.backward(tape, output, state)
    ragged = case.model(case.x, case.state, lengths=case.lengths, return_gates=True)
    stream = [] if case.model.bidirectional else case.model.step(case.x[0], case.state)
    return [case.model(case.x, case.state), stream, output, state, found, ragged]


@each_kind
def test_change_in_place_takes_effect_at_pack_in_every_call_at_once(kind):
    case = make(kind, num_layers=2)
    want = every_call(case)
    weights = case.model.state_dict()
    for name in weights:
        getattr(case.model, name)[...] *= 0.5
    assert_same(every_call(case), want)
    assert_same(case.model.state_dict(), {name: value * np.float32(0.5) for name, value in weights.items()})
    case.model.pack()
    other = make(kind, num_layers=2)
    other.model.load_state_dict({name: value * np.float32(0.5) for name, value in weights.items()})
    assert_same(every_call(case), every_call(other))
    assert not np.array_equal(case.model(case.x)[0], want[0][0])


@each_kind
def test_array_put_in_the_place_of_a_weight_takes_effect_at_pack(kind):
    case = make(kind)
    want = every_call(case)
    given = np.zeros(case.model.weight_hh_l0.shape)  # float64: cast
    case.model.weight_hh_l0 = given
    assert_same(every_call(case), want)
    case.model.pack()
    assert case.model.weight_hh_l0 is given
    assert case.model.state_dict()["weight_hh_l0"].dtype == np.float32
    assert_same(case.model(case.x), case.model(case.x))
    given[...] = 1
    before = every_call(case)
    case.model.pack()
    assert not np.array_equal(every_call(case)[0][0], before[0][0])


def test_pack_of_weights_that_do_not_fit_names_them_all_and_changes_nothing():
    case = make("lstm")
    want = every_call(case)
    case.model.weight_ih_l0 = np.zeros((20, 4))
    case.model.bias_ih_l0 = "twenty"
    del case.model.bias_hh_l0
    for call in (case.model.pack, case.model.state_dict, lambda: pickle.dumps(case.model)):
        with pytest.raises(ValueError, match=r"bias_hh_l0 is missing; .*\(20, 4\), expected \(20, 3\); bias_ih_l0"):
            call()
    assert_same(every_call(case), want)


# ---- state_dict and load_state_dict --------------------------------------------------------------


class Tensor:
    """What is asked of a tensor, which refuses the way round: it wants no gradient, and lies elsewhere."""

    def __init__(self, array, dtype="torch.float32", steps=()):
        self.array, self.dtype, self.steps = array, dtype, steps

    def detach(self):
        return Tensor(self.array, self.dtype, (*self.steps, "detach"))

    def cpu(self):
        return Tensor(self.array, self.dtype, (*self.steps, "cpu"))

    def float(self):
        return Tensor(self.array.astype(np.float32), "torch.float32", self.steps)

    def numpy(self):
        assert self.steps == ("detach", "cpu")
        assert self.dtype != "torch.bfloat16"
        return self.array


@each_stack
@each_dtype
@each_kind
def test_state_dict_loaded_elsewhere_gives_the_same_bits(kind, dtype, stack):
    case, other = make(kind, dtype, **stack), build(kind, dtype, **stack)
    for name in other.state_dict():
        getattr(other, name)[...] = 0
    other.load_state_dict(case.model.state_dict())
    assert_same(other(case.x, case.state), case.model(case.x, case.state))


def test_state_dict_and_what_is_loaded_are_copies():
    model = build("lstm")
    for given in (model.state_dict(), {name: getattr(model, name) for name in model.state_dict()}):
        before = model.state_dict()
        model.load_state_dict(given)
        for value in given.values():
            value[...] = 7
        assert_same(model.state_dict(), before)


def test_load_state_dict_takes_npz_files_and_other_mappings():
    case = make("lstm")
    weights = case.model.state_dict()
    file = io.BytesIO()
    np.savez(file, **weights)
    file.seek(0)
    wide = {name: value.astype(np.float64) for name, value in weights.items()}
    lists = {name: value.tolist() for name, value in weights.items()}
    shuffled = dict(reversed(weights.items()))
    with np.load(file) as npz:
        for given in (npz, wide, lists, shuffled, types.MappingProxyType(weights), collections.ChainMap(weights)):
            model = build("lstm")
            model.load_state_dict(given)
            assert_same(model(case.x), case.model(case.x))
            assert all(value.dtype == np.float32 for value in model.state_dict().values())


@pytest.mark.parametrize("dtype", ["torch.float32", "torch.bfloat16"])
def test_load_state_dict_takes_tensors_that_want_a_gradient(dtype):
    case = make("lstm")
    model = build("lstm")
    model.load_state_dict({name: Tensor(value, dtype) for name, value in case.model.state_dict().items()})
    assert_same(model(case.x), case.model(case.x))


def test_load_state_dict_of_a_whole_model_says_what_its_names_begin_with():
    weights = {f"encoder.rnn.{name}": value for name, value in build("lstm").state_dict().items()}
    said = "its names begin with 'encoder.rnn.', expected weight_ih_l0 and so on: prefix='encoder.rnn.' leaves that out"
    with pytest.raises(ValueError, match=rf"^LSTM.load_state_dict: state_dict does not fit: {said}$"):
        build("lstm").load_state_dict(weights | {"head.bias": np.zeros(3)})


def test_load_state_dict_puts_new_arrays_in_the_place_of_the_weights():
    case = make("lstm")
    before, weights = case.model.weight_ih_l0, case.model.state_dict()
    case.model.load_state_dict(weights)
    before[...] = 7
    case.model.pack()
    assert_same(case.model.state_dict(), weights)


def test_load_state_dict_that_does_not_fit_is_one_error_and_the_object_is_unchanged():
    case = make("lstm", num_layers=2)
    want, weights = every_call(case), case.model.state_dict()
    given = {name: np.zeros_like(value) for name, value in weights.items()}
    del given["bias_hh_l0"], given["weight_ih_l1"]
    given |= {"weight_ih_l2": np.zeros(3), "head.bias": np.zeros(3)}
    given["weight_hh_l0"] = given["weight_hh_l0"].T
    given["bias_ih_l1"] = np.zeros(20, complex)
    with pytest.raises(ValueError, match=r"^LSTM.load_state_dict: state_dict does not fit: ") as caught:
        case.model.load_state_dict(given)
    said = str(caught.value).partition("does not fit: ")[2].split("; ")
    assert said == [
        "bias_hh_l0 is missing",
        "weight_ih_l1 is missing",
        "weight_ih_l2 is not one of its parameters",
        "head.bias is not one of its parameters",
        "weight_hh_l0 has shape (5, 20), expected (20, 5)",
        "bias_ih_l1 has dtype complex128, expected float32 or float64 (float16, integers and bools are converted)",
    ]
    assert isinstance(caught.value, KeyError)
    assert_same(case.model.state_dict(), weights)
    assert_same(every_call(case), want)


@pytest.mark.parametrize("given", [None, [1], "weights.npz", 3], ids=repr)
def test_load_state_dict_of_what_is_no_mapping_is_a_type_error(given):
    with pytest.raises(TypeError, match=r"^LSTM.load_state_dict: state_dict is .*expected a dict or another mapping"):
        build("lstm").load_state_dict(given)


# ---- pickle, copy, repr --------------------------------------------------------------------------


@each_stack
@each_dtype
@each_kind
def test_pickle_and_deepcopy_have_the_weights_and_not_the_panels(kind, dtype, stack):
    case = make(kind, dtype, **stack)
    want = every_call(case)
    data = pickle.dumps(case.model)
    size = sum(value.nbytes for value in case.model.state_dict().values())
    assert len(data) < size + 200 * len(case.model.state_dict()) + 2000
    for other in (pickle.loads(data), copy.deepcopy(case.model)):
        assert type(other) is type(case.model)
        assert repr(other) == repr(case.model)
        case.model, own = other, case.model
        assert_same(every_call(case), want)
        for name in other.state_dict():
            assert not np.shares_memory(getattr(other, name), getattr(own, name))
        case.model = own


@each_kind
def test_copy_of_a_model_that_was_changed_packs_what_its_attributes_hold(kind):
    case = make(kind)
    want = case.model(case.x)
    case.model.weight_ih_l0[...] *= 2
    for other in (pickle.loads(pickle.dumps(case.model)), copy.deepcopy(case.model)):
        assert_same(case.model(case.x), want)
        assert not np.array_equal(other(case.x)[0], want[0])
        assert_same(other.state_dict(), case.model.state_dict())


@each_class
def test_cells_and_options_survive_pickling(kind):
    model = kind(3, 5, bias=False, rng=0)
    model.note = "mine"
    other = pickle.loads(pickle.dumps(model))
    assert other.note == "mine"
    assert_same(other.state_dict(), model.state_dict())
    x = np.ones((2, 2, 3), np.float32)
    x = x[0] if kind.__name__.endswith("Cell") else x
    assert_same(parts(other(x)), parts(model(x)))


def test_repr_shows_what_makes_such_a_model():
    assert repr(nn.LSTM(3, 5)) == "LSTM(3, 5)"
    model = nn.LSTM(3, 5, 2, False, True, 0.25, True, 4, dtype=np.float64)
    said = "LSTM(3, 5, proj_size=4, num_layers=2, bias=False, batch_first=True, dropout=0.25, bidirectional=True"
    assert repr(model) == f"{said}, dtype='float64')"
    assert repr(eval(repr(model), vars(nn))) == repr(model)
    assert repr(nn.RNNCell(3, 5, bias=False)) == "RNNCell(3, 5, bias=False)"


def test_repr_shows_the_nonlinearity():
    assert repr(nn.RNNCell(3, 5, nonlinearity="relu")) == "RNNCell(3, 5, nonlinearity='relu')"
    assert repr(nn.RNN(3, 5, 2, "relu")) == "RNN(3, 5, nonlinearity='relu', num_layers=2)"


@each_class
def test_sizes_are_attributes_that_cannot_be_changed(kind):
    model = kind(3, 5)
    assert (model.input_size, model.hidden_size, model.bias, model.dtype) == (3, 5, True, np.float32)
    with pytest.raises(AttributeError):
        model.hidden_size = 7


# ---- from_torch ----------------------------------------------------------------------------------


def module_like(model, name=None, tensor=Tensor):
    """An object of a class of torch.nn's name that has its attributes, and nothing else."""
    options = {option: getattr(model, option) for option in model._options}
    weights = {key: tensor(value) for key, value in model.state_dict().items()}
    sizes = {"input_size": model.input_size, "hidden_size": model.hidden_size}
    return type(name or type(model).__name__, (), options | weights | sizes)()


@each_stack
@each_dtype
@each_kind
def test_from_torch_has_class_options_and_weights(kind, dtype, stack):
    case = make(kind, dtype, **stack, batch_first=True)
    module = module_like(case.model)
    for other in (nn.from_torch(module), type(case.model).from_torch(module)):
        assert type(other) is type(case.model)
        assert repr(other) == repr(case.model)
        assert_same(other(case.x), case.model(case.x))
        assert not np.shares_memory(other.weight_ih_l0, module.weight_ih_l0.array)


@each_class
def test_from_torch_knows_every_class_and_its_subclasses(kind):
    model = kind(3, 5, rng=0)
    module = module_like(model)
    mine = type("Mine", (type(module),), {})()
    for given in (module, mine):
        other = nn.from_torch(given)
        assert type(other) is kind
        assert_same(other.state_dict(), model.state_dict())


def test_from_torch_takes_the_dtype_of_the_weights_or_that_it_is_told():
    for given, dtype, want in (
        (np.float64, None, np.float64),
        (np.float32, None, np.float32),
        (np.float16, None, np.float32),
        (np.float64, np.float32, np.float32),
        (np.float32, np.float64, np.float64),
    ):
        module = module_like(nn.LSTM(3, 5), tensor=lambda value, given=given: Tensor(value.astype(given)))
        assert nn.from_torch(module, dtype=dtype).dtype == want
    module = module_like(nn.LSTM(3, 5), tensor=lambda value: Tensor(value, "torch.bfloat16"))
    assert nn.from_torch(module).dtype == np.float32


def test_from_torch_of_another_class_says_what_it_wants():
    module = module_like(nn.LSTM(3, 5), "Transformer")
    with pytest.raises(TypeError, match=r"^from_torch: module is of type Transformer, expected one of torch.nn's RNN"):
        nn.from_torch(module)
    with pytest.raises(TypeError, match=r"^RNN.from_torch: module is of type LSTM, expected one of torch.nn's RNN$"):
        nn.RNN.from_torch(module_like(nn.LSTM(3, 5)))


@pytest.mark.parametrize(
    ("names", "cure"),
    [
        (["0.weight", "3.weight"], "prefix with '0.' or '3.' after it takes a part"),
        (["bn.running_var"], "a BatchNorm is not one of them; docs/how_to/from_pytorch.md has it in NumPy"),
        (["lstm.weight_ih_l0_g", "lstm.weight_ih_l0_v"], "remove_weight_norm or remove_parametrizations makes it"),
    ],
)
def test_weights_of_other_modules_are_named(names, cure):
    with pytest.raises(ValueError, match=re.escape(cure) + "$"):
        nn.from_state_dict({name: np.zeros((4, 4), np.float32) for name in names})
