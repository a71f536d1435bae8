"""Models of cyrnn.nn for tests, what they are called with, and an oracle: torch's equations in plain NumPy, float64."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pytest
from problems import DTYPES, isa_in_use, name_of

import cyrnn.nn

#: the classes of layers and what they may be made with, beside sizes
KINDS = {
    "rnn": ("RNN", {}),
    "relu": ("RNN", {"nonlinearity": "relu"}),
    "lstm": ("LSTM", {}),
    "projected": ("LSTM", {"proj_size": 2}),
    "gru": ("GRU", {}),
}
STACKS = ({}, {"num_layers": 3}, {"bidirectional": True}, {"num_layers": 2, "bidirectional": True, "bias": False})

#: n_x, n and L that reach the kernels' other paths: an interleaved input projection, blocks of steps, several panels
LARGER = ({"n_x": 16, "n": 5, "L": 21}, {"n_x": 40, "n": 64, "L": 33}, {"n_x": 100, "n": 13, "L": 40})

each_kind = pytest.mark.parametrize("kind", KINDS)
each_dtype = pytest.mark.parametrize("dtype", DTYPES, ids=name_of)
each_larger = pytest.mark.parametrize("sizes", LARGER, ids=lambda sizes: "-".join(map(str, sizes.values())))
each_stack = pytest.mark.parametrize("stack", STACKS, ids=lambda stack: "-".join(stack) or "plain")


@dataclass
class Case:
    """A model and what it may be called with: all distinct random values."""

    model: cyrnn.nn.LSTM
    x: np.ndarray  # (L, N, n_x)
    state: object  # as hx
    lengths: list = field(default_factory=list)  # one for each sequence


def build(kind: str, dtype=np.float32, n_x: int = 3, n: int = 5, **options):
    name, given = KINDS[kind]
    return getattr(cyrnn.nn, name)(n_x, n, **given, **options, dtype=dtype, rng=1)


def make(kind: str, dtype=np.float32, L: int = 7, N: int = 4, **options) -> Case:
    model = build(kind, dtype, **options)
    random = np.random.default_rng(2)
    x = random.standard_normal((L, N, model.input_size)).astype(dtype)
    lengths = [int(n) for n in random.permutation([0, L, *random.integers(0, L + 1, N)][:N])]
    return Case(model, x, draw_state(model, N, random), lengths)


def draw_state(model, N: int, random) -> object:
    sizes = model._plan.state_sizes
    states = [random.standard_normal((model._plan.sublayers, N, size)).astype(model.dtype) for size in sizes]
    return joined(states)


def parts(state) -> tuple:
    """The states of a cell, whether they come as one array or as a pair."""
    return state if isinstance(state, tuple) else (state,)


def joined(states):
    return tuple(states) if len(states) > 1 else states[0]


def columns(state, which):
    return joined([part[:, which] for part in parts(state)])


def arrays(result) -> list:
    """All arrays of nested tuples, lists and dicts, in order."""
    if isinstance(result, np.ndarray):
        return [result]
    inner = result.values() if isinstance(result, dict) else result
    return [array for part in inner for array in arrays(part)]


def assert_same(got, want) -> None:
    """Equal dtypes, shapes and bits; only the reference sums in another order for another layout."""
    got, want = arrays(got), arrays(want)
    assert len(got) == len(want)
    for index, (g, w) in enumerate(zip(got, want, strict=True)):
        assert (g.dtype, g.shape) == (w.dtype, w.shape), index
        if isa_in_use() == "reference" and w.dtype.kind == "f":
            scale = max(1.0, float(np.abs(w).max(initial=0)))
            np.testing.assert_allclose(g, w, rtol=0, atol=256 * scale * np.finfo(w.dtype).eps)
        else:
            assert g.tobytes() == w.tobytes(), index


# ---- the oracle ----------------------------------------------------------------------------------


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


def oracle_step(kind: str, x, h, c, W_ih, W_hh, b_ih, b_hh):
    """One step of one layer by torch's documented equations; return the hidden state, before any projection, and c."""
    zx, zh = x @ W_ih.T + b_ih, h @ W_hh.T + b_hh
    if kind in ("rnn", "relu"):
        z = zx + zh
        return (np.tanh(z) if kind == "rnn" else np.maximum(z, 0)), c
    if kind == "gru":
        (r, z, n), (hr, hz, hn) = np.split(zx, 3, axis=1), np.split(zh, 3, axis=1)
        r, z = sigmoid(r + hr), sigmoid(z + hz)
        return (1 - z) * np.tanh(n + r * hn) + z * h, c
    i, f, g, o = np.split(zx + zh, 4, axis=1)
    c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
    return sigmoid(o) * np.tanh(c), c


def oracle(kind: str, case: Case, state) -> tuple[np.ndarray, list[np.ndarray]]:
    """Return the output and the last states of whole sequences, from weights as state_dict gives them."""
    model = case.model
    weights = {name: value.astype(np.float64) for name, value in model.state_dict().items()}
    x, lasts = case.x.astype(np.float64), []
    D = 1 + model.bidirectional
    for layer in range(model.num_layers):
        outputs = []
        for direction, suffix in enumerate((f"_l{layer}", f"_l{layer}_reverse")[:D]):
            W_ih, W_hh = weights[f"weight_ih{suffix}"], weights[f"weight_hh{suffix}"]
            biases = [weights.get(f"bias_{part}{suffix}", np.zeros(len(W_ih))) for part in ("ih", "hh")]
            h, *c = (part[layer * D + direction].astype(np.float64) for part in parts(state))
            c, hs = c[0] if c else None, {}
            for t in reversed(range(len(x))) if direction else range(len(x)):
                h, c = oracle_step(kind, x[t], h, c, W_ih, W_hh, *biases)
                if f"weight_hr{suffix}" in weights:
                    h = h @ weights[f"weight_hr{suffix}"].T
                hs[t] = h
            outputs.append(np.stack([hs[t] for t in range(len(x))]))
            lasts.append([h] if c is None else [h, c])
        x = np.concatenate(outputs, axis=2)
    return x, [np.stack(column) for column in zip(*lasts, strict=True)]
