"""The forms that torch.nn and cyrnn.nn share: the names of weights and the form of results."""

from __future__ import annotations

from typing import Any

from ..work import Array, Case

ORDERS = {"lstm": "ifco", "gru": "rzc"}


PARAMETERS = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")


def suffix(case: Case, k: int) -> str:
    """The end of the names of sublayer k's weights."""
    layer, direction = divmod(k, case.directions)
    return f"_l{layer}{'_reverse' * direction}"


def weights(case: Case, *, numbered: bool = True) -> dict[str, Array]:
    """The state_dict of a layer or a stack; of a single cell, whose names have no number."""
    found = {}
    for k, layer in enumerate(case.sublayers):
        end = suffix(case, k) if numbered else ""
        found |= {name + end: array for name, array in zip(PARAMETERS, layer.weights(ORDERS), strict=True)}
    return found


def result(case: Case, output: Any, state: Any) -> dict[str, Array]:
    """Name the results of a call of nn: output (T, m, D * n_a), None where that is the state; h_n, or (h_n, c_n)."""
    found = {} if output is None else {"a": output.transpose(2, 1, 0)}
    states = state if case.cell == "lstm" else (state,)
    shape = (len(case.sublayers), case.m, case.n_a)
    return found | {name: array.reshape(shape) for name, array in zip(("h_n", "c_n"), states, strict=False)}


def gradients(case: Case, dx: Array, states: Any, named: dict[str, Array]) -> dict[str, Array]:
    """Name gradients as truth.layer_gradients does.

    dx (T, m, n_x); states: of h_0, or of (h_0, c_0); named: of the weights, by torch's names.
    """
    found = result(case, None, states)
    found = {f"d{name[0]}_0": array for name, array in found.items()} | {"dx": dx.transpose(2, 1, 0)}
    for k, layer in enumerate(case.sublayers):
        arrays = (named[name + suffix(case, k)] for name in PARAMETERS)
        of_layer = layer.weight_gradients(*arrays, ORDERS)
        found |= {f"{k} {name}": array for name, array in of_layer.items()}
    return found
