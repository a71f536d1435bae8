"""What a cell is: names, shapes and pointwise formulas. Everything else is shared by all cells.

A cell is made of named tuples: three dataclasses, with the modules they import, are a fifth of the time that importing
cyrnn takes.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from .activations import Variant

Array: TypeAlias = "NDArray[np.floating]"
Arrays: TypeAlias = "tuple[Array, ...]"


class Gate(NamedTuple):
    """The name of a gate, and the keys of its weights in the notebook's parameters.

    The pre-activation of a gate is z = W_x xt + W_a h + b, h being a_prev in the first stage, and in a second stage the
    product input that the first one makes (`Stage.hands_on`). A half whose key is None is left out. `W_x` and `W_a` are
    keys of matrices with n_a rows. Of a cell that is `stacked` both are the key of one matrix (n_a, n_a + n_x): its
    first n_a columns are W_a, the others W_x. Of a cell that is not, every gate has an input half.
    """

    name: str  # as in the notebook's cache: "ft"
    W_x: str | None
    W_a: str | None
    b: str


class PointwiseBackwardArgs(NamedTuple):
    """The arguments of a stage's derivative, at one step. All arrays have one shape, as (n_a, m).

    Example: the LSTM's are d_next = da_next, skip_gradients = (dc_next,), previous = (a_prev, c_prev), next = (a_next,
    c_next), gates = (ft, it, cct, ot).
    """

    #: gradient of the array that the next product reads: of a_next; for a first stage of two, of what it hands on
    d_next: Array
    #: for each of `Cell.skip_gradients` the gradient that comes past the products: from the step after this one, or
    #: for a first stage of two from the second
    skip_gradients: Arrays
    previous: Arrays  # each state before the step, in the order of `Cell.states`
    next: Arrays  # each state after the step
    gates: Arrays  # each of `Cell.stored_gates`, then z of each gate of `Cell.recomputed`


class PointwiseGradients(NamedTuple):
    """The results of a stage's derivative, at one step. All arrays have the shape of the arguments."""

    dz: Arrays  # gradient of each pre-activation of the stage, in the order of `Stage.gates`
    #: for each of `Cell.skip_gradients` the gradient that goes past the products: to the step before this one, or from
    #: a second stage to the first
    skip_gradients: Arrays


#: (z of each gate of the stage, each previous state, each gate's value of the stages before) ->
#: (each gate's value, each next state; of a first stage of two no state). All arrays have one shape.
Pointwise: TypeAlias = "Callable[[Arrays, Arrays, Arrays], tuple[Arrays, Arrays]]"
Derivative: TypeAlias = "Callable[[PointwiseBackwardArgs], PointwiseGradients]"


class Stage(NamedTuple):
    """A matrix product, then pointwise.

    Of the gates, those without an input half come first and those without a recurrent half last.
    """

    gates: tuple[Gate, ...]  # in the kernels' order
    pointwise: Pointwise
    derivative: Derivative
    #: (each previous state, each gate's value so far) -> the array that the next stage's W_a are multiplied by; None of
    #: the last stage
    hands_on: Callable[[Arrays, Arrays], Array] | None = None


class _Fields(NamedTuple):
    name: str
    #: parameter key -> its shape in the sizes n_a, n_x, n_y; in the order in which parameters are checked
    shapes: dict[str, tuple[str, str]]
    stages: tuple[Stage, ...]
    #: arrays that go from step to step; the first is the hidden state
    states: tuple[str, ...]
    #: states with a skip gradient: a part of their gradient that reaches the step before past the matrix products
    skip_gradients: tuple[str, ...]
    #: the head: y = softmax(W_y a_next + b_y); parameters may lack both, and y is (0, m) then
    W_y: str
    b_y: str
    #: names of the entries of the notebook's cache tuple, which the backward pass reads
    cache: tuple[str, ...]
    #: the stem of the cell's functions in the notebook facade, "lstm" of lstm_forward; and the keywords that choose it
    function: str | None = None
    keywords: dict[str, bool] = {}  # noqa: RUF012  # read only
    #: the stages of the cell with other activations and so on; None of a cell that has no variants
    stages_of: Callable[[Variant], tuple[Stage, ...]] | None = None
    #: the gates that peepholes may show the cell state: the last of the states, before the step; "ot" after it
    peepholes: tuple[str, ...] = ()


class Cell(_Fields):
    """A recurrent cell: one stage after the other."""

    @cached_property
    def gates(self) -> tuple[Gate, ...]:
        """The gates of all stages, in the kernels' order."""
        return tuple([gate for stage in self.stages for gate in stage.gates])

    @property
    def head(self) -> tuple[str, str]:
        """The keys of the head's parameters."""
        return self.W_y, self.b_y

    @property
    def misnamed_head(self) -> str:
        """The key that the matrix of the head has in other cells: with it and no head the name is most likely wrong."""
        return "Wya" if self.W_y == "Wy" else "Wy"

    @cached_property
    def read_backward(self) -> dict[str, tuple[str, str]]:
        """The parameters that the backward pass reads, with their shapes: neither the head's nor most biases."""
        weights = {key for gate in self.gates for key in (gate.W_x, gate.W_a)}
        biases = {gate.b for gate in self.recomputed}
        return {key: shape for key, shape in self.shapes.items() if key in weights | biases}

    @cached_property
    def stacked(self) -> bool:
        """Whether W_a and W_x are the columns of one matrix, for [a_prev, xt]."""
        return any("+" in size for shape in self.shapes.values() for size in shape)

    @cached_property
    def stored_gates(self) -> tuple[str, ...]:
        """The gates that the cache keeps. A gate that is the next state, as the RNN's, is kept as that."""
        kept = set(self.cache) - {f"{state}_next" for state in self.states}
        return tuple([gate.name for gate in self.gates if gate.name in kept])

    @cached_property
    def recomputed(self) -> tuple[Gate, ...]:
        """Gates without an input half: no cache keeps their z = W_a a_prev + b, which the backward pass recomputes."""
        return tuple([gate for gate in self.gates if gate.W_x is None])
