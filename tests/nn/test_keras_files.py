"""Files of Keras: those that ci/keras_data/make.py stored, our own, which Keras reads, and hostile ones."""

from __future__ import annotations

import io
import json
import os
import subprocess
import zipfile
from pathlib import Path

import numpy as np
import pytest
import stored
from interpreter import run_python
from paths import DATA
from tolerances import assert_close

from cyrnn import nn
from cyrnn.nn.keras import load_file, save_file

h5py = pytest.importorskip("h5py", reason="h5py is not installed")
_, RESULTS = stored.load("keras.npz")
FILES = ["keras2.h5", "keras2.keras", "keras3.h5", "keras3.keras"]


@pytest.mark.parametrize("name", FILES)
def test_layers_of_a_file_have_the_results_of_keras(name):
    case = RESULTS[f"{name[5]} model"]
    encoder, both = (load_file(DATA / name, prefix) for prefix in ("encoder", "both"))
    assert encoder.recurrent_activation == ("hard_sigmoid" if name[5] == "2" else ("hard_sigmoid", 1 / 6, 0.5))
    last = load_file(str(DATA / name), "last", {"go_backwards": True})
    assert_close(encoder(case["x"])[0], case["encoder"], "sequence against another framework")
    assert_close(both(case["encoder"])[0], case["both"], "sequence against another framework")
    assert_close(last(case["both"][:, ::-1])[0], case["last"], "sequence against another framework")


@pytest.mark.parametrize("name", FILES)
def test_layer_of_a_file_is_named_where_there_are_several(name):
    listed = r"'encoder' \(LSTM\), 'both' \(Bidirectional\), 'last' \(SimpleRNN\)"
    with pytest.raises(ValueError, match=f"has 3 recurrent layers, {listed}: prefix='encoder' takes one"):
        load_file(DATA / name)
    with pytest.raises(ValueError, match=f"{name}' has no recurrent layer 'decoder': it has {listed}"):
        load_file(DATA / name, "decoder")
    with pytest.raises(ValueError, match=f"{name}': layer 'last' has go_backwards = True, expected False: give go_back"):
        load_file(DATA / name, "last")


def test_options_are_those_of_from_keras():
    model = load_file(DATA / "keras3.h5", "encoder", {"dtype": np.float64, "keras_version": 2, "batch_first": False})
    assert repr(model) == "LSTM(3, 4, recurrent_activation='hard_sigmoid', dtype='float64')"
    with pytest.raises(TypeError, match="load: units is no option of files of Keras, expected one of dtype"):
        load_file(DATA / "keras3.h5", "encoder", {"units": 3})


MODELS = [
    nn.RNN(3, 4, nonlinearity="relu", bias=False, rng=0),
    nn.LSTM(3, 4, num_layers=3, recurrent_activation=("hard_sigmoid", 1 / 6, 0.5), rng=0),
    nn.GRU(3, 4, num_layers=2, bidirectional=True, rng=0),
    nn.GRU(3, 4, reset_after=False, activation="softsign", rng=0),
    nn.LSTM(3, 4, bidirectional=True, dtype=np.float64, activation="elu", rng=0),
]


@pytest.mark.parametrize("ending", ["h5", "keras"])
@pytest.mark.parametrize("model", MODELS, ids=repr)
def test_model_is_written_and_read(model, ending, tmp_path):
    path = tmp_path / f"model.{ending}"
    save_file(model, path)
    again = load_file(path, options={"batch_first": False})
    assert repr(again) == repr(model)
    assert os.listdir(tmp_path) == [path.name]
    for layer in range(model.num_layers):
        for one, two in zip(model.keras_weights(layer), again.keras_weights(layer), strict=True):
            assert one.tobytes() == two.tobytes()


def test_model_goes_through_both_files_bit_by_bit(tmp_path):
    """What from_keras and load take has one bias where Keras has one: nothing is added any more."""
    first = load_file(DATA / "keras3.keras", "encoder")
    for name in ("a.h5", "b.keras"):
        save_file(first, tmp_path / name)
        second = load_file(tmp_path / name)
        for key, array in first.state_dict().items():
            assert getattr(second, key).tobytes() == array.tobytes()


def test_hard_sigmoid_decides_who_wrote_a_file(tmp_path):
    two = nn.LSTM(3, 4, recurrent_activation="hard_sigmoid")
    save_file(two, tmp_path / "two.h5")
    assert load_file(tmp_path / "two.h5").recurrent_activation == "hard_sigmoid"
    with pytest.raises(ValueError, match=r"LSTM.save: recurrent_activation is 'hard_sigmoid', which Keras 3 has not"):
        save_file(two, tmp_path / "two.keras")
    with pytest.raises(ValueError, match=r"LSTM.save: peephole is True, which no layer of Keras has: save it as .npz"):
        save_file(nn.LSTM(3, 4, peephole=True), tmp_path / "two.keras")
    with pytest.raises(ValueError, match=r"path is '\w+\.pt', expected a name that ends in .h5, .hdf5 or .keras"):
        save_file(nn.LSTM(3, 4), "model.pt")


KERAS_READS = """
import os, sys
os.environ |= {"KERAS_BACKEND": sys.argv[2], "TF_CPP_MIN_LOG_LEVEL": "3", "CUDA_VISIBLE_DEVICES": ""}
import numpy as np
package = __import__(sys.argv[1])
x = np.load("x.npy")
for name in sys.argv[3:]:
    model = package.models.load_model(name, compile=False)
    np.save(name + ".npy", np.asarray(model.predict(x, verbose=0)))
"""


@pytest.mark.parametrize("package, backend", [("keras", "torch"), ("keras", "tensorflow"), ("tf_keras", "")])
def test_keras_reads_what_is_written_and_has_our_results(package, backend, tmp_path):
    """In another process, as importing Keras takes seconds and chooses a backend."""
    pytest.importorskip(backend or "tensorflow", reason=f"{backend or 'tensorflow'} is not installed")
    pytest.importorskip(package, reason=f"{package} is not installed")
    x = np.random.default_rng(1).standard_normal((2, 5, 3), np.float32)
    np.save(tmp_path / "x.npy", x)
    written = {}
    hard = 1 / 6 if package == "keras" else 0.2
    own = nn.LSTM(3, 4, recurrent_activation=("hard_sigmoid", hard, 0.5), rng=0)
    for number, model in enumerate([own, *[model for model in MODELS if model.dtype == np.float32]]):
        for ending in ("h5", "keras") if package == "keras" else ("h5",):
            if package == "keras" or "0.16" not in repr(model):
                written[f"{number}.{ending}"] = model
                save_file(model, tmp_path / f"{number}.{ending}")
    done = run_python("-c", KERAS_READS, package, backend, *written, cwd=tmp_path)
    assert done.returncode == 0, done.stderr[-2000:]
    for name, model in written.items():
        output, _ = model(x.transpose(1, 0, 2))
        want = np.load(tmp_path / f"{name}.npy")
        assert_close(output.transpose(1, 0, 2), want, "stack against oracle", name)


# ---- bad files ---------------------------------------------------------------------------------------------------------


def edited(tmp_path: Path, change, name: str = "keras3.h5") -> Path:
    """A copy of a stored file, with a change by h5py."""
    path = tmp_path / "edited.h5"
    path.write_bytes((DATA / name).read_bytes())
    with h5py.File(path, "r+") as file:
        change(file)
    return path


KERNEL = "model_weights/encoder/model/encoder/lstm_cell/kernel"


def replaced(**options):
    def change(file):
        del file[KERNEL]
        file.create_dataset(KERNEL, **options)

    return change


def external(file):
    del file[KERNEL]
    file.create_dataset(KERNEL, (3, 16), "f4", external=[("/dev/zero", 0, h5py.h5f.UNLIMITED)])


def virtual(file):
    del file[KERNEL]
    layout = h5py.VirtualLayout((3, 16), "f4")
    layout[:] = h5py.VirtualSource("elsewhere.h5", "x", (3, 16))
    file.create_virtual_dataset(KERNEL, layout)


def linked(file):
    del file[KERNEL]
    file[KERNEL] = h5py.ExternalLink("/etc/elsewhere.h5", "/x")


def renamed(file):
    file["model_weights/encoder"].attrs["weight_names"] = [b"no/kernel", b"no/recurrent_kernel"]


def with_config(change):
    def of(file):
        config = json.loads(file.attrs["model_config"])
        change(config)
        file.attrs["model_config"] = json.dumps(config)

    return of


def wide(config):
    next(layer for layer in config["config"]["layers"] if layer["class_name"] == "LSTM")["config"]["units"] = 2**40


def no_config(file):
    del file.attrs["model_config"]


def broken_config(file):
    file.attrs["model_config"] = '{"class_name": "Sequential", "config": '


def deep_config(file):
    file.attrs["model_config"] = '{"a":' * 9999


def no_layers(config):
    config["config"]["layers"] = 7


BAD = {
    "2^40 elements, none stored": (replaced(shape=(2**20, 2**20), dtype="f4", chunks=(64, 64)), "claims 4398046511104 byt"),
    "2^40 elements, contiguous": (replaced(shape=(2**20, 2**20), dtype="f4"), "claims 4398046511104 bytes, of which the"),
    "compressed": (replaced(data=np.zeros((3, 16), "f4"), compression="gzip"), "compressed by gzip: h5repack -f NONE"),
    "other shape": (replaced(data=np.zeros((3, 15), "f4")), r"kernel of layer 'encoder' has shape \(3, 15\), expected"),
    "no matrix": (replaced(data=np.zeros(3, "f4")), r"kernel of layer 'encoder' has shape \(3,\), expected \(input_size"),
    "whole numbers": (replaced(data=np.zeros((3, 16), "i4")), "lstm_cell/kernel has dtype int32 and 2 axes, expected a"),
    "no numbers": (replaced(data="text"), "kernel has dtype object and 0 axes"),
    "no space": (replaced(data=h5py.Empty("f4")), "kernel is no array of numbers"),
    "in another file": (external, "kernel is in other files, expected it in this one"),
    "virtual": (virtual, "kernel is in other files, expected it in this one"),
    "a link": (linked, "is a link to another place, expected what it stands for"),
    "names of nothing": (renamed, "'no/kernel' is not in group '/model_weights/encoder'"),
    "2^40 units": (with_config(wide), r"kernel of layer 'encoder' has shape \(3, 16\), expected \(3, 4398046511104\)"),
    "no configuration": (no_config, "no attribute 'model_config', expected the model's layers$"),
    "broken configuration": (broken_config, "attribute 'model_config' is no JSON"),
    "deep configuration": (deep_config, "attribute 'model_config' is no JSON"),
    "no list of layers": (with_config(no_layers), "the configuration of the model has no list of layers"),
}


@pytest.mark.parametrize("change, said", BAD.values(), ids=BAD)
def test_hostile_file_is_refused_with_the_place(change, said, tmp_path):
    path = edited(tmp_path, change)
    with pytest.raises((ValueError, TypeError), match=f"load: '.*edited.h5': .*{said}"):
        load_file(path, "encoder")


@pytest.mark.parametrize("name", FILES)
def test_truncated_file_is_refused(name, tmp_path):
    whole = (DATA / name).read_bytes()
    for size in (0, 3, 4, 100, 2048, len(whole) // 2, len(whole) - 1):
        path = tmp_path / f"{size}.{name}"
        path.write_bytes(whole[:size])
        with pytest.raises(ValueError, match=f"load: '.*{size}.{name}': it cannot be read: "):
            load_file(path, "encoder")


@pytest.mark.parametrize("name", FILES)
def test_damaged_file_is_refused_or_has_other_numbers(name, tmp_path):
    """No error but ours; the interpreter goes on."""
    whole, random = bytearray((DATA / name).read_bytes()), np.random.default_rng(13)
    path, outcomes = tmp_path / name, {"read": 0, "refused": 0}
    for _ in range(150):
        damaged = bytearray(whole)
        for place in random.integers(0, len(whole), 20):
            damaged[place] = random.integers(0, 256)
        path.write_bytes(damaged)
        try:
            load_file(path, "encoder")
            outcomes["read"] += 1
        except ValueError as error:
            assert str(error).startswith("load: '")
            outcomes["refused"] += 1
    assert outcomes["read"] > 10 and outcomes["refused"] > 10


def rezipped(tmp_path: Path, change, compression: int = zipfile.ZIP_STORED) -> Path:
    path = tmp_path / "edited.keras"
    with zipfile.ZipFile(DATA / "keras3.keras") as old, zipfile.ZipFile(path, "w", compression) as new:
        members = change({name: old.read(name) for name in old.namelist()})
        for name, data in members.items():
            new.writestr(name, data)
    return path


def without(name):
    return lambda members: {key: data for key, data in members.items() if key != name}


def no_lstm(members):
    buffer = io.BytesIO(members["model.weights.h5"])
    with h5py.File(buffer, "r+") as file:
        del file["layers/lstm"]
    return members | {"model.weights.h5": buffer.getvalue()}


ZIPS = {
    "no configuration": (without("config.json"), "there is no 'config.json' in it, expected what model.save writes"),
    "no weights": (without("model.weights.h5"), "there is no 'model.weights.h5' in it"),
    "no layer": (no_lstm, "layer 'encoder' has no weights in layers/lstm or _layer_checkpoint_dependencies/lstm"),
    "no HDF5": (lambda members: members | {"model.weights.h5": b"no"}, "it cannot be read: "),
    "no JSON": (lambda members: members | {"config.json": b"{"}, "config.json is no JSON"),
    "a list": (lambda members: members | {"config.json": b"[]"}, "the configuration of the model has no list of layers"),
}


@pytest.mark.parametrize("change, said", ZIPS.values(), ids=ZIPS)
def test_hostile_archive_is_refused_with_the_place(change, said, tmp_path):
    path = rezipped(tmp_path, change)
    with pytest.raises(ValueError, match=f"load: '.*edited.keras': .*{said}"):
        load_file(path, "encoder")


def test_archive_that_grows_is_refused(tmp_path):
    path = rezipped(tmp_path, lambda members: members | {"config.json": b" " * 10**8}, zipfile.ZIP_DEFLATED)
    with pytest.raises(ValueError, match=r"(metadata|config).json is compressed, expected it stored"):
        load_file(path, "encoder")


def test_file_of_weights_alone_says_what_it_lacks(tmp_path):
    path = tmp_path / "model.weights.h5"
    with zipfile.ZipFile(DATA / "keras3.keras") as archive:
        path.write_bytes(archive.read("model.weights.h5"))
    with pytest.raises(ValueError, match="it has weights alone, without the options of layers; a file of model.save"):
        load_file(path, "encoder")


def test_missing_h5py_is_named_with_the_command(monkeypatch):
    import importlib

    def missing(name):
        raise ImportError(name)

    monkeypatch.setattr(importlib, "import_module", missing)
    with pytest.raises(ImportError, match=r"load: files of Keras need h5py: pip install 'cyrnn\[keras\]'"):
        load_file(DATA / "keras3.h5", "encoder")


def test_missing_file_is_no_bad_file(tmp_path):
    with pytest.raises(FileNotFoundError):
        load_file(tmp_path / "none.h5")


def test_neither_keras_nor_h5py_is_imported_before_a_file_is_read():
    code = "import sys, cyrnn.nn.keras; print(sorted({'keras', 'h5py', 'tensorflow', 'torch'} & set(sys.modules)))"
    assert run_python("-c", code).stdout == "[]\n"
    assert subprocess is not None
