"""lanes.h's portable branch, one lane wide, its fma in need of no instruction: the same bits as every vector ISA.

It is in no wheel, so it is built for these tests alone.
"""

from __future__ import annotations

import importlib.util
import sys

import entry_points
import numpy as np
import pytest
from integers import PLAIN, each_plain, each_width, inputs, layer, run
from interpreter import run_python
from kernel_panels import EntryPoints
from paths import SRC
from problems import (
    CANONICAL,
    DTYPES,
    ISAS,
    ODD_SIZES,
    assert_same_bits,
    each_dtype,
    every_cell,
    isa_in_use,
    make,
)

from cyrnn.calls.implementation import implementation
from cyrnn.calls.packed import Packed
from cyrnn.kernels import dispatch

KERNELS = SRC / "kernels"
BUILD = """
import sys
from pathlib import Path
from Cython.Build import cythonize
from setuptools import Distribution, Extension
kernels = Path(sys.argv[1])
extensions = []
for kind in ("f32", "f64", "int"):
    stub = Path(f"one_lane_{kind}.pyx")
    stub.write_text((kernels / f"_isa_baseline_{kind}.pyx").read_text(encoding="utf-8"), encoding="utf-8")
    macros = [("CYRNN_ONE_LANE", None), ("CYRNN_DOUBLE", str(int(kind == "f64")))]
    extensions.append(Extension(stub.stem, [str(stub)], include_dirs=[str(kernels)], define_macros=macros,
                                extra_compile_args=["-O1", "-ffp-contract=off", "-fno-math-errno"]))
found = [str(kernels), str(kernels.parents[1])]
build = Distribution({"ext_modules": cythonize(extensions, include_path=found)}).get_command_obj("build_ext")
build.inplace, build.build_temp = True, "objects"
build.ensure_finalized()
build.run()
"""
WHY_NOT = (
    "Cython and setuptools, which build it, are not installed"
    if not all(map(importlib.util.find_spec, ("Cython", "setuptools")))
    else f"built once, in the run with {ISAS[0]}"
    if isa_in_use() != ISAS[0]
    else "no ISA with a fused multiply-add to compare with"
    if not CANONICAL
    else "its flags are those of gcc and clang"
    if sys.platform == "win32"
    else ""
)
pytestmark = pytest.mark.skipif(bool(WHY_NOT), reason=WHY_NOT)


@pytest.fixture(scope="module")
def modules(tmp_path_factory) -> list:
    """The portable build: for float32, float64, integer weights."""
    place = tmp_path_factory.mktemp("one_lane")
    done = run_python("-c", BUILD, KERNELS, cwd=place, seconds=300)
    assert done.returncode == 0, done.stdout + done.stderr
    modules = []
    for kind in ("f32", "f64", "int"):
        name = f"one_lane_{kind}"
        (library,) = place.glob(f"{name}.*.so")
        spec = importlib.util.spec_from_file_location(name, library)
        modules.append(importlib.util.module_from_spec(spec))
        spec.loader.exec_module(modules[-1])
    return modules


@pytest.fixture(scope="module")
def one_lane(modules) -> dict:
    """Its entry points by dtype."""
    kernels = dispatch.Kernels("one_lane", *modules[:2])
    return {dtype: EntryPoints(kernels, dtype) for dtype in DTYPES}


@pytest.fixture(scope="module")
def of_one_lane(modules):
    """As `calls.of`, over the portable build."""
    kernels = dispatch.Kernels("one_lane", *modules[:2])
    dispatch.define_cells(modules[2])
    integers = modules[2].table_over(kernels.tables[0])

    def of(cell):
        number = kernels.cell_numbers[cell.name]
        return implementation.CellCalls(cell, number, *kernels.tables, Packed, lambda: integers)

    return of


@each_dtype
def test_one_lane_is_one_lane(one_lane, dtype):
    assert one_lane[dtype].lanes == 1


@pytest.mark.parametrize("n_a", [*ODD_SIZES, 70])
@each_dtype
@every_cell
def test_one_lane_forward_has_the_bits_of_each_isa(one_lane, cell, dtype, n_a):
    for i, m in enumerate(ODD_SIZES):
        problem = make(cell, dtype, seed=i, n_a=n_a, m=m, n_x=ODD_SIZES[-i], n_y=1 + 3 * i, T_x=1 + i % 3)
        got = entry_points.run(one_lane[dtype], problem)
        for isa in CANONICAL:
            assert_same_bits(got, entry_points.run(entry_points.points_of(isa, dtype), problem))


@each_width
@each_plain
def test_one_lane_integers_have_the_bits_of_the_isa_in_use(of_one_lane, kind, width):
    """And so of each: tests/calls/test_integer_canonical.py."""
    for i, (n, m) in enumerate(zip((*ODD_SIZES, 70), (1, 2, 3, 5, 8, 1, 4, 7, 10, 6), strict=True)):
        one, T, n_x = layer(kind, width, ODD_SIZES[-i % 9], n, kinds=PLAIN), 1 + i % 3, ODD_SIZES[-i % 9]
        x, states = inputs(T, m, n_x), one.states(m)
        assert_same_bits(run(one.sublayer(of=of_one_lane), x, states), run(one.sublayer(), x, states))


@pytest.mark.parametrize("name", ["exp", "tanh", "sigmoid"])
@each_dtype
def test_one_lane_activations_have_the_bits_of_each_isa(one_lane, name, dtype):
    """Over all magnitudes: every exponent, subnormals, infinities, both zeros, nan."""
    info = np.iinfo(np.int32 if dtype == np.float32 else np.int64)
    bits = np.random.RandomState(2).randint(info.min, info.max, 20_000, info.dtype)
    x = np.concatenate(
        [
            bits.view(dtype),
            np.random.RandomState(3).uniform(-25, 25, 20_000).astype(dtype),
            np.array([0.0, -0.0, np.inf, -np.inf, np.nan], dtype),
        ]
    )
    got = np.empty_like(x)
    getattr(one_lane[dtype], name)(x, got)
    finite = ~np.isnan(x)
    for isa in CANONICAL:
        want = np.empty_like(x)
        getattr(entry_points.points_of(isa, dtype), name)(x, want)
        assert_same_bits([got[finite]], [want[finite]])
        np.testing.assert_array_equal(np.isnan(got), np.isnan(want))
