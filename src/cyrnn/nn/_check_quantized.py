"""Every check of a model whose weights are integers, and its error sentences.

    weight_ih_l0 (20, 3) int8, weight_ih_l0_scale (20,) float32

are a matrix: the weights are weight_ih_l0 * weight_ih_l0_scale[:, None].
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NoReturn

import numpy as np

from ..calls.quantized import LARGEST_SUM, LEVELS_INT8, Quantized, levels
from ._check import values
from ._check_weights import Misfit

if TYPE_CHECKING:
    from ..cells.spec import Array
    from .weights import QuantizablePlan

#: the most that the absolute integers of a row add up to: activations keep as many levels as those of int8 weights
_LARGEST_ROW = LARGEST_SUM // LEVELS_INT8


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
    """Refuse integers whose products would not fit the sums, and scales that are none: in one error."""
    wrong = []
    for name in plan.matrices:
        W = Quantized(given[name], given[f"{name}_scale"])
        if W.values.dtype == np.int8 and (W.values == -128).any():
            i, j = np.argwhere(W.values == -128)[0]
            wrong.append(f"{name}[{i}, {j}] is -128, expected -127 to 127: astype(np.int16) is for a model of int16")
        elif levels(W) < LEVELS_INT8:
            sums = np.abs(W.values.astype(np.int64)).sum(axis=1)
            said = f"{name}[{sums.argmax()}] has absolute values that add up to {sums.max()}"
            wrong.append(f"{said}, expected at most {_LARGEST_ROW}: fewer bits and a larger scale")
        unfit = np.flatnonzero(~(np.isfinite(W.scale) & (W.scale >= 0)))
        if unfit.size:
            got = f"{name}_scale[{unfit[0]}] is {W.scale[unfit[0]]}"
            wrong.append(f"{got}, expected a finite number of at least 0")
    if wrong:
        raise Misfit(f"{function}: {argument} does not fit: {'; '.join(wrong)}")


def stays_float32(function: str, dtype: np.dtype[Any], weights: np.dtype[Any]) -> None:
    """Refuse another dtype than float32 for a model of integers."""
    if dtype != np.float32:
        why = f"a model of {weights} weights computes in float32; the one that it was quantised from has the digits"
        raise TypeError(f"{function}: dtype is {dtype}, expected float32: {why}")


def no_integers(
    function: str, plan: QuantizablePlan, cure: str = "do so with the float32 model, and quantise behind it"
) -> None:
    """Refuse what wants the floats of a model of integers."""
    if plan.integers is not None:
        raise TypeError(f"{function}: the weights are {plan.integers}, expected floats: {cure}")


def no_head(function: str) -> NoReturn:
    """Refuse to quantise a layer that multiplies nothing."""
    cure = "quantise the recurrent layers, which take most of the time, and leave this one as it is"
    raise TypeError(f"{function}: its weights stay floats, expected a recurrent layer, a cell or a Linear: {cure}")
