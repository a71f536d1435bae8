"""Embedding: rows of a matrix by their indices, the layer before a recurrent one."""

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
class EmbeddingPlan:
    """What an embedding is."""

    num_embeddings: int
    embedding_dim: int
    padding_idx: int | None
    dtype: np.dtype[Any]
    integers: np.dtype[Any] | None = None
    matrices: ClassVar = ("weight",)
    multiplied: ClassVar = False

    @property
    def shapes(self) -> dict[str, tuple[int, ...]]:
        """The shape of its weight by its name, and of the scales of integers."""
        shapes: dict[str, tuple[int, ...]] = {"weight": (self.num_embeddings, self.embedding_dim)}
        return shapes if self.integers is None else shapes | {"weight_scale": (self.num_embeddings,)}

    def initial(self, rng: np.random.Generator) -> dict[str, NDArray[Any]]:
        """Return the weight as torch's starts: normal, of mean 0 and deviation 1, with zeros in the row of padding."""
        weight = rng.standard_normal(self.shapes["weight"]).astype(self.dtype)
        if self.padding_idx is not None:
            weight[self.padding_idx] = 0
        return {"weight": weight}

    def packed(self, weights: Mapping[str, NDArray[Any]]) -> tuple[Any, ...]:
        """Return what looks up in this weight."""
        W = weights["weight"] if self.integers is None else Quantized(weights["weight"], weights["weight_scale"])
        return (calls.embedding(W, self.padding_idx),)

    def __str__(self) -> str:
        return f"Embedding, {self.num_embeddings} of {self.embedding_dim}"


class EmbeddingGradients(NamedTuple, Generic[F]):
    """The gradients of a loss with respect to the weights of an embedding: a dict by their names."""

    weights: dict[str, NDArray[F]]


class Embedding(Quantizable[F], Head[F]):
    """Vectors of whole numbers, as torch.nn.Embedding: y = weight[input].

    Parameters
    ----------
    num_embeddings, embedding_dim : int
        How many vectors there are; features of each.
    padding_idx : int, optional
        The index of a vector that begins as zeros and gets no gradient; counted from the end if it is negative.
    batch_first : bool
        Whether a ragged batch is (N, L), not (L, N): how `lengths` are read, nothing else.
    dtype : dtype
        Of weights and results: float32 or float64.
    rng : Generator or seed, optional
        What the vectors are drawn from, normally distributed with mean 0 and deviation 1.

    Raises
    ------
    ValueError, TypeError
        If an argument is not as above.

    See Also
    --------
    Linear : A linear layer, the usual end of a model.
    LSTM : Takes whole numbers, too, as rows of which one feature is 1.

    Notes
    -----
    The weight, with torch's name and shape: `weight` (num_embeddings, embedding_dim). It is an attribute: see `pack`.
    Of torch's options, `max_norm` and `scale_grad_by_freq` are not here.

    References
    ----------
    torch.nn.Embedding, PyTorch 2.

    Examples
    --------
    >>> embedding, gru = cyrnn.nn.Embedding(100, 3, rng=0), cyrnn.nn.GRU(3, 5, rng=0)
    >>> output, h_n = gru(embedding([[4, 8], [15, 16], [23, 42]]))
    >>> output.shape
    (3, 2, 5)
    """

    _kind: ClassVar = "Embedding"
    _last: ClassVar = ()
    _sizes: ClassVar = {"num_embeddings": int, "embedding_dim": int, "padding_idx": lambda index: index}
    _options: ClassVar = {"padding_idx": None, "batch_first": False}

    _plan: EmbeddingPlan
    if TYPE_CHECKING:
        weight: NDArray[F]
        weight_scale: NDArray[np.float32]  # of a quantised layer

    def __init__(
        self,
        num_embeddings: int,
        embedding_dim: int,
        padding_idx: int | None = None,
        *,
        batch_first: bool = False,
        dtype: DType[F] = np.float32,  # type: ignore[assignment]  # the default of F
        rng: np.random.Generator | int | None = None,
    ) -> None:
        rows = _check.whole_number("Embedding", "num_embeddings", num_embeddings, least=0)
        plan = EmbeddingPlan(
            rows,
            _check.whole_number("Embedding", "embedding_dim", embedding_dim, least=0),
            _check_heads.padding("Embedding", padding_idx, rows),
            _check.floating("Embedding", dtype),
        )
        self.batch_first = _check.flag("Embedding", "batch_first", batch_first)
        self._begin(plan, rng)

    if TYPE_CHECKING:

        def double(self) -> Embedding[np.float64]: ...

    def __call__(self, input: ArrayLike, *, lengths: ArrayLike | None = None) -> NDArray[F]:
        """Return the vector of every index.

        Parameters
        ----------
        input : array of whole numbers, of any shape
            From 0 to num_embeddings - 1, of any integer dtype.
        lengths : array of N whole numbers, optional
            Of a batch (L, N), or (N, L) with `batch_first`: how many steps each sequence has, from 0 to L, in any
            order; what lies behind is not looked at.

        Returns
        -------
        ndarray of shape (..., embedding_dim)
            Zero behind the end of a sequence.

        Raises
        ------
        ValueError, TypeError
            For an index that is out of range, wrong lengths, another kind; before any work.

        See Also
        --------
        forward : The same with a tape, for `backward`.

        Examples
        --------
        >>> embedding = cyrnn.nn.Embedding(10, 3, rng=0)
        >>> embedding(np.array([[1, 2], [3, 0]], np.int8), lengths=[2, 1]).shape
        (2, 2, 3)
        """
        (layer,) = self._sublayers
        if lengths is None:
            found = layer.forward(input)
            if found is not None:
                return found  # type: ignore[no-any-return]  # as the annotation says
        return self._run("Embedding", layer, input, lengths, self.batch_first)[0]

    def forward(self, input: ArrayLike, *, lengths: ArrayLike | None = None) -> tuple[NDArray[F], HeadTape]:
        """Return the vector of every index, and keep what `backward` needs.

        Parameters
        ----------
        input, lengths
            As for a call.

        Returns
        -------
        output
            As from a call.
        tape : HeadTape
            The pass, with a copy of input.

        Raises
        ------
        ValueError, TypeError
            As a call does.

        See Also
        --------
        backward : The gradients, from the tape.

        Examples
        --------
        >>> cyrnn.nn.Embedding(10, 3, rng=0).forward([[1, 2], [3, 0]])[1]
        <tape of Embedding, 10 of 3: 4 rows>
        """
        self._trained("Embedding.forward")
        (layer,) = self._sublayers
        return self._run("Embedding.forward", layer, input, lengths, self.batch_first)

    def backward(self, tape: HeadTape, d_output: ArrayLike) -> EmbeddingGradients[F]:
        """Return the gradient of the weight for a pass of `forward`.

        Parameters
        ----------
        tape : HeadTape
            The last of what `forward` returned; it can be used again.
        d_output : ndarray of the shape of output
            Gradient of the loss with respect to output. What lies behind the end of a sequence is not read.

        Returns
        -------
        EmbeddingGradients
            A named tuple: `weights`, a dict with the names of `state_dict`. The row of padding_idx is zero.

        Raises
        ------
        ValueError, TypeError
            For wrong shapes, another dtype or kind, a tape of an embedding of other sizes; before any work.

        See Also
        --------
        forward : What makes the tape.

        Notes
        -----
        The gradient of a vector is the sum of d_output over the positions that have its index, in the order in which
        they stand in C order of the input.

        Examples
        --------
        >>> embedding = cyrnn.nn.Embedding(4, 2, rng=0)
        >>> y, tape = embedding.forward([3, 1, 3])
        >>> embedding.backward(tape, np.ones_like(y)).weights["weight"].tolist()
        [[0.0, 0.0], [1.0, 1.0], [0.0, 0.0], [2.0, 2.0]]
        """
        self._trained("Embedding.backward")
        dW = self._gradients("Embedding.backward", tape, d_output, "embedding_dim", self.embedding_dim)
        return EmbeddingGradients({"weight": dW})

    @property
    def num_embeddings(self) -> int:
        """How many vectors there are."""
        return self._plan.num_embeddings

    @property
    def embedding_dim(self) -> int:
        """Features of each vector."""
        return self._plan.embedding_dim

    @property
    def padding_idx(self) -> int | None:
        """The index of the vector without a gradient; None where there is none."""
        return self._plan.padding_idx

    def __repr__(self) -> str:
        plan, shown = self._plan, [str(self.num_embeddings), str(self.embedding_dim)]
        if plan.padding_idx is not None:
            shown.append(f"padding_idx={plan.padding_idx}")
        if self.batch_first:
            shown.append("batch_first=True")
        if plan.dtype != np.float32:
            shown.append(f"dtype={plan.dtype.name!r}")
        if plan.integers is not None:
            shown.append(f"weights={self._kind_of_integers()!r}")
        return f"{type(self).__name__}({', '.join(shown)})"

    def _calibration(self, function: str, given: Any) -> NDArray[Any]:
        found, rows = _check_heads.whole_numbers(function, given, "calibrate"), self.num_embeddings
        return _check_heads.indices(function, found, rows, None, self.batch_first, "calibrate")[0]

    def _run(
        self, function: str, layer: Any, input: Any, lengths: Any, batch_first: bool
    ) -> tuple[NDArray[F], HeadTape]:
        plan = self._plan
        indices = _check_heads.whole_numbers(function, input)  # a copy
        leading, ragged = indices.shape, self._ragged(function, indices.shape, lengths, batch_first)
        found = layer.forward(indices.reshape(flat(leading)), ragged, batch_first)
        if found is None:
            indices, ends = _check_heads.indices(function, indices, plan.num_embeddings, lengths, batch_first)
            ragged = self._ragged(function, leading, ends, batch_first)
            found = layer.forward(indices.reshape(flat(leading)), ragged, batch_first)
        tape = HeadTape(plan, layer, indices.reshape(flat(leading)), leading, ragged, batch_first)
        return found.reshape(*leading, plan.embedding_dim), tape
