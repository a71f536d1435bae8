"""The grid: every function of the notebook's kind at every size against the notebook's NumPy; nowhere slower.

Both sides are called once, and their results compared, before the clock starts; then they take turns in one process,
and minima count; with default threads many turns in a row, when those of the other side are at rest. A row below its
limit is timed again, for REPEATS times as long at most: other processes only ever add to a minimum. A ratio is NumPy's
time over ours.
"""

from __future__ import annotations

import gc
import json
import math
import textwrap
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np

from . import clock, grid_work
from .contestant import Variant
from .grid_work import CELLS, DTYPES, FUNCTIONS, Work
from .samples import letters
from .table import shape_text, short
from .targets import TIE

WIDTH = 80
#: A turn lasts about this long: shorter than elsewhere in this benchmark, which has no thousands of rows
TURN_SECONDS = 0.001
#: Turns of each side at least, and where a call takes longer than LONG_SECONDS
LEAST_TURNS, LEAST_LONG_TURNS, LONG_SECONDS = 4, 2, 0.05
REPEATS = 2
#: With default threads, before a side's turns the other's threads have to be at rest: OpenBLAS's go on spinning for
#: 0.12 seconds, ours for 0.005. So each side has many turns in a row, in which its own threads find a core each. Calls
#: of less than RESTLESS_SECONDS are left to one thread by both.
REST_SECONDS, ROW_SECONDS, RESTLESS_SECONDS = 0.15, 0.04, 2e-5
#: just below the largest array for which glibc raises its thresholds (DEFAULT_MMAP_THRESHOLD_MAX, 32 MiB)
MALLOC_WARM_BYTES = 31 << 20


def limit(function: str, dtype: str, n: int, m: int, *, isa: str, one_thread: bool) -> float:
    """The least ratio that the issue asks of a row; a ratio less than TIE below it is a tie."""
    if isa == "avx2":
        return 0.6 if dtype == "f32" and m <= 2 and n >= 256 else 0.9
    if one_thread and "_cell_" in function and dtype == "f32" and m == 1 and n >= 512:
        return 0.75  # weights once through the cache, at less than the speed of one product: `pack` is for that
    return 1.0


@dataclass(frozen=True)
class Row:
    function: str
    dtype: str
    n: int
    m: int
    limit: float
    #: minima of a call; 0 where results differ
    numpy_us: float = 0.0
    cyrnn_us: float = 0.0
    #: every turn of each side, as samples.letters
    numpy_turns: str = ""
    cyrnn_turns: str = ""
    #: the largest difference between results, relative to their largest element
    error: float = 0.0
    wrong: str = ""

    @property
    def key(self) -> tuple[str, str, int, int]:
        return self.function, self.dtype, self.n, self.m

    @property
    def ratio(self) -> float:
        return 0.0 if self.wrong else self.numpy_us / self.cyrnn_us

    @property
    def holds(self) -> bool:
        return self.ratio >= self.limit * (1 - TIE)

    @property
    def word(self) -> str:
        return "WRONG" if self.wrong else "" if self.holds else "BELOW"


def take_turns(work: Work, seconds: float, *, one_thread: bool = True) -> tuple[list[float], list[float]]:
    """Time both sides in turns, `seconds` for each; return what a call took in each turn, of NumPy and of cyrnn."""
    rest = 0.0 if one_thread or min(work.once) < RESTLESS_SECONDS else REST_SECONDS
    entries = []
    for name, call, once in (("numpy", work.numpy, work.once[0]), ("cyrnn", work.cyrnn, work.once[1])):
        entry = clock.Entry(Variant(name, name, call, lambda _: {}))
        if once < LONG_SECONDS:  # a first call is slow: from a second one
            once = entry.turn()
            entry.times.clear()
        entry.calls = max(1, round(TURN_SECONDS / once))
        entries.append(entry)
    enough = LEAST_LONG_TURNS if max(work.once) > LONG_SECONDS else LEAST_TURNS
    start, turns = perf_counter(), 0
    while rest and turns < enough:
        for entry in entries:
            time.sleep(rest if entry is entries[1] else rest / 10)
            end, count = perf_counter() + ROW_SECONDS, 0
            while count < enough or perf_counter() < end:
                clock.take_turns([entry])
                count += 1
        turns += count // 2
    while turns < enough or (not rest and perf_counter() < start + 2 * seconds):
        clock.take_turns(entries[:: 1 - 2 * (turns % 2)])
        turns += 1
    return entries[0].times, entries[1].times


def measure(work: Work, lowest: float, seconds: float, *, one_thread: bool = True) -> Row:
    """Compare the results of a work, then time it."""
    where = work.function, work.dtype, work.n, work.m
    try:
        error = work.error()
    except ValueError as reason:
        return Row(*where, lowest, wrong=str(reason))
    times: tuple[list[float], list[float]] = [], []
    for _ in range(1 + REPEATS):
        for known, new in zip(times, take_turns(work, seconds, one_thread=one_thread), strict=True):
            known += new
        numpy_us, cyrnn_us = (round(min(each) * 1e6, 3) for each in times)
        turns = [letters(1e3 * (turn / min(each) - 1) for turn in each) for each in times]
        row = Row(*where, lowest, numpy_us, cyrnn_us, *turns, error=float(f"{error:.1e}"))
        if row.holds:
            break
    return row


def warm_malloc() -> None:
    """Free one large array: glibc then keeps what is freed, and a row no longer depends on the rows before it.

    Until then it gives more than 256 KB at its heap's end back to the system after each call, and takes it page by page
    in the next: rnn_cell_backward f32 (256,1) takes 57 us here, and 427 us in a process that never freed a large array,
    NumPy 50 us in both (Xeon with AVX-512, 2026-11-28).
    """
    np.ones(MALLOC_WARM_BYTES // 8)


def selected(patterns: Iterable[str]) -> list[str]:
    """The functions that patterns name, `lstm_*` for example, in our order."""
    patterns = list(patterns)
    unknown = [each for each in patterns if not any(fnmatchcase(name, each) for name in FUNCTIONS)]
    if unknown:
        raise SystemExit(f"no function is called {', '.join(unknown)}; there are {', '.join(FUNCTIONS)}")
    return [name for name in FUNCTIONS if any(fnmatchcase(name, each) for each in patterns)]


def run(
    functions: Sequence[str],
    dtypes: Sequence[str],
    sizes: Sequence[int],
    batches: Sequence[int],
    seconds: float,
    run_head: dict[str, Any],
) -> Iterator[list[Row]]:
    """Measure a part of the grid; yield the rows of each cell, dtype and n, which have their weights in common."""
    where = {name: run_head[name] for name in ("isa", "one_thread")}
    collecting = gc.isenabled()
    warm_malloc()
    gc.disable()
    try:
        for cell in CELLS:
            wanted = [name for name in functions if name.startswith(f"{cell}_")]
            for dtype, n in ((dtype, n) for dtype in dtypes for n in sizes if wanted):
                gc.collect()
                parameters = grid_work.weights(cell, dtype, n)
                yield [
                    measure(
                        work, limit(work.function, dtype, n, m, **where), seconds, one_thread=where["one_thread"]
                    )
                    for m in batches
                    for work in grid_work.works(cell, dtype, m, parameters, wanted)
                ]
    finally:
        if collecting:
            gc.enable()


def head(core: int | None, seconds: float, *, one_thread: bool) -> dict[str, Any]:
    """The conditions of a run."""
    import cyrnn
    from cyrnn.kernels import dispatch

    from . import machine

    return {
        "machine": machine.describe(core),
        "contestants": {"cyrnn": cyrnn.__version__},
        "isa": str(dispatch.kernels.isa),
        "one_thread": one_thread,
        "steps": grid_work.STEPS,
        "seconds": seconds,
        "date": time.strftime("%Y-%m-%d %H:%M"),
    }


def write(path: Path, run_head: dict[str, Any], rows: Iterable[Row]) -> None:
    """A line for each function, dtype and n: for each m what NumPy and cyrnn took, and their turns."""
    by_line: dict[tuple[str, str, int], list[list[Any]]] = {}
    for row in rows:
        found = [row.m, row.limit, row.numpy_us, row.cyrnn_us, row.numpy_turns, row.cyrnn_turns, row.error, row.wrong]
        by_line.setdefault((row.function, row.dtype, row.n), []).append(found)
    lines = ",\n".join(json.dumps([*key, found], separators=(",", ":")) for key, found in by_line.items())
    path.write_text(f'{{"run": {json.dumps(run_head, indent=1)},\n"rows": [\n{lines}\n]}}\n', encoding="utf-8")


def read(paths: Iterable[Path]) -> tuple[dict[str, Any], list[Row]]:
    """Return the last run's head and the rows of all; of a row in several files the last one counts.

    Runs on other ISAs, or with other threads, are not to be mixed: SystemExit.
    """
    found: dict[tuple[str, str, int, int], Row] = {}
    run_head: dict[str, Any] = {}
    for path in paths:
        loaded = json.loads(path.read_text(encoding="utf-8"))
        for name in ("isa", "one_thread"):
            if run_head and run_head[name] != loaded["run"][name]:
                raise SystemExit(f"{path} has {name} {loaded['run'][name]}, the file before it {run_head[name]}")
        run_head = loaded["run"]
        rows = [Row(*where, *each) for *where, of_m in loaded["rows"] for each in of_m]
        found |= {row.key: row for row in rows}
    return run_head, list(found.values())


def worst_first(rows: Iterable[Row]) -> list[Row]:
    """Order rows by what they reach of their limits: those that are wrong, those below, the others."""
    return sorted(rows, key=lambda row: (row.ratio / row.limit, row.key))


def mean(rows: Sequence[Row]) -> float:
    """The geometric mean of the ratios."""
    logs = [math.log(row.ratio) for row in rows if not row.wrong]
    return math.exp(sum(logs) / len(logs)) if logs else 0.0


def head_lines(run_head: dict[str, Any]) -> list[str]:
    on = run_head["machine"]
    threads = "one thread each" if run_head["one_thread"] else "each side's default threads"
    said = (
        f"{on['cpu']}, {on['cores']} cores, {threads}; cyrnn {on['commit']}, ISA {run_head['isa']}; "
        f"Python {on['python']}, NumPy {on['numpy']} on {on['blas']}; n_x = n_a = n, "
        f"T_x = {run_head['steps']} in sequences"
    )
    return textwrap.wrap(said, WIDTH, subsequent_indent="  ")


HEAD = f"{'function':<20}{'dtype':<6}{'n,m':>11}{'NumPy us':>10}{'cyrnn us':>10}{'ratio':>8}{'limit':>6}"
SUMMARY = f"{'function':<20}{'dtype':<6}{'hold':>10}{'mean':>8}{'worst':>8}  at n,m"


def line(row: Row) -> str:
    name = f"{row.function:<20}{row.dtype:<6}{shape_text((row.n, row.m)):>11}"
    if row.wrong:
        return "\n".join([f"{name}  WRONG", *textwrap.wrap(row.wrong, WIDTH - 2, initial_indent="  ")])
    times = f"{short(row.numpy_us):>10}{short(row.cyrnn_us):>10}{row.ratio:>7.2f}x{row.limit:>6.2f} {row.word}"
    return f"{name}{times}".rstrip()


def worst_line(rows: Sequence[Row]) -> str:
    """Say which of a few rows is the worst."""
    return line(worst_first(rows)[0])


def summary_line(function: str, dtype: str, rows: Sequence[Row]) -> str:
    worst = min(rows, key=lambda row: row.ratio)
    hold = f"{sum(row.holds for row in rows)}/{len(rows)}"
    end = f"{hold:>10}{mean(rows):>7.2f}x{worst.ratio:>7.2f}x  {shape_text((worst.n, worst.m))}"
    return f"{function:<20}{dtype:<6}{end}"


def report(run_head: dict[str, Any], rows: Sequence[Row], count: int | None) -> str:
    """The worst rows, `count` of them or all, and a summary of each function and dtype."""
    lines = [*head_lines(run_head), "", HEAD, *map(line, worst_first(rows)[:count])]
    lines += ["", SUMMARY]
    for function in FUNCTIONS:
        for dtype in DTYPES:
            here = [row for row in rows if (row.function, row.dtype) == (function, dtype)]
            lines += [summary_line(function, dtype, here)] if here else []
    lines.append(summary_line("all", "", rows) if rows else "no rows")
    lines.append(f"minima of interleaved turns, results alike; hold: {TIE:.0%} below the limit at most")
    return "\n".join(lines) + "\n"
