"""What classifiers and regressors learn, against values that are known; what they refuse, and in which words."""

from __future__ import annotations

import inspect
import re
import sys
import types

import numpy as np
import pytest

pytest.importorskip("sklearn", reason="scikit-learn is not installed")

from docstrings import HEADING, SECTIONS

from cyrnn import estimators
from cyrnn.estimators import RecurrentClassifier, RecurrentForecaster, RecurrentRegressor

KINDS = [RecurrentClassifier, RecurrentRegressor, RecurrentForecaster]
RNG = np.random.default_rng(0)
X = RNG.normal(size=(80, 5, 2))
LABELS = np.where(X[:, 2, 1] > 0, "up", "down")
NUMBERS = np.stack([100 + 50 * X[:, 4, 0], X[:, 3, 1] - X[:, 1, 0]], axis=1)


def test_classifier_learns_a_sign_in_the_middle():
    classifier = RecurrentClassifier(cell="gru", epochs=40, random_state=0).fit(X, LABELS)
    assert classifier.score(X, LABELS) > 0.95
    assert classifier.classes_.tolist() == ["down", "up"]
    assert classifier.n_iter_ == len(classifier.loss_curve_) == 40
    assert classifier.loss_curve_[-1] < 0.3 < classifier.loss_curve_[0]


def test_probabilities_are_the_softmax_of_the_model():
    classifier = RecurrentClassifier(epochs=1, random_state=0).fit(X, LABELS)
    scaled = (X - X.mean((0, 1))) / X.std((0, 1))
    logits = classifier.model_(scaled.astype(np.float32))[0].astype(np.float64)
    expected = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(classifier.predict_proba(X), expected, rtol=0, atol=1e-6)
    assert (classifier.predict(X) == classifier.classes_[expected.argmax(axis=1)]).all()


def test_regressor_learns_two_numbers_in_their_units():
    regressor = RecurrentRegressor(epochs=60, random_state=0).fit(X, NUMBERS)
    assert regressor.predict(X).shape == (80, 2)
    assert regressor.score(X, NUMBERS) > 0.9


def test_first_loss_is_that_of_targets_of_deviation_one():
    regressor = RecurrentRegressor(epochs=1, batch_size=80, random_state=0).fit(X, NUMBERS[:, 0])
    assert 0.8 < regressor.loss_curve_[0] < 1.3  # zeros in the place of mean 0 and deviation 1: 1


@pytest.mark.parametrize(("kind", "y"), [(RecurrentClassifier, LABELS), (RecurrentRegressor, NUMBERS)])
def test_weight_is_that_many_examples_and_order_is_none(kind, y):
    weights = np.arange(80) % 3
    weighted = kind(epochs=2, random_state=0, dropout=0.1).fit(X, y, sample_weight=weights)
    index = RNG.permutation(np.repeat(np.arange(80), weights))
    repeated = kind(epochs=2, random_state=0, dropout=0.1).fit(X[index], y[index])
    assert weighted.loss_curve_ == repeated.loss_curve_
    for name, weight in weighted.model_.state_dict().items():
        assert np.array_equal(weight, repeated.model_.state_dict()[name])


def test_class_weight_is_a_weight_of_examples():
    y = np.where(np.arange(80) < 60, "a", "b")
    options = {"epochs": 2, "random_state": 0}
    balanced = RecurrentClassifier(**options, class_weight="balanced").fit(X, y)
    by_hand = RecurrentClassifier(**options, class_weight={"a": 80 / 120, "b": 2}).fit(X, y)
    weighted = RecurrentClassifier(**options).fit(X, y, sample_weight=np.where(y == "a", 80 / 120, 2))
    assert balanced.loss_curve_ == by_hand.loss_curve_ == weighted.loss_curve_
    assert balanced.loss_curve_ != RecurrentClassifier(**options).fit(X, y).loss_curve_


@pytest.mark.parametrize(("kind", "y"), [(RecurrentClassifier, LABELS), (RecurrentRegressor, NUMBERS[:, 1])])
def test_early_stopping_takes_the_best_weights(kind, y, monkeypatch):
    given = []
    score = kind._score

    def watching(self, x, targets, weights):
        given[:] = [x, targets, weights]
        return score(self, x, targets, weights)

    monkeypatch.setattr(kind, "_score", watching)
    options = {"validation_fraction": 0.25, "n_iter_no_change": 3, "early_stopping": True}
    estimator = kind(epochs=200, learning_rate=0.02, random_state=0, **options).fit(X, y)
    scores = estimator.validation_scores_
    assert len(scores) == estimator.n_iter_ < 200
    assert int(np.argmax(scores)) == len(scores) - 4
    assert score(estimator, *given) == max(scores)
    assert len(given[0]) == 20


def test_one_held_out_example_has_a_score():
    regressor = RecurrentRegressor(epochs=2, early_stopping=True, random_state=0).fit(X[:3], NUMBERS[:3])
    assert len(regressor.validation_scores_) == 2
    assert max(regressor.validation_scores_) < 0


def test_partial_fit_is_fit_an_epoch_at_a_time():
    whole = RecurrentClassifier(epochs=3, random_state=0).fit(X, LABELS)
    parts = RecurrentClassifier(random_state=0)
    for _ in range(3):
        parts.partial_fit(X, LABELS, classes=["up", "down"])
    assert parts.loss_curve_ == whole.loss_curve_
    regressor = RecurrentRegressor(random_state=0)
    for _ in range(3):
        regressor.partial_fit(X, NUMBERS)
    assert regressor.loss_curve_ == RecurrentRegressor(epochs=3, random_state=0).fit(X, NUMBERS).loss_curve_


def test_verbose_writes_a_line_for_each_epoch(capsys):
    RecurrentClassifier(epochs=2, early_stopping=True, random_state=0, verbose=True).fit(X, LABELS)
    RecurrentClassifier(epochs=1, random_state=0, verbose=1).fit(X, LABELS)
    lines = capsys.readouterr().out.splitlines()
    assert re.fullmatch(r"epoch 1 of 2: loss 0\.\d{4}, score [01]\.\d{4}", lines[0])
    assert re.fullmatch(r"epoch 1 of 1: loss 0\.\d{4}", lines[2])
    RecurrentClassifier(epochs=1, random_state=0).fit(X, LABELS)
    assert capsys.readouterr() == ("", "")


def test_verbose_is_a_bar_in_a_terminal(monkeypatch, capsys):
    said = []

    class Bar:
        def __init__(self, **options):
            said.append(options["total"])

        def set_postfix_str(self, text):
            said.append(text.partition(" ")[0])

        def update(self):
            said.append("update")

        def close(self):
            said.append("close")

    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    monkeypatch.setitem(sys.modules, "tqdm", types.SimpleNamespace(tqdm=Bar))
    RecurrentClassifier(epochs=2, random_state=0, verbose=True).fit(X, LABELS)
    assert said == [2, "loss", "update", "loss", "update", "close"]
    monkeypatch.setitem(sys.modules, "tqdm", None)
    RecurrentClassifier(epochs=1, random_state=0, verbose=True).fit(X, LABELS)
    assert capsys.readouterr().out.startswith("epoch 1 of 1: ")


FITTED = RecurrentClassifier(epochs=1, max_norm=None).fit(X, LABELS)
FLAT = RecurrentRegressor(epochs=1, n_features_per_step=5).fit(X.reshape(80, 10), NUMBERS)


def classifier(**options):
    return lambda: RecurrentClassifier(**options).fit(X, LABELS)


REFUSED = {
    "cell": (classifier(cell="elman"), ValueError, 'fit: cell is \'elman\', expected "lstm", "gru" or "rnn"'),
    "cell of a kind": (classifier(cell=3), ValueError, "cell is of type int"),
    "size": (classifier(hidden_size=0), ValueError, "hidden_size is 0, expected 1 or more"),
    "size of a kind": (classifier(hidden_size=3.5), TypeError, "hidden_size is of type float, expected a whole"),
    "dropout": (classifier(dropout=1), ValueError, "dropout is 1, expected 0 or more, less than 1"),
    "rate": (classifier(learning_rate=0), ValueError, "learning_rate is 0, expected 0 and more"),
    "rate of a kind": (classifier(learning_rate="a"), TypeError, "learning_rate is of type str, expected a number"),
    "weights of classes": (classifier(class_weight="even"), ValueError, "class_weight is 'even', expected a dict"),
    "weights of a kind": (classifier(class_weight=3), ValueError, "class_weight is of type int"),
    "another class": (classifier(class_weight={"left": 2}), ValueError, "class_weight has 'left', expected one of"),
    "columns": (
        lambda: RecurrentRegressor(n_features_per_step=3).fit(X.reshape(80, 10), NUMBERS),
        ValueError,
        "X has 10 columns, expected a multiple of n_features_per_step=3",
    ),
    "a flat X": (lambda: FITTED.predict(X[:, 0]), ValueError, r"X is 2-D, expected \(n, T, f\) or a list"),
    "features": (lambda: FITTED.predict(X[..., :1]), ValueError, "X has 1 features in a step, expected 2"),
    "features behind 2-D": (lambda: FLAT.predict(X), ValueError, "X has 2 features in a step, expected 5"),
    "an empty sequence": (lambda: FITTED.predict([X[0], X[1, :0]]), ValueError, r"X\[1\] has shape \(0, 2\), expected"),
    "no steps": (lambda: FITTED.predict(X[:, :0]), ValueError, r"X\[0\] has shape \(0, 2\)"),
    "4 axes": (lambda: FITTED.predict([X[0], X]), ValueError, r"X\[1\] has shape \(80, 5, 2\), expected \(T_i, 2\)"),
    "nan": (lambda: FITTED.predict([X[0], X[1] * np.nan]), ValueError, "Input X contains NaN"),
    "negative weights": (
        lambda: RecurrentClassifier().fit(X, LABELS, -np.ones(80)), ValueError, "sample_weight has -1, expected 0"
    ),
    "no weights": (
        lambda: RecurrentClassifier().fit(X, LABELS, np.zeros(80)), ValueError, "(Sample weights must|no example has)"
    ),
    "no weights of classes": (
        classifier(class_weight={"up": 0, "down": 0}), ValueError, "fit: no example has a weight, expected one"
    ),
    "one to hold out": (
        lambda: RecurrentRegressor(early_stopping=True).fit(X[:1], NUMBERS[:1]), ValueError, "there is 1: expected 2"
    ),
    "no classes": (lambda: RecurrentClassifier().partial_fit(X, LABELS), ValueError, "classes is None, expected all"),
    "other classes": (lambda: FITTED.partial_fit(X, LABELS, ["up"]), ValueError, r"classes is \['up'\], expected"),
    "a new class": (lambda: FITTED.partial_fit(X, ["left"] * 80), ValueError, "y has np.str_\\('left'\\), expected"),
    "outputs": (lambda: FLAT.partial_fit(X.reshape(80, 10), NUMBERS[:, 0]), ValueError, "y has 1 columns, expected 2"),
    "no y": (lambda: RecurrentRegressor().fit(X, None), ValueError, "fit requires y to be passed"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refusal_says_what_is_wrong(name):
    call, kind, sentence = REFUSED[name]
    with pytest.raises(kind, match=sentence):
        call()


METHODS = [
    getattr(kind, name)
    for kind in KINDS
    for name in ("fit", "partial_fit", "predict", "predict_proba", "forecast", "score")
    if name in vars(kind)
]


@pytest.mark.parametrize("documented", [*KINDS, *METHODS], ids=lambda documented: documented.__qualname__)
def test_docstring_has_its_sections_and_every_argument(documented):
    parts = HEADING.split(inspect.getdoc(documented))
    sections = dict(zip(parts[1::2], parts[2::2], strict=True))
    assert list(sections) == [section for section in SECTIONS if section in sections]
    assert {"Parameters", "Raises", "Examples"} <= set(sections)
    lines = re.findall(r"^(\w+(?:, \w+)*) : ", sections["Parameters"], re.MULTILINE)
    names = [name for line in lines for name in line.split(", ")]
    assert sorted(names) == sorted(set(inspect.signature(documented).parameters) - {"self"})


@pytest.mark.parametrize("kind", KINDS)
def test_examples_run(kind):
    import doctest

    import cyrnn

    found = doctest.DocTestFinder().find(kind, globs={"np": np, "cyrnn": cyrnn})
    results = [doctest.DocTestRunner().run(test) for test in found]
    assert sum(result.attempted for result in results) > 8
    assert not any(result.failed for result in results)
    assert kind.__name__ in estimators.__doc__
