"""The windows of a time series, the training on them, and forecasts from any step of it."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from ..training import mse_loss
from . import _check, network
from .base import run
from .scikit import Array, BaseEstimator, validation
from .sequences import moments
from .series import Series

#: horizons that have residuals of their own, and forecasts from which these are taken, at most
_HORIZONS, _ORIGINS = 256, 512


class Forecast(NamedTuple):
    """A forecast with its interval: each of the three in the form of the series that was fitted.

    Parameters
    ----------
    mean, lower, upper : ndarray, Series or DataFrame
        The forecast, and between what the truth is expected.

    See Also
    --------
    RecurrentForecaster.forecast : Makes it.

    Examples
    --------
    >>> mean, lower, upper = cyrnn.estimators.Forecast([3.0], [2.5], [3.5])
    >>> upper
    [3.5]
    """

    mean: Any
    lower: Any
    upper: Any


for _field, _text in {
    "mean": "The forecast.",
    "lower": "The lower end of the interval.",
    "upper": "The upper end of the interval.",
}.items():
    vars(Forecast)[_field].__doc__ = _text


class Forecasting(BaseEstimator):
    """All that is done with arrays; what people call is said by the subclass."""

    early_stopping: bool
    random_state: Any
    window: Any
    _series: Series
    _X: Array
    _y_scale: tuple[Array, Array]
    _X_scale: tuple[Array, Array]
    window_: int
    n_iter_: int
    residuals_: Array

    # ---- series ----------------------------------------------------------------------------------

    def _covariates(self, function: str, X: Any, n: int, wanted: int | None = None) -> Array:
        """Return X as (n, p), p = 0 if there is none."""
        found = np.zeros((n, 0)) if X is None else Series(function, "X", X).values
        _check.covariates(function, found.shape, n, wanted)
        return found

    def _scaled(self) -> tuple[Array, Array]:
        (y_mean, y_deviation), (X_mean, X_deviation) = self._y_scale, self._X_scale
        return (self._series.values - y_mean) / y_deviation, (self._X - X_mean) / X_deviation

    def _pairs(self) -> tuple[Array, Array]:
        """Return the inputs (n - 1, k + p): a step with the X of the next; and the changes (n - 1, k) to the next."""
        y, X = self._scaled()
        steps = np.concatenate([y[:-1], X[1:]], axis=1).astype(np.float32)
        return steps, np.diff(y, axis=0).astype(np.float32)

    # ---- training --------------------------------------------------------------------------------

    def _fit(self, function: str, y: Any, X: Any) -> None:
        given = network.options(function, self)
        series = Series(function, "y", y)
        covariates = self._covariates(function, X, len(series.values))
        window = _check.whole(function, "window", self.window, 1)
        n = len(series.values)
        out = _check.held_out_steps(function, n, given.validation_fraction)
        self.window_ = min(window, n - out - 1)
        self._series, self._X = series, covariates
        self._y_scale = moments(series.values, np.ones(n))
        self._X_scale = moments(covariates, np.ones(n)) if covariates.shape[1] else (np.zeros(0), np.ones(0))
        steps, changes = self._pairs()
        # a first model without the last part, whose errors there are those of forecasts; then one of the whole
        self._train(given, steps[: n - out - 1], changes[: n - out - 1], given.epochs, (steps, changes, out))
        self.residuals_ = self._errors(out)
        self._train(given, steps, changes, self.n_iter_, None)

    def _fit_further(self, function: str, y: Any, X: Any) -> None:
        given = network.options(function, self)
        series = Series(function, "y", y)
        covariates = self._covariates(function, X, len(series.values), self._X.shape[1])
        self._series.follow(function, series)
        self._X = np.concatenate([self._X, covariates])
        steps, changes = self._pairs()
        recent = min(len(steps), len(series.values) + self.window_)
        self._epochs(given, steps[-recent:], changes[-recent:], 1, None)

    def _train(self, given: Any, steps: Array, changes: Array, epochs: int, held: Any) -> None:
        rng = validation.check_random_state(self.random_state)
        self.model_ = network.build(given, steps.shape[1], changes.shape[1], rng, last=False)
        self._trainer = network.Trainer(given, self.model_, rng)
        self.loss_curve_: list[float] = []
        self.n_iter_ = 0
        if held is not None:
            self.validation_scores_: list[float] = []
        self._epochs(given, steps, changes, epochs, held if self.early_stopping else None)

    def _epochs(self, given: Any, steps: Array, changes: Array, epochs: int, held: Any) -> None:
        x, target = self._windows(steps), self._windows(changes)

        def batch(index: Array) -> tuple[Array, None]:
            return self._relative(x[index]), None

        def objective(output: Array, index: Array) -> tuple[float, Array]:
            loss, d_output = mse_loss(output, target[index])
            return loss * len(index), d_output

        def score() -> float:
            last, truth, out = held
            said = self.model_(self._relative(self._windows(last)[-out:].copy()))[0][:, -1]
            return -float(mse_loss(said, truth[-out:])[0])

        def epoch() -> float:
            return self._trainer.epoch(given, len(x), batch, objective)

        run(self, given, epochs, epoch, None if held is None else score)

    def _windows(self, values: Array) -> Array:
        """Return every window of steps, (N, window, features), as views."""
        return np.lib.stride_tricks.sliding_window_view(values, self.window_, axis=0).transpose(0, 2, 1)

    def _relative(self, windows: Array) -> Array:
        """Take the first step of each window off its series, in place; its X stays."""
        columns = self._series.values.shape[1]
        windows[..., :columns] -= windows[:, :1, :columns].copy()
        return windows

    # ---- forecasts -------------------------------------------------------------------------------

    def _said(self, starts: Array, y: Array, X: Array, horizon: int) -> Array:
        """Return forecasts (N, horizon, k), scaled, of the steps starts, starts + 1, ... from those before.

        y is read before each start alone, X up to starts + horizon - 1.
        """
        first = starts - self.window_
        at = first[:, None] + np.arange(self.window_)
        x = np.concatenate([y[at], X[at + 1]], axis=2).astype(np.float32)
        level = y[first]
        output, state = self.model_(self._relative(x))
        said = [y[starts - 1] + output[:, -1]]
        for step in range(1, horizon):
            x_t = np.concatenate([said[-1] - level, X[starts + step]], axis=1).astype(np.float32)
            change, state = self.model_.step(x_t, state)
            said.append(said[-1] + change)
        return np.stack(said, axis=1)

    def _errors(self, out: int) -> Array:
        """Return the errors (forecasts, horizons, k) in the last part of the series, in its units."""
        y, X = self._scaled()
        horizons = min((out + 1) // 2, _HORIZONS)
        starts = np.arange(len(y) - out, len(y) - horizons + 1)[-_ORIGINS:]
        said = self._said(starts, y, X, horizons)
        errors: Array = (y[starts[:, None] + np.arange(horizons)] - said) * self._y_scale[1]
        return errors

    def _forecast(self, function: str, horizon: int, X: Any, coverage: float | None) -> Any:
        validation.check_is_fitted(self)
        steps = _check.whole(function, "horizon", horizon, 1)
        index = self._series.following(function, steps)
        own = self._covariates(function, X, steps, self._X.shape[1])
        y, known = self._scaled()
        known = np.concatenate([known, (own - self._X_scale[0]) / self._X_scale[1]])
        said = self._said(np.array([len(y)]), y, known, steps)[0] * self._y_scale[1] + self._y_scale[0]
        if coverage is None:
            return self._series.like(said, index)
        tail = (1 - coverage) / 2
        bounds = np.quantile(self.residuals_, [tail, 1 - tail], axis=0)
        each = np.minimum(np.arange(steps), bounds.shape[1] - 1)
        forms = [self._series.like(values, index) for values in (said, said + bounds[0, each], said + bounds[1, each])]
        return Forecast(*forms)
