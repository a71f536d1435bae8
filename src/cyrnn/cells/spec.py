"""What a cell is: names, shapes and one pointwise formula. Everything else is shared by all cells."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.floating]
Arrays = tuple[Array, ...]
Pointwise = Callable[[Arrays, Arrays], tuple[Arrays, Arrays]]
Derivative = Callable[[Arrays, Arrays, Arrays, Arrays], tuple[Arrays, Arrays]]


@dataclass(frozen=True)
class Gate:
    """Where a gate's weights stand in the notebook's parameters.

    Its pre-activation is z = W_a a_prev + W_x xt + b. `W_x` and `W_a` are keys of matrices with n_a rows. Where
    both are the same key, that matrix is the notebook's concatenation: first n_a columns of W_a, then W_x.
    """

    name: str  # as in the notebook's cache: "ft"
    W_x: str
    W_a: str
    b: str


@dataclass(frozen=True)
class Cell:
    """A recurrent cell: matrix product, then pointwise."""

    name: str
    #: parameter key -> its shape in the sizes n_a, n_x, n_y, in the order in which they are checked
    shapes: dict[str, tuple[str, str]]
    #: in the kernels' order
    gates: tuple[Gate, ...]
    #: carried from step to step; the first is the hidden state
    states: tuple[str, ...]
    #: the head: y = softmax(W_y a_next + b_y)
    W_y: str
    b_y: str
    #: the notebook's tuple for the backward pass
    cache: tuple[str, ...]
    #: (z of each gate, each previous state) -> (each gate's value, each next state), all of one shape
    pointwise: Pointwise = field(repr=False)
    #: (gradient of each next state, each previous state, each next state, each stored gate) ->
    #: (gradient of each z, what reaches each previous state but the hidden one past the matrix product)
    derivative: Derivative = field(repr=False)

    @cached_property
    def stored_gates(self) -> tuple[str, ...]:
        """The gates that the cache keeps; a gate that is the next state is kept as that."""
        kept = set(self.cache) - {f"{state}_next" for state in self.states}
        return tuple(gate.name for gate in self.gates if gate.name in kept)
