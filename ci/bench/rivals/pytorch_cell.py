"""PyTorch's nn.LSTMCell and so on, for one call, as its documentation advises."""

from __future__ import annotations

from ..contestant import Variant
from ..work import Case
from . import pytorch

version = pytorch.version


def call(case: Case) -> list[Variant]:
    return pytorch.modes("torch_cell", "", _call, case)


def _call(case: Case) -> pytorch.Work:
    cell, xt, state = pytorch.single_cell(case), pytorch.tensor(case.x_rows[0]), pytorch.states(case, layers=False)
    return lambda: cell(xt, state), lambda state: pytorch.named(case, None, state)
