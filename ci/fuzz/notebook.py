"""Cases of the notebook's functions: forward, backward, steps and sequences, of every cell."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import backward as back
import gradients
import numpy as np
import oracle
from problems import CELLS, DTYPES, Problem, function_of, make

import cyrnn

from . import dress, verdict
from .case import Case, plain

#: multiply-adds up to which the oracle, which has longdouble and Python's loops, is asked
ORACLE_FMAS = 150_000


def problem_of(case: Case, *, m: int = 0, T: int = 0) -> Problem:
    """Draw a cell, a dtype, sizes, and in some cases numbers that are not ordinary."""
    cell, dtype = case.pick(CELLS), case.pick(DTYPES)
    n = [case.pick([1, 2, 3, 5, 7, 8, 15, 16, 17, 33, 40, 64, 65]) for _ in range(2)]
    sizes = {
        "n_x": case.pick([0, 1, n[0], n[0]]),
        "n_a": n[1],
        "n_y": case.pick([0, 1, 2, 3, 9, 16, 33]),
        "m": case.pick([m, 1, 1, 2, 3, 5, 8, 12, 17, 40]) or m,
        "T_x": case.pick([T, 1, 2, 3, 4, 7, 20]) or T,
    }
    case.say(cell.name, dtype, sizes)
    problem = make(cell, dtype, seed=int(case.rng.integers(2**31)), **sizes)
    if case.chance(0.1):
        factor = case.pick([1e-30, 1e-3, 30.0, 1e3, 1e6])
        case.say("all numbers times", factor)
        problem = problem.map(lambda value: (value * factor).astype(dtype))
    return problem


def small(problem: Problem) -> bool:
    n_x, m, T = problem.x.shape
    n_a = len(problem.initial[0])
    return m * T * n_a * (n_a + n_x) * len(problem.cell.gates) <= ORACLE_FMAS


def run(problem: Problem, parameters: Any = None, **extras: Any) -> tuple[list[Any], Any]:
    """Return the states, y, and the caches of a whole sequence."""
    a0, *others = problem.initial
    given = {f"{state}0": value for state, value in zip(problem.cell.states[1:], others, strict=True)}
    parameters = problem.parameters if parameters is None else parameters
    a, y, *others, caches = function_of(problem.cell, "forward")(problem.x, a0, parameters, **given, **extras)
    return [a, *others, y], caches


def dressed(case: Case, problem: Problem) -> tuple[Problem, Problem, Any]:
    """Return the problem in dresses, the plain one of the same numbers, and the parameters in a dress of mappings."""
    changed = case.pick([0, 0, 0.15])
    worn = problem.map(lambda value: dress.array(case.rng, value, changed=changed))
    keys = list(worn.parameters)
    _, (arrays, weights) = plain([worn.x, *worn.initial], list(worn.parameters.values()))
    bare = replace(problem, x=arrays[0], initial=tuple(arrays[1:]), parameters=dict(zip(keys, weights, strict=True)))
    parameters = dress.mapping(case.rng, worn.parameters)
    case.say(*[type(value).__name__ for value in (worn.x, *worn.initial, parameters)])
    return worn, bare, parameters


def forward(case: Case) -> None:
    """A sequence against the oracle; then in dresses, packed, in part of the batch, without caches, step by step."""
    problem = problem_of(case)
    case.watch(problem.arrays)
    states, caches = run(problem)
    case.results += [states]
    if small(problem):
        want, want_y = oracle.sequence(problem)
        if all(np.isfinite(value).all() for value in (*want, want_y)) and not case.multiplied:
            verdict.close(states, [*want, want_y], "sequence against oracle", verdict.FORWARD)
    worn, bare, parameters = dressed(case, problem)
    got, _ = run(worn, parameters, return_caches=case.chance(0.5))
    want, _ = run(bare)
    case.same(got, want, "dressed against plain")
    if case.chance(0.4):
        packed = cyrnn.pack(dress.mapping(case.rng, problem.parameters))
        case.same(run(problem, packed)[0], states, "packed against not")
    _n_x, m, T = problem.x.shape
    if m and case.chance(0.5):
        which = np.sort(case.rng.choice(m, int(case.rng.integers(1, m + 1)), replace=False))
        part = run(problem.columns(which))[0]
        case.same(part, [value[:, which] for value in states], f"columns {which} alone")
    if T and case.chance(0.5):
        _step_by_step(case, problem, states)
    if T and len(caches[0]) != T:
        raise verdict.Failure(f"{len(caches[0])} caches of {T} steps")


def _step_by_step(case: Case, problem: Problem, states: list[Any]) -> None:
    *whole, y = states
    before, parameters = problem.initial, problem.parameters
    if case.chance(0.3):
        parameters = cyrnn.pack(parameters)
    step = function_of(problem.cell, "cell_forward")
    for t in range(problem.x.shape[2]):
        *before, yt, _ = step(problem.x[:, :, t], *before, parameters, return_caches=case.chance(0.5))
        case.same([*before, yt], [*(state[:, :, t] for state in whole), y[:, :, t]], f"step {t} against sequence")


def backward(case: Case) -> None:
    """Gradients against the chain rule; then in dresses, from other caches, of part of the batch."""
    problem = problem_of(case, m=1, T=1)
    T = int(case.rng.integers(1, problem.x.shape[2] + 1))
    incoming = back.incoming(problem, T, seed=case.seed % 1000)
    _, caches = run(problem)
    case.watch(problem.arrays, caches, incoming)
    got = back.from_caches(problem.cell, caches, incoming)
    case.results += [got]
    if small(problem) and not case.multiplied:
        want = gradients.chain(problem, incoming.da, incoming.last)
        scale = max(float(abs(value).max(initial=0)) for value in want.values()) or 1.0
        verdict.close(
            [got[name] / scale for name in want], [want[name] / scale for name in want], "chain rule", verdict.GRADIENT
        )
    worn, bare, parameters = dressed(case, problem)
    _, worn_caches = run(worn, parameters)
    _, bare_caches = run(bare)
    d = incoming.map(lambda value: dress.array(case.rng, value, changed=0.1))
    dtype, (arrays,) = plain([d.da, *d.last])
    dtype = np.promote_types(dtype, bare.x.dtype)
    d_bare = back.Incoming(arrays[0].astype(dtype), tuple(value.astype(dtype) for value in arrays[1:]))
    if dtype != bare.x.dtype:  # the caches are computed in the narrow dtype, and gone through in the wide one
        bare_caches = back.by_hand(bare_caches, lambda value: np.array(value, dtype))
        bare_caches = ([(*step[:-1], _wide(step[-1], dtype)) for step in bare_caches[0]], bare_caches[1])
        first = bare_caches[0][0][-1]
        bare_caches = ([(*step[:-1], first) for step in bare_caches[0]], bare_caches[1])
    case.same(
        back.from_caches(problem.cell, worn_caches, d),
        back.from_caches(problem.cell, bare_caches, d_bare),
        "dressed gradients",
        computed_in=bare.x.dtype,
    )
    m = problem.x.shape[1]
    if case.chance(0.5):
        which = np.sort(case.rng.choice(m, int(case.rng.integers(1, m + 1)), replace=False))
        _, part = run(problem.columns(which))
        alone = back.from_caches(problem.cell, part, incoming.columns(which))
        whole = [value[:, which] for value in back.of_columns(problem.cell, got)]
        case.same(back.of_columns(problem.cell, alone), whole, f"gradients of the columns {which} alone")
    if T == 1:
        step = function_of(problem.cell, "cell_backward")(incoming.da[:, :, 0], *incoming.last, caches[0][0])
        wanted = {name: value[:, :, 0] if name == "dx" else value for name, value in got.items()}
        case.same(list(step.values()), list(wanted.values()), "cell backward against sequence")


def _wide(parameters: Any, dtype: Any) -> dict[str, Any]:
    return {key: np.array(value, dtype) for key, value in parameters.items()}
