"""Checks of weights that become integers, of a model or of the notebook's parameters, and their error sentences."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple, NoReturn

import numpy as np

from ._convert import FLOAT32, FLOAT64, computed_in
from ._keys import type_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

_INTEGERS = (np.dtype(np.int8), np.dtype(np.int16))
_NAMES = ("int8", "int16", "int16x2")
#: beginning of a dtype's name -> what is said to whoever asks for it
_HINTS = dict.fromkeys(("uint", "quint"), "weights have both signs")
_HINTS |= dict.fromkeys(("float", "bfloat", "half", "fp", "bf"), "floats of fewer bits would be no faster")
_HINTS["int"] = "8 bits are the fewest, and more than 16 would be no more exact than floats"


class Kind(NamedTuple):
    """What weights become: the dtype of integers, and whether activations meet them in two planes."""

    dtype: np.dtype[Any]
    two_planes: bool = False

    def __str__(self) -> str:
        return f"{self.dtype}{'x2' * self.two_planes}"


def kind(function: str, argument: str, given: Any, floats: str) -> Kind:
    """Return the kind of integers that weights are asked for as. `floats`: what to do for those."""
    if isinstance(given, str) and given == "int16x2":
        return Kind(np.dtype(np.int16), two_planes=True)
    wanted = str(given).removeprefix("torch.") if type(given).__module__ == "torch" else given
    found = None
    if isinstance(wanted, (str, type, np.dtype)):
        with contextlib.suppress(TypeError, ValueError):
            found = np.dtype(wanted)
            if found in _INTEGERS:
                return Kind(found)
    name = wanted if isinstance(wanted, str) else getattr(wanted, "__name__", getattr(wanted, "name", ""))
    hint = _hint(wanted, name, found, floats)
    shown = repr(wanted) if isinstance(wanted, (str, int, float)) else name or type_of(wanted)
    said = f"{function}: {argument} is {shown}, expected 'int8', 'int16' or 'int16x2'"
    raise TypeError(f"{said}: {hint}" if hint else said)


def _hint(wanted: Any, name: str, found: np.dtype[Any] | None, floats: str) -> str:
    """Return what is said of a kind of which there are no weights; `found`: its dtype, if it has one."""
    plain = "".join([letter for letter in name.lower() if letter.isalnum()]).removeprefix("q")
    if type(wanted) is int and f"int{wanted}" in _NAMES:
        return f"'int{wanted}' has so many bits"
    if plain in _NAMES:
        return f"{plain!r} is how it is written"
    if found is not None and found in (FLOAT32, FLOAT64):  # None is equal to float64
        return floats
    if found is not None and found.kind in "iu" and found.name != name:
        return f"NumPy takes that for {found}"
    return next((said for begin, said in _HINTS.items() if name.startswith(begin)), "")


def in_float32(function: str, name: str, dtype: np.dtype[Any], wanted: Kind, cure: str) -> None:
    """Refuse to make integers of what is computed in float64: results would be float32 all of a sudden."""
    if computed_in(dtype) != FLOAT32:
        note = "" if dtype == FLOAT64 else " (computed in float64)"
        why = f"with {wanted} weights the results are float32"
        raise TypeError(f"{function}: {name} is {dtype}{note}, expected float32: {why}; {cure}")


def finite(function: str, arrays: Mapping[str, NDArray[Any]], why: str) -> None:
    """Refuse arrays that are not finite."""
    for name, array in arrays.items():
        found = np.argwhere(~np.isfinite(array))
        if len(found):
            place = tuple([int(i) for i in found[0]])
            at = f"{name}[{', '.join(map(str, place))}]"
            raise ValueError(f"{function}: {at} is {array[place]}, expected finite numbers: {why}")


def not_trained(function: str, what: str, weights: object, cure: str = "") -> NoReturn:
    """Refuse to train integers."""
    said = f"{what} has {weights} weights, which are not trained: train in float32, then quantise"
    raise TypeError(f"{function}: {said}{'; ' * bool(cure)}{cure}")


def trained(function: str, argument: str, given: Mapping[str, Any], keys: Iterable[str]) -> None:
    """Refuse the weights of a quantised model of cyrnn.nn, each with its scales beside it, among parameters."""
    for key in keys:
        dtype = getattr(given[key], "dtype", None)
        if f"{key}_scale" in given and dtype in _INTEGERS:
            not_trained(function, argument, dtype)
