"""A sublayer of nn for any registered cell, those without a class in nn included."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from problems import Problem

from cyrnn import calls


class ThereAndBack(NamedTuple):
    output: np.ndarray  # (T, m, n_h)
    last: tuple  # states after the own last step, (m, n) each
    gates: tuple  # (T, m, n_a) each
    cells: np.ndarray  # the last of the states after every step, (T, m, n_a)
    dx: np.ndarray  # (T, m, n_x)
    initial: tuple  # gradients of the initial states, (m, n) each
    weights: tuple  # dW_x, dW_a, db_x, db_a, and dW_hr with a projection


def halves(problem: Problem) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """W_x (G * n, n_x), W_a (G * n, n) and b (G, n): a block of rows for each gate, zeros where a half is missing."""
    cell, p = problem.cell, problem.parameters
    n, n_x = len(problem.initial[-1]), len(problem.x)
    W_x, W_a = [], []
    for gate in cell.gates:
        whole_x, whole_a = p.get(gate.W_x), p.get(gate.W_a)
        W_x.append(np.zeros((n, n_x)) if whole_x is None else whole_x[:, n:] if cell.stacked else whole_x)
        W_a.append(np.zeros((n, n)) if whole_a is None else whole_a[:, :n] if cell.stacked else whole_a)
    b = [p[gate.b][:, 0] for gate in cell.gates]
    dtype = problem.x.dtype
    return np.concatenate(W_x).astype(dtype), np.concatenate(W_a).astype(dtype), np.array(b, dtype)


def layer_of(problem: Problem, direction: int = 0, W_hr: np.ndarray | None = None) -> Any:
    """The first layer of a model of one or, for direction 1, two directions."""
    W_x, W_a, b = halves(problem)
    if W_hr is not None:
        W_a = np.ascontiguousarray(W_a[:, : len(W_hr)])
    blocks = tuple(range(len(problem.cell.gates)))
    return calls.of(problem.cell).sublayer(W_x, W_a, b, W_hr, blocks, direction, 1 + direction, 1 + direction, False)


def states_of(values) -> Any:
    """States (n, m) as a model of one sublayer has them: (1, m, n), an array or a pair."""
    states = tuple(np.ascontiguousarray(value.T[None]) for value in values)
    return states if len(states) > 1 else states[0]


def parts(states) -> tuple:
    return states if isinstance(states, tuple) else (states,)


def there_and_back(problem: Problem, lengths, da, last: tuple, W_hr: np.ndarray | None = None) -> ThereAndBack:
    """Forward with a record, and back from da (T, m, n_h) and the gradients at the last states, (n, m) each."""
    layer, x, records = layer_of(problem, W_hr=W_hr), problem.x.transpose(2, 1, 0), []
    ragged = None if lengths is None else calls.lengths(list(lengths), *x.shape[:2])
    output, states = layer.forward(x, states_of(problem.initial), False, ragged, None, None, None, records)
    dx, initial, weights = layer.backward(records[0], da, states_of(last))
    rows = [tuple(part[0] for part in parts(value)) for value in (states, initial)]
    gates, cells = records[0].every_gate(), records[0].every_cell_state()
    return ThereAndBack(output, rows[0], gates, cells, dx, rows[1], weights)
