"""The notebook's functions for arguments that a compiled call does not take as they are.

A compiled call answers None unless every argument is a plain array that fits. Then these functions make the arguments
plain, each converted once, and call again, with the caller's own objects for the caches; or they say what is wrong.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from .. import _check, calls
from .._check_quantized import not_trained
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
    weights = {} if packed else call.arrays_of(parameters, cell.shapes, cell.head)
    states = {
        state: None if state == "c0" and value is None else call.state(state, value)
        for state, value in initial.items()
    }
    dtype = call.dtype()
    rows = native(array, dtype)
    if packed and parameters.cell is None:
        call.require_cell(None, cell.name)
    units = (parameters.panels.n_a,) if packed else next(iter(weights.values())).shape[:1]
    full = units + array.shape[1:2]
    plain = tuple([None if state is None else spread(native(state, dtype), full) for state in states.values()])
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
            call.match_state(state, value.shape)
    if packed:  # all others fit now
        call.require_dtype(parameters.panels.dtype)
        call.require_cell(None, cell.name)  # its panels have other sizes than its arrays
    call.changed("an argument", "no other thread may change its shape while the call runs")


def spread(state: Array, full: tuple[int, ...]) -> Array:
    """Return a state as an array (n_a, m), if it is a number or a column (n_a, 1), for every example; else as it is."""
    fits = state.ndim == 0 or state.shape == (*full[:1], 1)
    return np.broadcast_to(state, full) if fits and len(full) == 2 else state


def cell_backward(cell: Cell, gradients: dict[str, Any], cache: Any) -> dict[str, Array]:
    """Return the gradients of one step. `gradients`: the arguments that come in at the states."""
    return _backward(cell, f"{cell.function}_cell_backward", gradients, cache, whole=False)


def backward(cell: Cell, gradients: dict[str, Any], caches: Any) -> dict[str, Array]:
    """Return the gradients of a sequence; of an initial state but the hidden one only if its last had a gradient."""
    return _backward(cell, f"{cell.function}_backward", gradients, caches, whole=True)


def _backward(cell: Cell, function: str, gradients: dict[str, Any], caches: Any, *, whole: bool) -> dict[str, Array]:
    """Check every argument by its own name, make it plain and go back.

    `gradients` come in at the states, in their order; each as a state. Of a `whole` sequence the first is (n_a, m, T),
    and T says how many of its caches are used; the others may be None, for zeros.
    """
    call = _check.Call(function)
    run = calls.of(cell).backward if whole else calls.of(cell).backward_step
    arrays = [
        None if whole and i > 0 and value is None else (call.array if whole and i == 0 else call.state)(name, value)
        for i, (name, value) in enumerate(gradients.items())
    ]
    shapes = dict(zip(gradients, [None if array is None else array.shape for array in arrays], strict=True))
    incoming = list(call.arrays.values())

    def plain_gradients(dtype: np.dtype[Any], full: tuple[int, ...]) -> list[Array | None]:
        return [None if array is None else spread(native(array, dtype), full) for array in arrays]

    widest = max((shape for shape in shapes.values() if shape is not None), key=lambda shape: (len(shape), shape))
    da, *last = plain_gradients(promoted(incoming), widest[:2])
    found = run(da, caches, *last)  # where the gradients alone were not plain
    if found is not None:
        return found  # type: ignore[no-any-return]  # compiled
    steps = _check.caches(function, caches) if whole else {"cache": caches}
    plain = PlainCaches(call, cell, steps)
    for i, (name, shape) in enumerate(shapes.items()):
        if shape is None:
            continue
        if whole and i == 0:
            call.match(name, shape, ("n_a", "m", "T"))
            _check.no_longer(function, name, shape, len(steps))
        else:
            call.match_state(name, shape)
    tuples = plain.tuples(dtype := promoted([*incoming, *plain.arrays()]))
    da, *last = plain_gradients(dtype, plain.full)
    return run(da, (tuples, None) if whole else tuples[0], *last)  # type: ignore[no-any-return]  # compiled


class PlainCaches:
    """The caches of some steps, checked; with the arrays of their entries, each object converted once."""

    def __init__(self, call: _check.Call, cell: Cell, steps: dict[str, object]) -> None:
        self._call, self._cell = call, cell
        self._entries = {step: _check.entries(call.function, step, cache, cell.cache) for step, cache in steps.items()}
        self._weights = self._same_weights()
        self._arrays: dict[int, Array] = {}  # by the identity of the object, which its cache holds
        self._numbers: set[int] = set()  # of these, Python's numbers, which have no part in the dtype
        matched: dict[_check.Names, tuple[int, ...]] = {}
        for step, entries in self._entries.items():
            for name, value in entries.items():
                if name == "parameters":
                    continue
                array = self._arrays.get(id(value))
                if array is None:
                    array = self._arrays[id(value)] = _check.as_array(call.function, f"{name} of {step}", value)
                    if _check.is_number(value):
                        self._numbers.add(id(value))
                names = _XT if name == "xt" else _STATE
                if name.endswith("_prev"):
                    call.match_state(f"{name} of {step}", array.shape)
                elif matched.get(names) != array.shape:
                    call.match(f"{name} of {step}", array.shape, names)
                    matched[names] = array.shape

    def _same_weights(self) -> Mapping[str, Array]:
        """Return the arrays of the parameters that are read, which have to be the same in every step."""
        (_, first), *others = self._entries.items()
        parameters = first["parameters"]
        packed = isinstance(parameters, Packed)
        if packed:
            self._call.require_cell(parameters.cell, self._cell.name)
            if parameters.integers is not None:
                not_trained(self._call.function, "parameters", parameters.integers)
        given = self._call.arrays_of(parameters.arrays if packed else parameters, self._cell.read_backward)
        self._call.match_parameters(given, self._cell.shapes)
        for step, entries in others:
            if entries["parameters"] is not parameters:
                _check.same_weights(self._call.function, step, entries["parameters"], given)
        return given

    def arrays(self) -> list[Array]:
        """Return the arrays of all entries and parameters that have a part in the dtype."""
        return [*(array for key, array in self._arrays.items() if key not in self._numbers), *self._weights.values()]

    @property
    def full(self) -> tuple[int, int]:
        """The shape of a state."""
        return self._call.sizes["n_a"], self._call.sizes["m"]

    def tuples(self, dtype: np.dtype[Any]) -> list[tuple[Any, ...]]:
        """Return the caches with plain arrays of that dtype."""
        plain: dict[int, Any] = {key: spread(native(array, dtype), self.full) for key, array in self._arrays.items()}
        weights = {key: native(array, dtype) for key, array in self._weights.items()}
        return [
            tuple([weights if name == "parameters" else plain[id(value)] for name, value in entries.items()])
            for entries in self._entries.values()
        ]
