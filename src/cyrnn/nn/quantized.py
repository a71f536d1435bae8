"""Models whose weights are integers: made of models of floats, and compared with them."""

from __future__ import annotations

import copy
import functools
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple, Self, overload

import numpy as np

from .. import _check_quantized as _check_integers
from ..calls.quantized import Quantized, dequantized, in_two_planes, quantized
from . import _check_quantized, _check_weights
from .habits import Habits
from .module import Module
from .typed import F
from .weights import QuantizablePlan, packed

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, DTypeLike, NDArray


class QuantizeReport(NamedTuple):
    """How far the results of a quantised model are from those of the float32 model, over all values of one call.

    Attributes
    ----------
    rms : float
        The root of the mean of the squared differences.
    largest : float
        The largest difference, without its sign.
    """

    rms: float
    largest: float


def checked(method: Callable[..., Any]) -> Callable[..., Any]:
    """Let what is wrong with the arguments of `quantize` be said under the name of the class, with the cure."""

    @functools.wraps(method)
    def call(self: Any, *args: Any, **named: Any) -> Any:
        _check_quantized.of_model(self, Habits)
        _check_quantized.arguments(f"{type(self).__name__}.quantize", args, named)
        return method(self, *args, **named)

    return call


class Quantizable(Module[F]):
    """A model that `quantize` makes another of, and what that one does otherwise; see Module."""

    _plan: Any  # QuantizablePlan, of a kind that each class says

    @overload
    def quantize(self, kind: DTypeLike, calibrate: None = None) -> Self: ...
    @overload
    def quantize(self, kind: DTypeLike, calibrate: ArrayLike) -> tuple[Self, QuantizeReport]: ...
    @checked
    def quantize(self, kind: Any, calibrate: Any = None) -> Any:
        """Return a model of the same class whose weights are integers: faster and smaller, and a little less exact.

        What it computes with, rounded to whole numbers::

            W[j, k] = scale[j] * W_q[j, k]          x = (max|x| / Q) * x_q          h = (max(1, max|h|) / Q) * h_q
            z_j = b_j + scale[j] * (max|x| / Q) * sum of W_q[j, k] x_q[k], and likewise h

        Parameters
        ----------
        kind : str or dtype
            "int8": 8 bits for a weight, and 8 for an activation, Q = 127. "int16": 12 bits for a weight, stored in 16,
            and up to 16 for an activation, Q = 32767 where that fits. "int16x2": 16 bits for both, Q = 32767; an
            activation is 256 times an integer and another, and each of the two has a sum of its own.
        calibrate : array, optional
            An input as a call takes it, (L, N, input_size) and so on, for which both models' results are compared; of
            an Embedding, indices. Not empty, and finite.

        Returns
        -------
        model : RNN, LSTM, GRU, RNNCell, LSTMCell, GRUCell, Linear or Embedding
            A new one, with the same options; its inputs, states and results are float32. `weight_dtype` is int8.
        report : QuantizeReport, with `calibrate`
            `rms` and `largest`: the root of the mean square of the differences between the results of the two models
            for `calibrate`, and the largest. Of layers the results are output and state, of a cell the state, of a
            Linear or an Embedding the output.

        Raises
        ------
        TypeError
            If kind is none of these, or the model is of float64, or its weights are integers already.
        ValueError
            If a weight is not finite, or an attribute or calibrate is not as `pack` or a call wants it.

        See Also
        --------
        dequantize : The floats that the integers stand for.
        cyrnn.pack : `weights="int8"` for the notebook's functions.

        Notes
        -----
        Matrices have two attributes each: `weight_ih_l0`, integers, and `weight_ih_l0_scale` (rows,), float32; the
        floats are `weight_ih_l0 * weight_ih_l0_scale[:, None]`. Biases and peepholes stay float32. Weights are taken as
        they stand in the attributes; the largest of each row becomes 127, 2047, or 32767. Why no more than 12 bits:
        sums of products have to fit 32, so that Q is (2^31 - 1) / (the largest sum of abs(W_q) in a row) where that is
        less than 32767. What a weight had more, activations would lose, unless they take two sums, at twice the work.
        A model whose int16 weights have more than 12 bits is one of int16x2, wherever it is from.

        The integers of x and h are found anew in every step, for each sequence alone; what is not finite becomes nan.
        Sums of integers are exact: bits are the same on every CPU with a fused multiply-add, and, as those of floats,
        alone, in a batch, in pieces and step by step. `state_dict`, `save` to .npz and .safetensors, pickles and copies
        keep the integers. A quantised model cannot be trained. An Embedding multiplies nothing with activations: its
        vectors are `weight[i] * weight_scale[i]`, rounded once to float32.

        Examples
        --------
        >>> lstm = cyrnn.nn.LSTM(3, 5, rng=0)
        >>> lstm.quantize("int8")
        LSTM(3, 5, weights='int8')
        >>> model, report = lstm.quantize("int16", calibrate=np.ones((7, 2, 3), np.float32))
        >>> report.rms < report.largest < 1e-3
        True
        """
        function, plan = f"{type(self).__name__}.quantize", self._plan
        integers = _check_integers.kind(function, "kind", kind, _check_quantized.OF_FLOATS)
        _check_quantized.no_integers(function, plan, _check_quantized.TWICE)
        cure = f"model.float().quantize('{integers}') rounds the weights to float32 first"
        _check_integers.in_float32(function, "the model", plan.dtype, integers, cure)
        x = None if calibrate is None else self._compared(function, calibrate)
        floats = self._weights("quantize")
        _check_integers.finite(function, floats, f"{integers.dtype} has no other")
        model = object.__new__(type(self))
        plan = replace(plan, integers=integers.dtype)
        own = dict(integer_weights(plan, floats, integers.two_planes))
        _check_quantized.fitting(function, "the model", own, plan)
        kept = {name: value for name, value in dict(self.__dict__).items() if name not in plan.shapes}
        sublayers = packed(plan, {name: array.copy() for name, array in own.items()})
        model.__dict__.update(kept | own | {"_plan": plan, "_sublayers": sublayers, "_unread": {}})
        # of a copy, which has packed the attributes as they are
        return model if x is None else (model, differences(model(x), copy.copy(self)(x)))

    def dequantize(self) -> Self:
        """Return a model of the same class whose weights are the floats that integers stand for: scale * integer.

        Returns
        -------
        RNN, LSTM, GRU, RNNCell, LSTMCell, GRUCell, Linear or Embedding
            A new one, with the same options, in float32; of a model of floats a copy.

        Raises
        ------
        ValueError
            If an attribute is not as `pack` wants it.

        See Also
        --------
        quantize : Integers of floats.

        Notes
        -----
        What quantising has rounded stays rounded. Results are near those of the integers, not the same: activations
        are not rounded any more. It can be trained, saved in every format, and cast by `double`.

        Examples
        --------
        >>> model = cyrnn.nn.GRU(3, 5, rng=0).quantize("int8")
        >>> floats = model.dequantize()
        >>> floats, np.array_equal(floats.weight_hh_l0, model.weight_hh_l0 * model.weight_hh_l0_scale[:, None])
        (GRU(3, 5), True)
        """
        plan = self._plan
        if plan.integers is None:
            return copy.copy(self)
        own, model = self._weights("dequantize"), object.__new__(type(self))
        kept = {name: value for name, value in dict(self.__dict__).items() if name not in plan.shapes}
        floats = dict(float_weights(plan, own))
        plan = replace(plan, integers=None)
        sublayers = packed(plan, {name: array.copy() for name, array in floats.items()})
        model.__dict__.update(kept | floats | {"_plan": plan, "_sublayers": sublayers, "_unread": {}})
        return model

    def _compared(self, function: str, calibrate: Any) -> NDArray[Any]:
        """Return what the results of two models are compared for."""
        _check_quantized.one_array(function, calibrate)
        x = self._calibration(function, calibrate)
        _check_quantized.comparable(function, x)
        return x

    if TYPE_CHECKING:

        def __call__(self, input: Any) -> Any: ...
        def _calibration(self, function: str, given: Any) -> NDArray[Any]: ...

    @property
    def weight_dtype(self) -> np.dtype[Any]:
        """The dtype of the matrices: int8 or int16 of a quantised model, else that of all, `dtype`."""
        plan: QuantizablePlan = self._plan
        return plan.integers or plan.dtype

    def _kind_of_integers(self) -> str | None:
        """Return what `quantize` would call the weights, for `repr`; None for floats.

        Of int16 the integers say it, those of the first layer. Attributes may be anything before they are packed.
        """
        plan: QuantizablePlan = self._plan
        if plan.integers is None:
            return None
        own, count = self._own(), len(plan.matrices) // getattr(plan, "sublayers", 1)
        given = [own.get(name) for name in plan.matrices[:count]]
        plain = all(type(W) is np.ndarray and W.dtype == plan.integers and W.ndim == 2 for W in given)
        two_planes = plain and in_two_planes(*[Quantized(W, np.empty(0, np.float32)) for W in given])
        return "int16x2" if two_planes else plan.integers.name

    def _trained(self, function: str) -> None:
        if self._plan.integers is not None:
            _check_integers.not_trained(function, "the model", self._plan.integers, _check_quantized.DEQUANTIZE)

    def _refuse_others(self, function: str, given: Mapping[str, Any]) -> None:
        _check_quantized.same_kind(function, "state_dict", given, self._plan)

    def _cast(self, dtype: np.dtype[Any]) -> None:
        if self._plan.integers is None:
            super()._cast(dtype)
        else:
            function, cure = f"{type(self).__name__}.to", _check_quantized.CAST
            _check_quantized.stays_float32(function, dtype, self._plan.integers, cure)

    def _checked(self, function: str, argument: str, given: Mapping[str, Any]) -> dict[str, NDArray[Any]]:
        plan: QuantizablePlan = self._plan
        if plan.integers is None:
            return super()._checked(function, argument, given)
        _check_quantized.same_kind(function, argument, given, plan)
        matrices = dict.fromkeys(plan.matrices, plan.integers)
        found = _check_weights.weights(function, argument, given, plan.shapes, plan.dtype, matrices)
        _check_quantized.fitting(function, argument, found, plan)
        return found


def integer_weights(
    plan: QuantizablePlan, floats: Mapping[str, NDArray[Any]], two_planes: bool
) -> Iterator[tuple[str, NDArray[Any]]]:
    """Yield the weights of a model of integers by their names, in the order of its plan."""
    for name, array in floats.items():
        if name in plan.matrices:
            W = quantized(array, plan.integers, two_planes=two_planes)
            yield name, W.values
            yield f"{name}_scale", W.scale
        else:
            yield name, array


def float_weights(plan: QuantizablePlan, own: Mapping[str, NDArray[Any]]) -> Iterator[tuple[str, NDArray[Any]]]:
    """Yield the weights of the model of floats that a model of integers stands for, by their names, in order."""
    for name, array in own.items():
        if name in plan.matrices:
            with np.errstate(all="ignore"):  # of scales from elsewhere a product may be infinite
                yield name, dequantized(Quantized(array, own[f"{name}_scale"]))
        elif name.removesuffix("_scale") not in plan.matrices:
            yield name, array


def differences(found: Any, floats: Any) -> QuantizeReport:
    """Compare all values of two results: arrays in nested tuples."""
    with np.errstate(all="ignore"):
        d = np.concatenate([np.ravel(a) - np.ravel(b) for a, b in zip(flat(found), flat(floats), strict=True)])
        return QuantizeReport(float(np.sqrt(np.mean(d**2))) if d.size else 0.0, float(np.abs(d).max(initial=0)))


def flat(result: Any) -> list[NDArray[np.float64]]:
    return [array for part in result for array in flat(part)] if type(result) is tuple else [result.astype(np.float64)]
