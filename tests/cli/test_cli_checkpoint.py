"""Files that are no model of `train`, or one that was damaged: refused in one line; none is read half."""

from __future__ import annotations

import io
import json
import os
import re
import zipfile

import numpy as np
import pytest
from cli_runs import SMALL, numbers, refusal, run, written

from cyrnn import nn
from cyrnn.cli import checkpoint, train

posix = pytest.mark.skipif(os.name != "posix", reason="a device of POSIX")
NO_MODEL = "is no model of `python -m cyrnn train`, or it is damaged: "


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A text, a model of it, and one that was stopped within an epoch."""
    folder = tmp_path_factory.mktemp("model")
    names = written(folder / "numbers.txt", numbers(50))
    assert run("train", names, "--out", folder / "m.npz", *SMALL, "--epochs", 1) == 0
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(train.Training, "_ended", lambda self, speed: False)
        assert run("train", names, "--out", folder / "within.npz", *SMALL, "--save-every", 0) == 0
    return folder


def entries(path) -> dict[str, np.ndarray]:
    with np.load(path) as file:
        return dict(file)


def changed(path, to, **new) -> str:
    """Write the entries of a file with others in their place; None takes one away."""
    found = entries(path) | {name.replace("__", "__cyrnn__.", 1).replace("%", "."): new[name] for name in new}
    np.savez(to, **{name: array for name, array in found.items() if array is not None})
    return str(to)


def with_run(path, to, **new) -> str:
    about = json.loads(str(entries(path)["__cyrnn__.run"])) | new
    return changed(path, to, __run=np.array(json.dumps(about)))


def test_file_that_is_cut_anywhere_is_refused(folder, tmp_path, capsys):
    data = (folder / "m.npz").read_bytes()
    for size in [*range(0, len(data), 1999), len(data) - 1]:
        path = written(tmp_path / "cut.npz", data[:size])
        assert refusal(capsys, "eval", path, folder / "numbers.txt").startswith(f"{path!r} {NO_MODEL}")


def test_file_with_a_byte_that_changed_is_refused_or_the_same(folder, tmp_path, capsys):
    """A byte in what no reader of archives looks at, as a time, changes nothing."""
    data, same = (folder / "within.npz").read_bytes(), 0
    wanted = checkpoint.load(str(folder / "within.npz")).model.state_dict()
    rng = np.random.default_rng(0)
    for at in rng.integers(len(data), size=150):
        flipped = data[:at] + bytes([data[at] ^ (1 << rng.integers(8))]) + data[at + 1 :]
        path = written(tmp_path / "flipped.npz", flipped)
        if run("sample", path, "--length", 1, "--seed", 0) == 2:
            out, err = capsys.readouterr()
            assert out == ""
            assert err.startswith(f"python -m cyrnn sample: {path!r} {NO_MODEL}")
            assert err.count("\n") == 1
        else:
            capsys.readouterr()
            same += 1
            found = checkpoint.load(path).model.state_dict()
            assert all(np.array_equal(found[name], wanted[name]) for name in wanted)
    assert same < 20


def test_files_of_others_are_refused(folder, tmp_path, capsys):
    path = tmp_path / "other.npz"
    nn.LSTM(3, 5, rng=0).save(path)
    others = [path.read_bytes(), b"", b"PK", b"no archive at all", zipped("a.txt", b"text"), zipped("a.npy", b"text")]
    with io.BytesIO() as file:
        np.savez_compressed(file, **entries(folder / "m.npz"))
        others.append(file.getvalue())
    for data in others:
        written(path, data)
        assert refusal(capsys, "sample", path).startswith(f"{str(path)!r} {NO_MODEL}")


def zipped(name: str, data: bytes) -> bytes:
    with io.BytesIO() as file:
        with zipfile.ZipFile(file, "w") as archive:
            archive.writestr(name, data)
        return file.getvalue()


RUNS = {
    "format": ({"format": 2}, "its run has not the format 1: of another version of cyrnn?"),
    "epoch": ({"epoch": -1}, "its run has epoch -1"),
    "piece": ({"piece": 1.5}, "its run has piece 1.5"),
    "nats": ({"nats": None}, "its run has nats None"),
    "history": ({"history": [[1.0]]}, "its run has an epoch [1.0]"),
    "options": ({"options": {"cell": "lstm"}}, "it has not the options of `train`: of another version of cyrnn?"),
    "generator": ({"rng": {"bit_generator": "PCG64"}}, "there is no 'state'"),
    "other-generator": ({"rng": {"bit_generator": "MT19937"}}, "state must be for a PCG64 "),
    "state": ({"piece": 3}, "there is no '__cyrnn__.state.0'"),
}


@pytest.mark.parametrize("kind", RUNS)
def test_run_that_no_training_wrote_is_refused(kind, folder, tmp_path, capsys):
    new, said = RUNS[kind]
    path = with_run(folder / "m.npz", tmp_path / "other.npz", **new)
    assert refusal(capsys, "sample", path).startswith(f"{path!r} {NO_MODEL}{said}")


OPTIONS = {
    "units": ({"units": 10**9}, "its weight '0.weight_hh_l0' has not 1000000000 columns"),
    "layers": ({"layers": 10**9}, "it has the weights of 2 layers, expected 1000000000"),
    "cell": ({"cell": "gru"}, "Sequential.load_state_dict: "),
    "word": ({"cell": "elman"}, "an option is 'elman', expected lstm or gru or rnn"),
    "number": ({"lr": "fast"}, "an option is 'fast', expected a number above 0"),
}


@pytest.mark.parametrize("kind", OPTIONS)
def test_options_that_the_weights_have_not_are_refused_before_memory_is_asked_for(kind, folder, tmp_path, capsys):
    new, said = OPTIONS[kind]
    options = json.loads(str(entries(folder / "m.npz")["__cyrnn__.run"]))["options"] | new
    path = with_run(folder / "m.npz", tmp_path / "other.npz", options=options)
    assert refusal(capsys, "sample", path).startswith(f"{path!r} {NO_MODEL}{said}")


ENTRIES = {
    "run": ({"__run": None}, "there is no '__cyrnn__.run'"),
    "no-json": ({"__run": np.array("{")}, "Expecting property name"),
    "deep": ({"__run": np.array("[" * 10**5)}, "its run is no JSON of ours"),
    "list": ({"__run": np.array("[]")}, "its run has not the format 1"),
    "alphabet": ({"__alphabet": np.arange(18)}, "its alphabet is int64 (18,)"),
    "order": ({"__alphabet": np.array([66, 65], np.uint32)}, "its alphabet is uint32 (2,)"),
    "empty": ({"__alphabet": np.array([], np.uint32)}, "its alphabet is uint32 (0,)"),
    "surrogate": ({"__alphabet": np.array([10, 0xD800], np.uint32)}, "'utf-32-le' codec can't decode"),
    "letters": ({"__alphabet": np.arange(65, 75, dtype=np.uint32)}, "its weight '0.weight_ih_l0' has not 10 columns"),
    "weight": ({"1%weight": None}, "its weight '1.weight' has not 12 columns"),
    "optimizer": ({"__optimizer%1%bias%exp_avg": None}, "there is no '__cyrnn__.optimizer.1.bias.exp_avg'"),
    "average": ({"__optimizer%1%bias%exp_avg": np.zeros(3, np.float32)}, "Adam.load_state_dict: "),
}


@pytest.mark.parametrize("kind", ENTRIES)
def test_entries_that_no_training_wrote_are_refused(kind, folder, tmp_path, capsys):
    new, said = ENTRIES[kind]
    path = changed(folder / "m.npz", tmp_path / "other.npz", **new)
    assert refusal(capsys, "sample", path).startswith(f"{path!r} {NO_MODEL}{said}")


def test_state_of_other_sizes_is_refused(folder, tmp_path, capsys):
    path = str(tmp_path / "other.npz")
    h = entries(folder / "within.npz")["__cyrnn__.state.0"]
    assert h.shape == (2, 4, 12)
    for state in (h[:, :, 1:], h[0], h.astype(np.float64)):
        changed(folder / "within.npz", path, **{"__state%0": state, "__state%1": state})
        assert re.search(r"its state has the shapes \[\(.*\)\]$", refusal(capsys, "sample", path))
    changed(folder / "within.npz", path, **{"__state%0": h[:, 1:], "__state%1": h[:, 1:]})
    said = refusal(capsys, "train", folder / "numbers.txt", "--out", path, "--resume")
    assert said == f"{path!r} {NO_MODEL}its state is of 3 streams, expected 4"


def test_model_that_is_not_there_or_a_folder(tmp_path, capsys):
    path = tmp_path / "m.npz"
    assert refusal(capsys, "sample", path) == f"{str(path)!r}: there is no such file"
    path.mkdir()
    assert refusal(capsys, "sample", path) == f"{str(path)!r} is a folder, expected a file"


@posix
def test_model_that_is_a_device_is_not_read(tmp_path, capsys):
    path = tmp_path / "m.npz"
    path.symlink_to("/dev/zero")
    said = refusal(capsys, "sample", path)
    assert said == f"{str(path)!r} is no regular file, expected a model of `python -m cyrnn train`"


def test_link_stays_one(folder, tmp_path):
    path, link = tmp_path / "real.npz", tmp_path / "link.npz"
    try:
        link.symlink_to(path)
    except OSError:
        pytest.skip("no links here")
    assert run("train", folder / "numbers.txt", "--out", link, *SMALL, "--epochs", 1) == 0
    assert link.is_symlink()
    assert path.read_bytes() == (folder / "m.npz").read_bytes()
