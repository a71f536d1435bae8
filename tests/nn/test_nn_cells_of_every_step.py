"""`return_cells=True`: the cell state of an LSTM after every step."""

from __future__ import annotations

import itertools

import nn_models
import numpy as np
import pytest
from problems import assert_same_values

from cyrnn import nn


@pytest.mark.parametrize("proj_size", [0, 2], ids=["plain", "projected"])
@pytest.mark.parametrize(("layers", "both", "first"), [*itertools.product((1, 2), (False, True), (False, True))])
@nn_models.each_dtype
def test_cells_are_the_states_of_shorter_sequences(dtype, layers, both, first, proj_size):
    """c after step t of a sequence is c_n of its first t + 1 steps; in the reverse direction of the rest."""
    model = nn.LSTM(
        3, 5, num_layers=layers, bidirectional=both, batch_first=first, proj_size=proj_size, dtype=dtype, rng=0
    )
    x = np.random.default_rng(1).standard_normal((6, 4, 3)).astype(dtype)
    given = x.swapaxes(0, 1) if first else x
    lengths = np.array([6, 0, 3, 5])
    output, state, cells = model(given, lengths=lengths, return_cells=True)
    assert_same_values([output, *state], nn_models.arrays(model(given, lengths=lengths)))
    D = 1 + both
    assert len(cells) == layers * D
    first_layer = [c.swapaxes(0, 1) if first else c for c in cells[:D]]
    for j, length in enumerate(lengths):
        for t in range(length):
            prefix, rest = x[: t + 1, j], x[t:length, j]
            for d, part in enumerate((prefix, rest)[:D]):
                _, (_, c_n) = model(part)
                assert_same_values([first_layer[d][t, j]], [c_n[d]])
        assert not any(c[length:, j].any() for c in first_layer)


def test_cells_and_gates_together_come_last():
    model, x = nn.LSTM(3, 5, rng=0), np.ones((4, 2, 3), np.float32)
    output, (h_n, c_n), gates, cells = model(x, return_gates=True, return_cells=True)
    assert_same_values([output, h_n, c_n], nn_models.arrays(model(x)))
    assert cells[0].shape == gates[0]["ot"].shape == (4, 2, 5)
    assert_same_values([cells[0][-1]], [c_n[0]])
    alone = model(x[:, 0], return_cells=True)[-1]
    assert_same_values(alone, [cells[0][:, 0]])


@pytest.mark.parametrize("kind", [nn.RNN, nn.GRU])
def test_cells_are_the_lstms_alone(kind):
    with pytest.raises(TypeError, match="return_cells"):
        kind(3, 5, rng=0)(np.ones((4, 2, 3), np.float32), return_cells=True)
