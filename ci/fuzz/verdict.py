"""What a call may do: give the right numbers, or refuse in a sentence. All else is a failure."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from typing import Any

import numpy as np
from hostile import Raising

import cyrnn

#: a sentence begins with the function, class or method that refuses
_MODELS = ["RNN", "LSTM", "GRU", "RNNCell", "LSTMCell", "GRUCell", "Linear", "Embedding"]
_MODELS += ["from_torch", "from_state_dict"]
_NAMES = "|".join([*cyrnn.__all__, "set_num_threads", *_MODELS, "cyrnn"])
_BEGINNING = re.compile(rf"(?:cyrnn\.nn\.|cyrnn\.)?(?:{_NAMES})(?:\.\w+)?: \S")
_KINDS = (TypeError, ValueError, KeyError)

#: largest |got - want| over max(1, |want|), in units of epsilon: the oracle's sums have another order
FORWARD, GRADIENT = 2**9, 2**14


class Failure(AssertionError):
    """The library did what it must not do."""


def refusal(error: BaseException) -> str:
    """Return the sentence of a refusal, or raise Failure where the error is none."""
    if isinstance(error, Raising.Error):
        return "the argument's own error"
    said = str(error)
    if not isinstance(error, _KINDS) or isinstance(error, UnicodeError):
        raise Failure(f"{type(error).__name__}, expected TypeError, ValueError or KeyError: {said[:300]}") from error
    if not _BEGINNING.match(said):
        raise Failure(f"{type(error).__name__} does not begin with the name of a function: {said[:300]}") from error
    return said


def arrays_of(result: Any) -> list[Any]:
    """Return all arrays in nested tuples, lists and dicts, in order."""
    if isinstance(result, np.ndarray | np.generic):
        return [np.asarray(result)]
    if isinstance(result, dict):
        return [array for value in result.values() for array in arrays_of(value)]
    if isinstance(result, tuple | list):
        return [array for value in result for array in arrays_of(value)]
    return []


def _bits(array: Any) -> bytes:
    """Return the bytes of an array; a nan is a nan."""
    plain = np.array(array, order="C")
    if plain.dtype.kind == "f":
        plain[np.isnan(plain)] = np.nan
    return plain.tobytes()


def digest(result: Any) -> str:
    """Return a hash of all arrays of a result."""
    found = hashlib.sha256()
    for array in arrays_of(result):
        found.update(f"{array.dtype}{array.shape}".encode())
        found.update(_bits(array))
    return found.hexdigest()[:16]


def same(
    got: Any, want: Any, what: str, *, bits: bool = True, numbers: bool = True, computed_in: Any = None
) -> None:
    """Fail unless the arrays of two results are equal to the bit; where that is not promised, in finite values alone,
    and without `numbers` in dtypes and shapes.

    `computed_in`: the dtype of what the results come from, where it is narrower than theirs.
    """
    ours, theirs = arrays_of(got), arrays_of(want)
    if len(ours) != len(theirs):
        raise Failure(f"{what}: {len(ours)} arrays, expected {len(theirs)}")
    for i, (a, b) in enumerate(zip(ours, theirs, strict=True)):
        if (a.dtype, a.shape) != (b.dtype, b.shape):
            raise Failure(f"{what}: array {i} is {a.dtype} {a.shape}, expected {b.dtype} {b.shape}")
        if bits and _bits(a) != _bits(b):
            raise Failure(f"{what}: array {i}: {int((a != b).sum())} of {a.size} elements differ")
        if not bits and numbers:
            finite = np.isfinite(a) & np.isfinite(b)  # sums in another order overflow elsewhere
            units = GRADIENT * float(np.finfo(computed_in or b.dtype).eps / np.finfo(b.dtype).eps)
            close([a[finite]], [b[finite]], what, units)


def close(got: Iterable[Any], want: Iterable[Any], what: str, units: float) -> None:
    """Fail unless arrays are within so many units of epsilon of others; nan matches nan, inf matches inf."""
    for i, (a, b) in enumerate(zip(got, want, strict=True)):
        a, b = np.asarray(a), np.asarray(b)
        if a.shape != b.shape:
            raise Failure(f"{what}: array {i} has shape {a.shape}, expected {b.shape}")
        finite = np.isfinite(b)
        if not np.array_equal(a[~finite], b[~finite], equal_nan=True):
            raise Failure(f"{what}: array {i} differs where it is not finite")
        scale = max(1.0, float(abs(b[finite]).max(initial=0)))
        error = float(abs(a[finite].astype(b.dtype) - b[finite]).max(initial=0)) / scale
        if not error <= units * float(np.finfo(a.dtype).eps):
            raise Failure(f"{what}: array {i} is off by {error / np.finfo(a.dtype).eps:.3g} eps")
