"""cyrnn with weights of int16 and activations in two planes: `quantize("int16x2")` of the same modules."""

from __future__ import annotations

from ..contestant import Variant
from ..work import Case
from . import ours

version = ours.version
isa = ours.isa


def quantized(case: Case) -> list[Variant]:
    return ours.integers(case, "int16x2")


quantized_step = quantized
