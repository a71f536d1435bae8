"""Every tolerance of the suite, in one table.

A row holds the largest |got - want| / max(1, |want|) that passes, in units of the dtype's epsilon:
the results of all cells are of order one.
"""

from __future__ import annotations

import math

import numpy as np

EPS = {np.dtype(t): float(np.finfo(t).eps) for t in (np.float32, np.float64)}

#: what is compared: (units of epsilon, why so many)
TABLE = {
    "cell call against oracle": (6, "one chain of up to 68 products of size 1/sqrt(68)"),
    "sequence against oracle": (8, "errors are carried from step to step"),
    "saturated sequence against oracle": (128, "pre-activations in the hundreds carry their own roundings"),
    "kernel against reference": (32, "two roundings of the same sequence, neither the true one"),
    "adam against equations": (32, "1 - beta2**t cancels to a thousandth"),
    "printed number": (64, "room under the digits printed: theirs were rounded on the way too"),
}


def bound(what: str, dtype) -> float:
    return TABLE[what][0] * EPS[np.dtype(dtype)]


def assert_close(got, want, what: str, name: str = "") -> None:
    """Fail unless all of `got` is within the row `what` of `want`; nan matches nan, inf matches inf."""
    got = np.asarray(got)
    want = np.asarray(want)
    assert got.shape == want.shape
    finite = np.isfinite(want)
    np.testing.assert_array_equal(got[~finite], want[~finite])
    error = np.abs(got[finite].astype(want.dtype) - want[finite]) / np.maximum(1, np.abs(want[finite]))
    worst = float(error.max(initial=0.0))
    assert worst <= bound(what, got.dtype), f"{what}: {name} off by {worst / EPS[got.dtype]:.3g} eps"


def printed_tolerance(value: float, digits: dict, dtype) -> float:
    """How far a number may be from one that was printed with `digits` (see tests/data/goldens.json)."""
    if "rtol" in digits:
        return digits["atol"] + digits["rtol"] * abs(value)
    if "decimals" in digits:
        last_place = 10.0 ** -digits["decimals"]
    else:
        last_place = (
            10.0 ** (math.floor(math.log10(abs(value))) + 1 - digits["significant"]) if value else 0.0
        )
    return last_place / 2 + bound("printed number", dtype) * max(1.0, abs(value))
