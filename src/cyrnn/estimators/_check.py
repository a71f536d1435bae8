"""Every check that scikit-learn does not have, and every error sentence."""

from __future__ import annotations

import importlib
import math
import operator
from collections.abc import Mapping
from typing import Any, NoReturn

import numpy as np
from numpy.typing import NDArray

from .._keys import type_of

CELLS = {"lstm": "LSTM", "gru": "GRU", "rnn": "RNN"}


def sklearn(module: str) -> Any:
    """Return a module of scikit-learn."""
    try:
        return importlib.import_module(f"sklearn.{module}")
    except ImportError as error:
        sentence = "cyrnn.estimators: scikit-learn is not installed: pip install 'cyrnn[sklearn]'"
        raise ImportError(sentence) from error


# ---- parameters ----------------------------------------------------------------------------------


def cell(function: str, value: object) -> str:
    """Return the name of the class in nn."""
    if not isinstance(value, str) or value not in CELLS:
        got = repr(value) if isinstance(value, str) else type_of(value)
        raise ValueError(f'{function}: cell is {got}, expected "lstm", "gru" or "rnn"')
    return CELLS[value]


def whole(function: str, name: str, value: Any, least: int) -> int:
    try:
        number = operator.index(value)
    except TypeError:
        raise TypeError(f"{function}: {name} is {type_of(value)}, expected a whole number") from None
    if number < least:
        raise ValueError(f"{function}: {name} is {number}, expected {least} or more")
    return number


def real(function: str, name: str, value: Any, low: float, high: float, *, least: bool) -> float:
    """Return a number from `low` on, that included if `least`, and less than `high`."""
    try:
        number = float(value)
    except (TypeError, ValueError):
        raise TypeError(f"{function}: {name} is {type_of(value)}, expected a number") from None
    if not (low <= number if least else low < number) or not number < high:
        below = "" if math.isinf(high) else f", less than {high:g}"
        raise ValueError(f"{function}: {name} is {number:g}, expected {low:g} {'or' if least else 'and'} more{below}")
    return number


# ---- X, y, weights -------------------------------------------------------------------------------


def divides(function: str, columns: int, features: int) -> None:
    if columns % features:
        raise ValueError(
            f"{function}: X has {columns} columns, expected a multiple of n_features_per_step={features}: "
            "2-D X has the features of the first step, then those of the second"
        )


def no_sequences(function: str) -> NoReturn:
    raise ValueError(
        f"{function}: X is 2-D, expected (n, T, f) or a list of (T_i, f) arrays, as in fit. Reshape your data, or fit "
        "2-D X with n_features_per_step="
    )


def features(function: str, got: int, wanted: int) -> None:
    if got != wanted:
        raise ValueError(f"{function}: X has {got} features in a step, expected {wanted}, as in fit")


def sequences_alike(function: str, shapes: list[tuple[int, ...]]) -> None:
    """Refuse shapes of sequences unless all are (T_i, f) with T_i > 0 and one f > 0."""
    for i, shape in enumerate(shapes):
        if len(shape) != 2 or shape[1:] != shapes[0][1:] or 0 in shape:
            wanted = f"(T_i, {shapes[0][1]})" if len(shapes[0]) == 2 and shapes[0][1] else "(T_i, f)"
            raise ValueError(f"{function}: X[{i}] has shape {shape}, expected {wanted} with a step at least")


def some_y(function: str, y: object) -> None:
    if y is None:  # scikit-learn's own words, which its checks look for
        raise ValueError(f"{function} requires y to be passed, but the target y is None")


def non_negative(function: str, weights: NDArray[Any]) -> None:
    if weights.min() < 0:
        raise ValueError(f"{function}: sample_weight has {weights.min():g}, expected 0 or more")


def some_weight(function: str, weights: NDArray[Any]) -> None:
    if not weights.any():
        raise ValueError(f"{function}: no example has a weight, expected one that counts: sample_weight, class_weight")


def held_out(function: str, n: int, fraction: float) -> int:
    """Return how many of n examples are held out: one at least, and not all."""
    if n < 2:
        raise ValueError(f"{function}: early_stopping holds examples out, and there is {n}: expected 2 or more")
    return min(max(1, round(fraction * n)), n - 1)


def class_weight(function: str, value: Any, classes: NDArray[Any], counts: NDArray[Any]) -> NDArray[Any]:
    """Return a factor for each class; `counts`: the sum of the weights of its examples."""
    factors = np.ones(len(classes))
    if value is None:
        return factors
    if isinstance(value, str) and value == "balanced":
        present = counts > 0
        factors[present] = counts.sum() / (present.sum() * counts[present])
        return factors
    if not isinstance(value, Mapping):
        got = repr(value) if isinstance(value, str) else type_of(value)
        raise ValueError(f'{function}: class_weight is {got}, expected a dict, "balanced" or None')
    own = list(classes)
    unknown = [label for label in value if label not in own]
    if unknown:
        raise ValueError(f"{function}: class_weight has {unknown[0]!r}, expected one of the classes, {own}")
    for label, factor in value.items():
        factors[own.index(label)] = real(function, f"class_weight[{label!r}]", factor, 0, math.inf, least=True)
    return factors


def classes_given(function: str, classes: object) -> None:
    if classes is None:
        raise ValueError(f"{function}: classes is None, expected all classes in the first call of partial_fit")


def same_classes(function: str, got: NDArray[Any], wanted: NDArray[Any]) -> None:
    if not np.array_equal(got, wanted):
        raise ValueError(f"{function}: classes is {got}, expected {wanted}, as in the first call of partial_fit")


def known_classes(function: str, y: NDArray[Any], classes: NDArray[Any]) -> None:
    unknown = np.setdiff1d(y, classes)
    if len(unknown):
        raise ValueError(f"{function}: y has {unknown[0]!r}, expected one of the classes, {list(classes)}")


def outputs(function: str, got: int, wanted: int) -> None:
    if got != wanted:
        raise ValueError(f"{function}: y has {got} columns, expected {wanted}, as in the first call")


# ---- time series ---------------------------------------------------------------------------------


def some_series(function: str, argument: str, value: object) -> None:
    if getattr(value, "ndim", 1) not in (1, 2) or value is None:
        got = "None" if value is None else f"of {getattr(value, 'ndim', 0)} dimensions"
        raise ValueError(f"{function}: {argument} is {got}, expected a time series: (n,), (n, k), or of pandas")


def same_form(function: str, columns: int, wanted: int, plain: bool, wanted_plain: bool) -> None:
    if columns != wanted:
        raise ValueError(f"{function}: y has {columns} columns, expected {wanted}, as in fit")
    if plain != wanted_plain:
        kinds = "of pandas", "of NumPy"
        raise TypeError(f"{function}: y is {kinds[plain]}, expected it {kinds[wanted_plain]}, as in fit")


def covariates(function: str, shape: tuple[int, ...], n: int, wanted: int | None) -> None:
    """Refuse X of another number of rows than n, or of columns than in fit; without X it has no columns."""
    if wanted is not None and shape[1] != wanted:
        got = f"has {shape[1]} columns" if shape[1] else "is None"
        raise ValueError(f"{function}: X {got}, expected {wanted} columns, as in fit: what is known of the steps ahead")
    if shape[0] != n:
        raise ValueError(f"{function}: X has {shape[0]} rows, expected {n}: one for each step of y")


def held_out_steps(function: str, n: int, fraction: float) -> int:
    """Return how many of the n steps of a series are the last part."""
    if n < 4:
        raise ValueError(f"{function}: y has {n} steps, expected 4 or more")
    return min(max(1, round(fraction * n)), n - 3)


def regular(function: str, every: object) -> None:
    if every is None:
        raise ValueError(
            f"{function}: the index of y goes on in no regular way, expected dates of one frequency, periods, or whole "
            'numbers: y.asfreq("D"), or y.reset_index(drop=True)'
        )
