"""Draw the figures of docs/reference/cells: how data goes through each cell, and its activations.

    python -m ci.cell_figures

Backgrounds are transparent, wires of a middle grey, and every word stands in a box of its own colour: a figure reads
the same on a light page and on a dark one.
"""

from __future__ import annotations

import re
from html import escape
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from cyrnn.cells import FUNCTIONS

FOLDER = Path(__file__).parents[1] / "docs" / "reference" / "cells"
GREY, RED, PURPLE, INK = "#808080", "#d4574e", "#9a6fc9", "#1c1c1c"
FILLS = {"state": "#a5c8e8", "gate": "#f4c978", "operation": "#b7dba5", "weight": "#d3bdec", "gradient": "#f2b3ad"}
FONT = "'STIX Two Text', 'Cambria', 'Georgia', 'Liberation Serif', serif"


#: what stands for signs in the texts below
SIGNS = {"-": "\N{MINUS SIGN}", "*": "\N{MULTIPLICATION SIGN}", "sigma": "\N{GREEK SMALL LETTER SIGMA}"}


def words(text: str, size: float) -> str:
    """Return the spans of a text where `_{..}` begins a subscript and a name of one letter is in italics."""
    for written, sign in SIGNS.items():
        text = text.replace(written, sign)
    spans, lowered = [], False
    for part in re.split(r"(_\{[^}]*\})", text):
        below = part.startswith("_{")
        shift = {(False, True): f' dy="{size * 0.28:.1f}"', (True, False): f' dy="{-size * 0.28:.1f}"'}
        moved = shift.get((lowered, below), "")
        name = "[a-z]+" if below else r"(?<![A-Za-z])[A-Za-z]\u0303?(?![A-Za-z])"
        for run in re.split(f"({name})", part[2:-1] if below else part):
            if run:
                small = f' font-size="{size * 0.72:.1f}"' if below else ""
                slant = ' font-style="italic"' if re.fullmatch(name, run) else ""
                spans.append(f"<tspan{moved}{small}{slant}>{escape(run)}</tspan>")
                moved = ""
                lowered = below
    return "".join(spans)


class Drawing:
    """Boxes and wires; wires are drawn first, so that a box covers the end of its wire."""

    def __init__(self, width: int, height: int, title: str) -> None:
        self.size = width, height
        self.title = title
        self.wires: list[str] = []
        self.boxes: list[str] = []
        self.colours: set[str] = set()

    def text(self, x: float, y: float, text: str, size: float = 17, fill: str = INK, anchor: str = "middle") -> None:
        place = f'x="{x:g}" y="{y + size * 0.32:.1f}" font-size="{size:g}" text-anchor="{anchor}"'
        self.boxes.append(f'<text {place} fill="{fill}" xml:space="preserve">{words(text, size)}</text>')

    def box(self, x: float, y: float, *lines: str, kind: str = "gate", width: float = 84, height: float = 44) -> None:
        """Lines of text in a box round (x, y); the second line is smaller."""
        corner = height / 2 if kind in ("state", "gradient") else 6
        left, top = x - width / 2, y - height / 2
        size = f'x="{left:g}" y="{top:g}" width="{width:g}" height="{height:g}" rx="{corner:g}"'
        self.boxes.append(f'<rect {size} fill="{FILLS[kind]}"/>')
        if len(lines) == 1:
            self.text(x, y, lines[0])
        else:
            self.text(x, y - 9, lines[0])
            self.text(x, y + 11, lines[1], 13)

    def state(self, x: float, y: float, text: str, kind: str = "state", width: float = 60) -> None:
        self.box(x, y, text, kind=kind, width=width, height=32)

    def operation(self, x: float, y: float, sign: str, radius: float = 15) -> None:
        self.boxes.append(f'<circle cx="{x:g}" cy="{y:g}" r="{radius:g}" fill="{FILLS["operation"]}"/>')
        self.text(x, y, sign, 18 if len(sign) == 1 else 15)

    def weight(self, x: float, y: float, text: str) -> None:
        self.box(x, y, text, kind="weight", width=34, height=28)

    def dot(self, x: float, y: float, colour: str = GREY) -> None:
        self.wires.append(f'<circle cx="{x:g}" cy="{y:g}" r="4" fill="{colour}"/>')

    def wire(self, *points: tuple[float, float], arrow: bool = True, colour: str = GREY) -> None:
        path = "M" + " L".join(f"{x:g} {y:g}" for x, y in points)
        self.colours.add(colour)
        end = f' marker-end="url(#arrow{colour[1:]})"' if arrow else ""
        self.wires.append(f'<path d="{path}" fill="none" stroke="{colour}" stroke-width="2"{end}/>')

    def frame(self, left: float, top: float, right: float, bottom: float) -> None:
        size = f'x="{left:g}" y="{top:g}" width="{right - left:g}" height="{bottom - top:g}" rx="14"'
        self.wires.append(f'<rect {size} fill="{GREY}" fill-opacity="0.1" stroke="{GREY}" stroke-dasharray="5 4"/>')

    def written(self) -> str:
        width, height = self.size
        markers = "".join(
            f'<marker id="arrow{colour[1:]}" viewBox="0 0 10 10" refX="9" refY="5" markerWidth="7" markerHeight="7" '
            f'orient="auto"><path d="M0 0 L10 5 L0 10 z" fill="{colour}"/></marker>'
            for colour in sorted(self.colours)
        )
        head = (
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" '
            f'viewBox="0 0 {width} {height}" font-family="{FONT}" role="img">'
        )
        lines = [head, f"<title>{escape(self.title)}</title>", f"<defs>{markers}</defs>", *self.wires, *self.boxes]
        return "\n".join([*lines, "</svg>"]) + "\n"


# ---- the cells -----------------------------------------------------------------------------------

RIGHT = 760  # width of a cell's figure
A_BUS, X_BUS, GATES = 345, 380, 270  # heights: wires of a_(t-1) and of x_t, and the gates above


def begin(title: str, last: float, right: float = 650) -> Drawing:
    """The frame of a step, its inputs, and the wires along which all gates read them, up to x = last."""
    drawing = Drawing(RIGHT, 415, title)
    drawing.frame(100, 20, right, 400)
    drawing.wire((50, X_BUS), (last + 14, X_BUS), arrow=False)
    drawing.state(50, X_BUS, "x_{t}")
    return drawing


def reads(drawing: Drawing, x: float, *, a: bool = True, of_x: bool = True) -> None:
    """The wires from a_(t-1) and x_t to the gate at x."""
    if a:
        drawing.wire((x - 14, A_BUS), (x - 14, GATES + 23))
        drawing.dot(x - 14, A_BUS)
    if of_x:
        drawing.wire((x + 14, X_BUS), (x + 14, GATES + 23))
        drawing.dot(x + 14, X_BUS)


def hidden_bus(drawing: Drawing, start: float, last: float) -> None:
    drawing.wire((start, A_BUS), (last - 14, A_BUS), arrow=False)


def gate(drawing: Drawing, x: float, name: str, formula: str, width: float = 92) -> None:
    drawing.box(x, GATES, name, formula, width=width, height=46)


def rnn() -> Drawing:
    drawing = Drawing(RIGHT, 190, "Data flow of one step of the RNN cell")
    drawing.frame(100, 20, 660, 170)
    for y, name, product in ((65, "a_{t-1}", "W_{aa} a_{t-1}"), (125, "x_{t}", "W_{ax} x_{t} + b_{a}")):
        drawing.wire((50, y), (168, y))
        drawing.state(50, y, name)
        drawing.box(220, y, product, width=104, height=40)
        drawing.wire((272, y), (345, y), (345, 95 + (y - 95) * 0.6))
    drawing.operation(345, 95, "+")
    drawing.wire((360, 95), (448, 95))
    drawing.box(490, 95, "tanh", kind="operation", width=80, height=40)
    drawing.wire((530, 95), (678, 95))
    drawing.text(404, 78, "z_{t}", fill=GREY)
    drawing.state(710, 95, "a_{t}")
    return drawing


def lstm(*, peephole: bool = False, coupled: bool = False) -> Drawing:
    kind = "LSTM cell with peepholes" if peephole else "LSTM cell with coupled gates" if coupled else "LSTM cell"
    drawing = begin(f"Data flow of one step of the {kind}", 540, 690)
    forget, update, candidate, output, read_out = 190.0, 310.0, 425.0, 540.0, 620.0
    drawing.state(50, A_BUS, "a_{t-1}")
    hidden_bus(drawing, 50, output)
    drawing.state(50, 70, "c_{t-1}")
    names = {forget: "f", update: "i", candidate: "c\u0303", output: "o"}
    for x, letter in names.items():
        if x == forget and coupled:
            continue
        reads(drawing, x)
        gate(drawing, x, f"{letter}_{{t}}", "tanh(…)" if x == candidate else "sigma(…)", 76)
    middle = (update + candidate) / 2
    drawing.wire((50, 70), (forget - 16, 70))
    drawing.wire((forget, 70), (middle - 16, 70))
    drawing.wire((middle, 70), (678, 70))
    if coupled:
        drawing.wire((update, 160), (forget, 160), (forget, 86))
        drawing.dot(update, 160)
        drawing.operation(forget + 60, 160, "1-")
    else:
        drawing.wire((forget, GATES), (forget, 86))
    drawing.wire((update, GATES), (update, 160), (middle - 16, 160))
    drawing.wire((candidate, GATES), (candidate, 160), (middle + 16, 160))
    drawing.wire((middle, 160), (middle, 86))
    drawing.wire((read_out, 70), (read_out, 106))
    drawing.dot(read_out, 70)
    drawing.box(read_out, 125, "tanh", kind="operation", width=60, height=34)
    drawing.wire((read_out, 142), (read_out, 184))
    drawing.wire((output, GATES), (output, 200), (read_out - 16, 200))
    drawing.wire((read_out, 200), (678, 200))
    for x, y, sign in ((forget, 70, "*"), (middle, 70, "+"), (middle, 160, "*"), (read_out, 200, "*")):
        drawing.operation(x, y, sign)
    drawing.state(710, 70, "c_{t}")
    drawing.state(710, 200, "a_{t}")
    if peephole:
        peepholes(drawing, forget, update, output)
    return drawing


def peepholes(drawing: Drawing, forget: float, update: float, output: float) -> None:
    drawing.dot(125, 70, PURPLE)
    drawing.wire((125, 70), (125, GATES), (forget - 39, GATES), colour=PURPLE)
    drawing.dot(125, 120, PURPLE)
    drawing.wire((125, 120), (250, 120), (250, GATES), (update - 39, GATES), colour=PURPLE)
    drawing.dot(482, 70, PURPLE)
    drawing.wire((482, 70), (482, GATES), (output - 39, GATES), colour=PURPLE)
    drawing.weight(125, 200, "P_{f}")
    drawing.weight(250, 200, "P_{i}")
    drawing.weight(482, 200, "P_{o}")


def blend(drawing: Drawing, update: float, right: float) -> None:
    """a_t = z a_(t-1) + (1 - z) c~, the candidate coming along y = 150."""
    drawing.wire((50, 70), (update - 16, 70))
    drawing.wire((update, 70), (right - 16, 70))
    drawing.wire((right, 70), (678, 70))
    drawing.wire((update, GATES), (update, 86))
    drawing.wire((update, 210), (right, 210), (right, 166))
    drawing.dot(update, 210)
    drawing.wire((right, 150), (right, 86))
    drawing.operation((update + right) / 2, 210, "1-")
    for x, y, sign in ((update, 70, "*"), (right, 70, "+"), (right, 150, "*")):
        drawing.operation(x, y, sign)
    drawing.state(50, 70, "a_{t-1}")
    drawing.state(710, 70, "a_{t}")


def gru() -> Drawing:
    reset, candidate, update, right = 230, 390, 530, 625
    drawing = begin("Data flow of one step of the GRU cell that resets before the product", update, 665)
    drawing.wire((125, 70), (125, A_BUS), (update - 14, A_BUS), arrow=False)
    drawing.dot(125, 70)
    for x, name, formula in ((reset, "r_{t}", "sigma(…)"), (update, "z_{t}", "sigma(…)")):
        reads(drawing, x)
        gate(drawing, x, name, formula, 76)
    reads(drawing, candidate, a=False)
    gate(drawing, candidate, "c\u0303_{t}", "tanh(…)", 76)
    drawing.wire((125, 150), (reset - 16, 150))
    drawing.dot(125, 150)
    drawing.wire((reset, GATES), (reset, 166))
    drawing.wire((reset, 150), (310, 150), (310, 310), (candidate - 14, 310), (candidate - 14, GATES + 23))
    drawing.operation(reset, 150, "*")
    drawing.wire((candidate, GATES), (candidate, 150), (right - 16, 150))
    blend(drawing, update, right)
    return drawing


def gru_reset_after() -> Drawing:
    reset, inner, of_x, update, right = 190, 295, 400, 550, 635
    drawing = begin("Data flow of one step of the GRU cell that resets after the product", update, 665)
    drawing.wire((125, 70), (125, A_BUS), (update - 14, A_BUS), arrow=False)
    drawing.dot(125, 70)
    for x, name, formula in ((reset, "r_{t}", "sigma(…)"), (update, "z_{t}", "sigma(…)")):
        reads(drawing, x)
        gate(drawing, x, name, formula, 76)
    reads(drawing, inner, of_x=False)
    gate(drawing, inner, "q_{t}", "W_{ca} a_{t-1} + b_{ca}", 104)
    reads(drawing, of_x, a=False)
    drawing.box(of_x, GATES, "W_{cx} x_{t} + b_{c}", width=90, height=46)
    drawing.wire((reset, GATES), (reset, 150), (inner - 16, 150))
    drawing.wire((inner, GATES), (inner, 166))
    drawing.wire((inner, 150), (of_x - 16, 150))
    drawing.wire((of_x, GATES), (of_x, 166))
    drawing.wire((of_x, 150), (right - 16, 150))
    drawing.operation(inner, 150, "*")
    drawing.operation(of_x, 150, "+")
    drawing.box(480, 150, "c\u0303_{t}", "tanh(…)", width=70, height=44)
    blend(drawing, update, right)
    return drawing


# ---- through time, and the activations -----------------------------------------------------------


def through_time() -> Drawing:
    drawing = Drawing(RIGHT, 330, "Three steps of a sequence, forward and back")
    steps = ((180, "t-1"), (380, "t"), (580, "t+1"))
    for x, step in steps:
        before = {"t-1": "t-2", "t": "t-1", "t+1": "t"}[step]
        drawing.box(x, 165, "cell", width=90, height=84)
        drawing.wire((x - 20, 300), (x - 20, 209))
        drawing.wire((x + 20, 209), (x + 20, 284), colour=RED)
        drawing.state(x - 25, 300, f"x_{{{step}}}", width=58)
        drawing.state(x + 38, 300, f"δx_{{{step}}}", "gradient", width=62)
        drawing.wire((x - 20, 121), (x - 20, 52))
        drawing.wire((x + 20, 50), (x + 20, 121), colour=RED)
        drawing.state(x - 25, 34, f"a_{{{step}}}", width=58)
        drawing.state(x + 38, 34, f"g_{{{step}}}", "gradient", width=58)
        drawing.wire((x - 155, 145), (x - 47, 145))
        drawing.wire((x - 45, 187), (x - 153, 187), colour=RED)
        drawing.state(x - 100, 145, f"a_{{{before}}}", width=56)
        drawing.state(x - 100, 187, f"p_{{{before}}}", "gradient", width=56)
    drawing.wire((625, 145), (735, 145))
    drawing.wire((735, 187), (627, 187), colour=RED)
    drawing.state(680, 145, "a_{t+1}", width=56)
    drawing.state(680, 187, "p_{t+1}", "gradient", width=56)
    return drawing


def activations() -> Drawing:
    """A panel for each function, with the constants that it has if none are given: y solid, dy/dz thin."""
    drawing = Drawing(RIGHT, 560, "The twelve activations and their derivatives, from z = -3 to 3")
    z = np.linspace(-3, 3, 61)
    for number, (name, function) in enumerate(FUNCTIONS.items()):
        alpha, beta = (*function.constants, 0.0, 0.0)[:2]
        left, top = 10 + number % 4 * 188, 10 + number // 4 * 184
        drawing.frame(left, top, left + 176, top + 172)
        drawing.box(left + 88, top + 18, name, kind="operation", width=150, height=26)

        def at(z: float, y: float, left: int = left, top: int = top) -> tuple[float, float]:
            return round(left + 88 + z * 27, 1), round(top + 118 - y * 25, 1)

        drawing.wire(at(-3, 0), at(3, 0), arrow=False)
        drawing.wire(at(0, -1.7), at(0, 2.8), arrow=False)
        for tick in (-1, 1):
            (x, zero), (origin, y_1) = at(tick, 0), at(0, tick)
            drawing.wire((x, zero - 3), (x, zero + 3), arrow=False)
            drawing.wire((origin - 3, y_1), (origin + 3, y_1), arrow=False)
        y = function.y(z, alpha, beta)
        for values, colour in ((function.slope(y, alpha, beta), RED), (y, "#2f86d2")):
            for part in pieces(values):
                points = zip(z[part], values[part], strict=True)
                drawing.wire(*(at(*point) for point in points), arrow=False, colour=colour)
    return drawing


def pieces(values: NDArray[np.float64]) -> list[slice]:
    """Return the parts of a curve that are within its panel, cut where the curve jumps."""
    within = np.abs(values - 0.55) <= 2.3
    cuts = np.flatnonzero((np.abs(np.diff(values)) > 0.19) | (np.diff(within) != 0)) + 1
    return [slice(a, b) for a, b in pairwise([0, *cuts, len(values)]) if b - a > 1 and within[a]]


FIGURES = {
    "cell_rnn": rnn,
    "cell_lstm": lstm,
    "cell_lstm_peephole": lambda: lstm(peephole=True),
    "cell_lstm_coupled": lambda: lstm(coupled=True),
    "cell_gru": gru,
    "cell_gru_reset_after": gru_reset_after,
    "cell_through_time": through_time,
    "cell_activations": activations,
}


def main() -> None:
    for name, draw in FIGURES.items():
        (FOLDER / f"{name}.svg").write_text(draw().written(), encoding="utf-8")


if __name__ == "__main__":
    main()
