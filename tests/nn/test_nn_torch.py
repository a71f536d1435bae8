"""cyrnn.nn against torch.nn: values and gradients of the grid in nn_grid.py, from stored data and, where it is, live.

What torch gave is stored by ci/torch_data/nn.py. The grid's own claims are tested here too: that each two values of two
arguments meet in the stored part, and that the live part is the whole product.
"""

from __future__ import annotations

import itertools

import nn_grid
import numpy as np
import pytest
import stored
from nn_grid import DTYPES, KINDS, STORED, Case

from cyrnn import nn

#: values: of one or of the value, whichever is larger; gradients: of the largest element of each. Reached by the stored
#: grid on 2026-11-24, torch 2.13: values 2.3e-7 and 7e-16, gradients 1.3e-6 and 4.2e-15
TOLERANCE = {"float32": 2e-6, "float64": 1e-13}

each_kind = pytest.mark.parametrize("kind", KINDS)
#: torch says on the way that it has no fast path of its own for projections
quiet = pytest.mark.filterwarnings("ignore:LSTM with projections:UserWarning")


@pytest.fixture(scope="module")
def results():
    versions, results = stored.load("torch_nn.npz")
    assert versions["torch"].startswith("2.")
    return results


@pytest.fixture
def nn_in_torch():
    pytest.importorskip("torch", reason="torch is not installed")
    import nn_in_torch

    return nn_in_torch


def module_of(case: Case):
    module = getattr(nn, case.kind)(**case.arguments, dtype=case.dtype)
    module.load_state_dict(case.draw().weights)
    return module


def pair(states):
    """States as torch takes and gives them: h alone, or (h, c)."""
    return None if states is None else states[0] if len(states) == 1 else tuple(states)


def single(states) -> tuple:
    return states if isinstance(states, tuple) else (states,)


def call(case: Case, module):
    """What the module gives, as torch does: output and final states, or for a cell the states."""
    drawn = case.draw()
    ragged = {} if case.lengths is None else {"lengths": case.lengths}
    given = () if drawn.states is None else (pair(drawn.states),)
    return module(drawn.x, *given, **ragged)


def layer_of(case: Case):
    """A layer with the weights of a cell, which has no backward pass of its own."""
    layer = getattr(nn, case.kind.removesuffix("Cell"))(**case.arguments, dtype=case.dtype)
    layer.load_state_dict({f"{name}_l0": value for name, value in case.draw().weights.items()})
    return layer


def run(case: Case, module) -> dict[str, np.ndarray]:
    """As nn_in_torch.run. The values of a cell are its own, the gradients those of one step of a layer."""
    drawn, layer = case.draw(), module
    x, states, d_output, d_state = drawn.x, drawn.states, drawn.d_output, drawn.d_state
    ragged = {} if case.lengths is None else {"lengths": case.lengths}
    if case.is_cell:
        layer, x, d_state = layer_of(case), x[None], [value[None] for value in d_state]
        states = None if states is None else [value[None] for value in states]
    output, last, tape = layer.forward(x, pair(states), **ragged)
    gradients = layer.backward(tape, d_output, pair(d_state))
    values, d_input, d_hx, weights = {"output": output}, gradients.input, single(gradients.hx), gradients.weights
    if case.is_cell:
        values, last, d_input, d_hx = {}, call(case, module), d_input[0], [value[0] for value in d_hx]
        weights = {name.removesuffix("_l0"): value for name, value in weights.items()}
    values |= {f"{state}_n": value for state, value in zip(case.states, single(last), strict=True)}
    values["d_input"] = d_input
    if case.initial:
        values |= {f"d_{state}": value for state, value in zip(case.states, d_hx, strict=True)}
    return values | {f"d_{name}": value for name, value in weights.items()}


def assert_equals_torch(case: Case, want: dict[str, np.ndarray]) -> None:
    got = run(case, module_of(case))
    assert list(got) == list(want), case
    for name, wanted in want.items():
        assert (got[name].dtype, got[name].shape) == (case.dtype, wanted.shape), (case, name)
        allowed = TOLERANCE[case.dtype] * np.maximum(1, abs(wanted))
        if name.startswith("d_"):
            allowed = TOLERANCE[case.dtype] * abs(wanted).max()
        error = abs(got[name] - wanted)
        assert (error <= allowed).all(), f"{case}: {name} is off by {error.max():.2g}, {np.max(allowed):.2g} allowed"


@pytest.mark.parametrize("case", STORED, ids=str)
def test_values_and_gradients_equal_torchs(results, case):
    assert_equals_torch(case, results[str(case)])


@pytest.mark.parametrize("case", [case for case in STORED if not case.is_cell], ids=str)
def test_call_gives_what_forward_gives(case):
    module, values = module_of(case), run(case, module_of(case))
    output, last = call(case, module)
    np.testing.assert_array_equal(output, values["output"])
    for state, value in zip(case.states, single(last), strict=True):
        np.testing.assert_array_equal(value, values[f"{state}_n"])


@pytest.mark.parametrize("case", STORED, ids=str)
def test_state_dict_has_torchs_names_in_its_order(results, case):
    """The stored gradients stand in the order of torch's named_parameters."""
    names = [name.removeprefix("d_") for name in results[str(case)] if "weight" in name or "bias" in name]
    state = module_of(case).state_dict()
    assert list(state) == names
    for name, value in case.draw().weights.items():
        assert value.dtype == state[name].dtype
        np.testing.assert_array_equal(state[name], value)


@quiet
@each_kind
def test_every_argument_combined_equals_torch_live(nn_in_torch, kind):
    """The product of all arguments, of which the stored grid is a part.

    Gradients of float32 are held against torch's float64: in one case of relu, whose largest element is 0.0055, its
    float32 is 3.4e-6 from that, and ours 1.8e-6.
    """
    cases = {str(case): case for case in (*nn_grid.everything(), *STORED) if case.kind == kind}
    for case in cases.values():
        values, exact = nn_in_torch.run(case), nn_in_torch.run(case, "float64")
        assert_equals_torch(case, {name: (exact if name.startswith("d_") else values)[name] for name in values})


@quiet
@each_kind
def test_from_torch_equals_loading_the_same_weights(nn_in_torch, kind):
    for case in STORED:
        if case.kind == kind:
            module = nn.from_torch(nn_in_torch.module_of(case))
            assert repr(module) == repr(module_of(case))
            want = run(case, module_of(case))
            got = run(case, module)
            assert list(got) == list(want)
            for name, value in got.items():
                np.testing.assert_array_equal(value, want[name], err_msg=f"{case}: {name}")


@quiet
def test_stored_results_are_those_of_the_torch_that_is_here(nn_in_torch, results):
    """Another torch may round elsewhere; it may not compute anything else."""
    for case in STORED:
        for name, value in nn_in_torch.run(case).items():
            size = max(1, abs(value).max())
            assert abs(results[str(case)][name] - value).max() <= TOLERANCE[case.dtype] * size, (case, name)


def test_stored_results_are_of_the_grid(results):
    assert list(results) == [str(case) for case in STORED]
    assert len(results) == len(STORED)


def axes(kind: str) -> dict[str, tuple]:
    """Every argument of the constructor but sizes, and the ways of calling."""
    found: dict[str, set] = {}
    for case in nn_grid.everything():
        if case.kind == kind:
            given = case.arguments | {key: getattr(case, key) for key in ("dtype", "batched", "initial")}
            for key, value in given.items():
                found.setdefault(key, set()).add(value)
    return {key: tuple(values) for key, values in found.items() if len(values) > 1}


@each_kind
def test_grid_stored_has_every_two_values_of_two_arguments(kind):
    cases = [case for case in STORED if case.kind == kind and case.lengths is None]
    for (one, ones), (other, others) in itertools.combinations(axes(kind).items(), 2):
        for value, another in itertools.product(ones, others):
            asked = {one: value, other: another}
            if asked.get("num_layers") == 1 and asked.get("dropout"):
                continue  # torch warns of it: there is no layer to drop between
            assert any(all(getattr(case, key) == v for key, v in asked.items()) for case in cases), asked


def test_grid_live_is_the_product_of_all_arguments():
    cases = list(nn_grid.everything())
    per_kind = {"RNN": 3 * 2**6, "LSTM": 3 * 2**6, "GRU": 3 * 2**5, "RNNCell": 2**4, "LSTMCell": 2**3, "GRUCell": 2**3}
    assert len({str(case) for case in cases}) == len(cases) == len(DTYPES) * sum(per_kind.values())
