"""Weights and modules from elsewhere: what is not weights is named, and what describes a model makes it."""

from __future__ import annotations

import io
import itertools
import pathlib
import zipfile

import numpy as np
import pytest
from nn_models import assert_same

from cyrnn import nn

KINDS = [nn.RNN, nn.LSTM, nn.GRU]
CELLS = [nn.RNNCell, nn.LSTMCell, nn.GRUCell]
WEIGHTS = nn.LSTM(3, 5, rng=0).state_dict()


def prefixed(*prefixes: str, **others) -> dict:
    return {f"{prefix}{name}": value for prefix in prefixes for name, value in WEIGHTS.items()} | others


def refused(given, kind=ValueError, model=None, **options) -> str:
    """What load_state_dict says, which leaves the model as it was."""
    model = model or nn.LSTM(3, 5, rng=1)
    before = model.state_dict()
    with pytest.raises(kind) as caught:
        model.load_state_dict(given, **options)
    assert_same(model.state_dict(), before)
    said = str(caught.value)
    function = f"{type(model).__name__}.load_state_dict: "
    assert said.startswith(function)
    return said.removeprefix(function).removeprefix("state_dict does not fit: ")


# ---- what is no weights yet ----------------------------------------------------------------------


def saved(*members: str) -> io.BytesIO:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for member in members:
            archive.writestr(member, b"...")
    file.seek(0)
    return file


@pytest.mark.parametrize("folder", ["archive/", "model/", ""])
def test_members_of_a_pt_file_are_named_with_how_to_convert(folder):
    with np.load(saved(f"{folder}data.pkl", f"{folder}data/0", f"{folder}version")) as given:
        said = refused(given)
    assert said == (
        "it has the members of a file of torch.save, expected names and arrays: where torch is installed, weights = "
        "torch.load(path, map_location='cpu', weights_only=True); np.savez('weights.npz', **{name: "
        "value.float().numpy() for name, value in weights.items()})"
    )


def test_members_of_a_script_are_loaded_by_torch_jit():
    with np.load(saved("m/data.pkl", "m/code/__torch__/rnn.py", "m/constants.pkl")) as given:
        said = refused(given, prefix="lstm.")
    assert "torch.jit.save" in said
    assert "torch.jit.load(path, map_location='cpu').state_dict()" in said


def test_conversion_of_a_pt_file_is_what_the_sentence_says(tmp_path, monkeypatch):
    torch = pytest.importorskip("torch", reason="torch is not installed")
    monkeypatch.chdir(tmp_path)
    module = torch.nn.LSTM(3, 5, num_layers=2)
    torch.save(module.state_dict(), "model.pt")
    with np.load("model.pt") as given:
        said = refused(given)
    program = said.partition("where torch is installed, ")[2]
    exec(program, {"torch": torch, "np": np, "path": "model.pt"})
    with np.load("weights.npz") as weights:
        model = nn.from_state_dict(weights)
    assert_same(model.state_dict(), {name: value.numpy() for name, value in module.state_dict().items()})


@pytest.mark.parametrize(
    ("path", "cure"),
    [
        ("weights.npz", "nn.load('weights.npz') makes its model, np.load('weights.npz') reads it"),
        ("a/weights.safetensors", "nn.load('a/weights.safetensors') makes its model, safetensors.numpy.load_file('a/w"),
        ("m.pt", "torch.load('m.pt', map_location='cpu', weights_only=True) reads it"),
        ("m.pth", "torch.load('m.pth', map_location='cpu', weights_only=True) reads it"),
        ("weights", "np.load('weights') reads it, nn.load('weights') makes its model, safetensors.numpy.load_file("),
    ],
)
def test_path_says_what_reads_it(path, cure):
    for given in (path, pathlib.PurePosixPath(path)):
        said = refused(given, TypeError)
        assert said.startswith(f"state_dict is the path {path!r}, expected a dict or another mapping: ")
        assert cure in said


def test_file_and_bytes_and_module_and_pickled_array_say_what_reads_them():
    module = type("Module", (), {"state_dict": lambda self: WEIGHTS})()
    opened = type("safe_open", (), {"get_tensor": lambda self, name: WEIGHTS[name]})()
    for given, cure in (
        (io.BytesIO(), "np.load reads an open .npz file"),
        (b"", "safetensors.numpy.load the bytes of a .safetensors file"),
        (module, "state_dict() of it, or nn.from_torch makes the model"),
        (opened, "safetensors.numpy.load_file(path) gives one"),
        (np.array(WEIGHTS, dtype=object), "item() of it is what np.save was given"),
    ):
        assert cure in refused(given, TypeError)


@pytest.mark.parametrize("key", ["state_dict", "model_state_dict", "model", "params"])
def test_checkpoint_says_which_key_has_the_weights(key):
    optimizer = {"state": {0: {"exp_avg": 3}}, "param_groups": []}
    said = refused({"epoch": 3, "optimizer": optimizer, key: WEIGHTS})
    assert said == f"it is a checkpoint with 'epoch', 'optimizer', {key!r}, expected its weights: checkpoint[{key!r}]"
    said = refused({"ema": {"decay": 0.9, key: prefixed("lstm.")}})
    assert said.endswith(f"expected its weights: checkpoint['ema'][{key!r}]")
    module = type("Module", (), {"state_dict": lambda self: WEIGHTS})()
    assert refused({key: module, "epoch": 3}).endswith(f"expected its weights: checkpoint[{key!r}].state_dict()")


def test_checkpoint_that_holds_itself_comes_to_an_end():
    checkpoint: dict = {"epoch": 3}
    checkpoint["model"] = checkpoint
    assert "weight_ih_l0 is missing" in refused(checkpoint)


def test_arrays_without_names_say_how_to_write_names():
    file = io.BytesIO()
    np.savez(file, *WEIGHTS.values())
    file.seek(0)
    with np.load(file) as given:
        assert refused(given).endswith("np.savez(path, **state_dict) writes them, too")


def npz() -> io.BytesIO:
    file = io.BytesIO()
    np.savez(file, **WEIGHTS)
    file.seek(0)
    return file


def test_closed_file_says_to_load_while_it_is_open():
    given = np.load(npz())
    given.close()
    said = "its file is closed, expected an open one: load inside of `with np.load(path) as weights:`"
    assert refused(given).startswith(said)
    with pytest.raises(ValueError, match="its file is closed"):
        nn.from_state_dict(given)


def test_broken_file_is_one_error_that_names_the_weight():
    broken = bytearray(npz().getvalue())
    broken[300] ^= 255
    with np.load(io.BytesIO(broken)) as given:
        assert refused(given) == "weight_ih_l0 cannot be read: Bad CRC-32 for file 'weight_ih_l0.npy'"
        with pytest.raises(ValueError, match="weight_ih_l0 cannot be read: Bad CRC-32"):
            nn.from_state_dict(given)


def test_entries_beside_the_prefix_are_not_read():
    class Once(dict):
        def __getitem__(self, name):
            assert name.startswith("encoder.")
            return super().__getitem__(name)

    model = nn.LSTM(3, 5)
    model.load_state_dict(Once(prefixed("encoder.", "decoder.")), prefix="encoder.")
    assert_same(model.state_dict(), WEIGHTS)


# ---- what is the weights of something else -------------------------------------------------------


def test_prefixes_of_several_modules_are_named_and_prefix_takes_one():
    given = prefixed("encoder.lstm.", "decoder.", **{"head.bias": np.zeros(3)})
    said = "it has the weights of 2 modules, 'encoder.lstm.', 'decoder.', expected those of one: "
    assert refused(given) == f"{said}prefix='encoder.lstm.' takes those of the first"
    for prefix in ("encoder.lstm.", "decoder."):
        model = nn.LSTM(3, 5)
        model.load_state_dict(given, prefix=prefix)
        assert_same(model.state_dict(), WEIGHTS)
    assert refused(given, prefix="encoder.") == (
        "its names begin with 'lstm.', expected weight_ih_l0 and so on: prefix='lstm.' leaves that out"
    )
    assert refused(given, prefix="rnn.") == (
        "no name begins with prefix = 'rnn.': those of recurrent weights begin with 'encoder.lstm.', 'decoder.'"
    )
    assert refused(given, TypeError, prefix=3) == "prefix is of type int, expected a string as 'encoder.lstm.'"


@pytest.mark.parametrize(
    ("model", "others", "said"),
    [
        (nn.LSTM(3, 5), nn.GRU(3, 5), "GRU(3, 5), expected LSTM(3, 5): 3 gates: a GRU's; make GRU(3, 5)"),
        (nn.GRU(3, 5), nn.LSTM(3, 5), "LSTM(3, 5), expected GRU(3, 5): 4 gates: an LSTM's; make LSTM(3, 5)"),
        (nn.GRU(3, 5), nn.RNN(3, 5), "RNN(3, 5), expected GRU(3, 5): 1 block of rows: an RNN's; make RNN(3, 5)"),
        (nn.LSTM(3, 5, 2), nn.LSTM(3, 5, 3), "expected LSTM(3, 5, num_layers=2): num_layers=3; make LSTM(3, 5, num_l"),
        (nn.LSTM(3, 5), nn.LSTM(3, 5, bidirectional=True), "expected LSTM(3, 5): bidirectional=True; make LSTM("),
        (nn.LSTM(3, 5, bidirectional=True), nn.LSTM(3, 5), "LSTM(3, 5, bidirectional=True): bidirectional=False; make"),
        (nn.LSTM(3, 5), nn.LSTM(3, 5, bias=False), "expected LSTM(3, 5): bias=False; make LSTM(3, 5, bias=False)"),
        (nn.LSTM(3, 5, bias=False), nn.LSTM(3, 5), "expected LSTM(3, 5, bias=False): bias=True; make LSTM(3, 5)"),
        (nn.LSTM(3, 5), nn.LSTM(3, 5, proj_size=2), "expected LSTM(3, 5): proj_size=2; make LSTM(3, 5, proj_size=2)"),
        (nn.LSTM(3, 5), nn.LSTM(4, 6), "expected LSTM(3, 5): input_size=4, hidden_size=6; make LSTM(4, 6)"),
        (nn.LSTM(3, 5), nn.LSTMCell(3, 5), "expected LSTM(3, 5): names without a layer: those of LSTMCell; "),
        (nn.GRUCell(3, 5), nn.GRU(3, 5), "expected GRUCell(3, 5): names with a layer: those of GRU; make GRU(3, 5)"),
        (nn.GRUCell(3, 5), nn.LSTM(3, 5), "4 gates: an LSTM's, names with a layer: those of LSTM; make LSTM(3, 5)"),
    ],
)
def test_weights_of_another_model_say_of_which(model, others, said):
    found = refused(others.state_dict(), model=model)
    assert found.startswith("it has the weights of ")
    assert said in found
    assert found.endswith("or let nn.from_state_dict make it")


@pytest.mark.parametrize("dtype", ["int8", "uint8", "int64", "bool"])
def test_whole_numbers_are_no_weights(dtype):
    given = {name: np.zeros_like(value, dtype) for name, value in WEIGHTS.items()}
    said = refused(given)
    assert said.startswith(f"weight_ih_l0 has dtype {dtype}, expected float32 or float64; weight_hh_l0 has dtype ")
    assert said.endswith("what is quantised is multiplied by its scale first, what is whole takes astype(np.float32)")
    assert said.count("quantised") == 1
    with pytest.raises(ValueError, match=f"weight_ih_l0 has dtype {dtype}"):
        nn.from_state_dict(given)
    model = nn.LSTM(3, 5)
    model.weight_hh_l0 = np.ones((20, 5), dtype)
    for call in (model.pack, model.state_dict, model.double):
        with pytest.raises(ValueError, match=f"weight_hh_l0 has dtype {dtype}, expected float32"):
            call()


def test_floats_of_ml_dtypes_are_weights():
    ml_dtypes = pytest.importorskip("ml_dtypes", reason="ml_dtypes is not installed")
    for dtype in (ml_dtypes.bfloat16, ml_dtypes.float8_e5m2, ml_dtypes.float8_e4m3fn):
        given = {name: value.astype(dtype) for name, value in WEIGHTS.items()}
        model = nn.LSTM(3, 5)
        model.load_state_dict(given)
        assert_same(model.state_dict(), {name: value.astype(np.float32) for name, value in given.items()})
    with pytest.raises(ValueError, match="weight_ih_l0 has dtype int4"):
        nn.from_state_dict({name: value.astype(ml_dtypes.int4) for name, value in WEIGHTS.items()})


def test_quantised_tensor_says_how_to_get_its_numbers():
    tensor = type("Tensor", (), {"detach": lambda self: self, "is_quantized": True})()
    said = refused(WEIGHTS | {"weight_hh_l0": tensor})
    assert said.startswith("weight_hh_l0 cannot be read: its tensor is quantised, expected floats: dequantize() of it ")


# ---- from_state_dict -----------------------------------------------------------------------------

OPTIONS = {"num_layers": (1, 3), "bidirectional": (False, True), "bias": (True, False)}
DESCRIBED = [
    kind(4, 6, **dict(zip(OPTIONS, values, strict=True)), **more, dtype=dtype)
    for kind in KINDS
    for values in itertools.product(*OPTIONS.values())
    for more in ([{}, {"proj_size": 2}] if kind is nn.LSTM else [{}])
    for dtype in (np.float32, np.float64)
] + [kind(4, 6, bias=bias) for kind in CELLS for bias in (True, False)]


@pytest.mark.parametrize("model", DESCRIBED, ids=repr)
@pytest.mark.parametrize("prefix", ["", "net.0.", "_orig_mod.module."])
def test_from_state_dict_makes_the_model_that_weights_describe(model, prefix):
    given = {prefix + name: value for name, value in model.state_dict().items()}
    others = {"head.weight": np.zeros(3)} if prefix else {}
    made = nn.from_state_dict(given | others, prefix)
    assert repr(made) == repr(model)
    assert_same(made.state_dict(), model.state_dict())


def test_from_state_dict_takes_the_options_that_weights_cannot_say():
    given = nn.RNN(3, 5, num_layers=2, nonlinearity="relu").state_dict()
    made = nn.from_state_dict(given, nonlinearity="relu", batch_first=True, dropout=0.5, dtype=np.float64, num_layers=2)
    assert repr(made) == "RNN(3, 5, nonlinearity='relu', num_layers=2, batch_first=True, dropout=0.5, dtype='float64')"
    assert nn.from_state_dict(given).nonlinearity == "tanh"


def test_from_state_dict_takes_one_prefix_for_granted_and_asks_for_one_of_several():
    assert repr(nn.from_state_dict(prefixed("lstm."))) == "LSTM(3, 5)"
    both = prefixed("a.", "b.")
    with pytest.raises(ValueError, match=r"^from_state_dict: weights does not fit: it has the weights of 2 modules, "):
        nn.from_state_dict(both)
    assert repr(nn.from_state_dict(both, prefix="b.")) == "LSTM(3, 5)"


@pytest.mark.parametrize(
    ("given", "options", "kind", "said"),
    [
        ({}, {}, ValueError, "it has the names none, expected those of one of torch.nn's recurrent modules"),
        ({"W": np.zeros(3)}, {}, ValueError, "it has the names 'W', expected those of"),
        ({"weight_ih_l0": np.zeros((7, 3)), "weight_hh_l0": np.zeros((7, 5))}, {}, ValueError, "weight_ih_l0 (7, 3)"),
        ({"weight_ih": np.zeros((5, 3)), "weight_hh_l0": np.zeros((5, 5))}, {}, ValueError, "it has weight_ih (5, 3)"),
        (WEIGHTS | {"weight_hh_l1": WEIGHTS["weight_hh_l0"]}, {}, ValueError, "weight_ih_l1 is missing"),
        (WEIGHTS | {"extra": 3}, {}, ValueError, "extra is not one of its parameters"),
        (WEIGHTS, {"num_layers": 3}, ValueError, "num_layers is 3, expected 1: the weights say so"),
        (WEIGHTS, {"nonlinearity": "relu"}, TypeError, "nonlinearity is no option of LSTM, expected one of "),
        ("w.npz", {}, TypeError, "weights is the path 'w.npz', expected a dict or another mapping: nn.load('w.npz') "),
        ({"state_dict": WEIGHTS}, {}, ValueError, "it is a checkpoint with 'state_dict', expected its weights: "),
    ],
    ids=str,
)
def test_from_state_dict_of_what_describes_no_model_says_why(given, options, kind, said):
    with pytest.raises(kind) as caught:
        nn.from_state_dict(given, **options)
    assert str(caught.value).startswith("from_state_dict: ")
    assert said in str(caught.value)


# ---- from_torch ----------------------------------------------------------------------------------


@pytest.fixture
def torch():
    return pytest.importorskip("torch", reason="torch is not installed")


def wrappers(torch, module):
    yield torch.compile(module)
    yield torch.nn.DataParallel(module)
    yield torch.nn.DataParallel(torch.compile(module))
    yield torch.jit.script(module)


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")
def test_from_torch_takes_what_torch_wraps(torch):
    nns = torch.nn
    for module in (nns.LSTM(3, 5, 2, batch_first=True), nns.GRUCell(3, 5), nns.RNN(3, 5, nonlinearity="relu")):
        want = nn.from_torch(module)
        for wrapped in wrappers(torch, module):
            made = nn.from_torch(wrapped)
            assert repr(made) == repr(want)
            assert_same(made.state_dict(), want.state_dict())
            assert repr(type(want).from_torch(wrapped)) == repr(want)


@pytest.mark.filterwarnings("ignore")
def test_from_torch_of_what_has_no_numbers_or_no_options_says_what_to_do(torch):
    lstm = torch.nn.LSTM(3, 5)
    whole, embedded = torch.nn.ModuleList([lstm]), torch.nn.ModuleList([torch.nn.Embedding(7, 3), lstm])
    quantised = torch.ao.nn.quantized.Linear(3, 5)
    traced = torch.jit.trace(lstm, torch.zeros(2, 1, 3))
    for module, kind, said in (
        (torch.nn.LSTM(3, 5, device="meta"), ValueError, "is on the meta device, which holds no numbers: module.to_e"),
        (quantised, TypeError, "is a quantised Linear, expected one of floats, or one of torch.ao.nn.quantized.dyna"),
        (traced, TypeError, "is a trace, which keeps weights and no options: nn.from_state_dict(module.state_dict(), "),
        (whole, TypeError, "LayerNorm, Dropout, Sequential: from_torch(module.get_submodule('0'))"),
        (embedded, TypeError, "LayerNorm, Dropout, Sequential: from_torch(module.get_submodule('1'))"),
        (torch.nn.ModuleList([embedded[0]]), TypeError, "from_torch(module.get_submodule('0'))"),
        (torch.nn.Conv1d(3, 5, 1), TypeError, "module is of type Conv1d, expected one of torch.nn's RNN, LSTM, GRU, "),
    ):
        with pytest.raises(kind) as caught:
            nn.from_torch(module)
        assert said in str(caught.value)
    assert_same(nn.from_state_dict(traced.state_dict()).state_dict(), nn.from_torch(lstm).state_dict())


def test_from_torch_of_a_wrapper_round_itself_comes_to_an_end():
    wrapper = type("OptimizedModule", (), {})()
    wrapper._orig_mod = wrapper
    with pytest.raises(TypeError, match=r"module is of type OptimizedModule, expected one of torch.nn's"):
        nn.from_torch(wrapper)


# ---- near misses ---------------------------------------------------------------------------------


def test_prefix_may_lack_its_dot():
    model = nn.LSTM(3, 5)
    model.load_state_dict(prefixed("encoder."), prefix="encoder")
    assert_same(model.state_dict(), WEIGHTS)


def test_what_the_weights_are_is_the_only_error_shown():
    """Not a list of what does not fit, with this "during handling of the above exception"."""
    with pytest.raises(ValueError, match="3 gates: a GRU's") as caught:
        nn.LSTM(3, 5).load_state_dict(nn.GRU(3, 5).state_dict())
    assert caught.value.__context__ is None


@pytest.mark.parametrize(
    ("module", "said"),
    [
        (WEIGHTS, "module is of type dict, expected one of torch.nn's modules: nn.from_state_dict(module) makes the "),
        ("m.pt", "module is the path 'm.pt', expected a module: nn.from_state_dict(torch.load(path, map_location="),
        (type("LSTM", (), {}), "module is the class LSTM, expected a module: LSTM(...)"),
    ],
    ids=["weights", "path", "class"],
)
def test_from_torch_of_what_is_no_module_says_what_to_do(module, said):
    with pytest.raises(TypeError) as caught:
        nn.from_torch(module)
    assert str(caught.value).startswith(f"from_torch: {said}")


def test_dtype_of_torch_is_numpys():
    float64 = type("dtype", (), {"__module__": "torch", "__str__": lambda _: "torch.float64"})()
    assert nn.GRU(3, 5, dtype=float64).weight_ih_l0.dtype == np.float64
