"""The notebook's functions of the plain recurrent cell."""

from __future__ import annotations

from typing import Any

from .. import calls
from .._keys import Parameters
from ..cells import RNN
from ..cells.spec import Array
from .general import backward, cell_backward, cell_forward, forward

_RNN = calls.of(RNN)


def rnn_cell_forward(
    xt: Any, a_prev: Any, parameters: Parameters, *, return_caches: bool = True
) -> tuple[Array, Array, Any]:
    """Run the recurrent cell for one step.

    The step is::

        a_next  = tanh(Wax xt + Waa a_prev + ba)
        yt_pred = softmax(Wya a_next + by)

    Parameters
    ----------
    xt : ndarray of shape (n_x, m)
        Inputs, one column per example.
    a_prev : ndarray of shape (n_a, m)
        Hidden state before the step; (n_a, 1) or a number, as 0, goes for every example.
    parameters : mapping
        `Wax` (n_a, n_x), `Waa` (n_a, n_a), `Wya` (n_y, n_a), `ba` (n_a, 1), `by` (n_y, 1), or what `pack`
        returns; any object with these keys. Without a head, `Wya` and `by`, yt_pred is (0, m).
    return_caches : bool
        If False, nothing is kept for the backward pass: cache is None.

    Returns
    -------
    a_next : ndarray of shape (n_a, m)
        Hidden state after the step.
    yt_pred : ndarray of shape (n_y, m)
        Every column adds up to 1.
    cache : tuple
        `(a_next, a_prev, xt, parameters)`, the last three as they were given.

    Raises
    ------
    ValueError, TypeError, KeyError
        For a wrong shape, a wrong dtype or kind, a missing key; before any work.

    See Also
    --------
    rnn_cell_backward : The gradients, from the cache.
    rnn_forward : All steps of a sequence.

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
    return _RNN.step(xt, (a_prev,), parameters, return_caches) or cell_forward(
        RNN, xt, {"a_prev": a_prev}, parameters, return_caches
    )


def rnn_forward(
    x: Any, a0: Any, parameters: Parameters, *, return_caches: bool = True
) -> tuple[Array, Array, Any]:
    """Run the recurrent cell over a sequence: `rnn_cell_forward` for t from 0 to T_x - 1.

    Step t is::

        a[:, :, t]      = tanh(Wax x[:, :, t] + Waa a[:, :, t - 1] + ba)        a0 in the place of a[:, :, -1]
        y_pred[:, :, t] = softmax(Wya a[:, :, t] + by)

    Parameters
    ----------
    x : ndarray of shape (n_x, m, T_x)
        Inputs of all steps.
    a0 : ndarray of shape (n_a, m)
        Hidden state before the first step; (n_a, 1) or a number, as 0, goes for every example.
    parameters : mapping
        As for `rnn_cell_forward`.
    return_caches : bool
        If False, nothing is kept for the backward pass: caches is None.

    Returns
    -------
    a : ndarray of shape (n_a, m, T_x)
        Hidden states after every step.
    y_pred : ndarray of shape (n_y, m, T_x)
        What yt_pred is of every step.
    caches : tuple
        `(list of T_x caches of rnn_cell_forward, x)`.

    Raises
    ------
    ValueError, TypeError, KeyError
        For a wrong shape, a wrong dtype or kind, a missing key; before any work.

    See Also
    --------
    rnn_backward : The gradients, from the caches.
    rnn_cell_forward : One step.

    Notes
    -----
    Results own their memory, which is not in C order: `np.ascontiguousarray(a)` for what asks for that, as hashlib. In
    the caches, xt is a view of x, and a_prev the very object that was a_next one step before: a0 itself at first. What
    is done to a or y_pred, as `a *= mask`, does not reach them.

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
    return _RNN.sequence(x, (a0,), parameters, return_caches) or forward(
        RNN, x, {"a0": a0}, parameters, return_caches
    )


def rnn_cell_backward(da_next: Any, cache: Any) -> dict[str, Array]:
    """Return the gradients of one step of the recurrent cell.

    They are::

        dz      = da_next * (1 - a_next^2)
        da_prev = Waa^T dz      dxt  = Wax^T dz
        dWaa    = dz a_prev^T   dWax = dz xt^T      dba = the sum of dz over the batch

    Parameters
    ----------
    da_next : ndarray of shape (n_a, m)
        Gradient of the loss with respect to a_next; (n_a, 1) or a number goes for every example.
    cache : tuple
        `(a_next, a_prev, xt, parameters)`, from `rnn_cell_forward` or put together by hand.

    Returns
    -------
    dict
        `dxt` (n_x, m), `da_prev` (n_a, m), `dWax` (n_a, n_x), `dWaa` (n_a, n_a), `dba` (n_a, 1).

    Raises
    ------
    ValueError, TypeError, KeyError
        For a wrong shape, a wrong dtype or kind, a missing key, a cache of another cell; before any work.

    See Also
    --------
    rnn_cell_forward : What makes the cache.
    rnn_backward : Back through all steps.

    Notes
    -----
    Computed in float64 if any array is float64, integer or bool, else in float32. The head, yt_pred, has no part in
    this: its gradient comes in by da_next, and dWya and dby are the caller's.

    References
    ----------
    Werbos 1990, "Backpropagation through time: what it does and how to do it".

    Examples
    --------
    >>> parameters = dict.fromkeys(("Wax", "Waa", "ba", "Wya", "by"), np.full((1, 1), 0.5))
    >>> one = np.ones((1, 1))
    >>> rnn_cell_backward(one, (0.5 * one, 2 * one, one, parameters))
    {'dxt': array([[0.375]]), 'da_prev': array([[0.375]]), \
'dWax': array([[0.75]]), 'dWaa': array([[1.5]]), 'dba': array([[0.75]])}
    """
    return _RNN.backward_step(da_next, cache, None) or cell_backward(RNN, {"da_next": da_next}, cache)


def rnn_backward(da: Any, caches: Any) -> dict[str, Array]:
    """Return the gradients of a sequence of the recurrent cell: back-propagation through time.

    `rnn_cell_backward` for t = T - 1 .. 0, its da_next being da[:, :, t] plus the da_prev of the step after it; the
    gradients of the weights are the sums over all steps::

        dz_t = (da[:, :, t] + Waa^T dz_(t+1)) * (1 - a_t^2)           dx[:, :, t] = Wax^T dz_t       da0 = Waa^T dz_0
        dWaa = sum of dz_t a_(t-1)^T     dWax = sum of dz_t x_t^T     dba = sum of dz_t, over t and the batch

    Parameters
    ----------
    da : ndarray of shape (n_a, m, T)
        Gradient of the loss with respect to a, of the first T steps; T may be less than T_x. What the later of them
        hand back to the earlier ones is not part of it: that is added here.
    caches : tuple
        `(list of T_x caches of rnn_cell_forward, x)`, from `rnn_forward` or put together by hand.

    Returns
    -------
    dict
        `dx` (n_x, m, T), `da0` (n_a, m), `dWax` (n_a, n_x), `dWaa` (n_a, n_a), `dba` (n_a, 1).

    Raises
    ------
    ValueError, TypeError, KeyError
        For a wrong shape, a wrong dtype or kind, a missing key; caches of another cell, or too few; before any work.

    See Also
    --------
    rnn_forward : What makes the caches.
    update_parameters_with_adam : What makes better parameters of the gradients.

    Notes
    -----
    Computed in float64 if any array is float64, integer or bool, else in float32. Beside its results it asks for
    memory for T m (4 n_a + n_x) elements and the transposed weights, of which it touches T m (n_a to 2 n_a + n_x) where
    `rnn_forward` made the caches; none of it is kept. The gradients are sums over steps and batch in a fixed order:
    the same bits for any number of threads. The head, y_pred, has no part in this: its gradient comes in by da, and
    dWya and dby are the caller's. The weights are those in the caches: update them after this call, not between
    forward and backward.

    References
    ----------
    Werbos 1990, "Backpropagation through time: what it does and how to do it".

    Examples
    --------
    >>> parameters = dict.fromkeys(("Wax", "Waa", "ba", "Wya", "by"), np.ones((1, 1)))
    >>> a, y_pred, caches = rnn_forward(np.zeros((1, 1, 7)), np.zeros((1, 1)), parameters)
    >>> rnn_backward(np.ones((1, 1, 5)), caches)["dx"].shape
    (1, 1, 5)
    """
    return _RNN.backward(da, caches, None) or backward(RNN, {"da": da}, caches)
