"""A signal after some time, from outside of Python's threads: it needs no GIL, like Control-C.

POSIX has a timer for that. On Windows a thread of the system's calls C's `raise`, as one does for a console's
Control-C; `raise` knows no other signal there.
"""

from __future__ import annotations

import os
import signal
import sys

if sys.platform == "win32":
    import ctypes

    SIGNAL = signal.SIGINT
    _raise = ctypes.cast(ctypes.CDLL("ucrtbase")["raise"], ctypes.c_void_p)
    _kernel32 = ctypes.WinDLL("kernel32", use_last_error=True)
    _kernel32.CreateTimerQueueTimer.argtypes = [
        ctypes.POINTER(ctypes.c_void_p), ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p,
        ctypes.c_uint32, ctypes.c_uint32, ctypes.c_uint32,
    ]
    _kernel32.DeleteTimerQueueTimer.argtypes = [ctypes.c_void_p] * 3
    _timer = ctypes.c_void_p()

    def start(after: float, every: float = 0) -> None:
        """Send the signal in `after` seconds, and again `every` so many. A later call takes the place of this one."""
        stop()
        due, period = round(after * 1000), round(every * 1000)
        if not _kernel32.CreateTimerQueueTimer(ctypes.byref(_timer), None, _raise, int(SIGNAL), due, period, 0):
            raise ctypes.WinError(ctypes.get_last_error())

    def stop() -> None:
        """Send no more."""
        if _timer.value is not None:
            _kernel32.DeleteTimerQueueTimer(None, _timer, ctypes.c_void_p(-1))  # waits while one is being sent
            _timer.value = None

    def control_c() -> None:
        """What Control-C does: on Windows os.kill would end the process."""
        signal.raise_signal(signal.SIGINT)

else:
    SIGNAL = signal.SIGALRM

    def start(after: float, every: float = 0) -> None:
        """Send the signal in `after` seconds, and again `every` so many. A later call takes the place of this one."""
        signal.setitimer(signal.ITIMER_REAL, after, every)

    def stop() -> None:
        """Send no more."""
        signal.setitimer(signal.ITIMER_REAL, 0)

    def control_c() -> None:
        """What Control-C does."""
        os.kill(os.getpid(), signal.SIGINT)


def handle(handler) -> None:
    """Let a handler answer the signal."""
    signal.signal(SIGNAL, handler)
