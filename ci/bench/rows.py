"""Rows: the measurements of a run, on disk and by question."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from .work import CELLS, DTYPES, KINDS, QUANTIZED, Shape

Row = dict[str, Any]


def held_to(row: Row) -> str:
    """The ISA that CYRNN_ISA held a row of QUANTIZED to; empty for the CPU's best, and for every other kind."""
    return str(row.get("held_to", "")) if row["kind"] in QUANTIZED else ""


def _case(row: Row) -> tuple[Any, ...]:
    return row["kind"], row["cell"], row["dtype"], *row["shape"], held_to(row)


def write(path: Path, run: dict[str, Any], rows: list[Row]) -> None:
    """Write one run: `run` says where and how, once; each row repeats what makes it readable alone."""
    lines = ",\n".join(json.dumps(row) for row in rows)
    head = json.dumps(run, indent=1)
    path.write_text(f'{{"run": {head},\n"rows": [\n{lines}\n]}}\n', encoding="utf-8")


def read(paths: Iterable[Path]) -> tuple[dict[str, Any], list[Row]]:
    """Return the last run's head, with the contestants of all, and the rows.

    Of a case that several files have, the last one's rows stay and no others: only rows that were timed in turns
    may be compared.
    """
    head: dict[str, Any] = {}
    contestants: dict[str, str] = {}
    by_case: dict[tuple[Any, ...], list[Row]] = {}
    for path in paths:
        loaded = json.loads(path.read_text(encoding="utf-8"))
        head = loaded["run"]
        contestants |= head["contestants"]
        here: dict[tuple[Any, ...], list[Row]] = {}
        for row in loaded["rows"]:
            here.setdefault(_case(row), []).append(row)
        by_case |= here
    return head | {"contestants": contestants}, [row for rows in by_case.values() for row in rows]


def find(rows: list[Row], **wanted: Any) -> list[Row]:
    """Rows with these values and a time."""
    wanted = {name: list(value) if isinstance(value, tuple) else value for name, value in wanted.items()}
    return [
        row for row in rows if "min_us" in row and all(row[name] == value for name, value in wanted.items())
    ]


def fastest(rows: list[Row]) -> Row | None:
    return least_of(rows, "min_us")


def least_of(rows: list[Row], measure: str) -> Row | None:
    return min(rows, key=lambda row: row[measure], default=None)


def blocks(rows: list[Row]) -> list[tuple[str, str, str, list[Row]]]:
    """Return (kind, cell, dtype, its rows), in our order."""
    cut = []
    for kind in KINDS:
        for cell in CELLS:
            for dtype in DTYPES:
                block = [
                    row for row in rows if (row["kind"], row["cell"], row["dtype"]) == (kind, cell, dtype)
                ]
                if block:
                    cut.append((kind, cell, dtype, block))
    return cut


def shapes(rows: list[Row]) -> list[Shape]:
    """The shapes of rows, each once, in the order of the rows."""
    return list(
        dict.fromkeys((row["shape"][0], row["shape"][1], row["shape"][2], row["shape"][3]) for row in rows)
    )
