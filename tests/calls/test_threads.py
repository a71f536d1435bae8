"""Threads: the same bits from any number of them, from any thread, before and after a fork."""

from __future__ import annotations

import _thread
import itertools
import os
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest
from interpreter import fresh, needs_threads, wait_for
from problems import CELLS, assert_same_values, each_cell, each_dtype, isa_in_use, make, results, run_cell, run_sequence

import cyrnn
from cyrnn.calls import threads
from cyrnn.calls.implementation import implementation

COUNTS = (1, 2, 3, 4)
compiled = pytest.mark.skipif(isa_in_use() == "reference", reason="the reference shares no work among threads")


@pytest.fixture
def split_everything(monkeypatch):
    """Let any work, however little, be worth a thread; the count is put back afterwards."""
    before = cyrnn.get_num_threads()
    monkeypatch.setattr(threads, "MILLISECOND_FMAS", 1)
    monkeypatch.setattr(threads, "MIN_ROWS", 1)
    yield
    monkeypatch.undo()
    cyrnn.set_num_threads(before)


@pytest.mark.parametrize("m", [2, 3, 4, 7, 16, 33])
@each_dtype
@each_cell
def test_threads_any_number_gives_the_same_bits(cell, dtype, m, split_everything):
    problem = make(cell, dtype, m=m, n_a=21, n_x=9, n_y=3, T_x=5)
    packed = replace(problem, parameters=cyrnn.pack(problem.parameters))
    cyrnn.set_num_threads(1)
    want = results(run_sequence(problem))
    for n in COUNTS:
        cyrnn.set_num_threads(n)
        for given in (problem, packed):
            assert_same_values(results(run_sequence(given)), want)
            bare = run_sequence(given, return_caches=False)
            assert_same_values([*bare.states, bare.y], want[: len(bare.states) + 1])


@compiled
@pytest.mark.parametrize("m", [1, 3, 7, 16, 33])
@each_dtype
@each_cell
def test_threads_that_share_the_units_of_a_step_give_the_same_bits(cell, dtype, m, split_everything):
    """In one cell call, and in a short sequence, whose weights are not packed either."""
    problem = make(cell, dtype, m=m, n_a=137, n_x=9, n_y=3, T_x=4)
    runs = []
    for n in COUNTS:
        cyrnn.set_num_threads(n)
        done = run_cell(problem)
        runs.append([*done.states, done.y, *done.cache[:-1], *results(run_sequence(problem))])
    for other in runs[1:]:
        assert_same_values(other, runs[0])


@compiled
@each_dtype
def test_threads_that_share_a_cell_call_of_many_columns_give_the_bits_of_packed_weights(dtype):
    """More columns than a cache holds at once are summed in blocks."""
    problem = make(cyrnn.cells.LSTM, dtype, m=147, n_a=300, n_x=900, T_x=1)
    before, runs = cyrnn.get_num_threads(), []
    try:
        for n, parameters in ((1, cyrnn.pack(problem.parameters)), (1, problem.parameters), (2, problem.parameters)):
            cyrnn.set_num_threads(n)
            done = run_cell(replace(problem, parameters=parameters))
            runs.append([*done.states, done.y, *done.cache[:-1]])
    finally:
        cyrnn.set_num_threads(before)
    assert_same_values(runs[1], runs[0])
    assert_same_values(runs[2], runs[0])


@pytest.mark.skipif(
    isa_in_use() == "reference", reason="takes the reference half a minute, and shows nothing more"
)
@each_cell
def test_threads_large_call_gives_the_same_bits(cell):
    """Work that is worth a thread as things are, without any help."""
    before = cyrnn.get_num_threads()
    problem = make(cell, np.float32, m=32, n_a=200, n_x=100, n_y=50, T_x=150)
    runs = []
    try:
        for n in (1, 2, 3):
            cyrnn.set_num_threads(n)
            runs.append(results(run_sequence(problem)))
    finally:
        cyrnn.set_num_threads(before)
    for other in runs[1:]:
        assert_same_values(other, runs[0])


@needs_threads
@each_cell
def test_threads_eight_callers_at_once_get_their_own_results(cell, split_everything):
    """On shared packed parameters; also while calls are themselves split."""
    parameters = cyrnn.pack(make(cell, np.float64, n_a=40, n_x=20).parameters)
    given = [
        replace(make(cell, np.float64, seed=seed, n_a=40, n_x=20, m=1 + 2 * seed), parameters=parameters)
        for seed in range(8)
    ]
    cyrnn.set_num_threads(1)
    want = [results(run_sequence(problem)) for problem in given]
    for n in (1, 2):
        cyrnn.set_num_threads(n)
        start = threading.Barrier(8)

        def work(index: int, start=start) -> None:
            start.wait(30)
            for _ in range(30):
                assert_same_values(results(run_sequence(given[index])), want[index])

        with ThreadPoolExecutor(8) as callers:
            for future in [callers.submit(work, index) for index in range(8)]:
                future.result(60)


@pytest.fixture(scope="module")
def served() -> dict:
    """For each cell a problem on packed parameters, and its results: what the threads of a server would share."""
    problems = {cell.name: make(cell, np.float32, m=3, n_a=40, n_x=20, T_x=9) for cell in CELLS}
    packed = {name: replace(p, parameters=cyrnn.pack(p.parameters)) for name, p in problems.items()}
    return {name: (p, results(run_sequence(problems[name]))) for name, p in packed.items()}


@each_cell
def test_threads_that_share_one_packed_object_get_its_results(cell, served):
    """In one thread here, in eight at once where there is no GIL: ci/wheels/freethreaded.sh."""
    problem, want = served[cell.name]
    for _ in range(50):
        assert_same_values(results(run_sequence(problem)), want)


@needs_threads
@each_cell
def test_threads_number_changed_during_calls_does_no_harm(cell, split_everything):
    problem = make(cell, np.float64, m=16)
    want = results(run_sequence(problem))
    stop = threading.Event()

    def change() -> None:
        n = 0
        while not stop.is_set():
            n = n % 4 + 1
            cyrnn.set_num_threads(n)

    with ThreadPoolExecutor(1) as other:
        changing = other.submit(change)
        try:
            for _ in range(200):
                assert_same_values(results(run_sequence(problem)), want)
        finally:
            stop.set()
        changing.result(30)


def count_of_threads() -> int:
    return _thread._count()  # of those that the interpreter started, whoever asked for them


def test_threads_changed_often_do_not_pile_up(split_everything):
    """Threads of pools that were dropped end; thousands of changes leave a handful."""
    problem, before = make(cyrnn.cells.RNN, np.float64, m=8), count_of_threads()
    for i in range(40):
        cyrnn.set_num_threads(2 + i % 3)
        run_sequence(problem)
    assert wait_for(lambda: count_of_threads() < before + 4)


class Ranges:
    """What threads.split divides, in Python: notes which ranges there are, and which thread took each."""

    def __init__(self, rows: int) -> None:
        self.rows, self.ranges, self.taken, self.by = rows, 1, itertools.count(), []

    def divide(self, ranges: int) -> None:
        self.ranges = ranges

    def offer(self, most: int) -> int:
        return 0

    def __call__(self) -> None:
        while (i := next(self.taken)) < self.ranges:
            time.sleep(0.001)
            self.by.append((i, threading.get_ident()))


@compiled
def test_split_divides_among_as_many_threads_as_there_are(split_everything):
    for n in COUNTS:
        cyrnn.set_num_threads(n)
        for rows in (1, 2, 3, 5, 16, 17):
            task = Ranges(rows)
            threads.split(task, rows, 10**6)
            task()
            assert task.ranges == max(1, min(n, rows))
            assert wait_for(lambda task=task: len(task.by) == task.ranges)
            assert sorted(i for i, _ in task.by) == list(range(task.ranges))


@needs_threads
@compiled
@pytest.mark.parametrize("started", [0, 1])
def test_split_with_fewer_threads_than_wanted_leaves_all_to_the_caller(split_everything, monkeypatch, started):
    """The system may refuse a thread: the call is done by those there are, and a later one starts those missing."""
    cyrnn.set_num_threads(4)
    assert wait_for(lambda: not implementation.seated())  # of other tests
    start, count = _thread.start_new_thread, itertools.count()

    def refuse(*arguments):
        if next(count) >= started:
            raise RuntimeError("can't start new thread")
        return start(*arguments)

    monkeypatch.setattr(_thread, "start_new_thread", refuse)
    problem = make(cyrnn.cells.LSTM, np.float64, m=16)
    refused = results(run_sequence(problem))
    # where there was no core for every thread, calls leave the others alone for 20 ms
    assert wait_for(lambda: threads._pool is not None or not results(run_sequence(problem)))
    assert len([life for life in threads._pool._lives if life()]) == started
    monkeypatch.setattr(_thread, "start_new_thread", start)
    assert_same_values(results(run_sequence(problem)), refused)
    assert wait_for(lambda: sum(life() is not None for life in threads._pool._lives) == 3 or not results(
        run_sequence(problem)))


def test_split_small_work_stays_in_the_calling_thread():
    task = Ranges(64)
    threads.split(task, 64, 2 * threads.MILLISECOND_FMAS // threads.SEATED - 1)
    assert task.ranges == 1


KILL = """
import _thread, ctypes, gc, sys, threading, time, tracemalloc
import numpy as np
import cyrnn
from cyrnn.calls import threads
from problems import make, results, run_sequence
sys.unraisablehook = lambda _: None  # the dead thread's MemoryError is printed
threads.MILLISECOND_FMAS = threads.MIN_ROWS = 1
cyrnn.set_num_threads(3)
problem = make(cyrnn.cells.LSTM, np.float64, m=12)
others = set(sys._current_frames())
want = [value.tobytes() for value in results(run_sequence(problem))]
def workers(): return set(sys._current_frames()) - others
for _ in range(2000):  # threads begin when the system lets them
    if len(before := workers()) == 2:
        break
    time.sleep(0.005)
for ident in before:
    ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(ident), ctypes.py_object({error}))
for i in range(2000):  # they die at the next task that they take
    run_sequence(problem)
    time.sleep(0.005)
    if i > 50 and len(workers()) == 2:
        break
got = [value.tobytes() for value in results(run_sequence(problem))]
def held():
    gc.collect()
    return tracemalloc.get_traced_memory()[0]
tracemalloc.start()
run_sequence(problem)
start = held()
for _ in range(200):
    run_sequence(problem)
print(len(before), len(workers()), got == want, (held() - start) // 200 < 100)
"""


@compiled
@pytest.mark.parametrize("error", ["SystemExit", "MemoryError", "KeyboardInterrupt"])
def test_threads_that_died_are_replaced_and_nothing_is_kept_for_them(error):
    """An exception set from outside, as by a debugger or a timeout of a test runner; or memory that was short."""
    # not measured by coverage: its trace functions run in the threads, too, and take the exception
    done = fresh(KILL.format(error=error), COVERAGE_PROCESS_CONFIG=None, COVERAGE_PROCESS_START=None)
    assert done.stdout.split() == ["2", "2", "True", "True"], done.stderr


@pytest.mark.parametrize("n", [np.int64(2), 3, np.uint8(1)], ids=repr)
def test_number_any_whole_is_kept_as_int(n, split_everything):
    cyrnn.set_num_threads(n)
    assert cyrnn.get_num_threads() == n
    assert type(cyrnn.get_num_threads()) is int


SHOW = "import cyrnn; print(cyrnn.get_num_threads())"


def test_number_unset_is_that_of_the_cores():
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    for environment in ({}, {"CYRNN_NUM_THREADS": ""}):
        assert fresh(SHOW, **environment).stdout.strip() == str(cores)


@pytest.mark.parametrize("n", ["1", "3", "16"])
def test_number_from_the_environment_is_kept(n):
    assert fresh(SHOW, CYRNN_NUM_THREADS=n).stdout.strip() == n


@pytest.mark.parametrize("n", ["0", "-2", "two", "1.5", "2 cores"])
def test_number_from_the_environment_that_is_none_is_an_error(n):
    done = fresh(SHOW, CYRNN_NUM_THREADS=n)
    assert done.returncode
    assert done.stderr.strip().splitlines()[-1] == (
        f"ValueError: cyrnn: CYRNN_NUM_THREADS is '{n}', expected a whole number of at least 1"
    )


def test_import_starts_no_thread_and_no_pool():
    code = (
        "import sys, threading, cyrnn; print(threading.active_count(), 'concurrent.futures' in sys.modules)"
    )
    assert fresh(code, CYRNN_NUM_THREADS="4").stdout.split() == ["1", "False"]


FORK = """
import os, signal, sys, warnings
import numpy as np
import cyrnn
from cyrnn.calls import threads
from problems import make, results, run_sequence
warnings.simplefilter("ignore")  # newer Pythons warn of fork among threads: that is what is tried
threads.MILLISECOND_FMAS = threads.MIN_ROWS = 1
cyrnn.set_num_threads(3)
problem = make(cyrnn.cells.LSTM, np.float64, m=12)
want = [value.tobytes() for value in results(run_sequence(problem))]
child = os.fork()
if child == 0:
    signal.alarm(20)
    got = [value.tobytes() for value in results(run_sequence(problem))]
    os._exit(0 if got == want else 1)
_, status = os.waitpid(child, 0)
again = [value.tobytes() for value in results(run_sequence(problem))]
print(os.waitstatus_to_exitcode(status), again == want)
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork on this platform")
def test_fork_after_threaded_work_leaves_both_sides_working():
    done = fresh(FORK)
    assert done.stdout.split() == ["0", "True"], done.stderr


ENDING = """
import threading, time
import numpy as np
import cyrnn
from cyrnn.calls import threads
from problems import make, results, run_sequence
threads.MILLISECOND_FMAS = threads.MIN_ROWS = 1
cyrnn.set_num_threads(3)
problem = make(cyrnn.cells.LSTM, np.float64, m=12)
{before}

def call():
    print("served", len(results(run_sequence(problem))))

def serve():
    threading.main_thread().join()
    time.sleep(0.2)
    call()

{when}
"""


@pytest.mark.parametrize("before", ["", "run_sequence(problem)"], ids=["no-pool", "pool"])
@pytest.mark.parametrize("when", ["threading.Thread(target=serve).start()", "import atexit; atexit.register(call)"])
def test_call_while_the_interpreter_ends_runs_in_its_own_thread(when, before):
    """No pool takes work any more once the main thread has ended; a thread that serves may go on."""
    done = fresh(ENDING.format(before=before, when=when))
    assert done.stdout.split()[:1] == ["served"], done.stderr
    assert not done.stderr


@needs_threads
def test_one_thread_at_a_time_starts_others_and_nobody_waits_for_it():
    """It may be this very thread, in whose midst a signal's handler makes a call."""
    pool = threads._Pool(2)
    with pool._hiring:
        pool.hire(2)
    assert pool._lives == []
    pool.hire(1)
    assert len(pool._lives) == 1
    pool.close()
