"""One run: for each case, check every contestant, time them in turns, make rows."""

from __future__ import annotations

from types import ModuleType

from . import clock, contestant, machine, truth
from .contestant import Way
from .rows import Row
from .table import NOT_OFFERED
from .work import STREAMS, Array, Case


def checked(way: Way, case: Case, want: dict[str, Array]) -> float:
    """Run a way once, a stream for a few steps; return its largest error; raise ValueError if it is wrong."""
    with way.around():
        result = way.call()
        if case.kind in STREAMS:
            for _ in range(truth.STREAM_STEPS - 1):
                result = way.call()
        return truth.error(case, way.read(result), want)


def entrants(case: Case, modules: dict[str, ModuleType]) -> tuple[list[tuple[Way, float]], list[Row]]:
    """Return the ways that are right, with their errors, and a row for each contestant without, or with a wrong one."""
    want = truth.wanted(case)
    good: list[tuple[Way, float]] = []
    out: list[Row] = []
    for name, module in modules.items():
        if not hasattr(module, case.kind):
            continue
        found = contestant.ways(module, case)
        reasons = [] if found else [NOT_OFFERED]
        for way in found:
            try:
                good.append((way, checked(way, case, want)))
            except ValueError as error:
                reasons.append(f"{way.way}: {error}")
        if reasons:
            out.append(row(case, name, module) | {"threads": 1, "out": "; ".join(reasons)})
    return good, out


def row(case: Case, name: str, module: ModuleType) -> Row:
    return {
        "kind": case.kind,
        "cell": case.cell,
        "dtype": case.dtype,
        "shape": list(case.shape),
        "rival": name,
        "version": module.version(),
        "isa": getattr(module, "isa", lambda: "")(),
        "busy": False,
    }


def _race(
    case: Case, modules: dict[str, ModuleType], good: list[tuple[Way, float]], seconds: float
) -> list[Row]:
    errors = {id(way): error for way, error in good}
    return [
        row(case, entry.way.rival, modules[entry.way.rival])
        | {"way": entry.way.way, "threads": entry.way.threads, "error": errors[id(entry.way)]}
        | clock.summary(entry)
        for entry in clock.race([way for way, _ in good], seconds)
    ]


def timed(case: Case, modules: dict[str, ModuleType], seconds: float) -> list[Row]:
    """Return a row for each contestant, in the order of `modules`; of "threads", for each number of them."""
    if case.kind != "threads":
        good, rows = entrants(case, modules)
        rows += _race(case, modules, good, seconds) if good else []
        order = list(modules)
        return sorted(rows, key=lambda row: order.index(row["rival"]))
    with machine.unpinned():
        good, rows = entrants(case, modules)
        if not good:
            return rows
        rows = _race(case, modules, good, seconds)
        with machine.spinning(max(machine.free_cores(), default=0)):
            return rows + [row | {"busy": True} for row in _race(case, modules, good, seconds)]
