"""Gradients against what knows nothing of ours: the chain rule in wider floats, complex steps, central differences."""

from __future__ import annotations

import sys
from dataclasses import replace

import gradients
import numpy as np
import pytest
from backward import (
    Incoming,
    cell_backward,
    cell_gradient_names,
    from_caches,
    gradient_names,
    incoming,
    run_backward,
    run_cell_backward,
    sequence_backward,
    weight_keys,
)
from hypothesis import given, settings
from hypothesis import strategies as st
from problems import CELLS, ODD_SIZES, each_cell, each_dtype, isa_in_use, make, run_sequence
from tolerances import assert_gradients_close

import cyrnn

drawn = settings(derandomize=True, deadline=None, max_examples=15, database=None)


@st.composite
def small_problems(draw, cell):
    """A problem in float64, and what arrives at some of its steps."""
    size = st.integers(1, 6)
    problem = make(
        cell,
        np.float64,
        seed=draw(st.integers(0, 2**16)),
        n_x=draw(st.integers(0, 6)),
        n_a=draw(size),
        n_y=1,
        m=draw(size),
        T_x=draw(st.integers(1, 5)),
    )
    T = draw(st.integers(1, problem.x.shape[2]))
    return problem, incoming(problem, T, seed=draw(st.integers(0, 2**16)))


def as_cell(wanted: dict) -> dict:
    """A sequence of one step by the names of a cell call."""
    names = {"dx": "dxt"} | {f"d{state}0": f"d{state}_prev" for state in "ac"}
    return {names.get(name, name): value[:, :, 0] if name == "dx" else value for name, value in wanted.items()}


@pytest.mark.skipif(sys.platform == "emscripten", reason="musl's tanh of real and complex numbers differ by an ULP")
@each_cell
@drawn
@given(data=st.data())
def test_oracle_by_the_chain_rule_equals_complex_steps(cell, data):
    problem, d = data.draw(small_problems(cell))
    want = gradients.complex_step(problem, *d)
    got = {name: value.astype(np.float64) for name, value in gradients.chain(problem, *d).items()}
    assert_gradients_close(got, want, "chain rule against complex step")


@each_cell
@drawn
@given(data=st.data())
def test_sequence_any_sizes_equals_complex_steps(cell, data):
    problem, d = data.draw(small_problems(cell))
    got = run_backward(problem, d)
    assert_gradients_close(got, gradients.complex_step(problem, *d), "gradient of few units against equations")


@each_cell
@drawn
@given(data=st.data())
def test_cell_any_sizes_equals_complex_steps(cell, data):
    problem, d = data.draw(small_problems(cell))
    d = Incoming(d.da[:, :, :1], d.last)
    want = as_cell(gradients.complex_step(problem, *d))
    assert_gradients_close(run_cell_backward(problem, d), want, "gradient of few units against equations")


@each_cell
@drawn
@given(data=st.data())
def test_sequence_equals_central_differences_of_our_own_forward(cell, data):
    """What backward says of forward is true of the forward that is here."""
    problem, d = data.draw(small_problems(cell))
    T = d.da.shape[2]
    problem = replace(problem, x=problem.x[:, :, :T].copy())

    def loss() -> float:
        states = run_sequence(problem, return_caches=False).states
        after = (state[:, :, -1] for state in states[1:])
        parts = zip((states[0], *after), (d.da, *d.last), strict=True)
        return sum(float((state * gradient).sum()) for state, gradient in parts)

    want = {"dx": gradients.central(loss, problem.x)}
    for state, value in zip(cell.states, problem.initial, strict=True):
        want[f"d{state}0"] = gradients.central(loss, value)
    for key in weight_keys(cell):
        want[f"d{key}"] = gradients.central(loss, problem.parameters[key])
    # the loss is rounded by its own size, whatever a weight's gradient is: 2e-5 of the largest was off by 5e-12
    assert_gradients_close(run_backward(problem, d), want, "gradient against central differences", by_all=True)


@pytest.mark.parametrize("n_a", ODD_SIZES)
@each_dtype
@each_cell
def test_sequence_odd_sizes_follows_equations(cell, dtype, n_a):
    """Each n_a with every m; n_x and T_x go along."""
    at = ODD_SIZES.index(n_a)
    for i, m in enumerate(ODD_SIZES):
        problem = make(cell, dtype, seed=i, n_a=n_a, m=m, n_x=ODD_SIZES[at - 2 * i % 9], n_y=1, T_x=1 + i % 4)
        d = incoming(problem)
        # NumPy's order of sums is the reference's: the sums of one unit may cancel to a sixtieth of their terms
        few = n_a == 1 and isa_in_use() == "reference"
        row = "gradient of few units against equations" if few else "gradient against equations"
        assert_gradients_close(run_backward(problem, d), gradients.chain(problem, *d), row, by_all=n_a == 1)


@pytest.mark.parametrize("m", ODD_SIZES)
@each_dtype
@each_cell
def test_cell_odd_sizes_follows_equations(cell, dtype, m):
    at = ODD_SIZES.index(m)
    problem = make(cell, dtype, seed=at, m=m, n_a=ODD_SIZES[at - 2], n_x=ODD_SIZES[at - 4], n_y=1, T_x=1)
    d = incoming(problem)
    got, want = run_cell_backward(problem, d), as_cell(gradients.chain(problem, *d))
    assert_gradients_close(got, want, "gradient against equations", by_all=ODD_SIZES[at - 2] == 1)


@pytest.mark.parametrize(
    "sizes",
    [
        {"n_x": 0},
        {"n_x": 0, "m": 1, "T_x": 1},
        {"n_x": 1, "n_a": 1, "m": 1, "T_x": 1},
        {"n_a": 64, "n_x": 64, "m": 1, "T_x": 12},
        {"n_a": 100, "n_x": 27, "m": 2, "T_x": 5},
        {"n_a": 37, "n_x": 70, "m": 41, "T_x": 3},
        {"n_a": 4, "n_x": 3, "m": 2, "T_x": 200},
    ],
    ids=str,
)
@each_dtype
@each_cell
def test_sequence_other_sizes_follows_equations(cell, dtype, sizes):
    problem = make(cell, dtype, seed=9, n_y=1, **sizes)
    d = incoming(problem)
    assert_gradients_close(run_backward(problem, d), gradients.chain(problem, *d), "gradient against equations")


@each_dtype
@each_cell
def test_sequence_saturated_follows_equations(cell, dtype):
    """Gates at 0 and 1 have derivatives that are almost nothing: of the right size, and never nan."""
    problem = make(cell, dtype, seed=4)
    problem = replace(problem, x=problem.x * dtype.type(30))
    d = incoming(problem)
    want = gradients.chain(problem, *d)
    assert_gradients_close(run_backward(problem, d), want, "saturated gradient against equations")


@pytest.mark.parametrize("T", [1, 2, 5, 6])
@each_dtype
@each_cell
def test_sequence_da_shorter_than_the_caches_starts_at_its_own_last_step(cell, dtype, T):
    problem = make(cell, dtype, m=7, T_x=6)
    d = incoming(problem, T)
    got = run_backward(problem, d)
    assert got["dx"].shape == (3, 7, T)
    assert_gradients_close(got, gradients.chain(problem, *d), "gradient against equations")
    cut = replace(problem, x=problem.x[:, :, :T])
    for name, value in run_backward(cut, d).items():
        np.testing.assert_array_equal(got[name], value, err_msg=name)


@each_dtype
@each_cell
def test_sequence_gradient_of_the_last_states_defaults_to_zero(cell, dtype):
    problem = make(cell, dtype, m=7)
    d = incoming(problem)
    caches = run_sequence(problem).caches
    want = from_caches(cell, caches, Incoming(d.da, tuple(np.zeros_like(value) for value in d.last)))
    for explicit in ({}, {f"d{state}": None for state in cell.states[1:]}):
        got = sequence_backward(cell)(d.da, caches, **explicit)
        assert list(got) == [name for name in want if name != "dc0"], "the notebook's dict knows da0 alone"
        for name, value in got.items():
            np.testing.assert_array_equal(value, want[name], err_msg=name)


@pytest.mark.parametrize("cell", [cell for cell in CELLS if cell.states[1:]], ids=lambda cell: cell.name)
def test_sequence_gradient_of_the_last_state_alone_follows_equations(cell):
    """da is zero: all that comes back came through the keyword, to the last step that da has and no later."""
    problem = make(cell, np.float64, T_x=5)
    for T in (1, 3, 5):
        d = incoming(problem, T)
        d = Incoming(np.zeros_like(d.da), d.last)
        got = run_backward(problem, d)
        assert_gradients_close(got, gradients.chain(problem, *d), "gradient against equations")
        assert got["dx"].any()


@each_cell
def test_cell_gradients_chained_by_hand_equal_the_sequence(cell):
    """The notebook's own loop: what a cell call returns arrives one step earlier."""
    problem = make(cell, np.float64, m=7)
    d = incoming(problem)
    steps, dx = run_sequence(problem).caches[0], np.empty_like(problem.x)
    total = {f"d{key}": np.zeros_like(problem.parameters[key]) for key in weight_keys(cell)}
    da, last = np.zeros_like(d.da[:, :, 0]), d.last
    for t in reversed(range(4)):
        step = cell_backward(cell)(da + d.da[:, :, t], *last, steps[t])
        dx[:, :, t] = step["dxt"]
        da, *last = (step[f"d{state}_prev"] for state in cell.states)
        for name, value in total.items():
            value += step[name]
    want = {"dx": dx} | {f"d{state}0": value for state, value in zip(cell.states, (da, *last), strict=True)} | total
    assert_gradients_close(run_backward(problem, d), want, "gradient against equations")


@each_dtype
@each_cell
def test_results_have_the_notebooks_names_shapes_and_dtype(cell, dtype):
    problem = make(cell, dtype, m=7)
    d, p = incoming(problem), problem.parameters
    got, step = run_backward(problem, d), run_cell_backward(problem, d)
    weights = {f"d{key}": p[key].shape for key in weight_keys(cell)}
    assert list(got) == gradient_names(cell)
    assert list(step) == cell_gradient_names(cell)
    states, states_prev = ({f"d{state}{when}": (5, 7) for state in cell.states} for when in ("0", "_prev"))
    assert {name: value.shape for name, value in got.items()} == {"dx": (3, 7, 4)} | states | weights
    assert {name: value.shape for name, value in step.items()} == {"dxt": (3, 7)} | states_prev | weights
    assert {value.dtype for value in (*got.values(), *step.values())} == {dtype}
    assert {type(value) for value in (*got.values(), *step.values())} == {np.ndarray}


def test_names_are_those_of_the_notebook():
    """As README has them, whatever the cells' specs say."""
    gates = "dWf dbf dWi dbi dWc dbc dWo dbo"
    assert " ".join(gradient_names(cyrnn.cells.RNN)) == "dx da0 dWax dWaa dba"
    assert " ".join(gradient_names(cyrnn.cells.LSTM)) == f"dx da0 dc0 {gates}"
    assert " ".join(cell_gradient_names(cyrnn.cells.RNN)) == "dxt da_prev dWax dWaa dba"
    assert " ".join(cell_gradient_names(cyrnn.cells.LSTM)) == f"dxt da_prev dc_prev {gates}"


@pytest.mark.parametrize(
    ("sizes", "T"),
    [
        ({"m": 0}, 4),
        ({"m": 0, "n_x": 0}, 2),
        ({"T_x": 4}, 0),
        ({"n_a": 0}, 4),
    ],
    ids=str,
)
@each_dtype
@each_cell
def test_sequence_empty_sizes_gives_zeros_of_the_right_shapes(cell, dtype, sizes, T):
    problem = make(cell, dtype, **sizes)
    d = incoming(problem, T)
    zeros = tuple(np.zeros_like(value) for value in d.last)
    got = from_caches(cell, run_sequence(problem).caches, Incoming(d.da, zeros))
    n_x, m, _ = problem.x.shape
    assert list(got) == gradient_names(cell)
    assert got["dx"].shape == (n_x, m, T)
    for name, value in got.items():
        assert value.dtype == dtype
        assert not value.any(), name
    for state in cell.states:
        assert got[f"d{state}0"].shape == problem.initial[0].shape
    for key in weight_keys(cell):
        assert got[f"d{key}"].shape == problem.parameters[key].shape


@each_cell
def test_cell_empty_batch_gives_zeros_of_the_right_shapes(cell):
    problem = make(cell, np.float32, m=0)
    d = incoming(problem)
    got = run_cell_backward(problem, d)
    assert got["dxt"].shape == (3, 0)
    for key in weight_keys(cell):
        assert got[f"d{key}"].shape == problem.parameters[key].shape
        assert not got[f"d{key}"].any()


DTYPES = [
    # x, states, parameters, da -> gradients
    ("float32", "float32", "float32", "float64", "float64"),
    ("float64", "float64", "float64", "float32", "float64"),
    ("float32", "float32", "float32", "int8", "float64"),
    ("float32", "float32", "float32", "bool", "float64"),
    ("float32", "float32", "float32", "float16", "float32"),
    ("float16", "float32", "float16", "float32", "float32"),
    ("float16", "float16", "float16", "float16", "float32"),
    ("int64", "float64", "float64", "float64", "float64"),
    ("uint8", "float32", "float32", "float32", "float64"),
    ("float32", "float64", "float32", "float32", "float64"),
    ("float32", "float32", "float64", "float32", "float64"),
]


@pytest.mark.parametrize(("x", "states", "parameters", "da", "result"), DTYPES)
@each_cell
def test_dtype_of_the_gradients_is_that_of_all_that_went_in(cell, x, states, parameters, da, result):
    """Small whole numbers, which each dtype holds. The forward pass may have been the narrower one's."""
    problem = make(cell, np.float64)

    def coarse(value, dtype):
        return np.round(np.abs(value) * 2).astype(dtype)

    problem = replace(
        problem,
        x=coarse(problem.x, x),
        initial=tuple(coarse(value, states) for value in problem.initial),
        parameters={key: (np.round(value * 8) / 8).astype(parameters) for key, value in problem.parameters.items()},
    )
    d = Incoming(coarse(incoming(problem.map(lambda v: v.astype("f8"))).da, da), ())
    zero = tuple(np.zeros(value.shape, np.float16) for value in problem.initial[1:])
    got = from_caches(cell, run_sequence(problem).caches, Incoming(d.da, zero))
    assert {value.dtype for value in got.values()} == {np.dtype(result)}
    rounded = {name: value.astype(np.float32) for name, value in got.items()}
    assert_gradients_close(rounded, gradients.chain(problem, d.da, zero), "saturated gradient against equations")
