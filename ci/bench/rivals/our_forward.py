"""Our own forward with caches: the yardstick of our backward, which does twice its products."""

from __future__ import annotations

from ..contestant import Variant
from ..work import Case
from . import notebook_numpy, ours

version = ours.version
isa = ours.isa


def backward(case: Case) -> list[Variant]:
    if notebook_numpy.offers_gradients(case):
        return []  # there it is the notebook that backward is held against
    variant = ours.forward(case)[0]
    return [Variant("forward", "dict", variant.call, lambda _: {})]
