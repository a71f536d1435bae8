"""How far a training is: a line for each epoch, and between the lines a bar, where a person looks on."""

from __future__ import annotations

import contextlib
import shutil
import sys
import time

#: seconds between two states of the bar
EVERY = 0.1
#: columns of a terminal that says nothing of them; of the bar itself, at most
COLUMNS, BAR = 80, 30


class Progress:
    """Lines go to stdout; the bar goes to stderr, and only if that is a terminal: a file or a pipe gets lines alone."""

    def __init__(self) -> None:
        self.bar = sys.stderr is not None and sys.stderr.isatty()
        self._drawn = 0  # columns of the bar that stand there now
        self._next = 0.0

    def line(self, text: str) -> None:
        """Write a line in the place of the bar, at once: who reads a file or a pipe shall see it now."""
        self.clear()
        print(text, flush=True)

    def show(self, epoch: str, done: float, rest: str) -> None:
        """Draw the bar, at most ten times a second; `done`: from 0 to 1."""
        now = time.monotonic()
        if not self.bar or now < self._next:
            return
        self._next = now + EVERY
        columns = shutil.get_terminal_size((COLUMNS, 24)).columns - 1  # behind the last one a terminal begins a line
        text = f"{epoch} {done:4.0%}  {rest}"
        width = min(BAR, columns - len(text) - 3)
        if width > 4:
            full = int(width * done)
            text = f"{epoch} [{'#' * full}{'.' * (width - full)}]{text[len(epoch) :]}"
        self._draw(text[:columns])

    def clear(self) -> None:
        """Take the bar away."""
        if self._drawn:
            self._draw("")

    def _draw(self, text: str) -> None:
        # a bar that cannot be drawn, as on a terminal that was closed, ends no training
        with contextlib.suppress(OSError, ValueError):
            sys.stderr.write("\r" + text.ljust(self._drawn) + ("" if text else "\r"))
            sys.stderr.flush()
        self._drawn = len(text)
