"""`reset` of cyrnn.nn: a sequence that is reset has the bits of its pieces, forward and back."""

from __future__ import annotations

import re

import numpy as np
import pytest
from cutting import KINDS, build, drawn, in_pieces
from gradients import central
from nn_models import arrays, assert_same, columns, draw_state, each_dtype, joined, parts
from problems import isa_in_use

import cyrnn
from cyrnn import nn

STACKS = ({}, {"num_layers": 2, "bidirectional": True}, {"bidirectional": True, "bias": False})
#: n_x, n, L, N: one column, whose input projection is interleaved; tiles of many; blocks of steps; narrow rows
SIZES = [(40, 64, 33, 1), (3, 5, 7, 40), (100, 13, 40, 3), (1, 2, 9, 11)]

each_kind = pytest.mark.parametrize("kind", KINDS)
each_stack = pytest.mark.parametrize("stack", STACKS, ids=lambda stack: "-".join(stack) or "plain")
each_size = pytest.mark.parametrize("sizes", SIZES, ids=lambda sizes: "-".join(map(str, sizes)))
each_target = pytest.mark.parametrize("to", ["zeros", "hx"])


def options_of(kind: str, stack: dict) -> dict:
    return {key: value for key, value in stack.items() if kind != "coupled" or key != "bias"}


def assert_pieces(model, x, state, flags, to, lengths=None) -> None:
    """Each sequence of a batch, and back, against its pieces."""
    random = np.random.default_rng(5)
    output, last, tape = model.forward(x, state, lengths=lengths, reset=flags, reset_to=to)
    assert_same(model(x, state, lengths=lengths, reset=flags, reset_to=to), [output, *parts(last)])
    d_output = random.standard_normal(output.shape).astype(model.dtype)
    d_state = draw_state(model, x.shape[1], random)
    found = model.backward(tape, d_output, d_state)
    weights = {name: np.zeros(value.shape) for name, value in found.weights.items()}
    for i in range(x.shape[1]):
        length, one = len(x) if lengths is None else lengths[i], slice(i, i + 1)
        got = [output[:length, one], columns(last, one), found.input[:length, one], columns(found.hx, one)]
        pieces = in_pieces(
            model, x[:length, one], columns(state, one), flags[:length, i], to, d_output[:length, one],
            columns(d_state, one),
        )  # fmt: skip
        assert_same(got, [pieces[key] for key in ("output", "state", "input", "hx")])
        assert not output[length:, i].any()
        assert not found.input[length:, i].any()
        for name, value in pieces["weights"].items():
            weights[name] += value
    for name, want in weights.items():
        near = 64 * np.finfo(model.dtype).eps * max(1, np.abs(want).max())
        np.testing.assert_allclose(found.weights[name], want, rtol=0, atol=near, err_msg=name)


@pytest.mark.parametrize("ragged", [False, True], ids=["whole", "ragged"])
@each_target
@each_stack
@each_kind
def test_reset_sequence_has_the_bits_of_its_pieces(kind, stack, to, ragged):
    model = build(kind, **options_of(kind, stack))
    x, state, flags, lengths = drawn(model, 8, 6)
    assert_pieces(model, x, state, flags, to, lengths if ragged else None)


@pytest.mark.parametrize("ragged", [False, True], ids=["whole", "ragged"])
@each_size
@each_dtype
@each_kind
def test_so_has_one_of_other_sizes(kind, dtype, sizes, ragged):
    n_x, n, L, N = sizes
    model = build(kind, dtype, n_x, n, **({"proj_size": 1} if kind == "projected" and n == 2 else {}))
    x, state, flags, lengths = drawn(model, L, N, share=0.1)
    assert_pieces(model, x, state, flags, "zeros" if ragged else "hx", lengths if ragged else None)


@each_target
@each_kind
def test_every_place_to_cut(kind, to):
    model = build(kind, np.float64, bidirectional=True)
    x, state, _, _ = drawn(model, 6, 1)
    for t in range(6):
        assert_pieces(model, x, state, np.arange(6)[:, None] == t, to)


@each_target
@each_kind
def test_reset_at_every_step(kind, to):
    model = build(kind)
    x, state, flags, lengths = drawn(model, 5, 4)
    assert_pieces(model, x, state, np.ones_like(flags), to)
    assert_pieces(model, x, state, np.ones_like(flags), to, lengths)


@each_kind
def test_one_step_that_is_reset_gives_hx_no_gradient(kind):
    model = build(kind)
    x, state, _, _ = drawn(model, 1, 3)
    flags = np.array([[True, False, True]])
    assert_pieces(model, x, state, flags, "zeros")
    _, _, tape = model.forward(x, state, reset=flags)
    for part in parts(model.backward(tape, np.ones((1, 3, model._plan.output_size), np.float32)).hx):
        assert not part[:, ::2].any()
        assert part[:, 1].any()


@each_target
@each_kind
def test_no_reset_changes_nothing(kind, to):
    model = build(kind, num_layers=2)
    x, state, flags, lengths = drawn(model, 5, 4)
    for extras in ({}, {"lengths": lengths}):
        found = model.forward(x, state, reset=np.zeros_like(flags), reset_to=to, **extras)
        want = model.forward(x, state, **extras)
        assert_same(found[:2], want[:2])
        assert_same(model.backward(found[2], found[0]), model.backward(want[2], want[0]))


@each_target
@each_stack
@each_kind
def test_gates_and_cells_are_those_of_the_pieces(kind, stack, to):
    model = build(kind, **options_of(kind, stack))
    x, state, flags, lengths = drawn(model, 6, 3)
    extra = {"return_cells": True} if isinstance(model, nn.LSTM) else {}
    found = model(x, state, lengths=lengths, reset=flags, reset_to=to, return_gates=True, **extra)
    for i, length in enumerate(lengths):
        one, own = slice(i, i + 1), flags[:length, i].copy()
        for t in range(length):  # gates of a step are those of a call that ends there, and begins where that piece does
            if model.bidirectional:
                break
            begin = max([0, *np.flatnonzero(own[: t + 1])])
            start = columns(state, one)
            if to == "zeros" and own[: t + 1].any():
                start = joined([np.zeros_like(part) for part in parts(start)])
            want = model(x[begin : t + 1, one], start, return_gates=True, **extra)
            assert_same([gate[t, i] for gate in arrays(found[2:])], [gate[-1, 0] for gate in arrays(want[2:])])
        output, last = model(x[:, one], columns(state, one), lengths=[length], reset=flags[:, one], reset_to=to)
        assert_same([found[0][:, one], columns(found[1], one)], [output, last])


@each_kind
def test_what_is_behind_the_end_is_not_read(kind):
    model = build(kind, bidirectional=True)
    x, state, flags, lengths = drawn(model, 6, 5)
    other = flags ^ (np.arange(6)[:, None] >= lengths)
    found = [model.forward(x, state, lengths=lengths, reset=own, reset_to="hx") for own in (flags, other)]
    assert_same(found[0][:2], found[1][:2])
    assert_same(*(model.backward(tape, output) for output, _, tape in found))


@each_kind
def test_steps_with_resets_give_the_bits_of_the_sequence(kind):
    model = build(kind, num_layers=2)
    x, state, flags, _ = drawn(model, 6, 5)
    output, last = model(x, state, reset=flags)
    for t in range(6):
        y, state = model.step(x[t], state, reset=flags[t])
        assert_same(y, output[t])
    assert_same(state, last)


@each_kind
def test_axes_of_flags_are_those_of_input(kind):
    model, first = build(kind), build(kind, batch_first=True)
    x, state, flags, _ = drawn(model, 6, 5)
    want = model(x, state, reset=flags)
    output, last = first(x.swapaxes(0, 1), state, reset=np.ascontiguousarray(flags.T))
    assert_same([output.swapaxes(0, 1), last], want)
    one = model(x[:, 2], columns(state, 2), reset=flags[:, 2])
    assert_same(one, [want[0][:, 2], columns(want[1], 2)])
    assert_same(model(x[:, 2], columns(state, 2), reset=flags[:, 2].tolist()), one)


@each_kind
def test_flags_of_any_kind(kind):
    """Strided, read-only, lists, of any byte but 0, changed after the call."""
    model = build(kind)
    x, state, flags, _ = drawn(model, 6, 5)
    want = model.forward(x, state, reset=flags)
    odd = np.zeros((12, 15), np.bool)
    odd[::-2, ::3] = flags
    kept = flags.copy()
    kept.flags.writeable = False
    for given in (odd[::-2, ::3], kept, flags.tolist(), (flags * np.uint8(6)).view(np.bool)):
        assert_same(model(x, state, reset=given), want[:2])
    flags[:] = ~flags
    assert_same(
        model.backward(want[2], want[0]), model.backward(model.forward(x, state, reset=kept)[2], want[0])
    )


@each_kind
def test_hx_that_is_left_out_is_zeros(kind):
    model = build(kind)
    x, _, flags, _ = drawn(model, 6, 5)
    zeros = joined([np.zeros((1, 5, n), np.float32) for n in model._plan.state_sizes])
    found, want = model.forward(x, reset=flags, reset_to="hx"), model.forward(x, zeros, reset=flags, reset_to="hx")
    assert_same(found[:2], want[:2])
    assert_same(model.backward(found[2], found[0]), model.backward(want[2], want[0]))


@pytest.mark.parametrize("extras", [{}, {"lengths": [4, 0, 3]}], ids=["whole", "ragged"])
@each_target
@each_kind
def test_gradients_are_the_slopes_of_the_loss(kind, to, extras):
    model = build(kind, np.float64, 2, 3, bidirectional=True)
    x, state, _, _ = drawn(model, 4, 3)
    flags = np.array([[1, 0, 0], [0, 0, 1], [1, 1, 1], [0, 1, 0]], bool)
    random, weights, states = np.random.default_rng(7), model.state_dict(), list(parts(state))
    ways = [random.standard_normal(model(x)[0].shape), draw_state(model, 3, random)]

    def loss():
        model.load_state_dict(weights)
        found = model(x, joined(states), reset=flags, reset_to=to, **extras)
        return sum(float((value * way).sum()) for value, way in zip(arrays(found), arrays(ways), strict=True))

    found = model.backward(model.forward(x, state, reset=flags, reset_to=to, **extras)[2], *ways)
    np.testing.assert_allclose(found.input, central(loss, x), rtol=0, atol=1e-8)
    for got, part in zip(parts(found.hx), states, strict=True):
        np.testing.assert_allclose(got, central(loss, part), rtol=0, atol=1e-8)
    for name, array in weights.items():
        np.testing.assert_allclose(found.weights[name], central(loss, array), rtol=0, atol=1e-8, err_msg=name)


@pytest.mark.parametrize("width", ["int8", "int16"])
@each_target
@each_kind
def test_model_of_integers(kind, to, width):
    model = build(kind, n_x=17, n=33, bidirectional=True).quantize(width)
    x, state, flags, lengths = drawn(model, 9, 7)
    output, last = model(x, state, lengths=lengths, reset=flags, reset_to=to)
    for i, length in enumerate(lengths):
        one = slice(i, i + 1)
        pieces = in_pieces(model, x[:length, one], columns(state, one), flags[:length, i], to)
        assert_same([output[:length, one], columns(last, one)], [pieces["output"], pieces["state"]])


@pytest.mark.skipif(isa_in_use() == "reference", reason="has no threads of its own")
@pytest.mark.parametrize("stack", [{}, {"bidirectional": True}], ids=["one", "both"])
@each_kind
def test_threads_change_no_bit(kind, stack):
    before, found = cyrnn.get_num_threads(), []
    model = build(kind, n_x=30, n=60, **stack)
    x, state, flags, lengths = drawn(model, 30, 70)
    try:
        for count in (1, 2, 5):
            cyrnn.set_num_threads(count)
            for sizes in (None, lengths):
                output, last, tape = model.forward(x, state, lengths=sizes, reset=flags, reset_to="hx")
                found += [[output, last, *model.backward(tape, output, last), *model(x, state, reset=flags)]]
    finally:
        cyrnn.set_num_threads(before)
    for first, *others in (found[::2], found[1::2]):
        for other in others:
            assert_same(other, first)


@pytest.mark.parametrize("cell", ["RNN", "LSTM", "GRU"])
def test_torch_with_states_set_to_zero(cell):
    torch = pytest.importorskip("torch")
    ours = getattr(nn, cell)(4, 6, num_layers=2, dtype=np.float64, rng=3)
    theirs = getattr(torch.nn, cell)(4, 6, num_layers=2, dtype=torch.float64)
    theirs.load_state_dict({name: torch.from_numpy(value.copy()) for name, value in ours.state_dict().items()})
    x, state, flags, _ = drawn(ours, 12, 3)
    inputs = torch.from_numpy(x.copy()).requires_grad_()
    given = [torch.from_numpy(part.copy()).requires_grad_() for part in parts(state)]
    h, outputs = joined(given), []
    for t in range(12):
        kept = torch.from_numpy(~flags[t])[None, :, None]
        h = joined([part * kept for part in (h if cell == "LSTM" else [h])])
        output, h = theirs(inputs[t : t + 1], h)
        outputs.append(output)
    output = torch.cat(outputs)
    output.square().sum().backward()
    got, _, tape = ours.forward(x, state, reset=flags)
    found = ours.backward(tape, 2 * got)
    np.testing.assert_allclose(got, output.detach().numpy(), rtol=0, atol=1e-12)
    np.testing.assert_allclose(found.input, inputs.grad.numpy(), rtol=0, atol=1e-11)
    for ours_d, theirs_d in zip(parts(found.hx), given, strict=True):
        np.testing.assert_allclose(ours_d, theirs_d.grad.numpy(), rtol=0, atol=1e-11)
    for name, value in theirs.named_parameters():
        np.testing.assert_allclose(found.weights[name], value.grad.numpy(), rtol=0, atol=1e-10, err_msg=name)


@pytest.mark.parametrize(
    ("given", "error", "said"),
    [
        (np.zeros((7, 4), int), TypeError, "reset has dtype int64, expected bool: reset != 0"),
        (np.zeros((7, 4)), TypeError, "reset has dtype float64, expected bool: reset != 0"),
        ([[0] * 4] * 7, TypeError, "reset has dtype int64, expected bool: np.asarray(reset, bool)"),
        (np.zeros((4, 7), bool), ValueError,
         "reset has shape (4, 7), expected (L, N) = (7, 4), from input; the axes are those of input: reset.T"),
        (np.zeros(4, bool), ValueError,
         "reset has shape (4,), expected (L, N) = (7, 4), from input; one bool for each sequence is what step takes"),
        (np.zeros(7, bool), ValueError, "reset has shape (7,), expected (L, N) = (7, 4), from input"),
        (np.zeros((7, 4, 1), bool), ValueError, "reset has shape (7, 4, 1), expected (L, N) = (7, 4), from input"),
        (True, ValueError, "reset has shape (), expected (L, N) = (7, 4), from input"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("cell", ["RNN", "LSTM", "GRU"])
def test_wrong_flags(cell, given, error, said):
    model = getattr(nn, cell)(3, 5, rng=0)
    x = np.zeros((7, 4, 3), np.float32)
    for call, name in ((model, cell), (model.forward, f"{cell}.forward")):
        with pytest.raises(error) as raised:
            call(x, reset=given)
        assert str(raised.value) == f"{name}: {said}"


def test_wrong_flags_of_a_batch_first_and_of_one_sequence():
    model = nn.GRU(3, 5, batch_first=True, rng=0)
    with pytest.raises(ValueError, match=r"expected \(N, L\) = \(4, 7\), from input; the axes are those of input"):
        model(np.zeros((4, 7, 3), np.float32), reset=np.zeros((7, 4), bool))
    for shape in ((7, 1), (1, 7), (6,)):
        with pytest.raises(ValueError, match=r"expected \(L,\) = \(7,\), from input"):
            model(np.zeros((7, 3), np.float32), reset=np.zeros(shape, bool))


@pytest.mark.parametrize("to", ["zero", None, 0, np.zeros(2), ["hx"]])
def test_wrong_target(to):
    model, x = nn.LSTM(3, 5, rng=0), np.zeros((7, 4, 3), np.float32)
    got = repr(to) if to is None or isinstance(to, (int, str)) else f"of type {type(to).__name__}"
    for extras in ({}, {"reset": np.zeros((7, 4), bool)}):
        with pytest.raises(ValueError, match=re.escape(f"LSTM: reset_to is {got}, expected 'zeros' or 'hx'")):
            model(x, reset_to=to, **extras)


@pytest.mark.parametrize("dtype", [np.float32, np.float64], ids=["float32", "float64"])
@each_kind
def test_tokens_with_resets_are_their_one_hot_columns(kind, dtype):
    model = build(kind, dtype)
    numbers = np.random.default_rng(4).integers(0, 3, (6, 4))
    x, state, flags, lengths = drawn(model, 6, 4)
    x = np.eye(3, dtype=dtype)[numbers]
    for given in ({}, {"lengths": lengths}, {"reset_to": "hx"}):
        found, want = (model.forward(values, state, reset=flags, **given) for values in (numbers, x))
        assert_same(found[:2], want[:2])
        d = [model.backward(tape, want[0]) for tape in (found[2], want[2])]
        assert_same([d[0].hx, d[0].weights["weight_hh_l0"]], [d[1].hx, d[1].weights["weight_hh_l0"]])
    assert_same(model(numbers[:, 1], reset=flags[:, 1].tolist()), model(x[:, 1], reset=flags[:, 1]))
    assert_same(model(numbers, reset=flags.tolist()), model(x, reset=flags))


def test_input_of_another_kind_with_resets():
    """Which is made plain first; and empty batches."""
    model = nn.LSTM(3, 5, rng=0)
    x, state, flags, _ = drawn(model, 6, 2)
    assert_same(model(x.tolist(), state, reset=flags), model(x, state, reset=flags))
    assert_same(model(x.astype(">f4"), state, reset=flags.tolist()), model(x, state, reset=flags))
    for L, N in ((0, 2), (3, 0), (0, 0)):
        output, _, tape = model.forward(np.zeros((L, N, 3), np.float32), reset=np.ones((L, N), bool))
        assert output.shape == (L, N, 5)
        assert model.backward(tape, output).input.shape == (L, N, 3)
