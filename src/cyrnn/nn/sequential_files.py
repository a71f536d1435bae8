"""Models of several modules, of their weights and of what a file says of their modules."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from . import _check, _check_files
from .convert import with_options
from .dropout import Dropout
from .last_step import LastStep
from .layer_norm import LayerNorm
from .sequential import Sequential

_PLAIN: dict[str, type[Any]] = {"Dropout": Dropout, "LastStep": LastStep, "LayerNorm": LayerNorm}


def sequential_of(
    function: str, path: str, weights: Mapping[str, Any], parts: list[Any], prefix: str, options: Mapping[str, Any]
) -> Any:
    """Make the model, or the module in it whose weights have names that begin with `prefix`."""
    others = {name: value for name, value in options.items() if name != "dequantize"}
    _check_files.no_options(function, path, others)
    dequantize = _check.flag(function, "dequantize", options.get("dequantize", False))
    left = dict(weights)
    with _check_files.naming(function, path):
        model = _made(function, path, left, parts, "")
        _check_files.none_left(left)
    model = model.dequantize() if dequantize else model
    if not prefix:
        return model
    inside = dict(_named(model, ""))
    return inside[_check_files.module_in(function, path, prefix, inside)]


def _made(function: str, path: str, left: dict[str, Any], parts: list[Any], before: str) -> Sequential:
    """Make a model of the weights under a name, and take them out of those that are left."""
    found: list[Any] = []
    for i, part in enumerate(parts):
        kind, own = _check_files.module_options(part, f"{before}{i}")
        name = f"{before}{i}."
        if kind == "Sequential":
            found.append(_made(function, path, left, own, name))
        elif kind in _PLAIN and (kind != "LayerNorm" or own.get("elementwise_affine") is False):
            found.append(_check_files.plain_module(_PLAIN[kind], own, f"{before}{i}"))
        else:
            under = [key for key in left if key.startswith(name)]
            options = _check_files.options_of_module(own, f"{before}{i}")
            weights = {key.removeprefix(name): left.pop(key) for key in under}
            module = with_options(function, path, weights, options, {})
            _check_files.same_class(module, kind, f"{before}{i}")
            found.append(module)
    return Sequential(*found)


def _named(model: Sequential, before: str) -> Iterator[tuple[str, Any]]:
    for i, module in enumerate(model):
        yield f"{before}{i}", module
        if isinstance(module, Sequential):
            yield from _named(module, f"{before}{i}.")
