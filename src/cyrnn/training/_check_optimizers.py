"""Every check of what optimizers, schedules and clipping are given, and its error sentences.

    Adam.step: gradients[1] has weight, expected the names of state_dict(): of another model?
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NoReturn

import numpy as np

from .._check import as_array, whole_number
from .._check import number as number
from .._convert import contiguous
from .._keys import type_of
from ._check import Array, shown
from ._check import flag as flag

# ---- numbers -----------------------------------------------------------------------------------------------------


def rate(function: str, argument: str, value: object) -> float:
    """Return a number that is finite and at least 0: a learning rate, a decay."""
    found = number(function, argument, value, least=0)
    if found == np.inf:
        raise ValueError(f"{function}: {argument} is inf, expected a finite number of at least 0")
    return found


def rate_or_schedule(function: str, value: object) -> float | Callable[[int], float]:
    """Return a learning rate, or what says it for each update."""
    return value if callable(value) else rate(function, "lr", value)


def scheduled(function: str, schedule: Callable[[int], float], updates: int) -> float:
    """Return what a schedule says for an update."""
    try:
        return rate(function, "lr", schedule(updates))
    except (TypeError, ValueError) as error:
        said = str(error).removeprefix(f"{function}: ")
        if said == str(error):  # of the schedule itself
            raise
        raise type(error)(f"{function}: the schedule of lr was called with {updates}: {said}") from None


def fraction(function: str, argument: str, value: object) -> float:
    """Return a number from 0 on and less than 1."""
    return number(function, argument, value, least=0, below=1)


def betas(function: str, value: Any) -> tuple[float, float]:
    """Return how much is kept of Adam's two averages."""
    if not isinstance(value, (tuple, list)) or len(value) != 2:
        raise TypeError(f"{function}: betas is {shown(value)}, expected a pair of numbers as (0.9, 0.999)")
    return fraction(function, "betas[0]", value[0]), fraction(function, "betas[1]", value[1])


def nesterov(function: str, momentum: float, dampening: float) -> None:
    """Refuse Nesterov's momentum where there is none, or where it is damped, as torch does."""
    if momentum <= 0 or dampening != 0:
        raise ValueError(
            f"{function}: nesterov is True with momentum = {momentum} and dampening = {dampening}, "
            "expected momentum more than 0 and dampening 0"
        )


def count(function: str, argument: str, value: object) -> int:
    """Return a whole number of at least 1."""
    return whole_number(function, argument, value, least=1)


def time_axis(function: str, shape: tuple[int, ...], batch_first: bool) -> int:
    """Return which axis of x is that of time."""
    axis = 1 if batch_first else 0
    if len(shape) <= axis:
        wanted = "(N, L, *)" if batch_first else "(L, *)"
        raise ValueError(f"{function}: x has shape {shape}, expected {wanted}")
    return axis


# ---- modules and gradients ---------------------------------------------------------------------------------------


def no_modules(function: str) -> NoReturn:
    raise ValueError(f"{function}: modules is empty, expected a module of cyrnn.nn or a list of them")


def module(function: str, argument: str, value: object) -> NoReturn:
    """Refuse what is no module."""
    wanted = "a module of cyrnn.nn or a list of them"
    if isinstance(value, Mapping):
        wanted += ": update_parameters_with_adam trains the dicts of the notebook's functions"
    elif hasattr(value, "parameters") or type(value).__name__ == "generator":
        wanted += ", itself and not its parameters()"
    raise TypeError(f"{function}: {argument} is {type_of(value)}, expected {wanted}")


def twice(function: str, argument: str, other: str) -> NoReturn:
    raise ValueError(f"{function}: {argument} is the module that {other} is, expected each module once")


def shared(function: str, name: str, other: str) -> NoReturn:
    raise ValueError(
        f"{function}: the weight {name} shares memory with {other}, expected an array of its own: "
        f"give one of the modules a copy, or a gradient None for {name}"
    )


def gradients_listed(function: str, value: object, modules: int) -> list[Any]:
    """Return the gradients of each of several modules."""
    if not isinstance(value, (list, tuple)) or hasattr(value, "weights"):
        raise TypeError(
            f"{function}: gradients is {type_of(value)}, expected a list of {modules}: one entry for each module"
        )
    if len(value) != modules:
        raise ValueError(
            f"{function}: gradients has {len(value)} entries, expected {modules}: one for each module, in their order"
        )
    return list(value)


def named_gradients(function: str, argument: str, value: Any) -> Mapping[str, Any]:
    """Return gradients by the names of weights, of what `backward` returned or as they are."""
    found = getattr(value, "weights", value)
    if isinstance(found, Mapping):
        return found
    if type(value) is list and len(value) == 1:
        return named_gradients(function, f"{argument}[0]", value[0])
    if isinstance(value, np.ndarray):
        raise TypeError(
            f"{function}: {argument} is an array, expected what backward returned, or a dict of names: "
            "it has .weights"
        )
    raise TypeError(
        f"{function}: {argument} is {type_of(value)}, expected what backward returned, or a dict of names of weights"
    )


def same_names(function: str, argument: str, given: Mapping[str, Any], names: Mapping[str, Any]) -> None:
    """Refuse gradients under other names than those of the weights."""
    missing = [name for name in names if name not in given]
    others = [str(name) for name in given if name not in names]
    if not missing and not others:
        return
    said = [f"lacks {_listed(missing)}"] * bool(missing) + [f"has {_listed(others)}"] * bool(others)
    cure = "of another model?" if others else "None is taken for a weight that stays as it is"
    raise ValueError(f"{function}: {argument} {' and '.join(said)}, expected the names of state_dict(): {cure}")


def gradient(function: str, argument: str, value: object, weight: Array) -> Array:
    """Return the gradient of one weight: contiguous, of its shape and its dtype."""
    array = as_array(function, argument, value)
    if array.shape != weight.shape:
        raise ValueError(
            f"{function}: {argument} has shape {array.shape}, expected {weight.shape}: the shape of the weight"
        )
    if array.dtype.newbyteorder("=") != weight.dtype:
        raise TypeError(
            f"{function}: {argument} has dtype {array.dtype}, expected {weight.dtype}: the weight is {weight.dtype}; "
            f".astype(np.{weight.dtype})"
        )
    found = contiguous(array, weight.dtype, "C")
    return found.copy() if np.may_share_memory(found, weight) else found


def writable_gradient(function: str, argument: str, value: object) -> Array:
    """Return a gradient that is changed in place."""
    if not isinstance(value, np.ndarray) or value.dtype.kind != "f":
        raise TypeError(
            f"{function}: {argument} is {type_of(value) if not isinstance(value, np.ndarray) else value.dtype}, "
            "expected an array of floats: it is changed in place"
        )
    if not value.flags.writeable:
        said = f"{argument} is read-only, expected an array that can be changed; {argument}.copy()"
        raise ValueError(f"{function}: {said}")
    return value


def updated(function: str, done: object) -> None:
    """Refuse arrays that somebody else changed while they were looked at."""
    if done is None:
        raise RuntimeError(f"{function}: a weight or a gradient was changed, expected it as it was: step again")


def other_state(function: str, name: str, weight: Array, state: Array) -> NoReturn:
    """Refuse weights that are not those which an optimizer began with."""
    raise ValueError(
        f"{function}: the weight {name} has dtype {weight.dtype} and shape {weight.shape}, expected {state.dtype} and "
        f"{state.shape}, as when the optimizer was made: make a new one"
    )


def state(function: str, given: object, own: Mapping[str, Any]) -> dict[str, Any]:
    """Return copies of all that an optimizer keeps, of the dtypes and shapes of its own."""
    if not isinstance(given, Mapping):
        raise TypeError(
            f"{function}: state_dict is {type_of(given)}, expected what state_dict() returned, or np.load of it"
        )
    missing, others = [name for name in own if name not in given], [str(name) for name in given if name not in own]
    if missing or others:
        said = [f"lacks {_listed(missing)}"] * bool(missing) + [f"has {_listed(others)}"] * bool(others)
        raise ValueError(
            f"{function}: state_dict {' and '.join(said)}, expected that of an optimizer of the same class and options "
            "over the same modules"
        )
    found: dict[str, Any] = {}
    for name, value in own.items():
        array = as_array(function, f"state_dict[{name!r}]", given[name])
        if np.ndim(value) == 0:
            if array.shape != () or array.dtype.kind not in "iu" or array < 0:
                raise ValueError(f"{function}: state_dict[{name!r}] is {array}, expected a count of updates")
            found[name] = int(array)
            continue
        if array.shape != value.shape or array.dtype.newbyteorder("=") != value.dtype:
            raise ValueError(
                f"{function}: state_dict[{name!r}] has dtype {array.dtype} and shape {array.shape}, "
                f"expected {value.dtype} and {value.shape}"
            )
        found[name] = np.array(array, value.dtype, order="C")
    return found


def _listed(names: list[str]) -> str:
    shown_names = ", ".join(names[:4])
    return f"{shown_names} and {len(names) - 4} more" if len(names) > 4 else shown_names
