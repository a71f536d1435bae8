"""The work of the grid: every function of the notebook's kind, n_x = n_a = n, by cyrnn and by the notebook's NumPy.

Parameters are in a dict, caches are kept, all arrays have one dtype: NumPy's work arrays too, so that float32 stays so.
A backward pass starts from the caches of the same side's forward pass. The GRU resets before the product, by default.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from functools import partial
from time import perf_counter
from typing import Any

import numpy as np

import cyrnn
from cyrnn.demo import plain

from .rivals import notebook_numpy
from .truth import TOLERANCE
from .work import GATES, Array

SIZES = (1, 3, 5, 10, 16, 32, 50, 64, 100, 128, 200, 256, 300, 400, 512, 768, 1024)
BATCHES = (1, 2, 3, 4, 8, 10, 16, 32, 64, 128)
STEPS = 10
N_Y = 10
CELLS = ("rnn", "lstm", "gru")
PASSES = ("cell_forward", "forward", "cell_backward", "backward")
DTYPES = {"f32": np.dtype(np.float32), "f64": np.dtype(np.float64)}
FUNCTIONS = tuple(f"{cell}_{name}" for cell in CELLS for name in PASSES)

Call = Callable[[], Any]
NUMPY: dict[str, Callable[..., Any]] = {
    "rnn_cell_forward": notebook_numpy.rnn_cell,
    "lstm_cell_forward": notebook_numpy.lstm_cell,
    "gru_cell_forward": plain.gru_cell_forward,
    "rnn_forward": notebook_numpy.rnn_sequence,
    "lstm_forward": notebook_numpy.lstm_sequence,
    "gru_forward": notebook_numpy.gru_sequence,
    "rnn_cell_backward": notebook_numpy.rnn_cell_backward,
    "lstm_cell_backward": notebook_numpy.lstm_cell_backward,
    "gru_cell_backward": plain.gru_cell_backward,
} | {f"{cell}_backward": partial(notebook_numpy.sequence_backward, cell) for cell in CELLS}
OURS: dict[str, Callable[..., Any]] = {name: getattr(cyrnn, name) for name in FUNCTIONS}


@dataclass
class Work:
    """One function at one size on both sides; results are those of a first call."""

    function: str
    dtype: str
    n: int
    m: int
    numpy: Call
    cyrnn: Call
    numpy_result: Any
    cyrnn_result: Any
    #: seconds of the first calls
    once: tuple[float, float]

    def error(self) -> float:
        """Return the largest difference between results; raise ValueError if it is not within tolerance.

        Relative to the largest element of all: a gradient of one element may be all but cancelled.
        """
        ours, theirs = (named(self.function, result) for result in (self.cyrnn_result, self.numpy_result))
        if set(ours) != set(theirs):
            raise ValueError(f"results differ in name: {', '.join(sorted(set(ours) ^ set(theirs)))}")
        scale = max(float(np.abs(want).max(initial=0)) for want in theirs.values())
        worst = 0.0
        for name, want in theirs.items():
            got = ours[name]
            if got.shape != want.shape or got.dtype != DTYPES[self.dtype]:
                raise ValueError(f"{name} is {got.shape} {got.dtype}, expected {want.shape} {DTYPES[self.dtype]}")
            if want.dtype != got.dtype:
                raise ValueError(f"{name} of NumPy is {want.dtype}: not the same work")
            difference = float(np.abs(got - want).max(initial=0)) / scale
            worst = max(worst, difference if np.isfinite(got).all() else np.inf)
        if not worst <= TOLERANCE[self.dtype]:
            raise ValueError(f"differs from NumPy by {worst:.1e}, tolerance {TOLERANCE[self.dtype]:.0e}")
        return worst


def named(function: str, result: Any) -> dict[str, Array]:
    """The arrays of a result by name, caches aside."""
    if function.endswith("_backward"):
        return dict(result)
    states = {"lstm_cell_forward": "acy", "lstm_forward": "ayc"}.get(function, "ay")
    return dict(zip(states, result, strict=False))


def weights(cell: str, dtype: str, n: int) -> dict[str, Array]:
    random = np.random.default_rng(zlib.crc32(f"{cell} {n}".encode()))
    bound = n**-0.5  # as frameworks initialise: the state stays in the curved part of tanh

    def uniform(*shape: int) -> Array:
        return random.uniform(-bound, bound, shape).astype(DTYPES[dtype])

    if cell == "rnn":
        shapes = {"Wax": (n, n), "Waa": (n, n), "ba": (n, 1), "Wya": (N_Y, n), "by": (N_Y, 1)}
    else:
        shapes = {f"W{gate}": (n, 2 * n) for gate in GATES[cell]} | {f"b{gate}": (n, 1) for gate in GATES[cell]}
        shapes |= {"Wy": (N_Y, n), "by": (N_Y, 1)}
    return {name: uniform(*shape) for name, shape in shapes.items()}


def arguments(cell: str, dtype: str, n: int, m: int, T_x: int) -> tuple[list[Array], list[Array]]:
    """Return what comes before the parameters, and before the caches in the backward pass; T_x 0: of a cell."""
    random = np.random.default_rng([n, m, T_x])
    real, steps = DTYPES[dtype], (T_x,) if T_x else ()
    x, da = (random.standard_normal((n, m, *steps)).astype(real) for _ in range(2))
    a, c = (random.uniform(-0.5, 0.5, (n, m)).astype(real) for _ in range(2))
    if T_x or cell != "lstm":
        return [x, a], [da]
    return [x, a, c], [da, random.standard_normal((n, m)).astype(real)]


def works(cell: str, dtype: str, m: int, parameters: dict[str, Array], wanted: Collection[str]) -> Iterator[Work]:
    """Yield the wanted functions of a cell at one size, a backward pass behind the forward pass that gives caches."""
    n = parameters["ba" if cell == "rnn" else "bc"].shape[0]

    def work(function: str, given: list[Any], caches: list[Any]) -> Work:
        """Call both sides once; `caches`: NumPy's and ours, or the parameters for both."""
        calls = [
            partial(side[function], *given, each) for side, each in zip((NUMPY, OURS), caches, strict=True)
        ]
        found, once = [], []
        for call in calls:
            start = perf_counter()
            found.append(call())
            once.append(perf_counter() - start)
        return Work(function, dtype, n, m, *calls, *found, (once[0], once[1]))

    for scope, T_x in (("cell_", 0), ("", STEPS)):
        forward, backward = (f"{cell}_{scope}{name}" for name in ("forward", "backward"))
        if not {forward, backward} & set(wanted):
            continue
        forward_given, backward_given = arguments(cell, dtype, n, m, T_x)
        first = work(forward, forward_given, [parameters, parameters])
        if forward in wanted:
            yield first
        if backward in wanted:
            yield work(backward, backward_given, [first.numpy_result[-1], first.cyrnn_result[-1]])
