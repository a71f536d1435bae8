"""Timing: contestants take turns, so that all of them share the load of other processes."""

from __future__ import annotations

import gc
import statistics
from dataclasses import dataclass, field
from itertools import repeat
from time import perf_counter, process_time
from typing import Any

from .contestant import Variant

#: A turn lasts about this long, in seconds: short enough for many rounds, long enough to have warm caches
TURN_SECONDS = 0.003
#: Rounds that every variant takes part in; then only those go on that are within NEAR of their rival's fastest
HEATS = 3
NEAR = 1.25
LEAST_ROUNDS = 6
#: Where a median is this far above its minimum, something else ran: the race may last PATIENCE times as long
UNSTEADY = 1.2
PATIENCE = 3
#: A call that takes longer than this warms its own caches: no untimed call before it
SELF_WARMING_SECONDS = 0.005


@dataclass
class Entry:
    """A variant and its turns so far."""

    variant: Variant
    #: in one turn
    calls: int = 1
    #: seconds per call of each turn
    times: list[float] = field(default_factory=list)
    #: processor time over time of each turn: below the number of threads, something else had the core
    shares: list[float] = field(default_factory=list)

    @property
    def least(self) -> float:
        return min(self.times)

    def turn(self) -> float:
        """Take a turn; return seconds per call."""
        call, used = self.variant.call, process_time()
        start = perf_counter()
        for _ in repeat(None, self.calls):
            call()
        lasted = perf_counter() - start
        self.shares.append((process_time() - used) / max(lasted, 1e-9))
        self.times.append(lasted / self.calls)
        return self.times[-1]


def ready(variant: Variant) -> Entry:
    """Warm up, find how many calls make a turn."""
    trial = Entry(variant)
    with variant.around():
        variant.call()
        once = min(trial.turn() for _ in range(2))
        while once * trial.calls < TURN_SECONDS / 20:
            trial.calls = max(2 * trial.calls, int(TURN_SECONDS / 10 / max(once, 1e-8)))
            once = trial.turn()
    return Entry(variant, max(1, round(TURN_SECONDS / once)))


def take_turns(entries: list[Entry]) -> None:
    """A turn of each entry, behind an untimed call unless calls warm themselves."""
    for entry in entries:
        with entry.variant.around():
            if not entry.times or entry.least < SELF_WARMING_SECONDS or entry.variant.threads > 1:
                entry.variant.call()  # threads may have to be started
            entry.turn()


def _fastest(entries: list[Entry], like: Variant) -> Entry:
    """Return the fastest entry of the same rival on as many threads."""
    key = like.rival, like.threads
    same = [entry for entry in entries if (entry.variant.rival, entry.variant.threads) == key]
    return min(same, key=lambda entry: entry.least)


def _patience(entries: list[Entry]) -> float:
    unsteady = any(statistics.median(entry.times) > UNSTEADY * entry.least for entry in entries)
    return PATIENCE if unsteady else 1


def race(variants: list[Variant], seconds: float) -> list[Entry]:
    """Time every variant in turns; return for each rival the entry of its fastest variant.

    On several numbers of threads a rival has a fastest variant on each. `seconds` is for each variant that goes on.
    """
    collecting = gc.isenabled()
    gc.collect()
    gc.disable()
    try:
        entries = [ready(variant) for variant in variants]
        for _ in range(HEATS):
            take_turns(entries)
        entries = [entry for entry in entries if entry.least <= NEAR * _fastest(entries, entry.variant).least]
        start, rounds = perf_counter(), HEATS
        while rounds < LEAST_ROUNDS or perf_counter() < start + seconds * len(entries) * _patience(entries):
            take_turns(entries)
            rounds += 1
    finally:
        if collecting:
            gc.enable()
    return [entry for entry in entries if _fastest(entries, entry.variant) is entry]


def summary(entry: Entry) -> dict[str, Any]:
    """Summarise an entry's turns for a row; `share`: of its cores, how much the fastest turn had.

    `above`: each turn in their order, in thousandths above the minimum.
    """
    share = entry.shares[entry.times.index(entry.least)] / entry.variant.threads
    return {
        "min_us": round(entry.least * 1e6, 3),
        "median_us": round(statistics.median(entry.times) * 1e6, 3),
        "turns": len(entry.times),
        "share": round(share, 3),
        "above": [round(1e3 * (seconds / entry.least - 1)) for seconds in entry.times],
    }
