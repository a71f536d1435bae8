"""Every check of what losses are given, and its error sentences; their form is that of the house.

    cross_entropy: targets has shape (4, 7, 1), expected (4, 7): the leading axes of logits; targets[..., 0]
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NoReturn

import numpy as np

from .._check import as_array, number
from .._convert import computed_in, contiguous
from .._keys import type_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

_REDUCTIONS = ("mean", "sum", "none")
Array = Any  # NDArray of a dtype that the caller has chosen


# ---- losses ------------------------------------------------------------------------------------------------------


def reduction(function: str, value: object) -> str:
    """Return how the losses of the elements become one."""
    if isinstance(value, str) and value in _REDUCTIONS:
        return value
    raise ValueError(f"{function}: reduction is {shown(value)}, expected 'mean', 'sum' or 'none'")


def predictions(function: str, argument: str, value: object) -> Array:
    """Return what a model has said, in the dtype that the loss is computed in, contiguous."""
    array = as_array(function, argument, value)
    return contiguous(array, computed_in(array.dtype), "C")


def targets_like(function: str, argument: str, value: object, other: str, like: Array) -> Array:
    """Return targets in the dtype and of the shape of what is compared with them."""
    array = as_array(function, argument, value)
    if array.shape != like.shape:
        cure = ""
        if array.size == like.size and sorted(array.shape) == sorted(like.shape):
            cure = "; swap its axes"
        elif array.size == like.size:
            cure = f"; {argument}.reshape({other}.shape)"
        raise ValueError(
            f"{function}: {argument} has shape {array.shape}, expected {like.shape}: the shape of {other}{cure}"
        )
    with np.errstate(all="ignore"):
        return contiguous(array, like.dtype, "C")


def weights_like(function: str, argument: str, value: object, other: str, like: Array) -> Array:
    """Return weights of elements, broadcast to the shape of what they weigh; None stays."""
    if value is None:
        return None
    array = as_array(function, argument, value)
    try:
        wide = np.broadcast_to(array, like.shape)
    except ValueError:
        raise ValueError(
            f"{function}: {argument} has shape {array.shape}, expected what broadcasts to {like.shape}: "
            f"the shape of {other}"
        ) from None
    with np.errstate(all="ignore"):
        return contiguous(wide, like.dtype, "C")


def classes(function: str, logits: Array) -> None:
    """Refuse logits without an axis of classes, or with no class on it."""
    if logits.ndim == 0 or logits.shape[-1] == 0:
        raise ValueError(f"{function}: logits has shape {logits.shape}, expected (*, C): classes on the last axis")


def class_weight(function: str, value: object, logits: Array) -> Array:
    """Return the weights of the classes (C,) in the dtype of logits; None stays."""
    if value is None:
        return None
    array = as_array(function, "weight", value)
    C = logits.shape[-1]
    if array.shape != (C,):
        raise ValueError(
            f"{function}: weight has shape {array.shape}, expected (C,) = ({C},): a number for each class, "
            f"C = {C} from logits"
        )
    with np.errstate(all="ignore"):
        return contiguous(array, logits.dtype, "C")


def labels(function: str, value: object, logits: Array) -> NDArray[np.int64]:
    """Return the numbers of classes, of the leading shape of logits."""
    array = as_array(function, "targets", value)
    wanted = logits.shape[:-1]
    if array.dtype.kind not in "iu" and array.size:
        cure = "targets.argmax(-1)" if array.shape == logits.shape else "targets.astype(np.int64)"
        raise TypeError(f"{function}: targets has dtype {array.dtype}, expected whole numbers of classes: {cure}")
    if array.shape != wanted:
        cure = ""
        if array.shape == (*wanted, 1):
            cure = "; targets[..., 0]"
        elif array.shape == logits.shape:
            cure = "; targets.argmax(-1) of one-hot rows"
        elif array.ndim > 0 and logits.ndim > 2 and array.shape == (logits.shape[0], *logits.shape[2:]):
            cure = "; classes are on the last axis: np.moveaxis(logits, 1, -1)"
        elif array.ndim == 2 and array.shape == wanted[::-1]:
            cure = "; targets.T"
        raise ValueError(
            f"{function}: targets has shape {array.shape}, expected {wanted}: the leading axes of logits{cure}"
        )
    if array.dtype.kind == "u" and array.dtype.itemsize == 8 and array.size:  # beyond int64 is beyond every class
        array = np.minimum(array, np.uint64(np.iinfo(np.int64).max))
    return np.array(array, np.int64, order="C")  # a copy: what is said of it is true, whoever writes to the caller's


def in_classes(function: str, targets: NDArray[np.int64], count: int, ignored: int) -> NoReturn:
    """Say which target is no class."""
    found = targets[((targets < 0) | (targets >= count)) & (targets != ignored)].flat[0]
    raise ValueError(
        f"{function}: a target is {found}, expected 0 <= target < C = {count}, or ignore_index = {ignored}: "
        f"C = {count} from logits"
    )


def ignore_index(function: str, value: object) -> int:
    """Return the number of no class."""
    if isinstance(value, (int, np.integer)) and not isinstance(value, bool):
        return int(max(min(int(value), np.iinfo(np.int64).max), np.iinfo(np.int64).min))
    raise TypeError(f"{function}: ignore_index is {shown(value)}, expected a whole number")


def flag(function: str, argument: str, value: object) -> bool:
    """Return True or False."""
    if not isinstance(value, (bool, np.bool)):
        raise TypeError(f"{function}: {argument} is {shown(value)}, expected True or False")
    return bool(value)


def positive(function: str, argument: str, value: object) -> float:
    """Return a number more than 0, inf included."""
    found = number(function, argument, value)
    if not found > 0:
        raise ValueError(f"{function}: {argument} is {found}, expected a number more than 0")
    return found


def within(function: str, value: object, shape: tuple[int, ...], other: str, batch_first: object) -> Array:
    """Return which of the leading two axes' positions are within their sequences, (L, N) or (N, L)."""
    axes = "(N, L, *)" if flag(function, "batch_first", batch_first) else "(L, N, *)"
    if len(shape) < 2:
        raise ValueError(f"{function}: lengths is given, expected None for {other} of shape {shape}: it is not {axes}")
    steps, columns = shape[1::-1] if batch_first else shape[:2]
    try:
        found = as_array(function, "lengths", value)
    except TypeError as error:  # its sentence asks for float32
        raise TypeError(f"{function}: lengths is {shown(value)}, expected N = {columns} whole numbers") from error
    if found.shape != (columns,):
        raise ValueError(
            f"{function}: lengths has shape {found.shape}, expected (N,) = ({columns},): "
            f"N = {columns} from {other} {axes}"
        )
    if found.dtype.kind not in "iu" and found.size:
        raise TypeError(f"{function}: lengths has dtype {found.dtype}, expected whole numbers")
    outside = np.flatnonzero((found < 0) | (found > steps))
    if outside.size:
        raise ValueError(
            f"{function}: lengths[{outside[0]}] is {found[outside[0]]}, expected 0 <= length <= L = {steps}: "
            f"L = {steps} from {other} {axes}"
        )
    inside = np.arange(steps)[:, None] < found.astype(np.int64)
    return inside.T if batch_first else inside


def shown(value: object) -> str:
    return repr(value) if isinstance(value, (str, int, float, bool)) else type_of(value)
