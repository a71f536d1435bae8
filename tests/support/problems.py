"""Problems for any registered cell, and one way to call the notebook's functions for any cell.

Everything is derived from the cell's spec, so that a cell is tested by being registered in `cyrnn.cells`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from typing import NamedTuple

import numpy as np
import pytest

import cyrnn
import cyrnn.cells
from cyrnn.cells import Cell
from cyrnn.kernels import dispatch

#: those that the notebook's functions run
CELLS = tuple(cell for cell in cyrnn.cells.CELLS.values() if cell.function)
#: and those that have none, as `rnn_relu`: what is tested at the kernels' entry points, and through `sequence`.
#: Variants of cells are tested through nn: test_variants.py
EVERY_CELL = tuple(cell for cell in cyrnn.cells.CELLS.values() if cell.stages_of is None)
DTYPES = (np.dtype(np.float32), np.dtype(np.float64))
ISAS = tuple(dispatch.available())
COMPILED = tuple(isa for isa in ISAS if isa != "reference")
#: those with a fused multiply-add: the same bits from all of them
CANONICAL = tuple(isa for isa in COMPILED if isa != "baseline")
#: one vector lane short of, at and past the ends of panels, and smaller than any
ODD_SIZES = (1, 2, 3, 5, 7, 15, 16, 17, 33)


def isa_in_use() -> str:
    """The ISA behind the public functions in this process; ci/run.sh runs the suite once for each."""
    return dispatch.kernels.isa


def name_of(value) -> str | None:
    """Parts of a test's id: `lstm`, `float32`; None leaves it to pytest."""
    return value.name if isinstance(value, Cell | np.dtype) else None


each_cell = pytest.mark.parametrize("cell", CELLS, ids=name_of)
every_cell = pytest.mark.parametrize("cell", EVERY_CELL, ids=name_of)
each_dtype = pytest.mark.parametrize("dtype", DTYPES, ids=name_of)


class Sizes(NamedTuple):
    n_x: int = 3
    n_a: int = 5
    n_y: int = 2
    m: int = 10
    T_x: int = 4

    def of(self, shape: tuple[str, str]) -> tuple[int, int]:
        return tuple(eval(size, {}, self._asdict()) for size in shape)


@dataclass(frozen=True)
class Problem:
    cell: Cell
    parameters: dict
    x: np.ndarray  # (n_x, m, T_x)
    initial: tuple  # one (n_a, m) for each of cell.states

    def map(self, change) -> Problem:
        """The same with `change` made to each array."""
        return replace(
            self,
            parameters={key: change(value) for key, value in self.parameters.items()},
            x=change(self.x),
            initial=tuple(change(value) for value in self.initial),
        )

    def columns(self, which) -> Problem:
        """The same for some columns of the batch."""
        return replace(self, x=self.x[:, which], initial=tuple(value[:, which] for value in self.initial))

    @property
    def arrays(self) -> list:
        return [self.x, *self.initial, *self.parameters.values()]


def make(cell: Cell, dtype, seed: int = 0, **sizes: int) -> Problem:
    """Distinct random values in every array; pre-activations of order one."""
    sizes = Sizes(**sizes)
    random = np.random.RandomState(seed)
    scale = 1 / np.sqrt(max(1, sizes.n_a + sizes.n_x))

    def draw(shape, scale=1.0):
        return (random.standard_normal(shape) * scale).astype(dtype)

    return Problem(
        cell,
        {key: draw(sizes.of(shape), 0.5 if shape[1] == "1" else scale) for key, shape in cell.shapes.items()},
        draw((sizes.n_x, sizes.m, sizes.T_x)),
        tuple(draw((sizes.n_a, sizes.m)) for _ in cell.states),
    )


class Step(NamedTuple):
    states: tuple  # next, one (n_a, m) for each of cell.states
    y: np.ndarray  # (n_y, m)
    cache: tuple


class Run(NamedTuple):
    states: tuple  # one (n_a, m, T_x) for each of cell.states
    y: np.ndarray  # (n_y, m, T_x)
    caches: tuple | None


def function_of(cell: Cell, kind: str):
    """The notebook's function of the cell, in its form: `kind` is "cell_forward", "forward", "backward" ..."""
    function = getattr(cyrnn, f"{cell.function}_{kind}")
    return partial(function, **cell.keywords) if cell.keywords else function


def cell_function(cell: Cell):
    return function_of(cell, "cell_forward")


def sequence_function(cell: Cell):
    return function_of(cell, "forward")


def run_cell(problem: Problem, t: int = 0, previous: tuple | None = None) -> Step:
    xt = problem.x[:, :, t]
    *states, y, cache = cell_function(problem.cell)(xt, *(previous or problem.initial), problem.parameters)
    return Step(tuple(states), y, cache)


def run_sequence(problem: Problem, **extras) -> Run:
    """The whole sequence, from all of `problem.initial`: the states after the first are given by keyword."""
    a0, *others = problem.initial
    given = {f"{state}0": value for state, value in zip(problem.cell.states[1:], others, strict=True)}
    a, y, *others, caches = sequence_function(problem.cell)(
        problem.x, a0, problem.parameters, **given, **extras
    )
    return Run((a, *others), y, caches)


def results(run: Run) -> list:
    """Every array that a run hands out, caches included, in a fixed order."""
    arrays = [*run.states, run.y]
    if run.caches is not None:
        arrays += [value for cache in run.caches[0] for value in cache[:-1]]
    return arrays


def assert_same_bits(got, want) -> None:
    """Equal dtype, shape and bytes: -0.0 is not 0.0, and one nan is not another."""
    got, want = list(got), list(want)
    assert len(got) == len(want)
    for index, (g, w) in enumerate(zip(got, want, strict=True)):
        assert (g.dtype, g.shape) == (w.dtype, w.shape), f"array {index}"
        if g.tobytes() != w.tobytes():
            differ = np.argwhere((g != w) | (np.signbit(g) != np.signbit(w)))
            raise AssertionError(
                f"array {index}: {len(differ)} of {g.size} differ, the first at {differ[:1]}"
            )


def assert_same_values(got, want) -> None:
    """Equal bits where arithmetic is canonical; the reference may sum in another order for another layout."""
    if isa_in_use() != "reference":
        return assert_same_bits(got, want)
    for g, w in zip(got, want, strict=True):
        assert (g.dtype, g.shape) == (w.dtype, w.shape)
        np.testing.assert_allclose(g, w, rtol=0, atol=64 * np.finfo(w.dtype).eps)
    return None


def wrong_shapes(shape: tuple[int, ...]):
    """Every shape that differs in one size by one, or by one dimension."""
    for axis, size in enumerate(shape):
        for other in (size - 1, size + 1):
            yield (*shape[:axis], other, *shape[axis + 1 :])
    yield shape[1:]
    yield (*shape, 1)
