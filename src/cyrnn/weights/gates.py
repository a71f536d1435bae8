"""Weights of one layer as another framework has them, in torch's order of rows and back: no number is computed anew.

W (rows, features) multiplies the input, R (rows, units) the hidden state, b (2, rows) are their biases, and P, one row
for each gate that sees the cell state, peepholes.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ..cells import Cell
from ..cells.spec import Array
from . import orders


class Layout(NamedTuple):
    """How the weights of a cell are kept; see `orders.Facts`."""

    cell: Cell
    order: str
    transposed: bool | None = False  # None: not known yet
    forget_bias: float = 0.0
    negated: str = ""
    by_unit: bool = False
    two_matrices: bool = False

    @property
    def own(self) -> str:
        """The gates of the cell in torch's order."""
        return orders.gates_of(self.cell)

    def torch_rows(self, units: int) -> list[int]:
        """Where each of torch's rows is."""
        return orders.rows(self.order, self.own, units, by_unit=self.by_unit)

    def peepholes(self) -> list[int]:
        """Where each of cyrnn's rows of peepholes is, in rows that go in the order of the gates."""
        own = [gate[0] for gate in self.cell.peepholes]
        given = [gate for gate in self.order if gate in own]
        return [given.index(gate) for gate in own]


class Weights(NamedTuple):
    """One layer in one direction. `b` and `P` are None where there are none."""

    W: Array
    R: Array
    b: Array | None = None
    P: Array | None = None


def told_by_shape(gates: int, W: tuple[int, ...], R: tuple[int, ...]) -> bool | None:
    """Return whether W and R are transposed; None where both fit, or neither does.

    Where features and units are as many, both do: gates of (features, units), one above the other, have the shape that
    (units, features) would have.
    """
    fits = [W[0] == R[0] == gates * R[1], W[1] == R[1] == gates * R[0]]
    units = R[1] if fits[0] else R[0]
    features = W[1] if fits[0] else W[0]
    return None if fits[0] == fits[1] or features == units else fits[1]


def to_torch(layout: Layout, given: Weights) -> Weights:
    """Return copies with torch's order and layout of rows."""
    W, R, b, P = given
    if layout.transposed:
        units = len(R)
        W, R = W.T, _of_two_matrices(R).T if layout.two_matrices else R.T
    else:
        units = R.shape[1]
    index = layout.torch_rows(units)
    W, R = W[index], R[index]
    b = None if b is None else b[:, index]
    if layout.forget_bias and "f" in layout.own:
        b = np.zeros((2, len(W)), W.dtype) if b is None else b
        b[0, _rows(layout, "f", units)] += layout.forget_bias
    _negate(layout, W, R, b, units)
    return Weights(W, R, b, None if P is None else P[layout.peepholes()])


def from_torch(layout: Layout, own: Weights) -> Weights:
    """Return copies as the layout has them, from torch's: what `to_torch` undoes."""
    W, R, b, P = own
    units = R.shape[1]
    W, R, b = W.copy(), R.copy(), None if b is None else b.copy()
    _negate(layout, W, R, b, units)
    if layout.forget_bias and "f" in layout.own:
        b = np.zeros((2, len(W)), W.dtype) if b is None else b
        b[0, _rows(layout, "f", units)] -= layout.forget_bias
    back = np.argsort(layout.torch_rows(units))
    W, R, b = W[back], R[back], None if b is None else b[:, back]
    if layout.transposed:
        W, R = np.ascontiguousarray(W.T), np.ascontiguousarray(R.T)
        R = _as_two_matrices(R) if layout.two_matrices else R
    return Weights(W, R, b, None if P is None else P[np.argsort(layout.peepholes())])


def _rows(layout: Layout, gate: str, units: int) -> slice:
    """The rows of a gate in torch's order."""
    start = layout.own.index(gate) * units
    return slice(start, start + units)


def _negate(layout: Layout, W: Array, R: Array, b: Array | None, units: int) -> None:
    """Change the sign of the gates that stand for 1 minus ours: sigmoid(-z) = 1 - sigmoid(z)."""
    for gate in layout.negated:
        rows = _rows(layout, gate, units)
        W[rows], R[rows] = -W[rows], -R[rows]
        if b is not None:
            b[:, rows] = -b[:, rows]


def _of_two_matrices(R: Array) -> Array:
    """(n, 3 * n), whose memory is (n, 2 * n) of two gates and then (n, n) of the candidate, as its shape says it."""
    n, flat = len(R), R.ravel()
    return np.concatenate([flat[: 2 * n * n].reshape(n, 2 * n), flat[2 * n * n :].reshape(n, n)], axis=1)


def _as_two_matrices(R: Array) -> Array:
    n = len(R)
    return np.concatenate([R[:, : 2 * n].ravel(), R[:, 2 * n :].ravel()]).reshape(R.shape)
