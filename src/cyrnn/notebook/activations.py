"""sigmoid, tanh and softmax of arrays of any shape, on compiled kernels: the notebook's helper module."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias, overload

import numpy as np

from .. import _check, calls
from .._convert import computed_in, contiguous

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import ArrayLike, NDArray

# what is computed in which dtype, for type checkers
_Narrow: TypeAlias = "np.float32 | np.float16"
_Wide: TypeAlias = "np.float64 | np.integer[Any] | np.bool"
_Lists: TypeAlias = "Sequence[float] | Sequence[Sequence[float]]"

# None for anything but a plain array, which the functions at the end then make of it
_sigmoid, _tanh, _softmax = (calls.elements(name) for name in ("sigmoid", "tanh", "softmax"))

_FIRST = 0  # the usual axis: comparing identities, and no keyword-only argument, take 30 ns less


@overload
def sigmoid(x: NDArray[_Narrow]) -> NDArray[np.float32]: ...  # type: ignore[overload-overlap]  # no array is a list
@overload
def sigmoid(x: NDArray[_Wide] | _Lists) -> NDArray[np.float64]: ...
@overload
def sigmoid(x: _Narrow) -> np.float32: ...  # type: ignore[overload-overlap]  # nor float32 a float
@overload
def sigmoid(x: _Wide | float) -> np.float64: ...
@overload
def sigmoid(x: ArrayLike) -> Any: ...
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

    See Also
    --------
    tanh : The other activation of a gated cell.
    softmax : Of several numbers, which add up to 1.

    Examples
    --------
    >>> sigmoid([0.0, -np.inf, np.inf])
    array([0.5, 0. , 1. ])
    """
    found = _sigmoid(x)
    return _elementwise("sigmoid", _sigmoid, x) if found is None else found


@overload
def tanh(x: NDArray[_Narrow]) -> NDArray[np.float32]: ...  # type: ignore[overload-overlap]  # no array is a list
@overload
def tanh(x: NDArray[_Wide] | _Lists) -> NDArray[np.float64]: ...
@overload
def tanh(x: _Narrow) -> np.float32: ...  # type: ignore[overload-overlap]  # nor float32 a float
@overload
def tanh(x: _Wide | float) -> np.float64: ...
@overload
def tanh(x: ArrayLike) -> Any: ...
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

    See Also
    --------
    sigmoid : The activation of gates.

    Examples
    --------
    >>> tanh([0.0, -np.inf, np.inf])
    array([ 0., -1.,  1.])
    """
    found = _tanh(x)
    return _elementwise("tanh", _tanh, x) if found is None else found


@overload
def softmax(x: NDArray[_Narrow], axis: int = 0) -> NDArray[np.float32]: ...  # type: ignore[overload-overlap]
@overload
def softmax(x: NDArray[_Wide] | _Lists, axis: int = 0) -> NDArray[np.float64]: ...
@overload
def softmax(x: _Narrow, axis: int = 0) -> np.float32: ...  # type: ignore[overload-overlap]
@overload
def softmax(x: _Wide | float, axis: int = 0) -> np.float64: ...
@overload
def softmax(x: ArrayLike, axis: int = 0) -> Any: ...
def softmax(x: Any, axis: int = 0) -> Any:
    """Return exp(x) / sum(exp(x)), the sum over axis 0 as in the notebook.

    Every column adds up to 1. The maximum of a column is subtracted from it first; it cancels, and no finite x
    overflows.

    Parameters
    ----------
    x : array_like of shape (n, ...)
        Real numbers: dtypes as for `sigmoid`. A scalar is a column of one.
    axis : int
        The axis that the sum is over: -1 for rows of logits (..., n). Axis 0 is the fast one: for another one x is
        copied, so that the axis comes first. Several axes, or None for all, are not taken: `x.reshape(-1)` is.

    Returns
    -------
    ndarray of the shape of x, or a scalar for a scalar
        From 0 to 1; along the axis they add up to 1.

    Raises
    ------
    TypeError
        If x is not made of real numbers up to float64, or axis is not a whole number.
    ValueError
        If x has no such axis.

    See Also
    --------
    sigmoid : Of one number alone.
    cyrnn.training.cross_entropy : The loss, and its gradient, of what softmax is taken of.

    Examples
    --------
    >>> softmax([[1, 0], [1, 0]])
    array([[0.5, 0.5],
           [0.5, 0.5]])
    >>> softmax([[1, 1], [0, 0]], axis=-1)
    array([[0.5, 0.5],
           [0.5, 0.5]])
    """
    found = _softmax(x) if axis is _FIRST else None
    return _along(x, axis) if found is None else found


def _elementwise(function: str, run: Any, x: object) -> Any:
    """Run a function of elements in the order of their memory."""
    array = _check.as_array(function, "x", x)
    z = contiguous(array, computed_in(array.dtype), "A")
    return run(z.reshape(1) if not z.ndim else z).reshape(z.shape)[()]


def _along(x: object, axis: object) -> Any:
    """softmax of any array, over any of its axes."""
    array = _check.as_array("softmax", "x", x)
    along = _check.axis_of("softmax", axis, array)
    if not array.ndim:
        return _softmax(array.astype(computed_in(array.dtype)).reshape(1))[0]
    found = _softmax(contiguous(np.moveaxis(array, along, 0), computed_in(array.dtype), "C"))
    return np.ascontiguousarray(np.moveaxis(found, 0, along))
