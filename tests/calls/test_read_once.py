"""What decides an address, a count or an order is read once: whoever changes an array while a call runs, hurts nobody.

Three moments are made to order: the __eq__ of a key, which a look-up runs; work that is shared among threads, where the
GIL is free; and a line of a facade, between two looks at an argument.
"""

from __future__ import annotations

import warnings

import nn_models
import numpy as np
import pytest
from backward import by_hand, from_caches, incoming
from interpreter import isolated
from meddler import at_lines_of, c_order, flat, reshape, unless_refused, while_others_run, with_key
from problems import (
    assert_same_bits,
    assert_same_values,
    cell_function,
    each_cell,
    isa_in_use,
    make,
    run_sequence,
)

from cyrnn import calls, nn
from cyrnn.nn import _check

compiled = pytest.mark.skipif(isa_in_use() == "reference", reason="the reference shares no work, and has no pointers")


def wide(cell):
    """A problem whose work is shared, with arrays that own their memory."""
    problem = make(cell, np.float64, m=9, n_a=6, T_x=5)
    return problem.map(c_order)


# ---- while others run ----------------------------------------------------------------------------


@compiled
@each_cell
def test_shapes_changed_while_a_sequence_runs_change_no_result(cell):
    problem, other = wide(cell), wide(cell)
    want = run_sequence(other)
    with while_others_run(lambda: flat(*problem.arrays)):
        got = run_sequence(problem)
    assert problem.x.ndim == 1
    assert_same_bits([got.y, *got.states], [want.y, *want.states])
    for cache, (t, right) in zip(got.caches[0], enumerate(want.caches[0]), strict=True):
        xt = cache[list(cell.cache).index("xt")]
        np.testing.assert_array_equal(xt, other.x[:, :, t])
        assert_same_values(
            [a for a, name in zip(cache, cell.cache, strict=True) if name.endswith("_next")],
            [a for a, name in zip(right, cell.cache, strict=True) if name.endswith("_next")],
        )


@compiled
@each_cell
def test_dtype_changed_while_a_sequence_runs_changes_no_result(cell):
    problem, other = wide(cell), wide(cell)

    def change():
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            problem.x.dtype = np.int8

    with while_others_run(change):
        got = run_sequence(problem)
    slot = list(cell.cache).index("xt")
    for t, cache in enumerate(got.caches[0]):
        np.testing.assert_array_equal(cache[slot], other.x[:, :, t])


@compiled
@each_cell
def test_shapes_changed_while_a_step_runs_change_no_result(cell):
    problem, other = wide(cell), wide(cell)
    xt = np.array(problem.x[:, :, 0])
    want = cell_function(cell)(xt.copy(), *other.initial, other.parameters)
    with while_others_run(lambda: flat(xt, *problem.initial, *problem.parameters.values())):
        got = cell_function(cell)(xt, *problem.initial, problem.parameters)
    assert_same_bits(got[:-1], want[:-1])


@compiled
@pytest.mark.parametrize("whole", [True, False], ids=["sequence", "step"])
@each_cell
def test_shapes_changed_while_it_goes_back_change_no_gradient(cell, whole):
    problem = wide(cell)
    steps, x = by_hand(run_sequence(problem).caches, c_order)
    d, run = incoming(problem), calls.of(cell)
    da = d.da if whole else np.array(d.da[:, :, 0])
    arrays = [da, *d.last, *problem.parameters.values()]
    arrays += [value for step in steps for value in step if isinstance(value, np.ndarray)]

    def go():
        return run.backward(da, (steps, x), *d.last) if whole else run.backward_step(da, steps[0], *d.last)

    want = go()
    with while_others_run(lambda: flat(*arrays)):
        got = go()
    assert da.ndim == 1
    assert_same_bits(got.values(), want.values())


@compiled
@nn_models.each_kind
def test_shapes_changed_while_a_model_runs_change_no_result(kind):
    """The second sublayer would say that what the first has read does not fit any more."""
    case = nn_models.make(kind, N=9, num_layers=1, bidirectional=False)
    (sublayer,) = case.model._sublayers
    for ragged in (None, [7, 3, 0, 5, 7, 1, 2, 6, 4]):
        lengths = None if ragged is None else calls.lengths(ragged, 7, 9)
        for records in (None, []):
            x, hx = case.x.copy(), tuple(part.copy() for part in nn_models.parts(case.state))
            given = hx if len(hx) > 1 else hx[0]
            want = sublayer.forward(x.copy(), case.state, False, lengths, None, None, None, records)
            with while_others_run(lambda x=x, hx=hx: flat(x, *hx)):
                got = sublayer.forward(x, given, False, lengths, None, None, None, records)
            assert x.ndim == 1
            nn_models.assert_same(nn_models.arrays(got), nn_models.arrays(want))
        dy = np.ones_like(got[0])
        want = sublayer.backward(records[0], dy.copy(), case.state)
        d_state = tuple(part.copy() for part in nn_models.parts(case.state))
        with while_others_run(lambda dy=dy, d_state=d_state: flat(dy, *d_state)):
            got = sublayer.backward(records[0], dy, d_state if len(d_state) > 1 else d_state[0])
        assert dy.ndim == 1
        nn_models.assert_same(
            [got[0], *nn_models.parts(got[1]), *got[2]], [want[0], *nn_models.parts(want[1]), *want[2]]
        )


# ---- a key's __eq__ ------------------------------------------------------------------------------


@each_cell
def test_shape_of_da_changed_by_a_key_is_refused_or_right(cell):
    """The same number of units, another stride from column to column: once it gave other gradients, and no error."""
    problem = make(cell, np.float64, m=4, T_x=6)
    steps, x = run_sequence(problem).caches
    d = incoming(problem)
    want = from_caches(cell, (steps, x), d)
    n_a, m, T = d.da.shape
    da = np.array(d.da, order="C")
    parameters = with_key(problem.parameters, lambda: reshape(da, (n_a, T, m)))
    steps = [(*step[:-1], parameters) for step in steps]
    got = unless_refused(lambda: from_caches(cell, (steps, x), d._replace(da=da)), "has shape")
    if got is not None:
        assert_same_bits(got.values(), want.values())


KEYS = """
import warnings
from meddler import c_order, flat, with_key, reshape
from problems import *
from cyrnn import calls
warnings.simplefilter("ignore")
for cell in CELLS:
    run = calls.of(cell)
    for how in ("flat", "resize", "wide"):
        for k in range(40):
            problem = make(cell, np.float64, m=4, n_a=7, T_x=6).map(c_order)
            steps, x = run_sequence(problem).caches
            own = [tuple(c_order(v) if isinstance(v, np.ndarray) else v for v in step) for step in steps]
            da, xt = np.ones((7, 4, 6)), c_order(problem.x[:, :, 0])
            arrays = [da, xt, *problem.arrays, *[v for s in own for v in s if isinstance(v, np.ndarray)]]
            victim = arrays[k] if k < len(arrays) else arrays[-1]
            def change(victim=victim):
                if how == "flat":
                    flat(victim)
                elif how == "resize":
                    victim.resize((1,), refcheck=False)
                    junk = [np.full(50, np.nan) for _ in range(50)]
                else:
                    reshape(victim, victim.shape[::-1])
            p = with_key(problem.parameters, change)
            own = [tuple(p if v is problem.parameters else v for v in step) for step in own]
            run.sequence(problem.x, tuple(problem.initial), p, True)
            run.step(xt, tuple([np.zeros((7, 4))] * len(cell.states)), p, True)
            run.backward(da, (own, x))
            run.backward_step(np.ones((7, 4)), own[0], *[np.ones((7, 4))] * (len(cell.states) - 1))
print("alive")
"""


@compiled
def test_arrays_changed_by_a_key_hurt_no_call():
    """Any array of a call: made flat, turned round, or its memory given back, while the parameters are looked up."""
    done = isolated(KEYS)
    assert done.stdout.endswith("alive\n"), done.stderr[-2000:]


# ---- between the lines of a facade ---------------------------------------------------------------


@pytest.mark.parametrize("k", range(12))
def test_lengths_changed_between_check_and_use_are_refused_or_right(k):
    lstm = nn.LSTM(3, 5, rng=0)
    x, good = np.ones((7, 4, 3), np.float16), [7, 2, 0, 5]  # float16: not plain, so that the facade looks first
    want = lstm(x, lengths=good)[0]
    lengths = np.array(good)

    def change(frame, number):
        if number == k:
            lengths[:] = [8, 10**9, -1, 10**6]

    with at_lines_of(_check.lengths, change):
        got = unless_refused(lambda: lstm(x, lengths=lengths)[0], "lengths[0] is 8, expected 0 <= length <= L = 7")
    if got is not None:
        np.testing.assert_array_equal(got, want)


RESULTS = """
import sys, warnings
from meddler import at_lines_of, flat, reshape
from cyrnn import nn
from cyrnn.calls import stack
warnings.simplefilter("ignore")
outcomes = set()
for name in ("output", "last", "d_initial"):
    for how in ("flat", "readonly", "smaller", "none", "wide"):
        for k in range(30):
            lstm = nn.LSTM(3, 5, num_layers=2, bidirectional=True, rng=0)
            x = np.ones((7, 4, 3), np.float32)
            tape = lstm.forward(x)[2]
            changed = []
            def change(frame, number):
                found = frame.f_locals.get(name)
                if number != k or found is None:
                    return
                changed.append(True)
                for array in found if type(found) is tuple else [found]:
                    if how == "flat":
                        flat(array)
                    elif how == "readonly":
                        array.flags.writeable = False
                    elif how == "smaller" and array.base is None:
                        array.resize((1, 1, 1), refcheck=False)
                    elif how == "wide":
                        reshape(array, array.shape[::-1])
            which = stack.backward if name == "d_initial" else stack.forward
            with at_lines_of(which, change):
                try:
                    lstm.backward(tape, np.ones((7, 4, 10), np.float32)) if name == "d_initial" else lstm(x)
                except (ValueError, TypeError) as error:
                    outcomes.add(str(error).partition(":")[0] + str(error).partition(":")[2][:20])
print(*outcomes, sep="\\n", file=sys.stderr)
print("alive")
"""


@compiled
def test_results_of_another_sublayer_changed_meanwhile_are_refused():
    done = isolated(RESULTS)
    assert done.stdout.endswith("alive\n"), done.stderr[-2000:]
    assert "a result of another" in done.stderr


WRITER = """
import threading
from cyrnn import nn
rnn = nn.RNN(1, 1, rng=0)
N, T = 100_000, 4
x, lengths, stop = np.ones((T, N, 1), np.float32), np.full(N, T), []
def write():
    while not stop:
        lengths[:] = 1 << 40
        lengths[:] = T + 1
        lengths[:] = T
thread = threading.Thread(target=write)
thread.start()
try:
    for given in (x, x.astype(np.float16)):
        for _ in range(10):
            try:
                rnn(given, lengths=lengths)
            except ValueError:
                pass
finally:
    stop.append(1)
    thread.join()
print("alive")
"""


def test_lengths_that_another_thread_writes_hurt_no_call():
    done = isolated(WRITER)
    assert done.stdout.endswith("alive\n"), done.stderr[-2000:]
