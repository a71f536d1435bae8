"""Signals that end a training between two updates, when all of it is saved."""

from __future__ import annotations

import contextlib
import signal
from types import FrameType, TracebackType
from typing import Any

#: Ctrl-C; the end that a system or a scheduler asks for; a terminal that was closed. Windows has no last one
NAMES = ("SIGINT", "SIGTERM", "SIGHUP")


class Interrupts:
    """As a context: `caught` is the number of the first such signal, 0 before. A second one ends at once."""

    def __init__(self) -> None:
        self.caught = 0
        self._before: dict[int, Any] = {}

    def __enter__(self) -> Interrupts:
        for name in NAMES:
            number = getattr(signal, name, None)
            # a signal that is ignored, as nohup wants it, stays so; None is a handler that is not Python's
            if number is not None and signal.getsignal(number) not in (signal.SIG_IGN, None):
                with contextlib.suppress(ValueError):  # of a thread that is not the main one
                    self._before[number] = signal.signal(number, self._catch)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)
        self._before.clear()

    def _catch(self, number: int, frame: FrameType | None) -> None:
        self.caught = number
        signal.signal(number, self._before[number])
