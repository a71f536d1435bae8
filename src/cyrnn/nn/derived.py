"""Models of several modules that are made of other models: with integers as weights, or of torch's."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any, Self

from . import _check_modules, _check_sequential
from .container import Container
from .convert import from_torch
from .quantized import differences


class Derived(Container):
    """Modules by their places, with what makes other models of them; see Sequential."""

    if TYPE_CHECKING:

        def __call__(self, input: Any) -> Any: ...

    def quantize(self, kind: Any, calibrate: Any = None) -> Any:
        """Return a model whose layers have integers as weights, as `LSTM.quantize` makes them.

        Parameters
        ----------
        kind : str or dtype
            "int8" or "int16".
        calibrate : array, optional
            An input as a call takes it, for which both models' results are compared.

        Returns
        -------
        model : Sequential
            A new one. Modules that have no integers, LayerNorm, Dropout and LastStep, are copies.
        report : QuantizeReport, with `calibrate`
            As for `LSTM.quantize`, over output and states.

        Raises
        ------
        ValueError, TypeError
            As the modules' own `quantize`; the sentence says which.

        Examples
        --------
        >>> model = cyrnn.nn.Sequential(cyrnn.nn.LSTM(3, 5, rng=0), cyrnn.nn.Linear(5, 2, rng=1))
        >>> model.quantize("int8")[0]
        LSTM(3, 5, weights='int8')
        """
        function = f"{type(self).__name__}.quantize"
        parts: list[Any] = []
        name = ""
        try:
            for i, module in enumerate(self._modules):
                name = str(i)
                parts.append(module.quantize(kind) if hasattr(module, "quantize") else copy.copy(module))
        except (ValueError, TypeError) as error:
            _check_sequential.inside(function, name, error)
        model = self._with(tuple(parts))
        return model if calibrate is None else (model, differences(model(calibrate), copy.copy(self)(calibrate)))

    @classmethod
    def from_torch(cls, module: Any, *, dtype: Any = None, dequantize: bool = False) -> Self:
        """Make a model of one of torch.nn's, with its sizes and weights.

        Parameters
        ----------
        module : torch.nn.Sequential
            Of modules that there are here. torch is not imported.
        dtype : dtype, optional
            float32 or float64; if left out, that of each module's weights.
        dequantize : bool
            Whether weights that are integers become floats.

        Returns
        -------
        Sequential
            Its weights are copies.

        Raises
        ------
        ValueError, TypeError
            If module is of another class, or has modules that there are not here; the sentence says which.
        """
        function = f"{cls.__name__}.from_torch"
        module = _check_modules.module_inside(function, module)
        _check_modules.framework_class(function, module, {"Sequential": cls})
        parts: list[Any] = []
        name = ""
        try:
            for name, part in _check_modules.attribute(function, module, "named_children")():  # noqa: B007  # below
                parts.append(from_torch(part, dtype=dtype, dequantize=dequantize))
        except (ValueError, TypeError) as error:
            _check_sequential.inside(function, name, error)
        return cls._of(tuple(parts))
