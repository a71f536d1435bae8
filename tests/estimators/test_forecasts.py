"""The forecaster: series of NumPy and pandas, intervals, what it refuses."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("sklearn", reason="scikit-learn is not installed")

from cyrnn.estimators import RecurrentForecaster

T = np.arange(130)
WAVE = 50 + 10 * np.sin(T * 2 * np.pi / 10)


def quick(**options):
    return RecurrentForecaster(**{"epochs": 2, "window": 8, "random_state": 0, **options})


def test_wave_goes_on():
    forecaster = RecurrentForecaster(window=20, epochs=40, random_state=0).fit(WAVE[:110])
    assert np.abs(forecaster.predict(20) - WAVE[110:]).mean() < 2
    assert forecaster.score(WAVE[110:]) > 0.9


def test_level_that_is_new_makes_no_difference():
    """The same wave, 1000 higher from the middle on: forecasts are as much higher, but for the rounding."""
    forecaster = quick(epochs=20).fit(WAVE)
    low = forecaster.predict(5)
    forecaster._series.values += 1000
    np.testing.assert_allclose(forecaster.predict(5), low + 1000, rtol=0, atol=1e-2)


def test_covariates_of_the_step_itself_are_read():
    x = np.random.default_rng(0).normal(size=160)
    forecaster = RecurrentForecaster(window=10, epochs=40, random_state=0).fit(3 * x[:140], x[:140])
    assert forecaster.score(3 * x[140:], x[140:]) > 0.9


def test_residuals_are_errors_of_forecasts_by_hand():
    """Those of a model that has not seen the last part, from each step of it, by predict itself."""
    forecaster = quick(validation_fraction=0.1)
    forecaster.fit(WAVE)
    assert forecaster.residuals_.shape == (7, 7, 1)  # 13 held out: 7 horizons, from 7 steps
    models = []
    train = RecurrentForecaster._train

    class Watched(RecurrentForecaster):
        def _train(self, *arguments):
            train(self, *arguments)
            models.append(self.model_)

    again = Watched(epochs=2, window=8, random_state=0, validation_fraction=0.1).fit(WAVE)
    again.model_ = models[0]
    for row, start in enumerate(range(117, 124)):
        again._series.values, again._X = WAVE[:start, None], np.zeros((start, 0))
        errors = WAVE[start : start + 7] - again.predict(7)
        np.testing.assert_allclose(forecaster.residuals_[row, :, 0], errors, rtol=0, atol=1e-4)


def test_interval_is_of_quantiles_of_residuals():
    forecaster = quick().fit(WAVE)
    mean, lower, upper = forecaster.forecast(40, coverage=0.8)
    assert np.array_equal(mean, forecaster.predict(40))
    horizons = forecaster.residuals_.shape[1]
    assert horizons == 13
    for step in range(40):
        errors = np.sort(forecaster.residuals_[:, min(step, 12), 0])
        low, high = np.interp([0.1, 0.9], np.linspace(0, 1, len(errors)), errors)
        np.testing.assert_allclose([lower[step], upper[step]], [mean[step] + low, mean[step] + high])


def test_series_of_several_columns():
    y = np.stack([WAVE, -WAVE / 10], axis=1)
    forecaster = quick().fit(y)
    assert forecaster.predict(3).shape == (3, 2)
    assert forecaster.residuals_.shape[2] == 2
    assert forecaster.forecast(3).upper.shape == (3, 2)


def test_early_stopping_ends_and_says_scores():
    forecaster = quick(epochs=60, early_stopping=True, n_iter_no_change=2, learning_rate=0.05).fit(WAVE)
    assert forecaster.n_iter_ == len(forecaster.validation_scores_) == len(forecaster.loss_curve_) < 60
    assert max(forecaster.validation_scores_) < 0


def test_partial_fit_goes_on_with_the_series():
    forecaster = quick().partial_fit(WAVE[:100], T[:100])
    assert forecaster.n_iter_ == 2
    before = forecaster.predict(3, T[100:103])
    forecaster.partial_fit(WAVE[100:], T[100:])
    assert forecaster.n_iter_ == 3
    assert not np.array_equal(before, forecaster.predict(3, T[100:103]))
    assert len(forecaster._series.values) == 130


def test_short_series_has_a_short_window():
    forecaster = quick(window=50).fit(WAVE[:4])
    assert forecaster.window_ == 2
    assert forecaster.forecast(2).lower.shape == (2,)


def test_pandas_series_keeps_its_name_and_goes_on_with_its_index():
    pd = pytest.importorskip("pandas", reason="pandas is not installed")
    indices = {
        "days": pd.date_range("2024-01-01", periods=135, name="day"),
        "days of no frequency": pd.DatetimeIndex(pd.date_range("2024-01-01", periods=135).to_list()),
        "months": pd.period_range("2000-01", periods=135, freq="M"),
        "numbers": pd.RangeIndex(10, 10 + 3 * 135, 3),
        "whole numbers": pd.Index(np.arange(135)),
    }
    plain = quick().fit(WAVE).predict(5)
    for name, index in indices.items():
        series = pd.Series(WAVE, index[:130], name="sold")
        forecaster = quick().fit(series)
        found = forecaster.predict(5)
        assert found.index.equals(index[130:]), name
        assert found.index.name == index.name
        assert found.name == "sold"
        assert np.array_equal(found.to_numpy(), plain)
    more = forecaster.partial_fit(pd.Series(WAVE[:2], index[130:132])).forecast(3)
    assert more.upper.index.equals(index[132:])


def test_pandas_frame_keeps_its_columns():
    pd = pytest.importorskip("pandas", reason="pandas is not installed")
    days = pd.date_range("2024-01-01", periods=132, freq="D")
    frame = pd.DataFrame({"a": WAVE, "b": -WAVE}, days[:130])
    found = quick().fit(frame, pd.Series(T, days[:130])).predict(2, pd.DataFrame({"t": [130, 131]}))
    assert found.columns.tolist() == ["a", "b"]
    assert found.index.equals(days[130:])


def irregular():
    pd = pytest.importorskip("pandas", reason="pandas is not installed")
    days = pd.DatetimeIndex(["2024-01-01", "2024-01-02", "2024-01-05", "2024-01-06", "2024-01-20"])
    return quick().fit(pd.Series(WAVE[:5], days)).predict(2)


def words():
    pd = pytest.importorskip("pandas", reason="pandas is not installed")
    return quick().fit(pd.Series(WAVE[:5], list("abcde"))).predict(2)


def other_form():
    pd = pytest.importorskip("pandas", reason="pandas is not installed")
    return quick().fit(WAVE).partial_fit(pd.Series(WAVE))


REFUSED = {
    "nothing": (lambda: quick().fit(None), ValueError, "fit: y is None, expected a time series"),
    "3 axes": (lambda: quick().fit(WAVE.reshape(13, 5, 2)), ValueError, "y is of 3 dimensions"),
    "short": (lambda: quick().fit([1, 2, 3]), ValueError, "y has 3 steps, expected 4 or more"),
    "nan": (lambda: quick().fit(WAVE * np.nan), ValueError, "Input y contains NaN"),
    "window": (lambda: quick(window=0).fit(WAVE), ValueError, "window is 0, expected 1 or more"),
    "rows": (lambda: quick().fit(WAVE, T[1:]), ValueError, "X has 129 rows, expected 130: one for each step"),
    "no X": (lambda: quick().fit(WAVE, T).predict(3), ValueError, "predict: X is None, expected 1 columns, as in fit"),
    "an X": (lambda: quick().fit(WAVE).predict(3, T[:3]), ValueError, "X has 1 columns, expected 0 columns"),
    "horizon": (lambda: quick().fit(WAVE).predict(0), ValueError, "horizon is 0, expected 1 or more"),
    "coverage": (lambda: quick().fit(WAVE).forecast(2, coverage=1), ValueError, "coverage is 1, expected 0 and more"),
    "columns": (
        lambda: quick().fit(WAVE).partial_fit(np.ones((3, 2))), ValueError, "y has 2 columns, expected 1, as in fit"
    ),
    "form": (other_form, TypeError, "y is of pandas, expected it of NumPy, as in fit"),
    "days": (irregular, ValueError, "predict: the index of y goes on in no regular way"),
    "words": (words, ValueError, "predict: the index of y goes on in no regular way"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refusal_says_what_is_wrong(name):
    call, kind, sentence = REFUSED[name]
    with pytest.raises(kind, match=sentence):
        call()


def test_forecast_before_fit_is_an_error_of_sklearn():
    from sklearn.exceptions import NotFittedError

    with pytest.raises(NotFittedError):
        quick().predict(3)
