"""Which elements count in a loss: all, or of a ragged batch those within its lengths."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from . import _check

if TYPE_CHECKING:
    from numpy.typing import NDArray


def elements(
    function: str, argument: str, given: Any, other: str, wanted: Any, reduction: Any, lengths: Any, batch_first: Any
) -> tuple[str, Any, Any, Any]:
    """Return the reduction, what the model has said, what it should have, and which positions count (None: all)."""
    kind = _check.reduction(function, reduction)
    y = _check.predictions(function, argument, given)
    t = _check.targets_like(function, other, wanted, argument, y)
    return kind, y, t, None if lengths is None else _check.within(function, lengths, y.shape, argument, batch_first)


def taken(inside: Any, *arrays: Any) -> list[Any]:
    """Return the elements of arrays that count, each in one row."""
    return [None if array is None else (array if inside is None else array[inside]).reshape(-1) for array in arrays]


def result(found: Any, shape: tuple[int, ...], each_shape: tuple[int, ...], inside: Any) -> tuple[Any, NDArray[Any]]:
    """Return a loss, or an array of losses of `each_shape`, and its gradient, with zeros in what does not count."""
    loss, d = found
    return loss if isinstance(loss, float) else spread(loss, each_shape, inside), spread(d, shape, inside)


def spread(values: Any, shape: tuple[int, ...], inside: Any) -> NDArray[Any]:
    if inside is None:
        return values.reshape(shape)  # type: ignore[no-any-return]  # as the annotation says
    whole = np.zeros(shape, values.dtype)
    whole[inside] = values.reshape(-1, *shape[inside.ndim :])
    return whole
