"""Rows against the targets: each shape reached, tied or missed, by how much, and the geometric means."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from .rows import Row, fastest, find, held_to, least_of
from .table import disturbed, shape_text, short, short_error
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
    """Return our row and that of the best rival."""
    here = find(rows, kind=target.kind, cell=target.cell, dtype=target.dtype, shape=shape, busy=target.busy)
    here = [row for row in here if held_to(row) == target.held_to]
    ours = [row for row in here if row["rival"] == target.ours]
    if target.kind == "threads":
        return fastest(find(ours, threads=2)), fastest(find(ours, threads=1))
    peers = [row for row in here if row["rival"] in target.against]
    return least_of(ours, target.measure), least_of(peers, target.measure)


def ratio(target: Target, ours: Row, rival: Row) -> float:
    """Of minima, or of errors; where a target says "never below", of medians if that is less."""
    if target.measure == "error":
        return float(rival["error"] / max(ours["error"], 1e-300))
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
        times = f"ours {_said(verdict, verdict.ours):>7}  {other:>16} {_said(verdict, verdict.rival):>7}"
    doubt = " ~" * any(row is not None and disturbed(row) for row in (verdict.ours, verdict.rival))
    return f"  {name:<18} {times:<38} {verdict.ratio:6.2f}x of {verdict.least:5.2f}x  {verdict.word}{doubt}"


def _said(verdict: Verdict, row: Row) -> str:
    measure = verdict.target.measure
    return short_error(row["error"]) if measure == "error" else short(row[measure])


def _head(target: Target) -> str:
    ours = "" if target.ours == "cyrnn" else f", {target.ours}"
    measured = ", rms error" if target.measure == "error" else ""
    busy = ", another process on one core" if target.busy else ""
    held = f", CYRNN_ISA={target.held_to}" if target.held_to else ""
    work = f"{target.kind} {target.cell} {target.dtype}{ours}"
    return f"{work} against {', '.join(target.against)}{measured}{busy}{held}"


def report(rows: list[Row]) -> tuple[str, Counter[str]]:
    """Return the text and how many verdicts of each word."""
    lines: list[str] = []
    count: Counter[str] = Counter()
    for target in TARGETS:
        found = list(verdicts(target, rows))
        count.update(verdict.word for verdict in found)
        head = _head(target)
        if all(verdict.ratio is None for verdict in found):
            lines.append(f"{head}: not measured")
        else:
            lines += [head, *map(_line, found)]
    lines.append(", ".join(f"{number} {word}" for word, number in sorted(count.items())))
    return "\n".join(lines) + "\n", count
