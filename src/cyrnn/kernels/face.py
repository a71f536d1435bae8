"""The kernels' face: the entry points that NumPy (`reference.py`) and every compiled module share.

Only type checkers import it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from ..cells.spec import Array

    Active = NDArray[np.intp] | None


class Face(Protocol):
    """Entry points for one dtype. Arrays are of that dtype; outputs come last and never overlap an input.

    Nothing is checked and no output is allocated here: shapes, dtype and alignment are the caller's duty.
    """

    def exp(self, x: Array, out: Array) -> None:
        """out = exp(x); both (N,), C-contiguous."""

    def tanh(self, x: Array, out: Array) -> None:
        """out = tanh(x); both (N,), C-contiguous."""

    def sigmoid(self, x: Array, out: Array) -> None:
        """out = 1 / (1 + exp(-x)); both (N,), C-contiguous."""

    def softmax(self, z: Array, out: Array) -> None:
        """out = softmax of every column of z; both (n, N), C-contiguous."""

    def packed_size(self, units: int, k: int, gates: int) -> int:
        """How many elements `gates` matrices of shape (units, k) take when packed together."""

    def pack(self, W: Array, gate: int, gates: int, out: Array) -> None:
        """Write W (units, k), any strides, as matrix number `gate` of `gates` into out (packed_size,).

        The share of `gate` includes its padding. A bias is packed as a matrix with k = 1.
        """

    def forward(
        self,
        cell: str,
        x: Array,
        Wx: Array,
        Wa: Array,
        b: Array,
        states: Array,
        gates: Array | None,
        first: int = 0,
        last: int = -1,
        active: Active = None,
    ) -> None:
        """Run the cell over x (T, m, n_x), any strides; Wx, Wa, b are packed, of one stage after the other.

        states (S, T + 1, m, n_a), C-contiguous: slot 0 holds the initial states, slots 1..T are written.
        gates (T, G, m, n_a), C-contiguous, or None: the cell's stored gates are written.
        Only the columns first <= i < last of the batch are run; a negative last means all from first on. Of these
        only i < active[t] take part in step t, where active (T,) is given; it never grows.
        """

    def head(self, a: Array, Wy: Array, by: Array, y: Array) -> None:
        """y (N, n_y) = softmax over n_y of Wy a + by, for the rows of a (N, n_a); both C-contiguous."""

    def pack_transposed(self, W: Array, gate: int, gates: int, out: Array) -> None:
        """Write W (n, units), turned, as the columns of `gate` in one packed matrix (units, gates * n)."""

    def backward(
        self,
        cell: str,
        da: Array,
        WaT: Array,
        previous: Array,
        next: Array,
        gates: Array | None,
        inner: Array | None,
        dz: Array,
        start: Array,
        first: int = 0,
        last: int = -1,
        active: Active = None,
    ) -> None:
        """Go back over T steps: write dz (T, m, G * n_a), gradients of the pre-activations, gates in their order.

        da (T, m, n_a), unit stride along n_a: gradients that arrive at the hidden states; WaT of each stage from
        pack_transposed. previous, next (S, T, m, n_a): states before and after each step, C-contiguous but for the
        first axis, whose stride they share. gates (T, G', m, n_a), C-contiguous: the stored gates, or None where the
        cell stores none. inner (T, m, n_a), C-contiguous: what the first of two stages hands on is written there; or z
        of a gate that is computed again; or None. start (1 + C, m, n_a): the gradient of the initial hidden state is
        written to start[0]; start[1], of the second state, holds what arrives after the last step, of the hidden one zeros.
        Columns as in `forward`; with `active`, dz holds zeros.
        """

    def multiply(self, rows: Array, panels: Array, b: Array | None, out: Array) -> None:
        """out (N, units) = b + rows (N, K) times the transposed of a packed matrix (units, K); b packed, or None.

        Unit stride along K; out is C-contiguous.
        """

    def add_outer(self, left: Array, right: Array, out: Array) -> None:
        """out (units, K) += left^T right, for left (N, units), right (N, K); unit stride along the last axes."""

    def add_rows(self, left: Array, out: Array) -> None:
        """out (units,), any stride, += the sum of the rows of left (N, units), unit stride along the last axis."""
