"""Objects that are no arrays, or say that they are, or are too large: for every argument of every function."""

from __future__ import annotations

import sys

import numpy as np
import pytest

#: elements along one axis: their bytes can be counted, and no machine has them
HUGE = 2**50 if sys.maxsize > 2**32 else 2**22


class Raising:
    """An object whose conversion to an array fails in its own way."""

    class Error(Exception):
        pass

    def __array__(self, dtype=None, copy=None):
        raise self.Error


class Lying:
    """An object that says it is an array and gives none."""

    shape, dtype, ndim = (3, 10, 4), np.dtype(np.float64), 3

    def __array__(self, dtype=None, copy=None):
        return "no array"


class Interface:
    """A valid array interface over other memory."""

    def __init__(self, array):
        self.array = array
        self.__array_interface__ = array.__array_interface__


def nested(depth: int) -> list:
    value: list = [1.0]
    for _ in range(depth):
        value = [value]
    return value


def endless() -> list:
    value: list = []
    value.append(value)
    return value


HOSTILE = {
    "raising": Raising(),
    "lying": Lying(),
    "none": None,
    "ellipsis": ...,
    "type": float,
    "function": np.tanh,
    "generator": (i for i in range(3)),
    "string": "3 x 10 x 4",
    "bytes": b"\x00" * 240,
    "set": {1.0, 2.0},
    "ragged": [[1.0], [1.0, 2.0]],
    "deep": nested(70),
    "endless": endless(),
    "complex": 1j,
    "big-int": 10**400,
    "structured": np.zeros((3, 10, 4), [("x", "f8")]),
    "object-of-arrays": np.array([np.zeros(3), None], object),
    "masked-object": np.ma.array([None, 1], mask=[1, 0]),
}
#: what may be raised: the errors that README promises, or what the object itself raises
EXPECTED = (TypeError, ValueError, Raising.Error)
each_hostile = pytest.mark.parametrize("value", HOSTILE.values(), ids=HOSTILE)
