"""Whole calls in compiled code against the general path: the same answers, none where that refuses."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from interpreter import isolated
from layouts import Plain
from problems import (
    CELLS,
    assert_same_bits,
    cell_function,
    each_cell,
    each_dtype,
    isa_in_use,
    make,
    results,
    run_cell,
    run_sequence,
    sequence_function,
)
from sentences import SENTENCES
from valid import VALID

import cyrnn
from cyrnn.kernels import dispatch

pytestmark = pytest.mark.skipif(
    isa_in_use() == "reference", reason="the reference has no compiled calls: all goes the general path"
)


def generally(problem):
    """The same problem, so given that only the general path takes it."""
    return replace(problem, x=problem.x.view(Plain))


def calls_of(cell):
    return dispatch.kernels.fast(cell, type(cyrnn.pack(make(cell, np.float64).parameters)))


def taken(cell, problem) -> tuple[bool, bool]:
    """Whether the compiled calls of a step and of a sequence apply."""
    calls, p = calls_of(cell), problem.parameters
    step = calls.step(np.asarray(problem.x)[:, :, 0], problem.initial, p, True)
    return step is not None, calls.sequence(problem.x, problem.initial, p, True) is not None


@st.composite
def wide_problems(draw, cell, dtype):
    """Sizes on both sides of every turn a call may take: few or many steps, columns and units."""
    small_or_large = st.one_of(st.integers(1, 9), st.integers(10, 90))
    return make(
        cell,
        dtype,
        seed=draw(st.integers(0, 999)),
        n_x=draw(st.one_of(st.just(0), small_or_large)),
        n_a=draw(small_or_large),
        n_y=draw(st.integers(1, 20)),
        m=draw(st.one_of(st.integers(1, 4), st.integers(5, 50))),
        T_x=draw(st.one_of(st.just(1), st.integers(2, 24))),
    )


@each_dtype
@each_cell
@settings(derandomize=True, deadline=None, max_examples=60, database=None)
@given(data=st.data())
def test_compiled_sequence_has_the_bits_of_the_general_path(cell, dtype, data):
    problem = data.draw(wide_problems(cell, dtype))
    keep = data.draw(st.booleans())
    if data.draw(st.booleans()):
        problem = replace(problem, parameters=cyrnn.pack(problem.parameters))
    got, want = (run_sequence(p, return_caches=keep) for p in (problem, generally(problem)))
    assert_same_bits(results(got), [np.asarray(value) for value in results(want)])
    assert (got.caches is None) == (want.caches is None)


@each_dtype
@each_cell
@settings(derandomize=True, deadline=None, max_examples=60, database=None)
@given(data=st.data())
def test_compiled_step_has_the_bits_of_the_general_path(cell, dtype, data):
    problem = data.draw(wide_problems(cell, dtype))
    if data.draw(st.booleans()):
        problem = problem.map(np.asfortranarray)
    got, want = run_cell(problem), run_cell(generally(problem))
    assert_same_bits([*got.states, got.y], [*want.states, want.y])
    assert_same_bits(got.cache[:-1], [np.asarray(value) for value in want.cache[:-1]])


@each_dtype
@each_cell
def test_compiled_plain_arrays_are_taken(cell, dtype):
    """Plain arrays are what compiled calls are for: else the tests above compare the general path with itself."""
    problem = make(cell, dtype)
    packed = replace(problem, parameters=cyrnn.pack(problem.parameters))
    for good in (problem, packed, problem.map(np.asfortranarray)):
        assert taken(cell, good) == (True, True)


@each_cell
def test_compiled_anything_else_is_left_to_the_general_path(cell):
    problem = make(cell, np.float64)
    key = next(iter(problem.parameters))

    def with_parameter(value):
        return replace(problem, parameters={**problem.parameters, key: value})

    good = problem.parameters[key]
    assert taken(cell, with_parameter(good.view(Plain))) == (False, False)
    assert taken(cell, with_parameter(good.astype(np.float32))) == (False, False)
    assert taken(cell, with_parameter(good.tolist())) == (False, False)
    assert taken(cell, with_parameter(good[:, 1:])) == (False, False)
    assert taken(cell, with_parameter(good[0])) == (False, False)
    assert taken(cell, with_parameter(good.astype(">f8"))) == (False, False)
    assert taken(cell, replace(problem, x=problem.x.astype(np.float32))) == (False, False)
    assert taken(cell, replace(problem, initial=(*problem.initial[:-1], problem.x[:, :, 0]))) == (
        False,
        False,
    )


@pytest.mark.parametrize(
    "row", [row for row in SENTENCES if "_forward" in row[0]], ids=lambda row: row[0][:60]
)
def test_compiled_takes_nothing_that_the_checks_refuse(row):
    sentence, changes, _ = row
    function = sentence.partition(":")[0]
    arguments = {**VALID[function], **changes}
    form = {key: arguments.pop(key) for key in ("reset_after",) if key in arguments}
    forms = [cell for cell in CELLS if cell.keywords == form]
    (cell,) = (cell for cell in forms if cell.function == function.partition("_")[0])
    given, parameters = arguments.pop("x" if "x" in arguments else "xt"), arguments.pop("parameters")
    call = calls_of(cell).step if "_cell_" in function else calls_of(cell).sequence
    assert call(given, tuple(arguments.values()), parameters, True) is None


@each_cell
def test_compiled_parameters_replaced_by_another_thread_do_no_harm(cell):
    """An optimizer replaces the arrays of a dict while a forward pass reads the old ones."""
    done = isolated(f"""
import threading
cyrnn.set_num_threads(1)  # with more, a call as large as this takes another path
problem = make(cyrnn.cells.CELLS[{cell.name!r}], np.float64, n_x=300, n_a=300, m=2, T_x=60)
p, stop = problem.parameters, threading.Event()
first = run_sequence(problem).y.tobytes()
def replace_all():
    while not stop.is_set():
        for key in p:
            p[key] = p[key].copy()
thread = threading.Thread(target=replace_all)
thread.start()
try:
    same = all(run_sequence(problem).y.tobytes() == first for _ in range(20))
finally:
    stop.set()
    thread.join()
print("same" if same else "different")
""")
    assert (done.stdout.strip(), done.returncode) == ("same", 0), done.stderr


@each_cell
def test_compiled_keys_that_change_the_dict_do_no_harm(cell):
    """A lookup may run the __eq__ of a key with the same hash, and that may drop the arrays found before."""
    done = isolated(f"""
class Key:
    def __init__(self, name): self.name = name
    def __hash__(self): return hash(self.name)
    def __eq__(self, other):
        global armed
        if armed:
            armed = False
            for key in list(p):
                if type(key) is str:
                    p[key] = None
        return False
armed = False
cell = cyrnn.cells.CELLS[{cell.name!r}]
for name in cell.shapes:
    problem = make(cell, np.float64, n_x=200, n_a=200, m=2)
    p = {{Key(name): None, **problem.parameters}}
    for call in (run_sequence, run_cell):
        p.update(problem.parameters)
        armed = True
        try:
            call(replace(problem, parameters=p))
        except (TypeError, ValueError, KeyError, RuntimeError):
            pass
print("alive")
""")
    assert (done.stdout.strip(), done.returncode) == ("alive", 0), done.stderr


@pytest.mark.parametrize(
    ("n_a", "n_x", "T_x"),
    [(16, 2**64 // 288, 8), (16, 2**64 // 192, 8), (16, 2**55, 8), (1, 2**60 + 8, 1), (1, 2**59 + 4, 1)],
)
@pytest.mark.parametrize("path", ["compiled", "general"])
@each_cell
def test_work_area_beyond_memory_is_an_error(cell, path, n_a, n_x, T_x):
    """Sizes whose bytes overflow a 64-bit count: stride 0 lets arrays claim them.

    16 units, packed for 4 gates, and 8 columns of x are 72 float32 for each of n_x: 288 bytes.
    """
    done = isolated(f"""
class Plain(np.ndarray):
    pass
cell, sizes = cyrnn.cells.CELLS[{cell.name!r}], Sizes({n_x}, {n_a}, 2, 1, {T_x})
def claim(*shape):
    return np.broadcast_to(np.float32(0.5), shape)
try:
    p = {{key: claim(*sizes.of(shape)) for key, shape in cell.shapes.items()}}
    big = Problem(cell, p, claim(sizes.n_x, 1, sizes.T_x), (claim(sizes.n_a, 1),) * len(cell.states))
    if {path == "general"}:
        big = replace(big, x=big.x.view(Plain))
except ValueError:
    print("NumPy itself refuses")
    raise SystemExit
try:
    run_sequence(big)
except (MemoryError, ValueError) as error:
    print("refused")
""")
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() in ("refused", "NumPy itself refuses")


@each_cell
def test_compiled_results_are_writeable_and_do_not_own_what_they_view(cell):
    problem = make(cell, np.float64)
    for value in (*run_sequence(problem).states, run_sequence(problem).y, *run_cell(problem).states):
        assert value.flags.writeable
        assert value.flags.aligned
        assert type(value) is np.ndarray


@each_cell
def test_compiled_return_caches_that_has_no_truth_is_an_error(cell):
    problem = make(cell, np.float64)
    with pytest.raises(ValueError, match="truth value"):
        sequence_function(cell)(
            problem.x, problem.initial[0], problem.parameters, return_caches=np.array([1, 2])
        )
    with pytest.raises(ValueError, match="truth value"):
        cell_function(cell)(
            problem.x[:, :, 0], *problem.initial, problem.parameters, return_caches=np.array([1, 2])
        )
