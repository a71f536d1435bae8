"""Models over dask arrays, in this process: bits, blocks, dtypes, lengths, laziness, what is refused and when."""

from __future__ import annotations

import pickle
import re
import sys

import numpy as np
import pytest
from nn_models import assert_same

import cyrnn
from cyrnn import nn
from cyrnn.distributed import predict

dask = pytest.importorskip("dask", reason="Dask is not installed")
da = pytest.importorskip("dask.array", reason="Dask is not installed")

L, N, F = 6, 23, 3
MODELS = {
    "rnn": lambda: nn.RNN(F, 4, rng=0),
    "lstm-both": lambda: nn.LSTM(F, 4, 2, bidirectional=True, rng=0),
    "lstm-projected": lambda: nn.LSTM(F, 4, proj_size=2, batch_first=True, rng=0),
    "gru-float64": lambda: nn.GRU(F, 4, batch_first=True, dtype=np.float64, rng=0),
    "gru-int8": lambda: nn.GRU(F, 4, rng=0).quantize("int8"),
    "linear": lambda: nn.Linear(F, 5, rng=0),
    "linear-batch-first": lambda: nn.Linear(F, 5, batch_first=True, dtype=np.float64, rng=0),
    "embedding": lambda: nn.Embedding(7, 5, rng=0),
    "embedding-batch-first": lambda: nn.Embedding(7, 5, batch_first=True, rng=0),
    "sequential": lambda: nn.Sequential(nn.LSTM(F, 4, rng=0), nn.Linear(4, 2, rng=0)),
    "sequential-last": lambda: nn.Sequential(nn.GRU(F, 4, batch_first=True, rng=0), nn.LastStep(), nn.Linear(4, 2)),
    "sequential-tokens": lambda: nn.Sequential(nn.Embedding(7, 4, rng=0), nn.RNN(4, 4, rng=0)),
}
LENGTHS = {
    "no lengths": lambda lengths: None,
    "list": lambda lengths: lengths.tolist(),
    "numpy": lambda lengths: lengths,
    "dask": lambda lengths: da.from_array(lengths, chunks=7),
}


def data(model, chunk: int = 10):
    """An input for a model, as NumPy's and as Dask's, and lengths."""
    rng, shape = np.random.default_rng(1), (N, L) if model.batch_first else (L, N)
    tokens = isinstance(model[0] if isinstance(model, nn.Sequential) else model, nn.Embedding)
    x = rng.integers(0, 7, shape) if tokens else rng.standard_normal((*shape, F)).astype(model.dtype)
    chunks = [-1] * x.ndim
    chunks[0 if model.batch_first else 1] = chunk
    return x, da.from_array(x, chunks=tuple(chunks)), rng.integers(0, L + 1, N)


def output_of(model, x, lengths=None):
    found = model(x) if lengths is None else model(x, lengths=lengths)
    return found[0] if isinstance(found, tuple) else found


def assert_outputs(found, wanted) -> None:
    """Shape, dtype and meta as declared are those of what is computed, and the bits are."""
    da.utils.assert_eq(found, found.compute(scheduler="sync"), scheduler="sync")
    assert (found.shape, found.dtype, found._meta.ndim) == (wanted.shape, wanted.dtype, wanted.ndim)
    assert type(found._meta) is np.ndarray
    assert_same(found.compute(scheduler="threads"), wanted)


@pytest.mark.parametrize("kind", LENGTHS)
@pytest.mark.parametrize("name", MODELS)
def test_outputs_have_the_bits_of_one_call_in_the_blocks_of_the_input(name, kind):
    model = MODELS[name]()
    x, blocks, lengths = data(model)
    given = LENGTHS[kind](lengths)
    found = predict(model, blocks, given)
    assert_outputs(found, output_of(model, x, None if given is None else lengths))
    batch_axis = 0 if model.batch_first else 1
    assert found.chunks[batch_axis] == (10, 10, 3)
    assert {found.numblocks[axis] for axis in range(found.ndim)} == {1, 3}


@pytest.mark.parametrize("chunk", [1, 22, -1])
def test_blocks_of_any_size_give_the_same(chunk):
    model = MODELS["lstm-both"]()
    x, blocks, lengths = data(model, chunk)
    assert_outputs(predict(model, blocks, lengths), output_of(model, x, lengths))


def test_rows_without_time_are_a_batch_for_a_linear_layer_and_for_an_embedding():
    linear, embedding, x = MODELS["linear"](), MODELS["embedding"](), np.ones((N, F), np.float32)
    assert_outputs(predict(linear, da.from_array(x, chunks=(5, -1))), linear(x))
    tokens = np.arange(N) % 7
    assert_outputs(predict(embedding, da.from_array(tokens, chunks=5)), embedding(tokens))


class LastOf(nn.LSTM):
    """A model that keeps the last step alone."""

    def __call__(self, input, hx=None, *, lengths=None):
        _, state = super().__call__(input, hx, lengths=lengths)
        return state[0][-1], state


def test_output_without_time_has_the_axes_of_batch_and_features():
    model = LastOf(F, 4, rng=0)
    x, blocks, lengths = data(model)
    found = predict(model, blocks, lengths)
    assert_outputs(found, model(x, lengths=lengths)[0])
    assert found.chunks == ((10, 10, 3), (4,))


def test_outputs_are_those_of_torch():
    torch = pytest.importorskip("torch", reason="torch is not installed")
    theirs = torch.nn.LSTM(F, 4, 2, bidirectional=True)
    x = np.random.default_rng(2).standard_normal((L, N, F)).astype(np.float32)
    found = predict(nn.from_torch(theirs), da.from_array(x, chunks=(-1, 6, -1))).compute(scheduler="sync")
    wanted = theirs(torch.from_numpy(x))[0].detach().numpy()
    np.testing.assert_allclose(found, wanted, atol=1e-6)


def test_nothing_of_the_input_is_computed_before_the_result_is_asked_for():
    def never(block):
        raise ArithmeticError("computed")

    model = MODELS["rnn"]()
    blocks = data(model)[1].map_blocks(never, meta=np.empty((0, 0, 0), np.float32))
    found = predict(model, blocks, blocks[0, :, 0].astype(int))
    with pytest.raises(ArithmeticError, match="computed"):
        found.compute(scheduler="sync")


def test_model_is_taken_as_it_stands_and_names_the_result():
    model = MODELS["lstm-both"]()
    x, blocks, lengths = data(model)
    found, again, wanted = predict(model, blocks), predict(model, blocks), output_of(model, x)
    assert found.name == again.name != predict(model, blocks, lengths).name
    model.weight_ih_l0[...] = 0
    model.pack()
    assert_same(found.compute(scheduler="sync"), wanted)
    changed = predict(model, blocks)
    assert changed.name != found.name
    assert_same(changed.compute(scheduler="sync"), output_of(model, x))
    assert not np.allclose(output_of(model, x), wanted, atol=0.01)


def test_model_is_one_task_on_which_all_blocks_depend():
    model = nn.LSTM(F, 100, rng=0)
    found = predict(model, data(model, 1)[1])
    pickle_of_model, graph = len(pickle.dumps(model)), found.__dask_graph__()
    assert [name for name in graph.dependencies[found.name] if name.startswith("model-")]
    blocks = [task for key, task in graph.to_dict().items() if key[0] == found.name]
    assert len(blocks) == N
    assert max(len(pickle.dumps(task)) for task in blocks) < pickle_of_model / 100


@pytest.fixture
def two_threads():
    before = cyrnn.get_num_threads()
    cyrnn.set_num_threads(2)
    yield
    cyrnn.set_num_threads(before)


@pytest.mark.usefixtures("two_threads")
@pytest.mark.parametrize("fails", [False, True])
def test_blocks_have_one_thread_and_calls_after_them_as_many_as_before(fails):
    pytest.importorskip("distributed", reason="dask.distributed is not installed")
    from on_dask import Watched

    model = Watched(F, 5, rng=0)
    model.__dict__["fails"] = fails
    blocks = data(model, 2)[1]
    Watched.seen.clear()
    found = predict(model, blocks)
    if fails:
        with pytest.raises(ArithmeticError, match="no output today"):
            found.compute(scheduler="threads")
    else:
        found.compute(scheduler="threads", num_workers=4)
    assert set(Watched.seen) == {1}
    assert cyrnn.get_num_threads() == 2


def test_blocks_of_unknown_sizes_are_computed_without_lengths():
    model = MODELS["lstm-projected"]()
    x, blocks, lengths = data(model)
    some = blocks[da.from_array(lengths > 2, chunks=10)]
    assert_same(predict(model, some).compute(scheduler="sync"), output_of(model, x[lengths > 2]))
    with pytest.raises(ValueError, match=r"lengths need blocks of input whose sizes are known: input\.compute_chunk"):
        predict(model, some, lengths)


def test_lengths_of_dask_are_checked_block_by_block():
    model = MODELS["rnn"]()
    _, blocks, lengths = data(model)
    lengths[15] = L + 1
    with pytest.raises(ValueError, match=rf"lengths\[5\] is {L + 1}, expected 0 <= length <= L = {L}"):
        predict(model, blocks, da.from_array(lengths)).compute(scheduler="sync")


def of(*shape, chunks=-1, dtype=np.float32):
    return da.zeros(shape, chunks=chunks, dtype=dtype)


KNOWN, MASK = of(L, N, F), da.ones(L, dtype=bool)
#: what is given to predict with an LSTM(3, 4) -> the sentence
REFUSED = {
    "cells": ((nn.LSTMCell(F, 4), KNOWN), TypeError, "model is of type LSTMCell, expected an RNN, LSTM, GRU, Linear"),
    "classes": ((nn.LSTM, KNOWN), TypeError, "model is of type ABCMeta|model is of type type"),
    "no model": ((None, KNOWN), TypeError, "model is None, expected"),
    "numpy": ((np.zeros((L, N, F), np.float32),), TypeError, r"is of type ndarray, .* chunks=\(-1, 100, -1\)\)"),
    "time": ((of(L, N, F, chunks=(2, 5, -1)),), ValueError, r"3 blocks along axis 0, .* input\.rechunk\({0: -1}\)"),
    "all": ((of(L, N, F, chunks=2),), ValueError, r"3 blocks along axis 0 and 2 .* input\.rechunk\({0: -1, 2: -1}\)"),
    "unknown": ((KNOWN[MASK],), ValueError, r"shape \(nan, 23, 3\), .* known: input\.compute_chunk_sizes\(\)"),
    "one sequence": ((of(L, F),), ValueError, r"input has shape \(6, 3\), expected a batch of sequences"),
    "four axes": ((of(1, L, N, F),), ValueError, r"input has shape \(1, 6, 23, 3\), expected a batch of sequences"),
    "features": ((of(L, N, 4),), ValueError, r"LSTM: input has shape \(6, 0, 4\), expected .* input_size = 3"),
    "dtype": ((of(L, N, F, dtype=np.float64),), TypeError, "LSTM: input has dtype float64, expected float32"),
    "too few": ((KNOWN, [1, 2]), ValueError, r"predict: lengths has shape \(2,\), expected \(N,\) = \(23,\)"),
    "too long": ((KNOWN, [9] * N), ValueError, r"predict: lengths\[0\] is 9, expected 0 <= length <= L = 6"),
    "floats": ((KNOWN, np.ones(N)), TypeError, "predict: lengths has dtype float64, expected whole numbers"),
    "dask floats": ((KNOWN, da.ones(N)), TypeError, "predict: lengths has dtype float64, expected whole numbers"),
    "dask few": ((KNOWN, da.ones(2, dtype=int)), ValueError, r"lengths has shape \(2,\), .* = \(23,\): N from input"),
    "dask unknown": ((KNOWN, da.ones(L, dtype=int)[MASK]), ValueError, r"lengths\.compute_chunk_sizes\(\)"),
    "no time": ((nn.Linear(F, 4), of(N, F), [1] * N), ValueError, r"shape \(23, 3\), expected a batch of sequences"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_wrong_arguments_are_refused_before_anything_is_computed(name):
    given, kind, sentence = REFUSED[name]
    if isinstance(given[0], (da.Array, np.ndarray)):
        given = (nn.LSTM(F, 4, rng=0), *given)
    with pytest.raises(kind, match=sentence) as caught:
        predict(*given)
    assert "\n" not in str(caught.value)


def test_cure_for_batch_first_names_its_axes():
    with pytest.raises(TypeError, match=re.escape("chunks=(100, -1, -1)")):
        predict(MODELS["gru-float64"](), [[1.0]])


def test_without_dask_one_line_names_the_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "dask", None)
    wanted = r"^distributed\.predict: Dask is not .*: pip install 'dask\[array\]', or cyrnn's extra dask$"
    with pytest.raises(ImportError, match=wanted):
        predict(MODELS["rnn"](), KNOWN)
