"""Every check of tokens, whole numbers in the place of features, and its error sentences.

    LSTM: input[3, 1] is 80, expected 0 <= token < input_size = 80: features are input.astype(np.float32), ids ...
"""

from __future__ import annotations

from typing import Any, NoReturn

import numpy as np

from ..cells.spec import Array
from . import _check


def _features(argument: str, given: Any, dtype: np.dtype[Any]) -> str:
    if hasattr(given, "detach"):
        return f"{argument}.{'float' if dtype == np.float32 else 'double'}()"
    return f"{argument if hasattr(given, 'astype') else f'np.asarray({argument})'}.astype(np.{dtype})"


def mistakable(
    function: str, argument: str, found: Array, size: int, dtype: np.dtype[Any], given: Any, cure: str
) -> NoReturn:
    """Refuse whole numbers that may be tokens of a batch, and may be features of one sequence.

    `cure`: what says that there is a batch.
    """
    axes = "(L, N)" if found.ndim > 1 else "(N,)"
    raise ValueError(
        f"{function}: {argument} has dtype {found.dtype} and shape {axes} = {found.shape}, expected another N than "
        f"input_size = {size}: features of one sequence are {_features(argument, given, dtype)}, "
        f"tokens of a batch come with {cure}"
    )


def indices(
    function: str,
    argument: str,
    found: Array,
    size: int,
    dtype: np.dtype[Any],
    lengths: Any,
    batch_first: bool,
    given: Any,
) -> Array:
    """Return a copy of tokens as int64, each below input_size; behind the ends of sequences anything may stand."""
    found = found.copy()  # before it is checked: another thread or process may write to the caller's
    outside = (found < 0) | (found >= size)
    if lengths is not None:
        steps, columns = found.shape[::-1] if batch_first else found.shape
        ends = _check.lengths(function, lengths, steps, columns, batched=True)
        within = np.arange(steps)[:, None] < ends
        outside &= within.T if batch_first else within
    if outside.any():
        where = [int(i) for i in np.unravel_index(np.flatnonzero(outside)[0], found.shape)]
        name = f"{argument}[{', '.join(map(str, where))}]" if where else argument
        said = f"{name} is {found[tuple(where)]}, expected 0 <= token < input_size = {size}"
        cure = f"features are {_features(argument, given, dtype)}, ids of an nn.Embedding go through it first"
        raise ValueError(f"{function}: {said}: {cure}")
    return found.astype(np.int64)
