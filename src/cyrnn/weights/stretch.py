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
    """A file, open within a `with` statement, and the same in the next one."""

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self._path = os.path.abspath(path)
        self._stamp: tuple[int, int] | None = None
        self._open: BinaryIO | None = None

    def __enter__(self) -> File:
        file = open(self._path, "rb")  # closed in __exit__
        status = os.fstat(file.fileno())
        stamp = status.st_size, status.st_mtime_ns
        if self._stamp not in (None, stamp):
            file.close()
            raise Changed("the file has changed since it was loaded")
        self._open, self._stamp = file, stamp
        return self

    def __exit__(self, *_: object) -> None:
        if self._open is not None:
            self._open.close()
            self._open = None

    def content(self) -> memoryview | Stretch:
        """Return the whole file; where it is short, or a pipe, as memory."""
        assert self._open is not None
        status = os.fstat(self._open.fileno())
        if stat.S_ISREG(status.st_mode) and status.st_size > AT_ONCE:
            return Stretch(self, 0, status.st_size)
        return memoryview(self._open.read())

    def read(self, at: int, size: int) -> memoryview:
        assert self._open is not None
        self._open.seek(at)
        found = self._open.read(size)
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
