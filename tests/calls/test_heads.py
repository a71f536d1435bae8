"""A linear layer and an embedding as calls: read once, in the default environment, few functions, results that own."""

from __future__ import annotations

import sys

import numpy as np
import pytest
from environment import MODES, WHY_NOT, environment
from meddler import flat, while_others_run
from problems import DTYPES, assert_same_bits, isa_in_use, name_of

import cyrnn
from cyrnn import calls, nn
from cyrnn.calls import threads

compiled = pytest.mark.skipif(isa_in_use() == "reference", reason="the reference has no pointers, and is NumPy's")
each_dtype = pytest.mark.parametrize("dtype", DTYPES, ids=name_of)
LENGTHS = [5, 0, 3, 9, 9, 1, 2, 8, 4, 7, 6, 9]


def draw(shape, dtype, seed=0):
    return np.random.default_rng(seed).standard_normal(shape).astype(dtype)


def heads(dtype):
    """Each kind of layer, an input of it and a gradient of its output."""
    linear, embedding = nn.Linear(7, 30, dtype=dtype, rng=1), nn.Embedding(20, 30, dtype=dtype, rng=1)
    indices, d = np.random.default_rng(0).integers(0, 20, (9, 12)), draw((9, 12, 30), dtype, 1)
    return [(linear, draw((9, 12, 7), dtype), d), (embedding, indices, d)]


def arrays_of(found) -> list:
    return [array for array in (found if isinstance(found, tuple) else (found,)) if array is not None]


@compiled
@each_dtype
@pytest.mark.parametrize("ragged", [False, True])
def test_shapes_changed_while_a_head_runs_change_no_result(ragged, dtype):
    lengths = calls.lengths(LENGTHS, 9, 12) if ragged else None
    for model, given, d in heads(dtype):
        (layer,) = model._sublayers
        want = [layer.forward(given, lengths), *arrays_of(layer.backward(given, d, lengths))]
        x, changed = given.copy(), []
        with while_others_run(lambda x=x, changed=changed: changed.append(flat(x))):
            got = [layer.forward(x, lengths)]
        x, dy = given.copy(), d.copy()
        with while_others_run(lambda x=x, dy=dy, changed=changed: changed.append(flat(x, dy))):
            got += arrays_of(layer.backward(x, dy, lengths))
        assert len(changed) > 1
        assert x.ndim == dy.ndim == 1
        assert_same_bits(got, want)


@compiled
@each_dtype
@pytest.mark.skipif(not MODES, reason=WHY_NOT)
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("number", [1, 2])
def test_environment_of_another_changes_no_bit_of_a_head(number, mode, dtype, monkeypatch):
    scale, cases = np.finfo(dtype).tiny / 4, []  # subnormal for the most part; made in the default environment
    for model, given, d in heads(dtype):
        small = given if given.dtype.kind == "i" else given * scale
        cases += [(model, given, d), (model, small, d * scale)]

    def run() -> list:
        found = []
        for model, x, dy in cases:
            for lengths in (None, LENGTHS):
                y, tape = model.forward(x, lengths=lengths)
                found += [y, *model.backward(tape, dy).weights.values()]
        return found

    before = cyrnn.get_num_threads()
    monkeypatch.setattr(threads, "MILLISECOND_FMAS", 1)
    try:
        cyrnn.set_num_threads(number)
        want = run()
        with environment(mode):
            got = run()
    finally:
        monkeypatch.undo()
        cyrnn.set_num_threads(before)
    assert_same_bits(got, want)


def functions_entered(call) -> list:
    """The Python functions that a call enters, itself aside."""
    entered = []
    sys.setprofile(lambda frame, event, _: entered.append(frame.f_code.co_name) if event == "call" else None)
    try:
        call()
    finally:
        sys.setprofile(None)
    return entered[1:]


@compiled
def test_plain_call_of_a_head_enters_no_other_function():
    for model, given, _ in heads(np.dtype(np.float32)):
        assert functions_entered(lambda model=model, given=given: model(given)) == ["__call__"]


@each_dtype
def test_results_of_a_head_own_their_memory_and_are_writeable(dtype):
    for model, given, d in heads(dtype):
        for lengths in (None, LENGTHS):
            y, tape = model.forward(given, lengths=lengths)
            found = [model(given, lengths=lengths), *model.backward(tape, d).weights.values()]
            for array in (y, *found):
                assert array.flags.writeable
                assert array.flags.c_contiguous
                assert not np.shares_memory(array, given)
            again = model(given, lengths=lengths)
            y[...] = np.nan
            assert_same_bits([model(given, lengths=lengths)], [again])
