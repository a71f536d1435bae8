"""The tables of docs/explanation/performance_rows.md, and the ten rows of README."""

from __future__ import annotations

import math
from typing import Any

from . import contestant
from .rows import Row, blocks, fastest, find, shapes
from .table import advantage, markdown, shape_text, short
from .targets import PEERS
from .work import CELLS, DTYPES, KINDS, QUANTIZED, Shape

ORDER = ("cyrnn", "torch", "torch_cell", *PEERS[1:])
TITLES = {"torch_cell": "torch's cell", "notebook": "plain NumPy"}
#: contestants that are part of another, or of another page
NO_VERSION = ("cyrnn", "forward", "notebook", "torch_cell", *contestant.QUANTIZED)
#: README's rows: the work in words, kind, cell, dtype, shape. Losses are among them, and stay there.
TEN: tuple[tuple[str, str, str, str, Shape], ...] = (
    ("`lstm_forward`, the notebook's sizes", "forward", "lstm", "f64", (3, 5, 10, 7)),
    ("`lstm_backward`, the same", "backward", "lstm", "f64", (3, 5, 10, 7)),
    ("`lstm_cell_forward` of a wide cell", "cell", "lstm", "f64", (256, 256, 1, 1)),
    ("one step of a stream, LSTM", "stream", "lstm", "f32", (64, 64, 1, 1)),
    ("a sequence, LSTM", "hidden", "lstm", "f32", (64, 64, 1, 100)),
    ("a batch of sequences, LSTM", "hidden", "lstm", "f32", (256, 256, 16, 64)),
    ("a sequence, GRU", "hidden", "gru", "f32", (64, 64, 1, 100)),
    ("a ragged batch, LSTM", "ragged", "lstm", "f32", (128, 128, 32, 200)),
    ("forward and backward, LSTM", "train", "lstm", "f32", (64, 64, 1, 100)),
    ("forward and backward of a batch", "train", "lstm", "f32", (256, 256, 32, 50)),
)
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
#: kinds with a table above, and those that `compare` judges and no page shows; any other kind gets a table at the end
KNOWN = {"cell", "forward", "backward", "threads", "pack", *QUANTIZED, *(kind for kind, *_ in (*ALONE, *LAYERS))}


def _peers(blocks: dict[str, list[Row]]) -> list[str]:
    """Minima in microseconds, a column for each rival; blocks: name, to stand before the shapes -> rows of one kind."""
    others = [row["rival"] for rows in blocks.values() for row in rows]
    names = [
        name for name in dict.fromkeys((*ORDER, *others)) if any(find(rows, rival=name) for rows in blocks.values())
    ]
    body = []
    for block, rows in blocks.items():
        for shape in shapes(rows):
            here = find(rows, shape=shape)
            times = {row["rival"]: short(row["min_us"]) for row in here}
            line = " ".join(filter(None, (block, shape_text(shape))))
            body.append([line, *(times.get(name, "") for name in names), advantage(here)])
    return markdown(["n_x, n_a, m, T_x", *(TITLES.get(name, name) for name in names), "fastest rival / cyrnn"], body)


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
    return markdown(head, body) if body else []


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
    return markdown(["against the fastest rival", "geometric mean", "best", "worst"], body) if body else []


def _commits(rows: list[Row]) -> str:
    """Which commits rows were measured at: runs of several days may stand side by side."""
    each = dict.fromkeys(name for row in rows for name in row.get("commit", "an unknown commit").split(", "))
    return f"commit{'s' * (len(each) > 1)} {', '.join(each)}"


def _machine(run: dict[str, Any]) -> str:
    """The CPU, the ISA and the rivals' versions, in a line."""
    versions = [f"{name} {version}" for name, version in run["contestants"].items() if name not in NO_VERSION]
    return f"One core of {run['machine']['cpu']}, ISA {run['isa']}; {', '.join(versions)}."


def tables(rows: list[Row]) -> list[str]:
    """Every table, for docs/explanation/performance_rows.md."""
    named = {(kind, cell, dtype): block for kind, cell, dtype, block in blocks(rows)}
    parts = [_notebook(rows)]
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
    for kind in [kind for kind in KINDS if kind not in KNOWN]:
        named_cells = {f"{cell.upper()}, {dtype}": block for k, cell, dtype, block in blocks(rows) if k == kind}
        if named_cells:
            title = KINDS[kind]
            parts.append([f"{title[0].upper()}{title[1:]}:", "", *_peers(named_cells)])
    parts.append(_others(rows))
    return [line for part in parts if part for line in [*part, ""]]


def ten(run: dict[str, Any], rows: list[Row]) -> list[str]:
    """README's table: ours beside the fastest rival; raise ValueError if a row was not measured."""
    body, missing = [], []
    for words, kind, cell, dtype, shape in TEN:
        here = [row for row in find(rows, kind=kind, cell=cell, dtype=dtype, shape=shape) if row["rival"] != "forward"]
        ours, rival = fastest(find(here, rival="cyrnn")), fastest([row for row in here if row["rival"] != "cyrnn"])
        if ours is None or rival is None:
            missing.append(f"{kind} {cell} {dtype} {shape_text(shape)}")
            continue
        name = TITLES.get(rival["rival"], rival["rival"])
        sizes = shape_text(shape[:3] if kind == "cell" else shape)
        times = [dtype, sizes, short(ours["min_us"]), f"{name} {short(rival['min_us'])}"]
        body.append([words, *times, advantage([ours, rival])])
    if missing:
        raise ValueError(f"README's ten rows need {'; '.join(missing)}: not measured")
    head = ["work", "dtype", "n_x, n_a, m, T_x", "cyrnn", "fastest rival", "ratio"]
    on = run["machine"]
    where = f"BLAS {on.get('blas', 'unknown')}; {_commits(rows)}, {run.get('date', '').split(' ')[0]}."
    said = ["Microseconds a call: minima of interleaved runs, results checked first.", _machine(run), where]
    return [*said, "", *markdown(head, body), ""]
