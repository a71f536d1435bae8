"""Every check of a model whose weights are integers, and its error sentences.

    weight_ih_l0 (20, 3) int8, weight_ih_l0_scale (20,) float32

are a matrix: the weights are weight_ih_l0 * weight_ih_l0_scale[:, None].
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from .._check_quantized import finite
from ..calls.quantized import LARGEST_SUM, LEVELS_INT8, Quantized, levels, sums
from ._check import _shown, values
from ._check_weights import Misfit

if TYPE_CHECKING:
    from ..cells.spec import Array
    from .weights import QuantizablePlan

#: the most that the absolute integers of a row add up to: activations keep as many levels as those of int8 weights
_LARGEST_ROW = LARGEST_SUM // LEVELS_INT8
#: cures
DEQUANTIZE = "dequantize() of it is of floats"
OF_FLOATS = "floats are what a model has without it, and what dequantize() makes of integers"
TWICE = "quantise the float32 model that they are from, or dequantize() of this one, which is rounded once more"
CAST = "dequantize().double() is of float64, with the digits that the integers have"
DEQUANTIZED = "dequantize=True makes floats of the integers"


def arguments(function: str, given: Sequence[Any], named: Mapping[str, Any]) -> None:
    """Refuse a call of `quantize` whose arguments are not its own; their values are looked at later."""
    known = ("kind", "calibrate")
    example = "quantize('int8'), or quantize('int8', calibrate=x)"
    for name in named:
        if name not in known:
            raise TypeError(f"{function}: there is no argument {name!r}, expected kind and calibrate: {example}")
        if name in known[: len(given)]:
            raise TypeError(f"{function}: {name} is given twice: {example}")
    if not given and "kind" not in named:
        raise TypeError(f"{function}: kind is missing, expected 'int8', 'int16' or 'int16x2': {example}")
    if len(given) > len(known):
        raise TypeError(f"{function}: got {len(given)} arguments, expected kind and calibrate: {example}")


def of_model(given: object, kind: type) -> None:
    """Refuse what `quantize` is called with on a class, not on a model."""
    if not isinstance(given, kind):
        cure = "nn.LSTM(...).quantize('int8'), not nn.LSTM.quantize('int8')"
        raise TypeError(f"quantize: the model is {_shown(given)}, expected one of nn: {cure}")


def one_array(function: str, calibrate: Any) -> None:
    """Refuse a switch, and an input together with a state or with targets, for the input to compare models for."""
    wanted = "expected an array: an input as a call takes it, without a state"
    if isinstance(calibrate, (bool, np.bool)):
        raise TypeError(f"{function}: calibrate is {bool(calibrate)}, {wanted}")
    if isinstance(calibrate, tuple) and any(part is None or getattr(part, "shape", ()) for part in calibrate):
        raise TypeError(f"{function}: calibrate is of type tuple, {wanted}")


def comparable(function: str, x: Array) -> None:
    """Refuse inputs for which results have no differences."""
    if 0 in (x.shape if x.dtype.kind in "iu" else x.shape[:-1]):
        raise ValueError(f"{function}: calibrate has shape {x.shape}, expected some input: results are compared for it")
    finite(function, {"calibrate": x}, "results for it are compared, and would be nan")


def integers_of(given: Mapping[Any, Any]) -> np.dtype[Any] | None:
    """Return the dtype of the integers that weights from elsewhere are; None of floats, and of what has no scales."""
    for name in given:
        if str(name).startswith("weight") and f"{name}_scale" in given:
            try:
                dtype = getattr(values(given[name]), "dtype", None)
            except MemoryError:
                raise
            except Exception:  # what cannot be read is said where it is loaded
                return None
            return dtype.newbyteorder("=") if isinstance(dtype, np.dtype) and dtype.str[1:] in ("i1", "i2") else None
    return None


def same_kind(function: str, argument: str, given: Mapping[str, Any], plan: QuantizablePlan) -> None:
    """Refuse floats for a model of integers, and integers for one of floats."""
    scales = any(f"{name}_scale" in given for name in plan.matrices)
    if plan.integers is None and scales:
        found = integers_of(given) or "integer"
        said = f"it has {found} weights with scales, the model has {plan.dtype}"
        cure = "nn.from_state_dict makes the model that they are of, or quantize of this one makes one that they fit"
    elif plan.integers is not None and not scales and any(name in given for name in plan.matrices):
        said = f"it has no scales as {next(iter(plan.matrices))}_scale, the model has {plan.integers} weights"
        cure = f"load floats into a float32 model, then quantize('{plan.integers}') of that"
    else:
        return
    raise Misfit(f"{function}: {argument} does not fit: {said}: {cure}")


def fitting(function: str, argument: str, given: Mapping[str, Array], plan: QuantizablePlan) -> None:
    """Refuse integers whose products would not fit the sums, scales that are none, other weights that are not finite.

    One error says them all.
    """
    wrong = []
    for name in plan.matrices:
        W = Quantized(given[name], given[f"{name}_scale"])
        if plan.multiplied and levels(W) < LEVELS_INT8:
            found = sums(W.values)
            said = f"{name}[{found.argmax()}] has absolute values that add up to {found.max()}"
            wrong.append(f"{said}, expected at most {_LARGEST_ROW}: fewer bits and a larger scale")
        unfit = np.flatnonzero(~(np.isfinite(W.scale) & (W.scale >= 0)))
        if unfit.size:
            got = f"{name}_scale[{unfit[0]}] is {W.scale[unfit[0]]}"
            wrong.append(f"{got}, expected a finite number of at least 0")
    for name in plan.shapes:
        if name.removesuffix("_scale") not in plan.matrices and not np.isfinite(given[name]).all():
            place = np.flatnonzero(~np.isfinite(given[name]))[0]
            wrong.append(f"{name}[{place}] is {given[name].flat[place]}, expected a finite number, as quantize does")
    if wrong:
        raise Misfit(f"{function}: {argument} does not fit: {'; '.join(wrong)}")


def stays_float32(function: str, dtype: np.dtype[Any], weights: np.dtype[Any], cure: str = DEQUANTIZED) -> None:
    """Refuse another dtype than float32 for a model of integers."""
    if dtype != np.float32:
        why = f"a model of {weights} weights computes in float32; the one that it was quantised from has the digits"
        raise TypeError(f"{function}: dtype is {dtype}, expected float32: {why}; {cure}")


def no_integers(
    function: str,
    plan: QuantizablePlan,
    cure: str = "do so with the float32 model, and quantise behind it, or with dequantize() of this one",
) -> None:
    """Refuse what wants the floats of a model of integers."""
    if plan.integers is not None:
        raise TypeError(f"{function}: the weights are {plan.integers}, expected floats: {cure}")
