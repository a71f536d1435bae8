"""The operators for the onnx package's ReferenceEvaluator, which runs a whole graph in NumPy."""

from __future__ import annotations

import importlib
from typing import Any

from ..weights.onnx_nodes import DOMAINS, of_dynamic
from . import _check
from .files import OPERATORS
from .layers import Layer, unchanging
from .lstm_layer import LSTM

#: where the inputs stand that a layer is prepared from: W, R, B, of an LSTM P, and scales and zero points
_PREPARED_FROM = (1, 2, 3, 7, 8, 9, 10, 11)
_INPUTS = 12


def reference_ops() -> list[type[Any]]:
    """Return the operators as classes for onnx.reference.ReferenceEvaluator(model, new_ops=...), which runs a graph.

    Returns
    -------
    list of classes
        RNN, GRU, LSTM of every opset, and DynamicQuantizeLSTM of onnxruntime, an LSTM with its weights in float32.

    Raises
    ------
    ImportError
        If the onnx package is not installed: it is the extra `onnx`.

    See Also
    --------
    load : The recurrent nodes of a file alone, without the onnx package.

    Notes
    -----
    A node gets its weights with every call. Where they are initializers with raw data, as exporters write them, they
    are packed once: nobody can write to them, so that the same arrays are the same weights. Any others, of a node or an
    input, may have changed, and are packed in every call. What a model's node leaves out is as the operator's
    description has it. Outputs without a name are not handed on. onnx runs the functions that a model defines itself
    without the classes that it was given: a recurrent node in one of them is onnx's own.

    Examples
    --------
    >>> import onnx
    >>> [operator.__name__ for operator in cyrnn.onnx.reference_ops()]
    ['RNN', 'GRU', 'LSTM', 'DynamicQuantizeLSTM']
    """
    try:
        base = importlib.import_module("onnx.reference.op_run").OpRun
    except ImportError as error:
        _check.no_onnx_package("onnx.reference_ops", error)
    return [_operator(base, name, kind) for name, kind in OPERATORS.items()]


def _operator(base: Any, name: str, kind: type[Layer]) -> type[Any]:
    """Return the class of an operator; `base`: onnx's OpRun."""

    def _run(self: Any, *inputs: Any, **attributes: Any) -> tuple[Any, ...]:
        given = [*inputs, *[None] * (_INPUTS - len(inputs))]
        # onnx adds defaults of its newest opset, such as two activations where there is one direction
        own = {attribute.name for attribute in self.onnx_node.attribute} - {"output_sequence"}
        layer = _prepared(self, kind, given, {name: attributes[name] for name in own})
        outputs: tuple[Any, ...] = layer._call(given[0], given[4], tuple(given[5 : 5 + len(layer._names)]))
        return outputs[: len(self.output)]

    def run(self: Any, *inputs: Any, **options: Any) -> tuple[Any, ...]:
        # onnx would keep an output without a name as the value of every input that is left out
        outputs = base.run(self, *inputs, **options)
        return tuple([value if name else None for name, value in zip(self.output, outputs, strict=True)])

    domain = DOMAINS.get(name, ("",))[0]
    made: type[Any] = type(base)(name, (base,), {"op_domain": domain, "_run": _run, "run": run, "_packed": None})
    return made


def _prepared(node: Any, kind: type[Layer], inputs: list[Any], attributes: dict[str, Any]) -> Layer:
    """Return the layer of a node, that of its last call where nothing can have changed."""
    weights = [inputs[place] for place in _PREPARED_FROM]
    packed = node._packed
    if packed is not None:
        same, known, layer = packed
        if known == attributes and all(one is other for one, other in zip(same, weights, strict=True)):
            return layer  # type: ignore[no-any-return]  # of its own class
    W, R, B, P, W_scale, W_zero, R_scale, R_zero = weights
    if W_scale is not None:
        W, R = of_dynamic("W", W, W_scale, W_zero).floats(), of_dynamic("R", R, R_scale, R_zero).floats()
    more = {"P": P} if kind is LSTM else {}
    layer = kind(W, R, B, **more, **attributes)  # type: ignore[call-arg]  # each has its own
    if all(weight is None or unchanging(weight) for weight in weights):
        node._packed = weights, attributes, layer
    return layer
