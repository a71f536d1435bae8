"""HDF5 as h5py writes it unless it is told otherwise, read: groups, attributes that are texts, arrays of floats.

The format is https://support.hdfgroup.org/documentation/hdf5/latest/_f_m_t3.html, of it superblock 0 and 1, groups that
are symbol tables, object headers 1, contiguous and compact arrays. libhdf5 reads no model here, since a damaged file
may end its process: of files with 20 wrong bytes one crashed h5py 3.16 with HDF5 2.0 within 150, another kept it busy
for nine minutes. Arrays are views of the file: what a file claims costs no memory.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from ..cells.spec import Array

SIGNATURE = b"\x89HDF\r\n\x1a\n"
#: numbers of messages in an object header
_SPACE, _TYPE, _EXTERNAL, _LAYOUT, _FILTERS, _ATTRIBUTE, _CONTINUED, _TABLE = 1, 3, 7, 8, 11, 12, 16, 17
#: those of groups and attributes of a newer format
_NEWER = {2, 6, 10, 21}
#: bytes of a float -> where its exponent is, its bits, where its mantissa is, its bits, the exponent's bias
_FLOATS = {2: (10, 5, 0, 10, 15), 4: (23, 8, 0, 23, 127), 8: (52, 11, 0, 52, 1023)}
#: an object header has at most so many messages, a group so many links: more than any model of Keras
_LONGEST = 1 << 16
_OLD = "expected what h5py writes by itself: h5repack --low=0 --high=0 rewrites it"


class Malformed(ValueError):
    """Bytes that are no HDF5, or of a kind that is not read here. `at`: the place in the file."""

    def __init__(self, at: int, why: str) -> None:
        super().__init__(f"at byte {at}: {why}")


class Bytes(NamedTuple):
    """The file, every part of which is asked for by its place."""

    data: memoryview

    def part(self, at: int, size: int) -> memoryview:
        if at < 0 or size < 0 or at + size > len(self.data):
            raise Malformed(at, f"{size} bytes are claimed, of which the file has {max(0, len(self.data) - at)}")
        return self.data[at : at + size]

    def number(self, at: int, size: int) -> int:
        return int.from_bytes(self.part(at, size), "little")

    def text(self, at: int, size: int) -> str:
        return bytes(self.part(at, size)).partition(b"\0")[0].decode("utf-8", "replace")

    def signed_by(self, at: int, signature: bytes, version: int | None = None) -> None:
        if self.part(at, 4) != signature:
            raise Malformed(at, f"there is no {signature.decode()}")
        if version is not None and self.number(at + 4, 1) != version:
            raise Malformed(at, f"{signature.decode()} has version {self.number(at + 4, 1)}, {_OLD}")


class Message(NamedTuple):
    """A message of an object header: its kind, and where its bytes are."""

    kind: int
    at: int
    size: int


class Node:
    """A group or an array of a file."""

    def __init__(self, file: Bytes, at: int, name: str) -> None:
        self._file, self._at, self.name = file, at, name
        self._messages = list(self._read_messages())
        self._links: dict[str, int] | None = None

    def _read_messages(self) -> Iterator[Message]:
        file, at = self._file, self._at
        if file.number(at, 1) != 1:
            raise Malformed(at, f"{self.name!r} has an object header of another version, {_OLD}")
        left, blocks, seen = file.number(at + 2, 2), [(at + 16, file.number(at + 8, 4))], set[int]()
        while blocks and left:
            start, size = blocks.pop(0)
            if start in seen:
                raise Malformed(start, f"the object header of {self.name!r} goes in circles")
            seen.add(start)
            end = start + len(file.part(start, size))
            while start + 8 <= end and left:
                kind, length, flags = file.number(start, 2), file.number(start + 2, 2), file.number(start + 4, 1)
                if start + 8 + length > end:
                    raise Malformed(start, f"a message of {self.name!r} ends past its object header")
                if kind == _CONTINUED:
                    blocks.append((file.number(start + 8, 8), file.number(start + 16, 8)))
                elif kind in _NEWER:
                    raise Malformed(start, f"{self.name!r} is of a newer format, {_OLD}")
                elif flags & 2:
                    raise Malformed(start, f"{self.name!r} shares a message with another object, {_OLD}")
                else:
                    yield Message(kind, start + 8, length)
                start, left = start + 8 + length, left - 1

    def _only(self, kind: int) -> Message | None:
        return next((message for message in self._messages if message.kind == kind), None)

    # ---- groups ----------------------------------------------------------------------------------

    @property
    def is_group(self) -> bool:
        return self._only(_TABLE) is not None

    def links(self) -> dict[str, int]:
        """Return the names in a group, and where their objects are; -1 of a link to another name."""
        if self._links is None:
            self._links = self._read_links()
        return self._links

    def _read_links(self) -> dict[str, int]:
        table = self._only(_TABLE)
        if table is None:
            return {}
        file, found = self._file, dict[str, int]()
        heap = file.number(table.at + 8, 8)
        file.signed_by(heap, b"HEAP", 0)
        names, size = file.number(heap + 24, 8), file.number(heap + 8, 8)
        file.part(names, size)
        for node in self._leaves(file.number(table.at, 8)):
            file.signed_by(node, b"SNOD", 1)
            for entry in range(node + 8, node + 8 + 40 * file.number(node + 6, 2), 40):
                offset, address, cached = (file.number(entry + k, n) for k, n in ((0, 8), (8, 8), (16, 4)))
                name = file.text(names + min(offset, size), max(0, size - offset))
                found[name] = -1 if cached == 2 else address
        return found

    def _leaves(self, root: int) -> Iterator[int]:
        """The leaves of a group's tree, from the first on."""
        file, pending, seen = self._file, [root], 0
        while pending:
            at = pending.pop()
            seen += 1
            file.signed_by(at, b"TREE")
            kind, level, count = file.number(at + 4, 1), file.number(at + 5, 1), file.number(at + 6, 2)
            if kind != 0 or seen > _LONGEST:
                raise Malformed(at, f"the links of {self.name!r} are no tree")
            children = [file.number(at + 32 + 16 * k, 8) for k in range(count)]
            if level:
                pending += reversed(children)
            else:
                yield from children

    def __contains__(self, name: str) -> bool:
        return name in self.links()

    def __getitem__(self, name: str) -> Node:
        at = self.links()[name]
        if at < 0:
            raise Malformed(self._at, f"{name!r} is a link to another place, expected what it stands for")
        return Node(self._file, at, f"{self.name}/{name}".lstrip("/"))

    # ---- attributes ------------------------------------------------------------------------------

    def attributes(self) -> dict[str, Any]:
        """Return the attributes that are a text, or a list of them; None stands for any other."""
        return dict(self._attribute(message) for message in self._messages if message.kind == _ATTRIBUTE)

    def _attribute(self, message: Message) -> tuple[str, Any]:
        file, at = self._file, message.at
        version = file.number(at, 1)
        if version not in (1, 2, 3):
            raise Malformed(at, f"an attribute of {self.name!r} has version {version}, {_OLD}")
        sizes = [file.number(at + k, 2) for k in (2, 4, 6)]
        places = [at + 8 + (version == 3)]
        for size in sizes:
            places.append(places[-1] + (size + 7 & ~7 if version == 1 else size))
        name, end = file.text(places[0], sizes[0]), at + message.size
        kind, item = file.number(places[1], 1) & 15, file.number(places[1] + 4, 4)
        shape = self._shape(Message(_SPACE, places[2], sizes[2]))
        variable = kind == 9 and file.number(places[1] + 1, 1) & 15 == 1
        if shape is None or len(shape) > 1 or not (variable or kind == 3):
            return name, None
        item, count = 16 if variable else item, math.prod(shape)
        if item * count > end - places[3]:
            raise Malformed(at, f"attribute {name!r} of {self.name!r} claims {item * count} bytes, past its end")
        starts = range(places[3], places[3] + item * count, item) if item else []
        texts = [self._of_heap(start, name) if variable else file.text(start, item) for start in starts]
        return name, texts if shape else texts[0]

    def _of_heap(self, at: int, name: str) -> str:
        """A text of any length, which is an object of a global heap."""
        file = self._file
        length, heap, wanted = file.number(at, 4), file.number(at + 4, 8), file.number(at + 12, 4)
        if not length:
            return ""
        file.signed_by(heap, b"GCOL", 1)
        start, end = heap + 16, heap + file.number(heap + 8, 8)
        while start + 16 <= end:
            index, size = file.number(start, 2), file.number(start + 8, 8)
            if index == wanted:
                if length > size:
                    raise Malformed(start, f"attribute {name!r} claims {length} bytes, of which its heap has {size}")
                return file.text(start + 16, length)
            if not index:
                break
            start += 16 + (size + 7 & ~7)
        raise Malformed(heap, f"the text of attribute {name!r} is not in its heap")

    # ---- arrays ----------------------------------------------------------------------------------

    def _shape(self, message: Message) -> tuple[int, ...] | None:
        """The sizes of a dataspace; None of one that has no element."""
        file, at = self._file, message.at
        version, rank = file.number(at, 1), file.number(at + 1, 1)
        if version not in (1, 2) or rank > 32:
            raise Malformed(at, f"the shape of {self.name!r} has version {version} and {rank} axes")
        if version == 2 and file.number(at + 3, 1) == 2:
            return None
        start = at + (8 if version == 1 else 4)
        if start + 8 * rank > at + message.size:
            raise Malformed(at, f"the shape of {self.name!r} ends past its message")
        return tuple([file.number(start + 8 * axis, 8) for axis in range(rank)])

    def _dtype(self, at: int) -> np.dtype[Any] | None:
        """The dtype of floats; None of anything else."""
        file = self._file
        kind, order, size = file.number(at, 1) & 15, file.number(at + 1, 1), file.number(at + 4, 4)
        if kind != 1 or size not in _FLOATS or order & 0x41 > 1:
            return None
        fields = [file.number(at + 12 + k, 1) for k in range(4)] + [file.number(at + 16, 4)]
        return np.dtype(f"{'>' if order & 1 else '<'}f{size}") if tuple(fields) == _FLOATS[size] else None

    def array(self) -> Array:
        """Return the numbers of an array, a view of the file."""
        file, found = self._file, [self._only(kind) for kind in (_SPACE, _TYPE, _LAYOUT)]
        space, kind, layout = found
        if space is None or kind is None or layout is None or (shape := self._shape(space)) is None:
            raise Malformed(self._at, f"{self.name} is no array of numbers")
        dtype = self._dtype(kind.at)
        if dtype is None or len(shape) > 2:
            raise Malformed(kind.at, f"{self.name} has {len(shape)} axes, expected a matrix or a vector of floats")
        if self._only(_EXTERNAL) is not None:
            raise Malformed(self._at, f"{self.name} is in other files, expected it in this one")
        version, form = file.number(layout.at, 1), file.number(layout.at + 1, 1)
        if self._only(_FILTERS) is not None or version not in (3, 4) or form not in (0, 1):
            cure = "expected one whole block of numbers: h5repack -f NONE -l CONTI makes one"
            raise Malformed(layout.at, f"{self.name} is compressed or in chunks, {cure}")
        claimed = math.prod(shape) * dtype.itemsize
        if form == 0:
            at, stored = layout.at + 4, file.number(layout.at + 2, 2)
        else:
            at, stored = file.number(layout.at + 2, 8), file.number(layout.at + 10, 8)
        stored = min(stored, max(0, len(file.data) - at))
        if claimed > stored:
            raise Malformed(layout.at, f"{self.name} claims {claimed} bytes, of which the file has {stored}")
        return np.frombuffer(file.part(at, claimed), dtype).reshape(shape)


def root_of(data: memoryview) -> Node:
    """Return the first group of a file."""
    file = Bytes(data)
    if bytes(data[:8]) != SIGNATURE:
        raise Malformed(0, "there is no signature of HDF5")
    version = file.number(8, 1)
    if version > 1 or file.number(13, 1) != 8 or file.number(14, 1) != 8:
        raise Malformed(8, f"the superblock has version {version}, {_OLD}")
    start = 24 + 4 * version
    if file.number(start, 8):
        raise Malformed(start, "the file does not begin where it says, expected HDF5 alone")
    if (claimed := file.number(start + 16, 8)) > len(data):
        raise Malformed(start + 16, f"the file claims {claimed} bytes, of which it has {len(data)}: it is cut off")
    return Node(file, file.number(start + 40, 8), "")
