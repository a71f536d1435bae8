"""Step after step, the states carried by the caller, gives the bits of the whole sequence: of every cell."""

from __future__ import annotations

import numpy as np
import pytest
from any_layer import layer_of, parts, states_of
from problems import assert_same_values, each_dtype, every_cell, make


@pytest.mark.parametrize(
    "sizes", [{}, {"m": 1, "n_a": 64}, {"m": 3, "n_a": 17, "n_x": 0}, {"m": 20, "n_a": 33}], ids=str
)
@each_dtype
@every_cell
def test_step_after_step_gives_the_states_of_the_sequence(cell, dtype, sizes):
    problem = make(cell, dtype, T_x=6, **sizes)
    layer, x, states = layer_of(problem), problem.x.transpose(2, 1, 0), states_of(problem.initial)
    want, last = layer.forward(x, states)
    for t in range(6):
        before = [part.copy() for part in parts(states)]
        output, following = layer.forward(x[t : t + 1], states)
        for part, kept, new in zip(parts(states), before, parts(following), strict=True):
            np.testing.assert_array_equal(part, kept)
            assert not np.shares_memory(part, new)
        states = following
        assert_same_values([output[0], parts(states)[0][0]], [want[t], want[t]])
    assert_same_values(parts(states), parts(last))


@each_dtype
@every_cell
def test_step_of_strided_input_gives_the_same_states(cell, dtype):
    problem = make(cell, dtype, m=5)
    layer, states = layer_of(problem), states_of(problem.initial)
    plain = np.ascontiguousarray(problem.x[:, :, 0].T)[None]
    want = layer.forward(plain, states)[1]
    apart = np.full((1, 10, 9), np.nan, dtype)
    apart[:, ::2, ::3] = plain
    for x in (np.asfortranarray(plain), plain[:, ::-1].copy()[:, ::-1], apart[:, ::2, ::3]):
        assert_same_values(parts(layer.forward(x, states)[1]), parts(want))
