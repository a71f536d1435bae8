"""How much faster than plain NumPy, here and now: the same job, checked first, in turns, the best of each."""

from __future__ import annotations

import os
import statistics
import time
import timeit
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from .. import notebook
from ..cells.spec import Array
from . import plain
from .cases import CASES, Draw, draw_from
from .gradients import GRADIENTS
from .page import Page

#: One turn takes at least this long: well above the clock's step and the loop around the call.
TURN = 100e-6
FEWEST_TURNS = 3
#: |cyrnn - NumPy| <= RTOL |NumPy| + ATOL before the clock starts: both float64, the sums in another order
RTOL, ATOL = 1e-9, 1e-12


@dataclass(frozen=True)
class Job:
    function: str
    arguments: tuple[Any, ...]


@dataclass(frozen=True)
class Timing:
    """Microseconds a call, over the turns."""

    best: float
    median: float


@dataclass(frozen=True)
class Row:
    function: str
    #: (n_x, n_a, m, T_x), or (n_x, n_a, m) for one cell, or the array's shape
    sizes: str
    plain: Timing
    cyrnn: Timing

    @property
    def speed_up(self) -> float:
        return self.plain.best / self.cyrnn.best


def jobs() -> dict[str, list[Job]]:
    """What is run, by size."""
    small = {case.function: case.arguments(draw_from(1)) for case in (*CASES, *GRADIENTS)}
    small |= gru_arguments(n_x=3, n_a=5, n_y=2, m=10, T_x=7)
    large = large_arguments(n_x=64, n_a=64, n_y=10, m=1, T_x=100)
    large |= gru_arguments(n_x=64, n_a=64, n_y=10, m=1, T_x=100)
    return {
        "at the notebook's sizes": elementwise((5, 10), (2, 10)) + [Job(*item) for item in small.items()],
        "larger": elementwise((64, 100), (10, 100)) + [Job(*item) for item in large.items()],
    }


def elementwise(hidden: tuple[int, int], prediction: tuple[int, int]) -> list[Job]:
    draw = draw_from(1)
    z_a, z_y = draw(*hidden), draw(*prediction)
    return [Job("sigmoid", (z_a,)), Job("tanh", (z_a,)), Job("softmax", (z_y,))]


def large_arguments(n_x: int, n_a: int, n_y: int, m: int, T_x: int) -> dict[str, tuple[Any, ...]]:
    draw = draw_from(1)
    x, a0, c0 = draw(n_x, m, T_x), draw(n_a, m), draw(n_a, m)
    xt = x[:, :, 0]

    rnn = {"Wax": scaled(draw, n_a, n_x), "Waa": scaled(draw, n_a, n_a), "ba": draw(n_a, 1)}
    rnn |= {"Wya": scaled(draw, n_y, n_a), "by": draw(n_y, 1)}
    lstm = stacked(draw, "fico", n_x, n_a, n_y)
    forward: dict[str, tuple[Any, ...]] = {
        "rnn_cell_forward": (xt, a0, rnn),
        "rnn_forward": (x, a0, rnn),
        "lstm_cell_forward": (xt, a0, c0, lstm),
        "lstm_forward": (x, a0, lstm),
    }
    kept = {name: getattr(notebook, name)(*arguments)[-1] for name, arguments in forward.items()}
    da, dc = draw(n_a, m, T_x), draw(n_a, m)
    return forward | {
        "rnn_cell_backward": (da[:, :, 0], kept["rnn_cell_forward"]),
        "rnn_backward": (da, kept["rnn_forward"]),
        "lstm_cell_backward": (da[:, :, 0], dc, kept["lstm_cell_forward"]),
        "lstm_backward": (da, kept["lstm_forward"]),
    }


def gru_arguments(n_x: int, n_a: int, n_y: int, m: int, T_x: int) -> dict[str, tuple[Any, ...]]:
    draw = draw_from(1)
    x, a0, da, gru = draw(n_x, m, T_x), draw(n_a, m), draw(n_a, m, T_x), stacked(draw, "zrc", n_x, n_a, n_y)
    step, sequence = (x[:, :, 0], a0, gru), (x, a0, gru)
    return {
        "gru_cell_forward": step,
        "gru_forward": sequence,
        "gru_cell_backward": (da[:, :, 0], notebook.gru_cell_forward(*step)[-1]),
        "gru_backward": (da, notebook.gru_forward(*sequence)[-1]),
    }


def scaled(draw: Draw, rows: int, columns: int) -> Array:
    """Weights that keep the pre-activations near 1, as trained ones do."""
    return np.asarray(draw(rows, columns) / np.sqrt(columns))


def stacked(draw: Draw, gates: str, n_x: int, n_a: int, n_y: int) -> dict[str, Array]:
    """The parameters of a cell whose gates see [a_prev, xt]."""
    parameters = {"W" + gate: scaled(draw, n_a, n_a + n_x) for gate in gates}
    parameters |= {"b" + gate: draw(n_a, 1) for gate in gates}
    return parameters | {"Wy": scaled(draw, n_y, n_a), "by": draw(n_y, 1)}


def show(page: Page, seconds: float) -> None:
    page.heading("Speed-up over plain NumPy on this machine", "float64, the best of many turns")
    for title, group in jobs().items():
        page.line()
        page.line(f"  {title:<26}{'n_x, n_a, m, T_x':<19}{'NumPy':>10}{'cyrnn':>11}{'':>8}")
        for job in group:
            row = measure(job, seconds)
            if row is None:
                page.verdict(False, f"{job.function} {sizes(job)} differs from plain NumPy: not timed")
                continue
            times = f"{row.plain.best:>7.1f} us {row.cyrnn.best:>7.1f} us {row.speed_up:>6.1f} x"
            page.line(f"    {row.function:<24}{row.sizes:<19}{times}")
    if os.environ.get("OPENBLAS_CORETYPE"):  # pragma: no cover  # as the machine has it
        page.line()
        page.line("  OPENBLAS_CORETYPE is set, which can slow NumPy down and flatter cyrnn.")


def measure(job: Job, seconds: float) -> Row | None:
    """The job's times; None where the results differ, since a wrong answer has no speed."""
    theirs = partial(getattr(plain, job.function), *job.arguments)
    ours = partial(getattr(notebook, job.function), *job.arguments)
    if not agree(ours(), theirs()):
        return None
    return Row(job.function, sizes(job), *race(theirs, ours, seconds))


def sizes(job: Job) -> str:
    first, *rest = job.arguments
    if not rest:
        return str(first.shape)
    if isinstance(rest[-1], dict):  # x or xt, the states, parameters
        n_x, *m_T_x = first.shape
        return str((n_x, len(rest[0]), *m_T_x))
    cache = rest[-1]  # da or da_next, and what a forward function kept
    *_, xt, _ = cache[0][0] if isinstance(cache[0], list) else cache
    n_a, *m_T_x = first.shape
    return str((len(xt), n_a, *m_T_x))


def agree(ours: Any, theirs: Any) -> bool:
    """Whether every array of the results agrees, caches included."""
    return all(
        a.shape == b.shape and np.allclose(a, b, rtol=RTOL, atol=ATOL)
        for a, b in zip(arrays(ours), arrays(theirs), strict=True)
    )


def arrays(result: Any) -> Iterator[Array]:
    """The arrays in nested tuples, lists and dicts, in order; in dicts, in that of the keys."""
    if isinstance(result, np.ndarray):
        yield result
    else:
        for item in [result[key] for key in sorted(result)] if isinstance(result, dict) else result:
            yield from arrays(item)


def race(theirs: partial[Any], ours: partial[Any], seconds: float) -> tuple[Timing, Timing]:
    """Time both, in turns, so that a slow moment of the machine meets both."""
    runners = [timeit.Timer(theirs), timeit.Timer(ours)]
    calls = [max(1, round(TURN / max(runner.timeit(3) / 3, 1e-9))) for runner in runners]
    turns: list[list[float]] = [[], []]
    deadline = time.perf_counter() + seconds
    while len(turns[0]) < FEWEST_TURNS or time.perf_counter() < deadline:
        for runner, number, times in zip(runners, calls, turns, strict=True):
            times.append(runner.timeit(number) / number * 1e6)
    plain_us, cyrnn_us = (Timing(min(times), statistics.median(times)) for times in turns)
    return plain_us, cyrnn_us
