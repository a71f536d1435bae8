"""The weights of a model under torch's names: their shapes, how they start, and the notebook's matrices of them.

torch keeps W_x and W_a apart, the gates of each one above the other, and two biases. The notebook has a matrix
[W_a, W_x] and one bias for each gate. Where a bias of the hidden state stands inside a product with a gate, as in the
candidate of the GRU, the cell has it apart, too: its key is that of the gate's bias and an "a".
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from ..cells import CELLS, Cell, Gate
from ..cells.spec import Array
from ..packing import split_weights

#: cell -> torch's order of its gates, by the first letters of the notebook's names
_ORDER = {"rnn": "a", "rnn_relu": "a", "lstm": "ifco", "gru_after": "rzc"}


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

    @property
    def cell(self) -> Cell:
        return CELLS[self.name]

    @property
    def gates(self) -> list[Gate]:
        """The gates in torch's order, each with both its halves, wherever the cell has them."""
        by_letter = {gate.name[0]: gate._replace(W_a=gate.W_a or gate.W_x) for gate in self.cell.gates if gate.W_x}
        return [by_letter[letter] for letter in _ORDER[self.name]]

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
        return tuple(f"_l{layer}{way}" for layer in range(self.num_layers) for way in ways)

    def features(self, sublayer: int) -> int:
        """How many features the input of a sublayer has."""
        return self.input_size if sublayer < self.directions else self.output_size * self.directions

    @cached_property
    def shapes(self) -> dict[str, tuple[int, ...]]:
        """The shape of each weight by its name, in torch's order."""
        rows = len(self.gates) * self.hidden_size
        shapes: dict[str, tuple[int, ...]] = {}
        for sublayer, suffix in enumerate(self.suffixes):
            shapes[f"weight_ih{suffix}"] = (rows, self.features(sublayer))
            shapes[f"weight_hh{suffix}"] = (rows, self.output_size)
            if self.bias:
                shapes[f"bias_ih{suffix}"] = shapes[f"bias_hh{suffix}"] = (rows,)
            if self.proj_size:
                shapes[f"weight_hr{suffix}"] = (self.proj_size, self.hidden_size)
        return shapes


def initial(plan: Plan, rng: np.random.Generator) -> dict[str, Array]:
    """Return weights as torch's start: uniform, up to 1 / sqrt(hidden_size) either way."""
    bound = 1 / np.sqrt(plan.hidden_size)
    return {name: rng.uniform(-bound, bound, shape).astype(plan.dtype) for name, shape in plan.shapes.items()}


def to_notebook(plan: Plan, weights: Mapping[str, Array], suffix: str) -> dict[str, Array]:
    """Return the notebook's parameters of one sublayer, with a head of no classes.

    With a projection, what the notebook calls a_prev is h with zeros behind it, and so are the columns of W_a.
    """
    cell, n_a = plan.cell, plan.hidden_size

    def by_gate(kind: str) -> Array:
        rows = weights[kind + suffix]
        return rows.reshape(len(plan.gates), n_a, *rows.shape[1:])

    W_x, W_a = by_gate("weight_ih"), by_gate("weight_hh")
    if plan.proj_size:
        W_a = np.pad(W_a, ((0, 0), (0, 0), (0, n_a - plan.output_size)))
    b_x = b_a = np.zeros((len(W_a), n_a), plan.dtype)
    if plan.bias:
        b_x, b_a = by_gate("bias_ih"), by_gate("bias_hh")
    arrays = {cell.W_y: np.zeros((0, n_a), plan.dtype), cell.b_y: np.zeros((0, 1), plan.dtype)}
    for g, gate in enumerate(plan.gates):
        assert gate.W_x  # both halves are there: see `gates`
        assert gate.W_a
        if cell.stacked:
            arrays[gate.W_x] = np.concatenate((W_a[g], W_x[g]), axis=1)
        else:
            arrays[gate.W_x], arrays[gate.W_a] = W_x[g], W_a[g]
        if (own := f"{gate.b}a") in cell.shapes:
            arrays[gate.b], arrays[own] = b_x[g][:, None], b_a[g][:, None]
        else:
            with np.errstate(all="ignore"):
                arrays[gate.b] = (b_x[g] + b_a[g])[:, None]
    return arrays


def from_notebook(plan: Plan, gradients: Mapping[str, Array], suffix: str) -> dict[str, Array]:
    """Return gradients of the notebook's parameters of one sublayer as those of torch's: the way back of `to_notebook`.

    Two biases that are added have the same gradient.
    """
    pairs = [split_weights(plan.cell, gate, gradients, plan.hidden_size) for gate in plan.gates]
    W_x, W_a = (np.concatenate(matrices) for matrices in zip(*pairs, strict=True))
    found = {f"weight_ih{suffix}": W_x, f"weight_hh{suffix}": W_a[:, : plan.output_size].copy()}
    if plan.bias:
        columns = {
            "ih": [gradients[gate.b] for gate in plan.gates],
            "hh": [gradients.get(f"{gate.b}a", gradients[gate.b]) for gate in plan.gates],
        }
        found |= {f"bias_{kind}{suffix}": np.concatenate(parts)[:, 0] for kind, parts in columns.items()}
    return found
