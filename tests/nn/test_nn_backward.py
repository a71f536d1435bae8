"""`forward` and `backward` of cyrnn.nn: the gradients of whole stacks against differences, dropout, and the tape."""

from __future__ import annotations

import numpy as np
import pytest
from gradients import central
from nn_models import (
    arrays,
    assert_same,
    build,
    columns,
    draw_state,
    each_dtype,
    each_kind,
    each_stack,
    joined,
    make,
    parts,
)

import cyrnn

#: for central differences of a loss of order 10, in float64
NEAR = 1e-8


def loss_of(case, x, state, weights, ways, **extras):
    """A random linear function of output and state, as `ways` says, for the given weights."""
    case.model.load_state_dict(weights)
    output, last, tape = case.model.forward(x, state, **extras)
    values = arrays([output, last])
    return sum(float((value * way).sum()) for value, way in zip(values, arrays(ways), strict=True)), tape


@pytest.mark.parametrize(
    "extras", [{}, {"lengths": [2, 0, 3]}, {"dropout_rng": 5}], ids=lambda extras: "-".join(extras) or "plain"
)
@each_stack
@each_kind
def test_gradients_are_the_slopes_of_the_loss(kind, stack, extras):
    layers = {"dropout": 0.4} if "dropout_rng" in extras and stack.get("num_layers", 1) > 1 else {}
    case = make(kind, np.float64, L=3, N=3, n_x=2, n=3, **stack, **layers)
    random = np.random.default_rng(7)
    output = case.model(case.x, case.state)[0]
    ways = [random.standard_normal(output.shape), draw_state(case.model, 3, random)]
    weights = case.model.state_dict()
    states = list(parts(case.state))

    def loss():
        return loss_of(case, case.x, joined(states), weights, ways, **extras)[0]

    _, tape = loss_of(case, case.x, joined(states), weights, ways, **extras)
    found = case.model.backward(tape, *ways)
    assert list(found.weights) == list(weights)
    np.testing.assert_allclose(found.input, central(loss, case.x), rtol=0, atol=NEAR)
    for got, part in zip(parts(found.hx), states, strict=True):
        np.testing.assert_allclose(got, central(loss, part), rtol=0, atol=NEAR)
    for name, array in weights.items():
        np.testing.assert_allclose(found.weights[name], central(loss, array), rtol=0, atol=NEAR, err_msg=name)


@each_stack
@each_dtype
@each_kind
def test_forward_gives_the_bits_of_a_call(kind, dtype, stack):
    case = make(kind, dtype, **stack)
    output, state, tape = case.model.forward(case.x, case.state)
    assert_same([output, state], case.model(case.x, case.state))
    d_output = np.ones_like(output)
    found = case.model.backward(tape, d_output)
    assert found.input.shape == case.x.shape
    assert [part.shape for part in parts(found.hx)] == [part.shape for part in parts(case.state)]
    shapes = {name: (value.shape, value.dtype) for name, value in case.model.state_dict().items()}
    assert {name: (value.shape, value.dtype) for name, value in found.weights.items()} == shapes
    output[...] = 0  # the caller's own: the tape has what it needs
    assert_same(case.model.backward(tape, d_output), found)


@each_stack
@each_kind
def test_gradients_of_a_sequence_are_those_alone_whatever_the_layout(kind, stack):
    case, first = make(kind, **stack), build(kind, batch_first=True, **stack)
    random = np.random.default_rng(4)
    output, _, tape = case.model.forward(case.x, case.state)
    d_output, d_state = random.standard_normal(output.shape).astype(np.float32), draw_state(case.model, 4, random)
    want = case.model.backward(tape, d_output, d_state)

    tape = first.forward(case.x.swapaxes(0, 1), case.state)[2]
    got = first.backward(tape, d_output.swapaxes(0, 1), d_state)
    assert_same([got.input.swapaxes(0, 1), got.hx, got.weights], want)

    for model in (case.model, first):
        tape = model.forward(case.x[:, 1], columns(case.state, 1))[2]
        got = model.backward(tape, d_output[:, 1], columns(d_state, 1))
        assert_same([got.input, got.hx], [want.input[:, 1], columns(want.hx, 1)])


@each_kind
def test_gradients_take_any_memory(kind):
    case = make(kind, num_layers=2, bidirectional=True)
    apart = np.full([2 * size for size in case.x.shape], np.nan, np.float32)
    apart[::2, ::2, ::2] = case.x
    want = gradients_of(case, case.x)
    for x in (np.asfortranarray(case.x), apart[::2, ::2, ::2], case.x[:, :, ::-1].copy()[:, :, ::-1]):
        assert_same(gradients_of(case, x), want)


def gradients_of(case, x):
    output, _, tape = case.model.forward(x, case.state)
    d_state = joined([np.asfortranarray(part) for part in parts(case.state)])
    return case.model.backward(tape, np.asfortranarray(np.ones_like(output)), d_state)


@each_kind
def test_gradient_left_out_is_zero(kind):
    case = make(kind, num_layers=2)
    output, state, tape = case.model.forward(case.x, case.state)
    nothing = joined([np.zeros_like(part) for part in parts(state)])
    ones = np.ones_like(output)
    assert_same(case.model.backward(tape, ones), case.model.backward(tape, ones, nothing))
    assert_same(case.model.backward(tape, None, case.state), case.model.backward(tape, 0 * ones, case.state))
    if len(parts(state)) == 2:
        want = case.model.backward(tape, ones, (nothing[0], case.state[1]))
        assert_same(case.model.backward(tape, ones, (None, case.state[1])), want)


@each_kind
def test_gradients_without_steps_are_those_of_the_state(kind):
    case = make(kind, L=0, num_layers=2, bidirectional=True)
    output, _, tape = case.model.forward(case.x, case.state)
    found = case.model.backward(tape, output, case.state)
    assert_same(found.hx, case.state)
    assert not any(value.any() for value in found.weights.values())


@each_kind
def test_gradients_without_sequences_or_features_are_empty(kind):
    for case in (make(kind, N=0, num_layers=2), make(kind, n_x=0)):
        output, _, tape = case.model.forward(case.x, case.state)
        found = case.model.backward(tape, output, case.state)
        assert found.input.shape == case.x.shape
        assert list(found.weights) == list(case.model.state_dict())


# ---- dropout -------------------------------------------------------------------------------------


def test_dropout_drops_between_layers_with_its_probability_and_scales_the_rest():
    case = make("lstm", np.float64, L=50, N=20, n=10, num_layers=2, dropout=0.3)
    lower, upper = build("lstm", np.float64, n=10), build("lstm", np.float64, n_x=10, n=10)
    weights = case.model.state_dict()
    lower.load_state_dict({name: value for name, value in weights.items() if name.endswith("_l0")})
    upper.load_state_dict({name.replace("_l1", "_l0"): value for name, value in weights.items() if "_l1" in name})
    output, _, tape = case.model.forward(case.x, dropout_rng=np.random.default_rng(3))
    (noise,) = tape.noise
    dropped = noise == 0
    np.testing.assert_array_equal(noise[~dropped], 1 / (1 - 0.3))
    assert abs(dropped.mean() - 0.3) < 5 * np.sqrt(0.3 * 0.7 / noise.size)
    assert_same(output, upper(lower(case.x)[0] * noise)[0])


def test_dropout_comes_from_the_generator_alone():
    case = make("lstm", num_layers=3, dropout=0.5)
    runs = [case.model.forward(case.x, dropout_rng=rng)[0] for rng in (1, np.random.default_rng(1), 2, None)]
    assert_same(runs[0], runs[1])
    assert not np.array_equal(runs[0], runs[2])
    assert_same(runs[3], case.model(case.x)[0])
    generator = np.random.default_rng(1)
    first, second = (case.model.forward(case.x, dropout_rng=generator)[0] for _ in range(2))
    assert not np.array_equal(first, second)


def test_dropout_of_everything_leaves_the_biases_alone():
    case = make("lstm", num_layers=2, dropout=1.0)
    output, _, _ = case.model.forward(case.x, dropout_rng=1)
    assert np.isfinite(output).all()
    assert_same(output, case.model.forward(np.ones_like(case.x), dropout_rng=1)[0])


def test_dropout_falls_on_the_same_places_of_a_ragged_batch():
    case = make("lstm", num_layers=2, dropout=0.5, N=6)
    whole = case.model.forward(case.x, case.state, dropout_rng=1)[0]
    output = case.model.forward(case.x, case.state, lengths=case.lengths, dropout_rng=1)[0]
    for i, length in enumerate(case.lengths):
        assert_same(output[:length, i], whole[:length, i])


# ---- the tape ------------------------------------------------------------------------------------


def test_tape_keeps_the_weights_that_it_began_with():
    case = make("lstm", num_layers=2)
    output, _, tape = case.model.forward(case.x, case.state)
    want = case.model.backward(tape, output)
    for name in case.model.state_dict():
        getattr(case.model, name)[...] = 7
    case.model.pack()
    assert_same(case.model.backward(tape, output), want)


def test_tape_shows_what_it_is_of():
    case = make("lstm")
    assert repr(case.model.forward(case.x)[2]) == "<tape of a model lstm, 3 -> 5: L = 7, N = 4>"


def test_training_by_hand_lowers_the_loss():
    """Two layers learn to say the sum of their inputs so far: forward, backward, Adam, all weights anew."""
    model = build("lstm", np.float64, n_x=1, n=8, num_layers=2, dropout=0.1)
    random, losses = np.random.default_rng(0), []
    weights = model.state_dict()
    v, s = cyrnn.initialize_adam(weights)
    for update in range(1, 101):
        x = random.standard_normal((6, 16, 1)) / 4
        output, _, tape = model.forward(x, dropout_rng=random)
        error = output[:, :, :1] - np.tanh(x.cumsum(axis=0))
        losses.append((error**2).mean())
        d_output = np.zeros_like(output)
        d_output[:, :, :1] = 2 * error / error.size
        grads = {f"d{name}": value for name, value in model.backward(tape, d_output).weights.items()}
        cyrnn.update_parameters_with_adam(weights, grads, v, s, update, learning_rate=0.02)
        model.load_state_dict(weights)
    assert np.mean(losses[-10:]) < np.mean(losses[:10]) / 2
