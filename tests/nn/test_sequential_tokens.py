"""Tokens and resets go through a Sequential: the bits of one-hot rows, and of sequences that are cut."""

from __future__ import annotations

import numpy as np
import pytest

from cyrnn import nn

IDS = np.random.default_rng(0).integers(0, 10, (6, 3))
RESET = np.zeros((6, 3), bool)
RESET[2, 0] = RESET[4, 1] = True


def model(batch_first=False, **options):
    layers = nn.LSTM(10, 5, batch_first=batch_first, rng=0, **options), nn.LayerNorm(5)
    return nn.Sequential(*layers, nn.GRU(5, 4, batch_first=batch_first, rng=1), nn.Linear(4, 10, rng=2))


@pytest.mark.parametrize("lengths", [None, [6, 0, 3]])
def test_tokens_have_the_bits_of_one_hot_rows(lengths):
    one = model()
    output, state, tape = one.forward(IDS, lengths=lengths)
    hot, _, of_hot = one.forward(np.eye(10, dtype=np.float32)[IDS], lengths=lengths)
    assert np.array_equal(output, hot)
    assert np.array_equal(one(IDS, lengths=lengths)[0], hot)
    found, want = one.backward(tape, output, (None, state[1])), one.backward(of_hot, output, (None, state[1]))
    assert found.input is None
    assert all(np.array_equal(found.weights[name], d) for name, d in want.weights.items())


@pytest.mark.parametrize("batch_first", [False, True])
def test_reset_has_the_bits_of_steps_that_are_reset(batch_first):
    one, streams = model(batch_first), (IDS.T if batch_first else IDS)
    reset = RESET.T if batch_first else RESET
    output, last = one(streams, reset=reset)
    again, _, tape = one.forward(streams, reset=reset)
    assert np.array_equal(again, output)
    output, state = output.swapaxes(0, 1) if batch_first else output, None
    for t in range(6):
        y, state = one.step(IDS[t], state, reset=RESET[t])
        np.testing.assert_allclose(y, output[t], rtol=0, atol=1e-6)
    np.testing.assert_allclose(state[1], last[1], rtol=0, atol=1e-6)
    assert not np.array_equal(one(streams)[0], again)
    gradients = one.backward(tape, np.ones_like(again))
    assert gradients.hx[0][0].shape == (1, 3, 5)


def test_reset_to_hx_begins_there_once_more():
    one = model()
    hx = ((np.ones((1, 3, 5), np.float32), np.ones((1, 3, 5), np.float32)), np.ones((1, 3, 4), np.float32))
    output, _ = one(IDS, hx, reset=RESET, reset_to="hx")
    whole, _, tape = one.forward(IDS, hx, reset=RESET, reset_to="hx")
    assert np.array_equal(whole, output)
    cut, _ = one(IDS[2:], hx)
    np.testing.assert_allclose(output[2:, 0], cut[:, 0], rtol=0, atol=1e-6)
    assert one.backward(tape, whole).hx[1].any()
    with pytest.raises(ValueError, match=r"^Sequential: reset_to is 'h0', expected 'zeros' or 'hx'"):
        one(IDS, reset_to="h0")


def test_gradients_do_not_pass_a_reset():
    one = model()
    hx = ((np.ones((1, 3, 5), np.float32), np.ones((1, 3, 5), np.float32)), np.ones((1, 3, 4), np.float32))
    _, _, tape = one.forward(IDS, hx, reset=np.eye(6, 3, dtype=bool))  # stream 0 before step 0, 1 before 1, 2 before 2
    d = np.zeros((6, 3, 10), np.float32)
    d[2:] = 1
    of_lstm, of_gru = one.backward(tape, d).hx
    assert not of_lstm[0].any()
    assert not of_gru.any()


def test_wrong_reset_and_wrong_token_name_the_module():
    with pytest.raises(ValueError, match=r"^Sequential: module 0: LSTM: reset has shape \(5, 3\), expected"):
        model()(IDS, reset=RESET[1:])
    with pytest.raises(ValueError, match=r"^Sequential: module 0: LSTM: input\[0, 0\] is "):
        model()(IDS + 90)
