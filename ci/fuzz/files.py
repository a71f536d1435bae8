"""atheris on files: `cyrnn.nn.load` of .npz, .safetensors and .onnx, and `cyrnn.onnx.load` with every layer of it.

    pip install atheris && PYTHONPATH=src:tests/support python -m ci.fuzz.files -max_total_time=3600

The seeds are files that are written here: of every class and option, compressed, quantised, with constants behind other
nodes. Whatever bytes come in, a model comes out, or an error that names the file: a ValueError, nothing else. What the
process takes of memory stays within `MAX_BYTES`, whatever a file claims. Not part of CI: atheris has wheels for some
CPythons on Linux alone.
"""

from __future__ import annotations

import os
import resource
import sys
import tempfile
import warnings
from pathlib import Path
from typing import Any

import atheris

with atheris.instrument_imports(include=["cyrnn", "zipfile", "json"]):
    import cyrnn.nn
    import cyrnn.onnx
    from cyrnn.nn import onnx_files as onnx_files
    from cyrnn.weights import npz_file as npz_file
    from cyrnn.weights import safetensors_file as safetensors_file

import numpy as np
from onnx_writer import graph, model, node, tensor

from .verdict import Failure

#: the first byte of an input says as what the rest is read
FORMATS = (".npz", ".safetensors", ".onnx", "onnx.load")
#: growth of the process; an input has 64 kB at most, and unpacks to 64 times that and a megabyte
MAX_BYTES = 256 << 20
_FOLDER = tempfile.mkdtemp(prefix="cyrnn-fuzz-")
_BEGUN = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def _models() -> list[Any]:
    nn = cyrnn.nn
    return [
        nn.LSTM(2, 3, rng=0),
        nn.LSTM(1, 3, proj_size=2, bias=False, dtype=np.float64, rng=0),
        nn.LSTM(2, 2, 2, peephole=True, coupled=True, output_activation="relu", rng=0),
        nn.GRU(2, 2, num_layers=2, bidirectional=True, batch_first=True, rng=0),
        nn.GRU(2, 2, reset_after=False, recurrent_activation=("hard_sigmoid", 1 / 6, 0.5), clip=3.0, rng=0),
        nn.RNN(0, 1, nonlinearity="relu", rng=0),
        nn.RNNCell(2, 2, rng=0),
        nn.LSTMCell(2, 2, rng=0),
    ]


def _graphs() -> list[bytes]:
    """Files of ONNX with what exporters and quantisers leave."""
    random = np.random.default_rng(0)
    W, R, B = (random.standard_normal(shape).astype(np.float32) for shape in ((1, 8, 2), (1, 8, 2), (1, 16)))
    cell = node("LSTM", ["X", "W", "R", "B"], ["Y"], "cell", hidden_size=2, clip=2.0)
    scales = [tensor(np.float32([0.1]), "s"), tensor(np.int8([3]), "z"), tensor(R, "R"), tensor(B, "B")]
    quantised = node("DequantizeLinear", ["q", "s", "z"], ["W"], axis=1)
    constants = [node("Constant", [], ["w"], value=W.transpose(2, 0, 1).copy())]
    constants += [node("Transpose", ["w"], ["v"], perm=[1, 2, 0]), node("Identity", ["v"], ["W"]), cell]
    names = ["X", "W", "R", "B", "", "", "", "", "s", "z", "s", "z"]
    dynamic = node("DynamicQuantizeLSTM", names, ["Y"], "cell", "com.microsoft", hidden_size=2)
    whole = [tensor(value.astype(np.int8).transpose(0, 2, 1).copy(), name) for name, value in (("W", W), ("R", R))]
    half = [tensor(value.astype(np.float16), name, False) for name, value in (("W", W), ("R", R), ("B", B))]
    inner = graph([node("LSTM", ["x", "W", "R"], ["Y"], activations=["Elu", "Tanh", "Relu"], activation_alpha=[0.5])])
    return [
        model([quantised, cell], [tensor(W.astype(np.int8), "q"), *scales]),
        model(constants, scales[2:]),
        model([dynamic], [*whole, *scales[:2], scales[3]]),
        model([node("If", ["c"], ["y"], "if", graphs=[inner])], [tensor(W, "W"), tensor(R, "R")]),
        model([cell], half),
    ]


def write_seeds(folder: Path) -> int:
    """Write the seeds; return how many."""
    found = [bytes([kind]) + data for data in _graphs() for kind in (2, 3)]
    for seed in _models():
        for kind, ending in enumerate(FORMATS[:3]):
            path = Path(_FOLDER) / f"seed{ending}"
            if ending == ".onnx" and getattr(seed, "proj_size", 0):
                continue
            seed.save(path)
            found += [bytes([kind]) + path.read_bytes()]
            found += [bytes([3]) + path.read_bytes()] * (kind == 2)
        np.savez_compressed(path.with_suffix(".npz"), **seed.state_dict())
        found.append(bytes([0]) + path.with_suffix(".npz").read_bytes())
    for number, data in enumerate(found):
        (folder / f"seed{number}").write_bytes(data)
    return len(found)


def one_input(raw: bytes) -> None:
    if len(raw) < 2:
        return
    kind, data = FORMATS[raw[0] % len(FORMATS)], raw[1:]
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # a warning is an error without a sentence
        warnings.filterwarnings("ignore", "dropout option adds")
        try:
            if kind == "onnx.load":
                found = cyrnn.onnx.load(data)
                for name in found:
                    _prepare(found, name)
            else:
                path = os.path.join(_FOLDER, f"input{kind}")
                with open(path, "wb") as file:
                    file.write(data)
                cyrnn.nn.load(path)
        except ValueError as error:
            _named(error)
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - _BEGUN) * 1024
    if grown > MAX_BYTES:
        raise Failure(f"the process has grown by {grown} bytes: {kind} of {len(data)} bytes")


def _prepare(found: Any, name: str) -> None:
    try:
        found[name]
    except ValueError as error:
        _named(error)


def _named(error: ValueError) -> None:
    said = str(error)
    if not said.startswith(("nn.load: ", "onnx.load: ")):
        raise Failure(f"{type(error).__name__} does not begin with what was called: {said[:300]}") from error


if __name__ == "__main__":
    corpus = Path(_FOLDER) / "corpus"
    corpus.mkdir()
    print(f"{write_seeds(corpus)} seeds in {corpus}", flush=True)
    given = [argument for argument in sys.argv[1:] if not argument.startswith("-max_len")]
    atheris.Setup([sys.argv[0], "-max_len=65536", "-rss_limit_mb=1024", *given, str(corpus)], one_input)
    atheris.Fuzz()
