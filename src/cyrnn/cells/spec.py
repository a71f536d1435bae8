"""What a cell is: names, shapes and pointwise formulas. Everything else is shared by all cells.

All of it is named tuples: three dataclasses, with what they import, are a fifth of what importing cyrnn costs.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

Array: TypeAlias = "NDArray[np.floating]"
Arrays: TypeAlias = "tuple[Array, ...]"
Pointwise: TypeAlias = "Callable[[Arrays, Arrays, Arrays], tuple[Arrays, Arrays]]"
Derivative: TypeAlias = "Callable[[Arrays, Arrays, Arrays, Arrays], tuple[Arrays, Arrays]]"


class Gate(NamedTuple):
    """Where a gate's weights stand in the notebook's parameters.

    Its pre-activation is z = W_x xt + W_a h + b, h being a_prev or what the stage before hands on; a half without a
    key is left out. `W_x` and `W_a` are keys of matrices with n_a rows, or of the notebook's concatenation: first
    n_a columns of W_a, then W_x.
    """

    name: str  # as in the notebook's cache: "ft"
    W_x: str | None
    W_a: str | None
    b: str


class Stage(NamedTuple):
    """A matrix product, then pointwise.

    Of its gates, those without an input half come first and those without a recurrent half last.
    """

    #: in the kernels' order
    gates: tuple[Gate, ...]
    #: (z of each gate, each previous state, each value of the stages before) ->
    #: (each gate's value, each next state, if this is the last stage), all of one shape
    pointwise: Pointwise
    #: (what arrives at a_next, or at what is handed on, and each carried gradient; each previous state; each next
    #: state; each stored gate, then each z computed `again`) -> (gradient of each z, each carried gradient)
    derivative: Derivative
    #: (each previous state, each stored gate so far) -> what the product of the next stage multiplies
    hands_on: Callable[[Arrays, Arrays], Array] | None = None


class _Fields(NamedTuple):
    name: str
    #: parameter key -> its shape in the sizes n_a, n_x, n_y, in the order in which they are checked
    shapes: dict[str, tuple[str, str]]
    stages: tuple[Stage, ...]
    #: carried from step to step; the first is the hidden state
    states: tuple[str, ...]
    #: states whose gradients reach the step before past the matrix product, too
    carried: tuple[str, ...]
    #: the head: y = softmax(W_y a_next + b_y)
    W_y: str
    b_y: str
    #: the notebook's tuple for the backward pass
    cache: tuple[str, ...]
    #: what its functions in the notebook facade are called, "lstm" of lstm_forward, and the keywords that choose it
    function: str | None = None
    keywords: dict[str, bool] = {}  # noqa: RUF012  # read only


class Cell(_Fields):
    """A recurrent cell: one stage after the other."""

    @cached_property
    def gates(self) -> tuple[Gate, ...]:
        """Those of all stages, in the kernels' order."""
        return tuple(gate for stage in self.stages for gate in stage.gates)

    @cached_property
    def stacked(self) -> bool:
        """Whether W_a and W_x stand in one matrix for [a_prev, xt]."""
        return any("+" in size for shape in self.shapes.values() for size in shape)

    @cached_property
    def stored_gates(self) -> tuple[str, ...]:
        """The gates that the cache keeps; a gate that is the next state is kept as that."""
        kept = set(self.cache) - {f"{state}_next" for state in self.states}
        return tuple(gate.name for gate in self.gates if gate.name in kept)

    @cached_property
    def again(self) -> tuple[Gate, ...]:
        """Gates without an input half: no cache keeps their z = W_a a_prev + b, which the way back computes again."""
        return tuple(gate for gate in self.gates if gate.W_x is None)
