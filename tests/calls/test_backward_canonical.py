"""Gradients have the same bits however the work is cut, stored, packed or spread over threads, on every ISA."""

from __future__ import annotations

import json
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest
from backward import (
    Incoming,
    assert_same_gradients,
    by_hand,
    cell_backward,
    from_caches,
    incoming,
    of_columns,
    run_backward,
    run_cell_backward,
    weight_keys,
)
from hypothesis import given, settings
from hypothesis import strategies as st
from interpreter import needs_threads, run_python
from problems import (
    CANONICAL,
    assert_same_bits,
    each_cell,
    each_dtype,
    isa_in_use,
    make,
    run_cell,
    run_sequence,
)
from tolerances import assert_gradients_close

import cyrnn
from cyrnn.calls import threads

drawn = settings(derandomize=True, deadline=None, max_examples=25, database=None)
canonical = pytest.mark.skipif(
    isa_in_use() == "reference",
    reason="the reference sums in NumPy's order, which depends on shapes: not canonical",
)


@st.composite
def problems(draw, cell, dtype):
    """A problem and what arrives, of sizes on both sides of a vector, a panel and a block of the batch."""
    size = st.one_of(st.integers(1, 9), st.integers(10, 70))
    problem = make(
        cell,
        dtype,
        seed=draw(st.integers(0, 2**16)),
        n_x=draw(st.one_of(st.just(0), size)),
        n_a=draw(size),
        n_y=1,
        m=draw(st.one_of(st.integers(1, 4), st.integers(5, 40))),
        T_x=draw(st.one_of(st.just(1), st.integers(2, 12))),
    )
    return problem, incoming(problem, draw(st.integers(1, problem.x.shape[2])))


@canonical
@each_dtype
@each_cell
@drawn
@given(data=st.data())
def test_columns_one_at_a_time_equal_the_batch(cell, dtype, data):
    """dx and the initial states' gradients; a weight's gradient is a sum over the columns."""
    problem, d = data.draw(problems(cell, dtype))
    alone = [
        of_columns(cell, run_backward(problem.columns([j]), d.columns([j]))) for j in range(problem.x.shape[1])
    ]
    joined = [np.concatenate(parts, axis=1) for parts in zip(*alone, strict=True)]
    assert_same_bits(joined, of_columns(cell, run_backward(problem, d)))


@canonical
@each_dtype
@each_cell
def test_every_batch_size_to_40_equals_the_columns_of_the_largest(cell, dtype):
    problem = make(cell, dtype, n_a=21, n_x=9, n_y=1, m=40, T_x=3)
    d = incoming(problem)
    whole = of_columns(cell, run_backward(problem, d))
    for m in range(1, 40):
        part = slice(40 - m, None)
        got = of_columns(cell, run_backward(problem.columns(part), d.columns(part)))
        assert_same_bits(got, [value[:, 40 - m :] for value in whole])


@canonical
@each_dtype
@each_cell
def test_columns_one_at_a_time_equal_the_batch_of_a_cell_call(cell, dtype):
    for m, n_a, n_x in [(10, 5, 3), (17, 33, 20), (3, 64, 64)]:
        problem = make(cell, dtype, n_a=n_a, n_x=n_x, m=m, T_x=1)
        d = incoming(problem)
        names = ["dxt", *(f"d{state}_prev" for state in cell.states)]
        whole = run_cell_backward(problem, d)
        for j in range(m):
            alone = run_cell_backward(problem.columns([j]), d.columns([j]))
            assert_same_bits([alone[name] for name in names], [whole[name][:, [j]] for name in names])


@canonical
@pytest.mark.parametrize(
    ("m", "n_a", "n_x"), [(1, 300, 31), (2, 64, 129), (5, 130, 70), (7, 33, 0), (13, 257, 100), (40, 21, 65)]
)
@each_dtype
@each_cell
def test_step_on_weights_in_place_has_the_bits_of_packed_ones(cell, dtype, m, n_a, n_x):
    """Weights whose rows have gaps are packed; sizes on both sides of the rows, panels and tiles of the other road."""
    problem = make(cell, dtype, n_a=n_a, n_x=n_x, m=m, T_x=1)
    d, parameters = incoming(problem), {key: np.asfortranarray(value) for key, value in problem.parameters.items()}
    want = run_cell_backward(replace(problem, parameters=parameters), d)
    assert_same_gradients(run_cell_backward(problem, d), want)
    columns = replace(problem, x=np.asfortranarray(problem.x), initial=tuple(map(np.asfortranarray, problem.initial)))
    assert_same_gradients(run_cell_backward(columns, d), want)


@each_dtype
@each_cell
@drawn
@given(data=st.data())
def test_sequence_in_two_parts_equals_the_whole(cell, dtype, data):
    """What arrives at the first part is what the second hands on, in values: it is added before, not within, a sum."""
    problem, d = data.draw(problems(cell, dtype))
    T = d.da.shape[2]
    cut = data.draw(st.integers(0, T - 1))
    steps, x = run_sequence(problem).caches
    whole = from_caches(cell, (steps, x), d)
    late = from_caches(cell, (steps[cut:T], x[:, :, cut:T]), Incoming(d.da[:, :, cut:], d.last))
    parts, handed_on = [late["dx"]], late
    if cut:
        da = d.da[:, :, :cut].copy()
        da[:, :, -1] += late["da0"]
        last = tuple(late[f"d{state}0"] for state in cell.states[1:])
        handed_on = from_caches(cell, (steps[:cut], x[:, :, :cut]), Incoming(da, last))
        parts.insert(0, handed_on["dx"])
    joined = {"dx": np.concatenate(parts, axis=2)} | {f"d{state}0": handed_on[f"d{state}0"] for state in cell.states}
    assert_gradients_close(joined, {key: whole[key] for key in joined}, "gradient against equations")
    for key in (f"d{key}" for key in weight_keys(cell)):
        # a sum of two sums, which may be much smaller than either: rounded as they are
        largest = max(abs(part[key]).max(initial=0) for part in (late, handed_on, whole)).astype(dtype)
        scaled = (np.append(value, largest) for value in (late[key] + handed_on[key] * (cut > 0), whole[key]))
        assert_gradients_close(*({key: value} for value in scaled), "gradient against equations")


@each_dtype
@each_cell
@drawn
@given(data=st.data())
def test_sequence_of_one_step_equals_the_cell_call(cell, dtype, data):
    problem, d = data.draw(problems(cell, dtype))
    d = Incoming(d.da[:, :, :1], d.last)
    got = run_backward(problem, d)
    got["dx"] = got["dx"][:, :, 0]
    want = run_cell_backward(problem, d)
    assert_same_gradients(dict(zip(want, got.values(), strict=True)), want)


@each_dtype
@each_cell
@drawn
@given(data=st.data())
def test_packed_parameters_equal_the_dict(cell, dtype, data):
    problem, d = data.draw(problems(cell, dtype))
    packed = replace(problem, parameters=cyrnn.pack(problem.parameters))
    assert_same_gradients(run_backward(packed, d), run_backward(problem, d))
    assert_same_gradients(run_cell_backward(packed, d), run_cell_backward(problem, d))


@each_dtype
@each_cell
@drawn
@given(data=st.data())
def test_caches_rebuilt_by_hand_equal_our_own(cell, dtype, data):
    """In the notebook's form: each entry an array of its own, in C or in Fortran order."""
    problem, d = data.draw(problems(cell, dtype))
    caches = run_sequence(problem).caches
    want = from_caches(cell, caches, d)
    assert_same_gradients(from_caches(cell, by_hand(caches), d), want)
    assert_same_gradients(from_caches(cell, by_hand(caches, np.asfortranarray), d), want)
    cache = run_cell(problem).cache
    rebuilt = by_hand(([cache], None))[0][0]
    arrived = (d.da[:, :, 0], *d.last)
    assert_same_gradients(cell_backward(cell)(*arrived, rebuilt), cell_backward(cell)(*arrived, cache))


@each_dtype
@each_cell
def test_long_run_equals_its_rebuilt_caches(cell, dtype):
    """Longer than any block of steps a kernel might sum at once."""
    for m in (1, 3, 9):
        problem = make(cell, dtype, n_a=12, n_x=7, n_y=1, m=m, T_x=700)
        caches, d = run_sequence(problem).caches, incoming(problem)
        assert_same_gradients(from_caches(cell, by_hand(caches), d), from_caches(cell, caches, d))


@each_cell
def test_two_calls_give_the_same_bits(cell):
    """Nothing is left of a call, nor added to it: gradients start from zero each time."""
    problem = make(cell, np.float64, m=17, n_a=20)
    d, caches = incoming(problem), run_sequence(problem).caches
    first = from_caches(cell, caches, d)
    kept = {name: value.copy() for name, value in first.items()}
    assert_same_bits(from_caches(cell, caches, d).values(), kept.values())
    from_caches(cell, caches, d.map(np.negative))
    assert_same_bits(first.values(), kept.values())


# ---- threads ----


@pytest.fixture
def split_everything(monkeypatch):
    """Let any work, however little, be worth a thread; the count is put back afterwards."""
    before = cyrnn.get_num_threads()
    monkeypatch.setattr(threads, "MILLISECOND_FMAS", 1)
    monkeypatch.setattr(threads, "MIN_ROWS", 1)
    yield
    monkeypatch.undo()
    cyrnn.set_num_threads(before)


@pytest.mark.parametrize(("m", "n_a"), [(1, 70), (2, 3), (3, 21), (7, 16), (16, 33), (33, 20)])
@each_dtype
@each_cell
def test_threads_any_number_gives_the_same_bits(cell, dtype, m, n_a, split_everything):
    problem = make(cell, dtype, m=m, n_a=n_a, n_x=9, n_y=3, T_x=5)
    packed = replace(problem, parameters=cyrnn.pack(problem.parameters))
    d = incoming(problem)
    cyrnn.set_num_threads(1)
    want, step = run_backward(problem, d), run_cell_backward(problem, d)
    for n in (1, 2, 3, 4):
        cyrnn.set_num_threads(n)
        for given_parameters in (problem, packed):
            assert_same_gradients(run_backward(given_parameters, d), want)
            assert_same_gradients(run_cell_backward(given_parameters, d), step)
        assert_same_gradients(from_caches(cell, by_hand(run_sequence(problem).caches), d), want)


@pytest.mark.skipif(isa_in_use() == "reference", reason="takes the reference a minute, and shows nothing more")
@each_cell
def test_threads_large_call_gives_the_same_bits(cell):
    """Work that is worth a thread as things are, without any help."""
    before = cyrnn.get_num_threads()
    problem = make(cell, np.float32, m=24, n_a=160, n_x=100, n_y=1, T_x=100)
    d, runs = incoming(problem), []
    caches = run_sequence(problem).caches
    try:
        for n in (1, 2, 3):
            cyrnn.set_num_threads(n)
            runs.append(from_caches(cell, caches, d))
    finally:
        cyrnn.set_num_threads(before)
    for other in runs[1:]:
        assert_same_gradients(other, runs[0])


@needs_threads
@each_cell
def test_threads_eight_callers_at_once_get_their_own_gradients(cell, split_everything):
    parameters = cyrnn.pack(make(cell, np.float64, n_a=40, n_x=20).parameters)
    given_problems = [
        replace(make(cell, np.float64, seed=seed, n_a=40, n_x=20, m=1 + 2 * seed), parameters=parameters)
        for seed in range(8)
    ]
    cyrnn.set_num_threads(1)
    want = [run_backward(problem) for problem in given_problems]
    for n in (1, 2):
        cyrnn.set_num_threads(n)
        start = threading.Barrier(8)

        def work(index: int, start=start) -> None:
            start.wait(30)
            for _ in range(10):
                assert_same_gradients(run_backward(given_problems[index]), want[index])

        with ThreadPoolExecutor(8) as callers:
            for future in [callers.submit(work, index) for index in range(8)]:
                future.result(60)


# ---- ISA against ISA ----

HASHES = """
import json
import ledger
cases = ledger.gradients()
print(json.dumps({name: ledger.digest(compute()) for name, compute in cases.items()}))
"""


def hashes(isa: str) -> dict:
    done = run_python("-c", HASHES, CYRNN_ISA=isa)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.skipif(len(CANONICAL) < 2, reason=f"one ISA with a fused multiply-add here: {CANONICAL}")
def test_isas_with_fma_give_the_same_gradients():
    first, *others = map(hashes, CANONICAL)
    assert len(first) > 8
    for other in others:
        assert other == first
