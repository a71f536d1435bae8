"""Every check of resets inside of sequences, and its error sentences."""

from __future__ import annotations

from typing import Any

import numpy as np

from .._check import as_array
from ..cells.spec import Array
from ._check import bools

#: the default; the same object as any literal of a caller's
ZEROS = "zeros"


def to_initial(function: str, value: object) -> bool:
    """Return whether a sequence that is reset goes on from hx."""
    if isinstance(value, str) and value in (ZEROS, "hx"):
        return value == "hx"
    got = repr(value) if value is None or isinstance(value, (str, int, float)) else f"of type {type(value).__name__}"
    raise ValueError(f"{function}: reset_to is {got}, expected 'zeros' or 'hx'")


def flags(function: str, value: Any, T: int, m: int, *, batched: bool, batch_first: bool) -> Array:
    """Return bools for each step of each sequence, (T, m)."""
    found = as_array(function, "reset", value)
    axes, wanted = ("(L,)", (T,)) if not batched else ("(N, L)", (m, T)) if batch_first else ("(L, N)", (T, m))
    if found.shape != wanted:
        why = "; the axes are those of input: reset.T" if found.shape == wanted[::-1] else ""
        if found.shape == (m,) and batched:
            why = "; one bool for each sequence is what step takes"
        raise ValueError(f"{function}: reset has shape {found.shape}, expected {axes} = {wanted}, from input{why}")
    bools(function, "reset", found, value)
    found = np.asarray(found, np.bool)
    return found[:, None] if not batched else found.T if batch_first else found
