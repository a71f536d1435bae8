"""The notebook's functions for arguments that a compiled call does not take as they are.

A compiled call answers None unless every argument is a plain array that fits. Then these functions make the arguments
plain, each converted once, and call again, with the caller's own objects for the caches; or they say what is wrong.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from .. import _check, calls
from .._convert import native, promoted
from ..calls import Packed
from ..cells import Cell
from ..cells.spec import Array

_XT, _STATE = ("n_x", "m"), ("n_a", "m")


def cell_forward(cell: Cell, xt: Any, initial: dict[str, Any], parameters: Any, keep: Any) -> tuple[Any, ...]:
    """Return the next states, y and the cache of one step. `initial`: the arguments that are states."""
    return _forward(cell, f"{cell.function}_cell_forward", "xt", xt, initial, parameters, keep)


def forward(cell: Cell, x: Any, initial: dict[str, Any], parameters: Any, keep: Any) -> tuple[Any, ...]:
    """Return the hidden states, y, the other states and the caches of a sequence."""
    return _forward(cell, f"{cell.function}_forward", "x", x, initial, parameters, keep)


def _forward(
    cell: Cell, function: str, name: str, x: Any, initial: dict[str, Any], parameters: Any, keep: Any
) -> tuple[Any, ...]:
    whole = name == "x"
    call = _check.Call(function)
    array = call.array(name, x)
    packed = isinstance(parameters, Packed)
    weights = {} if packed else call.arrays_of(parameters, cell.shapes)
    states = {
        state: None if state == "c0" and value is None else call.array(state, value)
        for state, value in initial.items()
    }
    dtype = call.dtype()
    rows = native(array, dtype)
    plain = tuple([None if state is None else native(state, dtype) for state in states.values()])
    arrays = parameters if packed else {key: native(weight, dtype) for key, weight in weights.items()}
    steps = x if isinstance(x, np.ndarray) else array
    if type(steps) is np.ndarray:
        steps = steps.view()  # whose shape nobody else can change while the call runs
    given = (x, tuple(initial.values()), parameters, steps)
    run = calls.of(cell).sequence if whole else calls.of(cell).step
    found = run(rows, plain, arrays, keep, given)
    if found is not None:
        return found  # type: ignore[no-any-return]  # compiled
    call.match(name, array.shape, ("n_x", "m", "T_x") if whole else ("n_x", "m"))
    if packed:
        call.require_cell(parameters.cell, cell.name)
        weights = dict(list(parameters.arrays.items())[: 1 if cell.stacked else 2])  # the others agree with these
    call.match_parameters(weights, cell.shapes)
    for state, value in states.items():
        if value is not None:
            call.match(state, value.shape, ("n_a", "m"))
    if packed:  # all others fit now
        call.require_dtype(parameters.panels.dtype)
        call.require_cell(None, cell.name)  # its panels have other sizes than its arrays
    call.changed("an argument", "no other thread may change its shape while the call runs")


def cell_backward(cell: Cell, gradients: dict[str, Any], cache: Any) -> dict[str, Array]:
    """Return the gradients of one step. `gradients`: the arguments that come in at the states."""
    return _backward(cell, f"{cell.function}_cell_backward", gradients, cache, whole=False)


def backward(cell: Cell, gradients: dict[str, Any], caches: Any) -> dict[str, Array]:
    """Return the gradients of a sequence; of an initial state but the hidden one only if its last had a gradient."""
    return _backward(cell, f"{cell.function}_backward", gradients, caches, whole=True)


def _backward(cell: Cell, function: str, gradients: dict[str, Any], caches: Any, *, whole: bool) -> dict[str, Array]:
    """Check every argument by its own name, make it plain and go back.

    `gradients` come in at the states, in their order; each (n_a, m). Of a `whole` sequence the first is (n_a, m, T),
    and T says how many of its caches are used; the others may be None, for zeros.
    """
    call = _check.Call(function)
    run = calls.of(cell).backward if whole else calls.of(cell).backward_step
    arrays = [
        None if whole and i > 0 and value is None else call.array(name, value)
        for i, (name, value) in enumerate(gradients.items())
    ]
    incoming = dict(call.arrays)
    if whole or arrays[-1] is not None:
        dtype = promoted(incoming.values())
        da, *last = (None if array is None else native(array, dtype) for array in arrays)
        found = run(da, caches, *last)  # where the gradients alone were not plain
        if found is not None:
            return found  # type: ignore[no-any-return]  # compiled
    steps = _check.caches(function, caches) if whole else {"cache": caches}
    plain = PlainCaches(call, cell, steps)
    for i, (name, array) in enumerate(incoming.items()):
        call.match(name, array.shape, ("n_a", "m", "T") if whole and i == 0 else ("n_a", "m"))
        if whole and i == 0:
            _check.no_longer(function, name, array, len(steps))
    tuples = plain.tuples(dtype := promoted([*incoming.values(), *plain.arrays()]))
    da, *last = (None if array is None else native(array, dtype) for array in arrays)
    return run(da, (tuples, None) if whole else tuples[0], *last)  # type: ignore[no-any-return]  # compiled


class PlainCaches:
    """The caches of some steps, checked; with the arrays of their entries, each object converted once."""

    def __init__(self, call: _check.Call, cell: Cell, steps: dict[str, object]) -> None:
        self._call, self._cell = call, cell
        self._entries = {step: _check.entries(call.function, step, cache, cell.cache) for step, cache in steps.items()}
        self._weights = self._same_weights()
        self._arrays: dict[int, Array] = {}  # by the identity of the object, which its cache holds
        matched: dict[_check.Names, tuple[int, ...]] = {}
        for step, entries in self._entries.items():
            for name, value in entries.items():
                if name == "parameters":
                    continue
                array = self._arrays.get(id(value))
                if array is None:
                    array = self._arrays[id(value)] = _check.as_array(call.function, f"{name} of {step}", value)
                names = _XT if name == "xt" else _STATE
                if matched.get(names) != array.shape:
                    call.match(f"{name} of {step}", array.shape, names)
                    matched[names] = array.shape

    def _same_weights(self) -> Mapping[str, Array]:
        """Return the arrays of the parameters, which have to be the same in every step."""
        (_, first), *others = self._entries.items()
        parameters = first["parameters"]
        packed = isinstance(parameters, Packed)
        if packed:
            self._call.require_cell(parameters.cell, self._cell.name)
        given = self._call.arrays_of(parameters.arrays if packed else parameters, self._cell.shapes)
        self._call.match_parameters(given, self._cell.shapes)
        for step, entries in others:
            if entries["parameters"] is not parameters:
                _check.same_weights(self._call.function, step, entries["parameters"], given)
        return given

    def arrays(self) -> list[Array]:
        """Return the arrays of all entries and parameters."""
        return [*self._arrays.values(), *self._weights.values()]

    def tuples(self, dtype: np.dtype[Any]) -> list[tuple[Any, ...]]:
        """Return the caches with plain arrays of that dtype."""
        plain: dict[int, Any] = {key: native(array, dtype) for key, array in self._arrays.items()}
        weights = {key: native(array, dtype) for key, array in self._weights.items()}
        return [
            tuple([weights if name == "parameters" else plain[id(value)] for name, value in entries.items()])
            for entries in self._entries.values()
        ]
