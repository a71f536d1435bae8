"""Layouts and kinds in which the same numbers may come: strides, byte order, alignment, subclasses."""

from __future__ import annotations

import numpy as np


class Plain(np.ndarray):
    """An array like any other, but not of the exact type that compiled calls ask for."""


class Own(np.ndarray):
    """A subclass whose every operator and NumPy function fails: only its memory is of use."""

    def __array_ufunc__(self, *args, **kwargs):
        raise AssertionError("a ufunc was applied to the caller's subclass")

    def __array_function__(self, *args, **kwargs):
        raise AssertionError("a NumPy function was applied to the caller's subclass")


def read_only(value):
    value = value.copy()
    value.flags.writeable = False
    return value


def transposed(value):
    return value.transpose().copy().transpose()


def strided(value):
    """Every second element along each axis of something larger, which is nan elsewhere."""
    larger = np.full([2 * n + 1 for n in value.shape], np.nan, value.dtype)
    view = larger[tuple(slice(1, None, 2) for _ in value.shape)]
    view[...] = value
    return view


def backwards(value):
    flip = (slice(None, None, -1),) * value.ndim
    return value[flip].copy()[flip]


def byte_swapped(value):
    return value.astype(value.dtype.newbyteorder())


def misaligned(value):
    memory = np.empty(value.nbytes + 1, np.uint8)
    view = memory[1:].view(value.dtype).reshape(value.shape)
    view[...] = value
    return view


def record_field(value):
    """One field of packed records: strides that are no multiple of the element's size."""
    records = np.empty(value.shape, np.dtype([("before", "u1"), ("value", value.dtype), ("after", "u1")]))
    records["value"] = value
    return records["value"]


def inner_axis_last(value):
    """Storage order neither C nor Fortran."""
    return np.swapaxes(np.swapaxes(value, 0, -1).copy(), 0, -1)


def matrix(value):
    return value.view(np.matrix) if value.ndim == 2 else value


LAYOUTS = {
    "read-only": read_only,
    "fortran": np.asfortranarray,
    "transposed": transposed,
    "strided": strided,
    "backwards": backwards,
    "byte-swapped": byte_swapped,
    "misaligned": misaligned,
    "record-field": record_field,
    "inner-axis-last": inner_axis_last,
    "matrix": matrix,
    "own-subclass": lambda value: value.view(Own),
    "all-at-once": lambda value: read_only(misaligned(byte_swapped(value)))[::-1][::-1].view(Own),
}
