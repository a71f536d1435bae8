"""Gates and states of a pass, wherever they come from: name -> array (L, N, units), for each sublayer."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from ..cells import CELLS, Cell
from ..cells.spec import Array
from ..nn.tape import Tape
from . import _check

#: what a panel is called, by the notebook's name of what it shows
TITLES = {
    "ft": "forget gate (ft)",
    "it": "input gate (it)",
    "ot": "output gate (ot)",
    "zt": "update gate (zt)",
    "rt": "reset gate (rt)",
    "cct": "candidate (cct)",
    "c": "cell state (c)",
    "a": "hidden state (a)",
    "h": "hidden state (h)",
}
#: what is not a gate, whatever its values: of either sign, as tanh is
SIGNED = ("cct", "c", "a", "h")


def sublayers_of(function: str, source: object, batch_first: bool = False) -> dict[str, dict[str, Array]]:
    """Return for each sublayer, by its label, its gates and states."""
    tapes = dict(_tapes(source))
    if tapes:
        found = {prefix + label: part for prefix, tape in tapes.items() for label, part in _of_tape(tape).items()}
        batch_first = any(tape.batch_first for tape in tapes.values())
    elif isinstance(source, Mapping):
        found = {"": source}
    elif isinstance(source, (list, tuple)) and all(isinstance(part, Mapping) for part in source):
        found = {f"gates[{i}]": part for i, part in enumerate(source)}
    elif isinstance(source, (list, tuple)) and len(source) == 2:
        found = {"": of_caches(function, source)}
    else:
        _check.no_pass(function, source)
    _check.no_gates(function, list(found.values()))
    arrays = {
        label: {
            str(name): _check.sequences(function, f'source["{name}"]', value, batch_first)
            for name, value in part.items()
        }
        for label, part in found.items()
    }
    for part in arrays.values():
        _check.alike(function, {f'source["{name}"]': array for name, array in part.items()})
    return arrays


def _tapes(source: object, prefix: str = "") -> Iterator[tuple[str, Tape]]:
    """Find the tapes of recurrent layers, in one of several modules, too, by what stands before their labels."""
    if isinstance(source, Tape):
        yield prefix, source
    for i, part in enumerate(getattr(source, "tapes", ())):
        yield from _tapes(part, f"{prefix}{i}.")


def _of_tape(tape: Tape) -> dict[str, Mapping[str, Any]]:
    cell = tape.plan.cell
    found: dict[str, Mapping[str, Any]] = {}
    for suffix, record in zip(tape.plan.suffixes, tape.records, strict=True):
        part = dict(zip(cell.stored_gates, record.every_gate(), strict=True))
        if "c" in cell.states:
            part["c"] = record.every_cell_state()
        found[suffix.lstrip("_")] = part
    return found


def cell_of(function: str, steps: Sequence[tuple[Any, ...]]) -> Cell:
    """Return the cell that the notebook's caches of each step are of."""
    known = {len(cell.cache): cell for cell in reversed(CELLS.values()) if cell.function}
    sizes = {len(step) for step in steps}
    if len(sizes) > 1 or not sizes <= set(known):
        _check.no_cell(function, max(sizes))
    return known[sizes.pop()]


def of_caches(function: str, caches: object) -> dict[str, Array]:
    """Return gates, then states of the notebook's caches, whose arrays are (n_a, m) for each step."""
    steps = _check.caches(function, caches)
    cell = cell_of(function, steps)
    names = {name: name for name in cell.stored_gates} | {f"{state}_next": state for state in reversed(cell.states)}
    return {
        names[entry]: np.stack([np.asarray(step[cell.cache.index(entry)]).T for step in steps])
        for entry in names
    }


def is_gate(name: str, array: Array) -> bool:
    """Whether an array is drawn from 0 to 1, without a sign."""
    finite = array[np.isfinite(array)]
    return name not in SIGNED and not ((finite < 0) | (finite > 1)).any()
