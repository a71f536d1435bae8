"""RecurrentForecaster: what follows a time series."""

from __future__ import annotations

from typing import Any

import numpy as np

from . import _check
from .forecasting import Forecast, Forecasting
from .scikit import metrics
from .series import Series


class RecurrentForecaster(Forecasting):
    """What follows a time series, step by step, by a recurrent network.

    Parameters
    ----------
    window : int
        How many steps the network reads before it says the next; fewer of a short series.
    cell : {"lstm", "gru", "rnn"}
        Which recurrent layers.
    hidden_size, num_layers : int
        Units of a layer; layers on each other.
    dropout : float
        Which part of the values is dropped while training, between layers and in front of the head.
    epochs : int
        How often all windows are gone through.
    batch_size : int
        Windows for an update.
    learning_rate : float
        That of Adam.
    max_norm : float or None
        The norm to which gradients are clipped; None for no clipping.
    early_stopping : bool
        Whether training ends when a held-out part is told no better; the best weights are taken then.
    validation_fraction : float
        Which part of the series, its end, is held out for `residuals_` and for `early_stopping`.
    n_iter_no_change : int
        With `early_stopping`: after how many epochs without a better score training ends.
    tol : float
        By how much a score has to be higher to be better.
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
    cyrnn.plot.loss_curve : Draws `loss_curve_`.

    Notes
    -----
    Each column is brought to mean 0 and deviation 1. The network reads a window, less the level at its first step, and
    says the change to the next step; a forecast goes on from what it has said itself. `fit` trains twice: without the
    end of the series, where forecasts from every step, as far as the end, leave their errors in `residuals_`,
    (forecasts, horizons, columns); then, for as many epochs, with all of it. Quantiles of these errors, for each
    horizon, make the interval; beyond the last horizon they are those of the last. They hold as far as what comes is
    like the held-out part.

    What is learnt: `model_`, a Sequential of `cyrnn.nn`; `window_`, `loss_curve_`, `n_iter_`, and, with
    `early_stopping`, `validation_scores_`: minus the mean squared error of the next step.

    Examples
    --------
    >>> from cyrnn.estimators import RecurrentForecaster
    >>> y = np.sin(np.arange(120) / 3)
    >>> forecaster = RecurrentForecaster(random_state=0).fit(y[:110])
    >>> round(forecaster.score(y[110:]), 1)
    1.0
    """

    def __init__(
        self,
        *,
        window: int = 32,
        cell: str = "lstm",
        hidden_size: int = 32,
        num_layers: int = 1,
        dropout: float = 0.0,
        epochs: int = 50,
        batch_size: int = 32,
        learning_rate: float = 0.005,
        max_norm: float | None = 1.0,
        early_stopping: bool = False,
        validation_fraction: float = 0.2,
        n_iter_no_change: int = 10,
        tol: float = 1e-4,
        random_state: Any = None,
        verbose: Any = False,
    ) -> None:
        self.window = window
        self.cell = cell
        self.hidden_size = hidden_size
        self.num_layers = num_layers
        self.dropout = dropout
        self.epochs = epochs
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.max_norm = max_norm
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.n_iter_no_change = n_iter_no_change
        self.tol = tol
        self.random_state = random_state
        self.verbose = verbose

    def fit(self, y: Any, X: Any = None) -> RecurrentForecaster:
        """Train on a series.

        Parameters
        ----------
        y : array or pandas Series of shape (n,), array or DataFrame of shape (n, k)
            In order of time, of 4 steps at least.
        X : array or DataFrame of shape (n, p), optional
            What is known of each step beforehand, as the day of the week.

        Returns
        -------
        RecurrentForecaster
            The estimator itself.

        Raises
        ------
        ValueError, TypeError
            If y, X, or a parameter of the estimator are not as above.

        See Also
        --------
        partial_fit : Take more steps of the series.
        predict : What follows the series.

        Examples
        --------
        >>> from cyrnn.estimators import RecurrentForecaster
        >>> y = np.sin(np.arange(100) / 3)
        >>> RecurrentForecaster(random_state=0, epochs=3).fit(y).n_iter_
        3
        """
        self._fit("RecurrentForecaster.fit", y, X)
        return self

    def partial_fit(self, y: Any, X: Any = None) -> RecurrentForecaster:
        """Take the next steps of the series, and go once over them; the first call is a fit.

        Parameters
        ----------
        y : array or pandas Series of shape (n,), array or DataFrame of shape (n, k)
            What follows the series so far.
        X : array or DataFrame of shape (n, p), optional
            What is known of each step beforehand, as the day of the week.

        Returns
        -------
        RecurrentForecaster
            The estimator itself.

        Raises
        ------
        ValueError, TypeError
            If y, X, or a parameter of the estimator are not as above.

        See Also
        --------
        fit : Train from the beginning.

        Examples
        --------
        >>> from cyrnn.estimators import RecurrentForecaster
        >>> y = np.sin(np.arange(100) / 3)
        >>> RecurrentForecaster(random_state=0, epochs=3).fit(y[:90]).partial_fit(y[90:]).n_iter_
        4
        """
        if not hasattr(self, "model_"):
            return self.fit(y, X)
        self._fit_further("RecurrentForecaster.partial_fit", y, X)
        return self

    def predict(self, horizon: int = 1, X: Any = None) -> Any:
        """Return the next steps.

        Parameters
        ----------
        horizon : int
            How many steps.
        X : array or DataFrame of shape (horizon, p)
            That of the steps ahead; where fit had one, and only there.

        Returns
        -------
        ndarray, Series or DataFrame
            As y was, with the index that follows.

        Raises
        ------
        ValueError, TypeError
            If horizon or X are not as above, or an index goes on in no regular way; `NotFittedError`, without fit.

        See Also
        --------
        forecast : The same with an interval.

        Examples
        --------
        >>> from cyrnn.estimators import RecurrentForecaster
        >>> y = np.sin(np.arange(100) / 3)
        >>> RecurrentForecaster(random_state=0, epochs=3).fit(y).predict(5).shape
        (5,)
        """
        return self._forecast("RecurrentForecaster.predict", horizon, X, None)

    def forecast(self, horizon: int = 1, X: Any = None, *, coverage: float = 0.9) -> Forecast:
        """Return the next steps with an interval for each.

        Parameters
        ----------
        horizon : int
            How many steps.
        X : array or DataFrame of shape (horizon, p)
            That of the steps ahead; where fit had one, and only there.
        coverage : float
            Which part of the truth the interval is to hold.

        Returns
        -------
        Forecast
            A named tuple `(mean, lower, upper)`, each as from `predict`.

        Raises
        ------
        ValueError, TypeError
            As `predict`; if coverage is not within 0 .. 1.

        See Also
        --------
        predict : The forecast alone.

        Examples
        --------
        >>> from cyrnn.estimators import RecurrentForecaster
        >>> y = np.sin(np.arange(100) / 3)
        >>> mean, lower, upper = RecurrentForecaster(random_state=0, epochs=3).fit(y).forecast(5, coverage=0.8)
        >>> (lower < upper).all()
        np.True_
        """
        function = "RecurrentForecaster.forecast"
        found: Forecast = self._forecast(
            function, horizon, X, _check.real(function, "coverage", coverage, 0, 1, least=False)
        )
        return found

    def score(self, y: Any, X: Any = None) -> float:
        """Return R^2 of the forecast of what follows.

        Parameters
        ----------
        y : array or pandas Series of shape (n,), array or DataFrame of shape (n, k)
            What follows the series, of 2 steps at least.
        X : array or DataFrame of shape (n, p), optional
            What is known of each step beforehand, as the day of the week.

        Returns
        -------
        float
            1 for a forecast without an error.

        Raises
        ------
        ValueError, TypeError
            As `predict`.

        See Also
        --------
        predict : The forecast itself.

        Examples
        --------
        >>> from cyrnn.estimators import RecurrentForecaster
        >>> y = np.sin(np.arange(100) / 3)
        >>> RecurrentForecaster(random_state=0).fit(y[:90]).score(y[90:]) > 0.5
        True
        """
        function = "RecurrentForecaster.score"
        truth = Series(function, "y", y).values
        said = np.asarray(self._forecast(function, len(truth), X, None), np.float64)
        return float(metrics.r2_score(truth, said.reshape(len(truth), -1)))
