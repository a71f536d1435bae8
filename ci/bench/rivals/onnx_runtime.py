"""ONNX Runtime: a session of one operator, by `run` on NumPy arrays or by binding memory once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import onnxruntime as ort

from ..contestant import Variant
from ..work import Array, Case
from . import onnx_model


def version() -> str:
    return str(ort.__version__)


#: a case, and the outputs that are wanted -> a serialised model
Build = Callable[[Case, tuple[str, ...]], bytes]


def _session(model: bytes) -> Any:
    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.execution_mode = ort.ExecutionMode.ORT_SEQUENTIAL
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.log_severity_level = 3
    return ort.InferenceSession(model, options, providers=["CPUExecutionProvider"])


def _offers(case: Case) -> bool:
    """Its LSTM "does not support double yet"; GRU and RNN are not registered for it."""
    return case.dtype == "f32"


def hidden(case: Case) -> list[Variant]:
    return whole(case, onnx_model.wanted(case)) if _offers(case) else []


stack = bidirectional = ragged = peephole = reset_before = onnx = hidden


def call(case: Case) -> list[Variant]:
    """All that nn returns; and the states alone, one of which is the output."""
    return hidden(case) + (whole(case, onnx_model.states_out(case), "states, ") if _offers(case) else [])


def whole(
    case: Case,
    wanted: tuple[str, ...],
    name: str = "",
    rival: str = "onnxruntime",
    build: Build = onnx_model.build,
) -> list[Variant]:
    session, feed = _session(build(case, wanted)), onnx_model.inputs(case)
    binding = session.io_binding()
    memory = {name: ort.OrtValue.ortvalue_from_numpy(array) for name, array in feed.items()}
    for given, value in memory.items():
        binding.bind_ortvalue_input(given, value)
    shapes, real = onnx_model.outputs(case), feed["X"].dtype
    out = [ort.OrtValue.ortvalue_from_shape_and_type(shapes[given], real) for given in wanted]
    for given, value in zip(wanted, out, strict=True):
        binding.bind_ortvalue_output(given, value)

    def read_bound(_: None, keep: Any = memory) -> dict[str, Array]:
        return onnx_model.named(case, wanted, [value.numpy() for value in out])

    return [
        Variant(
            rival,
            f"{name}run",
            lambda: session.run(None, feed),
            lambda arrays: onnx_model.named(case, wanted, arrays),
        ),
        Variant(rival, f"{name}bound", lambda: session.run_with_iobinding(binding), read_bound),
    ]


def stream(case: Case) -> list[Variant]:
    return streaming(case) if _offers(case) else []


steps = stream


def streaming(
    case: Case, name: str = "", rival: str = "onnxruntime", build: Build = onnx_model.build
) -> list[Variant]:
    model = build(case, onnx_model.states_out(case))
    makers = {"run": _stream_run, "bound": _stream_bound}
    return [Variant(rival, name + word, *make(case, model)) for word, make in makers.items()]


#: a variant's call and read
Work = tuple[Callable[[], Any], Callable[[Any], dict[str, Array]]]


def _stream_run(case: Case, model: bytes) -> Work:
    out = onnx_model.states_out(case)
    session, feed = _session(model), onnx_model.inputs(case)
    names = list(feed)[1:]

    def call() -> list[Array]:
        states = session.run(None, feed)
        feed.update(zip(names, states, strict=True))
        return states

    return call, lambda states: onnx_model.named(case, out, states)


def _stream_bound(case: Case, model: bytes) -> Work:
    """Two bindings, each reading the state that the other writes: no copy between steps."""
    out = onnx_model.states_out(case)
    session, feed = _session(model), onnx_model.inputs(case)
    x = feed.pop("X")
    inlet = np.empty_like(x)
    copyto = np.copyto
    seen = ort.OrtValue.ortvalue_from_numpy(inlet)  # on a CPU this is the same memory
    banks = [[ort.OrtValue.ortvalue_from_numpy(array) for array in feed.values()] for _ in range(2)]
    bindings = []
    for source, target in ((0, 1), (1, 0)):
        binding = session.io_binding()
        binding.bind_ortvalue_input("X", seen)
        for name, value in zip(feed, banks[source], strict=True):
            binding.bind_ortvalue_input(name, value)
        for name, value in zip(out, banks[target], strict=True):
            binding.bind_ortvalue_output(name, value)
        bindings.append(binding)
    turn = 0

    def call() -> list[Any]:
        nonlocal turn
        copyto(inlet, x)
        session.run_with_iobinding(bindings[turn])
        turn ^= 1
        return banks[turn]

    def read(bank: list[Any], keep: Any = seen) -> dict[str, Array]:
        return onnx_model.named(case, out, [value.numpy() for value in bank])

    return call, read
