"""The table of docs/how_to/quantized.md: integer weights beside float32, and beside other libraries in fewer bits."""

from __future__ import annotations

from .contestant import QUANTIZED
from .rows import Row, blocks, fastest, find, shapes
from .table import markdown, precision, shape_text, short, short_error
from .targets import BF16_PEERS, INT8_PEERS

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


def tables(rows: list[Row], isa: str) -> list[str]:
    """Every table of one run."""
    text = []
    for kind, cell, _, block in blocks(rows):
        if find(block):
            text += [f"{cell.upper()}, {WORK[kind]}, {isa}:", "", *_table(block), ""]
    return text
