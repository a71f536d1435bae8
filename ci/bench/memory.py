"""How far a process grows when a contestant is prepared and when it is called, Linux alone.

Each form of each contestant has a new process. Its resident memory is read before and after its preparation (weights
loaded and packed, its input copied); then the kernel's mark of the highest resident memory is set back, and calls are
made; what the mark has risen above the resident memory is the growth of a call: results, caches, work memory.
"""

from __future__ import annotations

import contextlib
import ctypes
import gc
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

RIVALS = ("cyrnn", "torch", "onnxruntime", "openvino", "jax", "numpy")
CASES = (
    ("hidden", (1024, 1024, 1, 50)),
    ("hidden", (256, 256, 32, 50)),
    ("hidden", (512, 512, 64, 50)),
    ("train", (256, 256, 32, 50)),
    ("train", (512, 512, 64, 50)),
)
CALLS = 4
STATUS, CLEAR = Path("/proc/self/status"), Path("/proc/self/clear_refs")


def _resident() -> tuple[int, int]:
    """Bytes that are resident now, and at most since the mark was set."""
    fields = dict(line.split(":", 1) for line in STATUS.read_text().splitlines())
    now, most = (int(fields[name].split()[0]) * 1024 for name in ("VmRSS", "VmHWM"))
    return now, most


def _tidy() -> None:
    """Collect garbage and give freed memory back to the system."""
    gc.collect()
    with contextlib.suppress(OSError, AttributeError):  # glibc alone has it
        ctypes.CDLL("libc.so.6").malloc_trim(0)


def child(rival: str, kind: str, shape: tuple[int, ...], which: int) -> dict[str, Any]:
    """Prepare and call one form; run in a process that does nothing else."""
    from . import contestant, work

    (module,) = contestant.load([rival])[0].values()
    tiny = work.Case(kind, "lstm", "f32", 2, 3, 1, 2)
    for variant in contestant.variants(module, tiny):  # what a library loads at its first call
        with variant.around():
            variant.call()
    case = work.Case(kind, "lstm", "f32", *shape)
    arrays = case.x_rows, case.da_rows, case.all_initial, case.weights()  # kept by the case, or freed again
    del arrays
    _tidy()
    before, _ = _resident()
    variants = contestant.variants(module, case)
    if which >= len(variants):
        return {}
    variant = variants[which]
    del variants
    _tidy()
    prepared, _ = _resident()
    grown = []
    with variant.around():
        for _ in range(CALLS):
            _tidy()
            CLEAR.write_text("5")
            now, _ = _resident()
            result = variant.call()
            grown.append(_resident()[1] - now)
            del result
    _tidy()
    return {
        "form": variant.variant,
        "library": before,
        "prepared": prepared - before,
        "first": _resident()[0] - prepared,
        "calls": grown,
    }


def measured() -> list[list[Any]]:
    """Return kind, shape, rival and what `child` found, for each form of each contestant that takes the case."""
    rows: list[list[Any]] = []
    for kind, shape in CASES:
        for rival in RIVALS:
            for which in range(6):
                words = [rival, kind, json.dumps(shape), str(which)]
                command = [sys.executable, "-m", "ci.bench.memory", *words]
                done = subprocess.run(command, capture_output=True, text=True, check=True)
                found = json.loads(done.stdout.splitlines()[-1])
                if not found:
                    break
                rows.append([kind, list(shape), rival, found])
    return rows


if __name__ == "__main__":
    name, work_kind, sizes, number = sys.argv[1:]
    print(json.dumps(child(name, work_kind, tuple(json.loads(sizes)), int(number))))
