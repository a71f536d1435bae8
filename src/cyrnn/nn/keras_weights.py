"""Models of nn as layers of Keras: the inverse of keras_layers.py."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..weights import keras_layout
from . import _check_keras, _check_quantized
from .gates import FromGates, by_sublayer

if TYPE_CHECKING:
    from numpy.typing import NDArray


#: options that no layer of Keras has
NOT_THERE = ("proj_size", "peephole", "coupled", "clip", "output_activation")


class KerasWeights(FromGates):
    """What all classes of nn inherit: `keras_weights`, and `from_gates` and `to_gates`."""

    def keras_weights(self, layer: int = 0) -> list[NDArray[Any]]:
        """Return copies of the weights of one layer as `set_weights` of a layer of Keras takes them.

        Parameters
        ----------
        layer : int
            Which of the layers; of Keras each is a layer of its own.

        Returns
        -------
        list of ndarray
            The kernel, recurrent_kernel, and the bias if the model has one; of two directions the three of each, as of
            a Bidirectional. The two biases of a layer that has one in Keras are added; what `nn.from_keras` took is
            returned bit by bit.

        Raises
        ------
        ValueError
            If no layer of Keras computes what the model does: it has a projection, peepholes, coupled gates or a clip.

        See Also
        --------
        cyrnn.nn.from_keras : The inverse.

        Examples
        --------
        >>> [array.shape for array in cyrnn.nn.LSTM(3, 5).keras_weights()]
        [(3, 20), (5, 20), (20,)]
        """
        function, plan = f"{type(self).__name__}.keras_weights", self._plan
        _check_quantized.no_integers(function, plan)
        _check_keras.plain(function, self, NOT_THERE)
        number = _check_keras.layer_number(function, layer, plan.num_layers)
        own = by_sublayer(plan, self._weights("keras_weights"))
        after = plan.name.startswith("gru_after")
        first = number * plan.directions
        found: list[NDArray[Any]] = []
        for part in own[first : first + plan.directions]:
            found += keras_layout.for_layer(plan.cell, part, after)
        return found


def config_of(function: str, model: Any, name: str, version: int) -> tuple[str, dict[str, Any]]:
    """Return the class and the configuration of the layer of Keras that computes what a layer of the model does."""
    _check_keras.plain(function, model, NOT_THERE)
    kind = {"rnn": "SimpleRNN", "lstm": "LSTM", "gru": "GRU"}[model._plan.name.partition("_")[0]]
    config: dict[str, Any] = {
        "name": name,
        "trainable": True,
        "dtype": model.dtype.name,
        "return_sequences": True,
        "return_state": False,
        "go_backwards": False,
        "stateful": False,
        "unroll": False,
        "units": model.hidden_size,
        "use_bias": model.bias,
    }
    theirs = {"activation": "nonlinearity"} if kind == "SimpleRNN" else {}
    theirs = theirs or {"activation": "activation", "recurrent_activation": "recurrent_activation"}
    for argument, ours in theirs.items():
        value = getattr(model, ours)
        config[argument] = _check_keras.keras_activation(function, ours, value, version)
    if kind == "GRU":
        config["reset_after"] = model._plan.name.startswith("gru_after")
    if model._plan.directions == 1:
        return kind, config
    inner = {"class_name": kind, "config": config | {"name": f"forward_{name}"}}
    return "Bidirectional", {
        "name": name,
        "trainable": True,
        "dtype": model.dtype.name,
        "merge_mode": "concat",
        "layer": inner if version < 3 else {"module": "keras.layers", "registered_name": None} | inner,
    }
