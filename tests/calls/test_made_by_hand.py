"""What kernels trust cannot be written to from Python; objects that somebody made or changed by hand crash nothing."""

from __future__ import annotations

import contextlib
import copy
import pickle
from dataclasses import replace

import numpy as np
import pytest
from backward import from_caches, incoming, run_backward
from interpreter import isolated
from meddler import flat
from problems import CELLS, assert_same_bits, each_cell, isa_in_use, make, results, run_cell, run_sequence

import cyrnn
from cyrnn import calls
from cyrnn.calls.implementation import implementation

compiled = pytest.mark.skipif(isa_in_use() == "reference", reason="the reference trusts no object with an address")


def packed(cell, dtype=np.float64, **sizes):
    problem = make(cell, dtype, **sizes)
    return replace(problem, parameters=cyrnn.pack(problem.parameters))


def refused(call, *errors) -> str:
    with pytest.raises(errors or (TypeError, ValueError, AttributeError, KeyError, RuntimeError)) as caught:
        call()
    return str(caught.value)


# ---- packed parameters ---------------------------------------------------------------------------


@each_cell
def test_panels_cannot_be_written_to(cell):
    panels = cyrnn.pack(make(cell, np.float64).parameters).panels
    for name in ("n_x", "n_a", "n_y", "cell", "dtype"):
        refused(lambda name=name: setattr(panels, name, 100_000), AttributeError)
        refused(lambda name=name: delattr(panels, name), AttributeError)
    refused(lambda: setattr(panels, "anything", 1), AttributeError)


@each_cell
def test_packed_parameters_cannot_be_written_to(cell):
    p = cyrnn.pack(make(cell, np.float64).parameters)
    for name in ("panels", "arrays", "_values", "_remake", "anything"):
        said = refused(lambda name=name: setattr(p, name, None), AttributeError)
        assert said == f"cyrnn: packed parameters are read-only: {name} cannot be set"
    for name in ("panels", "arrays"):
        said = refused(lambda name=name: delattr(p, name), AttributeError)
        assert said == f"cyrnn: packed parameters are read-only: {name} cannot be deleted"
    key = next(iter(p))
    for mapping in (p.arrays, p._values):
        refused(lambda mapping=mapping: mapping.__setitem__(key, None), TypeError, AttributeError)
    before = p.panels
    with contextlib.suppress(TypeError):
        p.__init__({}, {}, None, None)
    assert p.panels is before


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("dtype", ["f4", "f8", ">f8", "i2"])
@each_cell
def test_memory_of_packed_arrays_cannot_be_made_writeable(cell, dtype, order):
    problem = make(cell, np.float64)
    p = cyrnn.pack({key: np.array(v * 100, dtype, order=order) for key, v in problem.parameters.items()})
    for value in [*p.values(), *p.arrays.values()]:
        while isinstance(value, np.ndarray):
            with pytest.raises(ValueError, match="WRITEABLE"):
                value.flags.writeable = True
            with pytest.raises(ValueError, match="resize"):
                value.resize((1,), refcheck=False)
            value = value.base
        with pytest.raises(TypeError):
            memoryview(value)[0] = 0
    for key, value in problem.parameters.items():
        np.testing.assert_array_equal(p[key], (value * 100).astype(dtype))
        assert p[key].dtype == dtype
        assert p[key].flags.fnc == np.array(value, order=order).flags.fnc


@each_cell
def test_shapes_of_packed_arrays_are_nothing_to_the_calls(cell):
    """Its values are an array each of the bytes; the panels have others."""
    problem = packed(cell, m=9, T_x=3)
    want = [v.copy() for v in [*results(run_sequence(problem)), *run_backward(problem).values()]]
    for mapping in (problem.parameters, problem.parameters.arrays):
        for value in mapping.values():
            flat(value) if value.flags.c_contiguous else None
    assert_same_bits([*results(run_sequence(problem)), *run_backward(problem).values()], want)


class Other:
    n_x = n_a = n_h = n_y = 100_000
    cell, dtype = CELLS[0], np.dtype(np.float64)


@pytest.mark.parametrize("what", ["none", "deleted", "int", "look-alike", "empty", "other cell", "other size", "dtype"])
@each_cell
def test_panels_that_are_not_those_of_pack_are_refused(cell, what):
    """By object.__setattr__, which Python does not forbid."""
    problem = packed(cell)
    caches = run_sequence(problem).caches
    other = next(another for another in CELLS if another is not cell)
    p = problem.parameters
    panels = {
        "none": lambda: None,
        "deleted": lambda: None,
        "int": lambda: 100_000,
        "look-alike": Other,
        "empty": lambda: type(p.panels).__new__(type(p.panels)) if isa_in_use() != "reference" else None,
        "other cell": lambda: cyrnn.pack(make(other, np.float64).parameters).panels,
        "other size": lambda: cyrnn.pack(make(cell, np.float64, n_a=8).parameters).panels,
        "dtype": lambda: cyrnn.pack(make(cell, np.float32).parameters).panels,
    }[what]()
    object.__setattr__(p, "panels", panels)
    if what == "deleted":
        object.__delattr__(p, "panels")
    for call in (lambda: run_sequence(problem), lambda: run_cell(problem)):
        said = refused(call)
        assert {"other cell": "is packed for the cell", "dtype": "packed in float32"}.get(what, "pack again") in said
    if what not in ("other size", "dtype"):
        refused(lambda: from_caches(cell, caches, incoming(problem)))


@compiled
@pytest.mark.parametrize("name", ["Panels", "Lengths", "Resets", "SavedForward"])
def test_empty_objects_hurt_no_call(name):
    kind = getattr(implementation, name)
    (sublayer,) = cyrnn.nn.LSTM(3, 5, rng=0)._sublayers
    x = np.ones((7, 2, 3), np.float32)
    for empty in (kind(), kind.__new__(kind)):
        for attribute in dir(empty):
            if not attribute.startswith("__"):
                value = getattr(empty, attribute)
                if callable(value):
                    with contextlib.suppress(ValueError):  # no forward pass has left this record
                        value()
        if name == "Lengths":
            assert sublayer.forward(x, None, False, empty) is None
            assert calls.linear(np.ones((5, 3), np.float32), None).forward(x, empty) is None
            assert calls.embedding(np.ones((5, 3), np.float32), None).forward(np.ones((2, 3), int), empty) is None
        if name == "Resets":
            assert sublayer.forward(x, resets=empty) is None
            assert sublayer.forward(x[:0, :0], resets=empty)[0].size == 0
        if name == "SavedForward":
            assert sublayer.backward(empty, None, None) is None
    refused(lambda: sublayer.backward(None, None, None), TypeError)


@compiled
@pytest.mark.parametrize("name", ["CellCalls", "Sublayer", "Elements", "Linear", "Embedding"])
def test_objects_that_need_arguments_cannot_be_made_empty(name):
    kind = getattr(implementation, name)
    refused(kind, TypeError)
    refused(lambda: kind.__new__(kind), TypeError)


@compiled
def test_objects_of_calls_can_be_neither_copied_nor_pickled():
    lstm = cyrnn.nn.LSTM(3, 5, rng=0)
    x = np.ones((7, 2, 3), np.float32)
    tape = lstm.forward(x)[2]
    objects = [
        cyrnn.pack(make(CELLS[0], np.float64).parameters).panels,
        calls.of(CELLS[0]),
        calls.elements("tanh"),
        calls.lengths([1, 2], 3, 2),
        calls.resets_of(np.ones((3, 2), bool), False),
        lstm._sublayers[0],
        tape.records[0],
        cyrnn.nn.Linear(3, 5)._sublayers[0],
        cyrnn.nn.Embedding(3, 5)._sublayers[0],
    ]
    for value in objects:
        for copied in (copy.copy, copy.deepcopy, pickle.dumps):
            refused(lambda copied=copied, value=value: copied(value), TypeError)
        for state in (None, (), {}, ({}, {})):
            for name in ("__setstate__", "__setstate_cython__"):
                if hasattr(value, name):
                    refused(lambda value=value, name=name, state=state: getattr(value, name)(state))


@compiled
def test_initialising_again_changes_nothing():
    lstm = cyrnn.nn.LSTM(3, 5, rng=0)
    (sublayer,) = lstm._sublayers
    x = np.ones((7, 2, 3), np.float32)
    want = lstm(x)[0]
    W = np.ones((4000, 3000), np.float32)
    for arguments in ((), (calls.of(CELLS[1]), (W, W, W, None), (0, 1, 2, 3), 0, 1, 1, False)):
        with contextlib.suppress(TypeError):
            sublayer.__init__(*arguments)
    np.testing.assert_array_equal(lstm(x)[0], want)
    assert not hasattr(sublayer, "arrays")
    for name in ("panels", "calls", "weights", "blocks", "count"):
        refused(lambda name=name: setattr(sublayer, name, 10**6), AttributeError)


@compiled
def test_arrays_that_a_head_cannot_read_are_refused():
    """Those of nn are contiguous copies."""
    W = np.ones((5, 6), np.float32)
    for layer in (lambda W: calls.linear(W, None), lambda W: calls.embedding(W, None)):
        for wrong in (W.astype(int), W[0], W.astype(W.dtype.newbyteorder())):
            assert "no plain array" in refused(lambda layer=layer, wrong=wrong: layer(wrong), TypeError)
        refused(lambda layer=layer: layer(None), TypeError)
    refused(lambda: calls.embedding(W[:, ::2], None), TypeError)
    assert "do not fit" in refused(lambda: calls.linear(W, W[0]), ValueError)
    x = np.ones((2, 6), np.float32)
    np.testing.assert_array_equal(calls.linear(W.repeat(2, axis=1)[:, ::2], W[:, 0]).forward(x), np.full((2, 5), 7))


HEAD_TAPES = """
from cyrnn import nn, calls
x, ids, d = np.ones((7, 4, 3), np.float32), np.ones((7, 4), np.int64), np.ones((7, 4, 5), np.float32)
for model, given, other in (
    (nn.Linear(3, 5, rng=0), x, nn.Linear(4, 6, rng=0)), (nn.Embedding(3, 5, rng=0), ids, nn.Embedding(2, 6, rng=0))
):
    _, tape = model.forward(given, lengths=[7, 1, 0, 3])
    want = model.backward(tape, d).weights["weight"]
    wrong = {
        "layer": [None, 3, other._sublayers[0], nn.LSTM(3, 5)._sublayers[0]],
        "input": [None, given[0], given[..., :2], given.astype(np.int8) - 100, [[1]]],
        "lengths": [3, "a", [1], calls.lengths([1, 2], 7, 2), calls.lengths([1] * 4, 6, 4)],
        "leading": [(), (2,), (7, 40), None],
        "batch_first": [True],
    }
    for name, values in wrong.items():
        for value in values:
            before = getattr(tape, name)
            setattr(tape, name, value)
            try:
                model.backward(tape, d)
            except (TypeError, ValueError, AttributeError):
                pass
            else:
                raise AssertionError((name, value))
            setattr(tape, name, before)
    assert (model.backward(tape, d).weights["weight"] == want).all()
print("alive")
"""


@compiled
def test_tape_of_a_head_changed_by_hand_is_refused():
    done = isolated(HEAD_TAPES)
    assert done.stdout.endswith("alive\n"), done.stderr[-2000:]


TAPES = """
from cyrnn import nn
x = np.ones((7, 4, 3), np.float32)
models = [nn.LSTM(3, 5, num_layers=2, rng=0), nn.GRU(3, 6, num_layers=2, rng=0)]
tapes = [model.forward(x)[2] for model in models]
tape, other = tapes
kind = type(tape.records[0])
for records in ([], [None] * 2, [1, 2], [kind(), kind()], other.records, tape.records[::-1], tape.records[:1]):
    tape.records, before = records, tape.records
    try:
        models[0].backward(tape, np.ones((7, 4, 5), np.float32))
    except (TypeError, ValueError, IndexError, AttributeError):
        pass
    else:
        raise AssertionError(records)
    tape.records = before
for sublayers in ((), other.sublayers, tape.sublayers[::-1], (None, None)):
    tape.sublayers, before = sublayers, tape.sublayers
    try:
        models[0].backward(tape, np.ones((7, 4, 5), np.float32))
    except (TypeError, ValueError, IndexError, AttributeError, UnboundLocalError):
        pass
    tape.sublayers = before
for record in tape.records:
    for array in [*record.every_gate(), record.every_cell_state()]:
        base = array.base
        while isinstance(base, np.ndarray):
            import warnings
            warnings.simplefilter("ignore")
            base.shape = (base.size, 1, 1, 1)
            base = base.base
    [a.sum() for a in record.every_gate()], record.every_cell_state().sum()
models[0].backward(tape, np.ones((7, 4, 5), np.float32))
print("alive")
"""


@compiled
def test_tape_changed_by_hand_is_refused_or_right():
    done = isolated(TAPES)
    assert done.stdout.endswith("alive\n"), done.stderr[-2000:]
