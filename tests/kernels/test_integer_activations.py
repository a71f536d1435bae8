"""sigmoid and tanh of the kernels for integer weights, against NumPy's in float64: as exact as their file says.

Here every exponent is tried, and every place where the reduction goes up by one.
"""

from __future__ import annotations

import re

import numpy as np
import pytest
from integers import IDENTITY, INT8, PLAIN, compiled, layer, run
from paths import SRC

from cyrnn.calls.quantized import Quantized
from cyrnn.cells import CELLS
from cyrnn.cells.activations import Activation, Variant

pytestmark = compiled
N = 64
NAMES = ("sigmoid", "tanh")


def activation(name: str):
    """A function of an array (m, N): the activation of an LSTM on the way to its output, where c goes on unchanged."""
    one = layer("lstm", INT8, 0, N, kinds=PLAIN)
    zeros = Quantized(np.zeros((4 * N, N), np.int8), np.zeros(4 * N, np.float32))
    b = np.repeat(np.array([[1], [0], [0], [1]], np.float32), N, axis=1)  # f = 1, i = 0, o = 1
    variant = Variant(IDENTITY, IDENTITY, Activation(name))
    one = one._replace(cell=CELLS["lstm_variant"], W_a=zeros, W_x=zeros._replace(values=zeros.values[:, :0]), b=b)
    sublayer = one._replace(variant=variant).sublayer()

    def call(c: np.ndarray) -> np.ndarray:
        x, h = np.empty((1, len(c), 0), np.float32), np.zeros_like(c)
        output, _, last = run(sublayer, x, (h, c))
        assert (last[0] == c)[np.isfinite(c)].all()
        return output[0]

    return call


def true(name: str, x: np.ndarray) -> np.ndarray:
    x = x.astype(np.float64)
    with np.errstate(all="ignore"):
        return np.tanh(x) if name == "tanh" else 1 / (1 + np.exp(-x))


def stated(name: str) -> float:
    text = (SRC / "kernels" / "integer_activations.pxi").read_text(encoding="utf-8")
    return float(re.search(rf"\b{name} ([\d.]+e-\d)\b", text)[1])


def sample() -> np.ndarray:
    """Every exponent and both signs; dense where results change; neighbours of where n goes up, and of the limits."""
    random = np.random.default_rng(4)
    every = np.ldexp(random.uniform(1, 2, 280 * 100), np.repeat(np.arange(-150, 130), 100))
    dense = [random.uniform(0, limit, 40_000) for limit in (0.2, 1, 3, 10, 20, 90)]
    ups = np.concatenate([(np.arange(0, 130) + 0.5) * np.log(2) / k for k in (1, 2)] + [[87, 43.5, 88]])
    near = ups.astype(np.float32)[:, None].view(np.int32) + np.arange(-20, 21, dtype=np.int32)
    with np.errstate(over="ignore"):
        x = np.concatenate([part.astype(np.float32) for part in (every, *dense)] + [near.ravel().view(np.float32)])
    x = np.concatenate([x[np.isfinite(x)], np.array([0, np.finfo(np.float32).max], np.float32)])
    x = np.sort(np.concatenate([x, -x]))
    return x[: len(x) // N * N].reshape(-1, N)


@pytest.mark.parametrize("name", NAMES)
def test_error_is_within_the_bound_that_is_stated(name):
    x = sample()
    y = activation(name)(x)
    error = np.abs(y - true(name, x))
    assert error.max() <= stated(name)
    assert error.max() > 0.9 * stated(name), "the sample misses what is hard"
    assert y.min() >= (-1 if name == "tanh" else 0)
    assert y.max() <= 1
    assert np.diff(y.ravel()).min() >= -stated(name)


def test_bounds_are_small():
    """Against what is left of a pre-activation by integers, 1e-5 and more."""
    assert stated("sigmoid") < 2.0**-23
    assert stated("tanh") < 2.0**-22


@pytest.mark.parametrize("name", NAMES)
def test_ends_are_exact_and_nan_stays(name):
    x = np.zeros((5, N), np.float32)
    x[0], x[1], x[2], x[3, 5] = np.inf, -np.inf, np.finfo(np.float32).max, np.nan
    y = activation(name)(x)
    assert (y[0] == 1).all()
    assert (y[2] == 1).all()
    assert (np.abs(y[1] - (-1 if name == "tanh" else 0)) < 1e-37).all()
    assert np.isnan(y[3, 5])
    assert np.isnan(y).sum() == 1
    assert (y[4] == (0 if name == "tanh" else 0.5)).all()
