"""Recurrent nodes of files of ONNX as models of nn.

A node is one layer in one direction or in both. Nodes are layers of one model where each reads nothing but the output
of the one before: weights/onnx_chain.py. What nn has not, as a layer in reverse alone, is refused with what runs it.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, BinaryIO, NamedTuple

import numpy as np

from ..calls.quantized import Quantized
from ..cells import PLAIN, Variant
from ..cells.spec import Array
from ..weights import orders
from ..weights.contents import Memory, mapped, size_of
from ..weights.onnx_chain import Apart, chain
from ..weights.onnx_file import Node
from ..weights.onnx_nodes import Recurrent, about_of, activation, read, recurrent_nodes
from ..weights.scaled import Scaled, floats, matrices
from . import _check, _check_files
from .convert import with_options
from .onnx_graphs import form
from .variants import given_as

_DEFAULTS = {"RNN": ["Tanh"], "GRU": ["Sigmoid", "Tanh"], "LSTM": ["Sigmoid", "Tanh", "Tanh"]}
_GATES = {"RNN": 1, "GRU": 3, "LSTM": 4}
_DIRECTIONS = {"forward": 1, "bidirectional": 2}


class _Unfit(ValueError):
    """A node that no model of nn is."""


class _Layer(NamedTuple):
    """What all layers of a model have in common."""

    operator: str
    directions: int
    hidden_size: int
    dtype: str
    bias: bool
    peephole: bool
    coupled: bool
    reset_after: bool
    batch_first: bool
    variant: Variant


def load(function: str, path: str, file: BinaryIO, prefix: str, options: Mapping[str, Any]) -> Any:
    """Return the model of the nodes whose name is the prefix, or begins with it."""
    data, memory = mapped(file), Memory(size_of(file))
    nodes = recurrent_nodes(data, os.path.dirname(os.path.abspath(path)))
    names = [prefix] if prefix in nodes else [name for name in nodes if name.startswith(prefix)]
    try:
        names = chain({name: nodes[name] for name in names})
    except Apart as error:
        _check_files.nodes(function, path, list(nodes), names, prefix, str(error))
    kept = about_of(data)
    about = _check_files.options_in(function, path, kept)
    single = about.pop("single_step", False)
    if single and len(names) > 1:  # whose names have no number of a layer
        _check_files.contradiction(function, path)
    given = dict(options)
    dequantize = _check.flag(function, "dequantize", given.pop("dequantize", False))
    layers: list[_Layer] = []
    found: list[Recurrent] = []
    weights: dict[str, Array] = {}
    for name in names:
        with _naming(function, path, nodes[name]):
            found.append(read(nodes[name], integers=not dequantize))
            layers.append(_layer(found[-1]))
        if layers[-1] != layers[0]:
            why = f"{names[0]!r} and {name!r} are unlike cells"
            _check_files.nodes(function, path, list(nodes), names, prefix, why)
    matrices = _matrices(found, layers[0].directions)
    for k, name in enumerate(names):
        with _naming(function, path, nodes[name]):
            weights |= _named(found[k], matrices[k], layers[0], "" if single else f"_l{k}", memory)
    own = about if kept else _options(layers[0])
    model = with_options(function, path, weights, own, given)
    if kept and form(model._plan) != (layers[0].variant, layers[0].coupled, layers[0].reset_after):
        _check_files.contradiction(function, path)
    return model


@contextmanager
def _naming(function: str, path: str, node: Node) -> Iterator[None]:
    """Name the node in what is said of it."""
    try:
        yield
    except (ValueError, OSError) as error:
        _check_files.of_file(function, path, error, place=f"{node}: ")


def _matrices(found: Sequence[Recurrent], D: int) -> list[tuple[Any, Any]]:
    """Return W and R of every node, a matrix for each direction: all integers of one dtype, or all floats."""
    pairs = [(own.W, own.R) for own in found]
    if not all(isinstance(W, Scaled) for W, _ in pairs):
        return [(floats(W), floats(R)) for W, R in pairs]
    flat = matrices(*[part for pair in pairs for W in pair for part in W.directions()])
    return [(flat[k : k + D], flat[k + D : k + 2 * D]) for k in range(0, len(flat), 2 * D)]


def _layer(found: Recurrent) -> _Layer:
    """Read the attributes of a node, and check its weights' shapes against them."""
    attributes, operator = found.attributes, found.operator
    direction = attributes.get("direction", "forward")
    if direction not in _DIRECTIONS:
        raise _Unfit(f"its direction is {direction!r}, expected {' or '.join(_DIRECTIONS)}: {_check_files.PREPARED}")
    if any(state is not None for state in found.initial):
        raise _Unfit(f"its initial state stands in the file, expected an input: {_check_files.PREPARED}")
    D, G = _DIRECTIONS[direction], _GATES[operator]
    R = found.R.shape
    n = R[2] if len(R) == 3 else 0
    wanted: dict[str, tuple[int, ...]] = {"W": (D, G * n, found.W.shape[-1] if found.W.ndim else 0), "R": (D, G * n, n)}
    wanted |= {"B": (D, 2 * G * n), "P": (D, 3 * n)}
    for name, shape in wanted.items():
        value = getattr(found, name)
        if value is not None and (value.shape != shape or value.dtype.str[1:] not in ("f2", "f4", "f8")):
            raise _Unfit(f"its {name} is {value.dtype} {value.shape}, expected floats of shape {shape}")
        if value is not None and value.dtype.itemsize != found.W.dtype.itemsize:
            raise _Unfit(f"its {name} is {value.dtype}, expected {found.W.dtype}, that of W")
    if attributes.get("hidden_size", n) != n:
        raise _Unfit(f"its hidden_size is {attributes['hidden_size']}, expected {n}, that of R")
    variant = _variant(operator, D, attributes)
    flags = [bool(attributes.get(name)) for name in ("input_forget", "linear_before_reset", "layout")]
    after = flags[1] or operator != "GRU"
    wide = "float64" if found.W.dtype.itemsize == 8 else "float32"
    return _Layer(operator, D, n, wide, found.B is not None, found.P is not None, flags[0], after, flags[2], variant)


def _variant(operator: str, D: int, attributes: Mapping[str, Any]) -> Variant:
    names = attributes.get("activations", _DEFAULTS[operator] * D)
    alphas, betas = (list(attributes.get(f"activation_{name}", ())) for name in ("alpha", "beta"))
    found = [own for name in names if (own := activation(name, alphas, betas))]
    each = len(_DEFAULTS[operator])
    if len(found) != len(names) or len(found) != each * D or alphas or betas:
        raise _Unfit(f"its activations are {names}, expected {each * D} of ONNX's with as many constants as they have")
    if found[:each] != found[-each:]:
        raise _Unfit(f"its directions have other activations, expected the same ones: {_check_files.PREPARED}")
    clip = attributes.get("clip") or np.inf
    if operator == "RNN":
        return PLAIN._replace(candidate=found[0], clip=clip)
    return Variant(found[0], found[1], found[2] if operator == "LSTM" else PLAIN.output, clip)


def _options(layer: _Layer) -> dict[str, Any]:
    """Return the options of the class that weights do not tell."""
    variant, options = layer.variant, dict[str, Any](batch_first=layer.batch_first)
    clip = {"clip": None if variant.clip == np.inf else variant.clip}
    if layer.operator == "RNN":
        return options | clip | {"nonlinearity": given_as(variant.candidate)}
    options |= clip | {"recurrent_activation": given_as(variant.gate), "activation": given_as(variant.candidate)}
    if layer.operator == "GRU":
        return options | {"reset_after": layer.reset_after}
    other = None if variant.output == variant.candidate else given_as(variant.output)
    return options | {"coupled": layer.coupled, "output_activation": other}


def _named(
    found: Recurrent, matrices: tuple[Any, Any], layer: _Layer, suffix: str, memory: Memory
) -> dict[str, Array]:
    """Return the weights of a node by torch's names, in torch's order, each in memory of its own."""
    given = orders.ORDERS["onnx"][layer.operator.lower()]
    wanted = orders.ORDERS["torch"][layer.operator.lower()].replace("f" if layer.coupled else " ", "")
    n, dtype = layer.hidden_size, np.dtype(layer.dtype)
    weights: dict[str, Array] = {}
    for d, way in enumerate(("", "_reverse")[: layer.directions]):
        parts: dict[str, Array] = {}
        for name, own in zip(("weight_ih", "weight_hh"), matrices, strict=True):
            if isinstance(own[d], Quantized):
                parts |= {name: own[d].values, f"{name}_scale": own[d].scale}
            else:
                parts[name] = own[d]
        if found.B is not None:
            parts["bias_ih"], parts["bias_hh"] = np.split(found.B[d], 2)
        for name, value in parts.items():
            stem, scale, _ = name.partition("_scale")
            kind = dtype if value.dtype.kind == "f" else value.dtype
            weights[stem + suffix + way + scale] = orders.in_order(value, given, wanted, n, kind, memory.empty)
        if found.P is not None:
            P = found.P[d].reshape(3, n)[: 2 if layer.coupled else 3]
            weights[f"weight_ch{suffix}{way}"] = np.array(P, dtype, order="C")
    return weights
