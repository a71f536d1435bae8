"""RecurrentRegressor: a number for each sequence, or several."""

from __future__ import annotations

from typing import Any

import numpy as np

from . import _check
from .base import Recurrent
from .objectives import Objective, of_numbers
from .scikit import Array, RegressorMixin, metrics, validation
from .sequences import Sequences, moments


class RecurrentRegressor(RegressorMixin, Recurrent):
    """A number for each sequence, or several, by a recurrent network: an estimator of scikit-learn.

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
    RecurrentClassifier : A class for each sequence.
    RecurrentForecaster : What follows a time series.

    Notes
    -----
    What is learnt: `model_`, a Sequential of `cyrnn.nn`, which `save` writes; `loss_curve_` and, with `early_stopping`,
    `validation_scores_`, for each epoch; `n_iter_`; `n_features_in_`.

    X is (n, T, f), or a list of (T_i, f) arrays of different lengths, or 2-D, (n, T * f). Each feature is brought to
    mean 0 and deviation 1, and so is each column of y. Equal examples are gone through as one, with the sum of their
    weights, so that an example of weight 2 is one that is there twice, and the order of the rows of X is of no account.

    Examples
    --------
    >>> from cyrnn.estimators import RecurrentRegressor
    >>> X = [np.linspace(0, 1, length)[:, None] for length in range(5, 25)]
    >>> y = [len(x) for x in X]
    >>> RecurrentRegressor(random_state=0).fit(X, y).score(X, y) > 0.9
    True
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
        self.n_features_per_step = n_features_per_step
        self.random_state = random_state
        self.verbose = verbose

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> RecurrentRegressor:
        """Train from the beginning.

        Parameters
        ----------
        X : (n, T, f), (n, T * f), or a list of n arrays (T_i, f)
            Sequences.
        y : array of shape (n,) or (n, k)
            Numbers.
        sample_weight : array of n numbers, optional
            At least 0.

        Returns
        -------
        RecurrentRegressor
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
        >>> from cyrnn.estimators import RecurrentRegressor
        >>> X, y = np.eye(4), [1.0, 2.0, 3.0, 4.0]
        >>> RecurrentRegressor(random_state=0, epochs=3).fit(X, y).n_iter_
        3
        """
        function = "RecurrentRegressor.fit"
        x = self._read(function, X, reset=True)
        targets = self._targets(function, x, y)
        self._columns = targets.shape[1:]
        self._fit(function, x, targets, sample_weight, first=True, whole=True)
        return self

    def partial_fit(self, X: Any, y: Any, sample_weight: Any = None) -> RecurrentRegressor:
        """Go once over these examples, on from where training is; what scales X and y is learnt in the first call.

        Parameters
        ----------
        X : (n, T, f), (n, T * f), or a list of n arrays (T_i, f)
            Sequences.
        y : array of shape (n,) or (n, k)
            Numbers.
        sample_weight : array of n numbers, optional
            At least 0.

        Returns
        -------
        RecurrentRegressor
            The estimator itself.

        Raises
        ------
        ValueError, TypeError
            If X, y, weights, or a parameter of the estimator are not as above.

        See Also
        --------
        fit : Train from the beginning, all epochs.

        Examples
        --------
        >>> from cyrnn.estimators import RecurrentRegressor
        >>> X, y = np.eye(4), [1.0, 2.0, 3.0, 4.0]
        >>> len(RecurrentRegressor(random_state=0).partial_fit(X, y).partial_fit(X, y).loss_curve_)
        2
        """
        function = "RecurrentRegressor.partial_fit"
        first = not hasattr(self, "model_")
        x = self._read(function, X, reset=first)
        targets = self._targets(function, x, y)
        if first:
            self._columns = targets.shape[1:]
        _check.outputs(function, targets[0].size, int(np.prod(self._columns, dtype=int)))
        self._fit(function, x, targets, sample_weight, first=first, whole=False)
        return self

    def predict(self, X: Any) -> Array:
        """Return the numbers of each sequence.

        Parameters
        ----------
        X : (n, T, f), (n, T * f), or a list of n arrays (T_i, f)
            Sequences.

        Returns
        -------
        ndarray of shape (n,) or (n, k)
            As y was.

        Raises
        ------
        ValueError
            If X is not like that of fit; `NotFittedError`, if there was no fit.

        See Also
        --------
        fit : Trains what predicts.

        Examples
        --------
        >>> from cyrnn.estimators import RecurrentRegressor
        >>> X, y = np.eye(4), [1.0, 2.0, 3.0, 4.0]
        >>> RecurrentRegressor(random_state=0).fit(X, y).predict(X).shape
        (4,)
        """
        return self._in_units(self._outputs("RecurrentRegressor.predict", X))

    def _in_units(self, outputs: Array) -> Array:
        return np.asarray(outputs * self._y_deviation + self._y_mean).reshape(-1, *self._columns)

    def _targets(self, function: str, x: Sequences, y: Any) -> Array:
        _check.some_y(function, y)
        y = validation._check_y(y, multi_output=True, y_numeric=True, estimator=self)
        validation.check_consistent_length(x, y)
        return np.asarray(y, np.float64)

    def _fit(self, function: str, x: Sequences, targets: Array, weight: Any, *, first: bool, whole: bool) -> None:
        flat = targets.reshape(len(targets), -1)
        self._learn(function, x, flat, weight, outputs=flat.shape[1], first=first, whole=whole)

    def _scale(self, targets: Array, weights: Array) -> None:
        self._y_mean, self._y_deviation = moments(targets, weights)

    def _objective(self, targets: Array, weights: Array) -> Objective:
        scaled = ((targets - self._y_mean) / self._y_deviation).astype(np.float32)
        return of_numbers(scaled, weights)

    def _score(self, x: Sequences, targets: Array, weights: Array) -> float:
        predicted = self._of_model(x) * self._y_deviation + self._y_mean
        if len(targets) < 2:  # R^2 wants two
            return -float(np.square(predicted - targets).mean())
        return float(metrics.r2_score(targets, predicted, sample_weight=weights))

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags
