"""One way down: odd arguments cost a conversion, not Python for every step, layer or entry of a cache."""

from __future__ import annotations

import sys
from dataclasses import replace

import nn_models
import numpy as np
import pytest
from backward import from_caches, incoming
from layouts import Plain
from problems import assert_same_bits, each_cell, isa_in_use, make, run_cell, run_sequence

import cyrnn
from cyrnn import nn

compiled = pytest.mark.skipif(isa_in_use() == "reference", reason="the reference is Python, step by step")


class Asked:
    """An object with `__array__`, which counts how often it was asked."""

    def __init__(self, array: np.ndarray) -> None:
        self.array, self.times = array, 0

    def __array__(self, dtype=None, copy=None):
        self.times += 1
        return self.array


def functions_entered(run) -> int:
    """How many Python functions a call enters, itself aside; warmed up, since a first call may import."""
    run()
    entered = []
    sys.setprofile(lambda frame, event, _: entered.append(frame.f_code.co_name) if event == "call" else None)
    try:
        run()
    finally:
        sys.setprofile(None)
    return len(entered) - 1


@compiled
@pytest.mark.parametrize("T", [3, 30])
def test_odd_arguments_enter_no_python_for_each_step(T):
    lstm = make(cyrnn.cells.LSTM, np.float32, T_x=T)
    odd = lstm.x.view(Plain)
    assert functions_entered(lambda: cyrnn.lstm_forward(lstm.x, lstm.initial[0], lstm.parameters)) == 1
    assert functions_entered(lambda: cyrnn.lstm_forward(odd, lstm.initial[0], lstm.parameters)) <= 70
    *_, caches = cyrnn.lstm_forward(lstm.x, lstm.initial[0], lstm.parameters)
    da = np.ones((5, 10, T), np.float32)
    assert functions_entered(lambda: cyrnn.lstm_backward(da, caches)) == 1
    assert functions_entered(lambda: cyrnn.lstm_backward(da.view(Plain), caches)) <= 30


@compiled
@pytest.mark.parametrize("options", [{}, {"proj_size": 2}, {"bidirectional": True}], ids=str)
@pytest.mark.parametrize("L", [3, 30])
def test_model_enters_few_functions_whatever_the_length(options, L):
    model = nn.LSTM(3, 5, num_layers=2, rng=0, **options)
    x = np.ones((L, 4, 3), np.float32)
    output, _, tape = model.forward(x, lengths=[L, 1, 0, 2])
    asks = 2 * model.bidirectional  # whether both ways run at once
    assert functions_entered(lambda: model(x)) <= 3 + asks
    assert functions_entered(lambda: model(x, lengths=[L, 1, 0, 2])) <= 6 + asks
    assert functions_entered(lambda: model.forward(x, lengths=[L, 1, 0, 2])) <= 12 + asks
    assert functions_entered(lambda: model.backward(tape, np.ones_like(output))) <= 30
    if not model.bidirectional:
        state = tuple(part[:, ::-1] for part in model(x)[1])
        assert functions_entered(lambda: model.step(x[0], list(state), reset=np.ones(4, bool))) <= 4


@each_cell
def test_array_of_an_object_is_asked_for_once(cell):
    problem = make(cell, np.float32)
    asked = problem.map(Asked)
    got, want = run_sequence(asked), run_sequence(problem)
    assert_same_bits([*got.states, got.y], [*want.states, want.y])
    assert [array.times for array in asked.arrays] == [1] * len(asked.arrays)
    run_cell(replace(asked, x=problem.x))
    assert [array.times for array in asked.arrays[1:]] == [2] * (len(asked.arrays) - 1)


@each_cell
def test_cache_entry_that_stands_twice_is_asked_for_once(cell):
    """The a_next of a step is the a_prev of the one after it."""
    problem = make(cell, np.float32)
    caches = run_sequence(problem)[-1]
    odd = {id(entry): Asked(entry) for step in caches[0] for entry in step[:-1]}
    steps = [(*(odd[id(entry)] for entry in step[:-1]), step[-1]) for step in caches[0]]
    d = incoming(problem)
    assert_same_bits(from_caches(cell, (steps, None), d).values(), from_caches(cell, caches, d).values())
    assert {asked.times for asked in odd.values()} == {1}


@nn_models.each_kind
@nn_models.each_dtype
def test_states_with_any_strides_or_in_a_list_have_the_bits_of_contiguous_ones(kind, dtype):
    case = nn_models.make(kind, dtype, num_layers=2)
    want = nn_models.arrays([case.model.step(case.x[0], case.state), case.model(case.x, case.state)])
    wide = [np.repeat(np.repeat(part, 2, axis=1), 3, axis=2) for part in nn_models.parts(case.state)]
    for given in (
        [np.asfortranarray(part) for part in nn_models.parts(case.state)],
        [part[:, ::2, ::3] for part in wide],
        [part[:, ::-1][:, ::-1] for part in nn_models.parts(case.state)],
    ):
        state = list(given) if len(given) > 1 else given[0]
        got = nn_models.arrays([case.model.step(case.x[0], state), case.model(case.x, state)])
        assert_same_bits(got, want)


@nn_models.each_kind
def test_lengths_that_are_all_of_the_sequence_have_the_bits_of_none(kind):
    for options in ({}, {"bidirectional": True}, {"batch_first": True, "num_layers": 2}):
        case = nn_models.make(kind, np.float32, **options)
        x = case.x.swapaxes(0, 1) if options.get("batch_first") else case.x
        got = case.model(x, case.state, lengths=[7] * 4)
        assert_same_bits(nn_models.arrays(got), nn_models.arrays(case.model(x, case.state)))
