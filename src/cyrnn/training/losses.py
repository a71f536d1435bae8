"""Losses, each with its gradient with respect to what the model has said."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .. import calls
from . import _check
from .counted import elements, result, taken

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

_compiled = calls.training()


def cross_entropy(
    logits: ArrayLike,
    targets: ArrayLike,
    *,
    ignore_index: int = -100,
    reduction: str = "mean",
    weight: ArrayLike | None = None,
    lengths: ArrayLike | None = None,
    batch_first: bool = False,
) -> tuple[Any, NDArray[Any]]:
    """Return the cross entropy of logits and classes, and its gradient.

    For a row of logits and its target t::

        loss = -weight[t] log softmax(logits)[t]
        d_logits = weight[t] (softmax(logits) - one_hot(t))

    Parameters
    ----------
    logits : array_like of shape (..., C)
        What the model says of each class; classes on the last axis. float32 and float64 stay, float16 becomes float32.
    targets : array_like of shape (...)
        Whole numbers, 0 <= target < C, or ignore_index.
    ignore_index : int
        Rows with this target count nothing.
    reduction : {"mean", "sum", "none"}
        "mean": divided by the sum of weight[t] over the rows that count. "none": a loss for every row; the gradient is
        that of their sum.
    weight : array_like of shape (C,), optional
        A factor for each class; ones if left out.
    lengths : array of N whole numbers, optional
        Of logits (L, N, C), or (N, L, C) with `batch_first`: how many steps each sequence has. What lies behind is not
        read, counts nothing, and has a gradient of zero.
    batch_first : bool
        How `lengths` are read, nothing else.

    Returns
    -------
    loss : float, or ndarray of the shape of targets for "none"
        Summed in float64.
    d_logits : ndarray of the shape of logits
        Gradient of the loss with respect to logits.

    Raises
    ------
    ValueError, TypeError
        For other shapes and kinds, and targets that are no class.

    See Also
    --------
    binary_cross_entropy_with_logits : Of yes and no, each said by one logit.
    cyrnn.nn.Linear.backward : Where the gradient goes.

    Notes
    -----
    Where no row counts, the mean is nan, as torch's is, and the gradient zero. Exponentials, logarithms and sums are
    the library's own: the bits are the same on every machine.

    References
    ----------
    torch.nn.functional.cross_entropy, whose classes are on axis 1.

    Examples
    --------
    >>> from cyrnn.training import cross_entropy
    >>> loss, d_logits = cross_entropy(np.zeros((2, 4)), [0, 3])
    >>> round(loss, 6), d_logits[0]
    (1.386294, array([-0.375,  0.125,  0.125,  0.125]))
    """
    function = "cross_entropy"
    kind = _check.reduction(function, reduction)
    z = _check.predictions(function, "logits", logits)
    _check.classes(function, z)
    t = _check.labels(function, targets, z)
    w = _check.class_weight(function, weight, z)
    ignored = _check.ignore_index(function, ignore_index)
    inside = None
    if lengths is not None:
        inside = _check.within(function, lengths, t.shape, "targets", batch_first)
    rows, own = (z.reshape(-1, z.shape[-1]), t.reshape(-1)) if inside is None else (z[inside], t[inside])
    with calls.DefaultEnvironment():
        found = _compiled.cross_entropy(rows, own, ignored, w, kind == "mean", kind == "none")
    if found is None:
        _check.in_classes(function, own, z.shape[-1], ignored)
    return result(found, z.shape, t.shape, inside)


def mse_loss(
    output: ArrayLike,
    target: ArrayLike,
    *,
    reduction: str = "mean",
    lengths: ArrayLike | None = None,
    batch_first: bool = False,
) -> tuple[Any, NDArray[Any]]:
    """Return the mean of the squared errors, and its gradient.

    For each element, before the mean is taken::

        loss = (output - target)^2          d_output = 2 (output - target)

    Parameters
    ----------
    output : array_like of any shape
        What the model says. float32 and float64 stay, float16 becomes float32.
    target : array_like of the same shape
        What it should say. Cast to the dtype of output.
    reduction : {"mean", "sum", "none"}
        "none": a loss for every element; the gradient is that of their sum.
    lengths : array of N whole numbers, optional
        Of output (L, N, ...), or (N, L, ...) with `batch_first`: how many steps each sequence has. What lies behind is
        not read, counts nothing, and has a gradient of zero.
    batch_first : bool
        How `lengths` are read, nothing else.

    Returns
    -------
    loss : float, or ndarray of the shape of output for "none"
        Summed in float64.
    d_output : ndarray of the shape of output
        Gradient of the loss with respect to output.

    Raises
    ------
    ValueError, TypeError
        For other shapes and kinds: nothing is broadcast.

    See Also
    --------
    huber_loss : Large errors count less.

    References
    ----------
    torch.nn.functional.mse_loss.

    Examples
    --------
    >>> from cyrnn.training import mse_loss
    >>> mse_loss([1.0, 2.0], [1.0, 0.0])
    (2.0, array([0., 2.]))
    """
    kind, y, t, inside = elements("mse_loss", "output", output, "target", target, reduction, lengths, batch_first)
    rows, own = taken(inside, y, t)
    with calls.DefaultEnvironment():
        found = _compiled.squared_error(rows, own, kind == "mean", kind == "none")
    return result(found, y.shape, y.shape, inside)


def huber_loss(
    output: ArrayLike,
    target: ArrayLike,
    *,
    delta: float = 1.0,
    reduction: str = "mean",
    lengths: ArrayLike | None = None,
    batch_first: bool = False,
) -> tuple[Any, NDArray[Any]]:
    """Return the mean of squared errors that are limited in their slope, and its gradient.

    For each element, before the mean is taken::

        e = output - target
        loss = e^2 / 2                          d_output = e                    where |e| <= delta, else
        loss = delta (|e| - delta / 2)          d_output = delta sign(e)

    Parameters
    ----------
    output, target
        As for `mse_loss`.
    delta : float
        Up to which error the loss is a square; more than 0.
    reduction, lengths, batch_first
        As for `mse_loss`.

    Returns
    -------
    loss : float, or ndarray of the shape of output for "none"
        Summed in float64.
    d_output : ndarray of the shape of output
        Gradient of the loss with respect to output.

    Raises
    ------
    ValueError, TypeError
        For other shapes and kinds: nothing is broadcast.

    See Also
    --------
    mse_loss : Squares, whatever the error.

    References
    ----------
    torch.nn.functional.huber_loss.

    Examples
    --------
    >>> from cyrnn.training import huber_loss
    >>> huber_loss([0.5, 3.0], [0.0, 0.0], reduction="none")
    (array([0.125, 2.5  ]), array([0.5, 1. ]))
    """
    limit = _check.positive("huber_loss", "delta", delta)
    kind, y, t, inside = elements("huber_loss", "output", output, "target", target, reduction, lengths, batch_first)
    rows, own = taken(inside, y, t)
    with calls.DefaultEnvironment():
        found = _compiled.huber(rows, own, limit, kind == "mean", kind == "none")
    return result(found, y.shape, y.shape, inside)


def binary_cross_entropy_with_logits(
    logits: ArrayLike,
    targets: ArrayLike,
    *,
    weight: ArrayLike | None = None,
    pos_weight: ArrayLike | None = None,
    reduction: str = "mean",
    lengths: ArrayLike | None = None,
    batch_first: bool = False,
) -> tuple[Any, NDArray[Any]]:
    """Return the cross entropy of yes and no, each said by one logit, and its gradient.

    For each element, before the mean is taken::

        loss = -weight (pos_weight t log sigmoid(z) + (1 - t) log(1 - sigmoid(z)))
        d_logits = weight ((pos_weight t + 1 - t) sigmoid(z) - pos_weight t)

    Parameters
    ----------
    logits : array_like of any shape
        What the model says, z. float32 and float64 stay, float16 becomes float32.
    targets : array_like of the same shape
        What it should say, t, from 0 to 1; bools and whole numbers are taken.
    weight, pos_weight : array_like, optional
        Factors of the loss, and of its part for t = 1: what broadcasts to the shape of logits.
    reduction : {"mean", "sum", "none"}
        "mean": divided by the number of elements, whatever the weights. "none": a loss for every element; the gradient
        is that of their sum.
    lengths, batch_first
        As for `mse_loss`.

    Returns
    -------
    loss : float, or ndarray of the shape of logits for "none"
        Summed in float64.
    d_logits : ndarray of the shape of logits
        Gradient of the loss with respect to logits.

    Raises
    ------
    ValueError, TypeError
        For other shapes and kinds.

    See Also
    --------
    cross_entropy : Of one class among several.

    References
    ----------
    torch.nn.functional.binary_cross_entropy_with_logits.

    Examples
    --------
    >>> from cyrnn.training import binary_cross_entropy_with_logits
    >>> loss, d_logits = binary_cross_entropy_with_logits([0.0, 0.0], [1, 0])
    >>> round(loss, 6), d_logits
    (0.693147, array([-0.25,  0.25]))
    """
    function = "binary_cross_entropy_with_logits"
    kind, z, t, inside = elements(function, "logits", logits, "targets", targets, reduction, lengths, batch_first)
    w = _check.weights_like(function, "weight", weight, "logits", z)
    p = _check.weights_like(function, "pos_weight", pos_weight, "logits", z)
    with calls.DefaultEnvironment():
        found = _compiled.binary_cross_entropy(*taken(inside, z, t, w, p), kind == "mean", kind == "none")
    return result(found, z.shape, z.shape, inside)
