"""Curves: the norm of a gradient over time, and losses over training."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from ..cells.spec import Array
from . import _check, drawing

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from numpy.typing import ArrayLike

#: the share of its largest norm below which a gradient counts as vanished in the picture
VANISHED = 1e-3
#: curves of fewer points have a marker at each
_FEW = 30


def gradient_norm(
    gradients: Any,
    *,
    sequence: int | None = None,
    lengths: ArrayLike | None = None,
    batch_first: bool = False,
    ax: Axes | None = None,
) -> Axes:
    """Draw the norm of a gradient at every step: where it vanishes, and where it explodes.

    The scale is logarithmic. A loss at the end of a sequence whose curve falls to the left in a straight line is a
    network that cannot learn from its early steps: each step back multiplies by less than 1. A dotted line stands where
    the norm, from the right, first is below a thousandth of its largest; triangles at the foot are norms of exactly 0.

    Parameters
    ----------
    gradients : array of shape (L, N, features) or (L, features), Gradients, or dict
        Those with respect to the states, dL/dh_t, from `state_gradients` or `cache_gradients`; what `backward` of nn
        returned, for the gradient of the input; the dict of the notebook's backward functions, for its dx; or a dict
        of label to one of these: a curve for each.
    sequence : int, optional
        Which sequence of the batch. If left out, the median over the batch, in a band from its 10th to its 90th
        percentile.
    lengths : array of N whole numbers, optional
        How many steps each sequence has: what lies behind is not drawn.
    batch_first : bool
        Whether arrays are (N, L, features), those of `backward`, too.
    ax : Axes, optional
        Axes of a new figure if left out.

    Returns
    -------
    Axes
        Those given, or the new ones; the curves are the first lines.

    Raises
    ------
    ValueError, TypeError
        If something is not as above; nothing is drawn then.
    ImportError
        Without matplotlib, which is the extra `plot`.

    See Also
    --------
    state_gradients : Makes dL/dh_t of a model of `cyrnn.nn`.
    cache_gradients : Makes dL/da_t from the notebook's caches.
    cyrnn.training.clip_grad_norm : What helps where it explodes.

    Notes
    -----
    Norms are over the features, in float64. Those that are nan or inf are gaps.

    References
    ----------
    Bengio, Simard, Frasconi 1994, "Learning long-term dependencies with gradient descent is difficult"; Pascanu,
    Mikolov, Bengio 2013, "On the difficulty of training recurrent neural networks".

    Examples
    --------
    >>> d_h = np.ones((6, 1, 4)) * 0.5 ** np.arange(6)[::-1, None, None]
    >>> ax = cyrnn.plot.gradient_norm({"RNN": d_h})
    >>> ax.lines[0].get_ydata()
    array([0.0625, 0.125 , 0.25  , 0.5   , 1.    , 2.    ])
    """
    function = "plot.gradient_norm"
    found = {label: _norms(function, value, batch_first) for label, value in _labelled(gradients).items()}
    if not found:
        _check.no_gradient(function, "gradients", gradients)
    drawn = {}
    for label, norms in found.items():
        L, N = norms.shape
        steps = _check.lengths(function, lengths, L, N)
        if sequence is not None:
            place = _check.index(function, "sequence", sequence, N, "sequences")
            norms, steps = norms[:, place : place + 1], steps[place : place + 1]
        _check.some_steps(function, sequence or 0, int(steps.max()))
        drawn[label] = np.where(np.arange(L)[:, None] < steps, norms, np.nan)[: steps.max()]
    ax = drawing.one_axes(function, ax, (6.4, 3.6))
    lines = [_curve(ax, i, label, norms) for i, (label, norms) in enumerate(drawn.items())]
    if any((np.isfinite(norms) & (norms > 0)).any() for norms in drawn.values()):  # else there is nothing to draw in it
        ax.set_yscale("log")
    for i, middle in enumerate(lines):
        _marks(ax, drawing.colour(ax, i), middle)
    drawing.whole_ticks(ax, y=False)
    ax.set(xlabel="step", ylabel="norm of the gradient")
    if any(label and not label.startswith("_") for label in drawn):  # matplotlib hides the others
        ax.legend()
    return ax


def _labelled(gradients: Any) -> Mapping[str, Any]:
    if isinstance(gradients, Mapping) and "dx" not in gradients:
        return {str(label): value for label, value in gradients.items()}
    return {"": gradients}


def _norms(function: str, value: Any, batch_first: bool) -> Array:
    """Return the norms over the features, (L, N), in float64: squares of small float32 would be 0."""
    if isinstance(value, Mapping):
        if "dx" not in value:
            _check.no_gradient(function, "gradients", value)
        array = _check.sequences(function, 'gradients["dx"]', value["dx"]).T  # the notebook's (n_x, m, T_x)
    elif hasattr(value, "weights") and hasattr(value, "input"):
        if value.input is None:
            _check.gradient_of_tokens(function)
        array = _check.sequences(function, "gradients.input", value.input, batch_first)
    else:
        array = _check.sequences(function, "gradients", value, batch_first)
    norms: Array = np.linalg.norm(array.astype(np.float64), axis=-1)
    return norms


def _curve(ax: Axes, i: int, label: str, norms: Array) -> Array:
    """Draw the median of a batch and its band, and return the median."""
    t = np.arange(len(norms))
    style = {"color": drawing.colour(ax, i), "linestyle": drawing.LINES[i % len(drawing.LINES)]}
    norms = np.where(np.isfinite(norms), norms, np.nan)
    known = ~np.isnan(norms).all(axis=1)
    below, middle, above = np.full((3, len(t)), np.nan)
    if known.any():
        below[known], middle[known], above[known] = np.nanpercentile(norms[known], (10, 50, 90), axis=1)
    shown = np.where(middle > 0, middle, np.nan)
    ax.plot(t, shown, marker="." if len(t) < _FEW else None, label=label, **style)  # type: ignore[arg-type]  # a dict of any
    if norms.shape[1] > 1:
        foot = np.where(below > 0, below, shown)
        ax.fill_between(t, foot, above, color=style["color"], alpha=0.2, linewidth=0)
    return np.asarray(middle)


def _marks(ax: Axes, colour: str, middle: Array) -> None:
    """Mark norms of 0, and where the gradient has vanished on its way to the left."""
    zeros = np.flatnonzero(middle == 0)
    if len(zeros):
        foot = ax.get_xaxis_transform()
        ax.plot(zeros, np.full(len(zeros), 0.02), "v", color=colour, markersize=4, transform=foot, clip_on=False)
    finite = np.where(np.isfinite(middle), middle, 0.0)
    low = np.flatnonzero(finite < VANISHED * finite.max())
    low = low[low < int(finite.argmax())]
    if len(low):
        ax.axvline(float(low[-1]), color=colour, linestyle=":", linewidth=1)


def loss_curve(
    training: ArrayLike,
    validation: ArrayLike | None = None,
    *,
    validation_at: ArrayLike | None = None,
    log: bool = False,
    xlabel: str = "epoch",
    ylabel: str = "loss",
    ax: Axes | None = None,
) -> Axes:
    """Draw training and validation loss, and mark the lowest of the validation.

    Where validation turns upwards while training goes on falling, the model begins to learn its examples by heart: the
    dot is where early stopping would have stopped.

    Parameters
    ----------
    training : array of n numbers
        A loss for each epoch, or for each update. nan is a gap.
    validation : array of numbers, optional
        As many, unless `validation_at` is given.
    validation_at : array of numbers, optional
        At which epoch each was measured; the first epoch is 1.
    log : bool
        Whether the scale of the losses is logarithmic.
    xlabel, ylabel : str
        What is counted, and what is measured: "update"; "bits per character".
    ax : Axes, optional
        Axes of a new figure if left out.

    Returns
    -------
    Axes
        Those given, or the new ones; the curves are its lines.

    Raises
    ------
    ValueError, TypeError
        If something is not as above; nothing is drawn then.
    ImportError
        Without matplotlib, which is the extra `plot`.

    See Also
    --------
    gradient_norm : Why a loss may stand still.

    References
    ----------
    Prechelt 1998, "Early stopping, but when?".

    Examples
    --------
    >>> ax = cyrnn.plot.loss_curve([2.0, 1.2, 0.9, 0.7], [2.1, 1.5, 1.4, 1.6])
    >>> [text.get_text() for text in ax.get_legend().get_texts()]
    ['training', 'validation', 'lowest, 1.4 at epoch 3']
    """
    function = "plot.loss_curve"
    losses = _check.series(function, "training", training)
    curves: list[tuple[str, Any, Array]] = [("training", np.arange(1, len(losses) + 1), losses)]
    if validation is not None:
        held = _check.series(function, "validation", validation)
        at = _check.positions(function, "validation_at", validation_at, "validation", len(held), len(losses))
        curves.append(("validation", at, held))
    ax = drawing.one_axes(function, ax, (6.4, 3.6))
    for i, (label, at, values) in enumerate(curves):
        marker, width = "." if len(at) < _FEW else None, 1.5 if len(at) < 1000 else 0.8
        style = {"color": drawing.colour(ax, i), "linestyle": drawing.LINES[i], "marker": marker}
        ax.plot(at, values, label=label, linewidth=width, **style)  # type: ignore[arg-type]  # a dict of any
    _, at, values = curves[-1]
    if len(curves) > 1 and np.isfinite(values).any():
        best = int(np.argmin(np.where(np.isfinite(values), values, np.inf)))
        label = f"lowest, {values[best]:.4g} at {xlabel} {at[best]:g}"
        ax.plot(at[best], values[best], "o", color=drawing.colour(ax, 1), label=label, zorder=3)
    if log:
        ax.set_yscale("log")
    drawing.whole_ticks(ax, y=False)
    ax.set(xlabel=xlabel, ylabel=ylabel)
    ax.legend()
    return ax
