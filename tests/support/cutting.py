"""Sequences of nn cut into pieces: the oracle of resets. Each piece is a call of its own, which knows no resets."""

from __future__ import annotations

import functools
import itertools

import numpy as np
from nn_models import draw_state, joined, parts

import cyrnn.nn

#: every cell whose states or weights meet a reset in another place of the code
KINDS = {
    "rnn": ("RNN", {}),
    "lstm": ("LSTM", {}),
    "projected": ("LSTM", {"proj_size": 2}),
    "peephole": ("LSTM", {"peephole": True}),
    "coupled": ("LSTM", {"peephole": True, "coupled": True, "clip": 1.0}),
    "gru": ("GRU", {}),
    "before": ("GRU", {"reset_after": False}),
    "hard": ("GRU", {"recurrent_activation": "hard_sigmoid"}),
}


def build(kind: str, dtype=np.float32, n_x: int = 3, n: int = 5, **options):
    name, given = KINDS[kind]
    return getattr(cyrnn.nn, name)(n_x, n, **(given | options), dtype=dtype, rng=1)


def drawn(model, L: int, N: int, share: float = 0.3):
    """x, states, flags, lengths with 0 and L among them."""
    random = np.random.default_rng(2)
    x = random.standard_normal((L, N, model.input_size)).astype(model.dtype)
    lengths = [int(n) for n in random.permutation([0, L, *random.integers(0, L + 1, N)][:N])]
    return x, draw_state(model, N, random), random.random((L, N)) < share, lengths


def edges(flags: np.ndarray) -> list[int]:
    """Where the pieces of a sequence begin, and its end."""
    return [0, *(t for t in range(1, len(flags)) if flags[t]), len(flags)]


def start(model, state, first: bool, last: bool, flags, to: str):
    """The state that a piece starts from: the reverse direction comes from the end."""
    if to == "hx":
        return state
    found = [part.copy() for part in parts(state)]
    for part in found:
        step = 1 + model.bidirectional
        if not first or (len(flags) and flags[0]):
            part[::step] = 0
        if model.bidirectional and not last:
            part[1::2] = 0
    return joined(found)


def in_pieces(model, x, state, flags, to: str, d_output=None, d_state=None) -> dict:
    """One sequence, x (L, 1, n_x), states (S, 1, n): output, state, and gradients of input, hx, weights (float64)."""
    at, D = edges(flags), 1 + model.bidirectional
    outputs, d_inputs, starts, weights = [], [], [], {}
    ends = [np.empty_like(part) for part in parts(state)]
    for i, (t, until) in enumerate(itertools.pairwise(at)):
        first, last = i == 0, i + 2 == len(at)
        begin = start(model, state, first, last, flags, to)
        if d_output is None:
            output, found = model(x[t:until], begin)
        else:
            output, found, tape = model.forward(x[t:until], begin)
        outputs.append(output)
        for end, part in zip(ends, parts(found), strict=True):
            if last:
                end[::D] = part[::D]
            if first and D == 2:
                end[1::2] = part[1::2]
        if d_output is None:
            continue
        incoming = [part.copy() for part in parts(d_state)]
        for part in incoming:
            if not last:
                part[::D] = 0
            if D == 2 and not first:
                part[1::2] = 0
        gradients = model.backward(tape, d_output[t:until], joined(incoming))
        d_inputs.append(gradients.input)
        starts.append([part.copy() for part in parts(gradients.hx)])
        for name, value in gradients.weights.items():
            weights[name] = weights.get(name, 0) + value.astype(np.float64)
    result = {"output": np.concatenate(outputs), "state": joined(ends)}
    if d_output is not None:
        result |= {"input": np.concatenate(d_inputs), "hx": joined(gradients_of_hx(starts, D, flags, to))}
        result["weights"] = weights
    return result


def gradients_of_hx(starts: list, D: int, flags, to: str) -> list:
    """From those of each piece: the first one's, or with "hx" the sum in the order of the backward pass."""
    found = []
    for pieces in zip(*starts, strict=True):
        total = pieces[0].copy()
        forward, reverse = ([part[k::D] for part in pieces] for k in (0, D - 1))
        if to == "hx":
            total[::D] = functools.reduce(np.add, forward[::-1])
        elif len(flags) and flags[0]:
            total[::D] = 0
        if D == 2:
            total[1::2] = functools.reduce(np.add, reverse) if to == "hx" else reverse[-1]
        found.append(total)
    return found
