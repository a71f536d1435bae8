"""Files of Keras, written by h5py: a Sequential of recurrent layers, as keras_file.py reads them."""

from __future__ import annotations

import io
import json
from typing import Any

from .keras_file import snake_case
from .whole_file import written

#: what a file says that wrote it: the last of Keras 2, the first of Keras 3
_VERSIONS = {2: "2.15.0", 3: "3.0.0"}

Layers = list[tuple[str, dict[str, Any], list[Any]]]  # class, configuration, weights


def write(h5py: Any, path: str, version: int, legacy: bool, features: int, dtype: str, layers: Layers) -> None:
    """Write a file, which takes the place of one of its name when it is whole."""
    data = _legacy(h5py, version, features, dtype, layers) if legacy else _zip(h5py, features, dtype, layers)
    with written(path) as file:
        file.write(data)


def _config(features: int, dtype: str, layers: Layers, module: bool) -> dict[str, Any]:
    """The configuration of the model; `module`: whether classes say their module, as Keras 3 has them."""

    def of(kind: str, config: dict[str, Any], where: str = "keras.layers") -> dict[str, Any]:
        entry = {"class_name": kind, "config": config}
        return {"module": where, "registered_name": None} | entry if module else entry

    shape = {"batch_shape" if module else "batch_input_shape": [None, None, features]}
    first = of("InputLayer", shape | {"dtype": dtype, "name": "input"})
    own = [of(kind, config) for kind, config, _ in layers]
    if module:
        width = features
        for entry, (kind, config, _) in zip(own, layers, strict=True):
            entry["build_config"] = {"input_shape": [None, None, width]}
            inner = config["layer"]["config"] if kind == "Bidirectional" else config
            width = inner["units"] * (2 if kind == "Bidirectional" else 1)
    return of("Sequential", {"name": "sequential", "layers": [first, *own]}, "keras")


def _legacy(h5py: Any, version: int, features: int, dtype: str, layers: Layers) -> bytes:
    buffer = io.BytesIO()
    with h5py.File(buffer, "w") as h5:
        h5.attrs["keras_version"], h5.attrs["backend"] = _VERSIONS[version], "tensorflow"
        h5.attrs["model_config"] = json.dumps(_config(features, dtype, layers, False))
        weights = h5.create_group("model_weights")
        weights.attrs["keras_version"], weights.attrs["backend"] = _VERSIONS[version], "tensorflow"
        weights.attrs["layer_names"] = [config["name"].encode() for _, config, _ in layers]
        for kind, config, arrays in layers:
            group, names = weights.create_group(config["name"]), []
            for number, array in enumerate(arrays):
                way = ("forward/", "backward/")[2 * number // len(arrays)] if kind == "Bidirectional" else ""
                count = len(arrays) // 2 if kind == "Bidirectional" else len(arrays)
                role = ("kernel", "recurrent_kernel", "bias")[number % count]
                names.append(f"{config['name']}/{way}cell/{role}:0")
                group.create_dataset(names[-1], data=array)
            group.attrs["weight_names"] = [name.encode() for name in names]
    return buffer.getvalue()


def _zip(h5py: Any, features: int, dtype: str, layers: Layers) -> bytes:
    import zipfile

    weights = io.BytesIO()
    with h5py.File(weights, "w") as h5:
        used: dict[str, int] = {}
        for kind, config, arrays in layers:
            snake = snake_case(kind)
            count = used[snake] = used.get(snake, -1) + 1
            group = h5.create_group(f"layers/{snake}{f'_{count}' if count else ''}")
            group.create_group("vars").attrs["name"] = config["name"]
            ways = ("forward_layer/", "backward_layer/") if kind == "Bidirectional" else ("",)
            each = len(arrays) // len(ways)
            for number, array in enumerate(arrays):
                group.create_dataset(f"{ways[number // each]}cell/vars/{number % each}", data=array)
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("metadata.json", json.dumps({"keras_version": _VERSIONS[3]}))
        archive.writestr("config.json", json.dumps(_config(features, dtype, layers, True)))
        archive.writestr("model.weights.h5", weights.getvalue())
    return buffer.getvalue()
