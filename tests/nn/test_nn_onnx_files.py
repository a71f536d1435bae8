"""Models as graphs of ONNX, which other programs run, and nodes of other programs' graphs as models."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from nn_models import assert_same, parts
from onnx_writer import field, graph, model, node, tensor
from tolerances import assert_close

from cyrnn import nn, onnx

N, N_X = 5, 3
MODELS = {
    "lstm": nn.LSTM(3, 5, rng=0),
    "lstm float64": nn.LSTM(3, 5, 2, dtype=np.float64, rng=0),
    "both ways": nn.LSTM(3, 5, 2, bidirectional=True, batch_first=True, bias=False, rng=0),
    "peephole": nn.LSTM(3, 5, 2, peephole=True, clip=1.5, output_activation="identity", rng=2),
    "coupled": nn.LSTM(3, 5, peephole=True, coupled=True, bidirectional=True, activation="softsign", rng=3),
    "gru": nn.GRU(3, 5, 3, batch_first=True, rng=0),
    "reset before": nn.GRU(3, 5, reset_after=False, recurrent_activation=("hard_sigmoid", 1 / 6, 0.5), rng=1),
    "rnn": nn.RNN(2, 4, 2, nonlinearity="relu", bidirectional=True, rng=1),
    "scaled": nn.RNN(2, 4, nonlinearity=("scaled_tanh", 1.7, 0.6), clip=2.0, rng=1),
    "RNNCell": nn.RNNCell(2, 3, nonlinearity="relu", rng=0),
    "LSTMCell": nn.LSTMCell(2, 3, rng=0),
    "GRUCell": nn.GRUCell(2, 3, bias=False, rng=0),
}


@pytest.mark.parametrize("name", MODELS)
def test_saved_graph_is_valid_and_runs_elsewhere(tmp_path, name):
    whole, path = MODELS[name], tmp_path / "m.onnx"
    whole.save(path)
    checker = pytest.importorskip("onnx.checker", reason="onnx is not installed")
    checker.check_model(str(path), full_check=True)
    runtime = pytest.importorskip("onnxruntime", reason="onnxruntime is not installed")
    if whole.dtype == np.float64:
        return  # onnxruntime has no recurrent kernel in float64
    session = runtime.InferenceSession(path.read_bytes(), providers=["CPUExecutionProvider"])
    random = np.random.default_rng(0)
    shapes = {given.name: [{"L": 7, "N": 4}.get(size, size) for size in given.shape] for given in session.get_inputs()}
    x, *states = (random.standard_normal(shape).astype(np.float32) for shape in shapes.values())
    found = session.run(None, dict(zip(shapes, (x, *states), strict=True)))
    wanted = whole(x, tuple(states) if len(states) > 1 else states[0])
    wanted = parts(wanted) if name.endswith("Cell") else (wanted[0], *parts(wanted[1]))
    for one, other in zip(found, wanted, strict=True):
        assert_close(one, other, "stack against oracle")


@pytest.mark.parametrize("name", ["lstm", "peephole", "coupled", "rnn"])
def test_prepared_layers_of_a_saved_graph_have_the_bits_of_the_model(tmp_path, name):
    MODELS[name].save(tmp_path / "m.onnx")
    layers = onnx.load(tmp_path / "m.onnx")
    x = output = draw(4, 2, MODELS[name].input_size)
    for key in layers:
        output = as_sequence(layers[key](output)[0])
    assert_same(output, MODELS[name](x)[0])


def test_file_that_cannot_be_mapped_is_read(tmp_path, monkeypatch):
    MODELS["gru"].save(tmp_path / "m.onnx")

    def refuse(*_, **__):
        raise OSError

    monkeypatch.setattr("mmap.mmap", refuse)
    assert_same(nn.load(tmp_path / "m.onnx").state_dict(), MODELS["gru"].state_dict())


# ---- graphs of others ----------------------------------------------------------------------------


def draw(*shape, seed=0, dtype=np.float32):
    return np.random.default_rng(seed).standard_normal(shape).astype(dtype)


def weights(k: int, gates: int, columns: int, D: int = 1, dtype=np.float32) -> dict:
    shapes = {"W": (D, gates * N, columns), "R": (D, gates * N, N), "B": (D, 2 * gates * N)}
    return {f"{name}{k}": draw(*shape, seed=3 * k + len(shape), dtype=dtype) / 2 for name, shape in shapes.items()}


def cell(op: str, k: int, x: str = "X", name=None, **attributes) -> bytes:
    return node(op, [x, f"W{k}", f"R{k}", f"B{k}"], [f"Y{k}"], name or f"cell{k}", hidden_size=N, **attributes)


def loaded(tmp_path, nodes, tensors: dict, *arguments, **options):
    (tmp_path / "m.onnx").write_bytes(model(nodes, [tensor(value, name) for name, value in tensors.items()]))
    return nn.load(tmp_path / "m.onnx", *arguments, **options)


def as_sequence(Y):
    """Y (L, D, N, n) as the input of a layer above."""
    return np.ascontiguousarray(Y.transpose(0, 2, 1, 3)).reshape(Y.shape[0], Y.shape[2], -1)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
@pytest.mark.parametrize(("op", "gates"), [("RNN", 1), ("GRU", 3), ("LSTM", 4)])
@pytest.mark.parametrize("direction", ["forward", "bidirectional"])
def test_node_is_a_model_with_its_bits(tmp_path, op, gates, direction, dtype):
    D = 2 if direction == "bidirectional" else 1
    own = weights(0, gates, N_X, D, dtype)
    found = loaded(tmp_path, [cell(op, 0, direction=direction)], own)
    x = draw(6, 2, N_X, seed=9, dtype=dtype)
    wide = np.float64 if dtype == np.float64 else np.float32
    whole = [value.astype(wide) for value in (x, *own.values())]
    Y, *_ = getattr(onnx, op.lower())(*whole, direction=direction)
    assert found.dtype == wide
    assert found.bidirectional == (D == 2)
    assert_same(found(x.astype(wide))[0], as_sequence(Y))
    assert not isinstance(found, nn.GRU) or not found.reset_after


def test_attributes_become_options(tmp_path):
    options = {"activations": ["HardSigmoid", "ScaledTanh", "LeakyRelu"] * 2, "clip": 3.0, "input_forget": 1}
    constants = {"activation_alpha": [0.25, 1.5, 0.125] * 2, "activation_beta": [0.5, 0.75] * 2}
    options |= {"direction": "bidirectional"}
    nodes = [cell("LSTM", 0, **options, **constants)]
    found = loaded(tmp_path, nodes, weights(0, 4, N_X, 2), batch_first=True)
    assert repr(found) == (
        "LSTM(3, 5, batch_first=True, bidirectional=True, coupled=True, "
        "recurrent_activation=('hard_sigmoid', 0.25, 0.5), activation=('scaled_tanh', 1.5, 0.75), "
        "clip=3.0, output_activation=('leaky_relu', 0.125))"
    )
    Y, *_ = onnx.lstm(X := draw(6, 2, N_X), *weights(0, 4, N_X, 2).values(), **options, **constants)
    assert_same(found(X.transpose(1, 0, 2))[0].transpose(1, 0, 2), as_sequence(Y))
    found = loaded(tmp_path, [cell("GRU", 0, linear_before_reset=1, layout=1)], weights(0, 3, N_X))
    assert repr(found) == "GRU(3, 5, batch_first=True)"
    with pytest.raises(ValueError, match=r"reset_after is False, expected True: .* says so"):
        nn.load(tmp_path / "m.onnx", reset_after=False)


def test_peepholes_and_quantised_weights_are_read(tmp_path):
    own = weights(0, 4, N_X) | {"P0": draw(1, 3 * N, seed=8)}
    nodes = [node("LSTM", ["X", "W0", "R0", "B0", "", "", "", "P0"], ["Y"], "cell", hidden_size=N)]
    found = loaded(tmp_path, nodes, own)
    assert_same(found.weight_ch_l0, own["P0"].reshape(3, N))
    Y, *_ = onnx.lstm(X := draw(6, 2, N_X), *list(own.values())[:3], P=own["P0"])
    assert_same(found(X)[0], as_sequence(Y))
    q = np.random.default_rng(0).integers(-127, 128, own["W0"].shape).astype(np.int8)
    nodes = [node("DequantizeLinear", ["q", "s"], ["W0"]), cell("LSTM", 0)]
    found = loaded(tmp_path, nodes, {"q": q, "s": np.float32(0.01), "R0": own["R0"], "B0": own["B0"]})
    Y, *_ = onnx.lstm(X, q.astype(np.float32) * np.float32(0.01), own["R0"], own["B0"])
    assert_same(found(X)[0], as_sequence(Y))


SQUEEZE = [node("Squeeze", ["Y0", "one"], ["X1"])]
JOIN = [node("Transpose", ["Y0"], ["Z0"], perm=[0, 2, 1, 3]), node("Reshape", ["Z0", "shape"], ["X1"])]
SQUEEZE_Y = node("Squeeze", ["Y", "one"], ["S"])
TWICE = [node("Transpose", ["S"], ["S1"], perm=[1, 0, 2]), node("Transpose", ["S1"], ["X1"], perm=[1, 0, 2])]
GLUE = {
    "squeeze": (1, SQUEEZE),
    "there and back": (1, [node("Squeeze", ["Y0", "one"], ["S"]), *TWICE]),
    "squeeze of old opsets": (1, [node("Squeeze", ["Y0"], ["X1"], axes=[1])]),
    "squeeze from behind": (1, [node("Squeeze", ["Y0"], ["X1"], axes=[-3])]),
    "transpose and reshape": (2, JOIN),
    "of one direction": (1, JOIN),
    "identity": (1, [node("Identity", ["Y0"], ["Y"]), SQUEEZE_Y, node("Identity", ["S"], ["X1"])]),
}


@pytest.mark.parametrize(("D", "glue"), GLUE.values(), ids=GLUE)
def test_nodes_that_read_each_other_alone_are_layers(tmp_path, D, glue):
    own = weights(0, 3, N_X, D) | weights(1, 3, D * N, D)
    direction = {"direction": "bidirectional"} if D == 2 else {}
    nodes = [cell("GRU", 1, "X1", **direction), *glue, cell("GRU", 0, **direction)]  # in any order
    constants = {"one": np.array([1]), "shape": np.array([0, 0, -1])}
    found = loaded(tmp_path, nodes, own | constants)
    assert (found.num_layers, found.input_size) == (2, N_X)
    X = draw(6, 2, N_X)
    Y = onnx.gru(X, *list(own.values())[:3], **direction)[0]
    Y = onnx.gru(as_sequence(Y), *list(own.values())[3:], **direction)[0]
    assert_same(found(X)[0], as_sequence(Y))
    assert repr(nn.load(tmp_path / "m.onnx", "cell")) == repr(found)
    assert nn.load(tmp_path / "m.onnx", "cell1").input_size == D * N


OTHERS = {
    "another squeeze": [node("Squeeze", ["Y0"], ["X1"], axes=[2])],
    "two axes": [node("Squeeze", ["Y0"], ["X1"], axes=[1, 2])],
    "another transpose": [node("Transpose", ["Y0"], ["Z0"], perm=[2, 0, 1, 3]), JOIN[1]],
    "no transpose": [node("Reshape", ["Y0", "shape"], ["X1"])],
    "another shape": [JOIN[0], node("Reshape", ["Z0", "one"], ["X1"])],
    "shape of the batch": [JOIN[0], node("Reshape", ["Z0", "unknown"], ["X1"])],
    "dropout": [node("Squeeze", ["Y0", "one"], ["S"]), node("Dropout", ["S"], ["X1"])],
    "there": [node("Squeeze", ["Y0", "one"], ["S1"]), TWICE[1]],
    "there and elsewhere": [node("Squeeze", ["Y0", "one"], ["S"]), TWICE[0], node("Transpose", ["S1"], ["X1"])],
    "relu": [node("Squeeze", ["Y0", "one"], ["S"]), node("Relu", ["S"], ["X1"])],
    "other domain": [node("Squeeze", ["Y0", "one"], ["X1"], domain="mine")],
    "states": [node("Squeeze", ["h", "one"], ["X1"])],
    "apart": [],
    "circle": [node("Identity", ["X1"], ["X1"])],
}


@pytest.mark.parametrize("glue", OTHERS.values(), ids=OTHERS)
def test_nodes_with_anything_else_between_are_no_stack(tmp_path, glue):
    own = weights(0, 3, N_X) | weights(1, 3, N) | {"one": np.array([1]), "shape": np.array([0, 0, -1])}
    first = node("GRU", ["X", "W0", "R0", "B0"], ["Y0", "h"], "cell0", hidden_size=N)
    with pytest.raises(ValueError, match=r"2 nodes, expected one or the layers of a stack: .*'cell0'") as caught:
        loaded(tmp_path, [first, *glue, cell("GRU", 1, "X1")], own)
    assert "prefix='cell0' takes one of 'cell0', 'cell1'" in str(caught.value)
    assert repr(nn.load(tmp_path / "m.onnx", "cell1")) == "GRU(5, 5, reset_after=False)"


@pytest.mark.parametrize("name", ["RNN", "LSTM", "GRU"])
@pytest.mark.parametrize(
    "options",
    [{"num_layers": 3}, {"num_layers": 2, "bidirectional": True, "batch_first": True}, {"bias": False}],
    ids="-".join,
)
def test_what_torch_exports_is_the_module(tmp_path, name, options):
    torch = pytest.importorskip("torch", reason="torch is not installed")
    pytest.importorskip("onnx", reason="onnx is not installed")
    module = getattr(torch.nn, name)(N_X, N, **options).eval()
    X = draw(4, 6, N_X)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of its own exporter
        torch.onnx.export(module, (torch.from_numpy(X),), tmp_path / "m.onnx", dynamo=False)
    found = nn.load(tmp_path / "m.onnx", batch_first=options.get("batch_first", False))
    assert_same(found.state_dict(), nn.from_torch(module).state_dict())
    with torch.no_grad():
        assert_close(found(X)[0], module(torch.from_numpy(X))[0].numpy(), "stack against oracle")


def test_layers_that_are_unlike_are_no_stack(tmp_path):
    own = weights(0, 3, N_X) | weights(1, 3, N) | {"one": np.array([1])}
    for attributes in ({"linear_before_reset": 1}, {"clip": 2.0}, {"activations": ["Sigmoid", "Relu"]}):
        with pytest.raises(ValueError, match="'cell0' and 'cell1' are unlike cells; prefix='cell0' takes one of"):
            loaded(tmp_path, [cell("GRU", 0), *SQUEEZE, cell("GRU", 1, "X1", **attributes)], own)
    three = [cell("GRU", 0), *SQUEEZE, cell("GRU", 1, "X1"), cell("GRU", 1, "X1", "other")]
    with pytest.raises(ValueError, match="'cell1' and 'other' read the same node 'cell0'"):
        loaded(tmp_path, three, own)


NODES = {
    "reverse": ({"direction": "reverse"}, "its direction is 'reverse', expected forward or bidirectional: cyrnn.onnx"),
    "direction": ({"direction": "sideways"}, "its direction is 'sideways'"),
    "activation": ({"activations": ["Sigmoid", "Sine"]}, "its activations are ['Sigmoid', 'Sine'], expected 2"),
    "count": ({"activations": ["Sigmoid"]}, "its activations are ['Sigmoid'], expected 2"),
    "constants": ({"activation_alpha": [0.5]}, "with as many constants as they have"),
    "attribute": ({"colour": 3}, "the attribute 'colour' is unknown"),
    "clip": ({"clip": -1.0}, "clip is -1.0, expected a number above 0"),
}


@pytest.mark.parametrize(("attributes", "said"), NODES.values(), ids=NODES)
def test_node_that_no_model_is_says_why(tmp_path, attributes, said):
    with pytest.raises(ValueError, match=r"^nn\.load: '.*m\.onnx': ") as caught:
        loaded(tmp_path, [cell("GRU", 0, **attributes)], weights(0, 3, N_X))
    assert said in str(caught.value)


def test_directions_that_are_unlike_and_states_in_the_file_are_refused(tmp_path):
    unlike = {"direction": "bidirectional", "activations": ["Sigmoid", "Tanh", "Sigmoid", "Relu"]}
    with pytest.raises(ValueError, match=r"GRU 'cell0': its directions have other activations.*cyrnn\.onnx\.load"):
        loaded(tmp_path, [cell("GRU", 0, **unlike)], weights(0, 3, N_X, 2))
    begun = node("GRU", ["X", "W0", "R0", "B0", "", "h"], ["Y0"], "cell0", hidden_size=N)
    with pytest.raises(ValueError, match="its initial state stands in the file"):
        loaded(tmp_path, [begun], weights(0, 3, N_X) | {"h": np.ones((1, 2, N), np.float32)})
    loaded(tmp_path, [begun], weights(0, 3, N_X) | {"h": np.zeros((1, 2, N), np.float32)})


@pytest.mark.parametrize("name", ["W0", "R0", "B0"])
def test_weights_of_other_shapes_and_kinds_are_refused(tmp_path, name):
    for change in (lambda v: v[:, :4], lambda v: v[0], lambda v: v.astype(np.float64), lambda v: v.astype(np.int8)):
        own = weights(0, 3, N_X)
        own[name] = change(own[name])
        with pytest.raises(ValueError, match=r"GRU 'cell0': (its|at byte|W has|R has)"):
            loaded(tmp_path, [cell("GRU", 0)], own)


def test_files_without_such_a_node_say_what_they_have(tmp_path):
    with pytest.raises(ValueError, match="it has no recurrent node, expected an RNN, LSTM or GRU: torch's exporter"):
        loaded(tmp_path, [node("Relu", ["a"], ["b"])], {})
    with pytest.raises(ValueError, match="no recurrent node has a name that begins with 'enc': it has 'cell0'"):
        loaded(tmp_path, [cell("GRU", 0)], weights(0, 3, N_X), "enc")


def test_options_that_contradict_the_nodes_are_refused(tmp_path):
    nn.GRU(3, 5, batch_first=True, rng=0).save(tmp_path / "m.onnx")
    data = (tmp_path / "m.onnx").read_bytes()
    data = data[: data.index(b"__cyrnn__") - 4]
    for options in ('{"reset_after": false}', '{"activation": "relu"}', '{"clip": 2.0}'):
        (tmp_path / "m.onnx").write_bytes(data + field(14, field(1, "__cyrnn__") + field(2, options)))
        with pytest.raises(ValueError, match="the options that it keeps are others than the attributes of its nodes"):
            nn.load(tmp_path / "m.onnx")
    MODELS["gru"].save(tmp_path / "stack.onnx")
    stack = (tmp_path / "stack.onnx").read_bytes()
    step = field(14, field(1, "__cyrnn__") + field(2, '{"single_step": true}'))
    (tmp_path / "stack.onnx").write_bytes(stack[: stack.index(b"__cyrnn__") - 4] + step)
    with pytest.raises(ValueError, match="the options that it keeps are others than the attributes of its nodes"):
        nn.load(tmp_path / "stack.onnx")
    (tmp_path / "m.onnx").write_bytes(data)
    assert repr(nn.load(tmp_path / "m.onnx")) == "GRU(3, 5)"  # as of another program: Transpose is not the layer's


def test_nodes_of_inner_graphs_are_found(tmp_path):
    inner = graph([cell("GRU", 0)])
    found = loaded(tmp_path, [node("If", ["c"], ["Y"], "if", graphs=[inner])], weights(0, 3, N_X))
    assert repr(found) == "GRU(3, 5, reset_after=False)"


def test_model_that_float32_attributes_cannot_say_is_refused(tmp_path):
    with pytest.raises(ValueError, match="clip is 0 in float32"):
        nn.GRU(2, 3, clip=1e-60, dtype=np.float64).save(tmp_path / "m.onnx")
