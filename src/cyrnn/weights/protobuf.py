"""The wire format of Protocol Buffers, read: https://protobuf.dev/programming-guides/encoding/.

A message is a run of fields, each a number, a wire type and a value. Nothing is copied and nothing is kept but views of
the bytes, or stretches of the file that are still to be read, so that what a file claims costs no memory: each ends
within the message that holds it.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator
from typing import NamedTuple

from .stretch import Stretch

VARINT, FIXED64, BYTES, FIXED32 = 0, 1, 2, 5
#: a varint of 64 bits has at most so many bytes
_LONGEST = 10


class Malformed(ValueError):
    """Bytes that are no message. `at`: the place, in bytes from the start of the file."""

    def __init__(self, at: int, why: str) -> None:
        super().__init__(f"at byte {at}: {why}")


class Message(NamedTuple):
    """The bytes of a message, and where in the file they begin."""

    data: memoryview | Stretch
    at: int = 0

    def fields(self) -> Iterator[tuple[int, Field]]:
        """Yield each field's number and value, in the order of the file."""
        data, position = self.data, 0
        while position < len(data):
            start = self.at + position
            head = memory(data[position : position + 2 * _LONGEST])  # both numbers that a field begins with
            key, begin = _varint(head, 0, start)
            number, wire, size = key >> 3, key & 7, 0
            if number == 0:
                raise Malformed(start, "a field has the number 0")
            if wire == VARINT:
                value, end = _varint(head, begin, start)
                yield number, Field(wire, head[begin:end], start + begin, value)
                position += end
                continue
            if wire == BYTES:
                size, begin = _varint(head, begin, start)
            elif wire in (FIXED64, FIXED32):
                size = 8 if wire == FIXED64 else 4
            else:
                raise Malformed(start, f"a field has the wire type {wire}, which is no more in use")
            position += begin
            if size > len(data) - position:
                claims = f"a field claims {size} bytes, of which there are {len(data) - position}"
                raise Malformed(start + begin, claims)
            yield number, Field(wire, data[position : position + size], start + begin)
            position += size


class Field(NamedTuple):
    """The value of a field, read as what its message says that it is."""

    wire: int
    data: memoryview | Stretch
    at: int
    varint: int = 0

    def integer(self) -> int:
        """A signed whole number of 64 bits."""
        self._expect(VARINT)
        return self.varint - (1 << 64) if self.varint >> 63 else self.varint

    def integers(self) -> array[int]:
        """One number, or several packed into one field."""
        if self.wire == VARINT:
            return array("q", [self.integer()])
        self._expect(BYTES)
        found, position, data = array("q"), 0, memory(self.data)
        while position < len(data):
            value, position = _varint(data, position, self.at)
            found.append(value - (1 << 64) if value >> 63 else value)
        return found

    def numbers(self, item: int) -> memoryview:
        """The bytes of one number of 4 or 8 bytes, or of several packed into one field."""
        if self.wire != (FIXED32 if item == 4 else FIXED64):
            self._expect(BYTES)
        if len(self.data) % item:
            raise Malformed(self.at, f"{len(self.data)} bytes are no whole number of numbers of {item} bytes")
        return memory(self.data)

    def bytes(self) -> memoryview:
        self._expect(BYTES)
        return memory(self.data)

    def text(self) -> str:
        self._expect(BYTES)
        return bytes(memory(self.data)).decode("utf-8", errors="replace")

    def message(self) -> Message:
        self._expect(BYTES)
        return Message(self.data, self.at)

    def _expect(self, wire: int) -> None:
        if self.wire != wire:
            raise Malformed(self.at, f"a field has the wire type {self.wire}, expected {wire}")


def memory(data: memoryview | Stretch) -> memoryview:
    """Return bytes, read where that is still to be done."""
    return data.read() if isinstance(data, Stretch) else data


def _varint(data: memoryview, position: int, at: int) -> tuple[int, int]:
    """Return a whole number of up to 64 bits, and where the bytes behind it begin."""
    value, start = 0, position
    while True:
        if position == len(data):
            raise Malformed(at + start, "a number ends past the end")
        if position - start == _LONGEST:
            raise Malformed(at + start, f"a number has more than {_LONGEST} bytes")
        byte = data[position]
        value |= (byte & 0x7F) << (7 * (position - start))
        position += 1
        if not byte & 0x80:
            return value & 0xFFFF_FFFF_FFFF_FFFF, position
