"""A Sequential is its modules called by hand: the same bits, gradients by central differences, torch's numbers."""

from __future__ import annotations

import copy
import gc
import pickle
import tracemalloc
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from cyrnn import nn, training

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
    again, _, _ = model.forward(IDS, lengths=lengths and np.array(lengths, np.int32))
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


@pytest.mark.parametrize("batch_first", [False, True])
def test_dropout_and_last_step_alone_are_those_of_the_model(batch_first):
    gru = nn.GRU(4, 5, bidirectional=True, batch_first=batch_first, rng=0)
    model = nn.Sequential(gru, nn.Dropout(0.4), nn.LastStep(), nn.Linear(10, 2, rng=1))
    x = X.astype(np.float32).swapaxes(0, 1) if batch_first else X.astype(np.float32)
    scores, _, tape = model.forward(x, lengths=LENGTHS, dropout_rng=7)
    output, _, _ = gru.forward(x, lengths=LENGTHS)
    dropout = nn.Dropout(0.4, batch_first=batch_first)
    last = nn.LastStep(bidirectional=True, batch_first=batch_first)
    dropped, of_dropout = dropout.forward(output, dropout_rng=7)
    taken, of_last = last.forward(dropped, lengths=LENGTHS)
    assert repr(dropout) == f"Dropout(p=0.4{', batch_first=True' if batch_first else ''})"
    assert repr(last) == f"LastStep(bidirectional=True{', batch_first=True' if batch_first else ''})"
    assert np.array_equal(model[3](taken), scores)
    within = np.arange(6)[:, None] < LENGTHS
    kept = dropped[within.T if batch_first else within] != 0
    assert 0.4 < kept.mean() < 0.8
    d = np.random.default_rng(2).standard_normal(scores.shape).astype(np.float32)
    d_taken = model[3].backward(model[3].forward(taken)[1], d).input
    d_output = dropout.backward(of_dropout, last.backward(of_last, d_taken).input).input
    want = gru.backward(gru.forward(x, lengths=LENGTHS)[2], d_output)
    got = model.backward(tape, d)
    assert np.array_equal(got.input, want.input)
    assert np.array_equal(got.weights["0.weight_hh_l0_reverse"], want.weights["weight_hh_l0_reverse"])


def test_dropout_draws_the_same_for_both_dtypes_and_orders():
    x, dropout = np.ones((6, 3, 4)), nn.Dropout(0.5)
    want = dropout.forward(x, dropout_rng=1)[0]
    assert np.array_equal(dropout.forward(x.astype(np.float32), dropout_rng=1)[0], want)
    swapped = nn.Dropout(0.5, batch_first=True).forward(x.swapaxes(0, 1), dropout_rng=1)[0]
    assert np.array_equal(swapped.swapaxes(0, 1), want)
    assert np.array_equal(np.unique(want), [0, 2])
    assert not nn.Dropout(1).forward(x, dropout_rng=1)[0].any()
    whole, tape = dropout.forward(x)
    assert np.array_equal(whole, x)
    assert np.array_equal(dropout.backward(tape, x).input, x)


@pytest.mark.parametrize("shape", [(0, 3, 4), (5, 0, 4), (0, 4), (5, 4)])
def test_last_step_of_few_steps_has_zeros_or_the_last(shape):
    x, last = np.ones(shape), nn.LastStep(bidirectional=True)
    output, tape = last.forward(x)
    assert output.shape == shape[1:]
    assert (output == (shape[0] > 0)).all()
    d = last.backward(tape, np.ones(shape[1:])).input
    assert (d.shape, d.sum()) == (shape, output.sum())


def test_one_sequence_without_a_batch_and_one_id_at_a_time():
    model = nn.Sequential(nn.Embedding(10, 4, rng=0), nn.LSTM(4, 5, rng=1), nn.LastStep(), nn.Linear(5, 3, rng=2))
    scores, ((h, _),) = model(IDS[:, 0])
    assert (scores.shape, h.shape) == ((3,), (1, 5))
    state = None
    for index in IDS[:, 0]:
        found, state = model.step(index, state)
    np.testing.assert_allclose(found, scores, rtol=0, atol=1e-6)


def test_gradient_of_the_states_alone_goes_back():
    model = stream()
    _, state, tape = model.forward(X)
    gradients = model.backward(tape, None, (np.ones_like(state[0]), None))
    want = model[0].backward(model[0].forward(X)[2], None, np.ones_like(state[0]))
    assert np.array_equal(gradients.input, want.input)
    assert np.array_equal(gradients.hx[0], want.hx)
    assert not gradients.weights["2.1.weight"].any()
    assert not gradients.hx[1][0].any()
    assert repr(tape) == "<tape of Sequential: 4 modules, output (6, 3, 2)>"
    assert repr(nn.Dropout().forward(X)[1]) == "<tape of Dropout: (6, 3, 4)>"
    assert repr(nn.LastStep().forward(X)[1]) == "<tape of LastStep: (6, 3, 4)>"


def test_states_go_on_and_resets_start_anew():
    model, x = stream(), X
    whole, last = model(x)
    _, state = model(x[:4], [None, None])
    found, again = model(x[4:], state)
    np.testing.assert_allclose(found, whole[4:], rtol=0, atol=1e-9)
    np.testing.assert_allclose(again[1][1], last[1][1], rtol=0, atol=1e-9)
    reset = np.array([True, False, False])
    y, _ = model.step(x[5], state, reset=reset)
    np.testing.assert_allclose(y[0], model.step(x[5])[0][0], rtol=0, atol=1e-9)
    np.testing.assert_allclose(y[1:], model.step(x[5], state)[0][1:], rtol=0, atol=1e-9)


@pytest.mark.parametrize("lengths", [None, LENGTHS])
def test_gradients_are_those_of_torch(lengths):
    torch = pytest.importorskip("torch")
    tn = torch.nn
    twin = tn.ModuleList([tn.LSTM(4, 5, 2), tn.LayerNorm(5), tn.GRU(5, 6), tn.Linear(6, 3)]).double()
    own = [nn.from_torch(part) for part in twin]
    model = nn.Sequential(own[0], nn.Sequential(*own[1:3]), nn.LastStep(), own[3])
    x = torch.tensor(X, requires_grad=True)
    h = twin[2](twin[1](twin[0](x)[0]))[0]
    ends = torch.tensor(lengths or [6, 6, 6])
    last = torch.where((ends > 0)[:, None], h[(ends - 1).clamp(min=0), torch.arange(3)], 0.0)
    want = twin[3](last)
    want.square().sum().backward()
    got, _, tape = model.forward(X, lengths=lengths)
    np.testing.assert_allclose(got, want.detach().numpy(), rtol=1e-10, atol=1e-12)
    gradients = model.backward(tape, 2 * got)
    np.testing.assert_allclose(gradients.input, x.grad.numpy(), rtol=1e-8, atol=1e-12)
    parts = zip(("0", "1.0", "1.1", "3"), twin, strict=True)
    named = {f"{place}.{name}": p for place, part in parts for name, p in part.named_parameters()}
    assert list(gradients.weights) == list(named)
    for name, parameter in named.items():
        np.testing.assert_allclose(gradients.weights[name], parameter.grad.numpy(), rtol=1e-8, atol=1e-12)


def test_model_of_torch_has_its_numbers_and_takes_its_weights():
    torch = pytest.importorskip("torch")
    tn = torch.nn
    twin = tn.Sequential(tn.Embedding(10, 4), tn.Dropout(0.3), tn.Sequential(tn.Linear(4, 6), tn.LayerNorm(6))).eval()
    model = nn.from_torch(twin)
    want = twin(torch.tensor(IDS)).detach().numpy()
    np.testing.assert_allclose(model(IDS)[0], want, rtol=1e-5, atol=1e-5)
    other = nn.Sequential(nn.Embedding(10, 4), nn.Sequential(nn.Linear(4, 6), nn.LayerNorm(6)))
    other.load_state_dict({name.replace("2.", "1."): value for name, value in twin.state_dict().items()})
    assert np.array_equal(other(IDS)[0], model(IDS)[0])
    with pytest.raises(TypeError, match=r"^Sequential\.from_torch: module 1: from_torch: module is of type ReLU"):
        nn.from_torch(tn.Sequential(tn.Linear(4, 6), tn.ReLU()))


def test_adam_takes_a_model_or_its_modules():
    found = []
    for several in (False, True):
        model = stream(np.float32)
        adam = training.Adam(list(model) if several else model, lr=0.01)
        x, losses = X.astype(np.float32), []
        for _ in range(30):
            output, _, tape = model.forward(x)
            loss, d = training.mse_loss(output, x[:, :, :2])
            gradients = model.backward(tape, d)
            parts = [{} for _ in model]
            for name, gradient in gradients.weights.items():
                place, _, rest = name.partition(".")
                parts[int(place)][rest] = gradient
            adam.step(parts if several else gradients)
            losses.append(loss)
        assert losses[-1] < 0.8 * losses[0]
        found.append(model.state_dict())
    assert all(np.array_equal(a, b) for a, b in zip(found[0].values(), found[1].values(), strict=True))


def test_quantised_model_is_of_quantised_modules(tmp_path):
    model = nn.Sequential(
        nn.Embedding(10, 4, rng=0), nn.GRU(4, 8, rng=1), nn.LayerNorm(8), nn.Dropout(0.1), nn.Linear(8, 2, rng=2)
    )
    small, report = model.quantize("int8", calibrate=IDS)
    found = small(IDS)[0]
    assert 0 < abs(found - model(IDS)[0]).max() <= report.largest < 0.1
    small.save(tmp_path / "small.npz")
    again = nn.load(tmp_path / "small.npz")
    assert np.array_equal(again(IDS)[0], found)
    assert again.state_dict()["1.weight_ih_l0"].dtype == np.int8
    floats = again.dequantize()
    assert repr(floats) == repr(model) == repr(nn.load(tmp_path / "small.npz", dequantize=True))
    assert "int8" in small.summary()
    assert np.array_equal(copy.copy(small)(IDS)[0], found)


@pytest.mark.parametrize("make", [classifier, stream])
def test_summary_has_a_row_for_each_module_within_80_columns(make):
    model = make(np.float32)
    deep = nn.Sequential(model)
    for _ in range(20):
        deep = nn.Sequential(deep)
    lines = model.summary().splitlines()
    weights = sum(array.size for array in model.state_dict().values())
    assert len(lines) == 5 + len(model._links)
    assert lines[-2].split() == ["total", f"{weights:,}"]
    assert f"{4 * weights / 1000:.1f} KB" in lines[-1]
    assert max(map(len, [*lines, *deep.summary().splitlines()])) <= 80
    assert "(N, 10)" in model.summary() or make is stream
    big = nn.Sequential(nn.Dropout(), nn.Linear(1000, 300), nn.LayerNorm(300, elementwise_affine=False)).summary()
    assert "1.2 MB of weights" in big
    assert "(*, *)" in big
    assert "8 bytes" in nn.Sequential(nn.Linear(1, 1)).summary()


def test_modules_are_found_by_their_places_and_weights_by_their_names():
    model = stream()
    assert len(model) == 3
    assert [type(part).__name__ for part in model] == ["GRU", "LSTM", "Sequential"]
    assert model[-1][1] is model[2][1]
    assert [type(part).__name__ for part in model[:2]] == ["GRU", "LSTM"]
    assert getattr(model, "2.1.weight") is model[2][1].weight
    setattr(model, "2.1.bias", np.ones(2))
    model.pack()
    model.note = "a word"
    assert copy.copy(model).note == "a word"
    assert copy.deepcopy(model).note == "a word"
    assert model[2][1].bias.tolist() == [1, 1]
    assert {"pack", "step", "summary"} <= set(dir(model))
    assert not {"cuda", "train"} & set(dir(model))
    assert not [name for name in dir(model) if name[0] == "_" and name[:2] != "__"]
    assert repr(model) == (
        "Sequential(\n  (0): GRU(4, 5, num_layers=2, dtype='float64')\n  (1): LSTM(5, 6, dtype='float64')\n"
        "  (2): Sequential(\n    (0): Dropout(p=0.5)\n"
        "    (1): Linear(in_features=6, out_features=2, bias=True, dtype='float64')\n  )\n)"
    )


def test_module_of_a_file_is_found_by_its_prefix(tmp_path):
    model = stream()
    model.save(tmp_path / "model.npz")
    part = nn.load(tmp_path / "model.npz", "2.1.")
    assert np.array_equal(part.weight, model[2][1].weight)
    plain = nn.Sequential(nn.Linear(3, 4), nn.LayerNorm(4, eps=0.1, elementwise_affine=False), nn.LayerNorm(4, 0.2))
    plain.save(tmp_path / "plain.safetensors")
    assert repr(nn.load(tmp_path / "plain.safetensors")) == repr(plain)


def test_cast_that_a_module_refuses_changes_none():
    model = nn.Sequential(nn.LayerNorm(3), nn.Linear(3, 2).quantize("int8"))
    with pytest.raises(TypeError, match=r"^Sequential\.to: module 1: Linear\.to: "):
        model.double()
    assert [part.dtype for part in model] == [np.float32, np.float32]


def test_memory_is_flat_and_threads_share_a_model():
    model, x = stream(np.float32), np.ones((20, 8, 4), np.float32)

    def train():
        output, _, tape = model.forward(x, dropout_rng=0)
        return model.backward(tape, output).weights["0.weight_hh_l0"]

    want = train()
    with ThreadPoolExecutor(4) as pool:
        assert all(np.array_equal(found, want) for found in pool.map(lambda _: train(), range(20)))
    train()
    tracemalloc.start()
    try:
        for _ in range(5):
            train()
        gc.collect()
        before = tracemalloc.get_traced_memory()[0]
        for _ in range(50):
            train()
        gc.collect()
        assert tracemalloc.get_traced_memory()[0] - before < 20_000
    finally:
        tracemalloc.stop()
