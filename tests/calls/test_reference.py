"""The calls in NumPy against outside oracles: steps and sequences of the notebook, forward and backward."""

from __future__ import annotations

from dataclasses import replace

import gradients
import numpy as np
import oracle
import pytest
from backward import Incoming, cell_gradient_names, gradient_names, incoming, weight_keys
from layouts import Plain, byte_swapped, misaligned, strided
from problems import Problem, assert_same_bits, each_dtype, every_cell, isa_in_use, make
from tolerances import assert_close, assert_gradients_close

import cyrnn
from cyrnn import calls
from cyrnn.calls import Packed, reference

SIZES = [{}, {"m": 1, "T_x": 9}, {"n_x": 0}, {"n_a": 1, "n_x": 1}, {"n_a": 17, "n_x": 9, "n_y": 5, "m": 3}]
each_sizes = pytest.mark.parametrize("sizes", SIZES, ids=str)
#: arrays that a call does not take
ODD = {
    "subclass": lambda value: value.view(Plain),
    "byte-swapped": byte_swapped,
    "misaligned": misaligned,
    "other-dtype": lambda value: value.astype(np.float16),
    "list": np.ndarray.tolist,
    "none": lambda value: None,
    "flat": np.ravel,
    "longer": lambda value: np.concatenate([value, value]),
}


def calls_of(cell) -> reference.CellCalls:
    return reference.CellCalls(cell, 0, None, None, Packed)


def sequence(problem: Problem, return_caches: bool = True, given: tuple | None = None):
    return calls_of(problem.cell).sequence(problem.x, problem.initial, problem.parameters, return_caches, given)


def step(problem: Problem, given: tuple | None = None):
    return calls_of(problem.cell).step(problem.x[:, :, 0], problem.initial, problem.parameters, True, given)


def backward(problem: Problem, d: Incoming, caches=None):
    caches = sequence(problem)[-1] if caches is None else caches
    return calls_of(problem.cell).backward(d.da, caches, *d.last)


@each_sizes
@each_dtype
@every_cell
def test_reference_sequence_follows_the_equations(cell, dtype, sizes):
    problem = make(cell, dtype, **sizes)
    (a, y, *others, caches), (states, want_y) = sequence(problem), oracle.sequence(problem)
    for got, want in zip((a, *others, y), (*states, want_y), strict=True):
        assert got.dtype == dtype
        assert_close(got, want, "sequence against oracle")
    without = sequence(problem, return_caches=False)
    assert_same_bits(without[:-1], [a, y, *others])
    assert without[-1] is None
    assert len(caches[0]) == problem.x.shape[2]


@each_dtype
@every_cell
def test_reference_step_follows_the_equations(cell, dtype):
    problem = make(cell, dtype)
    *states, y, _ = step(problem)
    want, want_y = oracle.sequence(replace(problem, x=problem.x[:, :, :1]))
    for got, wanted in zip((*states, y), (*want, want_y), strict=True):
        assert_close(got, wanted[:, :, 0], "cell call against oracle")


@each_sizes
@each_dtype
@every_cell
def test_reference_gradients_follow_the_chain_rule(cell, dtype, sizes):
    """Of the whole sequence, and of its first steps from the same caches."""
    problem = make(cell, dtype, **sizes)
    caches, few = sequence(problem)[-1], len(problem.initial[0]) == 1
    row = "gradient of few units against equations" if few else "gradient against equations"
    for T in (problem.x.shape[2], 2):
        d = incoming(problem, T)
        got = backward(problem, d, caches)
        assert list(got) == gradient_names(cell)
        assert {value.dtype for value in got.values()} == {np.dtype(dtype)}
        assert_gradients_close(got, gradients.chain(problem, d.da, d.last), row)


@each_dtype
@every_cell
def test_reference_step_gradients_follow_the_chain_rule(cell, dtype):
    problem = make(cell, dtype)
    d, run = incoming(problem, 1), calls_of(cell)
    got = run.backward_step(d.da[:, :, 0], step(problem)[-1], *d.last)
    assert list(got) == cell_gradient_names(cell)
    want = gradients.chain(problem, d.da, d.last)
    want |= {"dxt": want.pop("dx")[:, :, 0]} | {f"d{state}_prev": want.pop(f"d{state}0") for state in cell.states}
    assert_gradients_close(got, want, "gradient against equations")


@every_cell
def test_reference_gradients_are_differences_of_its_own_loss(cell):
    problem = make(cell, np.float64, n_x=2, n_a=3, m=2, T_x=3)
    d = incoming(problem)

    def loss() -> float:
        a, _, *others, _ = sequence(problem)
        ends = zip(others, d.last, strict=True)
        return float((a * d.da).sum() + sum((state[:, :, -1] * weight).sum() for state, weight in ends))

    got = backward(problem, d)
    arrays = [problem.x, *problem.initial, *(problem.parameters[key] for key in weight_keys(cell))]
    want = {name: gradients.central(loss, array) for name, array in zip(got, arrays, strict=True)}
    assert_gradients_close(got, want, "gradient against central differences")


@every_cell
def test_reference_zeros_stand_for_states_that_are_none(cell):
    problem = make(cell, np.float64)
    zeros = tuple(np.zeros_like(value) for value in problem.initial[1:])
    want = sequence(replace(problem, initial=(problem.initial[0], *zeros)))
    got = sequence(replace(problem, initial=(problem.initial[0], *[None] * len(zeros))))
    assert_same_bits(got[:-1], want[:-1])
    d = incoming(problem)
    of_none = calls_of(cell).backward(d.da, want[-1])
    of_zeros = calls_of(cell).backward(d.da, want[-1], *[np.zeros_like(value) for value in d.last])
    assert_same_bits(of_none.values(), [of_zeros[name] for name in of_none])
    assert of_zeros.keys() - of_none.keys() == {f"d{state}0" for state in cell.states[1:]}


@every_cell
def test_reference_caches_hold_the_callers_own_objects(cell):
    problem = make(cell, np.float32, T_x=3)
    x, initial, parameters = object(), tuple(object() for _ in cell.states), object()
    array = problem.x.astype(np.float16).view(Plain)
    for given in (None, (x, initial, parameters, array)):
        steps, own_x = sequence(problem, given=given)[-1]
        first = step(problem, given=given)[-1]
        before = problem.initial if given is None else initial
        entries = [dict(zip(cell.cache, cache, strict=True)) for cache in (*steps, first)]
        for t, entry in enumerate(entries):
            assert type(steps[0]) is tuple
            assert entry["parameters"] is (problem.parameters if given is None else parameters)
            for i, state in enumerate(cell.states):
                is_first = t in (0, 3)
                assert entry[f"{state}_prev"] is (before[i] if is_first else entries[t - 1][f"{state}_next"])
        assert own_x is (problem.x if given is None else x)
        assert entries[3]["xt"] is x or given is None
        for t in range(3):
            want = (problem.x if given is None else array)[:, :, t]
            assert type(entries[t]["xt"]) is type(want)
            assert_same_bits([entries[t]["xt"]], [want])
            assert np.shares_memory(entries[t]["xt"], want)


@pytest.mark.parametrize("odd", ODD)
@every_cell
def test_reference_answers_none_to_odd_arguments(cell, odd):
    problem, change = make(cell, np.float64), ODD[odd]
    d, caches = incoming(problem), sequence(problem)[-1]
    run, (steps, _) = calls_of(cell), caches
    if odd != "none":
        assert step(replace(problem, x=strided(problem.x))) is not None
        assert sequence(replace(problem, x=change(problem.x))) is None
    for i in range(len(problem.initial)):
        changed = tuple(change(value) if i == k else value for k, value in enumerate(problem.initial))
        assert step(replace(problem, initial=changed)) is None
        assert (sequence(replace(problem, initial=changed)) is None) == (odd != "none" or i == 0)
    for key, value in problem.parameters.items():
        parameters = problem.parameters | {key: change(value)}
        if odd == "none":
            del parameters[key]
        assert step(replace(problem, parameters=parameters)) is None
        assert sequence(replace(problem, parameters=parameters)) is None
        other = [(*cache[:-1], parameters) for cache in steps]
        assert (run.backward(d.da, (other, None), *d.last) is None) == (key in cell.read_backward)
    assert run.backward(change(d.da), caches, *d.last) is None
    for k, name in enumerate(cell.cache):
        odd_steps = [tuple(change(v) if k == i and name != "parameters" else v for i, v in enumerate(s)) for s in steps]
        if name != "parameters":
            assert run.backward(d.da, ([steps[0], *odd_steps[1:]], None), *d.last) is None
            assert run.backward_step(d.da[:, :, 0], odd_steps[0], *d.last) is None
    if d.last and odd != "none":
        assert run.backward(d.da, caches, *map(change, d.last)) is None


@every_cell
def test_reference_answers_none_to_caches_that_do_not_fit(cell):
    problem = make(cell, np.float64)
    d, (steps, x) = incoming(problem), sequence(problem)[-1]
    run = calls_of(cell)
    assert run.backward(d.da, (steps, None), *d.last) is not None
    for caches in (
        None,
        steps,
        [steps, x],
        (tuple(steps), x),
        ([], x),
        (steps[:3], x),
        ([*steps[:3], list(steps[3])], x),
        ([*steps[:3], steps[3][:-1]], x),
        ([*steps[:3], (*steps[3][:-1], dict(problem.parameters))], x),
        ([(*cache[:-1], None) for cache in steps], x),
    ):
        assert run.backward(d.da, caches, *d.last) is None
    if d.last:
        assert run.backward_step(d.da[:, :, 0], steps[0]) is None


@each_dtype
@every_cell
def test_reference_packed_parameters_are_their_arrays(cell, dtype):
    problem, run = make(cell, dtype), calls_of(cell)
    panels = run.pack(problem.parameters)
    assert (panels.cell, panels.dtype, panels.n_x, panels.n_a, panels.n_y) == (cell, dtype, 3, 5, 2)
    packed = replace(problem, parameters=Packed(problem.parameters, panels.arrays, panels, None))
    assert_same_bits(sequence(packed)[:-1], sequence(problem)[:-1])
    d = incoming(problem)
    assert_same_bits(backward(packed, d).values(), backward(problem, d).values())
    other = np.float32 if dtype == np.float64 else np.float64
    changed = replace(packed, x=packed.x.astype(other), initial=tuple(v.astype(other) for v in packed.initial))
    assert sequence(changed) is None
    assert sequence(replace(packed, x=np.zeros((4, 10, 4), dtype))) is None
    others = [another for another in cyrnn.cells.CELLS.values() if another is not cell]
    assert all(
        calls_of(another).step(problem.x[:, :, 0], problem.initial, packed.parameters, True) is None
        for another in others
        if len(another.states) == len(cell.states)
    )
    key = next(iter(problem.parameters))
    assert run.pack(problem.parameters | {key: problem.parameters[key].astype(np.float16)}) is None
    assert run.pack(problem.parameters | {key: problem.parameters[key][:2]}) is None
    assert run.pack({}) is None


@pytest.mark.parametrize(
    "sizes", [{"m": 0}, {"T_x": 0}, {"n_a": 0}, {"n_y": 0}, {"n_x": 0, "m": 0, "T_x": 0, "n_a": 0, "n_y": 0}], ids=str
)
@each_dtype
@every_cell
def test_reference_empty_sizes_give_empty_results(cell, dtype, sizes):
    problem = make(cell, dtype, **sizes)
    (n_a, m), T = problem.initial[0].shape, problem.x.shape[2]
    a, y, *others, (steps, _) = sequence(problem)
    assert {value.shape for value in (a, *others)} == {(n_a, m, T)}
    assert y.shape == (len(problem.parameters[cell.b_y]), m, T)
    assert len(steps) == T
    caches = steps or sequence(replace(problem, x=np.zeros((*problem.x.shape[:2], 1), dtype)))[-1][0]
    d = incoming(problem)
    got = backward(problem, d, (caches, None))
    assert_gradients_close(got, gradients.chain(problem, d.da, d.last), "gradient against equations")
    if not T:
        for name, value in zip([f"d{state}0" for state in cell.states[1:]], d.last, strict=True):
            assert_same_bits([got[name]], [value])
            assert not np.shares_memory(got[name], value)


@every_cell
def test_reference_extreme_values_give_no_warning(cell):
    for scale in (1e30, np.inf, np.nan):
        problem = make(cell, np.float32).map(lambda value, scale=scale: value * np.float32(scale))
        *_, caches = sequence(problem)
        assert backward(problem, incoming(problem), caches) is not None
        assert step(problem) is not None


@pytest.mark.parametrize("name", ["sigmoid", "tanh", "softmax"])
@each_dtype
def test_reference_elements_follow_their_definitions(name, dtype):
    function = reference.Elements(name, None, None)
    z = np.random.RandomState(0).standard_normal((5, 4, 3)).astype(dtype)
    e = np.exp(z.astype(np.longdouble))
    want = {"sigmoid": e / (1 + e), "tanh": (e - 1 / e) / (e + 1 / e), "softmax": e / e.sum(axis=0)}[name]
    for given in (z, z.transpose(2, 1, 0).copy().transpose(2, 1, 0)):
        got = function(given)
        assert got.dtype == dtype
        assert_close(got, want, "cell call against oracle")
    assert function(np.zeros((0, 3), dtype)).shape == (0, 3)
    assert all(function(odd) is None for odd in (None, 1.0, z[0, 0, 0], np.array(1.0), z.view(Plain), z.astype(int)))


@pytest.mark.skipif(isa_in_use() == "reference", reason="there is nothing compiled to compare with")
@each_sizes
@each_dtype
@every_cell
def test_reference_equals_the_compiled_calls(cell, dtype, sizes):
    """Values, gradients, and every entry of the caches; each backward pass from the caches of the other."""
    problem, compiled = make(cell, dtype, **sizes), calls.of(cell)
    ours, theirs = sequence(problem), compiled.sequence(problem.x, problem.initial, problem.parameters, True)
    pairs = list(zip(ours[:-1], theirs[:-1], strict=True))
    for mine, other in zip(ours[-1][0], theirs[-1][0], strict=True):
        pairs += zip(mine[:-1], other[:-1], strict=True)
    for got, want in pairs:
        assert got.dtype == want.dtype
        assert_close(got, want, "kernel against reference")
    d, few = incoming(problem), len(problem.initial[0]) == 1
    row = "gradient of few units against equations" if few else "gradient against equations"
    got = backward(problem, d, theirs[-1])
    want = compiled.backward(d.da, ours[-1], *d.last)
    assert list(got) == list(want)
    assert_gradients_close(got, want, row)


@each_dtype
@every_cell
def test_reference_packs_more_inputs_than_units(cell, dtype):
    """n_x from the columns of a stacked matrix: a difference, no remainder."""
    problem = make(cell, dtype, n_x=12, n_a=5)
    panels = calls_of(cell).pack(problem.parameters)
    assert (panels.n_x, panels.n_a, panels.n_y) == (12, 5, 2)


@pytest.mark.parametrize("odd", [*ODD.values(), lambda value: value[..., None]], ids=[*ODD, "deeper"])
@every_cell
def test_reference_packs_no_odd_array(cell, odd):
    problem = make(cell, np.float32)
    for key in cell.shapes:
        assert calls_of(cell).pack({**problem.parameters, key: odd(problem.parameters[key])}) is None, key
    everywhere = {key: value[..., None] for key, value in problem.parameters.items()}
    assert calls_of(cell).pack(everywhere) is None


@pytest.mark.parametrize("odd", [*ODD.values(), lambda value: value[..., None]], ids=[*ODD, "deeper"])
@every_cell
def test_reference_step_takes_no_odd_input(cell, odd):
    problem = make(cell, np.float32)
    run, xt = calls_of(cell), problem.x[:, :, 0]
    assert run.step(odd(xt), problem.initial, problem.parameters, True) is None
    cache, d = step(problem)[-1], incoming(problem, 1)
    at = cell.cache.index("xt")
    assert run.backward_step(d.da[:, :, 0], (*cache[:at], odd(xt), *cache[at + 1 :]), *d.last) is None


@pytest.mark.parametrize("units", [-1, 1])
@every_cell
def test_reference_takes_no_gradient_of_other_units(cell, units):
    problem = make(cell, np.float32)
    d = incoming(problem)
    other = np.resize(d.da, (len(d.da) + units, *d.da.shape[1:]))
    assert calls_of(cell).backward(other, sequence(problem)[-1], *d.last) is None


@every_cell
def test_reference_takes_no_other_number_of_axes_or_entries(cell):
    problem = make(cell, np.float32)
    run, d = calls_of(cell), incoming(problem)
    caches, cache = sequence(problem)[-1], step(problem)[-1]
    x, initial, p, da_next = problem.x, problem.initial, problem.parameters, d.da[:, :, 0]
    for wrong in (x[..., None], x[..., 0]):
        assert run.sequence(wrong, initial, p, True) is None
    for wrong in (x[:, 0, 0], x):
        assert run.step(wrong, initial, p, True) is None
    for wrong in (d.da[..., None], da_next):
        assert run.backward(wrong, caches, *d.last) is None
    for wrong in (da_next[:, 0], d.da):
        assert run.backward_step(wrong, cache, *d.last) is None
    for wrong in ((*caches, x), caches[:1], list(caches)):
        assert run.backward(d.da, wrong, *d.last) is None
    for wrong in ((*cache, x), cache[:-1], list(cache)):
        assert run.backward_step(da_next, wrong, *d.last) is None
    assert run.backward_step(da_next, cache, *(() if d.last else (da_next,))) is None
