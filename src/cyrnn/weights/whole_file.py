"""Files that are there whole or not at all."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from typing import BinaryIO


@contextlib.contextmanager
def written(path: str) -> Iterator[BinaryIO]:
    """Yield a file to write to, beside the path; at the end it takes the place of what was there.

    If it does not come to the end, it is removed, and what was there stays. A link stays one, and what it leads to is
    replaced; permissions are kept.
    """
    path = os.path.realpath(path)
    beside = f"{path}.{os.urandom(6).hex()}.tmp"
    done = False
    try:
        file = open(beside, "xb")  # noqa: SIM115  # closed below; the default permissions, unlike those of tempfile
    except OSError as error:
        error.filename = path  # the caller knows no other
        raise
    with file:
        try:
            yield file
            file.flush()
            os.fsync(file.fileno())
            done = True
        finally:
            if not done:
                with contextlib.suppress(OSError):  # of what is left to write, where the disk is full
                    file.close()  # Windows removes no open file
                os.unlink(beside)
    try:
        with contextlib.suppress(OSError):
            os.chmod(beside, os.stat(path).st_mode & 0o7777)
        os.replace(beside, path)
    except BaseException:
        os.unlink(beside)
        raise
