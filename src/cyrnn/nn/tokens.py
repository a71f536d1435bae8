"""Tokens: whole numbers in the place of features, each for a row that is 1 at its place and 0 everywhere else."""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import calls
from .._check import as_array
from ..cells.spec import Array
from . import _check, _check_tokens
from .weights import Plan

#: so many numbers of 0 and 1, a row of input_size each, are no tokens
_SURELY_FEATURES = 64


def numbers_in(function: str, argument: str, given: Any, axes: int) -> Array | None:
    """Return the array of whole numbers, with axes - 1 or `axes` axes, that an argument is; None where it is none."""
    if type(given) is not np.ndarray:
        dtype = getattr(given, "dtype", None)
        if hasattr(given, "columns") or (dtype is None and not isinstance(given, (list, tuple, int))):
            return None  # a table has features
        if dtype is not None and "int" not in str(dtype):
            return None
        _check.refuse_kinds(function, argument, given)
        given = as_array(function, argument, given)
    if given.dtype.kind not in "iu" or not axes - 1 <= given.ndim <= axes:
        return None
    return given.view()  # type: ignore[no-any-return]  # an array, whose shape nobody else can change


def has_batch(state: Any, axes: int) -> bool:
    """Whether a state, or the first of a pair, has so many axes: with that of a batch."""
    first = state[0] if type(state) in (tuple, list) and state else state
    return getattr(first, "ndim", 0) == axes


def of_call(
    function: str, plan: Plan, found: Array, given: Any, lengths: Any, ragged: Any, batch_first: bool, batched: bool
) -> tuple[Any, Any]:
    """Return Tokens, and the lengths as calls take them, of a call of a model; `batched` as in `checked`."""
    if lengths is not None and ragged is None:
        T, m = found.shape[::-1] if batch_first and found.ndim > 1 else (*found.shape, 1)[:2]
        lengths = _check.lengths(function, lengths, T, m, batched=found.ndim > 1)
        ragged = calls.lengths(lengths, T, m)
    tokens = checked(
        function,
        "input",
        plan,
        found,
        given,
        axes=2,
        cure="lengths=, reset= or hx",
        batched=batched or lengths is not None,
        lengths=lengths,
        ragged=ragged,
        batch_first=batch_first,
    )
    return tokens, ragged


def checked(
    function: str,
    argument: str,
    plan: Plan,
    found: Array,
    given: Any,
    *,
    axes: int,
    cure: str,
    batched: bool,
    leading: bool = False,
    lengths: Any = None,
    ragged: Any = None,
    batch_first: bool = False,
) -> Any:
    """Return Tokens of whole numbers that `numbers_in` found, `leading` with an axis of one step before the others.

    `batched`: whether other arguments say that there is a batch, of `axes` axes; `cure` names those. `ragged`: the
    lengths as calls take them.
    """
    size, dtype = plan.input_size, plan.dtype
    # of float32 whole numbers have never been features: there it takes more to be sure
    if (
        found.ndim == axes
        and found.shape[-1] == size
        and not batched
        and (dtype == np.float64 or (axes > 1 and size > 2 and found.size >= _SURELY_FEATURES and found.max() <= 1))
    ):
        _check_tokens.mistakable(function, argument, found, size, dtype, given, cure)
    tokens = calls.tokens(found[None] if leading else found, size, dtype.itemsize, ragged, batch_first)
    if tokens is not None:
        return tokens
    plain = _check_tokens.indices(function, argument, found, size, dtype, lengths, batch_first, given)
    return calls.tokens(plain[None] if leading else plain, size, dtype.itemsize, ragged, batch_first)
