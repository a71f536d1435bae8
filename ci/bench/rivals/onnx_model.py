"""The ONNX model of a case, for the rivals that run ONNX: one LSTM, GRU or RNN operator, weights inside."""

from __future__ import annotations

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from ..work import Case

OPSET = 17  # the newest that both rivals know; LSTM, GRU and RNN have not changed in it since 14
IR = 8
ORDERS = {"lstm": "iofc", "gru": "zrc"}


def build(case: Case, outputs: tuple[str, ...]) -> bytes:
    """Return the serialised model: inputs X, h, (c); outputs chosen from Y, Y_h, Y_c.

    X (T_x, m, n_x); h, c, Y_h, Y_c (1, m, n_a); Y (T_x, 1, m, n_a).
    """
    lstm = case.cell == "lstm"
    real = TensorProto.FLOAT if case.dtype == "f32" else TensorProto.DOUBLE
    W_x, W_a, b, b_a = case.weights(ORDERS)
    constants = {"W": W_x[None], "R": W_a[None], "B": np.concatenate([b, b_a])[None]}
    names = ["X", "W", "R", "B", "", "h"] + (["c"] if lstm else [])
    every = ["Y", "Y_h"] + (["Y_c"] if lstm else [])
    form = {"linear_before_reset": 1} if case.cell == "gru" else {}
    node = helper.make_node(
        case.cell.upper(), names, [name if name in outputs else "" for name in every], hidden_size=case.n_a, **form
    )
    state = (1, case.m, case.n_a)
    shapes = {"Y": (case.T_x, *state), "Y_h": state, "Y_c": state}
    graph = helper.make_graph(
        [node],
        case.cell,
        [
            helper.make_tensor_value_info("X", real, (case.T_x, case.m, case.n_x)),
            *(helper.make_tensor_value_info(name, real, state) for name in (("h", "c") if lstm else ("h",))),
        ],
        [helper.make_tensor_value_info(name, real, shapes[name]) for name in outputs],
        [numpy_helper.from_array(np.ascontiguousarray(array), name) for name, array in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR)
    onnx.checker.check_model(model)
    return bytes(model.SerializeToString())


def inputs(case: Case) -> dict[str, np.ndarray]:
    """The arrays that go with `build`, C order."""
    return {"X": case.x_rows} | {name: state[None] for name, state in zip("hc", case.initial, strict=False)}
