"""The weights of a model under torch's names: their shapes, how they start, and how calls take them.

torch keeps W_x and W_a apart, the gates of each one above the other, and two biases. A cell has one bias for each gate.
Where the bias of the hidden state is inside a product with a gate, as in the candidate of the GRU, the cell has a gate
of its own for it, without an input half.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar, Protocol

import numpy as np

from .. import calls
from ..calls import stack
from ..calls.quantized import Quantized
from ..cells import CELLS, PLAIN, Cell, Variant
from ..cells.spec import Array
from ..weights import orders
from ..weights.torch_names import CLASSES, Described

#: how the names of matrices begin
_MATRICES = ("weight_ih", "weight_hh", "weight_hr")


class AnyPlan(Protocol):
    """What a model is, whatever its class: a frozen dataclass."""

    __dataclass_fields__: ClassVar[dict[str, Any]]

    @property
    def dtype(self) -> np.dtype[Any]: ...
    @property
    def shapes(self) -> Mapping[str, tuple[int, ...]]:
        """The shape of each weight by its name."""
    def initial(self, rng: np.random.Generator) -> dict[str, Array]:
        """Return weights as torch's start."""
    def packed(self, weights: Mapping[str, Array]) -> tuple[Any, ...]:
        """Return what computes with these weights, which are its own from then on."""


class QuantizablePlan(AnyPlan, Protocol):
    """What a model is that `quantize` makes another of."""

    @property
    def integers(self) -> np.dtype[Any] | None:
        """int8 or int16, of matrices; None where they are of `dtype`, as all else is."""
    @property
    def matrices(self) -> tuple[str, ...]:
        """The names of the weights that `quantize` makes integers of."""
    @property
    def multiplied(self) -> bool:
        """Whether matrices are multiplied with activations, by sums that have to fit 32 bits."""


@dataclass(frozen=True)
class Plan:
    """What a model is: its cell, its sizes, and with them the names and shapes of its weights."""

    name: str  # of the cell
    input_size: int
    hidden_size: int
    dtype: np.dtype[Any]
    bias: bool = True
    num_layers: int = 1
    directions: int = 1
    proj_size: int = 0
    numbered: bool = True  # whether the names of weights say their layer
    variant: Variant = PLAIN  # without its peepholes, which are weights:
    peephole: bool = False
    integers: np.dtype[Any] | None = None
    multiplied: ClassVar = True

    @property
    def cell(self) -> Cell:
        return CELLS[self.name]

    @cached_property
    def blocks(self) -> tuple[int, ...]:
        """Return for each gate of the cell its place in torch's order: which block of rows it has in weights."""
        return orders.blocks(self.cell, orders.order_of("torch", self.cell))

    @property
    def sublayers(self) -> int:
        """How many layers there are, each direction counted for itself."""
        return self.num_layers * self.directions

    @property
    def output_size(self) -> int:
        """H_out: what a sublayer hands on, for each direction."""
        return self.proj_size or self.hidden_size

    @property
    def state_sizes(self) -> tuple[int, ...]:
        """The size of each state: of the hidden one first."""
        return (self.output_size, *[self.hidden_size] * (len(self.cell.states) - 1))

    @cached_property
    def suffixes(self) -> tuple[str, ...]:
        """What the names of weights end in, for each sublayer in torch's order: layers, then directions."""
        if not self.numbered:
            return ("",)
        ways = ("", "_reverse")[: self.directions]
        return tuple([f"_l{layer}{way}" for layer in range(self.num_layers) for way in ways])

    def features(self, sublayer: int) -> int:
        """How many features the input of a sublayer has."""
        return self.input_size if sublayer < self.directions else self.output_size * self.directions

    @cached_property
    def shapes(self) -> dict[str, tuple[int, ...]]:
        """The shape of each weight by its name, in torch's order."""
        rows = (max(self.blocks) + 1) * self.hidden_size
        shapes: dict[str, tuple[int, ...]] = {}
        for sublayer, suffix in enumerate(self.suffixes):
            shapes[f"weight_ih{suffix}"] = (rows, self.features(sublayer))
            shapes[f"weight_hh{suffix}"] = (rows, self.output_size)
            if self.bias:
                shapes[f"bias_ih{suffix}"] = shapes[f"bias_hh{suffix}"] = (rows,)
            if self.proj_size:
                shapes[f"weight_hr{suffix}"] = (self.proj_size, self.hidden_size)
            if self.peephole:
                shapes[f"weight_ch{suffix}"] = (len(self.cell.peepholes), self.hidden_size)
        return shapes if self.integers is None else dict(_with_scales(shapes))

    @cached_property
    def matrices(self) -> tuple[str, ...]:
        return tuple([name for name in self.shapes if name.startswith(_MATRICES) and not name.endswith("_scale")])

    def initial(self, rng: np.random.Generator) -> dict[str, Array]:
        """Return weights as torch's start: uniform, up to 1 / sqrt(hidden_size) either way."""
        bound = 1 / np.sqrt(self.hidden_size)
        return {name: rng.uniform(-bound, bound, shape).astype(self.dtype) for name, shape in self.shapes.items()}

    def packed(self, weights: Mapping[str, Array]) -> tuple[Any, ...]:
        """Return the sublayers, in torch's order: layers, then directions."""
        return sublayers_of(self, weights)


def _with_scales(shapes: Mapping[str, tuple[int, ...]]) -> Iterator[tuple[str, tuple[int, ...]]]:
    """Yield behind each matrix the scales of its rows."""
    for name, shape in shapes.items():
        yield name, shape
        if name.startswith(_MATRICES):
            yield f"{name}_scale", shape[:1]


def described(plan: Plan) -> Described:
    """Return what names and shapes say of a model."""
    blocks = 4 if plan.name == "lstm_coupled" else max(plan.blocks) + 1
    name = CLASSES.get(blocks, plan.name.upper()) + "Cell" * (not plan.numbered)
    sizes = (plan.input_size, plan.hidden_size, plan.num_layers)
    coupled = plan.name == "lstm_coupled"
    return Described(name, *sizes, plan.bias, plan.directions == 2, plan.proj_size, plan.peephole, coupled)


def shapes_of(module: Described) -> dict[str, tuple[int, ...]]:
    """Return the shapes of all weights of a module of torch's."""
    cell = {"RNN": "rnn", "LSTM": "lstm", "GRU": "gru_after"}[module.name.removesuffix("Cell")]
    if module.peephole or module.coupled:
        cell = "lstm_coupled" if module.coupled else "lstm_variant"
    return Plan(
        cell,
        module.input_size,
        module.hidden_size,
        np.dtype(np.float32),
        module.bias,
        module.num_layers,
        2 if module.bidirectional else 1,
        module.proj_size,
        numbered=not module.name.endswith("Cell"),
        peephole=module.peephole,
    ).shapes


def initial(plan: AnyPlan, rng: np.random.Generator) -> dict[str, Array]:
    """Return weights as torch's start."""
    return plan.initial(rng)


def packed(plan: AnyPlan, weights: Mapping[str, Array]) -> tuple[Any, ...]:
    """Return what computes with these weights."""
    return plan.packed(weights)


def variant_for_call(plan: Plan, weights: Mapping[str, Array], suffix: str) -> Variant | None:
    """Return the variant of one sublayer, with its peepholes; None of a cell that has none."""
    if plan.cell.stages_of is None:
        return None
    return plan.variant._replace(peepholes=weights.get(f"weight_ch{suffix}"))


def for_call(plan: Plan, weights: Mapping[str, Array], suffix: str) -> tuple[Any, Any, Array, Any]:
    """Return W_x, W_a, b and W_hr of one sublayer as calls.of(cell).sublayer takes them."""

    def matrix(name: str) -> Any:
        W = weights.get(f"{name}{suffix}")
        return W if W is None or plan.integers is None else Quantized(W, weights[f"{name}{suffix}_scale"])

    halves = weights.get(f"bias_ih{suffix}"), weights.get(f"bias_hh{suffix}")
    b = stack.biases(plan.cell, plan.blocks, *halves, plan.hidden_size, plan.dtype)
    return matrix("weight_ih"), matrix("weight_hh"), b, matrix("weight_hr")


def sublayers_of(plan: Plan, weights: Mapping[str, Array]) -> tuple[Any, ...]:
    """Return the sublayers of a model, in torch's order: layers, then directions."""
    of_cell, place = calls.of(plan.cell), (plan.sublayers, plan.directions, not plan.numbered)
    sublayers = [
        of_cell.sublayer(
            *for_call(plan, weights, suffix), plan.blocks, index, *place, variant_for_call(plan, weights, suffix)
        )
        for index, suffix in enumerate(plan.suffixes)
    ]
    return tuple(sublayers)  # of a generator it would be seen by the collector before it is full


def named(plan: Plan, gradients: Sequence[tuple[Array, ...]]) -> dict[str, Array]:
    """Return the gradients of every sublayer's weights, (dW_x, dW_a, db_x, db_a[, dW_hr][, dP]), by torch's names."""
    found: dict[str, Array] = {}
    for suffix, (dW_x, dW_a, db_x, db_a, *others) in zip(plan.suffixes, gradients, strict=True):
        found[f"weight_ih{suffix}"], found[f"weight_hh{suffix}"] = dW_x, dW_a
        if plan.bias:
            found[f"bias_ih{suffix}"], found[f"bias_hh{suffix}"] = db_x, db_a
        if others:
            names = ["weight_hr"] * (plan.proj_size > 0) + ["weight_ch"] * plan.peephole
            found |= {f"{name}{suffix}": d for name, d in zip(names, others, strict=True)}
    return found
