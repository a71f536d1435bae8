"""How cost grows: sweeps over units, batch and steps of one LSTM, all contestants; the work of a call in operations.

n_x = n_a = n throughout. A call does 2 * 4 * n * (n + n) floating-point operations a step and example in its products;
activations are not counted. Each step waits for the one before it, so the recurrent weights are read once a step; those
of the input may be read once for all steps.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from .work import Case, Shape

UNITS = (16, 32, 64, 128, 256, 512, 1024)
BATCHES = (1, 2, 4, 8, 16, 32, 64, 128)
STEPS = (1, 3, 10, 30, 100, 300, 1000)


@dataclass(frozen=True)
class Sweep:
    """A line of a picture."""

    title: str
    #: which of n, m, T changes
    over: str
    kind: str
    shapes: tuple[Shape, ...]

    def along(self, shape: Shape) -> int:
        return shape["nmT".index(self.over) + 1]


SWEEPS = (
    Sweep("units n, one sequence of 50 steps", "n", "hidden", tuple((n, n, 1, 50) for n in UNITS)),
    Sweep("units n, a batch of 32, 20 steps", "n", "hidden", tuple((n, n, 32, 20) for n in UNITS)),
    Sweep("batch m, 128 units, 20 steps", "m", "hidden", tuple((128, 128, m, 20) for m in BATCHES)),
    Sweep("steps T, 64 units, one sequence", "T", "hidden", tuple((64, 64, 1, T) for T in STEPS)),
    Sweep("units n, one sequence of 50 steps", "n", "train", tuple((n, n, 1, 50) for n in UNITS[:-1])),
    Sweep("units n, a batch of 32, 20 steps", "n", "train", tuple((n, n, 32, 20) for n in UNITS[:-1])),
)


def cases() -> Iterator[Case]:
    """Every point of the sweeps once."""
    points = dict.fromkeys((sweep.kind, shape) for sweep in SWEEPS for shape in sweep.shapes)
    for kind, shape in points:
        yield Case(kind, "lstm", "f32", *shape)


def operations(kind: str, shape: Shape) -> int:
    """Floating-point operations of an LSTM's products; a backward pass does its forward's twice."""
    n_x, n_a, m, T_x = shape
    return 2 * 4 * n_a * (n_x + n_a) * m * T_x * (3 if kind == "train" else 1)


def weight_bytes(shape: Shape) -> int:
    """Of an LSTM's weights in float32."""
    n_x, n_a, _, _ = shape
    return 4 * 4 * n_a * (n_x + n_a)


def recurrent_bytes(shape: Shape) -> int:
    """Of those that multiply the hidden state: what each step reads."""
    return 4 * 4 * shape[1] ** 2


def readings(kind: str, shape: Shape) -> int:
    """How often a call reads the recurrent weights: a backward pass once a step, too."""
    return shape[3] * (2 if kind == "train" else 1)
