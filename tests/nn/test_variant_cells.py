"""Single cells with the options of layers: peepholes, coupled gates, activations, a clip, both forms of the GRU."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
from problems import assert_same_bits

from cyrnn import nn

#: class of layers -> options; a cell is made with the same
OPTIONS = {
    "peephole": (nn.LSTM, {"peephole": True}),
    "coupled": (nn.LSTM, {"coupled": True}),
    "coupled, peephole and clip": (nn.LSTM, {"coupled": True, "peephole": True, "clip": 0.4}),
    "three activations": (
        nn.LSTM,
        {"recurrent_activation": "hard_sigmoid", "activation": "softsign", "output_activation": "relu"},
    ),
    "LSTM, clip": (nn.LSTM, {"clip": 0.3}),
    "GRU before": (nn.GRU, {"reset_after": False}),
    "GRU before, clip": (nn.GRU, {"reset_after": False, "clip": 0.3, "activation": "softsign"}),
    "GRU after, clip": (nn.GRU, {"clip": 0.3, "recurrent_activation": ("hard_sigmoid", 1 / 6, 0.5)}),
    "RNN": (nn.RNN, {"nonlinearity": ("elu", 0.5)}),
    "RNN, clip": (nn.RNN, {"nonlinearity": "relu", "clip": 0.3}),
    "plain LSTM": (nn.LSTM, {}),
    "plain GRU": (nn.GRU, {}),
    "plain RNN": (nn.RNN, {"nonlinearity": "relu"}),
}
N_X, N = 7, 21  # a vector of units, and rest of one


def pair(name, dtype):
    """A layer, and a cell with its weights."""
    kind, options = OPTIONS[name]
    layer = kind(N_X, N, **options, dtype=dtype, rng=3)
    cell = getattr(nn, f"{kind.__name__}Cell")(N_X, N, **options, dtype=dtype, rng=4)
    cell.load_state_dict({key.removesuffix("_l0"): value for key, value in layer.state_dict().items()})
    return layer, cell


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("batch", [(), (1,), (5,), (17,)])
@pytest.mark.parametrize("name", OPTIONS)
def test_cell_has_the_bits_of_a_step_of_the_layer(name, batch, dtype):
    layer, cell = pair(name, dtype)
    random = np.random.default_rng(0)
    state = stepped = None
    for _ in range(4):
        x = random.standard_normal((*batch, N_X)).astype(dtype)
        _, state = layer.step(x, state)
        stepped = cell(x, stepped)
        for one, other in zip(*((s if isinstance(s, tuple) else (s,)) for s in (state, stepped)), strict=True):
            assert_same_bits([other], [one[0]])


@pytest.mark.parametrize("name", OPTIONS)
def test_cell_survives_pickling_saving_and_repr(name):
    _, options = OPTIONS[name]
    _, cell = pair(name, np.float64)
    for option, value in options.items():
        assert getattr(cell, option) == value
    again = eval(f"nn.{cell!r}")
    again.load_state_dict(cell.state_dict())
    x = np.random.default_rng(0).standard_normal((2, N_X))
    for other in (again, pickle.loads(pickle.dumps(cell))):
        assert repr(other) == repr(cell)
        for one, two in zip(np.atleast_2d(cell(x)), np.atleast_2d(other(x)), strict=True):
            assert_same_bits([two], [one])


def test_weights_with_peepholes_make_their_cell():
    for cell in (nn.LSTMCell(3, 5, peephole=True), nn.LSTMCell(3, 5, peephole=True, coupled=True)):
        assert "weight_ch" in cell.state_dict()
        found = nn.from_state_dict(cell.state_dict())
        assert repr(found) == repr(cell)
        x = np.ones((2, 3), np.float32)
        assert_same_bits(found(x), cell(x))


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (lambda: nn.LSTMCell(3, 5, activation="swish"), "LSTMCell: activation is 'swish', expected one of sigmoid,"),
        (lambda: nn.RNNCell(3, 5, nonlinearity=None), "RNNCell: nonlinearity is None, expected one of sigmoid, tanh,"),
        (lambda: nn.GRUCell(3, 5, clip=-1), "GRUCell: clip is -1, expected a number above 0, or None"),
        (lambda: nn.GRUCell(3, 5, reset_after="no"), "GRUCell: reset_after is 'no', expected"),
    ],
)
def test_wrong_options_of_cells_are_refused(make, sentence):
    with pytest.raises((ValueError, TypeError), match=sentence):
        make()
