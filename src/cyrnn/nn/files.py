"""Models from files, and into files, by the ending of the path.

| ending | its weights are under | what names and shapes do not tell |
|---|---|---|
| .npz | torch's names | an entry `__cyrnn__`, a text, if there is anything to tell |
| .safetensors | torch's names | in `__metadata__`, likewise |
| .onnx | nodes: a layer each, with W, R, B, P | attributes of nodes, and the model's metadata |
| .h5, .keras | Keras's names | Keras's own configuration |

What is told are the options of the class that are not its defaults, in JSON.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, BinaryIO

from ..weights import npz_file, safetensors_file
from ..weights.contents import Contents
from ..weights.protobuf import Malformed
from ..weights.whole_file import written
from . import _check, _check_files, _check_quantized, kept, keras, onnx_files, onnx_graphs
from ._check_files import MODULES
from .cell_module import CellModule
from .container import Container
from .convert import of_one_module, with_options
from .module import WRITERS, Module
from .sequential_files import sequential_of

if TYPE_CHECKING:
    import os


def load(path: str | os.PathLike[str], prefix: str = "", **options: Any) -> Any:
    """Make the model that a file holds. None of torch, keras, h5py, onnx and safetensors is needed.

    Parameters
    ----------
    path : str or PathLike
        Its ending says the format: .npz or .safetensors with weights under torch's names, .onnx, .h5 or .keras.
    prefix : str
        What the names of the weights begin with, as "encoder.lstm."; of .onnx the name of a node, or what those of the
        layers of a stack begin with; of Keras that of a layer. It may be left out where the file has one model.
    **options
        What the file does not say, as for `from_state_dict`: `batch_first`, `dropout`, `dtype`, and where weights are
        bare those of the cell, `nonlinearity`, `reset_after` and so on; `kind` of one `weight` alone. A file that
        `save` wrote says all of them. `dequantize=True`: weights that are integers become floats.

    Returns
    -------
    RNN, LSTM, GRU, RNNCell, LSTMCell, GRUCell, Linear, Embedding, LayerNorm or Sequential
        In float32 of weights in float16, bfloat16 and float32, else in float64. A type checker cannot know which class.

    Raises
    ------
    ValueError
        If the ending is unknown, or .pt, whose pickle is not read; if the file is damaged or of another format, with
        the place in it; if its weights do not fit each other, or are of several models; if an option contradicts it.
    TypeError
        If path is no path, or an option is none of the class.
    OSError
        As the system raises it: FileNotFoundError where there is no file; IsADirectoryError of a folder.

    See Also
    --------
    from_state_dict : The same from weights in memory.
    cyrnn.onnx.load : Every recurrent node of a file of ONNX, as a prepared layer.

    Notes
    -----
    No pickle is read. Memory is within a small multiple of the size of the file; a compressed .npz may unpack to 64
    times its size. Arrays that a .npz stores as they are, and those of .safetensors and .onnx, have no checksum that
    is read.

    Examples
    --------
    >>> import os, tempfile
    >>> folder = tempfile.TemporaryDirectory()
    >>> path = os.path.join(folder.name, "encoder.npz")
    >>> np.savez(path, **{f"encoder.{k}": v for k, v in cyrnn.nn.LSTM(3, 5, rng=0).state_dict().items()})
    >>> cyrnn.nn.load(path, batch_first=True)
    LSTM(3, 5, batch_first=True)
    >>> folder.cleanup()
    """
    function = "nn.load"
    found = _check_files.path(function, path)
    _check_files.prefix(function, prefix)
    read = _READERS[_check_files.ending(function, found, _READERS)]
    _check_files.regular(function, found, _READERS)
    return read(function, found, prefix, options)


def _of_tensors(contents_of: Callable[[BinaryIO], Contents]) -> Callable[..., Any]:
    """Return what loads a file of tensors under torch's names."""

    def read(function: str, path: str, prefix: str, options: Mapping[str, Any]) -> Any:
        with open(path, "rb") as file:
            try:
                contents = contents_of(file)
                parts = _check_files.modules_in(function, path, contents.about)
                if parts is not None:
                    weights = {name: contents.read(name) for name in contents.names}
                    return sequential_of(function, path, weights, parts, prefix, options)
                names = of_one_module(function, repr(path), {name: name for name in contents.names}, prefix)
                weights = {name: contents.read(whole) for name, whole in names.items()}
            except Malformed as error:
                file.seek(0)
                _check_files.of_file(function, path, error, file.read(16))
        own = _check_files.options_in(function, path, contents.about)
        return with_options(function, path, weights, own, options)

    return read


def _onnx(function: str, path: str, prefix: str, options: Mapping[str, Any]) -> Any:
    with open(path, "rb") as file:
        try:
            return onnx_files.load(function, path, file, prefix, options)
        except Malformed as error:
            file.seek(0)
            _check_files.of_file(function, path, error, file.read(16))


def _keras(function: str, path: str, prefix: str, options: Mapping[str, Any]) -> Any:
    given = dict(options)
    _check.flag(function, "dequantize", given.pop("dequantize", False))  # these files have floats alone
    return keras.load_file(path, prefix, given)


def _save_tensors(model: Module[Any] | Container, path: str) -> None:
    weights: Any = model.state_dict()
    write = npz_file.write if path.lower().endswith(".npz") else safetensors_file.write
    _check_files.some_weights(path, model, weights)
    with written(path) as file:
        write(file, weights, about(model))


def about(model: Module[Any] | Container) -> str:
    """Return what a file keeps beside the weights of a model; "" where their names and shapes tell all."""
    options: Any = {MODULES: kept.modules(model)} if isinstance(model, Container) else kept.options(model)
    return json.dumps(options) if options else ""


_IN_FLOATS = "save it as .npz or .safetensors, or save the float32 model, or dequantize() of this one"


def _of_floats(model: Any, path: str) -> None:
    """Refuse a model that is neither recurrent nor of floats."""
    _check_files.recurrent(path, model, isinstance(model, CellModule))
    function = f"{type(model).__name__}.save: {path!r}"
    _check_quantized.no_integers(function, model._plan, _IN_FLOATS)


def _save_onnx(model: Module[Any], path: str) -> None:
    _of_floats(model, path)
    with written(path) as file:
        onnx_graphs.save(model, path, file)


def _save_keras(model: Module[Any], path: str) -> None:
    _of_floats(model, path)
    keras.save_file(model, path)


_READERS: dict[str, Callable[..., Any]] = {".npz": _of_tensors(npz_file.contents)}
_READERS |= {".safetensors": _of_tensors(safetensors_file.contents)}
_READERS |= {".onnx": _onnx, ".h5": _keras, ".hdf5": _keras, ".keras": _keras}
WRITERS |= {".npz": _save_tensors, ".safetensors": _save_tensors, ".onnx": _save_onnx}
WRITERS |= {".h5": _save_keras, ".hdf5": _save_keras, ".keras": _save_keras}
