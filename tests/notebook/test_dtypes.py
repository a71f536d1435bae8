"""Which dtype comes out of which dtypes, for arrays and scalars."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from problems import each_cell, make, run_cell, run_sequence, sequence_function

import cyrnn

#: what is given, in any place -> what is computed in and handed out
RESULT = {
    "float32": "float32",
    "float64": "float64",
    "float16": "float32",
    "bool": "float64",
    "int8": "float64",
    "uint16": "float64",
    "int64": "float64",
    "uint64": "float64",
}
#: two dtypes in one call
MIXED = [
    ("float32", "float64", "float64"),
    ("float16", "float32", "float32"),
    ("float16", "float64", "float64"),
    ("float32", "int8", "float64"),
    ("float32", "bool", "float64"),
    ("float16", "int64", "float64"),
    ("float16", "float16", "float32"),
]
REFUSED = [
    "complex64",
    "complex128",
    "object",
    "longdouble",
    "S8",
    "U8",
    "datetime64[s]",
    "timedelta64[s]",
    "V8",
]
if np.dtype(np.longdouble) == np.dtype(np.float64):
    REFUSED.remove("longdouble")  # no dtype of its own on this platform
POINTWISE = ["sigmoid", "tanh", "softmax"]


def of_type(dtype: str) -> np.ndarray:
    """Small whole numbers, which every dtype holds exactly."""
    return np.array([[0, 1, 1], [1, 0, 1]]).astype(dtype)


@pytest.mark.parametrize(("given", "result"), RESULT.items())
@pytest.mark.parametrize("name", POINTWISE)
def test_pointwise_dtype_follows_the_table(name, given, result):
    function = getattr(cyrnn, name)
    got = function(of_type(given))
    assert got.dtype == result
    np.testing.assert_array_equal(got, function(of_type(result)))


@pytest.mark.parametrize("given", [*RESULT, "python float", "python int", "python bool"])
@pytest.mark.parametrize("shape", ["scalar", "0-d"])
@pytest.mark.parametrize("name", POINTWISE)
def test_pointwise_scalar_gives_scalar(name, shape, given):
    x = {"python float": 1.0, "python int": 1, "python bool": True}.get(given)
    if x is None:
        x = np.dtype(given).type(1)
    if shape == "0-d":
        x = np.array(x)
    got = getattr(cyrnn, name)(x)
    assert isinstance(got, np.floating)
    assert got.dtype == RESULT.get(given, "float64")
    want = {"sigmoid": 1 / (1 + np.exp(-1.0)), "tanh": np.tanh(1.0), "softmax": 1.0}[name]
    assert abs(got - want) <= 2 * np.finfo(got.dtype).eps


@pytest.mark.parametrize(
    "shape", [(0,), (4,), (3, 0), (0, 3), (2, 3), (2, 3, 4), (2, 1, 3, 1, 2), (2,) * 9], ids=str
)
@pytest.mark.parametrize("name", POINTWISE)
def test_pointwise_any_dimensions_keep_shape(name, shape):
    x = np.random.RandomState(0).standard_normal(shape)
    got = getattr(cyrnn, name)(x)
    assert (got.shape, got.dtype) == (shape, np.float64)
    if name == "softmax":
        e = np.exp(x)
        want = e / e.sum(axis=0)
    else:
        want = np.tanh(x) if name == "tanh" else 1 / (1 + np.exp(-x))
    np.testing.assert_allclose(got, want, rtol=1e-14)


@pytest.mark.parametrize("given", REFUSED)
@pytest.mark.parametrize("name", POINTWISE)
def test_pointwise_other_dtypes_are_type_errors(name, given):
    with pytest.raises(TypeError, match=rf"^{name}: x .*has dtype "):
        getattr(cyrnn, name)(np.zeros((2, 3), given))


@pytest.mark.parametrize(("given", "result"), RESULT.items())
@each_cell
def test_sequence_dtype_follows_the_table(cell, given, result):
    problem = make(cell, np.float64).map(lambda value: np.rint(value).clip(0, 1).astype(given))
    run, want = run_sequence(problem), run_sequence(problem.map(lambda value: value.astype(result)))
    assert {value.dtype for value in (*run.states, run.y)} == {np.dtype(result)}
    np.testing.assert_array_equal(run.y, want.y)
    step = run_cell(problem)
    assert {value.dtype for value in (*step.states, step.y)} == {np.dtype(result)}


@pytest.mark.parametrize(("most", "one", "result"), MIXED)
@each_cell
def test_sequence_one_array_of_another_dtype_promotes(cell, most, one, result):
    """Wherever the one array stands; and its values are not rounded on the way."""
    problem = make(cell, np.float64).map(lambda value: np.rint(value).clip(0, 1).astype(most))
    places = range(len(problem.arrays))
    for place in places:
        turn = iter(places)
        mixed = remade(problem, lambda value: value.astype(one) if next(turn) == place else value)  # noqa: B023 - in its turn
        run = run_sequence(mixed)
        want = run_sequence(mixed.map(lambda value: value.astype(result)))
        assert {value.dtype for value in (*run.states, run.y)} == {np.dtype(result)}
        np.testing.assert_array_equal(run.y, want.y)


def remade(problem, change):
    """`problem.map` in the order of `problem.arrays`."""
    x = change(problem.x)
    initial = tuple(change(value) for value in problem.initial)
    return replace(
        problem, x=x, initial=initial, parameters={k: change(v) for k, v in problem.parameters.items()}
    )


@each_cell
def test_sequence_float64_states_with_float32_rest_lose_nothing(cell):
    problem = make(cell, np.float32)
    wide = tuple(value.astype(np.float64) + 1e-12 for value in problem.initial)
    with_it = run_sequence(replace(problem, initial=wide)).states[0]
    without = run_sequence(
        replace(problem, initial=tuple(v.astype(np.float64) for v in problem.initial))
    ).states[0]
    assert (with_it != without).any()


@pytest.mark.parametrize("given", REFUSED)
@each_cell
def test_sequence_other_dtypes_are_type_errors(cell, given):
    problem = make(cell, np.float64)
    name = f"{cell.function}_forward"
    with pytest.raises(TypeError, match=rf"^{name}: x .*has dtype "):
        run_sequence(replace(problem, x=np.zeros(problem.x.shape, given)))
    with pytest.raises(TypeError, match=rf"^{name}: a0 .*has dtype "):
        run_sequence(replace(problem, initial=(np.zeros((5, 10), given), *problem.initial[1:])))
    for key, value in problem.parameters.items():
        bad = {**problem.parameters, key: np.zeros(value.shape, given)}
        with pytest.raises(TypeError, match=rf'^{name}: parameters\["{key}"\] .*has dtype '):
            run_sequence(replace(problem, parameters=bad))


@each_cell
def test_sequence_python_lists_are_arrays(cell):
    problem = make(cell, np.float64)
    p = {key: value.tolist() for key, value in problem.parameters.items()}
    a = sequence_function(cell)(problem.x.tolist(), problem.initial[0].tolist(), p)[0]
    np.testing.assert_array_equal(
        a, sequence_function(cell)(problem.x, problem.initial[0], problem.parameters)[0]
    )
