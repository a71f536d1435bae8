"""Compiled backward passes: hand-made caches, and what may go wrong between Python and the kernels."""

from __future__ import annotations

import numpy as np
import pytest
from backward import sequence_backward
from interpreter import isolated
from layouts import Plain
from problems import assert_same_bits, each_cell, isa_in_use, make, run_sequence

pytestmark = pytest.mark.skipif(
    isa_in_use() == "reference", reason="the reference has no compiled calls"
)


def back(cell, da, steps) -> dict:
    return sequence_backward(cell)(da, (steps, None))


@each_cell
def test_backward_steps_beyond_those_used_are_checked_like_the_others(cell):
    """da may be of fewer steps than the caches; the others have their say in errors and in the dtype."""
    steps = run_sequence(make(cell, np.float32)).caches[0]
    wide = run_sequence(make(cell, np.float64)).caches[0]
    da = np.ones((5, 10, 2), np.float32)
    for last in (None, (*steps[3][:-1], None), (steps[3][0][1:], *steps[3][1:])):
        for given in (da, da.view(Plain)):
            with pytest.raises((TypeError, ValueError), match=r"caches\[0\]\[3\]"):
                back(cell, given, [*steps[:3], last])
    mixed = [*steps[:3], (*wide[3][:-1], steps[3][-1])]
    got, want = (back(cell, given, mixed) for given in (da, da.view(Plain)))
    assert_same_bits(got.values(), want.values())


@pytest.mark.parametrize("call", ["run_sequence(problem)", "run_cell(problem)", "back()"])
@each_cell
def test_key_that_replaces_arrays_already_found_does_no_harm(cell, call):
    """The last look-up of all runs an __eq__ that replaces the first arrays found: those are still read, and held."""
    done = isolated(f"""
class Key:
    def __hash__(self): return hash("by")
    def __eq__(self, other):
        global armed
        if armed:
            armed = False
            for key in p:
                if type(key) is str and len(p[key]) == n and p[key].shape[1] >= n:
                    p[key] = np.broadcast_to(0.0, p[key].shape)
        return False
armed, n = False, 2100  # so large that memory given back is gone
cell = cyrnn.cells.CELLS[{cell.name!r}]
problem = make(cell, np.float64, n_x=8, n_a=n, m=1, T_x=2)
p = {{Key(): None, **{{key: value.copy() for key, value in problem.parameters.items()}}}}
problem = replace(problem, parameters=p)
caches = run_sequence(problem).caches
da = np.ones((n, 1, 2))
def back(): return function_of(cell, "backward")(da, caches)
def bits(result):
    return [v.tobytes() for v in result.values()] if type(result) is dict else result.y.tobytes()
want = bits({call})
armed = True
print("same" if bits({call}) == want and not armed else "different")
""")
    assert (done.stdout.strip(), done.returncode) == ("same", 0), done.stderr


@pytest.mark.parametrize("call", ["run_sequence(problem)", "back()"])
@each_cell
def test_call_that_is_interrupted_ends_with_its_parts(cell, call):
    """Control-C, or a thread that cannot be started: parts that run are waited for, and none begins any more."""
    done = isolated(f"""
import threading, time
from cyrnn.calls.implementation import implementation
cell, n, m = cyrnn.cells.CELLS[{cell.name!r}], 64, 256  # little to multiply: emulated CPUs do it, too
problem = make(cell, np.float64, n_x=8, n_a=n, m=m, T_x=300)  # blocks so large that memory given back is gone
caches = run_sequence(problem).caches
da = np.ones((n, m, 300))
def back(): return function_of(cell, "backward")(da, caches)
started, late, begun = [], [], threading.Event()
def part(run):
    begun.set()
    run()
def how(run, rows, work):
    if work < 10**8:
        return
    late.append(run)
    started.append(threading.Thread(target=part, args=(run,)))
    started[-1].start()
    begun.wait()
    time.sleep(0.01)  # let it get past Python, into the kernel
    raise KeyboardInterrupt
implementation.share_above(10**6, how)
try:
    {call}
    print("no interrupt")
except KeyboardInterrupt:
    print("interrupted")
started[0].join()
late[0]()
print(len(started))
""")
    assert (done.stdout.split(), done.returncode) == (["interrupted", "1"], 0), done.stderr
