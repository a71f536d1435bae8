"""README's table, written between two marker comments."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

from .rows import Row, blocks, find, shapes
from .table import advantage, shape_text, short
from .targets import PEERS
from .work import CELLS, DTYPES

START, END = "<!-- bench:start -->", "<!-- bench:end -->"
ORDER = ("cyrnn", "torch", "torch_cell", *PEERS[1:])
TITLES = {"torch_cell": "torch's cell"}
#: those that are part of another
NO_VERSION = ("cyrnn", "forward", "notebook", "torch_cell")
#: kind, cells, title: a table each
ALONE = (
    ("hidden", ("lstm", "gru"), "Hidden states of a sequence"),
    ("stream", ("lstm",), "One streaming step, from Python"),
    ("train", ("lstm", "gru"), "Forward and backward of a sequence, all gradients"),
)
#: kind, in words: one table for all
LAYERS = (
    ("call", "one call"),
    ("steps", "a step through 2 layers"),
    ("stack", "2 layers"),
    ("bidirectional", "2 layers, both directions"),
    ("ragged", "a ragged batch, 1 to T_x steps"),
)


def _table(head: list[str], body: list[list[str]]) -> list[str]:
    lines = [head, ["---", *["---:"] * (len(head) - 1)], *body]
    return ["| " + " | ".join(line) + " |" for line in lines]


def _peers(blocks: dict[str, list[Row]]) -> list[str]:
    """Minima in microseconds, a column for each rival; blocks: name, to stand before the shapes -> rows of one kind."""
    names = [name for name in ORDER if any(find(rows, rival=name) for rows in blocks.values())]
    body = []
    for block, rows in blocks.items():
        for shape in shapes(rows):
            here = find(rows, shape=shape)
            times = {row["rival"]: short(row["min_us"]) for row in here}
            line = " ".join(filter(None, (block, shape_text(shape))))
            body.append([line, *(times.get(name, "") for name in names), advantage(here)])
    return _table(["n_x, n_a, m, T_x", *(TITLES.get(name, name) for name in names), "fastest rival / cyrnn"], body)


def _notebook(rows: list[Row]) -> list[str]:
    """A line for each function and shape, both dtypes beside each other."""
    body = []
    for kind, function in (("cell", "cell_forward"), ("forward", "forward"), ("backward", "backward")):
        for cell in CELLS:
            block = [row for row in rows if (row["kind"], row["cell"]) == (kind, cell)]
            for shape in shapes(find(block, rival="notebook")):
                size = shape_text(shape[:3] if kind == "cell" else shape)
                line = [f"`{cell}_{function}` {size}"]
                for dtype in DTYPES:
                    here = find(block, shape=shape, dtype=dtype)
                    times = {row["rival"]: short(row["min_us"]) for row in here}
                    line += [times.get("notebook", ""), times.get("cyrnn", ""), advantage(here)]
                body.append(line)
    head = ["with y and caches, or from them"] + [
        text for dtype in DTYPES for text in (f"{dtype}: notebook", "cyrnn", "ratio")
    ]
    return _table(head, body) if body else []


def _others(rows: list[Row]) -> list[str]:
    """One line for each kind, cell and dtype against the fastest rival: mean and worst, whatever they are."""
    body = []
    for kind, cell, dtype, block in blocks(rows):
        if kind not in ("hidden", "stream", "train"):
            continue
        ratios = {}
        for shape in shapes(block):
            found = advantage(find(block, shape=shape))
            if found:
                ratios[shape] = float(found[:-1])
        if ratios:
            mean = math.exp(sum(map(math.log, ratios.values())) / len(ratios))
            worst = min(ratios, key=lambda shape: ratios[shape])
            best = max(ratios.values())
            body.append(
                [
                    f"{kind} {cell} {dtype}",
                    f"{mean:.2f}x",
                    f"{best:.2f}x",
                    f"{ratios[worst]:.2f}x {shape_text(worst)}",
                ]
            )
    return _table(["against the fastest rival", "geometric mean", "best", "worst"], body) if body else []


def _commits(rows: list[Row]) -> str:
    """Which commit each kind of row was measured at: runs of several days may stand side by side."""
    kinds: dict[str, list[str]] = {}
    for row in rows:
        named = kinds.setdefault(row.get("commit", "an unknown commit"), [])
        if row["kind"] not in named:
            named.append(row["kind"])
    return "; ".join(f"{commit} ({', '.join(named)})" for commit, named in kinds.items())


def lines(run: dict[str, Any], rows: list[Row]) -> list[str]:
    """What goes between the markers."""
    machine = run["machine"]
    rivals = [
        f"{name} {version}"
        for name, version in run["contestants"].items()
        if name not in NO_VERSION
    ]
    said = [
        f"One core of {machine['cpu']}, ISA {run['isa']}; {', '.join(rivals)}.",
        f"Measured at {_commits(rows)}.",
        "Microseconds, minima of interleaved runs, results checked first.",
        "Written by `python -m ci.bench compare`.",
    ]
    named = {(kind, cell, dtype): block for kind, cell, dtype, block in blocks(rows)}
    parts = [said, _notebook(rows)]
    for kind, cells, title in ALONE:
        for cell in cells:
            block = named.get((kind, cell, "f32"))
            if block:
                parts.append([f"{title}, {cell.upper()}, float32:", "", *_peers({"": block})])
    layers = {
        f"{cell.upper()}, {words}": named[kind, cell, "f32"]
        for kind, words in LAYERS
        for cell in ("lstm", "gru")
        if (kind, cell, "f32") in named
    }
    if layers:
        parts.append(["Calls of `cyrnn.nn`, output and states, float32:", "", *_peers(layers)])
    parts.append(_others(rows))
    return [line for part in parts if part for line in [*part, ""]]


def write(path: Path, run: dict[str, Any], rows: list[Row]) -> None:
    """Replace what stands between a file's markers; raise ValueError unless each is there once, in order."""
    text = path.read_text(encoding="utf-8")
    if not (text.count(START) == text.count(END) == 1 and text.index(START) < text.index(END)):
        raise ValueError(f"{path} needs {START} and, below it, {END}, once each")
    before, rest = text.split(START)
    after = rest.split(END)[1]
    body = "\n".join(["", "", *lines(run, rows)])
    path.write_text(f"{before}{START}{body}{END}{after}", encoding="utf-8")
