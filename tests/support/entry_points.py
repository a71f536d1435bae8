"""Whole runs at the kernels' entry points, with guards around all that a kernel writes."""

from __future__ import annotations

import math
from typing import NamedTuple

import kernel_panels
import numpy as np
import numpy_kernels
import pytest
from kernel_panels import EntryPoints, packed_transposed, split_weights
from problems import COMPILED, DTYPES, EVERY_CELL, Problem

from cyrnn.kernels import dispatch

#: elements of nan before and after each output; a kernel that writes outside its arrays meets them
GUARD = 64

each_compiled_cell = pytest.mark.parametrize(
    ("cell", "dtype", "isa"),
    [
        pytest.param(cell, dtype, isa, id=f"{cell.name}-{dtype.name}-{isa}")
        for cell in EVERY_CELL
        for dtype in DTYPES
        for isa in COMPILED
    ],
)


class Guarded:
    """An array of nan between two guards of nan."""

    def __init__(self, shape: tuple[int, ...], dtype) -> None:
        size = math.prod(shape)
        self.memory = np.full(size + 2 * GUARD, np.nan, dtype)
        self.array = self.memory[GUARD : GUARD + size].reshape(shape)

    def assert_kept(self) -> None:
        assert np.isnan(self.memory[:GUARD]).all(), "written before the array"
        assert np.isnan(self.memory[-GUARD:]).all(), "written past the array"


class Result(NamedTuple):
    states: np.ndarray  # (S, T, m, n_a), without the initial ones
    gates: np.ndarray  # (T, G, m, n_a), the stored ones
    y: np.ndarray  # (T, m, n_y)


class InNumpy:
    """The entry points of numpy_kernels.py, for arrays of one dtype."""

    def __init__(self, dtype) -> None:
        self.dtype = np.dtype(dtype)

    def __getattr__(self, name: str):
        return getattr(numpy_kernels, name)


def points_of(isa: str, dtype) -> EntryPoints | InNumpy:
    """The entry points of an ISA; those in NumPy for "reference"."""
    return InNumpy(dtype) if isa == "reference" else EntryPoints(dispatch.load(isa), dtype)


def pack(points, matrices: list) -> np.ndarray:
    """Pack matrices of one shape, one for each gate; every element of the result is written."""
    units, k = matrices[0].shape
    gates = len(matrices)
    out = Guarded((points.packed_size(units, k, gates),), matrices[0].dtype)
    for gate, W in enumerate(matrices):
        points.pack(W, gate, gates, out.array)
    out.assert_kept()
    return out.array


def packed_gates(points, problem: Problem) -> tuple:
    """(Wx, Wa, b) of the cell's gates, packed."""
    return kernel_panels.packed_gates(points, problem.cell, problem.parameters)


def run(points, problem: Problem, *, gates: bool = True) -> Result:
    """The whole forward pass; without `gates` the kernel is not asked to store them."""
    cell, dtype = problem.cell, problem.x.dtype
    n_a, m = problem.initial[0].shape
    T = problem.x.shape[2]
    states = Guarded((len(cell.states), T + 1, m, n_a), dtype)
    states.array[:, 0] = [value.T for value in problem.initial]
    stored = Guarded((T, len(cell.stored_gates), m, n_a), dtype)
    wanted = stored.array if gates and cell.stored_gates else None
    points.forward(cell.name, problem.x.transpose(2, 1, 0), *packed_gates(points, problem), states.array, wanted)
    W_y, b_y = problem.parameters[cell.W_y], problem.parameters[cell.b_y]
    y = Guarded((T * m, len(W_y)), dtype)
    points.head(states.array[0, 1:].reshape(T * m, n_a), pack(points, [W_y]), pack(points, [b_y]), y.array)
    for output in (states, stored, y):
        output.assert_kept()
    return Result(states.array[:, 1:], stored.array, y.array.reshape(T, m, len(W_y)))


class BackwardResult(NamedTuple):
    dz: np.ndarray  # (T, m, G * n_a)
    d_initial: np.ndarray  # (1 + C, m, n_a)
    inner: np.ndarray  # (T, m, n_a); of no elements where the cell has none


def batch_sizes_of(lengths, T: int) -> np.ndarray:
    """How many columns take part in each of T steps, for sequences of falling lengths."""
    return (np.asarray(lengths)[None] > np.arange(T)[:, None]).sum(axis=1, dtype=np.intp)


def run_part(points, problem: Problem, states, gates, *part) -> None:
    """The columns of `part`, (first, last, batch sizes), of a run; states[:, 0] are the initial ones."""
    x = problem.x.transpose(2, 1, 0)
    points.forward(problem.cell.name, x, *packed_gates(points, problem), states, gates, *part)


def run_back(points, problem: Problem, da: np.ndarray, last: tuple, done: Result, *parts) -> BackwardResult:
    """The backward pass of the run that left `done`, for da (T, m, n_a); in parts as (first, last, batch sizes)."""
    cell, p, dtype = problem.cell, problem.parameters, da.dtype
    T, m, n_a = da.shape
    _, WaT = packed_transposed(points, cell, p)
    dz = Guarded((T, m, len(cell.gates) * n_a), dtype)
    d_initial = Guarded((1 + len(cell.skip_gradients), m, n_a), dtype)
    dz.array[...], d_initial.array[...] = 0, 0
    for row, value in zip(d_initial.array[1:], last, strict=False):
        row[...] = value.T
    states = np.empty((len(cell.states), T + 1, m, n_a), dtype)
    states[:, 0], states[:, 1:] = [value.T for value in problem.initial], done.states
    previous, following = states[:, :-1], states[:, 1:]
    inner = None
    if cell.recomputed or len(cell.stages) > 1:
        inner = Guarded(da.shape, dtype)
        inner.array[...] = 0
    for gate in cell.recomputed:
        _, W_a = split_weights(cell, gate, p, n_a)
        hidden = np.ascontiguousarray(previous[0]).reshape(T * m, n_a)
        points.multiply(hidden, pack(points, [W_a]), pack(points, [p[gate.b]]), inner.array.reshape(T * m, n_a))
    gates = done.gates if cell.stored_gates else None
    workspace = None if inner is None else inner.array
    for part in parts or [()]:
        points.backward(cell.name, da, WaT, previous, following, gates, workspace, dz.array, d_initial.array, *part)
    for output in (dz, d_initial, *(() if inner is None else (inner,))):
        output.assert_kept()
    return BackwardResult(dz.array, d_initial.array, np.zeros(0, dtype) if inner is None else inner.array)
