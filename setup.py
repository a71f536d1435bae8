"""The extension modules: one stub per ISA and dtype, all of them the same body. All else is in pyproject.toml."""

import platform
import sys
import sysconfig

import numpy
from setuptools import Extension, setup

KERNELS = "src/cyrnn/kernels/"
X86 = platform.machine().lower() in ("x86_64", "amd64", "i686", "x86")
ARM = platform.machine().lower() in ("aarch64", "arm64")
MSVC = sys.platform == "win32"

#: ISA -> the flags that let the compiler use it
FLAGS = {"baseline": []}
if X86 and not MSVC:
    FLAGS["avx2"] = ["-mavx2", "-mfma"]
    FLAGS["avx512"] = ["-mavx512f", "-mavx512dq", "-mavx512bw", "-mavx512vl", "-mprefer-vector-width=512"]
if ARM and not MSVC:
    FLAGS["neon"] = []

# Canonical arithmetic: the compiler may neither contract, reorder nor approximate.
GNU = ["-O3", "-ffp-contract=off", "-fno-math-errno", "-fno-trapping-math", "-g0"]
NUMERICS = ["/O2", "/fp:precise"] if MSVC else GNU
#: one wheel for every CPython from 3.11 on; a free-threaded one has no Limited API, and gets a wheel of its own
ABI3 = not sysconfig.get_config_var("Py_GIL_DISABLED")
LIMITED_API = [("Py_LIMITED_API", "0x030B0000"), ("CYTHON_LIMITED_API", "1")] if ABI3 else []
NUMPY_API = [(name, "NPY_2_0_API_VERSION") for name in ("NPY_NO_DEPRECATED_API", "NPY_TARGET_VERSION")]
INLINE = [] if MSVC else [("CYTHON_INLINE", "__inline__ __attribute__((__always_inline__))")]


def kernel(isa: str, bits: int) -> Extension:
    return Extension(
        f"cyrnn.kernels._isa_{isa}_f{bits}",
        [f"{KERNELS}_isa_{isa}_f{bits}.pyx"],
        include_dirs=[KERNELS],
        define_macros=[(f"CYRNN_{isa.upper()}", None), ("CYRNN_DOUBLE", str(int(bits == 64))), *LIMITED_API, *INLINE],
        extra_compile_args=[*NUMERICS, *FLAGS[isa]],
        libraries=[] if MSVC else ["m"],
        py_limited_api=ABI3,
    )


def plain(name: str, *flags: str) -> Extension:
    """A module that runs on any CPU of the platform: it asks for features, or calls the kernels."""
    return Extension(
        f"cyrnn.kernels.{name}",
        [f"{KERNELS}{name}.pyx"],
        include_dirs=[KERNELS, numpy.get_include()],
        define_macros=[*NUMPY_API, *LIMITED_API],
        extra_compile_args=[] if MSVC else ["-g0", *flags],
        py_limited_api=ABI3,
    )


setup(
    ext_modules=[
        plain("_cpu"),
        plain("views", "-Os"),
        plain("_fast"),
        *(kernel(isa, bits) for isa in FLAGS for bits in (32, 64)),
    ],
    options={"bdist_wheel": {"py_limited_api": "cp311"}} if ABI3 else {},
)
