"""Backward passes, all arrays at the edge of their memory: like guard_cases.py, which this adds to.

    python guard_backward.py GROUP
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
from any_layer import there_and_back
from guard_cases import LAYOUTS, batch_sizes, check, draw, falling, packed, sweep, with_panels
from kernel_panels import EntryPoints
from problems import CELLS, DTYPES, EVERY_CELL, Problem, function_of, isa_in_use, make, run_cell, run_sequence

from cyrnn.kernels import dispatch


def packed_transposed(points, *matrices: np.ndarray) -> np.ndarray:
    n, units = matrices[0].shape
    out = np.empty(points.packed_size(units, len(matrices) * n, 1), matrices[0].dtype)
    for gate, W in enumerate(matrices):
        points.pack_transposed(W, gate, len(matrices), out)
    return out


def products(points, dtype) -> None:
    """pack_transposed, multiply, sum_outer, add_rows."""
    for i, sizes in sweep("n_a", "n_x", "m"):
        n, units, N = sizes.values()
        layout = list(LAYOUTS)[i % 4]
        for gates in (1, 2, 3, 4):
            W = [draw(n, units, dtype=dtype) for _ in range(gates)]
            check(f"pack_transposed {gates} {sizes}", lambda *W: [packed_transposed(points, *W)], *W, layout=layout)

        def multiply(rows, W, b=None):
            out = np.empty((len(rows), W.shape[1]), rows.dtype)
            points.multiply(rows, packed_transposed(points, W), None if b is None else packed(points, b), out)
            return [out]

        left, right = draw(N, n, dtype=dtype), draw(N, units, dtype=dtype)
        W, b, wide = draw(n, units, dtype=dtype), draw(units, 1, dtype=dtype), ("C", "wide")[i % 2]
        check(f"multiply {sizes}", multiply, left, W, layout=wide)
        check(f"multiply and add b {sizes}", multiply, left, W, b, layout=wide)
        check(f"sum_outer {sizes}", lambda a, b: outer_of_part(points, a, b, 0), left, right)
        first = i % n  # some units of wider rows, as threads share them
        check(f"sum_outer {sizes} from {first}", lambda a, b, f=first: outer_of_part(points, a, b, f), left, right)
        out = draw(n, units, dtype=dtype)
        given = left, right, out
        check(f"sum_outer to rows {sizes}", lambda *a: added(points.sum_outer, *a), *given, layout=wide)
        sums = draw(1, n, dtype=dtype)
        check(f"add_rows {sizes}", lambda a, b: added(points.add_rows, a, b[0]), left, sums, layout=wide)


def added(function, *arrays: np.ndarray) -> list:
    """The last array, to which the function adds."""
    function(*arrays)
    return [arrays[-1]]


def outer_of_part(points, left, right, first) -> list:
    """The gradients of W and b for the units from the first on."""
    out, sums = np.zeros((left.shape[1], right.shape[1]), left.dtype), np.zeros((left.shape[1], 1), left.dtype)
    points.sum_outer(left[:, first:], right, out[first:])
    points.add_rows(left[:, first:], sums[first:, 0])
    return [out, sums]


def time_loop(points, dtype) -> None:
    for cell in EVERY_CELL:
        for i, sizes in sweep("n_a", "m", "T_x"):
            n, m, T = sizes.values()
            S, stored = len(cell.states), len(cell.stored_gates)
            kept = [draw(T, stored, m, n, dtype=dtype)] if stored else []
            blocks = draw(S, T, m, n, dtype=dtype), np.tanh(draw(S, T, m, n, dtype=dtype)), *kept
            first, active = i % m if i % 3 == 0 else 0, falling(m, T, i) if i % 5 < 2 else None

            def call(*given, cell=cell, first=first, active=active):
                return back_points(points, cell, first, active, *given)

            name = f"time loop {cell.name} {sizes} from column {first}, active {active}"
            check(name, call, draw(T, m, n, dtype=dtype), draw(n, n, dtype=dtype), *blocks)


def back_points(points, cell, first, active, da, W, previous, following, gates=None) -> list:
    """All that the backward pass writes; W stands for the weights of every gate."""
    T, m, n = da.shape
    hidden = [sum(gate.W_a is not None for gate in stage.gates) for stage in cell.stages]
    packed_stages = [packed_transposed(points, *[W] * count) for count in hidden if count]
    WaT = np.concatenate(packed_stages or [np.empty(0, W.dtype)])
    dz = np.zeros((T, m, len(cell.gates) * n), da.dtype)
    start = np.zeros((1 + len(cell.skip_gradients), m, n), da.dtype)
    inner = np.full(da.shape, 0.5, da.dtype) if cell.recomputed or len(cell.stages) > 1 else None
    states = previous, following, gates
    points.backward(cell.name, da, WaT, *states, inner, dz, start, first, -1, batch_sizes(active))
    return [dz, start] if inner is None else [dz, start, inner]


def ragged_layers(points, dtype) -> None:
    """Layers over batches of sequences of many lengths, forward and back."""
    for cell in EVERY_CELL:
        for i, sizes in sweep("n_x", "n_a", "m", "T_x", each=2):
            problem, m, n, T = make(cell, dtype, **sizes, n_y=1), sizes["m"], sizes["n_a"], sizes["T_x"]
            lengths = np.random.RandomState(i).randint(0, T + 1, m).tolist()
            last = [draw(n, m, dtype=dtype) for _ in cell.states]

            def call(problem, da, *last, lengths=lengths):
                return [*flat(there_and_back(problem, lengths, da, last))]

            check(f"ragged {cell.name} {sizes} {lengths}", call, problem, draw(T, m, n, dtype=dtype), *last)


def flat(parts) -> Iterator[np.ndarray]:
    for part in parts:
        yield from part if isinstance(part, tuple) else (part,)


def backward_calls(points, dtype) -> None:
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
            if i % 3 < 2:
                check(f"cell {name}", one_step_back, problem, da, dc, layout=layout)


def back(cell, da, dc, steps) -> list:
    given = {"dc": dc} if len(cell.states) > 1 else {}
    return list(function_of(cell, "backward")(da, (steps, None), **given).values())


def from_own_caches(problem: Problem, da, dc) -> list:
    return back(problem.cell, da, dc, run_sequence(problem).caches[0])


def from_entries(problem: Problem, da, dc, *entries) -> list:
    """All inputs at the edge: the entries of the caches, and the parameters."""
    problem = replace(problem, parameters={key: np.array(value) for key, value in problem.parameters.items()})
    size = len(problem.cell.cache) - 1
    steps = [(*entries[i : i + size], problem.parameters) for i in range(0, len(entries), size)]
    return back(problem.cell, da, dc, steps)


def one_step_back(problem: Problem, da, dc) -> list:
    incoming = (da[:, :, 0], dc)[: len(problem.cell.states)]
    cache = run_cell(problem).cache
    return list(function_of(problem.cell, "cell_backward")(*incoming, cache).values())


GROUPS = {function.__name__: function for function in (products, time_loop, backward_calls, ragged_layers)}

if __name__ == "__main__":
    for dtype in DTYPES:
        os.write(1, f"{isa_in_use()} {dtype}\n".encode())
        GROUPS[sys.argv[1]](EntryPoints(dispatch.kernels, dtype), dtype)
    os.write(1, b"done\n")
