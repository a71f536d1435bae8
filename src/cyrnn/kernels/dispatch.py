"""Picks the ISA once, before importing its kernels.

Everything in a kernel module may use its ISA, its import included: so detect first, import second.
"""

from __future__ import annotations

import importlib
import os
from functools import cached_property
from importlib.machinery import PathFinder
from types import ModuleType
from typing import Any

from ..cells import CELLS

#: ISA -> the CPU features it needs; the best comes first. Integer weights: see `integer_isa`
NEEDS: dict[str, tuple[str, ...]] = {
    "avx512": ("avx512f", "avx512dq", "avx512bw", "avx512vl"),
    "avx2": ("avx2", "fma"),
    "neon": ("neon",),
    "wasm": ("wasm",),
    "baseline": (),
    "reference": (),
}


def compiled(name: str) -> ModuleType:
    """Import one of this package's extension modules."""
    return importlib.import_module(f"{__package__}.{name}")


def define_cells(module: ModuleType) -> None:
    """Tell a module of kernels how many stages and gates each cell has."""
    for cell in CELLS.values():
        number = module.cell_numbers.get(cell.name)
        if number is None:
            lacks = f"{module.__name__} has no cell {cell.name!r}"
            raise ImportError(f"cyrnn: {lacks}: give it a number in kernels/registry.pxi, and build the kernels again")
        module.define_cell(number, len(cell.stages), len(cell.stored_gates), "a" in cell.skip_gradients)
        for i, stage in enumerate(cell.stages):
            W_a, W_x = [gate.W_a for gate in stage.gates], [gate.W_x for gate in stage.gates]
            module.define_stage(number, i, len(W_a), len(W_a) - W_a.count(None), len(W_x) - W_x.count(None))


class Kernels:
    """The kernels of one ISA: a table of compiled functions for each dtype, and `views`, entry points for arrays."""

    def __init__(self, isa: str, f32: ModuleType | None, f64: ModuleType | None) -> None:
        self.isa = isa
        self.cell_numbers: dict[str, int] = dict.fromkeys(CELLS, 0)
        self.tables: tuple[Any, Any] = (None, None)  # for float32 and float64
        if f32 and f64:
            self.cell_numbers, self.tables = f32.cell_numbers, (f32.table, f64.table)
            for module in (f32, f64):
                define_cells(module)

    @cached_property
    def views(self) -> Any:
        """The entry points for both dtypes: views.pyx."""
        return compiled("views").Views(self.cell_numbers, *self.tables)

    @cached_property
    def integers(self) -> Any:
        """The table of functions for integer weights, over that for float32; None of "reference"."""
        if self.tables[0] is None:
            return None
        module = compiled(f"_isa_{integer_isa(self.isa)}_int")
        define_cells(module)
        return module.table_over(self.tables[0])

    def __repr__(self) -> str:
        return f"<cyrnn kernels: {self.isa}>"


def features() -> dict[str, bool]:
    """Return what this CPU and its operating system support, by feature name."""
    return dict(compiled("_cpu").features())


def compiler() -> str:
    """Return what compiled the kernels, and what it cannot do."""
    return str(compiled("_cpu").compiler())


def missing(isa: str) -> list[str]:
    """Return the features that `isa` needs and this CPU lacks."""
    have = features()
    return [feature for feature in NEEDS[isa] if not have[feature]]


def built(isa: str) -> bool:
    """Whether this installation holds the kernels of `isa`."""
    return isa == "reference" or PathFinder.find_spec(f"_isa_{isa}_f32", [os.path.dirname(__file__)]) is not None


def integer_isa(isa: str) -> str:
    """Return whose kernels for integer weights go with those of an ISA: the bits are the same."""
    if isa == "avx512" and not features()["avx512vnni"]:
        return "avx2"
    return "neondot" if isa == "neon" and features()["asimddp"] else isa


def available() -> tuple[str, ...]:
    """Return the ISAs that this installation holds and this CPU can run, the best first."""
    return tuple([isa for isa in NEEDS if not missing(isa) and built(isa)])


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
        return Kernels(isa, None, None)
    return Kernels(isa, compiled(f"_isa_{isa}_f32"), compiled(f"_isa_{isa}_f64"))


#: the kernels in use: those that CYRNN_ISA names, or the best that this CPU runs
kernels = load(os.environ.get("CYRNN_ISA") or next(isa for isa in NEEDS if not missing(isa) and built(isa)))
