"""Gradients, made smaller where they are large: in place, as torch does."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .. import calls
from . import _check_optimizers as _check

_compiled = calls.training()


def clip_grad_norm(gradients: Any, max_norm: float) -> float:
    """Make gradients shorter, all by one factor, where their norm is more than `max_norm`.

    Every element g is multiplied by the same number::

        norm = sqrt(the sum of the squares of all)          g = g * min(1, max_norm / (norm + 1e-6))

    Parameters
    ----------
    gradients : Gradients, dict, or a list of them
        As for `step` of an optimizer. The arrays in them are changed in place.
    max_norm : float
        At least 0.

    Returns
    -------
    float
        The norm as it was before, summed in float64.

    Raises
    ------
    ValueError, TypeError
        If gradients are no arrays of floats that can be changed, or max_norm is not as above; nothing has changed then.

    See Also
    --------
    clip_grad_value : A limit for every element.
    cyrnn.plot.gradient_norm : How the norm grows and shrinks from step to step.

    References
    ----------
    ``torch.nn.utils.clip_grad_norm_``; Pascanu et al. 2013, "On the difficulty of training recurrent neural networks".

    Examples
    --------
    >>> from cyrnn.training import clip_grad_norm
    >>> gradients = {"weight": np.array([3.0, 4.0])}
    >>> clip_grad_norm(gradients, 1.0)
    5.0
    >>> gradients["weight"].round(3)
    array([0.6, 0.8])
    """
    function = "clip_grad_norm"
    limit = _check.number(function, "max_norm", max_norm, least=0)
    arrays = _arrays(function, gradients)
    with calls.DefaultEnvironment():
        total = 0.0
        for array in arrays:
            total += _sum_of_squares(array)
        norm = math.sqrt(total)
        # of infinite gradients it is nan, which they become then, as torch's do
        factor = limit / (norm + 1e-6) if norm + 1e-6 > 0 or math.isnan(norm) else 1.0
        if not factor >= 1:
            for array in _once(arrays):
                with np.errstate(all="ignore"):
                    np.multiply(array, array.dtype.type(factor), out=array)
    return norm


def clip_grad_value(gradients: Any, clip_value: float) -> None:
    """Limit every element of gradients to -clip_value .. clip_value.

    Parameters
    ----------
    gradients : Gradients, dict, or a list of them
        As for `step` of an optimizer. The arrays in them are changed in place.
    clip_value : float
        At least 0.

    Raises
    ------
    ValueError, TypeError
        If gradients are no arrays of floats that can be changed, or clip_value is not as above; nothing has changed
        then.

    See Also
    --------
    clip_grad_norm : One factor for all, so that the direction stays.

    References
    ----------
    ``torch.nn.utils.clip_grad_value_``.

    Examples
    --------
    >>> from cyrnn.training import clip_grad_value
    >>> gradients = {"weight": np.array([0.5, -4.0])}
    >>> clip_grad_value(gradients, 1.0)
    >>> gradients["weight"]
    array([ 0.5, -1. ])
    """
    function = "clip_grad_value"
    limit = _check.number(function, "clip_value", clip_value, least=0)
    for array in _once(_arrays(function, gradients)):
        with np.errstate(all="ignore"):  # a limit beyond float32 is infinite
            np.clip(array, array.dtype.type(-limit), array.dtype.type(limit), out=array)


def _arrays(function: str, gradients: Any) -> list[Any]:
    """Return the arrays of gradients, in their order; None among them is passed over."""
    several = isinstance(gradients, (list, tuple)) and not hasattr(gradients, "weights")
    given = {f"gradients[{i}]": own for i, own in enumerate(gradients)} if several else {"gradients": gradients}
    return [
        _check.writable_gradient(function, f"{argument}[{name!r}]", value)
        for argument, own in given.items()
        for name, value in _check.named_gradients(function, argument, own).items()
        if value is not None
    ]


def _once(arrays: list[Any]) -> list[Any]:
    """Return each array once: one that stands under two names is changed once."""
    return list({id(array): array for array in arrays}.values())


def _sum_of_squares(array: Any) -> float:
    found = _compiled.sum_of_squares(array)
    if found is None:
        wide = np.dtype(np.float64 if array.dtype.itemsize > np.dtype(np.float32).itemsize else np.float32)
        found = _compiled.sum_of_squares(np.ascontiguousarray(array, wide).reshape(-1))
    return found  # type: ignore[no-any-return]  # as the annotation says
