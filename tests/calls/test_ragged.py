"""Batches of sequences of many lengths: each column has the bits that it has alone, and what takes no part is zero."""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import pytest
from backward import weight_keys
from entry_points import Guarded, batch_sizes_of, each_compiled_cell, kernels_of, run, run_backward_loop, run_part
from problems import Problem, assert_same_bits, assert_same_values, each_dtype, every_cell, isa_in_use, make
from tolerances import assert_close, assert_gradients_close

import cyrnn
from cyrnn import threads
from cyrnn.packing import Panels
from cyrnn.sequence import Past, backward, run_layer

#: of falling lengths; sizes on both sides of a vector, a tile of rows and a block of steps
LENGTHS = [
    [1],
    [3, 3, 3],
    [5, 2, 0],
    [0, 0],
    [9, 8, 7, 6, 5, 4, 3, 2, 1, 0],
    [7, 7, 7, 7, 7, 2, 2, 1, 1, 1, 1, 1, 1, 1, 1, 1, 0],
    [60, 20, 20, 3],
    [4] * 17 + [3] * 15 + [1],
]
each_lengths = pytest.mark.parametrize("lengths", LENGTHS, ids=lambda lengths: f"{len(lengths)}-of-{max(lengths)}")
SIZES = [{"n_x": 3, "n_a": 5}, {"n_x": 17, "n_a": 33}, {"n_x": 0, "n_a": 16}]


def problem_of(cell, dtype, lengths, more: int = 0, **sizes) -> Problem:
    """A batch of these lengths, and steps beyond the longest."""
    return make(cell, dtype, m=len(lengths), T_x=max(lengths) + more, n_y=1, **sizes)


def alone(problem: Problem, j: int, length: int) -> Problem:
    only = problem.columns([j])
    return replace(only, x=only.x[:, :, :length])


def inside(lengths, T: int) -> np.ndarray:
    """Which columns take part in which steps, (T, m)."""
    return np.arange(T)[:, None] < np.asarray(lengths)


def incoming(problem: Problem) -> tuple:
    """da (T, m, n_a), and one (n_a, m) for each state but the first."""
    random, (n_a, m), T = np.random.RandomState(7), problem.initial[0].shape, problem.x.shape[2]
    da = random.standard_normal((T, m, n_a)).astype(problem.x.dtype)
    return da, [random.standard_normal((n_a, m)).astype(problem.x.dtype) for _ in problem.cell.states[1:]]


# ---- the kernels' entry points ----


@each_lengths
@each_compiled_cell
def test_kernel_columns_have_the_bits_of_each_alone(cell, dtype, isa, lengths):
    """Forward and back; and beyond a column's end nothing is written."""
    kernels = kernels_of(isa, dtype)
    for sizes in SIZES:
        problem = problem_of(cell, dtype, lengths, more=1, **sizes)
        T, there = max(lengths) + 1, inside(lengths, max(lengths) + 1)
        done, found, _ = whole(kernels, problem, lengths)
        for j, length in enumerate(lengths):
            if length:
                one = alone(problem, j, length)
                got = [value[:, :length, [j]] for value in (done.states, done.gates.swapaxes(0, 1))]
                want = run(kernels, one)
                assert_same_bits(got, [want.states, want.gates.swapaxes(0, 1)])
                da, last = incoming(problem)
                back = run_backward_loop(kernels, one, da[:length, [j]].copy(), [value[:, [j]] for value in last], want)
                assert_same_bits([found.dz[:length, [j]], found.start[:, [j]]], [back.dz, back.start])
        for value in (done.states.swapaxes(0, 1), done.gates):
            assert (np.isnan(value).all(axis=(1, 3)) == ~there).all() or value.size == 0
        assert not found.dz[~there].any()
        assert len(found.dz) == T


def whole(kernels, problem: Problem, lengths, parts=((0, -1),)) -> tuple:
    """(what forward left, what backward left, Guarded arrays) of the batch, run in `parts` of its columns."""
    T, active = problem.x.shape[2], batch_sizes_of(lengths, problem.x.shape[2])
    n_a, m = problem.initial[0].shape
    states = Guarded((len(problem.cell.states), T + 1, m, n_a), problem.x.dtype)
    states.array[:, 0] = [value.T for value in problem.initial]
    gates = Guarded((T, len(problem.cell.stored_gates), m, n_a), problem.x.dtype)
    for part in parts:
        run_part(kernels, problem, states.array, gates.array if gates.array.size else None, *part, active)
    for output in (states, gates):
        output.assert_kept()
    done = type(run(kernels, alone(problem, 0, 1)))(states.array[:, 1:], gates.array, np.zeros(0))
    da, last = incoming(problem)
    found = run_backward_loop(kernels, problem, da, last, done, *((*part, active) for part in parts))
    return done, found, (states, gates)


@each_compiled_cell
def test_kernel_any_split_of_the_columns_gives_the_same_bits(cell, dtype, isa):
    """As threads share a batch: parts of which some, or all, have ended."""
    kernels = kernels_of(isa, dtype)
    for lengths in ([9, 8, 7, 6, 5, 4, 3, 2, 1, 0], [4] * 17 + [3] * 15 + [1], [6, 0, 0, 0]):
        problem, m = problem_of(cell, dtype, lengths, n_a=21), len(lengths)
        want, want_back, _ = whole(kernels, problem, lengths)
        for cuts in ([0, 1, m], [0, m // 2, m], [0, 1, 2, m - 1, m]):
            parts = [*itertools.pairwise(cuts)]
            got, got_back, _ = whole(kernels, problem, lengths, parts)
            assert_same_bits([got.states, got.gates, *got_back], [want.states, want.gates, *want_back])


@each_compiled_cell
def test_kernel_matches_reference(cell, dtype, isa):
    for lengths in LENGTHS:
        problem = problem_of(cell, dtype, lengths, more=1, n_x=9, n_a=19)
        done, found, _ = whole(kernels_of(isa, dtype), problem, lengths)
        wanted, back, _ = whole(kernels_of("reference", dtype), problem, lengths)
        for got, want in zip(done, wanted, strict=True):
            np.testing.assert_array_equal(np.isnan(got), np.isnan(want))
            assert_close(np.nan_to_num(got), np.nan_to_num(want), "kernel against reference")
        there = inside(lengths, len(found.dz))
        assert_gradients_close({"dz": found.dz}, {"dz": back.dz}, "gradient against equations")
        took = there.any(axis=0)
        assert_gradients_close({"d": found.start[:, took]}, {"d": back.start[:, took]}, "gradient against equations")


# ---- sequence.run_layer and sequence.backward ----


def there_and_back(problem: Problem, active, *, gates: bool = True) -> tuple:
    """Every array of both passes: ([states, gates], [dx, gradients of the initial states], those of the weights)."""
    x = problem.x.transpose(2, 1, 0)
    da, last = incoming(problem)
    panels = Panels(problem.cell, problem.parameters, x.dtype)
    done = run_layer(panels, x, [value.T for value in problem.initial], gates=gates, active=active)
    assert done.y.shape == (*x.shape[:2], 0)
    kept = done.gates if problem.cell.stored_gates else None
    past = Past(problem.parameters, da, [None, *(d.T for d in last)], x, done.states[:, :-1], done.states[:, 1:], kept)
    found = backward(problem.cell, past, active)
    return [done.states, done.gates], [found.x, found.initial], found.weights


def part_of(problem: Problem, j: int, length: int) -> tuple:
    """A column alone: as `there_and_back`, with what arrives cut out of that of the batch."""
    one, (da, last) = alone(problem, j, length), incoming(problem)
    x = one.x.transpose(2, 1, 0)
    panels = Panels(one.cell, one.parameters, x.dtype)
    done = run_layer(panels, x, [value.T for value in one.initial], gates=True)
    kept = done.gates if one.cell.stored_gates else None
    last = [None, *(value[:, [j]].T for value in last)]
    past = Past(one.parameters, da[:length, [j]].copy(), last, x, done.states[:, :-1], done.states[:, 1:], kept)
    found = backward(one.cell, past)
    return [done.states, done.gates], [found.x, found.initial], found.weights


@each_lengths
@each_dtype
@every_cell
def test_columns_have_the_bits_of_each_alone_and_zeros_beyond(cell, dtype, lengths):
    for sizes in SIZES:
        problem = problem_of(cell, dtype, lengths, more=2, **sizes)
        (states, gates), (dx, initial), weights = there_and_back(problem, batch_sizes_of(lengths, problem.x.shape[2]))
        total = {key: np.zeros(value.shape) for key, value in weights.items()}
        for j, length in enumerate(lengths):
            (states_j, gates_j), (dx_j, initial_j), weights_j = part_of(problem, j, length)
            got = [states[:, : length + 1, [j]], gates[:length, :, [j]], dx[:length, [j]]]
            assert_same_values(got, [states_j, gates_j, dx_j])
            assert_same_values([initial[:, [j]]], [initial_j])
            if not length:  # what arrives at the last states is what leaves at the first
                _, last = incoming(problem)
                assert_same_bits(initial[:, j], [np.zeros_like(initial[0, j]), *(value[:, j] for value in last)])
            total = {key: value + weights_j[key] for key, value in total.items()}
        there = inside(lengths, problem.x.shape[2])
        for value in (states[:, 1:].transpose(1, 2, 0, 3), gates.swapaxes(1, 2), dx):
            assert not value[~there].any()
        assert list(weights) == weight_keys(cell)
        assert_gradients_close(weights, total, "gradient against equations")


@each_dtype
@every_cell
def test_all_columns_in_all_steps_are_a_plain_batch(cell, dtype):
    problem = make(cell, dtype, n_a=21, m=7, T_x=9)
    got, want = (there_and_back(problem, active) for active in (np.full(9, 7, np.intp), None))
    for one, other in zip(got, want, strict=True):
        assert_same_bits(*((each.values() if isinstance(each, dict) else each) for each in (one, other)))


@each_dtype
@every_cell
def test_nan_beyond_the_ends_is_in_no_result(cell, dtype):
    """What pads a batch may be anything: inputs, and gradients that arrive."""
    lengths = [9, 7, 7, 2, 0]
    problem, active = problem_of(cell, dtype, lengths, more=1, n_a=19), batch_sizes_of(lengths, 10)
    x = problem.x.copy()
    x.transpose(2, 1, 0)[~inside(lengths, 10)] = np.nan
    got, want = (there_and_back(p, active) for p in (replace(problem, x=x), problem))
    for one, other in zip(got, want, strict=True):
        assert_same_bits(*((each.values() if isinstance(each, dict) else each) for each in (one, other)))
    done, back, _ = got
    assert all(np.isfinite(value).all() for value in (*done, back[0]))


@every_cell
def test_no_gates_wanted_gives_the_same_states(cell):
    problem, active = problem_of(cell, np.float64, [9, 4, 1], n_a=19), batch_sizes_of([9, 4, 1], 9)
    x, rows = problem.x.transpose(2, 1, 0), [value.T for value in problem.initial]
    panels = Panels(cell, problem.parameters, x.dtype)
    bare, full = (run_layer(panels, x, rows, gates=gates, active=active) for gates in (False, True))
    assert bare.gates.shape[1] == 0
    assert_same_bits([bare.states], [full.states])


@each_lengths
@every_cell
def test_threads_any_number_gives_the_same_bits(cell, lengths, monkeypatch):
    monkeypatch.setattr(threads, "MILLISECOND", 1)
    monkeypatch.setattr(threads, "LEAST_ROWS", 1)
    problem, before, runs = problem_of(cell, np.float32, lengths, n_a=33, n_x=9), cyrnn.get_num_threads(), []
    try:
        for n in (1, 2, 3):
            cyrnn.set_num_threads(n)
            done, back, weights = there_and_back(problem, batch_sizes_of(lengths, max(lengths)))
            runs.append([*done, *back, *weights.values()])
    finally:
        monkeypatch.undo()
        cyrnn.set_num_threads(before)
    for other in runs[1:]:
        (assert_same_bits if isa_in_use() != "reference" else assert_same_values)(other, runs[0])
