"""PyTorch's own int8: `torch.ao.quantization.quantize_dynamic` of nn.LSTM, nn.GRU and, for a step, of the cells.

Weights have a scale for a matrix or for each row. The engine is "x86", which is FBGEMM here; at (256,256,1,100)
"onednn" takes 1.7 times as long and "qnnpack", meant for ARM, 5 times, with half the error (Zen 4, torch 2.13,
2026-11-29). There is no such nn.RNN.
"""

from __future__ import annotations

import warnings
from typing import Any

import torch
from torch.ao import quantization

from ..contestant import Variant
from ..work import Case
from . import pytorch

RIVAL = "torch_int8"
SETTINGS = {
    "per tensor": quantization.default_dynamic_qconfig,
    "per channel": quantization.per_channel_dynamic_qconfig,
}
version = pytorch.version
if "x86" in torch.backends.quantized.supported_engines:
    torch.backends.quantized.engine = "x86"


def _int8(module: Any, config: Any) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch.ao.quantization is deprecated: torchao has no recurrent layers
        (found,) = quantization.quantize_dynamic(torch.nn.Sequential(module), {type(module): config})
    if type(found) is type(module):
        raise ValueError(f"quantize_dynamic left {type(found).__name__} as it was: this would time float32")
    return found


def quantized(case: Case) -> list[Variant]:
    if case.cell == "rnn":
        return []
    works = {name: pytorch.whole(case, _int8(pytorch.layer_of(case), how)) for name, how in SETTINGS.items()}
    return [Variant(RIVAL, name, *work, torch.inference_mode) for name, work in works.items()]


def quantized_step(case: Case) -> list[Variant]:
    works = {}
    for name, how in SETTINGS.items():
        works[f"cell, {name}"] = pytorch.stream_cells(case, [_int8(pytorch.single_cell(case), how)])
        if case.cell != "rnn":
            works[f"layer, {name}"] = pytorch.stream_layers(case, _int8(pytorch.layer_of(case), how))
    return [Variant(RIVAL, name, *work, torch.inference_mode) for name, work in works.items()]
