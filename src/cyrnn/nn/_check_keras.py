"""Checks of layers of Keras and of their files, and the sentences about what modules of nn cannot be."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NoReturn

import numpy as np

from .._check import as_array
from .._keys import type_of
from ..cells.spec import Array
from ._check import _shown
from ._check import flag as flag

#: functions of Keras that are as ours, whatever the version: its name -> ours
_SAME = {
    "tanh": "tanh",
    "sigmoid": "sigmoid",
    "relu": "relu",
    "linear": "identity",
    "elu": "elu",
    "softsign": "softsign",
    "softplus": "softplus",
}
#: Keras' name -> version -> ours
_BY_VERSION: dict[str, dict[int, tuple[Any, ...]]] = {
    "hard_sigmoid": {2: ("hard_sigmoid", 0.2, 0.5), 3: ("hard_sigmoid", 1 / 6, 0.5)},
    "leaky_relu": {2: ("leaky_relu", 0.2), 3: ("leaky_relu", 0.2)},
}
_BY_VERSION["hard_sigmoid"][1] = _BY_VERSION["hard_sigmoid"][2]
_BY_VERSION["leaky_relu"][1] = _BY_VERSION["leaky_relu"][2]


class NoKeras(ValueError):
    """A layer that Keras has not."""


def class_of(function: str, layer: Any, known: Iterable[str]) -> str:
    """Return the first name in a layer's ancestry that is that of a class we know."""
    if isinstance(layer, type):
        raise TypeError(f"{function}: layer is the class {layer.__name__}, expected a layer: {layer.__name__}(...)")
    for ancestor in type(layer).__mro__:
        if ancestor.__name__ in known and callable(getattr(layer, "get_weights", None)):
            return ancestor.__name__
    wanted = ", ".join(known)
    cure = ": model.get_layer(name) gives it" if hasattr(layer, "get_layer") else ""
    raise TypeError(f"{function}: layer is {type_of(layer)}, expected one of Keras' {wanted}{cure}")


def version_of(layer: Any, name: str) -> int | None:
    """Return the version of the package that a layer's class is of, as it says; None where it does not."""
    for ancestor in type(layer).__mro__:
        if ancestor.__name__ == name:
            package = ancestor.__module__.partition(".")[0]
            if package in ("tf_keras", "tensorflow"):  # of Keras 2 alone; Keras 3 has no module in tensorflow
                return 2
            return major(getattr(sys.modules.get(package), "__version__", None))
    return None


def major(version: Any) -> int | None:
    """Return the first number of a version, "3.15.1"; None where it is none of Keras'."""
    first = version.partition(".")[0] if isinstance(version, str) else ""
    return int(first) if first in ("1", "2", "3") else None


def keras_version(function: str, given: Any) -> int | None:
    if given is not None and (isinstance(given, bool) or given not in (1, 2, 3)):
        raise ValueError(f"{function}: keras_version is {_shown(given)}, expected 1, 2 or 3")
    return None if given is None else int(given)


def entry(function: str, place: str, config: Any, name: str, kinds: tuple[type, ...]) -> Any:
    """Return an entry of the configuration of a layer."""
    if not isinstance(config, Mapping):
        raise ValueError(f"{function}: {place} is {type_of(config)}, expected its entries")
    if name not in config:
        raise ValueError(f"{function}: {place} has no {name!r}, expected that of a layer of Keras")
    value = config[name]
    if not isinstance(value, kinds) or (isinstance(value, bool) and bool not in kinds):
        raise ValueError(f"{function}: {place} has {name!r} = {_shown(value)}, expected {kinds[0].__name__}")
    return value


def units(function: str, place: str, config: Any) -> int:
    found = int(entry(function, place, config, "units", (int,)))
    if found < 1:
        raise ValueError(f"{function}: {place} has 'units' = {found}, expected 1 or more")
    return found


def activation(function: str, place: str, argument: str, given: Any, version: int | None) -> Any:
    """Return our activation for one of Keras': its name, or a dict with the name or the layer that it is."""
    while isinstance(given, Mapping) and given.get("class_name") in ("function", "Function", "Activation"):
        given = given.get("config")
        given = given.get("activation") if isinstance(given, Mapping) else given
    name: Any = given
    settings: Any = {}
    if isinstance(given, Mapping):
        name, settings = given.get("class_name"), given.get("config") or {}
    if name is None and not settings:
        return "identity"
    if name == "LeakyReLU" and isinstance(settings, Mapping):
        slope = settings.get("negative_slope", settings.get("alpha"))
        if isinstance(slope, (int, float)):
            return ("leaky_relu", float(slope))
    if isinstance(name, str) and name in _SAME:
        return _SAME[name]
    if isinstance(name, str) and name in _BY_VERSION:
        if version is None:
            by = "0.2 z + 0.5 in Keras 1 and 2, z / 6 + 0.5 in Keras 3" if name == "hard_sigmoid" else "by version"
            raise ValueError(
                f"{function}: keras_version is not given, expected 1, 2 or 3: {place} has {argument} = {name!r}, "
                f"which is {by}, and nothing says which it is"
            )
        return _BY_VERSION[name][version]
    wanted = ", ".join([*_SAME, *_BY_VERSION])
    raise ValueError(f"{function}: {place} has {argument} = {_shown(name)}, expected one of {wanted}")


def keras_activation(function: str, argument: str, ours: Any, version: int) -> str:
    """Return Keras' name of one of our activations."""
    name = ours if isinstance(ours, str) else ours[0]
    for theirs, own in _SAME.items():
        if ours == own:
            return theirs
    full = {"hard_sigmoid": ("hard_sigmoid", 0.2, 0.5), "leaky_relu": ("leaky_relu", 0.01)}.get(name, ours)
    given = full if isinstance(ours, str) else ours
    for theirs, by_version in _BY_VERSION.items():
        if given == by_version[version]:
            return theirs
    raise NoKeras(f"{function}: {argument} is {ours!r}, which Keras {version} has not")


def plain(function: str, model: Any, names: Iterable[str]) -> None:
    """Refuse options that no layer of Keras has."""
    for name in names:
        value = getattr(model, name, None)
        if value not in (None, False, 0):
            cure = "save it as .npz or .safetensors"
            raise NoKeras(f"{function}: {name} is {value!r}, which no layer of Keras has: {cure}")


def merge(function: str, place: str, found: Any, given: Any) -> None:
    """Refuse another way of merging two directions than the caller expects."""
    if found != given:
        cure = f"the model has both directions side by side: give merge_mode={found!r}, and merge them yourself"
        raise ValueError(f"{function}: {place} has merge_mode = {found!r}, expected {given!r}: {cure}")


def backwards(function: str, place: str, found: bool, given: bool) -> None:
    """Refuse a layer that reads its sequences from the end, unless the caller says so."""
    if found and not given:
        cure = "give go_backwards=True, and reverse the steps of what the model is called with: x[:, ::-1]"
        raise ValueError(f"{function}: {place} has go_backwards = True, expected False: {cure}")
    if given and not found:
        raise ValueError(f"{function}: go_backwards is True, expected False: {place} reads its sequences forwards")


def both_directions(function: str, place: str, alike: bool, forwards: bool) -> None:
    if not forwards:
        cure = "its forward_layer and backward_layer are converted each for itself"
        raise ValueError(f"{function}: {place} reads backwards first, expected forwards: {cure}")
    if not alike:
        cure = "its forward_layer and backward_layer are converted each for itself"
        raise ValueError(f"{function}: {place} has two layers of other options, expected two alike: {cure}")


def no_recurrent(function: str, place: str, name: Any, known: Iterable[str]) -> NoReturn:
    raise ValueError(f"{function}: {place} is of the class {_shown(name)}, expected one of {', '.join(known)}")


def count(function: str, place: str, got: int, wanted: int) -> None:
    if got != wanted:
        cure = ": call it once, or build it, so that it has weights" if not got else ""
        raise ValueError(f"{function}: {place} has {got} arrays, expected {wanted}{cure}")


def array(function: str, place: str, value: Any, shapes: Sequence[set[tuple[int, ...]]], index: int) -> Array:
    """Return an array of a layer, in float32 or float64, of one of the shapes."""
    name = ("kernel", "recurrent_kernel", "bias")[index]
    found = as_array(function, f"{name} of {place}", value)
    if found.dtype.kind in "iub":
        raise TypeError(f"{function}: {name} of {place} has dtype {found.dtype}, expected float32 or float64")
    if found.shape not in shapes[index]:
        wanted = " or ".join(map(str, sorted(shapes[index], key=len)))
        raise ValueError(f"{function}: {name} of {place} has shape {found.shape}, expected {wanted}")
    return found if found.dtype == np.float64 else found.astype(np.float32, copy=False)


def matrix(function: str, place: str, value: Any) -> int:
    """Return the number of features of a kernel."""
    shape = np.shape(value)
    if len(shape) != 2:
        raise ValueError(f"{function}: kernel of {place} has shape {shape}, expected (input_size, gates * units)")
    return int(shape[0])


def layer_number(function: str, given: Any, layers: int) -> int:
    if isinstance(given, bool) or not isinstance(given, (int, np.integer)) or not 0 <= given < layers:
        raise ValueError(f"{function}: layer is {_shown(given)}, expected 0 to {layers - 1}")
    return int(given)


# ---- files ---------------------------------------------------------------------------------------


def h5py(function: str) -> Any:
    """Return the module h5py, which is imported where it is first wanted."""
    try:
        return importlib.import_module("h5py")
    except ImportError as error:
        cure = "pip install h5py, or cyrnn's extra keras"
        raise ImportError(f"{function}: a file of Keras is written by h5py: {cure}") from error


def options(function: str, given: Mapping[str, Any], known: Iterable[str]) -> None:
    for name in given:
        if name not in known:
            raise TypeError(f"{function}: {name} is no option of files of Keras, expected one of {', '.join(known)}")


def of_file(function: str, path: str, error: Exception) -> NoReturn:
    """Say what is wrong with a file, and where."""
    said = str(error).removeprefix(f"{function}: ")
    raise (type(error) if type(error) is TypeError else ValueError)(f"{function}: {path!r}: {said}") from None


def none_in_file(function: str, path: str, classes: Sequence[str], known: Iterable[str]) -> NoReturn:
    has = f"has layers of {', '.join(dict.fromkeys(classes))}" if classes else "has no layers"
    raise ValueError(f"{function}: {path!r} {has}, expected one of {', '.join(known)}")


def which_layer(function: str, path: str, prefix: str, names: Mapping[str, str]) -> NoReturn:
    listed = ", ".join([f"{name!r} ({kind})" for name, kind in list(names.items())[:8]]) + ", ..." * (len(names) > 8)
    if prefix:
        raise ValueError(f"{function}: {path!r} has no recurrent layer {prefix!r}: it has {listed}")
    first = next(iter(names))
    raise ValueError(f"{function}: {path!r} has {len(names)} recurrent layers, {listed}: prefix={first!r} takes one")


def ending(function: str, path: str) -> NoReturn:
    raise ValueError(f"{function}: path is {path!r}, expected a name that ends in .h5, .hdf5 or .keras")
