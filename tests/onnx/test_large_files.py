"""Files whose weights are read when a layer is prepared, and not before."""

from __future__ import annotations

import contextlib
import os
import random
import tracemalloc

import numpy as np
import pytest
from onnx_writer import graph, model, node, tensor
from problems import assert_same_bits

from cyrnn import onnx
from cyrnn.weights import stretch

N, N_X = 128, 65


def draw(*shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


WEIGHTS = {"W": draw(1, 4 * N, N_X, seed=1), "R": draw(1, 4 * N, N, seed=2), "B": draw(1, 8 * N, seed=3)}
X = draw(3, 2, N_X)
CELL = node("LSTM", ["X", "W", "R", "B"], ["Y"], "cell", hidden_size=N)
#: the names of tensors move the others through every alignment
MODELS = {
    f"{more} bytes more": model([CELL], [tensor(v, n) for n, v in ({"x" * more: draw(1)} | WEIGHTS).items()])
    for more in range(4)
}


@pytest.fixture(params=[1 << 16, 50, 0])
def at_once(request, monkeypatch):
    monkeypatch.setattr(stretch, "AT_ONCE", request.param)
    return request.param


@pytest.mark.parametrize("name", MODELS)
def test_weights_are_those_of_the_file_wherever_they_stand(tmp_path, name, at_once):
    path = tmp_path / "m.onnx"
    path.write_bytes(MODELS[name])
    assert_same_bits(onnx.load(path)["cell"](X), onnx.lstm(X, *WEIGHTS.values()))


def test_numbers_in_fields_of_their_own_are_read(tmp_path, at_once):
    """float_data, and the attributes of a node in an inner graph, longer than what is read at once."""
    path = tmp_path / "m.onnx"
    cell = node("LSTM", ["X", "W", "R", "B"], ["Y"], "c" * 70, hidden_size=N, activations=["Tanh"] * 3)
    tensors = [tensor(value, key, raw=False) for key, value in WEIGHTS.items()]
    path.write_bytes(model([node("If", ["c"], ["y"], graphs=[graph([cell])])], tensors))
    wanted = onnx.lstm(X, *WEIGHTS.values(), activations=["Tanh"] * 3)
    assert_same_bits(onnx.load(path)["c" * 70](X), wanted)


def test_memory_is_that_of_the_weights(tmp_path):
    """As the file has them, and packed; and none of it before a layer is wanted."""
    path = tmp_path / "m.onnx"
    big = {"W": draw(1, 2048, 512), "R": draw(1, 2048, 512), "B": draw(1, 4096)}
    path.write_bytes(model([node("LSTM", [*"XWRB"], ["Y"], "cell")], [tensor(v, n) for n, v in big.items()]))
    size = path.stat().st_size
    tracemalloc.start()
    found = onnx.load(path)
    assert tracemalloc.get_traced_memory()[1] < 1 << 18
    layer = found["cell"]
    assert tracemalloc.get_traced_memory()[1] < 2 * size + (1 << 18)
    tracemalloc.stop()
    assert layer.hidden_size == 512


@pytest.mark.parametrize("change", ["longer", "other time", "gone"])
def test_a_file_that_changed_is_refused(tmp_path, change):
    path = tmp_path / "m.onnx"
    path.write_bytes(MODELS["0 bytes more"])
    found = onnx.load(path)
    if change == "longer":
        path.write_bytes(MODELS["1 bytes more"])
    elif change == "other time":
        os.utime(path, (1, 1))
    else:
        path.unlink()
    said = "No such file" if change == "gone" else "LSTM 'cell': the file has changed since it was loaded"
    with pytest.raises(ValueError, match=said):
        found["cell"]


def test_a_file_that_ends_while_it_is_read_is_refused(tmp_path, monkeypatch):
    path = tmp_path / "m.onnx"
    path.write_bytes(MODELS["0 bytes more"])
    whole = os.fstat

    def longer(number):
        status = list(whole(number))
        status[6] += 100
        return os.stat_result(status)

    monkeypatch.setattr(os, "fstat", longer)
    with pytest.raises(ValueError, match=r"m\.onnx.: "):
        onnx.load(path)["cell"]


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no pipes with names")
def test_a_pipe_is_read(tmp_path):
    from threading import Thread

    path = tmp_path / "pipe"
    os.mkfifo(path)
    thread = Thread(target=path.write_bytes, args=[MODELS["0 bytes more"]])
    thread.start()
    found = onnx.load(path)
    thread.join()
    assert_same_bits(found["cell"](X), onnx.lstm(X, *WEIGHTS.values()))


def test_damaged_files_raise_nothing_but_value_errors(tmp_path, at_once):
    small = {"W": draw(1, 20, 3), "R": draw(1, 20, 5), "B": draw(1, 40)}
    nodes = [node("LSTM", [*"XWRB"], ["Y"], "cell", hidden_size=5)]
    nodes += [node("If", ["c"], ["y"], graphs=[graph(nodes)])]
    data = model(nodes, [tensor(value, name, raw=name != "B") for name, value in small.items()])
    path, dice = tmp_path / "m.onnx", random.Random(at_once)
    for i in range(300):
        damaged = bytearray(data)
        for _ in range(dice.randint(1, 4)):
            damaged[dice.randrange(len(data))] = dice.randrange(256)
        path.write_bytes(damaged[: dice.randrange(len(data))] if i % 3 == 0 else damaged)
        with contextlib.suppress(ValueError):
            found = onnx.load(path)
            for name in found:
                found[name]
