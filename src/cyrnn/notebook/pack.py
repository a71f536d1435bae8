"""Parameters prepared once, for many calls."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from .. import _check, _check_quantized, calls
from .._convert import native
from .._keys import Parameters
from ..calls import Packed
from ..calls.quantized import quantized
from ..cells import CELLS, Cell

if TYPE_CHECKING:
    from numpy.typing import DTypeLike

_SHAPES = {name: cell.shapes for name, cell in CELLS.items() if cell.function}
_HEADS = {name: CELLS[name].head for name in _SHAPES}
_OF_FLOATS = "floats are what pack(parameters) is of, and pack(dict(packed)) of what is packed as integers"


def pack(parameters: Parameters, *, weights: DTypeLike | None = None) -> Packed:
    """Prepare the parameters of a cell once, for many calls.

    The kernels read weights from panels, in the order in which they need them. Every function that takes
    `parameters` makes the panels of a dict anew at each call, and finds them ready in the result of `pack`. For
    running a model; while it is trained, the dict does.

    Parameters
    ----------
    parameters : mapping
        The dict of an RNN (`Wax Waa Wya ba by`), of an LSTM (`Wf bf Wi bi Wc bc Wo bo Wy by`), of a GRU
        (`Wz bz Wr br Wc bc Wy by`) or, with `bca` too, of a GRU that resets after the product; told apart by the keys,
        with arrays of the shapes that the forward functions ask for. The head, `Wy by` or `Wya by`, may be missing.
    weights : str or dtype, optional
        "int8", "int16" or "int16x2": the matrices become integers with a scale for each row, and forward functions are
        faster and a little less exact, as `cyrnn.nn.LSTM.quantize` has it. Biases and the head stay float32.

    Returns
    -------
    Packed
        A read-only mapping with the same keys, accepted wherever the dict is.

    Raises
    ------
    KeyError
        If keys of every cell are missing.
    ValueError, TypeError
        If an array has a wrong shape, or is not of real numbers up to float64; with `weights`, if it is not finite, or
        is computed in float64, or if weights is none of these.

    See Also
    --------
    lstm_forward : A function that takes the result, as all forward functions do.
    cyrnn.nn.LSTM.quantize : Integers in the place of floats, for models of `cyrnn.nn`.

    Notes
    -----
    The arrays are copied: later changes of the originals do not reach the result, so pack again after an
    update. Panels are float64 if any array is float64, integer or bool, else float32; the inputs of a forward
    call together must come to that dtype. Pickling and copying keep the arrays and make the panels anew.

    The values of the mapping are what was given: of integers, too, which are in the panels alone. They are not trained:
    backward functions refuse caches in which they are the parameters. What is packed already stays as it is, unless
    `weights` asks for another kind, which is made from those floats; `pack(dict(packed))` is of the floats again.

    Examples
    --------
    >>> parameters = {"Wax": np.ones((2, 3)), "Waa": np.eye(2), "ba": np.zeros((2, 1)),
    ...               "Wya": np.ones((4, 2)), "by": np.zeros((4, 1))}
    >>> pack(parameters)
    <cyrnn parameters packed for rnn: float64, n_x = 3, n_a = 2, n_y = 4>
    >>> pack({key: value.astype(np.float32) for key, value in parameters.items()}, weights="int8")
    <cyrnn parameters packed for rnn: int8, n_x = 3, n_a = 2, n_y = 4>
    """
    integers = None if weights is None else _check_quantized.kind("pack", "weights", weights, _OF_FLOATS)
    if isinstance(parameters, Packed) and integers in (None, parameters.integers):
        return parameters
    cell = CELLS[_check.recognise("pack", parameters, _SHAPES, _HEADS)]
    call = _check.Call("pack")
    given = call.arrays_of(parameters, cell.shapes, cell.head)
    call.match_parameters(given, cell.shapes)
    copies = {key: _frozen(array) for key, array in given.items()}
    keys = parameters.keys() if hasattr(parameters, "keys") else copies
    values = {key: copies[key] if key in copies else _frozen(parameters[key]) for key in keys} | copies
    dtype = call.dtype()
    plain = {key: native(array, dtype) for key, array in copies.items()}
    arrays = {key: array if array is copies[key] else _frozen(array) for key, array in plain.items()}
    own: dict[str, Any] = {key: array.view() for key, array in arrays.items()}  # which nobody else has, to reshape them
    if integers is None:
        return Packed(values, arrays, calls.of(cell).pack(own), pack)
    own |= _in_integers(cell, given, own, integers)
    return Packed(values, arrays, calls.of(cell).pack(own), partial(pack, weights=str(integers)), integers)


def _in_integers(
    cell: Cell, given: Mapping[str, Any], plain: Mapping[str, Any], integers: _check_quantized.Kind
) -> dict[str, Any]:
    """Return the matrices of all gates as integers. `given`: the arrays before they were cast to one dtype."""
    cure = "{key: value.astype(np.float32) for key, value in parameters.items()} rounds them first"
    for key, array in given.items():
        name = f'parameters["{key}"]'
        _check_quantized.in_float32("pack", name, array.dtype, integers, cure)
        if key not in cell.head:
            _check_quantized.finite("pack", {name: array}, f"{integers.dtype} has no other")
    matrices = {key for gate in cell.gates for key in (gate.W_x, gate.W_a) if key is not None}
    own = {key: plain[key] for key in cell.shapes if key in matrices}
    return {key: quantized(W, integers.dtype, two_planes=integers.two_planes) for key, W in own.items()}


def _frozen(value: Any) -> Any:
    """Return a copy of an array in a bytes object, which nobody can make writeable; anything else as it is."""
    if not isinstance(value, np.ndarray):
        return value
    if value.dtype.hasobject:  # beside the cell's keys
        copy = np.array(value)
        copy.flags.writeable = False
        return copy.view()
    value = np.asarray(value)  # a subclass may have another tobytes
    order: Literal["C", "F"] = "F" if value.flags.fnc else "C"
    return np.ndarray(value.shape, value.dtype, value.tobytes(order), order=order)
