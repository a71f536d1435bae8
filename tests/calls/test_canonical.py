"""Canonical arithmetic: the same bits however the work is cut, ordered, stored or packed."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from drawn import drawn, problems
from hypothesis import given
from hypothesis import strategies as st
from problems import (
    assert_same_bits,
    each_cell,
    each_dtype,
    isa_in_use,
    make,
    results,
    run_cell,
    run_sequence,
)

import cyrnn

pytestmark = pytest.mark.skipif(
    isa_in_use() == "reference",
    reason="the reference sums in NumPy's order, which depends on shapes: not canonical",
)


def outputs(run) -> list:
    return [*run.states, run.y]


def batch_of(runs: list) -> list:
    """Runs of parts of a batch, put side by side."""
    return [np.concatenate(parts, axis=1) for parts in zip(*map(results, runs), strict=True)]


@each_dtype
@each_cell
@drawn
@given(data=st.data())
def test_columns_one_at_a_time_equal_the_batch(cell, dtype, data):
    problem = data.draw(problems(cell, dtype))
    m = problem.x.shape[1]
    alone = batch_of([run_sequence(problem.columns([j])) for j in range(m)])
    assert_same_bits(alone, results(run_sequence(problem)))


@each_dtype
@each_cell
def test_every_batch_size_to_40_equals_the_columns_of_the_largest(cell, dtype):
    problem = make(cell, dtype, n_a=21, n_x=9, n_y=5, m=40, T_x=3)
    whole = results(run_sequence(problem))
    for m in range(1, 40):
        part = results(run_sequence(problem.columns(slice(40 - m, None))))
        assert_same_bits(part, [value[:, 40 - m :] for value in whole])


@each_dtype
@each_cell
@drawn
@given(data=st.data())
def test_permuted_batch_gives_permuted_results(cell, dtype, data):
    problem = data.draw(problems(cell, dtype, least_m=2))
    order = data.draw(st.permutations(range(problem.x.shape[1])))
    got = results(run_sequence(problem.columns(order)))
    assert_same_bits(got, [value[:, order] for value in results(run_sequence(problem))])


@each_dtype
@each_cell
@drawn
@given(data=st.data())
def test_sequence_in_chunks_equals_the_whole(cell, dtype, data):
    problem = data.draw(problems(cell, dtype, least_T=2))
    T_x = problem.x.shape[2]
    cuts = sorted(data.draw(st.sets(st.integers(1, T_x - 1), min_size=1)))
    parts, initial = [], problem.initial
    for start, stop in zip([0, *cuts], [*cuts, T_x], strict=True):
        run = run_sequence(replace(problem, x=problem.x[:, :, start:stop], initial=initial))
        initial = tuple(state[:, :, -1] for state in run.states)
        parts.append(outputs(run))
    joined = [np.concatenate(pieces, axis=2) for pieces in zip(*parts, strict=True)]
    assert_same_bits(joined, outputs(run_sequence(problem)))


@each_dtype
@each_cell
@drawn
@given(data=st.data())
def test_cell_calls_equal_the_sequence(cell, dtype, data):
    problem = data.draw(problems(cell, dtype))
    run, previous = run_sequence(problem), problem.initial
    for t, cache in enumerate(run.caches[0]):
        step = run_cell(problem, t, previous)
        previous = step.states
        assert_same_bits([*step.states, step.y], [value[:, :, t] for value in outputs(run)])
        assert_same_bits(step.cache[:-1], cache[:-1])


@each_dtype
@each_cell
@drawn
@given(data=st.data())
def test_no_caches_packed_and_fortran_order_equal_the_plain_call(cell, dtype, data):
    problem = data.draw(problems(cell, dtype))
    want = outputs(run_sequence(problem))
    packed = replace(problem, parameters=cyrnn.pack(problem.parameters))
    assert_same_bits(outputs(run_sequence(problem, return_caches=False)), want)
    assert_same_bits(outputs(run_sequence(packed)), want)
    assert_same_bits(outputs(run_sequence(packed, return_caches=False)), want)
    assert_same_bits(outputs(run_sequence(problem.map(np.asfortranarray))), want)


@each_dtype
@each_cell
def test_long_run_equals_its_steps(cell, dtype):
    """Longer than any block of steps a kernel might work on at once; batch 1, where the input is hoisted."""
    for m in (1, 3, 9):
        problem = make(cell, dtype, n_a=12, n_x=7, m=m, T_x=700)
        run, previous = run_sequence(problem, return_caches=False), problem.initial
        for t in range(700):
            step = run_cell(problem, t, previous)
            previous = step.states
            assert_same_bits([*step.states, step.y], [value[:, :, t] for value in outputs(run)])


@each_dtype
@each_cell
@pytest.mark.parametrize(
    ("n_x", "n_a", "T_x"),
    [(16, 5, 20), (16, 96, 21), (17, 33, 22), (19, 70, 29), (40, 16, 10), (64, 65, 33), (100, 13, 40), (3, 9, 40)],
)
def test_one_column_alone_equals_the_column_in_a_batch(n_x, n_a, T_x, cell, dtype):
    """Alone, its input projection is interleaved: in groups over ranges of k, which divide nothing evenly."""
    problem = make(cell, dtype, n_x=n_x, n_a=n_a, m=2, T_x=T_x)
    for j in (0, 1):
        want = [value[:, [j]] for value in results(run_sequence(problem))]
        assert_same_bits(results(run_sequence(problem.columns([j]))), want)


@each_dtype
@pytest.mark.parametrize("name", ["sigmoid", "tanh"])
@drawn
@given(n=st.integers(1, 100), seed=st.integers(0, 999), stop=st.integers(1, 100))
def test_elements_anywhere_in_an_array_are_the_same(name, dtype, n, seed, stop):
    x = (np.random.RandomState(seed).standard_normal(100) * 20).astype(dtype)
    whole = getattr(cyrnn, name)(x)
    assert_same_bits(
        [getattr(cyrnn, name)(x[stop - n if stop > n else 0 : stop])], [whole[max(0, stop - n) : stop]]
    )


@each_dtype
@drawn
@given(n=st.integers(1, 40), m=st.integers(1, 40), seed=st.integers(0, 999))
def test_softmax_columns_one_at_a_time_equal_the_batch(dtype, n, m, seed):
    x = (np.random.RandomState(seed).standard_normal((n, m)) * 5).astype(dtype)
    alone = np.stack([cyrnn.softmax(x[:, j]) for j in range(m)], axis=1)
    assert_same_bits([alone], [cyrnn.softmax(x)])
