"""The way back, all arrays at the edge of their memory: like guard_cases.py, which this adds to.

    python guard_backward.py GROUP
"""

from __future__ import annotations

import os
import sys
from dataclasses import replace

import numpy as np
from guard_cases import LAYOUTS, check, draw, sweep, with_panels
from problems import CELLS, DTYPES, Problem, isa_in_use, make, run_cell, run_sequence

import cyrnn
from cyrnn.kernels import dispatch


def packed_turned(face, *matrices: np.ndarray) -> np.ndarray:
    n, units = matrices[0].shape
    out = np.empty(face.packed_size(units, len(matrices) * n, 1), matrices[0].dtype)
    for gate, W in enumerate(matrices):
        face.pack_turned(W, gate, len(matrices), out)
    return out


def products(face, dtype) -> None:
    """pack_turned, multiply, add_outer, add_rows."""
    for i, sizes in sweep("n_a", "n_x", "m"):
        n, units, N = sizes.values()
        layout = list(LAYOUTS)[i % 4]
        for gates in (1, 4):
            W = [draw(n, units, dtype=dtype) for _ in range(gates)]
            check(f"pack_turned {gates} {sizes}", lambda *W: [packed_turned(face, *W)], *W, layout=layout)

        def multiply(rows, W):
            out = np.empty((len(rows), W.shape[1]), rows.dtype)
            face.multiply(rows, packed_turned(face, W), out)
            return [out]

        left, right = draw(N, n, dtype=dtype), draw(N, units, dtype=dtype)
        check(f"multiply {sizes}", multiply, left, draw(n, units, dtype=dtype))
        check(f"add_outer {sizes}", lambda a, b: outer_of_part(face, a, b, 0), left, right)
        first = i % n  # some units of wider rows, as threads share them
        check(f"add_outer {sizes} from {first}", lambda a, b, f=first: outer_of_part(face, a, b, f), left, right)


def outer_of_part(face, left, right, first) -> list:
    """The gradients of W and b for the units from the first on."""
    out, sums = np.zeros((left.shape[1], right.shape[1]), left.dtype), np.zeros((left.shape[1], 1), left.dtype)
    face.add_outer(left[:, first:], right, out[first:])
    face.add_rows(left[:, first:], sums[first:, 0])
    return [out, sums]


def time_loop(face, dtype) -> None:
    for cell in CELLS:
        for i, sizes in sweep("n_a", "m", "T_x"):
            n, m, T = sizes.values()
            S, G = len(cell.states), len(cell.gates)
            kept = [draw(T, len(cell.stored_gates), m, n, dtype=dtype)] if cell.stored_gates else []
            blocks = draw(S, T, m, n, dtype=dtype), np.tanh(draw(S, T, m, n, dtype=dtype)), *kept
            W = draw(n, n, dtype=dtype)

            def call(da, W, previous, following, *kept, f=i % m if i % 3 == 0 else 0, name=cell.name, S=S, G=G):
                dz, start = np.zeros((*da.shape[:2], G * da.shape[2]), da.dtype), np.zeros((S, *da.shape[1:]), da.dtype)
                WaT = packed_turned(face, *[W] * G)
                face.backward(name, da, WaT, previous, following, kept[0] if kept else None, dz, start, f)
                return [dz, start]

            check(f"time loop {cell.name} {sizes}", call, draw(T, m, n, dtype=dtype), W, *blocks)


def backward_calls(face, dtype) -> None:
    """The public functions, from caches of ours and from copies of their entries in any layout."""
    for cell in CELLS:
        for i, sizes in sweep("n_x", "n_a", "m", "T_x"):
            problem = make(cell, dtype, **sizes, n_y=1)
            da = draw(sizes["n_a"], sizes["m"], sizes["T_x"], dtype=dtype)
            dc = draw(sizes["n_a"], sizes["m"], dtype=dtype)
            name, layout = f"{cell.name} {sizes}", list(LAYOUTS)[i % 4]
            check(f"backward {name}", from_own_caches, problem, da, dc, layout=layout)
            if i % 2:
                check(f"packed {name}", lambda p, *rest: from_own_caches(with_panels(p), *rest), problem, da, dc)
            else:
                entries = [value for cache in run_sequence(problem).caches[0] for value in cache[:-1]]
                check(f"foreign {name}", lambda *a, p=problem: from_entries(p, *a), da, dc, *entries, layout=layout)
            if i % 3 == 0:
                check(f"cell {name}", one_step_back, problem, da, dc, layout=layout)


def back(cell, da, dc, steps) -> list:
    given = {"dc": dc} if len(cell.states) > 1 else {}
    return list(getattr(cyrnn, f"{cell.name}_backward")(da, (steps, None), **given).values())


def from_own_caches(problem: Problem, da, dc) -> list:
    return back(problem.cell, da, dc, run_sequence(problem).caches[0])


def from_entries(problem: Problem, da, dc, *entries) -> list:
    """All inputs at the edge: the entries of the caches, and the parameters."""
    problem = replace(problem, parameters={key: np.array(value) for key, value in problem.parameters.items()})
    size = len(problem.cell.cache) - 1
    steps = [(*entries[i : i + size], problem.parameters) for i in range(0, len(entries), size)]
    return back(problem.cell, da, dc, steps)


def one_step_back(problem: Problem, da, dc) -> list:
    arriving = (da[:, :, 0], dc)[: len(problem.cell.states)]
    cache = run_cell(problem).cache
    return list(getattr(cyrnn, f"{problem.cell.name}_cell_backward")(*arriving, cache).values())


GROUPS = {function.__name__: function for function in (products, time_loop, backward_calls)}

if __name__ == "__main__":
    for dtype in DTYPES:
        os.write(1, f"{isa_in_use()} {dtype}\n".encode())
        GROUPS[sys.argv[1]](dispatch.kernels.of(dtype), dtype)
    os.write(1, b"done\n")
