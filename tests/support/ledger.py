"""The ledger: SHA-256 of results on a fixed corpus, the same from every ISA with a fused multiply-add.

    python tests/support/ledger.py            compare, and print what differs
    python tests/support/ledger.py --write    write tests/data/ledger.json: a new numerics epoch, for CHANGELOG.md

The inputs are whole numbers over powers of two, so that every platform makes the same ones to the bit.
"""

from __future__ import annotations

import hashlib
import json
import math
import sys

import numpy as np
from backward import Incoming, run_backward
from integers import PLAIN, WIDTHS, Layer, Width, run
from paths import DATA
from problems import CANONICAL, CELLS, DTYPES, Problem, Sizes, isa_in_use, results, run_sequence
from training_cases import OPTIMIZERS, SCHEDULES

import cyrnn
from cyrnn import calls, nn, training
from cyrnn.calls.quantized import Quantized
from cyrnn.cells import CELLS as ANY_CELL
from cyrnn.cells import FUNCTIONS

PATH = DATA / "ledger.json"
SIZES = [
    Sizes(n_x=1, n_a=1, n_y=1, m=1, T_x=3),
    Sizes(n_x=3, n_a=5, n_y=2, m=10, T_x=7),
    Sizes(n_x=0, n_a=7, n_y=3, m=2, T_x=4),
    Sizes(n_x=27, n_a=50, n_y=27, m=1, T_x=30),
    Sizes(n_x=17, n_a=33, n_y=5, m=16, T_x=9),
    Sizes(n_x=64, n_a=64, n_y=10, m=3, T_x=20),
    Sizes(n_x=40, n_a=100, n_y=70, m=33, T_x=5),
    # gradients of weights that are sums of several blocks, and of several groups of them
    Sizes(n_x=13, n_a=19, n_y=2, m=67, T_x=9),
    Sizes(n_x=1, n_a=2, n_y=1, m=257, T_x=300),
]
POINTWISE = ("sigmoid", "tanh", "softmax")
#: models of nn whose cells are not the notebook's
MODELS = {
    "lstm-peephole": (nn.LSTM, {"peephole": True, "clip": 1.0}),
    "lstm-coupled": (nn.LSTM, {"coupled": True, "peephole": True}),
    "gru-before": (nn.GRU, {"reset_after": False}),
    "gru-hard": (nn.GRU, {"recurrent_activation": ("hard_sigmoid", 1 / 6, 0.5), "activation": "softsign"}),
}
MODELS |= {f"rnn-{name}": (nn.RNN, {"nonlinearity": name}) for name in FUNCTIONS if name != "tanh"}
#: linear layers: in_features, out_features, L, N; of several panels, rows and blocks of sums, some of them ragged
LINEAR = [(1, 1, 3, 1), (5, 3, 7, 10), (64, 10, 100, 1), (128, 50, 30, 32), (33, 131, 3, 5), (13, 67, 300, 9)]
MODELS["rnn-affine"] = (nn.RNN, {"nonlinearity": ("affine", 0.5, 0.25)})  # alone it is the identity


def exact(random: np.random.RandomState, shape: tuple, scale: float, dtype) -> np.ndarray:
    """Multiples of scale / 2**20, with the scale a power of two, between -scale and scale."""
    return (random.randint(-(2**20), 2**20, shape) / 2**20 * scale).astype(dtype)


def problem_of(cell, sizes: Sizes, dtype) -> Problem:
    random = np.random.RandomState(sum(sizes))
    scale = 2.0 ** (1 - round(math.log2(max(1, sizes.n_a + sizes.n_x)) / 2))
    parameters = {
        key: exact(random, sizes.of(shape), 0.5 if shape[1] == "1" else scale, dtype)
        for key, shape in cell.shapes.items()
    }
    x = exact(random, (sizes.n_x, sizes.m, sizes.T_x), 2.0, dtype)
    initial = tuple(exact(random, (sizes.n_a, sizes.m), 1.0, dtype) for _ in cell.states)
    return Problem(cell, parameters, x, initial)


def incoming_at(problem: Problem) -> Incoming:
    """Gradients for all steps but the last one, where there are several, and for the last cell state."""
    n_a, m, T = (*problem.initial[0].shape, max(1, problem.x.shape[2] - 1))
    random, dtype = np.random.RandomState(n_a + m + T), problem.x.dtype
    da = exact(random, (n_a, m, T), 1.0, dtype)
    return Incoming(da, tuple(exact(random, (n_a, m), 1.0, dtype) for _ in problem.cell.states[1:]))


def gradients_of(problem: Problem) -> list:
    return list(run_backward(problem, incoming_at(problem)).values())


def digest(arrays: list) -> str:
    """Of shapes and little-endian bytes in C order."""
    sha = hashlib.sha256()
    for value in arrays:
        sha.update(repr(value.shape).encode())
        sha.update(value.astype(value.dtype.newbyteorder("<")).tobytes())
    return sha.hexdigest()


def of_every_cell(dtype, suffix: str, compute) -> dict:
    """Name of each case of a cell and sizes -> what computes its arrays, compute(problem)."""
    cases = {}
    for cell in CELLS:
        for sizes in SIZES:
            name = "-".join([cell.name, dtype.name, *(f"{key}{n}" for key, n in sizes._asdict().items())])
            cases[name + suffix] = lambda c=cell, s=sizes, d=dtype: compute(problem_of(c, s, d))
    return cases


def gradients() -> dict:
    return {key: case for dtype in DTYPES for key, case in of_every_cell(dtype, "-backward", gradients_of).items()}


def run_model(kind, options: dict, dtype) -> list:
    """A ragged batch through two directions of a model, and back."""
    random = np.random.RandomState(7)
    model = kind(17, 33, bidirectional=True, dtype=dtype, **options)
    model.load_state_dict({key: exact(random, w.shape, 0.125, dtype) for key, w in model.state_dict().items()})
    x, lengths = exact(random, (6, 19, 17), 2.0, dtype), [int(n) for n in random.randint(0, 7, 19)]
    output, _, tape = model.forward(x, lengths=lengths)
    gradients = model.backward(tape, exact(random, output.shape, 1.0, dtype))
    return [output, gradients.input, *gradients.weights.values()]


def models() -> dict:
    return {
        f"{name}-{dtype.name}": lambda k=kind, o=options, d=dtype: run_model(k, o, d)
        for dtype in DTYPES
        for name, (kind, options) in MODELS.items()
    }


def run_resets(kind, options: dict, dtype) -> list:
    """Two directions of a model over a ragged batch whose sequences are reset, to zeros and to hx, and back."""
    random, found = np.random.RandomState(11), []
    model = kind(17, 33, bidirectional=True, dtype=dtype, **options)
    model.load_state_dict({key: exact(random, w.shape, 0.125, dtype) for key, w in model.state_dict().items()})
    x, lengths = exact(random, (6, 19, 17), 2.0, dtype), [int(n) for n in random.randint(0, 7, 19)]
    sizes = (model.proj_size or 33, 33) if kind is nn.LSTM else (33,)
    states = [exact(random, (2, 19, n), 1.0, dtype) for n in sizes]
    state, flags = states[0] if len(states) == 1 else tuple(states), random.randint(0, 4, (6, 19)) == 0
    for to in ("zeros", "hx"):
        output, _, tape = model.forward(x, state, lengths=lengths, reset=flags, reset_to=to)
        gradients = model.backward(tape, exact(random, output.shape, 1.0, dtype))
        d_hx = gradients.hx if kind is nn.LSTM else (gradients.hx,)
        found += [output, gradients.input, *d_hx, *gradients.weights.values()]
    return found


def resets() -> dict:
    kinds = {name: MODELS[name] for name in ("lstm-peephole", "gru-before")}
    kinds |= {"rnn": (nn.RNN, {}), "lstm": (nn.LSTM, {}), "gru": (nn.GRU, {})}
    kinds["lstm-projected"] = nn.LSTM, {"proj_size": 9}
    return {
        f"resets-{name}-{dtype.name}": lambda k=kind, o=options, d=dtype: run_resets(k, o, d)
        for dtype in DTYPES
        for name, (kind, options) in kinds.items()
    }


def run_linear(sizes: tuple, dtype, *, back: bool) -> list:
    """Whole sequences and a ragged batch through a linear layer, or back."""
    n, units, L, N = sizes
    random, layer, found = np.random.RandomState(sum(sizes)), nn.Linear(n, units, dtype=dtype), []
    layer.load_state_dict({key: exact(random, w.shape, 0.25, dtype) for key, w in layer.state_dict().items()})
    x, d = exact(random, (L, N, n), 2.0, dtype), exact(random, (L, N, units), 1.0, dtype)
    for lengths in (None, [int(n) for n in random.randint(0, L + 1, N)]):
        output, tape = layer.forward(x, lengths=lengths)
        gradients = layer.backward(tape, d)
        found += [gradients.input, *gradients.weights.values()] if back else [output]
    return found


def run_embedding(dtype) -> list:
    """Vectors, a row of padding among them, and the gradient: a word of 700 positions, more than two blocks."""
    random, layer = np.random.RandomState(3), nn.Embedding(40, 21, padding_idx=2, dtype=dtype)
    layer.load_state_dict({"weight": exact(random, (40, 21), 2.0, dtype)})
    indices = random.randint(0, 40, (100, 17)) * random.randint(0, 2, (100, 17))
    output, tape = layer.forward(indices, lengths=[int(n) for n in random.randint(50, 101, 17)])
    return [output, layer.backward(tape, exact(random, output.shape, 1.0, dtype)).weights["weight"]]


def run_layer_norm(n: int, dtype) -> list:
    """A ragged batch of rows normalised, and back: sums over more than two blocks of rows."""
    random, layer = np.random.RandomState(n), nn.LayerNorm(n, dtype=dtype)
    layer.load_state_dict({key: exact(random, (n,), 1.0, dtype) for key in ("weight", "bias")})
    x, d = exact(random, (100, 17, n), 2.0, dtype), exact(random, (100, 17, n), 1.0, dtype)
    output, tape = layer.forward(x, lengths=[int(length) for length in random.randint(0, 101, 17)])
    gradients = layer.backward(tape, d)
    return [output, gradients.input, *gradients.weights.values()]


def heads() -> dict:
    cases = {}
    for dtype in DTYPES:
        for sizes in LINEAR:
            for back in (False, True):
                name = "-".join(["linear", dtype.name, *map(str, sizes)]) + "-backward" * back
                cases[name] = lambda s=sizes, d=dtype, b=back: run_linear(s, d, back=b)
        cases[f"embedding-{dtype.name}"] = lambda d=dtype: run_embedding(d)
        for n in (5, 16, 67):
            cases[f"layer-norm-{dtype.name}-{n}"] = lambda n=n, d=dtype: run_layer_norm(n, d)
    return cases


def run_tokens(kind, options: dict, dtype, width: str | None) -> list:
    """Tokens (L, N), whole and ragged, one sequence, and back; a word of 300 positions, and some of none."""
    random = np.random.RandomState(11)
    model = kind(29, 37, bidirectional=True, dtype=dtype, **options)
    model.load_state_dict({key: exact(random, w.shape, 0.25, dtype) for key, w in model.state_dict().items()})
    tokens, lengths = random.randint(0, 25, (21, 40)), [int(n) for n in random.randint(0, 22, 40)]
    tokens[:, ::3] = 28
    if width is not None:
        model = model.quantize(width)
        return [model(tokens)[0], model(tokens, lengths=lengths)[0], model(tokens[:, 1])[0]]
    found = []
    for x, ends in ((tokens, None), (tokens, lengths), (tokens[:, 1], None)):
        output, _, tape = model.forward(x, lengths=ends)
        found += [output, *model.backward(tape, exact(random, output.shape, 1.0, dtype)).weights.values()]
    return found


def of_tokens() -> dict:
    """The plain cells and a GRU that resets before; of integer weights the same layers."""
    kinds = {"rnn": (nn.RNN, {}), "lstm": (nn.LSTM, {}), "gru": (nn.GRU, {}), "gru-before": MODELS["gru-before"]}
    widths = [(dtype, None) for dtype in DTYPES] + [(DTYPES[0], width) for width in ("int8", "int16", "int16x2")]
    return {
        f"tokens-{name}-{width or dtype.name}": lambda k=kind, o=options, d=dtype, w=width: run_tokens(k, o, d, w)
        for name, (kind, options) in kinds.items()
        for dtype, width in widths
    }


def whole(random: np.random.RandomState, rows: int, n: int, width: Width) -> Quantized:
    """A matrix of integers up to the largest there is; scales are whole numbers over powers of two."""
    values = random.randint(-width.top, width.top + 1, (rows, n))
    one = 2.0 ** -round(math.log2(max(1, n)) / 2) / (width.top + 1)
    return Quantized(values.astype(width.dtype), (random.randint(2**10, 2**11, rows) / 2**11 * one).astype(np.float32))


def run_integers(kind: str, width: Width, sizes: Sizes) -> list:
    """A batch, and its first column alone, through a layer of integer weights; then the batch as a ragged one."""
    (name, variant, blocks, projected), random, n = PLAIN[kind], np.random.RandomState(sum(sizes)), sizes.n_a
    n_h, rows, float32 = (n + 1) // 2 if projected else n, (max(blocks) + 1) * n, np.dtype(np.float32)
    if kind == "peephole":
        variant = variant._replace(peepholes=exact(random, (3, n), 0.5, float32))
    W = [whole(random, rows, sizes.n_x, width), whole(random, rows, n_h, width)]
    W.append(whole(random, n_h, n, width) if projected else None)
    b = exact(random, (len(blocks), n), 0.5, float32)
    layer = Layer(ANY_CELL[name], W[0], W[1], b, W[2], blocks, variant)
    x = exact(random, (sizes.T_x, sizes.m, sizes.n_x), 2.0, float32)
    states = tuple(exact(random, (sizes.m, size), 1.0, float32) for size in layer.sizes)
    lengths = calls.lengths([int(n) for n in random.randint(0, sizes.T_x + 1, sizes.m)], sizes.T_x, sizes.m)
    sublayer = layer.sublayer()
    first = tuple(value[:1] for value in states)
    return [*run(sublayer, x, states), *run(sublayer, x[:, :1], first), *run(sublayer, x, states, lengths=lengths)]


#: and one that has several panels of each matrix, and is long enough that input projections are interleaved
INTEGER_SIZES = [*SIZES[:7], Sizes(n_x=300, n_a=400, n_y=0, m=2, T_x=21)]


def integers() -> dict:
    return {
        "-".join([kind, width.name, *(f"{key}{n}" for key, n in sizes._asdict().items() if key != "n_y")]): (
            lambda k=kind, w=width, s=sizes: run_integers(k, w, s)
        )
        for kind in PLAIN
        for width in WIDTHS
        for sizes in INTEGER_SIZES
    }


def run_loss(name: str, dtype) -> list:
    """A loss of a ragged batch, its mean and its losses one by one, and their gradients."""
    random, shape = np.random.RandomState(9), (11, 9, 37)
    said, wanted = exact(random, shape, 16.0, dtype), exact(random, shape, 8.0, dtype)
    lengths, options = [int(n) for n in random.randint(0, 12, 9)], {}
    if name == "cross_entropy":
        wanted = random.randint(-1, 37, shape[:2])
        options = {"weight": np.abs(exact(random, (37,), 2.0, dtype)), "ignore_index": -1}
    if name == "binary_cross_entropy_with_logits":
        wanted, options = np.abs(wanted) / 8, {"pos_weight": np.abs(exact(random, (37,), 2.0, dtype))}
    found = []
    for reduction in ("mean", "none"):
        loss, d = getattr(training, name)(said, wanted, lengths=lengths, reduction=reduction, **options)
        found += [np.asarray(loss), d]
    return found


def run_optimizer(name: str, dtype) -> list:
    """Some steps of a linear layer, clipped, with a schedule: weights, state, and the last norm.

    There are five; more where a schedule changes nothing before.
    """
    kind, options, clip, schedule = OPTIMIZERS[name]
    random, layer = np.random.RandomState(4), nn.Linear(37, 41, dtype=dtype)
    layer.load_state_dict({key: exact(random, w.shape, 0.25, dtype) for key, w in layer.state_dict().items()})
    options, steps = dict(options), 5
    if schedule:
        steps = SCHEDULES[schedule][2].get("step_size", 4) + 1
        options["lr"] = getattr(training, schedule)(options["lr"], **SCHEDULES[schedule][2])
    optimizer, norm = getattr(training, kind)(layer, **options), 0.0
    for _ in range(steps):
        gradients = {key: exact(random, w.shape, 1.0, dtype) for key, w in layer.state_dict().items()}
        if clip is not None:
            norm = getattr(training, f"clip_grad_{clip[0]}")(gradients, clip[1])
        optimizer.step(gradients)
    return [*layer.state_dict().values(), *map(np.asarray, optimizer.state_dict().values()), np.asarray(norm or 0.0)]


def trainings() -> dict:
    cases = {}
    for dtype in DTYPES:
        for name in ("cross_entropy", "mse_loss", "huber_loss", "binary_cross_entropy_with_logits"):
            cases[f"{name}-{dtype.name}"] = lambda n=name, d=dtype: run_loss(n, d)
        for name in OPTIMIZERS:
            cases[f"optimizer {name}-{dtype.name}"] = lambda n=name, d=dtype: run_optimizer(n, d)
    return cases


def corpus() -> dict:
    """Name of each case -> what computes its arrays."""
    cases = {}
    for dtype in DTYPES:
        cases |= of_every_cell(dtype, "", lambda problem: results(run_sequence(problem)))
        x = exact(np.random.RandomState(1), (16, 512), 32.0, dtype)
        for function in POINTWISE:
            cases[f"{function}-{dtype.name}"] = lambda f=function, x=x: [getattr(cyrnn, f)(x)]
    return cases | gradients() | models() | resets() | heads() | integers() | trainings() | of_tokens()


def recorded() -> dict:
    return json.loads(PATH.read_text(encoding="utf-8"))["sha256"]


def main(write: bool) -> int:
    if isa_in_use() not in CANONICAL:
        print(f"{isa_in_use()} has no fused multiply-add: it keeps no ledger")
        return 2
    now = {name: digest(compute()) for name, compute in corpus().items()}
    if write:
        about = "SHA-256 of results on a fixed corpus, written by tests/support/ledger.py --write"
        PATH.write_text(json.dumps({"about": about, "sha256": now}, indent=1) + "\n", encoding="utf-8")
        return 0
    before = recorded()
    differ = [name for name in now.keys() | before.keys() if now.get(name) != before.get(name)]
    print(*sorted(differ), f"{len(differ)} of {len(now)} differ", sep="\n")
    return bool(differ)


if __name__ == "__main__":
    sys.exit(main("--write" in sys.argv[1:]))
