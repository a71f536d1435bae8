"""Our own forward with caches: the yardstick of our backward, which does twice its products."""

from __future__ import annotations

from ..contestant import Way
from ..work import Case
from . import ours

version = ours.version
isa = ours.isa


def backward(case: Case) -> list[Way]:
    way = ours.forward(case)[0]
    return [Way("forward", "dict", way.call, lambda _: {})]
