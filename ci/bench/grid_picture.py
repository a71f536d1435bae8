"""The picture of the grid as SVG: n across, m down, the ratio as colour, one panel a function and dtype.

A colour stands for a range of ratios, blue where cyrnn is faster, red where NumPy is, pale where they are level: pairs
that readers who see no red or green tell apart. A dot marks a row below its limit.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any
from xml.sax.saxutils import escape

from .grid import Row, mean
from .grid_work import BATCHES, CELLS, DTYPES, PASSES, SIZES

#: (ratios from here on, colour), after ColorBrewer's RdBu; the first has all below
COLOURS = (
    (0.0, "#b2182b"),
    (0.5, "#d6604d"),
    (0.75, "#f4a582"),
    (0.97, "#f2efe4"),
    (1.03, "#d6e8f2"),
    (1.5, "#a6cee3"),
    (2.0, "#6baed6"),
    (4.0, "#3182bd"),
    (8.0, "#1b5a99"),
    (16.0, "#08306b"),
)
WRONG = "#000000"
#: of one row of the grid, in pixels; of the space around panels; of the page's margins
SIDE_X, SIDE_Y = 14, 12
GAP_X, GAP_Y = 18, 28
LEFT, TOP, RIGHT, BOTTOM = 44, 92, 16, 44
#: of a panel at least, which its title needs; of a colour in the legend; of a dot
LEAST_WIDTH, SWATCH, DOT = 230, 44, 4
FONT = "font-family='Helvetica, Arial, sans-serif'"


def colour(row: Row) -> str:
    if row.wrong:
        return WRONG
    return [shade for least, shade in COLOURS if row.ratio >= least][-1]


def text(x: float, y: float, words: str, more: str = "") -> str:
    return f"<text x='{x:g}' y='{y:g}' {more}>{escape(words)}</text>".replace(" >", ">")


def _panel(rows: Sequence[Row], sizes: list[int], batches: list[int]) -> list[str]:
    """Rectangles of one path for each colour, then the dots of rows below their limits."""
    paths: dict[str, list[str]] = {}
    dots = []
    for row in rows:
        x, y = sizes.index(row.n) * SIDE_X, batches.index(row.m) * SIDE_Y
        paths.setdefault(colour(row), []).append(f"M{x} {y}h{SIDE_X - 1}v{SIDE_Y - 1}h{1 - SIDE_X}z")
        if not row.holds:
            dots.append(f"M{x + SIDE_X // 2} {y + SIDE_Y // 2}h0")
    found = [f"<path fill='{shade}' d='{''.join(parts)}'/>" for shade, parts in sorted(paths.items())]
    if dots:
        found.append(f"<path stroke='#000' stroke-width='{DOT}' stroke-linecap='round' d='{''.join(dots)}'/>")
    return found


def _legend(x: float, y: float) -> list[str]:
    """A bar of all colours, the ratios at which they change below it, and the dot."""
    found = [text(x, y + 11, "NumPy's time / cyrnn's")]
    x += 142
    for number, (least, shade) in enumerate(COLOURS):
        at = x + number * SWATCH
        found.append(f"<rect x='{at:g}' y='{y:g}' width='{SWATCH}' height='14' fill='{shade}'/>")
        if number:
            found.append(text(at, y + 26, f"{least:g}", "text-anchor='middle'"))
    x += len(COLOURS) * SWATCH + 24
    found.append(f"<path stroke='#000' stroke-width='{DOT}' stroke-linecap='round' d='M{x:g} {y + 7:g}h0'/>")
    return [*found, text(x + 8, y + 11, "below its limit"), text(x + 110, y + 11, "black: a wrong result")]


def _title(run_head: dict[str, Any], rows: Sequence[Row]) -> list[str]:
    on, holding = run_head["machine"], sum(row.holds for row in rows)
    threads = "one thread each" if run_head["one_thread"] else "each side's default threads"
    said = (
        f"{on['cpu']}, ISA {run_head['isa']}, {threads}; NumPy {on['numpy']} on {on['blas']}; cyrnn {on['commit']}. "
        f"Sequences have {run_head['steps']} steps."
    )
    count = f"{holding} of {len(rows)} calls at their limit or above, geometric mean {mean(rows):.2f}x"
    bold = "font-size='15' font-weight='bold'"
    return [text(LEFT, 22, f"cyrnn beside the notebook's NumPy: {count}", bold), text(LEFT, 40, said)]


def _axes(x: float, y: float, sizes: list[int], batches: list[int], *, first: bool, last: bool) -> list[str]:
    """Batches beside the first panel of a line, sizes below the last of a column."""
    found = []
    if first:
        end = "text-anchor='end'"
        found += [text(x - 5, y + SIDE_Y * (k + 0.75), str(m), end) for k, m in enumerate(batches)]
        found.append(text(x - 9, y - 5, "m", f"{end} font-style='italic'"))
    if last:
        below = y + SIDE_Y * len(batches) + 4
        for k, n in enumerate(sizes):
            at = x + SIDE_X * (k + 0.75)
            found.append(text(at, below, str(n), f"text-anchor='end' transform='rotate(-90 {at:g} {below:g})'"))
        found.append(text(x + SIDE_X * len(sizes) + 4, below + 12, "n", "font-style='italic'"))
    return found


def _panel_title(x: float, y: float, width: float, rows: Sequence[Row]) -> list[str]:
    worst = f"worst {min(row.ratio for row in rows):.2f}x"
    return [text(x, y, f"{rows[0].function} {rows[0].dtype}"), text(x + width - 1, y, worst, "text-anchor='end'")]


def draw(run_head: dict[str, Any], rows: Sequence[Row]) -> str:
    """Return the SVG: a line of panels for each cell and dtype, a column for each of PASSES."""

    def here(order: Iterable[int], found: set[int]) -> list[int]:
        return [each for each in order if each in found] + sorted(found - set(order))

    sizes, batches = here(SIZES, {row.n for row in rows}), here(BATCHES, {row.m for row in rows})
    by_panel: dict[tuple[str, str], list[Row]] = {}
    for row in rows:
        by_panel.setdefault((row.function, row.dtype), []).append(row)
    lines = [(cell, d) for cell in CELLS for d in DTYPES if any((f"{cell}_{p}", d) in by_panel for p in PASSES)]
    columns = [p for p in PASSES if any(function.removeprefix(f"{c}_") == p for function, _ in by_panel for c in CELLS)]
    panel_width = max(SIDE_X * len(sizes), LEAST_WIDTH)
    wide, high = panel_width + GAP_X, SIDE_Y * len(batches) + GAP_Y
    body = [*_title(run_head, rows), *_legend(LEFT, 54)]
    for down, (cell, dtype) in enumerate(lines):
        for across, name in enumerate(columns):
            panel = by_panel.get((f"{cell}_{name}", dtype))
            if not panel:
                continue
            x, y = LEFT + across * wide, TOP + GAP_Y - 6 + down * high
            body += _panel_title(x, y - 5, panel_width, panel)
            body += [f"<g transform='translate({x} {y})'>", *_panel(panel, sizes, batches), "</g>"]
            body += _axes(x, y, sizes, batches, first=not across, last=down == len(lines) - 1)
    width = max(LEFT + len(columns) * wide - GAP_X + RIGHT, 1000)
    height = TOP + len(lines) * high + BOTTOM
    size = f"width='{width}' height='{height}' viewBox='0 0 {width} {height}'"
    start = f"<svg xmlns='http://www.w3.org/2000/svg' {size} {FONT} font-size='11' fill='#222'>"
    return "\n".join([start, "<rect width='100%' height='100%' fill='#fff'/>", *body, "</svg>"]) + "\n"
