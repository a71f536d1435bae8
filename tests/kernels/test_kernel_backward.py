"""The kernels' backward pass: every compiled kernel against the reference, and relu, which has no function."""

from __future__ import annotations

import gradients
import numpy as np
import oracle
import pytest
from entry_points import each_compiled_cell, kernels_of, pack, run, run_backward_loop
from problems import COMPILED, DTYPES, ODD_SIZES, assert_same_bits, each_dtype, every_cell, make
from tolerances import assert_close, assert_gradients_close

from cyrnn.cells import RNN_RELU
from cyrnn.packing import Panels
from cyrnn.sequence import Past, backward, run_layer

each_compiled = pytest.mark.parametrize(
    ("dtype", "isa"), [pytest.param(d, isa, id=f"{d.name}-{isa}") for d in DTYPES for isa in COMPILED]
)


def draw(random, *shape: int, dtype) -> np.ndarray:
    return random.standard_normal(shape).astype(dtype)


@pytest.mark.parametrize("n_a", [*ODD_SIZES, 70])
@each_compiled_cell
def test_backward_odd_sizes_matches_reference(cell, dtype, isa, n_a):
    """From one run, the reference's, so that what differs is the backward pass."""
    reference, random = kernels_of("reference", dtype), np.random.RandomState(n_a)
    for i, m in enumerate(ODD_SIZES):
        problem = make(cell, dtype, seed=i, n_a=n_a, m=m, T_x=1 + i % 4)
        done = run(reference, problem)
        da = draw(random, *done.states.shape[1:], dtype=dtype)
        last = [draw(random, n_a, m, dtype=dtype) for _ in cell.states[1:]]
        both = (kernels_of(isa, dtype), reference)
        got, want = (run_backward_loop(kernels, problem, da, last, done) for kernels in both)
        assert_gradients_close(got._asdict(), want._asdict(), "gradient against equations")


@pytest.mark.parametrize("units", [*ODD_SIZES, 70])
@each_compiled
def test_multiply_any_sizes_matches_reference(dtype, isa, units):
    """With b and without, rows of a wider matrix and whole ones; nan beside the rows is not read."""
    random = np.random.RandomState(units)
    for N in ODD_SIZES:
        for K in (1, 7, 33):
            rows, W, b = (draw(random, *shape, dtype=dtype) for shape in ((N, K), (units, K), (units, 1)))
            wide = np.full((N, K + 3), np.nan, dtype)
            wide[:, 2:-1] = rows
            for added in (None, b):
                outs = np.full((3, N, units), np.nan, dtype)
                for out, kernels, given in zip(outs, (isa, isa, "reference"), (rows, wide[:, 2:-1], rows), strict=True):
                    kernels = kernels_of(kernels, dtype)
                    kernels.multiply(given, pack(kernels, [W]), None if added is None else pack(kernels, [added]), out)
                assert_same_bits([outs[1]], [outs[0]])
                assert_close(*(outs[[0, 2]] / dtype.type(np.sqrt(K))), "kernel against reference")


# ---- relu ----


def relu_run(problem, da):
    """All that `run_layer` and `backward` say, in the notebook's order of axes: states, gradients."""
    x = problem.x.transpose(2, 1, 0)
    panels = Panels(RNN_RELU, problem.parameters, x.dtype)
    states, gates, _ = run_layer(panels, x, [problem.initial[0].T])
    past = Past(problem.parameters, np.ascontiguousarray(da.T), (), x, states[:, :-1], states[:, 1:], None)
    found = backward(RNN_RELU, past)
    assert gates.size == 0
    named = {"dx": found.x.T, "da0": found.initial[0].T}
    return states[0, 1:].T, named | {f"d{key}": value for key, value in found.weights.items()}


@each_dtype
@pytest.mark.parametrize("sizes", [{}, {"m": 1, "n_a": 33}, {"m": 17, "n_a": 21, "T_x": 9}, {"n_x": 0}], ids=str)
def test_relu_and_its_gradients_follow_equations(dtype, sizes):
    problem = make(RNN_RELU, dtype, **sizes)
    da = draw(np.random.RandomState(1), *problem.initial[0].shape, problem.x.shape[2], dtype=dtype)
    a, found = relu_run(problem, da)
    (want,), _ = oracle.sequence(problem)
    assert_close(a, want, "sequence against oracle")
    assert (a == 0).any()
    assert_gradients_close(found, gradients.chain(problem, da, ()), "gradient against equations")


@pytest.mark.parametrize("isa", [*COMPILED, "reference"])
@each_dtype
def test_relu_specials_are_as_ieee_says(dtype, isa):
    """nan stays nan, in any lane; the derivative at 0, from either side, is 0, and at nan as well."""
    for m, n_a in [(1, 1), (3, 5), (17, 33)]:
        problem = make(RNN_RELU, dtype, n_a=n_a, m=m, n_x=1, T_x=1)
        zeros = {key: np.zeros_like(value) for key, value in problem.parameters.items()}
        for z, a in [(np.nan, np.nan), (np.inf, np.inf), (-np.inf, 0), (0.0, 0.0), (-1.0, 0), (2.0, 2.0)]:
            given = type(problem)(RNN_RELU, {**zeros, "ba": np.full((n_a, 1), z, dtype)}, problem.x, problem.initial)
            done = run(kernels_of(isa, dtype), given)
            np.testing.assert_array_equal(done.states, np.full((1, 1, m, n_a), a, dtype))
            found = run_backward_loop(kernels_of(isa, dtype), given, np.ones((1, m, n_a), dtype), (), done)
            np.testing.assert_array_equal(found.dz, np.full((1, m, n_a), a > 0, dtype))


@every_cell
def test_every_cell_has_its_equations_here(cell):
    """What knows nothing of ours knows every cell."""
    assert cell.name in oracle.EQUATIONS
    assert cell.name in gradients.CHAIN
