"""The "Must reach" tables of the issues on kernels, the backward pass, the GRU and on variants of cells, as data.

A ratio is the rival's time over ours: 2.0 is twice as fast as the fastest of the rivals named.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from .work import SHAPES, TRAIN, Shape

#: a ratio this far below its target is a tie, which counts as reached
TIE = 0.03
LEARNERS = ("torch", "jax")
PEERS = ("torch", "onnxruntime", "openvino", "jax", "numpy")


@dataclass(frozen=True)
class Target:
    kind: str
    cell: str
    dtype: str
    against: tuple[str, ...]
    #: shape -> least ratio
    least: Mapping[Shape, float]
    #: least geometric mean over all of `least`
    mean: float | None = None
    #: "threads" only: with another process holding a core
    busy: bool = field(default=False)


def _hidden(cell: str, dtype: str, base: float, mean: float | None = None) -> Target:
    least = dict.fromkeys(SHAPES["hidden"], base)
    if (cell, dtype) == ("lstm", "f32"):
        least |= {(3, 5, 10, 7): 2.0, (1024, 1024, 1, 50): 1.3}
    if dtype == "f64":
        least |= {shape: 1.2 for shape in least if shape[2] <= 8 and shape[1] <= 512}
    return Target("hidden", cell, dtype, PEERS, least, mean)


def _against_notebook(
    kind: str, cell: str, dtype: str, shapes: tuple[Shape, ...], least: tuple[float, ...]
) -> Target:
    return Target(kind, cell, dtype, ("notebook",), dict(zip(shapes, least, strict=True)))


CELL_SHAPES = SHAPES["cell"][:2]
CELLS = ("lstm", "rnn")
DTYPES = ("f32", "f64")
BOTH = tuple((cell, dtype) for cell in CELLS for dtype in DTYPES)

TARGETS: tuple[Target, ...] = (
    _hidden("lstm", "f32", 1.0, mean=1.4),
    _hidden("rnn", "f32", 1.0, mean=1.3),
    _hidden("gru", "f32", 1.0, mean=1.3),
    Target("hidden", "gru", "f32", ("torch",), {shape: 3.0 for shape in SHAPES["hidden"] if shape[2] == 1}),
    _hidden("lstm", "f64", 1.0),
    _hidden("rnn", "f64", 1.0),
    *(
        Target("stream", cell, "f32", PEERS, dict(zip(SHAPES["stream"], (2.5, 1.6, 1.2), strict=False)))
        for cell in CELLS
    ),
    _against_notebook("cell", "rnn", "f64", CELL_SHAPES, (12, 3)),
    _against_notebook("cell", "lstm", "f64", CELL_SHAPES, (12, 4)),
    _against_notebook("forward", "lstm", "f32", SHAPES["forward"], (20, 8, 5, 1.4)),
    _against_notebook("forward", "lstm", "f64", SHAPES["forward"], (15, 8, 5, 1.1)),
    _against_notebook("forward", "rnn", "f32", SHAPES["forward"], (12, 6, 4, 1.4)),
    _against_notebook("forward", "rnn", "f64", SHAPES["forward"], (12, 6, 4, 1.1)),
    *(
        Target("threads", cell, dtype, ("cyrnn",), dict.fromkeys(SHAPES["threads"], least), busy=busy)
        for busy, least in ((False, 1.8), (True, 0.8))
        for cell, dtype in BOTH
    ),
    Target("train", "lstm", "f32", LEARNERS, dict.fromkeys(TRAIN, 1.0), mean=1.3),
    Target("train", "rnn", "f32", LEARNERS, dict.fromkeys(TRAIN, 1.0)),
    Target("train", "gru", "f32", LEARNERS, dict.fromkeys(TRAIN, 1.0)),
    Target("train", "lstm", "f64", LEARNERS, {shape: 1.2 for shape in TRAIN if shape[2] <= 32}),
    _against_notebook("backward", "lstm", "f64", SHAPES["backward"][:1], (15,)),
    _against_notebook("backward", "rnn", "f64", SHAPES["backward"][:1], (10,)),
    *(
        Target("backward", cell, dtype, ("forward",), dict.fromkeys(SHAPES["backward"][1:], 1 / 2.3))
        for cell, dtype in BOTH
    ),
    *(
        Target("call", "lstm", "f32", (rival,), dict.fromkeys(SHAPES["call"], least))
        for rival, least in (("torch", 10), ("torch_cell", 5), ("onnxruntime", 2))
    ),
    *(Target("ragged", cell, "f32", ("torch",), dict.fromkeys(SHAPES["ragged"], 2.0)) for cell in ("lstm", "gru")),
    Target("reset_before", "gru", "f32", ("onnxruntime",), dict.fromkeys(SHAPES["reset_before"], 1.0)),
    *(Target("pack", cell, dtype, ("numpy",), dict.fromkeys(SHAPES["pack"], 1 / 3)) for cell, dtype in BOTH),
)
