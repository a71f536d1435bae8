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

CODE = """
#include <stddef.h>
#include "fma.h"
void fma_of_each(const float *a, const float *b, const float *c, float *out, ptrdiff_t n) {
    for (ptrdiff_t i = 0; i < n; i++) out[i] = fma_of_floats(a[i], b[i], c[i]);
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
    subprocess.run([COMPILER, *flags, "each.c", "-o", "each.so"], cwd=place, check=True, timeout=60)
    function = ctypes.CDLL(str(place / "each.so")).fma_of_each
    pointer = np.ctypeslib.ndpointer(np.float32, flags="C")
    function.argtypes = [pointer, pointer, pointer, pointer, ctypes.c_ssize_t]
    function.restype = None

    def call(a, b, c) -> np.ndarray:
        a, b, c = (np.ascontiguousarray(value, np.float32) for value in (a, b, c))
        out = np.empty_like(a)
        function(a, b, c, out, a.size)
        return out

    return call


def rounded(exact: Fraction) -> float:
    """To the nearest float, of two equally near to the even one: by whole numbers, in units of the last place."""
    if not exact:
        return 0.0
    exponent = math.frexp(float(abs(exact)))[1]  # may be 1 too large, where a float rounds up to a power of 2
    if abs(exact) < Fraction(2) ** (exponent - 1):
        exponent -= 1
    unit = Fraction(2) ** max(exponent - 24, -149)
    value = round(exact / unit) * unit  # Python rounds halves to even
    return float(value) if abs(value) < 2**128 else math.copysign(math.inf, value)


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


def test_fma_of_floats_hard_cases_are_hard(fma_of_each):
    """A double between product and float gives other sums: else the test above would show nothing."""
    a, b, c = (value.astype(np.float32) for value in parts(np.random.RandomState(5)))
    twice = (a.astype(np.float64) * b + c).astype(np.float32)
    assert np.count_nonzero(twice != fma_of_each(a, b, c)) > 100


def test_fma_of_floats_infinities_nan_and_zeros(fma_of_each):
    inf, nan = math.inf, math.nan
    a = np.array([inf, inf, 0.0, nan, 1.0, 1.0, 3e38, -3e38, 0.0, -0.0, -0.0, 1e-30])
    b = np.array([2.0, 2.0, inf, 1.0, nan, 1.0, 3e38, 3e38, 0.0, 1.0, 1.0, 1e-30])
    c = np.array([1.0, -inf, 1.0, 1.0, 1.0, -inf, 1.0, -inf, -0.0, -0.0, 0.0, 0.0])
    want = np.array([inf, nan, nan, nan, nan, -inf, inf, -inf, 0.0, -0.0, 0.0, 0.0])
    got = fma_of_each(a, b, c)
    np.testing.assert_array_equal(got, want)
    finite = ~np.isnan(want)
    np.testing.assert_array_equal(np.signbit(got)[finite], np.signbit(want)[finite])
