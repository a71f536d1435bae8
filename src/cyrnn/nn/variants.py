"""What the cells of a model may have that torch's have not: activations, a clip, peepholes, coupled gates.

The plain cells are the fastest: they are taken where nothing asks for another.
"""

from __future__ import annotations

from typing import Any

from ..cells import FUNCTIONS, PLAIN, Activation, Variant
from . import _check_variants

#: options of LSTM and GRU beside torch's, and their defaults
VARIANT_OPTIONS: dict[str, Any] = {"recurrent_activation": "sigmoid", "activation": "tanh", "clip": None}


def variant_of(
    function: str, recurrent_activation: Any, activation: Any, clip: Any, output_activation: Any = None
) -> Variant:
    """Return the activations and the clip of a cell. The output has the candidate's activation, unless one is given."""
    candidate = _check_variants.activation(function, "activation", activation)
    return Variant(
        _check_variants.activation(function, "recurrent_activation", recurrent_activation),
        candidate,
        candidate
        if output_activation is None
        else _check_variants.activation(function, "output_activation", output_activation),
        _check_variants.clip(function, clip),
    )


def cell_name(cell: str, variant: Variant) -> str:
    """Return the name of a cell with this variant: its own, where the variant is its plain form."""
    return cell if variant == PLAIN else f"{cell}_variant"


def given_as(activation: Activation) -> str | tuple[Any, ...]:
    """Return what stands for an activation: its name alone, where its constants are the function's own."""
    own = FUNCTIONS[activation.name].constants
    constants = activation[1 : 1 + len(own)]
    return activation.name if constants == own else (activation.name, *constants)
