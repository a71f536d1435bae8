"""nn.LayerNorm: torch's numbers, central differences, bits in a fixed order, ragged batches, weights, files."""

from __future__ import annotations

import copy
import pickle

import numpy as np
import pytest
from problems import DTYPES, isa_in_use, name_of

from cyrnn import nn
from cyrnn.calls import threads

SHAPES = [(7,), (1, 1), (3, 5), (4, 3, 16), (2, 5, 33), (300, 2, 65), (2, 1, 2, 17), (0, 4), (5, 0, 3)]
each_shape = pytest.mark.parametrize("shape", SHAPES, ids=str)
each_dtype = pytest.mark.parametrize("dtype", DTYPES, ids=name_of)
OPTIONS = [{}, {"bias": False}, {"elementwise_affine": False, "eps": 0.1}]
each_option = pytest.mark.parametrize("options", OPTIONS, ids=["affine", "no-bias", "plain"])
TOLERANCE = {np.dtype(np.float32): 2e-5, np.dtype(np.float64): 1e-12}


def made(size, dtype, rng=0, **options):
    """A layer whose weights are not what they begin with."""
    layer, rng = nn.LayerNorm(size, dtype=dtype, **options), np.random.default_rng(rng)
    layer.load_state_dict({name: rng.standard_normal(w.shape) for name, w in layer.state_dict().items()})
    return layer


def draw(shape, dtype, seed=1):
    return np.random.default_rng(seed).standard_normal(shape).astype(dtype)


def in_order(x):
    """The sum of a row in 16 chains, added in halves."""
    chains = np.zeros(16, x.dtype)
    for first in range(0, len(x), 16):
        part = x[first : first + 16]
        chains[: len(part)] += part
    while len(chains) > 1:
        half = len(chains) // 2
        chains = chains[:half] + chains[half:]
    return chains[0]


@each_option
@each_dtype
@each_shape
def test_layer_norm_and_its_gradients_are_those_of_torch(shape, dtype, options):
    torch = pytest.importorskip("torch")
    layer, x, d = made(shape[-1], dtype, **options), draw(shape, dtype), draw(shape, dtype, 2)
    twin = torch.nn.LayerNorm(shape[-1], **options, dtype=getattr(torch, dtype.name))
    with torch.no_grad():
        for name, value in layer.state_dict().items():
            getattr(twin, name).copy_(torch.tensor(value))
    inside = torch.tensor(x, requires_grad=True)
    want = twin(inside)
    want.backward(torch.tensor(d))
    got, tape = layer.forward(x)
    gradients = layer.backward(tape, d)
    assert (got.dtype, got.shape) == (dtype, shape)
    assert np.array_equal(layer(x), got)
    assert list(gradients.weights) == list(layer.state_dict())
    pairs = [(got, want), (gradients.input, inside.grad)]
    pairs += [(gradient, getattr(twin, name).grad) for name, gradient in gradients.weights.items()]
    for found, wanted in pairs:
        wanted = np.zeros(found.shape) if wanted is None else wanted.detach().numpy()
        np.testing.assert_allclose(found, wanted, rtol=TOLERANCE[dtype], atol=TOLERANCE[dtype] * 30)


@pytest.mark.parametrize("n", [1, 2, 15, 16, 17, 40, 100])
def test_gradients_are_central_differences(n):
    layer, x, rng = made(n, np.float64), draw((3, 2, n), np.float64), np.random.default_rng(5)
    lengths, d = [3, 1], draw((3, 2, n), np.float64, 3)
    output, tape = layer.forward(x, lengths=lengths)
    within = np.broadcast_to((np.arange(3)[:, None] < lengths)[..., None], x.shape)
    assert not output[~within].any()
    gradients = layer.backward(tape, d)
    assert not gradients.input[~within].any()
    arrays = {"input": (x, gradients.input)}
    arrays |= {name: (getattr(layer, name), gradient) for name, gradient in gradients.weights.items()}
    for name, (array, gradient) in arrays.items():
        for _ in range(4):
            at = tuple([rng.integers(size) for size in array.shape])
            before, found = array[at], []
            for value in (before + 1e-5, before - 1e-5):
                array[at] = value
                layer.pack()
                found.append((layer(x, lengths=lengths) * d * within).sum())
            array[at] = before
            layer.pack()
            assert abs((found[0] - found[1]) / 2e-5 - gradient[at]) < 1e-6 * max(1, abs(gradient).max()), name


@pytest.mark.skipif(isa_in_use() in ("reference", "baseline"), reason="promised where there is an FMA")
@each_dtype
@pytest.mark.parametrize("n", [1, 5, 15, 16, 17, 31, 32, 33, 64, 100])
def test_sums_of_a_row_are_in_16_chains(dtype, n):
    """Powers of two far apart: another order has other bits. Squares are exact, so that an FMA rounds as a sum does."""
    rng = np.random.default_rng(n)
    x = (rng.choice([-1.0, 1.0], n) * 2.0 ** rng.integers(-4, 5, n)).astype(dtype) + rng.integers(0, 3, n).astype(dtype)
    one, size = dtype.type(1), dtype.type(n)
    d = x - in_order(x) / size
    exact = d.astype(np.longdouble) ** 2
    chains = np.zeros(16, dtype)
    for k, square in enumerate(exact):
        chains[k % 16] = (square + chains[k % 16]).astype(dtype)
    while len(chains) > 1:
        chains = chains[: len(chains) // 2] + chains[len(chains) // 2 :]
    want = d * (one / np.sqrt(chains[0] / size + dtype.type(1e-5)))
    got = nn.LayerNorm(n, elementwise_affine=False, dtype=dtype)(x)
    if dtype == np.float32 or np.finfo(np.longdouble).nmant > 100:
        assert np.array_equal(got, want)
    else:  # in 80 bits an FMA of doubles may be rounded twice
        np.testing.assert_allclose(got, want, rtol=1e-15)


@each_dtype
def test_bits_of_a_row_depend_on_nothing_else(dtype):
    layer, x = made(37, dtype), draw((6, 5, 37), dtype)
    want, tape = layer.forward(x)
    d = draw(x.shape, dtype, 3)
    back = layer.backward(tape, d)
    rows = np.array([[layer(row) for row in step] for step in x])
    np.testing.assert_allclose(rows, want, rtol=0, atol=1e-6 if isa_in_use() == "reference" else 0)
    wide = np.concatenate([x, x], axis=-1)
    layouts = [np.asfortranarray(x), x[::-1].copy()[::-1], np.repeat(x, 2, axis=-1)[..., ::2], wide[..., :37]]
    for layout in layouts:
        other, tape = layer.forward(layout)
        found = layer.backward(tape, np.asfortranarray(d))
        assert np.array_equal(other, want)
        assert np.array_equal(found.input, back.input)
        assert all(np.array_equal(found.weights[name], back.weights[name]) for name in ("weight", "bias"))
    before = threads.get_num_threads()
    try:
        threads.set_num_threads(4)
        assert np.array_equal(layer(x), want)
    finally:
        threads.set_num_threads(before)


@each_dtype
@pytest.mark.parametrize("batch_first", [False, True])
def test_ragged_rows_have_the_bits_of_whole_ones(dtype, batch_first):
    layer, x, lengths = made(9, dtype, batch_first=batch_first), draw((5, 4, 9), dtype), [5, 0, 2, 4]
    within = np.arange(5)[:, None] < lengths
    given = np.where(within[..., None], x, np.nan).astype(dtype)
    given, x = (a.swapaxes(0, 1) if batch_first else a for a in (given, x))
    within = within.T if batch_first else within
    got, tape = layer.forward(given, lengths=lengths)
    assert np.array_equal(got[within], layer(x)[within])
    assert not got[~within].any()
    assert np.array_equal(layer(given, lengths=lengths), got)
    d = np.where(within[..., None], draw(got.shape, dtype, 4), np.nan).astype(dtype)
    found = layer.backward(tape, d)
    whole = layer.backward(layer.forward(np.ascontiguousarray(x[within]))[1], np.ascontiguousarray(d[within]))
    assert np.array_equal(found.input[within], whole.input)
    assert not found.input[~within].any()
    assert np.array_equal(found.weights["weight"], whole.weights["weight"])


@pytest.mark.parametrize("options", [{}, {"eps": 0.5}, {"bias": False, "batch_first": True, "dtype": np.float64}])
@pytest.mark.parametrize("ending", ["npz", "safetensors"])
def test_file_and_copies_give_the_same_layer(tmp_path, options, ending):
    layer = made(5, options.get("dtype", np.float32), **{k: v for k, v in options.items() if k != "dtype"})
    layer.save(tmp_path / f"norm.{ending}")
    x = draw((3, 5), layer.dtype)
    for other in (nn.load(tmp_path / f"norm.{ending}"), copy.deepcopy(layer), pickle.loads(pickle.dumps(layer))):
        assert repr(other) == repr(layer)
        assert np.array_equal(other(x), layer(x))


def test_weights_alone_make_a_layer():
    layer = nn.from_state_dict({"norm.weight": np.ones(3), "norm.bias": np.zeros(3)}, prefix="norm.", eps=0.1)
    assert repr(layer) == "LayerNorm(3, eps=0.1, dtype='float64')"
    with pytest.raises(ValueError, match="kind is 'Linear', expected 'LayerNorm'"):
        nn.from_state_dict({"weight": np.ones(3)}, kind="Linear")


@each_option
def test_layer_of_torch_gives_its_numbers(options):
    torch = pytest.importorskip("torch")
    twin = torch.nn.LayerNorm(6, **options)
    x = draw((4, 6), np.float32)
    want = twin(torch.tensor(x)).detach().numpy()
    for layer in (nn.from_torch(twin), nn.LayerNorm.from_torch(twin)):
        assert (layer.normalized_shape, layer.eps) == ((6,), twin.eps)
        np.testing.assert_allclose(layer(x), want, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(
    ("do", "sentence"),
    [
        (lambda: nn.LayerNorm((3, 4)), "LayerNorm: normalized_shape is (3, 4), expected one size"),
        (lambda: nn.LayerNorm(0), "LayerNorm: normalized_shape is 0, expected"),
        (lambda: nn.LayerNorm(3, eps=-1), "LayerNorm: eps is -1, expected a number of at least 0"),
        (lambda: nn.LayerNorm(3, eps="1"), "LayerNorm: eps is '1', expected a number of at least 0"),
        (lambda: nn.LayerNorm(3)(np.ones((2, 4), np.float32)), "LayerNorm: input has shape (2, 4), expected (*, "),
        (lambda: nn.LayerNorm(3)(np.ones(3)), "LayerNorm: input has dtype float64, expected float32"),
        (lambda: nn.LayerNorm(3)(np.ones((2, 3), np.float32), lengths=[1, 2]), "LayerNorm: lengths is given, expected"),
        (lambda: nn.LayerNorm(3, elementwise_affine=False).save("norm.npz"), "LayerNorm.save: 'norm.npz': the model"),
        (lambda: nn.LayerNorm(3).save("norm.onnx"), "LayerNorm.save: 'norm.onnx' is for recurrent layers"),
    ],
)
def test_wrong_argument_is_a_sentence(do, sentence):
    with pytest.raises((ValueError, TypeError)) as caught:
        do()
    assert str(caught.value).startswith(sentence)
