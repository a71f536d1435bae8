"""What a classifier and a regressor of sequences have in common."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from . import _check, network
from .progress import Progress
from .scikit import Array, BaseEstimator, validation
from .sequences import Sequences, merged, moments, read

#: sequences in a call of predict: what is padded at a time
_PREDICTED = 512


class Recurrent(BaseEstimator):
    """fit, partial_fit and the outputs of the model; what is learnt of them is said by a subclass."""

    def _read(self, function: str, X: Any, *, reset: bool) -> Sequences:
        own: Any = self
        features = _check.whole(function, "n_features_per_step", own.n_features_per_step, 1)
        return read(self, function, X, features, reset=reset)

    def _outputs(self, function: str, X: Any) -> Array:
        own: Any = self
        validation.check_is_fitted(self)
        x = self._read(function, X, reset=False).scaled(own._mean, own._deviation)
        return self._of_model(x)

    def _of_model(self, x: Sequences) -> Array:
        own: Any = self
        everything = np.arange(len(x))
        parts = [everything[i : i + _PREDICTED] for i in range(0, len(x), _PREDICTED)]
        found = []
        for index in parts:
            values, lengths = x.batch(index)
            found.append(own.model_(values, lengths=lengths)[0])
        return np.concatenate(found).astype(np.float64)

    def _learn(
        self, function: str, x: Sequences, targets: Array, sample_weight: Any, *, outputs: int, first: bool, whole: bool
    ) -> None:
        """Train on targets (n, ...), from the beginning if `first`, all epochs if `whole`, else one."""
        own: Any = self
        given = network.options(function, self)
        weights = validation._check_sample_weight(sample_weight, x.lengths, dtype=np.float64)
        _check.non_negative(function, weights)
        _check.some_weight(function, weights)
        x, targets, weights = merged(x, targets, weights)
        weights = self._weighted(function, targets, weights)
        _check.some_weight(function, weights)
        if first:
            rng = validation.check_random_state(own.random_state)
            own._mean, own._deviation = moments(x.steps, np.repeat(weights, x.lengths))
            self._scale(targets, weights)
            own.model_ = network.build(given, x.steps.shape[1], outputs, rng, last=True)
            own._trainer = network.Trainer(given, own.model_, rng)
            own.loss_curve_, own.validation_scores_, own.n_iter_ = [], [], 0
        x = x.scaled(own._mean, own._deviation)
        score: Callable[[], float] | None = None
        if whole and own.early_stopping:
            out = _check.held_out(function, len(x), given.validation_fraction)
            order = own._trainer.rng.permutation(len(x))
            held, kept = np.sort(order[:out]), np.sort(order[out:])
            apart = x.subset(held), targets[held], weights[held]
            score = lambda: self._score(*apart)  # noqa: E731 - one expression
            x, targets, weights = x.subset(kept), targets[kept], weights[kept]
        objective = self._objective(targets, weights / weights.mean())
        epochs = given.epochs if whole else 1
        run(self, given, epochs, lambda: own._trainer.epoch(given, len(x), x.batch, objective), score)

    def _weighted(self, function: str, targets: Array, weights: Array) -> Array:
        return weights

    def _scale(self, targets: Array, weights: Array) -> None:
        """Learn the scale of the targets."""

    def _objective(self, targets: Array, weights: Array) -> Callable[[Array, Array], tuple[float, Array]]:
        raise AssertionError  # each subclass has its own

    def _score(self, x: Sequences, targets: Array, weights: Array) -> float:
        raise AssertionError  # as above

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.three_d_array = True
        return tags


def run(
    own: Any, given: network.Options, epochs: int, epoch: Callable[[], float], score: Callable[[], float] | None
) -> None:
    """Train until the end, or until the scores of a held-out part no longer rise; then the best weights are taken."""
    progress = Progress(own.verbose, type(own).__name__, epochs)
    stopping = network.Stopping(given)
    try:
        for number in range(1, epochs + 1):
            own.loss_curve_.append(epoch())
            own.n_iter_ += 1
            found = None if score is None else float(score())
            progress.show(number, own.loss_curve_[-1], found)
            if found is not None:
                own.validation_scores_.append(found)
                if stopping.after(own.model_, found):
                    break
    finally:
        progress.close()
    stopping.restore(own.model_)
