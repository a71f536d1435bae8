"""What NumPy's notebook takes is taken: no head, states that broadcast, any object with keys."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from types import MappingProxyType

import gradients
import numpy as np
import oracle
import pytest
from backward import (
    assert_same_gradients,
    by_hand,
    cell_backward,
    from_caches,
    given,
    incoming,
    run_backward,
    run_cell_backward,
    sequence_backward,
)
from problems import assert_same_bits, each_cell, each_dtype, make, results, run_cell, run_sequence
from tolerances import assert_close, assert_gradients_close

import cyrnn

#: unpacked, unpacked with few columns, packed for the call
SIZES = [{}, {"m": 1}, {"m": 2, "T_x": 1}, {"n_a": 40, "n_x": 24, "m": 17, "T_x": 9}]
each_size = pytest.mark.parametrize("sizes", SIZES, ids=str)
each_packed = pytest.mark.parametrize("packed", [False, True], ids=["dict", "packed"])


class Answers:
    """Has __getitem__ and nothing else: what the notebook's own code asks of `parameters`."""

    def __init__(self, values):
        self._values = values

    def __getitem__(self, key):
        return self._values[key]


class Attributes:
    """Keys that are attributes."""

    def __init__(self, values):
        self.__dict__.update(values)

    def __getitem__(self, key):
        return getattr(self, key)


def headless(problem, packed=False):
    """The same without the head's parameters."""
    parameters = {key: value for key, value in problem.parameters.items() if key not in problem.cell.head}
    return replace(problem, parameters=cyrnn.pack(parameters) if packed else parameters)


def compiled_calls_only(monkeypatch):
    """Let nothing but the first, compiled call answer."""

    def refuse(*_args, **_kwargs):
        raise AssertionError("the general road was taken")

    for module in (cyrnn.notebook.rnn, cyrnn.notebook.lstm, cyrnn.notebook.gru):
        for name in ("cell_forward", "forward", "cell_backward", "backward"):
            monkeypatch.setattr(module, name, refuse)


# ---- no head ----


@each_packed
@each_size
@each_dtype
@each_cell
def test_without_head_all_but_y_is_the_same(cell, dtype, sizes, packed, monkeypatch):
    problem = make(cell, dtype, **sizes)
    _, m, T_x = problem.x.shape
    compiled_calls_only(monkeypatch)
    run, whole = run_sequence(headless(problem, packed)), run_sequence(problem)
    assert run.y.shape == (0, m, T_x)
    assert run.y.dtype == dtype
    assert_same_bits(run.states, whole.states)
    assert run_sequence(headless(problem, packed), return_caches=False).y.shape == (0, m, T_x)
    assert_same_gradients(
        from_caches(cell, run.caches, incoming(problem)), from_caches(cell, whole.caches, incoming(problem))
    )
    step = run_cell(headless(problem, packed))
    assert step.y.shape == (0, m)
    assert step.y.dtype == dtype
    assert_same_bits(step.states, run_cell(problem).states)
    assert_same_gradients(
        run_cell_backward(headless(problem, packed), incoming(problem)), run_cell_backward(problem, incoming(problem))
    )


@each_cell
def test_without_head_states_and_gradients_follow_the_equations(cell):
    problem = make(cell, np.float64)
    run = run_sequence(headless(problem))
    for got, want in zip(run.states, oracle.sequence(problem)[0], strict=True):
        assert_close(got, want, "sequence against oracle")
    d = incoming(problem)
    assert_gradients_close(
        from_caches(cell, run.caches, d), gradients.chain(problem, d.da, d.last), "gradient against equations"
    )


@each_cell
def test_without_head_odd_arguments_are_made_plain(cell):
    problem = make(cell, np.float64)
    bare = headless(problem)
    odd = replace(bare.map(lambda a: a.astype(">f8")), parameters=MappingProxyType(bare.parameters))
    run = run_sequence(odd)
    assert run.y.shape == (0, 10, 4)
    assert_same_bits(run.states, run_sequence(problem).states)
    assert_same_gradients(run_backward(odd), run_backward(problem))


@each_cell
def test_half_a_head_is_an_error(cell):
    problem = make(cell, np.float64)
    for key in cell.head:
        parameters = {name: value for name, value in problem.parameters.items() if name != key}
        for call in (run_sequence, run_cell):
            with pytest.raises(KeyError, match=f'lacks "{key}"'):
                call(replace(problem, parameters=parameters))
        with pytest.raises(KeyError, match=f'"{key}"'):
            cyrnn.pack(parameters)


@each_cell
def test_packed_without_head_is_a_mapping_without_it(cell):
    bare = headless(make(cell, np.float64))
    packed = cyrnn.pack(bare.parameters)
    assert list(packed) == list(bare.parameters)
    assert "n_y = 0" in repr(packed)
    assert cyrnn.pack(dict(packed)).panels.cell.name == cell.name


# ---- the backward pass reads neither the head nor most biases ----


def parameters_of_caches(caches, change):
    """The caches with other parameters in step t: change(t, parameters)."""
    steps, x = caches
    return [(*step[:-1], change(t, dict(step[-1]))) for t, step in enumerate(steps)], x


@each_dtype
@each_cell
def test_backward_reads_neither_head_nor_most_biases(cell, dtype):
    problem = make(cell, dtype)
    caches, d = run_sequence(problem).caches, incoming(problem)
    want = from_caches(cell, caches, d)
    unread = [key for key in cell.shapes if key not in cell.read_backward]
    assert {*cell.head, cell.gates[-1].b} <= set(unread)

    def nan(_, parameters):
        return parameters | {key: np.full_like(parameters[key], np.nan) for key in unread}

    def without(_, parameters):
        return {key: value for key, value in parameters.items() if key not in unread}

    def other_in_each_step(t, parameters):
        return parameters | {key: parameters[key] + dtype.type(t) for key in unread}

    def other_dtype(_, parameters):
        return parameters | {key: parameters[key].astype(">f8") for key in unread}

    for change in (nan, without, other_in_each_step, other_dtype):
        changed = parameters_of_caches(caches, change)
        assert_same_gradients(from_caches(cell, changed, d), want)
        step = cell_backward(cell)(d.da[:, :, 0], *d.last, changed[0][0])
        assert_same_gradients(step, cell_backward(cell)(d.da[:, :, 0], *d.last, caches[0][0]))


@each_cell
def test_backward_refuses_weights_that_differ_from_step_to_step(cell):
    problem = make(cell, np.float64)
    caches = run_sequence(problem).caches
    for key in cell.read_backward:
        changed = parameters_of_caches(caches, lambda t, p, key=key: p | {key: p[key] + t})
        with pytest.raises(ValueError, match=f'"{key}".* differs from the first step'):
            from_caches(cell, changed, incoming(problem))


# ---- states that broadcast over the batch ----


def columns(problem):
    """Each state as (n_a, 1), and the same problem with whole states."""
    initial = tuple(value[:, :1].copy() for value in problem.initial)
    whole = tuple(np.repeat(value, problem.x.shape[1], axis=1) for value in initial)
    return replace(problem, initial=initial), replace(problem, initial=whole)


def zeros(problem, zero=0):
    whole = tuple(np.zeros_like(value) for value in problem.initial)
    return replace(problem, initial=(zero,) * len(whole)), replace(problem, initial=whole)


def last_state_only(problem):
    short, whole = columns(problem)
    return (replace(pair, initial=(*problem.initial[:-1], pair.initial[-1])) for pair in (short, whole))


BROADCAST = {
    "column": columns,
    "0": zeros,
    "0.0": lambda problem: zeros(problem, 0.0),
    "0-d": lambda problem: zeros(problem, np.zeros((), problem.x.dtype)),
    "last": last_state_only,
}


def copied(entry):
    return np.array(entry) if isinstance(entry, np.ndarray) else entry


each_broadcast = pytest.mark.parametrize("kind", BROADCAST)


@each_broadcast
@each_packed
@each_size
@each_dtype
@each_cell
def test_state_goes_for_every_example(cell, dtype, sizes, packed, kind):
    """The caches hold what was given; gradients are those of the whole batch."""
    problem = make(cell, dtype, **sizes)
    if packed:
        problem = replace(problem, parameters=cyrnn.pack(problem.parameters))
    short, whole = BROADCAST[kind](problem)
    run, want = run_sequence(short), run_sequence(whole)
    assert_same_bits([*run.states, run.y], [*want.states, want.y])
    first = dict(zip(cell.cache, run.caches[0][0], strict=True))
    assert all(first[f"{s}_prev"] is value for s, value in zip(cell.states, short.initial, strict=True))
    d = incoming(problem)
    assert_same_gradients(from_caches(cell, run.caches, d), from_caches(cell, want.caches, d))
    assert_same_gradients(from_caches(cell, by_hand(run.caches, copied), d), from_caches(cell, by_hand(want.caches), d))
    step, wanted = run_cell(short), run_cell(whole)
    assert_same_bits([*step.states, step.y], [*wanted.states, wanted.y])
    assert_same_gradients(run_cell_backward(short, d), run_cell_backward(whole, d))


@each_cell
def test_broadcast_states_follow_the_equations(cell):
    problem = make(cell, np.float64)
    short, whole = columns(problem)
    run, d = run_sequence(short), incoming(problem)
    for got, want in zip(run.states, oracle.sequence(whole)[0], strict=True):
        assert_close(got, want, "sequence against oracle")
    assert_gradients_close(
        from_caches(cell, run.caches, d), gradients.chain(whole, d.da, d.last), "gradient against equations"
    )


@each_dtype
@each_cell
def test_incoming_gradient_goes_for_every_example(cell, dtype):
    problem = make(cell, dtype)
    d, cache, caches = incoming(problem), run_cell(problem).cache, run_sequence(problem).caches
    back = cell_backward(cell)
    column = np.ones((5, 1), dtype)
    for short, whole in ((column, np.ones((5, 10), dtype)), (0, np.zeros((5, 10), dtype))):
        count = len(cell.states)
        assert_same_gradients(back(*[short] * count, cache), back(*[whole] * count, cache))
        assert_same_gradients(
            back(d.da[:, :, 0], *[short] * (count - 1), cache), back(d.da[:, :, 0], *[whole] * (count - 1), cache)
        )
        last = given(cell, (short,) * (count - 1))
        assert_same_gradients(
            sequence_backward(cell)(d.da, caches, **last),
            sequence_backward(cell)(d.da, caches, **dict.fromkeys(last, whole)),
        )


@each_cell
def test_number_as_state_leaves_float32(cell):
    """As in NumPy, where a Python number has no part in the dtype and a NumPy scalar has."""
    problem = make(cell, np.float32)
    for zero, dtype in ((0, np.float32), (0.0, np.float32), (np.float64(0), np.float64)):
        run = run_sequence(zeros(problem, zero)[0])
        assert run.y.dtype == dtype
        found = from_caches(cell, run.caches, incoming(problem))
        assert {value.dtype for value in found.values()} == {np.dtype(dtype)}


@pytest.mark.parametrize("shape", [(1, 10), (5,), (1, 5, 10), (4, 1), (10,), (1, 1)])
@each_cell
def test_other_shapes_of_states_are_refused(cell, shape):
    problem = make(cell, np.float64)
    for i in range(len(problem.initial)):
        initial = [*problem.initial[:i], np.ones(shape), *problem.initial[i + 1 :]]
        for call in (run_sequence, run_cell):
            with pytest.raises(ValueError, match=r"expected \(n_a, m\) = \(5, 10\)"):
                call(replace(problem, initial=tuple(initial)))


# ---- objects with keys ----


@pytest.mark.parametrize("kind", [Answers, Attributes, MappingProxyType, lambda d: defaultdict(list, d)])
@pytest.mark.parametrize("bare", [False, True], ids=["head", "headless"])
@each_cell
def test_object_with_keys_serves_as_parameters(cell, bare, kind):
    problem = make(cell, np.float64)
    problem = headless(problem) if bare else problem
    given_object = kind(problem.parameters)
    before = dict(given_object) if isinstance(given_object, dict) else None
    other = replace(problem, parameters=given_object)
    run = run_sequence(other)
    assert all(step[-1] is given_object for step in run.caches[0])
    assert_same_bits(results(run), results(run_sequence(problem)))
    assert_same_gradients(from_caches(cell, run.caches, incoming(problem)), run_backward(problem))
    assert_same_bits(run_cell(other).states, run_cell(problem).states)
    packed = replace(problem, parameters=cyrnn.pack(given_object))
    assert_same_bits(results(run_sequence(packed)), results(run_sequence(problem)))
    assert list(packed.parameters) == list(problem.parameters)
    if before is not None:
        assert list(given_object) == list(before), "nothing was made up"


@each_cell
def test_series_of_pandas_serves_as_parameters(cell):
    pandas = pytest.importorskip("pandas")
    problem = make(cell, np.float64)
    series = pandas.Series(problem.parameters)
    assert_same_bits(results(run_sequence(replace(problem, parameters=series))), results(run_sequence(problem)))
    assert list(cyrnn.pack(series)) == list(problem.parameters)
    del series[cell.W_y]
    with pytest.raises(KeyError, match=f'lacks "{cell.W_y}"; it has "'):
        run_sequence(replace(problem, parameters=series))


@each_cell
def test_defaultdict_makes_nothing_up(cell):
    problem = make(cell, np.float64)
    key = next(iter(cell.shapes))
    lacking = defaultdict(lambda: np.zeros((5, 1)), problem.parameters)
    del lacking[key]
    with pytest.raises(KeyError, match=f'lacks "{key}"'):
        run_sequence(replace(problem, parameters=lacking))
    assert key not in lacking


# ---- masked arrays ----


@each_cell
def test_masked_array_without_a_masked_element_is_an_array(cell):
    problem = make(cell, np.float64)
    masked = problem.map(lambda a: np.ma.masked_array(a, np.zeros(a.shape, bool)))
    assert_same_bits(run_sequence(masked).states, run_sequence(problem).states)
    assert_same_gradients(run_backward(masked), run_backward(problem))


@each_cell
def test_masked_array_anywhere_is_refused(cell):
    """A mask that is dropped changes numbers and says nothing: what is below it is computed with."""
    problem = make(cell, np.float64)

    def masked(array):
        return np.ma.masked_array(array, np.arange(array.size).reshape(array.shape) == 0)

    wrong = [replace(problem, x=masked(problem.x))]
    for i, value in enumerate(problem.initial):
        wrong.append(replace(problem, initial=(*problem.initial[:i], masked(value), *problem.initial[i + 1 :])))
    wrong += [
        replace(problem, parameters=problem.parameters | {key: masked(problem.parameters[key])})
        for key in problem.parameters
    ]
    for one in wrong:
        for call in (run_sequence, run_cell):
            with pytest.raises(ValueError, match=r"masked array.*x\.filled\(0\)"):
                call(one)


def test_masked_input_of_nn_is_refused():
    model = cyrnn.nn.LSTM(3, 5)
    x = np.ma.masked_array(np.zeros((4, 2, 3), np.float32), np.arange(24).reshape(4, 2, 3) > 11)
    with pytest.raises(ValueError, match="lengths="):
        model(x)
    with pytest.raises(ValueError, match="masked array"):
        model(x.filled(0), lengths=np.ma.masked_array([4, 2], [False, True]))
