"""OpenVINO: the ONNX model compiled for the CPU, latency hint, one thread, float32 kept as float32."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import openvino as ov

from ..contestant import Variant
from ..work import Array, Case
from . import onnx_model

core = ov.Core()
# Without the precision hint, a CPU with bfloat16 units computes in bfloat16: not the same work.
CONFIG = {
    "PERFORMANCE_HINT": "LATENCY",
    "INFERENCE_NUM_THREADS": "1",
    "NUM_STREAMS": "1",
    "INFERENCE_PRECISION_HINT": "f32",
    "ENABLE_CPU_PINNING": "NO",
}


def version() -> str:
    return str(ov.__version__).split("-")[0]


#: a case, and the outputs that are wanted -> a compiled model
Compile = Callable[[Case, tuple[str, ...]], Any]


def read_model(case: Case, wanted: tuple[str, ...]) -> Any:
    return core.read_model(onnx_model.build(case, wanted))


def _compile(case: Case, wanted: tuple[str, ...]) -> Any:
    return core.compile_model(read_model(case, wanted), "CPU", CONFIG)


def _offers(case: Case) -> bool:
    """Its CPU plugin computes float64 models in float32."""
    return case.dtype == "f32"


def hidden(case: Case) -> list[Variant]:
    return whole(case) if _offers(case) else []


call = stack = bidirectional = ragged = reset_before = onnx = hidden  # peepholes it ignores without a word


def whole(case: Case, rival: str = "openvino", compile: Compile = _compile) -> list[Variant]:
    wanted = onnx_model.wanted(case)
    compiled, feed = compile(case, wanted), onnx_model.inputs(case)
    given, bound = compiled.create_infer_request(), compiled.create_infer_request()
    for name, array in feed.items():
        bound.set_tensor(name, ov.Tensor(array, shared_memory=True))
    outputs = [bound.get_output_tensor(index) for index in range(len(wanted))]

    def read(arrays: list[Array]) -> dict[str, Array]:
        return onnx_model.named(case, wanted, arrays)

    return [
        Variant(
            rival,
            "infer",
            lambda: given.infer(feed, share_inputs=True, share_outputs=True),
            lambda result: read([np.asarray(result[index]) for index in range(len(wanted))]),
        ),
        Variant(
            rival,
            "bound",
            lambda: bound.infer(share_outputs=True),
            lambda _, keep=feed: read([output.data for output in outputs]),
        ),
    ]


def stream(case: Case) -> list[Variant]:
    return streaming(case) if _offers(case) else []


steps = stream


def streaming(case: Case, rival: str = "openvino", compile: Compile = _compile) -> list[Variant]:
    """Two requests, each reading the state that the other writes: no copy between steps."""
    outputs = onnx_model.states_out(case)
    compiled, feed = compile(case, outputs), onnx_model.inputs(case)
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

    return [Variant(rival, "bound", call, read)]
