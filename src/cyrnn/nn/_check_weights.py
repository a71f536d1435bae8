"""Every check of weights from elsewhere, and its error sentences.

Several things may be wrong with the weights of a model at once: `weights` says them all in one error. Where they are
another model's, or no weights yet, the sentence says what they are and what to do.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, NoReturn

import numpy as np

from .._check import MissingKeys, as_array
from ..cells.spec import Array
from ..weights import torch_names
from ..weights.contents import ABOUT
from ..weights.torch_names import Described
from ._check import values
from .weights import shapes_of as weights_of

_PREFIXES_SHOWN = 6
#: ending of a file's name -> how its weights are read
_READERS = {
    ".npz": "nn.load({path}) makes its model, np.load({path}) reads it",
    ".safetensors": "nn.load({path}) makes its model, safetensors.numpy.load_file({path}) reads it",
    ".pt": "where torch is installed, torch.load({path}, map_location='cpu', weights_only=True) reads it",
}
_READERS |= dict.fromkeys((".pth", ".bin", ".ckpt", ".tar"), _READERS[".pt"])
_OF_TORCH_SAVE = (
    "it has the members of a file of {saved}, expected names and arrays: where torch is installed, "
    "weights = {load}; np.savez('weights.npz', **{{name: value.float().numpy() for name, value in weights.items()}})"
)


_WHOLE = "what is quantised is multiplied by its scale first, what is whole takes astype(np.float32)"
_QUANTIZE = "floats go into the float32 model, quantize('{0}') of which has {0} weights that load_state_dict takes"
_COUPLED = "coupled=True makes an LSTM of 3 blocks of rows, which look like those of a GRU"
_OTHER_INTEGERS = "nn.from_state_dict makes the model that such integers and their scales are of"


class Misfit(MissingKeys, ValueError):
    """Weights that are not those of the model: by their names, their shapes or their kind."""


def weights(
    function: str,
    argument: str,
    given: Mapping[str, Any],
    shapes: Mapping[str, tuple[int, ...]],
    dtype: np.dtype[Any],
    integers: Mapping[str, np.dtype[Any]] = MappingProxyType({}),
) -> dict[str, Array]:
    """Return copies of all weights in the dtype of the model, or raise one error that names all that do not fit.

    `integers`: the dtypes of those that have another one, from which nothing is cast.
    """
    wrong = [f"{name} is missing" for name in shapes if name not in given]
    wrong += [f"{name} is not one of its parameters" for name in given if name not in shapes]
    copies, cures = {}, set()
    for name, shape in shapes.items():
        if name not in given:
            continue
        own = integers.get(name, dtype)
        try:
            value = given[name]
            if type(value) is np.ndarray and value.dtype == own and value.shape == shape:  # as usual
                copies[name] = value.copy()
                continue
            array = as_array(function, name, values(value))
        except MemoryError:
            raise
        except Exception as error:  # of as_array, a tensor, a closed file, a broken one: whatever a mapping may raise
            said = str(error)
            ours = said.startswith(f"{function}: ")
            wrong.append(said.removeprefix(f"{function}: ") if ours else f"{name} cannot be read: {said}")
            continue
        if name in integers and array.dtype.newbyteorder("=") != own:
            wrong.append(f"{name} has dtype {array.dtype}, expected {own}")
            cures.add(_OTHER_INTEGERS if array.dtype.kind in "iub" else _QUANTIZE.format(own))
            continue
        if array.dtype.kind in "iub" and name not in integers:
            wrong.append(f"{name} has dtype {array.dtype}, expected float32 or float64")
            cures.add(_WHOLE)
            continue
        if array.shape != shape:
            wrong.append(f"{name} has shape {array.shape}, expected {shape}")
        with np.errstate(all="ignore"):  # what float32 cannot hold is inf in it
            copies[name] = np.array(array, own, order="C")
    if wrong:
        wrong += sorted(cures)
        _misfit(function, argument, "; ".join(wrong))
    return copies


def state_dict(function: str, argument: str, given: object, prefix: str) -> Mapping[str, Any]:
    """Return the entries whose names begin with a prefix, without it; refuse what is no mapping."""
    if not isinstance(prefix, str):
        raise TypeError(f"{function}: prefix is of type {type(prefix).__name__}, expected a string as 'encoder.lstm.'")
    if not isinstance(given, Mapping):
        raise TypeError(f"{function}: {argument} is {_other_kind(given)}")
    if not prefix:
        return given
    found = torch_names.Under(given, prefix)
    if found and all(name.startswith(".") for name in found):
        found = torch_names.Under(given, f"{prefix}.")
    if not found:
        other_contents(function, argument, given)
        known = torch_names.prefixes(given)
        begin = f": those of recurrent weights begin with {_listed(known)}" if any(known) else ""
        _misfit(function, argument, f"no name begins with prefix = {prefix!r}{begin}")
    return found


def another_module(
    function: str, argument: str, given: Mapping[str, Any], own: Mapping[str, Any], model: Described
) -> None:
    """Refuse weights of a module that is known by them, and is not the model: by its place or by its sizes."""
    if not any(name in own for name in given):  # not those of a cell into layers: they have no prefix
        no_prefix(function, argument, given, next(iter(own)))
    shapes = shapes_of(given)
    found = torch_names.described(shapes)
    if found is None or found == model or not weights_of(found).items() <= shapes.items():
        return
    kind, wanted = found.name.removesuffix("Cell"), model.name.removesuffix("Cell")
    said = []
    if kind != wanted:
        gates = {"RNN": "1 block of rows: an RNN's", "GRU": "3 gates: a GRU's", "LSTM": "4 gates: an LSTM's"}
        said.append(gates[kind])
    if found.name.endswith("Cell") != model.name.endswith("Cell"):
        said.append(f"names {'without' if found.name.endswith('Cell') else 'with'} a layer: those of {found.name}")
    fields = [name for name in Described._fields[1:] if getattr(found, name) != getattr(model, name)]
    said += [f"{name}={getattr(found, name)}" for name in fields]
    cure = f"make {found}, or let nn.from_state_dict make it"
    _misfit(function, argument, f"it has the weights of {found}, expected {model}: {', '.join(said)}; {cure}")


def no_prefix(function: str, argument: str, given: Mapping[str, Any], first: str) -> None:
    """Refuse names that all begin with something, as in the state_dict of a whole model."""
    before = torch_names.prefixes(given)
    if not before or "" in before:
        return
    if len(before) == 1:
        said = f"its names begin with {before[0]!r}, expected {first} and so on: prefix={before[0]!r} leaves that out"
    else:
        cure = f"prefix={before[0]!r} takes those of the first"
        said = f"it has the weights of {len(before)} modules, {_listed(before)}, expected those of one: {cure}"
    _misfit(function, argument, said)


def shapes_of(given: Mapping[Any, Any]) -> dict[str, tuple[int, ...]]:
    """Return the shapes of what has one, and of lists."""
    found: dict[str, tuple[int, ...]] = {}
    for name in given:
        if not isinstance(name, str):
            continue
        try:
            value = given[name]
            found[name] = tuple(int(size) for size in getattr(value, "shape", None) or np.shape(value))
        except MemoryError:
            raise
        except Exception:  # whatever an entry may be: `weights` says so
            found[name] = ()
    return found


def undescribed(function: str, argument: str, given: Mapping[Any, Any]) -> NoReturn:
    """Refuse weights from whose names and shapes no module can be made."""
    unread = _unread(given)
    if unread:
        _misfit(function, argument, unread)
    shapes = shapes_of(given)
    known = [f"{name} {shapes[name]}" for name in given if isinstance(name, str) and torch_names.prefixes([name])]
    got = f"has {_listed(known, str)}" if known else f"has the names {_listed(given)}"
    wanted = "weight_ih_l0 (1, 3 or 4 times hidden_size, input_size), weight_hh_l0, or the names of a cell, weight_ih"
    cure = _cure_of_names([name for name in given if isinstance(name, str)])
    _misfit(function, argument, f"it {got}, expected those of one of torch.nn's recurrent modules: {wanted}{cure}")


def _cure_of_names(names: Sequence[str]) -> str:
    """Say what names are that other modules of torch's have; "" of any others."""
    if any(name.endswith(("_g", "_v")) or "parametrizations." in name for name in names):
        return ": those of weight_norm are two for one; torch's remove_weight_norm or remove_parametrizations makes it"
    if any(name.endswith("running_var") for name in names):
        return ": a BatchNorm is not one of them; docs/how_to/from_pytorch.md has it in NumPy"
    parts = list(dict.fromkeys(repr(name.removesuffix("weight")) for name in names if name.endswith(".weight")))
    return f": prefix with {' or '.join(parts[:6])} after it takes a part" if parts else ""


def _unread(given: Mapping[Any, Any]) -> str:
    """Say what is wrong with the first recurrent weight that cannot be read; "" if there is none."""
    for name in given:
        if not isinstance(name, str) or not torch_names.prefixes([name]):
            continue
        try:
            values(given[name])
        except MemoryError:
            raise
        except Exception as error:  # of a closed file, a broken one
            return f"{name} cannot be read: {error}"
    return ""


def options_of(function: str, options: Mapping[str, Any], found: Described, known: Iterable[str]) -> None:
    """Refuse options that the weights contradict, or that a module of their class has not."""
    settled = found._asdict()
    for name, value in options.items():
        if name in settled and name != "name":
            if value != settled[name]:
                raise ValueError(f"{function}: {name} is {value!r}, expected {settled[name]}: the weights say so")
        elif name not in known:
            like = f": {_COUPLED}" if name == "output_activation" and found.name.startswith("GRU") else ""
            wanted = ", ".join(known)
            raise TypeError(f"{function}: {name} is no option of {found.name}, expected one of {wanted}{like}")


def other_contents(function: str, argument: str, given: Mapping[Any, Any]) -> None:
    """Refuse the members of a file of torch's, arrays without names, and a checkpoint around the weights."""
    names = [name for name in given if isinstance(name, str)]
    if any(f"/{name}".endswith("/data.pkl") for name in names):
        script = any("/code/" in f"/{name}" for name in names)
        saved, load = "torch.save", "torch.load(path, map_location='cpu', weights_only=True)"
        if script:
            saved, load = "torch.jit.save", "torch.jit.load(path, map_location='cpu').state_dict()"
        _misfit(function, argument, _OF_TORCH_SAVE.format(saved=saved, load=load))
    if ABOUT in names:
        cure = "nn.load(path) makes the model, and its state_dict() has the weights alone"
        _misfit(function, argument, f"it is a file of a model's `save`, with the options of the model: {cure}")
    last = {name.rpartition(".")[2] for name in names}
    packed = [name for name in names if re.search(r"(^|\.)_(all_weight_values|packed_)", name)]
    if packed and not any(name == "weight" or name.startswith("weight_") for name in last):
        cure = "nn.from_torch(module) makes the model of such a module, with its integers"
        _misfit(function, argument, f"it has {_listed(packed[:2])}, as a quantised module of torch packs them: {cure}")
    if names and all(name.startswith("arr_") and name[4:].isdigit() for name in names):
        cure = "np.savez(path, **state_dict) writes them, too"
        _misfit(function, argument, f"its arrays were saved without their names, as {_listed(names)}: {cure}")
    if isinstance(given, np.lib.npyio.NpzFile) and given.zip is None:
        cure = "inside of `with np.load(path) as weights:`, or of dict(weights) made there"
        _misfit(function, argument, f"its file is closed, expected an open one: load {cure}")
    inner = _inner(given, 0) if not torch_names.prefixes(given) else ""
    if inner:
        others = _listed(names)
        _misfit(function, argument, f"it is a checkpoint with {others}, expected its weights: checkpoint{inner}")


def _inner(given: Mapping[str, Any], depth: int) -> str:
    """Return the index of the weights in a checkpoint, as '["model"]["state_dict"]'; "" if there is none."""
    if isinstance(given, np.lib.npyio.NpzFile):
        return ""
    for name in given:
        try:
            value = given[name]
            module = callable(getattr(value, "state_dict", None))
        except MemoryError:
            raise
        except Exception:  # whatever an entry may be
            continue
        if module:
            return f"[{name!r}].state_dict()"
        if isinstance(value, Mapping):
            below = "" if torch_names.prefixes(value) or depth == 3 else _inner(value, depth + 1)
            if below or torch_names.prefixes(value):
                return f"[{name!r}]{below}"
    return ""


def _other_kind(given: object) -> str:
    """What is said of a state_dict that is no mapping."""
    wanted = "expected a dict or another mapping"
    if isinstance(given, (str, os.PathLike)):
        path = repr(os.fspath(given))
        ending = os.path.splitext(str(given))[1].lower()
        readers = [_READERS[ending]] if ending in _READERS else list(dict.fromkeys(_READERS.values()))
        return f"the path {path}, {wanted}: {', '.join(readers).format(path='path' if len(path) > 60 else path)}"
    if isinstance(given, (bytes, bytearray, memoryview)) or callable(getattr(given, "read", None)):
        return (
            f"of type {type(given).__name__}, {wanted}: np.load reads an open .npz file, "
            "safetensors.numpy.load the bytes of a .safetensors file"
        )
    if callable(getattr(given, "get_tensor", None)):
        return f"of type {type(given).__name__}, {wanted}: safetensors.numpy.load_file(path) gives one"
    if callable(getattr(given, "state_dict", None)):
        return f"of type {type(given).__name__}, {wanted}: state_dict() of it, or nn.from_torch makes the model"
    if isinstance(given, np.ndarray) and given.dtype == object and given.shape == ():
        return f"an array that holds one object, {wanted}: item() of it is what np.save was given"
    return f"{'None' if given is None else f'of type {type(given).__name__}'}, {wanted}"


def _misfit(function: str, argument: str, said: str) -> NoReturn:
    raise Misfit(f"{function}: {argument} does not fit: {said}")


def _listed(names: Iterable[object], show: Any = repr) -> str:
    shown = [show(name) for name in names]
    if len(shown) > _PREFIXES_SHOWN:
        shown[_PREFIXES_SHOWN:] = [f"and {len(shown) - _PREFIXES_SHOWN} more"]
    return ", ".join(shown) or "none"
