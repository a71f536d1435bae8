"""Results own their memory, as NumPy's do: what is done to them reaches nothing else."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from backward import assert_same_gradients, from_caches, incoming
from problems import assert_same_bits, assert_same_values, each_cell, each_dtype, make, run_sequence

import cyrnn

SIZES = [{}, {"m": 1}, {"T_x": 1}, {"n_a": 40, "n_x": 24, "m": 17, "T_x": 9}, {"m": 0}, {"T_x": 0}, {"n_y": 0}]
each_size = pytest.mark.parametrize("sizes", SIZES, ids=str)


@pytest.mark.parametrize("keep", [True, False], ids=["caches", "no-caches"])
@each_size
@each_dtype
@each_cell
def test_results_of_a_sequence_own_their_memory(cell, dtype, sizes, keep):
    run = run_sequence(make(cell, dtype, **sizes), return_caches=keep)
    for array in (*run.states, run.y):
        assert array.flags.owndata
        assert array.flags.writeable
        assert array.base is None


@each_size
@each_dtype
@each_cell
def test_results_written_to_before_the_backward_pass_leave_gradients_alone(cell, dtype, sizes):
    """`a *= mask`: dropout after the notebook's layer changed the gradients, and nothing said so."""
    problem = make(cell, dtype, **sizes)
    if not problem.x.shape[2]:
        pytest.skip("no step, no caches")
    run, d = run_sequence(problem), incoming(problem)
    want = from_caches(cell, run.caches, d)
    for array in (*run.states, run.y):
        array *= 0
        array += np.nan
    assert_same_gradients(from_caches(cell, run.caches, d), want)


@each_cell
def test_results_share_no_memory_with_the_caches(cell):
    run = run_sequence(make(cell, np.float64))
    entries = [entry for step in run.caches[0] for entry in step[:-1]]
    for array in (*run.states, run.y):
        assert not any(np.shares_memory(array, entry) for entry in entries)
    hidden = run.states[0]
    assert_same_bits([step[0] for step in run.caches[0]], [hidden[:, :, t] for t in range(hidden.shape[2])])


@each_dtype
@each_cell
def test_results_with_and_without_caches_are_the_same(cell, dtype):
    """Without caches the time loop writes to the results in place."""
    for sizes in (*SIZES, {"n_a": 65, "m": 33, "T_x": 12}):
        problem = make(cell, dtype, **sizes)
        one, other = run_sequence(problem), run_sequence(problem, return_caches=False)
        assert_same_bits([*one.states, one.y], [*other.states, other.y])
        packed = cyrnn.pack(problem.parameters)
        ready = run_sequence(replace(problem, parameters=packed), return_caches=False)
        assert_same_values([*ready.states, ready.y], [*other.states, other.y])


@pytest.mark.parametrize("order", ["C", "F", "strided", "int", "f2"])
@each_dtype
def test_softmax_over_any_axis_is_that_of_its_columns(dtype, order):
    """Against the columns one at a time, whose bits are the promise, and against the formula in wide arithmetic."""
    x = np.random.default_rng(0).standard_normal((3, 4, 6)).astype(dtype)[:, :, ::2] * 3
    x = {"C": np.ascontiguousarray, "F": np.asfortranarray, "strided": np.asarray}.get(
        order, lambda a: a.astype(order)
    )(x)
    for axis in range(-3, 3):
        got = cyrnn.softmax(x, axis=axis)
        assert got.shape == x.shape
        want = np.apply_along_axis(cyrnn.softmax, axis, np.ascontiguousarray(x))
        assert got.dtype == want.dtype
        assert got.tobytes() == np.ascontiguousarray(want).tobytes()
        e = np.exp(x.astype(np.longdouble))
        np.testing.assert_allclose(got, e / e.sum(axis, keepdims=True), rtol=1e-6 if got.dtype == np.float32 else 1e-14)
    assert cyrnn.softmax(x, axis=np.int64(1)).tobytes() == cyrnn.softmax(x, axis=-2).tobytes()


def test_softmax_of_scalars_and_of_nothing_has_axes_too():
    assert cyrnn.softmax(2.0, axis=-1) == cyrnn.softmax(2.0, axis=0) == 1
    for shape in ((0, 3), (3, 0), (0,)):
        assert cyrnn.softmax(np.zeros(shape), axis=-1).shape == shape
