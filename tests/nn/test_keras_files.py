"""Files of Keras, read without h5py: those that ci/keras_data/make.py stored, and damaged ones."""

from __future__ import annotations

import zipfile
from pathlib import Path

import numpy as np
import pytest
import stored
from interpreter import run_python
from paths import DATA
from tolerances import assert_close

from cyrnn.nn.keras import load_file

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
    with pytest.raises(ValueError, match=f"{name}': layer 'last' has go_backwards = True, expected False: give"):
        load_file(DATA / name, "last")


def test_options_are_those_of_from_keras():
    model = load_file(DATA / "keras3.h5", "encoder", {"dtype": np.float64, "keras_version": 2, "batch_first": False})
    assert repr(model) == "LSTM(3, 4, recurrent_activation='hard_sigmoid', dtype='float64')"
    with pytest.raises(TypeError, match=r"nn.load: units is no option of files of Keras, expected one of dtype"):
        load_file(DATA / "keras3.h5", "encoder", {"units": 3})


# ---- bad files ------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", FILES)
def test_truncated_file_is_refused(name, tmp_path):
    whole = (DATA / name).read_bytes()
    for size in (0, 3, 4, 100, 2048, len(whole) // 2, len(whole) - 1):
        path = tmp_path / f"{size}.{name}"
        path.write_bytes(whole[:size])
        with pytest.raises(ValueError, match=f"nn.load: '.*{size}.{name}': (at byte|the archive cannot be read: )"):
            load_file(path, "both")


@pytest.mark.parametrize("name", FILES)
def test_damaged_file_is_refused_or_has_other_numbers(name, tmp_path):
    """Single bytes, most of them of what says where all else is; a .keras file has check sums, which are made anew."""
    random, path = np.random.default_rng(13), tmp_path / "damaged.h5"
    whole = (DATA / name).read_bytes()
    if name.endswith("keras"):
        with zipfile.ZipFile(DATA / name) as archive:
            whole = archive.read("model.weights.h5")
    used = np.flatnonzero(np.frombuffer(whole, np.uint8))
    outcomes = {"read": 0, "refused": 0}
    for _ in range(200):
        damaged = bytearray(whole)
        for place in random.choice(used, random.integers(1, 9)):
            damaged[place] = random.choice([0, 1, 255, random.integers(0, 256)])
        if name.endswith("keras"):
            path = rezipped(tmp_path, lambda members, data=bytes(damaged): members | {"model.weights.h5": data})
        else:
            path.write_bytes(damaged)
        said = refusal(path)
        outcomes["refused" if said else "read"] += 1
        assert not said or said.startswith(f"nn.load: '{path}'")
    assert min(outcomes.values()) > 10, outcomes


def refusal(path: Path) -> str:
    try:
        load_file(path, "encoder")
    except ValueError as error:
        return str(error)
    return ""


def rezipped(tmp_path: Path, change, compression: int = zipfile.ZIP_STORED) -> Path:
    path = tmp_path / "edited.keras"
    with zipfile.ZipFile(DATA / "keras3.keras") as old, zipfile.ZipFile(path, "w", compression) as new:
        members = change({name: old.read(name) for name in old.namelist()})
        for name, data in members.items():
            new.writestr(name, data)
    return path


def without(name):
    return lambda members: {key: data for key, data in members.items() if key != name}


ZIPS = {
    "no configuration": (without("config.json"), "there is no 'config.json' in it, expected what model.save writes"),
    "no weights": (without("model.weights.h5"), "there is no 'model.weights.h5' in it"),
    "no HDF5": (lambda members: members | {"model.weights.h5": b"no"}, "at byte 0: there is no signature"),
    "no JSON": (lambda members: members | {"config.json": b"{"}, "config.json is no JSON"),
    "a list": (lambda members: members | {"config.json": b"[]"}, "configuration of the model has no list of layers"),
}


@pytest.mark.parametrize(("change", "said"), ZIPS.values(), ids=ZIPS)
def test_hostile_archive_is_refused_with_the_place(change, said, tmp_path):
    path = rezipped(tmp_path, change)
    with pytest.raises(ValueError, match=f"nn.load: '.*edited.keras': .*{said}"):
        load_file(path, "encoder")


def test_archive_that_grows_is_refused(tmp_path):
    path = rezipped(tmp_path, lambda members: members | {"config.json": b" " * 10**8}, zipfile.ZIP_DEFLATED)
    with pytest.raises(ValueError, match=r"(metadata|config).json is compressed, expected it stored"):
        load_file(path, "encoder")


def test_file_of_weights_alone_says_what_it_lacks(tmp_path):
    path = tmp_path / "model.weights.h5"
    with zipfile.ZipFile(DATA / "keras3.keras") as archive:
        path.write_bytes(archive.read("model.weights.h5"))
    with pytest.raises(ValueError, match=r"weights alone, without the options of layers; a file of model\.save"):
        load_file(path, "encoder")


def test_missing_file_is_no_bad_file(tmp_path):
    with pytest.raises(FileNotFoundError):
        load_file(tmp_path / "none.h5")


def test_neither_keras_nor_h5py_is_imported_before_a_file_is_read():
    code = "import sys, cyrnn.nn; print(sorted({'keras', 'h5py', 'tensorflow', 'torch', 'zipfile'} & set(sys.modules)))"
    assert run_python("-c", code).stdout == "[]\n"
