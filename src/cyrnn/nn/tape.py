"""The record of a model's forward pass, and the gradients that come of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Generic, NamedTuple, NoReturn

import numpy as np

from ..calls import DefaultEnvironment
from ..cells.spec import Array
from . import _check
from .typed import F, S
from .weights import Plan

if TYPE_CHECKING:
    from numpy.typing import NDArray


class Tape:
    """A forward pass, for `backward`: its weights as they were packed, and every state and gate of it."""

    __slots__ = ("batch_first", "noise", "output_shape", "plan", "records", "sublayers")

    def __init__(
        self,
        plan: Plan,
        sublayers: tuple[Any, ...],
        records: list[Any],
        noise: Sequence[Array],
        output_shape: tuple[int, ...],
        batch_first: bool,
    ) -> None:
        self.plan, self.sublayers, self.records, self.noise = plan, sublayers, records, noise
        self.output_shape, self.batch_first = output_shape, batch_first

    @property
    def steps_and_sequences(self) -> tuple[int, int]:
        """L and N."""
        T, m = (*self.output_shape[:-1], 1)[:2]
        return (m, T) if self.batch_first and len(self.output_shape) == 3 else (T, m)

    def __repr__(self) -> str:
        T, m = self.steps_and_sequences
        sizes = f"L = {T}, N = {m}"
        return f"<tape of a model {self.plan.name}, {self.plan.input_size} -> {self.plan.hidden_size}: {sizes}>"

    def __reduce__(self) -> NoReturn:
        _check.tape_stays()


class SequentialTape:
    """A forward pass, for `backward`: the tapes of all modules."""

    __slots__ = ("kinds", "output", "tapes")

    def __init__(self, kinds: tuple[Any, ...], tapes: list[Any], output: tuple[tuple[int, ...], np.dtype[Any]]) -> None:
        self.kinds, self.tapes, self.output = kinds, tapes, output

    def __repr__(self) -> str:
        return f"<tape of Sequential: {len(self.tapes)} modules, output {self.output[0]}>"

    def __reduce__(self) -> NoReturn:
        _check.tape_stays()


class Gradients(NamedTuple, Generic[F, S]):
    """The gradients of a loss with respect to the arguments of `forward`.

    Attributes
    ----------
    input : ndarray of the shape of input
        Zero behind the end of a sequence; None where input was tokens.
    hx : ndarray, or a pair of them for an LSTM
        Of the initial state; of a Sequential a tuple with one for each recurrent layer.
    weights : dict
        Name to array, by the names of `state_dict`.
    """

    input: NDArray[F]
    hx: S
    weights: dict[str, NDArray[F]]


def dropout_noise(plan: Plan, x: Array, batch_first: bool, p: float, rng: np.random.Generator) -> list[Array]:
    """Return the factors of dropout for the output of each layer but the last: 0 with probability p, else 1 / (1 - p).

    They have the axes of x. The numbers are drawn time-major, in float32 for any dtype.
    """
    swapped = batch_first and x.ndim == 3
    leading = x.shape[1::-1] if swapped else x.shape[:-1]
    shape = (*leading, plan.directions * plan.output_size)
    with DefaultEnvironment():
        found = [factors(shape, p, plan.dtype, rng) for _ in range(plan.num_layers - 1)]
    return [factor.swapaxes(0, 1) for factor in found] if swapped else found


def factors(shape: tuple[int, ...], p: float, dtype: np.dtype[Any], rng: np.random.Generator) -> Array:
    """Return the factors of dropout for one array: 0 with probability p, else 1 / (1 - p)."""
    kept = 1 / (1 - p) if p < 1 else 0.0
    return np.where(rng.random(shape, np.float32) < p, 0, kept).astype(dtype)
