"""Arguments that a compiled call does not take, in places where only one of a pair is odd or given."""

from __future__ import annotations

import numpy as np
import pytest
from layouts import Plain
from nn_models import assert_same, each_kind, make, parts

import cyrnn.nn
from cyrnn import calls
from cyrnn.cells import LSTM


class Refusing:
    """A sublayer that answers None once."""

    def __init__(self, sublayer) -> None:
        self.sublayer, self.asked = sublayer, 0

    def forward(self, *arguments):
        self.asked += 1
        return None if self.asked == 1 else self.sublayer.forward(*arguments)

    def __getattr__(self, name):
        return getattr(self.sublayer, name)


@pytest.mark.parametrize("kind", ["RNNCell", "LSTMCell", "GRUCell"])
def test_cell_of_an_odd_array_has_the_bits_of_a_plain_one(kind):
    cell = getattr(cyrnn.nn, kind)(3, 5, rng=0)
    x = np.random.default_rng(1).standard_normal((2, 3), np.float32)
    state = cell(x)
    assert_same(cell(x.view(Plain)), state)
    odd = tuple(part.view(Plain) for part in parts(state))
    assert_same(cell(x, odd if len(odd) > 1 else odd[0]), cell(x, state))


@each_kind
def test_backward_of_an_odd_gradient_has_the_bits_of_a_plain_one(kind):
    case = make(kind)
    output, state, tape = case.model.forward(case.x, case.state)
    d = np.random.default_rng(3).standard_normal(output.shape).astype(output.dtype)
    assert_same(case.model.backward(tape, d.view(Plain), state), case.model.backward(tape, d, state))


@pytest.mark.parametrize("which", [0, 1])
def test_backward_of_one_odd_state_takes_the_other_for_zeros(which):
    case = make("lstm")
    _, state, tape = case.model.forward(case.x, case.state)
    zeros = tuple(part if i == which else np.zeros_like(part) for i, part in enumerate(state))
    given = tuple(part.view(Plain) if i == which else None for i, part in enumerate(state))
    assert_same(case.model.backward(tape, None, given), case.model.backward(tape, None, zeros))


def test_forward_that_a_second_layer_refused_keeps_one_record_of_each():
    """The call is made again with plain arguments: a record of the first attempt would be gone back through, too."""
    case = make("gru", num_layers=2)
    output, state, tape = case.model.forward(case.x, case.state)
    want = case.model.backward(tape, output, state)
    first, second = case.model._sublayers
    case.model._sublayers = (first, Refusing(second))
    _, _, tape = case.model.forward(case.x, case.state)
    assert len(tape.records) == 2
    case.model._sublayers = (first, second)
    tape.sublayers = (first, second)
    assert_same(case.model.backward(tape, output, state), want)


@pytest.mark.parametrize("batch", [(), (2,)], ids=["one", "batch"])
def test_gradients_of_a_single_step_are_those_of_a_sequence_of_one(batch):
    """nn's cells have no backward call; their sublayer has."""
    random = np.random.default_rng(0)
    W_x, W_a, b = (random.standard_normal(shape) for shape in ((8, 3), (8, 2), (4, 2)))
    x, *state = (random.standard_normal((*batch, n)) for n in (3, 2, 2))
    found = []
    for single in (True, False):
        layer = calls.of(LSTM).sublayer(W_x, W_a, b, None, (0, 1, 2, 3), 0, 1, 1, single)
        given, states = (x, tuple(state)) if single else (x[None], tuple(part[None] for part in state))
        records: list = []
        layer.forward(given, states, False, None, None, None, None, records)
        dx, d_state, weights = layer.backward(records[0], None, states)
        d_parts = [part.reshape(p.shape) for part, p in zip(d_state, state, strict=True)]
        found.append([dx.reshape(x.shape), *d_parts, *weights])
    assert_same(*found)
