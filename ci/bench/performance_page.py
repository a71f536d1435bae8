"""The tables of docs/: performance.md, performance_rows.md, quantized.md; README's ten rows. All from JSON files."""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Callable
from itertools import product
from pathlib import Path
from typing import Any

from . import functions, grid, learning, quantized_page, readme, roofline, samples, scaling, start
from .grid_work import DTYPES, FUNCTIONS
from .machine import ROOT
from .rows import Row, blocks, fastest, find, shapes
from .table import advantage, markdown, shape_text, short
from .work import Shape

PAGE, README = ROOT / "docs" / "explanation" / "performance.md", ROOT / "README.md"
ROWS = PAGE.with_name("performance_rows.md")
QUANTIZED = ROOT / "docs" / "how_to" / "quantized.md"
FOLDER = PAGE.with_suffix("")
#: kinds of the summary
SUMMARY = ("hidden", "stream", "train", "ragged")
#: contestants without a version of their own in a caption
NO_VERSION = ("forward", "notebook", "numpy", "torch_cell")
#: words for each instruction set
ISAS = {"avx512": "AVX-512", "avx2": "AVX2"}
MB = 1e6


def read(name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((FOLDER / f"{name}.json").read_text(encoding="utf-8"))
    return found


def runs(name: str) -> tuple[dict[str, Any], list[Row]]:
    return samples.load(FOLDER / f"{name}.json")


def caption(name: str, folder: str = "performance") -> list[str]:
    """Where, when, at which commit and beside which versions a file was measured, and a link to it, from its page."""
    found = read(name)
    head = found["run"]
    on, versions = head["machine"], head["contestants"]
    measured = found.get("measured", [[on["commit"], head["date"]]])
    commits = ", ".join(dict.fromkeys(commit for commit, _ in measured))
    days = ", ".join(dict.fromkeys(date.split()[0] for _, date in measured))
    named = {each.partition("_")[0]: number for each, number in versions.items() if each not in NO_VERSION}
    others = ", ".join(f"{each} {number}" for each, number in named.items() if each != "cyrnn")
    return [
        f"*{on['cpu']}, one core, ISA {head['isa']}; Python {on['python']}, NumPy {on['numpy']} on {on['blas']}"
        + f"{', ' + others if others else ''}; cyrnn at {commits}, {days}. "
        + f"[{name}.json]({folder}/{name}.json)*",
        "",
    ]


def _ratios(block: list[Row]) -> dict[Shape, float]:
    found = {}
    for shape in shapes(block):
        here = find(block, shape=shape)
        ours, rival = fastest(find(here, rival="cyrnn")), fastest([row for row in here if row["rival"] != "cyrnn"])
        if ours and rival:
            found[shape] = rival["min_us"] / ours["min_us"]
    return found


def _summary_cells(ratios: dict[Shape, float] | None) -> list[str]:
    if not ratios:
        return ["", "", "", ""]
    mean = math.exp(sum(map(math.log, ratios.values())) / len(ratios))
    worst = min(ratios, key=lambda shape: ratios[shape])
    below = sum(f"{ratio:.2f}" < "1.00" for ratio in ratios.values())
    return [f"{below} of {len(ratios)}", f"{mean:.2f}x", f"{ratios[worst]:.2f}x", shape_text(worst)]


def headline() -> list[str]:
    """The fastest rival's time over ours, for each kind, cell and dtype: AVX-512, then AVX2."""
    by_isa = []
    for name in ("avx512", "avx2"):
        _, rows = runs(name)
        by_isa.append({key: _ratios(block) for *key_, block in blocks(rows) for key in [tuple(key_)]})
    body = []
    for key in by_isa[0]:
        if key[0] in SUMMARY:
            work = f"{key[0]} {key[1].upper()} {key[2]}"
            body.append([work, *_summary_cells(by_isa[0][key]), *_summary_cells(by_isa[1].get(key))[:3]])
    head = ["work", "below 1.00", "mean", "worst", "at", "AVX2: below", "mean", "worst"]
    return [*caption("avx512"), *caption("avx2"), *markdown(head, body), ""]


def losses() -> list[str]:
    """Every shape at which a rival is faster, of both instruction sets, worst first."""
    body = []
    for name in ("avx512", "avx2"):
        for kind, cell, dtype, block in blocks(runs(name)[1]):
            if kind == "backward":
                continue  # held against our own forward pass
            for shape in shapes(block):
                here = find(block, shape=shape)
                ours, rival = fastest(find(here, rival="cyrnn")), fastest([r for r in here if r["rival"] != "cyrnn"])
                if ours and rival and rival["min_us"] < ours["min_us"] and advantage(here) < "1.00":
                    words = [f"{kind} {cell} {dtype}", name, shape_text(shape), short(ours["min_us"])]
                    body.append((rival["min_us"] / ours["min_us"], [*words, rival["rival"], short(rival["min_us"])]))
    lines = [[*words, f"{ratio:.2f}x"] for ratio, words in sorted(body, key=lambda each: (each[0], each[1]))]
    return [*markdown(["work", "ISA", "n_x, n_a, m, T_x", "cyrnn", "fastest rival", "its time", "ratio"], lines), ""]


def units() -> list[str]:
    """The sweeps over units: ours and the fastest rival's time, and how much of the roof both reach."""
    roof = read("roofline")
    _, rows = runs("scaling_avx512")
    body = []
    for sweep in [each for each in scaling.SWEEPS if each.over == "n" and each.kind == "hidden"]:
        for shape in sweep.shapes:
            here = find(rows, kind=sweep.kind, shape=shape)
            ours, rival = fastest(find(here, rival="cyrnn")), fastest([r for r in here if r["rival"] != "cyrnn"])
            if not (ours and rival):
                continue
            least = least_us(roof, "avx512", sweep.kind, shape)
            shares = [f"{least / row['min_us']:.0%}" for row in (ours, rival)]
            line = [shape_text(shape), short(least), short(ours["min_us"]), shares[0], rival["rival"]]
            body.append([*line, short(rival["min_us"]), shares[1]])
    head = ["n_x, n_a, m, T_x", "roof", "cyrnn", "of the roof", "fastest rival", "its time", "of the roof"]
    return [*caption("scaling_avx512"), *markdown(head, body), ""]


def least_us(roof: dict[str, Any], isa: str, kind: str, shape: Shape) -> float:
    """The roof, in microseconds."""
    operations, size = scaling.operations(kind, shape), scaling.recurrent_bytes(shape)
    return 1e6 * roofline.least_seconds(roof, isa, operations, size, scaling.readings(kind, shape))


def roof() -> list[str]:
    """GFLOP/s, and GB/s from each level."""
    found = read("roofline")
    levels = (("16 KiB", 1 << 14), ("512 KiB", 1 << 19), ("8 MiB", 1 << 23), ("256 MiB", 1 << 28))
    body = []
    for isa in found["peak"]:
        peaks = [f"{roofline.peak(found, isa, real):.0f}" for real in ("f32", "f64")]
        body.append([isa, *peaks, *(f"{roofline.bandwidth(found, isa, size):.0f}" for _, size in levels)])
    products = [f"{max(found['product'][real]):.0f}" for real in ("f32", "f64")]
    body.append(["NumPy's matrix product", *products, "", "", "", ""])
    head = ["", "GFLOP/s, float32", "float64", *(f"GB/s, {words}" for words, _ in levels)]
    return [*caption("roofline"), *markdown(head, body), ""]


def _mb(count: float) -> str:
    return f"{count / MB:.1f}" if count < 99.95 * MB else f"{count / MB:.0f}"


def memory() -> list[str]:
    """A line for each case and contestant: of the form that is its fastest in the rows below."""
    timed = {}
    for row in runs("avx512")[1]:
        timed[row["kind"], tuple(row["shape"]), row["cell"], row["dtype"], row["rival"]] = row
    body = []
    for kind, shape, rival, found in read("memory")["rows"]:
        row = timed.get((kind, tuple(shape), "lstm", "f32", rival))
        if row is None or row["variant"] != found["form"]:
            continue
        kept = max(found["prepared"], 0) + max(found["first"], 0)
        words = {"hidden": "forward", "train": "forward, backward"}[kind]
        line = [f"{words} {shape_text(tuple(shape))}", _mb(scaling.weight_bytes(tuple(shape))), rival]
        body.append([*line, _mb(found["library"]), _mb(kept), _mb(max(found["calls"][1:])), short(row["min_us"])])
    head = ["work, n_x, n_a, m, T_x", "weights", "", "before", "kept", "a call", "us"]
    return [*caption("memory"), *markdown(head, body), ""]


def started() -> list[str]:
    """Milliseconds of each part, minima."""
    body = []
    for name, seconds in read("start")["seconds"].items():
        parts = start.least(seconds)
        line = [f"{1e3 * parts[each]:.0f}" for each in ("whole", "import", "prepare")]
        line += [f"{1e3 * parts[each]:.2f}" for each in ("first call", "later call")]
        body.append([name, *(["", "", "", ""] if name == "numpy" else line[1:]), line[0]])
    head = ["", "import", "prepare", "first call", "a later call", "whole process"]
    return [*caption("start"), *markdown(head, body), ""]


def functions_table() -> list[str]:
    return [*caption("functions"), *functions.table(read("functions")["rows"]), ""]


def learning_table() -> list[str]:
    return [*caption("learning"), *learning.table(read("learning")["rows"]), ""]


def grid_table() -> list[str]:
    """A line for each function and dtype, and one for all: AVX-512, then AVX2."""
    both = [grid.read([FOLDER / f"grid_{isa}.json"])[1] for isa in ISAS]
    body = []
    for function, dtype in [*product(FUNCTIONS, DTYPES), ("all", "")]:
        line = [f"`{function}`" if dtype else function, dtype]
        for rows in both:
            here = [row for row in rows if not dtype or (row.function, row.dtype) == (function, dtype)]
            worst = min(here, key=lambda row: row.ratio)
            line += [str(sum(not row.holds for row in here)), f"{grid.mean(here):.2f}x"]
            line += [f"{worst.ratio:.2f}x", shape_text((worst.n, worst.m))]
        body.append(line[:-1])
    head = ["function", "", "below", "mean", "worst", "at n, m", "AVX2: below", "mean", "worst"]
    return [*caption("grid_avx512"), *caption("grid_avx2"), *markdown(head, body), ""]


def quantized() -> list[str]:
    """Integers beside float32 and beside others, on each instruction set."""
    text = []
    for isa, words in ISAS.items():
        name = f"quantized_{isa}"
        text += [*caption(name, "../explanation/performance"), *quantized_page.tables(runs(name)[1], words)]
    return text


def every_row() -> list[str]:
    _, rows = runs("avx512")
    return [*caption("avx512"), *readme.tables(rows)]


def ten() -> list[str]:
    return readme.ten(*runs("avx512"))


#: markers -> what stands between them
PARTS: dict[str, Callable[[], list[str]]] = {
    "headline": headline,
    "losses": losses,
    "units": units,
    "roof": roof,
    "memory": memory,
    "start": started,
    "functions": functions_table,
    "learning": learning_table,
    "grid": grid_table,
}
#: the pages, each with its parts
PAGES: dict[Path, dict[str, Callable[[], list[str]]]] = {
    PAGE: PARTS,
    ROWS: {"bench": every_row},
    QUANTIZED: {"quantized": quantized},
    README: {"ten rows": ten},
}


def filled(text: str, parts: dict[str, Callable[[], list[str]]]) -> str:
    """Return a page with its tables written anew; ValueError unless it has all markers, once each."""
    for name, lines in parts.items():
        begin, end = f"<!-- {name}:start -->", f"<!-- {name}:end -->"
        if not (text.count(begin) == text.count(end) == 1 and text.index(begin) < text.index(end)):
            raise ValueError(f"the page needs {begin} and, below it, {end}, once each")
        before, rest = text.split(begin)
        text = "\n".join([f"{before}{begin}", "", *lines()]) + end + rest.split(end)[1]
    return text


def write(*, check: bool) -> int:
    """Write the pages; with `check` nothing, but return 1 if one would change."""
    stale = []
    for page, parts in PAGES.items():
        old = page.read_text(encoding="utf-8")
        new = filled(old, parts)
        if new != old:
            stale.append(page.name)
            if not check:
                page.write_text(new, encoding="utf-8", newline="\n")
    if stale:
        print(f"{'another' if check else 'written'}: {', '.join(stale)}", file=sys.stderr)
    return 1 if check and stale else 0
