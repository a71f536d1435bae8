"""The options of a model that a file has to keep, for names and shapes of weights do not tell them."""

from __future__ import annotations

from typing import Any

from .container import Container
from .dropout import Dropout
from .embedding import Embedding
from .last_step import LastStep
from .layer_norm import LayerNorm
from .linear import Linear
from .module import Module

#: what names and shapes tell
_TOLD = ("num_layers", "bias", "bidirectional", "proj_size", "peephole")


def options(model: Module[Any]) -> dict[str, Any]:
    """Return the options that are not the class's defaults."""
    own = {name: default for name, default in (model._options | model._variants).items() if name not in _TOLD}
    found = {name: getattr(model, name) for name, default in own.items() if getattr(model, name) != default}
    alike = isinstance(model, (Linear, Embedding)) and "bias" not in model._plan.shapes
    return found | {"kind": class_of(model)} if alike else found


def modules(model: Container) -> list[list[Any]]:
    """Return for each module of a model its class and options, or its modules; what JSON can say."""
    found: list[list[Any]] = []
    for module in model:
        if isinstance(module, Container):
            found.append(["Sequential", modules(module)])
        elif isinstance(module, Dropout):
            found.append(["Dropout", {"p": module.p, "batch_first": module.batch_first}])
        elif isinstance(module, LastStep):
            found.append(["LastStep", {"bidirectional": module.bidirectional, "batch_first": module.batch_first}])
        elif isinstance(module, LayerNorm) and not module.elementwise_affine:
            own = {"normalized_shape": module._plan.features, "eps": module.eps, "elementwise_affine": False}
            found.append(["LayerNorm", own | {"batch_first": module.batch_first, "dtype": module.dtype.name}])
        else:
            found.append([class_of(module), options(module)])
    return found


def class_of(module: Module[Any]) -> str:
    """Return the name of the class of nn that a module is of; it may be of a subclass."""
    return next(kind.__name__ for kind in type(module).__mro__ if kind.__module__.startswith(f"{__package__}."))
