"""Linear: y = x W^T + b, the layer behind a recurrent one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Generic, NamedTuple

import numpy as np

from .. import calls
from ..calls.quantized import Quantized
from . import _check, _check_heads
from .head import Head, HeadTape, flat
from .quantized import Quantizable
from .typed import DType, F

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray


@dataclass(frozen=True)
class LinearPlan:
    """What a linear layer is."""

    in_features: int
    out_features: int
    has_bias: bool
    dtype: np.dtype[Any]
    integers: np.dtype[Any] | None = None
    matrices: ClassVar = ("weight",)
    multiplied: ClassVar = True

    @property
    def shapes(self) -> dict[str, tuple[int, ...]]:
        """The shape of each weight by its name, in torch's order."""
        shapes: dict[str, tuple[int, ...]] = {"weight": (self.out_features, self.in_features)}
        shapes |= {} if self.integers is None else {"weight_scale": (self.out_features,)}
        return shapes | {"bias": (self.out_features,)} if self.has_bias else shapes

    def initial(self, rng: np.random.Generator) -> dict[str, NDArray[Any]]:
        """Return weights as torch's start: uniform, up to 1 / sqrt(in_features) either way."""
        bound = 1 / np.sqrt(self.in_features) if self.in_features else 0.0
        return {name: rng.uniform(-bound, bound, shape).astype(self.dtype) for name, shape in self.shapes.items()}

    def packed(self, weights: Mapping[str, NDArray[Any]]) -> tuple[Any, ...]:
        """Return what computes with these weights."""
        W = weights["weight"] if self.integers is None else Quantized(weights["weight"], weights["weight_scale"])
        return (calls.linear(W, weights.get("bias")),)

    def __str__(self) -> str:
        return f"Linear, {self.in_features} -> {self.out_features}"


class LinearGradients(NamedTuple, Generic[F]):
    """The gradients of a loss with respect to the input, an array, and the weights, a dict by their names."""

    input: NDArray[F]
    weights: dict[str, NDArray[F]]


class Linear(Quantizable[F], Head[F]):
    """A linear layer, as torch.nn.Linear: y = x W^T + b.

    Parameters
    ----------
    in_features, out_features : int
        Features of the input and of the output.
    bias : bool
        If False, there is no `bias`; it counts as zero.
    batch_first : bool
        Whether a ragged batch is (N, L, in_features), not (L, N, in_features): how `lengths` are read, nothing else.
    dtype : dtype
        Of weights and results: float32 or float64. Inputs have to be of it.
    rng : Generator or seed, optional
        What the weights are drawn from, uniformly up to 1 / sqrt(in_features) either way.

    Raises
    ------
    ValueError, TypeError
        If an argument is not as above.

    See Also
    --------
    Embedding : Rows of a matrix by their indices.
    Sequential : A head and the layers before it, as one model.

    Notes
    -----
    Weights, with torch's names and shapes: `weight` (out_features, in_features), `bias` (out_features,). They are
    attributes: see `pack`. Without a bias the attribute `bias` is None.

    References
    ----------
    torch.nn.Linear, PyTorch 2.

    Examples
    --------
    >>> lstm, head = cyrnn.nn.LSTM(3, 5, rng=0), cyrnn.nn.Linear(5, 2, rng=0)
    >>> output, state = lstm(np.ones((7, 4, 3), np.float32))
    >>> head(output).shape
    (7, 4, 2)
    """

    _kind: ClassVar = "Linear"
    _last: ClassVar = ("in_features",)
    _sizes: ClassVar = {"in_features": int, "out_features": int, "bias": lambda bias: bias is not None}
    _options: ClassVar = {"bias": True, "batch_first": False}

    _plan: LinearPlan
    if TYPE_CHECKING:
        weight: NDArray[F]
        bias: NDArray[F] | None
        weight_scale: NDArray[np.float32]  # of a quantised layer

    def __init__(
        self,
        in_features: int,
        out_features: int,
        bias: bool = True,
        *,
        batch_first: bool = False,
        dtype: DType[F] = np.float32,  # type: ignore[assignment]  # the default of F
        rng: np.random.Generator | int | None = None,
    ) -> None:
        plan = LinearPlan(
            _check.whole_number("Linear", "in_features", in_features, least=0),
            _check.whole_number("Linear", "out_features", out_features, least=0),
            _check.flag("Linear", "bias", bias),
            _check.floating("Linear", dtype),
        )
        self.batch_first = _check.flag("Linear", "batch_first", batch_first)
        if not plan.has_bias:
            self.bias = None
        self._begin(plan, rng)

    if TYPE_CHECKING:

        def double(self) -> Linear[np.float64]: ...

    def __call__(self, input: ArrayLike, *, lengths: ArrayLike | None = None) -> NDArray[F]:
        """Apply the layer to every row.

        Parameters
        ----------
        input : ndarray of shape (..., in_features)
            Of the dtype of the layer; any number of leading axes, any strides.
        lengths : array of N whole numbers, optional
            Of a batch (L, N, in_features), or (N, L, in_features) with `batch_first`: how many steps each sequence has,
            from 0 to L, in any order; what lies behind is not read.

        Returns
        -------
        ndarray of shape (..., out_features)
            Zero, not the bias, behind the end of a sequence.

        Raises
        ------
        ValueError, TypeError
            For wrong shapes and lengths, another dtype or kind; before any work.

        See Also
        --------
        forward : The same with a tape, for `backward`.

        Notes
        -----
        The bits of a row do not depend on the other rows, nor on their number. What kinds of numbers are taken is as
        for a call of `LSTM`.

        Examples
        --------
        >>> head = cyrnn.nn.Linear(5, 2, rng=0)
        >>> x = np.ones((7, 4, 5), np.float32)
        >>> y = head(x, lengths=[7, 3, 0, 1])
        >>> np.array_equal(y[2, 1], head(x[2, 1])), y[3:, 1].any()
        (True, np.False_)
        """
        (layer,) = self._sublayers
        if lengths is None:
            found = layer.forward(input)
            if found is not None:
                return found  # type: ignore[no-any-return]  # as the annotation says
        return self._run("Linear", layer, input, lengths, self.batch_first)[0]

    def forward(self, input: ArrayLike, *, lengths: ArrayLike | None = None) -> tuple[NDArray[F], HeadTape]:
        """Apply the layer to every row, and keep what `backward` needs.

        Parameters
        ----------
        input, lengths
            As for a call. `input` is kept, not copied: leave it as it is until `backward`.

        Returns
        -------
        output
            As from a call: the same bits.
        tape : HeadTape
            The pass, with the weights it used: `pack` and `load_state_dict` do not reach it.

        Raises
        ------
        ValueError, TypeError
            As a call does.

        See Also
        --------
        backward : The gradients, from the tape.

        Examples
        --------
        >>> cyrnn.nn.Linear(5, 2, rng=0).forward(np.ones((7, 4, 5), np.float32))[1]
        <tape of Linear, 5 -> 2: 28 rows>
        """
        self._trained("Linear.forward")
        (layer,) = self._sublayers
        return self._run("Linear.forward", layer, input, lengths, self.batch_first)

    def backward(self, tape: HeadTape, d_output: ArrayLike) -> LinearGradients[F]:
        """Return the gradients of a pass of `forward`.

        Parameters
        ----------
        tape : HeadTape
            The last of what `forward` returned; it can be used again.
        d_output : ndarray of the shape of output
            Gradient of the loss with respect to output. What lies behind the end of a sequence is not read.

        Returns
        -------
        LinearGradients
            A named tuple: `input`, zero behind the end of a sequence; `weights`, a dict with the names of `state_dict`.

        Raises
        ------
        ValueError, TypeError
            For wrong shapes, another dtype or kind, a tape of a layer of other sizes; before any work.

        See Also
        --------
        forward : What makes the tape.

        Notes
        -----
        The gradient of the input has the bits of each row alone. Those of the weights are sums over the rows, in the
        order in which they stand in C order of the input; rows behind the end of a sequence have no part in them.

        Examples
        --------
        >>> head = cyrnn.nn.Linear(5, 2, rng=0)
        >>> y, tape = head.forward(np.ones((7, 4, 5), np.float32))
        >>> gradients = head.backward(tape, np.ones_like(y))
        >>> gradients.input.shape, gradients.weights["weight"].shape, gradients.weights["bias"]
        ((7, 4, 5), (2, 5), array([28., 28.], dtype=float32))
        """
        self._trained("Linear.backward")
        dx, dW, db = self._gradients("Linear.backward", tape, d_output, "out_features", self.out_features)
        found = {"weight": dW} if db is None else {"weight": dW, "bias": db}
        return LinearGradients(dx.reshape(*tape.leading, self.in_features), found)

    @property
    def in_features(self) -> int:
        """Features of the input."""
        return self._plan.in_features

    @property
    def out_features(self) -> int:
        """Features of the output."""
        return self._plan.out_features

    def __repr__(self) -> str:
        plan, batch_first = self._plan, ", batch_first=True" if self.batch_first else ""
        dtype = "" if plan.dtype == np.float32 else f", dtype={plan.dtype.name!r}"
        sizes = f"in_features={plan.in_features}, out_features={plan.out_features}, bias={plan.has_bias}"
        weights = "" if plan.integers is None else f", weights={self._kind_of_integers()!r}"
        return f"{type(self).__name__}({sizes}{batch_first}{dtype}{weights})"

    def _calibration(self, function: str, given: Any) -> NDArray[Any]:
        x = _check.array(function, "calibrate", given, self._plan.dtype)
        _check_heads.features(function, x, self._plan.in_features, given, "calibrate")
        return x

    def _run(
        self, function: str, layer: Any, input: Any, lengths: Any, batch_first: bool
    ) -> tuple[NDArray[F], HeadTape]:
        plan = self._plan
        given = _check.array(function, "input", input, plan.dtype, tokens=_check_heads.EMBED)
        x = given[...]  # a view, whose shape nobody else changes
        _check_heads.features(function, x, plan.in_features, input)
        leading, ragged = x.shape[:-1], self._ragged(function, x.shape, lengths, batch_first)
        x = x.reshape(*flat(leading), plan.in_features)
        output = layer.forward(x, ragged, batch_first).reshape(*leading, plan.out_features)
        return output, HeadTape(plan, layer, x, leading, ragged, batch_first)

    def _weights(self, method: str) -> dict[str, NDArray[Any]]:
        if not self._plan.has_bias and self.__dict__.get("bias") is not None:
            _check_heads.no_bias(f"Linear.{method}")
        return super()._weights(method)
