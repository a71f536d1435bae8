"""sigmoid, tanh and softmax of arrays of any shape, on compiled kernels: the notebook's helper module."""

from __future__ import annotations

from typing import Any

import numpy as np

from . import _check, packing
from .kernels import dispatch

# Compiled calls: None for anything but a plain array, which the general functions at the end then take.
_sigmoid, _tanh, _softmax = (dispatch.kernels.elements(name) for name in ("sigmoid", "tanh", "softmax"))


def sigmoid(x: Any) -> Any:
    """Return 1 / (1 + exp(-x)) of every element.

    Parameters
    ----------
    x : array_like of any shape
        Real numbers: float32 and float64 stay, float16 becomes float32, integers and bools float64.

    Returns
    -------
    ndarray of the shape of x, or a scalar for a scalar
        From 0 at -inf over 0.5 at 0 to 1 at inf; nan stays nan.

    Raises
    ------
    TypeError
        If x is not made of real numbers up to float64.

    Examples
    --------
    >>> sigmoid([0.0, -np.inf, np.inf])
    array([0.5, 0. , 1. ])
    """
    found = _sigmoid(x)
    return _elementwise("sigmoid", x) if found is None else found


def tanh(x: Any) -> Any:
    """Return (exp(x) - exp(-x)) / (exp(x) + exp(-x)) of every element.

    Parameters
    ----------
    x : array_like of any shape
        Real numbers: dtypes as for `sigmoid`.

    Returns
    -------
    ndarray of the shape of x, or a scalar for a scalar
        From -1 at -inf over 0 at 0, whose sign it keeps, to 1 at inf; nan stays nan.

    Raises
    ------
    TypeError
        If x is not made of real numbers up to float64.

    Examples
    --------
    >>> tanh([0.0, -np.inf, np.inf])
    array([ 0., -1.,  1.])
    """
    found = _tanh(x)
    return _elementwise("tanh", x) if found is None else found


def softmax(x: Any) -> Any:
    """Return exp(x) / sum(exp(x)), the sum over axis 0: every column adds up to 1.

    The maximum of a column is subtracted from it first; it cancels, and no finite x overflows.

    Parameters
    ----------
    x : array_like of shape (n, ...)
        Real numbers: dtypes as for `sigmoid`. A scalar is a column of one.

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
    found = _softmax(x)
    return _columnwise(x) if found is None else found


def _elementwise(function: str, x: object) -> Any:
    """Run a kernel over the elements in the order in which they lie in memory."""
    array = _check.as_array(function, "x", x)
    z = packing.contiguous(array, _check.computed_in(array.dtype), "A")
    out = np.empty_like(z)
    if out.size:
        getattr(dispatch.kernels.of(z.dtype), function)(z.ravel("K"), out.ravel("K"))
    return out[()]


def _columnwise(x: object) -> Any:
    """softmax, whatever x is."""
    array = _check.as_array("softmax", "x", x)
    z = packing.contiguous(array, _check.computed_in(array.dtype), "C")
    out = np.empty_like(z)
    if out.size:
        columns = (array.shape[0] if array.ndim else 1, -1)
        dispatch.kernels.of(z.dtype).softmax(z.reshape(columns), out.reshape(columns))
    return out[()]
