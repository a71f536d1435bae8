"""Cases of nn: calls, steps, gradients, weights, of every class with its options."""

from __future__ import annotations

import copy
import pickle
from dataclasses import dataclass
from typing import Any

import numpy as np
from nn_models import joined, parts

import cyrnn.nn

from . import dress, heads, verdict
from .case import Case
from .layers import Layers


@dataclass
class Call:
    """A model and its arguments, (L, N, F) and (S, N, n)."""

    model: Any
    x: Any
    states: list[Any]
    lengths: Any  # (N,), or None
    batched: bool

    @property
    def ends(self) -> Any:
        L, N, _ = self.x.shape
        return np.full(N, L) if self.lengths is None else self.lengths

    def given(self, value: Any, *, state: bool = False) -> Any:
        """Return an array (L, N, F), or a state (S, N, n), as the model wants it."""
        if not self.batched:
            return value[:, 0]
        return value.swapaxes(0, 1) if self.model.batch_first and not state else value

    @property
    def hx(self) -> Any:
        return joined([self.given(value, state=True) for value in self.states])

    def run(self, method: str = "__call__", **options: Any) -> Any:
        return getattr(self.model, method)(self.given(self.x), self.hx, lengths=self.lengths, **options)


def model_of(case: Case) -> Any:
    kind = case.pick(["RNN", "LSTM", "LSTM", "GRU"])
    options: dict[str, Any] = {
        "num_layers": case.pick([1, 1, 1, 2, 3]),
        "bias": case.pick([True, True, False]),
        "batch_first": case.pick([False, True]),
        "bidirectional": case.pick([False, False, True]),
        "dtype": case.pick([np.float32, np.float64]),
    }
    sizes = case.pick([0, 1, 2, 3, 8, 16, 17, 40, 64]), case.pick([1, 2, 3, 5, 8, 16, 17, 33, 64])
    if kind == "RNN":
        options["nonlinearity"] = case.pick(["tanh", "relu"])
    if kind == "LSTM" and sizes[1] > 1 and case.chance(0.4):
        options["proj_size"] = int(case.rng.integers(1, sizes[1]))
    case.say(kind, sizes, {name: value for name, value in options.items() if name != "dtype"}, options["dtype"])
    return getattr(cyrnn.nn, kind)(*sizes, **options, rng=case.seed)


def call_of(case: Case) -> Call:
    model = model_of(case)
    L, N = case.pick([0, 1, 2, 3, 7, 12, 33]), case.pick([0, 1, 1, 2, 3, 5, 8, 17])
    batched = case.chance(0.85)
    N = N if batched else 1
    dtype, S = model.dtype, model.num_layers * (1 + model.bidirectional)
    sizes = [getattr(model, "proj_size", 0) or model.hidden_size]
    sizes += [model.hidden_size] * (type(model).__name__ == "LSTM")
    x = case.rng.standard_normal((L, N, model.input_size)).astype(dtype)
    zeros = case.chance(0.2)
    states = [case.rng.standard_normal((S, N, n)).astype(dtype) for n in sizes]
    if zeros:
        states = [np.zeros_like(state) for state in states]
    lengths = case.rng.integers(0, L + 1, N) if batched and case.chance(0.5) else None
    case.say(f"L = {L}, N = {N}", "" if batched else "no batch", "" if lengths is None else f"lengths {lengths}")
    return Call(model, x, states, lengths, batched)


def wide(given: Call) -> tuple[Any, list[Any], Any]:
    """Return the arguments of the oracle."""
    return given.x.astype(np.float64), [state.astype(np.float64) for state in given.states], given.ends


def worn_state(case: Case, states: list[Any]) -> Any:
    """States in dresses, as a tuple or a list; None where they are zero."""
    if not any(state.any() for state in states) and case.chance(0.5):
        return None
    worn = [dress.same_numbers(case.rng, state) for state in states]
    return (list(worn) if case.chance(0.3) else tuple(worn)) if len(worn) > 1 else worn[0]


def worn_lengths(case: Case, lengths: Any) -> Any:
    if lengths is None:
        return None
    dresses = [
        lambda: lengths.tolist(),
        lambda: tuple(lengths.tolist()),
        lambda: lengths.astype(np.int32),
        lambda: lengths.astype(np.uint8),
        lambda: lengths.astype(">i8"),
        lambda: np.repeat(lengths, 2)[::2],
    ]
    return case.pick(dresses)()


def call(case: Case) -> None:
    """A call against the oracle, in dresses, with gates, alone, from weights that went through other hands."""
    given = call_of(case)
    model = given.model
    case.watch(given.x, given.states, model.state_dict())
    output, state = given.run()
    case.results += [output, state]
    want, lasts = Layers(model).forward(*wide(given))
    verdict.close(
        [output, *parts(state)],
        [given.given(want), *(given.given(last, state=True) for last in lasts)],
        "call against oracle",
        verdict.FORWARD,
    )
    x, hx = given.given(given.x), [given.given(s, state=True) for s in given.states]
    worn = model(dress.same_numbers(case.rng, x), worn_state(case, hx), lengths=worn_lengths(case, given.lengths))
    case.same(worn, (output, state), "dressed against plain")
    changed = dress.array(case.rng, x, changed=1)
    found = case.attempt(lambda: model(changed, given.hx, lengths=given.lengths))
    if found is not None:
        with np.errstate(all="ignore"):
            want = model(np.asarray(changed).astype(model.dtype), given.hx, lengths=given.lengths)
        case.same(found, want, "an input of another dtype")
    if case.chance(0.3):
        extra = {"return_cells": True} if type(model).__name__ == "LSTM" else {}
        case.same(given.run(return_gates=True, **extra)[:2], (output, state), "with gates")
    alone(case, given, output, state)
    if case.chance(0.4):
        other = through_other_hands(case, model)
        case.same(other(x, given.hx, lengths=given.lengths), (output, state), "a copy of the model")


def alone(case: Case, given: Call, output: Any, state: Any) -> None:
    """One sequence has the bits that it has alone."""
    N = given.x.shape[1]
    if not (N and given.batched):
        return
    j = int(case.rng.integers(N))
    end = int(given.ends[j])
    only = Call(given.model, given.x[:end, [j]], [s[:, [j]] for s in given.states], None, True)
    own, last = only.run()
    whole = output.swapaxes(0, 1) if given.model.batch_first else output
    own = own.swapaxes(0, 1) if given.model.batch_first else own
    case.same(own, whole[:end, [j]], f"sequence {j} alone")
    case.same(last, joined([part[:, [j]] for part in parts(state)]), f"the state of sequence {j} alone")
    if whole[end:, j].any():
        raise verdict.Failure("output behind the end of a sequence")


def through_other_hands(case: Case, model: Any) -> Any:
    way = case.pick(["copy", "pickle", "state_dict", "state_dict"])
    case.say("through", way)
    if way == "copy":
        return copy.deepcopy(model)
    if way == "pickle":
        return pickle.loads(pickle.dumps(model))
    options = {name: getattr(model, name) for name in model._options}
    other = type(model)(model.input_size, model.hidden_size, **options, dtype=model.dtype, rng=case.seed + 1)
    if model.weight_dtype != model.dtype:
        other = other.quantize(model.weight_dtype)
    weights = {key: _dressed(case, value) for key, value in model.state_dict().items()}
    given = dress.MAPPINGS[case.pick(["dict", "ordered", "proxy", "chain", "user", "subclass", "backwards"])](weights)
    other.load_state_dict(given)
    return other


def _dressed(case: Case, value: Any) -> Any:
    """Integers are taken as they are, or not at all."""
    return value if value.dtype.kind == "i" else dress.same_numbers(case.rng, value)


def step(case: Case) -> None:
    """Step by step, with resets, against whole sequences."""
    given = call_of(case)
    model, reset_at = given.model, {}
    if model.bidirectional:
        case.refuses(lambda: model.step(given.x[0, 0] if given.x.size else np.zeros(model.input_size)), "bidirectional")
        return
    L, N, _ = given.x.shape
    state: Any = given.hx if case.chance(0.8) else None
    states = [np.zeros_like(s) for s in given.states] if state is None else [s.copy() for s in given.states]
    want = []
    for t in range(L):
        if case.chance(0.3):
            reset_at[t] = case.rng.random(N) < 0.5
            for s in states:
                s[:, reset_at[t]] = 0
        one = Call(model, given.x[t : t + 1], states, None, True)
        output, after = one.run()
        states = [np.array(part) for part in parts(after)]
        want.append((output.swapaxes(0, 1) if model.batch_first else output)[0])
    for t in range(L):
        x_t = given.x[t] if given.batched else given.x[t, 0]
        reset = reset_at.get(t)
        if reset is not None:
            masks = [reset, reset.tolist(), reset[::-1].copy()[::-1]]
            reset = case.pick(masks) if given.batched else bool(reset[0])
        before = pickle.dumps(state)
        worn = state if case.chance(0.5) or state is None else worn_state(case, list(parts(state)))
        output, following = model.step(dress.same_numbers(case.rng, x_t), worn, reset=reset)
        if pickle.dumps(state) != before:
            raise verdict.Failure("step wrote to its state")
        state = following
        case.same(output, want[t] if given.batched else want[t][0], f"step {t} against a call")
        case.results.append(output)


def backward(case: Case) -> None:
    """The gradients of a model against the oracle, in dresses, and of a sequence alone."""
    given = call_of(case)
    model = given.model
    output, state, tape = given.run("forward")
    case.same((output, state), given.run(), "forward against a call")
    d_out = case.rng.standard_normal((*given.x.shape[:2], output.shape[-1])).astype(model.dtype)
    d_states = [case.rng.standard_normal(s.shape).astype(model.dtype) for s in given.states]
    d_state = joined([given.given(d, state=True) for d in d_states])
    case.watch(d_out, d_states, given.x, model.state_dict())
    found = model.backward(tape, given.given(d_out), d_state)
    case.results += [found.input, found.hx, found.weights]
    true = Layers(model)
    true.forward(*wide(given))
    dx, d_initial, weights = true.backward(d_out.astype(np.float64), [d.astype(np.float64) for d in d_states])
    want = [given.given(dx), *(given.given(d, state=True) for d in d_initial)]
    want += [weights[name] for name in found.weights]
    scale = max([1.0, *(float(abs(value).max(initial=0)) for value in want)])
    got = [found.input, *parts(found.hx), *found.weights.values()]
    verdict.close([v / scale for v in got], [v / scale for v in want], "gradients against oracle", verdict.GRADIENT)
    worn = model.backward(tape, dress.same_numbers(case.rng, given.given(d_out)), _worn(case, d_state))
    case.same(tuple(worn), tuple(found), "dressed gradients")
    case.same(tuple(model.backward(tape, given.given(d_out), d_state)), tuple(found), "the tape once more")
    N = given.x.shape[1]
    if N and given.batched and case.chance(0.5):
        j = int(case.rng.integers(N))
        end = int(given.ends[j])
        only = Call(model, given.x[:end, [j]], [s[:, [j]] for s in given.states], None, True)
        d_alone = joined([d[:, [j]] for d in d_states])
        alone = model.backward(only.run("forward")[2], only.given(d_out[:end, [j]]), d_alone)
        case.same(alone.input, only.given(_time_major(given, found.input)[:end, [j]]), f"dx of sequence {j} alone")
        case.same(alone.hx, joined([part[:, [j]] for part in parts(found.hx)]), f"d_hx of sequence {j} alone")


def _worn(case: Case, state: Any) -> Any:
    return joined([dress.same_numbers(case.rng, part) for part in parts(state)])


def _time_major(given: Call, value: Any) -> Any:
    return value.swapaxes(0, 1) if given.model.batch_first else value


def cell(case: Case) -> None:
    """RNNCell, LSTMCell and GRUCell against the oracle and in dresses; then a linear layer on their states."""
    kind = case.pick(["RNNCell", "LSTMCell", "GRUCell"])
    options = {"nonlinearity": case.pick(["tanh", "relu"])} if kind == "RNNCell" else {}
    n_x, n, N = case.pick([0, 1, 3, 17, 64]), case.pick([1, 3, 16, 33]), case.pick([0, 1, 2, 9])
    dtype = case.pick([np.float32, np.float64])
    case.say(kind, n_x, n, N, dtype)
    model = getattr(cyrnn.nn, kind)(n_x, n, bias=case.chance(0.7), dtype=dtype, rng=case.seed, **options)
    x = case.rng.standard_normal((N, n_x)).astype(dtype)
    states = [case.rng.standard_normal((N, n)).astype(dtype) for _ in range(2 if kind == "LSTMCell" else 1)]
    case.watch(x, states)
    found = model(x, joined(states))
    case.results.append(found)
    wide = [state[None].astype(np.float64) for state in states]
    _, lasts = Layers(model).forward(x[None].astype(np.float64), wide, np.ones(N, int))
    verdict.close(parts(found), [last[0] for last in lasts], "cell against oracle", verdict.FORWARD)
    case.same(model(dress.same_numbers(case.rng, x), _worn(case, joined(states))), found, "dressed against plain")
    if N:
        one = model(x[0], joined([state[0] for state in states]))
        case.same(one, joined([part[0] for part in parts(found)]), "without a batch")
    heads.linear(case, parts(found)[0])
    heads.embedding(case)
