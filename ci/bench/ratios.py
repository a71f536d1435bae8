"""Ratios of cyrnn's odd calls to its plain ones, beside their limits, in a table of 80 columns."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, NamedTuple

import cyrnn

from . import clock
from .contestant import Variant
from .pairs import GROUPS, Pair
from .table import short

WIDTH = 80
#: the sum of the compiled modules of an x86-64 build, in bytes
MODULES_LIMIT = 1.9e6
#: a work above its limit is timed again, as long, this many times: other processes only ever add to a minimum
REPEATS = 2


class Measured(NamedTuple):
    pair: Pair
    us: float
    base_us: float

    @property
    def ratio(self) -> float:
        return self.us / self.base_us

    @property
    def verdict(self) -> str:
        if self.pair.limit is None:
            return ""
        return "reached" if self.ratio <= self.pair.limit else "MISSED"


def measure(pair: Pair, seconds: float) -> Measured:
    """Check a pair, then time both calls in turns; the minima are of all turns."""
    pair.check()

    def variant(name: str, call: Callable[[], Any]) -> Variant:
        return Variant(name, name, call, lambda _: {})

    least = {"work": float("inf"), "base": float("inf")}
    for _ in range(1 + REPEATS):
        for entry in clock.race([variant("work", pair.call), variant("base", pair.base)], seconds):
            least[entry.variant.rival] = min(least[entry.variant.rival], entry.least * 1e6)
        found = Measured(pair, least["work"], least["base"])
        if found.verdict != "MISSED":
            break
    return found


def line(found: Measured) -> str:
    pair = found.pair
    limit = "" if pair.limit is None else f"{pair.limit:.2f}"
    times = f"{short(found.us):>7}{short(found.base_us):>7}{found.ratio:>6.2f}{limit:>5} {found.verdict}"
    return f"{pair.work:<28}{pair.sizes:>19}{times}".rstrip()


HEAD = f"{'work':<28}{'n_x,n_a,m,T_x':>19}{'us':>7}{'base':>7}{'ratio':>6}{'limit':>6}"


def modules_line() -> str:
    """The size of the compiled modules beside cyrnn's Python."""
    package = Path(cyrnn.__file__).parent
    size = sum(path.stat().st_size for path in package.rglob("*") if path.suffix in (".so", ".pyd"))
    verdict = "reached" if size <= MODULES_LIMIT else "MISSED"
    text = f"{size / 1e6:>20.2f}{MODULES_LIMIT / 1e6:>5.2f} {verdict}"
    return f"{'compiled modules of all ISAs, in MB':<47}{text}"


def selected(groups: Iterable[str], *, limits_only: bool) -> Iterable[Pair]:
    for group in groups:
        for pair in GROUPS[group]():
            if pair.limit is not None or not limits_only:
                yield pair


def run(groups: Iterable[str], seconds: float, *, limits_only: bool) -> int:
    """Print the table, a line as it is measured; return how many limits are missed."""
    print(HEAD)
    missed = reached = 0
    for pair in selected(groups, limits_only=limits_only):
        found = measure(pair, seconds)
        missed, reached = missed + (found.verdict == "MISSED"), reached + (found.verdict == "reached")
        print(line(found), flush=True)
    print(modules_line())
    print(f"{reached} reached, {missed} MISSED; minima of interleaved turns, results alike first")
    return missed
