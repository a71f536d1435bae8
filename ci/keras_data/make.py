"""Make the data by which tests/nn/test_keras.py holds cyrnn against Keras 2 and Keras 3: layers, and files of models.

    python ci/keras_data/make.py tests/data        with tensorflow-cpu, tf-keras, keras, h5py and NumPy installed

One file of layers, keras.npz: for each case the configuration and the weights of a layer, what went in and what came
out. And four models, keras2.h5, keras2.keras, keras3.h5 and keras3.keras, whose results are cases, too. Keras 2 is
tf_keras; both run on TensorFlow's CPU kernels, in float32. The layers of cuDNN, which want a GPU, have their weights
from tf_keras' own conversion, and their results from the layers that it converts from.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

os.environ |= {"KERAS_BACKEND": "tensorflow", "TF_CPP_MIN_LOG_LEVEL": "3", "CUDA_VISIBLE_DEVICES": ""}

import h5py  # TensorFlow reads its environment where it is imported
import keras
import numpy as np
import tensorflow
import tf_keras
from tf_keras.src.layers.rnn.cudnn_gru import CuDNNGRU
from tf_keras.src.layers.rnn.cudnn_lstm import CuDNNLSTM
from tf_keras.src.saving.legacy.hdf5_format import preprocess_weights_for_loading

sys.path.insert(0, str(Path(__file__).parents[2] / "tests" / "support"))
import stored

VERSIONS = {2: tf_keras, 3: keras}
FEATURES, UNITS, BATCH, STEPS = 3, 4, 2, 6

#: case -> class, options
LAYERS: dict[str, tuple[str, dict[str, object]]] = {
    "rnn": ("SimpleRNN", {}),
    "rnn relu": ("SimpleRNN", {"activation": "relu"}),
    "rnn backwards": ("SimpleRNN", {"go_backwards": True}),
    "lstm": ("LSTM", {}),
    "lstm without bias": ("LSTM", {"use_bias": False}),
    "lstm hard": ("LSTM", {"recurrent_activation": "hard_sigmoid"}),
    "lstm softsign": ("LSTM", {"activation": "softsign", "recurrent_activation": "hard_sigmoid"}),
    "lstm elu": ("LSTM", {"activation": "elu"}),
    "lstm linear": ("LSTM", {"activation": "linear"}),
    "lstm backwards": ("LSTM", {"go_backwards": True}),
    "lstm stateful": ("LSTM", {"stateful": True}),
    "gru after": ("GRU", {"reset_after": True}),
    "gru before": ("GRU", {"reset_after": False}),
    "gru hard": ("GRU", {"reset_after": False, "recurrent_activation": "hard_sigmoid"}),
    "gru softplus": ("GRU", {"reset_after": True, "activation": "softplus"}),
    "gru backwards": ("GRU", {"go_backwards": True, "reset_after": True}),
    "gru stateful": ("GRU", {"stateful": True, "reset_after": False}),
    "rnn both": ("Bidirectional SimpleRNN", {}),
    "lstm both": ("Bidirectional LSTM", {"recurrent_activation": "hard_sigmoid"}),
    "gru both": ("Bidirectional GRU", {"reset_after": True}),
    "gru before both": ("Bidirectional GRU", {"reset_after": False}),
}


def text(value: object) -> np.ndarray:
    return np.frombuffer(json.dumps(value).encode(), np.uint8)


def with_weights(layer, random) -> None:
    """Give a layer weights of which no gate is saturated and no bias is zero."""
    layer.set_weights([random.uniform(-1, 1, w.shape).astype(np.float32) * 0.7 for w in layer.get_weights()])


def case(package, kind: str, options: dict[str, object], random) -> dict[str, np.ndarray]:
    """Run a layer over a batch, a stateful one twice."""
    name = kind.split()[-1]
    layer = getattr(package.layers, name)(UNITS, return_sequences=True, **options)
    if kind.startswith("Bidirectional"):
        layer = package.layers.Bidirectional(layer)
    x = random.standard_normal((BATCH, STEPS, FEATURES)).astype(np.float32)
    layer(x)
    with_weights(layer, random)
    if options.get("stateful"):
        layer.reset_states() if package is tf_keras else layer.reset_state()
    found = {"x": x, "output": np.array(layer(x)), "class": text(kind), "config": text(layer.get_config())}
    if options.get("stateful"):
        found["second output"] = np.array(layer(x))
    return found | {f"weight {i}": value for i, value in enumerate(layer.get_weights())}


def cudnn(name: str, random) -> dict[str, np.ndarray]:
    """A layer of cuDNN: weights converted by tf_keras, results by the layer that they come from."""
    options = {"reset_after": True} if name == "GRU" else {}
    found = case(tf_keras, name, options, random)
    target = {"LSTM": CuDNNLSTM, "GRU": CuDNNGRU}[name](UNITS)
    own = [found.pop(f"weight {i}") for i in range(3)]
    target.build((None, None, FEATURES))
    converted = preprocess_weights_for_loading(target, own, "2", "tensorflow")
    found |= {"class": text(f"CuDNN{name}"), "config": text(target.get_config())}
    return found | {f"weight {i}": np.asarray(value, np.float32) for i, value in enumerate(converted)}


def model(package, version: int, folder: Path, random) -> dict[str, np.ndarray]:
    """A model of several layers in both kinds of files."""
    layers = package.layers
    encoder = layers.LSTM(UNITS, return_sequences=True, recurrent_activation="hard_sigmoid", name="encoder")
    both = layers.Bidirectional(layers.GRU(UNITS, return_sequences=True), name="both")
    last = layers.SimpleRNN(UNITS, return_sequences=True, go_backwards=True, name="last")
    parts = [encoder, layers.Dropout(0.5), both, last, layers.Dense(2, name="head")]
    made = package.Sequential([layers.Input((None, FEATURES)), *parts], name="model")
    for layer in (encoder, both, last):
        with_weights(layer, random)
    for ending in ("h5", "keras"):
        made.save(folder / f"keras{version}.{ending}")
    x = random.standard_normal((BATCH, STEPS, FEATURES)).astype(np.float32)
    encoded = np.array(encoder(x))
    mixed = np.array(both(encoded))
    return {"x": x, "encoder": encoded, "both": mixed, "last": np.array(last(mixed))}


def block_cells(random) -> dict[str, dict[str, np.ndarray]]:
    """One step of TensorFlow's own cells, whose weights are of [x, h], and whose text and order of gates differ."""
    x, h, c = (random.standard_normal((BATCH, n)).astype(np.float32) for n in (FEATURES, UNITS, UNITS))
    w, b = (random.standard_normal(shape).astype(np.float32) for shape in ((FEATURES + UNITS, 3 * UNITS), 3 * UNITS))
    cells = {"tensorflow gru": {"x": x, "h": h, "w": w, "b": b}}
    halves = {"w_ru": w[:, : 2 * UNITS], "w_c": w[:, 2 * UNITS :], "b_ru": b[: 2 * UNITS], "b_c": b[2 * UNITS :]}
    cells["tensorflow gru"]["output"] = tensorflow.raw_ops.GRUBlockCell(x=x, h_prev=h, **halves).h.numpy()
    w, b = (random.standard_normal(shape).astype(np.float32) for shape in ((FEATURES + UNITS, 4 * UNITS), 4 * UNITS))
    peepholes = {name: random.standard_normal(UNITS).astype(np.float32) for name in ("wci", "wcf", "wco")}
    shared = {"cs_prev": c, "h_prev": h, "w": w, "b": b, "use_peephole": True, **peepholes}
    made = tensorflow.raw_ops.LSTMBlockCell(x=x, forget_bias=1.0, cell_clip=-1.0, **shared)
    second = tensorflow.raw_ops.BlockLSTMV2(x=x[None], seq_len_max=np.int64(1), cell_clip=0.0, **shared)
    given = {"x": x, "h": h, "c": c, "w": w, "b": b, **peepholes}
    cells["tensorflow lstm"] = given | {"output": made.h.numpy()}
    cells["tensorflow lstm 2"] = given | {"output": second.h.numpy()[0]}
    return cells


def main(folder: Path) -> None:
    results = {}
    for version, package in VERSIONS.items():
        for number, (name, (kind, options)) in enumerate(LAYERS.items()):
            results[f"{version} {name}"] = case(package, kind, options, np.random.RandomState(number))
        results[f"{version} model"] = model(package, version, folder, np.random.RandomState(99))
    for number, name in enumerate(("LSTM", "GRU")):
        results[f"2 cudnn {name.lower()}"] = cudnn(name, np.random.RandomState(200 + number))
    results |= block_cells(np.random.RandomState(300))
    modules = {"tensorflow": tensorflow, "keras": keras, "tf_keras": tf_keras, "h5py": h5py, "numpy": np}
    stored.save(folder / "keras.npz", {name: module.__version__ for name, module in modules.items()}, results)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
