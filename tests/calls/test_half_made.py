"""No container is to be seen before it is full: the collector runs whenever it likes, and its callbacks look at all."""

from __future__ import annotations

import gc
import weakref

import numpy as np
import pytest
from backward import incoming, run_backward
from interpreter import isolated
from problems import each_cell, make, run_cell, run_sequence, sequence_function

LOOK = """
import gc, linecache, sys
from backward import incoming, run_backward, run_cell_backward
from cyrnn import nn
calls = []
for cell in CELLS:
    problem = make(cell, np.float64)
    d = incoming(problem)
    calls += [
        lambda p=problem: run_sequence(p),
        lambda p=problem: run_cell(p),
        lambda p=problem, d=d: run_backward(p, d),
        lambda p=problem, d=d: run_cell_backward(p, d),
        lambda p=problem: cyrnn.pack(p.parameters),
        lambda p=problem: run_sequence(p.map(lambda a: a.astype(np.float32).tolist())),
    ]
x = np.ones((7, 4, 3), np.float32)
for kind in (nn.RNN, nn.LSTM, nn.GRU):
    model = kind(3, 5, num_layers=2, bidirectional=True, rng=0)
    calls += [
        lambda m=model: m(x),
        lambda m=model: m(x, lengths=[7, 0, 3, 2], return_gates=True),
        lambda m=model: m.backward(m.forward(x, lengths=[7, 0, 3, 2])[2], np.ones((7, 4, 10), np.float32)),
    ]
for call in calls:
    call()
seen, found = 0, set()
def look(*_):
    global seen
    frame = sys._getframe(1)
    for container in gc.get_objects():
        if type(container) in (list, tuple):
            seen += 1
            # items that are NULL are not visited; to iterate over them would be the end of this process
            if len(gc.get_referents(container)) != len(container):
                found.add((frame.f_code.co_filename, frame.f_lineno))
gc.collect()
gc.freeze()                      # what is there already need not be looked at
gc.callbacks.append(look)
gc.set_threshold(1, 1, 1)
for call in calls:
    call()
gc.set_threshold(0)
assert seen > 1000 or sys.version_info >= (3, 12), seen     # from 3.12 on the collector does not run within a call
# zip and tuple(iterator) of CPython itself show theirs: lines with such, in Python, are not ours
ours = {linecache.getline(file, number).strip() for file, number in found if "/cyrnn/" in file}
ours = {line for line in ours if "zip(" not in line and "tuple(" not in line}
assert not ours, ours
print("alive")
"""


def test_collector_that_looks_at_everything_sees_nothing_half_made():
    done = isolated(LOOK)
    assert done.stdout.endswith("alive\n"), done.stderr[-2000:]


@each_cell
def test_containers_that_are_full_are_in_the_collectors_books(cell):
    """Else a circle through the parameters, which caches hold, would never be freed."""
    problem = make(cell, np.float64)
    run = run_sequence(problem)
    steps, _ = run.caches
    gradients = run_backward(problem, incoming(problem))
    for container in (run.caches, steps, *steps, run_cell(problem).cache):
        assert gc.is_tracked(container)
    gradients["self"] = [gradients]
    assert gc.is_tracked(gradients)


@each_cell
def test_circle_through_caches_is_freed(cell):
    class Watched:
        pass

    problem = make(cell, np.float64)
    watched, gone = Watched(), []
    weakref.finalize(watched, gone.append, True)
    steps = run_sequence(problem).caches[0]
    problem.parameters["circle"] = (steps, watched)
    del steps, watched, problem
    gc.collect()
    assert gone


@each_cell
def test_failure_while_a_container_is_filled_leaves_nothing_behind(cell):
    """A look at the caller's own x that fails, in the middle of the caches."""

    class Failing(np.ndarray):
        def __getitem__(self, key):
            if isinstance(key, tuple) and key[-1] == 2:
                raise KeyError("no step 2")
            return super().__getitem__(key)

    problem = make(cell, np.float64)
    x = problem.x.view(Failing)
    for _ in range(3):
        with pytest.raises(KeyError, match="no step 2"):
            sequence_function(cell)(x, problem.initial[0], problem.parameters)
        gc.collect()
