"""Timing: contestants take turns, so that whatever else the machine does falls on all of them."""

from __future__ import annotations

import gc
import statistics
from collections.abc import Callable
from itertools import repeat
from time import perf_counter
from typing import Any

from .contestant import Way

#: a way, its calls in one turn, and the seconds per call of each turn so far
Entry = tuple[Way, int, list[float]]

#: A turn lasts about this long, in seconds: short enough for many rounds, long enough to have warm caches
TURN = 0.003
#: Rounds that every way takes part in; then only those go on that are within NEAR of their rival's fastest
HEATS = 3
NEAR = 1.25
LEAST_ROUNDS = 6
#: Where a median is this far above its minimum, something else ran: the race may last PATIENCE times as long
UNSTEADY = 1.2
PATIENCE = 3
#: A call that takes longer than this warms its own caches: no untimed call before it
SELF_WARMING = 0.005


def _turn(call: Callable[[], Any], calls: int) -> float:
    """Return seconds per call."""
    start = perf_counter()
    for _ in repeat(None, calls):
        call()
    return (perf_counter() - start) / calls


def _calls_for(way: Way) -> int:
    """Return how many calls make a turn; warms up on the way."""
    with way.around():
        way.call()
        once = min(_turn(way.call, 1) for _ in range(2))
        while once < TURN / 20:
            calls = max(2, int(TURN / 10 / max(once, 1e-8)))
            once = _turn(way.call, calls)
            if calls * once > TURN / 20:
                break
    return max(1, round(TURN / once))


def _round(field: list[Entry]) -> None:
    for way, calls, times in field:
        with way.around():
            if not times or min(times) < SELF_WARMING or way.threads > 1:  # threads may have to be started
                way.call()
            times.append(_turn(way.call, calls))


def _fastest(field: list[Entry], like: Way) -> Entry:
    """Return the fastest entry of the same rival on as many threads."""
    same = [entry for entry in field if (entry[0].rival, entry[0].threads) == (like.rival, like.threads)]
    return min(same, key=lambda entry: min(entry[2]))


def _patience(field: list[Entry]) -> float:
    unsteady = any(statistics.median(times) > UNSTEADY * min(times) for _, _, times in field)
    return PATIENCE if unsteady else 1


def race(ways: list[Way], seconds: float) -> list[tuple[Way, list[float]]]:
    """Time every way in turns; return (way, seconds per call of each turn), for each rival its fastest way.

    On several numbers of threads a rival has a fastest way on each. `seconds` is for each way that goes on.
    """
    collecting = gc.isenabled()
    gc.collect()
    gc.disable()
    try:
        field: list[Entry] = [(way, _calls_for(way), []) for way in ways]
        for _ in range(HEATS):
            _round(field)
        field = [entry for entry in field if min(entry[2]) <= NEAR * min(_fastest(field, entry[0])[2])]
        start, rounds = perf_counter(), HEATS
        while rounds < LEAST_ROUNDS or perf_counter() < start + seconds * len(field) * _patience(field):
            _round(field)
            rounds += 1
    finally:
        if collecting:
            gc.enable()
    return [(way, times) for way, _, times in field if _fastest(field, way)[0] is way]


def summary(times: list[float]) -> dict[str, Any]:
    return {
        "min_us": round(min(times) * 1e6, 3),
        "median_us": round(statistics.median(times) * 1e6, 3),
        "turns": len(times),
    }
