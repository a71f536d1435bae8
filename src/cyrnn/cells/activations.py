"""The activations in NumPy, written from the equations: what the compiled ones are compared with."""

from __future__ import annotations

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
