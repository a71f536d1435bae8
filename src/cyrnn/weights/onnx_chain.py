"""Which recurrent nodes of a graph are the layers of one stack: each reads nothing but the whole output of another.

Between two layers exporters put what makes Y (seq_length, num_directions, batch_size, hidden_size) an input again.
Known are their forms: a Squeeze of the axis of one direction; a Transpose and a Reshape, which put directions side by
side; behind them pairs of Transpose that exchange batch and steps and change them back; Identity anywhere. Anything
else is no link, however likely it looks.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

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
    if not batch_first and _numbers(steps[0], "perm") != [0, 2, 1, 3]:
        return False
    units, last = node.attribute("hidden_size"), steps[-1]
    if not isinstance(units, int):
        return False
    shape = _numbers(last, "shape")
    if shape in ([0, 0, D * units], [0, 0, -1]):
        return not last.attribute("allowzero")
    # torch.export: the numbers of one length and one batch, or what a Shape says of them
    known = node.graph.shapes.get(node.outputs[0], [])
    if len(known) == 4 and not batch_first:
        known = [known[0], known[2], known[1], known[3]]
    if shape:
        return len(known) == 4 and shape == [*known[:2], D * units] and known[2:] == [D, units]
    return _sizes(node, last.inputs[1], last.inputs[0], ["first", "second", D, units]) == ["first", "second", D * units]


def _sizes(node: Node, name: str, of: str, sizes: list[Any], depth: int = 0) -> list[Any]:
    """Return what a vector of sizes is, `sizes` being those of the tensor `of`; an empty list where that is unknown."""
    made = node.graph.made_by.get(name)
    if made is None or made.op_type == "Constant":
        return _constant(node, name)
    if depth > 8 or not made.inputs or made.domain not in ("", "ai.onnx"):
        return []
    if made.op_type == "Shape":
        whole = made.inputs[0] == of and not made.attribute("start") and "end" not in made.attributes
        return sizes if whole else []
    if made.op_type == "Concat":  # the whole vector, and nothing inside of it: a file cannot ask for ever
        parts = [_sizes(node, one, of, sizes, depth + 1) for one in made.inputs] if not depth else []
        return [size for part in parts for size in part] if all(parts) else []
    inner = _sizes(node, made.inputs[0], of, sizes, depth + 1)
    if made.op_type in ("Identity", "Cast"):
        return inner
    if made.op_type in ("Reshape", "Squeeze", "Unsqueeze"):
        return inner if len(inner) == 1 else []
    if made.op_type == "Slice":
        at = [_constant(node, one) for one in made.inputs[1:]]
        plain = len(at) >= 2 and len(at[0]) == len(at[1]) == 1 and at[2:] in ([], [[0]], [[0], [1]])
        return inner[at[0][0] : at[1][0]] if plain else []
    if made.op_type == "Gather":
        at = [_constant(node, one) for one in made.inputs[1:]]
        return [inner[k] for k in at[0]] if at and all(-len(inner) <= k < len(inner) for k in at[0]) else []
    if made.op_type == "Mul" and len(made.inputs) == 2:
        both = inner + _sizes(node, made.inputs[1], of, sizes, depth + 1)
        return [both[0] * both[1]] if len(both) == 2 and all(isinstance(size, int) for size in both) else []
    return []


def _constant(node: Node, name: str) -> list[int]:
    """Return whole numbers that stand in the file; none of anything else."""
    try:
        return [int(number) for number in node.graph.constant(name, node).ravel()]
    except (ValueError, TypeError, OverflowError):
        return []


def _numbers(node: Node, name: str) -> list[int]:
    """Return whole numbers that are a constant input, or of older opsets an attribute; none where they are neither."""
    try:
        if name in node.attributes:
            return [int(number) for number in node.attribute(name)]
        return [int(n) for n in node.graph.constant(node.inputs[1], node).ravel()] if len(node.inputs) > 1 else []
    except (ValueError, TypeError):  # no constant, or no number in it
        return []
