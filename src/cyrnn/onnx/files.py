"""Recurrent nodes of files of ONNX, as prepared layers with their weights."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import nullcontext
from threading import Lock
from typing import Any

import numpy as np

from ..weights.onnx_file import Node, nodes_of
from ..weights.onnx_fold import NotConstant
from ..weights.protobuf import Malformed
from ..weights.stretch import Changed, File, Stretch
from . import _check
from .layers import Layer
from .prepared import GRU, LSTM, RNN

OPERATORS: dict[str, type[Layer]] = {"RNN": RNN, "GRU": GRU, "LSTM": LSTM, "DynamicQuantizeLSTM": LSTM}
DOMAINS = {"DynamicQuantizeLSTM": ("com.microsoft",)}
_LISTS = ("activations", "activation_alpha", "activation_beta")
_SINGLE = ("clip", "direction", "hidden_size", "input_forget", "linear_before_reset", "layout")


class Model(Mapping[str, Layer]):
    """The recurrent nodes of a file by their names, in its order; each is prepared where it is asked for."""

    def __init__(self, source: str, nodes: dict[str, Node], file: File | None) -> None:
        self._source, self._nodes, self._file = source, nodes, file
        self._layers: dict[str, Layer] = {}
        self._lock = Lock()  # of the file, in which one place at a time is read

    def __getitem__(self, name: str) -> Layer:
        with self._lock:
            if name not in self._layers:
                node = self._nodes[name]
                try:
                    with self._file or nullcontext():
                        self._layers[name] = _prepared(node)
                except (NotConstant, Malformed, ValueError, TypeError, OSError) as error:
                    _check.of_file(self._source, f"{node}: ", error)
            return self._layers[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._nodes)

    def __len__(self) -> int:
        return len(self._nodes)

    def __repr__(self) -> str:
        nodes = ", ".join(f"{name!r}: {node.op_type}" for name, node in self._nodes.items())
        return f"<onnx model {self._source}: {nodes or 'no recurrent node'}>"


def load(source: Any) -> Model:
    """Return the recurrent nodes of a model, by their names, as prepared layers.

    Parameters
    ----------
    source : path or bytes
        A file of ONNX, or what it holds. Tensors in files of their own are found beside a path.

    Returns
    -------
    Model
        A mapping: name of the node to `RNN`, `GRU` or `LSTM`, in the order of the file, those in the branches of If and
        Loop behind the others. A node without a name has that of its first output. DynamicQuantizeLSTM, of
        onnxruntime, is an LSTM with its weights in float32.

    Raises
    ------
    ValueError
        If source is no model, with the place in the file; where a layer is asked for, if its weights are computed from
        what is not constant, do not fit, or an attribute is unknown, with the name of the node.
    TypeError
        If source is neither a path nor bytes.

    Notes
    -----
    The file is read as it is, without the onnx package; of a large one the weights of a layer when it is prepared, for
    which the file has to be there, and unchanged. What a weight is computed from is followed through Constant,
    Identity, Transpose, QuantizeLinear and DequantizeLinear.

    Examples
    --------
    >>> cyrnn.onnx.load(bytes([58, 0]))  # the shortest model; of a path, model["encoder/LSTM"](X) runs its node
    <onnx model 2 bytes: no recurrent node>
    """
    if isinstance(source, (bytes, bytearray, memoryview)):
        own = bytes(source)  # a copy of what its owner may change; layers are prepared later
        return _model(f"{len(own)} bytes", memoryview(own), None, None)
    if not isinstance(source, (str, os.PathLike)):
        _check.no_source(source)
    with File(source) as file:
        data, folder = file.content(), os.path.dirname(os.path.abspath(os.fspath(source)))
        return _model(repr(os.fspath(source)), data, folder, file if isinstance(data, Stretch) else None)


def _model(shown: str, data: memoryview | Stretch, folder: str | None, file: File | None) -> Model:
    found: dict[str, Node] = {}
    try:
        for node in nodes_of(data, folder):
            if node.op_type in OPERATORS and node.domain in DOMAINS.get(node.op_type, ("", "ai.onnx")):
                name = node.name or next((output for output in node.outputs if output), node.op_type)
                found[name if name not in found else f"{name}#{len(found)}"] = node
    except (Malformed, Changed) as error:
        _check.of_file(shown, "", error)
    return Model(shown, found, file)


def _prepared(node: Node) -> Layer:
    """Read the weights and attributes of a node, and pack them."""
    attributes: dict[str, Any] = {}
    for name in node.attributes:
        if name in _LISTS + _SINGLE:
            value = node.attribute(name)
            attributes[name] = list(value) if name in _LISTS else value
        elif name != "output_sequence":  # of the first opset; all outputs are given
            raise NotConstant(f"the attribute {name!r} is unknown")
    inputs = [*node.inputs, *[""] * (12 - len(node.inputs))]
    quantized = node.op_type == "DynamicQuantizeLSTM"

    def tensor(place: int) -> Any:
        return node.graph.constant(inputs[place], node) if inputs[place] else None

    W, R, B = (tensor(place) for place in (1, 2, 3))
    if W is None or R is None:
        raise NotConstant("there is no W or no R")
    if quantized:
        W, R = dequantized(W, tensor(8), tensor(9)), dequantized(R, tensor(10), tensor(11))
    for name, value in (("W", W), ("R", R)):
        if value.dtype.kind in "iub":
            raise NotConstant(f"{name} has dtype {value.dtype} and no scale, expected floats")
    more = {"P": tensor(7)} if OPERATORS[node.op_type] is LSTM else {}
    layer = OPERATORS[node.op_type](W, R, B, **more, **attributes)  # type: ignore[call-arg]  # each has its own
    layer.initial = tuple([_state(node, inputs[place]) for place in (5, 6)][: len(layer._names)])
    return layer


def _state(node: Node, name: str) -> Any:
    """An initial state that stands in the file; None where it is an input of the model, or all zeros."""
    try:
        value = node.graph.constant(name, node) if name else None
    except NotConstant:
        return None
    return np.array(value, order="C") if value is not None and np.any(value) else None  # aligned, for every call


def dequantized(W: Any, scale: Any, zero: Any) -> Any:
    """W (D, columns, 4 * H) of DynamicQuantizeLSTM in float32, as the operator LSTM has it: (D, 4 * H, columns)."""
    if scale is None or W.ndim != 3 or scale.shape not in ((len(W),), (len(W), W.shape[2])):
        raise NotConstant(f"a scale of shape {getattr(scale, 'shape', None)} does not fit weights of shape {W.shape}")

    def along(value: Any) -> Any:
        return value[:, None, None] if value.ndim == 1 else value[:, None, :]

    whole = W.astype(np.float32) - (0 if zero is None else along(zero).astype(np.float32))
    return (whole * along(scale)).transpose(0, 2, 1)
