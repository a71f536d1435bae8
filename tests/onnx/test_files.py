"""Files of ONNX: weights found and folded, and what is no such file refused with the place in it."""

from __future__ import annotations

import contextlib
import os
import random
import tracemalloc

import numpy as np
import pytest
from onnx_writer import attribute, field, graph, model, node, tensor, varint
from problems import assert_same_bits

from cyrnn import onnx

N, N_X = 5, 3


def draw(*shape, seed=0, dtype=np.float32):
    return np.random.default_rng(seed).standard_normal(shape).astype(dtype)


X = draw(4, 2, N_X)
W, R, B = draw(1, 4 * N, N_X, seed=1), draw(1, 4 * N, N, seed=2), draw(1, 8 * N, seed=3)
WANTED = onnx.lstm(X, W, R, B)


def lstm(inputs=("X", "W", "R", "B"), **attributes):
    return node("LSTM", inputs, ["Y"], "cell", hidden_size=N, **attributes)


def three(raw=True):
    return [tensor(value, name, raw) for name, value in (("W", W), ("R", R), ("B", B))]


@pytest.mark.parametrize("raw", [True, False])
def test_weights_are_found_in_initializers(tmp_path, raw):
    data = model([lstm()], three(raw))
    (tmp_path / "m.onnx").write_bytes(data)
    for source in (data, bytearray(data), memoryview(data), tmp_path / "m.onnx", str(tmp_path / "m.onnx")):
        found = onnx.load(source)
        assert list(found) == ["cell"]
        assert_same_bits(found["cell"](X), WANTED)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
@pytest.mark.parametrize("raw", [True, False])
def test_every_dtype_of_floats_is_read(dtype, raw):
    weights = [value.astype(dtype) for value in (W, R, B)]
    tensors = [tensor(value, name, raw) for name, value in zip("WRB", weights, strict=True)]
    found = onnx.load(model([lstm()], tensors))["cell"]
    assert found.dtype == dtype
    assert_same_bits(found(X.astype(dtype)), onnx.lstm(X.astype(dtype), *weights))


def test_bfloat16_becomes_float32():
    head = field(1, 1) + field(1, 4 * N) + field(1, N_X) + field(2, 16) + field(8, "W")
    bits = (W.view(np.uint32) >> 16).astype("<u2")
    found = onnx.load(model([lstm()], [head + field(9, bits.tobytes()), *three()[1:]]))["cell"]
    rounded = (bits.astype(np.uint32) << 16).view(np.float32).reshape(W.shape)
    assert_same_bits(found(X), onnx.lstm(X, rounded, R, B))


def test_constants_are_followed_through_identity_and_transpose():
    nodes = [
        node("Constant", [], ["w"], value=np.ascontiguousarray(W.transpose(2, 0, 1))),
        node("Transpose", ["w"], ["w2"], perm=[1, 2, 0]),
        node("Identity", ["w2"], ["W"]),
        lstm(),
    ]
    assert_same_bits(onnx.load(model(nodes, three()[1:]))["cell"](X), WANTED)


@pytest.mark.parametrize("per_row", [False, True])
def test_quantised_weights_are_multiplied_by_their_scale(per_row):
    values = np.random.default_rng(0).integers(-127, 128, W.shape).astype(np.int8)
    scale = np.linspace(0.01, 0.02, 4 * N, dtype=np.float32) if per_row else np.float32(0.01)
    zero = np.full(np.shape(scale), 3, np.int8)
    inputs = [tensor(values, "q"), tensor(scale, "s"), tensor(zero, "z")]
    nodes = [node("DequantizeLinear", ["q", "s", "z"], ["W"], axis=1), lstm()]
    wanted = (values.astype(np.float32) - 3) * (scale[:, None] if per_row else scale)
    assert_same_bits(onnx.load(model(nodes, [*inputs, *three()[1:]]))["cell"](X), onnx.lstm(X, wanted, R, B))
    nodes = [node("QuantizeLinear", ["w", "s", "z"], ["q"], axis=1), *nodes]
    again = onnx.load(model(nodes, [tensor(wanted, "w"), *inputs[1:], *three()[1:]]))["cell"]
    assert_same_bits(again(X), onnx.lstm(X, wanted, R, B))


def test_dynamic_quantize_lstm_is_dequantised_where_that_is_asked_for():
    q = [np.random.default_rng(i).integers(0, 255, (1, k, 4 * N)).astype(np.uint8) for i, k in enumerate((N_X, N))]
    scale, zero = np.float32([0.01]), np.uint8([128])
    names = ["X", "W", "R", "B", "", "", "", "", "ws", "wz", "rs", "rz"]
    values = {"W": q[0], "R": q[1], "B": B, "ws": scale, "wz": zero, "rs": scale, "rz": zero}
    quantised = node("DynamicQuantizeLSTM", names, ["Y"], "cell", "com.microsoft", hidden_size=N)
    data = model([quantised], [tensor(value, name) for name, value in values.items()])
    found = onnx.load(data, dequantize=True)["cell"]
    wide = [((value.astype(np.float32) - 128) * scale).transpose(0, 2, 1) for value in q]
    assert_same_bits(found(X), onnx.lstm(X, *wide, B))


def test_attributes_and_states_of_the_file_are_in_force():
    P, h = draw(1, 3 * N, seed=4), draw(1, 2, N, seed=5)
    attributes = {"clip": 0.5, "activations": ["HardSigmoid", "Tanh", "Relu"]}
    attributes |= {"activation_alpha": [0.3], "input_forget": 1}
    nodes = [lstm(["X", "W", "R", "B", "", "h", "", "P"], **attributes)]
    found = onnx.load(model(nodes, [*three(), tensor(P, "P"), tensor(h, "h")]))["cell"]
    attributes["clip"] = float(np.float32(0.5))
    attributes["activation_alpha"] = [float(np.float32(0.3))]
    assert_same_bits(found(X), onnx.lstm(X, W, R, B, None, h, None, P, **attributes))
    assert_same_bits(found(X, None, 2 * h), onnx.lstm(X, W, R, B, None, 2 * h, None, P, **attributes))


@pytest.mark.parametrize("zero", [np.uint8([[128]]), np.uint8(128), np.uint8([128, 128])])
def test_zero_point_of_another_shape_than_its_scale_is_refused(zero):
    q = [np.zeros((1, k, 4 * N), np.uint8) for k in (N_X, N)]
    names = ["X", "W", "R", "B", "", "", "", "", "ws", "wz", "ws", "wz"]
    values = {"W": q[0], "R": q[1], "B": B, "ws": np.float32([0.1]), "wz": zero}
    quantised = node("DynamicQuantizeLSTM", names, ["Y"], "cell", "com.microsoft", hidden_size=N)
    found = onnx.load(model([quantised], [tensor(value, name) for name, value in values.items()]))
    with pytest.raises(ValueError, match=r"a zero point of shape \(.*\) does not fit a scale of shape \(1,\)"):
        found["cell"]


@pytest.mark.parametrize(
    ("attributes", "sentence"),
    [
        ({"activations": "Tanh"}, "'activations' is of type str, expected a list of str"),
        ({"activations": [1, 2, 3]}, "'activations' is of type list, expected a list of str"),
        ({"activation_alpha": 0.5}, "'activation_alpha' is of type float, expected a list of float"),
        ({"direction": ["forward"]}, "'direction' is of type list, expected str"),
        ({"clip": "3"}, "'clip' is of type str, expected float"),
        ({"layout": np.ones(1, np.float32)}, "'layout' is of type Tensor, expected int"),
    ],
)
def test_attributes_of_other_types_are_refused(attributes, sentence):
    found = onnx.load(model([node("LSTM", ["X", "W", "R", "B"], ["Y"], "cell", **attributes)], three()))
    with pytest.raises(ValueError, match=f"LSTM 'cell': the attribute {sentence}"):
        found["cell"]


def test_attribute_without_a_value_is_zero():
    """As writers have it that leave out what is 0."""
    empty = lstm() + field(5, field(1, "layout") + field(20, 2))
    assert_same_bits(onnx.load(model([empty], three()))["cell"](X), WANTED)


def test_long_ways_to_a_constant_are_followed():
    count = 3000
    nodes = [node("Identity", [f"w{k}"], [f"w{k + 1}"]) for k in range(count)]
    nodes += [node("Identity", [f"w{count}"], ["W"]), lstm()]
    assert_same_bits(onnx.load(model(nodes, [tensor(W, "w0"), *three()[1:]]))["cell"](X), WANTED)


def test_nodes_of_inner_graphs_are_found_with_tensors_of_the_outer_one():
    inner = graph([lstm(["x", "W", "R", "B"])])
    found = onnx.load(model([node("If", ["c"], ["Y"], "if", graphs=[inner])], three()))
    assert_same_bits(found["cell"](X), WANTED)


def test_nodes_without_names_have_those_of_their_outputs():
    nodes = [node(op, ["X", "W", "R"], [f"Y{i}"], hidden_size=N) for i, op in enumerate(["LSTM", "LSTM"])]
    nodes += [node("LSTM", ["X", "W", "R"], ["Y"], "Y0", hidden_size=N), node("Relu", ["a"], ["b"], "other")]
    assert list(onnx.load(model(nodes, three()))) == ["Y0", "Y1", "Y0#2"]
    assert repr(onnx.load(model([lstm()], three()))).endswith("bytes: 'cell': LSTM>")


def test_nodes_of_one_name_are_all_there_whatever_others_are_called():
    nodes = [node("LSTM", ["X", "W", "R"], ["Y"], name, hidden_size=N) for name in ("a#2", "a", "a", "a")]
    assert list(onnx.load(model(nodes, three()))) == ["a#2", "a", "a#3", "a#4"]


def external(**entries):
    head = field(1, 1) + field(1, 4 * N) + field(1, N_X) + field(2, 1) + field(8, "W") + field(14, 1)
    return head + b"".join(field(13, field(1, key) + field(2, str(value))) for key, value in entries.items())


def test_weights_in_a_file_of_their_own_are_read(tmp_path):
    (tmp_path / "w.bin").write_bytes(b"12345678" + W.tobytes() + b"more")
    path = tmp_path / "m.onnx"
    path.write_bytes(model([lstm()], [external(location="w.bin", offset=8, length=W.nbytes), *three()[1:]]))
    assert_same_bits(onnx.load(path)["cell"](X), WANTED)


@pytest.mark.parametrize(
    ("entries", "sentence"),
    [
        ({"location": "../w.bin"}, "expected a file beside the model"),
        ({"location": "/etc/passwd"}, "expected a file beside the model"),
        ({}, "expected a file beside the model"),
        ({"location": "w.bin", "offset": 1 << 40}, "240 bytes from byte 1099511627776 on of 'w.bin', which has 240"),
        ({"location": "w.bin", "length": 1 << 40}, "claims 1099511627776 bytes"),
        ({"location": "w.bin", "offset": "x"}, "has no number for offset or length"),
        ({"location": "none.bin"}, "No such file"),
        ({"location": "."}, "no regular file|Permission denied|Is a directory"),
    ],
)
def test_files_elsewhere_are_refused(tmp_path, entries, sentence):
    (tmp_path / "w.bin").write_bytes(W.tobytes())
    path = tmp_path / "m.onnx"
    path.write_bytes(model([lstm()], [external(**entries), *three()[1:]]))
    with pytest.raises(ValueError, match=sentence):
        onnx.load(path)["cell"]
    if entries.get("location") == "w.bin":
        with pytest.raises(ValueError, match="load the model by its path"):
            onnx.load(path.read_bytes())["cell"]


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no pipes with names")
def test_a_pipe_in_the_place_of_weights_is_refused_and_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "w.bin")
    path = tmp_path / "m.onnx"
    path.write_bytes(model([lstm()], [external(location="w.bin"), *three()[1:]]))
    with pytest.raises(ValueError, match=r"the tensor 'W' is in 'w\.bin', which is no regular file"):
        onnx.load(path)["cell"]


NODES = {
    "input": ([lstm()], three()[1:], "LSTM 'cell': its weight 'W' is an input of the model, expected a constant"),
    "Add": ([node("Add", ["a"], ["W"], "plus"), lstm()], three()[1:], "its weight comes from Add 'plus', expected"),
    "cycle": (
        [node("Identity", ["b"], ["W"], "one"), node("Identity", ["W"], ["b"], "two"), lstm()],
        three()[1:],
        "its weight comes from Identity 'one', which comes from itself",
    ),
    "perm": (
        [node("Transpose", ["w"], ["W"], perm=[1 << 40, 1, 2]), lstm()],  # which NumPy takes for 0
        [tensor(W, "w"), *three()[1:]],
        f"Transpose 'W' has the order [1099511627776, 1, 2] for values of shape {W.shape}",
    ),
    "int8": ([lstm()], [tensor(W.astype(np.int8), "W"), *three()[1:]], "W has dtype int8 and no scale"),
    "attribute": ([lstm(colour=3)], three(), "LSTM 'cell': the attribute 'colour' is unknown"),
    "shape": ([lstm()], [tensor(W[:, :5], "W"), *three()[1:]], "LSTM 'cell': onnx.LSTM: R has shape"),
    "no R": ([lstm(["X", "W"])], three(), "LSTM 'cell': there is no W or no R"),
    "size": ([node("LSTM", ["X", "W", "R"], ["Y"], "cell", hidden_size=6)], three(), "hidden_size is 6, expected 5"),
}


@pytest.mark.parametrize(("nodes", "tensors", "sentence"), NODES.values(), ids=NODES)
def test_what_cannot_be_prepared_names_its_node(nodes, tensors, sentence):
    found = onnx.load(model(nodes, tensors))
    with pytest.raises(ValueError, match=r"^onnx\.load: \d+ bytes: LSTM 'cell': ") as caught:
        found["cell"]
    assert sentence in str(caught.value)


@pytest.mark.parametrize(
    ("names", "has"),
    [
        ([], "no recurrent node"),
        (["a", "b"], "'a', 'b'"),
        ("abcdefghi", "'a', 'b', 'c', 'd', 'e', 'f', 'g', 'h', ..."),
    ],
    ids=["none", "two", "nine"],
)
def test_name_that_no_node_has_is_said_with_those_that_are_there(names, has):
    nodes = [node("LSTM", ["X", "W", "R", "B"], [f"Y{name}"], name, hidden_size=N) for name in names]
    found = onnx.load(model(nodes, three()))
    assert "LSTM_0" not in found
    assert found.get("LSTM_0") is None
    with pytest.raises(KeyError) as caught:
        found["LSTM_0"]
    assert str(caught.value).endswith(f"there is no recurrent node 'LSTM_0': it has {has}")


NO_MODEL = {
    "empty": (b"", "at byte 0: there is no graph"),
    "text": (b"hello, world", "at byte"),
    "zip": (b"PK\x03\x04" + bytes(60), "at byte"),
    "long number": (b"\x08" + b"\xff" * 11, "at byte 1: a number has more than 10 bytes"),
    "no end": (b"\x08\xff", "at byte 1: a number ends past the end"),
    "claims much": (varint(7 << 3 | 2) + varint(1 << 40) + b"abc", "claims 1099511627776 bytes, of which there are 3"),
    "field 0": (b"\x00\x01", "at byte 0: a field has the number 0"),
    "group": (b"\x0b\x0c", "at byte 0: a field has the wire type 3"),
    "graph is a number": (field(7, 5), "a field has the wire type 0, expected 2"),
}


@pytest.mark.parametrize(("data", "sentence"), NO_MODEL.values(), ids=NO_MODEL)
def test_what_is_no_model_is_refused_with_the_place(data, sentence):
    with pytest.raises(ValueError, match=r"^onnx\.load: \d+ bytes: at byte \d+: ") as caught:
        onnx.load(data)
    assert sentence in str(caught.value)


def test_deep_graphs_are_refused():
    inner = graph([])
    for _ in range(40):
        inner = graph([node("If", ["c"], ["y"], graphs=[inner])])
    with pytest.raises(ValueError, match="a graph is more than 32 graphs deep"):
        onnx.load(field(7, inner))


def test_a_tensor_of_claimed_elements_takes_no_memory():
    claims = field(1, 1 << 40) + field(1, 4) + field(2, 1) + field(8, "W") + field(9, b"1234")
    tracemalloc.start()
    with pytest.raises(ValueError, match=r"the tensor 'W' of shape \[1099511627776, 4\] has 4 bytes, expected"):
        onnx.load(model([lstm()], [claims, *three()[1:]]))["cell"]
    assert tracemalloc.get_traced_memory()[1] < 1 << 20
    tracemalloc.stop()


def everything(data):
    found = onnx.load(data)
    for name in found:
        found[name]


def test_truncated_and_damaged_files_raise_nothing_but_value_errors():
    nodes = [node("DequantizeLinear", ["q", "s"], ["W"], axis=1), lstm()]
    nodes += [node("If", ["c"], ["y"], graphs=[graph([lstm()])])]
    data = model(nodes, [tensor(W.astype(np.int8), "q"), tensor(np.float32(0.1), "s"), *three(False)[1:]])
    everything(data)
    for end in range(0, len(data), 7):
        with pytest.raises(ValueError, match=r"^onnx\.load: "):
            everything(data[:end])
    dice = random.Random(0)
    for _ in range(1500):
        damaged = bytearray(data)
        for _ in range(dice.randint(1, 4)):
            damaged[dice.randrange(len(data))] = dice.randrange(256)
        with contextlib.suppress(ValueError):
            everything(damaged)


def test_other_sources_are_refused():
    with pytest.raises(TypeError, match="source is of type int, expected a path or the bytes of a file"):
        onnx.load(3)
    proto = type("ModelProto", (), {"SerializeToString": bytes})
    with pytest.raises(TypeError, match=r"type ModelProto, .* of a file: its SerializeToString\(\) gives them$"):
        onnx.load(proto())
    with pytest.raises(TypeError, match=r"type type, expected a path or the bytes of a file$"):
        onnx.load(proto)


def test_file_of_the_onnx_package_is_read():
    helper = pytest.importorskip("onnx.helper")
    made = helper.make_node("LSTM", ["X", "W", "R", "B"], ["Y"], name="cell", hidden_size=N, direction="forward")
    numpy_helper = pytest.importorskip("onnx.numpy_helper")
    tensors = [numpy_helper.from_array(value, name) for name, value in (("W", W), ("R", R), ("B", B))]
    whole = helper.make_model(helper.make_graph([made], "g", [], [], tensors))
    assert_same_bits(onnx.load(whole.SerializeToString())["cell"](X), WANTED)
    assert attribute("a", [1, 2]) == field(1, "a") + field(8, 1) + field(8, 2)
