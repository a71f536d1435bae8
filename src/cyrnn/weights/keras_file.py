"""Files of Keras: which layers they have, their configurations and weights.

    .h5, .hdf5  attributes keras_version and model_config (JSON), and a group model_weights, in it one for each layer
                with an attribute weight_names (keras/src/legacy/saving/legacy_h5_format.py)
    .keras      a zip of metadata.json, config.json and model.weights.h5, where the arrays of a layer are
                layers/<class>_<number>/cell/vars/0 and so on (keras/src/saving/saving_lib.py)
"""

from __future__ import annotations

import io
import json
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

from ..cells.spec import Array
from . import hdf5
from .hdf5 import Node

if TYPE_CHECKING:
    import zipfile

#: the deepest model within a model
DEEPEST = 32
_MODELS = ("Sequential", "Functional", "Model")


class BadFile(ValueError):
    """A file that is none of Keras'."""


class Stored(NamedTuple):
    """A layer of a file."""

    name: str  # of the models that it is in and its own: "encoder/lstm"
    class_name: str
    config: dict[str, Any]
    groups: tuple[str, ...]  # where its arrays may be in a .keras file
    position: tuple[str, int]  # the Sequential that it is in, and its number there; ("", -1) in another model


class File(NamedTuple):
    """The layers of a file, and Keras' version, None where the file does not say it."""

    root: Node
    layers: list[Stored]
    version: str | None
    legacy: bool  # whether it is a .h5

    def arrays(self, layer: Stored) -> list[Array]:
        """Return the weights of a layer in Keras' order, views of the file."""
        if self.legacy:
            return self._of_names(layer)
        inner = ("forward_layer", "backward_layer") if layer.class_name == "Bidirectional" else ("",)
        return [array for part in inner for array in self._of_group(layer, part)]

    def _of_names(self, layer: Stored) -> list[Array]:
        """The arrays that the attribute weight_names lists."""
        weights = _find(self.root, "model_weights") or self.root
        top, _, rest = layer.name.partition("/")
        group = _down(weights, top)
        names = _names(group, "weight_names")
        own = layer.name.rpartition("/")[2]
        if rest:  # of a model within the model, whose layers have one group
            names = [name for name in names if own in name.split("/")]
        return [_down(group, name).array() for name in names]

    def _of_group(self, layer: Stored, inner: str) -> list[Array]:
        """The arrays 0, 1, 2 of a layer, or of a direction of it: those of its cell, or its own."""
        for place in layer.groups:
            group = self._find(place, layer.name.rpartition("/")[2])
            for part in (f"{inner}/cell/vars".lstrip("/"), f"{inner}/vars".lstrip("/")):
                found = None if group is None else _find(group, part)
                if found is not None and "0" in found:
                    return [found[number].array() for number in ("0", "1", "2") if number in found]
        raise BadFile(f"layer {layer.name!r} has no weights in {' or '.join(layer.groups)}")

    def _find(self, place: str, name: str) -> Node | None:
        """The group of a layer; where groups say the names of their layers, the one that says this name."""
        parent, _, own = place.rpartition("/")
        groups = _find(self.root, parent)
        for key in () if groups is None else groups.links():
            variables = _find(groups, f"{key}/vars")
            if variables is not None and variables.attributes().get("name") == name:
                return _find(groups, key)
        return _find(groups, own)


def _find(group: Node | None, path: str) -> Node | None:
    """What stands at a path in a group; None if there is nothing."""
    for part in path.split("/"):
        if group is None or part not in group:
            return None
        group = group[part]
    return group


def _down(group: Node, path: str) -> Node:
    """What stands at a path in a group."""
    found = _find(group, path)
    if found is None:
        raise BadFile(f"{path!r} is not in group {group.name or '/'!r}")
    return found


def _names(group: Node, attribute: str) -> list[str]:
    """A list of names, which may go on in attributes with a number, as Keras writes long ones."""
    given = group.attributes()
    keys, number = [attribute] if attribute in given else [], 0
    while f"{attribute}{number}" in given:
        keys.append(f"{attribute}{number}")
        number += 1
    if not keys or any(given[key] is None for key in keys):
        empty = bool(keys)  # an empty list is one of numbers
        if empty:
            return []
        raise BadFile(f"group {group.name!r} has no attribute {attribute!r}")
    return [name for key in keys for name in (given[key] if isinstance(given[key], list) else [given[key]])]


def _json(text: Any, place: str) -> Any:
    """A JSON text as an object, of a depth that Python's reader bears."""
    try:
        return json.loads(text)
    except (ValueError, TypeError, RecursionError) as error:
        raise BadFile(f"{place} is no JSON: {error}") from None


def read(data: bytes) -> File:
    """Read a file of either kind, known by its first bytes."""
    if data[:4] == b"PK\x03\x04":
        return _of_zip(data)
    root = hdf5.root_of(memoryview(data))
    given = root.attributes()
    if "model_config" not in given:
        alone = "layers" in root or "layer_names" in given
        cure = ": it has weights alone, without the options of layers; a file of model.save has both" * alone
        raise BadFile(f"there is no attribute 'model_config', expected the model's layers{cure}")
    version = given.get("keras_version")
    layers = list(_layers_of(_json(given["model_config"], "attribute 'model_config'")))
    return File(root, layers, version if isinstance(version, str) else None, True)


def _of_zip(data: bytes) -> File:
    import zipfile  # where it is needed, as NumPy does: 5 ms

    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            members = ("metadata.json", "config.json", "model.weights.h5")
            metadata, config, weights = [_member(archive, name, len(data)) for name in members]
    # of zipfile: of a wrong header, a wrong check sum, an encrypted member, one of another system, a wrong name
    except (OSError, zipfile.BadZipFile, RuntimeError, NotImplementedError, EOFError) as error:
        raise BadFile(f"the archive cannot be read: {error}") from None
    told = _json(metadata, "metadata.json")
    version = told.get("keras_version") if isinstance(told, dict) else None
    layers = list(_layers_of(_json(config, "config.json")))
    return File(hdf5.root_of(memoryview(weights)), layers, version if isinstance(version, str) else None, False)


def _member(archive: zipfile.ZipFile, name: str, size: int) -> bytes:
    """A member, which Keras stores without compressing it."""
    try:
        info = archive.getinfo(name)
    except KeyError:
        raise BadFile(f"there is no {name!r} in it, expected what model.save writes") from None
    if info.compress_type:
        raise BadFile(f"{name} is compressed, expected it stored, as model.save writes it")
    if info.file_size > size:
        raise BadFile(f"{name} claims {info.file_size} bytes, of which the file has {size}")
    return archive.read(info)


def _layers_of(config: Any) -> Iterator[Stored]:
    """Yield the layers of a model, and of the models within it."""
    first = ("layers", "_layer_checkpoint_dependencies")
    pending: list[tuple[Any, str, tuple[str, ...], int]] = [(config, "", first, 0)]
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
            kind, entry = (layer.get("class_name"), layer.get("config")) if isinstance(layer, dict) else (None, None)
            if not isinstance(kind, str) or not isinstance(entry, (dict, list)):
                raise BadFile(f"layer {number} of {path or 'the model'} has no class_name or no config")
            snake = snake_case(kind)
            count = used[snake] = used.get(snake, -1) + 1
            places = tuple([f"{group}/{snake}{f'_{count}' if count else ''}" for group in groups])
            own = str((entry if isinstance(entry, dict) else layer).get("name", snake))
            full = f"{path}/{own}".lstrip("/")
            if kind in _MODELS:
                pending.append((layer, full, tuple([f"{place}/layers" for place in places]), depth + 1))
            elif isinstance(entry, dict):
                yield Stored(full, kind, entry, places, (path or "/", number) if sequential else ("", -1))


def snake_case(name: str) -> str:
    """The name of a class as saving_lib writes it: lstm, bidirectional, simple_rnn."""
    name = re.sub(r"(.)([A-Z][a-z]+)", r"\1_\2", re.sub(r"\W+", "", name))
    return re.sub(r"([a-z])([A-Z])", r"\1_\2", name).lower()
