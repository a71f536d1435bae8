"""Runs as they stand beside docs/explanation/performance.md: every turn of every contestant, in little space.

A file has `run`, where and how; `measured`, a commit and a date for each run that it was made of; and a row for each
case: kind, cell, dtype, shape, which of `measured`, and for each contestant its fastest form, the minimum in
microseconds, and a letter for each turn, in their order: 0 within half a percent of the minimum, 1 one percent above
it, ... 9, a 10 %, ... z 35 %, A 36 %, ... Z 61 % or more; where weights have fewer bits, the rms error, too.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from statistics import median
from string import ascii_lowercase, ascii_uppercase, digits
from typing import Any

from .rows import Row, find, read
from .work import QUANTIZED

LETTERS = digits + ascii_lowercase + ascii_uppercase
#: what has to stand in `run`, and in its `machine`
SAID = ("machine", "contestants", "isa", "date")
OF_MACHINE = ("cpu", "python", "numpy", "blas", "commit")


def letters(above: Iterable[float]) -> str:
    """Turns in thousandths above the minimum as letters."""
    return "".join(LETTERS[min(round(each / 10), len(LETTERS) - 1)] for each in above)


def _joined(times: list[float], row: Row) -> list[float]:
    return times + [row["min_us"] * (1 + each / 1e3) for each in row["above"]]


def packed(paths: list[Path]) -> dict[str, Any]:
    """What `bench run --json` wrote, in the form above.

    Of a case in several files all turns count: each file has all contestants, so a repetition is one for all of them.
    """
    head, _ = read(paths)
    named: set[str] = set()
    measured: list[list[str]] = []
    cases: dict[tuple[Any, ...], dict[str, Any]] = {}
    for path in paths:
        loaded = json.loads(path.read_text(encoding="utf-8"))
        here = [loaded["run"]["machine"]["commit"], loaded["run"]["date"]]
        measured += [] if here in measured else [here]
        for row in find(loaded["rows"]):
            key = row["kind"], row["cell"], row["dtype"], tuple(row["shape"])
            case = cases.setdefault(key, {"when": [], "who": {}})
            case["when"] += [] if measured.index(here) in case["when"] else [measured.index(here)]
            known, form, error = case["who"].get(row["rival"], ([], "", None))
            if not known or row["min_us"] < min(known):
                form, error = row["variant"], row.get("error")
            case["who"][row["rival"]] = _joined(known, row), form, error
            named.add(row["rival"])
    rows = []
    for key, case in cases.items():
        times = {}
        for rival, (turns, form, error) in case["who"].items():
            least = min(turns)
            times[rival] = [form, round(least, 3), letters(1e3 * (turn / least - 1) for turn in turns)]
            times[rival] += [error] if key[0] in QUANTIZED else []
        rows.append([*key[:3], list(key[3]), case["when"], times])
    head["contestants"] = {name: version for name, version in head["contestants"].items() if name in named}
    head.pop("missing", None)
    return {"run": head, "measured": measured, "rows": rows}


def dump(found: dict[str, Any]) -> str:
    """JSON with a line for each row."""
    head = {name: value for name, value in found.items() if name != "rows"}
    lines = ",\n".join(json.dumps(row, separators=(",", ":")) for row in found["rows"])
    return f'{json.dumps(head, indent=1)[:-2]},\n "rows": [\n{lines}\n]}}\n'


def load(path: Path) -> tuple[dict[str, Any], list[Row]]:
    """Return the head and the rows, as `rows.read` does."""
    found = json.loads(path.read_text(encoding="utf-8"))
    rows = []
    for kind, cell, dtype, shape, which, times in found["rows"]:
        for rival, (variant, min_us, turns, *error) in times.items():
            rows.append(
                {
                    "kind": kind,
                    "cell": cell,
                    "dtype": dtype,
                    "shape": shape,
                    "rival": rival,
                    "variant": variant,
                    "min_us": min_us,
                    "median_us": min_us * (1 + median(map(LETTERS.index, turns)) / 100),
                    "turns": len(turns),
                    "error": error[0] if error else 0.0,
                    "threads": 1,
                    "busy": False,
                    "isa": found["run"]["isa"],
                    "commit": ", ".join(dict.fromkeys(found["measured"][each][0] for each in which)),
                }
            )
    return found["run"], rows
