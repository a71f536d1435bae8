"""Whatever is passed: an exception or a right answer, never a crash, a hang or a change of it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hostile import EXPECTED, HUGE, Interface, each_hostile
from interpreter import run_python
from problems import cell_function, each_cell, make, run_cell, run_sequence

import cyrnn


@pytest.mark.parametrize("name", ["sigmoid", "tanh", "softmax"])
@each_hostile
def test_pointwise_hostile_object_is_an_error(name, value):
    with pytest.raises(EXPECTED):
        getattr(cyrnn, name)(value)


@each_hostile
@each_cell
def test_forward_hostile_object_anywhere_is_an_error(cell, value):
    problem = make(cell, np.float64)
    with pytest.raises(EXPECTED):
        run_sequence(replace(problem, x=value))
    for place in range(len(problem.initial)):
        initial = list(problem.initial)
        initial[place] = value
        wrong = replace(problem, initial=tuple(initial))
        with pytest.raises(EXPECTED):
            run_cell(wrong)
        if place == 0 or value is not None:  # c0=None is how zeros are asked for
            with pytest.raises(EXPECTED):
                run_sequence(wrong)
    for key in problem.parameters:
        for call in (run_sequence, run_cell):
            with pytest.raises(EXPECTED):
                call(replace(problem, parameters={**problem.parameters, key: value}))
        with pytest.raises(EXPECTED):
            cyrnn.pack({**problem.parameters, key: value})


@each_hostile
@each_cell
def test_forward_hostile_parameters_are_an_error(cell, value):
    problem = make(cell, np.float64)
    for call in (run_sequence, run_cell):
        with pytest.raises(TypeError):
            call(replace(problem, parameters=value))
    with pytest.raises(TypeError):
        cyrnn.pack(value)


@each_hostile
def test_adam_hostile_values_are_an_error_and_change_nothing(value):
    good = {"W": np.ones((2, 3)), "b": np.ones(2)}
    grads = {"dW": np.ones((2, 3)), "db": np.ones(2)}
    with pytest.raises(EXPECTED):
        cyrnn.initialize_adam({**good, "b": value})
    for place in range(4):
        given = [dict(good), dict(grads), *cyrnn.initialize_adam(good)]
        given[place]["db" if place else "b"] = value
        before = [dict(d) for d in given]
        with pytest.raises(EXPECTED):
            cyrnn.update_parameters_with_adam(*given, 1)
        for after, kept in zip(given, before, strict=True):
            assert all(after[key] is kept[key] for key in kept)


@pytest.mark.parametrize("t", [10**400, np.float64(3), np.int8(3), np.array(3), True], ids=repr)
def test_adam_unusual_but_whole_t_is_taken(t):
    p = {"W": np.ones(2)}
    cyrnn.update_parameters_with_adam(p, {"dW": np.ones(2)}, *cyrnn.initialize_adam(p), t)
    assert np.isfinite(p["W"]).all()


@each_cell
def test_forward_array_interface_of_others_is_an_array(cell):
    problem = make(cell, np.float64)
    run = run_sequence(problem.map(Interface))
    np.testing.assert_array_equal(run.y, run_sequence(problem).y)


@each_cell
@pytest.mark.parametrize("axis", ["n_x", "m", "T_x"])
def test_forward_claimed_huge_sizes_are_an_error(cell, axis):
    """Stride 0 lets an array of one element claim any shape: too much memory is asked for, and refused."""
    sizes = {"n_x": 3, "m": 10, "T_x": 4, axis: HUGE}
    problem = make(cell, np.float64)
    x = np.broadcast_to(0.5, tuple(sizes.values()))
    initial = tuple(np.broadcast_to(0.5, (5, sizes["m"])) for _ in problem.initial)
    with pytest.raises((MemoryError, ValueError)):
        run_sequence(replace(problem, x=x, initial=initial))
    with pytest.raises((MemoryError, ValueError)):
        run_sequence(replace(problem, x=x, initial=initial), return_caches=False)
    if axis != "T_x":
        with pytest.raises((MemoryError, ValueError)):
            cell_function(cell)(x[:, :, 0], *initial, problem.parameters)


@each_cell
def test_pack_claimed_huge_parameters_are_an_error(cell):
    sizes = {"n_a": 5, "n_x": HUGE, "n_y": 2}
    parameters = {
        key: np.broadcast_to(0.5, tuple(eval(size, {}, sizes) for size in shape))
        for key, shape in cell.shapes.items()
    }
    with pytest.raises((MemoryError, ValueError)):
        cyrnn.pack(parameters)


@pytest.mark.parametrize("name", ["sigmoid", "tanh", "softmax"])
def test_pointwise_claimed_huge_size_is_an_error(name):
    with pytest.raises((MemoryError, ValueError)):
        getattr(cyrnn, name)(np.broadcast_to(0.5, (3, 64 * HUGE)))


@each_cell
@pytest.mark.parametrize(
    "sizes", [{"n_a": 0}, {"n_y": 0}, {"n_a": 0, "n_x": 0, "n_y": 0, "m": 0, "T_x": 0}], ids=str
)
def test_forward_no_units_at_all_gives_empty_results(cell, sizes):
    problem = make(cell, np.float64, **sizes)
    run = run_sequence(problem)
    n_a, m = problem.initial[0].shape
    assert {value.shape for value in run.states} == {(n_a, m, problem.x.shape[2])}
    assert run.y.shape == (len(problem.parameters[cell.b_y]), m, problem.x.shape[2])
    if run.y.size:
        np.testing.assert_allclose(run.y.sum(axis=0), 1)


NO_COLUMNS = """
import numpy as np
import {module} as cyrnn
x = np.zeros((3, 0, 2**40))
p = {{key: np.zeros(shape) for key, shape in {shapes}.items()}}
out = cyrnn.{name}(x, np.zeros((5, 0)), p, return_caches=False, **{keywords})
print(*[value.shape for value in out[:-1]], sep="; ")
"""


@each_cell
def test_forward_endless_sequence_of_no_columns_does_not_hang(cell):
    """2**40 steps of an empty batch are no work at all."""
    shapes = {key: value.shape for key, value in make(cell, np.float64).parameters.items()}
    name = f"{cell.function}_forward"
    code = NO_COLUMNS.format(module="cyrnn", shapes=shapes, name=name, keywords=cell.keywords)
    done = run_python("-c", code, seconds=30)
    assert done.stdout.strip().split("; ")[0] == f"(5, 0, {2**40})", done.stderr


@each_cell
def test_forward_results_as_inputs_are_taken(cell):
    """Views with the layout of results, read back: last states start the next run, y is an input."""
    problem = make(cell, np.float64, n_y=3)
    run = run_sequence(problem)
    again = replace(problem, x=run.y, initial=tuple(state[:, :, -1] for state in run.states))
    plain = again.map(np.ascontiguousarray)
    np.testing.assert_allclose(run_sequence(again).y, run_sequence(plain).y, rtol=1e-14)


@each_cell
def test_forward_one_array_everywhere_is_taken(cell):
    """The same memory as a0, c0 and every square weight: inputs may overlap each other."""
    n = 4
    shared = np.random.RandomState(0).standard_normal((n, 2 * n)) / 4
    problem = make(cell, np.float64, n_x=n, n_a=n, n_y=n, m=n, T_x=2)
    views = {key: shared[: value.shape[0], : value.shape[1]] for key, value in problem.parameters.items()}
    x = np.stack([shared[:, :n], shared[:, :n]], axis=2)
    aliased = replace(problem, parameters=views, x=x, initial=(shared[:, :n],) * len(problem.initial))
    want = run_sequence(aliased.map(np.copy))
    np.testing.assert_allclose(run_sequence(aliased).y, want.y, rtol=1e-14)
