"""Schedules against torch's stored values; clipping in place; pieces of sequences: gradients of torch with detach."""

from __future__ import annotations

import math

import numpy as np
import pytest
import stored
import training_cases as cases
from problems import DTYPES

from cyrnn import nn, training
from cyrnn.training import chunks, clip_grad_norm, clip_grad_value, cosine_annealing_lr, linear_warmup

_, STORED = stored.load("torch_training.npz")


@pytest.mark.parametrize("name", cases.SCHEDULES)
def test_schedule_has_the_values_of_torch(name):
    _, _, options = cases.SCHEDULES[name]
    schedule = getattr(training, name)(cases.LR, **options)
    want = STORED[f"schedule {name}"]["rates"]
    got = [schedule(t) for t in range(cases.SCHEDULED)]
    assert np.abs(got - want).max() < 1e-13


def test_cosine_is_that_of_the_system_within_its_last_places():
    schedule = cosine_annealing_lr(1.0, 997)
    for t in range(3 * 997):
        assert abs(schedule(t) - (1 + math.cos(math.pi * (t % (2 * 997)) / 997)) / 2) < 1e-15


def test_warmup_goes_on_with_another_schedule():
    cosine = cosine_annealing_lr(1.0, 100)
    schedule = linear_warmup(cosine, 10)
    assert schedule(0) == cosine(0) / 10
    assert schedule(4) == cosine(4) * 5 / 10
    assert [schedule(t) for t in (9, 10, 50)] == [cosine(9), cosine(10), 0.5]


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_norm_is_that_of_all_gradients_and_clips_in_place(dtype):
    random = np.random.RandomState(0)
    arrays = [random.standard_normal(shape).astype(dtype) for shape in ((300, 7), (13,), (), (2, 2, 2, 2))]
    whole = math.sqrt(sum(float(np.sum(array.astype(np.float64) ** 2)) for array in arrays))
    given = [{"a": arrays[0], "b": arrays[1]}, {"c": arrays[2], "d": arrays[3], "none": None}]
    before = [array.copy() for array in arrays]
    assert math.isclose(clip_grad_norm(given, whole * 2), whole, rel_tol=1e-13)
    assert all(np.array_equal(array, old) for array, old in zip(arrays, before, strict=True))
    assert math.isclose(clip_grad_norm(given, 0.5), whole, rel_tol=1e-13)
    factor = 0.5 / (whole + 1e-6)
    for array, old in zip(arrays, before, strict=True):
        assert array.dtype == dtype
        assert np.allclose(array, old * factor, rtol=1e-6)
    clip_grad_value(given, 0.01)
    assert max(np.abs(array).max() for array in arrays) == dtype.type(0.01)


def test_gradients_that_are_views_or_stand_twice_are_clipped_once():
    base = np.full((4, 6), 3.0)
    other = np.full((2,), 4.0, np.float16)
    assert clip_grad_norm({"a": base[:, ::2], "twice": base[:, ::2], "half": other}, 1e9) > 0
    one = base[:, ::2]
    norm = clip_grad_norm({"a": one, "b": one}, 1.0)
    assert math.isclose(norm, math.sqrt(24 * 9))
    assert np.allclose(base[:, ::2], 3 / norm)
    assert (base[:, 1::2] == 3).all()


def test_gradients_without_end_become_nan_as_those_of_torch():
    gradients = {"a": np.array([np.inf, 1.0]), "b": np.array([2.0])}
    assert clip_grad_norm(gradients, 1.0) == math.inf
    assert np.isnan(gradients["a"][0])
    assert gradients["a"][1] == gradients["b"][0] == 0
    gradients = {"a": np.array([np.nan, 1.0])}
    assert math.isnan(clip_grad_norm(gradients, 1.0))
    assert np.isnan(gradients["a"]).all()
    gradients = {"a": np.array([np.nan, 9.0])}
    clip_grad_value(gradients, 2)
    assert np.isnan(gradients["a"][0])
    assert gradients["a"][1] == 2
    zero = {"a": np.zeros(3)}
    assert clip_grad_norm(zero, 0) == 0
    assert not zero["a"].any()


def test_what_backward_returns_is_clipped_but_for_its_input():
    model = nn.Linear(3, 2, rng=0)
    y, tape = model.forward(np.ones((4, 3), np.float32))
    gradients = model.backward(tape, np.full_like(y, 100))
    d_input = gradients.input.copy()
    clip_grad_value(gradients, 1)
    assert np.abs(gradients.weights["weight"]).max() == 1
    assert np.array_equal(gradients.input, d_input)


@pytest.mark.parametrize("batch_first", [False, True])
def test_pieces_are_views_in_order(batch_first):
    x = np.arange(2 * 7 * 3).reshape((2, 7, 3) if batch_first else (7, 2, 3))
    pieces = list(chunks(x, 3, batch_first=batch_first))
    axis = int(batch_first)
    assert [piece.shape[axis] for piece in pieces] == [3, 3, 1]
    assert all(np.shares_memory(piece, x) for piece in pieces)
    assert np.array_equal(np.concatenate(pieces, axis), x)
    assert list(chunks(x[:0], 3)) == []
    assert [len(piece) for piece in chunks([1, 2, 3], 2)] == [2, 1]


def test_gradients_of_pieces_are_those_of_torch_with_a_detached_state():
    torch = pytest.importorskip("torch", reason="torch is not installed")
    model = nn.LSTM(3, 5, dtype=np.float64, rng=0)
    other = torch.nn.LSTM(3, 5, dtype=torch.float64)
    other.load_state_dict({name: torch.tensor(value) for name, value in model.state_dict().items()})
    x, target = np.random.RandomState(0).standard_normal((2, 11, 2, 5))
    x = x[:, :, :3]
    state, theirs = None, None
    for piece, wanted in zip(chunks(x, 4), chunks(target, 4), strict=True):
        output, state, tape = model.forward(piece, state)
        loss, d = training.mse_loss(output, wanted)
        gradients = model.backward(tape, d)
        other.zero_grad()
        found, theirs = other(torch.tensor(piece), theirs)
        lost = torch.nn.functional.mse_loss(found, torch.tensor(wanted))
        lost.backward()
        theirs = tuple([part.detach() for part in theirs])
        assert abs(loss - lost.item()) < 1e-13
        for name, weight in other.named_parameters():
            assert np.abs(gradients.weights[name] - weight.grad.numpy()).max() < 1e-13
