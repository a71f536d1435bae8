"""LayerNorm: features of every row brought to mean 0 and variance 1, then scaled and shifted."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Generic

import numpy as np

from .. import calls
from . import _check, _check_heads
from .head import Head, HeadTape, flat
from .linear import LinearGradients
from .typed import DType, F

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray


@dataclass(frozen=True)
class LayerNormPlan:
    """What a layer normalisation is."""

    features: int
    eps: float
    has_weight: bool
    has_bias: bool
    dtype: np.dtype[Any]

    @property
    def shapes(self) -> dict[str, tuple[int, ...]]:
        """The shape of each weight by its name, in torch's order."""
        names = ["weight"] * self.has_weight + ["bias"] * self.has_bias
        return dict.fromkeys(names, (self.features,))

    def initial(self, rng: np.random.Generator) -> dict[str, NDArray[Any]]:
        """Return weights as torch's start: ones and zeros."""
        return {name: np.full(shape, float(name == "weight"), self.dtype) for name, shape in self.shapes.items()}

    def packed(self, weights: Mapping[str, NDArray[Any]]) -> tuple[Any, ...]:
        """Return what computes with these weights."""
        return (calls.layer_norm(self.features, self.dtype, weights.get("weight"), weights.get("bias"), self.eps),)

    def __str__(self) -> str:
        return f"LayerNorm, {self.features}"


class LayerNorm(Head[F], Generic[F]):
    """Normalisation of the features of every row, as torch.nn.LayerNorm over the last axis.

    Of every row::

        y = (x - mean) / sqrt(variance + eps) * weight + bias

    Parameters
    ----------
    normalized_shape : int
        Features of a row; a tuple of one is taken, too.
    eps : float
        What is added to the variance, which is that of all features, not of a sample of them.
    elementwise_affine : bool
        If False, there are neither `weight` nor `bias`.
    bias : bool
        If False, there is no `bias`.
    batch_first : bool
        Whether a ragged batch is (N, L, features), not (L, N, features): how `lengths` are read, nothing else.
    dtype : dtype
        Of weights and results: float32 or float64. Inputs have to be of it.
    rng : Generator or seed, optional
        As for the other layers; nothing is drawn from it.

    Raises
    ------
    ValueError, TypeError
        If an argument is not as above.

    See Also
    --------
    Linear : A linear layer.
    Dropout : Values dropped while a model is trained.

    Notes
    -----
    Weights, with torch's names and shapes: `weight` (features,), ones at first, and `bias` (features,), zeros. They are
    attributes: see `pack`. Sums along a row have the same order on every CPU, 16 chains of which each adds every 16th
    feature, so that their bits are the same, too.

    References
    ----------
    Ba, Kiros and Hinton 2016, "Layer Normalization"; torch.nn.LayerNorm, PyTorch 2.

    Examples
    --------
    >>> norm = cyrnn.nn.LayerNorm(4)
    >>> norm(np.array([[1, 2, 3, 4], [10, 20, 30, 40]], np.float32)).round(2).tolist()[0][:2]
    [-1.340000033378601, -0.44999998807907104]
    """

    _kind: ClassVar = "LayerNorm"
    _last: ClassVar = ("features",)
    _sizes: ClassVar = {
        "normalized_shape": lambda shape: shape,
        "eps": float,
        "elementwise_affine": bool,
        "bias": lambda bias: bias is not None,
    }
    _options: ClassVar = {"eps": 1e-5, "batch_first": False}

    _plan: LayerNormPlan
    if TYPE_CHECKING:
        weight: NDArray[F] | None
        bias: NDArray[F] | None

    def __init__(
        self,
        normalized_shape: int | tuple[int, ...],
        eps: float = 1e-5,
        elementwise_affine: bool = True,
        bias: bool = True,
        *,
        batch_first: bool = False,
        dtype: DType[F] = np.float32,  # type: ignore[assignment]  # the default of F
        rng: Any = None,
    ) -> None:
        affine = _check.flag("LayerNorm", "elementwise_affine", elementwise_affine)
        plan = LayerNormPlan(
            _check_heads.last_axis("LayerNorm", normalized_shape),
            _check_heads.epsilon("LayerNorm", eps),
            affine,
            _check.flag("LayerNorm", "bias", bias) and affine,
            _check.floating("LayerNorm", dtype),
        )
        self.batch_first = _check.flag("LayerNorm", "batch_first", batch_first)
        self.__dict__.update({name: None for name in ("weight", "bias") if name not in plan.shapes})
        self._begin(plan, 0 if rng is None else rng)

    if TYPE_CHECKING:

        def double(self) -> LayerNorm[np.float64]: ...

    def __call__(self, input: ArrayLike, *, lengths: ArrayLike | None = None) -> NDArray[F]:
        """Normalise every row.

        Parameters
        ----------
        input : ndarray of shape (..., features)
            Of the dtype of the layer; any number of leading axes, any strides.
        lengths : array of N whole numbers, optional
            Of a batch (L, N, features), or (N, L, features) with `batch_first`: how many steps each sequence has, from
            0 to L, in any order; what lies behind is not read.

        Returns
        -------
        ndarray of shape (..., features)
            Zero, not the bias, behind the end of a sequence.

        Raises
        ------
        ValueError, TypeError
            For wrong shapes and lengths, another dtype or kind; before any work.

        See Also
        --------
        forward : The same with a tape, for `backward`.

        Examples
        --------
        >>> norm = cyrnn.nn.LayerNorm(5)
        >>> x = np.random.default_rng(0).standard_normal((7, 4, 5), np.float32)
        >>> y = norm(x, lengths=[7, 3, 0, 1])
        >>> np.array_equal(y[2, 1], norm(x[2, 1])), y[3:, 1].any()
        (True, np.False_)
        """
        (layer,) = self._sublayers
        if lengths is None:
            found = layer.forward(input)
            if found is not None:
                return found  # type: ignore[no-any-return]  # as the annotation says
        return self._run("LayerNorm", layer, input, lengths, self.batch_first)[0]

    def forward(self, input: ArrayLike, *, lengths: ArrayLike | None = None) -> tuple[NDArray[F], HeadTape]:
        """Normalise every row, and keep what `backward` needs.

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
        >>> cyrnn.nn.LayerNorm(5).forward(np.ones((7, 4, 5), np.float32))[1]
        <tape of LayerNorm, 5: 28 rows>
        """
        (layer,) = self._sublayers
        return self._run("LayerNorm.forward", layer, input, lengths, self.batch_first)

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
        >>> norm = cyrnn.nn.LayerNorm(5)
        >>> y, tape = norm.forward(np.ones((7, 4, 5), np.float32))
        >>> gradients = norm.backward(tape, np.ones_like(y))
        >>> gradients.input.shape, gradients.weights["bias"].tolist()
        ((7, 4, 5), [28.0, 28.0, 28.0, 28.0, 28.0])
        """
        features = self._plan.features
        dx, dw, db = self._gradients("LayerNorm.backward", tape, d_output, "features", features)
        found = {name: d for name, d in (("weight", dw), ("bias", db)) if d is not None}
        return LinearGradients(dx.reshape(*tape.leading, features), found)

    @property
    def normalized_shape(self) -> tuple[int, ...]:
        """Features of a row, in a tuple, as torch has it."""
        return (self._plan.features,)

    @property
    def eps(self) -> float:
        """What is added to the variance."""
        return self._plan.eps

    @property
    def elementwise_affine(self) -> bool:
        """Whether there is a `weight`."""
        return self._plan.has_weight

    def __repr__(self) -> str:
        plan, shown = self._plan, ["" if self._plan.eps == 1e-5 else f"eps={self._plan.eps}"]
        shown.append("" if plan.has_weight else "elementwise_affine=False")
        shown.append("bias=False" if plan.has_weight and not plan.has_bias else "")
        shown.append("batch_first=True" if self.batch_first else "")
        shown.append("" if plan.dtype == np.float32 else f"dtype={plan.dtype.name!r}")
        return f"{type(self).__name__}({', '.join([str(plan.features), *filter(None, shown)])})"

    def _run(
        self, function: str, layer: Any, input: Any, lengths: Any, batch_first: bool
    ) -> tuple[NDArray[F], HeadTape]:
        plan = self._plan
        given = _check.array(function, "input", input, plan.dtype, tokens=_check_heads.EMBED)
        x = given[...]  # a view, whose shape nobody else changes
        _check_heads.features(function, x, plan.features, input, name="features")
        leading, ragged = x.shape[:-1], self._ragged(function, x.shape, lengths, batch_first)
        x = x.reshape(*flat(leading), plan.features)
        output = layer.forward(x, ragged, batch_first).reshape(*leading, plan.features)
        return output, HeadTape(plan, layer, x, leading, ragged, batch_first)
