"""Cases of caches that a caller has edited, or put together by hand, between forward and backward."""

from __future__ import annotations

from typing import Any

import backward as back
import gradients
import numpy as np
from hostile import HOSTILE
from problems import Problem

from . import dress, verdict
from .case import Case
from .notebook import problem_of, run


def caches(case: Case) -> None:
    """Edit the caches of a forward call, and hold the gradients against the equations or expect a refusal."""
    problem = problem_of(case, m=1, T=1)
    T = int(case.rng.integers(1, problem.x.shape[2] + 1))
    incoming = back.incoming(problem, T, seed=case.seed % 1000)
    made = run(problem)[1]
    case.watch(problem.arrays, made, incoming)
    want = back.from_caches(problem.cell, made, incoming)
    case.results += [want]
    edit = case.pick([_copied, _exchanged, _shuffled, _wide, _spoilt, _spoilt, _parameters, _containers])
    case.say(edit.__name__, f"{T} steps")
    edit(case, problem, made, incoming, want)


def _copied(case: Case, problem: Problem, made: Any, incoming: Any, want: Any) -> None:
    """Every entry an array of its own, in a dress; the parameters in a mapping's dress, one for all steps."""
    parameters = dress.mapping(case.rng, problem.parameters)
    if case.chance(0.5):
        parameters = {key: dress.same_numbers(case.rng, value) for key, value in problem.parameters.items()}
    steps, x = made
    hand = [(*(dress.same_numbers(case.rng, entry) for entry in step[:-1]), parameters) for step in steps]
    case.same(back.from_caches(problem.cell, (hand, x), incoming), want, "caches by hand")


def _exchanged(case: Case, problem: Problem, made: Any, incoming: Any, want: Any) -> None:
    """Some entries of some steps are other arrays of the same numbers."""
    steps, x = made
    hand = []
    for step in steps:
        entries = [dress.same_numbers(case.rng, e) if case.chance(0.2) else e for e in step[:-1]]
        hand.append((*entries, step[-1]))
    case.same(back.from_caches(problem.cell, (hand, x), incoming), want, "some entries exchanged")


def _shuffled(case: Case, problem: Problem, made: Any, incoming: Any, want: Any) -> None:
    """Steps in another order, or one of them several times: each cache tells of a step of its own."""
    steps, x = made
    order = case.rng.integers(0, len(steps), len(steps))
    chosen = ([steps[t] for t in order], x)
    got = back.from_caches(problem.cell, chosen, incoming)
    case.same(got, back.from_caches(problem.cell, back.by_hand(chosen), incoming), "shuffled against copies")
    if not case.multiplied:
        _against_equations(problem, chosen[0], incoming, got)


def _against_equations(problem: Problem, steps: Any, incoming: Any, got: Any) -> None:
    cell, chain = problem.cell, gradients.CHAIN[problem.cell.name]
    p = {key: value.astype(np.float64) for key, value in problem.parameters.items()}
    d = [np.zeros(problem.initial[0].shape), *(value.astype(np.float64) for value in incoming.last)]
    T = incoming.da.shape[2]
    dx, total = np.zeros((len(problem.x), problem.x.shape[1], T)), gradients.zeros(problem)
    for t in reversed(range(T)):
        entries = dict(zip(cell.cache, steps[t], strict=True))
        before = [entries[f"{state}_prev"].astype(np.float64) for state in cell.states]
        d[0] = d[0] + incoming.da[:, :, t]
        dx[:, :, t], d, weights = chain(p, entries["xt"].astype(np.float64), before, d)
        d, total = list(d), {key: value + total[key] for key, value in weights.items()}
    want = gradients.named(problem, dx, d, total)
    scale = max([1.0, *(float(abs(value).max(initial=0)) for value in want.values())])
    verdict.close(
        [got[name] / scale for name in want], [want[name] / scale for name in want], "equations", verdict.GRADIENT
    )


def _wide(case: Case, problem: Problem, made: Any, incoming: Any, want: Any) -> None:
    """One entry is float64: then all gradients are, of the same caches."""
    steps, x = made
    t, k = int(case.rng.integers(incoming.da.shape[2])), int(case.rng.integers(len(steps[0]) - 1))
    hand = list(steps)
    hand[t] = (*steps[t][:k], np.float64(steps[t][k]), *steps[t][k + 1 :])
    got = back.from_caches(problem.cell, (hand, x), incoming)
    parameters = {key: np.float64(value) for key, value in problem.parameters.items()}
    wide = [(*(np.float64(entry) for entry in step[:-1]), parameters) for step in steps]
    true = back.from_caches(problem.cell, (wide, x), incoming.map(np.float64))
    case.same(got, true, "one entry in float64", computed_in=problem.x.dtype)


def _spoilt(case: Case, problem: Problem, made: Any, incoming: Any, want: Any) -> None:
    """One entry is what no entry can be, or one is too few or too many."""
    (steps, x), cell = made, problem.cell
    t, k = int(case.rng.integers(incoming.da.shape[2])), int(case.rng.integers(len(steps[0]) - 1))
    entry = steps[t][k]
    wrong: dict[str, Any] = {
        "a row more": np.concatenate([entry, entry[:1], np.zeros((1, entry.shape[1]))]),
        "a column more": np.concatenate([entry, np.zeros((len(entry), 2))], axis=1),
        "an axis more": entry[:, :, None],
        "an axis less": np.zeros(3),
        "complex": entry.astype(complex),
        "object": entry.astype(object),
        "longdouble": entry.astype(np.longdouble),
        "text": np.full(entry.shape, "1"),
        "None": None,
    }
    if case.chance(0.3):
        name = case.pick(list(HOSTILE))
        wrong[name] = HOSTILE[name]
    name = list(wrong)[-1] if len(wrong) > 9 else case.pick(list(wrong))
    step = (*steps[t][:k], wrong[name], *steps[t][k + 1 :])
    if case.chance(0.15):
        name, step = "an entry more", (*steps[t], x)
    elif case.chance(0.15):
        name, step = "an entry less", steps[t][1:]
    hand = [*steps[:t], step, *steps[t + 1 :]]
    if case.chance(0.1):
        name, hand = "too few steps", steps[: incoming.da.shape[2] - 1]
    case.say(f"step {t}, {cell.cache[k]}: {name}")
    case.refuses(lambda: back.from_caches(cell, (hand, x), incoming), name)


def _parameters(case: Case, problem: Problem, made: Any, incoming: Any, want: Any) -> None:
    """The parameters of one step are equal ones, or others."""
    steps, x = made
    t = int(case.rng.integers(len(steps)))
    p = problem.parameters
    equal = {key: value.copy() for key, value in p.items()}
    hand = [*steps[:t], (*steps[t][:-1], dress.mapping(case.rng, equal)), *steps[t + 1 :]]
    case.same(back.from_caches(problem.cell, (hand, x), incoming), want, "equal parameters")
    keys = [key for key in gradients.zeros(problem) if key[0] == "W" and p[key].size]
    if keys and len(steps) > 1:
        key = case.pick(keys)
        other = {**p, key: p[key] + 1}
        hand[t] = (*steps[t][:-1], other)
        used = t < incoming.da.shape[2] and len(steps) > 1
        if used and not np.array_equal(other[key], p[key], equal_nan=True):
            case.refuses(lambda: back.from_caches(problem.cell, (hand, x), incoming), f"other {key} in step {t}")


def _containers(case: Case, problem: Problem, made: Any, incoming: Any, want: Any) -> None:
    """Lists for tuples, tuples for lists, another x: none of them matters. Other containers are refused."""
    steps, x = made
    kinds = [
        (tuple(steps), x),
        [steps, x],
        ([list(step) for step in steps], x),
        (steps, None),
        (steps, x[:0]),
        ([*steps, steps[0]], x),
    ]
    case.same(back.from_caches(problem.cell, case.pick(kinds), incoming), want, "other containers")
    wrong = case.pick([None, steps, (steps,), (None, x), ({}, x), (iter(steps), x), "caches", (steps, x, x), ([], x)])
    case.say("wrong:", type(wrong).__name__)
    if wrong is not steps or len(steps) != 2:
        case.refuses(lambda: back.from_caches(problem.cell, wrong, incoming), "no caches")
