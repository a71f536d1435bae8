"""Axes, colours and ticks that all pictures share. matplotlib is imported here, when a picture is drawn."""

from __future__ import annotations

import importlib
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ..cells.spec import Array
from . import _check

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.image import AxesImage
    from numpy.typing import NDArray

#: Okabe and Ito 2008, "Color universal design", which the colour-blind tell apart: on white, and on black
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
COLOURS_ON_DARK = ("#56B4E9", "#E69F00", "#009E73", "#CC79A7", "#D55E00", "#F0E442")
LINES = ("-", "--", "-.", ":")
MARKERS = ("o", "s", "^", "D", "v", "P")
#: of values from 0 to 1: even steps of lightness, the same to the colour-blind (Nunez et al. 2018)
SEQUENTIAL = "cividis"
#: of values of either sign, 0 in the middle: blue to red over grey (Moreland 2009)
DIVERGING = "coolwarm"
#: rows or columns of an image that are told apart, as far as pixels allow
_DISTINCT = 100
#: characters of a token that are shown
LONG = 20
#: signs for tokens that would not be seen
_SHOWN = {
    " ": "\N{OPEN BOX}", "\t": "\N{RIGHTWARDS ARROW}", "": "''",
    "\n": "\N{DOWNWARDS ARROW WITH CORNER LEFTWARDS}",
}


def matplotlib(function: str, module: str) -> Any:
    """Import a module of matplotlib."""
    try:
        return importlib.import_module(f"matplotlib.{module}")
    except ImportError as error:
        _check.no_matplotlib(function, error)


def one_axes(function: str, ax: Any, size: tuple[float, float]) -> Axes:
    """Return the axes given, or those of a new figure."""
    pyplot = matplotlib(function, "pyplot")
    if ax is None:
        ax = pyplot.subplots(figsize=size, layout="constrained")[1]
    _check.one_axes(function, ax)
    return ax  # type: ignore[no-any-return]  # it has been looked at


def many_axes(
    function: str, axes: Any, panels: Sequence[str], shape: tuple[int, int], size: tuple[float, float], **options: Any
) -> list[Axes]:
    """Return the axes given, one for each panel, or those of a new figure, row by row."""
    pyplot = matplotlib(function, "pyplot")
    if axes is None:
        made = pyplot.subplots(*shape, figsize=size, layout="constrained", squeeze=False, **options)[1].ravel()
        axes = made[: len(panels)]
        for unused in made[len(panels) :]:
            unused.remove()
    return _check.many_axes(function, axes, panels)


def colour(ax: Axes, i: int) -> str:
    """Return the colour of a curve, which stands out from the background."""
    shade = matplotlib("plot", "colors").to_rgba(ax.get_facecolor())
    dark = shade[3] > 0 and sum(shade[:3]) < 1.5
    colours = COLOURS_ON_DARK if dark else COLOURS
    return colours[i % len(colours)]


def array_of(axes: Sequence[Axes], *shape: int) -> NDArray[np.object_]:
    """Return axes as plt.subplots has them."""
    found = np.empty(len(axes), object)
    found[:] = axes
    return found.reshape(shape or -1)


def image(ax: Axes, matrix: Array, limit: float | None) -> AxesImage:
    """Draw a matrix, row 0 on top: from 0 to 1, or from -limit to limit. What is not finite stays blank."""
    shown = np.ma.masked_invalid(matrix)
    limits = {"vmin": 0.0, "vmax": 1.0} if limit is None else {"vmin": -limit, "vmax": limit}
    ax.grid(False)
    # matplotlib's own choice smooths both axes where either has more values than pixels: two units would run together
    how = "nearest" if min(matrix.shape) < _DISTINCT else "antialiased"
    # nor does a mean of colours stand on the scale: of blue and red it is purple, of their values grey
    options: dict[str, Any] = {"cmap": SEQUENTIAL if limit is None else DIVERGING, **limits}
    options |= {"interpolation": how, "interpolation_stage": "data"}
    return ax.imshow(shown, aspect="auto", origin="upper", **options)


def limit_of(arrays: Iterable[Array], least: float = 0.0) -> float:
    """Return the largest magnitude of all that is finite; 1 where there is none."""
    sizes = [np.abs(array[np.isfinite(array)], dtype=np.float64) for array in arrays]
    largest = max([float(size.max()) for size in sizes if size.size], default=0.0)
    return max(largest, least) or 1.0


def colour_bar(ax: Axes | list[Axes], drawn: AxesImage) -> None:
    """Draw the scale of an image with few ticks."""
    first = ax[0] if isinstance(ax, list) else ax
    figure: Any = first.figure
    bar = figure.colorbar(drawn, ax=ax, pad=0.01 if isinstance(ax, list) else 0.02)
    bar.ax.grid(False)
    bar.locator = matplotlib("plot", "ticker").MaxNLocator(4, min_n_ticks=3)
    bar.update_ticks()


def whole_ticks(ax: Axes, y: bool = True) -> None:
    """Let ticks stand at whole numbers alone."""
    locator = matplotlib("plot", "ticker").MaxNLocator
    ax.xaxis.set_major_locator(locator("auto", integer=True, min_n_ticks=1))
    if y:
        ax.yaxis.set_major_locator(locator(5, integer=True, min_n_ticks=1))


def token_ticks(ax: Axes, tokens: Sequence[str]) -> None:
    """Write tokens under their steps: as many as fit, upright where all are short."""
    figure: Any = ax.figure
    size = float(matplotlib("plot", "font_manager").FontProperties(size=_tick_size()).get_size_in_points())
    wide = max(map(len, tokens)) > 2
    room = ax.get_position().width * figure.get_size_inches()[0] * 72 / (size * (1.4 if wide else 0.9))
    every = max(1, int(np.ceil(len(tokens) / max(room, 1.0))))
    places = range(0, len(tokens), every)
    ax.set_xticks(list(places))
    shown = [_SHOWN.get(token, token) for token in (tokens[i] for i in places)]
    shown = [token if len(token) <= LONG else token[: LONG - 1] + "\N{HORIZONTAL ELLIPSIS}" for token in shown]
    labels = ax.set_xticklabels(shown, rotation=90 if wide else 0)
    for label in labels:
        label.set_parse_math(False)  # a dollar is a token, too


def _tick_size() -> Any:
    return importlib.import_module("matplotlib").rcParams["xtick.labelsize"]
