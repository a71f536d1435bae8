"""Files of ONNX written without the onnx package: messages of onnx.proto by their field numbers."""

from __future__ import annotations

import struct

import numpy as np

TYPES = {"float32": 1, "uint8": 2, "int8": 3, "int16": 5, "int64": 7, "float16": 10, "float64": 11}


def varint(number: int) -> bytes:
    number &= (1 << 64) - 1
    found = bytearray()
    while True:
        number, low = number >> 7, number & 0x7F
        found.append(low | (0x80 if number else 0))
        if not number:
            return bytes(found)


def field(number: int, value) -> bytes:
    """A field: a number as a varint, a float in 4 bytes, bytes and text with their length."""
    if isinstance(value, float):
        return varint(number << 3 | 5) + struct.pack("<f", value)
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    value = value.encode() if isinstance(value, str) else bytes(value)
    return varint(number << 3 | 2) + varint(len(value)) + value


def tensor(values, name: str = "", raw: bool = True) -> bytes:
    values = np.asarray(values)
    head = b"".join(field(1, size) for size in values.shape) + field(2, TYPES[values.dtype.name]) + field(8, name)
    if raw:
        return head + field(9, values.astype(values.dtype.newbyteorder("<")).tobytes())
    if values.dtype == np.float32:
        return head + field(4, values.astype("<f4").tobytes())
    if values.dtype == np.float64:
        return head + field(10, values.astype("<f8").tobytes())
    whole = values.view(np.uint16) if values.dtype == np.float16 else values
    return head + field(7 if values.dtype == np.int64 else 5, b"".join(varint(int(v)) for v in whole.ravel()))


def attribute(name: str, value) -> bytes:
    head = field(1, name)
    if isinstance(value, np.ndarray):
        return head + field(5, tensor(value)) + field(20, 4)
    if isinstance(value, (list, tuple)):
        number = {float: 7, int: 8, str: 9}[type(value[0])]
        return head + b"".join(field(number, entry) for entry in value)
    return head + field({float: 2, int: 3, str: 4}[type(value)], value)


def node(op_type: str, inputs, outputs, name: str = "", domain: str = "", graphs=(), **attributes) -> bytes:
    parts = [field(1, value) for value in inputs] + [field(2, value) for value in outputs]
    parts += [field(3, name), field(4, op_type)] + [field(7, domain)] * bool(domain)
    parts += [field(5, attribute(key, value)) for key, value in attributes.items()]
    parts += [field(5, field(1, "body") + field(6, inner)) for inner in graphs]
    return b"".join(parts)


def graph(nodes, tensors=()) -> bytes:
    return b"".join(field(1, value) for value in nodes) + field(2, "g") + b"".join(field(5, value) for value in tensors)


def model(nodes, tensors=()) -> bytes:
    return field(1, 8) + field(7, graph(nodes, tensors)) + field(8, field(1, "") + field(2, 14))
