"""One run: for each case, check every contestant, time them in turns, make rows."""

from __future__ import annotations

from types import ModuleType

from . import clock, contestant, machine, truth
from .contestant import Variant
from .rows import Row
from .table import NOT_OFFERED
from .work import STREAMS, Array, Case


def checked(variant: Variant, case: Case, want: dict[str, Array]) -> float:
    """Run a variant once, a stream for a few steps; return its largest error; raise ValueError if it is wrong."""
    with variant.around():
        result = variant.call()
        if case.kind in STREAMS:
            for _ in range(truth.STREAM_STEPS - 1):
                result = variant.call()
        return truth.error(case, variant.read(result), want)


def entrants(case: Case, modules: dict[str, ModuleType]) -> tuple[list[tuple[Variant, float]], list[Row]]:
    """Return the variants that are right, with their errors; a row for each contestant without, or with a wrong one."""
    want = truth.wanted(case)
    good: list[tuple[Variant, float]] = []
    out: list[Row] = []
    for name, module in modules.items():
        if not hasattr(module, case.kind):
            continue
        found: list[Variant] = []
        try:
            found = contestant.variants(module, case)
            reasons = [] if found else [NOT_OFFERED]
        except ValueError as error:
            reasons = [str(error)]
        for variant in found:
            try:
                good.append((variant, checked(variant, case, want)))
            except ValueError as error:
                reasons.append(f"{variant.variant}: {error}")
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
    case: Case, modules: dict[str, ModuleType], good: list[tuple[Variant, float]], seconds: float
) -> list[Row]:
    errors = {id(variant): error for variant, error in good}
    return [
        row(case, entry.variant.rival, modules[entry.variant.rival])
        | {"variant": entry.variant.variant, "threads": entry.variant.threads, "error": errors[id(entry.variant)]}
        | clock.summary(entry)
        for entry in clock.race([variant for variant, _ in good], seconds)
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
