"""How the sequences of a batch lie: as the caller has them, and as they are run.

They are time-major, (T, m, n), and run, where they have lengths of their own, sorted: the longest first, so that those
that still go on are the first columns at every step. States are (k, m, n). Past its end a sequence is zero.
"""

from __future__ import annotations

import numpy as np

from ..cells.spec import Array


class Batch:
    """The layout of one call. `T` and `m` are its numbers of steps and of sequences."""

    __slots__ = ("T", "_place", "active", "batch_first", "batched", "lengths", "m", "order", "steps")

    def __init__(
        self, T: int, m: int, *, batched: bool = True, batch_first: bool = False, lengths: Array | None = None
    ) -> None:
        self.T, self.m, self.batched, self.batch_first = T, m, batched, batch_first
        self.lengths = self.active = self.order = self._place = None
        #: how many steps each sequence has, in the caller's order; None where all have T
        self.steps = lengths
        if lengths is not None:
            #: which of the caller's sequences stands at each place; None where each stands at its own
            self.order = np.argsort(-lengths, kind="stable")
            self._place = np.argsort(self.order)
            #: `steps`, sorted
            self.lengths = lengths[self.order]
            #: how many sequences still go on, (T,); None where all do
            self.active = np.count_nonzero(self.lengths > np.arange(T)[:, None], axis=1).astype(np.int64)

    def rows(self, x: Array) -> Array:
        """Return the caller's sequences as (T, m, n)."""
        if not self.batched:
            return x[:, None]
        return x.swapaxes(0, 1) if self.batch_first else x

    def given(self, x: Array) -> Array:
        """Return sequences (T, m, n) as the caller has his."""
        if not self.batched:
            return x[:, 0]
        return x.swapaxes(0, 1) if self.batch_first else x

    def columns(self, states: Array) -> Array:
        """Return the caller's states as (k, m, n)."""
        return states if self.batched else states[:, None]

    def given_columns(self, states: Array) -> Array:
        """Return states (k, m, n) as the caller has his."""
        return states if self.batched else states[:, 0]

    def axes(self, last: str) -> tuple[str, ...]:
        """Return the names of the axes of the caller's sequences."""
        if not self.batched:
            return ("L", last)
        return ("N", "L", last) if self.batch_first else ("L", "N", last)

    def flip(self, x: Array) -> Array:
        """Return each sequence of x (T, m, n) from its own end to its start."""
        if self.lengths is None:
            return x[::-1]
        steps = np.arange(self.T)[:, None]
        mirrored = np.where(steps < self.lengths, self.lengths - 1 - steps, steps)
        return np.asarray(x[mirrored, np.arange(self.m)])

    def last(self, states: Array) -> Array:
        """Return the state after each sequence's own last step, (m, n), of states (T + 1, m, n)."""
        return np.asarray(states[-1] if self.lengths is None else states[self.lengths, np.arange(self.m)])

    def add_last(self, gradients: Array, last: Array) -> None:
        """Add to gradients (T, m, n) what arrives after each sequence's own last step, (m, n), if it has a step."""
        with np.errstate(all="ignore"):
            if self.lengths is None:
                gradients[-1:] += last
            else:
                some = np.flatnonzero(self.lengths)
                gradients[self.lengths[some] - 1, some] += last[some]

    @property
    def idle(self) -> slice | Array:
        """Which columns have no step."""
        return slice(self.m if self.T else 0, self.m) if self.lengths is None else self.lengths == 0

    def sort(self, x: Array) -> Array:
        """Return x with its second axis in the order in which the sequences are run."""
        return x if self.order is None else np.take(x, self.order, axis=1)

    def unsort(self, x: Array) -> Array:
        """Return x with its second axis in the caller's order."""
        return x if self._place is None else np.take(x, self._place, axis=1)
