"""Ragged batches: their lengths, and one sequence of them alone."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from problems import Problem, make

#: sizes on both sides of a vector, a tile of rows and a block of steps
LENGTHS = [
    [1],
    [3, 3, 3],
    [0, 5, 2],
    [0, 0],
    [0, 9, 8, 3, 6, 5, 7, 4, 2, 1],
    [7, 1, 7, 2, 7, 1, 7, 1, 7, 1, 0, 2, 1, 1, 1, 1, 1],
    [20, 60, 3, 20],
    [3] * 15 + [4] * 17 + [1],
]
#: as the kernels have them
FALLING = [sorted(lengths, reverse=True) for lengths in LENGTHS]
each_lengths = pytest.mark.parametrize("lengths", LENGTHS, ids=lambda lengths: f"{len(lengths)}-of-{max(lengths)}")
each_falling = pytest.mark.parametrize("lengths", FALLING, ids=lambda lengths: f"{len(lengths)}-of-{max(lengths)}")
SIZES = [{"n_x": 3, "n_a": 5}, {"n_x": 17, "n_a": 33}, {"n_x": 0, "n_a": 16}]


def problem_of(cell, dtype, lengths, more: int = 0, **sizes) -> Problem:
    """A batch of these lengths, and steps past the longest."""
    return make(cell, dtype, m=len(lengths), T_x=max(lengths) + more, n_y=1, **sizes)


def alone(problem: Problem, j: int, length: int) -> Problem:
    only = problem.columns([j])
    return replace(only, x=only.x[:, :, :length])


def inside(lengths, T: int) -> np.ndarray:
    """Which sequences go on at which steps, (T, m)."""
    return np.arange(T)[:, None] < np.asarray(lengths)
