"""The notebook's functions of the LSTM cell."""

from __future__ import annotations

from typing import Any

from .. import calls
from .._keys import Parameters
from ..cells import LSTM
from ..cells.spec import Array
from .general import backward, cell_backward, cell_forward, forward

_LSTM = calls.of(LSTM)


def lstm_cell_forward(
    xt: Any, a_prev: Any, c_prev: Any, parameters: Parameters, *, return_caches: bool = True
) -> tuple[Array, Array, Array, Any]:
    """Run the LSTM cell for one step.

    With [a_prev, xt], the one stacked on the other::

        ft     = sigmoid(Wf [a_prev, xt] + bf)       it = sigmoid(Wi [a_prev, xt] + bi)
        cct    = tanh   (Wc [a_prev, xt] + bc)       ot = sigmoid(Wo [a_prev, xt] + bo)
        c_next = ft * c_prev + it * cct
        a_next = ot * tanh(c_next)                   yt_pred = softmax(Wy a_next + by)

    Parameters
    ----------
    xt : ndarray of shape (n_x, m)
        Inputs, one column per example; dtypes and strides as for `rnn_cell_forward`.
    a_prev, c_prev : ndarray of shape (n_a, m)
        Hidden state and cell state before the step; (n_a, 1) or a number, as 0, goes for every example.
    parameters : mapping
        `Wf Wi Wc Wo` (n_a, n_a + n_x), `bf bi bc bo` (n_a, 1), `Wy` (n_y, n_a), `by` (n_y, 1), or what `pack`
        returns; any object with these keys. Without a head, `Wy` and `by`, yt_pred is (0, m).
    return_caches : bool
        If False, nothing is kept for the backward pass: cache is None.

    Returns
    -------
    a_next, c_next : ndarray of shape (n_a, m)
        Hidden state and cell state after the step.
    yt_pred : ndarray of shape (n_y, m)
        Every column adds up to 1.
    cache : tuple
        `(a_next, c_next, a_prev, c_prev, ft, it, cct, ot, xt, parameters)`, what was given as it was given.

    Raises
    ------
    ValueError, TypeError, KeyError
        For a wrong shape, a wrong dtype or kind, a missing key; before any work.

    See Also
    --------
    lstm_cell_backward : The gradients, from the cache.
    lstm_forward : All steps of a sequence.

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
    return _LSTM.step(xt, (a_prev, c_prev), parameters, return_caches) or cell_forward(
        LSTM, xt, {"a_prev": a_prev, "c_prev": c_prev}, parameters, return_caches
    )


def lstm_forward(
    x: Any, a0: Any, parameters: Parameters, *, c0: Any = None, return_caches: bool = True
) -> tuple[Array, Array, Array, Any]:
    """Run the LSTM cell over a sequence: `lstm_cell_forward` for t from 0 to T_x - 1.

    Step t is::

        s_t = [a_(t-1), x_t]                         a_(-1) = a0, c_(-1) = c0; x_t being x[:, :, t], and a, c, y alike
        f_t = sigmoid(Wf s_t + bf)                   i_t = sigmoid(Wi s_t + bi)
        o_t = sigmoid(Wo s_t + bo)                   c_t = f_t * c_(t-1) + i_t * tanh(Wc s_t + bc)
        a_t = o_t * tanh(c_t)                        y_t = softmax(Wy a_t + by)

    Parameters
    ----------
    x : ndarray of shape (n_x, m, T_x)
        Inputs of all steps.
    a0 : ndarray of shape (n_a, m)
        Hidden state before the first step; (n_a, 1) or a number, as 0, goes for every example.
    parameters : mapping
        As for `lstm_cell_forward`.
    c0 : ndarray of shape (n_a, m), optional
        Memory before the first step, as a0; zero if left out.
    return_caches : bool
        If False, nothing is kept for the backward pass: caches is None.

    Returns
    -------
    a : ndarray of shape (n_a, m, T_x)
        Hidden states after every step.
    y : ndarray of shape (n_y, m, T_x)
        What yt_pred is of every step.
    c : ndarray of shape (n_a, m, T_x)
        Memory after every step.
    caches : tuple
        `(list of T_x caches of lstm_cell_forward, x)`.

    Raises
    ------
    ValueError, TypeError, KeyError
        For a wrong shape, a wrong dtype or kind, a missing key; before any work.

    See Also
    --------
    lstm_backward : The gradients, from the caches.
    lstm_cell_forward : One step.

    Notes
    -----
    y comes before c, unlike yt_pred and c_next from `lstm_cell_forward`. Memory layout and the objects in the caches
    are as for `rnn_forward`.

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
    return _LSTM.sequence(x, (a0, c0), parameters, return_caches) or forward(
        LSTM, x, {"a0": a0, "c0": c0}, parameters, return_caches
    )


def lstm_cell_backward(da_next: Any, dc_next: Any, cache: Any) -> dict[str, Array]:
    """Return the gradients of one step of the LSTM cell.

    z_f being what sigmoid is taken of in ft, and z_i, z_c, z_o likewise::

        dc      = dc_next + da_next * ot * (1 - tanh(c_next)^2)      dc_prev = dc * ft
        dz_f    = dc * c_prev * ft * (1 - ft)       dz_i = dc * cct * it * (1 - it)
        dz_c    = dc * it * (1 - cct^2)             dz_o = da_next * tanh(c_next) * ot * (1 - ot)
        [da_prev, dxt] = Wf^T dz_f + Wi^T dz_i + Wc^T dz_c + Wo^T dz_o
        dWf     = dz_f [a_prev, xt]^T, and so on    dbf = the sum of dz_f over the batch, and so on

    Parameters
    ----------
    da_next, dc_next : ndarray of shape (n_a, m)
        Gradients of the loss with respect to a_next and c_next; (n_a, 1) or a number goes for every example: 0 where
        there is none.
    cache : tuple
        `(a_next, c_next, a_prev, c_prev, ft, it, cct, ot, xt, parameters)`, from `lstm_cell_forward` or put together
        by hand.

    Returns
    -------
    dict
        `dxt` (n_x, m), `da_prev` and `dc_prev` (n_a, m), `dWf dWi dWc dWo` (n_a, n_a + n_x), `dbf dbi dbc dbo`
        (n_a, 1).

    Raises
    ------
    ValueError, TypeError, KeyError
        For a wrong shape, a wrong dtype or kind, a missing key, a cache of another cell; before any work.

    See Also
    --------
    lstm_cell_forward : What makes the cache.
    lstm_backward : Back through all steps.

    Notes
    -----
    Computed in float64 if any array is float64, integer or bool, else in float32. The head, yt_pred, has no part in
    this: its gradient comes in by da_next, and dWy and dby are the caller's.

    References
    ----------
    Graves 2012, "Supervised sequence labelling with recurrent neural networks", section 4.6.

    Examples
    --------
    >>> parameters = dict.fromkeys(("Wf", "Wi", "Wc", "Wo"), np.zeros((1, 2)))
    >>> parameters |= dict.fromkeys(("bf", "bi", "bc", "bo", "Wy", "by"), np.zeros((1, 1)))
    >>> one = np.ones((1, 1))
    >>> *_, cache = lstm_cell_forward(one, 0 * one, one, parameters)
    >>> lstm_cell_backward(0 * one, one, cache)["dc_prev"]
    array([[0.5]])
    """
    return _LSTM.backward_step(da_next, cache, dc_next) or cell_backward(
        LSTM, {"da_next": da_next, "dc_next": dc_next}, cache
    )


def lstm_backward(da: Any, caches: Any, *, dc: Any = None) -> dict[str, Array]:
    """Return the gradients of a sequence of the LSTM cell: back-propagation through time.

    `lstm_cell_backward` for t = T - 1 .. 0, its da_next being da[:, :, t] plus the da_prev of the step after it, its
    dc_next the dc_prev of that; the gradients of the weights are the sums over all steps::

        da_t = da[:, :, t] + da_prev of step t + 1         dc_t = dc_prev of step t + 1 + da_t * o_t * (1 - tanh(c_t)^2)
        dz_f = dc_t * c_(t-1) * f_t * (1 - f_t)            dz_i = dc_t * cc_t * i_t * (1 - i_t)
        dz_c = dc_t * i_t * (1 - cc_t^2)                   dz_o = da_t * tanh(c_t) * o_t * (1 - o_t)
        [da_prev, dx_t] = Wf^T dz_f + Wi^T dz_i + Wc^T dz_c + Wo^T dz_o         dc_prev = dc_t * f_t
        dWf = sum of dz_f [a_(t-1), x_t]^T, and so on    dbf = sum of dz_f, over t and the batch, and so on

    Parameters
    ----------
    da : ndarray of shape (n_a, m, T)
        Gradient of the loss with respect to a, of the first T steps; T may be less than T_x. What the later of them
        hand back to the earlier ones is not part of it: that is added here.
    caches : tuple
        `(list of T_x caches of lstm_cell_forward, x)`, from `lstm_forward` or put together by hand.
    dc : ndarray of shape (n_a, m), optional
        Gradient of the loss with respect to c after step T; zero if left out. Where it is given, be it zeros, the
        gradient of c0 is returned, too.

    Returns
    -------
    dict
        `dx` (n_x, m, T), `da0` (n_a, m), `dWf dWi dWc dWo` (n_a, n_a + n_x), `dbf dbi dbc dbo` (n_a, 1), and with
        `dc` also `dc0` (n_a, m).

    Raises
    ------
    ValueError, TypeError, KeyError
        For a wrong shape, a wrong dtype or kind, a missing key; caches of another cell, or too few; before any work.

    See Also
    --------
    lstm_forward : What makes the caches.
    update_parameters_with_adam : What makes better parameters of the gradients.

    Notes
    -----
    The head, y, has no part: its gradient comes in by da, and dWy and dby are the caller's: docs/how_to/training.md;
    the weights are those in the caches: update them after this call, not between forward and backward.
    Dtypes and bits are as for `rnn_backward`; the memory is for T m (13 n_a + n_x) elements, of which
    T m (4 n_a to 5 n_a + n_x) are touched where `lstm_forward` made the caches.

    References
    ----------
    Graves 2012, "Supervised sequence labelling with recurrent neural networks", section 4.6.

    Examples
    --------
    >>> parameters = dict.fromkeys(("Wf", "Wi", "Wc", "Wo"), np.zeros((1, 2)))
    >>> parameters |= dict.fromkeys(("bf", "bi", "bc", "bo", "Wy", "by"), np.zeros((1, 1)))
    >>> *_, caches = lstm_forward(np.ones((1, 1, 3)), np.zeros((1, 1)), parameters)
    >>> lstm_backward(np.zeros((1, 1, 3)), caches, dc=np.ones((1, 1)))["dc0"]
    array([[0.125]])
    """
    return _LSTM.backward(da, caches, dc) or backward(LSTM, {"da": da, "dc": dc}, caches)
