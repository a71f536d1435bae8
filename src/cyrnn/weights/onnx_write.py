"""Files of ONNX, written: messages of onnx.proto by their field numbers, as the reader has them.

A message is a list of pieces, so that weights are not copied before they are written.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, BinaryIO

import numpy as np

from ..cells.spec import Array
from .contents import ABOUT

#: what a model says that it needs: opset 14 is the first in which all that is written here is as it is today
IR_VERSION, OPSET = 8, 14
#: a file of Protocol Buffers has less
MAX_BYTES = 1 << 31
_TYPES = {np.dtype(np.float32): 1, np.dtype(np.int64): 7, np.dtype(np.float64): 11}
#: type of an attribute's value -> the number of its field, and of the kind of it
_KINDS: dict[type, tuple[int, int]] = {float: (2, 1), int: (3, 2), str: (4, 3)}
_LISTS: dict[type, tuple[int, int]] = {float: (7, 6), int: (8, 7), str: (9, 8)}

Pieces = list[Any]  # of bytes and of views of arrays


def varint(number: int) -> bytes:
    number &= (1 << 64) - 1
    found = bytearray()
    while number > 0x7F:
        found.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*found, number])


def field(number: int, value: int | float | str | Pieces) -> Pieces:
    """Return a field: a whole number, a float of 4 bytes, a text, or a message."""
    if isinstance(value, int):
        return [varint(number << 3) + varint(value)]
    if isinstance(value, float):
        return [varint(number << 3 | 5) + struct.pack("<f", value)]
    pieces = [value.encode()] if isinstance(value, str) else value
    return [varint(number << 3 | 2) + varint(sum(map(len, pieces))), *pieces]


def fields(number: int, values: Iterable[int | float | str | Pieces]) -> Pieces:
    return [piece for value in values for piece in field(number, value)]


def tensor(name: str, value: Array) -> Pieces:
    """TensorProto."""
    little = np.ascontiguousarray(value, value.dtype.newbyteorder("<"))
    raw = little.reshape(-1).view(np.uint8).data
    return fields(1, value.shape) + field(2, _TYPES[value.dtype]) + field(8, name) + field(9, [raw])


def node(op: str, inputs: Sequence[str], outputs: Sequence[str], name: str, **attributes: Any) -> Pieces:
    """NodeProto."""
    pieces = fields(1, inputs) + fields(2, outputs) + field(3, name) + field(4, op)
    for key, value in attributes.items():
        if isinstance(value, list):
            number, kind = _LISTS[type(value[0])]
            own = fields(number, value)
        else:
            number, kind = _KINDS[type(value)]
            own = field(number, value)
        pieces += field(5, field(1, key) + own + field(20, kind))
    return pieces


def value_info(name: str, dtype: np.dtype[Any], shape: Sequence[int | str]) -> Pieces:
    """ValueInfoProto of a tensor; a size that is a name may be any."""
    sizes = [field(1, size) if isinstance(size, int) else field(2, size) for size in shape]
    return field(1, name) + field(2, field(1, field(1, _TYPES[dtype]) + field(2, fields(1, sizes))))


def write(
    file: BinaryIO,
    name: str,
    nodes: Iterable[Pieces],
    tensors: Mapping[str, Array],
    inputs: Iterable[Pieces],
    outputs: Iterable[Pieces],
    about: str,
) -> None:
    """Write a ModelProto."""
    graph = fields(1, nodes) + field(2, name) + fields(5, [tensor(key, value) for key, value in tensors.items()])
    graph += fields(11, inputs) + fields(12, outputs)
    model = field(1, IR_VERSION) + field(2, "cyrnn") + field(7, graph) + field(8, field(1, "") + field(2, OPSET))
    for piece in model + field(14, field(1, ABOUT) + field(2, about)):
        file.write(piece)
