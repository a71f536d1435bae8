"""NumPy arrays that end, or begin, at a page that may not be touched: to read or write one element beyond is to die.

NumPy lets a program choose where array data comes from (NEP 49). Within `guarded(side)` that is a few pages between two
that `mprotect`, or Windows' `VirtualProtect`, has closed, for every array that is made: copies of inputs, and results,
whoever allocates them.
"""

from __future__ import annotations

import ctypes
import mmap
import sys
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np

SIDES = ("end", "start")
PAGE = mmap.PAGESIZE
#: places of PyDataMem_SetHandler in NumPy's table of C functions; part of its ABI
SET_HANDLER = 304

_api = ctypes.pythonapi
_api.PyCapsule_GetPointer.restype = ctypes.c_void_p
_api.PyCapsule_GetPointer.argtypes = [ctypes.py_object, ctypes.c_char_p]
_api.PyCapsule_New.restype = ctypes.py_object
_api.PyCapsule_New.argtypes = [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_void_p]
_table = ctypes.cast(_api.PyCapsule_GetPointer(np._core.multiarray._ARRAY_API, None), ctypes.POINTER(ctypes.c_void_p))
_set_handler = ctypes.PYFUNCTYPE(ctypes.py_object, ctypes.py_object)(_table[SET_HANDLER])

_size, _address = ctypes.c_size_t, ctypes.c_void_p
_Malloc = ctypes.CFUNCTYPE(_address, _address, _size)
_Calloc = ctypes.CFUNCTYPE(_address, _address, _size, _size)
_Realloc = ctypes.CFUNCTYPE(_address, _address, _address, _size)
_Free = ctypes.CFUNCTYPE(None, _address, _address, _size)


class _Handler(ctypes.Structure):
    """PyDataMem_Handler."""

    _fields_ = (
        ("name", ctypes.c_char * 127),
        ("version", ctypes.c_uint8),
        ("context", _address),
        ("malloc", _Malloc),
        ("calloc", _Calloc),
        ("realloc", _Realloc),
        ("free", _Free),
    )


class Pages:
    """Memory between two closed pages, kept and used again."""

    def __init__(self, count: int) -> None:
        self.count, self.size = count, count * PAGE
        self._memory = mmap.mmap(-1, self.size + 2 * PAGE)
        self.first = ctypes.addressof(ctypes.c_char.from_buffer(self._memory)) + PAGE
        for closed in (self.first - PAGE, self.first + self.size):
            _close(closed)


if sys.platform == "win32":
    import msvcrt

    msvcrt.SetErrorMode(msvcrt.SEM_NOGPFAULTERRORBOX)  # dead by design: no debugger and no box that asks
    PAGE_NOACCESS = 1
    _protect = ctypes.WinDLL("kernel32", use_last_error=True).VirtualProtect
    _protect.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_uint32, ctypes.c_void_p]

    def _close(page: int) -> None:
        before = ctypes.c_uint32()
        if not _protect(page, PAGE, PAGE_NOACCESS, ctypes.addressof(before)):
            raise ctypes.WinError(ctypes.get_last_error())

else:
    _mprotect = ctypes.CDLL(None, use_errno=True).mprotect
    _mprotect.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int]

    def _close(page: int) -> None:
        if _mprotect(page, PAGE, 0) != 0:
            raise OSError(ctypes.get_errno(), "mprotect")


_side = SIDES[0]
_idle: dict[int, list[Pages]] = defaultdict(list)
_used: dict[int, tuple[Pages, int]] = {}  # by the address that was given out


def _take(size: int, fill: int) -> int:
    count = max(1, -(-size // PAGE))
    pages = _idle[count].pop() if _idle[count] else Pages(count)
    address = pages.first if _side == "start" else pages.first + pages.size - size
    ctypes.memset(address, fill, size)
    _used[address] = pages, size
    return address


@_Malloc
def _malloc(_, size):
    return _take(size, 0xFF)  # nan: what is not written cannot pass for a result


@_Calloc
def _calloc(_, count, size):
    return _take(count * size, 0)


@_Free
def _free(_, address, size):
    if address is None:  # NULL, which C's free takes, too
        return
    pages, _ = _used.pop(address)
    _idle[pages.count].append(pages)


@_Realloc
def _realloc(context, address, size):
    moved = _take(size, 0xFF)
    ctypes.memmove(moved, address, min(size, _used[address][1]))
    _free(context, address, size)
    return moved


_handler = _Handler(b"guarded", 1, None, _malloc, _calloc, _realloc, _free)
_name = b"mem_handler"  # a capsule keeps the pointer, not the text
_capsule = _api.PyCapsule_New(ctypes.addressof(_handler), _name, None)


@contextmanager
def guarded(side: str) -> Iterator[None]:
    """Let the data of every new array end ("end") or start ("start") at a closed page."""
    global _side
    _side, previous = side, _set_handler(_capsule)
    try:
        yield
    finally:
        _set_handler(previous)
