"""Memory: nothing is kept between calls, no reference is lost or held, no caches means none are stored."""

from __future__ import annotations

import gc
import sys
import tracemalloc
from functools import partial
from itertools import pairwise

import numpy as np
import pytest
import resident
from interpreter import run_python
from problems import (
    CELLS,
    cell_function,
    each_cell,
    isa_in_use,
    make,
    run_cell,
    run_sequence,
    sequence_function,
)

import cyrnn
from cyrnn import nn

CALLS, ROUNDS = 2000, 60
#: a leak of one small array per call would be CALLS * 500 bytes
SLACK = 512 * 1024


def refused(call) -> None:
    try:
        call()
    except (TypeError, ValueError, KeyError):
        return
    pytest.fail("not refused")


def work(cell) -> list:
    """Every kind of call: full, bare, packed, empty, converted, refused."""
    problem = make(cell, np.float32)
    packed = cyrnn.pack(problem.parameters)
    x, a0, p = problem.x, problem.initial[0], problem.parameters
    # looked up once: getattr with a name made anew at each call keeps some of those names
    sequence, step, xt = sequence_function(cell), cell_function(cell), np.ascontiguousarray(x[:, :, 0])
    return [
        lambda: sequence(x, a0, p),
        lambda: sequence(x, a0, p, return_caches=False),
        lambda: sequence(x, a0, packed),
        lambda: step(xt, *problem.initial, p),
        lambda: step(xt, *problem.initial, packed),
        lambda: sequence(x[:, :0], a0[:, :0], p),
        lambda: sequence(x.astype(np.float64), a0, p),
        lambda: refused(lambda: sequence(x, a0[:, 1:], p)),
        lambda: refused(lambda: sequence(x, a0, {})),
        lambda: cyrnn.softmax(x),
        lambda: cyrnn.sigmoid(1.0),
    ]


def work_of_nn(kind: str) -> list:
    """Calls of a model in compiled code and beside it: whole, ragged, step by step, there and back, refused."""
    model = getattr(nn, kind)(3, 5, num_layers=2, bidirectional=kind == "LSTM", rng=0)
    x, ragged = np.ones((4, 6, 3), np.float32), [4, 0, 2, 1, 3, 4]
    cell = getattr(nn, f"{kind}Cell")(3, 5, rng=0)
    state = model(x)[1]
    calls = [
        lambda: model(x),
        lambda: model(x, state),
        lambda: model(x, state, lengths=ragged),
        lambda: model(x, lengths=ragged, return_gates=True),
        lambda: model.backward(model.forward(x)[2], None),
        lambda: cell(x[0]),
        lambda: cell(x[0], cell(x[1])),
        lambda: refused(lambda: model(x[:, :, 1:])),
        lambda: refused(lambda: model(x, lengths=[5] * 6)),
    ]
    return calls if model.bidirectional else [*calls, lambda: model.step(x[0], state, reset=np.arange(6) < 3)]


KINDS = {cell.name: partial(work, cell) for cell in CELLS} | {
    kind: partial(work_of_nn, kind) for kind in ("RNN", "LSTM", "GRU")
}
each_work = pytest.mark.parametrize("work", KINDS.values(), ids=KINDS)


@pytest.mark.skipif(not resident.KNOWN, reason=resident.WHY_NOT)
@each_work
def test_resident_size_over_many_calls_is_flat(work):
    calls = work()

    def round_of(count: int) -> None:
        for _ in range(count // len(calls)):
            for call in calls:
                call()
        gc.collect()

    sizes = []
    for _ in range(4):
        round_of(CALLS)
        sizes.append(resident.resident())
    # the allocator may grow at any time, but not every time
    assert min(after - before for before, after in pairwise(sizes)) < SLACK


@each_work
def test_blocks_traced_over_many_calls_are_flat(work):
    """Python's and NumPy's own account: a leak of any one object, 32 bytes or more, shows."""
    calls = work()
    sizes = []
    tracemalloc.start()
    try:
        for _ in range(7):
            for _ in range(ROUNDS):
                for call in calls:
                    call()
            gc.collect()
            sizes.append(tracemalloc.get_traced_memory()[0])
    finally:
        tracemalloc.stop()
    # free lists fill at any time, but not every time
    growth = min(after - before for before, after in pairwise(sizes))
    assert growth < ROUNDS * 16


@each_cell
def test_references_after_a_call_are_as_before(cell):
    problem = make(cell, np.float64)
    xt = np.ascontiguousarray(problem.x[:, :, 0])
    counted = [*problem.arrays, problem.parameters, xt, *problem.parameters, np.dtype(np.float64)]
    calls = [
        lambda: run_sequence(problem),
        lambda: run_sequence(problem, return_caches=False),
        lambda: cell_function(cell)(xt, *problem.initial, problem.parameters),
        lambda: refused(lambda: cell_function(cell)(xt, *problem.initial, {})),
        lambda: cyrnn.pack(problem.parameters),
    ]
    for call in calls:
        call()
        before = [sys.getrefcount(item) for item in counted]
        for _ in range(50):
            call()
        gc.collect()
        assert max(abs(sys.getrefcount(i) - n) for i, n in zip(counted, before, strict=True)) < 10


@each_cell
def test_results_dropped_are_freed_while_the_cache_lives_and_after(cell):
    """Views of one block keep it; when the last is gone, so is the block and the caller's x."""

    class Watched(np.ndarray):
        pass

    gone = []
    problem = make(cell, np.float64)
    x = problem.x.view(Watched)
    import weakref

    weakref.finalize(x, gone.append, True)
    run = sequence_function(cell)(x, problem.initial[0], problem.parameters)
    caches = run[-1]
    kept = caches[0][0][0].copy()
    del run, x
    gc.collect()
    np.testing.assert_array_equal(caches[0][0][0], kept)
    assert not gone
    del caches
    gc.collect()
    assert gone


@pytest.mark.skipif(isa_in_use() == "reference", reason="the reference makes NumPy's temporaries: readable, not frugal")
@each_cell
def test_no_caches_allocates_little_beside_the_outputs(cell):
    """The peak over a long run: outputs, and a work area that does not grow with T_x."""
    beside = []
    for T_x in (500, 4000):
        problem = make(cell, np.float64, n_x=16, n_a=16, n_y=4, m=4, T_x=T_x)
        x = np.asfortranarray(problem.x)  # as the kernels want it: nothing to convert
        function = sequence_function(cell)
        function(x, problem.initial[0], problem.parameters, return_caches=False)
        tracemalloc.start()
        try:
            out = function(x, problem.initial[0], problem.parameters, return_caches=False)
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        outputs = sum(value.nbytes for value in out[:-1])
        beside.append(peak - outputs)
    assert beside[1] - beside[0] < 64 * 1024, f"beside the outputs: {beside} bytes"


PEAK = """
import sys
import numpy as np
import cyrnn
from problems import make, sequence_function
from resident import peak
cell = cyrnn.cells.CELLS[sys.argv[1]]
problem = make(cell, np.float64, n_x=64, n_a=8, n_y=2, m=1, T_x=10)
x = np.random.RandomState(0).standard_normal((64, 1, 100_000))
if sys.argv[2] == "fortran":
    x = np.asfortranarray(x)
p = cyrnn.pack(problem.parameters) if sys.argv[3] == "packed" else problem.parameters
function = sequence_function(cell)
function(x[:, :, :1000], problem.initial[0], p, return_caches=False)
before = peak()
out = function(x, problem.initial[0], p, return_caches=False)
print(peak() - before - sum(value.nbytes for value in out[:-1]))
"""


@pytest.mark.skipif(not resident.KNOWN, reason=resident.WHY_NOT)
@pytest.mark.skipif(isa_in_use() == "reference", reason="the reference makes NumPy's temporaries")
@pytest.mark.parametrize("parameters", ["dict", "packed"])
@pytest.mark.parametrize("order", ["c", "fortran"])
@each_cell
def test_no_caches_long_run_needs_a_bounded_work_area(cell, order, parameters):
    """By the system's account, which sees memory that C asks for: 50 MB of x are read where they are."""
    done = run_python("-c", PEAK, cell.name, order, parameters)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) < 8 * 1024 * 1024


@each_cell
def test_caches_hold_views_and_not_copies(cell):
    """Each cache is a tuple of views: T_x steps store their values once, beside the results, which own theirs."""
    problem = make(cell, np.float64, n_a=64, m=16, T_x=50)
    tracemalloc.start()
    try:
        run = run_sequence(problem)
        now, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    values = (2 * len(cell.states) + len(cell.stored_gates)) * 64 * 16 * 50 * 8 + run.y.nbytes
    assert now < 1.5 * values


@each_cell
def test_cell_results_are_independent_of_each_other(cell):
    """Writing to one output of a step changes no other, and not the cache's inputs."""
    problem = make(cell, np.float64)
    step = run_cell(problem)
    others = [*step.states[1:], step.y]
    kept = [value.copy() for value in others]
    step.states[0][...] = 7
    for value, before in zip(others, kept, strict=True):
        np.testing.assert_array_equal(value, before)
