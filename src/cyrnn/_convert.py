"""Arrays as users have them -> plain arrays, which compiled calls take: native, aligned, float32 or float64."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

FLOAT32, FLOAT64 = np.dtype(np.float32), np.dtype(np.float64)

#: by dtype.char: float16 and float32; float64, bool and the integers. No other dtype is accepted.
COMPUTED_IN = dict.fromkeys("ef", FLOAT32) | dict.fromkeys("d?bBhHiIlLqQnNpP", FLOAT64)


def computed_in(dtype: np.dtype[Any]) -> np.dtype[Any]:
    """Return float32 for float32 and float16, float64 for float64, integers and bools."""
    return COMPUTED_IN[dtype.char]


def promoted(arrays: Iterable[NDArray[Any]]) -> np.dtype[Any]:
    """Return the dtype that a call on these arrays is computed in: float64 as soon as one array is."""
    wide = any(COMPUTED_IN[dtype.char] is FLOAT64 for dtype in {array.dtype for array in arrays})
    return FLOAT64 if wide else FLOAT32


def native(array: NDArray[Any], dtype: np.dtype[Any]) -> NDArray[Any]:
    """Return the array itself if it is of that dtype, aligned, in native byte order; else a copy that is."""
    if array.dtype == dtype and array.flags.aligned:
        return array
    return _converted(array, dtype, "K")


def contiguous(array: NDArray[Any], dtype: np.dtype[Any], order: Literal["A", "C"]) -> NDArray[Any]:
    """Do the same as `native`, in one block of memory: C order, or with "A" Fortran order if it is so now."""
    flags = array.flags
    in_order = flags.c_contiguous or (order == "A" and flags.f_contiguous)
    if in_order and array.dtype == dtype and flags.aligned:
        return array
    return _converted(array, dtype, order)


def _converted(array: NDArray[Any], dtype: np.dtype[Any], order: Literal["A", "C", "K"]) -> NDArray[Any]:
    with np.errstate(all="ignore"):  # a signalling nan is no reason to warn
        return array.astype(dtype, order=order)
