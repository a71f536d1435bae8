"""Files as torch's default exporter writes them: weights cut and joined in the graph, computed sizes between layers."""

from __future__ import annotations

import re
import warnings

import numpy as np
import pytest
from nn_models import assert_same
from onnx_writer import field, graph, node, tensor

from cyrnn import nn, onnx

N, N_X, STEPS, BATCH = 4, 3, 6, 2


def draw(*shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


def loaded(tmp_path, nodes, tensors: dict, shapes: bytes = b"", **options):
    whole = graph(nodes, [tensor(value, name) for name, value in tensors.items()]) + shapes
    (tmp_path / "m.onnx").write_bytes(field(1, 8) + field(7, whole) + field(8, field(1, "") + field(2, 14)))
    return nn.load(tmp_path / "m.onnx", **options)


def value_info(name: str, sizes) -> bytes:
    """A number where a size is known, its name where it is free."""
    own = b"".join(field(1, field(1 if isinstance(size, int) else 2, size)) for size in sizes)
    return field(13, field(1, name) + field(2, field(1, field(1, 1) + field(2, own))))


@pytest.mark.parametrize("free", [False, True], ids=["fixed", "free"])
@pytest.mark.parametrize("name", ["LSTM", "GRU"])
def test_what_torch_exports_by_default_is_the_module(tmp_path, name, free):
    torch = pytest.importorskip("torch", reason="torch is not installed")
    pytest.importorskip("onnxscript", reason="onnxscript is not installed")
    module = getattr(torch.nn, name)(64, 96, 2, bidirectional=True).eval()  # too large for the exporter to fold
    shapes = ({0: torch.export.Dim.AUTO, 1: torch.export.Dim.AUTO},) if free else None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of its own exporter
        given = (torch.from_numpy(draw(4, 6, 64)),)
        torch.onnx.export(module, given, tmp_path / "m.onnx", dynamic_shapes=shapes, verbose=False)
    found = nn.load(tmp_path / "m.onnx")
    assert_same(found.state_dict(), nn.from_torch(module).state_dict())


def test_weights_that_are_cut_and_joined_in_the_graph_are_constants(tmp_path):
    """As the exporter leaves weights of more than 8192 numbers: gates in another order, and one axis more."""
    W, R = draw(3 * N, N_X, seed=1), draw(3 * N, N, seed=2)
    own = {"w": W, "r": R[None], "axis": np.array([0])} | {f"n{k}": np.array([k * N]) for k in range(4)}
    nodes = [node("Squeeze", ["r"], ["r_"], axes=[0])]
    for name in ("w", "r_"):
        nodes += [node("Slice", [name, f"n{k}", f"n{k + 1}", "axis"], [f"{name}{k}"]) for k in range(3)]
        nodes.append(node("Concat", [f"{name}{k}" for k in (1, 0, 2)], [f"{name}s"], axis=0))
        nodes.append(node("Unsqueeze", [f"{name}s", "axis"], [name[0].upper()]))
    found = loaded(tmp_path, [*nodes, node("GRU", ["X", "W", "R"], ["Y"], "cell", hidden_size=N)], own)
    X = draw(STEPS, BATCH, N_X)
    rows = [np.concatenate([value[N : 2 * N], value[:N], value[2 * N :]])[None] for value in (W, R)]
    assert_same(found(X)[0], onnx.gru(X, *rows)[0][:, 0])


REFUSED = {
    "repeats": ([node("Concat", ["w", "w", "w"], ["W"], axis=1)], "repeats its inputs, expected each number once"),
    "three deep": (
        [node("Concat", [below], [name], axis=2) for below, name in (("wide", "a"), ("a", "b"), ("b", "W"))],
        "its weight comes from Concat",
    ),
    "of itself": ([node("Concat", ["W"], ["W"], axis=1)], "its weight comes from Concat"),
    "axis": ([node("Concat", ["w", "R"], ["W"], axis=5)], "has the axis 5 for values of shapes"),
    "shapes": ([node("Concat", ["w", "R"], ["W"], axis=2)], "has the axis 2 for values of shapes"),
    "dtypes": ([node("Concat", ["w", "double"], ["W"], axis=1)], "has the axis 1 for values of shapes"),
    "no ends": ([node("Slice", ["w", "one"], ["W"])], "has no starts and ends that fit values of shape"),
    "axes of a slice": ([node("Slice", ["w", "one", "one", "five"], ["W"])], "has the axes [5] for values of shape"),
    "steps": ([node("Slice", ["w", "one", "one", "one", "five"], ["W"])], "has the steps [5], expected 1"),
    "axes": ([node("Unsqueeze", ["w", "five"], ["W"])], "has the axes [5] for values of shape"),
    "no axes": ([node("Squeeze", ["w"], ["W"])], "has the axes None for values of shape"),
}


@pytest.mark.parametrize("what", REFUSED)
def test_constants_that_cannot_be_folded_say_why(tmp_path, what):
    nodes, said = REFUSED[what]
    own = {"w": draw(1, N, N_X), "R": draw(1, 3 * N, N), "wide": draw(1, 3 * N, 1), "one": np.array([1])}
    own |= {"five": np.array([5]), "double": np.zeros((1, N, N_X))}
    with pytest.raises(ValueError, match=re.escape(said)):
        loaded(tmp_path, [*nodes, node("GRU", ["X", "W", "R"], ["Y"], "cell", hidden_size=N)], own)


def stack(tmp_path, between, shape_of_Y=None, **more):
    """Two layers of GRU, between which `between` makes the shape "shape" of the lower one's output."""
    own = {"W0": draw(1, 3 * N, N_X), "W1": draw(1, 3 * N, N), "R0": draw(1, 3 * N, N, seed=1)}
    own |= {"R1": draw(1, 3 * N, N, seed=2), "zero": np.array([0]), "one": np.array([1]), "two": np.array([2])}
    own |= {"four": np.array([4])} | more
    lower = node("GRU", ["X", "W0", "R0"], ["Y0"], "g0", hidden_size=N)
    upper = node("GRU", ["Z", "W1", "R1"], ["Y1"], "g1", hidden_size=N)
    turned = [node("Transpose", ["Y0"], ["T"], perm=[0, 2, 1, 3]), *between, node("Reshape", ["T", "shape"], ["Z"])]
    return loaded(tmp_path, [lower, *turned, upper], own, value_info("Y0", shape_of_Y) if shape_of_Y else b"")


FIXED = np.array([STEPS, BATCH, N])
#: what is made of the sizes of T, (STEPS, BATCH, directions, N): name -> operator, inputs
SIZES = {
    "S": ("Shape", ["T"]),
    "L": ("Slice", ["S", "zero", "one", "zero"]),
    "m": ("Gather", ["S", "one"]),
    "tail": ("Slice", ["S", "two", "four", "zero"]),
    "D": ("Slice", ["tail", "zero", "one"]),
    "u": ("Slice", ["tail", "one", "two"]),
    "Du": ("Mul", ["D", "u"]),
    "s": ("Squeeze", ["Du"]),
    "t": ("Identity", ["s"]),
}


def of_sizes(**other) -> list[bytes]:
    """The nodes of SIZES, some of them otherwise, and the one that joins them."""
    made = (SIZES | other).items()
    nodes = [node(op, inputs, [name], **(rest[0] if rest else {})) for name, (op, inputs, *rest) in made]
    return [*nodes, node("Concat", ["L", "m", "t"], ["shape"], axis=0)]


def test_sizes_between_layers_are_numbers_of_the_file(tmp_path):
    found = stack(tmp_path, [], (STEPS, 1, BATCH, N), shape=FIXED)
    assert found.num_layers == 2
    with pytest.raises(ValueError, match="2 nodes, expected one or the layers of a stack"):
        stack(tmp_path, [], (STEPS, 1, "batch", N), shape=FIXED)
    with pytest.raises(ValueError, match="2 nodes, expected one or the layers of a stack"):
        stack(tmp_path, [], (STEPS, 1, BATCH, N), shape=np.array([BATCH, STEPS, N]))


def test_sizes_between_layers_are_computed_from_the_output(tmp_path):
    found = stack(tmp_path, of_sizes())
    assert found.num_layers == 2
    X = draw(STEPS, BATCH, N_X)
    lower, _ = nn.load(tmp_path / "m.onnx", "g0")(X)
    assert_same(found(X)[0], nn.load(tmp_path / "m.onnx", "g1")(lower)[0])


@pytest.mark.parametrize(
    "other",
    [
        {"S": ("Shape", ["T"], {"start": 1})},
        {"m": ("Gather", ["S", "zero"])},
        {"m": ("Gather", ["S", "five"])},
        {"u": ("Slice", ["tail", "one", "X"])},
        {"Du": ("Mul", ["L", "u"])},
        {"s": ("Squeeze", ["tail"])},
        {"t": ("Add", ["s", "zero"])},
        {"t": ("Identity", ["t"])},
    ],
    ids=lambda other: " ".join(f"{name} {op} {inputs[-1]}" for name, (op, inputs, *_) in other.items()),
)
def test_sizes_that_are_not_those_of_the_output_make_no_stack(tmp_path, other):
    with pytest.raises(ValueError, match="2 nodes, expected one or the layers of a stack"):
        stack(tmp_path, of_sizes(**other), five=np.array([5]))
