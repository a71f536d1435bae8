"""Streaming: one step at a time, the state carried by the caller, gives the bits of the whole sequence."""

from __future__ import annotations

import numpy as np
import pytest
from problems import CELLS, assert_same_values, each_cell, each_dtype, isa_in_use, make, run_sequence

import cyrnn
from cyrnn import sequence


def panels_of(problem):
    return cyrnn.pack(problem.parameters).panels


def rows(values) -> np.ndarray:
    """States (n_a, m) as kernels have them: (S, m, n_a), C-contiguous."""
    return np.ascontiguousarray(np.stack([value.T for value in values]))


@pytest.mark.parametrize(
    "sizes", [{}, {"m": 1, "n_a": 64}, {"m": 3, "n_a": 17, "n_x": 0}, {"m": 20, "n_a": 33}], ids=str
)
@each_dtype
@each_cell
def test_step_after_step_gives_the_states_of_the_sequence(cell, dtype, sizes):
    problem = make(cell, dtype, T_x=6, **sizes)
    want, panels = run_sequence(problem), panels_of(problem)
    states = rows(problem.initial)
    for t in range(6):
        before = states.copy()
        following = sequence.step(panels, problem.x[:, :, t].T, states)
        np.testing.assert_array_equal(states, before)
        assert not np.shares_memory(following, states)
        assert following.flags.c_contiguous
        states = following
        assert_same_values([value.T for value in states], [value[:, :, t] for value in want.states])


@each_dtype
@each_cell
def test_step_strided_input_gives_the_same_states(cell, dtype):
    problem = make(cell, dtype, m=5)
    panels, states = panels_of(problem), rows(problem.initial)
    plain = np.ascontiguousarray(problem.x[:, :, 0].T)
    want = sequence.step(panels, plain, states)
    apart = np.full((10, 9), np.nan, dtype)
    apart[::2, ::3] = plain
    for x in (np.asfortranarray(plain), plain[::-1].copy()[::-1], apart[::2, ::3]):
        assert_same_values([sequence.step(panels, x, states)], [want])


def test_stream_covers_every_cell_on_the_isa_of_this_run():
    assert len(CELLS) >= 2
    assert all(panels_of(make(cell, np.float32)).face is not None for cell in CELLS)
    assert isa_in_use()
