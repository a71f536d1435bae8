"""Calls of cyrnn.nn: values against torch's equations, and every form of a call with the shapes that torch says."""

from __future__ import annotations

import inspect

import numpy as np
import pytest
from nn_models import (
    KINDS,
    arrays,
    assert_same,
    build,
    columns,
    each_dtype,
    each_kind,
    each_stack,
    joined,
    make,
    oracle,
    oracle_step,
    parts,
)
from tolerances import assert_close

import cyrnn
from cyrnn import nn

LAYERS = ("RNN", "LSTM", "GRU")
CELLS = {"rnn": "RNNCell", "relu": "RNNCell", "lstm": "LSTMCell", "gru": "GRUCell"}
#: torch.nn's, 2.13
ARGUMENTS = {
    "RNN": "num_layers=1 nonlinearity='tanh' bias=True batch_first=False dropout=0.0 bidirectional=False",
    "LSTM": "num_layers=1 bias=True batch_first=False dropout=0.0 bidirectional=False proj_size=0",
    "GRU": "num_layers=1 bias=True batch_first=False dropout=0.0 bidirectional=False",
    "RNNCell": "bias=True nonlinearity='tanh'",
    "LSTMCell": "bias=True",
    "GRUCell": "bias=True",
}


@pytest.mark.parametrize("name", ARGUMENTS)
def test_constructor_arguments_are_torchs_then_ours_by_keyword(name):
    arguments = inspect.signature(getattr(nn, name)).parameters.values()
    ours = [a for a in arguments if a.kind is a.KEYWORD_ONLY]
    assert [(a.name, a.default) for a in ours[:2]] == [("dtype", np.float32), ("rng", None)]
    assert {a.name: a.default for a in ours[2:]} == getattr(nn, name)._variants
    given = [a for a in arguments if a not in ours]
    assert [a.name for a in given[:2]] == ["input_size", "hidden_size"]
    assert " ".join(f"{a.name}={a.default!r}" for a in given[2:]) == ARGUMENTS[name]


@each_stack
@each_dtype
@each_kind
def test_call_gives_what_the_equations_give(kind, dtype, stack):
    case = make(kind, dtype, **stack)
    output, state = case.model(case.x, case.state)
    want, lasts = oracle(kind, case, case.state)
    assert_close(output, want, "stack against oracle", "output")
    for got, last in zip(parts(state), lasts, strict=True):
        assert_close(got, last, "stack against oracle", "state")


@each_stack
@each_kind
def test_call_without_state_starts_from_zeros(kind, stack):
    case = make(kind, **stack)
    zeros = joined([np.zeros_like(part) for part in parts(case.state)])
    assert_same(case.model(case.x), case.model(case.x, zeros))
    assert_same(case.model(case.x, None), case.model(input=case.x, hx=zeros))


@each_stack
@each_kind
def test_call_forms_have_the_shapes_that_torch_documents(kind, stack):
    L, N = 7, 4
    case = make(kind, L=L, N=N, **stack)
    D, layers = 1 + case.model.bidirectional, case.model.num_layers
    H_out = 2 if kind == "projected" else 5
    output, state = case.model(case.x, case.state)
    assert output.shape == (L, N, D * H_out)
    assert [part.shape for part in parts(state)] == [(D * layers, N, H_out), (D * layers, N, 5)][: len(parts(state))]
    assert isinstance(state, tuple) == (kind in ("lstm", "projected"))

    model = build(kind, batch_first=True, **stack)
    first, same = model(case.x.swapaxes(0, 1), case.state)
    assert_same([first.swapaxes(0, 1), same], [output, state])

    for one in (case.model, model):  # batch_first or not: a sequence alone is (L, features)
        alone, last = one(case.x[:, 2], columns(case.state, 2))
        assert_same([alone, last], [output[:, 2], columns(state, 2)])


@each_dtype
@pytest.mark.parametrize("kind", CELLS)
def test_cell_gives_what_the_equations_give(kind, dtype):
    options = {"nonlinearity": "relu"} if kind == "relu" else {}
    for bias in (True, False):
        cell = getattr(nn, CELLS[kind])(3, 5, bias, **options, dtype=dtype, rng=0)
        assert list(cell.state_dict()) == ["weight_ih", "weight_hh", *["bias_ih", "bias_hh"] * bias]
        random = np.random.default_rng(1)
        x, h, c = (random.standard_normal((4, size)).astype(dtype) for size in (3, 5, 5))
        given = (h, c) if kind == "lstm" else h
        weights = [value.astype(np.float64) for value in cell.state_dict().values()]
        weights += [0.0, 0.0] * (not bias)
        wide = [value.astype(np.float64) for value in (x, h, c)]
        want = oracle_step(kind, *wide, *weights)
        got = cell(x, given)
        assert isinstance(got, tuple) == (kind == "lstm")
        for value, wanted in zip(parts(got), want, strict=False):
            assert_close(value, wanted, "stack against oracle")
        zeros = joined([np.zeros_like(part) for part in parts(given)])
        assert_same(cell(x), cell(x, zeros))
        assert_same(cell(x[2], joined([part[2] for part in parts(given)])), [part[2] for part in parts(got)])
        assert_same(cell(x[2]), [part[2] for part in parts(cell(x))])


@pytest.mark.parametrize("kind", CELLS)
def test_cell_after_cell_gives_the_bits_of_the_layer(kind):
    case = make(kind)
    options = {"nonlinearity": "relu"} if kind == "relu" else {}
    cell = getattr(nn, CELLS[kind])(3, 5, **options)
    cell.load_state_dict({name.removesuffix("_l0"): value for name, value in case.model.state_dict().items()})
    output, state = case.model(case.x, case.state)
    now = joined([part[0] for part in parts(case.state)])
    for t in range(7):
        now = cell(case.x[t], now)
        assert_same(parts(now)[0], output[t])
    assert_same(now, [part[0] for part in parts(state)])


@each_kind
def test_call_without_steps_returns_the_state_it_was_given(kind):
    case = make(kind, L=0, num_layers=2, bidirectional=True)
    output, state = case.model(case.x, case.state)
    assert output.shape[:2] == (0, 4)
    assert_same(state, case.state)


@each_kind
def test_call_without_sequences_or_features_is_empty_or_biases_alone(kind):
    case = make(kind, N=0, num_layers=2, bidirectional=True)
    output, state = case.model(case.x)
    assert output.shape[:2] == (7, 0)
    assert all(part.shape[:2] == (4, 0) for part in parts(state))
    case = make(kind, n_x=0)
    want, _ = oracle(kind, case, case.state)
    assert_close(case.model(case.x, case.state)[0], want, "stack against oracle")


@each_kind
def test_results_are_the_callers_own(kind):
    """Nothing that was given is written to, and no two results share memory."""
    case = make(kind, num_layers=2)
    before = [value.copy() for value in arrays([case.x, case.state])]
    for result in (case.model(case.x, case.state), case.model.step(case.x[0], case.state)):
        found = arrays(result)
        for i, one in enumerate(found):
            assert one.flags.writeable
            for other in (*found[i + 1 :], *arrays([case.x, case.state])):
                assert not np.shares_memory(one, other)
            one[...] = np.nan
    assert_same([case.x, case.state], before)


@each_dtype
@each_kind
def test_call_takes_any_memory(kind, dtype):
    case = make(kind, dtype, num_layers=2, bidirectional=True)
    want = case.model(case.x, case.state)

    def strange(value):
        apart = np.full([2 * size for size in value.shape], np.nan, value.dtype)
        apart[::2, ::2, ::2] = value
        return [np.asfortranarray(value), apart[::2, ::2, ::2], value.astype(value.dtype.newbyteorder())]

    for x, *states in zip(*map(strange, [case.x, *parts(case.state)]), strict=True):
        assert_same(case.model(x, joined(states)), want)
        x.flags.writeable = False
        assert_same(case.model(x, list(states) if len(states) > 1 else states[0]), want)


def test_float16_is_computed_in_float32_and_integers_in_float64():
    narrow, wide = (make("lstm", dtype).model for dtype in (np.float32, np.float64))
    x = np.arange(12).reshape(4, 1, 3)
    assert_same(narrow(x.astype(np.float16)), narrow(x.astype(np.float32)))
    assert_same(wide(x), wide(x.astype(np.float64)))
    assert_same(wide(x.tolist()), wide(x.astype(np.float64)))


@each_stack
@each_kind
def test_return_gates_has_each_gate_of_each_layer_and_direction(kind, stack):
    case = make(kind, **stack)
    names = {"lstm": "ft it cct ot", "projected": "ft it cct ot", "gru": "zt rt cct"}.get(kind, "").split()
    output, state, gates = case.model(case.x, case.state, return_gates=True)
    assert_same([output, state], case.model(case.x, case.state))
    assert len(gates) == len(parts(state)[0])
    assert all(list(found) == names for found in gates)
    assert all(value.shape == (7, 4, 5) for found in gates for value in found.values())
    alone = case.model(case.x[:, 1], columns(case.state, 1), return_gates=True)[2]
    assert_same(alone, [{name: value[:, 1] for name, value in found.items()} for found in gates])


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind in ("lstm", "gru")])
def test_return_gates_of_the_last_layer_give_its_output(kind):
    """Of the reverse direction, too, whose gates stand at the step that they belong to."""
    case = make(kind, np.float64, bidirectional=True)
    output, _, gates = case.model(case.x, case.state, return_gates=True)
    before = [parts(case.state)[-1][way] for way in (0, 1)]
    for t, last in ((0, before[0]), (6, before[1])):
        found = {name: value[t] for name, value in gates[t > 0].items()}
        if kind == "lstm":
            want = found["ot"] * np.tanh(found["ft"] * last + found["it"] * found["cct"])
        else:
            want = found["zt"] * last + (1 - found["zt"]) * found["cct"]
        np.testing.assert_allclose(output[t][:, 5 * (t > 0) :][:, :5], want, rtol=1e-14, atol=1e-15)


@each_kind
def test_dropout_has_no_part_in_a_call(kind):
    case, plain = (make(kind, num_layers=2, **given) for given in ({"dropout": 0.9}, {}))
    assert_same(case.model(case.x), plain.model(case.x))


def test_dropout_of_one_layer_warns_as_torch_does():
    with pytest.warns(UserWarning, match=r"got dropout=0.5 and num_layers=1") as caught:
        nn.LSTM(3, 5, dropout=0.5)
    assert caught[0].filename == __file__


def test_nan_stays_in_its_sequence_and_warns_of_nothing():
    case = make("lstm", num_layers=2, bidirectional=True)
    want, _ = case.model(case.x)
    case.x[3, 1] = np.nan
    case.x[4, 2] = np.inf
    output, _ = case.model(case.x)
    assert np.isnan(output[:, 1]).all()
    assert_same(output[:, [0, 3]], want[:, [0, 3]])


def test_package_has_nn_as_an_attribute_and_in_imports():
    assert cyrnn.nn is nn
    with pytest.raises(AttributeError, match="no attribute 'onn'"):
        _ = cyrnn.onn
