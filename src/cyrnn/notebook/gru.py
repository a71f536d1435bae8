"""The notebook's functions for the GRU cell, in its two forms."""

from __future__ import annotations

from typing import Any

from .. import calls
from .._keys import Parameters
from ..cells import GRU, GRU_AFTER
from ..cells.spec import Array
from .general import backward, cell_backward, cell_forward, forward

_GRU, _GRU_AFTER = calls.of(GRU), calls.of(GRU_AFTER)


def gru_cell_forward(
    xt: Any,
    a_prev: Any,
    parameters: Parameters,
    *,
    reset_after: bool = False,
    return_caches: bool = True,
) -> tuple[Array, Array, Any]:
    """Run the GRU cell for one step.

    With [a_prev, xt], the one stacked on the other::

        zt     = sigmoid(Wz [a_prev, xt] + bz)       rt = sigmoid(Wr [a_prev, xt] + br)
        cct    = tanh(Wc [rt * a_prev, xt] + bc)
        a_next = zt * a_prev + (1 - zt) * cct        yt_pred = softmax(Wy a_next + by)

    or, with `reset_after`, as torch, Keras and cuDNN have it, Wc_a and Wc_x being the halves of Wc::

        cct    = tanh(Wc_x xt + bc + rt * (Wc_a a_prev + bca))

    Parameters
    ----------
    xt : ndarray of shape (n_x, m)
        Inputs, one column per example; dtypes and strides as for `rnn_cell_forward`.
    a_prev : ndarray of shape (n_a, m)
        Hidden state before the step; (n_a, 1) or a number, as 0, goes for every example.
    parameters : mapping
        `Wz Wr Wc` (n_a, n_a + n_x), `bz br bc` (n_a, 1), `Wy` (n_y, n_a), `by` (n_y, 1), with `reset_after` also
        `bca` (n_a, 1); or what `pack` returns; any object with these keys. Without a head, `Wy` and `by`, yt_pred is
        (0, m).
    reset_after : bool
        Whether the reset gate comes after the product with a_prev.
    return_caches : bool
        If False, nothing is kept for the backward pass: cache is None.

    Returns
    -------
    a_next : ndarray of shape (n_a, m)
        Hidden state after the step.
    yt_pred : ndarray of shape (n_y, m)
        Every column adds up to 1.
    cache : tuple
        `(a_next, a_prev, zt, rt, cct, xt, parameters)`, what was given as it was given.

    Raises
    ------
    ValueError, TypeError, KeyError
        For a wrong shape, a wrong dtype or kind, a missing key; before any work.

    See Also
    --------
    gru_cell_backward : The gradients, from the cache.
    gru_forward : All steps of a sequence.

    Notes
    -----
    zt keeps the old state, as in Cho et al. and in torch, Keras and ONNX; where a course writes
    `a_next = u * cct + (1 - u) * a_prev`, its u is 1 - zt: pass -Wu as `Wz`, -bu as `bz`.

    References
    ----------
    Cho et al. 2014, "Learning phrase representations using RNN encoder-decoder", equations 5 to 8.

    Examples
    --------
    >>> parameters = dict.fromkeys(("Wz", "Wr", "Wc"), np.zeros((1, 2)))
    >>> parameters |= dict.fromkeys(("bz", "br", "bc", "Wy", "by"), np.zeros((1, 1)))
    >>> gru_cell_forward(np.ones((1, 1)), np.ones((1, 1)), parameters)[0]
    array([[0.5]])
    """
    cell, calls = (GRU_AFTER, _GRU_AFTER) if reset_after else (GRU, _GRU)
    return calls.step(xt, (a_prev,), parameters, return_caches) or cell_forward(
        cell, xt, {"a_prev": a_prev}, parameters, return_caches
    )


def gru_forward(
    x: Any,
    a0: Any,
    parameters: Parameters,
    *,
    reset_after: bool = False,
    return_caches: bool = True,
) -> tuple[Array, Array, Any]:
    """Run the GRU cell over a sequence: `gru_cell_forward` for t from 0 to T_x - 1.

    Step t is::

        z_t = sigmoid(Wz [a_(t-1), x_t] + bz)        r_t = sigmoid(Wr [a_(t-1), x_t] + br)
        cc_t = tanh(Wc [r_t * a_(t-1), x_t] + bc)    a_(-1) = a0; x_t being x[:, :, t], and a, y alike
        a_t = z_t * a_(t-1) + (1 - z_t) * cc_t       y_t = softmax(Wy a_t + by)

    or, with `reset_after`, cc_t = tanh(Wc_x x_t + bc + r_t * (Wc_a a_(t-1) + bca)).

    Parameters
    ----------
    x : ndarray of shape (n_x, m, T_x)
        Inputs of all steps.
    a0 : ndarray of shape (n_a, m)
        Hidden state before the first step; (n_a, 1) or a number, as 0, goes for every example.
    parameters, reset_after
        As for `gru_cell_forward`.
    return_caches : bool
        If False, nothing is kept for the backward pass: caches is None.

    Returns
    -------
    a : ndarray of shape (n_a, m, T_x)
        Hidden states after every step.
    y : ndarray of shape (n_y, m, T_x)
        What yt_pred is of every step.
    caches : tuple
        `(list of T_x caches of gru_cell_forward, x)`.

    Raises
    ------
    ValueError, TypeError, KeyError
        For a wrong shape, a wrong dtype or kind, a missing key; before any work.

    See Also
    --------
    gru_backward : The gradients, from the caches.
    gru_cell_forward : One step.

    Notes
    -----
    Memory layout and the objects in the caches are as for `rnn_forward`.

    References
    ----------
    As for `gru_cell_forward`.

    Examples
    --------
    >>> parameters = dict.fromkeys(("Wz", "Wr", "Wc"), np.zeros((1, 2)))
    >>> parameters |= dict.fromkeys(("bz", "br", "bc", "Wy", "by"), np.zeros((1, 1)))
    >>> a, y, caches = gru_forward(np.ones((1, 1, 3)), np.ones((1, 1)), parameters)
    >>> a
    array([[[0.5  , 0.25 , 0.125]]])
    """
    cell, calls = (GRU_AFTER, _GRU_AFTER) if reset_after else (GRU, _GRU)
    return calls.sequence(x, (a0,), parameters, return_caches) or forward(
        cell, x, {"a0": a0}, parameters, return_caches
    )


def gru_cell_backward(da_next: Any, cache: Any, *, reset_after: bool = False) -> dict[str, Array]:
    """Return the gradients of one step of the GRU cell.

    z_z being what sigmoid is taken of in zt, and z_r, z_c likewise::

        dz_z = da_next * (a_prev - cct) * zt * (1 - zt)      dz_c = da_next * (1 - zt) * (1 - cct^2)
        d    = Wc_a^T dz_c                                   dz_r = d * a_prev * rt * (1 - rt)
        da_prev = Wz_a^T dz_z + Wr_a^T dz_r + da_next * zt + d * rt
        dxt     = Wz_x^T dz_z + Wr_x^T dz_r + Wc_x^T dz_c

    or, with `reset_after`, inner being Wc_a a_prev + bca::

        d    = dz_c * rt                                     dz_r = dz_c * inner * rt * (1 - rt)
        da_prev = Wz_a^T dz_z + Wr_a^T dz_r + Wc_a^T d + da_next * zt

    Parameters
    ----------
    da_next : ndarray of shape (n_a, m)
        Gradient of the loss with respect to a_next; (n_a, 1) or a number goes for every example.
    cache : tuple
        `(a_next, a_prev, zt, rt, cct, xt, parameters)`, from `gru_cell_forward` or put together by hand.
    reset_after : bool
        As in the call that made the cache, which does not say.

    Returns
    -------
    dict
        `dxt` (n_x, m), `da_prev` (n_a, m), `dWz dWr dWc` (n_a, n_a + n_x), `dbz dbr dbc` (n_a, 1), with `reset_after`
        also `dbca` (n_a, 1).

    Raises
    ------
    ValueError, TypeError, KeyError
        For a wrong shape, a wrong dtype or kind, a missing key, a cache of another cell; before any work.

    See Also
    --------
    gru_cell_forward : What makes the cache.
    gru_backward : Back through all steps.

    Notes
    -----
    Computed in float64 if any array is float64, integer or bool, else in float32. The head, yt_pred, has no part in
    this: its gradient comes in by da_next, and dWy and dby are the caller's.

    References
    ----------
    The chain rule on the equations of `gru_cell_forward`.

    Examples
    --------
    >>> parameters = dict.fromkeys(("Wz", "Wr", "Wc"), np.zeros((1, 2)))
    >>> parameters |= dict.fromkeys(("bz", "br", "bc", "Wy", "by"), np.zeros((1, 1)))
    >>> *_, cache = gru_cell_forward(np.ones((1, 1)), np.ones((1, 1)), parameters)
    >>> gru_cell_backward(np.ones((1, 1)), cache)["da_prev"]
    array([[0.5]])
    """
    cell, calls = (GRU_AFTER, _GRU_AFTER) if reset_after else (GRU, _GRU)
    return calls.backward_step(da_next, cache, None) or cell_backward(cell, {"da_next": da_next}, cache)


def gru_backward(da: Any, caches: Any, *, reset_after: bool = False) -> dict[str, Array]:
    """Return the gradients of a sequence of the GRU cell: back-propagation through time.

    `gru_cell_backward` for t = T - 1 .. 0, its da_next being da[:, :, t] plus the da_prev of the step after it; the
    gradients of the weights are the sums over all steps::

        da_t = da[:, :, t] + da_prev of step t + 1             dz_z = da_t * (a_(t-1) - cc_t) * z_t * (1 - z_t)
        dz_c = da_t * (1 - z_t) * (1 - cc_t^2)                 dz_r = d * a_(t-1) * r_t * (1 - r_t), d = Wc_a^T dz_c
        da_prev = Wz_a^T dz_z + Wr_a^T dz_r + da_t * z_t + d * r_t
        dx_t    = Wz_x^T dz_z + Wr_x^T dz_r + Wc_x^T dz_c      dbz = sum of dz_z, over t and the batch, and so on

    and for `reset_after` the other lines of `gru_cell_backward`.

    Parameters
    ----------
    da : ndarray of shape (n_a, m, T)
        Gradient of the loss with respect to a, of the first T steps; T may be less than T_x. What the later of them
        hand back to the earlier ones is not part of it: that is added here.
    caches : tuple
        `(list of T_x caches of gru_cell_forward, x)`, from `gru_forward` or put together by hand.
    reset_after : bool
        As in the call that made the caches, which do not say.

    Returns
    -------
    dict
        `dx` (n_x, m, T), `da0` (n_a, m), `dWz dWr dWc` (n_a, n_a + n_x), `dbz dbr dbc` (n_a, 1), with `reset_after`
        also `dbca` (n_a, 1).

    Raises
    ------
    ValueError, TypeError, KeyError
        For a wrong shape, a wrong dtype or kind, a missing key; caches of another cell, or too few; before any work.

    See Also
    --------
    gru_forward : What makes the caches.
    update_parameters_with_adam : What makes better parameters of the gradients.

    Notes
    -----
    The head, y, has no part: its gradient comes in by da, and dWy and dby are the caller's: docs/how_to/training.md;
    the weights are those in the caches: update them after this call, not between forward and backward.
    Dtypes and bits are as for `rnn_backward`; the memory is for T m (10 n_a + n_x) elements, of which
    T m (4 n_a to 5 n_a + n_x) are touched where `gru_forward` made the caches; of both, n_a more with `reset_after`.
    The caches do not say which form made them: the other one's gradients are those of another cell, and only packed
    parameters are refused by it.

    References
    ----------
    As for `gru_cell_backward`.

    Examples
    --------
    >>> parameters = dict.fromkeys(("Wz", "Wr", "Wc"), np.zeros((1, 2)))
    >>> parameters |= dict.fromkeys(("bz", "br", "bc", "Wy", "by"), np.zeros((1, 1)))
    >>> *_, caches = gru_forward(np.ones((1, 1, 3)), np.ones((1, 1)), parameters)
    >>> gru_backward(np.ones((1, 1, 3)), caches)["da0"]
    array([[0.875]])
    """
    cell, calls = (GRU_AFTER, _GRU_AFTER) if reset_after else (GRU, _GRU)
    return calls.backward(da, caches, None) or backward(cell, {"da": da}, caches)
