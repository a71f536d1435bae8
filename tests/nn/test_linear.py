"""nn.Linear: numbers, bits, ragged batches, gradients."""

from __future__ import annotations

import math
import pickle

import numpy as np
import pytest
from nn_models import assert_same
from problems import DTYPES, isa_in_use, name_of

import cyrnn
from cyrnn import nn
from cyrnn.calls import threads

#: in_features, out_features, leading axes of the input
SHAPES = (
    (3, 2, ()),
    (1, 1, (1,)),
    (0, 3, (4,)),
    (3, 0, (4,)),
    (3, 2, (0, 5)),
    (3, 2, (5, 0)),
    (0, 0, (2, 0)),
    (5, 3, (7, 4)),
    (64, 10, (20, 1)),
    (17, 67, (2, 3, 4)),
    (33, 130, (3,)),
    (7, 1100, (1,)),
    (40, 16, (1, 1, 2, 33)),
    (9, 5, (40, 17)),
)
each_shape = pytest.mark.parametrize("shape", SHAPES, ids=str)
each_dtype = pytest.mark.parametrize("dtype", DTYPES, ids=name_of)
each_bias = pytest.mark.parametrize("bias", [True, False], ids=["bias", "no-bias"])
LAYOUTS = {
    "contiguous": lambda x: x,
    "Fortran": np.asfortranarray,
    "reversed": lambda x: np.flip(np.flip(x).copy()),
    "every second": lambda x: np.repeat(np.repeat(x, 2, axis=0), 2, axis=-1)[::2, ..., ::2],
    "swapped": lambda x: np.ascontiguousarray(x.swapaxes(0, 1)).swapaxes(0, 1),
    "wide": lambda x: np.concatenate([x, x], axis=-1)[..., : x.shape[-1]],
}
#: the unit of rounding: a chain of K roundings is within K u / (1 - K u)
UNIT = {np.dtype(np.float32): 2.0**-24, np.dtype(np.float64): 2.0**-53}


def draw(shape, dtype, seed=0):
    return np.random.default_rng(seed).standard_normal(shape).astype(dtype)


def wide(*arrays):
    return [np.asarray(array, np.longdouble) for array in arrays]


def weights_of(layer):
    W, b = layer.weight, layer.bias
    return W, np.zeros(len(W), W.dtype) if b is None else b


def assert_within(got, want, of_magnitudes, roundings):
    """Each element within so many roundings of a sum of these magnitudes."""
    assert got.shape == want.shape
    bound = (roundings * UNIT[got.dtype] * 1.01 * of_magnitudes) + np.finfo(got.dtype).tiny
    assert (abs(got - want) <= bound).all()


@each_bias
@each_dtype
@each_shape
def test_linear_against_wide_oracle_is_within_its_roundings(shape, dtype, bias):
    n, units, leading = shape
    layer = nn.Linear(n, units, bias, dtype=dtype, rng=1)
    x = draw((*leading, n), dtype)
    W, b, wide_x = wide(*weights_of(layer), x)
    got = layer(x)
    assert (got.dtype, got.shape) == (dtype, (*leading, units))
    assert_within(got, wide_x @ W.T + b, abs(wide_x) @ abs(W).T + abs(b), n + 2)
    assert_same(layer.forward(x)[0], got)


@each_bias
@each_dtype
@each_shape
def test_linear_backward_against_wide_oracle_is_within_its_roundings(shape, dtype, bias):
    n, units, leading = shape
    layer = nn.Linear(n, units, bias, dtype=dtype, rng=1)
    x, d = draw((*leading, n), dtype), draw((*leading, units), dtype, 1)
    gradients = layer.backward(layer.forward(x)[1], d)
    W, wide_x, wide_d = wide(layer.weight, x, d)
    assert_within(gradients.input, wide_d @ W, abs(wide_d) @ abs(W), units + 1)
    rows = math.prod(leading)
    rows_x, rows_d, many = wide_x.reshape(rows, n), wide_d.reshape(rows, units), rows + 8
    assert_within(gradients.weights["weight"], rows_d.T @ rows_x, abs(rows_d).T @ abs(rows_x), many)
    assert list(gradients.weights) == list(layer.state_dict())
    if bias:
        assert_within(gradients.weights["bias"], rows_d.sum(axis=0), abs(rows_d).sum(axis=0), many)


@each_dtype
def test_linear_gradients_agree_with_central_differences(dtype):
    layer = nn.Linear(4, 3, dtype=np.float64, rng=1)
    layer.load_state_dict({name: w.astype(dtype).astype(np.float64) for name, w in layer.state_dict().items()})
    x, d, h = draw((5, 2, 4), np.float64), draw((5, 2, 3), np.float64, 1), 2.0**-16
    lengths = [4, 2]
    found = layer.backward(layer.forward(x, lengths=lengths)[1], d)

    def loss(x, weights) -> float:
        other = nn.Linear(4, 3, dtype=np.float64, rng=0)
        other.load_state_dict(weights)
        return float((other(x, lengths=lengths) * d).sum())

    weights = layer.state_dict()
    for name, gradient in [("input", found.input), *found.weights.items()]:
        for at in np.ndindex(gradient.shape):
            sides = []
            for step in (h, -h):
                moved = {key: value.copy() for key, value in weights.items()} | {"input": x.copy()}
                moved[name][at] += step
                sides.append(loss(moved.pop("input"), moved))
            assert abs((sides[0] - sides[1]) / (2 * h) - gradient[at]) < 1e-9, (name, at)


@each_dtype
@each_bias
def test_linear_row_alone_has_the_bits_of_the_batch(dtype, bias):
    layer = nn.Linear(37, 150, bias, dtype=dtype, rng=1)
    x, d = draw((41, 37), dtype), draw((41, 150), dtype, 1)
    y, tape = layer.forward(x)
    dx = layer.backward(tape, d).input
    for rows in (1, 2, 3, 7, 8, 13):
        parts = [slice(i, i + rows) for i in range(0, 41, rows)]
        assert_same(np.concatenate([layer(x[part]) for part in parts]), y)
        backs = [layer.backward(layer.forward(x[part])[1], d[part]).input for part in parts]
        assert_same(np.concatenate(backs), dx)
    assert_same(np.stack([layer(row) for row in x]), y)


@pytest.mark.skipif(isa_in_use() == "reference", reason="NumPy's matmul sums in an order of its own")
@each_dtype
@pytest.mark.parametrize("sizes", [(1, 1), (5, 3), (64, 10), (33, 131)], ids=str)
def test_linear_has_the_bits_of_the_pre_activation_of_a_cell(sizes, dtype):
    """The canonical chain: the bias first, then the features in their order."""
    n, units = sizes
    layer, rnn = nn.Linear(n, units, dtype=dtype, rng=1), nn.RNN(n, units, nonlinearity="affine", dtype=dtype)
    own = {"weight_ih_l0": layer.weight, "bias_ih_l0": layer.bias}
    rnn.load_state_dict({name: own.get(name, np.zeros_like(w)) for name, w in rnn.state_dict().items()})
    x = draw((1, 9, n), dtype)
    assert_same(layer(x), rnn(x)[0])


def test_linear_whole_numbers_are_exact():
    layer = nn.Linear(50, 20, rng=0)
    random = np.random.default_rng(0)
    W, b = random.integers(-8, 9, (20, 50)), random.integers(-8, 9, 20)
    layer.load_state_dict({"weight": W.astype(np.float32), "bias": b.astype(np.float32)})
    x, d = random.integers(-8, 9, (600, 50)), random.integers(-8, 9, (600, 20))
    y, tape = layer.forward(x.astype(np.float32))
    gradients = layer.backward(tape, d.astype(np.float32))
    np.testing.assert_array_equal(y, x @ W.T + b)
    np.testing.assert_array_equal(gradients.input, d @ W)
    np.testing.assert_array_equal(gradients.weights["weight"], d.T @ x)
    np.testing.assert_array_equal(gradients.weights["bias"], d.sum(axis=0))


@each_dtype
@pytest.mark.parametrize("layout", LAYOUTS)
def test_linear_any_strides_have_the_bits_of_contiguous_ones(layout, dtype):
    layer = nn.Linear(13, 5, dtype=dtype, rng=1)
    x, d = draw((6, 7, 13), dtype), draw((6, 7, 5), dtype, 1)
    y, tape = layer.forward(x)
    want = [layer(x, lengths=[3, 0, 6, 1, 2, 6, 4]), y, layer.backward(tape, d)]
    strided, d_strided = LAYOUTS[layout](x), LAYOUTS[layout](d)
    strided.flags.writeable = d_strided.flags.writeable = False
    np.testing.assert_array_equal(strided, x)
    got, tape = layer.forward(strided)
    assert_same([layer(strided, lengths=[3, 0, 6, 1, 2, 6, 4]), got, layer.backward(tape, d_strided)], want)
    swapped = x.astype(x.dtype.newbyteorder())
    assert_same([layer(x.tolist()), layer(swapped), layer(list(x))], [y] * 3)


@each_dtype
@each_bias
@pytest.mark.parametrize("batch_first", [False, True])
def test_linear_ragged_batch_has_the_bits_of_its_rows_alone(batch_first, bias, dtype):
    layer = nn.Linear(11, 19, bias, batch_first=batch_first, dtype=dtype, rng=1)
    T, lengths = 30, np.array([30, 0, 7, 29, 1, 30, 12, 3, 3, 18])
    within = np.arange(T)[:, None] < lengths
    within = within.T if batch_first else within
    x, d = draw((*within.shape, 11), dtype), draw((*within.shape, 19), dtype, 1)
    x[~within], d[~within] = np.nan, np.inf
    y, tape = layer.forward(x, lengths=lengths)
    gradients = layer.backward(tape, d)
    rows, rows_tape = layer.forward(x[within])
    want = layer.backward(rows_tape, d[within])
    assert_same([y[within], gradients.input[within], gradients.weights], [rows, want.input, want.weights])
    assert not y[~within].any()
    assert not gradients.input[~within].any()
    assert_same(layer(x, lengths=list(map(int, lengths))), y)
    whole = np.full(len(lengths), T)
    x[~within], d[~within] = 1, 1
    assert_same(layer(x, lengths=whole), layer(x))
    assert not layer(x, lengths=0 * whole).any()
    nothing = layer.backward(layer.forward(x, lengths=0 * whole)[1], d)
    assert not any(array.any() for array in [nothing.input, *nothing.weights.values()])


@pytest.mark.parametrize("rows", [(1,), (3,), (9,), (100, 3)], ids=str)
@each_dtype
def test_linear_threads_share_with_the_same_bits(rows, dtype, monkeypatch):
    layer = nn.Linear(23, 2100, dtype=dtype, rng=1)
    x, d = draw((*rows, 23), dtype), draw((*rows, 2100), dtype, 1)
    lengths = [40, 100, 0] if len(rows) > 1 else None

    def everything() -> list:
        y, tape = layer.forward(x, lengths=lengths)
        return [layer(x), y, layer.backward(tape, d)]

    before = cyrnn.get_num_threads()
    monkeypatch.setattr(threads, "MILLISECOND_FMAS", 1)
    try:
        cyrnn.set_num_threads(1)
        want = everything()
        cyrnn.set_num_threads(3)
        assert_same(everything(), want)
    finally:
        monkeypatch.undo()
        cyrnn.set_num_threads(before)


def test_linear_sums_of_many_rows_keep_their_digits():
    """One running sum of 70000 equal rows in float32 is off by 1e-3."""
    layer = nn.Linear(1, 1, rng=0)
    x, d = np.full((70_000, 1), 0.1, np.float32), np.ones((70_000, 1), np.float32)
    found = layer.backward(layer.forward(x)[1], d).weights
    assert abs(found["weight"][0, 0] / (70_000 * float(np.float32(0.1))) - 1) < 1e-5
    assert found["bias"][0] == 70_000


def test_linear_values_that_are_not_finite_pass_through():
    layer = nn.Linear(3, 18, rng=0)
    x = np.ones((4, 3), np.float32)
    x[1, 2], x[2, 0] = np.nan, np.inf
    y = layer(x)
    assert np.isfinite(y[[0, 3]]).all()
    assert np.isnan(y[1]).all()
    np.testing.assert_array_equal(y[2], np.where(layer.weight[:, 0] > 0, np.inf, -np.inf))
    d = np.zeros((4, 18), np.float32)
    d[0, 5] = np.inf
    gradients = layer.backward(layer.forward(x)[1], d)
    assert np.isinf(gradients.weights["bias"][5])
    assert not gradients.weights["bias"][:5].any()
    assert np.isfinite(gradients.input[[1, 2, 3]]).all()


# ---- as torch has it ------------------------------------------------------------------------------


@each_bias
@each_dtype
def test_linear_agrees_with_torch_forward_and_backward(dtype, bias):
    torch = pytest.importorskip("torch", reason="torch is not installed")
    module = torch.nn.Linear(13, 7, bias=bias, dtype=getattr(torch, dtype.name))
    for layer in (nn.from_torch(module), nn.Linear.from_torch(module)):
        assert repr(layer).removesuffix(", dtype='float64')").rstrip(")") == repr(module).rstrip(")")
        assert layer.dtype == dtype
        assert_same(layer.state_dict(), {name: value.numpy() for name, value in module.state_dict().items()})
        x, d = draw((5, 4, 13), dtype), draw((5, 4, 7), dtype, 1)
        given = torch.tensor(x, requires_grad=True)
        module.zero_grad()
        module(given).backward(torch.tensor(d))
        y, tape = layer.forward(x)
        found = layer.backward(tape, d)
        tolerance = {"rtol": 0, "atol": 300 * np.finfo(dtype).eps}
        np.testing.assert_allclose(y, module(given).detach().numpy(), **tolerance)
        np.testing.assert_allclose(found.input, given.grad.numpy(), **tolerance)
        for name, parameter in module.named_parameters():
            np.testing.assert_allclose(found.weights[name], parameter.grad.numpy(), **tolerance)


@pytest.mark.filterwarnings("ignore:`torch.jit.script` is deprecated")
def test_linear_takes_what_torch_wraps_and_shapes_of_a_whole_model():
    torch = pytest.importorskip("torch", reason="torch is not installed")
    module = torch.nn.Linear(5, 3)
    want = nn.from_torch(module)
    normalised = torch.nn.utils.parametrizations.weight_norm(torch.nn.Linear(5, 3))
    for wrapped in (torch.nn.DataParallel(module), torch.jit.script(module), normalised):
        assert repr(nn.from_torch(wrapped)) == repr(want)
    net = torch.nn.ModuleDict({"gru": torch.nn.GRU(3, 5), "head": torch.nn.Linear(5, 2)})
    head = nn.from_state_dict(net.state_dict(), prefix="head.")
    assert repr(head) == "Linear(in_features=5, out_features=2, bias=True)"
    other = nn.Linear(5, 2, rng=3)
    other.load_state_dict(net.state_dict(), prefix="head.")
    assert_same(other.state_dict(), head.state_dict())


def test_linear_begins_as_torch_does():
    layer = nn.Linear(400, 300, rng=0)
    for array in (layer.weight, layer.bias):
        assert abs(array).max() <= 0.05
        assert abs(array).max() > 0.045
        assert abs(array.mean()) < 0.005
        assert abs(array.std() - 0.05 / np.sqrt(3)) < 0.003
    assert_same(nn.Linear(400, 300, rng=0).state_dict(), layer.state_dict())
    assert not nn.Linear(0, 3, rng=0).bias.any()


def test_linear_is_shown_cast_copied_and_packed():
    layer = nn.Linear(5, 3, False, batch_first=True, rng=0)
    assert repr(layer) == "Linear(in_features=5, out_features=3, bias=False, batch_first=True)"
    assert (layer.in_features, layer.out_features, layer.bias, layer.batch_first) == (5, 3, None, True)
    x, W = draw((2, 5), np.float32), layer.weight.copy()
    want = layer(x)
    for other in (pickle.loads(pickle.dumps(layer)), layer.eval(), layer.to("cpu"), layer.float()):
        assert repr(other) == repr(layer)
        assert_same(other(x), want)
    layer.weight *= 2
    assert_same(layer(x), want)
    layer.pack()
    assert_same(layer(x), 2 * want)
    layer.weight = W
    layer.pack()
    assert_same(layer(x), want)
    double = layer.double()
    assert double is layer
    assert repr(layer) == "Linear(in_features=5, out_features=3, bias=False, batch_first=True, dtype='float64')"
    assert layer(x.astype(np.float64)).dtype == np.float64


def test_linear_tape_keeps_the_weights_it_began_with():
    layer = nn.Linear(5, 3, rng=0)
    x, d = draw((4, 5), np.float32), draw((4, 3), np.float32, 1)
    _, tape = layer.forward(x)
    want = layer.backward(tape, d)
    layer.load_state_dict({name: 0 * value for name, value in layer.state_dict().items()})
    assert_same(layer.backward(tape, d), want)
    assert repr(tape) == "<tape of Linear, 5 -> 3: 4 rows>"
