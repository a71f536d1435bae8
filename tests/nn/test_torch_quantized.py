"""Torch's dynamically quantised modules: their integers, against what torch says of them and what torch computes."""

from __future__ import annotations

import copy

import numpy as np
import pytest
import stored
from nn_models import assert_same, parts

from cyrnn import nn

N_X, N = 4, 6
CLASSES = {"LSTM": 4, "GRU": 3, "LSTMCell": 4, "GRUCell": 3, "RNNCell": 1}


class Tensor:
    """A quantised tensor, as far as it is asked."""

    is_quantized = True

    def __init__(self, values, scale, zero, axis=None, scheme=None):
        self._values, self._scale, self._zero, self._axis = values, scale, zero, axis
        self._scheme = scheme or ("per_tensor_affine" if axis is None else "per_channel_affine")

    def qscheme(self):
        return f"torch.{self._scheme}"

    def int_repr(self):
        return self._values

    def q_scale(self):
        return self._scale

    def q_zero_point(self):
        return self._zero

    def q_per_channel_axis(self):
        return self._axis

    def q_per_channel_scales(self):
        return np.float64(self._scale)

    def q_per_channel_zero_points(self):
        return np.int64(self._zero)

    def floats(self):
        scale, zero = np.float64(self._scale), np.int64(self._zero)
        return (self._values - (zero[:, None] if zero.ndim else zero)) * (scale[:, None] if scale.ndim else scale)


def suffixes(name: str, layers: int, directions: int) -> list[str]:
    ways = ("", "_reverse")[:directions]
    return [""] if name.endswith("Cell") else [f"_l{k}{way}" for k in range(layers) for way in ways]


def drawn(name: str, zero: int, per_channel: bool, layers: int = 1, directions: int = 1, lowest: int = -127):
    """Quantised matrices by their names, and biases."""
    random, rows = np.random.default_rng(0), CLASSES[name] * N
    matrices, biases = {}, {}
    for k, suffix in enumerate(suffixes(name, layers, directions)):
        columns = N_X if k < directions else N * directions
        for half, size in (("ih", columns), ("hh", N)):
            values = random.integers(-127, 128, (rows, size)).astype(np.int8)
            values[0, 0], values[0, 1] = lowest, 127
            if per_channel:
                scale, own = random.uniform(0.002, 0.004, rows), np.full(rows, zero)
            else:
                scale, own = 0.003, zero
            matrices[f"weight_{half}{suffix}"] = Tensor(values, scale, own, 0 if per_channel else None)
            biases[f"bias_{half}{suffix}"] = random.uniform(-0.3, 0.3, rows).astype(np.float32)
    return matrices, biases


def module_like(name: str, matrices, biases, **options):
    names = {"get_weight": lambda _: matrices, "get_bias": lambda _: biases}
    names |= {"input_size": N_X, "hidden_size": N, "__module__": "torch.ao.nn.quantized.dynamic.modules.rnn"}
    return type(name, (), names | options)()


def sequence(columns=N_X, dtype=np.float32):
    return np.random.default_rng(9).standard_normal((13, 2, columns)).astype(dtype)


def run(model, x):
    """Outputs of a layer, or states of a cell over all steps."""
    if not type(model).__name__.endswith("Cell"):
        return np.asarray(model(x)[0])
    state, outputs = None, []
    for x_t in x:
        state = model(x_t, state)
        outputs.append(np.asarray(parts(state)[0]))
    return np.stack(outputs)


def rms(found, truth):
    return np.sqrt(np.square(found - truth).mean())


@pytest.mark.parametrize("per_channel", [False, True], ids=["tensor", "channel"])
@pytest.mark.parametrize(
    ("zero", "lowest", "kind"), [(0, -127, "int8"), (0, -128, "int8"), (1, -128, "int16"), (-1, -128, "int16")]
)
@pytest.mark.parametrize("name", CLASSES)
def test_integers_are_those_of_the_module(name, zero, lowest, kind, per_channel):
    matrices, biases = drawn(name, zero, per_channel, lowest=lowest)
    model = nn.from_torch(module_like(name, matrices, biases))
    assert repr(model) == f"{name}({N_X}, {N}, weights='{kind}')"
    state = model.state_dict()
    for key, tensor in matrices.items():
        assert state[key].dtype == kind
        assert (state[key] == tensor.int_repr().astype(np.int16) - zero).all()
        assert_same(state[f"{key}_scale"], np.broadcast_to(np.float32(tensor.q_scale()), CLASSES[name] * N))
    assert_same({key: state[key] for key in biases}, biases)
    options = {} if name.endswith("Cell") else {"batch_first": False}
    whole = {key: tensor.floats() for key, tensor in matrices.items()} | biases
    truth = run(nn.from_state_dict(whole, **options, dtype=np.float64), sequence(dtype=np.float64))
    assert 0 < rms(run(model, sequence()), truth) < {"int8": 4e-3, "int16": 1e-4}[kind]
    assert_same(run(copy.deepcopy(model), sequence()), run(model, sequence()))
    assert_same(run(nn.from_state_dict(state), sequence()), run(model, sequence()))


def test_options_layers_and_directions_are_those_of_the_module():
    options = {"num_layers": 2, "bidirectional": True, "batch_first": True, "dropout": 0.25}
    matrices, biases = drawn("LSTM", 0, True, 2, 2)
    found = nn.from_torch(module_like("LSTM", matrices, biases, **options))
    shown = "num_layers=2, batch_first=True, dropout=0.25, bidirectional=True, weights='int8'"
    assert repr(found) == f"LSTM({N_X}, {N}, {shown})"
    assert repr(nn.LSTM.from_torch(module_like("LSTM", matrices, biases, **options))) == repr(found)
    matrices["weight_hh_l1"] = drawn("LSTM", 3, True, 2, 2)[0]["weight_hh_l1"]  # one that takes 16 bits
    assert nn.from_torch(module_like("LSTM", matrices, biases, **options)).weight_dtype == np.int16
    cell = drawn("RNNCell", 0, False)
    found = nn.from_torch(module_like("RNNCell", *cell, nonlinearity="relu"))
    assert found.nonlinearity == "relu"
    none = dict.fromkeys(cell[1])
    assert repr(nn.from_torch(module_like("RNNCell", cell[0], none))) == "RNNCell(4, 6, bias=False, weights='int8')"


@pytest.mark.parametrize("dtype", [None, np.float32, np.float64])
def test_integers_become_floats_where_that_is_asked_for(dtype):
    matrices, biases = drawn("GRU", 5, True)
    module = module_like("GRU", matrices, biases)
    found = nn.from_torch(module, dequantize=True, dtype=dtype)
    assert found.dtype == found.weight_dtype == (dtype or np.float32)
    for key, tensor in matrices.items():
        np.testing.assert_allclose(getattr(found, key), tensor.floats(), rtol=3e-7)
    assert repr(nn.GRU.from_torch(module, dequantize=True)) == f"GRU({N_X}, {N})"


def test_what_is_quantised_to_floats_is_of_floats():
    matrices, biases = drawn("LSTM", 0, False)
    whole = {key: tensor.floats().astype(np.float16).astype(np.float32) for key, tensor in matrices.items()}
    found = nn.from_torch(module_like("LSTM", whole, biases))
    assert_same(found.state_dict(), nn.from_state_dict(whole | biases).state_dict())


def changed(**changes):
    matrices, biases = drawn("LSTM", 0, True)
    own = matrices["weight_hh_l0"]
    values = {"values": own._values, "scale": own._scale, "zero": own._zero, "axis": 0} | changes
    return module_like("LSTM", matrices | {"weight_hh_l0": Tensor(**values)}, biases)


DAMAGED = {
    "nan": (changed(scale=np.full(24, np.nan)), "weight_hh_l0: a scale is nan, expected a finite number above 0"),
    "negative": (changed(scale=np.full(24, -1.0)), "weight_hh_l0: a scale is -1.0, expected a finite number above 0"),
    "columns": (changed(axis=1), "weight_hh_l0 is quantised per_channel_affine along axis 1, expected the rows', 0"),
    "scheme": (changed(scheme="per_channel_affine_float_qparams"), "weight_hh_l0 is quantised per_channel_affine_flo"),
    "rows": (changed(values=np.ones((6, 6), "i1"), scale=np.ones(6), zero=np.zeros(6)), "weight_hh_l0 has shape (6, "),
    "scales": (changed(scale=np.ones(7), zero=np.zeros(7)), "weight_hh_l0: 7 scales and 7 zero points do not fit its"),
    "zero points": (changed(zero=np.zeros(7)), "weight_hh_l0: 24 scales and 7 zero points do not fit its shape (24"),
    "one axis": (changed(values=np.ones(24, "i1")), "weight_hh_l0: 24 scales and 24 zero points do not fit its shape"),
}


@pytest.mark.parametrize(("module", "said"), DAMAGED.values(), ids=DAMAGED)
def test_what_does_not_fit_says_why(module, said):
    with pytest.raises(ValueError, match=r"^LSTM\.from_torch: ") as caught:
        nn.from_torch(module)
    assert said in str(caught.value)


def test_other_dtypes_and_modules_are_refused():
    matrices, biases = drawn("LSTM", 0, False)
    module = module_like("LSTM", matrices, biases)
    with pytest.raises(TypeError, match=r"^LSTM\.from_torch: dtype is float64, expected float32: a model of int8"):
        nn.from_torch(module, dtype=np.float64)
    with pytest.raises(TypeError, match=r"^LSTM\.from_torch: dequantize is 'no', expected True or False"):
        nn.from_torch(module, dequantize="no")
    del type(module).get_weight
    with pytest.raises(TypeError, match=r"module is of type LSTM and has no get_weight, expected one of torch\.nn's"):
        nn.from_torch(module)


def test_more_columns_than_sums_hold_become_floats():
    matrices = {"weight_ih": Tensor(np.full((1, 133_200), 127, "i1"), 1e-7, 0)}
    matrices["weight_hh"] = Tensor(np.ones((1, 1), "i1"), 1.0, 0)
    options = {"input_size": 133_200, "hidden_size": 1}
    found = nn.from_torch(module_like("RNNCell", matrices, {}, **options))
    assert repr(found) == "RNNCell(133200, 1, bias=False)"


class LinearLike:
    """A dynamically quantised Linear, as far as it is asked."""

    def __init__(self, weight, bias=None):
        self._weight, self._bias = weight, bias
        self.out_features, self.in_features = weight.int_repr().shape

    def weight(self):
        return self._weight

    def bias(self):
        return self._bias


LinearLike.__name__, LinearLike.__module__ = "Linear", "torch.ao.nn.quantized.dynamic.modules.linear"


@pytest.mark.parametrize(("zero", "kind"), [(0, "int8"), (5, "int16")])
@pytest.mark.parametrize("bias", [None, np.linspace(-1, 1, 6, dtype=np.float32)], ids=["no bias", "bias"])
def test_linear_has_the_integers_of_the_module(zero, kind, bias):
    values = np.random.default_rng(2).integers(-128, 128, (6, 5)).astype(np.int8)
    values[0, 0] = -128
    weight = Tensor(values, np.linspace(0.001, 0.003, 6), np.full(6, zero), 0)
    weight.dequantize = weight.floats
    head = nn.from_torch(LinearLike(weight, bias))
    assert repr(head) == f"Linear(in_features=5, out_features=6, bias={bias is not None}, weights='{kind}')"
    np.testing.assert_array_equal(head.weight, values.astype(int) - zero)
    assert_same(head.weight_scale, np.float32(weight.q_per_channel_scales()))
    truth = sequence(5).astype(float) @ weight.floats().T + (0 if bias is None else bias)
    assert 0 < rms(head(sequence(5)), truth) < {"int8": 6e-3, "int16": 5e-5}[kind]
    floats = nn.Linear.from_torch(LinearLike(weight, bias), dequantize=True, dtype=np.float64)
    np.testing.assert_allclose(floats(sequence(5).astype(float)), truth, atol=1e-12)
    with pytest.raises(TypeError, match=r"^Linear\.from_torch: dtype is float64, expected float32: a model of int"):
        nn.from_torch(LinearLike(weight, bias), dtype=np.float64)


# ---- stored by ci/torch_data/integers.py ---------------------------------------------------------------------------

STORED = {case: arrays for case, arrays in stored.load("integers.npz")[1].items() if case.startswith(("x", "torch "))}


@pytest.mark.parametrize("case", [case for case in STORED if case != "x"])
def test_stored_module_is_nearer_to_float64_than_what_torch_made_of_it(case):
    name, arrays, x = case.split()[1], STORED[case], STORED["x"]["x"]
    matrices = {key: Tensor(W, *scale_of(arrays, key)) for key, W in arrays.items() if W.dtype == np.int8}
    biases = {key: value for key, value in arrays.items() if key.startswith("bias")}
    sizes = {"input_size": x.shape[2], "hidden_size": arrays["output"].shape[2] // (1 if name.endswith("Cell") else 2)}
    layers = {} if name.endswith("Cell") else {"num_layers": 2, "bidirectional": True}
    found = nn.from_torch(module_like(name, matrices, biases, **sizes, **layers))
    whole = {key: tensor.floats() for key, tensor in matrices.items()} | biases
    truth = run(nn.from_state_dict(whole, dtype=np.float64), x.astype(np.float64))
    assert rms(arrays["output"], truth) < 1e-2
    assert 0 < rms(run(found, x), truth) < rms(arrays["output"], truth)


def scale_of(arrays, key):
    scale, zero = arrays[f"{key}_scale"], arrays[f"{key}_zero"]
    return (scale, zero, 0) if scale.ndim else (float(scale), int(zero))


# ---- where torch is installed ----------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def torch():
    return pytest.importorskip("torch", reason="torch is not installed")


@pytest.fixture(params=["fbgemm", "qnnpack"])
def engine(torch, request):
    """Torch's kernels for integers."""
    if request.param not in torch.backends.quantized.supported_engines:
        pytest.skip(f"torch has no {request.param} here")
    before, torch.backends.quantized.engine = torch.backends.quantized.engine, request.param
    yield request.param
    torch.backends.quantized.engine = before


def quantised(torch, name, config, **options):
    torch.manual_seed(1)
    kind = getattr(torch.nn, name)
    tools = torch.ao.quantization
    return tools.quantize_dynamic(torch.nn.Sequential(kind(N_X, N, **options)), {kind: getattr(tools, config)})[0]


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("config", ["default_dynamic_qconfig", "per_channel_dynamic_qconfig"])
@pytest.mark.parametrize("name", CLASSES)
def test_module_of_torch_is_about_as_near_to_float64_as_torch(torch, engine, name, config):
    options = {} if name.endswith("Cell") else {"num_layers": 2, "bidirectional": True}
    module = quantised(torch, name, config, **options)
    found = nn.from_torch(module)
    assert found.weight_dtype == np.int8
    whole = {key: tensor.dequantize().numpy() for key, tensor in module.get_weight().items()}
    whole |= {key: tensor.detach().numpy() for key, tensor in module.get_bias().items()}
    for key, tensor in module.get_weight().items():
        differences = (tensor.int_repr().short() - zero_point(tensor)).numpy()
        np.testing.assert_array_equal(getattr(found, key), differences)
        floats = getattr(found, key) * getattr(found, f"{key}_scale")[:, None]
        np.testing.assert_allclose(floats, whole[key], rtol=3e-7)
    x = sequence()
    truth = run(nn.from_state_dict(whole, dtype=np.float64), x.astype(np.float64))
    with torch.no_grad():
        theirs = run(module, torch.from_numpy(x))
    # two kinds of 8 bits: torch's levels go from the least of a state to the largest, ours from -1 to 1. States of
    # weights that are not trained are small: 0.37 to 0.95 of the error of fbgemm, which has 7 bits, 0.83 to 1.64 of
    # that of qnnpack (6 units; of 128 units up to 1.9 and 3.7; 2026-11-29)
    bound = 2 if engine == "qnnpack" else 1
    assert rms(run(found, x), truth) < bound * rms(theirs, truth)


def zero_point(tensor):
    if "per_channel" in str(tensor.qscheme()):
        return tensor.q_per_channel_zero_points().short()[:, None]
    return tensor.q_zero_point()


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", CLASSES)
def test_module_of_float16_has_the_results_of_torch(torch, name):
    module = quantised(torch, name, "float16_dynamic_qconfig")
    found = nn.from_torch(module)
    assert found.weight_dtype == np.float32
    with torch.no_grad():
        np.testing.assert_allclose(run(found, sequence()), run(module, torch.from_numpy(sequence())), atol=1e-6)


@pytest.mark.filterwarnings("ignore")
def test_parts_of_a_whole_model_are_found(torch):
    whole = torch.nn.Sequential(torch.nn.LSTM(N_X, N), torch.nn.Linear(N, 3))
    module = torch.ao.quantization.quantize_dynamic(whole)
    assert nn.from_torch(module[0]).weight_dtype in (np.int8, np.int16)
    with pytest.raises(TypeError, match=r"from_torch\(module\.get_submodule\('0'\)\)"):
        nn.from_torch(torch.nn.ModuleList(module))
    assert [repr(part) for part in nn.from_torch(module)] == [repr(nn.from_torch(part)) for part in module]
    head = nn.from_torch(module[1])
    assert repr(head) == f"{repr(nn.Linear(N, 3))[:-1]}, weights='int8')"
    assert repr(nn.Linear.from_torch(module[1])) == repr(head)
    weight, bias = module[1].weight(), module[1].bias().detach().numpy()
    np.testing.assert_array_equal(head.weight, (weight.int_repr().short() - zero_point(weight)).numpy())
    np.testing.assert_array_equal(head.bias, bias)
    x = sequence(N)
    truth = x.astype(float) @ weight.dequantize().numpy().astype(float).T + bias
    with torch.no_grad():
        assert 0 < rms(head(x), truth) < 1.5 * rms(module[1](torch.from_numpy(x)).numpy(), truth)
    floats = nn.from_torch(module[1], dequantize=True)
    assert repr(floats) == repr(nn.Linear(N, 3))
    np.testing.assert_array_equal(floats.weight, weight.dequantize().numpy())
