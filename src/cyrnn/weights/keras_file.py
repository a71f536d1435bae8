"""Files of Keras, read by h5py: which layers they have, their configurations and weights.

    .h5, .hdf5  attributes keras_version and model_config (JSON), and a group model_weights, in it one for each layer with
                an attribute weight_names (keras/src/legacy/saving/legacy_h5_format.py)
    .keras      a zip of metadata.json, config.json and model.weights.h5, where the arrays of a layer are
                layers/<class>_<number>/cell/vars/0 and so on (keras/src/saving/saving_lib.py)

What a file claims costs no memory: an array is read where all of its bytes are in the file, uncompressed, and in no
other file.
"""

from __future__ import annotations

import io
import json
import math
import os
import re
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import numpy as np

from ..cells.spec import Array

#: the deepest model within a model
DEEPEST = 32
_MODELS = ("Sequential", "Functional", "Model")


class BadFile(ValueError):
    """A file that is none of Keras', or is damaged."""


class Stored(NamedTuple):
    """A layer of a file."""

    name: str  # of the models that it is in and its own: "encoder/lstm"
    class_name: str
    config: dict[str, Any]
    groups: tuple[str, ...]  # where its arrays may be in a file of saving_lib
    position: tuple[str, int]  # the Sequential that it is in, and its number there; ("", -1) in another model


class File:
    """An open file: its layers, and Keras' version as a string, None where the file does not say it."""

    def __init__(self, h5: Any, size: int, config: Any, version: Any, legacy: bool) -> None:
        self._h5, self._size, self._legacy = h5, size, legacy
        self.version = version if isinstance(version, str) else None
        self.layers = list(_layers_of(config))

    def arrays(self, layer: Stored) -> list[Array]:
        """Return the weights of a layer in Keras' order."""
        if self._legacy:
            return [self._array(*found) for found in self._of_names(layer)]
        inner = ("forward_layer", "backward_layer") if layer.class_name == "Bidirectional" else ("",)
        return [array for part in inner for array in self._of_group(layer, part)]

    def _of_names(self, layer: Stored) -> list[tuple[Any, str]]:
        """The data sets that the attribute weight_names lists."""
        weights = self._down(self._h5, "model_weights") if "model_weights" in self._h5 else self._h5
        top, _, rest = layer.name.partition("/")
        group = self._down(weights, top)
        names = _names(group, "weight_names", f"group {top!r}", self._size)
        own = layer.name.rpartition("/")[2]
        if rest:  # of a model within the model, whose layers have one group
            names = [name for name in names if own in name.split("/")]
        return [(self._down(group, name), f"{top}/{name}") for name in names]

    def _of_group(self, layer: Stored, inner: str) -> Iterator[Array]:
        """Read the arrays 0, 1, 2 of a layer, or of a direction of it: those of its cell, or its own."""
        for place in layer.groups:
            group = self._find(place, layer.name.rpartition("/")[2])
            for part in (f"{inner}/cell/vars".lstrip("/"), f"{inner}/vars".lstrip("/")):
                found = None if group is None else self._find_in(group, part)
                if found is not None and "0" in found:
                    for number in [str(number) for number in range(3) if str(number) in found]:
                        yield self._array(self._down(found, number), f"{place}/{part}/{number}")
                    return
        raise BadFile(f"layer {layer.name!r} has no weights in {' or '.join(layer.groups)}")

    def _find(self, place: str, name: str) -> Any:
        """The group of a layer; where groups say the names of their layers, the one that says this name."""
        parent, _, own = place.rpartition("/")
        groups = self._find_in(self._h5, parent)
        if not hasattr(groups, "keys"):
            return None
        for key in groups:
            group = self._find_in(groups, key)
            variables = self._find_in(group, "vars") if hasattr(group, "keys") else None
            if variables is not None and variables.attrs.get("name") == name:
                return group
        return self._find_in(groups, own)

    def _find_in(self, group: Any, path: str) -> Any:
        try:
            return self._down(group, path)
        except BadFile:
            return None

    def _down(self, group: Any, path: str) -> Any:
        """What stands at a path, if no link of it leads elsewhere."""
        for part in path.split("/"):
            if not hasattr(group, "keys") or part not in group:
                raise BadFile(f"{path!r} is not in group {getattr(group, 'name', '/')!r}")
            if type(group.get(part, getlink=True)).__name__ != "HardLink":
                raise BadFile(f"{path!r} is a link to another place, expected what it stands for")
            group = group[part]
        return group

    def _array(self, given: Any, place: str) -> Array:
        """Read a data set, after all that it claims is found in the file."""
        if not hasattr(given, "dtype") or not hasattr(given, "shape") or given.shape is None:
            raise BadFile(f"{place} is no array of numbers")
        if given.dtype.kind != "f" or given.dtype.itemsize > 8 or given.ndim > 2:
            raise BadFile(f"{place} has dtype {given.dtype} and {given.ndim} axes, expected a matrix or vector of floats")
        claimed, stored = math.prod(given.shape) * given.dtype.itemsize, given.id.get_storage_size()
        if given.is_virtual or given.external:
            raise BadFile(f"{place} is in other files, expected it in this one")
        if claimed > min(stored, self._size):
            packed = f", compressed by {given.compression}: h5repack -f NONE unpacks it" if given.compression else ""
            raise BadFile(f"{place} claims {claimed} bytes, of which the file has {min(stored, self._size)}{packed}")
        return np.asarray(given[()])


def _names(group: Any, attribute: str, place: str, size: int) -> list[str]:
    """A list of names, which may go on in attributes with a number, as Keras writes long ones."""
    found, number = [], 0
    keys = [attribute] if attribute in group.attrs else []
    while not keys or number:
        key = f"{attribute}{number}"
        if key not in group.attrs:
            break
        keys.append(key)
        number += 1
    if not keys:
        raise BadFile(f"{place} has no attribute {attribute!r}")
    for key in keys:
        if group.attrs.get_id(key).get_storage_size() > size:
            raise BadFile(f"attribute {key!r} of {place} claims more bytes than the file has")
        value = group.attrs[key]
        found += [_text(name) for name in (value.tolist() if isinstance(value, np.ndarray) else [value])]
    return found


def _text(value: Any) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)


def _json(text: Any, place: str) -> Any:
    """A JSON text as an object, of a depth that Python's reader bears."""
    try:
        return json.loads(_text(text))
    except (ValueError, RecursionError) as error:
        raise BadFile(f"{place} is no JSON: {error}") from None


@contextmanager
def opened(h5py: Any, path: str) -> Iterator[File]:
    """Open a file of either kind, known by its first bytes."""
    size = os.path.getsize(path)
    with open(path, "rb") as file:
        zipped = file.read(4) == b"PK\x03\x04"
    try:
        if zipped:
            with _of_zip(h5py, path, size) as found:
                yield found
            return
        with h5py.File(path, "r") as h5:
            if "model_config" not in h5.attrs:
                alone = "layers" in h5 or "layer_names" in h5.attrs
                cure = ": it has weights alone, without the options of layers; a file of model.save has both" * alone
                raise BadFile(f"there is no attribute 'model_config', expected the model's layers{cure}")
            version = _text(h5.attrs["keras_version"]) if "keras_version" in h5.attrs else None
            yield File(h5, size, _json(h5.attrs["model_config"], "attribute 'model_config'"), version, True)
    except (OSError, KeyError, RuntimeError, zipfile.BadZipFile, UnicodeDecodeError, TypeError, EOFError) as error:
        raise BadFile(f"it cannot be read: {error}") from None


@contextmanager
def _of_zip(h5py: Any, path: str, size: int) -> Iterator[File]:
    with zipfile.ZipFile(path) as archive:
        parts = {name: _member(archive, name, size) for name in ("metadata.json", "config.json", "model.weights.h5")}
        metadata = _json(parts["metadata.json"], "metadata.json")
        version = metadata.get("keras_version") if isinstance(metadata, dict) else None
        weights = parts["model.weights.h5"]
        with h5py.File(io.BytesIO(weights), "r") as h5:
            yield File(h5, len(weights), _json(parts["config.json"], "config.json"), version, False)


def _member(archive: zipfile.ZipFile, name: str, size: int) -> bytes:
    """A member, which Keras stores without compressing it."""
    try:
        info = archive.getinfo(name)
    except KeyError:
        raise BadFile(f"there is no {name!r} in it, expected what model.save writes") from None
    if info.compress_type != zipfile.ZIP_STORED:
        raise BadFile(f"{name} is compressed, expected it stored, as model.save writes it")
    if info.file_size > size:
        raise BadFile(f"{name} claims {info.file_size} bytes, of which the file has {size}")
    return archive.read(info)


def _layers_of(config: Any) -> Iterator[Stored]:
    """Yield the layers of a model, and of the models within it."""
    pending: list[tuple[Any, str, tuple[str, ...], int]] = [(config, "", ("layers", "_layer_checkpoint_dependencies"), 0)]
    while pending:
        model, path, groups, depth = pending.pop()
        if depth > DEEPEST:
            raise BadFile(f"a model is more than {DEEPEST} models deep")
        inner = model.get("config") if isinstance(model, dict) else None
        layers = inner.get("layers") if isinstance(inner, dict) else inner  # a list, of Keras before 2.2.3
        if not isinstance(layers, list):
            raise BadFile(f"the configuration of {path or 'the model'} has no list of layers")
        sequential, used = model.get("class_name") == "Sequential", dict[str, int]()
        for number, layer in enumerate(layers):
            entry = layer.get("config") if isinstance(layer, dict) else None
            name, kind = (layer if isinstance(layer, dict) else {}).get("class_name"), entry
            if not isinstance(name, str) or not isinstance(kind, (dict, list)):
                raise BadFile(f"layer {number} of {path or 'the model'} has no class_name or no config")
            snake = snake_case(name)
            count = used[snake] = used.get(snake, -1) + 1
            places = tuple([f"{group}/{snake}{f'_{count}' if count else ''}" for group in groups])
            own = str(kind.get("name", snake) if isinstance(kind, dict) else layer.get("name", snake))
            full = f"{path}/{own}".lstrip("/")
            if name in _MODELS:
                pending.append((layer, full, tuple([f"{place}/layers" for place in places]), depth + 1))
            elif isinstance(kind, dict):
                yield Stored(full, name, kind, places, (path or "/", number) if sequential else ("", -1))


def snake_case(name: str) -> str:
    """The name of a class as saving_lib writes it: lstm, bidirectional, simple_rnn."""
    name = re.sub(r"(.)([A-Z][a-z]+)", r"\1_\2", re.sub(r"\W+", "", name))
    return re.sub(r"([a-z])([A-Z])", r"\1_\2", name).lower()
