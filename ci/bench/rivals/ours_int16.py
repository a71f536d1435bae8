"""cyrnn with weights of int16: `quantize("int16")` of the same modules."""

from __future__ import annotations

from ..contestant import Variant
from ..work import Case
from . import ours

version = ours.version
isa = ours.isa


def quantized(case: Case) -> list[Variant]:
    return ours.integers(case, "int16")


quantized_step = quantized
