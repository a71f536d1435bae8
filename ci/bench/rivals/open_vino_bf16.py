"""OpenVINO in bfloat16: INFERENCE_PRECISION_HINT, its own choice on a CPU with bfloat16 units. In and out float32."""

from __future__ import annotations

from typing import Any

from ..contestant import Variant
from ..work import Case
from . import open_vino

RIVAL = "openvino_bf16"
version = open_vino.version


def _compile(case: Case, wanted: tuple[str, ...]) -> Any:
    config = open_vino.CONFIG | {"INFERENCE_PRECISION_HINT": "bf16"}
    try:
        return open_vino.core.compile_model(open_vino.read_model(case, wanted), "CPU", config)
    except RuntimeError as error:  # where its oneDNN is held to AVX2, which the plugin does not know
        raise ValueError(f"does not compile it: {str(error).strip().splitlines()[-1]}") from error


def quantized(case: Case) -> list[Variant]:
    return open_vino.whole(case, RIVAL, _compile) if "BF16" in _capabilities() else []


def quantized_step(case: Case) -> list[Variant]:
    return open_vino.streaming(case, RIVAL, _compile) if "BF16" in _capabilities() else []


def _capabilities() -> list[str]:
    return list(open_vino.core.get_property("CPU", "OPTIMIZATION_CAPABILITIES"))
