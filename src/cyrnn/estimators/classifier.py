"""RecurrentClassifier: a class for each sequence."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..notebook import softmax
from . import _check
from .base import Recurrent
from .objectives import Objective, of_classes
from .scikit import Array, ClassifierMixin, metrics, multiclass, validation
from .sequences import Sequences


class RecurrentClassifier(ClassifierMixin, Recurrent):
    """A class for each sequence, by a recurrent network: an estimator of scikit-learn.

    Parameters
    ----------
    cell : {"lstm", "gru", "rnn"}
        Which recurrent layers.
    hidden_size, num_layers : int
        Units of a layer; layers on each other.
    bidirectional : bool
        Whether layers run in both directions.
    dropout : float
        Which part of the values is dropped while training, between layers and in front of the head.
    epochs : int
        How often all examples are gone through.
    batch_size : int
        Examples for an update.
    learning_rate : float
        That of Adam.
    max_norm : float or None
        The norm to which gradients are clipped; None for no clipping.
    early_stopping : bool
        Whether training ends when a held-out part is told no better; the best weights are taken then.
    validation_fraction : float
        With `early_stopping`: which part of the examples is held out.
    n_iter_no_change : int
        With `early_stopping`: after how many epochs without a better score training ends.
    tol : float
        By how much a score has to be higher to be better.
    class_weight : dict, "balanced" or None
        A factor for the weight of each class; "balanced": such that all classes weigh the same.
    n_features_per_step : int
        The f of a 2-D X, (n, T * f): the f columns of the first step, then those of the second. 1: a column is a step.
    random_state : int, RandomState or None
        An int gives the same bits at every fit, whatever the number of threads.
    verbose : bool
        Show each epoch: a bar, in a terminal where tqdm is installed; lines elsewhere.

    Raises
    ------
    ValueError, TypeError
        From `fit`, if a parameter is not as above.

    See Also
    --------
    RecurrentRegressor : Numbers for each sequence.
    RecurrentForecaster : What follows a time series.

    Notes
    -----
    What is learnt: `model_`, a Sequential of `cyrnn.nn`, which `save` writes; `loss_curve_` and, with `early_stopping`,
    `validation_scores_`, for each epoch; `n_iter_`; `n_features_in_`, `classes_`.

    X is (n, T, f), or a list of (T_i, f) arrays of different lengths, or 2-D, (n, T * f). Each feature is brought to
    mean 0 and deviation 1. Equal examples are gone through as one, with the sum of their
    weights, so that an example of weight 2 is one that is there twice, and the order of the rows of X is of no account.

    Examples
    --------
    >>> from cyrnn.estimators import RecurrentClassifier
    >>> X = [np.full((length, 1), length % 2) for length in range(5, 25)]
    >>> y = ["odd" if len(x) % 2 else "even" for x in X]
    >>> RecurrentClassifier(random_state=0).fit(X, y).score(X, y)
    1.0
    """

    def __init__(
        self,
        *,
        cell: str = "lstm",
        hidden_size: int = 32,
        num_layers: int = 1,
        bidirectional: bool = False,
        dropout: float = 0.0,
        epochs: int = 50,
        batch_size: int = 32,
        learning_rate: float = 0.01,
        max_norm: float | None = 1.0,
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        n_iter_no_change: int = 10,
        tol: float = 1e-4,
        class_weight: Any = None,
        n_features_per_step: int = 1,
        random_state: Any = None,
        verbose: Any = False,
    ) -> None:
        self.cell = cell
        self.hidden_size = hidden_size
        self.num_layers = num_layers
        self.bidirectional = bidirectional
        self.dropout = dropout
        self.epochs = epochs
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.max_norm = max_norm
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.n_iter_no_change = n_iter_no_change
        self.tol = tol
        self.class_weight = class_weight
        self.n_features_per_step = n_features_per_step
        self.random_state = random_state
        self.verbose = verbose

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> RecurrentClassifier:
        """Train from the beginning.

        Parameters
        ----------
        X : (n, T, f), (n, T * f), or a list of n arrays (T_i, f)
            Sequences.
        y : array of n labels
            Numbers or strings.
        sample_weight : array of n numbers, optional
            At least 0.

        Returns
        -------
        RecurrentClassifier
            The estimator itself.

        Raises
        ------
        ValueError, TypeError
            If X, y, weights, or a parameter of the estimator are not as above.

        See Also
        --------
        partial_fit : Go on from where training is.

        Examples
        --------
        >>> from cyrnn.estimators import RecurrentClassifier
        >>> X, y = np.eye(4)[:, ::-1].copy(), ["a", "a", "b", "b"]
        >>> RecurrentClassifier(random_state=0).fit(X, y).classes_.tolist()
        ['a', 'b']
        """
        function = "RecurrentClassifier.fit"
        x = self._read(function, X, reset=True)
        labels = self._labels(function, x, y)
        self.classes_ = np.unique(labels)
        self._fit(function, x, labels, sample_weight, first=True, whole=True)
        return self

    def partial_fit(self, X: Any, y: Any, classes: Any = None, sample_weight: Any = None) -> RecurrentClassifier:
        """Go once over these examples, on from where training is; what scales X is learnt in the first call.

        Parameters
        ----------
        X : (n, T, f), (n, T * f), or a list of n arrays (T_i, f)
            Sequences.
        y : array of n labels
            Some of the classes.
        classes : array of labels
            All of them; in the first call only.
        sample_weight : array of n numbers, optional
            At least 0.

        Returns
        -------
        RecurrentClassifier
            The estimator itself.

        Raises
        ------
        ValueError, TypeError
            If X, y, classes, weights, or a parameter of the estimator are not as above.

        See Also
        --------
        fit : Train from the beginning, all epochs.

        Examples
        --------
        >>> from cyrnn.estimators import RecurrentClassifier
        >>> X, y = np.eye(4)[:, ::-1].copy(), ["a", "a", "b", "b"]
        >>> RecurrentClassifier(random_state=0).partial_fit(X, y, classes=["a", "b"]).n_iter_
        1
        """
        function = "RecurrentClassifier.partial_fit"
        first = not hasattr(self, "model_")
        if first:
            _check.classes_given(function, classes)
        x = self._read(function, X, reset=first)
        labels = self._labels(function, x, y)
        if first:
            self.classes_ = multiclass.unique_labels(classes)
        elif classes is not None:
            _check.same_classes(function, multiclass.unique_labels(classes), self.classes_)
        _check.known_classes(function, labels, self.classes_)
        self._fit(function, x, labels, sample_weight, first=first, whole=False)
        return self

    def predict_proba(self, X: Any) -> Array:
        """Return the probability of each class.

        Parameters
        ----------
        X : (n, T, f), (n, T * f), or a list of n arrays (T_i, f)
            Sequences.

        Returns
        -------
        ndarray of shape (n, number of classes)
            In the order of `classes_`.

        Raises
        ------
        ValueError
            If X is not like that of fit; `NotFittedError`, if there was no fit.

        See Also
        --------
        predict : The most probable class alone.

        Examples
        --------
        >>> from cyrnn.estimators import RecurrentClassifier
        >>> X, y = np.eye(4)[:, ::-1].copy(), ["a", "a", "b", "b"]
        >>> RecurrentClassifier(random_state=0).fit(X, y).predict_proba(X).shape
        (4, 2)
        """
        return self._probabilities(self._outputs("RecurrentClassifier.predict_proba", X))

    def predict(self, X: Any) -> Array:
        """Return the most probable class of each sequence.

        Parameters
        ----------
        X : (n, T, f), (n, T * f), or a list of n arrays (T_i, f)
            Sequences.

        Returns
        -------
        ndarray of n labels
            Of `classes_`, one for each sequence.

        Raises
        ------
        ValueError
            If X is not like that of fit; `NotFittedError`, if there was no fit.

        See Also
        --------
        predict_proba : The probability of each class.

        Examples
        --------
        >>> from cyrnn.estimators import RecurrentClassifier
        >>> X, y = np.eye(4)[:, ::-1].copy(), ["a", "a", "b", "b"]
        >>> RecurrentClassifier(random_state=0).fit(X, y).predict(X).tolist()
        ['a', 'a', 'b', 'b']
        """
        logits = self._outputs("RecurrentClassifier.predict", X)
        return np.asarray(self.classes_[logits.argmax(axis=1)])

    def _labels(self, function: str, x: Sequences, y: Any) -> Array:
        _check.some_y(function, y)
        y = validation.column_or_1d(validation._check_y(y, multi_output=True, estimator=self), warn=True)
        multiclass.check_classification_targets(y)
        validation.check_consistent_length(x, y)
        return np.asarray(y)

    def _fit(self, function: str, x: Sequences, labels: Array, weight: Any, *, first: bool, whole: bool) -> None:
        targets = np.searchsorted(self.classes_, labels)
        self._learn(function, x, targets, weight, outputs=len(self.classes_), first=first, whole=whole)

    @staticmethod
    def _probabilities(logits: Array) -> Array:
        return np.ascontiguousarray(softmax(np.ascontiguousarray(logits.T)).T)

    def _weighted(self, function: str, targets: Array, weights: Array) -> Array:
        counts = np.bincount(targets, weights, len(self.classes_))
        factors = _check.class_weight(function, self.class_weight, self.classes_, counts)
        return np.asarray(weights * factors[targets])

    def _objective(self, targets: Array, weights: Array) -> Objective:
        return of_classes(targets, weights)

    def _score(self, x: Sequences, targets: Array, weights: Array) -> float:
        return float(metrics.accuracy_score(targets, self._of_model(x).argmax(axis=1), sample_weight=weights))
