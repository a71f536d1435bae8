"""The notebook's caches: built from the blocks of a run, and taken apart again for the way back.

Caches put together by hand are as good as ours: every entry is checked, and copied into blocks. Caches of plain arrays
go a shorter way, kernels/fast_back.pxi, which reads our own where they lie.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from .. import _check
from ..cells import Cell
from ..cells.spec import Array
from ..packing import Packed, native, time_major
from ..sequence import Past


def step_values(
    cell: Cell, states: Array, gates: Array, xs: list[Any], initial: list[Any], parameters: object
) -> dict[str, list[Any]]:
    """Return what a cache of the cell may hold, by name: a list of T values, (n, m) views of the blocks.

    `states` (S, T + 1, m, n_a) and `gates` (T, G', m, n_a) are what a run left. The inputs `xs` of every step, the
    `initial` states and the parameters go in as the objects that they are.
    """
    T = len(xs)
    values = {"xt": xs, "parameters": [parameters] * T}
    for name, block, given in zip(cell.states, states, initial, strict=True):
        start = block[0].T if given is None else given
        following = list(block[1:].mT)
        values[f"{name}_next"] = following
        values[f"{name}_prev"] = [start, *following[:-1]][:T]
    for name, gate in zip(cell.stored_gates, gates.transpose(1, 0, 3, 2), strict=False):
        values[name] = list(gate)
    return values


def checked_past(
    function: str, cell: Cell, gradients: dict[str, Any], steps: dict[str, object], *, whole: bool
) -> Past:
    """Check every argument of a backward function, by its own names, and gather what it says.

    `gradients` arrive at the states, in their order; each (n_a, m). Of a `whole` sequence the first is
    (n_a, m, T), and T says how many of its caches, the `steps`, are used; the others may be None, for zeros.
    """
    call = _check.Call(function)
    (name, value), *others = gradients.items()
    entries = {step: _check.entries(function, step, cache, cell.cache) for step, cache in steps.items()}
    weights = _weights(call, cell, entries)
    da = call.take(name, value, ("n_a", "m", "T") if whole else ("n_a", "m"))
    if whole:
        _check.no_longer(function, name, da, len(steps))
    last = [
        None if whole and value is None else call.take(name, value, ("n_a", "m")) for name, value in others
    ]
    values = {
        entry: [call.take(f"{entry} of {step}", entries[step][entry], _shape(entry)) for step in steps]
        for entry in cell.cache
        if entry != "parameters"
    }
    T = da.shape[2] if whole else 1
    m, dtype = call.sizes["m"], call.dtype()

    def block(entry: str) -> Array:
        """The entry of the first T caches as rows, (T, m, n)."""
        rows = np.empty((T, m, values[entry][0].shape[0]), dtype)
        for row, array in zip(rows, values[entry], strict=False):
            row[...] = native(array, dtype).T
        return rows

    arriving = [None, *(None if state is None else native(state, dtype).T for state in last)]
    gates = [block(gate) for gate in cell.stored_gates]
    return Past(
        weights,
        time_major(da if whole else da[:, :, None], dtype),
        arriving,
        block("xt"),
        np.stack([block(f"{state}_prev") for state in cell.states]),
        np.stack([block(f"{state}_next") for state in cell.states]),
        np.stack(gates, axis=1) if gates else None,
    )


def _shape(entry: str) -> _check.Names:
    return ("n_x", "m") if entry == "xt" else ("n_a", "m")


def _weights(call: _check.Call, cell: Cell, entries: dict[str, dict[str, Any]]) -> Mapping[str, Array]:
    """Return the arrays of the parameters, which have to be the same in every step."""
    steps = iter(entries.items())
    _, first = next(steps)
    parameters = first["parameters"]
    packed = isinstance(parameters, Packed)
    if packed:
        call.require_cell(parameters.panels.cell.name, cell.name)
    weights = call.take_parameters(parameters.arrays if packed else parameters, cell.shapes)
    for step, cache in steps:
        if cache["parameters"] is not parameters:
            _check.same_weights(call.function, step, cache["parameters"], weights)
    return weights
