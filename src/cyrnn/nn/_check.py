"""Every check of what nn is given, and its error sentences; their form is that of the house (cyrnn._check).

    LSTM: hx[0] has shape (1, 3, 5), expected (D * num_layers, N, H_out) = (2, 3, 5): N = 3 from input

The weights of a model have a file of their own, `_check_weights.py`.
"""

from __future__ import annotations

import contextlib
import sys
import warnings
from collections.abc import Sequence
from typing import Any, NoReturn

import numpy as np

from .._check import as_array
from .._check import whole_number as _whole_number
from .._check_lists import result_of_layer, several_lengths
from .._convert import COMPUTED_IN, FLOAT32, FLOAT64, computed_in, native
from ..cells.spec import Array

# ---- what a model is made from -------------------------------------------------------------------


def whole_number(function: str, argument: str, value: object, *, least: int) -> int:
    """Return a whole number of at least `least`."""
    if not isinstance(value, (int, float, np.number)):
        raise TypeError(f"{function}: {argument} is {_shown(value)}, expected a whole number of at least {least}")
    number = _whole_number(function, argument, value, least=least)
    if number > sys.maxsize:
        raise ValueError(f"{function}: {argument} is more than {sys.maxsize}, expected what an array can have")
    return number


def projection(function: str, value: object, hidden_size: int) -> int:
    """Return proj_size, which is less than hidden_size; 0 stands for no projection."""
    size = whole_number(function, "proj_size", value, least=0)
    if size >= hidden_size:
        raise ValueError(f"{function}: proj_size is {size}, expected less than hidden_size = {hidden_size}")
    return size


def flag(function: str, argument: str, value: object) -> bool:
    """Return True or False."""
    if not isinstance(value, (bool, np.bool)):
        raise TypeError(f"{function}: {argument} is {_shown(value)}, expected True or False")
    return bool(value)


def probability(function: str, argument: str, value: Any) -> float:
    """Return a number from 0 to 1."""
    number = isinstance(value, (int, float, np.integer, np.floating)) and not isinstance(value, bool)
    if not number or not 0 <= value <= 1:
        raise ValueError(f"{function}: {argument} is {_shown(value)}, expected a number from 0 to 1")
    return float(value)


def between_layers(dropout: float, num_layers: int) -> None:
    """Warn, as torch does and in its words, where dropout is asked for and there is nothing between layers."""
    if dropout and num_layers == 1:
        warnings.warn(
            "dropout option adds dropout after all but last recurrent layer, so non-zero dropout expects num_layers "
            f"greater than 1, but got dropout={dropout} and num_layers={num_layers}",
            stacklevel=4,
        )


def floating(function: str, dtype: object) -> np.dtype[Any]:
    """Return the dtype of a model: float32 or float64."""
    if type(dtype).__module__ == "torch":
        dtype = str(dtype).removeprefix("torch.")
    with contextlib.suppress(TypeError, ValueError):
        for known in (FLOAT32, FLOAT64):
            if dtype is not None and np.dtype(dtype) == known:  # type: ignore[call-overload]  # tried here
                return known
    raise TypeError(f"{function}: dtype is {_shown(dtype)}, expected float32 or float64")


def generator(function: str, argument: str, value: Any) -> np.random.Generator:
    """Return a Generator: the one given, or a new one from a seed; from the system's entropy if None."""
    try:
        if isinstance(value, bool):  # an int to NumPy; here most likely a switch
            raise TypeError("a bool is no seed")
        return np.random.default_rng(value)
    except (TypeError, ValueError) as error:
        said = f"{argument} is {_shown(value)}, expected a Generator or a seed, whole and not negative"
        raise (TypeError if isinstance(error, TypeError) else ValueError)(f"{function}: {said}") from error


# ---- arrays and tensors --------------------------------------------------------------------------


def values(tensor: Any) -> Any:
    """Return the array of a tensor, and anything else as it is; the floats that NumPy has not are float32."""
    if not hasattr(tensor, "detach"):
        return widened(tensor)
    if getattr(tensor, "is_quantized", False) is True:
        raise TypeError("its tensor is quantised, expected floats: dequantize() of it gives them")
    return widened(tensor.detach().cpu()).numpy()


def widened(value: Any) -> Any:
    """Return a tensor or an array of bfloat16, or of ml_dtypes' other floats, in float32; anything else as it is."""
    dtype = getattr(value, "dtype", None)
    if isinstance(dtype, np.dtype):
        if dtype.char not in COMPUTED_IN and dtype.type.__module__ == "ml_dtypes" and "float" in dtype.name:
            return np.asarray(value).astype(np.float32)
        return value
    if str(dtype) in ("torch.bfloat16", "torch.float8_e4m3fn", "torch.float8_e5m2"):
        return value.float()
    return value


# ---- what a model is called with -----------------------------------------------------------------


#: by argument, where axes tell features from tokens
_TOKENS = {"input": "tokens are (L, N) or (L,)", "x_t": "tokens are (N,) or a number"}
_ROWS = "tokens have no axis of features"


def array(function: str, argument: str, value: Any, dtype: np.dtype[Any], *, tokens: str = "") -> Array:
    """Return value as an aligned array of the model's dtype; float16 is taken for float32, integers for float64.

    Lists of Python's floats have no dtype of their own, and get that of the model. `tokens`: what is said of whole
    numbers, where a layer takes no tokens itself.
    """
    if type(value) is np.ndarray and value.dtype == dtype and value.flags.aligned:
        return value
    refuse_kinds(function, argument, value)
    found = as_array(function, argument, widened(value))
    wide = computed_in(found.dtype)
    if wide == dtype or (found.dtype == FLOAT64 and _of_floats(value)):
        return native(found, dtype)
    note = "" if found.dtype == wide else f" (computed in {wide})"
    cure = f"{argument}.{'float' if dtype == FLOAT32 else 'double'}()" if hasattr(value, "detach") else ""
    cure = cure or f"{argument if hasattr(value, 'astype') else f'np.asarray({argument})'}.astype(np.{dtype})"
    if found.dtype.kind in "iu" and argument in _TOKENS:
        note, cure = "", f"{tokens or _TOKENS[argument]}; features: {cure}"
    elif found.dtype.kind in "iu" and argument.startswith("hx"):
        cure = f"states are no integers, not even where weights are; {cure}"
    raise TypeError(
        f"{function}: {argument} has dtype {found.dtype}{note}, expected {dtype}: the weights are {dtype}; {cure}"
    )


def refuse_kinds(function: str, argument: str, value: Any) -> None:
    """Refuse what holds arrays and is none, and a table with a column that is not of numbers."""
    if argument == "input":
        result_of_layer(function, argument, value)
        if "Cell" not in function:  # of one step there are no lengths
            several_lengths(function, argument, value)
    if type(value).__name__ == "PackedSequence":
        unpacked = f"pad_packed_sequence({argument}, batch_first=model.batch_first)"
        cure = f"{argument}, lengths = {unpacked}, then model({argument}, lengths=lengths)"
        raise TypeError(f"{function}: {argument} is a PackedSequence, expected an array: {cure}")
    if not hasattr(value, "columns") or not hasattr(value, "dtypes"):
        return
    for name, dtype in zip(value.columns, value.dtypes, strict=False):
        kind = getattr(dtype, "kind", None)
        if not (kind in tuple("biuf") if kind is not None else getattr(dtype, "is_numeric", bool)()):
            cure = f"{argument}.drop(columns=[{name!r}]), or numbers in its place"
            raise TypeError(f"{function}: {argument} has the column {name!r} of {dtype}, expected numbers: {cure}")


def _of_floats(value: Any) -> bool:
    """Whether nested lists, from which NumPy made an array, hold numbers of Python's alone, and a float among them."""
    kinds, pending = set(), [value]
    while pending:
        found = pending.pop()
        if type(found) in (list, tuple):
            pending += found
        else:
            kinds.add(type(found))
    return float in kinds and kinds <= {float, int}


def wrong_shape(
    function: str, argument: str, array: Array, axes: Sequence[str], wanted: tuple[int, ...], why: str
) -> NoReturn:
    """Refuse an array of another shape than is wanted."""
    raise ValueError(f"{function}: {argument} has shape {array.shape}, expected ({', '.join(axes)}) = {wanted}: {why}")


def wrong_state(
    function: str,
    argument: str,
    array: Array,
    leading: tuple[str, ...],
    last: str,
    wanted: tuple[int, ...],
    source: str,
) -> NoReturn:
    """Refuse a state that is not (*leading, N, last), or (*leading, last) where its source has no batch."""
    if len(wanted) == len(leading) + 2:
        wrong_shape(function, argument, array, (*leading, "N", last), wanted, f"N = {wanted[-2]} from {source}")
    wrong_shape(function, argument, array, (*leading, last), wanted, f"{source} has no axis of a batch")


def features(function: str, argument: str, array: Array, axes: str, size: int, given: Any) -> bool:
    """Refuse what is not (axes, input_size); return whether there is an axis of the batch, N, which may be left out.

    `given`: what the array was made from.
    """
    batch = axes.count(",") + 2
    if array.ndim not in (batch - 1, batch) or array.shape[-1] != size:
        single = ", ".join([axis for axis in axes.split(", ") if axis != "N"] + ["input_size"])
        single += "," * (batch == 2)
        whole = f": {_TOKENS.get(argument, _ROWS)}" if np.asarray(widened(given)).dtype.kind in "iu" else ""
        raise ValueError(
            f"{function}: {argument} has shape {array.shape}, "
            f"expected ({axes}, input_size) or ({single}) with input_size = {size}{whole}"
        )
    return array.ndim == batch


def states(function: str, argument: str, value: object, count: int) -> list[tuple[str, Any]]:
    """Return each state with its name in sentences: the value itself where a cell has one, else the pair's parts."""
    if count == 1:
        return [(argument, value)]
    if not isinstance(value, (tuple, list)):
        raise TypeError(f"{function}: {argument} is of type {type(value).__name__}, expected the pair (h, c)")
    if len(value) != count:
        raise ValueError(f"{function}: {argument} has {len(value)} entries, expected {count}: (h, c)")
    return [(f"{argument}[{i}]", part) for i, part in enumerate(value)]


def lengths(function: str, value: Any, steps: int, columns: int, *, batched: bool) -> Array:
    """Return the lengths of the sequences of a batch, (N,), each from 0 to `steps`."""
    if not batched:
        raise ValueError(f"{function}: lengths is given, expected None: input has no axis of a batch")
    try:
        found = as_array(function, "lengths", value).view()  # whose shape nobody else can change
    except TypeError as error:  # its sentence asks for float32
        got = f"has dtype {value.dtype}" if hasattr(value, "dtype") else f"is {_shown(value)}"
        raise TypeError(f"{function}: lengths {got}, expected N = {columns} whole numbers") from error
    if found.shape != (columns,):
        raise ValueError(
            f"{function}: lengths has shape {found.shape}, expected (N,) = ({columns},): N = {columns} from input"
        )
    if found.dtype.kind not in "iu" and found.size:
        raise TypeError(f"{function}: lengths has dtype {found.dtype}, expected whole numbers")
    found = found.copy()  # before it is checked: another thread or process may write to the caller's
    outside = np.flatnonzero((found < 0) | (found > steps))
    if outside.size:
        got = f"lengths[{outside[0]}] is {found[outside[0]]}"
        raise ValueError(f"{function}: {got}, expected 0 <= length <= L = {steps}: L = {steps} from input")
    return found.astype(np.int64)


def mask(function: str, argument: str, value: Any, columns: tuple[int, ...]) -> Array:
    """Return a mask over the columns of a batch, (N,); () where there is no batch."""
    found = as_array(function, argument, value)
    bools(function, argument, found, value)
    if found.shape != columns:
        names = "(N,)" if columns else "()"
        raise ValueError(f"{function}: {argument} has shape {found.shape}, expected {names} = {columns}")
    return found.astype(np.bool)


def bools(function: str, argument: str, found: Array, value: Any) -> None:
    """Refuse an array of anything else; `value`: what it was made of."""
    if found.dtype != np.bool and found.size:
        cure = f"{argument} != 0" if hasattr(value, "dtype") else f"np.asarray({argument}, bool)"
        raise TypeError(f"{function}: {argument} has dtype {found.dtype}, expected bool: {cure}")


def one_direction(function: str, directions: int) -> None:
    """Refuse to go step by step through a model that reads its sequences from the end, too."""
    if directions > 1:
        raise ValueError(
            f"{function}: the model is bidirectional, expected one direction: "
            "the reverse one starts from the last step, which a stream does not know"
        )


def kept_by(function: str, tape: object, kind: type, plan: object) -> None:
    """Refuse what is not a tape of a model of the same sizes."""
    if not isinstance(tape, kind):
        raise TypeError(f"{function}: tape is of type {type(tape).__name__}, expected what forward returned last")
    if tape.plan != plan:  # type: ignore[attr-defined]  # it is a tape, from here on
        raise ValueError(f"{function}: tape is of another model: {tape!r}")


def tape_stays() -> NoReturn:
    """Refuse to pickle or copy a tape, whose packed weights belong to one ISA."""
    raise TypeError("cyrnn: a tape can be neither pickled nor copied: go back where forward was called")


def _shown(value: object) -> str:
    """A value as a sentence shows it: what is not a word or a number by its type."""
    plain = value is None or isinstance(value, (str, int, float, type))
    return repr(value) if plain else f"of type {type(value).__name__}"
