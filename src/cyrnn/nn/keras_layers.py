"""Layers of Keras as models of nn. Keras is not imported: its layers are asked for their configuration and weights."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np

from ..weights import keras_layout
from . import _check_keras
from .cell_module import CellModule
from .gates import by_name
from .layers import GRU, RNN
from .lstm import LSTM

#: Keras' class -> ours
KINDS: dict[str, type[CellModule[Any]]] = {
    "SimpleRNN": RNN,
    "LSTM": LSTM,
    "GRU": GRU,
    "CuDNNLSTM": LSTM,
    "CuDNNGRU": GRU,
}
CLASSES = (*KINDS, "Bidirectional")


class Expected(NamedTuple):
    """What the caller says of a layer."""

    dtype: Any = None
    keras_version: int | None = None
    go_backwards: bool = False
    merge_mode: str | None = "concat"
    batch_first: bool = True


class Layer(NamedTuple):
    """A layer of Keras; `place`: what sentences call it."""

    place: str
    class_name: str
    config: Mapping[str, Any]
    arrays: Sequence[Any]


def from_keras(
    layer: Any,
    *,
    dtype: Any = None,
    keras_version: int | None = None,
    go_backwards: bool = False,
    merge_mode: str | None = "concat",
) -> Any:
    """Make a model with the class, the sizes, the options and the weights of one of Keras' recurrent layers.

    Parameters
    ----------
    layer : keras.Layer
        A SimpleRNN, LSTM, GRU, CuDNNLSTM or CuDNNGRU of Keras 2 or 3, of tf_keras or tf.keras, or of a subclass of one,
        or a Bidirectional of one, with weights. Only `get_config` and `get_weights` are asked for: no Keras is
        imported.
    dtype : dtype, optional
        Either float32 or float64; if left out, float64 for weights in float64, else float32.
    keras_version : int, optional
        1, 2 or 3: which hard sigmoid the layer has, 0.2 z + 0.5 before Keras 3, z / 6 + 0.5 since. It is needed where
        there is one and the layer's package does not say its version.
    go_backwards : bool
        Has to be True for a layer that reads its sequences from the end: the model does not, so that it is called with
        `x[:, ::-1]`. Its steps come in the layer's order then.
    merge_mode : str or None
        Has to be that of a Bidirectional. The model has the output of both directions side by side, as "concat".

    Returns
    -------
    RNN, LSTM or GRU
        With `batch_first`, as layers of Keras are, and copies of the weights.

    Raises
    ------
    TypeError, ValueError
        If layer is of another class or has no weights, an activation that we have not, or reads or merges in another
        way than is said.

    See Also
    --------
    RNN.keras_weights : Weights as `set_weights` takes them.

    Notes
    -----
    `return_sequences=False` is `output[:, -1]`, of a Bidirectional `h_n[0], h_n[1]`, since its reverse direction ends
    at the first step. `return_state` is the second result. A stateful layer keeps its state between calls: here the
    caller does, `output, state = model(x, state)`. Dropout has no part in this, and a mask is `lengths=`.

    Examples
    --------
    >>> class GRU:  # or keras.layers.GRU
    ...     def get_config(self):
    ...         names = {"units": 2, "activation": "tanh", "recurrent_activation": "sigmoid", "reset_after": True}
    ...         return names | {"use_bias": False}
    ...     def get_weights(self):
    ...         return [np.ones((3, 6), np.float32), np.ones((2, 6), np.float32)]
    >>> cyrnn.nn.from_keras(GRU())
    GRU(3, 2, bias=False, batch_first=True)
    """
    function = "from_keras"
    name = _check_keras.class_of(function, layer, CLASSES)
    version = _check_keras.keras_version(function, keras_version)
    if version is None:
        version = _check_keras.version_of(layer, name)
    _check_keras.flag(function, "go_backwards", go_backwards)
    given = Layer(f"layer {getattr(layer, 'name', name)!r}", name, layer.get_config(), layer.get_weights())
    return model_of(function, [given], Expected(dtype, version, go_backwards, merge_mode))


def model_of(function: str, layers: Sequence[Layer], expected: Expected) -> Any:
    """Make the model of a layer, or of several that are alike, each upon the one before."""
    found = [_described(function, layer, expected) for layer in layers]
    kind, size, units, options, bidirectional = found[0]
    parts = []
    for layer in layers:
        half = len(layer.arrays) // 2 if bidirectional else len(layer.arrays)
        for arrays in (layer.arrays[:half], layer.arrays[half:])[: 1 + bidirectional]:
            parts.append((layer.place, arrays))
    stack: dict[str, Any] = {"num_layers": len(layers), "bidirectional": bidirectional}
    stack |= {"batch_first": expected.batch_first, "rng": 0} | options
    plan = replace(kind(1, 1, **stack)._plan, input_size=size, hidden_size=units)  # no memory yet for what is claimed
    after = bool(options.get("reset_after"))
    weights = []
    for i, (place, arrays) in enumerate(parts):
        wanted = keras_layout.shapes(plan.cell, plan.features(i), units, after, plan.bias)
        _check_keras.count(function, place, len(arrays), len(wanted))
        checked = [_check_keras.array(function, place, value, wanted, k) for k, value in enumerate(arrays)]
        weights.append(keras_layout.of_layer(plan.cell, checked))
    dtype = expected.dtype
    if dtype is None:
        dtype = np.float64 if weights[0].W.dtype == np.float64 else np.float32
    model = kind(size, units, **stack, dtype=dtype)
    model._take(function, "layer", by_name(model._plan, weights))
    return model


def options_of(function: str, layer: Layer, expected: Expected) -> tuple[Any, ...]:
    """Return all but the input's size: what two layers of a stack have in common."""
    kind, _, *others = _described(function, layer, expected, sized=False)
    return (kind, *others)


def _described(
    function: str, layer: Layer, expected: Expected, sized: bool = True
) -> tuple[type[CellModule[Any]], int, int, dict[str, Any], bool]:
    """Return the class, the sizes, the options and whether there are two directions."""
    place, name, config, arrays = layer
    bidirectional = name == "Bidirectional"
    if bidirectional:
        merge = _check_keras.entry(function, place, config, "merge_mode", (str, type(None)))
        _check_keras.merge(function, place, merge, expected.merge_mode)
        inner = _check_keras.entry(function, place, config, "layer", (Mapping,))
        other = config.get("backward_layer") or inner
        halves = [
            _options(function, place, part.get("class_name"), part.get("config"), expected)
            for part in (inner, other)
            if isinstance(part, Mapping)
        ]
        alike = halves[0][:3] == halves[-1][:3] and (other is inner or halves[-1][3])
        _check_keras.both_directions(function, place, alike, not halves[0][3])
        found = halves[0]
    else:
        found = _options(function, place, name, config, expected)
    _check_keras.backwards(function, place, found[3], expected.go_backwards)
    size = 0
    if sized:
        _check_keras.count(function, place, len(arrays) and 1, 1)
        size = _check_keras.matrix(function, place, arrays[0])
    return found[0], size, found[1], found[2], bidirectional


def _options(
    function: str, place: str, name: Any, config: Any, expected: Expected
) -> tuple[type[CellModule[Any]], int, dict[str, Any], bool]:
    """Return the class, the units and the options of a layer, and whether it reads from the end."""
    if not isinstance(name, str) or name not in KINDS:
        _check_keras.no_recurrent(function, place, name, KINDS)
    kind, version = KINDS[name], expected.keras_version
    units = _check_keras.units(function, place, config)
    options: dict[str, Any] = {"bias": bool(config.get("use_bias", True))}
    if name.startswith("CuDNN"):
        options |= {"reset_after": True} if kind is GRU else {}
    else:
        own = {"activation": "nonlinearity" if kind is RNN else "activation"}
        own |= {} if kind is RNN else {"recurrent_activation": "recurrent_activation"}
        for argument, ours in own.items():
            given = _check_keras.entry(function, place, config, argument, (object,))
            options[ours] = _check_keras.activation(function, place, argument, given, version)
        if kind is GRU:  # Keras before 2.1 has no such entry, and resets before the product
            options["reset_after"] = bool(config.get("reset_after", False))
    if config.get("time_major"):
        options["batch_first"] = False
    return kind, units, options, bool(config.get("go_backwards", False))
