"""PyTorch's modules in bfloat16, with oneDNN and without. Float32 in and out: the caller's arrays are of it.

The conversions are inside the clock: 14 of 179 us at (64,64,1,100), 1% at (256,256,1,100) (Zen 4, torch 2.13,
2026-11-29). A stream's state stays in bfloat16 between steps.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

from ..contestant import Variant
from ..work import Array, Case
from . import pytorch

RIVAL = "torch_bf16"
version = pytorch.version


def _to(state: Any, real: Any) -> Any:
    return tuple(each.to(real) for each in state) if isinstance(state, tuple) else state.to(real)


def quantized(case: Case) -> list[Variant]:
    return pytorch.modes(RIVAL, "", _whole, case)


def _whole(case: Case) -> pytorch.Work:
    layer = pytorch.layer_of(case).to(torch.bfloat16)

    def narrow(x: Any, state: Any) -> Any:
        output, state = layer(x.to(torch.bfloat16), _to(state, torch.bfloat16))
        return output.to(torch.float32), _to(state, torch.float32)

    return pytorch.whole(case, narrow)


def quantized_step(case: Case) -> list[Variant]:
    return pytorch.modes(RIVAL, "cell", _cells, case) + pytorch.modes(RIVAL, "layer", _layers, case)


def _cells(case: Case) -> pytorch.Work:
    cell = pytorch.single_cell(case).to(torch.bfloat16)
    return _stream(case, case.x_rows[0], cell, _to(pytorch.states(case, layers=False), torch.bfloat16))


def _layers(case: Case) -> pytorch.Work:
    layer = pytorch.layer_of(case).to(torch.bfloat16)
    return _stream(case, case.x_rows, lambda x, state: layer(x, state)[1], _to(pytorch.states(case), torch.bfloat16))


def _stream(case: Case, xt: Array, step: Callable[[Any, Any], Any], state: Any) -> pytorch.Work:
    """Each step converts its x, and the next hidden state, which is its result."""
    lstm = case.cell == "lstm"
    seen, renew = pytorch.inlet(xt)

    def call() -> Any:
        nonlocal state
        renew()
        state = step(seen.to(torch.bfloat16), state)
        return (state[0] if lstm else state).to(torch.float32)

    def read(h: Any) -> dict[str, Array]:
        return {"h_n": h.numpy().reshape(1, case.m, case.n_a)}

    return call, read
