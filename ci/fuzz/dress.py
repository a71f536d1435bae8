"""The same numbers in another dress: arrays, mappings and states in every form in which callers have them.

Of an array in a dress `np.asarray` says what numbers it holds and of what dtype: that is what a call is held against.
"""

from __future__ import annotations

import ctypes
import mmap
from collections import ChainMap, OrderedDict, UserDict, defaultdict
from collections.abc import Callable
from types import MappingProxyType
from typing import Any

import numpy as np
from hostile import Interface
from layouts import LAYOUTS, Own, Plain

Dress = Callable[[Any, np.random.Generator], Any]


class Converting:
    """An object with nothing but `__array__`."""

    def __init__(self, value: Any) -> None:
        self.value = value

    def __array__(self, dtype: Any = None, copy: Any = None) -> Any:
        return np.array(self.value, dtype)


class Text(str):
    """A key that is a string of a class of its own."""

    __slots__ = ()


class Subclass(dict):
    """A dict of a class of its own."""


class Getting:
    """Nothing but `__getitem__`, as a class or a row of a table has it."""

    def __init__(self, value: dict[str, Any]) -> None:
        self.value = value

    def __getitem__(self, key: str) -> Any:
        return self.value[key]


def _window(value: Any, rng: np.random.Generator) -> Any:
    larger = np.full([n + 3 for n in value.shape], np.nan, value.dtype)
    starts = [int(rng.integers(4)) for _ in value.shape]
    view = larger[tuple(slice(start, start + n) for start, n in zip(starts, value.shape, strict=True))]
    view[...] = value
    return view


def _odd_strides(value: Any, rng: np.random.Generator) -> Any:
    """Strides of axes of one element, and of arrays of none, may be anything."""
    strides = [-(2**40) if n == 1 or not value.size else s for n, s in zip(value.shape, value.strides, strict=True)]
    return np.lib.stride_tricks.as_strided(value, value.shape, strides)


def _mapped(value: Any, rng: np.random.Generator) -> Any:
    if not value.size:
        return value
    memory = mmap.mmap(-1, value.nbytes)
    view = np.frombuffer(memory, value.dtype).reshape(value.shape)
    view[...] = value
    return view


def _c_types(value: Any, rng: np.random.Generator) -> Any:
    if not value.size:
        return value
    kind = ctypes.c_float if value.dtype == np.float32 else ctypes.c_double
    view = np.ctypeslib.as_array((kind * value.size)(*value.ravel().tolist()))
    return view.reshape(value.shape)


def _permuted(value: Any, rng: np.random.Generator) -> Any:
    axes = rng.permutation(value.ndim)
    return value.transpose(axes).copy().transpose(np.argsort(axes))


def _repeated(value: Any, rng: np.random.Generator) -> Any:
    """One slice along an axis, repeated by a stride of 0."""
    if not value.size:
        return value
    axis = int(rng.integers(value.ndim))
    return np.broadcast_to(value.take([0], axis), value.shape)


#: the dtype stays
KEPT: dict[str, Dress] = {name: lambda value, rng, change=change: change(value) for name, change in LAYOUTS.items()}
KEPT |= {
    "as it is": lambda value, rng: value,
    "subclass": lambda value, rng: value.view(Plain),
    "window": _window,
    "odd strides": _odd_strides,
    "mapped": _mapped,
    "ctypes": _c_types,
    "permuted": _permuted,
    "repeated": _repeated,
    "converting": lambda value, rng: Converting(value),
    "interface": lambda value, rng: Interface(value),
    "memoryview": lambda value, rng: memoryview(np.ascontiguousarray(value)) if value.size else value,
    "masked nowhere": lambda value, rng: np.ma.array(value),
    "own of mapped": lambda value, rng: _mapped(value, rng).view(Own),
}
#: the dtype changes, and with the small ones the numbers
CHANGED: dict[str, Dress] = {
    "float32": lambda value, rng: value.astype(np.float32),
    "float64": lambda value, rng: value.astype(np.float64),
    "float16": lambda value, rng: value.astype(np.float16),
    "big float16": lambda value, rng: value.astype(">f2"),
    "int8": lambda value, rng: (value * 2).astype(np.int8),
    "big int64": lambda value, rng: (value * 2).astype(">i8"),
    "uint16": lambda value, rng: abs(value * 2).astype(np.uint16),
    "bool": lambda value, rng: value > 0,
    "list": lambda value, rng: value.tolist() if value.size else value,
    "list of arrays": lambda value, rng: list(value) if value.size and value.ndim > 1 else value,
}


def array(rng: np.random.Generator, value: Any, *, changed: float = 0.1) -> Any:
    """Return a value in a dress, drawn; with the probability `changed` in one of another dtype."""
    value = np.asarray(value)
    if not value.ndim:
        return value if rng.random() < 0.5 else value[()]
    dresses = CHANGED if rng.random() < changed else KEPT
    with np.errstate(all="ignore"):
        return dresses[str(rng.choice(list(dresses)))](value, rng)


def same_numbers(rng: np.random.Generator, value: Any) -> Any:
    """Return a value in a dress that changes neither its dtype nor its numbers."""
    worn = array(rng, value, changed=0)
    return worn if np.array_equal(np.asarray(worn), value, equal_nan=True) else value


def _extra(value: dict[str, Any]) -> dict[str, Any]:
    return {"learning_rate": None, **value, "W_other": np.zeros((1, 1), complex)}


def _defaulting(value: dict[str, Any]) -> Any:
    return defaultdict(lambda: np.zeros((1, 1)), value)


#: mappings that have the keys of a dict
MAPPINGS: dict[str, Callable[[dict[str, Any]], Any]] = {
    "dict": dict,
    "ordered": OrderedDict,
    "proxy": MappingProxyType,
    "chain": lambda value: ChainMap({}, value),
    "user": UserDict,
    "subclass": Subclass,
    "defaulting": _defaulting,
    "backwards": lambda value: dict(reversed(list(value.items()))),
    "extra keys": _extra,
    "keys of a subclass": lambda value: {Text(key): inner for key, inner in value.items()},
}


def mapping(rng: np.random.Generator, value: dict[str, Any]) -> Any:
    return MAPPINGS[str(rng.choice(list(MAPPINGS)))](value)
