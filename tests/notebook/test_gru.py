"""The GRU's two forms: how they are chosen, what they share, and what tells them apart."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from backward import assert_same_gradients, from_caches, incoming, run_backward
from problems import (
    CANONICAL,
    assert_same_bits,
    assert_same_values,
    each_dtype,
    isa_in_use,
    make,
    results,
    run_cell,
    run_sequence,
)
from tolerances import assert_close

import cyrnn
from cyrnn.cells import GRU, GRU_AFTER

FORMS = [GRU, GRU_AFTER]
each_form = pytest.mark.parametrize("cell", FORMS, ids=lambda cell: cell.name)
LACKS = r'{}: parameters lacks "bca"; it has "Wz", "bz", "Wr", "br", "Wc", "bc", "Wy", "by"'


def as_form(problem, cell):
    """The same parameters, which have the keys of both forms, for the other one."""
    return replace(problem, cell=cell)


def with_biases(problem, **values):
    """The same with some biases of one value each."""
    filled = {key: np.full_like(problem.parameters[key], value) for key, value in values.items()}
    return replace(problem, parameters={**problem.parameters, **filled})


# ---- which form ----


def test_reset_after_without_its_bias_is_a_key_error_that_names_it():
    problem = as_form(make(GRU, np.float64), GRU_AFTER)
    for function, call in (("gru_forward", run_sequence), ("gru_cell_forward", run_cell)):
        with pytest.raises(KeyError) as caught:
            call(problem)
        assert str(caught.value) == LACKS.format(function)
    caches = run_sequence(as_form(problem, GRU)).caches
    with pytest.raises(KeyError) as caught:
        from_caches(GRU_AFTER, caches, incoming(problem))
    assert str(caught.value) == LACKS.format("gru_backward")


@pytest.mark.parametrize("function", ["gru_forward", "gru_cell_forward", "gru_backward", "gru_cell_backward"])
def test_reset_after_by_position_is_a_type_error(function):
    problem = make(GRU_AFTER, np.float64)
    x, (a0,), parameters = problem.x, problem.initial, problem.parameters
    caches = run_sequence(problem).caches
    given = {
        "gru_forward": (x, a0, parameters),
        "gru_cell_forward": (x[:, :, 0], a0, parameters),
        "gru_backward": (np.ones((5, 10, 4)), caches),
        "gru_cell_backward": (a0, caches[0][0]),
    }[function]
    with pytest.raises(TypeError, match=rf"{function}\(\) takes {len(given)} positional arguments"):
        getattr(cyrnn, function)(*given, True)


@pytest.mark.parametrize("true", [1, np.True_, "yes"], ids=repr)
def test_reset_after_is_taken_as_true_or_false(true):
    problem = make(GRU_AFTER, np.float64)
    given = problem.x, problem.initial[0], problem.parameters
    assert_same_bits(cyrnn.gru_forward(*given, reset_after=true)[:2], cyrnn.gru_forward(*given, reset_after=True)[:2])
    assert_same_bits(cyrnn.gru_forward(*given, reset_after=0)[:2], cyrnn.gru_forward(*given)[:2])


@pytest.mark.parametrize(("packed", "other"), [(GRU, GRU_AFTER), (GRU_AFTER, GRU)], ids=["gru", "gru_after"])
def test_packed_for_the_other_form_is_refused_by_all_four_functions(packed, other):
    """What packed parameters say, the caches say too: no gradients of a form that did not run."""
    problem = make(packed, np.float64)
    problem = replace(problem, parameters=cyrnn.pack(problem.parameters))
    assert problem.parameters.panels.cell is packed
    d, run = incoming(problem), run_sequence(problem)
    said = f"is packed for the cell {packed.name}, expected one packed for {other.name}"
    for call in (
        lambda: run_sequence(as_form(problem, other)),
        lambda: run_cell(as_form(problem, other)),
        lambda: from_caches(other, run.caches, d),
        lambda: cyrnn.gru_cell_backward(d.da[:, :, 0], run.caches[0][0], **other.keywords),
    ):
        with pytest.raises(KeyError, match=said):
            call()


def test_bias_of_the_other_form_is_one_of_more_keys():
    """A dict with `bca` serves both; only `pack` has to choose, and takes the form that has all of the keys."""
    problem = as_form(make(GRU_AFTER, np.float64), GRU)
    d = incoming(problem)
    without = {key: value for key, value in problem.parameters.items() if key != "bca"}
    bare = replace(problem, parameters=without)
    assert_same_bits(results(run_sequence(problem)), results(run_sequence(bare)))
    assert_same_gradients(run_backward(problem, d), run_backward(bare, d))
    assert cyrnn.pack(without).panels.cell is GRU


def test_backward_of_the_other_form_is_other_gradients():
    """From a dict nobody can tell, as the docstring says: the gradients are those of the form that was asked for."""
    problem = make(GRU_AFTER, np.float64)
    d, caches = incoming(problem), run_sequence(problem).caches
    right, wrong = (from_caches(cell, caches, d) for cell in (GRU_AFTER, GRU))
    assert set(right) - set(wrong) == {"dbca"}
    assert not np.allclose(right["dWr"], wrong["dWr"])


# ---- what the forms share ----


@each_form
@each_dtype
def test_update_gate_of_one_keeps_the_state_bit_for_bit(cell, dtype):
    problem = with_biases(make(cell, dtype, m=17, n_a=33), bz=1e4)
    run = run_sequence(problem)
    for t in range(problem.x.shape[2]):
        np.testing.assert_array_equal(run.states[0][:, :, t], problem.initial[0])
    gradients = run_backward(problem, d := incoming(problem))
    np.testing.assert_allclose(gradients["da0"], d.da.sum(axis=2), rtol=1e-5, atol=1e-5)
    assert not any(gradients[name].any() for name in gradients if name != "da0")


@each_form
@each_dtype
def test_update_gate_of_zero_is_the_candidate_bit_for_bit(cell, dtype):
    problem = with_biases(make(cell, dtype, m=17, n_a=33), bz=-1e4)
    for a_next, _, zt, _, cct, *_ in run_sequence(problem).caches[0]:
        assert not zt.any()
        np.testing.assert_array_equal(a_next, cct)


@each_dtype
def test_open_reset_gate_makes_the_forms_one(dtype):
    """With rt = 1 both candidates are tanh(Wc [a_prev, xt] + bc)."""
    problem = with_biases(make(GRU_AFTER, dtype, m=7, n_a=21), br=1e4, bca=0)
    one, other = (run_sequence(as_form(problem, cell)) for cell in FORMS)
    assert_close(one.states[0], other.states[0], "kernel against reference")
    got, want = (run_backward(as_form(problem, cell)) for cell in FORMS)
    for name, value in got.items():
        np.testing.assert_allclose(value, want[name], rtol=0, atol=1e-4 if dtype == np.float32 else 1e-12)


@each_dtype
def test_closed_reset_gate_forgets_the_state_in_the_candidate(dtype):
    """With rt = 0 it is tanh(Wc_x xt + bc), whatever a_prev is, in both forms and to the bit."""
    problem = with_biases(make(GRU_AFTER, dtype, m=7, n_a=21), br=-1e4)
    elsewhere = replace(problem, initial=(problem.initial[0] * 2,))
    cct = [run_cell(as_form(p, cell)).cache[4] for p in (problem, elsewhere) for cell in FORMS]
    for other in cct[1:]:
        assert_same_values([other], cct[:1])


@pytest.mark.skipif(isa_in_use() not in CANONICAL, reason="a product of its own may be rounded in another order")
@each_dtype
def test_forms_share_the_bits_of_update_and_reset(dtype):
    """One chain for each pre-activation, in either form: two stages or one, panels of two gates or of three."""
    problem = make(GRU_AFTER, dtype, m=7, n_a=21)
    one, other = (run_cell(as_form(problem, cell)).cache[2:4] for cell in FORMS)
    assert_same_bits(one, other)
