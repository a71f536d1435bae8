"""The attributes of the operators, and what they say of the cell in each direction."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

from ..cells import PLAIN, Activation, Variant
from ..weights.onnx_nodes import ACTIVATION_NAMES, activation
from . import _check

#: operator -> the activations of one direction, where none are given
DEFAULTS = {"RNN": ("Tanh",), "GRU": ("Sigmoid", "Tanh"), "LSTM": ("Sigmoid", "Tanh", "Tanh")}
DIRECTIONS = {"forward": (False,), "reverse": (True,), "bidirectional": (False, True)}


class OneDirection(NamedTuple):
    """What runs in one direction."""

    cell: str  # its name in `CELLS`
    variant: Variant
    reverse: bool


def directions(
    operator: str,
    direction: Any,
    activations: Any,
    activation_alpha: Any,
    activation_beta: Any,
    clip: Any,
    coupled: bool = False,
    peephole: bool = False,
    linear_before_reset: bool = False,
) -> list[OneDirection]:
    """Return what runs in each direction."""
    function = f"onnx.{operator}"
    reverses = _check.one_of(function, "direction", direction, DIRECTIONS)
    names = DEFAULTS[operator] * len(reverses) if activations is None else activations
    wanted = len(DEFAULTS[operator]) * len(reverses)
    _check.count(function, "activations", names, wanted, f"{len(DEFAULTS[operator])} for each direction")
    found = list(_activations(function, names, activation_alpha, activation_beta))
    limit = _check.limit(function, clip)
    parts = [found[i : i + len(DEFAULTS[operator])] for i in range(0, wanted, len(DEFAULTS[operator]))]
    return [
        OneDirection(*_cell(operator, part, limit, coupled, peephole, linear_before_reset), reverse)
        for part, reverse in zip(parts, reverses, strict=True)
    ]


def _cell(
    operator: str, part: Sequence[Activation], clip: float, coupled: bool, peephole: bool, linear_before_reset: bool
) -> tuple[str, Variant]:
    """Return the name of the cell, the plain one where nothing asks for another, and its variant."""
    if operator == "RNN":
        variant = PLAIN._replace(candidate=part[0], clip=clip)
        plain = {"tanh": "rnn", "relu": "rnn_relu"}.get(part[0].name) if clip == np.inf else None
        return plain or "rnn_variant", variant
    variant = Variant(part[0], part[1], part[2] if operator == "LSTM" else PLAIN.output, clip)
    if coupled:
        return "lstm_coupled", variant
    cell = "lstm" if operator == "LSTM" else "gru_after" if linear_before_reset else "gru"
    return cell if variant == PLAIN and not peephole else f"{cell}_variant", variant


def _activations(function: str, names: Sequence[Any], alphas: Any, betas: Any) -> Iterator[Activation]:
    """Yield the activations; each that has an alpha, or a beta, takes the next of those that are given."""
    pending = {
        argument: [_check.number(function, argument, value) for value in given or ()]
        for argument, given in (("activation_alpha", alphas), ("activation_beta", betas))
    }
    for i, name in enumerate(names):
        found = activation(name, *pending.values())
        if found is None:
            _check.unknown_activation(function, f"activations[{i}]", name, [*ACTIVATION_NAMES])
        yield found
    for argument, left in pending.items():
        _check.none_left(function, argument, left)
