"""Tensors in files of ONNX: views of the file, or of a file beside it."""

from __future__ import annotations

import math
import os
import stat
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..cells.spec import Array
from .protobuf import Field, Malformed, Message

#: TensorProto.data_type -> dtype of its raw bytes; bfloat16 has none in NumPy: its bits
DTYPES = {1: "<f4", 2: "u1", 3: "i1", 4: "<u2", 5: "<i2", 6: "<i4", 7: "<i8", 9: "?", 10: "<f2", 11: "<f8", 16: "<u2"}


class Elsewhere(ValueError):
    """A tensor in a file that cannot be read, or may not."""


@dataclass
class Tensor:
    """A TensorProto, unread."""

    message: Message
    name: str = ""

    def array(self, folder: str | None) -> Array:
        """Return its values, a view of the file; bfloat16 in float32."""
        dims: list[int] = []
        kind, elsewhere = 0, False
        raw: bytes | memoryview | None = None
        parts: list[tuple[int, Field]] = []
        external: dict[str, str] = {}
        for number, value in self.message.fields():
            if number == 1:
                dims += value.integers()
            elif number == 2:
                kind = value.integer()
            elif number == 9:
                raw = value.bytes()
            elif number in (4, 5, 7, 10):
                parts.append((number, value))
            elif number == 13:
                external |= _entry(value)
            elif number == 14:
                elsewhere = value.integer() == 1
        if kind not in DTYPES:
            raise Malformed(self.message.at, f"the tensor {self.name!r} has the data type {kind}, expected numbers")
        dtype = np.dtype(DTYPES[kind])
        if any(size < 0 for size in dims):
            raise Malformed(self.message.at, f"the tensor {self.name!r} has the shape {dims}")
        size = math.prod(dims) * dtype.itemsize
        if elsewhere:
            raw = self._external(external, folder, size)
        elif raw is None:
            raw = self._of_parts(parts, dtype)
        if len(raw) != size:
            has = f"{len(raw)} bytes, expected {size}"
            raise Malformed(self.message.at, f"the tensor {self.name!r} of shape {dims} has {has}")
        found = np.frombuffer(raw, dtype).reshape(dims)
        if kind == 16:
            return np.asarray((found.astype(np.uint32) << 16).view(np.float32))
        return found

    def _of_parts(self, parts: list[tuple[int, Field]], dtype: np.dtype[Any]) -> bytes | memoryview:
        """The bytes of float_data, int32_data, int64_data or double_data, one field or several."""
        found = []
        for number, value in parts:
            if number in (4, 10):
                found.append(bytes(value.numbers(4 if number == 4 else 8)))
            else:
                found.append(np.array(value.integers(), np.int64).astype(f"<i{dtype.itemsize}").tobytes())
        return b"".join(found)

    def _external(self, entries: dict[str, str], folder: str | None, size: int) -> memoryview:
        """The bytes of a tensor in a file of its own beside the model."""
        location = entries.get("location", "")
        if folder is None:
            raise Elsewhere(f"the tensor {self.name!r} is in the file {location!r}: load the model by its path")
        path = os.path.normpath(os.path.join(folder, location))
        if not location or os.path.isabs(location) or os.path.relpath(path, folder).startswith(os.pardir):
            raise Elsewhere(f"the tensor {self.name!r} is in {location!r}, expected a file beside the model")
        try:
            offset, length = int(entries.get("offset") or 0), int(entries.get("length") or size)
        except ValueError:
            raise Malformed(self.message.at, f"the tensor {self.name!r} has no number for offset or length") from None
        with open(path, "rb", opener=_without_waiting) as file:
            status = os.fstat(file.fileno())
            if not stat.S_ISREG(status.st_mode):
                raise Elsewhere(f"the tensor {self.name!r} is in {location!r}, which is no regular file")
            end = status.st_size
            if offset < 0 or length != size or size > end - offset:
                claimed = f"{length} bytes from byte {offset} on of {location!r}, which has {end}"
                raise Malformed(self.message.at, f"the tensor {self.name!r} claims {claimed}; its shape wants {size}")
            file.seek(offset)
            return memoryview(file.read(size))


def _without_waiting(path: str, flags: int) -> int:
    """Open a file that a model names: a pipe that nobody writes to would keep the caller waiting."""
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0))


def _entry(value: Field) -> dict[str, str]:
    """A StringStringEntryProto."""
    texts = {number: part.text() for number, part in value.message().fields() if number in (1, 2)}
    return {texts.get(1, ""): texts.get(2, "")}
