"""Batches of sequences of many lengths: each column has the bits that it has alone, and what takes no part is zero."""

from __future__ import annotations

import itertools

import numpy as np
from entry_points import Guarded, batch_sizes_of, each_compiled_cell, points_of, run, run_back, run_part
from problems import Problem, assert_same_bits
from ragged import FALLING, SIZES, alone, each_falling, inside, problem_of
from tolerances import assert_close, assert_gradients_close


def incoming(problem: Problem) -> tuple:
    """da (T, m, n_a), and one (n_a, m) for each state but the first."""
    random, (n_a, m), T = np.random.RandomState(7), problem.initial[0].shape, problem.x.shape[2]
    da = random.standard_normal((T, m, n_a)).astype(problem.x.dtype)
    return da, [random.standard_normal((n_a, m)).astype(problem.x.dtype) for _ in problem.cell.states[1:]]


# ---- the kernels' entry points ----


@each_falling
@each_compiled_cell
def test_kernel_columns_have_the_bits_of_each_alone(cell, dtype, isa, lengths):
    """Forward and back; and beyond a column's end nothing is written."""
    points = points_of(isa, dtype)
    for sizes in SIZES:
        problem = problem_of(cell, dtype, lengths, more=1, **sizes)
        T, there = max(lengths) + 1, inside(lengths, max(lengths) + 1)
        done, found, _ = whole(points, problem, lengths)
        for j, length in enumerate(lengths):
            if length:
                one = alone(problem, j, length)
                got = [value[:, :length, [j]] for value in (done.states, done.gates.swapaxes(0, 1))]
                want = run(points, one)
                assert_same_bits(got, [want.states, want.gates.swapaxes(0, 1)])
                da, last = incoming(problem)
                back = run_back(points, one, da[:length, [j]].copy(), [value[:, [j]] for value in last], want)
                assert_same_bits([found.dz[:length, [j]], found.d_initial[:, [j]]], [back.dz, back.d_initial])
        for value in (done.states.swapaxes(0, 1), done.gates):
            assert (np.isnan(value).all(axis=(1, 3)) == ~there).all() or value.size == 0
        assert not found.dz[~there].any()
        assert len(found.dz) == T


def whole(points, problem: Problem, lengths, parts=((0, -1),)) -> tuple:
    """(what forward left, what backward left, Guarded arrays) of the batch, run in `parts` of its columns."""
    T, active = problem.x.shape[2], batch_sizes_of(lengths, problem.x.shape[2])
    n_a, m = problem.initial[0].shape
    states = Guarded((len(problem.cell.states), T + 1, m, n_a), problem.x.dtype)
    states.array[:, 0] = [value.T for value in problem.initial]
    gates = Guarded((T, len(problem.cell.stored_gates), m, n_a), problem.x.dtype)
    for part in parts:
        run_part(points, problem, states.array, gates.array if gates.array.size else None, *part, active)
    for output in (states, gates):
        output.assert_kept()
    done = type(run(points, alone(problem, 0, 1)))(states.array[:, 1:], gates.array, np.zeros(0))
    da, last = incoming(problem)
    found = run_back(points, problem, da, last, done, *((*part, active) for part in parts))
    return done, found, (states, gates)


@each_compiled_cell
def test_kernel_any_split_of_the_columns_gives_the_same_bits(cell, dtype, isa):
    """As threads share a batch: parts of which some, or all, have ended."""
    points = points_of(isa, dtype)
    for lengths in ([9, 8, 7, 6, 5, 4, 3, 2, 1, 0], [4] * 17 + [3] * 15 + [1], [6, 0, 0, 0]):
        problem, m = problem_of(cell, dtype, lengths, n_a=21), len(lengths)
        want, want_back, _ = whole(points, problem, lengths)
        for cuts in ([0, 1, m], [0, m // 2, m], [0, 1, 2, m - 1, m]):
            parts = [*itertools.pairwise(cuts)]
            got, got_back, _ = whole(points, problem, lengths, parts)
            assert_same_bits([got.states, got.gates, *got_back], [want.states, want.gates, *want_back])


@each_compiled_cell
def test_kernel_matches_reference(cell, dtype, isa):
    for lengths in FALLING:
        problem = problem_of(cell, dtype, lengths, more=1, n_x=9, n_a=19)
        done, found, _ = whole(points_of(isa, dtype), problem, lengths)
        wanted, back, _ = whole(points_of("reference", dtype), problem, lengths)
        for got, want in zip(done, wanted, strict=True):
            np.testing.assert_array_equal(np.isnan(got), np.isnan(want))
            assert_close(np.nan_to_num(got), np.nan_to_num(want), "kernel against reference")
        there = inside(lengths, len(found.dz))
        assert_gradients_close({"dz": found.dz}, {"dz": back.dz}, "gradient against equations")
        took = there.any(axis=0)
        initial = ({"d": value.d_initial[:, took]} for value in (found, back))
        assert_gradients_close(*initial, "gradient against equations")
