"""cyrnn itself. The one file of the benchmark that knows its names below the public ones."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np

import cyrnn
from cyrnn import nn
from cyrnn.kernels import dispatch

from ..contestant import Variant
from ..work import Array, Case
from . import notebook_numpy, onnx_form, torch_form


def version() -> str:
    return str(cyrnn.__version__)


def isa() -> str:
    return str(dispatch.kernels.isa)


#: from a float32 module to the one that is timed
Convert = Callable[[Any], Any]


def _as_it_is(module: Any) -> Any:
    return module


def _hidden_call(case: Case, convert: Convert = _as_it_is) -> Callable[[], Any]:
    model, x, state = convert(_model(case)), case.x_rows, _states(case)
    return lambda: model(x, state)


def _read_output(result: Any) -> dict[str, Array]:
    return {"a": result[0].transpose(2, 1, 0)}


def hidden(case: Case) -> list[Variant]:
    return [Variant("cyrnn", "nn", _hidden_call(case), _read_output)]


def quantized(case: Case) -> list[Variant]:
    """The float32 model, which those in fewer bits are held against."""
    return hidden(case)


def quantized_step(case: Case) -> list[Variant]:
    return stream(case) + steps(case)


def integers(case: Case, weights: str) -> list[Variant]:
    """QUANTIZED with weights of "int8" or "int16"; an old build has none."""
    if not hasattr(nn.LSTM, "quantize"):
        return []

    def convert(module: Any) -> Any:
        return module.quantize(weights)

    rival = f"cyrnn_{weights}"
    if case.kind == "quantized":
        return [Variant(rival, "nn", _hidden_call(case, convert), _read_output)]
    return [replace(variant, rival=rival) for variant in stream(case, convert) + steps(case, convert)]


def stream(case: Case, convert: Convert = _as_it_is) -> list[Variant]:
    cell = getattr(nn, f"{case.cell.upper()}Cell")(case.n_x, case.n_a, dtype=case.real, rng=0)
    cell.load_state_dict(torch_form.weights(case, numbered=False))
    cell = convert(cell)
    xt, pair = case.x_rows[0], case.cell == "lstm"
    state = tuple(case.initial) if pair else case.initial[0]

    def call() -> Any:
        nonlocal state
        state = cell(xt, state)
        return state

    def read(state: Any) -> dict[str, Array]:
        return {name: array.T for name, array in zip("ac", state if pair else (state,), strict=False)}

    return [Variant("cyrnn", "nn, cell", call, read)]


def _model(case: Case, **options: Any) -> Any:
    real, both = case.real, case.directions == 2
    kind = getattr(nn, case.cell.upper())
    model = kind(case.n_x, case.n_a, case.layers, bidirectional=both, dtype=real, rng=0, **options)
    more = {} if case.peepholes is None else {"weight_ch_l0": case.peepholes}
    model.load_state_dict(torch_form.weights(case) | more)
    return model


def _states(case: Case) -> Any:
    """h_0, or (h_0, c_0), as torch.nn has it."""
    return tuple(case.all_initial) if case.cell == "lstm" else case.all_initial[0]


def call(case: Case, **options: Any) -> list[Variant]:
    model, x, state = _model(case, **options), case.x_rows, _states(case)
    return [Variant("cyrnn", "nn", lambda: model(x, state), lambda result: torch_form.result(case, *result))]


stack = bidirectional = call


def peephole(case: Case) -> list[Variant]:
    return call(case, peephole=True)


def reset_before(case: Case) -> list[Variant]:
    return call(case, reset_after=False)


def onnx(case: Case) -> list[Variant]:
    from cyrnn import onnx as operators  # an old build, which `against` runs, has none

    layer, x, states = getattr(operators, case.cell.upper())(**onnx_form.weights(case)), case.x_rows, case.all_initial
    names = ("Y", "Y_h", "Y_c")[: 1 + len(states)]
    return [
        Variant(
            "cyrnn", "prepared", lambda: layer(x, None, *states), lambda outputs: onnx_form.named(case, names, outputs)
        )
    ]


def ragged(case: Case) -> list[Variant]:
    model, x, state, lengths = _model(case), case.x_rows, _states(case), case.lengths

    def work() -> Any:
        return model(x, state, lengths=lengths)

    return [Variant("cyrnn", "nn, lengths", work, lambda result: torch_form.result(case, *result))]


def train_layer(case: Case) -> list[Variant]:
    """Forward with the tape, and backward, of a whole model."""
    model, x, state, lengths, da = _model(case), case.x_rows, _states(case), case.lengths, case.da_rows

    def work() -> Any:
        return model.backward(model.forward(x, state, lengths=lengths)[2], da)

    def read(found: Any) -> dict[str, Array]:
        return torch_form.gradients(case, found.input, found.hx, found.weights)

    return [Variant("cyrnn", "nn", work, read)]


train_stack = train_bidirectional = train_ragged = train_layer


def steps(case: Case, convert: Convert = _as_it_is) -> list[Variant]:
    step, xt, state = convert(_model(case)).step, case.x_rows[0], _states(case)

    def call() -> Any:
        nonlocal state
        _, state = step(xt, state)
        return state

    return [Variant("cyrnn", "nn, step", call, lambda state: torch_form.result(case, None, state))]


def _named(*names: str) -> Callable[[tuple[Any, ...]], dict[str, Array]]:
    return lambda result: dict(zip(names, result, strict=False))


def _function(case: Case, name: str) -> Callable[..., Any]:
    """The notebook's function of a cell; the GRU resets after the product."""
    function = getattr(cyrnn, f"{case.cell}_{name}")
    return partial(function, reset_after=True) if case.cell == "gru" else function


def cell(case: Case) -> list[Variant]:
    xt, parameters, function = np.ascontiguousarray(case.x[:, :, 0]), case.parameters, _function(case, "cell_forward")
    if case.cell == "lstm":
        a_prev, c_prev = case.a0, case.c0
        return [Variant("cyrnn", "dict", lambda: function(xt, a_prev, c_prev, parameters), _named("a", "c", "y"))]
    a_prev = case.a0
    return [Variant("cyrnn", "dict", lambda: function(xt, a_prev, parameters), _named("a", "y"))]


def forward(case: Case) -> list[Variant]:
    x, a0, parameters, function = case.x, case.a0, case.parameters, _function(case, "forward")
    names = ("a", "y", "c") if case.cell == "lstm" else ("a", "y")
    return [Variant("cyrnn", "dict", lambda: function(x, a0, parameters), _named(*names))]


def train(case: Case) -> list[Variant]:
    x, a0, parameters, da = case.x, case.a0, case.parameters, case.da
    forward, backward = _function(case, "forward"), _function(case, "backward")
    return [Variant("cyrnn", "dict", lambda: backward(da, forward(x, a0, parameters)[-1]), dict)]


def backward(case: Case) -> list[Variant]:
    """From the caches that the notebook's code made, arrays of their own, where that is a rival; else from ours."""
    foreign = notebook_numpy.offers_gradients(case)
    *_, caches = (notebook_numpy.forward if foreign else forward)(case)[0].call()
    da, function = case.da, _function(case, "backward")
    return [Variant("cyrnn", "the notebook's caches" if foreign else "caches", lambda: function(da, caches), dict)]


@contextlib.contextmanager
def _on(count: int) -> Iterator[None]:
    before = cyrnn.get_num_threads()
    cyrnn.set_num_threads(count)
    try:
        yield
    finally:
        cyrnn.set_num_threads(before)


def threads(case: Case) -> list[Variant]:
    if not hasattr(cyrnn, "set_num_threads"):
        return []
    call = _hidden_call(case)
    return [
        Variant("cyrnn", "nn", call, _read_output, lambda count=count: _on(count), count) for count in (1, 2)
    ]


def pack(case: Case) -> list[Variant]:
    parameters = case.parameters

    def read(packed: Any) -> dict[str, Array]:
        if not all(np.array_equal(packed[key], value) for key, value in parameters.items()):
            raise ValueError("pack changed a value")
        return {}

    return [Variant("cyrnn", "pack", lambda: cyrnn.pack(parameters), read)]
