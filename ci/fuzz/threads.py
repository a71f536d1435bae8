"""Cases of work that threads share, of objects that several threads call, and of numbers that are not ordinary."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import backward as back
import numpy as np
from problems import CELLS, DTYPES, make

import cyrnn
import cyrnn.nn

from . import verdict
from .case import Case
from .models import call_of
from .notebook import problem_of, run

#: multiply-adds from which a call is split
SPLIT_FMAS = 150_000_000


def large(case: Case) -> None:
    """A call that is worth several threads has the same bits on each number of them."""
    cell, dtype = case.pick(CELLS), case.pick(DTYPES)
    n_x, n_a, m = case.pick([64, 100, 128]), case.pick([96, 128, 160]), case.pick([8, 9, 31, 64, 70])
    T = SPLIT_FMAS // (n_a * (n_a + n_x) * m * len(cell.gates)) + 1
    case.say(cell.name, dtype, n_x, n_a, m, T)
    problem = make(cell, dtype, seed=case.seed % 2**31, n_x=n_x, n_a=n_a, m=m, T_x=T)
    incoming = back.incoming(problem)
    lengths = case.rng.integers(0, T + 1, m) if case.chance(0.5) else None
    kind = {"rnn": "RNN", "lstm": "LSTM"}.get(cell.name, "GRU")
    model = getattr(cyrnn.nn, kind)(n_x, n_a, dtype=dtype, rng=case.seed, bidirectional=case.chance(0.3))
    x = np.ascontiguousarray(problem.x.transpose(2, 1, 0))

    def results() -> Any:
        states, caches = run(problem)
        output, state, tape = model.forward(x, lengths=lengths)
        return states, back.from_caches(cell, caches, incoming), output, state, tuple(model.backward(tape, output))

    _on_threads(case, results, [1, 2, case.pick([3, 4, 7])])


def _on_threads(case: Case, results: Callable[[], Any], numbers: list[int]) -> None:
    before, found = cyrnn.get_num_threads(), []
    try:
        for n in numbers:
            cyrnn.set_num_threads(n)
            found.append(results())
    finally:
        cyrnn.set_num_threads(before)
    case.results.append(found[0])
    for n, other in zip(numbers[1:], found[1:], strict=True):
        case.same(other, found[0], f"{n} threads against {numbers[0]}")


def shared(case: Case) -> None:
    """Four threads call the same objects at once, while a fifth packs and loads the same weights."""
    given, problem = call_of(case), problem_of(case, m=1, T=1)
    packed, incoming = cyrnn.pack(problem.parameters), back.incoming(problem)
    _, caches = run(problem)
    tape = given.run("forward")[2]
    d_output = np.ones_like(given.run()[0])
    calls: list[Callable[[], Any]] = [
        given.run,
        lambda: run(problem)[0],
        lambda: run(problem, packed)[0],
        lambda: back.from_caches(problem.cell, caches, incoming),
        lambda: tuple(given.model.backward(tape, d_output)),
    ]
    want = [call() for call in calls]
    case.results.append(want)
    weights = given.model.state_dict()
    failures: list[BaseException] = []
    start = threading.Barrier(5)

    def work(first: int) -> None:
        try:
            start.wait(30)
            for i in range(first, first + 10):
                k = i % len(calls)
                case.same(calls[k](), want[k], f"call {k} among threads")
        except BaseException as error:
            failures.append(error)

    def load() -> None:
        start.wait(30)
        for _ in range(5):
            given.model.load_state_dict(weights)
            given.model.pack()

    threads = [threading.Thread(target=work, args=(n,)) for n in range(4)] + [threading.Thread(target=load)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise failures[0]


#: numbers in whose column alone anything may become nan or infinite
WILD = [np.nan, np.inf, -np.inf, 1e38, -1e38, 1e-40, 5e-324, -0.0]


def wild(case: Case) -> None:
    """Wild numbers stay in their own column of the batch, forward and backward, in notebook and nn."""
    problem = problem_of(case, m=2, T=1)
    m = problem.x.shape[1]
    j, number = int(case.rng.integers(m)), case.pick(WILD)
    case.say("column", j, "has", number)
    clean, caches = run(problem)
    incoming = back.incoming(problem)
    gradients = back.of_columns(problem.cell, back.from_caches(problem.cell, caches, incoming))
    arrays = [problem.x.copy(), *(value.copy() for value in problem.initial)]
    with np.errstate(all="ignore"):
        for array in arrays:
            array[:, j][case.rng.random(array[:, j].shape) < 0.5] = number
    bad = replace(problem, x=arrays[0], initial=tuple(arrays[1:]))
    states, bad_caches = run(bad)
    others = np.arange(m) != j
    case.same([v[:, others] for v in states], [v[:, others] for v in clean], "the other columns")
    found = back.of_columns(problem.cell, back.from_caches(problem.cell, bad_caches, incoming))
    case.same([v[:, others] for v in found], [v[:, others] for v in gradients], "gradients of the other columns")
    case.results += [states, found]
    alone = run(bad.columns([j]))[0]
    case.same(alone, [v[:, [j]] for v in states], "the wild column alone")
    given = call_of(case)
    L, N, _ = given.x.shape
    if not (L and N):
        return
    k = int(case.rng.integers(N))
    output = given.run()[0]
    with np.errstate(all="ignore"):
        spoilt = replace(given, x=given.x.copy())
        spoilt.x[:, k] = number
        if given.lengths is not None:  # behind an end nothing is read
            end = int(given.lengths[k])
            spoilt.x[:end, k] = given.x[:end, k]
    after = spoilt.run()[0]
    axis = 0 if given.model.batch_first else 1
    if not given.batched:
        return
    rest = np.arange(N) != k if given.lengths is None else np.ones(N, bool)
    verdict.same(after.compress(rest, axis), output.compress(rest, axis), "the other sequences", bits=case.bits)
