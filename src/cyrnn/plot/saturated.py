"""How often gates are shut or open."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from . import _check, drawing, passes

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray


#: dots of so many units are more transparent
_MANY = 200


def saturation(
    source: Any,
    *,
    low: float = 0.1,
    high: float = 0.9,
    lengths: ArrayLike | None = None,
    batch_first: bool = False,
    axes: Any = None,
) -> NDArray[np.object_]:
    """Draw for each unit how often its gates are shut and open: a panel for each gate, a dot for each unit.

    To the right is the share of steps at which the gate is below `low`, upwards that at which it is above `high`. A dot
    at the top left of the forget gate is a unit that remembers all the time, one at the origin a gate that is never
    saturated, one on the dashed line a gate that is always one or the other. Layers differ in colour and marker.

    Parameters
    ----------
    source
        As for `gates`; all layers and directions, all sequences.
    low, high : float
        Below and above what a gate is shut and open: 0 <= low <= high <= 1.
    lengths : array of N whole numbers, optional
        How many steps each sequence has: what lies behind is not counted.
    batch_first
        As for `gates`.
    axes : array of Axes, optional
        As many as there are gates. A new figure if left out.

    Returns
    -------
    ndarray of Axes
        Those given, or the new ones; the dots of each layer are `ax.collections[layer]`.

    Raises
    ------
    ValueError, TypeError
        If something is not as above, or if there is no gate within 0 .. 1; nothing is drawn then.
    ImportError
        Without matplotlib, which is the extra `plot`.

    See Also
    --------
    gates : The gates themselves, over the steps of one sequence.

    References
    ----------
    Karpathy, Johnson, Li 2015, "Visualizing and understanding recurrent networks", figure 3.

    Examples
    --------
    >>> gru = cyrnn.nn.GRU(3, 5, rng=0)
    >>> _, _, tape = gru.forward(np.ones((7, 2, 3), np.float32))
    >>> axes = cyrnn.plot.saturation(tape)
    >>> [ax.get_title() for ax in axes], axes[0].collections[0].get_offsets().shape
    (['update gate (zt)', 'reset gate (rt)'], (5, 2))
    """
    function = "plot.saturation"
    low, high = _check.thresholds(function, low, high)
    found = passes.sublayers_of(function, source, batch_first)
    names = list(dict.fromkeys(name for part in found.values() for name in part))
    names = [name for name in names if all(passes.is_gate(name, part[name]) for part in found.values() if name in part)]
    if not names:
        _check.no_sigmoids(function, next(iter(found.values())))
    everything = {f'{label}["{name}"]': array for label, part in found.items() for name, array in part.items()}
    _check.alike(function, everything)
    L, N = next(iter(everything.values())).shape[:2]
    steps = _check.lengths(function, lengths, L, N)
    counted = np.arange(L)[:, None] < steps  # (L, N)
    if not counted.any():
        _check.some_steps(function, 0, 0)
    size = 2.5 * len(names) + 0.7, 3.3
    options = {"sharex": True, "sharey": True}
    panels = drawing.many_axes(function, axes, names, (1, len(names)), size, **options)
    for ax, name in zip(panels, names, strict=True):
        for i, (label, part) in enumerate(found.items()):
            if name not in part:
                continue
            values = part[name][counted]  # (steps counted, units)
            colour, marker = drawing.colour(ax, i), drawing.MARKERS[i % len(drawing.MARKERS)]
            alpha = 0.8 if values.shape[1] < _MANY else 0.4
            shut, opened = (values < low).mean(axis=0), (values > high).mean(axis=0)
            dots = ax.scatter(shut, opened, s=22, c=colour, marker=marker, alpha=alpha, linewidths=0, label=label)
            dots.set_clip_on(False)
        ax.plot([0, 1], [1, 0], color="0.5", linewidth=0.8, linestyle="--", zorder=0)
        ax.set(xlim=(-0.05, 1.05), ylim=(-0.05, 1.05), xticks=[0, 0.5, 1], yticks=[0, 0.5, 1], box_aspect=1)
        ax.set_title(passes.TITLES.get(name, name))
        ax.set_xlabel(f"share of steps below {low:g}")
    panels[0].set_ylabel(f"share of steps above {high:g}")
    if len(found) > 1:
        panels[-1].legend(loc="upper right", fontsize="small")
    return drawing.array_of(panels)
