"""A list of states that another thread empties or changes during a call: the call goes on with what it was given."""

from __future__ import annotations

import weakref

import nn_models
import numpy as np
import pytest
from problems import assert_same_bits, isa_in_use

import cyrnn
from cyrnn import nn
from cyrnn.calls.implementation import implementation

pytestmark = pytest.mark.skipif(isa_in_use() == "reference", reason="the reference shares no work among threads")


@pytest.fixture
def during_calls():
    """Runs a function in the middle of every compiled call, where threads may share it."""
    before = cyrnn.get_num_threads()
    yield lambda run: implementation.share_above(1, lambda *_: run())
    cyrnn.set_num_threads(before)  # which sets `split` again


@pytest.mark.parametrize("options", [{}, {"num_layers": 2}, {"bidirectional": True}, {"proj_size": 2}], ids=str)
def test_list_of_states_emptied_meanwhile_is_held(options, during_calls):
    model, x = nn.LSTM(3, 5, rng=0, **options), np.ones((4, 16, 3), np.float32)
    draw = nn_models.draw_state(model, 16, np.random.default_rng(1))
    lengths, alive = [4] * 15 + [0], []

    def forward_and_back(hx, d_state):
        output, state, tape = model.forward(x, hx, lengths=lengths)
        gradients = model.backward(tape, np.ones_like(output), d_state)
        return nn_models.arrays([output, state, gradients.input, gradients.hx])

    want = forward_and_back(draw, draw)
    lists = [[part.copy() for part in draw] for _ in range(2)]
    references = [weakref.ref(part) for states in lists for part in states]

    def empty():
        alive.append([reference() is not None for reference in references])
        lists[0].clear()

    during_calls(empty)
    output, state, tape = model.forward(x, lists[0], lengths=lengths)
    during_calls(lists[1].clear)
    gradients = model.backward(tape, np.ones_like(output), lists[1])
    assert_same_bits(nn_models.arrays([output, state, gradients.input, gradients.hx]), want)
    assert all(alive[0][:2])


def test_list_of_states_changed_between_layers_is_read_once(during_calls):
    model, x = nn.LSTM(3, 5, num_layers=2, rng=0), np.ones((4, 16, 3), np.float32)
    hx = [np.ones((2, 16, 5), np.float32) for _ in range(2)]
    want = model(x, tuple(hx), return_gates=True)
    states = list(hx)
    during_calls(lambda: states.__setitem__(0, hx[0].astype(np.float16)))
    got = model(x, states, return_gates=True)
    assert len(got[2]) == 2
    assert_same_bits(nn_models.arrays(got), nn_models.arrays(want))
