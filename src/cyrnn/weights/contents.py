"""What a file of tensors holds, of any format: names at first, and arrays where they are asked for.

Nothing that a file claims is believed before it was held against the file's size, so that a size of 2^60 costs nothing.
"""

from __future__ import annotations

import contextlib
import math
import mmap
import os
import sys
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, BinaryIO, NamedTuple

import numpy as np

from ..cells.spec import Array
from .protobuf import Malformed

if TYPE_CHECKING:
    from numpy.typing import NDArray

#: the entry in which `save` keeps what names and shapes do not tell
ABOUT = "__cyrnn__"


class Contents(NamedTuple):
    """The names of a file's tensors, and what reads one."""

    names: list[str]
    read: Callable[[str], Array]  # a new array, which nobody else has
    about: str = ""  # the options of the module, in JSON; "" where `save` wrote none, or another program the file


class Memory:
    """Arrays beside each other in few large pieces: the system gives those by large pages, which take half the time."""

    def __init__(self, most: int) -> None:
        self._most = most  # of bytes that will be asked for, as far as is known: what is not used costs nothing
        self._left: NDArray[Any] = np.empty(0, np.uint8)

    def empty(self, shape: tuple[int, ...], dtype: Any) -> NDArray[Any]:
        """Return an array of any values."""
        size = math.prod(shape) * np.dtype(dtype).itemsize
        if size > self._left.size:
            self._left = np.empty(max(size, min(self._most, _PIECE)) + _LINE, np.uint8)
            self._left = self._left[-self._left.__array_interface__["data"][0] % _LINE :]
        found: NDArray[Any] = self._left[:size].view(dtype)
        self._left = self._left[size + -size % _LINE :]
        return found.reshape(shape)


#: in bytes: of memory that is asked for at once; of a cache line, at which arrays begin
_PIECE, _LINE = 1 << 26, 64


def size_of(file: BinaryIO) -> int:
    return os.fstat(file.fileno()).st_size


def mapped(file: BinaryIO) -> memoryview:
    """Return the bytes of a whole file, which nobody may cut as long as they are read.

    Windows lets nobody replace a file that is mapped.
    """
    if os.name == "posix":
        with contextlib.suppress(OSError, ValueError):  # of a system that maps no files; of an empty one
            return memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))
    return bytes_at(file, 0, size_of(file)).data


def bytes_at(file: BinaryIO, at: int, size: int, memory: Memory | None = None) -> NDArray[Any]:
    """Return bytes of a file, in memory of their own."""
    end = size_of(file)
    if at < 0 or size > end - at:
        raise Malformed(max(at, 0), f"{size} bytes are claimed, of which there are {max(end - at, 0)}")
    found = np.empty(size, np.uint8) if memory is None else memory.empty((size,), np.uint8)
    file.seek(at)
    if file.readinto(found.data) != size:  # type: ignore[attr-defined]  # of a file that was opened to be read
        raise Malformed(at, f"{size} bytes are claimed, and the file ends before")
    return found


def bytes_of(shape: Sequence[int], item: int, at: int) -> int:
    """Return how many bytes a tensor of this shape has; `at`: where the file says its shape."""
    whole = math.prod(size or 1 for size in shape) * item  # NumPy counts so, too: of (2**62, 0) there is none
    if any(size < 0 for size in shape) or whole > sys.maxsize or len(shape) > 32:
        raise Malformed(at, f"no array can have the shape {tuple(shape)}")
    return math.prod(shape) * item


def widened(bits: NDArray[Any]) -> Array:
    """Return float32 of the bits of bfloat16, which NumPy has not."""
    return np.asarray((bits.astype(np.uint32) << 16).view(np.float32))
