"""Every check of what Linear and Embedding are given beside what all models are, and its error sentences."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NoReturn

import numpy as np

from .._check import as_array
from .._check_lists import several_lengths
from ..cells.spec import Array
from ._check import _shown, whole_number, widened
from ._check import lengths as lengths_of_batch

EMBED = "token ids: nn.Embedding makes their vectors"


def features(
    function: str, x: Array, size: int, given: Any, argument: str = "input", *, name: str = "in_features"
) -> None:
    """Refuse what is not (*, name). `given`: what the array was made from."""
    if x.ndim and x.shape[-1] == size:
        return
    whole = f": {EMBED}" if np.asarray(widened(given)).dtype.kind in "iu" else ""
    wanted = f"(*, {name}) with {name} = {size}"
    raise ValueError(f"{function}: {argument} has shape {x.shape}, expected {wanted}{whole}")


def no_batch(function: str, shape: tuple[int, ...], axes: str) -> NoReturn:
    """Refuse lengths of what is no batch of sequences."""
    raise ValueError(f"{function}: lengths is given, expected None: input has shape {shape}, and is not ({axes})")


def no_bias(function: str) -> NoReturn:
    """Refuse a bias that was given to a layer without one."""
    cure = "nn.Linear(in_features, out_features, bias=True) has one"
    raise ValueError(f"{function}: bias is set, expected None: the layer was made without; {cure}")


def last_axis(function: str, value: Any) -> int:
    """Return the features of a layer normalisation; torch's is given a tuple of sizes, too."""
    if isinstance(value, (tuple, list)):
        if len(value) != 1:
            cure = "it goes over the last axis alone"
            raise ValueError(f"{function}: normalized_shape is {tuple(value)}, expected one size: {cure}")
        value = value[0]
    return whole_number(function, "normalized_shape", value, least=1)


def epsilon(function: str, value: Any) -> float:
    if isinstance(value, (bool, np.bool)) or not isinstance(value, (int, float, np.integer, np.floating)):
        raise TypeError(f"{function}: eps is {_shown(value)}, expected a number of at least 0")
    if not 0 <= value < np.inf:
        raise ValueError(f"{function}: eps is {value}, expected a number of at least 0")
    return float(value)


def padding(function: str, value: object, rows: int) -> int | None:
    """Return the index of the row of padding, counted from the start."""
    if value is None:
        return None
    if isinstance(value, (bool, np.bool)) or not isinstance(value, (int, np.integer)):
        raise TypeError(f"{function}: padding_idx is of type {type(value).__name__}, expected a whole number or None")
    if not -rows <= value < rows:
        wanted = f"-{rows} <= padding_idx < num_embeddings = {rows}"
        raise ValueError(f"{function}: padding_idx is {value}, expected {wanted}")
    return int(value) % rows


def whole_numbers(function: str, value: Any, argument: str = "input") -> Array:
    """Return a copy of indices, in an array of an integer dtype."""
    several_lengths(function, argument, value)
    found = as_array(function, argument, value)
    if isinstance(value, (list, tuple)) and not found.size:  # NumPy's empty ones are of floats
        found = found.astype(np.int64)
    if found.dtype.kind not in "iu":
        cure = "expected whole numbers, the indices of vectors"
        if found.dtype.kind == "f":
            cured = argument if hasattr(value, "astype") else f"np.asarray({argument})"
            cure += f": {cured}.astype(np.int64) of whole floats"
        raise TypeError(f"{function}: {argument} has dtype {found.dtype}, {cure}")
    return found.copy()  # before it is checked: another thread or process may write to the caller's


def indices(
    function: str, found: Array, rows: int, lengths: Any, batch_first: bool, argument: str = "input"
) -> tuple[Array, Array | None]:
    """Return indices as int64, each that of a row, and lengths; behind the ends of sequences anything may stand."""
    outside, ends = (found < 0) | (found >= rows), None
    if lengths is not None:
        steps, columns = found.shape[::-1] if batch_first else found.shape
        ends = lengths_of_batch(function, lengths, steps, columns, batched=True)
        within = np.arange(steps)[:, None] < ends
        outside &= within.T if batch_first else within
    if outside.any():
        where = [int(i) for i in np.unravel_index(np.flatnonzero(outside)[0], found.shape)]
        name = f"{argument}[{', '.join(map(str, where))}]" if where else argument
        got = f"{name} is {found[tuple(where)]}"
        raise ValueError(f"{function}: {got}, expected 0 <= index < num_embeddings = {rows}")
    return found.astype(np.int64), ends


def plain_embedding(function: str, module: Any) -> None:
    """Refuse an embedding of torch's that changes its weights as it looks up, or scales its gradients."""
    if getattr(module, "max_norm", None) is not None:
        cure = "torch shortens vectors by it when they are looked up; shorten all, then set it to None"
        raise ValueError(f"{function}: module.max_norm is {module.max_norm}, expected None: {cure}")
    if getattr(module, "scale_grad_by_freq", False) is True:
        cure = "module.scale_grad_by_freq = False, for gradients that are sums"
        raise ValueError(f"{function}: module.scale_grad_by_freq is True, expected False: {cure}")


def changed_tape(function: str) -> NoReturn:
    """Refuse a tape whose input has got another shape or dtype since."""
    raise ValueError(f"{function}: tape.input was changed since forward, expected it as forward left it")


def head_of(
    function: str, argument: str, given: Mapping[Any, Any], shapes: Mapping[str, Any], kind: object
) -> tuple[str, dict[str, Any]]:
    """Return the class and the sizes of the head whose weights these are; "" where they are none's.

    `kind`: the class, where a file or a caller says it.
    """
    names, weight = set(given) - {"weight_scale"}, shapes.get("weight", ())
    if len(weight) == 1 and names <= {"weight", "bias"} and shapes.get("bias", weight) == weight == shapes["weight"]:
        if kind is not None and kind != "LayerNorm":
            raise ValueError(f"{function}: kind is {_shown(kind)}, expected 'LayerNorm': {argument} has one row")
        return "LayerNorm", {"normalized_shape": weight[0], "bias": "bias" in names}
    if len(weight) != 2 or not (names == {"weight"} or (names == {"weight", "bias"} and shapes["bias"] == weight[:1])):
        return "", {}
    if kind is not None and kind not in ("Embedding", "Linear"):
        raise ValueError(f"{function}: kind is {_shown(kind)}, expected 'Embedding' or 'Linear'")
    if kind == "Embedding" and "bias" in names:
        raise ValueError(f"{function}: kind is 'Embedding', expected 'Linear': {argument} has a bias, too")
    rows, columns = weight
    if names == {"weight"} and kind == "Embedding":
        return "Embedding", {"num_embeddings": rows, "embedding_dim": columns}
    if names == {"weight"} and kind != "Linear":
        alike = f"nn.Embedding({rows}, {columns}) and of nn.Linear({columns}, {rows}, bias=False) look alike"
        said = f"{argument} has weight {weight} alone: those of {alike}; kind='Embedding' or kind='Linear' says which"
        raise ValueError(f"{function}: {said}")
    return "Linear", {"in_features": columns, "out_features": rows, "bias": "bias" in names}


def options_of(
    function: str, name: str, options: Mapping[str, Any], sizes: Mapping[str, Any], known: tuple[str, ...]
) -> None:
    """Refuse options that the weights contradict, or that the class has not."""
    for option, value in options.items():
        if option in sizes and value != sizes[option]:
            raise ValueError(f"{function}: {option} is {value!r}, expected {sizes[option]}: the weights say so")
        if option not in sizes and option not in known:
            shown = ", ".join(option for option in known if option != "kind")
            raise TypeError(f"{function}: {option} is no option of {name}, expected one of {shown}")
