"""Canonical arithmetic at the kernels' entry points: every ISA in one process."""

from __future__ import annotations

import entry_points
import numpy as np
import pytest
from drawn import drawn, problems
from hypothesis import given
from hypothesis import strategies as st
from problems import CANONICAL, COMPILED, DTYPES, assert_same_bits, each_dtype, every_cell, isa_in_use, make

pytestmark = pytest.mark.skipif(
    isa_in_use() == "reference",
    reason="the reference sums in NumPy's order, which depends on shapes: not canonical",
)
# ---- the kernels' entry points: every ISA in one process ----

two_isas = pytest.mark.skipif(
    len(CANONICAL) < 2, reason=f"one ISA with a fused multiply-add here: {CANONICAL}"
)


@two_isas
@each_dtype
@every_cell
@drawn
@given(data=st.data())
def test_isas_with_fma_give_the_same_bits(cell, dtype, data):
    problem = data.draw(problems(cell, dtype))
    first, *rest = (entry_points.run(entry_points.kernels_of(isa, dtype), problem) for isa in CANONICAL)
    for other in rest:
        assert_same_bits(other, first)


@two_isas
@each_dtype
@pytest.mark.parametrize("name", ["exp", "sigmoid", "tanh"])
def test_isas_with_fma_give_the_same_activations(name, dtype):
    x = (np.random.RandomState(1).standard_normal(20_001) * 30).astype(dtype)
    x[:7] = [0.0, -0.0, np.inf, -np.inf, 1e-40, -1e-40, 100.0]
    outs = [np.empty_like(x) for _ in CANONICAL]
    for isa, out in zip(CANONICAL, outs, strict=True):
        getattr(entry_points.kernels_of(isa, dtype), name)(x, out)
    for out in outs[1:]:
        assert_same_bits([out], outs[:1])


@pytest.mark.parametrize("isa", COMPILED)
@pytest.mark.parametrize("dtype", DTYPES, ids=lambda dtype: dtype.name)
@every_cell
def test_kernel_columns_one_at_a_time_equal_the_batch(cell, dtype, isa):
    kernels = entry_points.kernels_of(isa, dtype)
    for n_a, m in [(5, 10), (16, 7), (33, 20), (70, 13)]:
        problem = make(cell, dtype, n_a=n_a, m=m, n_x=11, n_y=3)
        alone = [entry_points.run(kernels, problem.columns([j])) for j in range(m)]
        states, gates, y = zip(*alone, strict=True)
        joined = [np.concatenate(states, axis=2), np.concatenate(gates, axis=2), np.concatenate(y, axis=1)]
        assert_same_bits(joined, entry_points.run(kernels, problem))
