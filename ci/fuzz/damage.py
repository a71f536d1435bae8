"""Cases of wrong arguments: each is refused in a sentence, or NumPy would have taken it and the numbers are NumPy's."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import oracle
from hostile import HOSTILE
from problems import Problem, wrong_shapes

import cyrnn

from . import dress, verdict
from .case import Case, plain
from .models import Call, call_of
from .notebook import problem_of, run, small

#: dtypes that no call computes in
WRONG_DTYPES = ["c8", "c16", "g", "O", "S4", "U4", "M8[s]", "m8[s]", "V4"]


def _damaged(case: Case, value: Any) -> tuple[str, Any]:
    """Return what was done to an array, and the result."""
    kind = case.pick(["shape", "shape", "shape", "dtype", "hostile"])
    if kind == "hostile":
        name = case.pick(list(HOSTILE))
        return name, HOSTILE[name]
    if kind == "dtype":
        dtype = np.dtype(case.pick(WRONG_DTYPES))
        wrong = value.astype(dtype) if dtype.kind in "cgO" else np.zeros(value.shape, dtype)
        return str(dtype), wrong
    shapes = [shape for shape in wrong_shapes(value.shape) if min(shape, default=0) >= 0]
    shape = case.pick([*shapes, (), (1,) * value.ndim, value.shape[::-1], (*value.shape[:-1], 1)])
    return f"{value.shape} to {shape}", np.resize(value, shape) if value.size else np.zeros(shape, value.dtype)


def notebook(case: Case) -> None:
    """One argument of a forward call is wrong, or a key is missing."""
    problem = problem_of(case, m=1)
    case.watch(problem.arrays)
    keys = list(problem.parameters)
    if case.chance(0.2):
        _missing(case, problem, case.pick(keys))
        return
    names = ["x", *problem.cell.states, *keys]
    name = case.pick(names)
    i = names.index(name)
    said, wrong = _damaged(case, problem.arrays[i])
    case.say(name, said)
    arrays = list(problem.arrays)
    arrays[i] = wrong
    n = 1 + len(problem.initial)
    bad = replace(problem, x=arrays[0], initial=tuple(arrays[1:n]), parameters=dict(zip(keys, arrays[n:], strict=True)))
    if not np.any([array is not value for array, value in zip(arrays, problem.arrays, strict=True)]):
        return
    found = case.attempt(lambda: run(bad))
    true = None if found is None else _as_numpy(bad)
    if found is not None and true is None:
        raise verdict.Failure(f"accepted {name}: {said}")
    if found is not None and small(true):
        want, want_y = oracle.sequence(true)
        if not case.multiplied:
            verdict.close(found[0], [*want, want_y], f"{name} {said}, as NumPy takes it", verdict.FORWARD)


def _as_numpy(bad: Problem) -> Problem | None:
    """Return the problem as the notebook's own NumPy understands it; None where that has no meaning."""
    a0, *others = bad.initial
    zeros = [np.zeros(np.shape(a0)) if state is None else state for state in others]  # `c0=None`
    bad = replace(bad, initial=(a0, *zeros))
    if any(type(value) is not np.ndarray for value in bad.arrays):  # what NumPy makes no array of numbers of
        return None
    if any(value.dtype.kind not in "fiub" or value.dtype.char == "g" for value in bad.arrays):
        return None
    _, (arrays, weights) = plain([bad.x, *bad.initial], list(bad.parameters.values()))
    parameters, (x, *initial), cell = dict(zip(bad.parameters, weights, strict=True)), arrays, bad.cell
    W_y = parameters[cell.W_y]
    if x.ndim != 3 or W_y.ndim != 2:
        return None
    sizes = {"n_x": len(x), "n_a": W_y.shape[1], "n_y": len(W_y), "1": 1}
    for key, names in cell.shapes.items():
        wanted = tuple(sum(sizes[term] for term in name.split(" + ")) for name in names)
        if parameters[key].shape != wanted:
            return None
    try:
        states = tuple(np.array(np.broadcast_to(state, (sizes["n_a"], x.shape[1]))) for state in initial)
    except ValueError:
        return None
    return replace(bad, x=x, initial=states, parameters=parameters)


def _missing(case: Case, problem: Problem, key: str) -> None:
    """Without a key: a KeyError that names it; without the head y may be nothing."""
    cell = problem.cell
    head = {cell.W_y, cell.b_y}
    lost = head if key in head else {key}
    fewer = {name: value for name, value in problem.parameters.items() if name not in lost}
    case.say("without", *sorted(lost))
    states, _ = run(problem)
    for parameters in (fewer, dress.mapping(case.rng, fewer)):
        if type(parameters).__name__ == "defaultdict":
            continue
        found = case.attempt(lambda given=parameters: run(problem, given))
        if found is None:
            if not all(name in case.drawn[-1] for name in lost) and not head & lost:
                raise verdict.Failure(f"the sentence does not name {lost}: {case.drawn[-1]}")
        elif not head & lost:
            raise verdict.Failure(f"accepted without {key}")
        else:
            case.same(found[0][:-1], states[:-1], "states without a head")


def model(case: Case) -> None:
    """One argument of a model's call is wrong."""
    given = call_of(case)
    which = case.pick(["input", "hx", "lengths", "step", "backward"])
    before = given.model.state_dict()
    x, hx = given.given(given.x), given.hx
    right = {"input": x, "step": x[0] if len(x) else x}.get(which, given.given(given.states[0], state=True))
    said, wrong = _damaged(case, right)
    case.say(which, said)
    pair = wrong if len(given.states) == 1 else case.pick([(wrong, hx[1]), (hx[0], wrong), wrong])
    reset, tape = case.pick([None, "yes", [1, 2], 3.5, np.zeros(99, bool)]), case.pick([None, given.model])
    lengths = _wrong_lengths(case, given) if which == "lengths" else None
    if which == "backward" and case.chance(0.7):
        tape = given.run("forward")[2]
    calls: dict[str, Callable[[], Any]] = {
        "input": lambda: given.model(wrong, hx, lengths=given.lengths),
        "hx": lambda: given.model(x, pair, lengths=given.lengths),
        "lengths": lambda: given.model(x, hx, lengths=lengths),
        "step": lambda: given.model.step(wrong, reset=reset),
        "backward": lambda: given.model.backward(tape, wrong, wrong),
    }
    found = case.attempt(calls[which])
    if found is not None:
        _accepted(given, which, wrong, found)
    verdict.same(given.model.state_dict(), before, "weights after a wrong call")


def _accepted(given: Call, which: str, wrong: Any, found: Any) -> None:
    """What a model took must be an array that fits, or None where zeros are meant."""
    if which == "lengths":
        raise verdict.Failure("accepted wrong lengths")
    if wrong is None and which in ("hx", "backward"):
        return
    if type(wrong) is not np.ndarray or wrong.dtype.kind not in "fiub" or wrong.dtype.char == "g":
        raise verdict.Failure(f"accepted {which}: {type(wrong).__name__}")
    if which in ("input", "step") and wrong.shape[-1:] != (given.model.input_size,):
        raise verdict.Failure(f"accepted {which} of shape {wrong.shape}")
    if which == "hx" and wrong.shape not in [given.given(state, state=True).shape for state in given.states]:
        raise verdict.Failure(f"accepted {which} of shape {wrong.shape}")


def _wrong_lengths(case: Case, given: Call) -> Any:
    L, N, _ = given.x.shape
    wrong = [
        np.full(N + 1, L),
        np.full((N, 1), L),
        "all",
        5,
        np.full(N + 1, L + 0.0),
        np.full(max(N, 1), L + 1),
        np.full(max(N, 1), -1),
        np.full(max(N, 1), 2**63, np.uint64),
        [None] * (N + 1),
        HOSTILE[case.pick([name for name in HOSTILE if name != "none"])],
    ]
    lengths = case.pick(wrong)
    case.say("lengths", type(lengths).__name__, np.shape(lengths) if isinstance(lengths, np.ndarray) else "")
    return lengths


def weights(case: Case) -> None:
    """A state dict with one thing wrong: refused, and the model as it was."""
    given = call_of(case)
    net = given.model
    before, wanted = net.state_dict(), given.run()
    state = dict(before)
    name = case.pick(list(state))
    kind = case.pick(["missing", "another", "damaged", "damaged", "prefix", "part prefix", "wrapped", "no mapping"])
    said = kind
    if kind == "missing":
        state.pop(name)
    elif kind == "another":
        state[case.pick(["head.weight", "weight_ih_l9", "", "weight_ih"])] = state[name]
    elif kind == "damaged":
        said, state[name] = _damaged(case, state[name])
    elif kind == "prefix":
        state = {f"lstm.{key}": value for key, value in state.items()}
    elif kind == "part prefix":
        state[f"lstm.{name}"] = state.pop(name)
    case.say(name, said)
    given_state: Any = {"state_dict": state, "epoch": 3} if kind == "wrapped" else state
    given_state = case.pick([None, "model.pt", list(state.items()), 3]) if kind == "no mapping" else given_state
    now = state.get(name)
    if kind == "damaged" and isinstance(now, np.ndarray) and (now.shape, now.dtype) == (before[name].shape, net.dtype):
        return  # a damage that did nothing
    case.refuses(lambda: net.load_state_dict(given_state), said)
    verdict.same(net.state_dict(), before, "weights after a refusal")
    case.same(given.run(), wanted, "a call after a refusal")


def adam(case: Case) -> None:
    """Updates of Adam with one thing wrong: refused, and nothing changed."""
    dtype = case.pick([np.float32, np.float64])
    p = {f"W{i}": np.ones((2, 3 + i), dtype) for i in range(3)}
    v, s = cyrnn.initialize_adam(p)
    grads = {f"d{key}": np.ones_like(value) for key, value in p.items()}
    groups = {"parameters": p, "grads": grads, "v": v, "s": s}
    which = case.pick(list(groups))
    bad = dict(groups[which])
    key = case.pick(list(bad))
    said, wrong = _damaged(case, bad[key])
    if isinstance(wrong, np.ndarray) and (wrong.shape, wrong.dtype) == (bad[key].shape, bad[key].dtype):
        return  # a damage that did nothing
    bad[key] = wrong
    case.say(which, key, said)
    given = {**groups, which: bad}
    kept = {name: dict(group) for name, group in given.items()}
    case.refuses(lambda: cyrnn.update_parameters_with_adam(*given.values(), 1), f"{which}: {said}")
    for name, group in given.items():
        if list(group) != list(kept[name]) or any(group[k] is not kept[name][k] for k in group):
            raise verdict.Failure(f"{name} changed by a refused update")
