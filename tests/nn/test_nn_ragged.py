"""`lengths` of cyrnn.nn: each sequence of a ragged batch has the bits that it has alone, forward and back."""

from __future__ import annotations

import numpy as np
import pytest
from nn_models import (
    arrays,
    assert_same,
    columns,
    draw_state,
    each_dtype,
    each_kind,
    each_larger,
    each_stack,
    joined,
    make,
    parts,
)

N = 6


def alone(case, i):
    return case.x[: case.lengths[i], i : i + 1], columns(case.state, slice(i, i + 1))


def ragged(kind, dtype=np.float32, **stack):
    """A case with lengths 0 and L among others, in no order, and nan behind the end of each sequence."""
    case = make(kind, dtype, N=N, **stack)
    for i, length in enumerate(case.lengths):
        case.x[length:, i] = np.nan
    return case


@each_stack
@each_dtype
@each_kind
def test_sequence_has_the_bits_that_it_has_alone(kind, dtype, stack):
    case = ragged(kind, dtype, **stack)
    assert sorted(case.lengths) != case.lengths != sorted(case.lengths, reverse=True)
    output, state, gates = case.model(case.x, case.state, lengths=case.lengths, return_gates=True)
    for i, length in enumerate(case.lengths):
        x, start = alone(case, i)
        want, last, found = case.model(x, start, return_gates=True)
        assert_same([output[:length, i], columns(state, i)], [want[:, 0], columns(last, 0)])
        assert not output[length:, i].any()
        for one, other in zip(arrays(gates), arrays(found), strict=True):
            assert_same(one[:length, i], other[:, 0])
            assert not one[length:, i].any()


@each_larger
@each_dtype
@each_kind
def test_long_sequence_has_the_bits_that_it_has_alone_forward_and_back(kind, dtype, sizes):
    case = ragged(kind, dtype, num_layers=2, bidirectional=True, **sizes)
    output, state = case.model(case.x, case.state, lengths=case.lengths)
    again, _, tape = case.model.forward(case.x, case.state, lengths=case.lengths)
    assert_same(again, output)
    found = case.model.backward(tape, output, state)
    for i, length in enumerate(case.lengths):
        x, start = alone(case, i)
        want, last = case.model(x, start)
        assert_same([output[:length, i], columns(state, i)], [want[:, 0], columns(last, 0)])
        assert not output[length:, i].any()
        back = case.model.backward(case.model.forward(x, start)[2], want, last)
        assert_same([found.input[:length, i], columns(found.hx, i)], [back.input[:, 0], columns(back.hx, 0)])


@each_kind
def test_state_of_a_sequence_without_steps_is_that_it_was_given(kind):
    case = ragged(kind, num_layers=2, bidirectional=True)
    i = case.lengths.index(0)
    assert_same(columns(case.model(case.x, case.state, lengths=case.lengths)[1], i), columns(case.state, i))


@each_stack
@each_kind
def test_order_of_the_batch_never_matters(kind, stack):
    case = ragged(kind, **stack)
    output, state = case.model(case.x, case.state, lengths=case.lengths)
    for order in (np.arange(N)[::-1], np.random.default_rng(0).permutation(N)):
        x, lengths = case.x[:, order], np.array(case.lengths)[order]
        assert_same(
            case.model(x, columns(case.state, order), lengths=lengths), [output[:, order], columns(state, order)]
        )


@each_stack
@each_kind
def test_full_lengths_are_no_lengths(kind, stack):
    case = make(kind, N=N, **stack)
    want = case.model(case.x, case.state, return_gates=True)
    assert_same(case.model(case.x, case.state, lengths=[7] * N, return_gates=True), want)


@each_kind
def test_all_lengths_zero_give_zeros_and_the_state(kind):
    case = make(kind, N=N, bidirectional=True)
    output, state = case.model(case.x, case.state, lengths=np.zeros(N, int))
    assert not output.any()
    assert_same(state, case.state)


@each_kind
def test_lengths_with_batch_first_and_every_kind_of_integers(kind):
    case, first = ragged(kind), ragged(kind, batch_first=True)
    output, state = case.model(case.x, case.state, lengths=case.lengths)
    for lengths in (tuple(case.lengths), *(np.array(case.lengths, dtype) for dtype in "bHq")):
        got, last = first.model(case.x.swapaxes(0, 1), case.state, lengths=lengths)
        assert_same([got.swapaxes(0, 1), last], [output, state])


@pytest.mark.parametrize("given", [[], (), np.zeros(0), np.zeros(0, np.int32)], ids=repr)
def test_lengths_of_no_sequences(given):
    case = make("lstm", N=0)
    assert case.model(case.x, lengths=given)[0].shape == (7, 0, 5)


@each_stack
@each_dtype
@each_kind
def test_gradients_have_the_bits_that_they_have_alone(kind, dtype, stack):
    """Those of the input and of the first states; those of the weights are sums over the batch."""
    case = ragged(kind, dtype, **stack)
    random = np.random.default_rng(3)
    output, state, tape = case.model.forward(case.x, case.state, lengths=case.lengths)
    assert_same([output, state], case.model(case.x, case.state, lengths=case.lengths))
    d_output = random.standard_normal(output.shape).astype(dtype)
    d_state = draw_state(case.model, N, random)
    for i, length in enumerate(case.lengths):
        d_output[length:, i] = np.nan  # not read
    found = case.model.backward(tape, d_output, d_state)
    sums = {name: np.zeros_like(value, np.float64) for name, value in found.weights.items()}
    for i, length in enumerate(case.lengths):
        _, _, tape = case.model.forward(*alone(case, i))
        want = case.model.backward(tape, d_output[:length, i : i + 1], columns(d_state, slice(i, i + 1)))
        assert_same([found.input[:length, i], columns(found.hx, i)], [want.input[:, 0], columns(want.hx, 0)])
        assert not found.input[length:, i].any()
        for name, value in want.weights.items():
            sums[name] += value
    for name, value in found.weights.items():
        np.testing.assert_allclose(value, sums[name], rtol=0, atol=1e3 * np.finfo(dtype).eps * abs(sums[name]).max())


@each_kind
def test_gradients_of_a_reordered_batch_are_those_reordered(kind):
    case = ragged(kind, num_layers=2, bidirectional=True)
    order = np.random.default_rng(0).permutation(N)
    d_state = draw_state(case.model, N, np.random.default_rng(4))
    d_output = np.ones((7, N, 2 * parts(case.state)[0].shape[2]), np.float32)
    tape = case.model.forward(case.x, case.state, lengths=case.lengths)[2]
    want = case.model.backward(tape, d_output, d_state)
    lengths = [case.lengths[i] for i in order]
    tape = case.model.forward(case.x[:, order], columns(case.state, order), lengths=lengths)[2]
    got = case.model.backward(tape, d_output, joined([part[:, order] for part in parts(d_state)]))
    assert_same([got.input, got.hx], [want.input[:, order], columns(want.hx, order)])
