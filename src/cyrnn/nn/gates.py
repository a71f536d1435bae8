"""Models from arrays in any framework's order of gates, and back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple, Self

import numpy as np

from ..weights import gates
from ..weights.gates import Weights
from . import _check_gates, _check_quantized

if TYPE_CHECKING:
    from ..cells.spec import Array
    from .weights import Plan


class Gates(NamedTuple):
    """Weights of a model as `from_gates` takes them: an array for each layer and direction, layers first.

    Attributes
    ----------
    W : list of ndarray
        Of the input.
    R : list of ndarray
        Of the hidden state.
    b : list of ndarray, or None
        Biases, those of W and of R in two rows.
    P : list of ndarray, or None
        Peepholes.
    """

    W: list[Array]
    R: list[Array]
    b: list[Array] | None
    P: list[Array] | None


class FromGates:
    """What all classes of nn inherit: `from_gates` and `to_gates`."""

    if TYPE_CHECKING:
        _options: ClassVar[dict[str, Any]]
        _variants: ClassVar[dict[str, Any]]
        _plan: Plan

        def __init__(self, input_size: Any, hidden_size: Any, **options: Any) -> None: ...
        def _take(self, function: str, argument: str, given: Any, unshared: bool = False) -> None: ...
        def _weights(self, method: str) -> dict[str, Any]: ...

    @classmethod
    def from_gates(
        cls,
        W: Any,
        R: Any,
        b: Any = None,
        P: Any = None,
        *,
        order: str,
        transpose: bool | None = None,
        forget_bias: float | None = None,
        negate: str | None = None,
        **options: Any,
    ) -> Self:
        """Make a model of weights that are arrays in any order of gates.

        Parameters
        ----------
        W, R : ndarray of shape (gates * hidden_size, input_size) and (gates * hidden_size, hidden_size)
            Of the input and of the hidden state, or both transposed. For several layers or directions a list of each,
            or an array with an axis more: layers first, then directions.
        b : ndarray of shape (gates * hidden_size,) or (2, gates * hidden_size), optional
            One bias, or W's and R's. None: the model has no bias. A list, where W is one.
        P : ndarray of shape (3, hidden_size), optional
            Peepholes of an LSTM, rows in the order of the gates; of coupled gates 2 rows. A list, where W is one.
        order : str
            The order of the gates: letters of "ifco" for an LSTM (c is the candidate, also called g, j or z), "rzc" for
            a GRU (z is the update gate, c the candidate), "a" for an RNN. Or a framework: "torch", "onnx", "keras",
            "cudnn", "paddle", "paddle.fluid", "dynet", "coreml", "chainer", "chainer.links", "mxnet", "tensorflow",
            "tensorflow.BlockLSTMV2", "notebook", which says transpose, negate and reset_after, too, where it is known.
        transpose : bool, optional
            Whether W is (input_size, gates * hidden_size), and R likewise. It may be left out where input_size and
            hidden_size differ, so that the shapes tell.
        forget_bias : float, optional
            What the other cell adds to its forget gate beside the bias; 0 if left out, unless the framework adds one.
        negate : str, optional
            Letters of gates that stand for 1 minus ours: "z" where h = (1 - z) * h + z * c.
        **options
            Of the class, but for sizes, num_layers, bias, proj_size and peephole, which the arrays say: as
            `bidirectional`, `batch_first`, `reset_after`; `dtype`, if left out float64 for W in float64, else float32.

        Returns
        -------
        Module
            Of the class that this is called on; its weights are copies.

        Raises
        ------
        ValueError, TypeError
            If shapes, order or options do not fit, or if something is left out that the arrays do not tell: transpose,
            reset_after of a GRU, forget_bias or negate of a framework that has it as an option.

        See Also
        --------
        to_gates : The inverse.

        Notes
        -----
        One bias of a GRU with reset_after is that of W; R's is 0.

        Examples
        --------
        >>> W, R, b = np.ones((20, 3)), np.ones((20, 5)), np.zeros(20)
        >>> cyrnn.nn.LSTM.from_gates(W, R, b, order="iofc", dtype=np.float32)
        LSTM(3, 5)
        """
        function = f"{cls.__name__}.from_gates"
        _check_gates.options(function, options, (*cls._options, *cls._variants, "dtype", "rng"))
        per_layer = 2 if options.get("bidirectional") else 1
        if "peephole" not in cls._variants:
            _check_gates.no_peepholes(function, P)
        given = _check_gates.sublayers(function, W, R, b, P, per_layer)
        if "reset_after" in cls._variants and "reset_after" not in options:
            options["reset_after"] = _check_gates.reset_after(function, order)
        made = {"rng": 0} | options
        if given[0][3] is not None:
            made["peephole"] = True
        if "num_layers" in cls._options:
            made["num_layers"] = len(given) // per_layer
        else:
            _check_gates.one_layer(function, len(given))
        cell = cls(1, 1, **{name: value for name, value in made.items() if name != "dropout"})._plan.cell
        layout = _check_gates.layout(function, cell, order, transpose, forget_bias, negate)
        layout = _check_gates.told(function, layout, given)
        places = [f"[{i}]" if len(given) > 1 else "" for i in range(len(given))]
        found = [
            gates.to_torch(layout, _check_gates.arrays(function, layout, part, place))
            for part, place in zip(given, places, strict=True)
        ]
        made |= {"bias": any(part.b is not None for part in found)}
        made.setdefault("dtype", np.float64 if found[0].W.dtype == np.float64 else np.float32)
        model = cls(found[0].W.shape[1], found[0].R.shape[1], **made)
        plan = model._plan
        for i, (part, place) in enumerate(zip(found, places, strict=True)):
            sizes = part.W.shape[1], part.R.shape[1]
            _check_gates.stacked(function, i, sizes, plan.features(i), plan.hidden_size, place)
        model._take(function, "W, R, b", by_name(plan, found))
        return model

    def to_gates(
        self,
        order: str,
        *,
        transpose: bool | None = None,
        forget_bias: float | None = None,
        negate: str | None = None,
    ) -> Gates:
        """Return copies of the weights in any order of gates: what `from_gates` takes.

        Parameters
        ----------
        order, transpose, forget_bias, negate
            As for `from_gates`; transpose is False if left out with letters.

        Returns
        -------
        Gates
            A named tuple, `W R b P`, each a list: one array for each layer and direction, b of shape
            (2, gates * hidden_size); b or P is None where the model has none.

        Raises
        ------
        ValueError, TypeError
            As `from_gates` and `pack` do, and if the model has a projection, which only `state_dict` has.

        See Also
        --------
        from_gates : The same the other way round; but for forget_bias, whose sums are rounded, the same bits.

        Examples
        --------
        >>> gru = cyrnn.nn.GRU(3, 5, rng=0)
        >>> W, R, b, _ = gru.to_gates("onnx")
        >>> again = cyrnn.nn.GRU.from_gates(W, R, b, order="onnx", reset_after=True)
        >>> np.array_equal(again.weight_hh_l0, gru.weight_hh_l0)
        True
        """
        function = f"{type(self).__name__}.to_gates"
        plan = self._plan
        _check_quantized.no_integers(function, plan)
        _check_gates.no_projection(function, plan.proj_size)
        layout = _check_gates.layout(function, plan.cell, order, transpose, forget_bias, negate, reading=False)
        found = [gates.from_torch(layout, part) for part in by_sublayer(plan, self._weights("to_gates"))]
        biases = None if found[0].b is None else [part.b for part in found]
        peepholes = None if found[0].P is None else [part.P for part in found]
        W, R = [part.W for part in found], [part.R for part in found]
        return Gates(W, R, biases, peepholes)  # type: ignore[arg-type]  # None of all layers or of none


def by_name(plan: Plan, parts: list[Weights]) -> dict[str, Array]:
    """The weights of all sublayers by torch's names."""
    found: dict[str, Array] = {}
    for suffix, (W, R, b, P) in zip(plan.suffixes, parts, strict=True):
        found |= {f"weight_ih{suffix}": W, f"weight_hh{suffix}": R}
        if plan.bias:
            b = np.zeros((2, len(W)), W.dtype) if b is None else b
            found |= {f"bias_ih{suffix}": b[0], f"bias_hh{suffix}": b[1]}
        if plan.peephole and P is not None:
            found[f"weight_ch{suffix}"] = P
    return found


def by_sublayer(plan: Plan, weights: dict[str, Array]) -> list[Weights]:
    """The weights of each sublayer, with both biases in one array."""
    found = []
    for suffix in plan.suffixes:
        b = np.stack([weights[f"bias_{half}{suffix}"] for half in ("ih", "hh")]) if plan.bias else None
        parts = weights[f"weight_ih{suffix}"], weights[f"weight_hh{suffix}"]
        found.append(Weights(*parts, b, weights.get(f"weight_ch{suffix}")))
    return found
