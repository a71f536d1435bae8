"""Memory of this process by the system's account, which sees what C asks for, too: resident now, and at most so far."""

from __future__ import annotations

import ctypes
import sys

#: macOS tells its peak in another unit, and what is resident now to its own tools
KNOWN = sys.platform in ("linux", "win32")
WHY_NOT = "how this system tells what is resident is not known to the test"

if sys.platform == "win32":
    _size = ctypes.c_size_t

    class _Counters(ctypes.Structure):
        """PROCESS_MEMORY_COUNTERS of the Windows API."""

        _fields_ = (
            ("cb", ctypes.c_uint32),
            ("PageFaultCount", ctypes.c_uint32),
            ("PeakWorkingSetSize", _size),
            ("WorkingSetSize", _size),
            ("others", _size * 6),
        )

    _kernel32 = ctypes.WinDLL("kernel32", use_last_error=True)
    _kernel32.GetCurrentProcess.restype = ctypes.c_void_p
    _kernel32.K32GetProcessMemoryInfo.argtypes = [ctypes.c_void_p, ctypes.POINTER(_Counters), ctypes.c_uint32]

    def _counters() -> _Counters:
        found = _Counters(cb=ctypes.sizeof(_Counters))
        if not _kernel32.K32GetProcessMemoryInfo(_kernel32.GetCurrentProcess(), found, found.cb):
            raise ctypes.WinError(ctypes.get_last_error())
        return found

    def resident() -> int:
        """Resident bytes."""
        return _counters().WorkingSetSize

    def peak() -> int:
        """The most bytes that were resident."""
        return _counters().PeakWorkingSetSize

else:
    import os
    import resource

    def resident() -> int:
        """Resident bytes."""
        with open("/proc/self/statm", encoding="ascii") as statm:
            return int(statm.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")

    def peak() -> int:
        """The most bytes that were resident."""
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
