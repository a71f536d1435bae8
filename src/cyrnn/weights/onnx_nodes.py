"""Recurrent nodes of files of ONNX: their weights, folded, and their attributes."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from ..cells import FUNCTIONS, Activation
from ..cells.spec import Array
from .contents import ABOUT
from .onnx_file import Node, nodes_of
from .onnx_fold import NotConstant
from .protobuf import Message
from .scaled import DTYPES, Misfit, Scaled, fit, floats, scaled
from .stretch import Stretch

#: operator -> the operator of which it is a form
OPERATORS = {"RNN": "RNN", "GRU": "GRU", "LSTM": "LSTM", "DynamicQuantizeLSTM": "LSTM"}
DOMAINS = {"DynamicQuantizeLSTM": ("com.microsoft",)}
#: weight of DynamicQuantizeLSTM -> the places of its integers, scale and zero point among the inputs
_DYNAMIC = {"W": (1, 8, 9), "R": (2, 10, 11)}
#: attributes that are lists -> what of; others -> their type
_LISTS: dict[str, type] = {"activations": str, "activation_alpha": float, "activation_beta": float}
_SINGLE: dict[str, type] = {"clip": float, "direction": str}
_SINGLE |= dict.fromkeys(("hidden_size", "input_forget", "linear_before_reset", "layout"), int)
#: the operators' names of activations, in lower case -> ours
ACTIVATION_NAMES = {name.replace("_", ""): name for name in FUNCTIONS if name != "identity"}


class Recurrent(NamedTuple):
    """What a node says of its layer."""

    operator: str
    W: Any  # W and R are arrays of floats, or both are Scaled
    R: Any
    B: Array | None
    P: Array | None
    initial: tuple[Array | None, Array | None]  # states that stand in the file, and are not all zeros
    attributes: dict[str, Any]


def recurrent_nodes(data: memoryview | Stretch, folder: str | None) -> dict[str, Node]:
    """Return the recurrent nodes of a model, each by a name of its own: the node's, or that of its first output."""
    found: dict[str, Node] = {}
    number = 0
    for node in nodes_of(data, folder):
        if is_recurrent(node):
            name, number = node.label, max(number, len(found))
            while name in found:
                name, number = f"{node.label}#{number}", number + 1
            found[name] = node
    return found


def is_recurrent(node: Node) -> bool:
    return node.op_type in OPERATORS and node.domain in DOMAINS.get(node.op_type, ("", "ai.onnx"))


def about_of(data: memoryview | Stretch) -> str:
    """Return what `save` of nn keeps in a model's metadata; "" where it kept nothing."""
    for number, value in Message(data).fields():
        if number == 14:
            entry = {part: own.text() for part, own in value.message().fields() if part in (1, 2)}
            if entry.get(1) == ABOUT:
                return entry.get(2, "")
    return ""


@np.errstate(all="ignore")  # of scales that a file has
def read(node: Node, integers: bool = False) -> Recurrent:
    """Read the weights and attributes of a node; with `integers` its weights stay integers where calls take them."""
    attributes: dict[str, Any] = {}
    for name in node.attributes:
        if name in _LISTS or name in _SINGLE:
            attributes[name] = _of_its_type(name, node.attribute(name))
        elif name != "output_sequence":  # of the first opset; all outputs are given
            raise NotConstant(f"the attribute {name!r} is unknown")
    inputs = [*node.inputs, *[""] * (12 - len(node.inputs))]

    def tensor(place: int) -> Any:
        return node.graph.constant(inputs[place], node) if inputs[place] else None

    if not inputs[1] or not inputs[2]:
        raise NotConstant("there is no W or no R")
    if node.op_type == "DynamicQuantizeLSTM":
        weights: list[Array | Scaled] = [of_dynamic(name, *map(tensor, places)) for name, places in _DYNAMIC.items()]
    else:
        weights = [node.graph.integers(inputs[place], node) for place in (1, 2)]
    whole = [value for value in weights if isinstance(value, Scaled)]
    if not integers or len(whole) != 2 or not fit(*whole):
        weights = [floats(value) for value in weights]
    for name, value in zip("WR", weights, strict=True):
        if not isinstance(value, Scaled) and value.dtype.kind in "iub":
            raise NotConstant(f"{name} has dtype {value.dtype} and no scale, expected floats")
    W, R = weights
    operator = OPERATORS[node.op_type]
    lstm = operator == "LSTM"
    states = _state(node, inputs[5]), _state(node, inputs[6]) if lstm else None
    return Recurrent(operator, W, R, tensor(3), tensor(7) if lstm else None, states, attributes)


def _of_its_type(name: str, value: Any) -> Any:
    """Return the value of an attribute, which a damaged file may have of any type."""
    kind = _LISTS.get(name)
    if kind is not None and isinstance(value, list) and all(isinstance(one, kind) for one in value):
        return list(value)
    if kind is None and isinstance(value, _SINGLE[name]):
        return value
    if kind is None and value == []:  # of writers that leave out what is 0
        return _SINGLE[name]()
    wanted = f"a list of {kind.__name__}" if kind else _SINGLE[name].__name__
    raise NotConstant(f"the attribute {name!r} is of type {type(value).__name__}, expected {wanted}")


def activation(name: Any, alphas: list[Any], betas: list[Any]) -> Activation | None:
    """Return the activation of a name, which takes its alpha and its beta from the lists; None where it is unknown."""
    own = ACTIVATION_NAMES.get(name.lower()) if isinstance(name, str) else None
    if own is None:
        return None
    constants = list(FUNCTIONS[own].constants)
    for k, given in enumerate((alphas, betas)[: len(constants)]):
        if given:
            constants[k] = given.pop(0)
    return Activation(own, *constants)


def _state(node: Node, name: str) -> Array | None:
    """An initial state that stands in the file; None where it is an input of the model, or all zeros."""
    try:
        value = node.graph.constant(name, node) if name else None
    except NotConstant:
        return None
    return np.array(value, order="C") if value is not None and np.any(value) else None  # aligned, for every call


def of_dynamic(name: str, values: Any, scale: Any, zero: Any) -> Scaled:
    """W or R (D, columns, 4 * H) of DynamicQuantizeLSTM, as the operator LSTM has it: (D, 4 * H, columns)."""
    shape = values.shape
    if values.dtype not in DTYPES:
        raise NotConstant(f"{name} has dtype {values.dtype}, expected int8 or uint8")
    if scale is None or scale.dtype != np.float32:
        raise NotConstant(f"{name}_scale is {'left out' if scale is None else scale.dtype}, expected float32")
    if len(shape) != 3 or scale.shape not in (shape[:1], (shape[0], shape[2])):
        raise NotConstant(f"a scale of shape {scale.shape} does not fit {name} of shape {shape}")
    if zero is None:
        zero = np.zeros(scale.shape, values.dtype)
    if zero.shape != scale.shape:
        raise NotConstant(f"a zero point of shape {zero.shape} does not fit a scale of shape {scale.shape}")
    along = (slice(None), None, None) if scale.ndim == 1 else (slice(None), None)
    try:
        return scaled(values, scale[along], zero[along]).transpose((0, 2, 1))
    except Misfit as error:
        raise NotConstant(f"{name}: {error}") from None
