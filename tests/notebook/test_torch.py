"""Held against PyTorch, by data that ci/torch_data/make.py stored: gradients, and a hundred steps of training."""

from __future__ import annotations

import numpy as np
import pytest
from paths import DATA

import cyrnn

TOLERANCE = {"float64": 1e-12, "float32": 1e-5}  # of the largest element
RATE = 0.01


@pytest.fixture(scope="module")
def stored():
    with np.load(DATA / "torch_gradients.npz") as file:
        return dict(file)


@pytest.mark.parametrize("number", range(3))
@pytest.mark.parametrize("dtype", TOLERANCE)
@pytest.mark.parametrize("cell", ["rnn", "lstm"])
def test_gradients_equal_torchs(stored, cell, dtype, number):
    start = f"{cell}/{dtype}/{number}/"
    given = {name.removeprefix(start): value for name, value in stored.items() if name.startswith(start)}
    if cell == "rnn":
        *_, caches = cyrnn.rnn_forward(given["x"], given["a0"], given)
        got = cyrnn.rnn_backward(given["da"], caches)
    else:
        *_, caches = cyrnn.lstm_forward(given["x"], given["a0"], given, c0=given["c0"])
        got = cyrnn.lstm_backward(given["da"], caches, dc=given["dc"])
    assert len(got) == {"rnn": 5, "lstm": 11}[cell]
    for name, gradient in got.items():
        assert gradient.dtype == dtype
        assert abs(gradient - given[name]).max() <= TOLERANCE[dtype] * abs(given[name]).max(), name


def test_digits_hundred_steps_follow_torchs_training():
    """Handwritten digits, read row by row as 8 steps of 8 features, in float64; the losses go from 2.3 to 0.02."""
    with np.load(DATA / "torch_digits.npz") as file:
        stored = dict(file)
    x = stored["images"].transpose(2, 0, 1) / 16.0  # (feature, example, row)
    labels, m = stored["labels"], len(stored["labels"])
    parameters = {name.removeprefix("p/"): value for name, value in stored.items() if name.startswith("p/")}
    a0 = np.zeros((16, m))
    v, s = cyrnn.initialize_adam(parameters)
    losses = []
    for step in range(1, len(stored["losses"]) + 1):
        a, y, _, caches = cyrnn.lstm_forward(x, a0, parameters)
        last = y[:, :, -1]
        losses.append(-np.log(last[labels, range(m)]).mean())
        dz = (last - np.eye(10)[:, labels]) / m  # of softmax and cross entropy together
        da = np.zeros_like(a)
        da[:, :, -1] = parameters["Wy"].T @ dz
        grads = cyrnn.lstm_backward(da, caches)
        grads |= {"dWy": dz @ a[:, :, -1].T, "dby": dz.sum(axis=1, keepdims=True)}
        parameters, v, s = cyrnn.update_parameters_with_adam(parameters, grads, v, s, step, learning_rate=RATE)
    assert len(losses) == 100
    assert losses[-1] < 0.3 * losses[0]
    np.testing.assert_allclose(losses, stored["losses"], rtol=0, atol=1e-9)
