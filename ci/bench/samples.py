"""Runs as they stand beside docs/explanation/performance.md: every turn of every contestant, in little space.

A file has `run`, where and how; `measured`, a commit and a date for each run that it was made of; and a row for each
case: kind, cell, dtype, shape, which of `measured`, and for each contestant its fastest form, the minimum in
microseconds, and a letter for each turn, in their order: 0 within half a percent of the minimum, 1 one percent above
it, ... 9, a 10 %, ... z 35 %, A 36 %, ... Z 61 % or more.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from statistics import median
from string import ascii_lowercase, ascii_uppercase, digits
from typing import Any

from .rows import Row, find, read

LETTERS = digits + ascii_lowercase + ascii_uppercase
#: what has to stand in `run`, and in its `machine`
SAID = ("machine", "contestants", "isa", "date")
OF_MACHINE = ("cpu", "python", "numpy", "blas", "commit")


def letters(above: Iterable[int]) -> str:
    """Turns in thousandths above the minimum as letters."""
    return "".join(LETTERS[min(round(each / 10), len(LETTERS) - 1)] for each in above)


def packed(paths: list[Path]) -> dict[str, Any]:
    """What `bench run --json` wrote, in the form above; of a case in several files the last one's rows count."""
    head, rows = read(paths)
    dates = {}
    for path in paths:
        run = json.loads(path.read_text(encoding="utf-8"))["run"]
        dates[run["machine"]["commit"]] = run["date"]
    measured = [[commit, dates.get(commit, head["date"])] for commit in dict.fromkeys(row["commit"] for row in rows)]
    commits = [commit for commit, _ in measured]
    lines: dict[tuple[Any, ...], dict[str, list[Any]]] = {}
    for row in find(rows):
        case = row["kind"], row["cell"], row["dtype"], tuple(row["shape"]), commits.index(row["commit"])
        lines.setdefault(case, {})[row["rival"]] = [row["variant"], row["min_us"], letters(row["above"])]
    named = {row["rival"] for row in find(rows)}
    head["contestants"] = {name: version for name, version in head["contestants"].items() if name in named}
    head.pop("missing", None)
    return {"run": head, "measured": measured, "rows": [[*case, times] for case, times in lines.items()]}


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
        for rival, (variant, min_us, turns) in times.items():
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
                    "threads": 1,
                    "busy": False,
                    "isa": found["run"]["isa"],
                    "commit": found["measured"][which][0],
                }
            )
    return found["run"], rows
