"""Files of ONNX, read as far as the weights of recurrent operators go: messages of onnx.proto by their field numbers.

Tensors are views of the file, or stretches of it that are read with their weight. What a weight is computed from is
folded where that is a constant that goes through Identity, Transpose, QuantizeLinear and DequantizeLinear, as tools
that make and quantise files leave it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ..cells.spec import Array
from .onnx_fold import FOLDED, NotConstant, followed, joined
from .onnx_tensor import Tensor
from .protobuf import Malformed, Message
from .scaled import Scaled
from .stretch import Stretch

#: the deepest graph within a graph, as If and Loop have them
DEEPEST = 32
#: most inputs of a Concat, and most of them in one another: gates, and directions
MAX_JOINED, DEEPEST_JOINED = 8, 2


@dataclass
class Node:
    """A NodeProto, and the graph that it is in."""

    graph: Graph
    name: str = ""
    op_type: str = ""
    domain: str = ""
    inputs: list[str] = field(default_factory=list)
    outputs: list[str] = field(default_factory=list)
    attributes: dict[str, Message] = field(default_factory=dict)

    def __str__(self) -> str:
        return f"{self.op_type} {self.label!r}"

    @property
    def label(self) -> str:
        """Its name or, where it has none, that of its first output."""
        return self.name or next((output for output in self.outputs if output), self.op_type)

    def attribute(self, name: str) -> Any:
        """Return the value of an attribute; None where there is none."""
        message = self.attributes.get(name)
        if message is None:
            return None
        found: dict[int, list[Any]] = {}
        for number, value in message.fields():
            if number in (2, 7):
                found.setdefault(number, []).extend(np.frombuffer(value.numbers(4), "<f4").tolist())
            elif number in (3, 8):
                found.setdefault(number, []).extend(value.integers())
            elif number in (4, 9):
                found.setdefault(number, []).append(value.text())
            elif number == 5:
                found.setdefault(number, []).append(Tensor(value.message(), self.name))
        for number in (2, 3, 4, 5):
            if number in found:
                return found[number][-1]
        return next((found[number] for number in (7, 8, 9) if number in found), [])


class Graph:
    """A GraphProto: its nodes, its tensors by their names, and the graph around it."""

    def __init__(self, message: Message, folder: str | None, outer: Graph | None = None) -> None:
        self.outer, self.folder = outer, folder
        self.nodes: list[Node] = []
        self.tensors: dict[str, Tensor] = {}
        self.inner: list[Message] = []
        self.shapes: dict[str, list[int]] = {}  # of value_info, where every size is a number
        for number, value in message.fields():
            if number == 1:
                self.nodes.append(self._node(value.message()))
            elif number == 5:
                tensor = Tensor(value.message())
                for part, own in tensor.message.fields():
                    if part == 8:
                        tensor.name = own.text()
                self.tensors[tensor.name] = tensor
            elif number == 13:
                name, shape = _shape(value.message())
                self.shapes[name] = shape
        self.made_by = {output: node for node in self.nodes for output in node.outputs if output}

    def _node(self, message: Message) -> Node:
        node = Node(self)
        for number, value in message.fields():
            if number in (1, 2):
                (node.inputs if number == 1 else node.outputs).append(value.text())
            elif number in (3, 4, 7):
                setattr(node, {3: "name", 4: "op_type", 7: "domain"}[number], value.text())
            elif number == 5:
                attribute = value.message()
                for part, own in attribute.fields():
                    if part == 1:
                        node.attributes[own.text()] = attribute
                    elif part in (6, 11):
                        self.inner.append(own.message())
        return node

    def constant(self, name: str, wanted: Node) -> Array:
        """Return the values of a tensor, folded; `wanted`: the node whose weight it is."""
        return self._folded(name, wanted, integers=False)  # type: ignore[return-value]  # none is Scaled then

    def integers(self, name: str, wanted: Node) -> Array | Scaled:
        """Likewise; integers of 8 bits stay, with what DequantizeLinear would multiply them with."""
        return self._folded(name, wanted, integers=True)

    def _folded(
        self, name: str, wanted: Node, integers: bool, read: dict[tuple[int, str], Array] | None = None, depth: int = 0
    ) -> Array | Scaled:
        """`read`: the tensors read so far, each once, so that a Concat of the same one again and again is found."""
        read = {} if read is None else read
        steps: list[Node] = []
        known: set[int] = set()
        graph: Graph | None = self
        while True:
            while graph is not None and name not in graph.tensors and name not in graph.made_by:
                graph = graph.outer
            if graph is None:
                raise NotConstant(f"{wanted}: its weight {name!r} is an input of the model, expected a constant")
            known_as = (id(graph), name)  # a graph within may have a tensor of the same name
            if known_as in read:
                found = read[known_as]
                break
            if name in graph.tensors:
                found = read[known_as] = graph.tensors[name].array(graph.folder)
                break
            node = graph.made_by[name]
            if node.op_type == "Constant":
                found = read[known_as] = _value(node, wanted)
                break
            if node.op_type == "Concat" and len(node.inputs) <= MAX_JOINED and depth < DEEPEST_JOINED:
                parts = [graph._folded(part, wanted, False, read, depth + 1) for part in node.inputs]
                most = sum(each.size for each in read.values())
                found = joined(node, parts, most)  # type: ignore[arg-type]  # none is Scaled: integers is False
                break
            if node.op_type not in FOLDED:
                raise NotConstant(f"{wanted}: its weight comes from {node}, expected a constant")
            if id(node) in known:
                raise NotConstant(f"{wanted}: its weight comes from {node}, which comes from itself")
            steps.append(node)
            known.add(id(node))
            if not node.inputs:
                raise NotConstant(f"{wanted}: its weight comes from {node}, which has no input")
            name = node.inputs[0]
        folded: Array | Scaled = found
        for node in reversed(steps):
            folded = followed(node, folded, [self.scale(node, name) for name in node.inputs[1:]], integers)
        return folded

    def scale(self, node: Node, name: str) -> Array | None:
        """Return a scale or a zero point, which has to stand in the file as it is."""
        graph: Graph | None = node.graph
        while graph is not None:
            if name in graph.tensors:
                return graph.tensors[name].array(graph.folder)
            if name in graph.made_by and graph.made_by[name].op_type == "Constant":
                return _value(graph.made_by[name], node)
            graph = graph.outer
        if not name:
            return None
        raise NotConstant(f"{node}: its input {name!r} is not a constant")


def _value(node: Node, wanted: Node) -> Array:
    """The value of a Constant."""
    tensor = node.attribute("value")
    if isinstance(tensor, Tensor):
        return tensor.array(node.graph.folder)
    for name, dtype in (("value_float", np.float32), ("value_floats", np.float32), ("value_int", np.int64)):
        value = node.attribute(name)
        if isinstance(value, (int, float, list)) and value != []:
            return np.array(value, dtype)
    raise NotConstant(f"{wanted}: its weight comes from {node}, which holds no tensor")


def _shape(info: Message) -> tuple[str, list[int]]:
    """The name and the shape of a ValueInfoProto; an empty list where a size is no number."""
    name, sizes = "", list[int]()
    for number, value in info.fields():
        if number == 1:
            name = value.text()
        elif number == 2:
            tensors = [part.message() for kind, part in value.message().fields() if kind == 1]
            shapes = [part.message() for one in tensors for kind, part in one.fields() if kind == 2]
            for dimension in (part.message() for one in shapes for kind, part in one.fields() if kind == 1):
                sizes += next(([own.integer()] for kind, own in dimension.fields() if kind == 1), [-1])
    return name, sizes if all(size >= 0 for size in sizes) else []


def nodes_of(data: memoryview | Stretch, folder: str | None) -> Iterator[Node]:
    """Yield every node of a model, of the graphs within its graph, too; `folder`: where tensors' own files are."""
    graphs = [(value.message(), None, 0) for number, value in Message(data).fields() if number == 7]
    if not graphs:
        raise Malformed(0, "there is no graph: this is no model of ONNX")
    pending: list[tuple[Message, Graph | None, int]] = list(graphs)
    while pending:
        message, outer, depth = pending.pop()
        if depth > DEEPEST:
            raise Malformed(message.at, f"a graph is more than {DEEPEST} graphs deep")
        graph = Graph(message, folder, outer)
        yield from graph.nodes
        pending += [(inner, graph, depth + 1) for inner in graph.inner]
