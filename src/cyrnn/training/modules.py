"""The modules that an optimizer trains, and the names of their weights.

Nothing of nn is imported: only methods are called. A module has `_trainable(function)`, its weights by their names, and
`_written(weights)`, which lets them take effect. A model of several, `nn.Sequential`, is one that has a length and its
modules by their numbers; the names of weights begin with those, as in its state_dict: "0.weight_ih_l0".
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from . import _check_optimizers as _check


class Leaf(NamedTuple):
    """A module that has weights itself."""

    prefix: str  # of the names of its weights
    module: Any
    names: list[str]  # without the prefix


class Trained(NamedTuple):
    """A module that an optimizer was given: one entry of the gradients."""

    argument: str  # of its gradients, in sentences
    prefix: str  # of the names of its state
    leaves: list[Leaf]
    kind: str  # the name of its class


def trained(function: str, modules: Any) -> list[Trained]:
    """Return the modules of an optimizer, each with those that have weights."""
    several = isinstance(modules, (list, tuple))
    given = list(modules) if several else [modules]
    if not given:
        _check.no_modules(function)
    found: list[Trained] = []
    seen: dict[int, str] = {}
    for i, module in enumerate(given):
        argument = f"modules[{i}]" if several else "modules"
        leaves = list(_leaves(function, argument, module, ""))
        for leaf in leaves:
            own = f"{argument}, {leaf.prefix.removesuffix('.')}" if leaf.prefix else argument
            if id(leaf.module) in seen:
                _check.twice(function, own, seen[id(leaf.module)])
            seen[id(leaf.module)] = own
        gradients = f"gradients[{i}]" if several else "gradients"
        found.append(Trained(gradients, f"{i}." if several else "", leaves, type(module).__name__))
    return found


def _leaves(function: str, argument: str, module: Any, prefix: str) -> Iterator[Leaf]:
    kind = type(module)
    if hasattr(kind, "__len__") and hasattr(kind, "__iter__") and hasattr(kind, "state_dict"):
        for i, inner in enumerate(module):
            yield from _leaves(function, argument, inner, f"{prefix}{i}.")
    elif hasattr(kind, "_trainable"):
        yield Leaf(prefix, module, list(module._trainable(function)))
    elif not prefix:  # one within another may have no weights
        _check.module(function, argument, module)
