"""The sublayers of a model, one on the other: forward, and back.

A layer has one sublayer for each direction, all of which read the output of the layer below. The reverse one reads each
sequence from its end.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np

from ..cells import Cell
from ..cells.spec import Array
from . import threads
from .implementation import implementation


def biases(cell: Cell, blocks: Sequence[int], b_x: Array | None, b_a: Array | None, n_a: int, dtype: Any) -> Array:
    """Return b (G, n_a) of a cell's gates, from the biases of the input and of the hidden state (blocks * n_a,).

    A gate with both halves has the sum of both: inside of a product, as in the candidate of the GRU, each stays alone.
    """
    if b_x is None or b_a is None:
        return np.zeros((len(cell.gates), n_a), dtype)
    b_x, b_a = b_x.reshape(-1, n_a), b_a.reshape(-1, n_a)
    with np.errstate(all="ignore"), implementation.DefaultEnvironment():
        both = b_x + b_a
    halves = _halves(cell)
    if not any(halves):  # the usual cells
        return both.take(blocks, axis=0)
    of_gates = (both, b_x, b_a)
    return np.array([of_gates[half][block] for half, block in zip(halves, blocks, strict=True)])


_known_halves: dict[str, tuple[int, ...]] = {}


def _halves(cell: Cell) -> tuple[int, ...]:
    """Return of each gate which halves it has: 0 both, 1 that of the input, 2 that of the hidden state."""
    if cell.name not in _known_halves:
        _known_halves[cell.name] = tuple([(0 if gate.W_a else 1) if gate.W_x else 2 for gate in cell.gates])
    return _known_halves[cell.name]


def forward(
    sublayers: Sequence[Any],
    directions: int,
    x: Any,
    hx: Any,
    batch_first: bool,
    lengths: Any = None,
    reset: Any = None,
    records: list[Any] | None = None,
    noise: Sequence[Array] = (),
    resets: Any = None,
) -> tuple[Any, Any] | None:
    """Return the output and the states after the last step; None where x, hx or reset are not plain arrays that fit.

    Each sublayer's record for `backward` is appended to `records`, where they are given: the output may then be a view
    of one. `noise`: factors of the output of each layer but the last. `reset` says which sequences start from zeros,
    `resets` (calls.resets_of) where inside they are cut.
    """
    if len(sublayers) == 1:  # no loop: 0.25 us less of 2.7, LSTM (64, 64), one step (Xeon with AVX-512, 2026-11-28)
        only: Any = sublayers[0].forward(x, hx, batch_first, lengths, reset, None, None, records, resets)
        return only  # type: ignore[no-any-return]  # two results, or None
    if type(hx) is list:  # the same for all layers, whatever another thread does to it
        hx = tuple(hx)
    few = directions > 1 and _few_columns(sublayers[0], x, batch_first)
    found = output = last = None
    for k in range(0, len(sublayers), directions if few else 1):
        if k and k % directions == 0:
            x, output = noisy(output, noise[k // directions - 1]) if noise else output, None
        if few:
            found = _both_ways(sublayers[k : k + 2], x, hx, batch_first, lengths, reset, last, records, resets)
        else:
            found = sublayers[k].forward(x, hx, batch_first, lengths, reset, last, output, records, resets)
        if found is None:
            return None
        output, last = found
    return found


def _both_ways(
    layer: Sequence[Any],
    x: Any,
    hx: Any,
    batch_first: bool,
    lengths: Any,
    reset: Any,
    last: Any,
    records: list[Any] | None,
    resets: Any,
) -> tuple[Any, Any] | None:
    """Run both directions of one layer at once. `last`: the states of the layers below."""
    kept: list[Any] | None = None if records is None else []
    # partial: a function of its own would make cells of all arguments, and CPython 3.11 leaks them without memory
    one, other = threads.at_once(
        partial(layer[0].forward, x, hx, batch_first, lengths, reset, last, None, records, resets),
        partial(layer[1].forward, x, hx, batch_first, lengths, reset, None, None, kept, resets),
    )
    if one is None or other is None:
        return None
    n = one[0].shape[-1] // 2
    one[0][..., n:] = other[0][..., n:]
    _copy_states(one[1], other[1], layer[1].index)
    if records is not None and kept is not None:
        records += kept
    both: tuple[Any, Any] = one
    return both


def backward(
    sublayers: Sequence[Any],
    directions: int,
    records: Sequence[Any],
    d_output: Any,
    d_state: Any,
    noise: Sequence[Array] = (),
) -> tuple[Any, Any, list[tuple[Array, ...]]] | None:
    """Return the gradients of x (None of tokens), of the initial states and of each sublayer's weights.

    None where d_output or d_state are not plain arrays that fit.
    """
    if type(d_state) is list:  # the same for all layers, whatever another thread does to it
        d_state = tuple(d_state)
    few = directions > 1 and threads.lone(records[0].m, 3 * records[0].steps_run * sublayers[0].row_fmas)
    d_initial = dx = None
    weights: list[tuple[Array, ...]] = []
    for k in reversed(range(0, len(sublayers), directions if few else 1)):
        if few:
            found = _back_both_ways(sublayers[k : k + 2], records[k : k + 2], d_output, d_state, d_initial)
        else:
            found = sublayers[k].backward(records[k], d_output, d_state, d_initial)
        if found is None:
            return None
        part, d_initial, *gradients = found
        weights[:0] = gradients
        dx = part if few or part is None or (k + 1) % directions == 0 else total(part, dx)
        if k and k % directions == 0:
            d_output = noisy(dx, noise[k // directions - 1]) if noise else dx
    return dx, d_initial, weights


def _back_both_ways(
    layer: Sequence[Any], records: Sequence[Any], d_output: Any, d_state: Any, d_initial: Any
) -> tuple[Any, ...] | None:
    """Go back through both directions of one layer at once: the gradients of x, of the states, of the weights twice."""
    one, other = threads.at_once(
        partial(layer[0].backward, records[0], d_output, d_state, d_initial),
        partial(layer[1].backward, records[1], d_output, d_state, None),
    )
    if one is None or other is None:
        return None
    dx, d_initial, gradients = one
    reverse_dx, reverse_d_initial, reverse_gradients = other
    _copy_states(d_initial, reverse_d_initial, layer[1].index)
    return None if dx is None else total(dx, reverse_dx), d_initial, gradients, reverse_gradients


def _few_columns(sublayer: Any, x: Any, batch_first: bool) -> bool:
    """Whether a batch has too few columns for threads to share them, but much work in each."""
    if type(x) is implementation.Tokens or (type(x) is np.ndarray and x.dtype.kind in "iu"):
        shape, fmas = (*x.shape, 1), sublayer.token_fmas
    elif type(x) is np.ndarray:
        shape, fmas = x.shape, sublayer.row_fmas
    else:
        return False
    if not 2 <= len(shape) <= 3 or 0 in shape:
        return False
    columns = 1 if len(shape) == 2 else shape[0 if batch_first else 1]
    return threads.lone(columns, math.prod(shape[:-1]) * fmas)


def _copy_states(own: Any, other: Any, index: int) -> None:
    """Copy the state of one sublayer from the states of a model to others."""
    pairs = zip(own, other, strict=True) if type(own) is tuple else ((own, other),)
    for to, state in pairs:
        to[index] = state[index]


def total(left: Any, right: Any) -> Any:
    with np.errstate(all="ignore"), implementation.DefaultEnvironment():
        return left + right


def noisy(x: Any, noise: Array) -> Any:
    with np.errstate(all="ignore"), implementation.DefaultEnvironment():
        return x * noise
