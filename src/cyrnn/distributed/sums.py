"""What ranks send each other: sums over some groups, or that one of them has failed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

DTYPES: tuple[np.dtype[Any], ...] = (np.dtype(np.float32), np.dtype(np.float64))

#: of each array its name, its shape, the name of its dtype
Layout = tuple[tuple[str, tuple[int, ...], str], ...]


@dataclass
class Sums:
    """Sums over some groups: all arrays of a dtype in one buffer, in the order of the layout."""

    layout: Layout
    buffers: tuple[NDArray[Any], ...]  # of each of DTYPES, (elements,)

    @classmethod
    def empty(cls, layout: Layout) -> Sums:
        counts = [sum(size(shape) for _, shape, name in layout if name == dtype.name) for dtype in DTYPES]
        return cls(layout, tuple(np.empty(count, dtype) for count, dtype in zip(counts, DTYPES, strict=True)))

    @classmethod
    def of(cls, arrays: Mapping[str, NDArray[Any]]) -> Sums:
        found = cls.empty(tuple((name, array.shape, array.dtype.name) for name, array in arrays.items()))
        for name, view in found.arrays().items():
            view[...] = arrays[name]
        return found

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Return views of the buffers, by their names."""
        ends = dict.fromkeys((dtype.name for dtype in DTYPES), 0)
        buffers = {dtype.name: buffer for dtype, buffer in zip(DTYPES, self.buffers, strict=True)}
        found = {}
        for name, shape, dtype in self.layout:
            begin, ends[dtype] = ends[dtype], ends[dtype] + size(shape)
            found[name] = buffers[dtype][begin : ends[dtype]].reshape(shape)
        return found

    @property
    def sent(self) -> list[NDArray[Any]]:
        """The buffers that have elements: only those are messages."""
        return [buffer for buffer in self.buffers if buffer.size]


@dataclass
class Failure:
    """What stands in the place of sums if a rank raised: it takes the same way, so that no rank waits for ever."""

    rank: int
    sentence: str


def size(shape: tuple[int, ...]) -> int:
    return int(np.prod(shape, dtype=np.int64))
