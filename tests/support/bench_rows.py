"""Rows of ci/bench that no clock has seen."""

from __future__ import annotations

import sys

from paths import ROOT

sys.path.insert(0, str(ROOT))

from ci.bench import contestant, rows, work

HEAD = {
    "machine": {
        "cpu": "a CPU with a name of some length, 3.2 GHz",
        "cores": 2,
        "pinned": 1,
        "system": "Linux",
        "python": "3.11.7",
        "numpy": "2.4.6",
        "blas": "openblas 0.3.31 SkylakeX",
        "load": 0.25,
        "commit": "0123456789+",
    },
    "contestants": dict.fromkeys(contestant.MODULES, "2026.4.1+cpu"),
    "missing": {"jax": "No module named 'jax'"},
    "isa": "avx512",
}


def made_row(rival: str, us: float, **more: object) -> rows.Row:
    row = {"kind": "stream", "cell": "lstm", "dtype": "f32", "shape": [64, 64, 1, 1], "rival": rival, "isa": "avx512"}
    return (
        row
        | {"threads": 1, "busy": False, "min_us": us, "median_us": us, "variant": "", "error": 0.0, "share": 1.0}
        | more
    )


def many_rows() -> list[rows.Row]:
    found = []
    for case in work.cases(list(work.KINDS), list(work.CELLS), list(work.DTYPES), None):
        common = {"kind": case.kind, "cell": case.cell, "dtype": case.dtype, "shape": list(case.shape)}
        without = ("notebook", "forward", "torch_cell", *contestant.QUANTIZED)
        peers = [name for name in contestant.MODULES if name not in without]
        if case.kind in work.QUANTIZED:
            peers = ["cyrnn", *contestant.QUANTIZED]
        for rival in ["cyrnn", "notebook"] if case.kind in ("cell", "forward", "backward") else peers:
            found.append(made_row(rival, 99999.0, **common))
    return found
