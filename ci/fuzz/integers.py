"""Cases of nn with integer weights: calls and steps, against the floats that they stand for."""

from __future__ import annotations

from typing import Any

import numpy as np
from nn_models import joined, parts

from . import dress, models, verdict
from .case import Case
from .layers import Layers

#: rms difference of results that are of order 1 from those of the same weights without rounded activations
MAX_OFF = {"int8": 0.1, "int16": 0.01}


def in_floats(float_model: Any, model: Any) -> Layers:
    """The oracle with the weights that a quantised model has."""
    found = model.state_dict()
    for name, value in found.items():
        if f"{name}_scale" in found:
            setattr(float_model, name, value * found[f"{name}_scale"][:, None])
    return Layers(float_model)


def call(case: Case) -> None:
    """A call of a quantised model: near its floats; the same bits in dresses, alone, in pieces, after other hands."""
    given = models.call_of(case)
    kind = case.pick(["int8", "int16"])
    case.say("quantised", kind)
    if given.model.dtype != np.float32:
        case.refuses(lambda: given.model.quantize(kind), "integers of float64")
        return
    model, floats = given.model.quantize(kind), given.model
    case.watch(given.x, given.states, model.state_dict())
    given.model = model
    output, state = given.run()
    case.results += [output, state]
    x, hx = given.given(given.x), [given.given(s, state=True) for s in given.states]
    worn = model(dress.same_numbers(case.rng, x), models.worn_state(case, hx), lengths=given.lengths)
    case.same(worn, (output, state), "dressed against plain")
    models.alone(case, given, output, state)
    other = models.through_other_hands(case, model)
    case.same(other(x, given.hx, lengths=given.lengths), (output, state), "a copy of the model")
    _pieces(case, given, output, state)
    want, lasts = in_floats(floats, model).forward(*models.wide(given))
    _near(output, given.given(want), kind)
    for got, last in zip(parts(state), lasts, strict=True):
        _near(got, given.given(last, state=True), kind)


def _near(got: Any, want: Any, kind: str) -> None:
    if not got.size:
        return
    scale = max(1.0, float(np.abs(want).max()))
    off = float(np.sqrt(np.square(got - want).mean())) / scale
    if not off < MAX_OFF[kind]:
        raise verdict.Failure(f"integers against oracle: off by {off:.3g}")


def _pieces(case: Case, given: models.Call, output: Any, state: Any) -> None:
    """The sequences in two pieces, the second one step by step."""
    L = len(given.x)
    if given.lengths is not None or given.model.bidirectional or not L:
        return
    at = int(case.rng.integers(L))
    outputs, now = [], given.hx
    for first, last in ((0, at), *((t, t + 1) for t in range(at, L))):
        one = models.Call(given.model, given.x[first:last], [], None, given.batched)
        if last > at:
            row, now = given.model.step(one.x[0] if given.batched else one.x[0, 0], now)
            outputs.append(row[None])
        else:
            piece, now = given.model(one.given(one.x), now)
            outputs.append(piece.swapaxes(0, 1) if given.batched and given.model.batch_first else piece)
    whole = output.swapaxes(0, 1) if given.batched and given.model.batch_first else output
    case.same(np.concatenate(outputs), whole, "pieces against the whole")
    case.same(joined(list(parts(now))), state, "the state of pieces")
