"""fma.h against exact arithmetic, on sums chosen to be hard: halves, nearly halves, subnormals, cancellation."""

from __future__ import annotations

import ctypes
import math
import shutil
import subprocess
import sys
from fractions import Fraction

import numpy as np
import pytest
from paths import SRC
from rounding import fma, rounded

CODE = """
#include <stddef.h>
#include "fma.h"
void fma_of_each(const float *a, const float *b, const float *c, float *out, ptrdiff_t n) {
    for (ptrdiff_t i = 0; i < n; i++) out[i] = fma_of_floats(a[i], b[i], c[i]);
}
void fma_of_each_double(const double *a, const double *b, const double *c, double *out, ptrdiff_t n) {
    for (ptrdiff_t i = 0; i < n; i++) out[i] = fma_of_doubles(a[i], b[i], c[i]);
}
"""
COMPILER = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
N = 3000


@pytest.fixture(scope="module", params=["-O0", "-O3"])
def fma_of_each(request, tmp_path_factory):
    if COMPILER is None or sys.platform == "win32":
        pytest.skip("no C compiler like gcc")
    place = tmp_path_factory.mktemp("fma")
    (place / "each.c").write_text(CODE, encoding="utf-8")
    flags = [request.param, "-ffp-contract=off", "-shared", "-fPIC", f"-I{SRC / 'kernels'}"]
    subprocess.run([COMPILER, *flags, "each.c", "-o", "each.so", "-lm"], cwd=place, check=True, timeout=60)
    library = ctypes.CDLL(str(place / "each.so"))

    def call(a, b, c, dtype=np.float32) -> np.ndarray:
        a, b, c = (np.ascontiguousarray(value, dtype) for value in (a, b, c))
        out = np.empty_like(a)
        function = library.fma_of_each if dtype == np.float32 else library.fma_of_each_double
        function(*(array.ctypes.data_as(ctypes.c_void_p) for array in (a, b, c, out)), ctypes.c_ssize_t(a.size))
        return out

    return call


def parts(random: np.random.RandomState) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Products 1 - 2**-46 and the like, times a power of 2 that is about half of the addend's last bit."""
    tiny = random.choice([-1, 1], N) * 2.0 ** -random.randint(10, 24, N)
    a, b = (1 + tiny) * 2.0 ** random.randint(-20, 20, N), (1 - tiny) * random.choice([-1, 1], N)
    c = (1 + random.randint(0, 2**23, N) / 2**23) * random.choice([-1, 1], N)
    return a, b, c * 2.0 ** (np.frexp(a)[1] + random.randint(22, 26, N))


def cancelling(random: np.random.RandomState) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    a, b = (random.standard_normal(N).astype(np.float32) for _ in range(2))
    return a, b, -(a * b) * (1 + random.randint(-3, 4, N) * np.float32(2.0**-23))


def subnormal(random: np.random.RandomState) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Sums whose half unit of the last place, 2**-150, a product hits or nearly hits."""
    a = (1 + random.randint(0, 4, N) * 2.0**-22) * 2.0**-75
    b = random.choice([-1, 1], N) * (1 + random.randint(-4, 4, N) * 2.0**-22) * 2.0**-75
    return a, b, random.randint(-50, 50, N) * 2.0**-149


def any_bits(random: np.random.RandomState) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Floats of every magnitude; sums that overflow, too."""
    a, b, c = (random.randint(-(2**31), 2**31, N).astype(np.int32).view(np.float32) for _ in range(3))
    return tuple(np.where(np.isfinite(value), value, 1) for value in (a, b, c))


@pytest.mark.parametrize("cases", [parts, cancelling, subnormal, any_bits], ids=lambda cases: cases.__name__)
def test_fma_of_floats_is_rounded_once(fma_of_each, cases):
    a, b, c = (value.astype(np.float32) for value in cases(np.random.RandomState(5)))
    exact = [Fraction(float(x)) * Fraction(float(y)) + Fraction(float(z)) for x, y, z in zip(a, b, c, strict=True)]
    want = np.array([rounded(value) for value in exact])
    np.testing.assert_array_equal(fma_of_each(a, b, c), want)


@pytest.mark.parametrize("cases", [parts, cancelling, subnormal, any_bits], ids=lambda cases: cases.__name__)
def test_fma_in_numpy_is_rounded_once(cases):
    """The oracle of integer weights."""
    a, b, c = (value.astype(np.float32) for value in cases(np.random.RandomState(6)))
    exact = [Fraction(float(x)) * Fraction(float(y)) + Fraction(float(z)) for x, y, z in zip(a, b, c, strict=True)]
    want = np.array([rounded(value) for value in exact])
    np.testing.assert_array_equal(fma(a, b, c), want)


def test_fma_of_floats_hard_cases_are_hard(fma_of_each):
    """A double between product and float gives other sums: else the test above would show nothing."""
    a, b, c = (value.astype(np.float32) for value in parts(np.random.RandomState(5)))
    twice = (a.astype(np.float64) * b + c).astype(np.float32)
    assert np.count_nonzero(twice != fma_of_each(a, b, c)) > 100


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_fma_infinities_nan_and_zeros(fma_of_each, dtype):
    inf, nan, big = math.inf, math.nan, float(np.finfo(dtype).max)
    a = np.array([inf, inf, 0.0, nan, 1.0, 1.0, big, -big, 0.0, -0.0, -0.0, 1.0])
    b = np.array([2.0, 2.0, inf, 1.0, nan, 1.0, big, big, 0.0, 1.0, 1.0, 1.0])
    c = np.array([1.0, -inf, 1.0, 1.0, 1.0, -inf, 1.0, -inf, -0.0, -0.0, 0.0, -1.0])
    want = np.array([inf, nan, nan, nan, nan, -inf, inf, -inf, 0.0, -0.0, 0.0, 0.0])
    got = fma_of_each(a, b, c, dtype)
    np.testing.assert_array_equal(got, want)
    finite = ~np.isnan(want)
    np.testing.assert_array_equal(np.signbit(got)[finite], np.signbit(want)[finite])


def halves(random: np.random.RandomState) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Products 1 - 2**-104 and the like, times a power of 2 that is about half of the addend's last bit."""
    tiny = random.choice([-1, 1], N) * 2.0 ** -random.randint(20, 53, N)
    a, b = (1 + tiny) * 2.0 ** random.randint(-20, 20, N), (1 - tiny) * random.choice([-1, 1], N)
    c = (1 + random.randint(0, 2**52, N, np.int64) / 2**52) * random.choice([-1, 1], N)
    return a, b, c * 2.0 ** (np.frexp(a)[1] + random.randint(50, 56, N))


def cancelling_doubles(random: np.random.RandomState) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    a, b = random.standard_normal(N), random.standard_normal(N)
    return a, b, -(a * b) * (1 + random.randint(-3, 4, N) * 2.0**-52)


def far_apart(random: np.random.RandomState) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Powers of 2 on both sides of where C's own fma takes over, and results that are subnormal."""
    a, b, c = (random.standard_normal(N) for _ in range(3))
    up = random.choice([-500, -401, -400, -399, -300, 0, 300, 399, 400, 401, 500], N)
    return a * 2.0**up, b * 2.0 ** -random.choice([0, 100, 400, 500], N), c * 2.0 ** (up - random.randint(0, 500, N))


@pytest.mark.parametrize("cases", [halves, cancelling_doubles, far_apart], ids=lambda cases: cases.__name__)
def test_fma_of_doubles_is_rounded_once(fma_of_each, cases):
    a, b, c = cases(np.random.RandomState(5))
    exact = [Fraction(float(x)) * Fraction(float(y)) + Fraction(float(z)) for x, y, z in zip(a, b, c, strict=True)]
    want = np.array([float(value) for value in exact])  # Python rounds fractions correctly
    np.testing.assert_array_equal(fma_of_each(a, b, c, np.float64), want)
