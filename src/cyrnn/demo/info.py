"""What runs here: versions, CPU, the chosen instruction set, threads."""

from __future__ import annotations

import contextlib
import platform
import textwrap
from pathlib import Path
from typing import Any

import numpy as np

import cyrnn

from ..kernels import dispatch
from .page import WIDTH, Page


def facts() -> dict[str, Any]:
    return {
        "cyrnn": cyrnn.__version__,
        "python": platform.python_version(),
        "numpy": np.__version__,
        "platform": f"{platform.system()} {platform.machine()}",
        "cpu": cpu(),
        "features": dispatch.features(),
        "isa": dispatch.kernels.isa,
        "available": list(dispatch.available()),
        "compiler": dispatch.compiler(),
        "threads": cyrnn.get_num_threads(),
    }


def cpu() -> str:
    """The CPU's name. `platform` does not know it on Linux."""
    with contextlib.suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()  # pragma: no cover  # not on Linux


def show(page: Page) -> None:
    known = facts()
    known["features"] = " ".join(name for name, there in known["features"].items() if there) or "none"
    known["available"] = " ".join(known["available"])
    for name, value in known.items():
        for number, part in enumerate(textwrap.wrap(str(value), WIDTH - 12) or [""]):
            page.line(f"{'' if number else name:<12}{part}")
