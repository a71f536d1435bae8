"""The notebook's functions for any cell and any layout: the general path.

Whole calls in compiled code come first (kernels/_fast.pyx). They give None unless every argument is a plain array that
fits: then these functions take over, which convert what can be converted and say what is wrong with the rest.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from .. import _check, sequence
from ..cells import Cell
from ..cells.spec import Array
from .caches import checked_past, step_values


def cell_forward(
    cell: Cell, xt: Any, initial: dict[str, Any], parameters: Any, keep: Any
) -> tuple[Any, ...]:
    """Return the next states, y and the cache of one step. `initial`: the arguments that are states."""
    function = f"{cell.function}_cell_forward"
    blocks = sequence.checked_run(function, cell, {"xt": xt}, initial, parameters, gates=bool(keep))
    values = step_values(cell, blocks.states, blocks.gates, [xt], list(initial.values()), parameters)
    following = (values[f"{state}_next"][0] for state in cell.states)
    cache = tuple(values[name][0] for name in cell.cache) if keep else None
    return *following, blocks.y[0].T, cache


def forward(cell: Cell, x: Any, initial: dict[str, Any], parameters: Any, keep: Any) -> tuple[Any, ...]:
    """Return the hidden states, y, the other states and the caches of a sequence."""
    function = f"{cell.function}_forward"
    blocks = sequence.checked_run(function, cell, {"x": x}, initial, parameters, gates=bool(keep))
    a, *others = (state.T for state in blocks.states[:, 1:])
    kept = None
    if keep:
        array = x if isinstance(x, np.ndarray) else np.asarray(x)
        xs = [array[:, :, t] for t in range(array.shape[2])]
        values = step_values(cell, blocks.states, blocks.gates, xs, list(initial.values()), parameters)
        kept = (list(zip(*(values[name] for name in cell.cache), strict=True)), x)
    return a, blocks.y.T, *others, kept


def cell_backward(cell: Cell, gradients: dict[str, Any], cache: Any) -> dict[str, Array]:
    """Return the gradients of one step. `gradients`: the arguments that arrive at the states."""
    function = f"{cell.function}_cell_backward"
    past = checked_past(function, cell, gradients, {"cache": cache}, whole=False)
    found = sequence.backward(cell, past)
    names = (f"d{state}_prev" for state in cell.states)
    return {"dxt": found.x[0].T} | _named(names, found)


def backward(cell: Cell, gradients: dict[str, Any], kept: Any) -> dict[str, Array]:
    """Return the gradients of a sequence; of an initial state but the hidden one only if its last had a gradient."""
    function = f"{cell.function}_backward"
    past = checked_past(function, cell, gradients, _check.caches(function, kept), whole=True)
    found = sequence.backward(cell, past)
    names = (f"d{state}0" for state, given in zip(cell.states, gradients.values(), strict=True) if given is not None)
    return {"dx": found.x.T} | _named(names, found)


def _named(names: Iterable[str], found: sequence.Gradients) -> dict[str, Array]:
    states = dict(zip(names, (state.T for state in found.initial), strict=False))
    return states | {f"d{key}": gradient for key, gradient in found.weights.items()}
