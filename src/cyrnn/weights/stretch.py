"""Stretches of a file, read where they are asked for, each into memory of its own.

What nobody asks for takes no memory. What is read begins at an aligned address, wherever it stands in the file, so that
weights are computed with as they are.
"""

from __future__ import annotations

import os
import stat
from typing import BinaryIO

#: a stretch of at most so many bytes is read when it is cut out of a larger one
AT_ONCE = 1 << 16


class Changed(ValueError):
    """A file that is not as it was when its structure was read."""


class File:
    """A file, open within a `with` statement, and opened again where something is read later."""

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self._path = os.path.abspath(path)
        self._open: BinaryIO | None = None
        self._stamp: tuple[int, int] = (0, 0)

    def __enter__(self) -> memoryview | Stretch:
        """Return the whole file; where it is short, or a pipe, as memory."""
        self._open = open(self._path, "rb")  # closed in __exit__
        status = os.fstat(self._open.fileno())
        self._stamp = _stamp(status)
        if stat.S_ISREG(status.st_mode) and status.st_size > AT_ONCE:
            return Stretch(self, 0, status.st_size)
        return memoryview(self._open.read())

    def __exit__(self, *_: object) -> None:
        if self._open is not None:
            self._open.close()
            self._open = None

    def read(self, at: int, size: int) -> memoryview:
        if self._open is not None:
            return self._read(self._open, at, size)
        with open(self._path, "rb") as file:
            if _stamp(os.fstat(file.fileno())) != self._stamp:
                raise Changed("the file has changed since it was loaded")
            return self._read(file, at, size)

    def _read(self, file: BinaryIO, at: int, size: int) -> memoryview:
        file.seek(at)
        found = file.read(size)
        if len(found) != size:
            raise Changed("the file has become shorter since it was opened")
        return memoryview(found)


class Stretch:
    """Some bytes of a file; a part of it, if it is short, is memory."""

    def __init__(self, file: File, at: int, size: int) -> None:
        self._file, self._at, self._size = file, at, size

    def __len__(self) -> int:
        return self._size

    def __getitem__(self, part: slice) -> memoryview | Stretch:
        start, stop, _ = part.indices(self._size)
        inner = Stretch(self._file, self._at + start, max(0, stop - start))
        return inner if inner._size > AT_ONCE else inner.read()

    def read(self) -> memoryview:
        return self._file.read(self._at, self._size)


def _stamp(status: os.stat_result) -> tuple[int, int]:
    return status.st_size, status.st_mtime_ns
