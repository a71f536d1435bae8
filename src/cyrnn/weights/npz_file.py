"""Files of NumPy: .npz, an archive with a member for each array. Objects, which only a pickle can hold, are refused.

A member that is stored as it is costs what it has. A compressed one is unpacked within a bound: all of them that are
asked for may have `MAX_TIMES` times the bytes of the file, and a megabyte for small ones.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, BinaryIO, NamedTuple

import numpy as np

from ..cells.spec import Array
from .contents import ABOUT, Contents, Memory, bytes_at, bytes_of, size_of
from .protobuf import Malformed

if TYPE_CHECKING:
    from zipfile import ZipFile, ZipInfo

MAX_TIMES = 64
STORED, DEFLATED, ENCRYPTED = 0, 8, 1
#: what is read of a member to find its header in: numpy's own are of 128 bytes
_LONGEST = 1 << 16
_DESCR = rb"""["']descr["'] *: *["']([^"']*)["']"""
_ORDER = rb"""["']fortran_order["'] *: *(True|False)"""
_SHAPE = rb"""["']shape["'] *: *\(([0-9, L]*)\)"""  # Python 2 wrote 3L
_PLAIN = re.compile(r"[<>=|]?(?:f[248]|[iu][1248]|b1|U[0-9]{1,9})")


class _Header(NamedTuple):
    dtype: np.dtype[Any]
    order: str
    shape: tuple[int, ...]
    size: int  # in bytes, of the header


def write(file: BinaryIO, weights: Mapping[str, Array], about: str) -> None:
    more = {ABOUT: np.array(about)} if about else {}
    np.savez(file, **weights, **more)  # type: ignore[arg-type]  # no name is that of another argument


def contents(file: BinaryIO) -> Contents:
    """Return the arrays of an archive by their names, which end in .npy there."""
    import zipfile  # where it is needed, as NumPy does: 5 ms

    try:
        archive = zipfile.ZipFile(file)
        members = archive.infolist()
    except (zipfile.BadZipFile, ValueError, OSError, NotImplementedError, struct.error) as error:
        raise Malformed(0, f"no archive: {error}") from None
    found: dict[str, ZipInfo] = {}
    for member in members:
        name = member.filename.removesuffix(".npy")
        if name in found:
            raise Malformed(member.header_offset, f"there are two members with the name {name!r}")
        found[name] = member
    memory, left = Memory(size_of(file)), [MAX_TIMES * size_of(file) + (1 << 20)]  # bytes that may be read yet

    def read(name: str) -> Array:
        member = found[name]
        left[0] -= member.file_size
        if left[0] < 0:
            most = f"{MAX_TIMES} times the bytes of the file, expected less: np.savez writes without compression"
            raise Malformed(member.header_offset, f"{name!r} and what was read before it unpack to more than {most}")
        return _array(file, archive, member, memory)

    about = ""
    if ABOUT in found:
        text = read(ABOUT)
        if text.dtype.kind != "U" or text.shape != ():
            raise Malformed(found[ABOUT].header_offset, f"{ABOUT} is {text.dtype} {text.shape}, expected a string")
        about = str(text)
        del found[ABOUT]
    # what a training keeps beside the weights is no weight
    return Contents([name for name in found if not name.startswith(f"{ABOUT}.")], read, about)


def _array(file: BinaryIO, archive: ZipFile, member: ZipInfo, memory: Memory) -> Array:
    """Read a member, and what the header in it says that it is."""
    at, name = member.header_offset, member.filename
    if member.flag_bits & ENCRYPTED or member.compress_type not in (STORED, DEFLATED):
        raise Malformed(at, f"{name!r} is encrypted or packed by method {member.compress_type}, expected 0 or 8")
    if member.compress_type == DEFLATED:
        data: Array = np.frombuffer(_unpacked(archive, member), np.uint8)
        header = _header(data[:_LONGEST].tobytes(), at, name)
        data = data[header.size :]
        size = data.size
    else:
        begin = _behind_header(file, at)
        if member.file_size > size_of(file) - begin:
            raise Malformed(at, f"{name!r} claims {member.file_size} bytes, of which there are {size_of(file) - begin}")
        header = _header(bytes_at(file, begin, min(member.file_size, _LONGEST)).tobytes(), begin, name)
        size = member.file_size - header.size
    if size != bytes_of(header.shape, header.dtype.itemsize, at):
        wanted = bytes_of(header.shape, header.dtype.itemsize, at)
        raise Malformed(at, f"{name!r} of {header.dtype} {header.shape} has {size} bytes, expected {wanted}")
    if member.compress_type == STORED:
        data = bytes_at(file, begin + header.size, size, memory)
    return np.frombuffer(data, header.dtype).reshape(header.shape, order="F" if header.order == "F" else "C")


def _unpacked(archive: ZipFile, member: ZipInfo) -> bytes:
    """The bytes of a compressed member: never more than it claims, which is within the bound."""
    import zipfile
    import zlib

    try:
        return archive.read(member)
    except (zipfile.BadZipFile, zlib.error, ValueError, OSError, EOFError, RuntimeError, struct.error) as error:
        raise Malformed(member.header_offset, f"{member.filename!r} cannot be unpacked: {error}") from None


def _behind_header(file: BinaryIO, at: int) -> int:
    """Return where the data of a member begin, whose header is at a place."""
    head = bytes_at(file, at, 30).tobytes()
    if head[:4] != b"PK\3\4":
        raise Malformed(at, "no member of the archive begins here")
    name, extra = struct.unpack("<HH", head[26:30])
    return at + 30 + int(name) + int(extra)


def _header(head: bytes, at: int, name: str) -> _Header:
    """Read the header of a .npy file: https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html."""
    if head[:6] != b"\x93NUMPY" or len(head) < 12:
        raise Malformed(at, f"{name!r} is no array of NumPy's")
    begin = 10 if head[6] == 1 else 12
    size = int.from_bytes(head[8:begin], "little")
    text = head[begin : begin + size]
    parts = [re.search(part, text) for part in (_DESCR, _ORDER, _SHAPE)]
    if len(text) != size or not 1 <= head[6] <= 3 or not parts[1] or not parts[2]:
        raise Malformed(at, f"{name!r} has no header of NumPy's")
    descr = parts[0][1].decode("latin-1") if parts[0] else "several fields"
    if not _PLAIN.fullmatch(descr):
        raise Malformed(at, f"{name!r} holds {descr!r}, expected numbers: objects are pickles, which are not read")
    shape = tuple([int(n.rstrip(b"L")) for n in parts[2][1].replace(b" ", b"").split(b",") if n.rstrip(b"L")])
    return _Header(np.dtype(descr), "F" if parts[1][1] == b"True" else "C", shape, begin + size)
