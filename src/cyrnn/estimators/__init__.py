"""Estimators of scikit-learn, whose X are sequences (extra `sklearn`): they fit, predict and score.

    RecurrentClassifier   a class for each sequence
    RecurrentRegressor    a number for each sequence, or several
    RecurrentForecaster   what follows a time series, with intervals

X is (n, T, f), or a list of (T_i, f) arrays, or 2-D (n, T * f) with `n_features_per_step=f`. scikit-learn is imported
by the first estimator that is asked for.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .classifier import RecurrentClassifier as RecurrentClassifier
    from .forecaster import RecurrentForecaster as RecurrentForecaster
    from .forecasting import Forecast as Forecast
    from .regressor import RecurrentRegressor as RecurrentRegressor

__all__ = ["Forecast", "RecurrentClassifier", "RecurrentForecaster", "RecurrentRegressor"]

if not TYPE_CHECKING:  # to a type checker a misspelt name is an error

    def __getattr__(name):
        """Import an estimator, and scikit-learn with it, where it is first asked for."""
        if name in __all__:
            import importlib

            for module in ("classifier", "regressor", "forecasting", "forecaster"):
                found = vars(importlib.import_module(f".{module}", __name__))
                globals().update({own: value for own, value in found.items() if own in __all__})
            return globals()[name]
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    """Return what a shell completes."""
    return sorted({*__all__, *(name for name in globals() if name.startswith("__"))})
