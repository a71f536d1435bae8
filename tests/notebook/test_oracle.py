"""Values of the notebook's functions against the equations in wider arithmetic (oracle.py): every cell."""

from __future__ import annotations

from dataclasses import replace

import oracle
import pytest
from problems import ODD_SIZES, each_cell, each_dtype, make, run_cell, run_sequence
from tolerances import assert_close


@pytest.mark.parametrize("n_a", ODD_SIZES)
@each_dtype
@each_cell
def test_sequence_odd_sizes_follows_equations(cell, dtype, n_a):
    at = ODD_SIZES.index(n_a)
    problem = make(
        cell, dtype, seed=at, n_a=n_a, m=ODD_SIZES[at - 3], n_x=ODD_SIZES[at - 5], n_y=ODD_SIZES[at - 7]
    )
    states, y = oracle.sequence(problem)
    run = run_sequence(problem)
    for got, want in zip((*run.states, run.y), (*states, y), strict=True):
        assert got.dtype == dtype
        assert_close(got, want, "sequence against oracle")


@pytest.mark.parametrize("m", ODD_SIZES)
@each_dtype
@each_cell
def test_cell_odd_sizes_follows_equations(cell, dtype, m):
    at = ODD_SIZES.index(m)
    problem = make(
        cell, dtype, seed=at, m=m, n_a=ODD_SIZES[at - 2], n_x=ODD_SIZES[at - 4], n_y=ODD_SIZES[at - 6], T_x=1
    )
    states, y = oracle.sequence(problem)
    step = run_cell(problem)
    for got, want in zip((*step.states, step.y), (*states, y), strict=True):
        assert got.dtype == dtype
        assert_close(got, want[:, :, 0], "cell call against oracle")


@pytest.mark.parametrize(
    "sizes", [{"n_x": 0}, {"m": 1, "T_x": 1}, {"n_x": 1, "n_a": 1, "n_y": 1, "m": 1}, {"T_x": 40}], ids=str
)
@each_dtype
@each_cell
def test_sequence_edge_sizes_follows_equations(cell, dtype, sizes):
    problem = make(cell, dtype, seed=3, **sizes)
    states, y = oracle.sequence(problem)
    run = run_sequence(problem)
    for got, want in zip((*run.states, run.y), (*states, y), strict=True):
        assert_close(got, want, "sequence against oracle")


@each_dtype
@each_cell
def test_sequence_saturated_follows_equations(cell, dtype):
    """Pre-activations in the hundreds: gates at 0 and 1, exponentials that would overflow."""
    problem = make(cell, dtype, seed=4)
    problem = replace(problem, x=problem.x * dtype.type(300))
    states, y = oracle.sequence(problem)
    run = run_sequence(problem)
    for got, want in zip((*run.states, run.y), (*states, y), strict=True):
        assert_close(got, want, "saturated sequence against oracle")


@pytest.mark.parametrize("which", range(2), ids=["a0", "last-state"])
@each_dtype
@each_cell
def test_sequence_initial_state_matters(cell, dtype, which):
    """Each initial state reaches its own place: exchanging or dropping one changes the result."""
    problem = make(cell, dtype, seed=5)
    index = -which
    changed = list(problem.initial)
    changed[index] = changed[index] + 1
    one = run_sequence(problem).states[0]
    other = run_sequence(replace(problem, initial=tuple(changed))).states[0]
    assert (abs(one - other).max(axis=(0, 2)) > 1e-3).all()
