"""The forms that torch.nn and cyrnn.nn share: the names of weights and the form of results."""

from __future__ import annotations

from typing import Any

from ..work import Array, Case

ORDERS = {"lstm": "ifco", "gru": "rzc"}


def weights(case: Case, *, numbered: bool = True) -> dict[str, Array]:
    """The state_dict of a layer or a stack; of a single cell, whose names have no number."""
    found = {}
    for k, layer in enumerate(case.sublayers):
        number, direction = divmod(k, case.directions)
        suffix = f"_l{number}{'_reverse' * direction}" if numbered else ""
        for name, array in zip(("weight_ih", "weight_hh", "bias_ih", "bias_hh"), layer.weights(ORDERS), strict=True):
            found[name + suffix] = array
    return found


def result(case: Case, output: Any, state: Any) -> dict[str, Array]:
    """Name the results of a call of nn: output (T, m, D * n_a), None where that is the state; h_n, or (h_n, c_n)."""
    found = {} if output is None else {"a": output.transpose(2, 1, 0)}
    states = state if case.cell == "lstm" else (state,)
    shape = (len(case.sublayers), case.m, case.n_a)
    return found | {name: array.reshape(shape) for name, array in zip(("h_n", "c_n"), states, strict=False)}
