"""Models into files and from files: the very model comes back, from whoever wrote the weights, and files are whole."""

from __future__ import annotations

import concurrent.futures
import copy
import json
import os
import pathlib
import pickle
import signal
import sys
import threading

import numpy as np
import pytest
from interpreter import fresh, needs_threads, run_python
from nn_models import assert_same

from cyrnn import nn
from cyrnn.weights.whole_file import written

MODELS = {
    "lstm": nn.LSTM(3, 5, rng=0),
    "stack": nn.GRU(3, 5, num_layers=2, bidirectional=True, batch_first=True, dropout=0.1, rng=1, dtype=np.float64),
    "reset before": nn.GRU(2, 3, 3, reset_after=False, recurrent_activation=("hard_sigmoid", 1 / 6, 0.5), rng=1),
    "rnn": nn.RNN(2, 4, 2, nonlinearity=("leaky_relu", 0.3), clip=0.7, bidirectional=True, rng=1, dtype=np.float64),
    "relu": nn.RNN(2, 4, nonlinearity="relu", bias=False, rng=2),
    "peephole": nn.LSTM(3, 5, 2, peephole=True, bidirectional=True, output_activation="identity", rng=2),
    "coupled": nn.LSTM(3, 5, 2, peephole=True, coupled=True, activation=("scaled_tanh", 1.7, 2 / 3), rng=3),
    "coupled alone": nn.LSTM(3, 4, coupled=True, bias=False, batch_first=True, rng=3),
    "no features": nn.LSTM(0, 2, rng=0),
    "RNNCell": nn.RNNCell(2, 3, nonlinearity="relu", rng=0),
    "LSTMCell": nn.LSTMCell(2, 3, bias=False, rng=0),
    "GRUCell": nn.GRUCell(2, 3, dtype=np.float64, rng=0),
    "projected": nn.LSTM(3, 5, proj_size=2, rng=0),
}
each_model = pytest.mark.parametrize("name", MODELS)
TENSORS = (".npz", ".safetensors")
each_ending = pytest.mark.parametrize("ending", TENSORS)


def outputs(model):
    x = np.random.default_rng(7).standard_normal((4, 2, model.input_size)).astype(model.dtype)
    return model(x[0]) if type(model).__name__.endswith("Cell") else model(x)


@each_model
@pytest.mark.parametrize("ending", [*TENSORS, ".onnx"])
def test_saved_model_comes_back_with_its_options_and_bits(tmp_path, name, ending):
    model, path = MODELS[name], tmp_path / f"model{ending}"
    if name == "projected" and ending == ".onnx":
        said = r"LSTM\.save: .*proj_size=2, which ONNX's LSTM has not: save it as \.npz or \.safetensors$"
        with pytest.raises(ValueError, match=said):
            model.save(path)
        assert os.listdir(tmp_path) == []
        return
    model.save(path)
    for source in (path, str(path)):
        found = nn.load(source)
        assert type(found) is type(model)
        assert repr(found) == repr(model)
        assert found.dtype == model.dtype
        assert_same(found.state_dict(), model.state_dict())
        assert_same(outputs(found), outputs(model))


@each_ending
def test_loaded_model_has_weights_of_its_own(tmp_path, ending):
    path = tmp_path / f"model{ending}"
    MODELS["lstm"].save(path)
    found = nn.load(path)
    before = outputs(found)
    found.weight_ih_l0[...] = 0
    assert_same(outputs(found), before)  # until pack
    found.pack()
    assert not np.array_equal(outputs(found)[0], before[0])
    assert_same(outputs(nn.load(path)), before)


def test_attributes_of_a_loaded_model_are_those_of_any_other(tmp_path):
    """They are made where they are asked for: nothing tells but the time that loading takes."""
    whole, path = MODELS["coupled alone"], tmp_path / "m.npz"
    whole.save(path)
    names = list(whole.state_dict())
    assert [name for name in dir(nn.load(path)) if name in names] == sorted(names)
    assert all(hasattr(nn.load(path), name) for name in names)
    for copied in (copy.copy, copy.deepcopy, lambda found: pickle.loads(pickle.dumps(found))):
        found = nn.load(path)
        other = copied(found)
        other.weight_ih_l0[...] = 7
        assert_same(found.state_dict(), whole.state_dict())
        assert_same(outputs(found), outputs(whole))
        other.pack()
        assert_same(other.weight_hh_l0, whole.weight_hh_l0)
    found = nn.load(path)
    assert found.weight_ih_l0 is found.weight_ih_l0
    found.weight_hh_l0 = whole.weight_hh_l0 * 2
    found.pack()
    assert_same(found.state_dict()["weight_hh_l0"], whole.weight_hh_l0 * 2)
    assert_same(found.double().weight_ih_l0, whole.weight_ih_l0.astype(np.float64))
    for use in (lambda model: None, lambda model: model.weight_ih_l0, lambda model: setattr(model, "weight_ih_l0", 3)):
        found = nn.load(path)
        use(found)
        del found.weight_ih_l0
        assert not hasattr(found, "weight_ih_l0")
        with pytest.raises(ValueError, match=r"LSTM\.pack: .* weight_ih_l0 is missing"):
            found.pack()
        with pytest.raises(AttributeError):
            del found.weight_ih_l0
    with pytest.raises(AttributeError, match="'LSTM' object has no attribute 'weight_ih_l1'"):
        print(found.weight_ih_l1)


@needs_threads
def test_threads_that_ask_for_a_weight_get_the_same_one(tmp_path):
    MODELS["stack"].save(tmp_path / "m.npz")
    names = list(MODELS["stack"].state_dict())
    for _ in range(20):
        found, begin = nn.load(tmp_path / "m.npz"), threading.Barrier(4)

        def ask(_, found=found, begin=begin):
            begin.wait()
            whole = found.state_dict()
            return [id(getattr(found, name)) for name in names], len(whole)

        with concurrent.futures.ThreadPoolExecutor(4) as threads:
            results = list(threads.map(ask, range(4)))
        assert results == [([id(getattr(found, name)) for name in names], len(names))] * 4


# ---- files of others -----------------------------------------------------------------------------


def test_plain_model_is_a_file_of_bare_weights(tmp_path):
    MODELS["lstm"].save(tmp_path / "model.npz")
    with np.load(tmp_path / "model.npz") as weights:
        assert_same(dict(weights), MODELS["lstm"].state_dict())
        assert repr(nn.from_state_dict(weights)) == repr(MODELS["lstm"])


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64, ">f4", ">f8"])
def test_weights_that_numpy_wrote_are_loaded_as_from_a_state_dict(tmp_path, save, dtype):
    weights = {name: value.astype(dtype) for name, value in MODELS["stack"].state_dict().items()}
    weights["weight_ih_l0"] = np.asfortranarray(weights["weight_ih_l0"])
    save(tmp_path / "weights.npz", **{f"encoder.{name}": value for name, value in weights.items()}, other=np.ones(3))
    for prefix in ("", "encoder", "encoder."):
        found = nn.load(tmp_path / "weights.npz", prefix, batch_first=True, dropout=0.5)
        wanted = nn.from_state_dict(weights, batch_first=True, dropout=0.5)
        assert repr(found) == repr(wanted)
        assert_same(found.state_dict(), wanted.state_dict())


def test_one_of_several_modules_is_taken_by_its_prefix(tmp_path):
    whole = {f"{part}.{name}": value for part in "ab" for name, value in nn.GRU(2, 3, rng=0).state_dict().items()}
    np.savez(tmp_path / "two.npz", **whole)
    assert repr(nn.load(tmp_path / "two.npz", "b.")) == "GRU(2, 3)"
    with pytest.raises(ValueError, match=r"nn\.load: '.*two\.npz' does not fit: .* 2 modules, 'a\.', 'b\.'"):
        nn.load(tmp_path / "two.npz")
    with pytest.raises(ValueError, match="no name begins with prefix = 'c'"):
        nn.load(tmp_path / "two.npz", "c")


def test_safetensors_are_those_of_the_package(tmp_path):
    package = pytest.importorskip("safetensors.numpy", reason="safetensors is not installed")
    weights = MODELS["stack"].state_dict()
    MODELS["stack"].save(tmp_path / "ours.safetensors")
    assert_same(package.load_file(tmp_path / "ours.safetensors"), weights)
    half = {f"encoder.{name}": value.astype(np.float16) for name, value in weights.items()}
    half["head.weight"] = np.ones((2, 3), np.int64)
    package.save_file(half, tmp_path / "theirs.safetensors", {"format": "np"})
    found = nn.load(tmp_path / "theirs.safetensors")
    assert found.dtype == np.float32
    assert_same(found.state_dict(), {name: value.astype(np.float16).astype("f4") for name, value in weights.items()})


def test_bfloat16_of_safetensors_is_taken_in_float32(tmp_path):
    weights = MODELS["lstm"].state_dict()
    bits = {name: (value.view(np.uint32) >> 16).astype(np.uint16) for name, value in weights.items()}
    header, at = {}, 0
    for name, value in bits.items():
        header[name] = {"dtype": "BF16", "shape": value.shape, "data_offsets": [at, at + value.nbytes]}
        at += value.nbytes
    text = json.dumps(header).encode()
    data = len(text).to_bytes(8, "little") + text + b"".join(value.tobytes() for value in bits.values())
    (tmp_path / "m.safetensors").write_bytes(data)
    found = nn.load(tmp_path / "m.safetensors").state_dict()
    assert_same(found, {name: (value.astype(np.uint32) << 16).view("f4") for name, value in bits.items()})


# ---- options -------------------------------------------------------------------------------------


@each_ending
def test_options_of_a_call_go_before_those_of_the_file_where_weights_do_not_depend_on_them(tmp_path, ending):
    path = tmp_path / f"m{ending}"
    MODELS["reset before"].save(path)
    found = nn.load(path, batch_first=True, dropout=0.25, dtype=np.float64, reset_after=False)
    assert (found.batch_first, found.dropout, found.dtype) == (True, 0.25, np.float64)
    with pytest.raises(ValueError, match=r"reset_after is True, expected False: .* says so"):
        nn.load(path, reset_after=True)
    with pytest.raises(ValueError, match=r"recurrent_activation is 'sigmoid', expected .'hard_sigmoid'"):
        nn.load(path, recurrent_activation="sigmoid")
    with pytest.raises(ValueError, match="num_layers is 2, expected 3"):
        nn.load(path, num_layers=2)
    with pytest.raises(TypeError, match="colour is no option of GRU"):
        nn.load(path, colour=3)


def test_coupled_gates_without_peepholes_are_told_by_the_keyword(tmp_path):
    weights = MODELS["coupled alone"].state_dict()
    np.savez(tmp_path / "m.npz", **weights)
    assert type(nn.load(tmp_path / "m.npz")) is nn.GRU  # whose shapes these are
    assert repr(nn.load(tmp_path / "m.npz", coupled=True, batch_first=True)) == repr(MODELS["coupled alone"])
    assert repr(nn.from_state_dict(weights, coupled=True)) == "LSTM(3, 4, bias=False, coupled=True)"


def test_weights_with_options_are_no_bare_weights(tmp_path):
    MODELS["reset before"].save(tmp_path / "m.npz")
    with np.load(tmp_path / "m.npz") as weights:
        for take in (nn.from_state_dict, nn.GRU(2, 3, 3).load_state_dict):
            with pytest.raises(ValueError, match=r"of a model's `save`, .*: nn\.load\(path\) makes the model"):
                take(weights)


# ---- whole files ---------------------------------------------------------------------------------


@pytest.mark.parametrize("error", [OSError, KeyboardInterrupt])
def test_interrupted_save_leaves_what_was_there(tmp_path, monkeypatch, error):
    path = tmp_path / "m.npz"
    MODELS["lstm"].save(path)

    def half(file, **arrays):
        file.write(b"PK")
        raise error

    monkeypatch.setattr(np, "savez", half)
    with pytest.raises(error):
        MODELS["stack"].save(path)
    with pytest.raises(error):
        MODELS["stack"].save(tmp_path / "new.npz")
    assert os.listdir(tmp_path) == ["m.npz"]
    assert repr(nn.load(path)) == repr(MODELS["lstm"])


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGKILL")
def test_killed_save_leaves_what_was_there(tmp_path):
    path = tmp_path / "m.npz"
    MODELS["lstm"].save(path)
    code = f"""
import os, signal
import numpy as np
from cyrnn import nn
own = os.fsync
os.fsync = lambda file: os.kill(os.getpid(), signal.SIGKILL)
nn.GRU(2, 3).save({str(path)!r})"""
    assert run_python("-c", code).returncode == -signal.SIGKILL
    assert repr(nn.load(path)) == repr(MODELS["lstm"])


@pytest.mark.skipif(sys.platform in ("win32", "emscripten"), reason="permissions and links of POSIX")
def test_links_and_permissions_stay(tmp_path):
    (tmp_path / "own").mkdir()
    path, link = tmp_path / "own" / "m.npz", tmp_path / "link.npz"
    MODELS["lstm"].save(path)
    with open(tmp_path / "other", "wb"):
        assert path.stat().st_mode == (tmp_path / "other").stat().st_mode
    path.chmod(0o604)
    link.symlink_to(path)
    MODELS["stack"].save(link)
    assert link.is_symlink()
    assert path.stat().st_mode & 0o777 == 0o604
    assert repr(nn.load(path)) == repr(MODELS["stack"])


def test_folder_in_the_place_of_a_file_is_left_alone(tmp_path):
    (tmp_path / "m.npz").mkdir()
    with pytest.raises(OSError):  # noqa: PT011  # whichever the system has
        MODELS["lstm"].save(tmp_path / "m.npz")
    with pytest.raises(FileNotFoundError) as missing:
        MODELS["lstm"].save(tmp_path / "none" / "m.npz")
    assert os.path.basename(missing.value.filename) == "m.npz"  # not a file that the caller does not know
    assert os.listdir(tmp_path) == ["m.npz"]


def test_what_is_written_is_seen_at_the_end(tmp_path):
    path = tmp_path / "file"
    with written(str(path)) as file:
        file.write(b"abc")
        assert not path.exists()
    assert path.read_bytes() == b"abc"
    assert os.listdir(tmp_path) == ["file"]


# ---- paths ---------------------------------------------------------------------------------------


def test_paths_that_are_none_are_refused(tmp_path):
    for path in (3, None, b"m.npz", ["m.npz"]):
        with pytest.raises(TypeError, match=r"nn\.load: path is of type \w+, expected a string or a pathlib\.Path"):
            nn.load(path)
        with pytest.raises(TypeError, match=r"LSTM\.save: path is of type \w+, expected a string"):
            MODELS["lstm"].save(path)
    with pytest.raises(TypeError, match="prefix is of type int"):
        nn.load("m.npz", 3)
    with pytest.raises(FileNotFoundError):
        nn.load(tmp_path / "none.npz")


def test_folder_says_what_it_has(tmp_path):
    (tmp_path / "model.safetensors").touch()
    (tmp_path / "folder.npz").mkdir()
    with pytest.raises(ValueError, match=r"has no ending, expected one of \.npz"):
        nn.load(tmp_path)
    with pytest.raises(IsADirectoryError, match="is a folder, expected a file with one of"):
        nn.load(tmp_path / "folder.npz")
    tmp_path.rename(tmp_path.with_suffix(".onnx"))
    with pytest.raises(IsADirectoryError, match=r"is a folder, expected a file: it has 'folder\.npz', 'model\.safeten"):
        nn.load(tmp_path.with_suffix(".onnx"))


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes with names")
def test_pipe_is_refused_and_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "m.npz")
    with pytest.raises(ValueError, match="is no regular file"):
        nn.load(tmp_path / "m.npz")


@pytest.mark.parametrize("ending", [".pt", ".pth", ".ckpt", ".bin"])
def test_file_of_torch_is_refused_with_the_line_that_converts_it(tmp_path, monkeypatch, ending):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(FileNotFoundError):
        nn.load(f"model{ending}")
    pathlib.Path(f"folder{ending}").mkdir()
    with pytest.raises(IsADirectoryError, match="is a folder, expected a file"):
        nn.load(f"folder{ending}")
    pathlib.Path(f"model{ending}").touch()
    with pytest.raises(ValueError, match="its pickle may run code") as caught:
        nn.load(f"model{ending}")
    line = str(caught.value).partition("makes a file that is: ")[2]
    torch = pytest.importorskip("torch", reason="torch is not installed")
    module = torch.nn.LSTM(3, 5)
    torch.save(module.state_dict(), f"model{ending}")
    exec(line)
    found = nn.load("model.npz")
    assert_same(found.state_dict(), {name: value.numpy() for name, value in module.state_dict().items()})


def test_unknown_endings_are_refused_with_those_that_are_known(tmp_path):
    known = r"expected one of \.npz, \.safetensors, \.onnx, \.h5, \.hdf5, \.keras"
    for path in ("model", "model.tflite", "model.npz.gz"):
        with pytest.raises(ValueError, match=rf"^nn\.load: '{path}' has .* ending.*, {known}"):
            nn.load(path)
        with pytest.raises(ValueError, match=rf"^LSTM\.save: '{path}' has .* ending.*, {known}$"):
            MODELS["lstm"].save(path)
    assert list(pathlib.Path(tmp_path).iterdir()) == []
    (tmp_path / "model.pkl").touch()
    with pytest.raises(ValueError, match="a pickle may run code, and is not read"):
        nn.load(tmp_path / "model.pkl")


def test_endings_in_capitals_are_known(tmp_path):
    MODELS["lstm"].save(tmp_path / "M.NPZ")
    MODELS["stack"].save(tmp_path / "M.SafeTensors")
    assert repr(nn.load(tmp_path / "M.NPZ")) == repr(MODELS["lstm"])
    assert repr(nn.load(tmp_path / "M.SafeTensors")) == repr(MODELS["stack"])


def test_no_framework_is_imported_by_files(tmp_path):
    code = f"""
import sys
import cyrnn, cyrnn.nn, cyrnn.onnx
for ending in ("npz", "safetensors", "onnx"):
    path = {str(tmp_path / "m")!r} + "." + ending
    cyrnn.nn.GRU(2, 3, batch_first=True, rng=0).save(path)
    assert repr(cyrnn.nn.load(path)) == "GRU(2, 3, batch_first=True)"
len(cyrnn.onnx.load(path)["GRU_0"](__import__("numpy").ones((2, 1, 2), "f4")))
frameworks = ("torch", "keras", "tensorflow", "onnx", "onnxruntime", "safetensors", "h5py", "pickle5", "jax", "paddle")
print([name for name in frameworks if name in sys.modules])"""
    done = fresh(code)
    assert (done.stdout.strip(), done.stderr) == ("[]", "")
