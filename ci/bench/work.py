"""The work that is timed: kinds, shapes, and the arrays of one case."""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]
Shape = tuple[int, int, int, int]  # n_x, n_a, m, T_x

HIDDEN: tuple[Shape, ...] = (
    (3, 5, 10, 7),
    (27, 50, 1, 30),
    (27, 100, 1, 40),
    (64, 64, 1, 100),
    (64, 128, 1, 100),
    (128, 128, 1, 100),
    (256, 256, 1, 100),
    (512, 512, 1, 100),
    (1024, 1024, 1, 50),
    (128, 128, 8, 64),
    (256, 256, 16, 64),
    (256, 256, 32, 50),
    (512, 512, 64, 50),
    (1024, 1024, 64, 25),
)
TRAIN: tuple[Shape, ...] = (
    (27, 100, 1, 40),
    (64, 64, 1, 100),
    (128, 128, 1, 100),
    (256, 256, 1, 100),
    (128, 128, 8, 64),
    (256, 256, 16, 64),
    (256, 256, 32, 50),
    (512, 512, 64, 50),
)
STACK: tuple[Shape, ...] = ((64, 64, 1, 100), (256, 256, 1, 100), (128, 128, 8, 64), (256, 256, 32, 50))
#: the sequences and steps that integer weights have targets for
QUANTIZED_LONG: tuple[Shape, ...] = (*((n, n, 1, 100) for n in (64, 128, 256, 512)), (1024, 1024, 1, 50))
QUANTIZED_BATCHES: tuple[Shape, ...] = ((128, 128, 8, 64), (256, 256, 32, 50), (512, 512, 64, 50))
QUANTIZED_STEPS: tuple[Shape, ...] = tuple((n, n, 1, 1) for n in (64, 128, 256, 512))
LAYER_TRAIN: tuple[Shape, ...] = ((3, 5, 10, 7), (16, 32, 1, 20), (64, 64, 1, 100), (128, 128, 8, 64))
SHAPES: dict[str, tuple[Shape, ...]] = {
    "hidden": HIDDEN,
    "stream": tuple((n, n, 1, 1) for n in (64, 128, 256, 512)),
    "cell": ((3, 5, 10, 1), (64, 64, 1, 1), (128, 128, 1, 1), (256, 256, 1, 1)),
    "forward": ((3, 5, 10, 7), (64, 64, 1, 100), (128, 128, 1, 100), (256, 256, 32, 50)),
    "threads": tuple(shape for shape in HIDDEN if shape[2] >= 16),
    "train": TRAIN,
    "backward": ((3, 5, 10, 7), *(shape for shape in TRAIN if shape[2] >= 8)),
    "pack": tuple((n, n, 1, 1) for n in (128, 256, 512, 1024)),
    "call": ((64, 64, 1, 1),),
    "steps": tuple((n, n, 1, 1) for n in (64, 128, 256)),
    "stack": STACK,
    "bidirectional": STACK,
    "ragged": ((128, 128, 32, 200),),
    "peephole": ((64, 64, 1, 100), (128, 128, 8, 64), (314, 25, 1, 300), (256, 256, 1, 100)),
    "reset_before": HIDDEN,
    "onnx": ((3, 5, 1, 10), (64, 64, 1, 100), (256, 256, 1, 100), (128, 128, 8, 64)),
    "quantized": HIDDEN,
    "quantized_step": QUANTIZED_STEPS,
    "train_layer": LAYER_TRAIN,
    "train_stack": LAYER_TRAIN,
    "train_bidirectional": LAYER_TRAIN,
    "train_ragged": ((3, 5, 10, 7), (128, 128, 8, 64), (128, 128, 32, 200)),
}
#: each kind in a phrase
KINDS = {
    "hidden": "hidden states of a sequence: no head, no caches, weights packed before the clock",
    "stream": "one step, batch 1, state kept, weights packed before the clock",
    "cell": "one cell call with y and cache, dict parameters",
    "forward": "a whole sequence with y and caches, dict parameters",
    "threads": "hidden states on two threads, and the same while another process holds a core",
    "train": "forward and backward, dict parameters: gradients of x, a0 and weights",
    "backward": "backward alone; small: from the notebook's own caches; `forward` is ours",
    "pack": "packing, against np.copyto of as many bytes",
    "call": "one call of nn with T = 1, states given and returned",
    "steps": "one step through two layers, batch 1, states kept",
    "stack": "two layers, nn: the output and the last states",
    "bidirectional": "two layers in both directions, nn: the output and the last states",
    "ragged": "1 to T_x steps, spread evenly and shuffled, nn: the output and the last states",
    "peephole": "an LSTM with peepholes, nn: the output and the last states",
    "reset_before": "a GRU that resets before its product, nn: the output and the last states",
    "onnx": "ONNX's operators with their defaults, prepared before the clock: all outputs",
    "quantized": "hidden states in fewer bits, float32 in and out, packed before the clock",
    "quantized_step": "one step in fewer bits, batch 1, state kept, float32 in and out",
    "train_layer": "nn, forward and backward of one layer: gradients of x, states and weights",
    "train_stack": "nn, forward and backward of two layers: all gradients",
    "train_bidirectional": "nn, forward and backward of a layer in both directions: all gradients",
    "train_ragged": "nn, forward and backward of a layer, 1 to T_x steps, shuffled",
}
#: the kinds of cyrnn.nn, and which of them have more layers or directions than one
NN = ("call", "steps", "stack", "bidirectional", "ragged")
NN_TRAIN = ("train_layer", "train_stack", "train_bidirectional", "train_ragged")
#: of cells that torch has not, and of ONNX's operators; the cells that some kinds are for
VARIANTS = ("peephole", "reset_before", "onnx")
CELLS_OF = {"peephole": ("lstm",), "reset_before": ("gru",)}
#: of float32 models and such with fewer bits, which are not the same work: their error stands beside their time
QUANTIZED = ("quantized", "quantized_step")
DEEP = ("steps", "stack", "bidirectional", "train_stack")
BIDIRECTIONAL = ("bidirectional", "train_bidirectional")
RAGGED = ("ragged", "train_ragged")
#: whose state goes on from call to call
STREAMS = ("stream", "steps", "quantized_step")
CELLS = ("lstm", "gru", "rnn")
DTYPES = ("f32", "f64")
#: the gates of cells that have several, in the notebook's letters
GATES = {"lstm": "fico", "gru": "zrc"}


@dataclass(frozen=True)
class Case:
    """One thing to time, with its inputs in the notebook's names and layout (n, m, T_x), C order."""

    kind: str
    cell: str
    dtype: str
    n_x: int
    n_a: int
    m: int
    T_x: int
    #: of a layer inside a model: its number among `sublayers`
    index: int = 0

    @property
    def shape(self) -> Shape:
        return self.n_x, self.n_a, self.m, self.T_x

    @property
    def resets_before(self) -> bool:
        """Whether a GRU resets before its product, as ONNX's default; else after it, as torch's."""
        return self.kind in ("reset_before", "onnx")

    @property
    def layers(self) -> int:
        return 2 if self.kind in DEEP else 1

    @property
    def directions(self) -> int:
        return 2 if self.kind in BIDIRECTIONAL else 1

    @cached_property
    def sublayers(self) -> list[Case]:
        """Each layer in each direction as a case of its own, in torch's order: layers, then directions."""
        if self.layers * self.directions == 1:
            return [self]
        below, D = self.directions * self.n_a, self.directions
        return [
            Case("hidden", self.cell, self.dtype, self.n_x if k < D else below, *self.shape[1:], k)
            for k in range(self.layers * D)
        ]

    @cached_property
    def lengths(self) -> Array | None:
        """How many steps each sequence of a ragged batch has, (m,); None where all have T_x."""
        if self.kind not in RAGGED:
            return None
        even = np.linspace(1, self.T_x, self.m).round().astype(np.int64)
        return np.random.default_rng(self.m).permutation(even)

    @property
    def n_y(self) -> int:
        return {5: 2, 1: 1}.get(self.n_a, 10)  # the notebook's own is 2; a single unit is for the least work

    def __str__(self) -> str:
        return f"{self.kind} {self.cell} {self.dtype} ({','.join(map(str, self.shape))})"

    @cached_property
    def _draw(self) -> dict[str, Array]:
        random = np.random.default_rng(zlib.crc32(repr((self.cell, self.shape, self.index)).encode()))
        real = np.dtype(self.dtype.replace("f32", "f4").replace("f64", "f8"))
        bound = self.n_a**-0.5  # as frameworks initialise: the state stays in the curved part of tanh

        def uniform(*shape: int) -> Array:
            return random.uniform(-bound, bound, shape).astype(real)

        drawn: dict[str, Array] = {}
        if self.cell == "rnn":
            drawn["Wax"] = uniform(self.n_a, self.n_x)
            drawn["Waa"] = uniform(self.n_a, self.n_a)
            drawn["ba"] = uniform(self.n_a, 1)
            drawn["Wya"] = uniform(self.n_y, self.n_a)
        else:
            for gate in GATES[self.cell]:
                drawn[f"W{gate}"] = uniform(self.n_a, self.n_a + self.n_x)
                drawn[f"b{gate}"] = uniform(self.n_a, 1)
            if self.cell == "gru":
                drawn["bca"] = uniform(self.n_a, 1)
            drawn["Wy"] = uniform(self.n_y, self.n_a)
        drawn["by"] = uniform(self.n_y, 1)
        drawn["x"] = random.standard_normal((self.n_x, self.m, self.T_x)).astype(real)
        drawn["a0"] = random.uniform(-0.5, 0.5, (self.n_a, self.m)).astype(real)
        drawn["c0"] = random.uniform(-0.5, 0.5, (self.n_a, self.m)).astype(real)
        if self.kind == "peephole":
            drawn["P"] = random.uniform(-0.5, 0.5, (3, self.n_a)).astype(real)
        return drawn

    @property
    def parameters(self) -> dict[str, Array]:
        return {key: value for key, value in self._draw.items() if key not in ("x", "a0", "c0", "P")}

    @property
    def peepholes(self) -> Array | None:
        """(3, n_a), rows of the gates i, o, f; None where there are none."""
        return self._draw.get("P")

    @property
    def x(self) -> Array:
        return self._draw["x"]

    @property
    def a0(self) -> Array:
        return self._draw["a0"]

    @property
    def c0(self) -> Array:
        """The cell state before the first step; zero where the notebook's lstm_forward runs, which has it so."""
        zero = self.kind in ("forward", "train", "backward")
        return np.zeros_like(self._draw["c0"]) if zero else self._draw["c0"]

    @cached_property
    def da(self) -> Array:
        """Incoming gradient of the hidden states, (directions * n_a, m, T_x)."""
        random = np.random.default_rng(self.n_a + self.T_x)
        return random.standard_normal((self.directions * self.n_a, self.m, self.T_x)).astype(self.real)

    @property
    def da_rows(self) -> Array:
        """da as (T_x, m, directions * n_a), C order."""
        return np.ascontiguousarray(self.da.transpose(2, 1, 0))

    def gradients(
        self, dx: Array, da0: Array, dW_x: Array, dW_a: Array, db: Array, db_a: Array, orders: Mapping[str, str]
    ) -> dict[str, Array]:
        """Name gradients as the notebook does: dx (T_x, m, n_x), da0 (m, n_a), and those of `weights(orders)`."""
        return {"dx": dx.transpose(2, 1, 0), "da0": da0.T} | self.weight_gradients(dW_x, dW_a, db, db_a, orders)

    def weight_gradients(
        self, dW_x: Array, dW_a: Array, db: Array, db_a: Array, orders: Mapping[str, str]
    ) -> dict[str, Array]:
        """Name the gradients of `weights(orders)` as the notebook does."""
        if self.cell == "rnn":
            return {"dWax": dW_x, "dWaa": dW_a, "dba": db[:, None]}
        order = orders[self.cell]
        stacked, biases = (np.split(array, len(order)) for array in (np.concatenate([dW_a, dW_x], axis=1), db))
        named = {f"dW{gate}": rows for gate, rows in zip(order, stacked, strict=True)}
        named |= {f"db{gate}": bias[:, None] for gate, bias in zip(order, biases, strict=True)}
        return named | {"dbca": db_a[-self.n_a :, None]} if self.cell == "gru" else named

    @property
    def real(self) -> Any:
        return self.x.dtype

    def weights(self, orders: Mapping[str, str] = GATES) -> tuple[Array, Array, Array, Array]:
        """Return W_x (gates * n_a, n_x), W_a (gates * n_a, n_a), and a bias (gates * n_a,) beside each.

        `orders`: the order of each cell's gates, a GRU's candidate last. Its recurrent bias is all of the second that
        is not zero.
        """
        p = self.parameters
        if self.cell == "rnn":
            return p["Wax"], p["Waa"], p["ba"][:, 0], np.zeros_like(p["ba"][:, 0])
        order = orders[self.cell]
        stacked = np.concatenate([p[f"W{gate}"] for gate in order])
        W_a, W_x = np.ascontiguousarray(stacked[:, : self.n_a]), np.ascontiguousarray(stacked[:, self.n_a :])
        b = np.concatenate([p[f"b{gate}"][:, 0] for gate in order])
        b_a = np.zeros_like(b)
        if self.cell == "gru":
            b_a[-self.n_a :] = p["bca"][:, 0]
        return W_x, W_a, b, b_a

    @property
    def x_rows(self) -> Array:
        """x as (T_x, m, n_x), C order: the layout of frameworks."""
        return np.ascontiguousarray(self.x.transpose(2, 1, 0))

    @property
    def initial(self) -> list[Array]:
        """Copies of a0, and of an LSTM's c0, as (m, n_a), C order."""
        return [np.array(state.T, order="C") for state in ((self.a0, self.c0) if self.cell == "lstm" else (self.a0,))]

    @property
    def all_initial(self) -> list[Array]:
        """The initial states of all sublayers, (sublayers, m, n_a) each."""
        return [np.stack(states) for states in zip(*(layer.initial for layer in self.sublayers), strict=True)]


def cases(
    kinds: list[str], cells: list[str], dtypes: list[str], shapes: list[Shape] | None
) -> Iterator[Case]:
    """Every case of a selection; `shapes` None is all of each kind, else where the kind allows it."""
    for kind in kinds:
        for cell in cells:
            for dtype in dtypes:
                for shape in SHAPES[kind] if shapes is None else shapes:
                    offered = cell in CELLS_OF.get(kind, CELLS) and (dtype == "f32" or kind not in QUANTIZED)
                    if offered and possible(kind, shape):
                        yield Case(kind, cell, dtype, *shape)


def possible(kind: str, shape: Shape) -> bool:
    """A single call and a step have T_x = 1, a step has m = 1 too."""
    _, _, m, T_x = shape
    return (T_x == 1 or kind not in ("cell", "call", *STREAMS)) and (m == 1 or kind not in STREAMS)
