"""Recurrent nodes of files of ONNX, as prepared layers with their weights."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from typing import Any

from ..weights.onnx_file import Node
from ..weights.onnx_fold import NotConstant
from ..weights.onnx_nodes import read, recurrent_nodes
from ..weights.protobuf import Malformed
from . import _check
from .layers import Layer
from .prepared import GRU, LSTM, RNN

OPERATORS: dict[str, type[Layer]] = {"RNN": RNN, "GRU": GRU, "LSTM": LSTM, "DynamicQuantizeLSTM": LSTM}


class Model(Mapping[str, Layer]):
    """The recurrent nodes of a file by their names, in its order; each is prepared where it is asked for."""

    def __init__(self, source: str, nodes: dict[str, Node]) -> None:
        self._source, self._nodes = source, nodes
        self._layers: dict[str, Layer] = {}

    def __getitem__(self, name: str) -> Layer:
        if name not in self._layers:
            node = self._nodes[name]
            try:
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
    The file is read as it is, without the onnx package: weights are views of it until their layer is prepared. What a
    weight is computed from is followed through Constant, Identity, Transpose, QuantizeLinear and DequantizeLinear.

    Examples
    --------
    >>> cyrnn.onnx.load(bytes([58, 0]))  # the shortest model; of a path, model["encoder/LSTM"](X) runs its node
    <onnx model 2 bytes: no recurrent node>
    """
    if isinstance(source, (bytes, bytearray, memoryview)):
        data = memoryview(bytes(source))  # a copy of what its owner may change; layers are prepared later
        shown, folder = f"{len(data)} bytes", None
    elif isinstance(source, (str, os.PathLike)):
        shown, folder = repr(os.fspath(source)), os.path.dirname(os.path.abspath(os.fspath(source)))
        with open(source, "rb") as file:
            data = memoryview(file.read())
    else:
        _check.no_source(source)
    try:
        return Model(shown, recurrent_nodes(data, folder))
    except Malformed as error:
        _check.of_file(shown, "", error)


def _prepared(node: Node) -> Layer:
    """Read the weights and attributes of a node, and pack them."""
    found = read(node)
    kind = OPERATORS[node.op_type]
    more = {"P": found.P} if kind is LSTM else {}
    layer = kind(found.W, found.R, found.B, **more, **found.attributes)  # type: ignore[call-arg]  # each has its own
    layer.initial = found.initial[: len(layer._names)]
    return layer
