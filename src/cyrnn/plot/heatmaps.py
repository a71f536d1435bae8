"""Gates and states over a sequence."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from . import _check, drawing, passes

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import ArrayLike, NDArray


def gates(
    source: Any,
    *,
    layer: int = 0,
    sequence: int = 0,
    lengths: ArrayLike | None = None,
    batch_first: bool = False,
    tokens: Any = None,
    axes: Any = None,
) -> NDArray[np.object_]:
    """Draw the gates and states of one sequence: a panel for each, time to the right, a row for each unit.

    A bright row of a forget gate is a unit that remembers, a dark one a unit that forgets at once; a bright column is a
    step at which many units open. Gates are shown from 0, dark, to 1, bright; what has a sign (candidate, cell state,
    hidden state) from blue over grey, which is 0, to red.

    Parameters
    ----------
    source : list of dicts, dict, caches or tape
        The gates that a call of an LSTM or GRU returns with `return_gates=True`; one of its dicts, name to array of
        shape (L, N, units) or (L, units), to which a state may be added; the caches of `lstm_forward`, `gru_forward`,
        `rnn_forward`; or the tape of `forward`, which has the cell state, too. That of several modules has the
        recurrent layers of all.
    layer : int
        Which layer and direction, in the order of h_n.
    sequence : int
        Which sequence of the batch.
    lengths : array of N whole numbers, optional
        How many steps each sequence has, as in the call: what lies behind is not drawn.
    batch_first : bool
        Whether gates are (N, L, units). A tape says so itself, and caches have their own order.
    tokens : str or list, optional
        A label for each step. White space is shown by signs; what does not fit is left out.
    axes : array of Axes, optional
        As many as there are panels. A new figure if left out.

    Returns
    -------
    ndarray of Axes
        Those given, or the new ones; the image of each is `ax.images[0]`.

    Raises
    ------
    ValueError, TypeError
        If something is not as above; nothing is drawn then.
    ImportError
        Without matplotlib, which is the extra `plot`.

    See Also
    --------
    saturation : The same gates of all units and steps, as one number each.
    weights : The matrices behind the gates.

    Notes
    -----
    A gate of an activation that leaves 0 .. 1 is drawn as what has a sign. The scale of the cell state ends at its
    largest magnitude, all others at 1, or further out where values are larger. nan and inf stay blank. Of more
    steps than pixels some are not seen, unless there are 100 units, too, and both are averaged. matplotlib warns of
    tokens that its font lacks: `plt.rcParams["font.family"]` names another.

    References
    ----------
    Karpathy, Johnson, Li 2015, "Visualizing and understanding recurrent networks", section 4.2.

    Examples
    --------
    >>> lstm = cyrnn.nn.LSTM(3, 5, rng=0)
    >>> _, _, found = lstm(np.ones((7, 2, 3), np.float32), return_gates=True)
    >>> axes = cyrnn.plot.gates(found, sequence=1, tokens="letters")
    >>> [ax.get_title() for ax in axes]
    ['forget gate (ft)', 'input gate (it)', 'candidate (cct)', 'output gate (ot)']
    """
    function = "plot.gates"
    found = list(passes.sublayers_of(function, source, batch_first).values())
    part = found[_check.index(function, "layer", layer, len(found), "layers and directions")]
    L, N = next(iter(part.values())).shape[:2]
    place = _check.index(function, "sequence", sequence, N, "sequences")
    steps = int(_check.lengths(function, lengths, L, N)[place])
    _check.some_steps(function, place, steps)
    labels = _check.tokens(function, tokens, steps, L)
    heights = [min(max(0.05 * array.shape[-1], 0.8), 2.2) for array in part.values()]
    size = min(max(0.16 * steps + 2.0, 6.4), 13.0), sum(heights) + 0.45 * len(part) + 0.5
    if labels is not None:
        size = size[0], size[1] + 0.1 * min(max(map(len, labels)), drawing.LONG)  # of 10 points, upright in the page
    options = {"sharex": True, "height_ratios": heights}
    panels = drawing.many_axes(function, axes, list(part), (len(part), 1), size, **options)
    for ax, (name, array) in zip(panels, part.items(), strict=True):
        shown = array[:steps, place].T
        limit = None
        if not passes.is_gate(name, shown):
            limit = drawing.limit_of([shown], 0.0 if name == "c" else 1.0)
        drawing.colour_bar(ax, drawing.image(ax, shown, limit))
        drawing.whole_ticks(ax)
        ax.set_title(passes.TITLES.get(name, name))
        ax.set_ylabel("unit")
    last = panels[-1]
    last.set_xlabel("step")
    if labels is not None:
        drawing.token_ticks(last, labels)
    return drawing.array_of(panels)
