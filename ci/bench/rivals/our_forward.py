"""Our own forward with caches: the yardstick of our backward, which does twice its products."""

from __future__ import annotations

from ..contestant import Way
from ..work import Case
from . import notebook_way, ours

version = ours.version
isa = ours.isa


def backward(case: Case) -> list[Way]:
    if notebook_way.offers_gradients(case):
        return []  # there it is the notebook that backward is held against
    way = ours.forward(case)[0]
    return [Way("forward", "dict", way.call, lambda _: {})]
