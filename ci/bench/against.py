"""Two builds of cyrnn, interleaved: each in a process of its own on the same core, a turn of one, a turn of the other.

A row's ratio is the minimum of the new build over the minimum of the old one. A row that looks slower is measured three
times more, at the end, in new processes, where arrays and code have other addresses and the machine another load. Its
ratio is then the median of those three: the first, which chose it among hundreds, is likely to be a slow one by chance.
A row that still looks slower is measured four times more, for a median of seven: where weights just fill a cache, a
process may be 15% slower than the next with the same build. Means are of first runs, which nothing has selected.
"""

from __future__ import annotations

import contextlib
import json
import math
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from . import machine
from .table import shape_text, short
from .work import Case

#: a ratio above this counts as slower
SLOWER = 1.03
#: how many times a row that looks slower is measured again, for twice as long, and a row that still does
REPEATS = (3, 4)
LEAST_ROUNDS = 3


class Failed(Exception):
    """A build cannot do a case."""


class Build:
    """The process of one build; `path`: the directory that has its package."""

    def __init__(self, path: Path) -> None:
        self.path = path
        environment = os.environ | {"PYTHONPATH": f"{path}{os.pathsep}{machine.ROOT}", "PYTHONHASHSEED": "0"}
        command = [sys.executable, "-m", "ci.bench.worker"]
        pipe = subprocess.PIPE
        self.process = subprocess.Popen(
            command, cwd=machine.ROOT, env=environment, stdin=pipe, stdout=pipe, text=True
        )
        try:
            hello = self._reply()
        except SystemExit:
            self.close()
            raise
        self.isa = hello["isa"]
        if not Path(hello["file"]).resolve().is_relative_to(path.resolve()):
            self.close()
            raise SystemExit(f"{path} has no cyrnn: {hello['file']} was imported instead")

    def ask(self, action: str, **words: Any) -> dict[str, Any]:
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps({"do": action} | words) + "\n")
        self.process.stdin.flush()
        return self._reply()

    def _reply(self) -> dict[str, Any]:
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line:
            raise SystemExit(f"the worker of {self.path} ended: status {self.process.wait()}")
        found: dict[str, Any] = json.loads(line)
        if "failed" in found:
            raise Failed(found["failed"])
        return found

    def close(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.close()
        self.process.wait(timeout=60)
        assert self.process.stdout is not None
        self.process.stdout.close()


@contextlib.contextmanager
def builds(*paths: Path) -> Iterator[list[Build]]:
    """Start a process for each path."""
    with contextlib.ExitStack() as stack:
        found = []
        for path in paths:
            build = Build(path)
            stack.callback(build.close)
            found.append(build)
        yield found


@dataclass
class Row:
    case: Case
    #: (old, new) seconds of a call, minima of a run, each run in processes of its own
    runs: list[tuple[float, float]] = field(default_factory=list)
    bits: str = ""  # "same", or the error of the new build against the truth
    failed: str = ""

    @property
    def times(self) -> tuple[float, float]:
        """Return the run that counts: the only one, or of those behind the first the one with the median ratio."""
        later = sorted(self.runs[1:] or self.runs, key=lambda run: run[1] / run[0])
        return later[len(later) // 2]

    @property
    def ratio(self) -> float:
        old, new = self.times
        return new / old

    @property
    def slower(self) -> bool:
        return not self.failed and self.ratio > SLOWER


def _calls(old: int, new: int) -> tuple[int, int]:
    """As many calls in a turn of either build, unless one is more than twice as fast."""
    most = max(old, new)
    return (most, most) if most <= 2 * min(old, new) else (old, new)


def measure(row: Row, old: Build, new: Build, seconds: float) -> None:
    """Time a row in turns, `seconds` for each build; add a run; compare bits the first time."""
    case = row.case
    words = [case.kind, case.cell, case.dtype, *case.shape]
    try:
        begun = [build.ask("begin", case=words) for build in (old, new)]
        if not row.bits:
            row.bits = "same" if begun[0]["digest"] == begun[1]["digest"] else _checked(new)
        calls = _calls(*(each["calls"] for each in begun))
        least, start, rounds = [math.inf, math.inf], time.perf_counter(), 0
        while rounds < LEAST_ROUNDS or time.perf_counter() < start + 2 * seconds:
            order = ((0, old), (1, new)) if rounds % 2 else ((1, new), (0, old))
            for which, build in order:
                least[which] = min(least[which], build.ask("turn", calls=calls[which])["seconds"])
            rounds += 1
        row.runs.append((least[0], least[1]))
    except Failed as error:
        row.failed = str(error)


def _checked(new: Build) -> str:
    found = new.ask("check")
    return f"WRONG: {found['wrong']}" if "wrong" in found else f"other bits, error {found['error']:.0e}"


def compare(old: Path, new: Path, cases: list[Case], seconds: float) -> list[Row]:
    """Measure every case, then again those that look slower."""
    rows = [Row(case) for case in cases]
    start = time.perf_counter()
    with builds(old, new) as (first, second):
        said = f"{len(rows)} rows; old {old}, ISA {first.isa}; new {new}, ISA {second.isa}"
        print(said, file=sys.stderr, flush=True)
        for row in rows:
            measure(row, first, second, seconds)
            print(f"{time.perf_counter() - start:6.1f} s  {line(row)}", file=sys.stderr, flush=True)
    for repeats in REPEATS:
        slower = [row for row in rows if row.slower]
        print(f"{len(slower)} rows look slower", file=sys.stderr, flush=True)
        for _ in range(repeats if slower else 0):
            with builds(old, new) as (first, second):
                for row in slower:
                    measure(row, first, second, 2 * seconds)
                    print(f"{time.perf_counter() - start:6.1f} s  {line(row)}", file=sys.stderr, flush=True)
    return rows


HEAD = f"{'work':<33}{'n_x,n_a,m,T_x':>18}{'old us':>9}{'new us':>9}{'new/old':>9}"


def line(row: Row) -> str:
    case = row.case
    name = f"{case.kind} {case.cell} {case.dtype}"
    if row.failed:
        return f"{name:<33}{shape_text(case.shape):>18}  {row.failed}"
    old, new = (short(seconds * 1e6) for seconds in row.times)
    times = f"{old:>9}{new:>9}{row.ratio:>9.3f}"
    return f"{name:<33}{shape_text(case.shape):>18}{times}"


def _mean(rows: list[Row]) -> float:
    """Of the first runs, the only ones that no row was chosen for."""
    return math.exp(sum(math.log(row.runs[0][1] / row.runs[0][0]) for row in rows) / len(rows))


def report(rows: list[Row], most: int | None) -> str:
    """The rows, the slowest first; means; who is slower, who has other bits, who failed. At most 80 columns."""
    timed = sorted((row for row in rows if not row.failed), key=lambda row: -row.ratio)
    slower = [row for row in timed if row.slower]
    lines = [HEAD, *map(line, timed[: most if most is None else max(most, len(slower))]), ""]
    for kind in dict.fromkeys(row.case.kind for row in timed):
        here = [row for row in timed if row.case.kind == kind]
        lines.append(f"geometric mean {kind:<20} {_mean(here):.3f}  of {len(here)} rows")
    if timed:
        lines.append(f"geometric mean {'of all':<20} {_mean(timed):.3f}  of {len(timed)} rows")
    lines += [f"failed: {line(row)}" for row in rows if row.failed]
    lines += [f"{row.bits}: {row.case}" for row in rows if row.bits not in ("", "same")]
    lines += [f"slower, measured {len(row.runs)} times: {row.case} {row.ratio:.3f}" for row in slower]
    same = sum(row.bits == "same" for row in rows)
    lines.append(f"{len(slower)} of {len(timed)} rows more than {SLOWER - 1:.0%} slower; bits the same in {same}")
    return "\n".join(lines) + "\n"


def as_json(rows: list[Row]) -> str:
    found = [
        {
            "kind": row.case.kind,
            "cell": row.case.cell,
            "dtype": row.case.dtype,
            "shape": list(row.case.shape),
            "old_us": row.times[0] * 1e6,
            "new_us": row.times[1] * 1e6,
            "runs": [[seconds * 1e6 for seconds in run] for run in row.runs],
            "bits": row.bits,
        }
        for row in rows
        if not row.failed
    ]
    return "[\n" + ",\n".join(map(json.dumps, found)) + "\n]\n"
