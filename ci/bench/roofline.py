"""The roof: floating-point operations a second of one core, and bytes a second from each level of its memory.

roofline.c is compiled with the system's `cc` for each instruction set that the CPU has; NumPy's own matrix product is
timed beside it, as a check from elsewhere.
"""

from __future__ import annotations

import ctypes
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np

SOURCE = Path(__file__).with_suffix(".c")
#: name: flags of gcc and clang, bytes of a vector
ISAS = {"avx2": (["-mavx2", "-mfma"], 32), "avx512": (["-mavx512f", "-mavx512vl", "-mfma"], 64)}
REALS = {"f32": ("float", ctypes.c_float), "f64": ("double", ctypes.c_double)}
#: what is read again and again; a multiple of 12 vectors is taken of each
SIZES = tuple(1 << k for k in range(13, 29))
#: times that everything is measured, turns each time, and seconds of a turn
PASSES, REPEATS, TURN_SECONDS = 4, 12, 0.004
#: of memory, in bytes
PAGE = 4096
#: rows and columns of NumPy's product: of 1024, OpenBLAS's blocks for this L2 take twice the time (Zen 4, 2026-11-30)
PRODUCT = 512


def _compiled(folder: Path, isa: str, real: str) -> ctypes.CDLL:
    flags, width = ISAS[isa]
    name, number = REALS[real]
    path = folder / f"{isa}_{real}.so"
    subprocess.run(
        ["cc", "-O3", "-shared", "-fPIC", *flags, f"-DREAL={name}", f"-DBYTES={width}", str(SOURCE), "-o", str(path)],
        check=True,
    )
    library = ctypes.CDLL(str(path))
    library.multiply_add.argtypes, library.multiply_add.restype = [ctypes.c_size_t], number
    library.read_again.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_size_t]
    library.read_again.restype = number
    return library


def _seconds(call: Callable[[int], Any]) -> list[float]:
    """Seconds of one round of `call(rounds)` in each of REPEATS turns."""
    rounds, lasted = 1, 0.0
    while lasted < TURN_SECONDS / 2:
        start = perf_counter()
        call(rounds)
        lasted = perf_counter() - start
        rounds *= 2
    found = []
    for _ in range(REPEATS if lasted < 0.1 else 5):
        start = perf_counter()
        call(rounds)
        found.append((perf_counter() - start) / rounds)
    return found


def _rates(amount: float, seconds: list[float]) -> list[float]:
    """Thousands of millions a second."""
    return [float(f"{amount / each / 1e9:.4g}") for each in seconds]


def measured(isas: list[str]) -> dict[str, Any]:
    """GFLOP/s and GB/s, every turn."""
    found: dict[str, Any] = {"peak": {}, "read": {}, "product": {}}
    with tempfile.TemporaryDirectory() as folder:
        libraries = {(isa, real): _compiled(Path(folder), isa, real) for isa in isas for real in REALS}
        for _ in range(PASSES):
            for (isa, real), library in libraries.items():
                _, width = ISAS[isa]
                operations = 2 * 12 * width // ctypes.sizeof(REALS[real][1])
                peak = _seconds(lambda rounds, library=library: library.multiply_add(1000 * rounds))
                found["peak"].setdefault(isa, {}).setdefault(real, []).extend(_rates(1000 * operations, peak))
            for isa in isas:
                _read(libraries[isa, "f32"], ISAS[isa][1], found["read"].setdefault(isa, {}))
            for real in REALS:
                a = np.full((PRODUCT, PRODUCT), 1 / PRODUCT, {"f32": "f4", "f64": "f8"}[real])
                out = np.empty_like(a)
                seconds = _seconds(lambda times, a=a, out=out: [np.matmul(a, a, out=out) for _ in range(times)])
                found["product"].setdefault(real, []).extend(_rates(2 * PRODUCT**3, seconds))
    found["read"] = {isa: [[size, rates] for size, rates in by_size.items()] for isa, by_size in found["read"].items()}
    return found


def _read(library: ctypes.CDLL, width: int, rates: dict[int, list[float]]) -> None:
    """Add to the GB/s of each size."""
    array = np.ones(SIZES[-1] // 4 + PAGE, np.float32)
    address = -(-array.ctypes.data // PAGE) * PAGE  # a load across two lines of the cache takes two
    for most in SIZES:
        size = most - most % (12 * width)
        seconds = _seconds(lambda times, size=size: library.read_again(address, size, times))
        rates.setdefault(size, []).extend(_rates(size, seconds))


def bandwidth(found: dict[str, Any], isa: str, size: float) -> float:
    """GB/s of reading `size` bytes again and again: between the measured sizes on a line of logarithms."""
    sizes, rates = zip(*((size, max(rates)) for size, rates in found["read"][isa]), strict=True)
    return float(np.exp(np.interp(np.log(size), np.log(sizes), np.log(rates))))


def peak(found: dict[str, Any], isa: str, real: str) -> float:
    return float(max(found["peak"][isa][real]))


def least_seconds(found: dict[str, Any], isa: str, operations: float, size: float, times: int) -> float:
    """The least time of operations in float32 that read `size` bytes of weights `times` times: the roof."""
    return max(operations / peak(found, isa, "f32") / 1e9, size * times / bandwidth(found, isa, size) / 1e9)
