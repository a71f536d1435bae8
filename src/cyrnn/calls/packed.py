"""Parameters that are packed already: what `cyrnn.pack` returns."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType
from typing import Any, NoReturn, Self

from .implementation import implementation


class Packed(Mapping[str, Any]):
    """Parameters made ready for the kernels: a read-only mapping with the keys and values that `pack` was given.

    Its arrays are copies and cannot be written to, so that the panels beside them never go stale. Whoever gets round
    that, as by `object.__setattr__`, gets an error: the calls trust `panels` alone, and only if it is what `pack` made.
    """

    __slots__ = ("_remake", "_values", "arrays", "integers", "panels")

    _remake: Callable[[dict[str, Any]], Packed]
    _values: Mapping[str, Any]
    arrays: Mapping[str, Any]  # of the cell's keys only, in the order of its spec and the dtype of the panels
    panels: Any
    integers: Any  # what the matrices in the panels are, a Kind of integers; None where they are of the dtype of all

    def __new__(
        cls,
        values: dict[str, Any],
        arrays: Mapping[str, Any],
        panels: Any,
        remake: Callable[[dict[str, Any]], Packed],
        integers: Any = None,
    ) -> Self:
        self = super().__new__(cls)
        object.__setattr__(self, "_values", MappingProxyType(values))
        object.__setattr__(self, "_remake", remake)
        object.__setattr__(self, "arrays", MappingProxyType(dict(arrays)))
        object.__setattr__(self, "panels", panels)
        object.__setattr__(self, "integers", integers)
        return self

    def __setattr__(self, name: str, value: object) -> NoReturn:
        raise AttributeError(f"cyrnn: packed parameters are read-only: {name} cannot be set")

    def __delattr__(self, name: str) -> NoReturn:
        raise AttributeError(f"cyrnn: packed parameters are read-only: {name} cannot be deleted")

    @property
    def cell(self) -> Any:
        """The cell that the panels are for; None where they are not what `pack` made."""
        panels = getattr(self, "panels", None)
        return panels.cell if isinstance(panels, implementation.Panels) else None

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
        return f"<cyrnn parameters packed for {p.cell.name}: {self.integers or p.dtype}, {sizes}>"

    def __reduce__(self) -> tuple[Callable[[dict[str, Any]], Packed], tuple[dict[str, Any]]]:
        return self._remake, (dict(self._values),)  # panels belong to one ISA: they are made anew where they are loaded
