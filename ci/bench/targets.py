"""The "Must reach" tables of the issues on kernels, the backward pass, the GRU, variants of cells and integer weights.

A ratio is the rival's time over ours: 2.0 is twice as fast as the fastest of the rivals named.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from .work import QUANTIZED_BATCHES, QUANTIZED_LONG, QUANTIZED_STEPS, SHAPES, TRAIN, Shape

#: a ratio this far below its target is a tie, which counts as reached
TIE = 0.03
LEARNERS = ("torch", "jax")
INT8_PEERS = ("onnxruntime_int8", "openvino_int8", "torch_int8")
BF16_PEERS = ("openvino_bf16", "torch_bf16")
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
    #: which of our contestants
    ours: str = "cyrnn"
    #: "error": the ratio is of errors
    measure: str = "min_us"
    #: the ISA that CYRNN_ISA held both sides to
    held_to: str = ""


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


def _quantized(
    cell: str,
    against: tuple[str, ...],
    long: tuple[float, ...],
    batches: tuple[float, ...] = (),
    ours: str = "cyrnn_int8",
    **more: str,
) -> Target:
    """Ratios for the first of QUANTIZED_LONG and of QUANTIZED_BATCHES."""
    least = dict(zip(QUANTIZED_LONG, long, strict=False)) | dict(zip(QUANTIZED_BATCHES, batches, strict=False))
    return Target("quantized", cell, "f32", against, least, ours=ours, **more)


#: Of the ratios against float32 the issue names both ends for int16, for the GRU and for AVX2; those between are on a
#: line from end to end, and a GRU's batches fall short of an LSTM's as its sequences do.
QUANTIZED: tuple[Target, ...] = (
    _quantized("lstm", ("cyrnn",), (2.6, 3.0, 3.4, 3.6, 4.0), (3.0, 3.3, 3.6)),
    _quantized("lstm", INT8_PEERS, (1.9, 1.5, 1.2, 1.15, 1.15), (1.0,) * 3),
    Target(
        "quantized_step",
        "lstm",
        "f32",
        INT8_PEERS,
        dict(zip(QUANTIZED_STEPS, (3.0, 2.5, 1.8, 1.4), strict=True)),
        ours="cyrnn_int8",
    ),
    _quantized("lstm", ("cyrnn",), (1.6, 1.7, 1.8, 1.9, 2.0), (1.6, 1.8, 2.0), "cyrnn_int16"),
    _quantized("lstm", BF16_PEERS, (1.15,) * 5, (1.0,) * 3, "cyrnn_int16"),
    _quantized("gru", ("cyrnn",), (2.3, 2.7, 3.1, 3.4, 3.8), (2.7, 3.0, 3.4)),
    _quantized("gru", ("torch_int8",), (2.0,) * 5, (2.0,) * 3),
    _quantized("lstm", ("cyrnn",), (1.4, 1.7, 2.1, 2.4), (1.5,) * 3, held_to="avx2"),
    *(
        Target(kind, cell, "f32", ("cyrnn",), dict.fromkeys(SHAPES[kind], 1.0), ours=ours)
        for ours in ("cyrnn_int8", "cyrnn_int16")
        for cell in ("lstm", "gru", "rnn")
        for kind in ("quantized", "quantized_step")
    ),
    *(
        Target("quantized", cell, "f32", peers, {(256, 256, 1, 100): 1.0}, ours="cyrnn_int8", measure="error")
        for cell, peers in (("lstm", ("onnxruntime_int8", "torch_int8")), ("gru", ("torch_int8",)))
    ),
)

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
    *QUANTIZED,
    *(Target("pack", cell, dtype, ("numpy",), dict.fromkeys(SHAPES["pack"], 1 / 3)) for cell, dtype in BOTH),
)
