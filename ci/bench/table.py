"""The text table of a run: at most 100 columns, minimum/median in microseconds, losses included."""

from __future__ import annotations

import textwrap
from typing import Any

from .rows import Row, blocks, fastest, find, shapes
from .work import KINDS, QUANTIZED

NAMES = {"onnxruntime": "onnxrt", "torch_cell": "torch cell"}
#: why a row has no time, where that is no news
NOT_OFFERED = "does not offer this"
WIDTH = 100
#: a minimum whose turn had less than this of its cores is not one to trust
WHOLE = 0.95


def short(us: float) -> str:
    """Three digits or so: 6.31, 42.7, 591, 16293, 160k."""
    if us >= 99_999.5:
        return f"{us / 1000:.0f}k"
    return f"{us:.2f}" if us < 9.995 else f"{us:.1f}" if us < 99.95 else f"{us:.0f}"


def short_error(error: float) -> str:
    """Two digits: 1.3e-3."""
    digits, power = f"{error:.1e}".split("e")
    return f"{digits}e{int(power)}"


def shape_text(shape: tuple[int, ...]) -> str:
    return f"({','.join(map(str, shape))})"


def column(row: Row) -> str:
    """A row's column: its rival, or for threads how many and beside what."""
    if row["kind"] != "threads":
        return NAMES.get(row["rival"], str(row["rival"]))
    return f"{row['threads']} thr{' busy' if row['busy'] else ''}"


def entry(row: Row) -> str:
    if "min_us" not in row:
        return "-"
    return f"{short(row['min_us'])}/{short(row['median_us'])}{'~' * disturbed(row)}"


def disturbed(row: Row) -> bool:
    """Whether something else ran even in the fastest turn."""
    return bool(row["share"] < WHOLE and not row["busy"])


def advantage(rows: list[Row]) -> str:
    """The fastest rival's minimum over ours, as "1.42x"; one thread's over two's; empty if one is missing."""
    ours = fastest(find(rows, rival="cyrnn", threads=2, busy=False) or find(rows, rival="cyrnn"))
    rival = fastest([row for row in find(rows, threads=1, busy=False) if row is not ours])
    return f"{rival['min_us'] / ours['min_us']:.2f}x" if ours and rival else ""


def precision(rival: str) -> tuple[str, str]:
    """A contestant of QUANTIZED as library and precision: "torch_int8" as ("torch", "int8")."""
    library, _, bits = rival.partition("_")
    return library, bits or "float32"


def _precision_lines(rows: list[Row]) -> list[str]:
    """Minima of each library and precision, then their errors: they are not the same work."""
    rivals = list(dict.fromkeys(row["rival"] for row in rows))
    names = [precision(rival) for rival in rivals]
    lines = [
        f"{'':<18}" + "".join(f"{NAMES.get(library, library):>9}" for library, _ in names),
        f"{'n_x,n_a,m,T_x':<18}" + "".join(f"{bits:>9}" for _, bits in names),
    ]

    def line(head: str, entries: dict[str, str]) -> str:
        return f"{head:<18}" + "".join(f"{entries.get(rival, '-'):>9}" for rival in rivals)

    for shape in shapes(rows):
        here = find(rows, shape=shape)
        times = {row["rival"]: short(row["min_us"]) + "~" * disturbed(row) for row in here}
        lines.append(line(shape_text(shape), times))
        lines.append(line("  rms error", {row["rival"]: short_error(row["error"]) for row in here}))
    return lines


def block_lines(rows: list[Row]) -> list[str]:
    if rows[0]["kind"] in QUANTIZED:
        return _precision_lines(rows)
    columns = list(dict.fromkeys(map(column, rows)))
    lines = [f"{'n_x,n_a,m,T_x':<18}" + "".join(f"{name:>12}" for name in columns) + f"{'best/ours':>10}"]
    for shape in shapes(rows):
        here = [row for row in rows if row["shape"] == list(shape)]
        entries = {column(row): entry(row) for row in here}
        times = "".join(f"{entries.get(name, ''):>12}" for name in columns)
        lines.append(f"{shape_text(shape):<18}{times}{advantage(here):>10}".rstrip())
    return lines


def markdown(head: list[str], body: list[list[str]]) -> list[str]:
    """A table of Markdown, its first column to the left."""
    lines = [head, ["---", *["---:"] * (len(head) - 1)], *body]
    return ["| " + " | ".join(line) + " |" for line in lines]


def wrong(rows: list[Row]) -> list[str]:
    """Say who was kept out, and why, unless the case is not offered."""
    return [
        f"out: {row['rival']}, {row['kind']} {row['cell']} {row['dtype']} {tuple(row['shape'])}: {row['out']}"
        for row in rows
        if "out" in row and row["out"] != NOT_OFFERED
    ]


def head_lines(run: dict[str, Any]) -> list[str]:
    on = run["machine"]
    said = [
        f"{on['cpu']}, {on['cores']} cores, pinned to core {on['pinned']}; "
        f"{on['system']}, load {on['load']} at the start",
        f"commit {on['commit']}, ISA {run['isa'] or 'none'}, Python {on['python']}, "
        f"NumPy {on['numpy']} on {on['blas']}",
        "contestants: " + ", ".join(f"{name} {version}" for name, version in run["contestants"].items()),
        *(f"missing: {name} ({why})" for name, why in run["missing"].items()),
    ]
    return [line for text in said for line in textwrap.wrap(text, WIDTH, subsequent_indent="  ")]


def render(run: dict[str, Any], rows: list[Row]) -> str:
    """The whole table."""
    lines = [
        *head_lines(run),
        "min/median, microseconds per call; best/ours: the fastest rival's minimum over ours;",
        f"~ even in the fastest turn it used less than {WHOLE:.0%} of its cores",
    ]
    for kind, cell, dtype, block in blocks(rows):
        lines += ["", f"{kind} {cell} {dtype}: {KINDS[kind]}", *block_lines(block)]
    for text in wrong(rows):
        lines += ["", *textwrap.wrap(text, WIDTH, subsequent_indent="  ")]
    return "\n".join(lines) + "\n"
