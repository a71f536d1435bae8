"""Every tolerance of the suite, in one table.

A row holds the largest |got - want| / max(1, |want|) that passes, in units of the dtype's epsilon:
the results of all cells are of order one. Gradients are of any order: of them a row holds the largest
|got - want| over the largest |want| of the same gradient.
"""

from __future__ import annotations

import math

import numpy as np

EPS = {np.dtype(t): float(np.finfo(t).eps) for t in (np.float32, np.float64)}

#: what is compared: (units of epsilon, why so many)
TABLE = {
    "cell call against oracle": (6, "one chain of up to 68 products of size 1/sqrt(68)"),
    "sequence against oracle": (8, "errors are carried from step to step"),
    "sequence against another framework": (4, "other orders of sums, another sigmoid; 1.6 measured"),
    "stack against oracle": (16, "a sequence, in each layer"),
    "integer weights against oracle": (64, "exact sums; a pre-activation is rounded thrice, activations have 2^-21"),
    "stack of integer weights against oracle": (256, "an input of 15 bits that is near a half is rounded either way"),
    "saturated sequence against oracle": (128, "pre-activations in the hundreds carry their own roundings"),
    "kernel against reference": (32, "two roundings of the same sequence, neither the true one"),
    "chain rule against complex step": (64, "the complex step is computed in float64"),
    "gradient against equations": (256, "sums of up to 260 terms over t and m, which may cancel: one unit has one"),
    "gradient of few units against equations": (2**16, "1 - a^2 cancels where a is near 1, and nothing is larger"),
    "saturated gradient against equations": (1024, "1 - a^2 cancels where a is near 1: the rest has a's error"),
    "gradient against itself in another order": (64, "only the reference: NumPy's order depends on the layout"),
    "gradient against central differences": (2**28, "1e-7: the loss is rounded, then divided by 2^-16"),
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


def assert_gradients_close(got: dict, want: dict, what: str, *, by_all: bool = False) -> None:
    """Fail unless got has the names in want, each within the row `what` of it, by its largest element.

    `by_all`: by that of all of them, where a name has one element, a sum that may cancel.
    """
    assert got.keys() == want.keys()
    largest = max(float(abs(wanted).max(initial=0)) for wanted in want.values()) if by_all else 0.0
    for name, wanted in want.items():
        assert got[name].shape == wanted.shape, name
        error = float(abs(got[name].astype(wanted.dtype) - wanted).max(initial=0))
        allowed = bound(what, got[name].dtype) * max(largest, float(abs(wanted).max(initial=0)))
        assert error <= allowed, f"{what}: {name} off by {error:.3g}, {allowed:.3g} allowed"


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
