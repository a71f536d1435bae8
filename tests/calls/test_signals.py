"""Control-C during a long call: answered within a fraction of a second, and nothing half done is handed out."""

from __future__ import annotations

import os
from dataclasses import replace

import numpy as np
import pytest
from backward import Incoming, from_caches, incoming
from interpreter import isolated, patience
from problems import assert_same_bits, each_cell, each_dtype, isa_in_use, make, run_sequence

import cyrnn
import cyrnn.nn

pytestmark = pytest.mark.skipif(
    isa_in_use() == "reference", reason="Python looks at signals between its own lines"
)

#: by what is called, code that makes `call`, long enough to be interrupted, and `short`, to be repeated afterwards
CALLS = {
    "forward": "call, short = notebook(256, 32, 4000), notebook(64, 16, 20)",
    "forward, one column": "call, short = notebook(512, 1, 20000), notebook(64, 1, 20)",
    "forward, no packing": "call, short = notebook(4, 64, 400000), notebook(4, 64, 20)",
    "forward, tiny steps": "call, short = notebook(2, 1, 4000000), notebook(2, 1, 20)",
    "forward, x transposed in pieces": "call, short = notebook(512, 300, 160, order='C'), notebook(64, 16, 20)",
    "forward, caches": "call, short = notebook(2, 1, 300000, True), notebook(2, 1, 20, True)",
    "backward": "call, short = back(128, 64, 1500), back(64, 16, 20)",
    "backward, weights": "call, short = back(64, 1000, 400), back(64, 16, 20)",
    "backward, caches": "call, short = back(2, 1, 500000), back(2, 1, 20)",
    "nn": "call, short = model(256, 32, 3000), model(64, 16, 20)",
    "nn, projection": "call, short = model(256, 64, 2500, proj_size=128), model(64, 16, 20, proj_size=8)",
    "nn, two directions": "call, short = model(192, 32, 2500, bidirectional=True), model(64, 16, 20)",
    "nn, backward": "call, short = model_back(192, 64, 600), model_back(64, 16, 20)",
    "linear": "call, short = linear(4000, 1000, 10000), linear(64, 10, 20)",
    "linear, ragged": "call, short = linear(4000, 1000, 10000, ragged=True), linear(64, 10, 20, ragged=True)",
    "linear, backward": "call, short = linear_back(500, 900, 20000), linear_back(64, 10, 20)",
    "tanh": "call, short = function(cyrnn.tanh, (20000, 4000)), function(cyrnn.tanh, (5, 7))",
    "softmax": "call, short = function(cyrnn.softmax, (50, 1000000)), function(cyrnn.softmax, (5, 7))",
}

CODE = """
import time
import alarm
from cyrnn import nn
cyrnn.set_num_threads({threads})

def notebook(n, m, T, caches=False, order="F"):
    p = make(cyrnn.cells.LSTM, np.float32, n_x=n, n_a=n, m=m, T_x=1)
    x = np.full((n, m, T), 0.5, np.float32, order)
    return lambda: cyrnn.lstm_forward(x, p.initial[0], p.parameters, return_caches=caches)[:3]

def back(n, m, T):
    p = make(cyrnn.cells.LSTM, np.float32, n_x=n, n_a=n, m=m, T_x=T)
    caches = cyrnn.lstm_forward(p.x, p.initial[0], p.parameters)[3]
    da = np.ones((T, m, n), np.float32).transpose(2, 1, 0)
    return lambda: list(cyrnn.lstm_backward(da, caches).values())

def model(n, m, T, **options):
    layer = nn.LSTM(n, n, rng=0, **options)
    x = np.full((T, m, n), 0.5, np.float32)
    return lambda: [layer(x)[0]]

def model_back(n, m, T):
    layer = nn.LSTM(n, n, rng=0)
    output, _, tape = layer.forward(np.full((T, m, n), 0.5, np.float32))
    return lambda: list(layer.backward(tape, output).weights.values())

def linear(n, units, rows, ragged=False):
    layer, x = nn.Linear(n, units, rng=0), np.full((10, rows // 10, n), 0.5, np.float32)
    lengths = np.arange(rows // 10) % 3 + 8 if ragged else None
    return lambda: [layer(x, lengths=lengths)]

def linear_back(n, units, rows):
    layer, d = nn.Linear(n, units, rng=0), np.ones((rows, units), np.float32)
    tape = layer.forward(np.full((rows, n), 0.5, np.float32))[1]
    return lambda: [layer.backward(tape, d).input]

def function(f, shape):
    x = np.full(shape, 0.5)
    return lambda: [f(x)]

{call}
class Asked(Exception): pass
def ask(*_):
    global answered
    answered = time.perf_counter()
    raise Asked
alarm.handle(ask)
want = [array.tobytes() for array in short()]
waits = []
for after in (0.01, 0.03, 0.08):
    begun = time.perf_counter()
    alarm.start(after)
    try:
        call()
    except Asked:
        waits.append(time.perf_counter() - begun - after)
    alarm.stop()
got = [array.tobytes() for array in short()]
print(len(waits), max(waits), got == want)
"""


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("call", CALLS)
def test_signal_ends_a_long_call_soon(call, threads):
    """0.2 s are promised on a machine that has nothing else to do: a busy one may take 1 s."""
    done = isolated(CODE.format(call=CALLS[call], threads=threads))
    count, wait, same = done.stdout.split() or (0, 0, done.stderr)
    assert (int(count), same) == (3, "True"), done.stderr
    assert float(wait) < patience(1)


KEYBOARD = """
import signal, threading, time
import alarm
cyrnn.set_num_threads(2)
p = make(cyrnn.cells.LSTM, np.float32, n_x=256, n_a=256, m=32, T_x=3000)
signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background job begins without it
timer = threading.Timer(0.1, alarm.control_c)
timer.start()
begun = time.perf_counter()
try:
    run_sequence(p, return_caches=False)
except KeyboardInterrupt as error:
    print("interrupted", time.perf_counter() - begun < {most})
"""


def test_signal_of_the_keyboard_is_a_keyboard_interrupt():
    done = isolated(KEYBOARD.format(most=patience(1.1)))
    assert done.stdout.split() == ["interrupted", "True"], done.stderr


STREAM = """
import alarm
from cyrnn import nn
layer = nn.LSTM(256, 256, num_layers=2, rng=0)
x = np.full((1500, 32, 256), 0.5, np.float32)
hx = tuple(np.full((2, 32, 256), 0.25, np.float32) for _ in range(2))
weights = {name: array.tobytes() for name, array in layer.state_dict().items()}
small = layer(x[:3], hx)[0]
output, _, tape = layer.forward(x[:20], hx)
want = layer.backward(tape, output)
class Asked(Exception): pass
def ask(*_): raise Asked
alarm.handle(ask)
alarm.start(0.1)
try:
    layer(x, hx)
except Asked:
    print("interrupted")
got = layer.backward(tape, output)
print(all((part == 0.25).all() for part in hx), np.array_equal(layer(x[:3], hx)[0], small),
      all(layer.state_dict()[name].tobytes() == array for name, array in weights.items()),
      all(np.array_equal(got.weights[name], want.weights[name]) for name in weights))
"""


def test_signal_leaves_states_weights_and_tape_as_they_were():
    done = isolated(STREAM)
    assert done.stdout.split() == ["interrupted", *["True"] * 4], done.stderr


HANDLER = """
import alarm
p = make(cyrnn.cells.LSTM, np.float32, n_x=128, n_a=128, m=32, T_x=1500)
cyrnn.set_num_threads({threads})
want = results(run_sequence(p, return_caches=False))
small, inside = make(cyrnn.cells.GRU, np.float64), []
def handle(*_):
    inside.append(results(run_sequence(small)))  # another call in the middle of one
alarm.handle(handle)
alarm.start(0.02, 0.02)
got = [results(run_sequence(p, return_caches=False)) for _ in range(3)]
alarm.stop()
assert len(inside) > 1
for run in got:
    assert_same_bits(run, want)
for run in inside:
    assert_same_bits(run, results(run_sequence(small)))
"""


@pytest.mark.parametrize("threads", [1, 2])
def test_signal_whose_handler_returns_lets_the_call_go_on(threads):
    done = isolated(HANDLER.format(threads=threads))
    assert done.returncode == 0, done.stderr


#: n, m and T of calls that are run in more than one block, by the smallest and the largest vectors
BLOCKS = [pytest.param((128, 32, 400), id="packed"), pytest.param((4, 64, 16000), id="not-packed")]


@pytest.mark.parametrize("sizes", BLOCKS)
@each_dtype
@each_cell
def test_blocks_of_a_long_call_have_the_bits_of_short_ones(cell, dtype, sizes):
    n, m, T = sizes
    problem = make(cell, dtype, n_x=n, n_a=n, m=m, T_x=1)
    x = np.random.default_rng(0).standard_normal((T, m, n)).astype(dtype).transpose(2, 1, 0)
    whole = run_sequence(replace(problem, x=x), return_caches=False)
    initial, piece = problem.initial, T // 16
    for t in range(0, T, piece):
        part = run_sequence(replace(problem, x=x[:, :, t : t + piece], initial=initial), return_caches=False)
        got = [*(states[:, :, t : t + piece] for states in whole.states), whole.y[:, :, t : t + piece]]
        assert_same_bits(got, [*part.states, part.y])
        initial = tuple(states[:, :, -1] for states in part.states)


@each_dtype
@each_cell
def test_blocks_of_a_long_backward_pass_have_the_bits_of_short_ones(cell, dtype):
    n, m, T, half = 128, 32, 400, 200
    problem = make(cell, dtype, n_x=n, n_a=n, m=m, T_x=T)
    gradients, (caches, x) = incoming(problem), run_sequence(problem).caches
    whole = from_caches(cell, (caches, x), gradients)
    names = [f"d{state}0" for state in cell.states]
    later = from_caches(cell, (caches[half:], x), gradients._replace(da=gradients.da[:, :, half:]))
    da = gradients.da[:, :, :half].copy()
    da[:, :, -1] += later[names[0]]
    first = from_caches(cell, (caches[:half], x), Incoming(da, tuple(later[name] for name in names[1:])))
    assert_same_bits([whole[name] for name in names], [first[name] for name in names])
    assert_same_bits([whole["dx"]], [np.concatenate([first["dx"], later["dx"]], axis=2)])


@pytest.mark.parametrize("options", [{}, {"proj_size": 64}, {"bidirectional": True}], ids=str)
def test_blocks_of_a_layer_have_the_bits_of_short_ones(options):
    """With a record, too: blocks go on from states, a projection and lengths that the block before has left."""
    T, m = 400, 32
    model = cyrnn.nn.LSTM(128, 128, rng=0, **options)
    x = np.random.default_rng(0).standard_normal((T, m, 128)).astype(np.float32)
    lengths = [T - 5 * j for j in range(m)]
    output, _, _ = model.forward(x, lengths=lengths)
    for j in (0, 9, m - 1):
        alone, _, _ = model.forward(x[: lengths[j], j : j + 1])
        assert_same_bits([output[: lengths[j], j : j + 1]], [alone])
    assert_same_bits([model(x, lengths=lengths)[0]], [output])


HANDLERS = """
import os
import alarm
from cyrnn.calls import threads
cyrnn.set_num_threads(2)
p = make(cyrnn.cells.LSTM, np.float32, n_x=64, n_a=128, m=64, T_x=400)
want = run_sequence(p, return_caches=False).states[0]
def handler(*_):
    {handler}
alarm.handle(handler)
{calls}
"""
# at growing times, so that some come while threads are started; one at a time, so that a slow ISA comes to its end
CALLS_INSIDE = """busy = False
threads.MILLISECOND_FMAS = threads.MIN_ROWS = 1
p = make(cyrnn.cells.LSTM, np.float32, n_x=16, n_a=24, m=16, T_x=20)
want = run_sequence(p, return_caches=False).states[0]
for i in range(300):
    cyrnn.set_num_threads(2 + i % 7)
    alarm.start(1e-5 * (1 + i))
    np.testing.assert_array_equal(run_sequence(p, return_caches=False).states[0], want)
alarm.stop()
print("done")"""
NESTED = """global busy
    if not busy:
        busy = True
        run_sequence(p, return_caches=False)
        busy = False"""
FORKS = """alarm.start(0.02)
parent = os.getpid()
try:
    run_sequence(p, return_caches=False)
    said = "nothing"
except RuntimeError as error:
    said = str(error)
if os.getpid() != parent:                # a child has the calling thread alone: its call cannot be ended, the next can
    np.testing.assert_array_equal(run_sequence(p, return_caches=False).states[0], want)
    os._exit(0 if "forked during this call" in said else 3)
print(os.waitstatus_to_exitcode(os.wait()[1]), said)"""


def test_handler_that_calls_the_library_hangs_no_call():
    """Also while threads are started, of which one thread at a time takes care."""
    done = isolated(HANDLERS.format(handler=NESTED, calls=CALLS_INSIDE))
    assert done.stdout.split() == ["done"], done.stderr


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork")
def test_child_forked_in_a_handler_does_not_wait_for_threads_that_are_not_in_it():
    done = isolated(HANDLERS.format(handler="os.fork()", calls=FORKS))
    assert done.stdout.split() == ["0", "nothing"], done.stderr
