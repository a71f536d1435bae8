"""What the classes of recurrent cells have in common, of layers and of one step: their sizes, options and variants."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Generic, Self

import numpy as np

from . import _check, _check_modules, _check_weights, tokens, torch_quantized
from .keras_weights import KerasWeights
from .quantized import Quantizable
from .typed import F
from .variants import given_as
from .weights import Plan, described

if TYPE_CHECKING:
    from numpy.typing import NDArray


class CellModule(KerasWeights, Quantizable[F], Generic[F]):
    """A model of a recurrent cell; see Module."""

    _plan: Plan
    _formats: ClassVar[tuple[str, ...]] = ()

    if TYPE_CHECKING:

        def __init__(self, input_size: Any, hidden_size: Any, **options: Any) -> None: ...

    @classmethod
    def from_torch(cls, module: Any, *, dtype: Any = None, dequantize: bool = False) -> Self:
        """Make a model with the sizes, the options and the weights of one of torch.nn's.

        Parameters
        ----------
        module : torch.nn.Module
            Of the class of the same name, or of a subclass of it, or wrapped, or dynamically quantised, as `from_torch`
            says. Only its attributes are asked for: torch is not imported.
        dtype : dtype, optional
            Either float32 or float64; if left out, float64 for weights in float64, else float32.
        dequantize : bool
            Whether weights that are integers become floats.

        Returns
        -------
        Module
            Of the class that this is called on; its weights are copies.

        Raises
        ------
        TypeError, ValueError
            If module is of another class, takes quantised input, or is without numbers, or its weights do not fit its
            sizes.

        See Also
        --------
        cyrnn.nn.from_torch : The same for a module of any class.
        load_state_dict : Weights alone, from a mapping.

        Examples
        --------
        >>> class GRUCell:  # or torch.nn.GRUCell
        ...     input_size, hidden_size, bias = 1, 2, False
        ...     weight_ih, weight_hh = np.ones((6, 1), np.float32), np.ones((6, 2), np.float32)
        >>> cyrnn.nn.GRUCell.from_torch(GRUCell())
        GRUCell(1, 2, bias=False)
        """
        function = f"{cls.__name__}.from_torch"
        kinds = {kind.__name__: kind for kind in cls.__mro__ if "_options" in vars(kind)}  # cls may be a subclass
        module = _check_modules.module_inside(function, module)
        _check_modules.framework_class(function, module, kinds)
        floats = _check.flag(function, "dequantize", dequantize)
        if _check_modules.dynamic(module):
            quantised: Self = torch_quantized.model_of(cls, function, module, dtype, floats)
            return quantised

        def own(name: str) -> Any:
            return _check_modules.attribute(function, module, name)

        options = {name: own(name) for name in cls._options}
        if dtype is None:
            name = "weight_ih" if hasattr(module, "weight_ih") else "weight_ih_l0"
            dtype = _check_modules.dtype_of_weights({name: own(name)})
        model = cls(own("input_size"), own("hidden_size"), **options, dtype=dtype, rng=0)
        model._take(function, "module", {name: own(name) for name in model._plan.shapes})
        return model

    @property
    def input_size(self) -> int:
        """Features of the input."""
        return self._plan.input_size

    @property
    def hidden_size(self) -> int:
        """Units of each layer."""
        return self._plan.hidden_size

    @property
    def bias(self) -> bool:
        """Whether there are biases."""
        return self._plan.bias

    @property
    def clip(self) -> float | None:
        """The limit of pre-activations, which stay within -clip .. clip; None where there is none."""
        return None if self._plan.variant.clip == np.inf else self._plan.variant.clip

    @property
    def recurrent_activation(self) -> Any:
        """The activation of the gates: its name, or a tuple of its name and its constants."""
        return given_as(self._plan.variant.gate)

    @property
    def activation(self) -> Any:
        """The activation of the candidate, likewise."""
        return given_as(self._plan.variant.candidate)

    def _calibration(self, function: str, given: Any) -> NDArray[Any]:
        """Return what `quantize` compares models for, as a call takes it."""
        plan = self._plan
        x = tokens.numbers_in(function, "calibrate", given, 2 if plan.numbered else 1)
        if x is not None:
            return x.copy()
        x = _check.array(function, "calibrate", given, plan.dtype)
        axes = ("N, L" if self.batch_first else "L, N") if plan.numbered else "N"  # type: ignore[attr-defined]  # layers
        _check.features(function, "calibrate", x, axes, plan.input_size, given)
        return x

    def __repr__(self) -> str:
        options = self._options | self._variants
        shown = {name: getattr(self, name) for name, default in options.items() if getattr(self, name) != default}
        if self.dtype != np.float32:
            shown["dtype"] = self.dtype.name
        if self._plan.integers is not None:
            shown["weights"] = self._kind_of_integers()
        sizes = [str(self.input_size), str(self.hidden_size)]
        return f"{type(self).__name__}({', '.join(sizes + [f'{name}={value!r}' for name, value in shown.items()])})"

    def _refuse_others(self, function: str, given: Mapping[str, Any]) -> None:
        super()._refuse_others(function, given)
        _check_weights.another_module(function, "state_dict", given, self._plan.shapes, described(self._plan))
