"""The form of ONNX's operators, for rivals that run a model and for cyrnn.onnx: weights and outputs."""

from __future__ import annotations

import numpy as np

from ..work import Array, Case

ORDERS = {"lstm": "iofc", "gru": "zrc"}


def letters(case: Case) -> str:
    """Of the states."""
    return "hc" if case.cell == "lstm" else "h"


def weights(case: Case, layer: int = 0) -> dict[str, Array]:
    """W (D, gates * n_a, n_x), R (D, gates * n_a, n_a), B (D, 2 * gates * n_a) of one layer, and P (D, 3 * n_a)."""
    D = case.directions
    sublayers = case.sublayers[layer * D : (layer + 1) * D]
    W, R, b, b_a = (np.stack(arrays) for arrays in zip(*(s.weights(ORDERS) for s in sublayers), strict=True))
    found = {"W": W, "R": R, "B": np.concatenate([b, b_a], axis=1)}
    if case.peepholes is not None:
        found["P"] = case.peepholes.reshape(1, -1)
    return found


def named(case: Case, names: tuple[str, ...], arrays: tuple[Array, ...] | list[Array]) -> dict[str, Array]:
    """Name the outputs of a run: Y (T_x, D, m, n_a), and Y_h0, Y_c0 and so on of each layer."""
    given = dict(zip(names, arrays, strict=True))
    found = {}
    if "Y" in given:
        found["a"] = given["Y"].transpose(1, 3, 2, 0).reshape(-1, case.m, case.T_x)
    for letter in letters(case):
        states = [array for name, array in given.items() if name.startswith(f"Y_{letter}")]
        if states:
            found[f"{letter}_n"] = np.concatenate(states)
    return found
