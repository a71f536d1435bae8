"""The table of docs/how_to/quantized.md: integer weights beside float32, and beside other libraries in fewer bits."""

from __future__ import annotations

from typing import Any

from .contestant import QUANTIZED
from .rows import Row, blocks, fastest, find, held_to, shapes
from .table import markdown, precision, shape_text, short, short_error
from .targets import BF16_PEERS, INT8_PEERS
from .work import QUANTIZED as KINDS

#: words for each kind
WORK = {"quantized": "hidden states of a sequence", "quantized_step": "one step from Python"}
#: heading, whose time, over whose
RATIOS = (
    ("float32 / int8", ("cyrnn",), "cyrnn_int8"),
    ("best int8 of others / int8", INT8_PEERS, "cyrnn_int8"),
    ("float32 / int16", ("cyrnn",), "cyrnn_int16"),
    ("best bf16 / int16", BF16_PEERS, "cyrnn_int16"),
    ("float32 / int16x2", ("cyrnn",), "cyrnn_int16x2"),
)


def _ratio(here: list[Row], above: tuple[str, ...], below: str) -> str:
    other, ours = fastest([row for row in here if row["rival"] in above]), fastest(find(here, rival=below))
    return f"{other['min_us'] / ours['min_us']:.2f}x" if other and ours else ""


def _entry(row: Row) -> str:
    return f"{short(row['min_us'])} ({short_error(row['error'])})"


def _table(rows: list[Row]) -> list[str]:
    """A line for each shape: the time of each contestant, its error in brackets; then the ratios that are known."""
    names = [name for name in ("cyrnn", *QUANTIZED) if find(rows, rival=name)]
    found = {shape: {row["rival"]: _entry(row) for row in find(rows, shape=shape)} for shape in shapes(rows)}
    ratios = {head: [_ratio(find(rows, shape=shape), *words) for shape in found] for head, *words in RATIOS}
    ratios = {head: texts for head, texts in ratios.items() if any(texts)}
    body = [
        [shape_text(shape), *(texts.get(name, "") for name in names), *(column[k] for column in ratios.values())]
        for k, (shape, texts) in enumerate(found.items())
    ]
    return markdown(["n_x, n_a, m, T_x", *(" ".join(precision(name)) for name in names), *ratios], body)


def _machine(run: dict[str, Any], rows: list[Row]) -> str:
    peers = {name: run["contestants"].get(name) for name in (*INT8_PEERS, *BF16_PEERS)}
    versions = {precision(name)[0]: version for name, version in peers.items() if version}
    commits = ", ".join(dict.fromkeys(row.get("commit", "an unknown commit") for row in rows))
    others = "".join(f"; {name} {version}" for name, version in versions.items())
    return f"One core of {run['machine']['cpu']}, commit {commits}{others}."


def lines(run: dict[str, Any], rows: list[Row]) -> list[str]:
    """Every table; raise ValueError if no such row was measured."""
    rows = [row for row in rows if row["kind"] in KINDS]
    if not find(rows):
        raise ValueError(f"the page of integer weights needs {' or '.join(KINDS)}: not measured")
    text = [
        _machine(run, rows),
        "Microseconds, minima of interleaved runs; in brackets the rms error of the hidden states against float64,",
        "found before the clock started. Of each rival the fastest of its settings.",
        "Written by `python -m ci.bench compare`.",
        "",
    ]
    for isa in dict.fromkeys(map(held_to, rows)):
        for kind, cell, _, block in blocks([row for row in rows if held_to(row) == isa]):
            if find(block):
                ours = fastest([row for row in find(block) if row["rival"].startswith("cyrnn")])
                on = f", ISA {ours['isa']}" if ours else ""
                text += [f"{cell.upper()}, {WORK[kind]}{on}:", "", *_table(block), ""]
    return text
