"""The machine and the conditions of a run: one core, one thread, NumPy's BLAS as its authors ship it."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]

ONE_THREAD = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "NUMEXPR_NUM_THREADS",
    "TBB_NUM_THREADS",
    "CYRNN_NUM_THREADS",
)
# Set by hand or by a container, these make OpenBLAS choose slower kernels or blocks, which would flatter us.
FLATTERING = ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE")

_free_cores = frozenset(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else frozenset()


#: where CYRNN_ISA holds cyrnn to AVX2, what holds others to it. onnxruntime has no such switch.
HELD_TO_AVX2 = {
    "OPENBLAS_CORETYPE": "Haswell",  # NumPy's BLAS
    "ONEDNN_MAX_CPU_ISA": "AVX2",  # torch's oneDNN, openvino's
    "ATEN_CPU_CAPABILITY": "avx2",  # torch's own kernels
}


def settle(core: int | None, *, default_threads: bool = False) -> int | None:
    """Pin this process to one core and clean its environment; return the core, None where pinning is unknown.

    `default_threads`: no core, and each library has as many threads as it takes without being told.
    Threads and environment are inherited by libraries when they are loaded, so this must come before them.
    """
    loaded = sorted({"numpy", "torch", "onnxruntime", "openvino", "jax", "cyrnn"} & set(sys.modules))
    if loaded:
        raise RuntimeError(f"settle() came too late: {', '.join(loaded)} already imported")
    for name in FLATTERING:
        os.environ.pop(name, None)
    for name in ONE_THREAD:
        os.environ[name] = "1"
        if default_threads:
            del os.environ[name]
    os.environ["XLA_FLAGS"] = "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"
    if os.environ.get("CYRNN_ISA") == "avx2":
        os.environ.update(HELD_TO_AVX2)
        os.environ["XLA_FLAGS"] += " --xla_cpu_max_isa=AVX2"
    os.environ["JAX_PLATFORMS"] = "cpu"
    os.environ["OPENVINO_TELEMETRY_ENABLE"] = "0"
    if not _free_cores or default_threads:
        return None
    if core is None:
        core = sorted(_free_cores)[1 if len(_free_cores) > 1 else 0]  # core 0 serves the interrupts
    os.sched_setaffinity(0, {core})
    return core


def free_cores() -> frozenset[int]:
    """The cores that this process had before it was pinned."""
    return _free_cores


@contextlib.contextmanager
def unpinned() -> Iterator[None]:
    """Give the calling thread, and the threads it starts, every core."""
    if not _free_cores:
        yield
        return
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, _free_cores)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


@contextlib.contextmanager
def spinning(core: int) -> Iterator[None]:
    """Keep `core` busy with another process all the time."""
    code = f"import os\nos.sched_setaffinity(0, {{{core}}})\nprint(flush=True)\nwhile True: pass"
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE) as other:
        try:
            assert other.stdout is not None
            other.stdout.readline()
            yield
        finally:
            other.kill()


def cpu_model() -> str:
    with contextlib.suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.lower().startswith(("model name", "hardware", "cpu model")):
                return line.split(":", 1)[1].strip()
    import platform

    return platform.processor() or platform.machine()


def has(isa: str) -> bool:
    """Whether this CPU has "avx2" or "avx512", by Linux's word; True where that is not known."""
    try:
        flags = Path("/proc/cpuinfo").read_text()
    except OSError:
        return True
    return {"avx2": " avx2", "avx512": " avx512vl"}[isa] in flags


def commit() -> str:
    """The commit that is checked out, with "+" where src/ has changes that are not in it."""

    def git(*words: str) -> str:
        return subprocess.run(
            ["git", "-C", str(ROOT), *words], capture_output=True, text=True, check=True, timeout=30
        ).stdout.strip()

    try:
        return git("rev-parse", "--short=10", "HEAD") + (
            "+" if git("status", "--porcelain", "--", "src") else ""
        )
    except (OSError, subprocess.SubprocessError):
        return "unknown"


def blas() -> str:
    """Which BLAS NumPy runs, and which of its kernels: "openblas 0.3.30 SkylakeX"."""
    import numpy as np

    np.ones((2, 2)) @ np.ones((2, 2))
    try:
        import threadpoolctl
    except ImportError:
        return "unknown (threadpoolctl is missing)"
    pools = [pool for pool in threadpoolctl.threadpool_info() if pool["user_api"] == "blas"]
    for pool in pools:
        if "numpy" in pool["filepath"] or len(pools) == 1:
            return f"{pool['internal_api']} {pool['version']} {pool.get('architecture', '')}".strip()
    return "unknown"


def describe(core: int | None) -> dict[str, Any]:
    """The conditions of a run, which a reader of its numbers must know."""
    import platform

    import numpy as np

    return {
        "cpu": cpu_model(),
        "cores": len(_free_cores) or os.cpu_count(),
        "pinned": core,
        "system": platform.system(),
        "python": platform.python_version(),
        "numpy": np.__version__,
        "blas": blas(),
        "load": round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else None,
        "commit": commit(),
    }
