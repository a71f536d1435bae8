"""Recurrent cells whose weights are integers, by hand: one sequence, in loops over numbers of Python.

Nothing of cyrnn is used. A matrix is integers with a scale for each row; what it meets becomes integers, too.
"""

from __future__ import annotations

import copy
import math
import struct

#: the largest integer of a weight
TOP = {"int8": 127, "int16": 2047, "int16x2": 32767}


def float32(number: float) -> float:
    return struct.unpack("f", struct.pack("f", number))[0]


def sigmoid(z: float) -> float:
    return 0.5 + 0.5 * math.tanh(z / 2)


class Matrix:
    """Rows of integers, and what meets them."""

    def __init__(self, rows, kind: str) -> None:
        self.rows, self.scales = [], []
        for row in rows:
            numbers = [float(w) for w in row]
            scale = float32(max(map(abs, numbers), default=0.0) / TOP[kind])
            self.scales.append(scale)
            self.rows.append([round(w / scale) if scale else 0 for w in numbers])
        most = max([1, *(sum(map(abs, row)) for row in self.rows)])
        self.levels = {"int8": 127, "int16x2": 32767}.get(kind) or min(32767, (2**31 - 1) // most)

    def columns(self, begin: int, end: int | None) -> Matrix:
        """Some of the columns, with the scales and the levels of the whole."""
        found = copy.copy(self)
        found.rows = [row[begin:end] for row in self.rows]
        return found

    def of_input(self, x) -> list[float]:
        largest = max(map(abs, x), default=0.0)
        if not largest:
            return [0.0] * len(self.rows)
        return self._times(x, largest)

    def of_state(self, h) -> list[float]:
        largest = max(1.0, *map(abs, h))
        return self._times(h, largest)

    def _times(self, x, largest: float) -> list[float]:
        inverse = float32(self.levels / largest)
        q = [round(value * inverse) for value in x]
        sums = [sum(w * a for w, a in zip(row, q, strict=True)) for row in self.rows]
        assert self.levels == 32767 or all(abs(s) < 2**31 for s in sums)
        return [s * scale * largest / self.levels for s, scale in zip(sums, self.scales, strict=True)]


class Layer:
    """One direction of one layer, with torch's names, shapes and order of gates; `cell`: rnn, lstm, gru, gru_after.

    A matrix may be a Matrix.
    """

    def __init__(self, cell: str, kind: str, W, R, b_x, b_a, W_hr=None, P=None) -> None:
        self.cell, self.n = cell, len(b_x) // {"rnn": 1, "lstm": 4, "gru": 3, "gru_after": 3}[cell]
        self.W, self.R = (M if isinstance(M, Matrix) else Matrix(M, kind) for M in (W, R))
        self.W_hr = None if W_hr is None else Matrix(W_hr, kind)
        self.b_x, self.b_a, self.P = [float(b) for b in b_x], [float(b) for b in b_a], P

    def run(self, x, h=None, c=None) -> tuple[list, list, list]:
        """The outputs of all steps, then h and c after the last one."""
        n_h = len(self.R.rows[0])
        h, c, outputs = h or [0.0] * n_h, c or [0.0] * self.n, []
        for x_t in x:
            h, c = getattr(self, f"_{self.cell}")([float(value) for value in x_t], h, c)
            outputs.append(h)
        return outputs, h, c

    def _rnn(self, x, h, c):
        halves = zip(self.W.of_input(x), self.b_x, self.R.of_state(h), self.b_a, strict=True)
        return [math.tanh(sum(half)) for half in halves], c

    def _lstm(self, x, h, c):
        n, halves = self.n, zip(self.W.of_input(x), self.b_x, self.R.of_state(h), self.b_a, strict=True)
        z = [sum(half) for half in halves]
        following, a = [], []
        for j in range(n):
            w_i, w_o, w_f = (0.0,) * 3 if self.P is None else (float(row[j]) for row in self.P)
            i, f = sigmoid(z[j] + w_i * c[j]), sigmoid(z[n + j] + w_f * c[j])
            following.append(f * c[j] + i * math.tanh(z[2 * n + j]))
            a.append(sigmoid(z[3 * n + j] + w_o * following[j]) * math.tanh(following[j]))
        return a if self.W_hr is None else self.W_hr.of_state(a), following

    def _gru(self, x, h, c, after: bool = False):
        n, a, u = self.n, self.W.of_input(x), self.R.of_state(h)
        a = [value + b for value, b in zip(a, self.b_x, strict=True)]
        r = [sigmoid(a[j] + u[j] + self.b_a[j]) for j in range(n)]
        z = [sigmoid(a[n + j] + u[n + j] + self.b_a[n + j]) for j in range(n)]
        if after:
            inner = [r[j] * (u[2 * n + j] + self.b_a[2 * n + j]) for j in range(n)]
        else:
            u = self.R.of_state([r[j] * h[j] for j in range(n)])
            inner = [u[2 * n + j] + self.b_a[2 * n + j] for j in range(n)]
        new = [math.tanh(a[2 * n + j] + inner[j]) for j in range(n)]
        return [z[j] * h[j] + (1 - z[j]) * new[j] for j in range(n)], c

    def _gru_after(self, x, h, c):
        return self._gru(x, h, c, after=True)
