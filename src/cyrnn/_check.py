"""Every check of what a caller passes, and every error sentence.

A sentence says function, argument, got, wanted, and where that came from:

    lstm_cell_forward: a_prev has shape (4, 10), expected (n_a, m) = (5, 10): n_a = 5 from parameters["Wf"], m = 10 from xt

ValueError for a shape or a value, TypeError for a dtype or a kind, KeyError for keys. All are raised before any work.
"""

from __future__ import annotations

import numbers
from collections.abc import Iterable, Mapping, MutableMapping
from typing import Any, NoReturn, cast

import numpy as np
from numpy.typing import NDArray

#: names of sizes, one per axis: ("n_a", "n_a + n_x"); a size that is always 1 is "1"
Names = tuple[str, ...]

FLOAT32 = np.dtype(np.float32)
FLOAT64 = np.dtype(np.float64)

# by dtype.char: float16 and float32; float64, bool and the integers. What is missing is not accepted.
_COMPUTED_IN = dict.fromkeys("ef", FLOAT32) | dict.fromkeys("d?bBhHiIlLqQnNpP", FLOAT64)
_KEYS_SHOWN = 20


class MissingKeys(KeyError):
    """A KeyError whose sentence is shown as it is, without the quotes that KeyError puts around it."""

    def __str__(self) -> str:
        return str(self.args[0])


def as_array(function: str, argument: str, value: object) -> NDArray[Any]:
    """Return value as a plain array of real numbers, sharing its memory where it is an array already."""
    if type(value) is np.ndarray:
        array = value
    elif value is None:
        raise TypeError(f"{function}: {argument} is None, expected an array of numbers")
    else:
        try:
            array = np.asarray(value)
        except (ValueError, TypeError) as error:
            kind = TypeError if isinstance(error, TypeError) else ValueError
            raise kind(f"{function}: {argument} is {_kind(value)}, which is not an array of numbers: {error}") from error
    if array.dtype.char not in _COMPUTED_IN:
        got = f"has dtype {array.dtype}" if array.dtype.kind != "O" else f"is {_kind(value)} and has dtype object"
        raise TypeError(
            f"{function}: {argument} {got}, expected float32 or float64 (float16, integers and bools are converted)"
        )
    return array


def computed_in(dtype: np.dtype[Any]) -> np.dtype[Any]:
    """Return float32 for float32 and float16, float64 for float64, integers and bools."""
    return _COMPUTED_IN[dtype.char]


def promote(arrays: Iterable[NDArray[Any]]) -> np.dtype[Any]:
    """Return what a computation with all these arrays is done in."""
    return FLOAT64 if any(computed_in(array.dtype) == FLOAT64 for array in arrays) else FLOAT32


class Call:
    """What is known of one call so far: its arrays, its named sizes, and which argument each size came from."""

    __slots__ = ("_sources", "arrays", "function", "sizes")

    def __init__(self, function: str) -> None:
        self.function = function
        self.arrays: dict[str, NDArray[Any]] = {}  # by argument, in the order of arrival
        self.sizes: dict[str, int] = {"1": 1}
        self._sources: dict[str, str] = {}

    def take(self, argument: str, value: object, names: Names) -> NDArray[Any]:
        """Return value as an array of the shape `names`; sizes not met before are learned from it."""
        array = as_array(self.function, argument, value)
        self.match(argument, array.shape, names)
        self.arrays[argument] = array
        return array

    def take_parameters(self, parameters: object, shapes: Mapping[str, Names]) -> dict[str, NDArray[Any]]:
        """Return the arrays of a parameters dict under the keys of `shapes`; it may have other keys too."""
        given = mapping(self.function, "parameters", parameters)
        require_keys(self.function, "parameters", given, shapes)
        return {key: self.take(f'parameters["{key}"]', given[key], names) for key, names in shapes.items()}

    def match(self, argument: str, shape: tuple[int, ...], names: Names) -> None:
        """Learn the sizes that are new and raise ValueError where one is not as known."""
        if len(shape) != len(names):
            self._refuse(argument, shape, names)
        known = self.sizes
        wanted = [known[name] if name in known else self._learn(argument, shape, names, i) for i, name in enumerate(names)]
        if wanted != list(shape):
            self._refuse(argument, shape, names)

    def _learn(self, argument: str, shape: tuple[int, ...], names: Names, axis: int) -> int:
        """Return the wanted size of an axis whose name is new: a new size, or a sum like n_a + n_x."""
        terms = names[axis].split(" + ")
        total = sum(self.sizes.get(term, 0) for term in terms)
        new = [term for term in terms if term not in self.sizes]
        if new:
            if shape[axis] < total:
                self._refuse(argument, shape, names, f" with {new[0]} >= 0")
            self.sizes[new[0]] = shape[axis] - total
            self._sources[new[0]] = argument
            total = shape[axis]
        self.sizes[names[axis]] = total
        return total

    def _refuse(self, argument: str, shape: tuple[int, ...], names: Names, condition: str = "") -> NoReturn:
        terms = dict.fromkeys(term for name in names for term in name.split(" + ") if term != "1")
        expected = f"({', '.join(names)}){condition}"
        why = ", ".join(f"{term} = {self.sizes[term]} from {self._sources[term]}" for term in terms if term in self.sizes)
        if all(term in self.sizes for term in terms):
            sizes = [sum(self.sizes[term] for term in name.split(" + ")) for name in names]
            expected += f" = ({', '.join(map(str, sizes))})"
        elif len(shape) != len(names):
            why = f"{len(names)} dimensions, not {len(shape)}"
        raise ValueError(f"{self.function}: {argument} has shape {shape}, expected {expected}: {why}")

    def dtype(self) -> np.dtype[Any]:
        """Return what this call is computed in: the promotion of all that was taken."""
        return promote(self.arrays.values())

    def require_packed(self, cell: str, packed_cell: str, dtype: np.dtype[Any] | None = None) -> None:
        """Refuse parameters that are packed for another cell, or for another dtype than the arrays taken."""
        if cell != packed_cell:
            raise MissingKeys(
                f"{self.function}: parameters is packed for the cell {packed_cell}, expected one packed for {cell}"
            )
        if dtype is not None and self.dtype() != dtype:
            wrong = self.dtype()
            argument, array = next((n, a) for n, a in self.arrays.items() if computed_in(a.dtype) == wrong)
            note = "" if array.dtype == wrong else f" (computed in {wrong})"
            raise TypeError(
                f"{self.function}: {argument} has dtype {array.dtype}{note}, expected {dtype}: parameters is packed in {dtype}"
            )


def recognise(function: str, parameters: object, cells: Mapping[str, Mapping[str, Names]]) -> str:
    """Return the name of the one cell all of whose keys parameters has."""
    given = mapping(function, "parameters", parameters)
    lacking = {name: [key for key in shapes if key not in given] for name, shapes in cells.items()}
    found = [name for name, keys in lacking.items() if not keys]
    if len(found) > 1:
        raise ValueError(f"{function}: parameters has the keys of {' and of '.join(found)}, expected those of one cell")
    if not found:
        misses = "; ".join(f"{_listed(keys)} for {name}" for name, keys in lacking.items())
        raise MissingKeys(f"{function}: parameters lacks {misses}; it has {_listed(given)}")
    return found[0]


def mapping(function: str, argument: str, value: object) -> Mapping[str, object]:
    """Return value if it is a dict or another mapping."""
    if not isinstance(value, Mapping):
        raise TypeError(f"{function}: {argument} is {_kind(value)}, expected a dict or another mapping")
    return value


def mutable_mapping(function: str, argument: str, value: object) -> MutableMapping[str, Any]:
    """Return value if it is a dict or another mapping that can be written to."""
    mapping(function, argument, value)
    if not isinstance(value, MutableMapping):
        raise TypeError(f"{function}: {argument} is {_kind(value)}, which is read-only, expected a dict: it is updated in place")
    return value


def require_keys(function: str, argument: str, given: Mapping[str, object], wanted: Iterable[str]) -> None:
    """Raise KeyError naming the keys that are missing and those that are given."""
    missing = [key for key in wanted if key not in given]
    if missing:
        raise MissingKeys(f"{function}: {argument} lacks {_listed(missing)}; it has {_listed(given)}")


def string_keys(function: str, argument: str, given: Mapping[str, object]) -> None:
    """Refuse keys that are not strings."""
    for key in cast("Iterable[object]", given):
        if not isinstance(key, str):
            raise TypeError(f"{function}: {argument} has the key {key!r}, expected strings")


def same_shape(function: str, argument: str, array: NDArray[Any], other: str, like: NDArray[Any]) -> None:
    """Refuse an array that is not of the shape of another."""
    if array.shape != like.shape:
        raise ValueError(f"{function}: {argument} has shape {array.shape}, expected {like.shape}: the shape of {other}")


def number(
    function: str, argument: str, value: object, *, least: float | None = None, below: float | None = None
) -> float:
    """Return a real number as a float; it must be at least `least` and less than `below` where these are given."""
    if isinstance(value, np.ndarray) and value.ndim == 0:
        value = value.item()
    if not isinstance(value, numbers.Real):
        raise TypeError(f"{function}: {argument} is {_kind(value)}, expected a number")
    bounds = [f"at least {least}"] * (least is not None) + [f"less than {below}"] * (below is not None)
    # written so that nan, which no comparison holds for, is refused
    if (least is not None and not value >= least) or (below is not None and not value < below):
        raise ValueError(f"{function}: {argument} is {value}, expected a number {' and '.join(bounds)}")
    return float(value)


def _kind(value: object) -> str:
    return "None" if value is None else f"of type {type(value).__name__}"


def _listed(keys: Iterable[object]) -> str:
    shown = [f'"{key}"' if isinstance(key, str) else repr(key) for key in keys]
    if len(shown) > _KEYS_SHOWN:
        shown[_KEYS_SHOWN:] = [f"and {len(shown) - _KEYS_SHOWN} more"]
    return ", ".join(shown) or "no keys"
