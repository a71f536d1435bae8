"""Linear and Embedding, as parts of other cases: so the number of a case stands for what it always stood for."""

from __future__ import annotations

from typing import Any

import numpy as np

import cyrnn.nn

from . import dress, verdict
from .case import Case


def linear(case: Case, x: Any) -> None:
    """A linear layer on states x (N, n), and on a batch of its own, there and back."""
    model = cyrnn.nn.Linear(
        x.shape[-1], case.pick([0, 1, 3, 16, 67, 130]), case.chance(0.7), batch_first=case.chance(0.5), dtype=x.dtype,
        rng=case.seed,
    )
    case.say(model)
    case.same(model(dress.same_numbers(case.rng, x)), model(x), "dressed against plain")
    leading = tuple(case.pick([0, 1, 2, 5, 9]) for _ in range(2))
    batch = case.rng.standard_normal((*leading, model.in_features)).astype(x.dtype)
    d = case.rng.standard_normal((*leading, model.out_features)).astype(x.dtype)
    within, lengths = _ragged(case, model, leading)
    case.watch(batch, d, model.state_dict())
    y, tape = model.forward(batch, lengths=lengths)
    found = model.backward(tape, d)
    case.results += [y, found.input, found.weights]
    W, rows, d_rows = (value.astype(np.float64) for value in (model.weight, batch[within], d[within]))
    b = model.state_dict().get("bias", np.zeros(len(W)))
    weights = {"weight": d_rows.T @ rows, "bias": d_rows.sum(axis=0)}
    verdict.close([y[within]], [rows @ W.T + b], "linear against oracle", verdict.FORWARD)
    got = [found.input[within], *found.weights.values()]
    want = [d_rows @ W, *(weights[name] for name in found.weights)]
    verdict.close(got, want, "gradients of linear against oracle", verdict.GRADIENT)
    if y[~within].any() or found.input[~within].any():
        raise verdict.Failure("a linear layer behind the end of a sequence")
    case.same(model(batch[within]), y[within], "rows alone")
    worn = model.backward(model.forward(dress.same_numbers(case.rng, batch), lengths=lengths)[1], d)
    case.same(tuple(worn), tuple(found), "dressed gradients")
    changed = dress.array(case.rng, batch, changed=1)
    case.attempt(lambda: model(changed, lengths=lengths))


def embedding(case: Case) -> None:
    """An embedding, of indices some of which may be out of range."""
    rows, n = case.pick([0, 1, 7, 100]), case.pick([0, 1, 5, 33])
    padding = int(case.rng.integers(rows)) if rows and case.chance(0.5) else None
    model = cyrnn.nn.Embedding(
        rows, n, padding, batch_first=case.chance(0.5), dtype=case.pick([np.float32, np.float64]), rng=case.seed
    )
    case.say(model)
    leading = tuple(case.pick([0, 1, 3, 8]) for _ in range(2))
    within, lengths = _ragged(case, model, leading)
    beyond = case.chance(0.3)
    indices = case.rng.integers(-beyond, rows + beyond + (rows == 0), leading)
    indices = indices.astype(case.pick([np.int8, np.int16, np.int32, np.int64, ">i4"]))
    if ((indices[within] < 0) | (indices[within] >= rows)).any():
        case.refuses(lambda: model(indices, lengths=lengths), "an index out of range")
        return
    y, tape = model.forward(indices, lengths=lengths)
    d = case.rng.standard_normal(y.shape).astype(y.dtype)
    found = model.backward(tape, d).weights["weight"]
    case.results += [y, found]
    case.same(y[within], model.weight[indices[within].astype(int)], "rows of the weight")
    want = np.zeros(found.shape)
    np.add.at(want, indices[within].astype(int), d[within])
    if padding is not None:
        want[padding] = 0
    verdict.close([found], [want], "gradient of an embedding against oracle", verdict.GRADIENT)
    case.same(model.backward(tape, dress.same_numbers(case.rng, d)), {"weight": found}, "dressed gradient")


def _ragged(case: Case, model: Any, leading: tuple[int, ...]) -> tuple[Any, Any]:
    """Return which positions take part, and lengths, or None."""
    L, N = leading[::-1] if model.batch_first else leading
    lengths = case.rng.integers(0, L + 1, N) if case.chance(0.5) else None
    within = np.arange(L)[:, None] < (np.full(N, L) if lengths is None else lengths)
    return (within.T if model.batch_first else within), lengths
