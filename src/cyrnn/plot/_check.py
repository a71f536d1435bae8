"""Every check of what a picture is given, and every error sentence. All come before anything is drawn."""

from __future__ import annotations

import operator
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NoReturn

import numpy as np

from .._check import as_array
from .._keys import listed, type_of
from ..cells.spec import Array

if TYPE_CHECKING:
    from numpy.typing import NDArray

_SOURCES = (
    "the gates of a call with return_gates=True, one dict of them, caches of the notebook's functions, or the tape of "
    "forward"
)


def no_matplotlib(function: str, error: ImportError) -> NoReturn:
    cure = "pip install matplotlib, or cyrnn's extra plot"
    raise ImportError(f"{function}: matplotlib is not installed: {cure}") from error


# ---- what is drawn -------------------------------------------------------------------------------


def no_pass(function: str, value: object) -> NoReturn:
    raise TypeError(f"{function}: source is {type_of(value)}, expected {_SOURCES}")


def no_gates(function: str, sublayers: Sequence[Mapping[str, object]]) -> None:
    """Refuse a pass that has nothing to draw: that of an RNN."""
    if not sublayers or not all(sublayers):
        cure = 'an RNN keeps its hidden state alone: {"h": output} draws it'
        raise ValueError(f"{function}: source has no gates, expected {_SOURCES}; {cure}")


def no_sigmoids(function: str, names: Iterable[str]) -> NoReturn:
    raise ValueError(f"{function}: source has {listed(names)}, expected a gate within 0 .. 1")


def sequences(function: str, argument: str, value: object, batch_first: bool = False) -> Array:
    """Return an array of shape (L, N, features), of (L, features) with N = 1, of (N, L, features) transposed."""
    array = as_array(function, argument, value)
    if array.ndim not in (2, 3) or not array.size:
        wanted = "(N, L, features)" if batch_first else "(L, N, features)"
        raise ValueError(
            f"{function}: {argument} has shape {array.shape}, expected {wanted} or (L, features), of a step at least"
        )
    if array.ndim == 2:
        return array[:, None]
    return array.swapaxes(0, 1) if batch_first else array


def tokens_or_features(function: str, value: object, axes: int, batch_first: bool) -> Array:
    """Return tokens (L, N), or features as `sequences` does; `axes`: those of the gradient at the output."""
    array = as_array(function, "input", value)
    if array.dtype.kind in "iu" and array.ndim == axes - 1 and array.size:  # features have an axis more
        return array[:, None] if array.ndim == 1 else array.T if batch_first else array
    return sequences(function, "input", value, batch_first)


def alike(function: str, arrays: Mapping[str, Array]) -> None:
    """Refuse arrays, by their arguments, of different numbers of steps or sequences."""
    first = next(iter(arrays))
    wanted = f"expected {arrays[first].shape[:2]}: those of {first}"
    for argument, array in arrays.items():
        if array.shape[:2] != arrays[first].shape[:2]:
            raise ValueError(f"{function}: {argument} has (L, N) = {array.shape[:2]}, {wanted}")


def index(function: str, argument: str, value: object, size: int, of: str) -> int:
    """Return a place in a sequence of `size`; from the end, if it is negative."""
    try:
        place = operator.index(value)  # type: ignore[arg-type]  # that is the question
    except TypeError:
        wanted = f"a whole number: there are {size} {of}"
        raise TypeError(f"{function}: {argument} is {type_of(value)}, expected {wanted}") from None
    if not -size <= place < size:
        raise ValueError(f"{function}: {argument} is {place}, expected {-size} .. {size - 1}: there are {size} {of}")
    return place % size


def lengths(function: str, value: object, L: int, N: int) -> NDArray[np.int64]:
    """Return how many steps each sequence has: L of each, if nothing is given."""
    if value is None:
        return np.full(N, L, np.int64)
    array = np.asarray(value)
    if array.dtype.kind not in "iu" or array.shape != (N,):
        raise ValueError(
            f"{function}: lengths has shape {array.shape} and dtype {array.dtype}, expected {N} whole numbers: "
            "one for each sequence"
        )
    if array.min() < 0 or array.max() > L:
        raise ValueError(f"{function}: lengths has {array.min()} .. {array.max()}, expected 0 .. {L}: L = {L}")
    return array.astype(np.int64)


def some_steps(function: str, sequence: int, steps: int) -> None:
    if not steps:
        raise ValueError(f"{function}: sequence {sequence} has length 0, expected a step at least: choose sequence=")


def tokens(function: str, value: object, steps: int, L: int) -> list[str] | None:
    """Return the label of each step that is drawn; those behind the end of the sequence may be there, too."""
    if value is None:
        return None
    if not isinstance(value, (str, Sequence, np.ndarray)):
        raise TypeError(f"{function}: tokens is {type_of(value)}, expected a label for each step: a string or a list")
    found = [str(token) for token in value]
    if len(found) not in (steps, L):
        raise ValueError(f"{function}: tokens has {len(found)} labels, expected {steps}: one for each step")
    return found[:steps]


def thresholds(function: str, low: object, high: object) -> tuple[float, float]:
    try:
        pair = float(low), float(high)  # type: ignore[arg-type]  # that is the question
    except (TypeError, ValueError):
        raise TypeError(f"{function}: low, high are {low!r}, {high!r}, expected two numbers") from None
    if not 0 <= pair[0] <= pair[1] <= 1:
        raise ValueError(f"{function}: low, high are {low}, {high}, expected 0 <= low <= high <= 1")
    return pair


def series(function: str, argument: str, value: object) -> Array:
    """Return the numbers of a curve, one at least."""
    array = as_array(function, argument, value)
    if array.ndim != 1 or not array.size:
        raise ValueError(f"{function}: {argument} has shape {array.shape}, expected (n,): a loss for each epoch")
    return array


def positions(function: str, argument: str, value: object, of: str, size: int, others: int) -> Any:
    """Return where the points of a curve stand: at 1, 2, ..., if it is as long as the other."""
    if value is None:
        if size != others:
            cure = f"{argument}= says at which epoch each of them was measured"
            raise ValueError(f"{function}: {of} has {size} losses, expected {others}: those of training; {cure}")
        return np.arange(1, size + 1)
    array = as_array(function, argument, value)
    if array.shape != (size,):
        raise ValueError(f"{function}: {argument} has shape {array.shape}, expected {(size,)}: one for each of {of}")
    return array


def no_gradient(function: str, argument: str, value: object) -> NoReturn:
    wanted = "an array (L, N, features), what backward returned, or a dict of label to one of these"
    raise TypeError(f"{function}: {argument} is {type_of(value)}, expected {wanted}")


def gradient_of_tokens(function: str) -> NoReturn:
    cure = "tokens have no gradient; state_gradients(model, input, d_output) has that at each hidden state"
    raise ValueError(f"{function}: gradients.input is None, expected an array (L, N, features): {cure}")


def matrix(function: str, argument: str, value: object) -> Array:
    array = as_array(function, argument, value)
    if array.ndim != 2 or not array.size:
        raise ValueError(f"{function}: {argument} has shape {array.shape}, expected a matrix (rows, columns)")
    return array


def limit(function: str, value: object) -> float | None:
    """Return where a scale ends; None where the data says so."""
    if value is None:
        return None
    number = isinstance(value, (int, float, np.integer, np.floating)) and not isinstance(value, bool)
    if not number or not 0 < value < np.inf:  # type: ignore[operator]  # it is a number
        raise ValueError(f"{function}: limit is {value!r}, expected a number above 0")
    return float(value)  # type: ignore[arg-type]  # a number: checked above


def no_matrices(function: str, value: object) -> NoReturn:
    wanted = "a model of nn, the notebook's parameters, a dict of matrices or a matrix"
    raise TypeError(f"{function}: source is {type_of(value)} without a matrix, expected {wanted}")


def one_direction(function: str, model: Any) -> Any:
    """Return the plan of a model of layers whose hidden states follow one another."""
    plan: Any = getattr(model, "_plan", None)
    if not hasattr(model, "backward") or not hasattr(plan, "directions"):
        several = hasattr(type(model), "backward") and hasattr(type(model), "__getitem__")  # nn.Sequential
        inside = model if several else ()
        layers = [i for i, part in enumerate(inside) if hasattr(getattr(part, "_plan", None), "directions")]
        cure = f"; model[{layers[0]}] is one, with the gradient at its output" if layers else ""
        raise TypeError(f"{function}: model is {type_of(model)}, expected layers of nn: RNN, LSTM or GRU{cure}")
    if plan.directions != 1:
        cure = "a step alone has no reverse pass"
        raise ValueError(f"{function}: model is bidirectional, expected one direction: {cure}")
    return plan


def caches(function: str, value: object) -> tuple[tuple[Any, ...], ...]:
    """Return the caches of each step, of what the notebook's functions return: (caches, x)."""
    steps: Any = value[0] if isinstance(value, (tuple, list)) and len(value) == 2 else None
    if not isinstance(steps, (tuple, list)) or not steps or not all(isinstance(step, tuple) for step in steps):
        wanted = "what lstm_forward and so on return: (caches, x)"
        raise TypeError(f"{function}: caches is {type_of(value)}, expected {wanted}")
    return tuple(steps)


def no_cell(function: str, entries: int) -> NoReturn:
    wanted = "10 of an LSTM, 7 of a GRU or 4 of an RNN"
    raise ValueError(f"{function}: caches has steps of {entries} entries, expected {wanted}")


def features_first(function: str, argument: str, value: object, shape: tuple[int, ...]) -> Array:
    array = as_array(function, argument, value)
    if array.shape != shape:
        raise ValueError(f"{function}: {argument} has shape {array.shape}, expected (n_a, m, T_x) = {shape}")
    return array


# ---- where it is drawn ---------------------------------------------------------------------------


def is_axes(value: object) -> bool:
    return hasattr(value, "imshow") and hasattr(value, "figure")


def one_axes(function: str, value: object) -> None:
    if not is_axes(value):
        raise TypeError(f"{function}: ax is {type_of(value)}, expected axes of matplotlib, as of plt.subplots()")


def many_axes(function: str, value: object, panels: Sequence[str]) -> list[Any]:
    """Return as many axes as there are panels."""
    found = list(np.asarray(value, object).ravel())
    if not all(map(is_axes, found)):
        raise TypeError(f"{function}: axes is {type_of(value)}, expected an array of axes, as of plt.subplots()")
    if len(found) != len(panels):
        raise ValueError(f"{function}: axes has {len(found)} axes, expected {len(panels)}: {', '.join(panels)}")
    return found
