"""OpenVINO in int8: FakeQuantize before the operator's input, state and weights, as its tools put them.

Its CPU plugin computes an LSTM so, x and h in u8, weights in s8. It has no such GRU that resets after the product
(oneDNN refuses the primitive), no RNN, and its dynamic quantisation (DYNAMIC_QUANTIZATION_GROUP_SIZE) is for fully
connected layers alone.

oneDNN knows one scale for x and h, and one for each row of W and R together. Ranges of their own are accepted and
computed wrongly: with x in (-4.2, 4.2) and h in (-1, 1) the rms error is 1.5e-2, with x scaled to (-1, 1) but ranges of
W and R apart 1.2e-1; with ranges in common, as here, 2.8e-3 ((256,256,1,100), openvino 2026.4.1, 2026-11-29).
The range of x is that of the case's own: no calibration does better.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from openvino import opset13 as op

from ..contestant import Variant
from ..work import Array, Case
from . import open_vino

RIVAL = "openvino_int8"
version = open_vino.version


def _activations(source: Any, reach: float) -> Any:
    """From [-reach, reach] to [-1, 1), 256 levels, one of them zero."""
    low, high = np.float32(-1), np.float32(127 / 128)
    return op.fake_quantize(source, low * np.float32(reach), high * np.float32(reach), low, high, 256)


def _weights(W: Array, top: Array) -> Any:
    """255 levels in [-top, top] of each row."""
    return op.fake_quantize(op.constant(W), -top, top, -top, top, 255)


def _model(case: Case, wanted: tuple[str, ...]) -> Any:
    model = open_vino.read_model(case, wanted)
    (node,) = (node for node in model.get_ops() if node.get_type_name() == "LSTMSequence")
    x_max = float(np.abs(case.x).max(initial=1e-9))
    W, R = (_constant(node.input(k).get_source_output()) for k in (4, 5))  # (1, 4 n_a, n_x), (1, 4 n_a, n_a)
    W = W * np.float32(x_max)
    top = np.maximum(*(np.abs(matrix).max(axis=-1, keepdims=True) for matrix in (W, R)))
    inputs = {
        0: _activations(node.input(0).get_source_output(), x_max),
        1: _activations(node.input(1).get_source_output(), 1),
        4: _weights(W, top),
        5: _weights(R, top),
    }
    for k, quantized in inputs.items():
        node.input(k).replace_source_output(quantized.output(0))
    model.validate_nodes_and_infer_types()
    return model


def _constant(output: Any) -> Array:
    """The values of a constant, which the ONNX reader left in the operator's own order of gates."""
    config = {"INFERENCE_PRECISION_HINT": "f32"}
    compiled = open_vino.core.compile_model(open_vino.ov.Model([output], [], "constant"), "CPU", config)
    return np.array(compiled.infer_new_request({})[0], dtype=np.float32)


def _compile(case: Case, wanted: tuple[str, ...]) -> Any:
    compiled = open_vino.core.compile_model(_model(case, wanted), "CPU", open_vino.CONFIG)
    found = [node.get_rt_info() for node in compiled.get_runtime_model().get_ops()]
    precisions = [info["runtimePrecision"].value for info in found if info["layerType"].value.startswith("RNN")]
    if precisions != ["u8"]:
        raise ValueError(f"openvino runs the layer in {precisions}, not in u8: this would time another precision")
    return compiled


def quantized(case: Case) -> list[Variant]:
    return open_vino.whole(case, RIVAL, _compile) if case.cell == "lstm" else []


def quantized_step(case: Case) -> list[Variant]:
    return open_vino.streaming(case, RIVAL, _compile) if case.cell == "lstm" else []
