"""Every check of the operators' inputs and attributes, and its error sentence."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NoReturn, TypeVar

import numpy as np

from .._check import MissingKeys, as_array
from ..cells.spec import Array

T = TypeVar("T")
_FLOATS = (np.float16, np.float32, np.float64)


def one_of(function: str, attribute: str, given: Any, choices: Mapping[str, T]) -> T:
    if isinstance(given, bytes):  # as a file has it
        given = given.decode(errors="replace")
    if not isinstance(given, str) or given not in choices:
        raise ValueError(f"{function}: {attribute} is {given!r}, expected {' or '.join(map(repr, choices))}")
    return choices[given]


def count(function: str, attribute: str, given: Any, wanted: int, why: str) -> None:
    if not isinstance(given, (list, tuple)):
        raise TypeError(f"{function}: {attribute} is of type {type(given).__name__}, expected a list of names")
    if len(given) != wanted:
        raise ValueError(f"{function}: {attribute} has {len(given)} entries, expected {wanted}: {why}")


def unknown_attribute(function: str, attribute: str, known: Iterable[str]) -> NoReturn:
    raise TypeError(f"{function}: there is no attribute {attribute!r}, expected one of {', '.join(known)}")


def unknown_activation(function: str, attribute: str, given: Any, known: Sequence[str]) -> NoReturn:
    raise ValueError(f"{function}: {attribute} is {given!r}, expected one of {', '.join(known)}, in any case")


def none_left(function: str, attribute: str, left: Sequence[Any]) -> None:
    if left:
        has = attribute.removeprefix("activation_")
        raise ValueError(f"{function}: {attribute} has {len(left)} numbers more than there are activations with {has}")


def number(function: str, attribute: str, given: Any) -> float:
    if isinstance(given, bool) or not isinstance(given, (int, float, np.integer, np.floating)):
        raise TypeError(f"{function}: {attribute} is of type {type(given).__name__}, expected a number")
    try:
        value = float(given)
    except OverflowError:
        value = math.inf
    if not math.isfinite(value):
        raise ValueError(f"{function}: {attribute} is {given}, expected a finite number")
    return value


def numbers(function: str, attribute: str, given: Any) -> list[float]:
    """Return the constants of activations; none where the attribute is left out."""
    if given is None:
        return []
    if not isinstance(given, (list, tuple, np.ndarray)) or np.ndim(given) != 1:
        raise TypeError(f"{function}: {attribute} is {given!r}, expected a list of numbers")
    return [number(function, attribute, value) for value in given]


def limit(function: str, given: Any) -> float:
    """Return clip, infinity where it is None."""
    if given is None:
        return np.inf
    clip = number(function, "clip", given)
    if clip <= 0:
        raise ValueError(f"{function}: clip is {clip}, expected a number above 0, or None")
    return clip


def flag(function: str, attribute: str, given: Any) -> bool:
    if not isinstance(given, (bool, int, np.bool_, np.integer)) or given not in (0, 1):
        raise ValueError(f"{function}: {attribute} is {given!r}, expected 0 or 1")
    return bool(given)


def weight(
    function: str, name: str, given: Any, axes: Sequence[str], shape: Sequence[int | None], dtype: Any = None
) -> Array:
    """Return a tensor of floats of this shape, where a size that is None may be any."""
    array = as_array(function, name, given)
    own = array.dtype.newbyteorder("=")
    if own not in _FLOATS:
        raise TypeError(f"{function}: {name} has dtype {array.dtype}, expected float16, float32 or float64")
    if dtype is not None and own != dtype.newbyteorder("="):
        raise TypeError(f"{function}: {name} has dtype {array.dtype}, expected {dtype}, that of W")
    of_shape(function, name, array, axes, shape)
    return array


def of_shape(function: str, name: str, array: Any, axes: Sequence[str], shape: Sequence[int | None]) -> None:
    """Refuse a tensor of another shape, where a size that is None may be any."""
    sizes, axes = tuple(shape), list(axes)
    if array.ndim != len(sizes) or any(size not in (None, n) for size, n in zip(sizes, array.shape, strict=True)):
        if None not in sizes:
            wanted = f" = {sizes}"
        else:
            wanted = "".join(f": {axis} = {n}" for axis, n in zip(axes, sizes, strict=True) if n is not None)
        raise ValueError(f"{function}: {name} has shape {array.shape}, expected ({', '.join(axes)}){wanted}")


def gates(function: str, W: Any, gates: int, hidden: int) -> None:
    if W.shape[1] != gates * hidden:
        wanted = f"{gates} * hidden_size = {gates * hidden}: hidden_size = {hidden} from R"
        raise ValueError(f"{function}: W has {W.shape[1]} rows, expected {wanted}")


def hidden_size(function: str, given: Any, hidden: int) -> None:
    if given is None:
        return
    if isinstance(given, bool) or not isinstance(given, (int, np.integer)) or given != hidden:
        raise ValueError(f"{function}: hidden_size is {given!r}, expected {hidden}, that of R")


def lengths(function: str, given: Any, steps: int, batch: int) -> list[int]:
    """Return sequence_lens (batch,), each from 0 to the number of steps."""
    if isinstance(given, (list, tuple)) and all(type(length) is int for length in given):
        shape, found = (len(given),), list(given)  # of any size: NumPy has no dtype for 2 ** 70
    else:
        if isinstance(given, (str, bytes)):
            raise TypeError(f"{function}: sequence_lens is {given!r}, expected int32")
        array = as_array(function, "sequence_lens", given)
        if array.dtype.kind not in "iu":
            raise TypeError(f"{function}: sequence_lens has dtype {array.dtype}, expected int32")
        shape, found = array.shape, [int(length) for length in array.flat]
    if shape != (batch,):
        raise ValueError(f"{function}: sequence_lens has shape {shape}, expected (batch_size,) = ({batch},)")
    for i, length in enumerate(found):
        if not 0 <= length <= steps:
            why = f"seq_length = {steps} from X"
            raise ValueError(f"{function}: sequence_lens[{i}] is {length}, expected 0 to {steps}: {why}")
    return found


def of_file(source: str, place: str, error: Exception) -> NoReturn:
    """Say what is wrong with a file, and where."""
    said = str(error)
    raise ValueError(f"onnx.load: {source}: {'' if place and said.startswith(place) else place}{said}") from None


def no_node(source: str, name: object, known: Iterable[str]) -> NoReturn:
    """Say which nodes a file has; `in` and `get` ask for names, too, so that it is a KeyError."""
    names = [repr(own) for own in known]
    has = ", ".join(names[:8]) + ", ..." * (len(names) > 8) or "no recurrent node"
    raise MissingKeys(f"onnx.load: {source}: there is no recurrent node {name!r}: it has {has}")


def no_source(given: object) -> NoReturn:
    does = ": its SerializeToString() gives them" if hasattr(type(given), "SerializeToString") else ""
    kind = type(given).__name__
    raise TypeError(f"onnx.load: source is of type {kind}, expected a path or the bytes of a file{does}")


def slope_known(function: str, name: str, alpha: float) -> None:
    """Refuse to go back through an activation whose slope its value does not tell."""
    if name in ("leaky_relu", "elu") and alpha < 0:
        why = "the slope is computed from the value, which does not tell the sign of what went in"
        raise ValueError(f"{function}: {name} has alpha = {alpha}, expected 0 or more: {why}")


def tape_of(function: str, tape: Any, kind: type[Any], layer: object) -> None:
    """Refuse what is not a tape of this layer."""
    if not isinstance(tape, kind):
        raise TypeError(f"{function}: tape is of type {type(tape).__name__}, expected what forward returned last")
    if tape.layer is not layer:
        raise ValueError(f"{function}: tape is of another layer: {tape.layer!r}")


def no_backward(function: str, layer: object) -> NoReturn:
    cure = "onnx.load(..., dequantize=True) makes floats of them"
    raise TypeError(f"{function}: {layer!r} has weights of integers, which have no backward pass: {cure}")


def no_onnx_package(function: str, error: ImportError) -> NoReturn:
    cure = "pip install onnx, or cyrnn's extra onnx"
    raise ImportError(f"{function}: the onnx package is not installed: {cure}") from error
