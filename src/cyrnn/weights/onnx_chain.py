"""Which recurrent nodes of a graph are the layers of one stack: each reads nothing but the whole output of another.

Between two layers exporters put what makes Y (seq_length, num_directions, batch_size, hidden_size) an input again.
Known are their forms: a Squeeze of the axis of one direction; a Transpose and a Reshape, which put directions side by
side; behind them pairs of Transpose that exchange batch and steps and change them back; Identity anywhere. Anything
else is no link, however likely it looks.
"""

from __future__ import annotations

from collections.abc import Mapping

from .onnx_file import Node
from .onnx_nodes import is_recurrent

#: the deepest stack that is taken for one: nodes may share weights, and each would be a copy
MAX_LAYERS = 64


class Apart(ValueError):
    """Nodes that are no layers of one stack."""


def chain(nodes: Mapping[str, Node]) -> list[str]:
    """Return the names of nodes in the order of their layers."""
    if not nodes:
        raise Apart("there is no such node")
    if len(nodes) > MAX_LAYERS:
        raise Apart(f"there are {len(nodes)} nodes, expected at most {MAX_LAYERS} layers")
    by_node = {id(node): name for name, node in nodes.items()}
    above: dict[str, str] = {}
    first = []
    for name, node in nodes.items():
        below = by_node.get(id(_before(node)))
        if below is None:
            first.append(name)
        elif below in above:
            raise Apart(f"{above[below]!r} and {name!r} read the same node {below!r}")
        else:
            above[below] = name
    if len(first) != 1:
        raise Apart(f"none of {', '.join(map(repr, first))} reads another alone" if first else "they read each other")
    found = [first[0]]
    while found[-1] in above:
        found.append(above[found[-1]])
    if len(found) != len(nodes):
        raise Apart("some of them read each other")
    return found


def _before(node: Node) -> Node | None:
    """Return the node whose output Y is the input X of a node, in the form of a sequence; None of anything else."""
    name, steps = node.inputs[0] if node.inputs else "", list[Node]()
    for _ in range(8):
        producer = node.graph.made_by.get(name)
        if producer is None or not producer.inputs or not name:
            return None
        if is_recurrent(producer):
            return producer if producer.outputs[0] == name and _joins(producer, steps[::-1]) else None
        if producer.domain not in ("", "ai.onnx"):
            return None
        if producer.op_type in ("Squeeze", "Transpose", "Reshape"):
            steps.append(producer)
        elif producer.op_type != "Identity":
            return None
        name = producer.inputs[0]
    return None


def _joins(node: Node, steps: list[Node]) -> bool:
    """Whether the operators behind Y put its directions side by side, and do nothing else."""
    batch_first = bool(node.attribute("layout"))
    D = 2 if node.attribute("direction") == "bidirectional" else 1
    while len(steps) > 2 and all(_numbers(step, "perm") == [1, 0, 2] for step in steps[-2:]):
        steps = steps[:-2]
    kinds = [step.op_type for step in steps]
    if kinds == ["Squeeze"]:
        axes = _numbers(steps[0], "axes")
        return D == 1 and len(axes) == 1 and axes[0] % 4 == (2 if batch_first else 1)
    if kinds != ["Reshape"] * batch_first + ["Transpose", "Reshape"] * (not batch_first):
        return False
    units = node.attribute("hidden_size")
    joined = isinstance(units, int) and _numbers(steps[-1], "shape") == [0, 0, D * units]
    whole = (joined or _numbers(steps[-1], "shape") == [0, 0, -1]) and not steps[-1].attribute("allowzero")
    return whole and (batch_first or _numbers(steps[0], "perm") == [0, 2, 1, 3])


def _numbers(node: Node, name: str) -> list[int]:
    """Return whole numbers that are a constant input, or of older opsets an attribute; none where they are neither."""
    try:
        if name in node.attributes:
            return [int(number) for number in node.attribute(name)]
        return [int(n) for n in node.graph.constant(node.inputs[1], node).ravel()] if len(node.inputs) > 1 else []
    except (ValueError, TypeError):  # no constant, or no number in it
        return []
