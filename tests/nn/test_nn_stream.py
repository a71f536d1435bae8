"""`step` of cyrnn.nn: a stream through a stack has the bits of the whole sequence, and a reset where it is told."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from nn_models import assert_same, build, columns, each_dtype, each_kind, each_larger, joined, make, parts

LAYERS = pytest.mark.parametrize("layers", [1, 3])


@LAYERS
@each_dtype
@each_kind
def test_step_after_step_gives_the_bits_of_the_whole_sequence(kind, dtype, layers):
    case = make(kind, dtype, num_layers=layers)
    output, last = case.model(case.x, case.state)
    state = case.state
    for t in range(7):
        out, state = case.model.step(case.x[t], state)
        assert_same(out, output[t])
    assert_same(state, last)


@each_larger
@each_dtype
@each_kind
def test_one_long_stream_gives_the_bits_of_the_whole_and_of_the_batch(kind, dtype, sizes):
    case = make(kind, dtype, num_layers=2, **sizes)
    whole, last = case.model(case.x, case.state)
    x, state = case.x[:, 1:2], columns(case.state, slice(1, 2))
    alone, alone_last = case.model(x, state)
    assert_same([alone, alone_last], [whole[:, 1:2], columns(last, slice(1, 2))])
    for t in range(sizes["L"]):
        out, state = case.model.step(x[t], state)
        assert_same(out, alone[t])
    assert_same(state, alone_last)


@LAYERS
@each_kind
def test_step_mixed_with_calls_on_pieces_gives_the_bits_of_the_whole_sequence(kind, layers):
    case = make(kind, num_layers=layers)
    output, last = case.model(case.x, case.state)
    first, state = case.model(case.x[:3], case.state)
    fourth, state = case.model.step(case.x[3], state)
    rest, state = case.model(case.x[4:], state)
    assert_same([np.concatenate([first, fourth[None], rest]), state], [output, last])


@each_kind
def test_step_without_state_starts_from_zeros(kind):
    case = make(kind, num_layers=2)
    zeros = joined([np.zeros_like(part) for part in parts(case.state)])
    assert_same(case.model.step(case.x[0]), case.model.step(case.x[0], zeros))


@each_kind
def test_step_without_batch_is_a_sequence_alone(kind):
    case = make(kind, num_layers=2)
    out, state = case.model.step(case.x[0], case.state)
    alone = case.model.step(case.x[0, 2], columns(case.state, 2))
    assert_same(alone, [out[2], columns(state, 2)])
    out, state = case.model.step(case.x[0])
    assert_same(case.model.step(case.x[0, 2]), [out[2], columns(state, 2)])


@each_dtype
@each_kind
def test_reset_starts_those_streams_anew_and_no_other(kind, dtype):
    case = make(kind, dtype, num_layers=2)
    reset = np.array([True, False, True, False])
    before = [part.copy() for part in parts(case.state)]
    for part in parts(case.state):
        part[:, 2] = np.nan  # what is reset is not multiplied by zero
    out, state = case.model.step(case.x[0], case.state, reset=reset)
    fresh, fresh_state = case.model.step(case.x[0])
    old, old_state = case.model.step(case.x[0], joined(before))
    for i in range(4):
        want = [fresh[i], columns(fresh_state, i)] if reset[i] else [old[i], columns(old_state, i)]
        assert_same([out[i], columns(state, i)], want)
    assert all(np.isnan(part[:, 2]).all() for part in parts(case.state))
    assert_same(case.model.step(case.x[0], joined(before), reset=reset.tolist()), [out, state])
    assert_same(case.model.step(case.x[0], reset=reset), [fresh, fresh_state])


@each_kind
def test_reset_without_batch_is_one_bool(kind):
    case = make(kind)
    state = columns(case.state, 1)
    assert_same(case.model.step(case.x[0, 1], state, reset=True), case.model.step(case.x[0, 1]))
    assert_same(case.model.step(case.x[0, 1], state, reset=np.False_), case.model.step(case.x[0, 1], state))


def test_reset_is_the_same_as_sequences_one_after_the_other():
    """An agent's episodes of different lengths, in one stream each."""
    case = make("lstm", L=12, N=3, num_layers=2)
    starts = np.zeros((12, 3), bool)
    starts[[0, 0, 0, 4, 9, 7], [0, 1, 2, 1, 1, 2]] = True
    state, outs = case.state, []
    for t in range(12):
        out, state = case.model.step(case.x[t], state, reset=starts[t])
        outs.append(out)
    for i in range(3):
        bounds = [*np.flatnonzero(starts[:, i]), 12]
        whole = [case.model(case.x[a:b, i])[0] for a, b in pairwise(bounds)]
        assert_same(np.stack(outs)[:, i], np.concatenate(whole))


def test_step_of_a_bidirectional_model_says_why_not():
    model = build("lstm", bidirectional=True)
    with pytest.raises(ValueError, match=r"^LSTM.step: the model is bidirectional, expected one direction: "):
        model.step(np.zeros((4, 3), np.float32))
