"""Batches of nn in NumPy: lengths of their own, and the axes of their caller.

All is computed on rows (T, m, n), time first; a view puts the axes as a caller has them.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..cells.spec import Array

#: of an array of a head, or of tokens, beside that of the features
MAX_AXES = 2


class Lengths(NamedTuple):
    """The lengths of the sequences of a batch, each from 0 to T: a copy."""

    T: int
    lengths: NDArray[np.int64]  # (m,)


def lengths(given: Any, T: int, m: int) -> Lengths | None:
    """Return m lengths from 0 to T; None where `given` is neither whole numbers in a list nor a plain array of such."""
    if type(given) in (list, tuple):
        given = tuple(given)  # the same from here on, whatever another thread does to a list
        plain = all(type(length) is int for length in given)
    else:
        plain = type(given) is np.ndarray and given.dtype.kind in "iu"
    try:
        found = np.array(given, np.int64) if plain else None
    except OverflowError:
        return None
    if found is None or found.shape != (m,) or ((found < 0) | (found > T)).any():
        return None
    return Lengths(T, found)


class Tokens(NamedTuple):
    """Checked tokens of one call, each below n_x: a copy."""

    n_x: int
    array: NDArray[np.int64]  # as x, without its last axis; zero where a sequence has ended

    @property
    def shape(self) -> tuple[int, ...]:
        return self.array.shape

    def one_hot(self, dtype: Any) -> Array:
        """Return the rows that the tokens stand for."""
        rows: Array = (self.array[..., None] == np.arange(self.n_x)).astype(dtype)
        return rows


def tokens(
    given: Any, n_x: int, itemsize: int, lengths: Lengths | None = None, batch_first: bool = False
) -> Tokens | None:
    """Return Tokens; None where `given` is not a plain array, of up to two axes, of whole numbers from 0 to n_x - 1."""
    if type(given) is not np.ndarray or given.dtype.kind not in "iu" or given.ndim > MAX_AXES:
        return None
    found = given.copy()
    within = rows_within(found.shape, lengths, batch_first)
    if within is None or ((found[within] < 0) | (found[within] >= n_x)).any():
        return None
    return Tokens(n_x, np.where(within, found, 0).astype(np.int64))


def rows_of_tokens(
    x: Any, axes: int, n_x: int, dtype: Any, lengths: Lengths | None, batch_first: bool
) -> tuple[Any, bool]:
    """Return the rows that x of a sublayer stands for, and whether it is tokens, of up to so many axes; else x itself.

    Whole numbers are tokens where they fit, and cannot be features of one sequence.
    """
    whole = type(x) is np.ndarray and x.dtype.kind in "iu" and axes - 1 <= x.ndim <= axes
    if whole and (x.ndim < axes or x.shape[-1] != n_x):
        x = tokens(x, n_x, dtype.itemsize, lengths, batch_first)
    if type(x) is Tokens and x.n_x == n_x:
        return x.one_hot(dtype), True
    return x, False


def rows_within(leading: tuple[int, ...], lengths: Lengths | None, batch_first: bool) -> NDArray[np.bool] | None:
    """Return which rows of these leading axes take part; None where lengths do not fit."""
    if lengths is None:
        return np.ones(leading, np.bool)
    T, m = lengths.T, len(lengths.lengths)
    if leading != ((m, T) if batch_first else (T, m)):
        return None
    within = np.arange(T)[:, None] < lengths.lengths
    return within.T if batch_first else within


class Resets(NamedTuple):
    """Before which steps the sequences of a batch are reset: a copy."""

    flags: NDArray[np.bool]  # (T + 1, m), the last of which are False
    to_initial: bool  # whether a sequence goes on from its initial states, not from zeros

    def within(self, ends: NDArray[np.int64]) -> Resets:
        """Return those before the ends of sequences."""
        return Resets(self.flags & (np.arange(len(self.flags))[:, None] < ends), self.to_initial)

    def before(self, step: StepOfBatch, reverse: bool) -> NDArray[np.intp]:
        """Return which sequences are reset before a step: a reverse one on its other side."""
        return step.sequences[self.flags[step.times + reverse, step.sequences]]


def resets_of(given: Any, to_initial: bool) -> Resets | None:
    """Return the flags of an array of bools (T, m); None where it is no plain one."""
    if type(given) is not np.ndarray or given.dtype != np.bool or given.ndim != 2:
        return None
    return Resets(np.concatenate([given, np.zeros((1, given.shape[1]), np.bool)]), bool(to_initial))


class Axes(NamedTuple):
    """The axes of a call's arrays, as its caller has them."""

    single_step: bool  # x and the output have no time, states no first axis for the sublayers
    batched: bool
    batch_first: bool

    def rows(self, x: Array) -> Array:
        """Return sequences as a view (T, m, n)."""
        if not self.batched:
            x = x[..., None, :]
        if self.single_step:
            return x[None]
        return x.swapaxes(0, 1) if self.batch_first else x

    def given(self, rows: Array) -> Array:
        """Return sequences (T, m, n) as the caller has x."""
        if self.single_step:
            rows = rows[0]
        elif self.batch_first:
            rows = rows.swapaxes(0, 1)
        return rows if self.batched else rows[..., 0, :]

    def state_shape(self, count: int, m: int, n: int) -> tuple[int, ...]:
        """Return the shape of a state of `count` sublayers, as the caller has it."""
        return (() if self.single_step else (count,)) + ((m,) if self.batched else ()) + (n,)

    def columns(self, states: Array, index: int) -> Array:
        """Return one sublayer's state as a view (n, m)."""
        state = states if self.single_step else states[index]
        return state.T if self.batched else state[:, None]


class StepOfBatch(NamedTuple):
    """The sequences of a batch that take part in a step, and at which time each of them is."""

    sequences: NDArray[np.intp]  # (k,), k of m
    times: NDArray[np.int64]  # (k,)


def steps_of(ends: NDArray[np.int64], reverse: bool) -> Iterator[StepOfBatch]:
    """Yield the steps of a batch whose sequences have these lengths, a reverse one from the end of each sequence.

    Example: of lengths (1, 0, 2), reverse, the sequences (0, 2) at the times (0, 1), then the sequence (2,) at (0,).
    """
    for t in range(int(ends.max(initial=0))):
        sequences = np.flatnonzero(t < ends)
        times = ends[sequences] - 1 - t if reverse else np.full(len(sequences), t)
        yield StepOfBatch(sequences, times)
