"""What a forward pass leaves for the way back, and what that gives."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, NamedTuple, NoReturn

import numpy as np

from ..cells.spec import Array
from . import _check
from .batch import Batch
from .sublayer import Sublayer, Trace
from .weights import Plan


@dataclass(frozen=True, eq=False, repr=False)
class Tape:
    """A forward pass, for `backward`: its weights as they were packed, and every state and gate of it."""

    plan: Plan
    batch: Batch
    sublayers: tuple[Sublayer, ...]
    traces: list[Trace]
    noise: list[Array] = field(default_factory=list)

    def __repr__(self) -> str:
        sizes = f"L = {self.batch.T}, N = {self.batch.m}"
        return f"<tape of a model {self.plan.name}, {self.plan.input_size} -> {self.plan.hidden_size}: {sizes}>"

    def __reduce__(self) -> NoReturn:
        _check.tape_stays()


class Gradients(NamedTuple):
    """The gradients of a loss with respect to what `forward` was given."""

    input: Array
    hx: Any  # an array, or the pair (d_h_0, d_c_0)
    weights: dict[str, Array]  # by the names of `state_dict`


def dropout_noise(plan: Plan, batch: Batch, p: float, rng: np.random.Generator) -> list[Array]:
    """Return for each layer but the last what dropout multiplies its output by: 0 with probability p, else 1 / (1 - p).

    The numbers are drawn in the caller's order of the batch, in float32 for any dtype.
    """
    shape = (batch.T, batch.m, plan.directions * plan.output_size)
    kept = 1 / (1 - p) if p < 1 else 0.0
    draws = [batch.sort(rng.random(shape, np.float32)) for _ in range(plan.num_layers - 1)]
    return [np.where(draw < p, 0, kept).astype(plan.dtype) for draw in draws]
