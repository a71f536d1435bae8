"""scikit-learn's own checks of estimators; its tools over ragged lists; without it, one sentence."""

from __future__ import annotations

import pickle

import numpy as np
import pytest

pytest.importorskip("sklearn", reason="scikit-learn is not installed")

from interpreter import run_python
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

import cyrnn
from cyrnn.estimators import RecurrentClassifier, RecurrentForecaster, RecurrentRegressor

ESTIMATORS = [RecurrentClassifier, RecurrentRegressor]


@parametrize_with_checks([kind() for kind in ESTIMATORS])
def test_estimator_passes_every_check(estimator, check):
    check(estimator)


def ragged(n: int = 60, features: int = 2):
    """Noise, at whose last step is what is asked for: a sign, a number."""
    rng = np.random.default_rng(7)
    X = [rng.normal(0, 0.3, (rng.integers(3, 9), features)) for _ in range(n)]
    y = rng.uniform(-2, 2, n)
    for x, value in zip(X, y, strict=True):
        x[-1, 0] = value
    return X, y


def test_grid_search_runs_over_ragged_lists_in_other_processes():
    X, y = ragged(40)
    search = GridSearchCV(RecurrentRegressor(epochs=2, random_state=0), {"cell": ["gru", "rnn"]}, cv=2, n_jobs=2)
    assert search.fit(X, y).predict(X).shape == (40,)
    alone = clone(search.estimator).set_params(cell=search.best_params_["cell"]).fit(X, y)
    assert np.array_equal(search.predict(X), alone.predict(X))


def test_cross_validation_and_pipeline_run():
    X, y = ragged()
    scores = cross_val_score(RecurrentClassifier(epochs=20, random_state=0), X, y > 0, cv=3)
    assert scores.mean() > 0.8
    flat = np.stack([x[-3:].ravel() for x in X])
    pipeline = make_pipeline(StandardScaler(), RecurrentClassifier(n_features_per_step=2, epochs=20, random_state=0))
    assert pipeline.fit(flat, y > 0).score(flat, y > 0) > 0.9


@pytest.mark.parametrize("kind", ESTIMATORS)
def test_three_forms_of_x_are_one(kind):
    X, y = ragged()
    X = [x[-3:] for x in X]
    y = y > 0 if kind is RecurrentClassifier else y
    same = {"epochs": 2, "random_state": 0, "dropout": 0.1, "num_layers": 2, "bidirectional": True}
    lists = kind(**same).fit(X, y)
    arrays = kind(**same).fit(np.stack(X), y)
    flat = kind(**same, n_features_per_step=2).fit(np.stack(X).reshape(60, 6), y)
    objects = np.empty(60, object)
    objects[:] = X
    expected = lists.predict(X)
    for got in (arrays.predict(np.stack(X)), flat.predict(np.stack(X).reshape(60, 6)), lists.predict(objects)):
        assert np.array_equal(got, expected)
    assert np.array_equal(flat.predict(X), expected)
    assert (lists.n_features_in_, flat.n_features_in_) == (2, 6)


@pytest.mark.parametrize("kind", ESTIMATORS)
def test_pickle_goes_on_as_the_estimator_itself(kind):
    X, y = ragged()
    y = y > 0 if kind is RecurrentClassifier else y
    estimator = kind(epochs=2, dropout=0.2, random_state=0).fit(X, y)
    again = pickle.loads(pickle.dumps(estimator))
    assert np.array_equal(again.predict(X), estimator.predict(X))
    assert again.partial_fit(X, y).loss_curve_ == estimator.partial_fit(X, y).loss_curve_
    assert np.array_equal(again.predict(X), estimator.predict(X))


@pytest.mark.parametrize("kind", ESTIMATORS)
def test_threads_change_no_bit(kind):
    X, y = ragged(300)
    y = y > 0 if kind is RecurrentClassifier else y
    found, threads = [], cyrnn.get_num_threads()
    try:
        for n in (1, 2):
            cyrnn.set_num_threads(n)
            found.append(kind(hidden_size=64, batch_size=150, epochs=2, random_state=3).fit(X, y))
    finally:
        cyrnn.set_num_threads(threads)
    for name, weight in found[0].model_.state_dict().items():
        assert np.array_equal(weight, found[1].model_.state_dict()[name]), name
    other = kind(hidden_size=64, batch_size=150, epochs=2, random_state=4).fit(X, y)
    assert other.loss_curve_ != found[0].loss_curve_


def test_forecaster_is_cloned_and_pickled():
    forecaster = RecurrentForecaster(epochs=2, window=5, random_state=0)
    y = np.sin(np.arange(40))
    fitted = clone(forecaster).fit(y)
    assert fitted.get_params() == forecaster.get_params()
    assert np.array_equal(pickle.loads(pickle.dumps(fitted)).predict(5), fitted.predict(5))
    assert np.array_equal(clone(forecaster).fit(y).predict(5), fitted.predict(5))


def test_import_of_cyrnn_needs_no_sklearn():
    code = """
import sys
sys.modules["sklearn"] = None
import cyrnn
import cyrnn.estimators
print(sorted(name for name in dir(cyrnn.estimators) if name[0] != "_"), "sklearn.base" in sys.modules)
try:
    cyrnn.estimators.RecurrentClassifier
except ImportError as error:
    print(error)
try:
    cyrnn.estimators.Nothing
except AttributeError as error:
    print(error)
"""
    assert run_python("-c", code).stdout.splitlines() == [
        "['Forecast', 'RecurrentClassifier', 'RecurrentForecaster', 'RecurrentRegressor'] False",
        "cyrnn.estimators: scikit-learn is not installed: pip install 'cyrnn[sklearn]'",
        "module 'cyrnn.estimators' has no attribute 'Nothing'",
    ]
