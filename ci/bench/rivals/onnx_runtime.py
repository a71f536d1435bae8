"""ONNX Runtime: a session of one operator, by `run` on NumPy arrays or by binding memory once."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnxruntime as ort

from ..contestant import Way
from ..work import Array, Case
from . import onnx_model


def version() -> str:
    return str(ort.__version__)


def _session(case: Case, outputs: tuple[str, ...]) -> Any:
    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.execution_mode = ort.ExecutionMode.ORT_SEQUENTIAL
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.log_severity_level = 3
    return ort.InferenceSession(onnx_model.build(case, outputs), options, providers=["CPUExecutionProvider"])


def hidden(case: Case) -> list[Way]:
    if case.dtype != "f32":
        return []  # "LSTM operator does not support double yet"; GRU and RNN are not registered for it
    session, feed = _session(case, ("Y",)), onnx_model.inputs(case)

    def read(result: list[Array]) -> dict[str, Array]:
        return {"a": result[0][:, 0].transpose(2, 1, 0)}

    binding = session.io_binding()
    memory = {name: ort.OrtValue.ortvalue_from_numpy(array) for name, array in feed.items()}
    for name, value in memory.items():
        binding.bind_ortvalue_input(name, value)
    out = ort.OrtValue.ortvalue_from_shape_and_type((case.T_x, 1, case.m, case.n_a), feed["X"].dtype)
    binding.bind_ortvalue_output("Y", out)
    return [
        Way("onnxruntime", "run", lambda: session.run(None, feed), read),
        Way(
            "onnxruntime",
            "bound",
            lambda: session.run_with_iobinding(binding),
            lambda _, keep=memory: read([out.numpy()]),
        ),
    ]


def stream(case: Case) -> list[Way]:
    if case.dtype != "f32":
        return []
    return [_stream_run(case), _stream_bound(case)]


def _outputs(case: Case) -> tuple[str, ...]:
    return ("Y_h", "Y_c") if case.cell == "lstm" else ("Y_h",)


def _read(states: list[Array]) -> dict[str, Array]:
    return {name: state.reshape(-1, 1) for name, state in zip("ac", states, strict=False)}


def _stream_run(case: Case) -> Way:
    session, feed = _session(case, _outputs(case)), onnx_model.inputs(case)
    names = [name for name in feed if name != "X"]
    xt = feed["X"]
    states = [feed[name] for name in names]

    def step_lstm() -> list[Array]:
        nonlocal states
        states = session.run(None, {"X": xt, "h": states[0], "c": states[1]})
        return states

    def step_rnn() -> list[Array]:
        nonlocal states
        states = session.run(None, {"X": xt, "h": states[0]})
        return states

    return Way("onnxruntime", "run", step_lstm if case.cell == "lstm" else step_rnn, _read)


def _stream_bound(case: Case) -> Way:
    """Two bindings, each reading the state that the other writes: no copy between steps."""
    session, feed = _session(case, _outputs(case)), onnx_model.inputs(case)
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
        for name, value in zip(_outputs(case), banks[target], strict=True):
            binding.bind_ortvalue_output(name, value)
        bindings.append(binding)
    turn = 0

    def call() -> list[Any]:
        nonlocal turn
        copyto(inlet, x)
        session.run_with_iobinding(bindings[turn])
        turn ^= 1
        return banks[turn]

    return Way("onnxruntime", "bound", call, lambda bank, keep=seen: _read([value.numpy() for value in bank]))
