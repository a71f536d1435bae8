"""Every check of modules that follow each other in one model, and of those without weights, and its sentences."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NoReturn

import numpy as np

from .._check import as_array
from ..cells.spec import Array
from ._check import _shown, refuse_kinds, values
from ._check_weights import Misfit


def no_module(name: str, value: object, known: Iterable[str]) -> NoReturn:
    """Refuse what cannot be a part of a model."""
    wanted = f"expected one of {', '.join(known)}"
    if isinstance(value, type):
        raise TypeError(f"Sequential: module {name} is the class {value.__name__}, {wanted}: {value.__name__}(...)")
    cure = ""
    if isinstance(value, (list, tuple)):
        cure = ": Sequential(*modules) takes a list apart"
    if type(value).__name__.endswith("Cell"):
        cure = f": {type(value).__name__.removesuffix('Cell')} is its layer, whose `step` is the cell's"
    raise TypeError(f"Sequential: module {name} is of type {type(value).__name__}, {wanted}{cure}")


def none_with_weights() -> NoReturn:
    raise ValueError("Sequential: no module has weights, expected one that has at least, as nn.LSTM(3, 5)")


def twice(name: str, first: str, module: object) -> NoReturn:
    """Refuse a module with weights that was there before."""
    cure = "copy.deepcopy(module) is another one with the same weights"
    raise ValueError(f"Sequential: module {name} is module {first} once more, {_line(module)}: {cure}")


def dtypes(name: str, module: Any, first: str, other: Any) -> NoReturn:
    got = f"module {name} is of {module.dtype}, module {first} of {other.dtype}"
    raise ValueError(f"Sequential: {got}, expected one dtype: module.double() and module.float() cast")


def orders(got: bool, name: str, first: str) -> NoReturn:
    """Refuse layers that do not agree about batch_first."""
    said = f"module {name} has batch_first={got}, module {first} batch_first={not got}"
    raise ValueError(f"Sequential: {said}, expected the same of all modules that say it")


def sizes(name: str, module: object, wants: int, first: str, other: object, gives: int) -> NoReturn:
    """Refuse a module that takes another number of features than come from the one before."""
    takes = f"module {name}, {_line(module)}, takes {wants} features"
    raise ValueError(f"Sequential: {takes}, and module {first}, {_line(other)}, gives {gives}")


def indices(name: str, module: object) -> NoReturn:
    cure = "it can only come first"
    raise ValueError(f"Sequential: module {name}, {_line(module)}, takes whole numbers, and others give floats: {cure}")


def no_steps(name: str, module: object, first: str) -> NoReturn:
    """Refuse what goes over steps where LastStep has left one."""
    said = f"module {name}, {_line(module)}, takes steps, and module {first}, LastStep(), leaves the last one alone"
    raise ValueError(f"Sequential: {said}: put LastStep() behind it")


def states(function: str, argument: str, value: Any, count: int) -> Sequence[Any]:
    """Return the states of all recurrent layers, None where there are none."""
    if value is None:
        return (None,) * count
    wanted = f"expected a tuple of {count}, the state of each recurrent layer"
    if not isinstance(value, (tuple, list)):
        raise TypeError(f"{function}: {argument} is of type {type(value).__name__}, {wanted}")
    found = tuple(value)
    if len(found) != count:
        cure = f": ({argument},)" if count == 1 else ""
        raise ValueError(f"{function}: {argument} has {len(found)} entries, {wanted}{cure}")
    return found


def no_resets(function: str) -> NoReturn:
    raise ValueError(f"{function}: reset is given, expected None: no module has a state")


def inside(function: str, name: str, error: Exception) -> NoReturn:
    """Say in which module an argument was wrong: a sentence of ours; raise any other error as it is."""
    said = str(error)
    if type(error) in (ValueError, TypeError, Misfit) and said.partition(".")[0].partition(":")[0].isidentifier():
        raise type(error)(f"{function}: module {name}: {said}") from None
    raise error


def floats(function: str, argument: str, value: Any, axes: tuple[int, ...], shape: str) -> Array:
    """Return an array of float32 or float64, of one of these numbers of axes; of any number if there are none."""
    refuse_kinds(function, argument, value)
    found = as_array(function, argument, values(value))
    if found.dtype not in (np.float32, np.float64):
        raise TypeError(f"{function}: {argument} has dtype {found.dtype}, expected float32 or float64")
    if axes and found.ndim not in axes:
        raise ValueError(f"{function}: {argument} has shape {found.shape}, expected {shape}")
    return found[...]  # a view, whose shape nobody else changes


def gradient(function: str, value: Any, shape: tuple[int, ...], dtype: np.dtype[Any]) -> Array:
    """Return the gradient of an output of this shape."""
    found = floats(function, "d_output", value, (), "")
    if found.dtype != dtype:
        raise TypeError(f"{function}: d_output has dtype {found.dtype}, expected {dtype}: input was of it")
    if found.shape != shape:
        raise ValueError(f"{function}: d_output has shape {found.shape}, expected {shape}, that of output")
    return found


def tape_of(function: str, tape: object, kind: type) -> None:
    if not isinstance(tape, kind):
        raise TypeError(f"{function}: tape is of type {type(tape).__name__}, expected what forward returned last")


def another_tape(function: str, tape: object) -> NoReturn:
    raise ValueError(f"{function}: tape is of another model: {tape!r}")


def index(value: object, count: int) -> int:
    """Return the place of a module, counted from the start."""
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)):
        raise TypeError(f"Sequential: the index is {_shown(value)}, expected a whole number or a slice")
    if not -count <= value < count:
        raise IndexError(f"Sequential: the index is {value}, expected {-count} <= index < {count}")
    return int(value) % count


def _line(module: object) -> str:
    """A module in a sentence."""
    shown = repr(module)
    return shown if len(shown) < 80 and "\n" not in shown else type(module).__name__
