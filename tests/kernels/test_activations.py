"""exp, tanh and sigmoid of every ISA against the true values, over every exponent and at every special value.

The bounds are those that activations.pxi states. ci/accuracy/measure.py asks the same of all 2^32 float32.
"""

from __future__ import annotations

import functools
import re

import numpy as np
import pytest
from entry_points import points_of
from mpmath import mp
from paths import ROOT
from problems import CANONICAL, COMPILED, ISAS

DTYPES = (np.float32, np.float64)
FUNCTIONS = ("exp", "tanh", "sigmoid")
#: NumPy's own error, which differs by version and CPU, and the roundings of the plain formulas
OF_REFERENCE = 6.0
#: relative error of the truth itself: NumPy's float64 functions for float32, 40 digits for float64
mp.dps = 40

every_isa = pytest.mark.parametrize("isa", ISAS)
every_dtype = pytest.mark.parametrize("dtype", DTYPES, ids=lambda dtype: dtype.__name__)
every_function = pytest.mark.parametrize("name", FUNCTIONS)


@functools.cache
def stated() -> dict:
    """The table in activations.pxi: (function, dtype) -> (bound with fma, bound of the baseline)."""
    text = (ROOT / "src/cyrnn/kernels/activations.pxi").read_text(encoding="utf-8")
    found = re.findall(
        r"^ +(exp|tanh|sigmoid) +([\d.]+) \(([\d.]+)\) +([\d.]+) \(([\d.]+)\)$", text, re.MULTILINE
    )
    return {
        (name, dtype): (float(numbers[2 * i]), float(numbers[2 * i + 1]))
        for name, *numbers in found
        for i, dtype in enumerate(DTYPES)
    }


def bound(name: str, dtype, isa: str) -> float:
    if isa == "reference":
        return OF_REFERENCE
    return stated()[name, dtype][isa == "baseline"]


def call(isa: str, name: str, x: np.ndarray) -> np.ndarray:
    out = np.full_like(x, 7)
    getattr(points_of(isa, x.dtype), name)(x, out)
    return out


def neighbours(points, count: int, dtype) -> np.ndarray:
    """`count` numbers on either side of each point, and the points."""
    rows = [np.asarray(points, dtype)]
    for direction in (-np.inf, np.inf):
        x = rows[0]
        for _ in range(count):
            x = np.nextafter(x, dtype(direction))
            rows.append(x)
    return np.concatenate(rows)


@functools.cache
def sample(dtype) -> np.ndarray:
    """Every exponent and both signs; dense where the results live and around every threshold."""
    kind, draw = np.finfo(dtype), np.random.default_rng(20)
    fine = 40 if dtype == np.float32 else 2
    powers = np.repeat(np.arange(kind.minexp - kind.nmant, kind.maxexp), fine)
    every_exponent = np.ldexp(draw.uniform(1, 2, powers.size), powers)
    most = -np.log(float(kind.tiny)) + (kind.nmant + 2) * np.log(2)  # exp(-most) rounds to 0
    dense = [draw.uniform(0, limit, 500 * fine) for limit in (0.2, 0.4, 1, 3, 10, 40, most)]
    switches = (np.arange(0, 2.2 * kind.nmant) + 0.5) * np.log(2) / 2  # where n goes up: tanh, exp
    far = np.arange(most / np.log(2) - kind.nmant - 4, most / np.log(2) + 1) * np.log(2)
    ends = [np.log(float(kind.max)), -np.log(float(kind.tiny)), most]
    saturated = np.log(8 / float(kind.eps)) / 2  # arctanh(1 - eps / 4): not every long double has that 1 - eps / 4
    thresholds = neighbours(
        [*switches, *far, *ends, saturated, 8.717, 18.7676], 3 if fine == 2 else 20, dtype
    )
    x = np.concatenate([every_exponent.astype(dtype), *(part.astype(dtype) for part in dense), thresholds])
    return np.concatenate([x, -x])


def exactly(name: str, x: float):
    x = mp.mpf(max(-2000.0, min(2000.0, x)))  # far past where the results are 0, 1 and inf
    if name == "sigmoid":
        return 1 / (1 + mp.exp(-x))
    return getattr(mp, name)(x)


def in_float64(name: str, x: np.ndarray) -> np.ndarray:
    if name == "sigmoid":
        e = np.exp(-np.abs(x))
        return np.where(x < 0, e, 1) / (1 + e)
    return getattr(np, name)(x)


@functools.cache
def truth(name: str, dtype) -> tuple:
    """Of the sample: the true values rounded, what that left of them in ULP, and their ULP."""
    x, kind = sample(dtype), np.finfo(dtype)
    with np.errstate(all="ignore"):
        if dtype == np.float32:
            true = in_float64(name, x.astype(np.float64))
            near = true.astype(dtype)
            unit = np.ldexp(1.0, np.maximum(np.frexp(true)[1] - 1, kind.minexp) - kind.nmant)
            return near, (true - near) / unit, unit
        true = [exactly(name, float(v)) for v in x]
        near = np.array([float(v) for v in true])
        exponents = [int(mp.frexp(v)[1]) - 1 if v else kind.minexp for v in true]
        unit = np.ldexp(1.0, np.clip(exponents, kind.minexp, kind.maxexp - 1) - kind.nmant)
        left = [
            float((v - n) / u) if np.isfinite(n) else 0.0 for v, n, u in zip(true, near, unit, strict=True)
        ]
        return near, np.array(left), unit


def errors(name: str, got: np.ndarray) -> np.ndarray:
    """|got - true| in ULP; 0 where both overflow."""
    near, left, unit = truth(name, got.dtype.type)
    with np.errstate(all="ignore"):
        error = np.abs((got.astype(np.float64) - near) / unit - left)
    return np.where(np.isinf(near), np.where(got == near, 0, np.inf), error)


def test_stated_bounds_cover_every_function_and_dtype():
    assert set(stated()) == {(name, dtype) for name in FUNCTIONS for dtype in DTYPES}
    assert all(with_fma <= 1.0 and without <= 2.0 for with_fma, without in stated().values())


@pytest.mark.parametrize(
    "line", (ROOT / "ci/accuracy/report.txt").read_text(encoding="utf-8").splitlines()[3:]
)
def test_report_of_all_float32_keeps_the_stated_bounds(line):
    name, dtype, isa, *rest = line.split()
    assert rest[:2] == ["same", "bits"] or float(rest[0]) <= bound(name, getattr(np, dtype), isa)


@every_isa
@every_dtype
@every_function
def test_sample_is_within_the_stated_bound(name, dtype, isa):
    x = sample(dtype)
    error = errors(name, call(isa, name, x))
    worst = int(error.argmax())
    assert error[worst] <= bound(name, dtype, isa), f"{error[worst]:.4g} ULP at {float(x[worst]).hex()}"


@pytest.mark.parametrize("isa", CANONICAL)
@every_dtype
@every_function
def test_isas_with_fma_give_the_same_bits(name, dtype, isa):
    x = sample(dtype)
    assert call(isa, name, x).tobytes() == call(CANONICAL[0], name, x).tobytes()


SPECIAL = {
    "exp": [(0.0, 1.0), (-0.0, 1.0), (np.inf, np.inf), (-np.inf, 0.0), (np.nan, np.nan)],
    "tanh": [(0.0, 0.0), (-0.0, -0.0), (np.inf, 1.0), (-np.inf, -1.0), (np.nan, np.nan)],
    "sigmoid": [(0.0, 0.5), (-0.0, 0.5), (np.inf, 1.0), (-np.inf, 0.0), (np.nan, np.nan)],
}


@every_isa
@every_dtype
@pytest.mark.parametrize(
    ("name", "x", "want"), [(name, x, want) for name, pairs in SPECIAL.items() for x, want in pairs]
)
def test_special_value_is_exact(name, x, want, dtype, isa):
    got = call(isa, name, np.full(37, x, dtype))  # in whole vectors and in what is left of one
    np.testing.assert_array_equal(got, dtype(want))
    if not np.isnan(want):
        np.testing.assert_array_equal(np.signbit(got), np.signbit(want))


@every_isa
@every_dtype
def test_largest_numbers_saturate(dtype, isa):
    x = np.array([np.finfo(dtype).max, np.finfo(dtype).min], dtype)
    assert call(isa, "exp", x).tolist() == [np.inf, 0]
    assert call(isa, "tanh", x).tolist() == [1, -1]
    assert call(isa, "sigmoid", x).tolist() == [1, 0]


@every_isa
@every_dtype
def test_subnormal_arguments_are_not_lost(dtype, isa):
    kind = np.finfo(dtype)
    x = np.array([kind.smallest_subnormal, kind.tiny - kind.smallest_subnormal, kind.tiny / 2], dtype)
    x = np.concatenate([x, -x])
    np.testing.assert_array_equal(call(isa, "tanh", x), x)
    np.testing.assert_array_equal(call(isa, "exp", x), 1)
    np.testing.assert_array_equal(call(isa, "sigmoid", x), 0.5)


@every_isa
@pytest.mark.parametrize("name", ["exp", "sigmoid"])
@pytest.mark.parametrize(
    ("dtype", "last"), [(np.float32, -103.97), (np.float64, -745.13)], ids=["float32", "float64"]
)
def test_subnormal_results_go_down_to_the_smallest(name, dtype, last, isa):
    kind = np.finfo(dtype)
    got = call(isa, name, np.linspace(np.log(kind.tiny), last, 1001).astype(dtype))
    assert (got > 0).all()
    assert (np.diff(got) <= 0).all()
    assert got[0] >= kind.tiny * dtype(0.99)
    assert got[-1] == kind.smallest_subnormal
    assert call(isa, name, np.array([last - 0.02], dtype))[0] == 0


@every_isa
@every_dtype
def test_tanh_is_odd_to_the_bit(dtype, isa):
    x = sample(dtype)
    assert call(isa, "tanh", -x).tobytes() == (-call(isa, "tanh", x)).tobytes()


@pytest.mark.parametrize("isa", COMPILED)
@every_dtype
@every_function
def test_result_does_not_depend_on_its_place_or_the_length(name, dtype, isa):
    x = np.random.default_rng(3).normal(0, 3, 40).astype(dtype)
    want = call(isa, name, x)
    for n in range(1, 40):
        guarded = np.full(n + 2, 7, dtype)
        getattr(points_of(isa, x.dtype), name)(x[40 - n :].copy(), guarded[1:-1])
        assert guarded[1:-1].tobytes() == want[40 - n :].tobytes()
        assert (guarded[0], guarded[-1]) == (7, 7)
