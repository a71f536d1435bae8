"""Layers of integer weights, and what they compute, in NumPy, by no code of cyrnn: sums in 64 bits, each operation on
floats rounded once. Their activations are the identity, so that the bits are those of the pre-activations.
"""

from __future__ import annotations

import hashlib
from typing import Any, NamedTuple

import numpy as np
import pytest
import rounding
from problems import isa_in_use

from cyrnn import calls
from cyrnn.calls.quantized import Quantized
from cyrnn.cells import CELLS
from cyrnn.cells.activations import Activation, Variant

float32 = np.float32
IDENTITY = Activation("identity")
LINEAR = Variant(IDENTITY, IDENTITY, IDENTITY)
#: kind -> cell, its variant, which block of rows each gate has, whether it has a projection
KINDS: dict[str, tuple] = {
    "rnn": ("rnn_variant", LINEAR, (0,), False),
    "relu": ("rnn_relu", None, (0,), False),  # no variant: few units are computed without gaps
    "lstm": ("lstm_variant", LINEAR, (1, 0, 2, 3), False),
    "coupled": ("lstm_coupled", LINEAR, (0, 1, 2), False),
    "projected": ("lstm_variant", LINEAR, (0, 1, 2, 3), True),
    "gru": ("gru_variant", LINEAR, (1, 0, 2), False),
    "after": ("gru_after_variant", LINEAR, (2, 1, 0, 2), False),
}
#: the same with the activations of torch
PLAIN: dict[str, tuple] = {
    "tanh": ("rnn", None, (0,), False),
    "relu": ("rnn_relu", None, (0,), False),
    "lstm": ("lstm", None, (1, 0, 2, 3), False),
    "projected": ("lstm", None, (1, 0, 2, 3), True),
    "peephole": ("lstm_variant", Variant(clip=1.0), (1, 0, 2, 3), False),
    "coupled": ("lstm_coupled", Variant(), (0, 1, 2), False),
    "gru": ("gru", None, (1, 0, 2), False),
    "after": ("gru_after", None, (2, 1, 0, 2), False),
    "hard": ("gru_variant", Variant(Activation("hard_sigmoid", 0.25, 0.5), Activation("softsign")), (1, 0, 2), False),
}


class Width(NamedTuple):
    """What weights are: the largest that one is, and the name of `quantize`."""

    name: str
    dtype: np.dtype
    top: int


INT8, INT16 = Width("int8", np.dtype(np.int8), 127), Width("int16", np.dtype(np.int16), 2047)
#: activations in two planes
INT16X2 = Width("int16x2", np.dtype(np.int16), 32767)
WIDTHS = (INT8, INT16, INT16X2)

each_kind = pytest.mark.parametrize("kind", KINDS)
each_plain = pytest.mark.parametrize("kind", PLAIN)
each_width = pytest.mark.parametrize("width", WIDTHS, ids=lambda width: width.name)
compiled = pytest.mark.skipif(isa_in_use() == "reference", reason="its formulas and activations are those of NumPy")


class Layer(NamedTuple):
    """The weights of one layer. Matrices may be of float32, all of them."""

    cell: Any
    W_x: Any
    W_a: Any
    b: np.ndarray  # (G, n)
    W_hr: Any
    blocks: tuple[int, ...]
    variant: Variant | None

    def sublayer(
        self, index: int = 0, count: int = 1, directions: int = 1, *, single_step: bool = False, of: Any = calls.of
    ) -> Any:
        weights = (self.W_x, self.W_a, self.b, self.W_hr)
        return of(self.cell).sublayer(*weights, self.blocks, index, count, directions, single_step, self.variant)

    @property
    def sizes(self) -> tuple[int, ...]:
        """Of each state."""
        n_h, n = self.b.shape[1] if self.W_hr is None else len(self.W_hr.scale), self.b.shape[1]
        return (n_h, n)[: len(self.cell.states)]

    def states(self, m: int, seed: int = 0, scale: float = 0.5) -> tuple[np.ndarray, ...]:
        """Initial states (m, n)."""
        random = np.random.RandomState(seed)
        return tuple((random.standard_normal((m, n)) * scale).astype(float32) for n in self.sizes)


def matrix(random: np.random.RandomState, rows: int, K: int, width: Width, top: int | None = None) -> Quantized:
    """Every integer there is, and scales that make products of numbers of order 1 of order 1."""
    top = width.top if top is None else top
    values = random.randint(-top, top + 1, (rows, K)).astype(width.dtype)
    scale = random.uniform(0.5, 1, rows) / (max(1, top) * np.sqrt(max(1, K)))
    return Quantized(values, scale.astype(float32))


def layer(kind: str, width: Width, n_x: int, n: int, *, seed: int = 0, kinds: dict = KINDS, top=None) -> Layer:
    """A layer of any weights."""
    name, variant, blocks, projected = kinds[kind]
    cell, random, n_h = CELLS[name], np.random.RandomState(seed), (n + 1) // 2 if projected else n
    rows = (max(blocks) + 1) * n
    W_x, W_a = matrix(random, rows, n_x, width, top), matrix(random, rows, n_h, width, top)
    if kind == "peephole":
        variant = variant._replace(peepholes=(random.standard_normal((3, n)) * 0.5).astype(float32))
    b = (random.standard_normal((len(blocks), n)) * 0.5).astype(float32)
    return Layer(cell, W_x, W_a, b, matrix(random, n_h, n, width, top) if projected else None, blocks, variant)


def inputs(T: int, m: int, n_x: int, seed: int = 0) -> np.ndarray:
    return np.random.RandomState(seed).standard_normal((T, m, n_x)).astype(float32)


def pair(states) -> Any:
    """States (m, n) as a model of one sublayer has them."""
    states = tuple(np.ascontiguousarray(value[None]) for value in states)
    return states if len(states) > 1 else states[0]


def run(sublayer, x, states=None, **options) -> list[np.ndarray]:
    """The output (T, m, n_h), then each last state (1, m, n)."""
    done = sublayer.forward(x, None if states is None else pair(states), **options)
    assert done is not None
    output, last = done
    return [output, *(last if isinstance(last, tuple) else (last,))]


def digest(sizes) -> str:
    """Of the results of every kind of PLAIN and every width, for some n_x, n, m and T."""
    sha = hashlib.sha256()
    for kind in PLAIN:
        for width in WIDTHS:
            for n_x, n, m, T in sizes:
                one = layer(kind, width, n_x, n, kinds=PLAIN)
                for value in run(one.sublayer(), inputs(T, m, n_x), one.states(m)):
                    sha.update(value.tobytes())
    return sha.hexdigest()


# ---- the sequence of docs/how_to/quantized.md -----------------------------------------------------------------------


def fma(a, b, c) -> np.ndarray:
    """Rounded twice by the baseline of x86, which has no such instruction."""
    if isa_in_use() != "baseline":
        return rounding.fma(a, b, c)
    with np.errstate(all="ignore"):
        return np.multiply(a, b, dtype=float32) + np.asarray(c, float32)


def nearest(x: np.ndarray, factor: np.ndarray) -> np.ndarray:
    """x times a factor of its row as integers, halves to even; 0 where it is no number."""
    with np.errstate(all="ignore"):
        exact = isa_in_use() != "baseline"
        product = np.multiply(x, factor[:, None], dtype=np.float64 if exact else float32)
        return np.where(np.isfinite(product), np.rint(product), 0).astype(np.int64)


def most(W: Quantized, split: bool) -> np.float32:
    """The largest integer of the activations that W meets."""
    largest = 2 ** (8 * W.values.itemsize - 1) - 1
    return float32(largest if split else min(largest, (2**31 - 1) // max(1, longest(W))))


def longest(W: Quantized) -> int:
    """The most that the absolute integers of a row add up to."""
    return int(np.abs(W.values.astype(np.int64)).sum(axis=1).max(initial=0))


def in_planes(layer: Layer) -> bool:
    """Whether activations are in two planes: for weights beyond 12 bits, where all sums fit."""
    found = [W for W in (layer.W_x, layer.W_a, layer.W_hr) if W is not None]
    beyond = any(W.values.dtype == np.int16 and np.abs(W.values.astype(int)).max(initial=0) > 2047 for W in found)
    return beyond and all(longest(W) * 128 < 2**31 for W in found)


def of_inputs(x: np.ndarray, top: np.float32) -> tuple[np.ndarray, np.ndarray]:
    """Integers of rows (m, K), and the scale of each row."""
    peak = np.abs(x).max(axis=1, initial=0)
    finite, there = np.isfinite(x).all(axis=1), peak >= float32(2.0**-100)
    with np.errstate(all="ignore"):
        q = nearest(x, np.where(there & finite, top / peak, float32(0)).astype(float32))
        scale = np.where(there, peak / top, float32(0)).astype(float32)
    return q, np.where(finite, scale, float32(np.nan))


def of_states(h: np.ndarray, top: np.float32) -> tuple[np.ndarray, np.ndarray]:
    """The same of hidden states, nearly all of which are within -1 .. 1."""
    finite = np.isfinite(h).all(axis=1)
    r = np.maximum(float32(1), np.abs(h).max(axis=1, initial=0))
    with np.errstate(all="ignore"):
        return nearest(h, np.where(finite, top / r, float32(0)).astype(float32)), np.where(finite, r, float32(np.nan))


def product(W: Quantized, rows: slice, q: np.ndarray, scale: np.ndarray, divisor, start, split: bool) -> np.ndarray:
    """start + W q, of some rows of W."""
    with np.errstate(all="ignore"):
        units = (W.scale[rows] / float32(divisor)).astype(float32)
        factor = np.multiply(units[None], scale[:, None], dtype=float32)
    high = (q + 128) // 256
    for plane, weight in ((high, 256), (q - 256 * high, 1)) if split else ((q, 1),):
        sums = plane @ W.values[rows].astype(np.int64).T
        assert np.abs(sums).max(initial=0) < 2**31
        with np.errstate(all="ignore"):
            start = fma(sums.astype(float32), factor * float32(weight), start)
    return start


def pre_activations(layer: Layer, first: int, count: int, x: np.ndarray, h: np.ndarray) -> list[np.ndarray]:
    """z (m, n) of the gates of a stage, for x (m, n_x) and hidden states (m, n_h)."""
    split, n = in_planes(layer), layer.b.shape[1]
    top_x, top_a = most(layer.W_x, split), most(layer.W_a, split)
    q_x, scale_x = of_inputs(x, top_x)
    q_a, scale_a = of_states(h, top_a)
    found = []
    for g in range(first, first + count):
        rows = slice(layer.blocks[g] * n, (layer.blocks[g] + 1) * n)
        z = np.broadcast_to(layer.b[g], (len(x), n)).astype(float32)
        if layer.cell.gates[g].W_x is not None:
            z = product(layer.W_x, rows, q_x, scale_x, 1, z, split)
        if layer.cell.gates[g].W_a is not None:
            z = product(layer.W_a, rows, q_a, scale_a, top_a, z, split)
        found.append(z)
    return found


def step(layer: Layer, x: np.ndarray, states: tuple) -> tuple[np.ndarray, ...]:
    """The next states, without activations; the formulas of the cells as fused multiply-adds."""
    name, h, one = layer.cell.name, states[0], float32(1)
    with np.errstate(all="ignore"):
        if name.startswith("rnn"):
            (z,) = pre_activations(layer, 0, 1, x, h)
            return (np.where(z < 0, float32(0), z) if name == "rnn_relu" else z,)
        if name == "gru_variant":
            update, reset = pre_activations(layer, 0, 2, x, h)
            (candidate,) = pre_activations(layer, 2, 1, x, reset * h)
            return (fma(update, h, (one - update) * candidate),)
        if name == "gru_after_variant":
            inner, update, reset, candidate = pre_activations(layer, 0, 4, x, h)
            return (fma(update, h, (one - update) * fma(reset, inner, candidate)),)
        *forget, into, candidate, output = pre_activations(layer, 0, len(layer.blocks), x, h)
        c = fma(forget[0] if forget else one - into, states[1], into * candidate)
        a = output * c
        if layer.W_hr is not None:
            top = most(layer.W_hr, in_planes(layer))
            zeros = np.zeros((len(a), 1), float32)
            a = product(layer.W_hr, slice(None), *of_states(a, top), top, zeros, in_planes(layer))
        return a, c


def expected(layer: Layer, x: np.ndarray, states: tuple | None = None) -> list[np.ndarray]:
    """What `run` should give, of whole sequences x (T, m, n_x)."""
    T, m, _ = x.shape
    now = layer.states(m, scale=0) if states is None else states
    output = np.empty((T, m, layer.sizes[0]), float32)
    for t in range(T):
        now = step(layer, x[t], now)
        output[t] = now[0]
    return [output, *(value[None] for value in now)]
