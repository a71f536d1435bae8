"""Every check of what a caller passes, and every error sentence.

A sentence says function, argument, got, wanted, and where that came from:

    lstm_cell_forward: a_prev has shape (4, 10), expected (n_a, m) = (5, 10): n_a = 5 from parameters["Wf"],
    m = 10 from xt

ValueError for a shape or a value, TypeError for a dtype or a kind, KeyError for keys; all before any work.
"""

from __future__ import annotations

import numbers
import operator
import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NoReturn

import numpy as np

from ._convert import COMPUTED_IN, computed_in, promoted
from ._keys import MissingKeys as MissingKeys
from ._keys import mapping as mapping
from ._keys import mutable_mapping as mutable_mapping
from ._keys import recognise as recognise
from ._keys import require_keys as require_keys
from ._keys import string_keys as string_keys
from ._keys import type_of, values_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

#: the name of the size of every axis, as in ("n_a", "n_a + n_x"); a size that is always 1 is called "1"
Names = tuple[str, ...]


# ---- arrays --------------------------------------------------------------------------------------


def as_array(function: str, argument: str, value: object) -> NDArray[Any]:
    """Return value as a plain array of real numbers, sharing its memory where it is an array already."""
    if type(value) is np.ndarray and value.dtype.char in COMPUTED_IN:  # as usual
        return value
    where = f"{function}: {argument}"
    if value is None:
        raise TypeError(f"{where} is None, expected an array of numbers")
    refuse_mask(where, value)
    try:
        array = np.asanyarray(value)
    # RuntimeError: a tensor of torch that requires grad; MaskError: a masked number in a list
    except (ValueError, TypeError, RuntimeError, np.ma.MaskError) as error:
        kind = ValueError if isinstance(error, ValueError) else TypeError
        raise kind(f"{where} is {type_of(value)}, expected an array of numbers: {error}") from error
    if not isinstance(value, np.ndarray):
        refuse_mask(where, array)  # as an object's __array__ gave it
    array = np.asarray(array)
    if array.dtype.char not in COMPUTED_IN:
        if array.dtype.kind == "O" and not isinstance(value, np.ndarray):
            raise TypeError(f"{where} is {type_of(value)}, expected an array of numbers")
        wanted = "float32 or float64 (float16, integers and bools are converted)"
        raise TypeError(f"{where} has dtype {array.dtype}, expected {wanted}")
    return array


def is_number(value: object) -> bool:
    """Whether value is a number of Python's, which takes part in no promotion: 0 for a state of zeros."""
    return type(value) in (bool, int, float)


def _masked(value: object, axes: int = 4) -> int:
    """Return how many elements are masked, of an array or of those in nested lists, which may be endless."""
    if isinstance(value, (list, tuple)) and axes > 0:
        return sum(_masked(entry, axes - 1) for entry in value)
    return int(np.count_nonzero(np.ma.getmaskarray(value))) if isinstance(value, np.ma.MaskedArray) else 0


def refuse_mask(where: str, value: object) -> None:
    """Refuse a masked array in which elements are masked, and a list with one: NumPy would drop the mask."""
    if "numpy.ma" not in sys.modules:  # there are no masked arrays then, and the import of it takes milliseconds
        return
    masked = _masked(value)
    if masked:
        raise ValueError(
            f"{where} is a masked array with {masked} of its elements masked, expected an array without a mask: "
            "x.filled(0) puts numbers in their place; for sequences of several lengths there is lengths= in cyrnn.nn"
        )


def same_shape(function: str, argument: str, array: NDArray[Any], other: str, like: NDArray[Any]) -> None:
    """Refuse an array that is not of the shape of another."""
    if array.shape != like.shape:
        raise ValueError(f"{function}: {argument} has shape {array.shape}, expected {like.shape}: the shape of {other}")


# ---- one call of a cell --------------------------------------------------------------------------


class Call:
    """What is known of one call so far: its arrays, its sizes by name, and where each size came from."""

    __slots__ = ("_sources", "arrays", "function", "sizes")

    def __init__(self, function: str) -> None:
        self.function = function
        self.arrays: dict[str, NDArray[Any]] = {}  # by argument, in the order of arrival
        self.sizes: dict[str, int] = {"1": 1}
        self._sources: dict[str, str] = {}

    def array(self, argument: str, value: object) -> NDArray[Any]:
        """Return value as an array, which has a part in the dtype of the call."""
        array = self.arrays[argument] = as_array(self.function, argument, value)
        return array

    def state(self, argument: str, value: object) -> NDArray[Any]:
        """Return a state, or the gradient at one, as an array; a number of Python's has no part in the dtype."""
        if is_number(value):
            return as_array(self.function, argument, value)
        return self.array(argument, value)

    def arrays_of(
        self, parameters: object, shapes: Mapping[str, Names], head: tuple[str, ...] = ()
    ) -> dict[str, NDArray[Any]]:
        """Return the arrays of parameters under the keys of `shapes`, without a head if it has none of that."""
        given = values_of(self.function, "parameters", parameters, shapes, head)
        return {key: self.array(f'parameters["{key}"]', value) for key, value in given.items()}

    def match_parameters(self, arrays: Mapping[str, NDArray[Any]], shapes: Mapping[str, Names]) -> None:
        """Match the shape of every parameter."""
        for key, array in arrays.items():
            self.match(f'parameters["{key}"]', array.shape, shapes[key])

    def match_state(self, argument: str, shape: tuple[int, ...]) -> None:
        """Match the shape of a state: (n_a, m), or what goes for every column of the batch: (n_a, 1), or a number."""
        if shape not in ((), (self.sizes.get("n_a"), 1)):
            self.match(argument, shape, ("n_a", "m"))

    def match(self, argument: str, shape: tuple[int, ...], names: Names) -> None:
        """Learn the sizes that are new, and refuse a shape in which one is not as known."""
        fits = len(shape) == len(names)
        if fits:
            for name, size in zip(names, shape, strict=True):
                wanted = self.sizes.get(name)
                if wanted is None:
                    wanted = self._learn(argument, shape, names, name, size)
                fits = fits and size == wanted  # no early end: the sentence knows the other sizes too
        if not fits:
            self._refuse(argument, shape, names)

    def _learn(self, argument: str, shape: tuple[int, ...], names: Names, name: str, size: int) -> int:
        """Enter a size whose name is new, be it a sum as n_a + n_x, and return what it has to be."""
        terms = name.split(" + ")
        known = sum(self.sizes.get(term, 0) for term in terms)
        new = [term for term in terms if term not in self.sizes]
        if new:
            if size < known:
                self._refuse(argument, shape, names, f" with {new[0]} >= 0")
            self.sizes[new[0]] = size - known
            self._sources[new[0]] = argument
            known = size
        self.sizes[name] = known
        return known

    def _refuse(self, argument: str, shape: tuple[int, ...], names: Names, condition: str = "") -> NoReturn:
        """Raise the sentence: with the sizes wanted where all are known, else with what is."""
        expected = f"({', '.join(names)}){condition}"
        terms = dict.fromkeys(term for name in names for term in name.split(" + "))
        known = [term for term in terms if term in self._sources]
        why = ", ".join(f"{term} = {self.sizes[term]} from {self._sources[term]}" for term in known)
        if all(term in self.sizes for term in terms):
            wanted = tuple([sum(self.sizes[term] for term in name.split(" + ")) for name in names])
            expected += f" = {wanted}"
        elif len(shape) != len(names):
            why = f"{len(names)} dimensions, not {len(shape)}"
        raise ValueError(f"{self.function}: {argument} has shape {shape}, expected {expected}: {why}")

    def dtype(self) -> np.dtype[Any]:
        """Return the dtype that this call is computed in."""
        return promoted(self.arrays.values())

    def changed(self, what: str, cure: str) -> NoReturn:
        """Refuse what somebody changed behind our back."""
        raise RuntimeError(f"{self.function}: {what} was changed, expected it as it was: {cure}")

    def require_cell(self, packed: Any, wanted: str) -> None:
        """Refuse parameters that are packed for another cell, or are not as `pack` made them: their cell is None."""
        if packed is None:
            self.changed("parameters, which pack made,", "pack again")
        if packed.name != wanted:
            said = f"parameters is packed for the cell {packed.name}, expected one packed for {wanted}"
            raise MissingKeys(f"{self.function}: {said}")

    def require_dtype(self, packed: np.dtype[Any]) -> None:
        """Refuse arrays that ask for another dtype than that in which the parameters are packed."""
        dtype = self.dtype()
        if dtype == packed:
            return  # pragma: no cover  # then the call has refused what fits
        argument, array = next((n, a) for n, a in self.arrays.items() if computed_in(a.dtype) == dtype)
        note = "" if array.dtype == dtype else f" (computed in {dtype})"
        raise TypeError(
            f"{self.function}: {argument} has dtype {array.dtype}{note}, "
            f"expected {packed}: parameters is packed in {packed}; np.asarray({argument}, np.{packed})"
        )


# ---- caches --------------------------------------------------------------------------------------


def caches(function: str, value: object) -> dict[str, object]:
    """Return the caches of the steps of a sequence, by what they are called in sentences."""
    if not isinstance(value, (tuple, list)):
        wanted = "the pair (list of T_x caches, x)" + ": return_caches=False keeps none" * (value is None)
        raise TypeError(f"{function}: caches is {type_of(value)}, expected {wanted}")
    if len(value) != 2:
        raise ValueError(f"{function}: caches has {len(value)} entries, expected 2: (list of T_x caches, x)")
    steps = value[0]
    if not isinstance(steps, (tuple, list)):
        raise TypeError(f"{function}: caches[0] is {type_of(steps)}, expected a list of T_x caches")
    if not steps:
        raise ValueError(f"{function}: caches[0] is empty, expected the cache of at least one step")
    return {f"caches[0][{t}]": step for t, step in enumerate(steps)}


def entries(function: str, argument: str, cache: object, names: tuple[str, ...]) -> dict[str, Any]:
    """Return the entries of one cache by their names."""
    if not isinstance(cache, (tuple, list)):
        raise TypeError(f"{function}: {argument} is {type_of(cache)}, expected the tuple ({', '.join(names)})")
    if len(cache) != len(names):
        wanted = f"{len(names)}: ({', '.join(names)})"
        raise ValueError(f"{function}: {argument} has {len(cache)} entries, expected {wanted}")
    return dict(zip(names, cache, strict=True))


def no_longer(function: str, argument: str, shape: tuple[int, ...], steps: int) -> None:
    """Refuse gradients (n_a, m, T) of more steps than there are caches."""
    if shape[2] > steps:
        raise ValueError(
            f"{function}: {argument} has shape {shape}, expected (n_a, m, T) with T <= {steps}: "
            f"caches[0] has {steps} entries"
        )


def same_weights(function: str, step: str, value: object, weights: Mapping[str, NDArray[Any]]) -> None:
    """Refuse the parameters of one step where they are not those of the first."""
    given = values_of(function, f"parameters of {step}", value, weights)
    for key, array in weights.items():
        argument = f'parameters["{key}"] of {step}'
        if not np.array_equal(as_array(function, argument, given[key]), array, equal_nan=True):
            raise ValueError(f"{function}: {argument} differs from the first step's, expected the same in every step")


# ---- numbers -------------------------------------------------------------------------------------


def number(
    function: str, argument: str, value: object, *, least: float | None = None, below: float | None = None
) -> float:
    """Return a real number as a float; it must be at least `least` and less than `below`, where given."""
    if isinstance(value, np.ndarray) and value.ndim == 0:
        value = value.item()
    if not isinstance(value, numbers.Real):
        raise TypeError(f"{function}: {argument} is {type_of(value)}, expected a number")
    try:
        result = float(value)
    except OverflowError:  # an int beyond all floats
        result = float("inf")
    # nan, for which no comparison holds, is refused where there is a bound
    if (least is None or result >= least) and (below is None or result < below):
        return result
    bounds = [f"at least {least}"] * (least is not None) + [f"less than {below}"] * (below is not None)
    raise ValueError(f"{function}: {argument} is {value}, expected a number {' and '.join(bounds)}")


def axis_of(function: str, value: object, array: NDArray[Any]) -> int:
    """Return which axis of the array x is meant, from 0 on; a scalar has one, as an array of one element."""
    dimensions = max(array.ndim, 1)
    try:
        axis = operator.index(value)  # type: ignore[arg-type]  # tried here
    except Exception as error:  # whatever an __index__ raises
        raise TypeError(f"{function}: axis is {type_of(value)}, expected a whole number") from error
    if isinstance(value, (bool, np.bool)):
        raise TypeError(f"{function}: axis is {type_of(value)}, expected a whole number")
    if -dimensions <= axis < dimensions:
        return axis % dimensions
    wanted = f"from {-dimensions} to {dimensions - 1}: x has shape {array.shape}"
    shown = axis if abs(axis) < 10**9 else "beyond all axes"
    raise ValueError(f"{function}: axis is {shown}, expected a whole number {wanted}")


def whole_number(function: str, argument: str, value: object, *, least: int) -> int:
    """Return a whole number of at least `least`, given as an integer or as its digits."""
    try:
        result = int(value) if isinstance(value, str) else operator.index(value)  # type: ignore[arg-type]  # tried here
    except (TypeError, ValueError):
        result = least - 1
    if result < least or isinstance(value, (bool, np.bool)):
        shown = repr(value) if isinstance(value, (str, int, float)) else type_of(value)  # a repr may raise
        raise ValueError(f"{function}: {argument} is {shown}, expected a whole number of at least {least}")
    return result
