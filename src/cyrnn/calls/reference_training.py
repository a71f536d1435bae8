"""Losses with their gradients, and the steps of optimisers, in NumPy: as losses.pxi and updates.pxi.

Arrays are contiguous and of one dtype; `None` is the answer for anything else. A loss is summed in float64. Numbers of
an optimiser come in float64, and take part in the dtype of the weights.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..cells import activations
from ..cells.spec import Array
from .reference_step import is_array


def _fits(given: Any, like: Array) -> bool:
    """Whether an array is contiguous, of the dtype and the shape of another."""
    plain = is_array(given) and given.flags.c_contiguous
    return plain and given.dtype == like.dtype and given.shape == like.shape


def _is_contiguous(given: Any) -> bool:
    return is_array(given) and bool(given.flags.c_contiguous)


class Training:
    """Losses and updates; tables of kernels are not read."""

    def __init__(self, f32: Any, f64: Any) -> None:
        pass

    # ---- losses ------------------------------------------------------------------------------------------------------

    @np.errstate(all="ignore")
    def cross_entropy(
        self, logits: Any, targets: Any, ignored: int, weight: Any, mean: bool, each: bool
    ) -> tuple[Any, Array] | None:
        """Return (loss, its gradient) for logits (rows, classes) and targets (rows,), int64; or None.

            loss = -w[t] log softmax(z)[t]          d = w[t] (softmax(z) - one_hot(t))

        A row whose target is `ignored` counts nothing. `weight`: w (classes,), or None for ones. `mean`: divided by the
        sum of w[t]. `each`: the loss is (rows,), else one number.
        """
        if not _is_contiguous(logits) or logits.ndim != 2 or type(targets) is not np.ndarray:
            return None
        rows, classes = logits.shape
        if targets.dtype != np.int64 or targets.shape != (rows,) or not targets.flags.c_contiguous:
            return None
        counts = targets != ignored
        if ((targets < 0) | (targets >= classes))[counts].any():
            return None
        if weight is not None and not (_is_contiguous(weight) and weight.dtype == logits.dtype):
            return None
        if weight is not None and weight.shape != (classes,):
            return None
        z, t = logits[counts], targets[counts]
        w = np.ones(len(t), z.dtype) if weight is None else weight[t]
        losses, d = np.zeros(rows, z.dtype), np.zeros_like(logits)
        scale = (np.float64(1) / np.sum(w, dtype=np.float64) if mean else np.float64(1)) * w
        z = z - z.max(axis=1, keepdims=True, initial=-np.inf)
        e = np.exp(z)
        total = e.sum(axis=1)
        row = np.arange(len(t))
        losses[counts] = w * (np.log(total) - z[row, t])
        own = e * (scale / total)[:, None]
        own[row, t] -= scale
        d[counts] = own
        if each:
            return losses, d
        loss = np.sum(losses, dtype=np.float64)
        return float(loss / np.sum(w, dtype=np.float64) if mean else loss), d

    @np.errstate(all="ignore")
    def squared_error(self, output: Any, target: Any, mean: bool, each: bool) -> tuple[Any, Array] | None:
        """Return (loss, its gradient) for two arrays of one shape; or None.

            loss = (y - t)^2            d = 2 (y - t)
        """
        if not _is_contiguous(output) or not _fits(target, output):
            return None
        e = output - target
        return _reduced(e * e, 2 * e, mean, each)

    @np.errstate(all="ignore")
    def huber(self, output: Any, target: Any, delta: float, mean: bool, each: bool) -> tuple[Any, Array] | None:
        """Return the same of

        loss = (y - t)^2 / 2            d = y - t               where |y - t| <= delta, else
        loss = delta (|y - t| - delta / 2)      d = delta sign(y - t)
        """
        if not _is_contiguous(output) or not _fits(target, output):
            return None
        e = output - target
        clipped = np.clip(e, -delta, delta).astype(e.dtype, copy=False)
        return _reduced(clipped * (e - e.dtype.type(0.5) * clipped), clipped, mean, each)

    @np.errstate(all="ignore")
    def binary_cross_entropy(
        self, logits: Any, targets: Any, weight: Any, pos_weight: Any, mean: bool, each: bool
    ) -> tuple[Any, Array] | None:
        """Return the same of logits z, with weights of that shape or None:

            loss = w (p t softplus(-z) + (1 - t) softplus(z))       d = w ((p t + 1 - t) sigmoid(z) - p t)

        where softplus(z) = max(z, 0) + log(1 + exp(-|z|)).
        """
        if not _is_contiguous(logits) or not _fits(targets, logits):
            return None
        if not all(given is None or _fits(given, logits) for given in (weight, pos_weight)):
            return None
        z, t = logits, targets
        positive = t if pos_weight is None else pos_weight * t
        s, softplus = positive + (1 - t), np.log1p(np.exp(-np.abs(z)))
        loss = softplus * s + (positive * np.maximum(-z, 0) + (1 - t) * np.maximum(z, 0))
        d = s * activations.sigmoid(z) - positive
        if weight is not None:
            loss, d = weight * loss, weight * d
        return _reduced(loss, d, mean, each)

    # ---- optimisers --------------------------------------------------------------------------------------------------

    @np.errstate(all="ignore")
    def update(self, method: str, arrays: list[tuple[Any, ...]], numbers: list[tuple[float, ...]]) -> bool | None:
        """Take a step of an optimiser, of `METHODS`, in every weight, in place; or None, where nothing is done.

        `arrays`: of each weight (w, g, *state), the state as the method has it, None for what an option leaves out.
        `numbers`: of each weight, as the method has them.
        """
        for weight, gradient, *state in arrays:
            if not _is_contiguous(weight) or not weight.flags.writeable or not _fits(gradient, weight):
                return None
            if not all(other is None or _fits(other, weight) for other in state):
                return None
        for each, own in zip(arrays, numbers, strict=True):
            METHODS[method](*each, *own)
        return True

    @np.errstate(all="ignore")
    def sum_of_squares(self, array: Any) -> float | None:
        """Return the sum of the squares of all elements, in float64; or None."""
        if not _is_contiguous(array):
            return None
        wide = array.astype(np.float64)
        return float(np.sum(wide * wide))


def _reduced(losses: Array, d: Array, mean: bool, each: bool) -> tuple[Any, Array]:
    """Return the sum or the mean of losses, or those themselves, and the gradient of it."""
    if each:
        return losses, d
    loss = np.sum(losses, dtype=np.float64)
    if mean:
        return float(loss / np.float64(losses.size)), d * d.dtype.type(np.float64(1) / np.float64(d.size))
    return float(loss), d


def _sgd(
    w: Array, g: Array, b: Any, lr: float, decay: float, kept: float, fresh: float, momentum: float, nesterov: float
) -> None:
    """g += decay w;  b = kept b + fresh g;  w -= lr (g + momentum b if nesterov else b)."""
    g = g + decay * w if decay else g
    if b is not None:
        b[...] = kept * b + fresh * g
        g = g + momentum * b if nesterov else b
    w -= lr * g


def _rmsprop(
    w: Array, g: Array, s: Array, a: Any, b: Any, lr: float, decay: float, alpha: float, eps: float, momentum: float
) -> None:
    """s = alpha s + (1 - alpha) g^2;  a = alpha a + (1 - alpha) g;  g / (sqrt(s - a^2) + eps), with momentum in b."""
    g = g + decay * w if decay else g
    s[...] = alpha * s + (1 - alpha) * g * g
    variance = s
    if a is not None:
        a[...] = a + (1 - alpha) * (g - a)
        variance = s - a * a
    g = g / (np.sqrt(variance) + eps)
    if b is not None:
        b[...] = momentum * b + g
        g = b
    w -= lr * g


def _adam(
    w: Array, g: Array, m: Array, v: Array, top: Any, step: float, decay: float, kept: float, beta1: float,
    beta2: float, inverse_root: float, eps: float,
) -> None:
    """w *= kept;  m, v are averages of g, g^2;  w -= step m / (sqrt(v) inverse_root + eps)."""
    g = g + decay * w if decay else g
    m[...] = m + (1 - beta1) * (g - m)
    v[...] = beta2 * v + (1 - beta2) * g * g
    if top is not None:
        np.maximum(top, v, out=top)
        v = top
    w *= kept
    w -= step * (m / (np.sqrt(v) * inverse_root + eps))


#: (w, g, *state, *numbers) of each
METHODS: dict[str, Any] = {"sgd": _sgd, "rmsprop": _rmsprop, "adam": _adam}
