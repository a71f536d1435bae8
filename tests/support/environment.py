"""The floating-point environment of a thread, read and set through C's fenv: Python has no other way.

`fenv_t` has a known layout in the C libraries of Linux: on x86-64 MXCSR stands behind the 28 bytes of the x87 unit, on
aarch64 FPCR comes first. The registers' bits are the CPU's. Windows' C library translates them, so there MXCSR is read
and set by the CPU's own instructions.
"""

from __future__ import annotations

import contextlib
import ctypes
import platform
import sys

WINDOWS = sys.platform == "win32"
MACHINE = platform.machine().replace("AMD64", "x86_64") if WINDOWS or sys.platform == "linux" else ""
#: where the control register is in fenv_t
OFFSET = {"x86_64": 28, "aarch64": 0}.get(MACHINE)
#: what another library may have set, by name: bits of the register beside the default
MODES = {
    "x86_64": {
        "flush-to-zero": 0x8040,  # FTZ and DAZ, as a shared object linked with -ffast-math sets them
        "rounds-down": 0x2000,
        "rounds-up": 0x4000,
        "rounds-to-zero": 0x6000,
        "rounds-up-and-flushes": 0xC040,
    },
    "aarch64": {
        "flush-to-zero": 1 << 24,
        "rounds-up": 1 << 22,
        "rounds-down": 2 << 22,
        "rounds-to-zero": 3 << 22,
    },
}.get(MACHINE, {})
FLAGS = 0x3F if MACHINE == "x86_64" else 0
WHY_NOT = "the layout of this platform's fenv_t is not known to the test"

if WINDOWS and MODES:
    STORE, LOAD = b"\x0f\xae\x19\xc3", b"\x0f\xae\x11\xc3"  # stmxcsr [rcx], ldmxcsr [rcx]; each returns
    _allocate = ctypes.WinDLL("kernel32").VirtualAlloc
    _allocate.restype, _allocate.argtypes = ctypes.c_void_p, [ctypes.c_void_p, ctypes.c_size_t] + [ctypes.c_uint32] * 2
    _code = _allocate(None, 8, 0x3000, 0x40)  # reserved and committed; to be written and executed
    ctypes.memmove(_code, STORE + LOAD, 8)
    _store, _load = (ctypes.CFUNCTYPE(None, ctypes.c_void_p)(_code + i) for i in (0, 4))


def register() -> int:
    """The control register of this thread, its flags of exceptions included."""
    if WINDOWS:
        value = ctypes.c_uint32()
        _store(ctypes.addressof(value))
        return value.value
    saved = _saved()
    return int.from_bytes(saved[OFFSET : OFFSET + 4], "little")


def set_register(value: int) -> None:
    if WINDOWS:
        _load(ctypes.addressof(ctypes.c_uint32(value)))
        return
    saved = _saved()
    saved[OFFSET : OFFSET + 4] = value.to_bytes(4, "little")
    if _libm().fesetenv(saved):
        raise OSError("fesetenv failed")


def _saved() -> ctypes.Array:
    saved = (ctypes.c_char * 64)()
    if _libm().fegetenv(saved):
        raise OSError("fegetenv failed")
    return saved


def _libm() -> ctypes.CDLL:
    return ctypes.CDLL("libm.so.6") if platform.libc_ver()[0] == "glibc" else ctypes.CDLL(None)


@contextlib.contextmanager
def environment(mode: str):
    """Set a mode for this thread; afterwards say so if somebody has changed it, and put the default back."""
    before = register()
    wanted = before & ~FLAGS | MODES[mode]
    set_register(wanted)
    try:
        yield
        assert register() & ~FLAGS == wanted, f"{mode} is gone: {register():#x}, not {wanted:#x}"
    finally:
        set_register(before)
