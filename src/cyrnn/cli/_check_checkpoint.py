"""Every check of what a file of `train` holds, and its error sentences."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NoReturn

import numpy as np
from numpy.typing import NDArray

from ._check import Refused


def foreign(path: str, why: str) -> NoReturn:
    """Refuse a file that `train` did not write, or that was damaged since."""
    raise Refused(f"{path!r} is no model of `python -m cyrnn train`, or it is damaged: {why}") from None


def streams(path: str, state: Any, count: int) -> None:
    """Refuse a state of another number of streams than the text has; only an altered file has one."""
    first = state[0] if state is not None else None
    found = first[0] if isinstance(first, tuple) else first
    if found is not None and found.shape[1] != count:
        foreign(path, f"its state is of {found.shape[1]} streams, expected {count}")


# ---- what follows raises ValueError, for `foreign` to say -------------------------------------------


def intact(compressed: bool, damaged: str | None) -> None:
    if compressed:
        raise ValueError("it is compressed")
    if damaged is not None:
        raise ValueError(f"the checksum of {damaged!r} is wrong")


def about(text: str, version: int, fields: Mapping[str, tuple[type, ...]]) -> dict[str, Any]:
    """Return what is in the entry `run`."""
    try:
        found = json.loads(text)
    except RecursionError:
        raise ValueError("its run is no JSON of ours") from None
    if not isinstance(found, dict) or found.get("format") != version:
        raise ValueError(f"its run has not the format {version}: of another version of cyrnn?")
    for name, types in fields.items():
        value = found.get(name)
        if type(value) not in types or (type(value) is int and value < 0):
            raise ValueError(f"its run has {name} {value!r:.40}")
    for epoch in found["history"]:
        if not (isinstance(epoch, list) and len(epoch) == 2 and {type(loss) for loss in epoch} <= {float, type(None)}):
            raise ValueError(f"its run has an epoch {epoch!r:.40}")
    return found


def options(found: object, readers: Mapping[str, Callable[[str], Any]]) -> dict[str, Any]:
    """Return the options of a run, read as those of a shell are."""
    if not isinstance(found, dict) or found.keys() != readers.keys():
        raise ValueError("it has not the options of `train`: of another version of cyrnn?")
    try:
        return {name: read(str(found[name])) for name, read in readers.items()}
    except argparse.ArgumentTypeError as error:
        raise ValueError(f"an option is {error}") from None


def alphabet(codes: NDArray[Any]) -> NDArray[np.uint32]:
    """Return code points that can be an alphabet."""
    if codes.dtype != np.uint32 or codes.ndim != 1 or not codes.size or (np.diff(codes.astype(np.int64)) <= 0).any():
        raise ValueError(f"its alphabet is {codes.dtype} {codes.shape}")
    codes.astype("<u4").tobytes().decode("utf-32-le")  # UnicodeDecodeError is a ValueError
    return codes


def sizes(weights: Mapping[str, NDArray[Any]], options: Mapping[str, Any], size: int) -> None:
    """Refuse options of a model that is larger than its weights."""
    columns = {"0.weight_ih_l0": size, "0.weight_hh_l0": options["units"], "1.weight": options["units"]}
    for name, wanted in columns.items():
        if name not in weights or weights[name].ndim != 2 or weights[name].shape[1] != wanted:
            raise ValueError(f"its weight {name!r} has not {wanted} columns")
    layers = sum(name.startswith("0.weight_hh_l") for name in weights)
    if layers != options["layers"]:
        raise ValueError(f"it has the weights of {layers} layers, expected {options['layers']}")


def state(arrays: Sequence[NDArray[Any]], options: Mapping[str, Any]) -> Any:
    """Return the state of a model, as it takes it; None where there is none."""
    if not arrays:
        return None
    shapes = {array.shape for array in arrays}
    shape = min(shapes)
    fits = len(shapes) == 1 and len(shape) == 3 and (shape[0], shape[2]) == (options["layers"], options["units"])
    if not fits or {array.dtype.name for array in arrays} != {options["dtype"]}:
        raise ValueError(f"its state has the shapes {sorted(shapes)}")
    return (tuple(arrays) if len(arrays) > 1 else arrays[0],)
