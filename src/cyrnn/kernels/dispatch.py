"""Picks the ISA once, before importing its kernels.

Everything in a kernel module may use its ISA, its import included: so detect first, import second.
"""

from __future__ import annotations

import importlib
import os
from importlib.machinery import PathFinder
from types import ModuleType
from typing import Any

import numpy as np

#: ISA -> the CPU features it needs; the best comes first
NEEDS: dict[str, tuple[str, ...]] = {
    "avx512": ("avx512f", "avx512dq", "avx512bw", "avx512vl"),
    "avx2": ("avx2", "fma"),
    "neon": ("neon",),
    "baseline": (),
    "reference": (),
}


def compiled(name: str) -> ModuleType:
    """Import one of this package's extension modules."""
    return importlib.import_module(f"{__package__}.{name}")


class Kernels:
    """The entry points of one ISA, for each dtype (see face.pxi)."""

    def __init__(self, isa: str, f32: ModuleType, f64: ModuleType) -> None:
        self.isa, self.f32, self.f64 = isa, f32, f64

    def of(self, dtype: np.dtype[Any]) -> ModuleType:
        return self.f32 if dtype == np.float32 else self.f64

    @property
    def tables(self):
        return self.f32.table, self.f64.table

    def __repr__(self) -> str:
        return f"<cyrnn kernels: {self.isa}>"


def features() -> dict[str, bool]:
    """Return what this CPU and its operating system support, by feature name."""
    return dict(compiled("_cpu").features())


def missing(isa: str) -> list[str]:
    """Return the features that `isa` needs and this CPU lacks."""
    have = features()
    return [feature for feature in NEEDS[isa] if not have[feature]]


def built(isa: str) -> bool:
    """Whether this installation holds the kernels of `isa`."""
    return isa == "reference" or PathFinder.find_spec(f"_isa_{isa}_f32", [os.path.dirname(__file__)]) is not None


def available() -> tuple[str, ...]:
    """Return the ISAs that this installation holds and this CPU can run, the best first."""
    return tuple(isa for isa in NEEDS if not missing(isa) and built(isa))


def load(isa: str) -> Kernels:
    """Import the kernels of `isa`, or say by ImportError what stands in the way."""
    if isa not in NEEDS:
        raise ImportError(f"cyrnn: no ISA is called {isa!r}; there are {', '.join(NEEDS)}")
    if missing(isa):
        needs, lacks = " ".join(NEEDS[isa]), " ".join(missing(isa))
        raise ImportError(f"cyrnn: the {isa} kernels need {needs}; this CPU lacks {lacks}")
    if not built(isa):
        raise ImportError(f"cyrnn: the {isa} kernels are not part of this installation")
    if isa == "reference":
        reference = importlib.import_module(f"{__package__}.reference")
        return Kernels(isa, reference, reference)
    return Kernels(isa, compiled(f"_isa_{isa}_f32"), compiled(f"_isa_{isa}_f64"))


#: the kernels in use: those that CYRNN_ISA names, or the best that this CPU runs
kernels = load(os.environ.get("CYRNN_ISA") or next(isa for isa in NEEDS if not missing(isa) and built(isa)))
