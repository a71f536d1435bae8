"""Parameters that are packed already: what `cyrnn.pack` returns."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any


class Packed(Mapping[str, Any]):
    """Parameters made ready for the kernels: a read-only mapping with the keys and values that `pack` was given.

    Its arrays are copies and cannot be written to, so that the panels beside them never go stale.
    """

    __slots__ = ("_remake", "_values", "arrays", "panels")

    def __init__(
        self, values: dict[str, Any], arrays: dict[str, Any], panels: Any, remake: Callable[[dict[str, Any]], Packed]
    ) -> None:
        self._values = values
        self._remake = remake
        self.arrays = arrays  # of the cell's keys only, in the order of its spec and the dtype of the panels
        self.panels = panels

    def __getitem__(self, key: str) -> Any:
        return self._values[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    __eq__ = object.__eq__  # arrays have no truth value: equal only to itself
    __hash__ = object.__hash__

    def __repr__(self) -> str:
        p = self.panels
        sizes = f"n_x = {p.n_x}, n_a = {p.n_a}, n_y = {p.n_y}"
        return f"<cyrnn parameters packed for {p.cell.name}: {p.dtype}, {sizes}>"

    def __reduce__(self) -> tuple[Callable[[dict[str, Any]], Packed], tuple[dict[str, Any]]]:
        return self._remake, (self._values,)  # panels belong to one ISA: they are made anew, where they are loaded
