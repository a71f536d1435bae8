"""The weights of a model as an optimizer changes them, and as they take effect then."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray


class Trainable:
    """A module whose weights `Adam` and the other optimizers write to; see Module."""

    if TYPE_CHECKING:
        _plan: Any
        _sublayers: tuple[Any, ...]

        @property
        def dtype(self) -> np.dtype[Any]: ...
        def pack(self) -> None: ...
        def _own(self) -> dict[str, Any]: ...
        def _checked(self, function: str, argument: str, given: Mapping[str, Any]) -> dict[str, NDArray[Any]]: ...

    def _trainable(self, function: str) -> dict[str, NDArray[Any]]:
        """Return the weights as an optimizer changes them: attributes where calls take them, else copies of those."""
        self._trained(function)
        shapes, own = self._plan.shapes, self.__dict__
        found: dict[str, Any] = {name: own[name] if name in own else getattr(self, name, None) for name in shapes}
        odd = [name for name, value in found.items() if not _can_be_written(value, shapes[name], self.dtype)]
        if odd:
            copies = self._checked(function, "a weight", {name: found[name] for name in shapes if name in self._own()})
            found |= {name: copies[name] for name in odd}
        return found

    def _written(self, weights: Mapping[str, NDArray[Any]]) -> None:
        """Let weights that `_trainable` returned, and that were changed since, take effect."""
        attributes = self.__dict__
        if all(attributes.get(name) is array for name, array in weights.items()):  # plain arrays, as `_trainable` says
            self._sublayers = self._plan.packed({name: array.copy() for name, array in weights.items()})
            return
        for name, array in weights.items():
            own: Any = attributes.get(name)
            if own is array:
                continue
            fits = isinstance(own, np.ndarray) and own.shape == array.shape and own.dtype.kind == "f"
            if fits and own.flags.writeable:  # not contiguous, or of another dtype
                own[...] = array
            else:
                setattr(self, name, array)
        self.pack()

    def _trained(self, function: str) -> None:
        """Refuse what cannot be trained."""


def _can_be_written(value: Any, shape: tuple[int, ...], dtype: np.dtype[Any]) -> bool:
    """Whether an attribute is an array that calls change in place."""
    return plain_shape(value, dtype) == shape and bool(value.flags.writeable)


def plain_shape(value: Any, dtype: np.dtype[Any]) -> tuple[int, ...] | None:
    """Return the shape of an array that calls can take as it is; None of any other."""
    plain = type(value) is np.ndarray and value.dtype == dtype and value.dtype.isnative
    return value.shape if plain and value.flags.c_contiguous and value.flags.aligned else None
