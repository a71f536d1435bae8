"""Every function of the notebook beside plain NumPy, float64, at its own sizes and at larger ones."""

from __future__ import annotations

import sys
from functools import partial
from typing import Any

from . import clock
from .contestant import Variant
from .samples import letters
from .table import markdown


def measured(seconds: float) -> list[list[Any]]:
    """Return function, sizes, and for NumPy and cyrnn microseconds and a letter for each turn, as in samples.py."""
    from cyrnn import notebook
    from cyrnn.demo import plain, speed

    rows = []
    for job in [job for group in speed.jobs().values() for job in group]:
        theirs, ours = (partial(getattr(module, job.function), *job.arguments) for module in (plain, notebook))
        if not speed.agree(ours(), theirs()):
            sys.exit(f"{job.function} {speed.sizes(job)} differs from plain NumPy")
        variants = [Variant(name, "", call, dict) for name, call in (("numpy", theirs), ("cyrnn", ours))]
        found = {entry.variant.rival: clock.summary(entry) for entry in clock.race(variants, seconds)}
        times = {name: [one["min_us"], letters(one["above"])] for name, one in found.items()}
        rows.append([job.function, speed.sizes(job), times])
    return rows


def _text(us: float) -> str:
    return f"{us:.1f}" if us >= 1 else f"{us:.2f}"


def table(rows: list[list[Any]]) -> list[str]:
    body = []
    for name, sizes, times in rows:
        plain, ours = times["numpy"][0], times["cyrnn"][0]
        body.append([f"`{name}`", sizes, _text(plain), _text(ours), f"{plain / ours:.1f}"])
    return markdown(["function", "n_x, n_a, m, T_x, or shape", "plain NumPy", "cyrnn", "speed-up"], body)
