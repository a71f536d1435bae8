"""Whatever caches and gradients come in, and in whatever layout: what the notebook's loop would read is read."""

from __future__ import annotations

import hashlib
from dataclasses import replace

import gradients
import numpy as np
import pytest
from backward import (
    Incoming,
    assert_same_gradients,
    by_hand,
    cell_backward,
    from_caches,
    incoming,
    run_backward,
    run_cell_backward,
    sequence_backward,
    weight_keys,
)
from layouts import LAYOUTS
from problems import assert_same_bits, each_cell, each_dtype, make, run_cell, run_sequence, sequence_function
from tolerances import assert_gradients_close

import cyrnn

each_layout = pytest.mark.parametrize("layout", LAYOUTS)
SIZES = [{}, {"m": 1}, {"m": 17, "n_a": 16, "n_x": 33}]
each_size = pytest.mark.parametrize("sizes", SIZES, ids=["notebook", "m1", "large"])


def entries(cell, caches) -> list:
    """Every array that a backward pass may read, without those of the parameters."""
    return [entry for step in caches[0] for entry in step[:-1]]


def fingerprint(arrays) -> list[str]:
    return [hashlib.sha256(np.ascontiguousarray(np.asarray(value)).tobytes()).hexdigest() for value in arrays]


# ---- layouts ----


@each_layout
@each_size
@each_dtype
@each_cell
def test_layout_of_what_arrives_leaves_gradients_alone(cell, dtype, sizes, layout):
    problem = make(cell, dtype, **sizes)
    d, caches = incoming(problem), run_sequence(problem).caches
    changed = d.map(LAYOUTS[layout])
    assert_same_gradients(from_caches(cell, caches, changed), from_caches(cell, caches, d))
    cache = run_cell(problem).cache
    arrived = (d.da[:, :, 0].copy(), *d.last)
    got = cell_backward(cell)(*map(LAYOUTS[layout], arrived), cache)
    assert_same_gradients(got, cell_backward(cell)(*arrived, cache))


@each_layout
@each_dtype
@each_cell
def test_layout_of_every_entry_of_the_caches_leaves_gradients_alone(cell, dtype, layout):
    problem = make(cell, dtype, m=7)
    d, caches = incoming(problem), run_sequence(problem).caches
    steps, x = by_hand(caches, lambda entry: LAYOUTS[layout](np.array(entry)))
    parameters = {key: LAYOUTS[layout](value) for key, value in problem.parameters.items()}
    steps = [(*step[:-1], parameters) for step in steps]
    assert_same_gradients(from_caches(cell, (steps, LAYOUTS[layout](x)), d), from_caches(cell, caches, d))
    arrived = (d.da[:, :, 0], *d.last)
    got, want = (cell_backward(cell)(*arrived, cache) for cache in (steps[0], caches[0][0]))
    assert_same_gradients(got, want)


@each_layout
@each_cell
def test_layout_of_what_forward_got_leaves_gradients_alone(cell, layout):
    """Forward keeps the caller's x and states in its caches as they are: byte-swapped, strided, subclasses."""
    problem = make(cell, np.float64, m=7)
    d = incoming(problem)
    changed = problem.map(LAYOUTS[layout])
    assert_same_gradients(run_backward(changed, d), run_backward(problem, d))
    assert_same_gradients(run_cell_backward(changed, d), run_cell_backward(problem, d))


@each_cell
def test_lists_in_place_of_arrays_are_read(cell):
    """x and a0 as nested lists end in the caches as such; da may be one too."""
    problem = make(cell, np.float64, m=3)
    d = incoming(problem)
    zeros = tuple(np.zeros_like(value) for value in problem.initial[1:])
    want = run_backward(replace(problem, initial=(problem.initial[0], *zeros)), d)
    parameters = {key: value.tolist() for key, value in problem.parameters.items()}
    *_, caches = sequence_function(cell)(problem.x.tolist(), problem.initial[0].tolist(), parameters)
    assert_same_gradients(from_caches(cell, caches, d.map(np.ndarray.tolist)), want)


@each_layout
@each_dtype
@each_cell
def test_inputs_after_a_call_are_unchanged(cell, dtype, layout):
    problem = make(cell, dtype, m=7).map(LAYOUTS[layout])
    d = incoming(make(cell, dtype, m=7)).map(LAYOUTS[layout])
    caches = run_sequence(problem).caches
    steps = list(caches[0])
    arrays = [*problem.arrays, d.da, *d.last, *entries(cell, caches)]
    before, keys = fingerprint(arrays), dict(problem.parameters)
    from_caches(cell, caches, d)
    from_caches(cell, by_hand(caches), d)
    cell_backward(cell)(d.da[:, :, 0], *d.last, steps[0])
    assert fingerprint(arrays) == before
    assert all(now is then for now, then in zip(caches[0], steps, strict=True))
    assert caches[1] is problem.x
    assert problem.parameters.keys() == keys.keys()
    assert all(problem.parameters[key] is value for key, value in keys.items())


@each_dtype
@each_cell
def test_results_share_no_memory_with_anything(cell, dtype):
    """Not with what went in, not with the caches, and not with each other: a trainer may scale them in place."""
    for m in (1, 7):
        problem = make(cell, dtype, m=m)
        d, caches = incoming(problem), run_sequence(problem).caches
        given = [*problem.arrays, d.da, *d.last, *entries(cell, caches)]
        step = cell_backward(cell)(d.da[:, :, 0], *d.last, caches[0][0])
        for results in (from_caches(cell, caches, d), step):
            for name, value in results.items():
                assert value.flags.writeable, name
                assert not any(np.shares_memory(value, other) for other in given), name
                others = [other for key, other in results.items() if key != name]
                assert not any(np.shares_memory(value, other) for other in others), name


# ---- which caches ----


@each_dtype
@each_cell
def test_caches_of_a_part_of_the_sequence_are_enough(cell, dtype):
    """Truncated back-propagation: slices of the list, ours or rebuilt, are caches too."""
    problem = make(cell, dtype, m=7, T_x=6)
    steps, x = run_sequence(problem).caches
    for first, last in [(0, 3), (2, 6), (5, 6), (1, 4)]:
        part = steps[first:last], x[:, :, first:last]
        initial = tuple(
            np.ascontiguousarray(dict(zip(cell.cache, steps[first], strict=True))[f"{state}_prev"])
            for state in cell.states
        )
        alone = replace(problem, x=part[1].copy(), initial=initial)
        d = incoming(alone)
        got = from_caches(cell, part, d)
        assert_same_gradients(got, run_backward(alone, d))
        assert_same_gradients(got, from_caches(cell, by_hand(part), d))


@each_cell
def test_caches_of_cell_calls_are_caches_of_a_sequence(cell):
    problem = make(cell, np.float64, m=7)
    steps, previous = [], problem.initial
    for t in range(4):
        step = run_cell(problem, t, previous)
        previous = step.states
        steps.append(step.cache)
    d = incoming(problem)
    assert_same_gradients(from_caches(cell, (steps, problem.x), d), run_backward(problem, d))


@each_cell
def test_caches_of_a_sequence_are_caches_of_cell_calls(cell):
    problem = make(cell, np.float64, m=7)
    caches, d = run_sequence(problem).caches, incoming(problem)
    for t, cache in enumerate(caches[0]):
        entry = dict(zip(cell.cache, cache, strict=True))
        alone = replace(
            problem,
            x=np.ascontiguousarray(entry["xt"])[:, :, None],
            initial=tuple(np.ascontiguousarray(entry[f"{state}_prev"]) for state in cell.states),
        )
        arrived = Incoming(d.da[:, :, t:], d.last)
        got = cell_backward(cell)(arrived.da[:, :, 0], *arrived.last, cache)
        assert_same_gradients(got, run_cell_backward(alone, arrived))


@each_cell
def test_our_caches_edited_are_read_as_edited(cell):
    """The list is the caller's: an entry put there, whole or in part, counts, not what forward had left."""
    problem, other = make(cell, np.float64, m=7), make(cell, np.float64, m=7, seed=5)
    d = incoming(problem)
    unedited = run_backward(problem, d)
    foreign = run_sequence(other).caches[0]
    for t in range(4):
        caches = run_sequence(problem).caches
        caches[0][t] = (*foreign[t][:-1], problem.parameters)
        got = from_caches(cell, caches, d)
        assert_same_gradients(got, from_caches(cell, by_hand(caches), d))
        assert any((got[name] != unedited[name]).any() for name in got)
    for place in range(len(cell.cache) - 1):
        caches = run_sequence(problem).caches
        steps = caches[0]
        steps[2] = (*steps[2][:place], np.array(foreign[2][place]), *steps[2][place + 1 :])
        assert_same_gradients(from_caches(cell, caches, d), from_caches(cell, by_hand(caches), d))


@each_cell
def test_our_caches_in_another_order_are_read_in_that_order(cell):
    problem = make(cell, np.float64, m=7)
    d = incoming(problem)
    steps, x = run_sequence(problem).caches
    turned = steps[::-1], x[:, :, ::-1]
    assert_same_gradients(from_caches(cell, turned, d), from_caches(cell, by_hand(turned), d))
    twice = [steps[1]] * 4, x[:, :, [1] * 4]
    assert_same_gradients(from_caches(cell, twice, d), from_caches(cell, by_hand(twice), d))


@each_cell
def test_our_caches_written_to_are_read_as_written(cell):
    """Entries are views of the results: what the caller writes there is what the notebook's loop would see."""
    problem = make(cell, np.float64, m=7)
    d, run = incoming(problem), run_sequence(problem)
    run.states[0][2, 3, 1] = 0.25
    run.caches[0][2][0][1, 1] = -0.25
    assert_same_gradients(from_caches(cell, run.caches, d), from_caches(cell, by_hand(run.caches), d))


@each_cell
def test_caches_mixed_of_two_runs_are_read_entry_by_entry(cell):
    """Our own views all of them, of two blocks of memory."""
    problem, other = make(cell, np.float64, m=7), make(cell, np.float64, m=7, seed=5)
    d = incoming(problem)
    one, two = (run_sequence(p).caches[0] for p in (problem, replace(other, parameters=problem.parameters)))
    mixed = [one[0], two[1], one[2], two[3]], problem.x
    assert_same_gradients(from_caches(cell, mixed, d), from_caches(cell, by_hand(mixed), d))


@each_cell
def test_parameters_changed_between_forward_and_backward_are_read_when_called(cell):
    """The cache holds the caller's dict: the notebook's loop finds there what is there now."""
    problem = make(cell, np.float64, m=7)
    d, caches = incoming(problem), run_sequence(problem).caches
    before = from_caches(cell, caches, d)
    changed = {key: value * 2 for key, value in problem.parameters.items()}
    rebuilt = [(*step[:-1], changed) for step in by_hand(caches)[0]], caches[1]
    for key, value in changed.items():
        problem.parameters[key][...] = value
    got = from_caches(cell, caches, d)
    assert_same_gradients(got, from_caches(cell, rebuilt, d))
    assert (got["dx"] != before["dx"]).any()


@each_dtype
@each_cell
def test_caches_outlive_the_names_of_what_forward_got(cell, dtype):
    """Forward's x, states and results are gone: the caches keep what backward needs."""
    want = run_backward(make(cell, dtype, m=7))
    caches = run_sequence(make(cell, dtype, m=7)).caches
    scratch = [np.full((5, 7, 4), np.nan, dtype) for _ in range(50)]
    del scratch
    assert_same_gradients(from_caches(cell, caches, incoming(make(cell, dtype, m=7))), want)


@each_cell
def test_weights_of_the_head_take_no_part(cell):
    """Their gradients are not asked for: nan there reaches nothing."""
    problem = make(cell, np.float64, m=7)
    d = incoming(problem)
    nans = {key: np.full_like(problem.parameters[key], np.nan) for key in (cell.W_y, cell.b_y)}
    hit = replace(problem, parameters={**problem.parameters, **nans})
    assert_same_gradients(run_backward(hit, d), run_backward(problem, d))


# ---- nan and inf ----


@pytest.mark.parametrize("special", [np.nan, np.inf, -np.inf], ids=["nan", "inf", "-inf"])
@pytest.mark.parametrize("where", ["x", "state", "da", "last"])
@each_dtype
@each_cell
def test_special_stays_in_its_column_without_warning(cell, dtype, where, special):
    column, problem = 3, make(cell, dtype, T_x=5)
    d = incoming(problem)
    if where == "last" and not d.last:
        pytest.skip(f"{cell.name} has no state beside a")
    arrays = {"x": problem.x, "state": problem.initial[-1], "da": d.da, "last": d.last[-1] if d.last else None}
    clean = run_backward(problem, d)
    arrays[where][(2, column, 2)[: arrays[where].ndim]] = special
    with np.errstate(all="raise"):
        hit = run_backward(problem, d)
        step = run_cell_backward(problem, d)
    columns = ["dx", *(f"d{state}0" for state in cell.states)]
    for name in columns:
        others = [np.delete(value, column, axis=1) for value in (hit[name], clean[name])]
        assert_same_gradients({name: others[0]}, {name: others[1]})
    for name in ("dxt", *(f"d{state}_prev" for state in cell.states)):
        assert np.isfinite(np.delete(step[name], column, axis=1)).all()
    if np.isnan(special) or where == "da":
        assert not np.isfinite(hit["dx"][:, column]).all()
    if where == "da":
        assert_same_bits([hit["dx"][:, column, 3:]], [clean["dx"][:, column, 3:]])  # it travels back, not forth


@each_dtype
@each_cell
def test_special_in_parameters_raises_no_warning(cell, dtype):
    problem = make(cell, dtype)
    for key in weight_keys(cell):
        for special in (np.nan, np.inf):
            parameters = {k: value.copy() for k, value in problem.parameters.items()}
            parameters[key][0, 0] = special
            with np.errstate(all="raise"):
                got = run_backward(replace(problem, parameters=parameters))
            assert got["dx"].shape == problem.x.shape


@each_dtype
@each_cell
def test_extremes_of_the_dtype_raise_no_warning(cell, dtype):
    """Largest, smallest and subnormal numbers, under a user's strictest settings."""
    info, problem = np.finfo(dtype), make(cell, dtype)
    d = incoming(problem)
    for extreme in (info.max, -info.max, info.tiny, info.smallest_subnormal):
        with np.errstate(all="raise"):
            run_backward(problem, d.map(lambda value, extreme=extreme: np.full_like(value, extreme)))
            run_backward(replace(problem, x=np.full_like(problem.x, extreme)), d)


# ---- the caller's view of it ----


@each_cell
def test_gradients_update_the_parameters_by_adam(cell):
    """The whole dict may go to Adam: the keys of the weights are the parameters' with a d before them."""
    problem = make(cell, np.float64)
    parameters = dict(problem.parameters)
    v, s = cyrnn.initialize_adam(parameters)
    cyrnn.update_parameters_with_adam(parameters, run_backward(problem), v, s, 1)
    moved = {key for key, value in parameters.items() if (value != problem.parameters[key]).any()}
    assert moved == set(weight_keys(cell))


@each_cell
def test_keyword_of_the_last_states_is_keyword_only(cell):
    problem = make(cell, np.float64)
    d, caches = incoming(problem), run_sequence(problem).caches
    with pytest.raises(TypeError):
        sequence_backward(cell)(d.da, caches, np.zeros((5, 10)))


@each_cell
def test_broadcast_da_is_read_as_repeated(cell):
    """np.broadcast_to gives strides of zero: the same gradient at every step and column."""
    problem = make(cell, np.float64, m=7)
    d = incoming(problem)
    same = np.broadcast_to(d.da[:, :1, :1], d.da.shape)
    want = run_backward(problem, Incoming(same.copy(), d.last))
    assert_same_gradients(run_backward(problem, Incoming(same, d.last)), want)
    zero = Incoming(np.broadcast_to(0.0, d.da.shape), d.last)
    assert_gradients_close(run_backward(problem, zero), gradients.chain(problem, *zero), "gradient against equations")
