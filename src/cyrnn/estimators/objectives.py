"""What training makes smaller: the weighted loss of the examples of an update, and its gradient."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import numpy as np

from ..training import cross_entropy, mse_loss
from .scikit import Array

#: (outputs of the model, which examples they are of) -> the loss, and its gradient with respect to the outputs
Objective: TypeAlias = Callable[[Array, Array], tuple[float, Array]]


def of_classes(targets: Array, weights: Array) -> Objective:
    """Return the cross entropy; targets (n,) are numbers of classes."""

    def objective(logits: Array, index: Array) -> tuple[float, Array]:
        losses, d_logits = cross_entropy(logits, targets[index], reduction="none")
        factors = weights[index]
        return (losses * factors).sum(), d_logits * (factors / len(index))[:, None].astype(np.float32)

    return objective


def of_numbers(targets: Array, weights: Array) -> Objective:
    """Return the squared error; targets are (n, k)."""

    def objective(output: Array, index: Array) -> tuple[float, Array]:
        losses, d_output = mse_loss(output, targets[index], reduction="none")
        factors = weights[index][:, None]
        return (losses * factors).mean(axis=1).sum(), d_output * (factors / output.size).astype(np.float32)

    return objective
