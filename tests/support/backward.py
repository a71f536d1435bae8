"""Gradients for any registered cell: what arrives, one way to call the backward functions, what comes out."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from problems import Problem, assert_same_bits, function_of, isa_in_use, run_cell, run_sequence
from tolerances import assert_gradients_close

from cyrnn.cells import Cell


class Incoming(NamedTuple):
    """The gradients that a loss hands to a sequence."""

    da: np.ndarray  # (n_a, m, T), T up to T_x
    last: tuple  # one (n_a, m) for each of cell.states but the first: of that state after step T - 1

    def map(self, change) -> Incoming:
        return Incoming(change(self.da), tuple(change(value) for value in self.last))

    def columns(self, which) -> Incoming:
        return Incoming(self.da[:, which], tuple(value[:, which] for value in self.last))


def incoming(problem: Problem, T: int | None = None, seed: int = 1) -> Incoming:
    """Distinct random values for every step and state; T is all steps if not given."""
    n_a, m = problem.initial[0].shape
    T = problem.x.shape[2] if T is None else T
    random = np.random.RandomState(seed)
    da = random.standard_normal((n_a, m, T)).astype(problem.x.dtype)
    last = (random.standard_normal((n_a, m)).astype(problem.x.dtype) for _ in problem.cell.states[1:])
    return Incoming(da, tuple(last))


def cell_backward(cell: Cell):
    return function_of(cell, "cell_backward")


def sequence_backward(cell: Cell):
    return function_of(cell, "backward")


def given(cell: Cell, last: tuple) -> dict:
    """`last` as the keywords of the backward function: {"dc": ...}."""
    return {f"d{state}": value for state, value in zip(cell.states[1:], last, strict=True)}


def from_caches(cell: Cell, caches, gradients: Incoming) -> dict:
    return sequence_backward(cell)(gradients.da, caches, **given(cell, gradients.last))


def run_backward(problem: Problem, gradients: Incoming | None = None) -> dict:
    """Forward with caches, then backward from them."""
    gradients = incoming(problem) if gradients is None else gradients
    return from_caches(problem.cell, run_sequence(problem).caches, gradients)


def run_cell_backward(problem: Problem, gradients: Incoming, t: int = 0) -> dict:
    """One step forward from the initial states, then back; da of step 0 and `last` are what arrives."""
    cache = run_cell(problem, t).cache
    return cell_backward(problem.cell)(gradients.da[:, :, 0], *gradients.last, cache)


def weight_keys(cell: Cell) -> list[str]:
    """The parameters that have a gradient, in their order."""
    return [key for key in cell.shapes if key not in (cell.W_y, cell.b_y)]


def gradient_names(cell: Cell) -> list[str]:
    return ["dx", *(f"d{state}0" for state in cell.states), *(f"d{key}" for key in weight_keys(cell))]


def cell_gradient_names(cell: Cell) -> list[str]:
    return ["dxt", *(f"d{state}_prev" for state in cell.states), *(f"d{key}" for key in weight_keys(cell))]


def of_columns(cell: Cell, gradients: dict) -> list:
    """Those that belong to a column of the batch: all but the weights'."""
    return [gradients[name] for name in ("dx", *(f"d{state}0" for state in cell.states))]


def by_hand(caches, change=np.array):
    """The caches as the notebook's own code would make them: each entry an array of its own, C order."""
    steps, x = caches
    return [(*(change(entry) for entry in step[:-1]), step[-1]) for step in steps], x


def assert_same_gradients(got: dict, want: dict) -> None:
    """Equal bits where arithmetic is canonical; the reference may sum in another order for another layout."""
    assert list(got) == list(want)
    if isa_in_use() != "reference":
        return assert_same_bits(got.values(), want.values())
    for name, value in got.items():
        assert value.dtype == want[name].dtype
    return assert_gradients_close(got, want, "gradient against itself in another order")
