"""`pack` with weights of int8 and int16: the notebook's forward functions against loops by hand and against floats."""

from __future__ import annotations

import copy
import pickle
from dataclasses import replace

import numpy as np
import pytest
import quantized_oracle
import refusals
from problems import CELLS, Problem, assert_same_values, each_cell, function_of, make, results, run_cell, run_sequence
from tolerances import assert_close

import cyrnn

KINDS = ("int8", "int16", "int16x2")
each_kind = pytest.mark.parametrize("kind", KINDS)
#: the cells that quantized_oracle.py has, and the keys of their matrices in torch's order, as it has them
ORDERS = {"rnn": "a", "lstm": "ifco", "gru": "rzc", "gru_after": "rzc"}
#: rms of the difference from floats, in a state of order one
RMS = {"int8": 2e-2, "int16": 1e-3, "int16x2": 1e-4}
RNN = CELLS[0]


def problem_of(cell, kind: str, **sizes: int) -> tuple[Problem, Problem]:
    """A problem, and the same with its parameters packed."""
    problem = make(cell, np.float32, **sizes)
    return problem, replace(problem, parameters=cyrnn.pack(problem.parameters, weights=kind))


def by_hand(problem: Problem, kind: str) -> list[np.ndarray]:
    """The states (n_a, m, T) that loops come to."""
    cell, p = problem.cell, problem.parameters
    n, gates = len(problem.initial[0]), ORDERS[cell.name]
    b_x = np.concatenate([p[f"b{gate}"] for gate in gates])[:, 0]
    b_a = np.concatenate([np.zeros((2 * n, 1)), p["bca"]])[:, 0] if "bca" in p else np.zeros(len(b_x))
    if cell.stacked:  # a scale is that of a row for [a_prev, xt]
        whole = quantized_oracle.Matrix(np.concatenate([p[f"W{gate}"] for gate in gates]), kind)
        W, R = whole.columns(n, None), whole.columns(0, n)
    else:
        W, R = p["Wax"], p["Waa"]
    layer = quantized_oracle.Layer(cell.name, kind, W, R, b_x, b_a)
    found = []
    for column in range(problem.x.shape[1]):
        h, *c = (state[:, column].tolist() for state in problem.initial)
        steps = []
        for x_t in problem.x[:, column].T:
            _, h, *c = layer.run([x_t], h, *c)
            steps.append([h, *c])
        found.append(steps)
    states = [[[step[i] for step in steps] for steps in found] for i in range(len(cell.states))]
    return [np.array(state).transpose(2, 0, 1) for state in states]  # of (m, T, n_a)


@each_kind
@pytest.mark.parametrize("cell", [cell for cell in CELLS if cell.name in ORDERS], ids=lambda cell: cell.name)
def test_states_are_those_of_loops_and_the_head_that_of_floats(cell, kind):
    problem, packed = problem_of(cell, kind)
    run = run_sequence(packed)
    for got, want in zip(run.states, by_hand(problem, kind), strict=True):
        # a state of 15 bits that is near a half is rounded either way
        assert_close(got, want, f"{'stack of ' * (kind == 'int16x2')}integer weights against oracle")
    p = problem.parameters
    z = np.einsum("ya,amt->ymt", p[cell.W_y].astype(float), run.states[0]) + p[cell.b_y][:, :, None]
    assert_close(run.y, np.exp(z) / np.exp(z).sum(axis=0), "sequence against oracle")


@each_kind
@each_cell
@pytest.mark.parametrize("sizes", [{}, {"n_a": 40, "n_x": 70, "m": 1, "T_x": 30}, {"n_x": 0}], ids=["few", "more", "0"])
def test_states_are_near_those_of_floats(cell, kind, sizes):
    problem, packed = problem_of(cell, kind, **sizes)
    for got, want in zip(run_sequence(packed).states, run_sequence(problem).states, strict=True):
        assert got.dtype == np.float32
        error = np.sqrt(np.mean((got - want) ** 2))
        assert error < RMS[kind]
        assert error > 0 or not (problem.x.size or any(gate.W_a for gate in cell.gates))  # no product, nothing rounded


@each_kind
@each_cell
def test_step_and_sequence_and_each_column_have_the_same_bits(cell, kind):
    _, packed = problem_of(cell, kind, n_a=17, m=5)
    run = run_sequence(packed)
    previous = packed.initial
    for t in range(packed.x.shape[2]):
        step = run_cell(packed, t, previous)
        assert_same_values(step.states, [state[:, :, t] for state in run.states])
        assert_same_values([step.y], [run.y[:, :, t]])
        previous = step.states
    for k in range(5):
        alone = run_sequence(packed.columns(slice(k, k + 1)))
        assert_same_values(alone.states, [state[:, k : k + 1] for state in run.states])


@each_kind
@each_cell
def test_caches_are_as_those_of_floats(cell, kind):
    """Of the same form, with the pack in them; results without them have the same bits."""
    problem, packed = problem_of(cell, kind)
    run, floats, without = run_sequence(packed), run_sequence(problem), run_sequence(packed, return_caches=False)
    assert without.caches is None
    assert_same_values([*without.states, without.y], [*run.states, run.y])
    assert all(cache[-1] is packed.parameters for cache in run.caches[0])
    for got, want in zip(results(run), results(floats), strict=True):
        assert got.shape == want.shape
        assert np.sqrt(np.mean((got - want) ** 2)) < 2 * RMS[kind]


@each_kind
@each_cell
def test_backward_says_that_integers_are_not_trained(cell, kind):
    _, packed = problem_of(cell, kind)
    run, step = run_sequence(packed), run_cell(packed)
    said = f"parameters has {kind} weights, which are not trained: train in float32, then quantise"
    ones = np.ones_like(packed.initial[0])
    for name, do in (
        ("backward", lambda: function_of(cell, "backward")(np.ones_like(run.states[0]), run.caches)),
        ("cell_backward", lambda: function_of(cell, "cell_backward")(*[ones] * len(cell.states), step.cache)),
    ):
        with pytest.raises(TypeError, match="not trained") as caught:
            do()
        assert str(caught.value) == f"{cell.function}_{name}: {said}"


@each_kind
@each_cell
@pytest.mark.parametrize("value", [np.nan, np.inf], ids=str)
def test_what_is_not_finite_stays_and_in_its_column(cell, kind, value):
    _, packed = problem_of(cell, kind)
    want = run_sequence(packed)
    x = packed.x.copy()
    x[1, 2, 1] = value
    run = run_sequence(replace(packed, x=x))
    others = [k for k in range(x.shape[1]) if k != 2]
    assert np.isnan(run.states[0][:, 2, 1:]).all()
    assert_same_values([state[:, others] for state in run.states], [state[:, others] for state in want.states])


# ---- the pack ----------------------------------------------------------------------------------------------------


@each_kind
@each_cell
def test_pack_says_its_kind_and_holds_what_was_given(cell, kind):
    problem, packed = problem_of(cell, kind)
    found = packed.parameters
    assert repr(found) == f"<cyrnn parameters packed for {cell.name}: {kind}, n_x = 3, n_a = 5, n_y = 2>"
    assert list(found) == list(problem.parameters)
    assert_same_values(found.values(), problem.parameters.values())


@each_kind
@each_cell
@pytest.mark.parametrize("how", [copy.copy, copy.deepcopy, lambda p: pickle.loads(pickle.dumps(p))], ids=range(3))
def test_copy_is_as_good(cell, kind, how):
    _, packed = problem_of(cell, kind)
    again = replace(packed, parameters=how(packed.parameters))
    assert repr(again.parameters) == repr(packed.parameters)
    assert_same_values(run_sequence(again).states, run_sequence(packed).states)


@each_cell
def test_what_is_packed_is_packed_in_another_kind(cell):
    parameters = make(cell, np.float32).parameters
    floats = cyrnn.pack(parameters)
    found = cyrnn.pack(floats, weights="int8")
    assert ": int8, " in repr(found)
    assert cyrnn.pack(found) is found
    assert cyrnn.pack(found, weights=np.int8) is found
    assert repr(cyrnn.pack(dict(found))) == repr(floats)
    assert_same_values(cyrnn.pack(dict(found)).values(), floats.values())
    assert ": int16, " in repr(cyrnn.pack(found, weights="int16"))
    planes = cyrnn.pack(found, weights="int16x2")
    assert ": int16x2, " in repr(planes)
    assert cyrnn.pack(planes, weights="int16x2") is planes is not cyrnn.pack(planes, weights="int16")


@each_kind
def test_pack_is_a_snapshot_and_needs_no_head(kind):
    problem = make(RNN, np.float32)
    parameters = {key: value for key, value in problem.parameters.items() if key not in RNN.head}
    packed = cyrnn.pack(parameters, weights=kind)
    want = cyrnn.rnn_forward(problem.x, problem.initial[0], packed)
    assert want[1].shape == (0, 10, 4)
    parameters["Wax"][...] = 0
    assert_same_values(cyrnn.rnn_forward(problem.x, problem.initial[0], packed)[:1], want[:1])


@each_kind
def test_row_of_zeros_and_one_unit(kind):
    problem = make(RNN, np.float32, n_a=1)
    problem.parameters["Wax"][...] = problem.parameters["Waa"][...] = 0
    packed = cyrnn.pack(problem.parameters, weights=kind)
    a = cyrnn.rnn_forward(problem.x, problem.initial[0], packed)[0]
    assert_close(a, np.full_like(a, np.tanh(problem.parameters["ba"][0, 0])), "sequence against oracle")


@each_kind
def test_states_may_be_numbers_and_odd_layouts(kind):
    problem, packed = problem_of(RNN, kind)
    want = cyrnn.rnn_forward(problem.x, np.zeros_like(problem.initial[0]), packed.parameters)
    odd = np.asfortranarray(problem.x).astype(">f4")
    assert_same_values(cyrnn.rnn_forward(odd, 0, packed.parameters)[:2], want[:2])


def changed(**arrays) -> dict:
    return make(RNN, np.float32).parameters | arrays


CURE = (
    "with int8 weights the results are float32; "
    "{key: value.astype(np.float32) for key, value in parameters.items()} rounds them first"
)
X, A0 = np.ones((3, 10, 4), np.float32), np.zeros((5, 10), np.float32)
#: what is done -> the class of the error and its sentence
SENTENCES = {
    "no kind": (
        lambda: cyrnn.pack(changed(), weights="int4"),
        TypeError,
        "pack: weights is 'int4', expected 'int8', 'int16' or 'int16x2': 8 bits are the fewest, and more "
        "than 16 would be no more exact than floats",
    ),
    "floats": (
        lambda: cyrnn.pack(cyrnn.pack(changed(), weights="int8"), weights="float32"),
        TypeError,
        "pack: weights is 'float32', expected 'int8', 'int16' or 'int16x2': floats are what pack(parameters) is "
        "of, and pack(dict(packed)) of what is packed as integers",
    ),
    "float64": (
        lambda: cyrnn.pack(changed(Waa=np.eye(5)), weights="int8"),
        TypeError,
        f'pack: parameters["Waa"] is float64, expected float32: {CURE}',
    ),
    "whole numbers": (
        lambda: cyrnn.pack(changed(Waa=np.eye(5, dtype=int)), weights="int8"),
        TypeError,
        f'pack: parameters["Waa"] is int64 (computed in float64), expected float32: {CURE}',
    ),
    "nan": (
        lambda: cyrnn.pack(changed(Waa=np.full((5, 5), np.nan, np.float32)), weights="int16"),
        ValueError,
        'pack: parameters["Waa"][0, 0] is nan, expected finite numbers: int16 has no other',
    ),
    "infinite bias": (
        lambda: cyrnn.pack(changed(ba=np.full((5, 1), -np.inf, np.float32)), weights="int8"),
        ValueError,
        'pack: parameters["ba"][0, 0] is -inf, expected finite numbers: int8 has no other',
    ),
    "another shape": (
        lambda: cyrnn.pack(changed(Waa=np.zeros((5, 4), np.float32)), weights="int8"),
        ValueError,
        'pack: parameters["Waa"] has shape (5, 4), expected (n_a, n_a) = (5, 5): n_a = 5 from parameters["Wax"]',
    ),
    "x of float64": (
        lambda: cyrnn.rnn_forward(X.astype(float), A0, cyrnn.pack(changed(), weights="int8")),
        TypeError,
        "rnn_forward: x has dtype float64, expected float32: parameters is packed in float32; "
        "np.asarray(x, np.float32)",
    ),
    "state of integers": (
        lambda: cyrnn.rnn_forward(X, A0.astype(np.int8), cyrnn.pack(changed(), weights="int8")),
        TypeError,
        "rnn_forward: a0 has dtype int8 (computed in float64), expected float32: parameters is packed in float32; "
        "np.asarray(a0, np.float32)",
    ),
    "x of other features": (
        lambda: cyrnn.rnn_forward(X[:2], A0, cyrnn.pack(changed(), weights="int8")),
        ValueError,
        'rnn_forward: parameters["Wax"] has shape (5, 3), expected (n_a, n_x) = (5, 2): n_a = 5 from '
        'parameters["Wax"], n_x = 2 from x',
    ),
    "another cell": (
        lambda: cyrnn.lstm_forward(X, A0, cyrnn.pack(changed(), weights="int8")),
        KeyError,
        "lstm_forward: parameters is packed for the cell rnn, expected one packed for lstm",
    ),
}
test_error_says_what_was_got_and_wanted = refusals.each_of(SENTENCES)


def test_float16_is_taken_as_float32():
    parameters = {key: value.astype(np.float16) for key, value in changed().items()}
    a = cyrnn.rnn_forward(X, A0, cyrnn.pack(parameters, weights="int8"))[0]
    assert a.dtype == np.float32
