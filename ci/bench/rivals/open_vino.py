"""OpenVINO: the ONNX model compiled for the CPU, latency hint, one thread, float32 kept as float32."""

from __future__ import annotations

from typing import Any

import numpy as np
import openvino as ov

from ..contestant import Variant
from ..work import Array, Case
from . import onnx_model

_core = ov.Core()
# Without the precision hint, a CPU with bfloat16 units computes in bfloat16: not the same work.
_CONFIG = {
    "PERFORMANCE_HINT": "LATENCY",
    "INFERENCE_NUM_THREADS": "1",
    "NUM_STREAMS": "1",
    "INFERENCE_PRECISION_HINT": "f32",
    "ENABLE_CPU_PINNING": "NO",
}


def version() -> str:
    return str(ov.__version__).split("-")[0]


def _compile(case: Case, wanted: tuple[str, ...]) -> Any:
    return _core.compile_model(_core.read_model(onnx_model.build(case, wanted)), "CPU", _CONFIG)


def _offers(case: Case) -> bool:
    """Its CPU plugin computes float64 models in float32."""
    return case.dtype == "f32"


def hidden(case: Case) -> list[Variant]:
    return _whole(case, onnx_model.wanted(case)) if _offers(case) else []


call = stack = bidirectional = ragged = reset_before = onnx = hidden  # peepholes it ignores without a word


def _whole(case: Case, wanted: tuple[str, ...]) -> list[Variant]:
    compiled, feed = _compile(case, wanted), onnx_model.inputs(case)
    given, bound = compiled.create_infer_request(), compiled.create_infer_request()
    for name, array in feed.items():
        bound.set_tensor(name, ov.Tensor(array, shared_memory=True))
    outputs = [bound.get_output_tensor(index) for index in range(len(wanted))]

    def read(arrays: list[Array]) -> dict[str, Array]:
        return onnx_model.named(case, wanted, arrays)

    return [
        Variant(
            "openvino",
            "infer",
            lambda: given.infer(feed, share_inputs=True, share_outputs=True),
            lambda result: read([np.asarray(result[index]) for index in range(len(wanted))]),
        ),
        Variant(
            "openvino",
            "bound",
            lambda: bound.infer(share_outputs=True),
            lambda _, keep=feed: read([output.data for output in outputs]),
        ),
    ]


def stream(case: Case) -> list[Variant]:
    """Two requests, each reading the state that the other writes: no copy between steps."""
    if not _offers(case):
        return []
    outputs = onnx_model.states_out(case)
    compiled, feed = _compile(case, outputs), onnx_model.inputs(case)
    x = feed.pop("X")
    inlet = np.empty_like(x)
    copyto = np.copyto
    banks = [[array.copy() for array in feed.values()] for _ in range(2)]
    requests = []
    for source, target in ((0, 1), (1, 0)):
        request = compiled.create_infer_request()
        request.set_tensor("X", ov.Tensor(inlet, shared_memory=True))
        for name, array in zip(feed, banks[source], strict=True):
            request.set_tensor(name, ov.Tensor(array, shared_memory=True))
        for name, array in zip(outputs, banks[target], strict=True):
            request.set_tensor(name, ov.Tensor(array, shared_memory=True))
        requests.append(request)
    turn = 0

    def call() -> list[Array]:
        nonlocal turn
        copyto(inlet, x)
        requests[turn].infer(share_outputs=True)
        turn ^= 1
        return banks[turn]

    def read(bank: list[Array], keep: Array = inlet) -> dict[str, Array]:
        return onnx_model.named(case, outputs, bank)

    return [Variant("openvino", "bound", call, read)]


steps = stream
