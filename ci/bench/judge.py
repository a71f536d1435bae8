"""Rows against the targets: each shape reached, tied or missed, by how much, and the geometric means."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from .rows import Row, fastest, find
from .table import disturbed, shape_text, short
from .targets import TARGETS, TIE, Target
from .work import Shape


@dataclass(frozen=True)
class Verdict:
    target: Target
    shape: Shape | None  # None: the geometric mean over all shapes
    least: float
    ratio: float | None  # None: not measured
    ours: Row | None = None
    rival: Row | None = None

    @property
    def word(self) -> str:
        if self.ratio is None:
            return "not measured"
        if self.ratio >= self.least:
            return "reached"
        return "tie" if self.ratio >= self.least * (1 - TIE) else "MISSED"


def _pair(target: Target, shape: Shape, rows: list[Row]) -> tuple[Row | None, Row | None]:
    """Return our row and the fastest rival's."""
    here = find(rows, kind=target.kind, cell=target.cell, dtype=target.dtype, shape=shape, busy=target.busy)
    ours = [row for row in here if row["rival"] == "cyrnn"]
    if target.kind == "threads":
        return fastest(find(ours, threads=2)), fastest(find(ours, threads=1))
    return fastest(ours), fastest([row for row in here if row["rival"] in target.against])


def ratio(target: Target, ours: Row, rival: Row) -> float:
    """Of minima; where a target says "never below", of medians if that is less."""
    of_minima = float(rival["min_us"] / ours["min_us"])
    return min(of_minima, float(rival["median_us"] / ours["median_us"])) if target.busy else of_minima


def verdicts(target: Target, rows: list[Row]) -> Iterator[Verdict]:
    ratios = []
    for shape, least in target.least.items():
        ours, rival = _pair(target, shape, rows)
        found = ratio(target, ours, rival) if ours and rival else None
        ratios.append(found)
        yield Verdict(target, shape, least, found, ours, rival)
    if target.mean is not None:
        known = [found for found in ratios if found is not None]
        mean = math.exp(sum(map(math.log, known)) / len(known)) if len(known) == len(ratios) else None
        yield Verdict(target, None, target.mean, mean)


def _line(verdict: Verdict) -> str:
    name = "geometric mean" if verdict.shape is None else shape_text(verdict.shape)
    if verdict.ratio is None:
        return f"  {name:<18} {verdict.word}"
    times = ""
    if verdict.ours and verdict.rival:
        other = "1 thread" if verdict.target.kind == "threads" else verdict.rival["rival"]
        times = f"ours {short(verdict.ours['min_us']):>7}  {other:>11} {short(verdict.rival['min_us']):>7}"
    doubt = " ~" * any(row is not None and disturbed(row) for row in (verdict.ours, verdict.rival))
    return f"  {name:<18} {times:<34} {verdict.ratio:6.2f}x of {verdict.least:5.2f}x  {verdict.word}{doubt}"


def report(rows: list[Row]) -> tuple[str, Counter[str]]:
    """Return the text and how many verdicts of each word."""
    lines: list[str] = []
    count: Counter[str] = Counter()
    for target in TARGETS:
        found = list(verdicts(target, rows))
        count.update(verdict.word for verdict in found)
        busy = ", another process on one core" if target.busy else ""
        head = f"{target.kind} {target.cell} {target.dtype} against {', '.join(target.against)}{busy}"
        if all(verdict.ratio is None for verdict in found):
            lines.append(f"{head}: not measured")
        else:
            lines += [head, *map(_line, found)]
    lines.append(", ".join(f"{number} {word}" for word, number in sorted(count.items())))
    return "\n".join(lines) + "\n", count
