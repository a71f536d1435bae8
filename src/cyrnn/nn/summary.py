"""A model as a table: a row for each module, what it gives, how many weights it has."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from . import links
from .links import Link

WIDTH = 80
_MOST_OF_NAME = 24
_GAP = "  "


class Row(NamedTuple):
    name: str
    module: str
    output: str
    weights: str


def table(title: str, chain: Sequence[Link]) -> str:
    """Return a table of at most 80 columns, as lines."""
    first = links.batch_first(chain)
    steps = any(link.recurrent or isinstance(link, links.LastStepLink) for link in chain)
    rows, size = [Row("name", "module", "output", "weights")], None
    for link in chain:
        size = link.gives(size)
        axes = ["N" if behind_last(link) else "N, L" if first else "L, N"] if steps else ["*"]
        shown = "*" if size is None else str(size)
        rows.append(Row(link.name, repr(link.module), f"({', '.join([*axes, shown])})", f"{_count(link):,}"))
    total, size_in_bytes = sum(map(_count, chain)), sum(map(_bytes, chain))
    rows.append(Row("total", "", "", f"{total:,}"))
    name = min(max(len(row.name) for row in rows), _MOST_OF_NAME)
    output, weights = max(len(row.output) for row in rows), max(len(row.weights) for row in rows)
    most = WIDTH - name - output - weights - 3 * len(_GAP)
    module = min(max(len(row.module) for row in rows), most)
    widths = name, module, output, weights
    lines = [_GAP.join(_cells(row, widths)).rstrip() for row in rows]
    rule = "-" * (sum(widths) + 3 * len(_GAP))
    dtype = links.weighted(chain)[0].module.dtype
    last = f"{title}: {_shown_bytes(size_in_bytes)} of weights, results in {dtype}"
    return "\n".join([lines[0], rule, *lines[1:-1], rule, lines[-1], last])


def behind_last(link: Link) -> bool:
    """Whether a module gives a row for each sequence."""
    return not link.over or isinstance(link, links.LastStepLink)


def _cells(row: Row, widths: Sequence[int]) -> Iterator[str]:
    for i, (text, width) in enumerate(zip(row, widths, strict=True)):
        shown = text if len(text) <= width else f"{text[: width - 3]}..."
        yield shown.rjust(width) if i == len(widths) - 1 else shown.ljust(width)


def _count(link: Link) -> int:
    return sum(math.prod(shape) for shape in links.shapes_of(link).values())


def _bytes(link: Link) -> int:
    if not links.has_weights(link):
        return 0
    plan, integers = link.module._plan, links.integers_of(link)
    matrices = plan.matrices if integers is not None else ()
    sizes = {name: math.prod(shape) for name, shape in plan.shapes.items()}
    return sum(n * (integers if name in matrices else plan.dtype).itemsize for name, n in sizes.items())


def _shown_bytes(count: int) -> str:
    for unit, size in (("MB", 10**6), ("KB", 10**3)):
        if count >= size:
            return f"{count / size:.1f} {unit}"
    return f"{count} bytes"
