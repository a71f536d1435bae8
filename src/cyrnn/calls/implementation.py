"""Which calls are in use: the compiled ones, or those in NumPy where the ISA is "reference"."""

from __future__ import annotations

import importlib
from typing import Any

from ..kernels import dispatch

implementation: Any = importlib.import_module(
    f"{__package__}.{'reference' if dispatch.kernels.isa == 'reference' else '_calls'}"
)
