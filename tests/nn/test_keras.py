"""nn.from_keras against results of Keras 2 and Keras 3, which ci/keras_data/make.py stored; no Keras is needed here."""

from __future__ import annotations

import json
import sys

import numpy as np
import pytest
import stored
from tolerances import assert_close

from cyrnn import nn

VERSIONS, RESULTS = stored.load("keras.npz")
LAYERS = [name for name in RESULTS if name[0] in "23" and not name.endswith("model")]


def text(array):
    return json.loads(array.tobytes())


def layer_of(case: dict[str, np.ndarray], version: int = 0):
    """An object that answers as the layer did; its package, where it says its version, is a module of that name."""
    weights = [case[f"weight {i}"] for i in range(sum(name.startswith("weight") for name in case))]
    answers = {"get_config": lambda self: text(case["config"]), "get_weights": lambda self: weights, "name": "layer"}
    answers["__module__"] = {0: "elsewhere", 2: "tf_keras.src.layers.rnn", 3: "keras.src.layers.rnn"}[version]
    return type(text(case["class"]).split()[0], (), answers)()


def model_of(name: str, **options):
    case = RESULTS[name]
    if "backwards" in name:
        options["go_backwards"] = True
    return nn.from_keras(layer_of(case), keras_version=int(name[0]), **options), case


def test_versions_are_stored():
    assert VERSIONS["keras"].startswith("3.")
    assert VERSIONS["tf_keras"].startswith("2.")
    assert len(LAYERS) == 2 * 21 + 2


@pytest.mark.parametrize("name", LAYERS)
def test_layer_has_the_results_of_keras(name):
    model, case = model_of(name)
    assert model.batch_first
    assert model.dtype == np.float32
    x = case["x"][:, ::-1] if "backwards" in name else case["x"]
    output, state = model(x)
    assert_close(output, case["output"], "sequence against another framework", name)
    if "second output" in case:  # a stateful layer goes on where it ended
        assert_close(model(x, state)[0], case["second output"], "sequence against another framework", name)
        assert np.abs(case["second output"] - case["output"]).max() > 0.01


@pytest.mark.parametrize("name", LAYERS)
def test_float64_is_nearer_to_nothing_but_itself(name):
    model, case = model_of(name, dtype=np.float64)
    x = case["x"].astype(np.float64)
    output, _ = model(x[:, ::-1] if "backwards" in name else x)
    assert output.dtype == np.float64
    assert_close(output.astype(np.float32), case["output"], "sequence against another framework", name)


@pytest.mark.parametrize("name", [name for name in LAYERS if "cudnn" not in name])
def test_weights_go_back_bit_by_bit(name):
    model, case = model_of(name)
    back = model.keras_weights()
    assert len(back) == sum(key.startswith("weight") for key in case)
    for i, array in enumerate(back):
        assert array.shape == case[f"weight {i}"].shape
        assert array.tobytes() == case[f"weight {i}"].tobytes()


def test_each_wrong_order_of_gates_is_seen():
    """So that the tolerance does not hide a permutation."""
    for name in ("3 lstm", "3 gru after", "3 gru before"):
        model, case = model_of(name)
        kind, rows = type(model), 4
        own = model.state_dict()
        swapped = {key: np.concatenate([w[rows : 2 * rows], w[:rows], w[2 * rows :]]) for key, w in own.items()}
        model.load_state_dict(swapped)
        assert np.abs(model(case["x"])[0] - case["output"]).max() > 1e-2, kind


def test_hard_sigmoid_is_told_by_the_version_of_the_package(monkeypatch):
    two, three = RESULTS["2 lstm hard"], RESULTS["3 lstm hard"]
    assert nn.from_keras(layer_of(two, 2)).recurrent_activation == "hard_sigmoid"
    monkeypatch.setitem(sys.modules, "keras", type(sys)("keras"))
    sys.modules["keras"].__version__ = "3.15.1"
    assert nn.from_keras(layer_of(three, 3)).recurrent_activation == ("hard_sigmoid", 1 / 6, 0.5)
    sys.modules["keras"].__version__ = "2.15.0"
    assert nn.from_keras(layer_of(three, 3)).recurrent_activation == "hard_sigmoid"
    del sys.modules["keras"].__version__
    with pytest.raises(ValueError, match=r"keras_version is not given, expected 1, 2 or 3: layer 'layer' has rec"):
        nn.from_keras(layer_of(three, 3))


def test_layer_that_no_model_is_like_is_refused_with_the_cure():
    def refused(name: str, config: dict | None = None, error=ValueError, **options) -> str:
        case = dict(RESULTS[name])
        changed = text(case["config"]) | (config or {})
        case["config"] = np.frombuffer(json.dumps(changed).encode(), np.uint8)
        with pytest.raises(error) as info:
            nn.from_keras(layer_of(case), **options)
        return str(info.value)

    assert "go_backwards=True, and reverse the steps" in refused("3 lstm backwards")
    assert "expected False: layer 'layer' reads its sequences forwards" in refused("3 lstm", go_backwards=True)
    assert "merge_mode = 'sum', expected 'concat'" in refused("3 gru both", {"merge_mode": "sum"})
    assert "activation = 'gelu', expected one of tanh" in refused("3 lstm", {"activation": "gelu"})
    assert "'units' = 0, expected 1 or more" in refused("3 lstm", {"units": 0})
    assert "'units' = '4', expected int" in refused("3 lstm", {"units": "4"})
    assert "kernel of layer 'layer' has shape (3, 16), expected (3, 20)" in refused("3 lstm", {"units": 5})
    assert "expected False: layer 'layer' reads its sequences forwards" in refused("3 gru both", go_backwards=True)
    assert "bias of layer 'layer' has shape (2, 12), expected (12,)" in refused("3 gru after", {"reset_after": False})
    assert "has 3 arrays, expected 2" in refused("3 lstm", {"use_bias": False})
    inner = text(RESULTS["3 gru both"]["config"])["layer"]
    backwards = inner | {"config": inner["config"] | {"go_backwards": True}}
    assert "reads backwards first" in refused("3 gru both", {"layer": backwards})
    other = backwards | {"config": backwards["config"] | {"activation": "relu"}}
    assert "two layers of other options" in refused("3 gru both", {"backward_layer": other})
    assert "is of the class 'ConvLSTM1D'" in refused("3 gru both", {"layer": inner | {"class_name": "ConvLSTM1D"}})
    with pytest.raises(TypeError, match="layer is of type dict, expected one of Keras' SimpleRNN, LSTM"):
        nn.from_keras({})
    with pytest.raises(TypeError, match=r"layer is the class LSTM, expected a layer: LSTM\(...\)"):
        nn.from_keras(type("LSTM", (), {}))
    with pytest.raises(ValueError, match="keras_version is 4, expected 1, 2 or 3"):
        nn.from_keras(layer_of(RESULTS["3 lstm"]), keras_version=4)


def test_layer_without_weights_is_told_to_build_it():
    empty = {name: value for name, value in RESULTS["3 lstm"].items() if not name.startswith("weight")}
    with pytest.raises(ValueError, match="has 0 arrays, expected 1: call it once, or build it, so that it has weights"):
        nn.from_keras(layer_of(empty))


def test_merge_mode_that_the_caller_names_is_taken():
    case = dict(RESULTS["3 gru both"])
    changed = text(case["config"]) | {"merge_mode": "sum"}
    case["config"] = np.frombuffer(json.dumps(changed).encode(), np.uint8)
    model = nn.from_keras(layer_of(case), merge_mode="sum")
    assert_close(model(case["x"])[0], case["output"], "sequence against another framework")


@pytest.mark.parametrize(
    "model",
    [
        nn.LSTM(3, 4, peephole=True, rng=0),
        nn.LSTM(3, 4, coupled=True, rng=0),
        nn.LSTM(3, 4, proj_size=2, rng=0),
        nn.GRU(3, 4, clip=2.0, rng=0),
        nn.LSTM(3, 4, output_activation="relu", rng=0),
    ],
    ids=repr,
)
def test_model_that_keras_has_not_is_refused(model):
    with pytest.raises(ValueError, match=r"keras_weights: \w+ is .*, which no layer of Keras has"):
        model.keras_weights()


def test_each_layer_of_a_stack_has_its_own_weights():
    model = nn.GRU(3, 4, num_layers=2, bidirectional=True, rng=0)
    assert [array.shape for array in model.keras_weights(1)] == [(8, 12), (4, 12), (2, 12)] * 2
    with pytest.raises(ValueError, match="layer is 2, expected 0 to 1"):
        model.keras_weights(2)
    cell = nn.LSTMCell(3, 4, rng=0)
    assert [array.shape for array in cell.keras_weights()] == [(3, 16), (4, 16), (16,)]
    biased = cell.keras_weights()[2]
    np.testing.assert_array_equal(biased, cell.bias_ih + cell.bias_hh)  # the order of gates is torch's
