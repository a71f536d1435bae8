"""What a file of tensors holds, of any format: names at first, and arrays where they are asked for.

Nothing that a file claims is believed before it was held against the file's size, so that a size of 2^60 costs nothing.
"""

from __future__ import annotations

import math
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


def size_of(file: BinaryIO) -> int:
    return os.fstat(file.fileno()).st_size


def bytes_at(file: BinaryIO, at: int, size: int) -> NDArray[Any]:
    """Return bytes of a file, in memory of their own: of an array, whose large pages are faster than those of bytes."""
    end = size_of(file)
    if at < 0 or size > end - at:
        raise Malformed(max(at, 0), f"{size} bytes are claimed, of which there are {max(end - at, 0)}")
    found = np.empty(size, np.uint8)
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
