"""What the estimators take from scikit-learn: its bases, and its checks of X, y and weights."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from numpy.typing import NDArray

from . import _check

#: of numbers, of whole numbers, of labels
Array = NDArray[Any]

if TYPE_CHECKING:

    class BaseEstimator:
        """As scikit-learn's, for type checkers: scikit-learn itself says nothing of types."""

        def get_params(self, deep: bool = True) -> dict[str, Any]: ...
        def set_params(self, **params: Any) -> BaseEstimator: ...
        def __sklearn_tags__(self) -> Any: ...

    class ClassifierMixin:
        """As scikit-learn's."""

        def score(self, X: Any, y: Any, sample_weight: Any = None) -> float: ...

    class RegressorMixin:
        """As scikit-learn's."""

        def score(self, X: Any, y: Any, sample_weight: Any = None) -> float: ...

else:
    _base = _check.sklearn("base")
    BaseEstimator, ClassifierMixin, RegressorMixin = _base.BaseEstimator, _base.ClassifierMixin, _base.RegressorMixin

validation: Any = _check.sklearn("utils.validation")
multiclass: Any = _check.sklearn("utils.multiclass")
metrics: Any = _check.sklearn("metrics")
