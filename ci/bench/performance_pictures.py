"""The pictures of docs/explanation/performance.md, from the JSON files beside it: SVG by matplotlib.

Colours are Okabe and Ito's, which readers who see no red or green tell apart; each contestant has a marker of its own,
too. All lines are of one width, whoever is ahead. The ground is white, for light and dark pages.
"""

from __future__ import annotations

import textwrap
from collections.abc import Callable
from io import StringIO
from typing import Any

import matplotlib as mpl
from matplotlib.figure import Figure

from . import grid, grid_picture, roofline, scaling
from .performance_page import FOLDER, ISAS, least_us, read, runs
from .rows import Row, find

#: contestant: colour, marker
STYLES = {
    "cyrnn": ("#0072B2", "o"),
    "torch": ("#D55E00", "s"),
    "onnxruntime": ("#009E73", "^"),
    "openvino": ("#CC79A7", "D"),
    "jax": ("#56B4E9", "v"),
    "numpy": ("#000000", "x"),
}
ROOF = "#7f7f7f"
#: in inches, of a panel
WIDE, HIGH = 3.2, 2.6


def _said(what: str, name: str) -> str:
    found = read(name)
    on = found["run"]["machine"]
    commit, date = found.get("measured", [[on["commit"], found["run"]["date"]]])[-1]
    versions = found["run"]["contestants"]
    others = ", ".join(f"{each} {versions[each]}" for each in STYLES if each in versions and each != "numpy")
    blas = f"NumPy {on['numpy']} on {on['blas']}"
    said = f"{what} {on['cpu']}, one core; {blas}; {others}; commit {commit}, {date.split()[0]}."
    return textwrap.fill(said, 100)


def _axes(axes: Any, title: str, across: str, up: str, ticks: list[int]) -> None:
    axes.set_xscale("log", base=2)
    axes.set_yscale("log")
    axes.set_xticks(ticks, [str(each) for each in ticks])
    axes.set_title(title, fontsize=9)
    axes.set_xlabel(across, fontsize=9)
    axes.set_ylabel(up, fontsize=9)
    axes.tick_params(labelsize=8)
    axes.minorticks_off()
    axes.grid(visible=True, color="#dddddd", linewidth=0.6)


def _lines(axes: Any, rows: list[Row], sweep: scaling.Sweep, value: Callable[[Row], float]) -> None:
    for rival, (colour, marker) in STYLES.items():
        own = [row for shape in sweep.shapes for row in find(rows, kind=sweep.kind, shape=shape, rival=rival)]
        if own:
            across = [sweep.along(tuple(row["shape"])) for row in own]  # type: ignore[arg-type]  # JSON has no types
            ups = [value(row) for row in own]
            axes.plot(across, ups, color=colour, marker=marker, markersize=4, linewidth=1.2, label=rival, zorder=3)


def _cost(isa: str) -> Figure:
    """Microseconds a call along each sweep, and the roof as a dashed line below."""
    name = f"scaling_{isa}"
    _, rows = runs(name)
    figure = Figure(figsize=(2 * WIDE, 3 * HIGH + 0.9), layout="constrained")
    panels = figure.subplots(3, 2).flat
    for axes, sweep in zip(panels, scaling.SWEEPS, strict=True):
        work = "forward" if sweep.kind == "hidden" else "forward and backward"
        ticks = [sweep.along(shape) for shape in sweep.shapes]
        _axes(axes, f"{work}:\n{sweep.title}", sweep.over, "microseconds a call", ticks)
        _lines(axes, rows, sweep, lambda row: float(row["min_us"]))
        least = [least_us(read("roofline"), isa, sweep.kind, shape) for shape in sweep.shapes]
        axes.plot(ticks, least, color=ROOF, linestyle="--", linewidth=1.2, label="roof: the least time")
    handles, labels = figure.axes[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper center", ncols=4, fontsize=8, frameon=False)
    figure.supxlabel(_said(f"LSTM, float32, {ISAS[isa]}: time against size.", name), fontsize=7)
    return figure


def _roof_panel(axes: Any, isa: str) -> None:
    """GFLOP/s against operations a byte of the recurrent weights, read once a step: the batch m, where n_x = n_a."""
    found = read("roofline")
    _, rows = runs(f"scaling_{isa}")
    sweep = next(each for each in scaling.SWEEPS if each.over == "m")
    intensities = [0.5, 1, 2, 4, 8, 16, 32, 64, 128, 256]
    _axes(axes, ISAS[isa], "operations a byte of weights (m)", "GFLOP/s", [])
    axes.set_xticks(intensities[1:-1], [f"{each:g}" for each in intensities[1:-1]])
    top = roofline.peak(found, isa, "f32")
    axes.axhline(top, color=ROOF, linewidth=1)
    axes.text(0.97, 0.11, f"line: multiply-adds, {top:.0f} GFLOP/s", fontsize=7, ha="right", transform=axes.transAxes)
    levels = {"L2": 1 << 19, "L3": 1 << 23, "memory": 1 << 28}
    rates = {words: roofline.bandwidth(found, isa, size) for words, size in levels.items()}
    for rate in rates.values():
        axes.plot(intensities, [min(top, rate * each) for each in intensities], color=ROOF, linestyle="--", linewidth=1)
    said = ", ".join(f"{words} {rate:.0f}" for words, rate in rates.items())
    axes.text(0.97, 0.04, f"dashed, GB/s: {said}", fontsize=7, ha="right", transform=axes.transAxes)

    def rate_of(row: Row) -> float:
        return float(scaling.operations(row["kind"], tuple(row["shape"])) / row["min_us"] / 1e3)

    for rival, (colour, marker) in STYLES.items():
        own = [row for shape in sweep.shapes for row in find(rows, kind="hidden", shape=shape, rival=rival)]
        across, ups = [row["shape"][2] for row in own], list(map(rate_of, own))
        axes.plot(across, ups, color=colour, marker=marker, markersize=4, linewidth=1.2, label=rival, zorder=3)
    axes.set_xlim(0.5, 256)
    axes.set_ylim(10, 140)
    ticks = [10, 20, 50, 100]
    axes.set_yticks(ticks, [str(each) for each in ticks])
    axes.minorticks_off()


def _roof() -> Figure:
    figure = Figure(figsize=(2 * WIDE, HIGH + 1.2), layout="constrained")
    for axes, isa in zip(figure.subplots(1, 2), ISAS, strict=True):
        _roof_panel(axes, isa)
    handles, labels = figure.axes[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper center", ncols=6, fontsize=8, frameon=False)
    what = "LSTM of 128 units, float32, 20 steps, batches of 1 to 128."
    figure.supxlabel(_said(what, "scaling_avx512"), fontsize=7)
    return figure


def _grid(isa: str) -> str:
    return grid_picture.draw(*grid.read([FOLDER / f"grid_{isa}.json"]))


#: name: a figure, or its SVG
PICTURES: dict[str, Callable[[], Figure | str]] = {
    "scaling_avx512": lambda: _cost("avx512"),
    "scaling_avx2": lambda: _cost("avx2"),
    "roofline": _roof,
    "grid_avx512": lambda: _grid("avx512"),
    "grid_avx2": lambda: _grid("avx2"),
}


def drawn(name: str) -> str:
    """The SVG; the same file whenever it is drawn from the same numbers by the same matplotlib."""
    found = PICTURES[name]()
    if isinstance(found, str):
        return found
    settings = {"svg.hashsalt": name, "svg.fonttype": "none", "font.family": "sans-serif"}
    file = StringIO()
    with mpl.rc_context(settings):
        found.savefig(file, format="svg", metadata={"Date": None}, facecolor="white")
    return "\n".join(line.rstrip() for line in file.getvalue().splitlines()) + "\n"


def write(only: list[str] | None) -> None:
    for name in only or list(PICTURES):
        (FOLDER / f"{name}.svg").write_text(drawn(name), encoding="utf-8", newline="\n")
