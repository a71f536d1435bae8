"""The matrices of a model, by gate."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from ..cells import GRU, LSTM, RNN, Cell
from ..cells.spec import Array
from ..nn.cell_module import CellModule
from ..weights import orders
from . import _check, drawing, passes

if TYPE_CHECKING:
    from numpy.typing import NDArray


#: panels of matrices that are no cell's
_IN_A_ROW = 5


def weights(source: Any, *, layer: int = 0, limit: float | None = None, axes: Any = None) -> NDArray[np.object_]:
    """Draw weights as images: of a cell a column of panels for each gate, what multiplies x above what multiplies h.

    Blue is negative, grey 0, red positive, with one scale for all. Grey columns of the upper row are inputs that a gate
    does not read; a diagonal in the lower row is a unit that acts on itself.

    Parameters
    ----------
    source : model of nn, dict or matrix
        A model; the notebook's parameters of an RNN, LSTM or GRU; or any matrix, or a dict of name to matrix, as a
        state dict is, with a panel for each. Of a dict, what is no matrix is left out.
    layer : int
        Of layers of nn: which layer and direction, in the order of h_n.
    limit : float, optional
        Where the scale ends; the largest magnitude if left out.
    axes : array of Axes, optional
        As many as there are panels. A new figure if left out.

    Returns
    -------
    ndarray of Axes
        Those given, or the new ones: (2, gates) for a cell, else (panels,); the image of each is `ax.images[0]`.

    Raises
    ------
    ValueError, TypeError
        If something is not as above; nothing is drawn then.
    ImportError
        Without matplotlib, which is the extra `plot`.

    See Also
    --------
    gates : What the gates do over a sequence.
    cyrnn.nn.LSTM.to_gates : The same matrices as arrays, in any order of gates.

    Notes
    -----
    Weights of 8 or 16 bits are shown as the floats that they stand for. Biases, peepholes and projections are not shown
    beside the gates: give a dict of them.

    References
    ----------
    torch.nn.LSTM, PyTorch 2, and the notebook "RNN and LSTM 101": the names of the weights.

    Examples
    --------
    >>> axes = cyrnn.plot.weights(cyrnn.nn.GRU(3, 5, rng=0))
    >>> axes.shape, axes[0, 0].get_title(), axes[1, 0].images[0].get_array().shape
    ((2, 3), 'reset gate (rt)', (5, 5))
    """
    function = "plot.weights"
    shape, panels = _panels(function, source, layer)
    scale = _check.limit(function, limit)
    if scale is None:
        scale = drawing.limit_of([matrix for _, matrix, _ in panels])
    titles = [title for title, _, _ in panels]
    columns = shape[1] if len(shape) == 2 else min(len(panels), _IN_A_ROW)
    rows = -(-len(panels) // columns)
    size = min(2.3 * columns + 1.2, 13.0), 2.4 * rows + 0.5
    found = drawing.many_axes(function, axes, titles, (rows, columns), size)
    for i, (ax, (title, matrix, reads)) in enumerate(zip(found, panels, strict=True)):
        drawn = drawing.image(ax, matrix, scale)
        drawing.whole_ticks(ax)
        ax.set(title=title, xlabel=reads)
        if i % columns == 0:
            ax.set_ylabel("unit" if len(shape) == 2 else "row")
    drawing.colour_bar(found, drawn)
    return drawing.array_of(found, *shape)


#: title, matrix, what its columns are
Panel = tuple[str, Array, str]


def _panels(function: str, source: Any, layer: int) -> tuple[tuple[int, ...], list[Panel]]:
    """Return how panels stand, and the panels row by row."""
    if isinstance(source, CellModule):
        letters, x, h = _of_model(function, source, layer)
    elif isinstance(source, Mapping) and (cell := _cell_of(source)) is not None:
        letters, x, h = _of_parameters(function, source, cell)
    else:
        return _of_any(function, source)
    titles = [_TITLES.get(letter, "") for letter in letters]
    upper = [(title or "W of x", part, "feature of x") for title, part in zip(titles, x, strict=True)]
    lower = [("" if title else "W of h", part, "unit of h") for title, part in zip(titles, h, strict=True)]
    return (2, len(letters)), upper + lower


#: the first letter of a gate's name -> its title; that of the RNN's only one is "a"
_TITLES = {name[0]: title for name, title in reversed(passes.TITLES.items()) if name.endswith("t")}


def _of_model(function: str, model: Any, layer: int) -> tuple[str, list[Array], list[Array]]:
    plan, state = model._plan, model.state_dict()
    suffix = plan.suffixes[_check.index(function, "layer", layer, len(plan.suffixes), "layers and directions")]
    letters = orders.order_of("torch", plan.cell)
    x, h = (np.split(_floats(state, f"weight_{half}{suffix}"), len(letters)) for half in ("ih", "hh"))
    return letters, x, h


def _floats(state: Mapping[str, Any], name: str) -> Any:
    """Return a weight of a state dict, of integers times the scale of each row."""
    weight, scale = state[name], state.get(f"{name}_scale")
    return weight if scale is None else weight * scale[:, None]


def _cell_of(parameters: Mapping[str, Any]) -> Cell | None:
    return next((cell for cell in (LSTM, GRU, RNN) if all(gate.W_x in parameters for gate in cell.gates)), None)


def _of_parameters(
    function: str, parameters: Mapping[str, Any], cell: Cell
) -> tuple[str, list[Array], list[Array]]:
    letters, x, h = "", [], []
    for gate in cell.gates:
        W_x, W_a = (_check.matrix(function, f'source["{key}"]', parameters[str(key)]) for key in (gate.W_x, gate.W_a))
        n_a = len(W_a)
        h.append(W_a[:, :n_a])
        x.append(W_x[:, n_a:] if gate.W_x == gate.W_a else W_x)
        letters += gate.name[0]
    return letters, x, h


def _of_any(function: str, source: Any) -> tuple[tuple[int, ...], list[Panel]]:
    if not isinstance(source, Mapping) and hasattr(source, "state_dict"):
        source = source.state_dict()
    if not isinstance(source, Mapping):
        return (1,), [("", _check.matrix(function, "source", source), "column")]
    names = [name for name in source if np.ndim(source[name]) == 2 and np.size(source[name])]
    if not names:
        _check.no_matrices(function, source)
    panels = [(name, _check.matrix(function, f'source["{name}"]', _floats(source, name)), "column") for name in names]
    return (len(panels),), [(str(title), matrix, reads) for title, matrix, reads in panels]
