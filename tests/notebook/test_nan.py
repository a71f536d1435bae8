"""nan and inf go where IEEE says, stay in their column and raise no warning (warnings are errors here)."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import oracle
import pytest
from problems import assert_same_bits, each_cell, each_dtype, make, results, run_cell, run_sequence

import cyrnn

COLUMN = 3
SPECIAL = [np.nan, np.inf, -np.inf]
each_special = pytest.mark.parametrize("special", SPECIAL, ids=["nan", "inf", "-inf"])


def with_special(array, place, value):
    array = array.copy()
    array[place] = value
    return array


def others(arrays) -> list:
    """All columns but one; the batch is axis 1 everywhere."""
    return [np.delete(value, COLUMN, axis=1) for value in arrays]


@each_special
@pytest.mark.parametrize("m", [4, 10, 17])
@each_dtype
@each_cell
def test_special_in_x_stays_in_its_column(cell, dtype, special, m):
    problem = make(cell, dtype, m=m, T_x=5)
    hit = replace(problem, x=with_special(problem.x, (1, COLUMN, 2), special))
    run, clean = run_sequence(hit), run_sequence(problem)
    assert_same_bits(others(results(run)), others(results(clean)))
    for got, want in zip((*run.states, run.y), (*clean.states, clean.y), strict=True):
        assert_same_bits([got[:, COLUMN, :2]], [want[:, COLUMN, :2]])  # nor does it travel back in time


@each_special
@each_dtype
@each_cell
def test_special_in_a_state_stays_in_its_column(cell, dtype, special):
    problem = make(cell, dtype)
    for place in range(len(problem.initial)):
        initial = list(problem.initial)
        initial[place] = with_special(initial[place], (2, COLUMN), special)
        hit = replace(problem, initial=tuple(initial))
        assert_same_bits(others(results(run_sequence(hit))), others(results(run_sequence(problem))))
        got, want = run_cell(hit), run_cell(problem)
        assert_same_bits(others([*got.states, got.y]), others([*want.states, want.y]))


@each_special
@pytest.mark.parametrize("where", ["x", "a0", "last-state"])
@each_dtype
@each_cell
def test_special_in_a_column_follows_equations(cell, dtype, special, where):
    """nan and inf appear in the oracle's places and in no other; what stays finite has its value."""
    problem = make(cell, dtype, T_x=5)
    if where == "x":
        hit = replace(problem, x=with_special(problem.x, (1, COLUMN, 2), special))
    else:
        initial = list(problem.initial)
        place = 0 if where == "a0" else -1
        initial[place] = with_special(initial[place], (2, COLUMN), special)
        hit = replace(problem, initial=tuple(initial))
    states, y = oracle.sequence(hit)
    run = run_sequence(hit)
    for got, want in zip((*run.states, run.y), (*states, y), strict=True):
        np.testing.assert_array_equal(np.isnan(got), np.isnan(want))
        np.testing.assert_allclose(got, want.astype(dtype), rtol=0, atol=128 * np.finfo(dtype).eps)
    if np.isnan(special):
        assert np.isnan(run.y[:, COLUMN]).any()


@each_dtype
@each_cell
def test_nan_in_a_column_is_kept_from_then_on(cell, dtype):
    problem = make(cell, dtype, T_x=5)
    run = run_sequence(replace(problem, x=with_special(problem.x, (1, COLUMN, 2), np.nan)))
    for value in (*run.states, run.y):
        assert np.isnan(value[:, COLUMN, 2:]).all()
        assert np.isfinite(value[:, COLUMN, :2]).all()


@each_special
@each_dtype
@each_cell
def test_special_in_parameters_raises_no_warning(cell, dtype, special):
    problem = make(cell, dtype)
    for key, value in problem.parameters.items():
        hit = replace(problem, parameters={**problem.parameters, key: with_special(value, (0, 0), special)})
        with np.errstate(all="raise"):
            run = run_sequence(hit)
            cell_run = run_cell(hit)
        np.testing.assert_array_equal(np.isnan(run.y[:, :, 0]), np.isnan(cell_run.y))


@each_dtype
@each_cell
def test_extremes_of_the_dtype_raise_no_warning(cell, dtype):
    """Largest, smallest and subnormal numbers, under a user's strictest settings."""
    info = np.finfo(dtype)
    for extreme in (info.max, -info.max, info.tiny, info.smallest_subnormal):
        problem = make(cell, dtype)
        with np.errstate(all="raise"):
            run = run_sequence(replace(problem, x=np.full_like(problem.x, extreme)))
        assert not np.isnan(run.y).any() or abs(extreme) > 1


@each_dtype
@pytest.mark.parametrize("name", ["sigmoid", "tanh", "softmax"])
def test_pointwise_specials_stay_in_their_column_without_warning(name, dtype):
    function = getattr(cyrnn, name)
    x = np.random.RandomState(0).standard_normal((6, 9)).astype(dtype)
    info = np.finfo(dtype)
    for special in (*SPECIAL, info.max, -info.max, info.tiny, info.smallest_subnormal):
        hit = with_special(x, (2, COLUMN), special)
        with np.errstate(all="raise"):
            got = function(hit)
        assert_same_bits(others([got]), others([function(x)]))
    assert np.isnan(function(with_special(x, (2, COLUMN), np.nan))[2, COLUMN])


@pytest.mark.parametrize(
    ("column", "want"),
    [
        ([-np.inf, 0.0], [0, 1]),
        ([1e4, 0.0], [1, 0]),
        ([-1e4, -1e4], [0.5, 0.5]),
        ([np.inf, 0.0], [np.nan, np.nan]),
        ([-np.inf, -np.inf], [np.nan, np.nan]),
        ([np.nan, 0.0], [np.nan, np.nan]),
    ],
    ids=str,
)
@each_dtype
def test_softmax_column_at_the_limits_is_as_ieee_says(column, want, dtype):
    got = cyrnn.softmax(np.array(column, dtype))
    np.testing.assert_array_equal(got, np.array(want, dtype))
    assert got.dtype == dtype
