"""ONNX Runtime's own int8: `quantize_dynamic`, which makes a DynamicQuantizeLSTM (com.microsoft) of an LSTM.

It quantises neither GRU nor RNN: their operators stay as they are. Weights of QInt8 and QUInt8, a scale for a matrix or
for each row: on a CPU with VNNI the types have the same bits and times, and a scale for each row takes 3% to 12% longer
without being more exact (Zen 4, 2026-11-29).
"""

from __future__ import annotations

import logging
import tempfile
from functools import partial
from pathlib import Path

from onnx import load_model_from_string
from onnxruntime.quantization import QuantType, quantize_dynamic

from ..contestant import Variant
from ..work import Case
from . import onnx_model, onnx_runtime

RIVAL = "onnxruntime_int8"
SETTINGS = {
    f"{word}, {'per channel' if per_channel else 'per tensor'}, ": (kind, per_channel)
    for word, kind in (("s8", QuantType.QInt8), ("u8", QuantType.QUInt8))
    for per_channel in (False, True)
}
version = onnx_runtime.version


def _build(case: Case, wanted: tuple[str, ...], *, kind: QuantType, per_channel: bool) -> bytes:
    model = load_model_from_string(onnx_model.build(case, wanted))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "int8.onnx"
        logging.disable(logging.WARNING)  # it advises shape inference, which this model does not need
        try:
            quantize_dynamic(model, path, weight_type=kind, per_channel=per_channel, op_types_to_quantize=["LSTM"])
        finally:
            logging.disable(logging.NOTSET)
        built = path.read_bytes()
    operators = [node.op_type for node in load_model_from_string(built).graph.node]
    if "DynamicQuantizeLSTM" not in operators:
        raise ValueError(f"quantize_dynamic left {operators}: this would time float32")
    return built


def quantized(case: Case) -> list[Variant]:
    return _each(case) if case.cell == "lstm" else []


quantized_step = quantized


def _each(case: Case) -> list[Variant]:
    found = []
    for name, (kind, per_channel) in SETTINGS.items():
        build = partial(_build, kind=kind, per_channel=per_channel)
        if case.kind == "quantized_step":
            found += onnx_runtime.streaming(case, name, RIVAL, build)
        else:
            found += onnx_runtime.whole(case, onnx_model.wanted(case), name, RIVAL, build)
    return found
