"""The entry points of kernels (views.pyx) for one dtype, and a cell's weights packed through them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from cyrnn.cells import Cell
from cyrnn.cells.spec import Gate
from cyrnn.kernels import dispatch


class EntryPoints:
    """The entry points of one ISA for arrays of one dtype."""

    def __init__(self, kernels: dispatch.Kernels, dtype) -> None:
        self._views, self.dtype = kernels.views, np.dtype(dtype)
        self.lanes = self._views.lanes(self.dtype.itemsize)

    def packed_size(self, units: int, k: int, gates: int) -> int:
        return self._views.packed_size(units, k, gates, self.dtype.itemsize)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._views, name)


def on_cache_line(size: int, dtype) -> np.ndarray:
    """An uninitialised array (size,) that starts on a cache line."""
    memory = np.empty(size * dtype.itemsize + 64, np.uint8)
    start = -memory.__array_interface__["data"][0] % 64
    return memory[start : start + size * dtype.itemsize].view(dtype)


def split_weights(cell: Cell, gate: Gate, arrays: Mapping[str, np.ndarray], n_a: int) -> tuple:
    """W_x (n_a, n_x) and W_a (n_a, n_a) of one gate, as views of the notebook's matrices, or None."""
    W_x = None if gate.W_x is None else arrays[gate.W_x]
    W_a = None if gate.W_a is None else arrays[gate.W_a]
    if not cell.stacked:
        return W_x, W_a
    return None if W_x is None else W_x[:, n_a:], None if W_a is None else W_a[:, :n_a]


def stages_of(cell: Cell, arrays: Mapping[str, np.ndarray]) -> list:
    """For each stage, for each gate: its halves."""
    n_a = arrays[cell.W_y].shape[1]
    return [[split_weights(cell, gate, arrays, n_a) for gate in stage.gates] for stage in cell.stages]


def joined(stages: list, sizes: list, pack: Callable[..., None], dtype) -> np.ndarray:
    """The matrices of each stage packed into one block of memory, one stage after the other."""
    out, start = on_cache_line(sum(sizes), dtype), 0
    for matrices, size in zip(stages, sizes, strict=True):
        for gate, matrix in enumerate(matrices):
            if size:
                pack(matrix, gate, len(matrices), out[start : start + size])
        start += size
    return out


def packed_gates(points: EntryPoints, cell: Cell, arrays: Mapping[str, np.ndarray]) -> tuple:
    """(Wx, Wa, b) of all gates."""
    halves = stages_of(cell, arrays)
    kinds = [
        [[pair[half] for pair in stage if pair[half] is not None] for stage in halves] for half in (0, 1)
    ]
    kinds.append([[arrays[gate.b] for gate in stage.gates] for stage in cell.stages])

    def sizes(stages: list) -> list:
        return [points.packed_size(*stage[0].shape, len(stage)) if stage else 0 for stage in stages]

    return tuple(joined(stages, sizes(stages), points.pack, points.dtype) for stages in kinds)


def packed_transposed(points: EntryPoints, cell: Cell, arrays: Mapping[str, np.ndarray]) -> tuple:
    """W_x^T (n_x, .) of all gates, and W_a^T (n_a, .) of each stage; nothing where no gate has such a half."""
    halves = stages_of(cell, arrays)
    W_x = [[pair[0] for stage in halves for pair in stage if pair[0] is not None]]
    W_a = [[pair[1] for pair in stage if pair[1] is not None] for stage in halves]

    def sizes(stages: list) -> list:
        return [
            points.packed_size(stage[0].shape[1], len(stage) * len(stage[0]), 1) if stage else 0
            for stage in stages
        ]

    return tuple(joined(stages, sizes(stages), points.pack_transposed, points.dtype) for stages in (W_x, W_a))
