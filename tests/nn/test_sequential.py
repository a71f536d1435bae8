"""A Sequential is its modules called by hand: the same bits, gradients by central differences, torch's numbers."""

from __future__ import annotations

import copy
import pickle

import numpy as np
import pytest

from cyrnn import nn

IDS = np.random.default_rng(0).integers(0, 10, (6, 3))
X = np.random.default_rng(1).standard_normal((6, 3, 4))
LENGTHS = [6, 0, 3]
DTYPES = pytest.mark.parametrize("dtype", [np.float32, np.float64])


def classifier(dtype=np.float64, batch_first=False):
    """All kinds of modules in one."""
    embedding, head = nn.Embedding(10, 4, rng=0, dtype=dtype), nn.Linear(10, 3, rng=2, dtype=dtype)
    options = {"bidirectional": True, "batch_first": batch_first, "dtype": dtype}
    lstm = nn.LSTM(4, 5, num_layers=2, dropout=0.3, rng=1, **options)
    return nn.Sequential(embedding, lstm, nn.Dropout(0.2), nn.LastStep(), head)


def stream(dtype=np.float64):
    gru, head = nn.GRU(4, 5, num_layers=2, rng=0, dtype=dtype), nn.Linear(6, 2, rng=1, dtype=dtype)
    return nn.Sequential(gru, nn.LSTM(5, 6, rng=2, dtype=dtype), nn.Sequential(nn.Dropout(0.5), head))


@DTYPES
@pytest.mark.parametrize("lengths", [None, LENGTHS])
def test_sequential_has_the_bits_of_its_modules(dtype, lengths):
    model = classifier(dtype)
    embedding, lstm, _, _, head = model
    embedded = embedding(IDS, lengths=lengths)
    _, (h_n, c_n) = lstm(embedded, lengths=lengths)
    both = np.hstack([h_n[2], h_n[3]])
    if lengths:
        both[1] = 0
    scores, ((h, c),) = model(IDS, lengths=lengths)
    assert np.array_equal(scores, head(both))
    assert np.array_equal(h, h_n)
    assert np.array_equal(c, c_n)
    again, _, _ = model.forward(IDS, lengths=lengths)
    assert np.array_equal(again, scores)


@pytest.mark.parametrize("make", [classifier, stream])
@pytest.mark.parametrize("lengths", [None, LENGTHS])
def test_gradients_are_central_differences(make, lengths):
    model, x, rng = make(), IDS if make is classifier else X, np.random.default_rng(3)
    output, state, tape = model.forward(x, lengths=lengths, dropout_rng=5)
    d, d_state = rng.standard_normal(output.shape), []
    for part in state:
        pair = tuple([rng.standard_normal(array.shape) for array in part])
        d_state.append(pair if type(part) is tuple else np.array(pair))

    def loss():
        model.pack()
        output, state, _ = model.forward(x, lengths=lengths, dropout_rng=5)
        within = np.ones(output.shape, bool)
        if lengths and output.ndim == 3:
            within[...] = (np.arange(len(output))[:, None] < lengths)[..., None]
        pairs = [(a, b) for s, of in zip(state, d_state, strict=True) for a, b in zip(s, of, strict=True)]
        return (output * d * within).sum() + sum((a * b).sum() for a, b in pairs)

    gradients = model.backward(tape, d, tuple(d_state))
    assert list(gradients.weights) == list(model.state_dict())
    arrays = {name: (getattr(model, name), gradient) for name, gradient in gradients.weights.items()}
    if make is classifier:
        assert gradients.input is None
    else:
        x = x.copy()
        arrays["input"] = x, gradients.input
    for name, (array, gradient) in arrays.items():
        assert gradient.shape == array.shape, name
        for _ in range(3):
            at = tuple([rng.integers(size) for size in array.shape])
            before, found = array[at], []
            for value in (before + 1e-6, before - 1e-6):
                array[at] = value
                found.append(loss())
            array[at] = before
            assert abs((found[0] - found[1]) / 2e-6 - gradient[at]) < 1e-6, name


@DTYPES
def test_step_has_the_bits_of_the_sequence(dtype):
    model, x, state = stream(dtype), X.astype(dtype), None
    output, last = model(x)
    for t, x_t in enumerate(x):
        y, state = model.step(x_t, state)
        np.testing.assert_allclose(y, output[t], rtol=0, atol=1e-6)
    np.testing.assert_allclose(state[0], last[0], rtol=0, atol=1e-6)
    np.testing.assert_allclose(state[1][1], last[1][1], rtol=0, atol=1e-6)


@pytest.mark.parametrize("ending", ["npz", "safetensors"])
@pytest.mark.parametrize("make", [classifier, stream])
def test_file_gives_the_same_model(tmp_path, make, ending):
    model, x = make(), IDS if make is classifier else X
    path = tmp_path / f"model.{ending}"
    model.save(path)
    again = nn.load(path)
    assert repr(again) == repr(model)
    assert np.array_equal(again(x)[0], model(x)[0])


@pytest.mark.parametrize("copied", [copy.copy, copy.deepcopy, lambda m: pickle.loads(pickle.dumps(m))])
def test_copy_is_another_model(copied):
    model = stream()
    other = copied(model)
    assert np.array_equal(other(X)[0], model(X)[0])
    other.float()
    assert (model.dtype, other.dtype) == (np.float64, np.float32)
