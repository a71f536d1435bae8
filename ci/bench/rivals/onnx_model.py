"""The ONNX model of a case, for the rivals that run ONNX: LSTM, GRU or RNN operators, weights inside."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from ..work import NN, VARIANTS, Array, Case
from .onnx_form import letters, named, weights

OPSET = 17  # the newest that both rivals know; LSTM, GRU and RNN have not changed in it since 14
IR = 8
__all__ = ["build", "inputs", "named", "outputs", "states_out", "wanted"]


def outputs(case: Case) -> dict[str, tuple[int, ...]]:
    """Everything that `build` can give, and its shape: Y of the last layer; Y_h0, Y_c0 and so on of each layer."""
    state = (case.directions, case.m, case.n_a)
    return {"Y": (case.T_x, *state)} | dict.fromkeys(states_out(case), state)


def wanted(case: Case) -> tuple[str, ...]:
    """The outputs that a whole sequence is run for: Y; in the kinds of nn the last states, too."""
    return tuple(outputs(case)) if case.kind in NN + VARIANTS else ("Y",)


def states_out(case: Case) -> tuple[str, ...]:
    """The outputs that go on as the states among `inputs`, in their order."""
    return tuple(f"Y_{letter}{layer}" for layer in range(case.layers) for letter in letters(case))


def inputs(case: Case) -> dict[str, Array]:
    """The arrays that go with `build`, C order: X (T_x, m, n_x); h0, c0 and so on of each layer; a ragged batch's n."""
    D = case.directions
    feed = {"X": case.x_rows}
    for layer in range(case.layers):
        for letter, state in zip("hc", case.all_initial, strict=False):
            feed[f"{letter}{layer}"] = state[layer * D : (layer + 1) * D].copy()
    return feed if case.lengths is None else feed | {"n": case.lengths.astype(np.int32)}


def build(case: Case, out: tuple[str, ...]) -> bytes:
    """Return the serialised model with these outputs. ONNX stacks no layers: an operator for each."""
    nodes: list[Any] = []
    constants: dict[str, Array] = {"flat": np.array([0, 0, -1])}
    D, x = case.directions, "X"
    form: dict[str, Any] = {"linear_before_reset": 1} if case.cell == "gru" and not case.resets_before else {}
    for layer in range(case.layers):
        constants |= {f"{name}{layer}": array for name, array in weights(case, layer).items()}
        takes = [x, f"W{layer}", f"R{layer}", f"B{layer}", "" if case.lengths is None else "n"]
        takes += [f"{letter}{layer}" for letter in letters(case)]
        if case.peepholes is not None:
            takes.append(f"P{layer}")
        last = layer == case.layers - 1
        gives = ["Y" if last else f"Y{layer}", *(f"Y_{letter}{layer}" for letter in letters(case))]
        gives = [name if name in out or (name == gives[0] and not last) else "" for name in gives]
        direction = "bidirectional" if D == 2 else "forward"
        nodes.append(
            helper.make_node(case.cell.upper(), takes, gives, hidden_size=case.n_a, direction=direction, **form)
        )
        if not last:  # (T_x, D, m, n_a) -> (T_x, m, D * n_a)
            nodes.append(helper.make_node("Transpose", [gives[0]], [f"transposed{layer}"], perm=[0, 2, 1, 3]))
            x = f"X{layer + 1}"
            nodes.append(helper.make_node("Reshape", [f"transposed{layer}", "flat"], [x]))
    return _serialised(case, nodes, constants, out)


def _serialised(case: Case, nodes: list[Any], constants: dict[str, Array], out: tuple[str, ...]) -> bytes:
    real = TensorProto.FLOAT if case.dtype == "f32" else TensorProto.DOUBLE
    kinds = {"n": TensorProto.INT32}
    used = {name for node in nodes for name in node.input}
    graph = helper.make_graph(
        nodes,
        case.cell,
        [
            helper.make_tensor_value_info(name, kinds.get(name, real), array.shape)
            for name, array in inputs(case).items()
        ],
        [helper.make_tensor_value_info(name, real, outputs(case)[name]) for name in out],
        [
            numpy_helper.from_array(np.ascontiguousarray(array), name)
            for name, array in constants.items()
            if name in used
        ],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR)
    onnx.checker.check_model(model)
    return bytes(model.SerializeToString())
