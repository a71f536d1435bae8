"""The grid by which cyrnn.nn is held against torch.nn: its cases, and every number that goes into one.

Numbers are drawn by RandomState, whose streams NumPy keeps as they are, so that torch's results alone need storing:
ci/torch_data/nn.py runs STORED in torch (nn_in_torch.py) and test_nn_torch.py runs it in cyrnn.nn. No rule of torch
is taken on trust: torch loads the drawn weights strictly, by name and shape, and its own shapes are stored.
"""

from __future__ import annotations

import itertools
import zlib
from collections.abc import Iterator
from dataclasses import asdict, dataclass

import numpy as np

#: kind -> (gates, initial states)
KINDS = {
    "RNN": (1, "h"),
    "LSTM": (4, "hc"),
    "GRU": (3, "h"),
    "RNNCell": (1, "h"),
    "LSTMCell": (4, "hc"),
    "GRUCell": (3, "h"),
}
DTYPES = ("float32", "float64")
T, N = 5, 2  # differ from each other and from the sizes
RAGGED_T, RAGGED = 6, (3, 1, 5, 2, 5)  # unsorted, a tie, and the longest is shorter than T
FORMS_SEED = 1  # the first by which every two values of two arguments meet: test_nn_torch.py asserts that


@dataclass(frozen=True)
class Case:
    kind: str
    dtype: str
    input_size: int = 4
    hidden_size: int = 3
    num_layers: int = 1
    nonlinearity: str = "tanh"
    bias: bool = True
    batch_first: bool = False
    dropout: float = 0.0
    bidirectional: bool = False
    proj_size: int = 0
    batched: bool = True
    initial: bool = False  # are initial states given?
    lengths: tuple[int, ...] | None = None

    def __str__(self) -> str:
        """Kind, dtype and what differs from the defaults: a test's id and the name in the stored file."""
        fields = self.__dataclass_fields__
        differ = {key: value for key, value in asdict(self).items() if value != fields[key].default}
        parts = [f"{key}={value}" for key, value in differ.items() if key not in ("kind", "dtype", "lengths")]
        return "-".join([self.kind, self.dtype, *parts, *(("ragged",) if self.lengths else ())])

    @property
    def is_cell(self) -> bool:
        return self.kind.endswith("Cell")

    @property
    def arguments(self) -> dict:
        """Those of the constructor, but for dtype."""
        names = ["input_size", "hidden_size", "bias"]
        if not self.is_cell:
            names += ["num_layers", "batch_first", "dropout", "bidirectional"]
        names += {"RNN": ["nonlinearity"], "RNNCell": ["nonlinearity"], "LSTM": ["proj_size"]}.get(self.kind, [])
        return {name: getattr(self, name) for name in names}

    @property
    def states(self) -> str:
        return KINDS[self.kind][1]

    @property
    def directions(self) -> int:
        return 2 if self.bidirectional else 1

    @property
    def visible(self) -> int:
        """How many hidden units are seen from outside."""
        return self.proj_size or self.hidden_size

    def weight_shapes(self) -> dict[str, tuple[int, ...]]:
        rows = KINDS[self.kind][0] * self.hidden_size
        shapes: dict[str, tuple[int, ...]] = {}
        for layer, backward in itertools.product(range(self.num_layers), range(self.directions)):
            end = "" if self.is_cell else f"_l{layer}" + "_reverse" * backward
            incoming = self.visible * self.directions if layer else self.input_size
            shapes |= {f"weight_ih{end}": (rows, incoming), f"weight_hh{end}": (rows, self.visible)}
            if self.bias:
                shapes |= {f"bias_ih{end}": (rows,), f"bias_hh{end}": (rows,)}
            if self.proj_size:
                shapes[f"weight_hr{end}"] = (self.proj_size, self.hidden_size)
        return shapes

    def data_shapes(self) -> dict[str, tuple[int, ...]]:
        """Input, initial states (of the shapes of the final ones), and output where there is one besides them."""
        batch = (len(self.lengths) if self.lengths else N,) if self.batched else ()
        if self.is_cell:
            return {"input": (*batch, self.input_size)} | dict.fromkeys(self.states, (*batch, self.hidden_size))
        time = (RAGGED_T if self.lengths else T,)
        lead = (*batch, *time) if self.batch_first else (*time, *batch)
        rows = (self.num_layers * self.directions, *batch)
        shapes = {"input": (*lead, self.input_size), "output": (*lead, self.visible * self.directions)}
        sizes = {"h": self.visible, "c": self.hidden_size}
        return shapes | {state: (*rows, sizes[state]) for state in self.states}

    def draw(self) -> Drawn:
        random = np.random.RandomState(zlib.crc32(str(self).encode()))
        bound = 1 / np.sqrt(self.hidden_size)

        def normal(shape) -> np.ndarray:
            return random.standard_normal(shape).astype(self.dtype)

        weights = {
            name: random.uniform(-bound, bound, shape).astype(self.dtype)
            for name, shape in self.weight_shapes().items()
        }
        shapes = self.data_shapes()
        x, states = normal(shapes["input"]), [normal(shapes[state]) for state in self.states]
        d_output = normal(shapes["output"]) if "output" in shapes else None
        d_state = [normal(state.shape) for state in states]
        return Drawn(weights, x, states if self.initial else None, d_output, d_state)


@dataclass(frozen=True)
class Drawn:
    """The loss is sum(output * d_output) + sum(h_n * d_state[0]) + sum(c_n * d_state[1])."""

    weights: dict[str, np.ndarray]
    x: np.ndarray
    states: list[np.ndarray] | None  # h, or h and c
    d_output: np.ndarray | None  # None for a cell, whose output is its state
    d_state: list[np.ndarray]


def architectures(kind: str) -> Iterator[dict]:
    """Every combination of the arguments that say what is computed, sizes apart."""
    axes: dict[str, tuple] = {"bias": (True, False)}
    if kind.startswith("RNN"):
        axes["nonlinearity"] = ("tanh", "relu")
    if not kind.endswith("Cell"):
        axes |= {"num_layers": (1, 2, 3), "bidirectional": (False, True)}
    if kind == "LSTM":
        axes["proj_size"] = (0, 2)
    return (dict(zip(axes, values, strict=True)) for values in itertools.product(*axes.values()))


def forms(kind: str) -> list[dict]:
    """Every combination of what says how it is called."""
    axes = ["batched", "initial"] + ([] if kind.endswith("Cell") else ["batch_first"])
    return [dict(zip(axes, v, strict=True)) for v in itertools.product((True, False), repeat=len(axes))]


def everything() -> Iterator[Case]:
    """The whole product of all arguments but sizes; dropout, which eval mode ignores, wherever torch allows it."""
    for kind, dtype in itertools.product(KINDS, DTYPES):
        for architecture, form in itertools.product(architectures(kind), forms(kind)):
            dropout = 0.5 * (architecture.get("num_layers", 1) > 1)
            yield Case(kind, dtype, **architecture, **form, dropout=dropout)


def architectures_in_forms() -> Iterator[Case]:
    """Every architecture in one form, drawn by lot, so that the file stays small; cells in every form."""
    random = np.random.RandomState(FORMS_SEED)
    for kind in KINDS:
        for architecture, dtype in itertools.product(architectures(kind), DTYPES):
            if kind.endswith("Cell"):
                yield from (Case(kind, dtype, **architecture, **form) for form in forms(kind))
                continue
            form = forms(kind)[random.randint(len(forms(kind)))]
            dropout = 0.5 * random.randint(2) if architecture["num_layers"] > 1 else 0.0
            yield Case(kind, dtype, **architecture, **form, dropout=dropout)


def other_sizes() -> Iterator[Case]:
    """One unit, and more than one vector of them."""
    for kind, dtype, (n_x, n_a) in itertools.product(KINDS, DTYPES, [(1, 1), (2, 17)]):
        yield Case(kind, dtype, n_x, n_a, initial=True)


def ragged() -> Iterator[Case]:
    """Packed sequences: each kind, layers, directions, once with a projection; the forms take turns."""
    turn = itertools.cycle([(False, True), (True, False), (True, True), (False, False)])
    for kind, dtype in itertools.product(["RNN", "LSTM", "GRU"], DTYPES):
        for projection, bidirectional, layers in itertools.product((0, 2), (False, True), (1, 2)):
            if projection and (kind != "LSTM" or layers == 1):
                continue
            batch_first, initial = next(turn)
            yield Case(
                kind,
                dtype,
                num_layers=layers,
                bidirectional=bidirectional,
                proj_size=projection,
                batch_first=batch_first,
                initial=initial,
                lengths=RAGGED,
            )


STORED = (*architectures_in_forms(), *other_sizes(), *ragged())
