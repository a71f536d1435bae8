"""Files of Keras that we write: Keras reads them; and files that h5py has changed, which are refused with the place."""

from __future__ import annotations

import importlib
import json
import os
import zipfile
from pathlib import Path

import numpy as np
import pytest
from interpreter import run_python
from paths import DATA
from tolerances import assert_close

from cyrnn import nn
from cyrnn.nn.keras import load_file, save_file
from cyrnn.weights import hdf5

h5py = pytest.importorskip("h5py", reason="h5py is not installed")

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


@pytest.mark.parametrize(("package", "backend"), [("keras", "torch"), ("keras", "tensorflow"), ("tf_keras", "")])
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


# ---- bad files ------------------------------------------------------------------------------------


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


def soft(file):
    del file[KERNEL]
    file[KERNEL] = h5py.SoftLink("/model_weights")


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
    "2^40 elements in chunks": (replaced(shape=(2**20, 2**20), dtype="f4", chunks=(64, 64)), "compressed or in chunks"),
    "2^40 elements": (replaced(shape=(2**20, 2**20), dtype="f4"), "claims 4398046511104 bytes, of which the file ha"),
    "compressed": (replaced(data=np.zeros((3, 16), "f4"), compression="gzip"), "kernel is compressed or in chunks"),
    "other shape": (replaced(data=np.zeros((3, 15), "f4")), r"kernel of layer 'encoder' has shape \(3, 15\), expected"),
    "no matrix": (replaced(data=np.zeros(3, "f4")), r"kernel of layer 'encoder' has shape \(3,\), expected"),
    "whole numbers": (replaced(data=np.zeros((3, 16), "i4")), "lstm_cell/kernel has 2 axes, expected a matrix or a ve"),
    "no numbers": (replaced(data="no"), "kernel has 0 axes, expected a matrix"),
    "no space": (replaced(data=h5py.Empty("f4")), "kernel is no array of numbers"),
    "in another file": (external, "kernel is in other files, expected it in this one"),
    "virtual": (virtual, "kernel is compressed or in chunks"),
    "a link to a file": (linked, "is of a newer format, expected what h5py writes by itself"),
    "a link": (soft, "'kernel' is a link to another place, expected what it stands for"),
    "names of nothing": (renamed, "'no/kernel' is not in group 'model_weights/encoder'"),
    "2^40 units": (with_config(wide), r"kernel of layer 'encoder' has shape \(3, 16\), expected \(3, 4398046511104\)"),
    "no configuration": (no_config, "no attribute 'model_config', expected the model's layers$"),
    "broken configuration": (broken_config, "attribute 'model_config' is no JSON"),
    "deep configuration": (deep_config, "attribute 'model_config' is no JSON"),
    "no list of layers": (with_config(no_layers), "the configuration of the model has no list of layers"),
}


@pytest.mark.parametrize(("change", "said"), BAD.values(), ids=BAD)
def test_hostile_file_is_refused_with_the_place(change, said, tmp_path):
    path = edited(tmp_path, change)
    with pytest.raises((ValueError, TypeError), match=f"nn.load: '.*edited.h5': .*{said}"):
        load_file(path, "encoder")


def test_missing_h5py_is_named_with_the_command(monkeypatch):
    def missing(name):
        raise ImportError(name)

    monkeypatch.setattr(importlib, "import_module", missing)
    wanted = r"LSTM.save: a file of Keras is written by h5py: pip install h5py, or cyrnn's extra keras$"
    with pytest.raises(ImportError, match=wanted):
        save_file(nn.LSTM(3, 4), "model.h5")


def test_file_of_the_newest_format_is_refused(tmp_path):
    path = tmp_path / "new.h5"
    with h5py.File(path, "w", libver="latest") as file:
        file.attrs["model_config"] = "{}"
    with pytest.raises(ValueError, match=r"new.h5': at byte 8: the superblock has version 3, expected what h5"):
        load_file(path)


def test_archive_without_the_arrays_of_a_layer_is_refused(tmp_path):
    model = nn.LSTM(3, 4, rng=0)
    save_file(model, tmp_path / "a.keras")
    with zipfile.ZipFile(tmp_path / "a.keras") as archive, zipfile.ZipFile(tmp_path / "b.keras", "w") as new:
        for name in archive.namelist():
            data = archive.read(name)
            new.writestr(name, data.replace(b"lstm", b"mmmm") if name.endswith("h5") else data)
    with pytest.raises(ValueError, match="layer 'lstm' has no weights in layers/lstm or _layer_checkpoint_depend"):
        load_file(tmp_path / "b.keras")


def test_attributes_are_read_in_every_form(tmp_path):
    """Texts of fixed and of any length, lists, long ones in several attributes; and groups of many links."""
    names = [f"layer_{number}" for number in range(3000)]
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file.attrs["variable"], file.attrs["fixed"] = "text" * 5000, np.bytes_(b"text")
        file.attrs["list"], file.attrs["none"] = [b"one", b"seven77"], 7
        file.attrs["empty"] = ""
        file.attrs["strings"] = np.array(["a", "bcd"], dtype=h5py.string_dtype())
        for name in names:
            file.create_group(f"many/{name}")
        for dtype in ("<f2", "<f4", "<f8", ">f8", ">f4"):
            file[dtype] = np.arange(6, dtype=dtype).reshape(2, 3)
        file.create_dataset("compact", data=np.arange(3.0), track_times=False)
    root = hdf5.root_of(memoryview((tmp_path / "a.h5").read_bytes()))
    assert root.attributes() == {
        "variable": "text" * 5000,
        "fixed": "text",
        "list": ["one", "seven77"],
        "none": None,
        "empty": "",
        "strings": ["a", "bcd"],
    }
    assert sorted(root["many"].links()) == sorted(names)
    for dtype in ("<f2", "<f4", "<f8", ">f8", ">f4"):
        found = root[dtype].array()
        assert found.dtype == np.dtype(dtype)
        np.testing.assert_array_equal(found, np.arange(6).reshape(2, 3))
    np.testing.assert_array_equal(root["compact"].array(), [0, 1, 2])
