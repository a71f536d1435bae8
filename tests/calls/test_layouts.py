"""Any strides, byte order, alignment, read-only memory or subclass: the same values, nothing written to."""

from __future__ import annotations

import hashlib
from dataclasses import replace

import numpy as np
import pytest
from layouts import LAYOUTS, backwards, misaligned, strided
from problems import (
    DTYPES,
    assert_same_values,
    each_cell,
    each_dtype,
    make,
    name_of,
    results,
    run_cell,
    run_sequence,
)

import cyrnn


def own_arrays(run) -> list:
    """Without what is the caller's: the caches hold that as it was given."""
    return [*run.states, run.y]


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize(
    "sizes", [{}, {"m": 1}, {"m": 17, "n_a": 16, "n_x": 33, "n_y": 15}], ids=["notebook", "m1", "large"]
)
@each_dtype
@each_cell
def test_sequence_layout_leaves_values_alone(cell, dtype, layout, sizes):
    problem = make(cell, dtype, **sizes)
    changed = problem.map(LAYOUTS[layout])
    got, want = run_sequence(changed), run_sequence(problem)
    assert_same_values(own_arrays(got), own_arrays(want))
    assert all(type(value) is np.ndarray for value in own_arrays(got))
    got, want = run_cell(changed), run_cell(problem)
    assert_same_values(own_arrays(got), own_arrays(want))
    assert all(type(value) is np.ndarray for value in own_arrays(got))


@pytest.mark.parametrize("layout", LAYOUTS)
@each_cell
def test_sequence_layout_keeps_identities(cell, layout):
    problem = make(cell, np.float64).map(LAYOUTS[layout])
    caches = run_sequence(problem).caches
    assert caches[1] is problem.x
    entry = dict(zip(cell.cache, caches[0][0], strict=True))
    assert entry["a_prev"] is problem.initial[0]
    assert np.shares_memory(np.asarray(entry["xt"]), np.asarray(problem.x))


@each_dtype
@each_cell
def test_sequence_one_changed_layout_at_a_time_leaves_values_alone(cell, dtype):
    problem = make(cell, dtype, m=7)
    want = own_arrays(run_sequence(problem))
    for key, value in problem.parameters.items():
        mixed = replace(problem, parameters={**problem.parameters, key: strided(value)})
        assert_same_values(own_arrays(run_sequence(mixed)), want)
    assert_same_values(own_arrays(run_sequence(replace(problem, x=backwards(problem.x)))), want)
    for place in range(len(problem.initial)):
        initial = [misaligned(v) if i == place else v for i, v in enumerate(problem.initial)]
        assert_same_values(own_arrays(run_sequence(replace(problem, initial=tuple(initial)))), want)


@each_dtype
@each_cell
def test_sequence_stride_zero_is_read_as_repeated(cell, dtype):
    problem = make(cell, dtype)
    x = np.broadcast_to(problem.x[:, :1, :1], problem.x.shape)
    initial = tuple(np.broadcast_to(value[:, :1], value.shape) for value in problem.initial)
    parameters = {
        key: np.broadcast_to(value[:1, :1], value.shape) for key, value in problem.parameters.items()
    }
    broadcast = replace(problem, x=x, initial=initial, parameters=parameters)
    want = run_sequence(broadcast.map(np.ascontiguousarray))
    assert_same_values(own_arrays(run_sequence(broadcast)), own_arrays(want))


def a_page_apart(value, offset):
    """Rows of 4 KB, which begin in one set of the L1 cache, from that element on; beside them nan."""
    if value.shape[1] == 1:
        return value
    rows = np.full((value.shape[0], 4096 // value.itemsize), np.nan, value.dtype)
    own = rows[:, offset : offset + value.shape[1]]
    own[...] = value
    return own


@pytest.mark.parametrize("m", [1, 2, 3, 8])
@each_dtype
@each_cell
def test_cell_weights_whose_rows_are_a_page_apart_leave_values_alone(cell, dtype, m):
    problem = make(cell, dtype, m=m, n_a=37, n_x=45, n_y=1)
    want = own_arrays(run_cell(problem))
    for offset in range(17):
        parameters = {key: a_page_apart(value, offset) for key, value in problem.parameters.items()}
        assert_same_values(own_arrays(run_cell(replace(problem, parameters=parameters))), want)


@each_cell
def test_sequence_memmap_is_accepted(cell, tmp_path):
    problem = make(cell, np.float64)
    stored = np.memmap(tmp_path / "x", np.float64, "w+", shape=problem.x.shape)
    stored[...] = problem.x
    got = run_sequence(replace(problem, x=stored))
    assert_same_values(own_arrays(got), own_arrays(run_sequence(problem)))
    assert type(got.y) is np.ndarray


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("dtype", DTYPES, ids=name_of)
@pytest.mark.parametrize("name", ["sigmoid", "tanh", "softmax"])
def test_pointwise_layout_leaves_values_alone(name, dtype, layout):
    function = getattr(cyrnn, name)
    for shape in [(5,), (3, 4), (17, 33), (2, 3, 4)]:
        x = np.random.RandomState(1).standard_normal(shape).astype(dtype) * dtype.type(3)
        kept = x.copy()
        got = function(LAYOUTS[layout](x))
        assert_same_values([got], [function(x)])
        assert type(got) is np.ndarray
        np.testing.assert_array_equal(x, kept)


def fingerprint(arrays) -> list[str]:
    return [hashlib.sha256(np.ascontiguousarray(np.asarray(value)).tobytes()).hexdigest() for value in arrays]


@pytest.mark.parametrize("layout", LAYOUTS)
@each_dtype
@each_cell
def test_inputs_after_any_call_are_unchanged(cell, dtype, layout):
    problem = make(cell, dtype, m=7).map(LAYOUTS[layout])
    before, keys = fingerprint(problem.arrays), list(problem.parameters.items())
    run_sequence(problem)
    run_sequence(problem, return_caches=False)
    run_cell(problem)
    cyrnn.pack(problem.parameters)
    assert fingerprint(problem.arrays) == before
    assert len(keys) == len(problem.parameters)
    assert all(problem.parameters[key] is value for key, value in keys)


@each_dtype
@each_cell
def test_results_share_no_memory_with_inputs(cell, dtype):
    problem = make(cell, dtype)
    run, step = run_sequence(problem), run_cell(problem)
    for value in [*own_arrays(run), *own_arrays(step)]:
        assert value.flags.writeable
        assert not any(np.shares_memory(value, given) for given in problem.arrays)


@each_cell
def test_results_of_a_later_call_leave_earlier_ones_alone(cell):
    """No work buffer is handed out."""
    problem = make(cell, np.float64)
    run, step = run_sequence(problem), run_cell(problem)
    kept = fingerprint(results(run) + own_arrays(step))
    other = problem.map(np.negative)
    run_sequence(other)
    run_cell(other)
    assert fingerprint(results(run) + own_arrays(step)) == kept
