"""Gradients at every hidden state, of passes that run step by step."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from .. import notebook
from ..cells.spec import Array
from . import _check, passes

if TYPE_CHECKING:
    from numpy.typing import ArrayLike


def state_gradients(
    model: Any,
    input: ArrayLike,
    d_output: ArrayLike,
    hx: Any = None,
    *,
    lengths: ArrayLike | None = None,
    reset: ArrayLike | None = None,
) -> Array:
    """Return dL/dh_t of the last layer at every step, for `gradient_norm`.

    Parameters
    ----------
    model : RNN, LSTM or GRU of nn
        In one direction.
    input
        As for `model.forward`; tokens, too.
    d_output : ndarray of the shape of output
        Gradient of the loss with respect to each output alone, as `model.backward` takes it.
    hx, lengths, reset
        As for `model.forward`.

    Returns
    -------
    ndarray of shape (L, N, H_out)
        The whole gradient: d_output of the step, and all that comes from later steps. Time first, with `batch_first`,
        too; N is 1 where input has no batch. Zero behind the end of a sequence.

    Raises
    ------
    ValueError, TypeError
        As `model.forward` and `backward` do, and if the model has two directions.

    See Also
    --------
    gradient_norm : Draws their norms.
    cache_gradients : The same from the notebook's caches.
    cyrnn.nn.LSTM.backward : The gradients of input, state and weights.

    Notes
    -----
    Each step is a pass of its own, with the bits of the whole; it takes the time of L calls, and the tape of each. No
    gradient goes back through a reset.

    References
    ----------
    Pascanu, Mikolov, Bengio 2013, "On the difficulty of training recurrent neural networks", equations 3 to 5.

    Examples
    --------
    >>> rnn, d_output = cyrnn.nn.RNN(3, 5, rng=0), np.zeros((7, 1, 5), np.float32)
    >>> d_output[-1] = 1
    >>> found = cyrnn.plot.state_gradients(rnn, np.ones((7, 1, 3), np.float32), d_output)
    >>> norms = np.linalg.norm(found[:, 0], axis=-1)
    >>> bool((norms[1:] > norms[:-1]).all())
    True
    """
    function = "plot.state_gradients"
    plan = _check.one_direction(function, model)
    d_y = _check.sequences(function, "d_output", d_output, model.batch_first)
    x = _check.tokens_or_features(function, input, np.ndim(d_output), model.batch_first)
    L, N = x.shape[:2]
    _check.alike(function, {"input": x, "d_output": d_y})
    steps = _check.lengths(function, lengths, L, N)
    model(input, hx, lengths=lengths, reset=reset)  # which says what is wrong before L steps are taken
    batched = np.ndim(input) == x.ndim
    if hx is not None and not batched:
        hx = tuple(part[:, None] for part in map(np.asarray, hx)) if isinstance(hx, (tuple, list)) else hx[:, None]
    state, tapes = hx, []
    axis = 1 if model.batch_first else 0
    resets: Any = None if reset is None else np.asarray(reset, bool)
    if resets is not None:
        resets = np.moveaxis(resets, axis, 0) if batched else resets[:, None]
    for t in range(L):
        x_t, reset_t = np.expand_dims(x[t], axis), None if resets is None else np.expand_dims(resets[t], axis)
        _, state, tape = model.forward(x_t, state, lengths=np.clip(steps - t, 0, 1), reset=reset_t)
        tapes.append(tape)
    found = np.zeros((L, N, d_y.shape[-1]), plan.dtype)
    d_state = None
    for t in reversed(range(L)):
        found[t] = np.where((t < steps)[:, None], d_y[t], 0)
        if d_state is not None:
            d_h = d_state[0] if isinstance(d_state, tuple) else d_state
            found[t] += np.where((t < steps)[:, None], d_h[-1], 0)
        d_state = model.backward(tapes[t], np.expand_dims(d_y[t], axis), d_state).hx
    return found


def cache_gradients(
    caches: Any, da: ArrayLike, dc: ArrayLike | None = None, *, reset_after: bool = False
) -> Array:
    """Return dL/da_t at every step from the notebook's caches, for `gradient_norm`.

    Parameters
    ----------
    caches : tuple
        What `rnn_forward`, `lstm_forward` or `gru_forward` returns.
    da : ndarray of shape (n_a, m, T_x)
        Gradient of the loss with respect to each a alone, as `rnn_backward` takes it.
    dc : ndarray of shape (n_a, m), optional
        Of an LSTM: gradient at the last cell state.
    reset_after : bool
        Of a GRU: as in the forward call.

    Returns
    -------
    ndarray of shape (T_x, m, n_a)
        The whole gradient: da of the step, and all that comes from later steps.

    Raises
    ------
    ValueError, TypeError
        If shapes or caches are not as above.

    See Also
    --------
    gradient_norm : Draws their norms.
    state_gradients : The same of a model of `cyrnn.nn`.
    cyrnn.rnn_backward : The gradients of input, state and weights.

    References
    ----------
    Notebook "RNN and LSTM 101": its loop over `rnn_cell_backward`, with the carry from step to step.

    Examples
    --------
    >>> parameters = {"Waa": np.eye(4) / 2, "Wax": np.ones((4, 3)), "ba": np.zeros((4, 1))}
    >>> a, _, caches = cyrnn.rnn_forward(np.zeros((3, 1, 6)), 0, parameters)
    >>> da = np.zeros((4, 1, 6))
    >>> da[:, :, -1] = 1
    >>> cyrnn.plot.cache_gradients(caches, da)[:, 0, 0]
    array([0.03125, 0.0625 , 0.125  , 0.25   , 0.5    , 1.     ])
    """
    function = "plot.cache_gradients"
    steps = _check.caches(function, caches)
    cell = passes.cell_of(function, steps)
    shape = (*np.shape(steps[0][0]), len(steps))
    given = _check.features_first(function, "da", da, shape)
    found: list[Array] = []
    d_later: Any = 0.0
    d_cell: Any = 0.0 if dc is None else dc
    for t in reversed(range(len(steps))):
        d_a = given[:, :, t] + d_later
        found.append(d_a.T)
        if "c" in cell.states:
            gradients = notebook.lstm_cell_backward(d_a, d_cell, steps[t])
            d_cell = gradients["dc_prev"]
        elif "zt" in cell.cache:
            gradients = notebook.gru_cell_backward(d_a, steps[t], reset_after=reset_after)
        else:
            gradients = notebook.rnn_cell_backward(d_a, steps[t])
        d_later = gradients["da_prev"]
    return np.stack(found[::-1])
