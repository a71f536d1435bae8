"""What the cells of a model may have that torch's have not: activations, a clip, peepholes, coupled gates.

The plain cells are the fastest: they are taken where nothing asks for another.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..cells import FUNCTIONS, PLAIN, Activation, Variant
from . import _check, _check_variants

if TYPE_CHECKING:
    from .weights import Plan

#: options of LSTM and GRU beside torch's, and their defaults
VARIANT_OPTIONS: dict[str, Any] = {"recurrent_activation": "sigmoid", "activation": "tanh", "clip": None}
#: options of each class, layers or a cell, that torch's has not
RNN_OPTIONS: dict[str, Any] = {"clip": None}
GRU_OPTIONS: dict[str, Any] = {"reset_after": True} | VARIANT_OPTIONS
LSTM_OPTIONS: dict[str, Any] = (
    {"peephole": False, "coupled": False} | VARIANT_OPTIONS | {"output_activation": None}
)

#: the cells of an RNN, by its nonlinearity; any other is a variant
NONLINEARITIES = {"tanh": "rnn", "relu": "rnn_relu"}


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


def rnn_cell(function: str, nonlinearity: Any, clip: Any) -> tuple[str, Variant]:
    """Return the name of an RNN's cell, and its variant."""
    activation = _check_variants.activation(function, "nonlinearity", nonlinearity)
    variant = PLAIN._replace(candidate=activation, clip=_check_variants.clip(function, clip))
    return "rnn_variant" if clip is not None else NONLINEARITIES.get(activation.name, "rnn_variant"), variant


def gru_cell(
    function: str, reset_after: Any, recurrent_activation: Any, activation: Any, clip: Any
) -> tuple[str, Variant]:
    """Return the name of a GRU's cell, and its variant."""
    form = "gru_after" if _check.flag(function, "reset_after", reset_after) else "gru"
    variant = variant_of(function, recurrent_activation, activation, clip)._replace(output=PLAIN.output)
    return cell_name(form, variant), variant


def lstm_cell(
    function: str,
    peephole: Any,
    coupled: Any,
    recurrent_activation: Any,
    activation: Any,
    output_activation: Any,
    clip: Any,
) -> tuple[str, Variant, bool]:
    """Return the name of an LSTM's cell, its variant, and whether it has peepholes."""
    variant = variant_of(function, recurrent_activation, activation, clip, output_activation)
    peephole = _check.flag(function, "peephole", peephole)
    cell = "lstm_variant" if peephole else cell_name("lstm", variant)
    return "lstm_coupled" if _check.flag(function, "coupled", coupled) else cell, variant, peephole


class OfRNN:
    """The options of an RNN, read."""

    _plan: Plan

    @property
    def nonlinearity(self) -> Any:
        """The activation of the cell: its name, or a tuple of its name and its constants."""
        return given_as(self._plan.variant.candidate)


class OfGRU:
    """The options of a GRU, read."""

    _plan: Plan

    @property
    def reset_after(self) -> bool:
        """Whether the reset gate stands behind the product, as in torch."""
        return self._plan.name.startswith("gru_after")


class OfLSTM:
    """The options of an LSTM, read."""

    _plan: Plan

    @property
    def peephole(self) -> bool:
        """Whether the gates see the cell state, too."""
        return self._plan.peephole

    @property
    def coupled(self) -> bool:
        """Whether the forget gate is 1 minus the input gate."""
        return self._plan.name == "lstm_coupled"

    @property
    def output_activation(self) -> Any:
        """The activation of the cell state on its way to the hidden state; None where it is that of the candidate."""
        variant = self._plan.variant
        return None if variant.output == variant.candidate else given_as(variant.output)


def given_as(activation: Activation) -> str | tuple[Any, ...]:
    """Return what stands for an activation: its name alone, where its constants are the function's own."""
    own = FUNCTIONS[activation.name].constants
    constants = activation[1 : 1 + len(own)]
    return activation.name if constants == own else (activation.name, *constants)
