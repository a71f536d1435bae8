"""Pairs of calls of cyrnn alone, which `ratios` compares: the "Must reach" table of the issue on calls, and more.

A pair's work is odd in one respect (a facade, a subclass, lengths, a mask, a projection, a variant of the cell); its
base is the plain call.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

import cyrnn

from .rivals import torch_form
from .truth import TOLERANCE
from .work import Array, Case, Shape

SHAPES: tuple[Shape, ...] = ((3, 5, 10, 7), (16, 32, 1, 20), (64, 64, 1, 100), (128, 128, 8, 64))
#: streams, units of each layer
STREAMS, UNITS = 8, 16


class Plain(np.ndarray[Any, Any]):
    """A subclass that changes nothing."""


@dataclass(frozen=True)
class Pair:
    group: str
    work: str
    sizes: str
    #: most that the work may take, in times of the base; None where only the ratio is of interest
    limit: float | None
    call: Callable[[], Any]
    base: Callable[[], Any]
    #: (result of call, result of base) -> pairs of arrays that must be alike; None: nothing to compare
    alike: Callable[[Any, Any], Iterator[tuple[Array, Array]]]
    dtype: str = "f32"

    def check(self) -> float:
        """Run both calls; return the largest difference, of the largest element; raise ValueError above TOLERANCE."""
        worst = 0.0
        for got, want in self.alike(self.call(), self.base()):
            if got.shape != want.shape or got.dtype != want.dtype:
                raise ValueError(f"{self}: {got.shape} {got.dtype}, expected {want.shape} {want.dtype}")
            scale = max(float(np.abs(want).max(initial=0)), 1e-300)
            difference = float(np.abs(np.asarray(got) - want).max(initial=0)) / scale
            worst = max(worst, difference if np.isfinite(got).all() else np.inf)
        if not worst <= TOLERANCE[self.dtype]:
            raise ValueError(f"{self}: differs from its base by {worst:.1e}")
        return worst

    def __str__(self) -> str:
        return f"{self.group}: {self.work} {self.sizes}"


def arrays(result: Any) -> Iterator[Array]:
    """Every array of nested tuples, lists and dicts, in order."""
    if isinstance(result, np.ndarray):
        yield np.asarray(result)
    elif isinstance(result, dict):
        for key in sorted(result):
            yield from arrays(result[key])
    elif isinstance(result, (tuple, list)):
        for each in result:
            yield from arrays(each)


def _all(got: Any, want: Any) -> Iterator[tuple[Array, Array]]:
    return zip(arrays(got), arrays(want), strict=True)


def _leading(got: Any, want: Any) -> Iterator[tuple[Array, Array]]:
    """All but the caches of a forward pass of the notebook, in which the caller's own objects stand."""
    return _all(got[:-1], want[:-1])


def _text(shape: Shape) -> str:
    return f"({','.join(map(str, shape))})"


def _lstm(case: Case, **options: Any) -> Any:
    model = cyrnn.nn.LSTM(case.n_x, case.n_a, dtype=case.real, rng=0, **options)
    if not options:
        model.load_state_dict(torch_form.weights(case))
    return model


def _training(case: Case, model: Any) -> tuple[Callable[[], Any], Callable[[], Any]]:
    """Return nn's forward and backward, and the notebook's, on the same memory: x, h_0, da are views of each other."""
    x, da, parameters = case.x_rows, case.da_rows, case.parameters
    h = case.all_initial[0]
    state = h, np.zeros_like(h)  # the notebook's lstm_forward begins with c0 = 0
    columns, a0, da_columns = x.transpose(2, 1, 0), h[0].T, da.transpose(2, 1, 0)

    def by_layers() -> Any:
        return model.backward(model.forward(x, state)[2], da)

    def by_functions() -> Any:
        return cyrnn.lstm_backward(da_columns, cyrnn.lstm_forward(columns, a0, parameters)[-1])

    return by_layers, by_functions


def layers() -> Iterator[Pair]:
    """nn.LSTM's training against the functions of the notebook, and `lengths=` against none."""
    for shape, limit in zip(SHAPES, (1.4, 1.3, 1.15, 1.1), strict=True):
        case = Case("train_layer", "lstm", "f32", *shape)

        def alike(got: Any, want: Any, case: Case = case) -> Iterator[tuple[Array, Array]]:
            named = torch_form.gradients(case, got.input, got.hx, got.weights)
            yield named["dh_0"][0].T, want["da0"]
            for name, array in want.items():
                if name != "da0":
                    yield named[name if name == "dx" else f"0 {name}"], array

        work = "nn.LSTM forward + backward"
        yield Pair("layers", work, _text(shape), limit, *_training(case, _lstm(case)), alike)
    for shape, limit in zip(SHAPES, (2.2, 1.6, 1.1, 1.1), strict=True):
        case = Case("hidden", "lstm", "f32", *shape)
        model, x, lengths = _lstm(case), case.x_rows, np.full(case.m, case.T_x)
        call = partial(model, x, lengths=lengths)
        yield Pair("layers", "nn.LSTM(x, lengths=all T)", _text(shape), limit, call, partial(model, x), _all)


def _oddities(array: Array) -> Iterator[tuple[str, Any, Array]]:
    """Yield name, an odd form of `array`, and the plain array of the same values."""
    yield "a subclass", array.view(Plain), array
    twice = np.repeat(array, 2, axis=2)
    yield "strided", twice[:, :, ::2], array
    yield "byte order", array.astype(array.dtype.newbyteorder()), array
    yield "a list", array.tolist(), array
    if array.dtype == np.float64:
        whole = np.rint(4 * array)
        yield "integers", whole.astype(np.int64), whole
        single = array.astype(np.float32)
        yield "float32", single, single.astype(np.float64)


def odd() -> Iterator[Pair]:
    """lstm_forward with an odd x, lstm_backward with an odd da, against plain ones; limits for a subclass."""
    for dtype in ("f32", "f64"):
        for shape, limit in zip(SHAPES, (3.0, 2.5, 1.4, 1.1), strict=True):
            case = Case("train", "lstm", dtype, *shape)
            x, a0, parameters, sizes = case.x, case.a0, case.parameters, f"{dtype} {_text(shape)}"
            for name, given, plain in _oddities(x):
                call, base = (partial(cyrnn.lstm_forward, each, a0, parameters) for each in (given, plain))
                own = limit if name == "a subclass" else None
                if not (name == "a list" and dtype == "f32"):  # a list is float64
                    yield Pair("odd", f"lstm_forward, x {name}", sizes, own, call, base, _leading, dtype)
            caches = cyrnn.lstm_forward(x, a0, parameters)[-1]
            for name, given, plain in _oddities(case.da):
                back, base_back = (partial(cyrnn.lstm_backward, each, caches) for each in (given, plain))
                own = limit if name == "a subclass" else None
                if not (name == "a list" and dtype == "f32"):
                    yield Pair("odd", f"lstm_backward, da {name}", sizes, own, back, base_back, _all, dtype)


def steps() -> Iterator[Pair]:
    """nn.LSTM.step of two layers: states that are indexed or in a list, a mask of resets."""
    model, random = cyrnn.nn.LSTM(UNITS, UNITS, 2, rng=0), np.random.default_rng(0)
    many = [random.uniform(-0.5, 0.5, (2, 2 * STREAMS, UNITS)).astype(np.float32) for _ in "hc"]
    index = random.permutation(2 * STREAMS)[:STREAMS]
    indexed = tuple(state[:, index] for state in many)
    plain = tuple(np.array(state, order="C") for state in indexed)
    xt, mask = random.standard_normal((STREAMS, UNITS)).astype(np.float32), np.arange(STREAMS) % 3 == 0
    zeroed = tuple(np.where(mask[:, None], np.float32(0), state) for state in plain)
    sizes, base = f"2 x {UNITS}, N = {STREAMS}", partial(model.step, xt, plain)
    yield Pair("step", "nn.LSTM.step, s[:, idx]", sizes, 1.6, partial(model.step, xt, indexed), base, _all)
    yield Pair("step", "nn.LSTM.step, [h, c]", sizes, 1.6, partial(model.step, xt, list(plain)), base, _all)
    call, base = partial(model.step, xt, plain, reset=mask), partial(model.step, xt, zeroed)
    yield Pair("step", "nn.LSTM.step, reset=", sizes, 1.5, call, base, _all)


def _projected(case: Case, weights: dict[str, Array]) -> Array:
    """Return the output (T, m, proj_size) of an LSTM with a projection, from zeros, in float64."""
    W_ih, W_hh, b_ih, b_hh, W_hr = (array.astype(np.float64) for array in weights.values())
    h, c = np.zeros((case.m, len(W_hr))), np.zeros((case.m, case.n_a))
    output = []
    for xt in case.x_rows.astype(np.float64):
        i, f, g, o = np.split(xt @ W_ih.T + b_ih + h @ W_hh.T + b_hh, 4, axis=1)
        c = c / (1 + np.exp(-f)) + np.tanh(g) / (1 + np.exp(-i))
        h = (np.tanh(c) / (1 + np.exp(-o))) @ W_hr.T
        output.append(h)
    return np.stack(output)


def projection() -> Iterator[Pair]:
    """A projection of half the units against none: less work in the recurrent product, a product more."""
    case = Case("hidden", "lstm", "f32", 64, 64, 1, 100)
    x = case.x_rows
    for name, limit in (("f32", 1.5), ("f64", None)):
        real = Case("hidden", "lstm", name, *case.shape).real
        plain, model = (cyrnn.nn.LSTM(64, 64, proj_size=size, dtype=real, rng=0) for size in (0, 32))
        given = x.astype(real)

        def alike(got: Any, want: Any, model: Any = model) -> Iterator[tuple[Array, Array]]:
            yield got[0].astype(np.float64), _projected(case, model.state_dict())

        work = "nn.LSTM, proj_size 32 of 64"
        sizes = f"{name} {_text(case.shape)}"
        yield Pair("projection", work, sizes, limit, partial(model, given), partial(plain, given), alike)


#: options of nn.LSTM
VARIANTS: dict[str, dict[str, Any]] = {
    "peepholes": {"peephole": True},
    "coupled gates": {"coupled": True},
    "clip": {"clip": 3.0},
    **{
        f"{name} of {words}": {place: name}
        for place, words, other in (("recurrent_activation", "gates", "tanh"), ("activation", "g and c", "sigmoid"))
        for name in ("hard_sigmoid", "relu", "identity", other)
    },
}


def variants() -> Iterator[Pair]:
    """nn.LSTM with other options against the plain one; results alike with those in float64."""
    for shape in ((64, 64, 1, 100), (128, 128, 8, 64), (314, 25, 1, 300)):
        case = Case("hidden", "lstm", "f32", *shape)
        x, plain = case.x_rows, _lstm(case)
        for name, options in VARIANTS.items():
            model = _lstm(case, **options)
            for weight in model.state_dict():
                getattr(model, weight)[...] *= 0.5  # without a limit to its activations its state stays small
            model.pack()

            def alike(got: Any, want: Any, model: Any = model, x: Array = x) -> Iterator[tuple[Array, Array]]:
                yield got[0].astype(np.float64), copy.deepcopy(model).double()(x.astype(np.float64))[0]

            yield Pair("variants", f"LSTM, {name}", _text(shape), 1.15, partial(model, x), partial(plain, x), alike)


GROUPS: dict[str, Callable[[], Iterator[Pair]]] = {
    "layers": layers,
    "odd": odd,
    "step": steps,
    "projection": projection,
    "variants": variants,
}
