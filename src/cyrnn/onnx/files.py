"""Recurrent nodes of files of ONNX, as prepared layers with their weights."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import nullcontext
from threading import Lock
from typing import Any

from ..weights.onnx_file import Node
from ..weights.onnx_fold import NotConstant
from ..weights.onnx_nodes import read, recurrent_nodes
from ..weights.protobuf import Malformed
from ..weights.stretch import Changed, File, Stretch
from . import _check
from .layers import Layer
from .lstm_layer import LSTM
from .prepared import GRU, RNN

OPERATORS: dict[str, type[Layer]] = {"RNN": RNN, "GRU": GRU, "LSTM": LSTM, "DynamicQuantizeLSTM": LSTM}


class Model(Mapping[str, Layer]):
    """The recurrent nodes of a file by their names, in its order; each is prepared where it is asked for."""

    def __init__(self, source: str, nodes: dict[str, Node], file: File | None, integers: bool) -> None:
        self._source, self._nodes, self._file, self._integers = source, nodes, file, integers
        self._layers: dict[str, Layer] = {}
        self._lock = Lock()  # of the file, in which one place at a time is read

    def __getitem__(self, name: str) -> Layer:
        with self._lock:
            if name not in self._layers:
                node = self._nodes[name] if name in self._nodes else _check.no_node(self._source, name, self._nodes)
                try:
                    with self._file or nullcontext():
                        self._layers[name] = _prepared(node, self._integers)
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


def load(source: Any, *, dequantize: bool = False) -> Model:
    """Return the recurrent nodes of a model, by their names, as prepared layers.

    Parameters
    ----------
    source : path or bytes
        A file of ONNX, or what it holds. Tensors in files of their own are found beside a path.
    dequantize : bool
        Whether weights that are integers become float32: results are those of the floats, and `backward` works.

    Returns
    -------
    Model
        A mapping: name of the node to `RNN`, `GRU` or `LSTM`, in the order of the file, those in the branches of If and
        Loop behind the others. A node without a name has that of its first output. DynamicQuantizeLSTM, of
        onnxruntime, is an LSTM.

    Raises
    ------
    ValueError
        If source is no model, with the place in the file; where a layer is asked for, if its weights are computed from
        what is not constant, do not fit, or an attribute is unknown, with the name of the node.
    TypeError
        If source is neither a path nor bytes.

    See Also
    --------
    cyrnn.nn.load : One model of a file, as a class of torch.nn.
    reference_ops : The operators where a whole graph is run.

    Notes
    -----
    The file is read as it is, without the onnx package; of a large one the weights of a layer when it is prepared, for
    which the file has to be there, and unchanged. What a weight is computed from is followed through Constant,
    Identity, Transpose, QuantizeLinear and DequantizeLinear.

    Where W and R are integers of 8 bits with scales in float32, one for all or one for each row, a layer computes with
    those integers: int8 if all differences to their zero points lie within -128 .. 127, else int16, which holds them
    exactly. It goes forward only. Others, as with a scale for each column, or W alone, become floats.

    Examples
    --------
    >>> cyrnn.onnx.load(bytes([58, 0]))  # the shortest model; of a path, model["encoder/LSTM"](X) runs its node
    <onnx model 2 bytes: no recurrent node>
    """
    integers = not _check.flag("onnx.load", "dequantize", dequantize)
    if isinstance(source, (bytes, bytearray, memoryview)):
        own = bytes(source)  # a copy of what its owner may change; layers are prepared later
        return _model(f"{len(own)} bytes", memoryview(own), None, None, integers)
    if not isinstance(source, (str, os.PathLike)):
        _check.no_source(source)
    with File(source) as file:
        data, folder = file.content(), os.path.dirname(os.path.abspath(os.fspath(source)))
        return _model(repr(os.fspath(source)), data, folder, file if isinstance(data, Stretch) else None, integers)


def _model(shown: str, data: memoryview | Stretch, folder: str | None, file: File | None, integers: bool) -> Model:
    try:
        return Model(shown, recurrent_nodes(data, folder), file, integers)
    except (Malformed, Changed) as error:
        _check.of_file(shown, "", error)


def _prepared(node: Node, integers: bool) -> Layer:
    """Read the weights and attributes of a node, and pack them."""
    found = read(node, integers)
    kind = OPERATORS[node.op_type]
    more = {"P": found.P} if kind is LSTM else {}
    layer = kind(found.W, found.R, found.B, **more, **found.attributes)  # type: ignore[call-arg]  # each has its own
    layer.initial = found.initial[: len(layer._names)]
    return layer
