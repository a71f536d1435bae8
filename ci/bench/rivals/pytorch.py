"""PyTorch: nn.LSTM, nn.GRU and nn.RNN, for a step also nn.LSTMCell and so on; with and without oneDNN."""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np
import torch

from ..contestant import Way
from ..work import Array, Case

warnings.filterwarnings(
    "ignore", message="TF32 acceleration", category=UserWarning
)  # from mkldnn.flags, about GPUs
torch.set_num_threads(1)
with contextlib.suppress(RuntimeError):  # may be set once only
    torch.set_num_interop_threads(1)


ORDERS = {"lstm": "ifco", "gru": "rzc"}
LAYERS = {"lstm": torch.nn.LSTM, "gru": torch.nn.GRU, "rnn": torch.nn.RNN}
CELLS = {"lstm": torch.nn.LSTMCell, "gru": torch.nn.GRUCell, "rnn": torch.nn.RNNCell}


def version() -> str:
    return str(torch.__version__)


@contextlib.contextmanager
def _mode(onednn: bool) -> Iterator[None]:
    with torch.inference_mode(), torch.backends.mkldnn.flags(enabled=onednn):
        yield


def _load(module: Any, case: Case) -> Any:
    """Fill a layer or a cell."""
    W_x, W_a, b, b_a = case.weights(ORDERS)
    suffix = "" if isinstance(module, torch.nn.RNNCellBase) else "_l0"
    with torch.no_grad():
        for name, array in (
            ("weight_ih", W_x),
            ("weight_hh", W_a),
            ("bias_ih", b),
            ("bias_hh", b_a),
        ):
            getattr(module, name + suffix).copy_(torch.from_numpy(array))
    return module.eval().requires_grad_(False)


def _state(case: Case, layers: bool) -> Any:
    """h, or (h, c), as (m, n_a), with a leading axis of one layer if wanted."""
    with torch.inference_mode():
        states = [torch.from_numpy(array).clone() for array in case.initial]
        if layers:
            states = [state[None] for state in states]
    return tuple(states) if case.cell == "lstm" else states[0]


def _layer(case: Case) -> Any:
    return _load(LAYERS[case.cell](case.n_x, case.n_a, dtype=torch.from_numpy(case.x).dtype), case)


def hidden(case: Case) -> list[Way]:
    layer, state = _layer(case), _state(case, layers=True)
    with torch.inference_mode():
        x = torch.from_numpy(case.x_rows).clone()

    def read(result: Any) -> dict[str, Array]:
        return {"a": result[0].numpy().transpose(2, 1, 0)}

    return [
        Way("torch", name, lambda: layer(x, state), read, lambda onednn=onednn: _mode(onednn))
        for name, onednn in (("oneDNN", True), ("native", False))
    ]


def stream(case: Case) -> list[Way]:
    return [
        _stream_cell(case, True),
        _stream_cell(case, False),
        _stream_layer(case, True),
        _stream_layer(case, False),
    ]


def _read_state(case: Case, state: Any) -> dict[str, Array]:
    states = state if case.cell == "lstm" else (state,)
    return {name: array.reshape(-1, 1).numpy() for name, array in zip("ac", states, strict=False)}


def _stream_cell(case: Case, onednn: bool) -> Way:
    cell = _load(CELLS[case.cell](case.n_x, case.n_a, dtype=torch.from_numpy(case.x).dtype), case)
    state = _state(case, layers=False)
    xt, inlet = case.x_rows[0], np.empty_like(case.x_rows[0])
    copyto = np.copyto
    with torch.inference_mode():
        seen = torch.from_numpy(inlet)

    def call() -> Any:
        nonlocal state
        copyto(inlet, xt)
        state = cell(seen, state)
        return state

    name = f"cell, {'oneDNN' if onednn else 'native'}"
    return Way("torch", name, call, lambda state: _read_state(case, state), lambda: _mode(onednn))


def _stream_layer(case: Case, onednn: bool) -> Way:
    layer, state = _layer(case), _state(case, layers=True)
    x, inlet = case.x_rows, np.empty_like(case.x_rows)
    copyto = np.copyto
    with torch.inference_mode():
        seen = torch.from_numpy(inlet)

    def call() -> Any:
        nonlocal state
        copyto(inlet, x)
        _, state = layer(seen, state)
        return state

    name = f"layer, {'oneDNN' if onednn else 'native'}"
    return Way("torch", name, call, lambda state: _read_state(case, state), lambda: _mode(onednn))


@contextlib.contextmanager
def _learning(onednn: bool) -> Iterator[None]:
    with torch.enable_grad(), torch.backends.mkldnn.flags(enabled=onednn):
        yield


def train(case: Case) -> list[Way]:
    """Gradients of the input, the first hidden state, the weights and biases; c0 is zero and has none."""
    layer = _layer(case).train().requires_grad_(True)
    x, a0 = (torch.from_numpy(array.copy()).requires_grad_() for array in (case.x_rows, case.initial[0][None]))
    state = (a0, torch.zeros_like(a0)) if case.cell == "lstm" else a0
    da = torch.from_numpy(case.da_rows)
    inputs = [x, a0, layer.weight_ih_l0, layer.weight_hh_l0, layer.bias_ih_l0, layer.bias_hh_l0]

    def call() -> Any:
        return torch.autograd.grad(layer(x, state)[0], inputs, da)

    def read(found: Any) -> dict[str, Array]:
        dx, da0, *weights = (gradient.numpy() for gradient in found)
        return case.gradients(dx, da0[0], *weights, ORDERS)

    return [
        Way("torch", name, call, read, lambda onednn=onednn: _learning(onednn))
        for name, onednn in (("oneDNN", True), ("native", False))
    ]
