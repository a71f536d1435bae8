"""The floating-point environment: whatever another library has set for a thread, results have the default's bits."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import nn_models
import numpy as np
import pytest
from backward import incoming, run_backward, run_cell_backward
from environment import FLAGS, MODES, WHY_NOT, environment, register, set_register
from interpreter import isolated, needs_threads
from kernel_panels import EntryPoints
from problems import (
    COMPILED,
    assert_same_bits,
    each_cell,
    each_dtype,
    isa_in_use,
    make,
    results,
    run_cell,
    run_sequence,
)

import cyrnn
from cyrnn.calls import threads
from cyrnn.kernels import dispatch

pytestmark = [
    pytest.mark.skipif(not MODES, reason=WHY_NOT),
    pytest.mark.skipif(isa_in_use() == "reference", reason="NumPy computes in the environment of its caller"),
]
each_mode = pytest.mark.parametrize("mode", MODES)
each_number = pytest.mark.parametrize("number", [1, 2])


@pytest.fixture
def number_of_threads(monkeypatch):
    """Sets how many threads share calls, however little there is to do."""
    before = cyrnn.get_num_threads()
    monkeypatch.setattr(threads, "MILLISECOND_FMAS", 1)
    monkeypatch.setattr(threads, "MIN_ROWS", 1)
    yield cyrnn.set_num_threads
    monkeypatch.undo()
    cyrnn.set_num_threads(before)


def tiny(array: np.ndarray) -> np.ndarray:
    """The same, subnormal for the most part."""
    return array * (np.finfo(array.dtype).tiny / 4)


def problem_of(cell, dtype, **sizes):
    """Subnormal in half of its columns: x, states and biases; of order one in the others."""
    problem = make(cell, dtype, m=16, T_x=5, n_a=21, n_x=9, **sizes)
    x, initial = problem.x.copy(), tuple(state.copy() for state in problem.initial)
    for array in (x, *initial):
        array[:, ::2] = tiny(array[:, ::2])
    biases = {key: tiny(value) for key, value in problem.parameters.items() if value.shape[1] == 1}
    return replace(problem, x=x, initial=initial, parameters=problem.parameters | biases)


def everything(problem, gradients) -> list:
    """Every array that the notebook's functions return for a problem and for gradients that come in."""
    packed = replace(problem, parameters=cyrnn.pack(problem.parameters))
    backward = [run(problem, some) for some in gradients for run in (run_backward, run_cell_backward)]
    step = run_cell(problem)
    forward = [*results(run_sequence(problem)), *results(run_sequence(packed)), *step.states, step.y, *step.cache[:-1]]
    return [*forward, *(value for found in backward for value in found.values())]


@each_mode
@each_number
@each_dtype
@each_cell
def test_environment_of_another_changes_no_bit_of_a_cell(cell, dtype, number, mode, number_of_threads):
    number_of_threads(number)
    problem = problem_of(cell, dtype)
    gradients = incoming(problem), incoming(problem).map(tiny)
    want = everything(problem, gradients)
    with environment(mode):
        got = everything(problem, gradients)
    assert_same_bits(got, want)


@each_mode
@each_number
@each_dtype
@nn_models.each_kind
def test_environment_of_another_changes_no_bit_of_a_model(kind, dtype, number, mode, number_of_threads):
    number_of_threads(number)
    case = nn_models.make(kind, dtype, N=16, num_layers=2, bidirectional=True, dropout=0.3)
    single = nn_models.build(kind, dtype)
    weights, x = case.model.state_dict(), tiny(case.x)
    ones = np.ones((7, 16, case.model(case.x)[0].shape[-1]), dtype)
    small = tiny(ones)

    def run() -> list:
        case.model.load_state_dict(weights)  # adds the two biases, and packs
        found = []
        for lengths in (None, case.lengths):
            output, state, tape = case.model.forward(x, case.state, lengths=lengths, dropout_rng=1)
            for d_output in (ones, small):
                gradients = case.model.backward(tape, d_output, case.state)
                found += [gradients.input, gradients.hx, *gradients.weights.values()]
            found += [output, state, case.model(x, lengths=lengths), single.step(x[0])]
        return nn_models.arrays(found)

    want = run()
    with environment(mode):
        got = run()
    assert_same_bits(got, want)


@each_mode
@each_dtype
@pytest.mark.parametrize("N", [3, 40_001])
def test_environment_of_another_changes_no_bit_of_a_function(dtype, N, mode):
    x = np.random.default_rng(0).standard_normal((5, N)).astype(dtype) * 3
    x[:, ::2] = tiny(x[:, ::2])
    x[0, :3] = -90, -740, 1  # exp of which is subnormal, or zero, in one dtype or both
    functions = [cyrnn.tanh, cyrnn.sigmoid, cyrnn.softmax]
    want = [function(x) for function in functions]
    with environment(mode):
        got = [function(x) for function in functions]
    assert_same_bits(got, want)


@each_mode
@each_dtype
@pytest.mark.parametrize("isa", COMPILED)
def test_environment_of_another_changes_no_bit_of_the_entry_points(isa, dtype, mode):
    views, random = EntryPoints(dispatch.load(isa), dtype), np.random.default_rng(0)
    x, W = (random.standard_normal(shape).astype(dtype) for shape in ((6, 37), (8, 37)))
    x[::2] = tiny(x[::2])

    def run() -> list:
        flat = [np.empty(x.size, dtype) for _ in range(3)]
        for function, out in zip(("exp", "tanh", "sigmoid"), flat, strict=True):
            getattr(views, function)(x.ravel(), out)
        panels, columns = np.empty(views.packed_size(8, 37, 1), dtype), np.empty_like(x)
        product = np.empty((6, 8), dtype)
        views.softmax(x, columns)
        views.pack(W, 0, 1, panels)
        views.multiply(x, panels, None, product)
        outer, total = np.zeros((37, 8), dtype), np.zeros(8, dtype)
        views.sum_outer(x, product, outer)
        views.add_rows(product, total)
        return [*flat, columns, panels, product, outer, total]

    want = run()
    with environment(mode):
        got = run()
    assert_same_bits(got, want)


@needs_threads
def test_environment_of_a_thread_is_its_own_and_is_kept(number_of_threads):
    """Threads in different modes call at once, on the workers that they share: same bits, and each keeps its mode."""
    number_of_threads(3)
    problem = problem_of(cyrnn.cells.LSTM, np.dtype(np.float32))
    want = results(run_sequence(problem))
    modes = [*MODES, *MODES]
    start = threading.Barrier(len(modes))

    def work(mode: str) -> None:
        start.wait(30)
        with environment(mode):
            got = [results(run_sequence(problem)) for _ in range(20)]
        for run in got:
            assert_same_bits(run, want)

    with ThreadPoolExecutor(len(modes)) as callers:
        for future in [callers.submit(work, mode) for mode in modes]:
            future.result(60)
    assert_same_bits(results(run_sequence(problem)), want)


@each_number
def test_environment_with_flags_raised_gets_no_other_back(number, number_of_threads):
    """An environment that was put back is the same to the bit: no exception of ours is left in it."""
    number_of_threads(number)
    problem, before = problem_of(cyrnn.cells.GRU, np.dtype(np.float32)), register()
    wanted = (before & ~FLAGS) | MODES["flush-to-zero"]
    cyrnn.tanh(problem.x)
    try:
        set_register(wanted)
        cyrnn.tanh(problem.x)
        got = register()
    finally:
        set_register(before)
    assert got == wanted


@pytest.mark.parametrize("call", ["cyrnn.softmax(x)", "cyrnn.lstm_forward(p.x, p.initial[0], p.parameters)"])
def test_environment_that_traps_lets_calls_compute(call):
    """A debugger's feenableexcept: what is invalid gives nan, as ever, and no signal."""
    done = isolated(f"""
from environment import *
x = np.full((3, 5), np.inf)
p = make(cyrnn.cells.LSTM, np.float64)
p.x[:] = np.inf
want = {call}
before = register()
wanted = before & ~0x80 & ~0x3f if MACHINE == "x86_64" else before | 0x100
set_register(wanted)
try:
    got = {call}
    kept = register()
finally:
    set_register(before)
first = lambda result: result[0] if isinstance(result, tuple) else result
print(np.isnan(first(got)).any(), kept == wanted)
""")
    assert (done.stdout.split(), done.returncode) == (["True", "True"], 0), done.stderr
