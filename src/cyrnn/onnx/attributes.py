"""The attributes of the operators, and what they say of the cell in each direction."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple, TypedDict, TypeVar

import numpy as np

from ..cells import PLAIN, Activation, Variant
from ..weights.onnx_nodes import ACTIVATION_NAMES, activation
from . import _check

F = TypeVar("F", bound=Callable[..., Any])


class Attributes(TypedDict, total=False):
    """The attributes that all operators have."""

    direction: str
    activations: Sequence[str] | None
    activation_alpha: Sequence[float] | None
    activation_beta: Sequence[float] | None
    clip: float | None
    hidden_size: int | None
    layout: int


class GRUAttributes(Attributes, total=False):
    linear_before_reset: int


class LSTMAttributes(Attributes, total=False):
    input_forget: int


_COMMON: dict[str, Any] = dict.fromkeys(Attributes.__annotations__) | {"direction": "forward", "layout": 0}
#: operator -> the defaults of its attributes
DEFAULTS = {"RNN": _COMMON, "GRU": _COMMON | {"linear_before_reset": 0}, "LSTM": _COMMON | {"input_forget": 0}}
#: operator -> the activations of one direction, where none are given
ACTIVATIONS = {"RNN": ("Tanh",), "GRU": ("Sigmoid", "Tanh"), "LSTM": ("Sigmoid", "Tanh", "Tanh")}
DIRECTIONS = {"forward": (False,), "reverse": (True,), "bidirectional": (False, True)}


class OneDirection(NamedTuple):
    """What runs in one direction."""

    cell: str  # its name in `CELLS`
    variant: Variant
    reverse: bool


def shown(operator: str) -> Callable[[F], F]:
    """Let `help` show the attributes of an operator with their defaults, in the place of **attributes."""

    def decorate(function: F) -> F:
        signature = inspect.signature(function)
        named = [p for p in signature.parameters.values() if p.kind is not p.VAR_KEYWORD]
        own = [
            inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default)
            for name, default in DEFAULTS[operator].items()
        ]
        function.__dict__["__signature__"] = signature.replace(parameters=named + own)
        return function

    return decorate


def with_defaults(operator: str, given: Mapping[str, Any]) -> dict[str, Any]:
    """Return all attributes of an operator."""
    for name in given:
        if name not in DEFAULTS[operator]:
            _check.unknown_attribute(f"onnx.{operator}", name, DEFAULTS[operator])
    return DEFAULTS[operator] | dict(given)


def directions(operator: str, given: Mapping[str, Any], peephole: bool) -> list[OneDirection]:
    """Return what runs in each direction; `given`: all attributes."""
    function, own = f"onnx.{operator}", ACTIVATIONS[operator]
    reverses = _check.one_of(function, "direction", given["direction"], DIRECTIONS)
    names, each = given["activations"], len(own)
    names = own * len(reverses) if names is None else names
    _check.count(function, "activations", names, each * len(reverses), f"{each} for each direction")
    found = list(_activations(function, names, given["activation_alpha"], given["activation_beta"]))
    limit = _check.limit(function, given["clip"])
    form = {name: _check.flag(function, name, given[name]) for name in given.keys() - _COMMON.keys()}
    return [
        OneDirection(*_cell(operator, found[i * each : (i + 1) * each], limit, peephole, **form), reverse)
        for i, reverse in enumerate(reverses)
    ]


def _cell(
    operator: str,
    part: Sequence[Activation],
    clip: float,
    peephole: bool,
    input_forget: bool = False,
    linear_before_reset: bool = False,
) -> tuple[str, Variant]:
    """Return the name of the cell, the plain one where nothing asks for another, and its variant."""
    if operator == "RNN":
        variant = PLAIN._replace(candidate=part[0], clip=clip)
        plain = {"tanh": "rnn", "relu": "rnn_relu"}.get(part[0].name) if clip == np.inf else None
        return plain or "rnn_variant", variant
    variant = Variant(part[0], part[1], part[2] if operator == "LSTM" else PLAIN.output, clip)
    if input_forget:
        return "lstm_coupled", variant
    cell = "lstm" if operator == "LSTM" else "gru_after" if linear_before_reset else "gru"
    return cell if variant == PLAIN and not peephole else f"{cell}_variant", variant


def _activations(function: str, names: Sequence[Any], alphas: Any, betas: Any) -> Iterator[Activation]:
    """Yield the activations; each that has an alpha, or a beta, takes the next of those that are given."""
    pending = {
        argument: _check.numbers(function, argument, given)
        for argument, given in (("activation_alpha", alphas), ("activation_beta", betas))
    }
    for i, name in enumerate(names):
        found = activation(name, *pending.values())
        if found is None:
            _check.unknown_activation(function, f"activations[{i}]", name, [*ACTIVATION_NAMES])
        yield found
    for argument, left in pending.items():
        _check.none_left(function, argument, left)
