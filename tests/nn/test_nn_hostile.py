"""Hostile and clumsy use of cyrnn.nn: what an attack found, and what it must never find again."""

from __future__ import annotations

import copy
import pickle
import sys

import numpy as np
import pytest
from nn_models import assert_same, build, each_kind, make, parts

from cyrnn import nn
from cyrnn.nn import weights

X = np.zeros((7, 4, 3), np.float32)


def refused(do, kind) -> str:
    with pytest.raises(kind) as caught:
        do()
    return str(caught.value)


# ---- arguments -----------------------------------------------------------------------------------


@each_kind
def test_state_of_no_dimension_is_a_wrong_shape_for_a_stack_too(kind):
    case = make(kind, num_layers=2)
    zero = tuple(np.zeros((), np.float32) for _ in parts(case.state))
    zero = zero if len(zero) > 1 else zero[0]
    for do in (lambda: case.model(X, zero), lambda: case.model.step(X[0], zero)):
        assert "has shape (), expected (D * num_layers, N, H_out) = " in refused(do, ValueError)


@pytest.mark.parametrize("value", [True, False])
def test_switch_is_not_taken_for_a_seed(value):
    model = build("lstm", num_layers=2, dropout=0.5)
    want = f"is {value}, expected a Generator or a seed, whole and not negative"
    assert refused(lambda: model.forward(X, dropout_rng=value), TypeError) == f"LSTM.forward: dropout_rng {want}"
    assert refused(lambda: nn.LSTM(3, 5, rng=value), TypeError) == f"LSTM: rng {want}"


def test_dropout_is_a_real_number():
    with pytest.raises(ValueError, match=r"^LSTM: dropout is of type complex64, expected a number from 0 to 1$"):
        nn.LSTM(3, 5, 2, dropout=np.complex64(0.5 + 3j))


@pytest.mark.parametrize("name", ["input_size", "hidden_size", "num_layers"])
def test_size_beyond_all_arrays_is_said(name):
    sizes = {"input_size": 3, "hidden_size": 5} | {name: 10**30}
    want = f"LSTM: {name} is more than {sys.maxsize}, expected what an array can have"
    assert refused(lambda: nn.LSTM(**sizes), ValueError) == want


@each_kind
def test_no_streams_need_no_reset(kind):
    model = build(kind, num_layers=2)
    assert_same(model.step(X[0, :0], reset=[]), model.step(X[0, :0]))


@pytest.mark.parametrize("made", [nn.RNN, nn.RNNCell])
def test_nonlinearity_cannot_be_changed_behind_the_back_of_the_weights(made):
    model = made(3, 5, nonlinearity="relu")
    with pytest.raises(AttributeError):
        model.nonlinearity = "tanh"
    assert model.nonlinearity == pickle.loads(pickle.dumps(model)).nonlinearity == "relu"


# ---- weights from elsewhere ----------------------------------------------------------------------


def test_weight_that_cannot_be_read_is_named(tmp_path):
    model = build("lstm", bias=False)
    weights = model.state_dict()
    np.savez(tmp_path / "weights.npz", **weights | {"weight_hh_l0": weights["weight_hh_l0"].astype(object)})
    with np.load(tmp_path / "weights.npz") as given:
        said = refused(lambda: model.load_state_dict(given), ValueError)
    assert said.startswith("LSTM.load_state_dict: state_dict does not fit: weight_hh_l0 cannot be read: Object arrays ")
    assert_same(model.state_dict(), weights)


def test_subclass_is_made_from_a_module_of_the_class_it_extends():
    class Encoder(nn.LSTM):
        pass

    made = Encoder.from_torch(nn.LSTM(3, 5, 2, rng=1))
    assert type(made) is Encoder
    assert_same(made(X), nn.LSTM(3, 5, 2, rng=1)(X))
    said = refused(lambda: Encoder.from_torch(nn.GRU(3, 5)), TypeError)
    assert said == "Encoder.from_torch: module is of type GRU, expected one of torch.nn's LSTM"


@pytest.mark.parametrize("gone", ["proj_size", "input_size", "weight_ih_l0", "weight_hh_l0"])
def test_class_of_another_library_with_the_same_name_is_refused(gone):
    class LSTM:
        pass

    own = nn.LSTM(3, 5)
    names = ["input_size", "hidden_size", *own._options, *own.state_dict()]
    module = LSTM()
    vars(module).update({name: getattr(own, name) for name in names if name != gone})
    want = f"LSTM.from_torch: module is of type LSTM and has no {gone}, expected one of torch.nn's modules"
    assert refused(lambda: nn.from_torch(module), TypeError) == want


# ---- all of the weights, or none -----------------------------------------------------------------


@each_kind
def test_weights_that_cannot_be_packed_are_not_half_loaded(kind, monkeypatch):
    model = build(kind, num_layers=2)
    before, want = model.state_dict(), model(X)
    other = {name: value + 1 for name, value in before.items()}

    def no_memory(*_):
        raise MemoryError

    with monkeypatch.context() as patch:
        patch.setattr(weights, "packed", no_memory)
        refused(lambda: model.load_state_dict(other), MemoryError)
    assert_same([model.state_dict(), model(X)], [before, want])


class Interrupted(dict):
    """The attributes of a model: the first time that one is looked up, another thread has its turn."""

    turn = None

    def __getitem__(self, name):
        turn, self.turn = self.turn, None
        if turn is not None:
            turn()
        return super().__getitem__(name)


@each_kind
@pytest.mark.parametrize("what", ["pack", "state_dict", "load_state_dict"])
def test_weights_that_another_thread_loads_meanwhile_are_all_or_none(kind, what):
    model = build(kind, num_layers=2)
    old = model.state_dict()
    new = {name: -value for name, value in old.items()}
    outputs = [(model.load_state_dict(weights), model(X + 1))[1] for weights in (new, old)]
    model.__dict__ = attributes = Interrupted(vars(model))
    attributes.turn = lambda: model.load_state_dict(new)
    found = getattr(model, what)(*[old] * (what == "load_state_dict"))
    for whole in [found] if what == "state_dict" else [model.state_dict()]:
        assert any(all(np.array_equal(whole[name], loaded[name]) for name in old) for loaded in (old, new))
    assert any(np.array_equal(model(X + 1)[0], want) for want, _ in outputs)


@each_kind
def test_weights_that_were_loaded_are_not_those_that_are_computed_with(kind):
    case = make(kind, num_layers=2)
    case.model.load_state_dict(case.model.state_dict())
    output, state, tape = case.model.forward(case.x, case.state)
    want = case.model.backward(tape, np.ones_like(output))
    for value in vars(case.model).values():
        if isinstance(value, np.ndarray):
            value[...] = np.nan
    assert_same([output, *parts(state)], [(again := case.model.forward(case.x, case.state))[0], *parts(again[1])])
    found = case.model.backward(tape, np.ones_like(output))
    assert_same([found.input, *found.weights.values()], [want.input, *want.weights.values()])


# ---- tapes ---------------------------------------------------------------------------------------


def test_tape_says_that_it_cannot_be_pickled():
    tape = build("gru").forward(X)[2]
    for do in (pickle.dumps, copy.deepcopy):
        said = refused(lambda do=do: do(tape), TypeError)
        assert said == "cyrnn: a tape can be neither pickled nor copied: go back where forward was called"


@each_kind
def test_writing_to_results_reaches_neither_tape_nor_weights(kind):
    case = make(kind, num_layers=2)
    output, state, tape = case.model.forward(case.x, case.state)
    ones = np.ones_like(output)
    want = case.model.backward(tape, ones)
    want = [want.input.copy(), *[part.copy() for part in parts(want.hx)], *[v.copy() for v in want.weights.values()]]
    for _ in range(2):
        found = case.model.backward(tape, ones)
        flat = [found.input, *parts(found.hx), *found.weights.values()]
        assert_same(flat, want)
        for array in [*flat, output, *parts(state)]:
            array[...] = np.nan
