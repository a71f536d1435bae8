"""X of any of the three forms as one array of steps; batches of it."""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np

from . import _check
from .scikit import Array, validation


class Sequences:
    """Sequences behind each other, (sum of lengths, f)."""

    def __init__(self, steps: Array, lengths: Array) -> None:
        self.steps, self.lengths = steps, lengths
        self.ends = np.cumsum(lengths)
        #: their common length, 0 if they differ
        self.length = int(lengths[0]) if (lengths == lengths[0]).all() else 0

    def __len__(self) -> int:
        return len(self.lengths)

    def __getitem__(self, i: Any) -> Array:
        return self.steps[self.ends[i] - self.lengths[i] : self.ends[i]]

    def subset(self, index: Array) -> Sequences:
        """Return some of them, in the order of index."""
        return Sequences(np.concatenate([self[i] for i in index]), self.lengths[index])

    def scaled(self, mean: Array, deviation: Array) -> Sequences:
        """Return them as float32, each feature shifted and divided."""
        return Sequences(((self.steps - mean) / deviation).astype(np.float32), self.lengths)

    def batch(self, index: Array) -> tuple[Array, Array | None]:
        """Return (N, L, f) and lengths; None where all are of one length."""
        if self.length:
            return self.steps.reshape(len(self), self.length, -1)[index], None
        lengths = self.lengths[index]
        inside = np.arange(lengths.max()) < lengths[:, None]
        x = np.zeros((*inside.shape, self.steps.shape[1]), self.steps.dtype)
        x[inside] = np.concatenate([self[i] for i in index])
        return x, lengths


def read(estimator: Any, function: str, X: Any, features: int, *, reset: bool) -> Sequences:
    """Check X and return it; with `reset` X says what later ones have to be like."""
    ragged = _arrays(X)
    if ragged is None and getattr(X, "ndim", None) != 3:
        return _flat(estimator, function, X, features, reset)
    if ragged is None:
        x = validation.check_array(X, dtype=np.float64, allow_nd=True, estimator=estimator, input_name="X")
        _check.sequences_alike(function, [x.shape[1:]])
        found = Sequences(x.reshape(-1, x.shape[2]), np.full(len(x), x.shape[1]))
    else:
        _check.sequences_alike(function, [np.shape(each) for each in ragged])
        steps = np.concatenate([np.asarray(each) for each in ragged])
        steps = validation.check_array(steps, dtype=np.float64, estimator=estimator, input_name="X")
        found = Sequences(steps, np.array([len(each) for each in ragged]))
    own = found.steps.shape[1]
    if reset:
        vars(estimator).pop("feature_names_in_", None)
        estimator.n_features_in_, estimator._step_features, estimator._flat = own, own, False
    _check.features(function, own, estimator._step_features)
    return found


def _arrays(X: Any) -> list[Any] | None:
    """Return the sequences of a list, or of an array of objects; None for another X."""
    objects = isinstance(X, np.ndarray) and X.dtype == object and X.ndim == 1
    if (objects or isinstance(X, list | tuple)) and len(X) and getattr(X[0], "ndim", None) == 2:
        return list(X)
    return None


def _flat(estimator: Any, function: str, X: Any, features: int, reset: bool) -> Sequences:
    if not reset and not estimator._flat:
        _check.no_sequences(function)
    x = validation.validate_data(estimator, X, dtype=np.float64, reset=reset)
    if reset:
        _check.divides(function, x.shape[1], features)
        estimator._step_features, estimator._flat = features, True
    own = estimator._step_features
    return Sequences(x.reshape(-1, own), np.full(len(x), x.shape[1] // own))


def merged(
    sequences: Sequences, targets: Array, weights: Array
) -> tuple[Sequences, Array, Array]:
    """Return examples in an order that their values alone decide; equal ones once, with the sum of their weights.

    So an example that is there twice is one of weight 2, one of weight 0 is not there, and the order of the rows of X
    is of no account.
    """
    found: dict[bytes, list[int]] = {}
    for i in np.flatnonzero(weights).tolist():
        key = hashlib.blake2b(np.ascontiguousarray(sequences[i]).tobytes(), digest_size=16)
        key.update(targets[i].tobytes())
        found.setdefault(key.digest(), []).append(i)
    groups = [found[key] for key in sorted(found)]
    index = np.array([group[0] for group in groups], np.intp)
    return sequences.subset(index), targets[index], np.array([weights[group].sum() for group in groups])


def moments(values: Array, weights: Array) -> tuple[Array, Array]:
    """Return the weighted mean and deviation of each column; the deviation of a constant is 1."""
    share = (weights / weights.sum())[:, None]
    mean = (values * share).sum(axis=0)
    deviation = np.sqrt((np.square(values - mean) * share).sum(axis=0))
    tiny = 10 * np.finfo(np.float64).eps * np.abs(mean)
    return mean, np.where(deviation > tiny, deviation, 1.0)
