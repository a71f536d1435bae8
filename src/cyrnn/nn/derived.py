"""Models of several modules that are made of other models: with integers as weights, or of torch's."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Self

from . import _check_modules, _check_sequential
from .container import Container
from .convert import from_torch
from .quantized import checked, differences


class Derived(Container):
    """Modules by their places, with what makes other models of them; see Sequential."""

    if TYPE_CHECKING:

        def __call__(self, input: Any) -> Any: ...

    @checked
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

        See Also
        --------
        dequantize : The floats that the integers stand for.
        cyrnn.nn.LSTM.quantize : What the integers are.

        Examples
        --------
        >>> model = cyrnn.nn.Sequential(cyrnn.nn.LSTM(3, 5, rng=0), cyrnn.nn.Linear(5, 2, rng=1))
        >>> model.quantize("int8")[0]
        LSTM(3, 5, weights='int8')
        """
        model = self._mapped("quantize", lambda module: module.quantize(kind))
        return model if calibrate is None else (model, differences(model(calibrate), copy.copy(self)(calibrate)))

    def dequantize(self) -> Self:
        """Return a model of the floats that integers stand for, as `LSTM.dequantize` makes them.

        Returns
        -------
        Sequential
            A new one, in float32; of modules of floats copies.

        Raises
        ------
        ValueError
            If an attribute is not as `pack` wants it.

        See Also
        --------
        quantize : The model of integers.

        Examples
        --------
        >>> model = cyrnn.nn.Sequential(cyrnn.nn.LSTM(3, 5, rng=0), cyrnn.nn.Linear(5, 2, rng=1)).quantize("int8")
        >>> model.dequantize()[0]
        LSTM(3, 5)
        """
        return self._mapped("dequantize", lambda module: module.dequantize())

    def _mapped(self, method: str, do: Callable[[Any], Any]) -> Self:
        """Return the model of what something makes of each module that has this method, and of copies of the others."""
        parts: list[Any] = []
        try:
            for module in self._modules:
                parts.append(do(module) if hasattr(module, method) else copy.copy(module))
        except (ValueError, TypeError) as error:
            _check_sequential.inside(f"{type(self).__name__}.{method}", str(len(parts)), error)
        return self._with(tuple(parts))

    @classmethod
    def from_torch(cls, module: Any, *, dtype: Any = None, dequantize: bool = False) -> Self:
        """Make a model of one of torch.nn's, with its sizes and weights.

        Parameters
        ----------
        module : torch.nn.Sequential
            Of modules that there are here. torch is not imported.
        dtype : dtype, optional
            Either float32 or float64; if left out, that of each module's weights.
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

        See Also
        --------
        cyrnn.nn.from_torch : The same for a module of any class.
        load_state_dict : Weights alone, from a mapping.

        Examples
        --------
        >>> class Linear:
        ...     in_features, out_features, bias = 1, 2, None
        ...     weight = np.ones((2, 1), np.float32)
        >>> class Sequential:  # or torch.nn.Sequential
        ...     def children(self):
        ...         return [Linear()]
        >>> cyrnn.nn.Sequential.from_torch(Sequential())[0]
        Linear(in_features=1, out_features=2, bias=False)
        """
        function = f"{cls.__name__}.from_torch"
        module = _check_modules.module_inside(function, module)
        _check_modules.framework_class(function, module, {"Sequential": cls})
        parts: list[Any] = []
        try:
            for part in _check_modules.attribute(function, module, "children")():
                parts.append(from_torch(part, dtype=dtype, dequantize=dequantize))
        except (ValueError, TypeError) as error:
            _check_sequential.inside(function, str(len(parts)), error)
        return cls._of(tuple(parts))
