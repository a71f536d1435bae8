"""The activations in NumPy, written from the equations: what the compiled ones are compared with.

`sigmoid`, `tanh` and `softmax` are the notebook's. A gate of a cell may have any `Activation`: the functions that ONNX
names for its recurrent operators.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from .spec import Array


def sigmoid(z: Array) -> Array:
    """1 / (1 + exp(-z)), with the exponential taken of -|z| so that it cannot overflow."""
    e = np.exp(-np.abs(z))
    return np.where(z >= 0, 1 / (1 + e), e / (1 + e)).astype(z.dtype, copy=False)


def tanh(z: Array) -> Array:
    """(exp(z) - exp(-z)) / (exp(z) + exp(-z))."""
    return np.tanh(z)


def softmax(z: Array) -> Array:
    """exp(z) / sum exp(z) over axis 0, shifted by each column's maximum, which cancels."""
    e = np.exp(z - z.max(axis=0, keepdims=True))
    return np.asarray(e / e.sum(axis=0, keepdims=True))


class Function(NamedTuple):
    """One kind of activation: y of z, and dy/dz of y, which is all that is kept; both with alpha and beta."""

    y: Callable[[Array, float, float], Array]
    slope: Callable[[Array, float, float], Array]
    #: alpha and beta, or alpha, where none are given, as ONNX has them; () where the function has none
    constants: tuple[float, ...] = ()


#: every kind by its name, in the order of the kernels' numbers (run.h)
FUNCTIONS: dict[str, Function] = {
    "sigmoid": Function(lambda z, *_: sigmoid(z), lambda y, *_: y * (1 - y)),
    "tanh": Function(lambda z, *_: tanh(z), lambda y, *_: (1 - y) * (1 + y)),
    "relu": Function(lambda z, *_: np.where(z < 0, 0, z), lambda y, *_: np.where(y > 0, 1.0, 0.0)),
    "hard_sigmoid": Function(
        lambda z, a, b: np.clip(a * z + b, 0, 1),  # nan stays nan
        lambda y, a, _: np.where((y > 0) & (y < 1), a, 0.0),
        (0.2, 0.5),
    ),
    "identity": Function(lambda z, *_: z, lambda y, *_: np.ones_like(y)),
    "affine": Function(lambda z, a, b: a * z + b, lambda y, a, _: np.full_like(y, a), (1.0, 0.0)),
    "leaky_relu": Function(
        lambda z, a, _: np.where(z < 0, a * z, z), lambda y, a, _: np.where(y > 0, 1.0, a), (0.01,)
    ),
    "thresholded_relu": Function(
        lambda z, a, _: np.where(z <= a, 0, z), lambda y, *_: np.where(y != 0, 1.0, 0.0), (1.0,)
    ),
    "scaled_tanh": Function(
        lambda z, a, b: a * tanh(b * z), lambda y, a, b: b * (a - y * (y / a if a else 0 * y)), (1.0, 1.0)
    ),
    "elu": Function(
        lambda z, a, _: np.where(z < 0, a * np.expm1(np.minimum(z, 0)), z),
        lambda y, a, _: np.where(y > 0, 1.0, y + a),
        (1.0,),
    ),
    "softsign": Function(lambda z, *_: z / (1 + np.abs(z)), lambda y, *_: (1 - np.abs(y)) ** 2),
    "softplus": Function(
        lambda z, *_: np.where(z < 0, 0, z) + np.log1p(np.exp(-np.abs(z))), lambda y, *_: -np.expm1(-y)
    ),
}


class Activation(NamedTuple):
    """A function of a pre-activation: its name in `FUNCTIONS`, and its constants."""

    name: str
    alpha: float = 0.0
    beta: float = 0.0

    @property
    def number(self) -> int:
        """Its number in the kernels."""
        return list(FUNCTIONS).index(self.name)

    def __call__(self, z: Array) -> Array:
        return FUNCTIONS[self.name].y(z, self.alpha, self.beta).astype(z.dtype, copy=False)

    def slope(self, y: Array) -> Array:
        """The derivative where the function is y."""
        return FUNCTIONS[self.name].slope(y, self.alpha, self.beta).astype(y.dtype, copy=False)


class Variant(NamedTuple):
    """What a cell may have in other places than its plain form: activations, a clip, peepholes.

    The gates of an LSTM and a GRU have the first activation, their candidates, and an RNN, the second, and the cell
    state on its way to the output the third. Pre-activations are limited to -clip .. clip. Peepholes are the weights
    of the cell state in the gates: P (3, n_a), rows of it, ot and ft, or of it and ot alone where ft = 1 - it.
    """

    gate: Activation = Activation("sigmoid")
    candidate: Activation = Activation("tanh")
    output: Activation = Activation("tanh")
    clip: float = np.inf
    peepholes: Array | None = None

    def clipped(self, z: Array) -> Array:
        return z if self.clip == np.inf else np.clip(z, -self.clip, self.clip).astype(z.dtype, copy=False)

    def peep(self, z: Array, row: int, c: Array) -> Array:
        """z + P c, of one gate; z (n_a, m) where there are no peepholes."""
        return z if self.peepholes is None else z + self.peepholes[row][:, None] * c

    def slope(self, activation: Activation, y: Array) -> Array:
        """dy/dz of an activation of a limited z: 0 where y is what it is at a limit."""
        slope = activation.slope(y)
        if self.clip == np.inf:
            return slope
        low, high = (activation(np.full_like(y, limit)) for limit in (-self.clip, self.clip))
        return np.where((y == low) | (y == high), 0, slope).astype(y.dtype, copy=False)


PLAIN = Variant()
