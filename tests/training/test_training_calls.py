"""Losses and updates as calls: those of the reference, the same bits from any number of threads, in any environment."""

from __future__ import annotations

import math

import numpy as np
import pytest
from environment import MODES, WHY_NOT, environment
from layouts import Plain, byte_swapped, misaligned
from problems import each_dtype, isa_in_use
from training_cases import OPTIMIZERS

import cyrnn
from cyrnn import calls, nn, training
from cyrnn.calls import reference_training, threads

compiled = pytest.mark.skipif(isa_in_use() == "reference", reason="the reference shares no work, and is NumPy's")
OWN, REFERENCE = calls.training(), reference_training.Training(None, None)
SIZES = [1, 5, 16, 33, 256, 2500]


def draw(shape, dtype, seed=0):
    return np.random.default_rng(seed).standard_normal(shape).astype(dtype)


@pytest.fixture
def split_everything(monkeypatch):
    """Let any work, however little, be worth a thread; the count is put back afterwards."""
    before = cyrnn.get_num_threads()
    monkeypatch.setattr(threads, "MILLISECOND_FMAS", 1)
    monkeypatch.setattr(threads, "MIN_ROWS", 1)
    yield
    monkeypatch.undo()
    cyrnn.set_num_threads(before)


def close(got, want, dtype) -> bool:
    rtol, atol = (1e-5, 1e-6) if dtype == np.float32 else (1e-13, 1e-14)
    return np.allclose(got, want, rtol=rtol, atol=atol)


@pytest.mark.parametrize(("mean", "each"), [(True, False), (False, False), (False, True)])
@pytest.mark.parametrize("N", SIZES)
@each_dtype
def test_losses_are_those_of_the_reference(dtype, N, mean, each):
    y, t, w = draw(N, dtype), draw(N, dtype, 1), np.abs(draw(N, dtype, 2))
    for name, arguments in (
        ("squared_error", (y, t)), ("huber", (y, t, 0.5)), ("binary_cross_entropy", (y, np.abs(np.tanh(t)), w, None)),
        ("binary_cross_entropy", (y, np.abs(np.tanh(t)), None, w)),
    ):
        got, want = (getattr(own, name)(*arguments, mean, each) for own in (OWN, REFERENCE))
        assert close(got[0], want[0], dtype)
        assert close(got[1], want[1], dtype)
    logits, targets = draw((7, N), dtype), np.array([0, N - 1, -3, N // 2, 0, -3, 0])
    for weight in (None, w):
        got, want = (own.cross_entropy(logits, targets, -3, weight, mean, each) for own in (OWN, REFERENCE))
        assert close(got[0], want[0], dtype)
        assert close(got[1], want[1], dtype)


@pytest.mark.parametrize("name", OPTIMIZERS)
@each_dtype
def test_updates_are_those_of_the_reference(dtype, name):
    kind, options, _, _ = OPTIMIZERS[name]
    optimizer = getattr(training, kind)(nn.Linear(1, 1, dtype=dtype), **options)
    numbers = [optimizer._numbers(0.1, 3)] * len(SIZES)
    arrays: list = [[], []]
    for rows in arrays:
        for N in SIZES:
            state = [kept and np.abs(draw(N, dtype, 2 + i)) + i for i, kept in enumerate(optimizer._names)]
            rows.append((draw(N, dtype), draw(N, dtype, 1), *state))
    if "grad_avg" in optimizer._names:  # whose square is less than the mean of the squares
        for rows in arrays:
            for row in rows:
                row[3][...] /= 8
                row[2][...] += 1
    for own, rows in zip((OWN, REFERENCE), arrays, strict=True):
        assert own.update(optimizer._method, rows, numbers) is True
    for got, want in zip(*arrays, strict=True):
        for a, b in zip(got, want, strict=True):
            assert a is b is None or close(a, b, dtype)


@pytest.mark.parametrize("own", [OWN, REFERENCE], ids=["own", "reference"])
def test_what_is_not_plain_is_left_to_the_facade_and_nothing_is_done(own):
    y = draw(6, np.float64)
    odd = [y.tolist(), None, y.view(Plain), byte_swapped(y), misaligned(y), y.astype(int), y[::2], y[:5], y[:, None]]
    for value in odd:
        assert own.squared_error(y, value, True, False) is None
        assert own.binary_cross_entropy(y, y, value, None, True, False) is None or value is None
        assert own.binary_cross_entropy(y, y, None, value, True, False) is None or value is None
        good = (y.copy(), y, y.copy(), None, None)
        for i in (0, 1, 2):
            bad = [y.copy(), y, y.copy(), None, None]
            bad[i] = value
            if value is None and i == 2:
                continue
            assert own.update("rmsprop", [good, tuple(bad)], [(0.1, 0.0, 0.9, 0.1, 0.0)] * 2) is None
            assert np.array_equal(good[0], y)
    frozen = y.copy()
    frozen.flags.writeable = False
    assert own.update("sgd", [(frozen, y, None)], [(0.1, 0.0, 0.0, 1.0, 0.0, 0.0)]) is None
    z, t = draw((3, 4), np.float64), np.array([0, 1, 2])
    for logits, targets, weight in (
        (z.tolist(), t, None), (z[0], t, None), (z[:, ::2], t, None), (z, t.tolist(), None), (z, t[:2], None),
        (z, t.astype(np.int32), None), (z, t + 2, None), (z, t - 1, None), (z, t, [1.0] * 4), (z, t, np.ones(3)),
        (z, t, np.ones(4, np.float32)), (z, t[None], None),
    ):
        assert own.cross_entropy(logits, targets, -100, weight, True, False) is None
    for value in odd[:7]:
        assert own.sum_of_squares(value) is None


@each_dtype
def test_sum_of_squares_is_that_of_float64(dtype):
    for N in (0, 1, 7, 8, 255, 256, 257, 10_000):
        x = draw(N, dtype)
        assert math.isclose(OWN.sum_of_squares(x), math.fsum(float(v) ** 2 for v in x), rel_tol=1e-14)


def trained(dtype) -> list:
    """Results of all losses and an optimizer, on arrays of many blocks."""
    z, t = draw((90, 1037), dtype), np.arange(90) * 11
    found = [*training.cross_entropy(z, t), *training.cross_entropy(z, t, reduction="none", weight=np.ones(1037))]
    found += [*training.mse_loss(z, -z), *training.binary_cross_entropy_with_logits(z, np.abs(np.tanh(z)))]
    model = nn.Linear(1037, 90, dtype=dtype, rng=0)
    optimizer = training.AdamW([model, nn.Linear(3, 2, dtype=dtype, rng=0)], lr=0.1)
    small = {"weight": np.ones((2, 3), dtype), "bias": np.ones(2, dtype)}
    for _ in range(2):
        gradients = [{"weight": z.copy(), "bias": z[:, 0].copy()}, small]
        found.append(training.clip_grad_norm(gradients, 1.0))
        optimizer.step(gradients)
    return [*found, *model.state_dict().values(), *optimizer.state_dict().values()]


@compiled
@each_dtype
def test_any_number_of_threads_gives_the_same_bits(dtype, split_everything):
    cyrnn.set_num_threads(1)
    want = trained(dtype)
    for n in (2, 3, 4):
        cyrnn.set_num_threads(n)
        for a, b in zip(trained(dtype), want, strict=True):
            assert np.array_equal(a, b)


@compiled
@pytest.mark.skipif(not MODES, reason=WHY_NOT)
@pytest.mark.parametrize("mode", MODES)
def test_environment_of_the_caller_changes_no_bit(mode):
    z = draw((5, 7), np.float32) * np.float32(1e-3)
    weights = nn.Linear(7, 5, rng=0).state_dict()

    def run() -> list:
        model = nn.Linear(7, 5)
        model.load_state_dict(weights)
        optimizer = training.Adam(model, lr=training.exponential_lr(0.1, 1 / 3))
        found = [*training.cross_entropy(z, [0, 1, 2, 3, 4]), *training.huber_loss(z, z[::-1])]
        for _ in range(3):
            gradients = {"weight": z.copy(), "bias": z[:, 0].copy()}
            found.append(training.clip_grad_norm(gradients, 1e-3))
            optimizer.step(gradients)
        return [*found, *model.state_dict().values(), *optimizer.state_dict().values()]

    want = run()
    with environment(mode):
        got = run()
    for a, b in zip(got, want, strict=True):
        assert np.array_equal(a, b)
