"""Contestants: their interface, and which exist."""

from __future__ import annotations

import contextlib
import importlib
from collections.abc import Callable
from dataclasses import dataclass
from types import ModuleType
from typing import Any

from .work import Array, Case


@dataclass(frozen=True)
class Variant:
    """One variant of how one contestant does one case."""

    rival: str
    variant: str
    #: the work: all of it is timed. A stream's call is one step, which keeps its state for the next.
    call: Callable[[], Any]
    #: result of `call` -> {"a": (n_a, m, T_x), ...}; for a cell or a step (n_a, m)
    read: Callable[[Any], dict[str, Array]]
    #: entered around the timed calls, outside the clock
    around: Callable[[], contextlib.AbstractContextManager[Any]] = contextlib.nullcontext
    threads: int = 1


#: name -> module in .rivals. A module has `version() -> str` and, for each kind that it can do, a function
#: kind(case) -> list of Variant, empty where this case is not offered. Importing it imports the rival.
MODULES = {
    "cyrnn": "ours",
    "forward": "our_forward",
    "notebook": "notebook_numpy",
    "numpy": "best_numpy",
    "torch": "pytorch",
    "torch_cell": "pytorch_cell",
    "onnxruntime": "onnx_runtime",
    "openvino": "open_vino",
    "jax": "jax_scan",
    "cyrnn_int8": "ours_int8",
    "cyrnn_int16": "ours_int16",
    "cyrnn_int16x2": "ours_int16x2",
    "onnxruntime_int8": "onnx_int8",
    "openvino_int8": "open_vino_int8",
    "openvino_bf16": "open_vino_bf16",
    "torch_int8": "torch_int8",
    "torch_bf16": "torch_bf16",
}
#: those of work.QUANTIZED, "cyrnn" beside them: a library and its precision
QUANTIZED = tuple(name for name in MODULES if name.endswith(("_int8", "_int16", "_int16x2", "_bf16")))


def load(names: list[str]) -> tuple[dict[str, ModuleType], dict[str, str]]:
    """Import contestants; return those that are here, and for the others why not."""
    here: dict[str, ModuleType] = {}
    missing: dict[str, str] = {}
    for name in names:
        try:
            here[name] = importlib.import_module(f".rivals.{MODULES[name]}", __package__)
        except ImportError as error:
            missing[name] = str(error)
    return here, missing


def variants(module: ModuleType, case: Case) -> list[Variant]:
    """Return every variant of how a contestant does a case; empty if it does not."""
    offer: Callable[[Case], list[Variant]] = getattr(module, case.kind, lambda _: [])
    return offer(case)
