"""Files of Keras, .h5 and .keras: the recurrent layers of a model, and models of ours as such files.

`nn.load` and `module.save` call these two for a file of these endings. Reading needs NumPy alone; h5py is imported
where a file is written.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from ..weights import keras_file, keras_write
from ..weights.keras_file import File, Stored
from . import _check_keras
from .keras_layers import CLASSES, Expected, Layer, model_of, options_of
from .keras_weights import config_of


def load_file(path: Any, prefix: str = "", options: Mapping[str, Any] | None = None) -> Any:
    """Make the model of a recurrent layer of a file.

    Parameters
    ----------
    path : path
        What `model.save` of Keras 2 or 3 wrote, .h5 or .keras.
    prefix : str
        The name of the layer; it may be left out where there is one, or where the recurrent layers are a stack: alike,
        one upon the other.
    options : mapping, optional
        dtype, keras_version, go_backwards, merge_mode: as for `from_keras`, and batch_first, True if left out. The
        version is that of the file, if it says one.

    Returns
    -------
    RNN, LSTM or GRU

    Raises
    ------
    ValueError, TypeError
        If the file is none of Keras', is damaged, has no such layer, or one that no model is like; with the place.
    """
    function, path = "nn.load", os.fspath(path)
    given = dict(options or {})
    _check_keras.options(function, given, Expected._fields)
    given["keras_version"] = _check_keras.keras_version(function, given.get("keras_version"))
    _check_keras.flag(function, "go_backwards", given.get("go_backwards", False))
    expected = Expected(**given)
    with open(path, "rb") as opened:
        data = opened.read()
    try:
        file = keras_file.read(data)
        if expected.keras_version is None:
            expected = expected._replace(keras_version=_check_keras.major(file.version))
        layers = [
            Layer(f"layer {layer.name!r}", layer.class_name, layer.config, file.arrays(layer))
            for layer in _chosen(function, path, file, prefix, expected)
        ]
        return model_of(function, layers, expected)
    except (ValueError, TypeError) as error:
        if f"{function}: {path!r}" in str(error):
            raise
        _check_keras.of_file(function, path, error)


def _chosen(function: str, path: str, file: File, prefix: str, expected: Expected) -> list[Stored]:
    """Return the layer of a name, the only one, or those of a stack."""
    found = [layer for layer in file.layers if layer.class_name in CLASSES]
    if not found:
        _check_keras.none_in_file(function, path, [layer.class_name for layer in file.layers], CLASSES)
    if prefix:
        wanted = prefix.rstrip("/.").replace(".", "/") if prefix not in [layer.name for layer in found] else prefix
        named = [layer for layer in found if layer.name == wanted]
    else:
        named = found if len(found) == 1 or _stack(function, found, expected) else []
    if not named:
        _check_keras.which_layer(function, path, prefix, {layer.name: layer.class_name for layer in found})
    return named


def _stack(function: str, layers: list[Stored], expected: Expected) -> bool:
    """Whether layers are alike, and each reads every step of the one before."""
    first = layers[0].position
    if not first[0] or [layer.position for layer in layers] != [(first[0], first[1] + i) for i in range(len(layers))]:
        return False
    kinds = [options_of(function, Layer(layer.name, layer.class_name, layer.config, ()), expected) for layer in layers]
    inner = [layer.config.get("layer", {}).get("config", layer.config) for layer in layers]
    return all(kind == kinds[0] for kind in kinds) and all(config.get("return_sequences") for config in inner[:-1])


def save_file(module: Any, path: Any) -> None:
    """Write a model as a Sequential of Keras, one layer for each of its layers, which return every step.

    Parameters
    ----------
    module : RNN, LSTM or GRU
    path : path
        Its ending says the format: .keras, of Keras 3, or .h5, which Keras 2 and 3 read. A hard sigmoid is that of the
        version: 0.2 z + 0.5 can be written in a .h5 alone, for Keras 2.

    Raises
    ------
    ValueError
        If no layer of Keras computes what the model does.
    ImportError
        If h5py is not installed.
    """
    function, path = f"{type(module).__name__}.save", os.fspath(path)
    ending = os.path.splitext(path)[1].lower()
    if ending not in (".h5", ".hdf5", ".keras"):
        _check_keras.ending(function, path)
    legacy = ending != ".keras"
    version = 3
    try:
        found = _layers(function, module, 3)
    except _check_keras.NoKeras:
        if not legacy:
            raise
        version, found = 2, _layers(function, module, 2)
    h5py = _check_keras.h5py(function)
    keras_write.write(h5py, path, version, legacy, module.input_size, module.dtype.name, found)


def _layers(function: str, module: Any, version: int) -> list[tuple[str, dict[str, Any], list[Any]]]:
    """The class, the configuration and the weights of each layer."""
    kind = type(module).__name__.lower()
    found = []
    for number in range(module._plan.num_layers):
        name = f"{kind}_{number}" if number else kind
        found.append((*config_of(function, module, name, version), module.keras_weights(number)))
    return found
