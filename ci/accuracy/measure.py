"""Measure exp, tanh and sigmoid against the true values: `python ci/accuracy/measure.py --write`.

float32: every one of the 2^32 arguments, against float64. float64: a stratified sample, against the 80-bit
(or wider) long double; the worst points are computed again in 60 digits. An error is |got - true| in units of
the last place of the true value, so that 0.5 is a correctly rounded result. Six minutes on one core;
`--quick` takes a sample of float32 too. Needs mpmath.
"""

from __future__ import annotations

import argparse
import datetime
import platform
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from mpmath import mp

from cyrnn.kernels import dispatch

REPORT = Path(__file__).parent / "report.txt"
FUNCTIONS = ("exp", "tanh", "sigmoid")
BLOCK = 1 << 16
KEPT = 8
mp.dps = 60


def sigmoid(x: np.ndarray) -> np.ndarray:
    e = np.exp(-np.abs(x))
    return np.where(x < 0, e, 1) / (e + 1)


#: in the precision of their argument, which is one step wider than what is measured
WIDE = {"exp": np.exp, "tanh": np.tanh, "sigmoid": sigmoid}
EXACT = {"exp": mp.exp, "tanh": mp.tanh, "sigmoid": lambda x: 1 / (1 + mp.exp(-x))}


def ulps(got: np.ndarray, true: np.ndarray) -> np.ndarray:
    """|got - true| in ULP of `true`, as got's dtype counts them; nan for nan and inf for overflow are right."""
    kind = np.finfo(got.dtype)
    error = np.abs(got - true)
    if true.dtype == np.float64:  # the power of two below |true| is what its exponent bits alone stand for
        power = (true.view(np.int64) & 0x7FF0000000000000).view(np.float64)
        error /= np.maximum(power, float(kind.tiny)) * float(kind.eps)
    else:
        exponent = np.maximum(np.frexp(true)[1] - 1, kind.minexp)
        error = np.ldexp(error, kind.nmant - exponent)
    odd = np.flatnonzero(~(error < np.inf))
    if odd.size:
        true, got = true[odd], got[odd]
        overflow = true >= np.ldexp(2 - true.dtype.type(kind.eps) / 2, kind.maxexp - 1)
        right = (overflow & np.isposinf(got)) | (np.isnan(true) & np.isnan(got))
        error[odd] = np.where(right, 0, np.inf)
    return error


def same_bits(a: np.ndarray, b: np.ndarray) -> bool:
    """Whether two results are the same, signs of zeros included; only the bits of a nan are not promised."""
    integer = np.int32 if a.dtype == np.float32 else np.int64
    return np.array_equal(a.view(integer), b.view(integer)) or bool(
        np.array_equal(a, b, equal_nan=True) and np.array_equal(np.signbit(a[a == 0]), np.signbit(b[b == 0]))
    )


def exact_ulps(name: str, x: float, got: float, dtype) -> float:
    """The same for one point, in 60 digits."""
    true, kind = EXACT[name](mp.mpf(float(x))), np.finfo(dtype)
    exponent = max(int(mp.floor(mp.log(abs(true), 2))), kind.minexp)
    return float(abs(mp.mpf(float(got)) - true) / mp.mpf(2) ** (exponent - kind.nmant))


@dataclass
class Row:
    """What is known of one function, dtype and ISA."""

    points: int = 0
    worst: list = field(default_factory=list)  # (error, argument, result), the largest first
    same: bool = True  # bits as the first ISA's, so far

    def take(self, x, got, error, same) -> None:
        self.points += x.size
        self.same &= same
        if len(self.worst) < KEPT or error.max() > self.worst[-1][0]:
            order = np.argpartition(error, -min(KEPT, error.size))[-KEPT:]
            found = [(float(error[i]), x[i], got[i]) for i in order]
            self.worst = sorted([*self.worst, *found], key=lambda point: -point[0])[:KEPT]


def all_float32():
    """Every float32, in blocks."""
    for start in range(0, 1 << 32, BLOCK):
        yield np.arange(start, start + BLOCK, dtype=np.uint64).astype(np.uint32).view(np.float32)


def sample(dtype, size: int):
    """About `size` arguments, in blocks: a fourth over all exponents, the rest where the results live."""
    kind, draw = np.finfo(dtype), np.random.default_rng(2026)
    yield np.array([0.0, -0.0, np.inf, -np.inf, np.nan, kind.max, kind.min, kind.tiny, -kind.tiny,
                    kind.smallest_subnormal, -kind.smallest_subnormal], dtype)
    overflow = -np.log(np.finfo(dtype).smallest_subnormal.astype(np.longdouble))
    ranges = [0.2, 0.36, 1, 2, 4, 10, 20, 40, overflow / 2, 0.96 * overflow, 1.01 * overflow]
    blocks = max(1, size // BLOCK)
    for i in range(blocks):
        sign = draw.choice([-1.0, 1.0], BLOCK)
        if i % 4 == 0:
            power = draw.integers(kind.minexp - kind.nmant, kind.maxexp, BLOCK)
            yield np.ldexp(sign * draw.uniform(1, 2, BLOCK), power).astype(dtype)
        else:
            limit = float(ranges[(i // 4 * 3 + i % 4) % len(ranges)])
            yield (sign * draw.uniform(0, limit, BLOCK)).astype(dtype)


def measure(dtype, isas, blocks, progress) -> dict:
    """Return {(function, isa): Row} after calling every ISA on every block."""
    wider = np.float64 if dtype == np.float32 else np.longdouble
    faces = {isa: dispatch.load(isa).of(np.dtype(dtype)) for isa in isas}
    rows = {(name, isa): Row() for name in FUNCTIONS for isa in isas}
    for x in blocks:
        progress(x.size)
        for name in FUNCTIONS:
            true = WIDE[name](x.astype(wider))
            first = error_of_first = None
            for isa in isas:
                got = np.empty_like(x)
                getattr(faces[isa], name)(x, got)
                same = first is not None and same_bits(got, first)
                error = error_of_first if same else ulps(got, true)
                rows[name, isa].take(x, got, error, same)
                if first is None:
                    first, error_of_first = got, error
    return rows


def table(rows: dict, dtype, isas) -> list[str]:
    lines = []
    for name in FUNCTIONS:
        for isa in isas:
            row = rows[name, isa]
            if row.same:
                lines.append(f"{name:8} {np.dtype(dtype).name:8} {isa:9} same bits as {isas[0]}")
                continue
            again = [(exact_ulps(name, x, got, dtype), x) for e, x, got in row.worst if 0 < e < np.inf]
            again += [(e, x) for e, x, _ in row.worst if e == np.inf]
            error, x = max(again)
            lines.append(
                f"{name:8} {np.dtype(dtype).name:8} {isa:9} {error:8.4f}  at {float(x):< 25.17g} "
                f"{float(x).hex():24} {row.points}"
            )
    return lines


def cpu() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        return next(line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument(
        "--quick", action="store_true", help="a sample of float32, a smaller one of float64"
    )
    arguments.add_argument("--isa", nargs="+", help="which; all that run here by default")
    arguments.add_argument("--write", action="store_true", help="write report.txt beside this program")
    given = arguments.parse_args()
    isas = given.isa or [isa for isa in dispatch.available() if isa != "reference"]
    start, done = time.monotonic(), [0]

    def progress(points: int) -> None:
        done[0] += points
        if sys.stderr.isatty():
            print(f"\r{done[0]:,} points, {time.monotonic() - start:.0f} s", end="", file=sys.stderr)

    lines = []
    with np.errstate(all="ignore"):
        for dtype in (np.float32, np.float64):
            if dtype == np.float32 and not given.quick:
                blocks = all_float32()
            else:
                blocks = sample(dtype, 1 << (21 if given.quick else 25))
            lines += table(measure(dtype, isas, blocks, progress), dtype, isas)
    longdouble = np.finfo(np.longdouble).nmant
    report = [
        "Errors of exp, tanh and sigmoid in ULP of the true value; written by ci/accuracy/measure.py.",
        f"CPU: {cpu()}; ISA: {', '.join(isas)}; {datetime.date.today()}; NumPy {np.__version__}; "
        f"long double of {longdouble + 1} bits; {time.monotonic() - start:.0f} s",
        f"{'':8} {'dtype':8} {'ISA':9} {'max ULP':>8}  {'at':28} {'':24} points",
        *lines,
    ]
    print("\n".join(report))
    if given.write:
        REPORT.write_text("\n".join(report) + "\n")


if __name__ == "__main__":
    main()
