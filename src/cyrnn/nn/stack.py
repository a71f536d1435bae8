"""The sublayers of a model, one on the other: forward, and back.

A layer has one sublayer for each direction, all of which read the output of the layer below. The reverse one reads each
sequence from its end.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np

from .. import calls
from ..cells.spec import Array
from .weights import Plan, for_call


def packed(plan: Plan, weights: Mapping[str, Array]) -> tuple[Any, ...]:
    """Return the sublayers of a model, in torch's order: layers, then directions."""
    of_cell, place = calls.of(plan.cell), (plan.sublayers, plan.directions, not plan.numbered)
    sublayers = [
        of_cell.sublayer(*for_call(plan, weights, suffix), plan.blocks, index, *place)
        for index, suffix in enumerate(plan.suffixes)
    ]
    return tuple(sublayers)  # of a generator it would be seen by the collector before it is full


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
) -> tuple[Any, Any] | None:
    """Return the output and the states after the last step; None where x, hx or reset are not plain arrays that fit.

    Each sublayer's record for `backward` is appended to `records`, where they are given: the output may then be a view
    of one. `noise`: factors of the output of each layer but the last.
    """
    if len(sublayers) == 1:  # no loop: 0.25 us less of 2.7, LSTM (64, 64), one step (Xeon with AVX-512, 2026-11-28)
        only: tuple[Any, Any] | None = sublayers[0].forward(x, hx, batch_first, lengths, reset, None, None, records)
        return only
    if type(hx) is list:  # the same for all layers, whatever another thread does to it
        hx = tuple(hx)
    found = last = None
    for k in range(0, len(sublayers), directions):
        if k and noise:
            x = noisy(x, noise[k // directions - 1])
        found = _forward_layer(sublayers[k : k + directions], x, hx, batch_first, lengths, reset, last, records)
        if found is None:
            return None
        x, last = found
    return found


def _forward_layer(
    layer: Sequence[Any],
    x: Any,
    hx: Any,
    batch_first: bool,
    lengths: Any,
    reset: Any,
    last: Any,
    records: list[Any] | None,
) -> tuple[Any, Any] | None:
    """Run the directions of one layer, of few sequences both at once. `last`: the states of the layers below."""
    if len(layer) > 1 and _few_columns(layer[0], x, batch_first):
        kept: list[Any] | None = None if records is None else []
        # partial, since a function of its own would make cells of all arguments, which CPython 3.11 leaks without memory
        one, other = calls.threads.at_once(
            partial(layer[0].forward, x, hx, batch_first, lengths, reset, last, None, records),
            partial(layer[1].forward, x, hx, batch_first, lengths, reset, None, None, kept),
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
    found = output = None
    for sublayer in layer:
        found = sublayer.forward(x, hx, batch_first, lengths, reset, last, output, records)
        if found is None:
            return None
        output, last = found
    return found


def backward(
    sublayers: Sequence[Any],
    directions: int,
    records: Sequence[Any],
    d_output: Any,
    d_state: Any,
    noise: Sequence[Array] = (),
) -> tuple[Array, Any, list[tuple[Array, ...]]] | None:
    """Return the gradients of x, of the initial states and of each sublayer's weights.

    None where d_output or d_state are not plain arrays that fit.
    """
    if type(d_state) is list:  # the same for all layers, whatever another thread does to it
        d_state = tuple(d_state)
    d_initial = dx = None
    weights: list[tuple[Array, ...]] = []
    for k in reversed(range(0, len(sublayers), directions)):
        own = slice(k, k + directions)
        found = _backward_layer(sublayers[own], records[own], d_output, d_state, d_initial)
        if found is None:
            return None
        dx, d_initial, gradients = found
        weights = gradients + weights
        if k:
            d_output = noisy(dx, noise[k // directions - 1]) if noise else dx
    return dx, d_initial, weights  # type: ignore[return-value]  # there is one sublayer at least


def _backward_layer(
    layer: Sequence[Any], records: Sequence[Any], d_output: Any, d_state: Any, d_initial: Any
) -> tuple[Any, Any, list[tuple[Array, ...]]] | None:
    """Go back through the directions of one layer, of few sequences through both at once."""
    if len(layer) > 1 and calls.threads.lone(records[0].m, 3 * records[0].steps_run * layer[0].row_fmas):
        pair = calls.threads.at_once(
            partial(layer[0].backward, records[0], d_output, d_state, d_initial),
            partial(layer[1].backward, records[1], d_output, d_state, None),
        )
        if pair[0] is None or pair[1] is None:
            return None
        (dx, d_initial, own), (reverse_dx, reverse_d_initial, reverse) = pair
        _copy_states(d_initial, reverse_d_initial, layer[1].index)
        return total(dx, reverse_dx), d_initial, [own, reverse]
    dx = None
    weights: list[tuple[Array, ...]] = []
    for sublayer, record in zip(reversed(layer), reversed(records), strict=True):
        found = sublayer.backward(record, d_output, d_state, d_initial)
        if found is None:
            return None
        part, d_initial, gradients = found
        weights.insert(0, gradients)
        dx = part if dx is None else total(part, dx)
    return dx, d_initial, weights


def _few_columns(sublayer: Any, x: Any, batch_first: bool) -> bool:
    """Whether a batch has too few columns for threads to share them, but much work in each."""
    if calls.threads.get_num_threads() < 2 or type(x) is not np.ndarray or not 2 <= x.ndim <= 3 or not x.size:
        return False
    columns = 1 if x.ndim == 2 else x.shape[0 if batch_first else 1]
    return calls.threads.lone(columns, x.size // x.shape[-1] * sublayer.row_fmas)


def _copy_states(own: Any, other: Any, index: int) -> None:
    """Copy the state of one sublayer from the states of a model to others."""
    pairs = zip(own, other, strict=True) if type(own) is tuple else ((own, other),)
    for to, state in pairs:
        to[index] = state[index]


def total(left: Any, right: Any) -> Any:
    with np.errstate(all="ignore"), calls.DefaultEnvironment():
        return left + right


def noisy(x: Any, noise: Array) -> Any:
    with np.errstate(all="ignore"), calls.DefaultEnvironment():
        return x * noise
