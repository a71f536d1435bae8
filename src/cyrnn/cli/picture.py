"""`--plot`: the losses of all epochs as a picture, by cyrnn.plot, which wants matplotlib (extra `plot`)."""

from __future__ import annotations

import importlib
import io
import os
from collections.abc import Sequence
from typing import Any

from ..weights.whole_file import written
from . import _check


def check(path: str) -> None:
    """Refuse, before any training, what could not be drawn at its end."""
    _check.has_matplotlib()
    _check.picture(path, _ending(path), _figure().canvas.get_supported_filetypes())


def losses(history: Sequence[Sequence[float | None]], path: str) -> None:
    """Draw both losses of the epochs that are done; none, if none is."""
    if not history:
        return
    from .. import plot

    figure = _figure()
    trained, held_out = zip(*history, strict=True)
    plot.loss_curve(trained, None if None in held_out else held_out, ylabel="bits per character", ax=figure.subplots())
    drawn = io.BytesIO()
    figure.savefig(drawn, format=_ending(path))
    try:
        with written(path) as file:
            file.write(drawn.getbuffer())
    except OSError as error:
        _check.cannot_write(path, error)


def _ending(path: str) -> str:
    return os.path.splitext(path)[1][1:].lower()


def _figure() -> Any:
    """Return a figure that belongs to no window."""
    return importlib.import_module("matplotlib.figure").Figure(figsize=(6.4, 3.6), layout="constrained")
