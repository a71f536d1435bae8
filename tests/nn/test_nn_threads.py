"""One object of cyrnn.nn in many threads, and on any number of them; what importing it brings."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import numpy as np
import pytest
from interpreter import fresh, needs_threads, patience
from nn_models import assert_same, build, each_kind, make

import cyrnn
from cyrnn.calls import threads

THREADS = 4


@pytest.fixture
def one_thread_after():
    before = cyrnn.get_num_threads()
    yield
    cyrnn.set_num_threads(before)


def everything(case) -> list:
    output, state, tape = case.model.forward(case.x, case.state, lengths=case.lengths, dropout_rng=1)
    stream = case.model.step(case.x[0], case.state)
    return [
        case.model(case.x, case.state),
        case.model(case.x, case.state, lengths=case.lengths, return_gates=True),
        [output, state, *stream, case.model.backward(tape, output, state)],
    ]


@needs_threads
@each_kind
def test_one_object_serves_many_threads(kind):
    case = make(kind, num_layers=2, dropout=0.5)
    want, start = everything(case), Barrier(THREADS)

    def work(_):
        start.wait(patience(60))
        for _ in range(5):
            assert_same(everything(case), want)

    with ThreadPoolExecutor(THREADS) as pool:
        list(pool.map(work, range(THREADS)))


@needs_threads
def test_weights_loaded_meanwhile_are_old_or_new_and_never_half():
    case = make("lstm", num_layers=2)
    weights = [case.model.state_dict(), {name: -value for name, value in case.model.state_dict().items()}]
    wants = []
    for given in weights:
        case.model.load_state_dict(given)
        wants.append(case.model(case.x, case.state)[0])
    assert not np.array_equal(*wants)
    start = Barrier(2)

    def load():
        start.wait(patience(60))
        for i in range(100):
            case.model.load_state_dict(weights[i % 2])

    with ThreadPoolExecutor(1) as pool:
        loading = pool.submit(load)
        start.wait(patience(60))
        while not loading.done():
            output = case.model(case.x, case.state)[0]
            assert any(np.array_equal(output, want) for want in wants)
        loading.result()


@pytest.mark.usefixtures("one_thread_after")
def test_bits_do_not_depend_on_the_number_of_threads():
    model = build("lstm", n_x=64, n=64, num_layers=2, bidirectional=True)
    random = np.random.default_rng(0)
    x = random.standard_normal((100, 32, 64)).astype(np.float32)
    lengths = random.integers(0, 101, 32)
    wants = []
    for n in (1, 3):
        cyrnn.set_num_threads(n)
        output, state, tape = model.forward(x, lengths=lengths)
        wants.append([model(x), output, state, model.backward(tape, output, state)])
    assert_same(*wants)


@pytest.mark.usefixtures("one_thread_after")
@pytest.mark.parametrize("batch_first", [False, True])
@pytest.mark.parametrize("N", [None, 1, 2, 7])
@each_kind
def test_directions_at_once_give_the_bits_of_one_after_the_other(kind, N, batch_first, monkeypatch):
    """Few sequences are not divided: a thread takes the reverse direction of a layer, forward and back."""
    if cyrnn.nn.LSTM(1, 1)._sublayers[0].row_fmas == 0:
        pytest.skip("the reference shares no work among threads")
    monkeypatch.setattr(threads, "MILLISECOND_FMAS", 1)
    taken, at_once = [], threads.at_once
    monkeypatch.setattr(threads, "at_once", lambda *calls: taken.append(1) or at_once(*calls))
    case = make(kind, N=N or 1, num_layers=2, bidirectional=True, batch_first=batch_first)
    x = case.x[:, 0] if N is None else case.x.swapaxes(0, 1).copy() if batch_first else case.x
    state = None if N is None else case.state
    wants = []
    for n in (1, 2):
        cyrnn.set_num_threads(n)
        output, last, tape = case.model.forward(x, state)
        wants.append([output, last, case.model(x, state), case.model.backward(tape, output, last)])
        if N is not None:
            output, last, tape = case.model.forward(x, state, lengths=case.lengths)
            wants[-1] += [output, last, case.model.backward(tape, output, None)]
        assert bool(taken) == (n == 2)
    assert_same(*wants)


@pytest.mark.usefixtures("one_thread_after")
def test_error_of_a_call_that_another_thread_took_is_raised_by_its_caller():
    cyrnn.set_num_threads(2)
    for one, other in ((lambda: 1, lambda: 1 / 0), (lambda: 1 / 0, lambda: 1), (lambda: 1 / 0, lambda: {}["a"])):
        with pytest.raises(ZeroDivisionError):
            threads.at_once(one, other)
    assert threads.at_once(lambda: 1, lambda: 2) == (1, 2)


def test_call_that_no_thread_takes_is_made_by_its_caller(monkeypatch):
    monkeypatch.setattr(threads._Pool, "lend", lambda *_: None)
    assert threads.at_once(lambda: 1, lambda: 2) == (1, 2)


IMPORTS = """
import sys
before = set(sys.modules)
import cyrnn{what}
found = {{name.split(".")[0] for name in set(sys.modules) - before if "cython" not in name}}
print(*sorted(found - set(sys.stdlib_module_names)))
"""


@pytest.mark.parametrize("what", ["", ".nn", "; cyrnn.nn.LSTM"])
def test_import_brings_numpy_and_the_standard_library_alone(what):
    assert fresh(IMPORTS.format(what=what)).stdout.strip() == "cyrnn numpy"


def test_import_of_cyrnn_leaves_nn_for_later():
    code = "import sys, cyrnn; print('cyrnn.nn' in sys.modules, cyrnn.nn.LSTM(1, 2), 'cyrnn.nn' in sys.modules)"
    assert fresh(code).stdout.strip() == "False LSTM(1, 2) True"
    assert fresh("from cyrnn import nn; import cyrnn; print(nn is cyrnn.nn)").stdout.strip() == "True"
