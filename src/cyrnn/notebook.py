"""Facade 1: the notebook's functions on compiled kernels, and those of its helper module (`activations`)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from . import packing, sequence
from .activations import sigmoid, softmax, tanh
from .cells import LSTM, RNN, Cell
from .cells.spec import Array

__all__ = [
    "lstm_cell_forward",
    "lstm_forward",
    "rnn_cell_forward",
    "rnn_forward",
    "sigmoid",
    "softmax",
    "tanh",
]

# Whole calls in compiled code. They give None unless every argument is a plain array that fits: then the general path
# below takes over, which converts what can be converted and says what is wrong with the rest.
_RNN, _LSTM = packing.calls(RNN), packing.calls(LSTM)


def rnn_cell_forward(
    xt: Any, a_prev: Any, parameters: Mapping[str, Any], *, return_caches: bool = True
) -> tuple[Array, Array, Any]:
    """Run the recurrent cell for one step.

        a_next  = tanh(Wax xt + Waa a_prev + ba)
        yt_pred = softmax(Wya a_next + by)

    Parameters
    ----------
    xt : ndarray of shape (n_x, m)
        Inputs, one column per example.
    a_prev : ndarray of shape (n_a, m)
        Hidden state before the step.
    parameters : mapping
        `Wax` (n_a, n_x), `Waa` (n_a, n_a), `Wya` (n_y, n_a), `ba` (n_a, 1), `by` (n_y, 1), or what `pack`
        returns.
    return_caches : bool
        If False, nothing is kept for the backward pass: cache is None.

    Returns
    -------
    a_next : ndarray of shape (n_a, m)
    yt_pred : ndarray of shape (n_y, m)
        Every column adds up to 1.
    cache : tuple
        `(a_next, a_prev, xt, parameters)`, the last three as they were given.

    Raises
    ------
    ValueError, TypeError, KeyError
        For a wrong shape, a wrong dtype or kind, a missing key; before any work.

    Notes
    -----
    Computed in float64 if any array is float64, integer or bool, else in float32. Arrays may have any strides
    and are never written to.

    References
    ----------
    Elman 1990, "Finding structure in time"; notebook, cell 2.

    Examples
    --------
    >>> parameters = dict.fromkeys(("Wax", "Waa", "ba", "Wya", "by"), np.ones((1, 1)))
    >>> rnn_cell_forward(np.ones((1, 1)), np.full((1, 1), -2.0), parameters)[:2]
    (array([[0.]]), array([[1.]]))
    """
    return _RNN.step(xt, (a_prev,), parameters, return_caches) or _cell_forward(
        RNN, xt, {"a_prev": a_prev}, parameters, return_caches
    )


def rnn_forward(
    x: Any, a0: Any, parameters: Mapping[str, Any], *, return_caches: bool = True
) -> tuple[Array, Array, Any]:
    """Run the recurrent cell over a sequence: `rnn_cell_forward` for t = 0 .. T_x - 1.

    Parameters
    ----------
    x : ndarray of shape (n_x, m, T_x)
        Inputs of all steps.
    a0 : ndarray of shape (n_a, m)
        Hidden state before the first step.
    parameters : mapping
        As for `rnn_cell_forward`.
    return_caches : bool
        If False, nothing is kept for the backward pass: caches is None.

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
        As from `rnn_cell_forward`.

    Notes
    -----
    Results are views of memory in the order (T_x, m, n). In the caches, xt is a view of x, a_next one of a,
    and a_prev the very object that was a_next one step before: a0 itself at first.

    References
    ----------
    Elman 1990, "Finding structure in time"; notebook, cell 5.

    Examples
    --------
    >>> parameters = dict.fromkeys(("Wax", "Waa", "ba", "Wya", "by"), np.ones((1, 1)))
    >>> a, y_pred, caches = rnn_forward(np.zeros((1, 1, 7)), np.zeros((1, 1)), parameters)
    >>> a.shape, y_pred.shape, len(caches[0])
    ((1, 1, 7), (1, 1, 7), 7)
    """
    return _RNN.sequence(x, (a0,), parameters, return_caches) or _forward(
        RNN, x, {"a0": a0}, parameters, return_caches
    )


def lstm_cell_forward(
    xt: Any, a_prev: Any, c_prev: Any, parameters: Mapping[str, Any], *, return_caches: bool = True
) -> tuple[Array, Array, Array, Any]:
    """Run the LSTM cell for one step, [a_prev, xt] being the one stacked on the other.

        ft     = sigmoid(Wf [a_prev, xt] + bf)       it = sigmoid(Wi [a_prev, xt] + bi)
        cct    = tanh   (Wc [a_prev, xt] + bc)       ot = sigmoid(Wo [a_prev, xt] + bo)
        c_next = ft * c_prev + it * cct
        a_next = ot * tanh(c_next)                   yt_pred = softmax(Wy a_next + by)

    Parameters
    ----------
    xt : ndarray of shape (n_x, m)
        Inputs, one column per example; dtypes and strides as for `rnn_cell_forward`.
    a_prev, c_prev : ndarray of shape (n_a, m)
        Hidden state and memory before the step.
    parameters : mapping
        `Wf Wi Wc Wo` (n_a, n_a + n_x), `bf bi bc bo` (n_a, 1), `Wy` (n_y, n_a), `by` (n_y, 1), or what `pack`
        returns.
    return_caches : bool
        If False, nothing is kept for the backward pass: cache is None.

    Returns
    -------
    a_next, c_next : ndarray of shape (n_a, m)
    yt_pred : ndarray of shape (n_y, m)
        Every column adds up to 1.
    cache : tuple
        `(a_next, c_next, a_prev, c_prev, ft, it, cct, ot, xt, parameters)`, what was given as it was given.

    Raises
    ------
    ValueError, TypeError, KeyError
        For a wrong shape, a wrong dtype or kind, a missing key; before any work.

    References
    ----------
    Hochreiter and Schmidhuber 1997; Gers, Schmidhuber and Cummins 2000 (the forget gate); notebook, cell 7.

    Examples
    --------
    >>> parameters = dict.fromkeys(("Wf", "Wi", "Wc", "Wo"), np.zeros((1, 2)))
    >>> parameters |= dict.fromkeys(("bf", "bi", "bc", "bo", "Wy", "by"), np.zeros((1, 1)))
    >>> lstm_cell_forward(np.ones((1, 1)), np.zeros((1, 1)), np.ones((1, 1)), parameters)[1]
    array([[0.5]])
    """
    return _LSTM.step(xt, (a_prev, c_prev), parameters, return_caches) or _cell_forward(
        LSTM, xt, {"a_prev": a_prev, "c_prev": c_prev}, parameters, return_caches
    )


def lstm_forward(
    x: Any, a0: Any, parameters: Mapping[str, Any], *, c0: Any = None, return_caches: bool = True
) -> tuple[Array, Array, Array, Any]:
    """Run the LSTM cell over a sequence: `lstm_cell_forward` for t = 0 .. T_x - 1.

    Parameters
    ----------
    x : ndarray of shape (n_x, m, T_x)
        Inputs of all steps.
    a0, c0 : ndarray of shape (n_a, m)
        Hidden state and memory before the first step; c0 may be left out, and is zero then.
    parameters : mapping
        As for `lstm_cell_forward`.
    return_caches : bool
        If False, nothing is kept for the backward pass: caches is None.

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
        As from `lstm_cell_forward`.

    Notes
    -----
    y comes before c. Memory layout and the objects in the caches are as for `rnn_forward`.

    References
    ----------
    As for `lstm_cell_forward`; notebook, cell 10.

    Examples
    --------
    >>> parameters = dict.fromkeys(("Wf", "Wi", "Wc", "Wo"), np.zeros((1, 2)))
    >>> parameters |= dict.fromkeys(("bf", "bi", "bc", "bo", "Wy", "by"), np.zeros((1, 1)))
    >>> a, y, c, caches = lstm_forward(np.ones((1, 1, 3)), np.zeros((1, 1)), parameters, c0=np.ones((1, 1)))
    >>> c
    array([[[0.5  , 0.25 , 0.125]]])
    """
    return _LSTM.sequence(x, (a0, c0), parameters, return_caches) or _forward(
        LSTM, x, {"a0": a0, "c0": c0}, parameters, return_caches
    )


# ---- the general path: any cell, any layout ------------------------------------------------------


def _cell_forward(
    cell: Cell, xt: Any, initial: dict[str, Any], parameters: Any, keep: Any
) -> tuple[Any, ...]:
    """Return the next states, y and the cache of one step. `initial`: the arguments that are states."""
    function = f"{cell.name}_cell_forward"
    blocks = sequence.checked_run(function, cell, {"xt": xt}, initial, parameters, gates=bool(keep))
    values = sequence.step_values(cell, blocks, [xt], list(initial.values()), parameters)
    following = (values[f"{state}_next"][0] for state in cell.states)
    cache = tuple(values[name][0] for name in cell.cache) if keep else None
    return *following, blocks.y[0].T, cache


def _forward(cell: Cell, x: Any, initial: dict[str, Any], parameters: Any, keep: Any) -> tuple[Any, ...]:
    """Return the hidden states, y, the other states and the caches of a sequence."""
    function = f"{cell.name}_forward"
    blocks = sequence.checked_run(function, cell, {"x": x}, initial, parameters, gates=bool(keep))
    a, *others = (state.T for state in blocks.states[:, 1:])
    caches = None
    if keep:
        array = x if isinstance(x, np.ndarray) else np.asarray(x)
        xs = [array[:, :, t] for t in range(array.shape[2])]
        values = sequence.step_values(cell, blocks, xs, list(initial.values()), parameters)
        caches = (list(zip(*(values[name] for name in cell.cache), strict=True)), x)
    return a, blocks.y.T, *others, caches
