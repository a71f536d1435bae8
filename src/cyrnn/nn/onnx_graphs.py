"""Models of nn as graphs of ONNX: a node for each layer, and between them what makes an output an input again.

    input h_0 c_0 -> output h_n c_n, as calls of the model have them
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any, BinaryIO

import numpy as np

from ..cells import FUNCTIONS, Activation, Variant
from ..cells.spec import Array
from ..weights import onnx_write as onnx
from ..weights import orders
from . import _check_files, kept
from .module import Module
from .weights import Plan


def save(model: Module[Any], path: str, file: BinaryIO) -> None:
    """Write the graph of a model."""
    plan, weights = model._plan, model.state_dict()
    size = sum(value.nbytes for value in weights.values())
    _check_files.in_onnx(f"{type(model).__name__}.save", path, plan.proj_size, form(plan)[0].clip, size, onnx.MAX_BYTES)
    operator = plan.name.partition("_")[0].upper()
    tensors = dict(_tensors(plan, operator, weights))
    attributes, options = _attributes(plan, operator), kept.options(model)
    if plan.numbered:
        nodes, *ends = _graph(plan, operator, attributes, options.get("batch_first", False), tensors)
    else:
        nodes, *ends = _step(plan, operator, attributes, tensors)
        options["single_step"] = True
    infos = [[onnx.value_info(name, plan.dtype, shape) for name, shape in end.items()] for end in ends]
    onnx.write(file, type(model).__name__, nodes, tensors, infos[0], infos[1], json.dumps(options))


def _tensors(plan: Plan, operator: str, weights: Mapping[str, Array]) -> Iterator[tuple[str, Array]]:
    """Yield W, R, B and P of every layer: both directions in one, rows in the operator's order."""
    given, wanted = orders.order_of("torch", plan.cell), orders.ORDERS["onnx"][operator.lower()]

    def rows(name: str) -> Array:
        return orders.in_order(weights[name], given, wanted, plan.hidden_size, plan.dtype)

    for k in range(plan.num_layers):
        suffixes = plan.suffixes[k * plan.directions : (k + 1) * plan.directions]
        for tensor, name in (("W", "weight_ih"), ("R", "weight_hh")):
            yield f"{tensor}{k}", np.stack([rows(name + suffix) for suffix in suffixes])
        if plan.bias:
            halves = [[rows(f"bias_{half}{suffix}") for half in ("ih", "hh")] for suffix in suffixes]
            yield f"B{k}", np.stack([np.concatenate(both) for both in halves])
        if plan.peephole:
            P = np.zeros((plan.directions, 3, plan.hidden_size), plan.dtype)
            for d, suffix in enumerate(suffixes):
                P[d, : len(plan.cell.peepholes)] = weights[f"weight_ch{suffix}"]
            yield f"P{k}", P.reshape(plan.directions, -1)


def _attributes(plan: Plan, operator: str) -> dict[str, Any]:
    """Return the attributes of every node of a model."""
    variant, coupled, after = form(plan)
    directions = "bidirectional" if plan.directions == 2 else "forward"
    found: dict[str, Any] = {"hidden_size": plan.hidden_size, "direction": directions}
    found |= {"linear_before_reset": int(after)} if operator == "GRU" else {}
    found |= {"input_forget": 1} if coupled else {}
    found |= {} if variant.clip == np.inf else {"clip": variant.clip}
    used = {"RNN": variant[1:2], "GRU": variant[:2], "LSTM": variant[:3]}[operator]
    activations = list(used) * plan.directions
    found["activations"] = ["".join(map(str.capitalize, own.name.split("_"))) for own in activations]
    for k, name in enumerate(("activation_alpha", "activation_beta")):
        values = [float(own[1 + k]) for own in activations if len(FUNCTIONS[own.name].constants) > k]
        found |= {name: values} if values else {}
    return found


def form(plan: Plan) -> tuple[Variant, bool, bool]:
    """Return what the attributes of nodes say of a model: its activations and clip, coupled gates, the form of a GRU.

    Constants are float32 there, and the identity is an affine function.
    """
    variant = plan.variant if plan.name != "rnn_relu" else plan.variant._replace(candidate=Activation("relu"))
    gate, candidate, output = (_of_onnx(own) for own in (variant.gate, variant.candidate, variant.output))
    after = plan.name.startswith("gru_after") or not plan.name.startswith("gru")
    return Variant(gate, candidate, output, _float32(variant.clip)), plan.name == "lstm_coupled", after


def _of_onnx(own: Activation) -> Activation:
    if own.name == "identity":
        return Activation("affine", 1.0, 0.0)
    return Activation(own.name, _float32(own.alpha), _float32(own.beta))


def _float32(value: float) -> float:
    with np.errstate(over="ignore"):
        return float(np.float32(value))


def _graph(
    plan: Plan, operator: str, attributes: dict[str, Any], batch_first: bool, tensors: dict[str, Array]
) -> tuple[list[onnx.Pieces], dict[str, Any], dict[str, Any]]:
    """Return the nodes of a model of layers, and the shapes of the graph's inputs and outputs."""
    n, D, layers, names = plan.hidden_size, plan.directions, plan.num_layers, ["h", "c"][: len(plan.cell.states)]
    nodes, x = [], "input"
    if batch_first:
        nodes.append(onnx.node("Transpose", ["input"], ["x0"], "sequence_first", perm=[1, 0, 2]))
        x = "x0"
    first, last = ({s: [f"{s}_{end}"] for s in names} for end in "0n")
    if layers > 1:
        for s in names:
            first[s], last[s] = ([f"{s}_{end}_l{k}" for k in range(layers)] for end in "0n")
            nodes.append(onnx.node("Split", [f"{s}_0"], first[s], f"{s}_of_layers", axis=0))
    tensors |= {"axis": np.array([1])} if D == 1 else {"shape": np.array([0, 0, D * n])}
    for k in range(layers):
        made = "output" if k == layers - 1 and not batch_first else f"x{k + 1}"
        before, after = ([ends[s][k] for s in names] for ends in (first, last))
        nodes.append(_cell(operator, k, x, before, after, attributes, tensors))
        if D == 1:
            nodes.append(onnx.node("Squeeze", [f"Y{k}", "axis"], [made], f"sequence_{k}"))
        else:
            nodes.append(onnx.node("Transpose", [f"Y{k}"], [f"Z{k}"], f"batch_{k}", perm=[0, 2, 1, 3]))
            nodes.append(onnx.node("Reshape", [f"Z{k}", "shape"], [made], f"sequence_{k}"))
        x = made
    if batch_first:
        nodes.append(onnx.node("Transpose", [x], ["output"], "batch_first", perm=[1, 0, 2]))
    if layers > 1:
        nodes += [onnx.node("Concat", last[s], [f"{s}_n"], f"all_{s}", axis=0) for s in names]
    axes = ["N", "L"] if batch_first else ["L", "N"]
    states = [layers * D, "N", n]
    inputs = {"input": [*axes, plan.input_size]} | {f"{s}_0": states for s in names}
    return nodes, inputs, {"output": [*axes, D * n]} | {f"{s}_n": states for s in names}


def _step(
    plan: Plan, operator: str, attributes: dict[str, Any], tensors: dict[str, Array]
) -> tuple[list[onnx.Pieces], dict[str, Any], dict[str, Any]]:
    """Likewise of a cell: one step, whose input and states have no first axis."""
    names = ["h", "c"][: len(plan.cell.states)]
    given = {"input": ["N", plan.input_size]} | {f"{s}_0": ["N", plan.hidden_size] for s in names}
    tensors["axis"] = np.array([0])
    nodes = [onnx.node("Unsqueeze", [name, "axis"], [f"{name}_of_one"], f"{name}_of_one") for name in given]
    before, after = [f"{s}_0_of_one" for s in names], [f"{s}_1_of_one" for s in names]
    nodes.append(_cell(operator, 0, "input_of_one", before, after, attributes, tensors))
    results = {f"{s}_1": ["N", plan.hidden_size] for s in names}
    nodes += [onnx.node("Squeeze", [f"{name}_of_one", "axis"], [name], name) for name in results]
    return nodes, given, results


def _cell(
    operator: str,
    k: int,
    x: str,
    first: list[str],
    last: list[str],
    attributes: dict[str, Any],
    tensors: Mapping[str, Array],
) -> onnx.Pieces:
    """Return the node of a layer; inputs that are left out at the end are not named."""
    W, R, B, P = (f"{name}{k}" if f"{name}{k}" in tensors else "" for name in "WRBP")
    inputs = [x, W, R, B, "", *first] + [P] * bool(P)
    return onnx.node(operator, inputs, [f"Y{k}", *last], f"{operator}_{k}", **attributes)
