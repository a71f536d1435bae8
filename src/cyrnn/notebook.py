"""Facade 1: the notebook's functions, and those of the helper module it imports, on compiled kernels."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import repeat
from typing import Any

import numpy as np

from . import _check, packing, sequence
from .cells import LSTM, RNN, Cell
from .cells.spec import Array
from .kernels import dispatch

_SHAPES = {"x": ("n_x", "m", "T_x"), "xt": ("n_x", "m")}
_OPTIONAL = ("c0",)  # None: zero


def sigmoid(x: Any) -> Any:
    """Return 1 / (1 + exp(-x)) of every element.

    Parameters
    ----------
    x : array_like of any shape
        Real numbers; integers and bools are computed in float64, float16 in float32.

    Returns
    -------
    ndarray of the shape of x, or a scalar for a scalar
        Between 0 and 1; exact at 0 (0.5), +-inf (1, 0); nan stays nan.

    Raises
    ------
    TypeError
        If x is not made of real numbers up to float64.

    Examples
    --------
    >>> sigmoid([0.0, float("-inf"), float("inf")])
    array([0.5, 0. , 1. ])
    """
    return _elementwise("sigmoid", x)


def tanh(x: Any) -> Any:
    """Return (exp(x) - exp(-x)) / (exp(x) + exp(-x)) of every element; parameters and results as for `sigmoid`.

    Examples
    --------
    >>> tanh([0.0, float("-inf"), float("inf")])
    array([ 0., -1.,  1.])
    """
    return _elementwise("tanh", x)


def softmax(x: Any) -> Any:
    """Return exp(x) / sum(exp(x)), the sum over axis 0: every column adds up to 1.

    Each column is shifted by its own maximum first, which cancels, so that no finite x overflows.

    Parameters
    ----------
    x : array_like of shape (n, ...)
        Real numbers; integers and bools are computed in float64, float16 in float32. A scalar is a column of one.

    Returns
    -------
    ndarray of the shape of x, or a scalar for a scalar

    Raises
    ------
    TypeError
        If x is not made of real numbers up to float64.

    Examples
    --------
    >>> softmax([[1, 0], [1, 0]])
    array([[0.5, 0.5],
           [0.5, 0.5]])
    """
    array = _check.as_array("softmax", "x", x)
    z = packing.contiguous(array, _check.computed_in(array.dtype), "C")
    out = np.empty_like(z)
    if out.size:
        columns = (array.shape[0] if array.ndim else 1, -1)
        dispatch.kernels.of(z.dtype).softmax(z.reshape(columns), out.reshape(columns))
    return out[()]


def rnn_cell_forward(
    xt: Any, a_prev: Any, parameters: Mapping[str, Any], *, return_caches: bool = True
) -> tuple[Array, Array, Any]:
    """Run the recurrent cell for one step.

        a_next  = tanh(Wax xt + Waa a_prev + ba)
        yt_pred = softmax(Wya a_next + by)

    Parameters
    ----------
    xt : ndarray of shape (n_x, m)
        Input, one column per example; any real dtype up to float64, any strides.
    a_prev : ndarray of shape (n_a, m)
        Hidden state before the step.
    parameters : mapping
        `Wax` (n_a, n_x), `Waa` (n_a, n_a), `Wya` (n_y, n_a), `ba` (n_a, 1), `by` (n_y, 1), or the result of `pack`.
    return_caches : bool
        False: nothing is kept for the backward pass and `cache` is None.

    Returns
    -------
    a_next : ndarray of shape (n_a, m)
    yt_pred : ndarray of shape (n_y, m)
        Each column adds up to 1.
    cache : tuple
        `(a_next, a_prev, xt, parameters)`, the last three being the caller's own objects.

    Raises
    ------
    ValueError, TypeError, KeyError
        For a wrong shape, for a wrong dtype or kind, and for missing keys, before any work.

    Notes
    -----
    float32 stays float32; if any argument or parameter is float64, an integer or a bool, all is float64.

    References
    ----------
    Elman 1990, "Finding structure in time"; notebook, cell 2.

    Examples
    --------
    >>> parameters = {"Wax": np.ones((2, 3)), "Waa": np.eye(2), "ba": np.zeros((2, 1)),
    ...               "Wya": np.ones((4, 2)), "by": np.zeros((4, 1))}
    >>> a_next, yt_pred, cache = rnn_cell_forward(np.zeros((3, 1)), np.zeros((2, 1)), parameters)
    >>> yt_pred.T
    array([[0.25, 0.25, 0.25, 0.25]])
    """
    return _cell_forward("rnn_cell_forward", RNN, xt, {"a_prev": a_prev}, parameters, return_caches)


def rnn_forward(
    x: Any, a0: Any, parameters: Mapping[str, Any], *, return_caches: bool = True
) -> tuple[Array, Array, Any]:
    """Run the recurrent cell over a sequence: `rnn_cell_forward` for t = 0 .. T_x - 1, each step from the last.

    Parameters
    ----------
    x : ndarray of shape (n_x, m, T_x)
        Inputs of every step; any real dtype up to float64, any strides.
    a0 : ndarray of shape (n_a, m)
        Hidden state before the first step.
    parameters : mapping
        As for `rnn_cell_forward`.
    return_caches : bool
        False: nothing is kept for the backward pass and `caches` is None.

    Returns
    -------
    a : ndarray of shape (n_a, m, T_x)
        Hidden states after every step.
    y_pred : ndarray of shape (n_y, m, T_x)
    caches : tuple
        `(list of T_x caches of rnn_cell_forward, x)`.

    Raises
    ------
    ValueError, TypeError, KeyError
        As `rnn_cell_forward` does.

    Notes
    -----
    Results are views of memory laid out as (T_x, m, n). In the caches, `xt` is a view of the caller's x, `a_next` a
    view of a, and `a_prev` the very object that was `a_next` one step before (a0 itself at step 0).

    References
    ----------
    Elman 1990, "Finding structure in time"; notebook, cell 5.

    Examples
    --------
    >>> parameters = {"Wax": np.ones((2, 3)), "Waa": np.eye(2), "ba": np.zeros((2, 1)),
    ...               "Wya": np.ones((4, 2)), "by": np.zeros((4, 1))}
    >>> a, y_pred, caches = rnn_forward(np.zeros((3, 1, 7)), np.zeros((2, 1)), parameters)
    >>> a.shape, y_pred.shape, len(caches[0])
    ((2, 1, 7), (4, 1, 7), 7)
    """
    return _forward("rnn_forward", RNN, x, {"a0": a0}, parameters, return_caches)


def lstm_cell_forward(
    xt: Any, a_prev: Any, c_prev: Any, parameters: Mapping[str, Any], *, return_caches: bool = True
) -> tuple[Array, Array, Array, Any]:
    """Run the LSTM cell for one step. With [a_prev, xt] stacked on top of each other:

        ft, it, ot = sigmoid(Wf [a_prev, xt] + bf), the same with Wi, bi, and with Wo, bo
        cct        = tanh(Wc [a_prev, xt] + bc)
        c_next     = ft * c_prev + it * cct
        a_next     = ot * tanh(c_next)
        yt_pred    = softmax(Wy a_next + by)

    Parameters
    ----------
    xt : ndarray of shape (n_x, m)
        Input, one column per example; any real dtype up to float64, any strides.
    a_prev, c_prev : ndarray of shape (n_a, m)
        Hidden state and memory before the step.
    parameters : mapping
        `Wf Wi Wc Wo` (n_a, n_a + n_x), `bf bi bc bo` (n_a, 1), `Wy` (n_y, n_a), `by` (n_y, 1), or the result of `pack`.
    return_caches : bool
        False: nothing is kept for the backward pass and `cache` is None.

    Returns
    -------
    a_next, c_next : ndarray of shape (n_a, m)
    yt_pred : ndarray of shape (n_y, m)
        Each column adds up to 1.
    cache : tuple
        `(a_next, c_next, a_prev, c_prev, ft, it, cct, ot, xt, parameters)`; a_prev, c_prev, xt and parameters are the
        caller's own objects.

    Raises
    ------
    ValueError, TypeError, KeyError
        For a wrong shape, for a wrong dtype or kind, and for missing keys, before any work.

    References
    ----------
    Hochreiter and Schmidhuber 1997; Gers, Schmidhuber and Cummins 2000, for the forget gate; notebook, cell 8.

    Examples
    --------
    >>> parameters = {W: np.zeros((2, 5)) for W in ("Wf", "Wi", "Wc", "Wo")}
    >>> parameters |= {b: np.zeros((2, 1)) for b in ("bf", "bi", "bc", "bo")}
    >>> parameters |= {"Wy": np.ones((4, 2)), "by": np.zeros((4, 1))}
    >>> a, c, y, cache = lstm_cell_forward(np.ones((3, 1)), np.zeros((2, 1)), np.ones((2, 1)), parameters)
    >>> c.T
    array([[0.5, 0.5]])
    """
    initial = {"a_prev": a_prev, "c_prev": c_prev}
    return _cell_forward("lstm_cell_forward", LSTM, xt, initial, parameters, return_caches)


def lstm_forward(
    x: Any, a0: Any, parameters: Mapping[str, Any], *, c0: Any = None, return_caches: bool = True
) -> tuple[Array, Array, Array, Any]:
    """Run the LSTM cell over a sequence: `lstm_cell_forward` for t = 0 .. T_x - 1, each step from the last.

    Parameters
    ----------
    x : ndarray of shape (n_x, m, T_x)
        Inputs of every step; any real dtype up to float64, any strides.
    a0 : ndarray of shape (n_a, m)
        Hidden state before the first step.
    parameters : mapping
        As for `lstm_cell_forward`.
    c0 : ndarray of shape (n_a, m), optional
        Memory before the first step; zero if not given.
    return_caches : bool
        False: nothing is kept for the backward pass and `caches` is None.

    Returns
    -------
    a : ndarray of shape (n_a, m, T_x)
        Hidden states after every step.
    y : ndarray of shape (n_y, m, T_x)
    c : ndarray of shape (n_a, m, T_x)
        Memory after every step.
    caches : tuple
        `(list of T_x caches of lstm_cell_forward, x)`.

    Raises
    ------
    ValueError, TypeError, KeyError
        As `lstm_cell_forward` does.

    Notes
    -----
    Layout and identities are those of `rnn_forward`; y comes before c.

    References
    ----------
    As for `lstm_cell_forward`; notebook, cell 11.

    Examples
    --------
    >>> parameters = {W: np.zeros((2, 5)) for W in ("Wf", "Wi", "Wc", "Wo")}
    >>> parameters |= {b: np.zeros((2, 1)) for b in ("bf", "bi", "bc", "bo")}
    >>> parameters |= {"Wy": np.ones((4, 2)), "by": np.zeros((4, 1))}
    >>> a, y, c, caches = lstm_forward(np.ones((3, 1, 2)), np.zeros((2, 1)), parameters, c0=np.ones((2, 1)))
    >>> c[0, 0]
    array([0.5 , 0.25])
    """
    return _forward("lstm_forward", LSTM, x, {"a0": a0, "c0": c0}, parameters, return_caches)


def _elementwise(function: str, x: object) -> Any:
    array = _check.as_array(function, "x", x)
    z = packing.contiguous(array, _check.computed_in(array.dtype), "A")
    out = np.empty_like(z)
    if out.size:
        getattr(dispatch.kernels.of(z.dtype), function)(z.ravel("K"), out.ravel("K"))
    return out[()]


def _cell_forward(
    function: str, cell: Cell, xt: Any, initial: dict[str, Any], parameters: Any, return_caches: Any
) -> tuple[Any, ...]:
    """Run one step: the next states, y, and the step's cache. `initial` are the states' arguments by name."""
    blocks = _run(function, cell, ("xt", xt), initial, parameters, bool(return_caches))
    following = [[state.T] for state in blocks.states[:, 1]]
    (cache,) = _caches(cell, blocks, following, [xt], initial, parameters) if return_caches else (None,)
    return *(state for (state,) in following), blocks.y.T[:, :, 0], cache


def _forward(
    function: str, cell: Cell, x: Any, initial: dict[str, Any], parameters: Any, return_caches: Any
) -> tuple[Any, ...]:
    """Run a sequence: the hidden states, y, the other states, and the caches."""
    blocks = _run(function, cell, ("x", x), initial, parameters, bool(return_caches))
    a, *others = (state.T for state in blocks.states[:, 1:])
    if not return_caches:
        return a, blocks.y.T, *others, None
    following = [list(state.mT) for state in blocks.states[:, 1:]]
    array = x if isinstance(x, np.ndarray) else np.asarray(x)
    xs = [array[:, :, t] for t in range(array.shape[2])]
    return a, blocks.y.T, *others, (_caches(cell, blocks, following, xs, initial, parameters), x)


def _run(
    function: str, cell: Cell, x: tuple[str, Any], initial: dict[str, Any], parameters: Any, keep: bool
) -> sequence.Blocks:
    """Check every argument, then run. A single xt is a sequence of one step; c0 may be None."""
    call = _check.Call(function)
    array = call.take(*x, _SHAPES[x[0]])
    checked = packing.check_parameters(call, cell, parameters)
    states = [
        None if name in _OPTIONAL and given is None else call.take(name, given, ("n_a", "m")).T
        for name, given in initial.items()
    ]
    panels = packing.panels_for(call, cell, checked)
    rows = packing.time_major(array if array.ndim == 3 else array[:, :, None], panels.dtype)
    return sequence.run(panels, rows, states, gates=keep)


def _caches(
    cell: Cell,
    blocks: sequence.Blocks,
    following: list[list[Array]],
    xs: list[Any],
    initial: dict[str, Any],
    parameters: Any,
) -> list[tuple[Any, ...]]:
    """Build the cache of every step, in the order of the cell's spec. `following`: each state after each step."""
    columns: dict[str, Iterable[Any]] = {"xt": xs, "parameters": repeat(parameters)}
    for s, (state, given) in enumerate(zip(cell.states, initial.values(), strict=True)):
        start = blocks.states[s, 0].T if given is None else given
        columns[f"{state}_next"] = following[s]
        columns[f"{state}_prev"] = [start, *following[s]]  # one more than there are steps
    for g, gate in enumerate(cell.stored_gates):
        columns[gate] = list(blocks.gates[:, g].mT)
    return list(zip(*(columns[name] for name in cell.cache), strict=False))
