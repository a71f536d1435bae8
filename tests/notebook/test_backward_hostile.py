"""Whatever the backward pass is given: an exception that says what is wrong, or what the notebook's loop computes."""

from __future__ import annotations

import numpy as np
import pytest
from backward import (
    Incoming,
    assert_same_gradients,
    by_hand,
    cell_backward,
    from_caches,
    given,
    incoming,
    sequence_backward,
)
from hostile import EXPECTED, HUGE, each_hostile
from hypothesis import given as drawn_from
from hypothesis import settings
from hypothesis import strategies as st
from layouts import Plain
from problems import each_cell, each_dtype, make, run_cell, run_sequence, wrong_shapes

import cyrnn


def with_entry(caches, t: int, place: int, value):
    """The same caches, but for one entry of one step."""
    steps = list(caches[0])
    steps[t] = (*steps[t][:place], value, *steps[t][place + 1 :])
    return steps, caches[1]


# ---- caches that were edited ----


@st.composite
def edited_caches(draw, cell, dtype):
    """Caches of ours, steps and entries moved, turned, mixed with another run's or cut out; and what arrives."""
    size = st.sampled_from([1, 2, 5, 8, 16, 17, 33])
    sizes = {name: draw(size) for name in ("n_x", "n_a", "m")}
    problem = make(cell, dtype, n_y=1, T_x=draw(st.integers(1, 6)), **sizes)
    if draw(st.booleans()):
        problem = problem.map(np.asfortranarray)
    steps = [list(step) for step in run_sequence(problem).caches[0]]
    foreign = run_sequence(problem.map(lambda value: value / 2)).caches[0]
    step = st.integers(0, len(steps) - 1)
    for _ in range(draw(st.integers(0, 3))):
        t, u, place = draw(step), draw(step), draw(st.integers(0, len(cell.cache) - 2))
        alike = [i for i, name in enumerate(cell.cache[:-1]) if (name == "xt") == (cell.cache[place] == "xt")]
        edits = {
            "another step's": steps[u][place],
            "another run's": foreign[u][place],
            "another entry": steps[u][draw(st.sampled_from(alike))],
            "units turned": steps[t][place][::-1],
            "columns turned": steps[t][place][:, ::-1],
            "a copy": np.array(steps[t][place]),
            "wider": steps[t][place].astype(np.float64),
        }
        steps[t][place] = edits[draw(st.sampled_from(sorted(edits)))]
    kept = [tuple(entries) for entries in steps[draw(step) :: draw(st.sampled_from([1, 1, 2, -1]))]]
    d = incoming(problem, draw(st.integers(1, len(kept))))
    return (kept, problem.x), d


@each_dtype
@each_cell
@settings(derandomize=True, deadline=None, max_examples=60, database=None)
@drawn_from(data=st.data())
def test_edited_caches_are_read_entry_by_entry(cell, dtype, data):
    """Nothing is taken to lie where forward had left it: the copies of all entries give the same bits."""
    caches, d = data.draw(edited_caches(cell, dtype))
    got = from_caches(cell, caches, d)
    rebuilt = by_hand(caches)
    generally = by_hand(caches, lambda entry: np.array(entry).view(Plain))
    assert_same_gradients(got, from_caches(cell, rebuilt, d))
    assert_same_gradients(got, from_caches(cell, generally, d))
    arrived = (d.da[:, :, 0], *d.last)
    got, want = (cell_backward(cell)(*arrived, one[0][-1]) for one in (caches, generally))
    assert_same_gradients(got, want)


# ---- wrong shapes, everywhere ----


@each_cell
def test_wrong_size_of_any_axis_of_what_arrives_is_refused(cell):
    problem = make(cell, np.float64)
    d, caches = incoming(problem), run_sequence(problem).caches
    for shape in wrong_shapes((5, 10, 4)):
        if shape != (5, 10, 3):  # fewer steps than the caches have is right
            with pytest.raises(ValueError, match=rf"^{cell.function}_backward: .*\bda\b"):
                sequence_backward(cell)(np.ones(shape), caches)
    for shape in wrong_shapes((5, 10)):
        for state in cell.states[1:]:
            said = rf"^{cell.function}_backward: d{state} has shape .*, expected \(n_a, m\) = \(5, 10\)"
            with pytest.raises(ValueError, match=said):
                sequence_backward(cell)(d.da, caches, **{f"d{state}": np.ones(shape)})
        for place, state in enumerate(cell.states):
            arrived = [np.ones((5, 10)) for _ in cell.states]
            arrived[place] = np.ones(shape)
            with pytest.raises(ValueError, match=rf"^{cell.function}_cell_backward: .*\bd{state}_next\b"):
                cell_backward(cell)(*arrived, caches[0][0])


@each_cell
def test_wrong_size_of_any_axis_of_any_entry_is_refused(cell):
    """In any step, those that da does not reach included; the sentence names the step and the entry or its partner."""
    problem = make(cell, np.float64)
    d, caches = incoming(problem, 2), run_sequence(problem).caches
    for t in range(4):
        for place, name in enumerate(cell.cache[:-1]):
            for shape in wrong_shapes((3, 10) if name == "xt" else (5, 10)):
                wrong = with_entry(caches, t, place, np.ones(shape))
                with pytest.raises(ValueError, match=rf"^{cell.function}_backward: .* has shape .*, expected "):
                    from_caches(cell, wrong, d)
                with pytest.raises(ValueError, match=rf"^{cell.function}_cell_backward: .* has shape .*, expected "):
                    cell_backward(cell)(d.da[:, :, 0], *d.last, wrong[0][t])


@each_cell
def test_caches_of_another_cell_or_cut_short_are_refused(cell):
    problem = make(cell, np.float64)
    d, caches = incoming(problem), run_sequence(problem).caches
    other = run_sequence(make(cyrnn.cells.CELLS["rnn" if cell.name == "lstm" else "lstm"], np.float64)).caches
    with pytest.raises(ValueError, match=rf"^{cell.function}_backward: .* has \d+ entries, expected {len(cell.cache)}"):
        from_caches(cell, other, d)
    with pytest.raises(ValueError, match=rf"^{cell.function}_backward: da has shape \(5, 10, 4\).* T <= 3"):
        from_caches(cell, (caches[0][:3], problem.x), d)
    fewer = incoming(problem, 2)
    assert_same_gradients(from_caches(cell, caches, fewer.map(np.ndarray.tolist)), from_caches(cell, caches, fewer))
    for length in range(len(cell.cache)):
        cut = [*caches[0][:2], caches[0][2][:length], caches[0][3]], problem.x
        with pytest.raises(ValueError, match=rf"caches\[0\]\[2\] has {length} entries, expected {len(cell.cache)}"):
            from_caches(cell, cut, d)


# ---- hostile objects ----


@each_hostile
@each_cell
def test_hostile_object_anywhere_is_an_error(cell, value):
    problem = make(cell, np.float64)
    d, caches = incoming(problem), run_sequence(problem).caches
    arrived = (d.da[:, :, 0], *d.last)
    with pytest.raises(EXPECTED):
        from_caches(cell, caches, Incoming(value, d.last))
    for wrong in (value, (value, problem.x), ([value] * 4, problem.x)):
        with pytest.raises(EXPECTED):
            from_caches(cell, wrong, d)
    for place in range(len(cell.cache)):
        wrong = with_entry(caches, 1, place, value)
        with pytest.raises(EXPECTED):
            from_caches(cell, wrong, d)
        with pytest.raises(EXPECTED):
            cell_backward(cell)(*arrived, wrong[0][1])
    for place in range(len(arrived)):
        with pytest.raises(EXPECTED):
            cell_backward(cell)(*arrived[:place], value, *arrived[place + 1 :], caches[0][0])
    if value is not None:  # dc=None is how zeros are asked for
        for place in range(len(d.last)):
            with pytest.raises(EXPECTED):
                sequence_backward(cell)(d.da, caches, **given(cell, (*d.last[:place], value, *d.last[place + 1 :])))


@each_cell
def test_claimed_huge_sizes_are_an_error(cell):
    """Stride 0 lets arrays of one element claim any batch: too much memory is asked for, and refused."""
    problem = make(cell, np.float64)
    cache = run_cell(problem).cache
    huge = tuple(np.broadcast_to(0.5, (len(entry), HUGE)) for entry in cache[:-1])
    da = np.broadcast_to(0.5, (5, HUGE))
    with pytest.raises((MemoryError, ValueError)):
        cell_backward(cell)(*(da for _ in cell.states), (*huge, cache[-1]))
    with pytest.raises((MemoryError, ValueError)):
        sequence_backward(cell)(da[:, :, None], ([(*huge, cache[-1])], None))
    with pytest.raises((MemoryError, ValueError)):
        sequence_backward(cell)(np.broadcast_to(0.5, (5, 10, HUGE)), ([cache] * 3, None))


@each_cell
def test_one_array_everywhere_is_taken(cell):
    """The same memory as every entry, every weight and what arrives: inputs may overlap each other."""
    n = 4
    shared = np.random.RandomState(0).standard_normal((n, 2 * n)) / 4
    parameters = {
        key: shared[: value.shape[0], : value.shape[1]]
        for key, value in make(cell, np.float64, n_x=n, n_a=n, n_y=n).parameters.items()
    }
    entry = shared[:, :n]
    steps = [(*(entry for _ in cell.cache[:-1]), parameters)] * 3
    d = Incoming(np.stack([entry] * 3, axis=2), tuple(entry for _ in cell.states[1:]))
    apart = {key: np.array(value) for key, value in parameters.items()}
    copied = [(*map(np.array, step[:-1]), apart) for step in steps]
    assert_same_gradients(from_caches(cell, (steps, None), d), from_caches(cell, (copied, None), d.map(np.array)))
