"""The options of a model that a file has to keep, for names and shapes of weights do not tell them."""

from __future__ import annotations

from typing import Any

from .head import Head
from .module import Module

#: what names and shapes tell
_TOLD = ("num_layers", "bias", "bidirectional", "proj_size", "peephole")


def options(model: Module[Any]) -> dict[str, Any]:
    """Return the options that are not the class's defaults."""
    own = {name: default for name, default in (model._options | model._variants).items() if name not in _TOLD}
    found = {name: getattr(model, name) for name, default in own.items() if getattr(model, name) != default}
    return found | {"kind": model._kind} if isinstance(model, Head) and "bias" not in model._plan.shapes else found
