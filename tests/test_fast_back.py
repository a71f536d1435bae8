"""The compiled way back against the general path, and what may go wrong between Python and the kernels."""

from __future__ import annotations

import pytest
from problems import each_cell, isa_in_use
from test_fast import isolated

pytestmark = pytest.mark.skipif(
    isa_in_use() == "reference", reason="the reference has no compiled calls: all goes the general path"
)


@pytest.mark.parametrize("call", ["run_sequence(problem)", "back()"])
@each_cell
def test_fast_call_that_is_interrupted_ends_with_its_parts(cell, call):
    """Control-C, or a thread that cannot be started: parts that run are waited for, and none begins any more."""
    done = isolated(f"""
import threading
from cyrnn import threads
cell, n = cyrnn.cells.CELLS[{cell.name!r}], 256
problem = make(cell, np.float64, n_x=n, n_a=n, m=64, T_x=300)  # blocks so large that memory given back is gone
caches = run_sequence(problem).caches
da = np.ones((n, 64, 300))
def back(): return getattr(cyrnn, cell.name + "_backward")(da, caches)
started, late, begun = [], [], threading.Event()
def part(run, first, last):
    begun.set()
    run(first, last)
def how(run, rows, work):
    if work < 10**8:
        return run(0, rows)
    late.append(run)
    started.append(threading.Thread(target=part, args=(run, 0, rows)))
    started[-1].start()
    begun.wait()
    raise KeyboardInterrupt
threads.dispatch.share_above(10**6, how)
try:
    {call}
    print("no interrupt")
except KeyboardInterrupt:
    print("interrupted")
started[0].join()
late[0](0, 8)
print(len(started))
""")
    assert (done.stdout.split(), done.returncode) == (["interrupted", "1"], 0), done.stderr
