"""Calls whose arrays all stand at the edge of their memory; test_guard_pages.py runs this file as a program.

    python guard_cases.py GROUP

Each case goes to standard output before it runs, so that the last line says what a fault was met in. Each call is made
twice, at the edge and on ordinary arrays: the results must have the same bits.
"""

from __future__ import annotations

import ctypes
import os
import sys
from collections.abc import Callable, Iterator

import numpy as np
from any_layer import layer_of, parts, states_of
from guards import SIDES, guarded
from kernel_panels import EntryPoints, split_weights
from problems import CELLS, DTYPES, EVERY_CELL, Problem, isa_in_use, make, results, run_cell, run_sequence

import cyrnn
from cyrnn.calls import threads
from cyrnn.kernels import dispatch

SIZES = range(1, 68)
#: what the other sizes are while one takes all of SIZES: so many cases of each
OTHERS = {"n_x": (3, 17, 1, 8), "n_a": (5, 16, 33, 1), "n_y": (2, 19, 1, 4), "m": (3, 1, 17, 2), "T_x": (2, 1, 3, 1)}
#: how arrays may lie in memory, besides in C order
LAYOUTS = {
    "C": lambda a: np.array(a, order="C"),
    "F": lambda a: np.array(a, order="F"),
    "apart": lambda a: apart(a),
    "reversed": lambda a: np.array(np.flip(a), order="C")[(slice(None, None, -1),) * a.ndim],
    "wide": lambda a: wide(a),  # matrices alone
}


def apart(a: np.ndarray) -> np.ndarray:
    """Every second element of a larger array, from its first to its last."""
    memory = np.empty([2 * n - 1 for n in a.shape], a.dtype)
    view = memory[(slice(None, None, 2),) * a.ndim]
    view[...] = a
    return view


def wide(a: np.ndarray) -> np.ndarray:
    """Rows of a larger matrix, from the start of its first to the end of the last."""
    rows, n = a.shape
    memory = np.empty((rows - 1) * (n + 3) + n, a.dtype)
    view = np.lib.stride_tricks.as_strided(memory, a.shape, ((n + 3) * a.itemsize, a.itemsize))
    view[...] = a
    return view


def draw(*shape: int, dtype) -> np.ndarray:
    return np.random.RandomState(sum(shape)).standard_normal(shape).astype(dtype)


def sweep(*names: str, each: int = 4) -> Iterator[tuple[int, dict[str, int]]]:
    """Each of the names through SIZES, `each` times, the others through OTHERS; with the number of the case."""
    for swept in names:
        for size in SIZES:
            for i in range(each):
                yield size + i, {name: OTHERS[name][(size + i + j) % 4] for j, name in enumerate(names)} | {swept: size}


def check(name: str, call: Callable[..., list], *inputs, layout: str = "C") -> None:
    """Compare what `call` returns for arrays, or problems, at the edge and elsewhere."""

    def laid(how) -> list:
        return [value.map(how) if isinstance(value, Problem) else how(value) for value in inputs]

    want = call(*laid(LAYOUTS["C"]))  # a copy: some inputs are added to
    for side in SIDES:
        os.write(1, f"{name}, {layout}, {side}\n".encode())
        with guarded(side):
            got = call(*laid(LAYOUTS[layout]))
        assert [value.tobytes() for value in got] == [value.tobytes() for value in want], "other bits"


def filled(function, *inputs, shape, last=()) -> list:
    """The output of a function of the points, which is its last argument."""
    out = np.empty(shape, inputs[0].dtype)
    function(*inputs, *last, out)
    return [out]


# ---- the points ---------------------------------------------------------------------------------------------------


def activations(points, dtype) -> None:
    for n in SIZES:
        for name in ("exp", "tanh", "sigmoid"):
            function = getattr(points, name)
            check(f"{name} {n}", lambda x, f=function: filled(f, x, shape=x.shape), draw(n, dtype=dtype))
        for shape in {(n, other) for other in OTHERS["m"]} | {(other, n) for other in OTHERS["n_y"]}:
            z = draw(*shape, dtype=dtype)
            check(f"softmax {shape}", lambda z: filled(points.softmax, z, shape=z.shape), z)
            check(f"public {shape}", lambda z: [cyrnn.softmax(z), cyrnn.tanh(z), cyrnn.sigmoid(z)], z)


def packed(points, *matrices: np.ndarray) -> np.ndarray:
    out = np.empty(points.packed_size(*matrices[0].shape, len(matrices)), matrices[0].dtype)
    for gate, W in enumerate(matrices):
        points.pack(W, gate, len(matrices), out)
    return out


def pack(points, dtype) -> None:
    for i, sizes in sweep("n_a", "n_x"):
        for gates in (1, 2, 3, 4):
            W = [draw(sizes["n_a"], sizes["n_x"], dtype=dtype) for _ in range(gates)]
            for layout in LAYOUTS if i % 4 == 0 else ("C", "F"):
                check(f"pack {gates} {sizes}", lambda *W: [packed(points, *W)], *W, layout=layout)


def forward(points, dtype) -> None:
    for cell in EVERY_CELL:
        for i, sizes in sweep("n_x", "n_a", "m", "T_x"):
            problem = make(cell, dtype, **sizes)
            first = i % sizes["m"] if i % 3 == 0 else 0
            active = falling(sizes["m"], sizes["T_x"], i) if i % 5 < 2 else None
            name = f"forward {cell.name} {sizes} from {first}, {'with' if i % 2 else 'no'} gates, active {active}"

            def call(p, gates=i % 2, first=first, active=active):
                return run_points(points, p, first, gates, active)

            check(name, call, problem, layout=list(LAYOUTS)[i % 4])


def interleaved(points, dtype) -> None:
    """One column and many steps: kernels/interleaved.pxi."""
    for cell in EVERY_CELL:
        for n in SIZES:
            for sizes in ({"n_x": n, "n_a": 21}, {"n_x": 18 + n % 3, "n_a": n}):
                problem = make(cell, dtype, m=1, T_x=20 + n % 11, **sizes)

                def call(p, gates=n % 2):
                    return run_points(points, p, 0, gates, None)

                check(f"interleaved {cell.name} {sizes}", call, problem, layout=list(LAYOUTS)[n % 4])


def falling(m: int, T: int, seed: int) -> list[int]:
    """How many of m columns take part in each of T steps."""
    return sorted(np.random.RandomState(seed).randint(0, m + 1, T).tolist(), reverse=True)


def batch_sizes(active: list[int] | None) -> np.ndarray | None:
    return None if active is None else np.array(active, np.intp)


def run_points(points, problem: Problem, first: int, gates: int, active: list[int] | None) -> list:
    """Pack, and run all steps of the columns from the first on; what is not run stays as it was."""
    cell, x = problem.cell, problem.x
    n_a, m = problem.initial[0].shape
    states = np.zeros((len(cell.states), x.shape[2] + 1, m, n_a), x.dtype)
    states[:, 0] = [value.T for value in problem.initial]
    kept = np.zeros((x.shape[2], len(cell.stored_gates), m, n_a), x.dtype) if gates and cell.stored_gates else None
    weights = packed_stages(points, problem)
    points.forward(cell.name, x.transpose(2, 1, 0), *weights, states, kept, first, -1, batch_sizes(active))
    return [states] if kept is None else [states, kept]


def packed_stages(points, problem: Problem) -> list:
    """Wx, Wa and b: of each stage, one after the other, in arrays as long as that."""
    cell, p = problem.cell, problem.parameters
    halves = ([], [], [])
    for stage in cell.stages:
        gates = [(*split_weights(cell, gate, p, len(problem.initial[0])), p[gate.b]) for gate in stage.gates]
        for half, matrices in zip(halves, zip(*gates, strict=True), strict=True):
            given = [W for W in matrices if W is not None]
            half.append(packed(points, *given) if given else np.empty(0, problem.x.dtype))
    return [np.concatenate(half) for half in halves]


def head(points, dtype) -> None:
    for _, sizes in sweep("m", "n_a", "n_y"):
        m, n_a, n_y = sizes.values()
        a, Wy, by = draw(m, n_a, dtype=dtype), draw(n_y, n_a, dtype=dtype), draw(n_y, 1, dtype=dtype)

        def call(a, Wy, by):
            return filled(points.head, a, packed(points, Wy), packed(points, by), shape=(len(a), len(Wy)))

        check(f"head {sizes}", call, a, Wy, by)


# ---- the public functions ---------------------------------------------------------------------------------------


def cell_calls(points, dtype) -> None:
    """One step: the unpacked paths from a dict, the packed way, and the step of a stream."""
    for cell in CELLS:
        for i, sizes in sweep("n_x", "n_a", "n_y", "m"):
            problem = make(cell, dtype, **sizes, T_x=1)
            name, layout = f"{cell.name} {sizes}", list(LAYOUTS)[i % 4]
            check(f"cell call {name}", lambda p: one_step(p), problem, layout=layout)
            if i % 2:
                check(f"packed cell call {name}", lambda p: one_step(with_panels(p)), problem, layout=layout)
                check(f"stream {name}", layer_step, problem, layout=layout)


def shared_cell_calls(points, dtype) -> None:
    """One step whose units threads share; some of rows that begin in one set of a cache, which are read by fewer."""
    threads.MILLISECOND_FMAS = threads.MIN_ROWS = 1
    for count in (1, 3):
        cyrnn.set_num_threads(count)
        for cell in CELLS:
            for m in (1, 2, 3, 5, 8, 9, 17):
                for n_a, n_x in ((129, 11), (140, 1), (256, 256)):
                    problem = make(cell, dtype, n_x=n_x, n_a=n_a, n_y=2, m=m, T_x=1)
                    check(f"{count} threads, {cell.name}, {m}, {n_a}, {n_x}", lambda p: one_step(p), problem)


def one_step(problem: Problem) -> list:
    done = run_cell(problem)
    return [*done.states, done.y, *done.cache[:-1]]


def with_panels(problem: Problem) -> Problem:
    return Problem(problem.cell, cyrnn.pack(problem.parameters), problem.x, problem.initial)


def layer_step(problem: Problem) -> list:
    return [*parts(layer_of(problem).forward(problem.x[:, :, :1].transpose(2, 1, 0), states_of(problem.initial))[1])]


def sequence_calls(points, dtype) -> None:
    for cell in CELLS:
        for i, sizes in sweep("n_x", "n_a", "n_y", "m", "T_x", each=3):
            problem = make(cell, dtype, **sizes)
            name, layout = f"{cell.name} {sizes}", list(LAYOUTS)[i % 4]
            keep = i % 3 > 0
            check(f"sequence {name}", lambda p, k=keep: whole_run(p, k), problem, layout=layout)
            if i % 2:
                check(f"packed sequence {name}", lambda p: whole_run(with_panels(p)), problem, layout=layout)


def whole_run(problem: Problem, keep: bool = True) -> list:
    return results(run_sequence(problem, return_caches=keep))


# ---- faults made on purpose: the guards at work -----------------------------------------------------------------


def touch(side: str, change: bool) -> None:
    """Read, or write, the element beyond an array; the last one within is no fault."""
    with guarded(side):
        x = np.ones(5)
    beyond = x.ctypes.data + (x.nbytes if side == "end" else -x.itemsize)
    within = x.ctypes.data + (x.nbytes - x.itemsize if side == "end" else 0)
    for address in (within, beyond):
        os.write(1, f"{'beyond' if address == beyond else 'within'} the {side}\n".encode())
        place = ctypes.c_double.from_address(address)
        place.value = 2 if change else place.value


def short(function: str, which: int) -> None:
    """Tell a kernel of one element more than its input (0), or its output (1), has."""
    points = EntryPoints(dispatch.kernels, np.float32)
    with guarded("end"):
        given = [np.ones(5, np.float32), np.empty(5, np.float32)]
    given[1 - which] = np.ones(6, np.float32)
    given[which] = np.lib.stride_tricks.as_strided(given[which], (6,))
    os.write(1, f"beyond the {'output' if which else 'input'} of {function}\n".encode())
    getattr(points, function)(*given)


FAULTS = {
    "read-end": lambda: touch("end", False),
    "read-start": lambda: touch("start", False),
    "write-end": lambda: touch("end", True),
    "write-start": lambda: touch("start", True),
    "kernel-reads": lambda: short("exp", 0),
    "kernel-writes": lambda: short("exp", 1),
}
ALL = (activations, pack, forward, interleaved, head, cell_calls, shared_cell_calls, sequence_calls)
GROUPS = {function.__name__: function for function in ALL}

if __name__ == "__main__":
    if sys.argv[1] in FAULTS:
        FAULTS[sys.argv[1]]()
    else:
        for dtype in DTYPES:
            os.write(1, f"{isa_in_use()} {dtype}\n".encode())
            GROUPS[sys.argv[1]](EntryPoints(dispatch.kernels, dtype), dtype)
    os.write(1, b"done\n")
