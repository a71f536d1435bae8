"""What Linear and Embedding have in common: any number of leading axes, ragged batches, a tape."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, ClassVar, Generic, NoReturn, Self

from .. import calls
from . import _check, _check_heads, _check_modules, torch_quantized
from .module import Module
from .typed import F

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray


class HeadTape:
    """A forward pass, for `backward`: its weights as they were packed, and its input."""

    __slots__ = ("batch_first", "input", "layer", "leading", "lengths", "plan")

    def __init__(
        self, plan: Any, layer: Any, input: NDArray[Any], leading: tuple[int, ...], lengths: Any, batch_first: bool
    ) -> None:
        self.plan, self.layer, self.input = plan, layer, input
        self.leading, self.lengths, self.batch_first = leading, lengths, batch_first

    def __repr__(self) -> str:
        return f"<tape of {self.plan}: {math.prod(self.leading)} rows>"

    def __reduce__(self) -> NoReturn:
        _check.tape_stays()


class Head(Module[F], Generic[F]):
    """A layer that has no recurrent cell; see Module."""

    #: the class that has its weights, for files where they are those of another one, too
    _kind: ClassVar[str]
    #: the axes of its input behind the leading ones, by the names of their sizes
    _last: ClassVar[tuple[str, ...]]
    #: arguments of the constructor -> of an attribute of torch's module that it is made from
    _sizes: ClassVar[dict[str, Callable[[Any], Any]]]

    batch_first: bool

    if TYPE_CHECKING:

        def __init__(self, *sizes: Any, **options: Any) -> None: ...

    @classmethod
    def from_torch(cls, module: Any, *, dtype: Any = None, dequantize: bool = False) -> Self:
        """Make a layer with the sizes and the weights of one of torch.nn's.

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
            Of the class that this is called on; its weights are copies. `batch_first`, which torch's has not, is False.

        Raises
        ------
        TypeError, ValueError
            If module is of another class, takes quantised input, or is without numbers, if its weights do not fit its
            sizes, or if it changes its weights or its gradients as this class does not.

        See Also
        --------
        cyrnn.nn.from_torch : The same for a module of any class.
        load_state_dict : Weights alone, from a mapping.

        Examples
        --------
        >>> class Linear:  # or torch.nn.Linear
        ...     in_features, out_features, bias = 1, 2, None
        ...     weight = np.ones((2, 1), np.float32)
        >>> cyrnn.nn.Linear.from_torch(Linear())
        Linear(in_features=1, out_features=2, bias=False)
        """
        function = f"{cls.__name__}.from_torch"
        kinds = {kind.__name__: kind for kind in cls.__mro__ if "_sizes" in vars(kind)}  # cls may be a subclass
        module = _check_modules.module_inside(function, module)
        _check_modules.framework_class(function, module, kinds)
        _check_heads.plain_embedding(function, module)
        integers = not _check.flag(function, "dequantize", dequantize)

        def own(name: str) -> Any:
            return _check_modules.floats(function, module, name)

        sizes = {name: found(own(name)) for name, found in cls._sizes.items()}
        if integers and "bias" in sizes and _check_modules.dynamic(module):
            quantised: Self = torch_quantized.head_of(cls, function, module, sizes, dtype)
            return quantised
        if dtype is None:
            dtype = _check_modules.dtype_of_weights({"weight": own("weight")})
        model = cls(**sizes, dtype=dtype, rng=0)
        model._take(function, "module", {name: own(name) for name in model._plan.shapes})
        return model

    def _ragged(self, function: str, shape: tuple[int, ...], lengths: Any, batch_first: bool) -> Any:
        """Return lengths as calls take them, for the shape of an input."""
        if lengths is None:
            return None
        if len(shape) != 2 + len(self._last):
            axes = "N, L" if batch_first else "L, N"
            _check_heads.no_batch(function, shape, ", ".join([axes, *self._last]))
        steps, columns = shape[1::-1] if batch_first else shape[:2]
        found = calls.lengths(lengths, steps, columns)
        if found is None:
            found = calls.lengths(_check.lengths(function, lengths, steps, columns, batched=True), steps, columns)
        return found

    def _gradients(self, function: str, tape: Any, d_output: ArrayLike, last: str, size: int) -> Any:
        """Run the backward pass of one call."""
        _check.kept_by(function, tape, HeadTape, self._plan)
        d = _check.array(function, "d_output", d_output, tape.plan.dtype)[...]  # whose shape nobody else changes
        wanted = (*tape.leading, size)
        if d.shape != wanted:
            _check.wrong_shape(function, "d_output", d, ("*", last), wanted, "the shape of output")
        d = d.reshape(*flat(tape.leading), size)
        found = tape.layer.backward(tape.input, d, tape.lengths, tape.batch_first)
        if found is None:
            _check_heads.changed_tape(function)
        return found


def flat(leading: tuple[int, ...]) -> tuple[int, ...]:
    """Return leading axes as calls take them: those of a caller, or one where there are more than two."""
    return leading if len(leading) <= 2 else (math.prod(leading),)
