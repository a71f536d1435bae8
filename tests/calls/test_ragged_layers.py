"""Ragged batches of any cell: each sequence has the bits that it has alone, and zeros past its end."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from any_layer import layer_of, parts, states_of, there_and_back
from problems import (
    Problem,
    assert_same_bits,
    assert_same_values,
    each_dtype,
    every_cell,
    isa_in_use,
)
from ragged import SIZES, alone, each_lengths, inside, problem_of
from tolerances import assert_gradients_close

import cyrnn
from cyrnn import calls
from cyrnn.calls import threads


def incoming(problem: Problem, n: int | None = None) -> tuple:
    """da (T, m, n_h), and one (n, m) for each state."""
    random, (n_a, m), T = np.random.RandomState(7), problem.initial[-1].shape, problem.x.shape[2]
    n, dtype = n or n_a, problem.x.dtype
    sizes = [n, *[n_a] * (len(problem.initial) - 1)]
    da = random.standard_normal((T, m, n)).astype(dtype)
    return da, tuple(random.standard_normal((size, m)).astype(dtype) for size in sizes)


@each_lengths
@each_dtype
@every_cell
def test_sequences_have_the_bits_of_each_alone_and_zeros_past_the_end(cell, dtype, lengths):
    for sizes in SIZES:
        problem = problem_of(cell, dtype, lengths, more=2, **sizes)
        T, (da, last) = problem.x.shape[2], incoming(problem)
        batch = there_and_back(problem, lengths, da, last)
        total = [np.zeros(value.shape) for value in batch.weights]
        for j, length in enumerate(lengths):
            one = there_and_back(alone(problem, j, length), None, da[:length, [j]], [d[:, [j]] for d in last])
            got = [batch.output, *batch.gates, batch.cells, batch.dx]
            want = [one.output, *one.gates, one.cells, one.dx]
            assert_same_values([value[:length, [j]] for value in got], want)
            assert_same_values([v[[j]] for v in (*batch.last, *batch.initial)], [*one.last, *one.initial])
            if not length:  # without a step states and their gradients go through
                assert_same_bits([v[j] for v in batch.last], [v[:, j] for v in problem.initial])
                assert_same_bits([v[j] for v in batch.initial], [v[:, j] for v in last])
            total = [value + more for value, more in zip(total, one.weights, strict=True)]
        for value in (batch.output, *batch.gates, batch.cells, batch.dx):
            assert not value[~inside(lengths, T)].any()
        named = [dict(zip("xabc", value, strict=False)) for value in (batch.weights, total)]
        assert_gradients_close(*named, "gradient against equations")


@each_dtype
@every_cell
def test_nan_past_the_ends_is_in_no_result(cell, dtype):
    """The padding of a batch may be anything: in x, and in the incoming gradients."""
    lengths = [9, 7, 0, 2, 7]
    problem = problem_of(cell, dtype, lengths, more=1, n_a=19)
    da, last = incoming(problem)
    x, outside = problem.x.copy(), ~inside(lengths, 10)
    x.transpose(2, 1, 0)[outside] = np.nan
    wrong = da.copy()
    wrong[outside] = np.nan
    got, want = there_and_back(replace(problem, x=x), lengths, wrong, last), there_and_back(problem, lengths, da, last)
    assert_same_bits(flat(got), flat(want))
    assert all(np.isfinite(value).all() for value in flat(got))


def flat(result) -> list:
    return [array for part in result for array in (part if isinstance(part, tuple) else (part,))]


@pytest.mark.parametrize("direction", [0, 1])
@each_lengths
@every_cell
def test_run_without_a_record_has_the_bits_of_one_with_it(cell, lengths, direction):
    problem = problem_of(cell, np.float32, lengths, more=1, n_a=19, n_x=40)
    layer, x = layer_of(problem, direction), problem.x.transpose(2, 1, 0)
    hx = tuple(np.repeat(part, 1 + direction, axis=0) for part in parts(states_of(problem.initial)))
    hx = hx if len(hx) > 1 else hx[0]
    ragged, runs = calls.lengths(lengths, *x.shape[:2]), []
    for records in (None, []):
        output, last = layer.forward(x, hx, False, ragged, None, None, None, records)
        n = output.shape[2] // (1 + direction)
        runs.append([output[:, :, direction * n :], *(part[direction] for part in parts(last))])
    assert_same_values(*runs)


@each_lengths
@every_cell
def test_threads_any_number_gives_the_same_bits(cell, lengths, monkeypatch):
    monkeypatch.setattr(threads, "MILLISECOND_FMAS", 1)
    monkeypatch.setattr(threads, "MIN_ROWS", 1)
    problem, before, runs = problem_of(cell, np.float32, lengths, n_a=33, n_x=9), cyrnn.get_num_threads(), []
    da, last = incoming(problem)
    try:
        for n in (1, 2, 3):
            cyrnn.set_num_threads(n)
            runs.append(flat(there_and_back(problem, lengths, da, last)))
    finally:
        monkeypatch.undo()
        cyrnn.set_num_threads(before)
    for other in runs[1:]:
        (assert_same_bits if isa_in_use() != "reference" else assert_same_values)(other, runs[0])


@pytest.mark.parametrize("lengths", [[3, 5, 2], [5, 5, 5], [0, 0, 1]], ids=str)
@each_dtype
def test_projection_of_a_ragged_batch_has_the_bits_of_each_alone(dtype, lengths):
    problem = problem_of(cyrnn.cells.LSTM, dtype, lengths, more=1, n_a=9)
    W_hr = np.random.RandomState(3).standard_normal((4, 9)).astype(dtype)
    problem = replace(problem, initial=(problem.initial[0][:4], problem.initial[1]))
    da, last = incoming(problem, 4)
    batch = there_and_back(problem, lengths, da, last, W_hr)
    for j, length in enumerate(lengths):
        one = there_and_back(alone(problem, j, length), None, da[:length, [j]], [d[:, [j]] for d in last], W_hr)
        got = [value[:length, [j]] for value in (batch.output, *batch.gates, batch.cells, batch.dx)]
        assert_same_values(got, [one.output, *one.gates, one.cells, one.dx])
        assert_same_values([v[[j]] for v in (*batch.last, *batch.initial)], [*one.last, *one.initial])
