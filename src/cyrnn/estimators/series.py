"""Time series as arrays, and what is forecast in the form of the series: of NumPy or of pandas, with its index."""

from __future__ import annotations

import importlib
import warnings
from typing import Any

import numpy as np

from . import _check
from .scikit import Array, validation


class Series:
    """The values (n, k) of a time series, and its form: an array, a pandas Series or a DataFrame."""

    def __init__(self, function: str, argument: str, y: Any) -> None:
        _check.some_series(function, argument, y)
        pandas = hasattr(y, "index") and hasattr(y, "to_numpy")
        values = y.to_numpy() if pandas else y
        values = validation.check_array(values, dtype=np.float64, ensure_2d=False, input_name=argument)
        self.flat = values.ndim == 1
        self.values = np.array(values.reshape(len(values), -1))
        self.index = y.index if pandas else None
        self.names = None if not pandas else y.name if self.flat else y.columns

    def follow(self, function: str, other: Series) -> Series:
        """Take another one behind this, and return the whole."""
        _check.same_form(function, other.values.shape[1], self.values.shape[1], other.index is None, self.index is None)
        self.values = np.concatenate([self.values, other.values])
        if self.index is not None:
            self.index = self.index.append(other.index)
        return self

    def like(self, values: Array, index: Any) -> Any:
        """Return values (n, k) in the form of the series."""
        if self.index is None:
            return values[:, 0] if self.flat else values
        pandas = importlib.import_module("pandas")
        if self.flat:
            return pandas.Series(values[:, 0], index, name=self.names)
        return pandas.DataFrame(values, index, columns=self.names)

    def following(self, function: str, horizon: int) -> Any:
        """Return the index of the next steps; None without pandas."""
        index = self.index
        if index is None:
            return None
        pandas = importlib.import_module("pandas")
        if isinstance(index, pandas.PeriodIndex):
            return pandas.period_range(index[-1], periods=horizon + 1, freq=index.freq, name=index.name)[1:]
        if isinstance(index, pandas.DatetimeIndex):
            with warnings.catch_warnings():  # in pandas 3 what infer_freq returns is about to change: either will do
                warnings.simplefilter("ignore")
                every = index.freq or (pandas.infer_freq(index) if len(index) > 2 else None)
            _check.regular(function, every)
            return pandas.date_range(index[-1], periods=horizon + 1, freq=every, name=index.name)[1:]
        numbers = index.to_numpy()
        gaps = np.unique(np.diff(numbers)) if numbers.dtype.kind in "iu" else np.empty(0)
        _check.regular(function, len(gaps) == 1 or None)
        first, gap = int(numbers[-1]) + int(gaps[0]), int(gaps[0])
        return pandas.RangeIndex(first, first + gap * horizon, gap, name=index.name)
