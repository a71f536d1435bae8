"""Models of torch.nn, or their weights, as models of cyrnn.nn."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from ..weights import torch_names
from . import _check, _check_files, _check_heads, _check_modules, _check_quantized, _check_weights
from .cell_module import CellModule
from .cells import GRUCell, LSTMCell, RNNCell
from .embedding import Embedding
from .head import Head
from .layer_norm import LayerNorm
from .layers import GRU, RNN
from .linear import Linear
from .lstm import LSTM
from .module import Loaded

_CELLS = (RNN, LSTM, GRU, RNNCell, LSTMCell, GRUCell)
_CLASSES: dict[str, type[CellModule[Any]]] = {kind.__name__: kind for kind in _CELLS}
_HEADS: dict[str, type[Head[Any]]] = {kind.__name__: kind for kind in (Linear, Embedding, LayerNorm)}

#: the classes that are none of these, by torch's names; their own modules fill it
ALSO: dict[str, Any] = {}


def from_torch(module: Any, *, dtype: Any = None, dequantize: bool = False) -> Any:
    """Make a model with the class, the sizes, the options and the weights of one of torch.nn's.

    Parameters
    ----------
    module : torch.nn.Module
        An RNN, LSTM, GRU, RNNCell, LSTMCell, GRUCell, Linear, Embedding, LayerNorm, Dropout, a Sequential of these, or
        of a subclass of one; or what torch.compile, DataParallel or torch.jit.script made of it; or one of
        torch.ao.nn.quantized.dynamic. Only its attributes are asked for: torch is not imported.
    dtype : dtype, optional
        Either float32 or float64; if left out, float64 for weights in float64, else float32.
    dequantize : bool
        Whether weights that are integers become floats.

    Returns
    -------
    RNN, LSTM, GRU, RNNCell, LSTMCell, GRUCell, Linear, Embedding, LayerNorm, Dropout or Sequential
        With copies of the weights. A type checker cannot know which: `nn.LSTM.from_torch(module)` tells it.

    Raises
    ------
    TypeError, ValueError
        If module is of another class, or a trace, or takes quantised input, is on the meta device, or its weights do
        not fit its sizes.

    See Also
    --------
    from_state_dict : The same from weights alone.

    Notes
    -----
    A dynamically quantised LSTM, GRU, cell or Linear becomes a model with torch's integers and scales, as `quantize`
    makes them: of int8 weights if all differences to their zero points lie within -128 .. 127, else of int16 ones,
    which hold them exactly. What is quantised to float16 becomes float32.

    Examples
    --------
    >>> class LSTMCell:  # or torch.nn.LSTMCell
    ...     input_size, hidden_size, bias = 1, 2, False
    ...     weight_ih, weight_hh = np.ones((8, 1), np.float32), np.ones((8, 2), np.float32)
    >>> cyrnn.nn.from_torch(LSTMCell())
    LSTMCell(1, 2, bias=False)
    """
    given, module = _check_modules.inside_as(module), _check_modules.module_inside("from_torch", module)
    kinds: dict[str, Any] = _CLASSES | _HEADS | ALSO
    name = _check_modules.framework_class("from_torch", module, kinds, given)
    return kinds[name].from_torch(module, dtype=dtype, dequantize=dequantize)


def from_state_dict(weights: Mapping[str, Any], prefix: str = "", **options: Any) -> Any:
    """Make the model that the names and shapes of weights describe.

    Parameters
    ----------
    weights : mapping
        As for `load_state_dict`: what `np.load` makes of a .npz file, `safetensors.numpy.load_file`, or a state_dict.
    prefix : str
        What the names begin with, as "encoder.lstm.". It may be left out where all recurrent weights have the same one.
    **options
        What weights cannot say, as for the class: `batch_first`, `dropout`, for an RNN or RNNCell `nonlinearity`
        ("tanh" if left out, as torch has it), `dtype` (float64 for weights in float64, else float32); of one `weight`
        alone, which may be an Embedding's or a Linear's without bias, `kind="Embedding"` or `kind="Linear"`; of three
        blocks of rows, which are a GRU's and those of an LSTM with `coupled=True` alike, that; `dequantize=True` makes
        floats of integers.

    Returns
    -------
    RNN, LSTM, GRU, RNNCell, LSTMCell, GRUCell, Linear or Embedding
        The class by the blocks of rows and by the names, which are a cell's where they have no `_l0`; sizes, number of
        layers, directions, bias and projection by names and shapes. `weight` and `bias` are those of a Linear. A type
        checker cannot know which class.

    Raises
    ------
    ValueError, TypeError
        If the weights are of several modules or of none, some are missing or left over, or an option contradicts them.

    See Also
    --------
    from_torch : The same from a module in memory, with all of its options.

    Examples
    --------
    >>> weights = {f"encoder.{k}": v for k, v in cyrnn.nn.GRU(3, 5, num_layers=2).state_dict().items()}
    >>> cyrnn.nn.from_state_dict(weights, prefix="encoder.", batch_first=True)
    GRU(3, 5, num_layers=2, batch_first=True)
    """
    function = "from_state_dict"
    return made(function, "weights", of_one_module(function, "weights", weights, prefix), options)


def of_one_module(function: str, argument: str, weights: Mapping[str, Any], prefix: str) -> Mapping[str, Any]:
    """Return the entries of one module, without what their names begin with."""
    given = _check_weights.state_dict(function, argument, weights, prefix)
    _check_weights.other_contents(function, argument, weights)
    found = torch_names.prefixes(given)
    if len(found) == 1 and found[0]:
        return _check_weights.state_dict(function, argument, given, found[0])
    _check_weights.no_prefix(function, argument, given, "weight_ih_l0")
    return given


def with_options(
    function: str, path: str, weights: Mapping[str, Any], own: Mapping[str, Any], given: Mapping[str, Any]
) -> Any:
    """Make the model of a file: of its weights, which nobody else has, its own options and those of a call."""
    both = _check_files.both_options(function, path, own, given)
    with _check_files.naming(function, path):
        return made(function, repr(path), weights, both, own, unshared=True)


def made(
    function: str,
    argument: str,
    given: Mapping[str, Any],
    options: Mapping[str, Any],
    of_file: Mapping[str, Any] | None = None,
    unshared: bool = False,
) -> Any:
    """Make the model that names without a prefix, shapes and options describe.

    of_file: those of the options that are a file's; unshared: whether nobody else has the arrays.
    """
    options = dict(options)
    if _check.flag(function, "dequantize", options.pop("dequantize", False)) and _check_quantized.integers_of(given):
        wanted = _check.floating(function, options.pop("dtype", np.float32))
        return made(function, argument, given, options, of_file, unshared).dequantize().to(wanted)
    head = _head(function, argument, given, options, of_file, unshared)
    if head is not None:
        return head
    described = torch_names.described(_check_weights.shapes_of(given))
    if described is None:
        _check_weights.undescribed(function, argument, given)
    if options.get("coupled") is True and described.name.startswith("GRU"):  # of the same shapes, without peepholes
        described = described._replace(name=described.name.replace("GRU", "LSTM"), coupled=True)
    kind = _CLASSES[described.name]
    known = (*kind._options, *kind._variants, "dtype", "rng", "dequantize")
    _check_files.known_options(function, argument, of_file or (), described.name, known)
    _check_weights.options_of(function, options, described, known)
    _check.generator(function, "rng", options.get("rng", 0))
    begin = {"rng": _loaded(function, argument, given, options, unshared)}
    sizes = {"input_size": described.input_size, "hidden_size": described.hidden_size}
    dtype = {"dtype": _check_modules.dtype_of_weights(given)}
    own = {name: value for name, value in options.items() if name in known or name in sizes}  # others say what is so
    return kind(**dtype | sizes | described.options | own | begin)


def _head(
    function: str,
    argument: str,
    given: Mapping[str, Any],
    options: Mapping[str, Any],
    of_file: Mapping[str, Any] | None,
    unshared: bool,
) -> Any:
    """Make the Linear or the Embedding that names, shapes and options describe; None where there is none."""
    name, sizes = _check_heads.head_of(function, argument, given, _check_weights.shapes_of(given), options.get("kind"))
    if not name:
        return None
    known = (*_HEADS[name]._options, "kind", "dtype", "rng", "dequantize")
    _check_files.known_options(function, argument, of_file or (), name, known)
    _check_heads.options_of(function, name, options, sizes, known)
    _check.generator(function, "rng", options.get("rng", 0))
    own = {key: value for key, value in options.items() if key != "kind"}
    dtype = {"dtype": _check_modules.dtype_of_weights(given)}
    begin = _loaded(function, argument, given, options, unshared)
    return _HEADS[name](**dtype | sizes | own | {"rng": begin})


def _loaded(
    function: str, argument: str, given: Mapping[str, Any], options: Mapping[str, Any], unshared: bool
) -> Loaded:
    """Return the weights that a model begins with, floats or integers."""
    integers = _check_quantized.integers_of(given)
    if integers is not None and "dtype" in options:
        _check_quantized.stays_float32(function, _check.floating(function, options["dtype"]), integers)
    return Loaded(function, argument, given, unshared, integers)
