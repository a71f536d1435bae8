"""Plain text on a terminal, in a file or down a pipe: ASCII, at most 80 columns, colour only for a person."""

from __future__ import annotations

import os
import sys
from typing import TextIO

WIDTH = 78
GREEN, RED, BOLD, PLAIN = "\033[32m", "\033[31;1m", "\033[1m", "\033[0m"


class Page:
    """Writes lines and counts verdicts."""

    def __init__(self, out: TextIO) -> None:
        self.out = out
        self.colour = wants_colour(out)
        self.right = 0
        self.wrong = 0

    def line(self, text: str = "") -> None:
        # Anything not ASCII can only come from the machine: the name of its CPU, say.
        self.out.write(text.rstrip().encode("ascii", "replace").decode() + "\n")

    def heading(self, text: str, aside: str = "") -> None:
        self.line()
        gap = " " * max(2, WIDTH - len(text) - len(aside))
        self.line(self.painted(text, BOLD) + (gap + aside if aside else ""))
        self.line("-" * WIDTH)

    def verdict(self, ok: bool, text: str) -> None:
        self.right += ok
        self.wrong += not ok
        self.line(f"  {self.word(ok)} {text}")

    def word(self, ok: bool) -> str:
        """ "ok" or "WRONG", six columns wide."""
        return self.painted("ok    ", GREEN) if ok else self.painted("WRONG ", RED)

    def painted(self, text: str, colour: str) -> str:
        return f"{colour}{text}{PLAIN}" if self.colour else text


def wants_colour(out: TextIO) -> bool:
    if os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb":
        return False
    if sys.platform == "win32" and "WT_SESSION" not in os.environ:  # the old console shows the codes
        return False  # pragma: no cover  # Windows alone
    return out.isatty()
