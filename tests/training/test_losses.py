"""Losses: against torch's stored numbers, by central differences, ragged batches, ignored targets, odd values."""

from __future__ import annotations

import math

import numpy as np
import pytest
import stored
from problems import each_dtype
from training_cases import LOSSES, C, L, N, loss_arguments

from cyrnn import training
from cyrnn.training import _check, binary_cross_entropy_with_logits, cross_entropy, huber_loss, mse_loss

_, STORED = stored.load("torch_training.npz")
each_loss = pytest.mark.parametrize("name", LOSSES)
TOLERANCE = {np.dtype(np.float32): 2e-6, np.dtype(np.float64): 1e-14}


def run(name: str, dtype, said=None, **more):
    function, own, wanted, options = loss_arguments(name)
    own = own if said is None else said
    cast = [value.astype(dtype) if value.dtype.kind == "f" else value for value in (own, wanted)]
    options = {key: value.astype(dtype) if isinstance(value, np.ndarray) else value for key, value in options.items()}
    return getattr(training, function)(*cast, **options | more)


@each_dtype
@each_loss
def test_loss_and_gradient_are_those_of_torch(name, dtype):
    want = STORED[f"loss {name}"]
    loss, d = run(name, dtype)
    assert type(loss) is float or loss.dtype == dtype
    assert d.dtype == dtype
    for got, wanted in ((loss, want["loss"]), (d, want["d"])):
        assert np.shape(got) == wanted.shape
        error = np.abs(got - wanted) / np.maximum(1, np.abs(wanted))
        assert error.max() <= TOLERANCE[np.dtype(dtype)]


@each_loss
def test_gradient_is_that_of_central_differences(name):
    _, said, _, _ = loss_arguments(name)
    _, d = run(name, np.float64)
    step = 2.0**-16
    for index in np.random.RandomState(2).randint(0, said.size, 12):
        moved = []
        for sign in (1, -1):
            other = said.copy()
            other.flat[index] += sign * step
            moved.append(np.sum(run(name, np.float64, other)[0]))
        assert abs((moved[0] - moved[1]) / (2 * step) - d.flat[index]) < 1e-7


@each_dtype
@pytest.mark.parametrize("batch_first", [False, True])
@pytest.mark.parametrize("name", ["cross_entropy ignored", "cross_entropy weight none", "mse_loss", "huber_loss none",
                                  "bce all", "mse_loss sum"])
def test_what_lies_behind_the_end_is_not_read_and_counts_nothing(name, dtype, batch_first):
    function, said, wanted, options = loss_arguments(name)
    lengths = [L, 0, 2, 4]
    inside = np.arange(L)[:, None] < np.array(lengths)
    said, wanted = said.copy(), wanted.copy()
    options = {
        key: np.broadcast_to(value, said.shape)[inside] if np.shape(value) == (N, 1) else value
        for key, value in options.items()
    }
    alone = getattr(training, function)(said[inside].astype(dtype), wanted[inside].astype(
        dtype if wanted.dtype.kind == "f" else wanted.dtype), **options)
    said[~inside], wanted[~inside] = np.nan, 10**6
    axes = (1, 0, 2) if batch_first else (0, 1, 2)
    _, _, _, options = loss_arguments(name)
    if np.shape(options.get("weight")) == (N, 1) and batch_first:
        options["weight"] = options["weight"][:, None]
    loss, d = getattr(training, function)(
        said.transpose(axes).astype(dtype), wanted.transpose(axes[: wanted.ndim]).astype(
            dtype if wanted.dtype.kind == "f" else wanted.dtype),
        lengths=lengths, batch_first=batch_first, **options,
    )
    d = d.transpose(axes)
    assert np.array_equal(d[inside], alone[1])
    assert not d[~inside].any()
    if isinstance(loss, float):
        assert math.isclose(loss, alone[0], rel_tol=1e-14)  # of batch_first: another order of the sum
    else:
        assert np.array_equal(loss.transpose(axes[: loss.ndim])[inside], alone[0])
        assert not loss.transpose(axes[: loss.ndim])[~inside].any()


def test_loss_of_float32_is_summed_in_float64():
    output = np.full((1 << 20, 1), np.float32(0.1))
    loss, _ = mse_loss(output, np.zeros_like(output), reduction="sum")
    assert abs(loss / (2**20 * float(np.float32(0.1) * np.float32(0.1))) - 1) < 1e-12


@each_dtype
def test_nothing_that_counts_is_nan_as_of_torch_with_a_gradient_of_zero(dtype):
    loss, d = cross_entropy(np.ones((2, 3), dtype), [-100, -100])
    assert math.isnan(loss)
    assert not d.any()
    assert cross_entropy(np.ones((2, 3), dtype), [-100, -100], reduction="sum")[0] == 0
    for empty in (np.ones((0, 3), dtype), np.ones((2, 0), dtype)):
        assert math.isnan(mse_loss(empty, empty)[0])
        assert mse_loss(empty, empty, reduction="sum")[0] == 0
    loss, d = mse_loss(np.ones((2, 3, 1), dtype), np.ones((2, 3, 1), dtype), lengths=[0, 0, 0])
    assert math.isnan(loss)
    assert not d.any()


@each_dtype
def test_large_logits_neither_overflow_nor_lose_a_row(dtype):
    z = np.array([[1e4, 0, -1e4], [0, np.inf, 0], [np.nan, 0, 0], [-np.inf, 0, 0], [1, 2, 3]], dtype)
    loss, d = cross_entropy(z, [1, 1, 1, 1, 1], reduction="none")
    assert loss[0] == 1e4
    assert np.isnan(loss[1:3]).all()
    assert np.isnan(d[1:3]).all()
    assert np.allclose(loss[3:], [math.log(2), 1.4076059644443801])
    assert np.allclose(d[3], [0, -0.5, 0.5])
    loss, d = binary_cross_entropy_with_logits(np.array([-500, 500, -500, 500], dtype), [0, 1, 1, 0], reduction="none")
    assert np.allclose(loss, [0, 0, 500, 500], atol=1e-30)
    assert np.allclose(d, [0, 0, -1, 1])
    tiny = binary_cross_entropy_with_logits(np.array([-30.0], dtype), [0], reduction="none")[0]
    assert math.isclose(tiny[0], math.exp(-30), rel_tol=1e-5)  # 1e-13, which log(1 + exp(-30)) - 30 + 30 has lost
    assert np.isnan(huber_loss(np.array([np.nan], dtype), [0.0], reduction="none")[1]).all()


@each_dtype
def test_loss_of_a_row_does_not_depend_on_the_others(dtype):
    random = np.random.RandomState(0)
    z, t = random.standard_normal((130, 37)).astype(dtype), random.randint(0, 37, 130)
    loss, d = cross_entropy(z, t, reduction="none")
    for i in (0, 63, 64, 129):
        own, d_own = cross_entropy(z[i], t[i], reduction="none")
        assert own == loss[i]
        assert np.array_equal(d_own, d[i])
    flat = mse_loss(z, z[::-1], reduction="none")[0]
    assert np.array_equal(flat[5:6], mse_loss(z[5:6], z[::-1][5:6], reduction="none")[0])


def test_what_numpy_takes_is_taken():
    z = np.arange(12.0).reshape(3, 4)
    want = cross_entropy(z, [0, 1, 2])
    for logits in (z.tolist(), z.T.copy().T, np.asfortranarray(z), z.astype(">f8"), z.astype(np.int8)):
        loss, d = cross_entropy(logits, np.array([0, 1, 2], np.uint8))
        assert loss == want[0]
        assert np.array_equal(d, want[1])
    assert cross_entropy(z.astype(np.float16), [0, 1, 2])[1].dtype == np.float32
    assert cross_entropy(z, np.array([0, 1, 2], np.uint64))[0] == want[0]
    assert cross_entropy(z, np.array([0, 1, 7], np.int32), ignore_index=7)[0] != want[0]
    assert binary_cross_entropy_with_logits([0.0, 1.0], [False, True])[1].shape == (2,)
    assert mse_loss(np.float32([1]), np.float64([2]))[1].dtype == np.float32
    assert mse_loss(3.0, 1.0) == (4.0, 4.0)
    assert cross_entropy([1.0, 2.0], 1)[1].shape == (2,)
    assert C > 1


@each_dtype
def test_many_classes_and_few_have_a_gradient_that_adds_up_to_zero(dtype):
    for classes in (1, 2, 7, 8, 15, 16, 17, 33, 300):
        z = np.random.RandomState(classes).standard_normal((5, classes)).astype(dtype) - 5  # a maximum below 0
        loss, d = cross_entropy(z, np.zeros(5, int))
        wide = z.astype(np.float64)
        want = np.mean(np.log(np.exp(wide).sum(axis=1)) - wide[:, 0])
        assert math.isclose(loss, want, rel_tol=1e-5, abs_tol=1e-6)
        assert np.abs(d.astype(np.float64).sum(axis=1)).max() < 1e-6


@each_dtype
def test_logarithms_are_within_a_few_ulp_of_the_true_ones(dtype):
    x = np.concatenate([np.linspace(-40, 40, 20001), np.linspace(-1, 1, 20001)]).astype(dtype)
    loss, _ = binary_cross_entropy_with_logits(x, np.zeros_like(x), reduction="none")
    wide = x.astype(np.longdouble)
    want = np.maximum(wide, 0) + np.log1p(np.exp(-abs(wide)))
    error = abs(loss - want) / np.spacing(want.astype(dtype))
    assert error.max() < 4  # exp, log, their sum; a longdouble may be no longer than a double
    for classes in (2, 3, 10, 1000, 4097):
        (loss,), _ = cross_entropy(np.zeros((1, classes), dtype), [0], reduction="none")
        want = np.log(np.longdouble(classes))
        assert abs(loss - want) / np.spacing(dtype.type(want)) < 2


def test_targets_are_copied_before_they_are_looked_at():
    """Another thread may write to the caller's array; what is said of a target is true of the one that was read."""
    targets = np.array([0, 1])
    assert not np.shares_memory(_check.labels("cross_entropy", targets, np.zeros((2, 3))), targets)
