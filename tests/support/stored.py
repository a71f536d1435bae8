"""Results of other frameworks by case and name, as ci/torch_data stores them: the one place that knows the format.

An .npz of few and long arrays, as each array costs hundreds of bytes: all results of a dtype end to end; `index`, JSON
that says whose they are, [[case, [[name, dtype, shape], ...]], ...] in order; `versions`, JSON, of what made them.
"""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
from paths import DATA

Results = dict[str, dict[str, np.ndarray]]  # {case: {name: array}}


def save(path: Path, versions: dict[str, str], results: Results) -> None:
    index = [
        (case, [(name, value.dtype.name, value.shape) for name, value in arrays.items()])
        for case, arrays in results.items()
    ]
    ends: dict[str, list[np.ndarray]] = {}
    for arrays in results.values():
        for value in arrays.values():
            ends.setdefault(value.dtype.name, []).append(value.ravel())
    notes = {"versions": versions, "index": index}
    texts = {name: np.frombuffer(json.dumps(note).encode(), np.uint8) for name, note in notes.items()}
    np.savez_compressed(path, **texts, **{dtype: np.concatenate(values) for dtype, values in ends.items()})


def load(name: str) -> tuple[dict[str, str], Results]:
    with np.load(DATA / name) as file:
        arrays = dict(file)
    versions, index = (json.loads(arrays.pop(name).tobytes()) for name in ("versions", "index"))
    results: Results = {}
    for case, entries in index:
        results[case] = {}
        for name, dtype, shape in entries:
            results[case][name], arrays[dtype] = np.split(arrays[dtype], [math.prod(shape)])
            results[case][name] = results[case][name].reshape(shape)
    assert not any(rest.size for rest in arrays.values())
    return versions, results
