"""The model of an estimator, and its training."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from .. import nn, training
from . import _check
from .scikit import Array


class Options(NamedTuple):
    """What the parameters of an estimator say, checked."""

    cell: str
    hidden_size: int
    num_layers: int
    bidirectional: bool
    dropout: float
    epochs: int
    batch_size: int
    learning_rate: float
    max_norm: float | None
    patience: int
    tol: float
    validation_fraction: float


def options(function: str, own: Any) -> Options:
    """Check the parameters of an estimator."""
    norm = own.max_norm
    return Options(
        cell=_check.cell(function, own.cell),
        hidden_size=_check.whole(function, "hidden_size", own.hidden_size, 1),
        num_layers=_check.whole(function, "num_layers", own.num_layers, 1),
        bidirectional=bool(getattr(own, "bidirectional", False)),
        dropout=_check.real(function, "dropout", own.dropout, 0, 1, least=True),
        epochs=_check.whole(function, "epochs", own.epochs, 1),
        batch_size=_check.whole(function, "batch_size", own.batch_size, 1),
        learning_rate=_check.real(function, "learning_rate", own.learning_rate, 0, math.inf, least=False),
        max_norm=None if norm is None else _check.real(function, "max_norm", norm, 0, math.inf, least=False),
        patience=_check.whole(function, "n_iter_no_change", own.n_iter_no_change, 1),
        tol=_check.real(function, "tol", own.tol, 0, math.inf, least=True),
        validation_fraction=_check.real(function, "validation_fraction", own.validation_fraction, 0, 1, least=False),
    )


def build(given: Options, features: int, outputs: int, rng: Any, *, last: bool) -> nn.Sequential:
    """Return the model: recurrent layers, with `last` the last step of each sequence alone, dropout, a head."""
    seeds = [int(seed) for seed in rng.randint(0, 2**31 - 1, 2)]
    layers = getattr(nn, given.cell)(
        features,
        given.hidden_size,
        given.num_layers,
        batch_first=True,
        dropout=given.dropout if given.num_layers > 1 else 0.0,
        bidirectional=given.bidirectional,
        rng=seeds[0],
    )
    width = given.hidden_size * (2 if given.bidirectional else 1)
    modules = [layers, *([nn.LastStep()] if last else []), *([nn.Dropout(given.dropout)] if given.dropout else [])]
    return nn.Sequential(*modules, nn.Linear(width, outputs, rng=seeds[1]))


class Trainer:
    """A model, its optimizer, and the numbers that order batches and drop values: all that goes on in partial_fit."""

    def __init__(self, given: Options, model: nn.Sequential, rng: Any) -> None:
        self.model, self.rng = model, rng
        self.adam = training.Adam(model, lr=given.learning_rate)
        self.dropout_rng = np.random.default_rng(rng.randint(0, 2**31 - 1)) if given.dropout else None

    def epoch(self, given: Options, n: int, batch: Callable[[Array], Any], objective: Callable[..., Any]) -> float:
        """Go once over n examples and return the mean of their losses.

        batch(index) -> (x, lengths); objective(output, index) -> (sum of losses, gradient of their mean)
        """
        order = self.rng.permutation(n)
        total = 0.0
        for first in range(0, n, given.batch_size):
            index = order[first : first + given.batch_size]
            x, lengths = batch(index)
            output, _, tape = self.model.forward(x, lengths=lengths, dropout_rng=self.dropout_rng)
            loss, d_output = objective(output, index)
            gradients = self.model.backward(tape, d_output)
            if given.max_norm is not None:
                training.clip_grad_norm(gradients, given.max_norm)
            self.adam.step(gradients)
            total += float(loss)
        return total / n


class Stopping:
    """The best weights so far, and whether it is time to go back to them."""

    def __init__(self, given: Options) -> None:
        self._given, self._best, self._since = given, -math.inf, 0
        self._weights: Any = None

    def after(self, model: nn.Sequential, score: float) -> bool:
        """Take the score of an epoch, and return whether the training ends."""
        if self._weights is None or score > self._best + self._given.tol:
            self._best, self._since, self._weights = score, 0, model.state_dict()
        else:
            self._since += 1
        return self._since >= self._given.patience

    def restore(self, model: nn.Sequential) -> None:
        if self._weights is not None:
            model.load_state_dict(self._weights)
