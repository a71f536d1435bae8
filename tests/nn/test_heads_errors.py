"""What nn.Linear and nn.Embedding refuse, and in which words."""

from __future__ import annotations

import copy
import re
import sys

import numpy as np
import pytest
from problems import isa_in_use

from cyrnn import nn

LINEAR, EMBEDDING = nn.Linear(5, 3, rng=0), nn.Embedding(10, 3, rng=0)
X, IDS = np.ones((7, 4, 5), np.float32), np.ones((7, 4), np.int64)
D = np.ones((7, 4, 3), np.float32)


def refused(call, kind=ValueError) -> str:
    with pytest.raises(kind) as caught:
        call()
    return str(caught.value)


@pytest.mark.parametrize(
    ("call", "kind", "said"),
    [
        (lambda: nn.Linear(-1, 3), ValueError, "Linear: in_features is -1, expected a whole number of at least 0"),
        (lambda: nn.Linear(3, "4"), TypeError, "Linear: out_features is '4', expected a whole number of at least 0"),
        (lambda: nn.Linear(3, 4, None), TypeError, "Linear: bias is None, expected True or False"),
        (lambda: nn.Linear(3, 4, batch_first=1), TypeError, "Linear: batch_first is 1, expected True or False"),
        (lambda: nn.Linear(3, 4, dtype=np.float16), TypeError, "Linear: dtype is "),
        (lambda: nn.Linear(3, 4, rng=True), TypeError, "Linear: rng is True, expected a Generator or a seed"),
        (lambda: nn.Embedding(3.5, 4), ValueError, "Embedding: num_embeddings is 3.5, expected a whole number"),
        (lambda: nn.Embedding(3, 4, 3), ValueError, "Embedding: padding_idx is 3, expected -3 <= padding_idx < "),
        (lambda: nn.Embedding(3, 4, -4), ValueError, "Embedding: padding_idx is -4, expected -3 <= padding_idx < "),
        (lambda: nn.Embedding(3, 4, 1.0), TypeError, "Embedding: padding_idx is of type float, expected a wh"),
        (lambda: nn.Embedding(3, 4, True), TypeError, "Embedding: padding_idx is of type bool, expected a wh"),
    ],
)
def test_what_a_head_cannot_be_made_from_is_said(call, kind, said):
    assert refused(call, kind).startswith(said)


@pytest.mark.parametrize("method", ["", "forward"])
@pytest.mark.parametrize(
    ("given", "kind", "said"),
    [
        ((X[..., 1:],), ValueError, "input has shape (7, 4, 4), expected (*, in_features) with in_features = 5"),
        ((np.float32(3),), ValueError, "input has shape (), expected (*, in_features) with in_features = 5"),
        ((X.astype(np.float64),), TypeError, "input has dtype float64, expected float32: the weights are float32"),
        ((IDS,), TypeError, "input has dtype int64 (computed in float64), expected float32"),
        ((None,), TypeError, "input is None, expected an array of numbers"),
        ((X, [7] * 3), ValueError, "lengths has shape (3,), expected (N,) = (4,): N = 4 from input"),
        ((X, [7, 8, 0, 0]), ValueError, "lengths[1] is 8, expected 0 <= length <= L = 7: L = 7 from input"),
        ((X, [0.5] * 4), TypeError, "lengths has dtype float64, expected whole numbers"),
        ((X[0], [4] * 4), ValueError, "lengths is given, expected None: input has shape (4, 5), and is not (L, N"),
        ((X[None], [4] * 4), ValueError, "lengths is given, expected None: input has shape (1, 7, 4, 5), and is not"),
    ],
)
def test_what_a_linear_layer_cannot_take_is_said(given, kind, said, method):
    x, *lengths = given
    call = getattr(LINEAR, method or "__call__")
    function = f"Linear{'.' * bool(method)}{method}"
    got = refused(lambda: call(x, lengths=lengths[0] if lengths else None), kind)
    if said.startswith("input has dtype int64"):
        assert "token ids" in got
        said = "input has dtype int64"
    assert got.startswith(f"{function}: {said}")


@pytest.mark.parametrize("method", ["", "forward"])
@pytest.mark.parametrize(
    ("given", "kind", "said"),
    [
        (([[1, 2], [3, 10]],), ValueError, "input[1, 1] is 10, expected 0 <= index < num_embeddings = 10"),
        ((np.array([1, -1, 99]),), ValueError, "input[1] is -1, expected 0 <= index < num_embeddings = 10"),
        ((np.uint64(2**64 - 1),), ValueError, "input is 18446744073709551615, expected 0 <= index < num_embedd"),
        ((np.full((1, 1, 2), 200, np.uint8),), ValueError, "input[0, 0, 0] is 200, expected 0 <= index < num_em"),
        (([1.0],), TypeError, "input has dtype float64, expected whole numbers, the indices of vectors: np.asa"),
        ((X,), TypeError, "input has dtype float32, expected whole numbers, the indices of vectors: input.as"),
        (([True],), TypeError, "input has dtype bool, expected whole numbers, the indices of vectors"),
        ((np.zeros((0, 3)),), TypeError, "input has dtype float64, expected whole numbers"),
        ((["a"],), TypeError, "input has dtype <U1, expected"),
        ((None,), TypeError, "input is None, expected an array of numbers"),
        ((IDS, [7] * 3), ValueError, "lengths has shape (3,), expected (N,) = (4,): N = 4 from input"),
        ((IDS * 11, [0, 0, 2, 1]), ValueError, "input[0, 2] is 11, expected 0 <= index < num_embeddings = 10"),
        ((IDS[0], [1]), ValueError, "lengths is given, expected None: input has shape (4,), and is not (L, N)"),
    ],
)
def test_what_an_embedding_cannot_take_is_said(given, kind, said, method):
    indices, *lengths = given
    call = getattr(EMBEDDING, method or "__call__")
    function = f"Embedding{'.' * bool(method)}{method}"
    got = refused(lambda: call(indices, lengths=lengths[0] if lengths else None), kind)
    assert got.startswith(f"{function}: {said}")


@pytest.mark.parametrize("batch_first", [False, True])
def test_first_bad_index_of_a_ragged_batch_is_named_by_its_place(batch_first):
    layer = nn.Embedding(10, 3, batch_first=batch_first, rng=0)
    indices = np.full((3, 2) if batch_first else (2, 3), 10)
    place = "[1, 0]" if batch_first else "[0, 1]"
    want = f"Embedding: input{place} is 10, expected 0 <= index < num_embeddings = 10"
    assert refused(lambda: layer(indices, lengths=[0, 1, 2])) == want


@pytest.mark.parametrize("layer", [LINEAR, EMBEDDING], ids=lambda layer: type(layer).__name__)
def test_what_backward_cannot_take_is_said(layer):
    name, last = type(layer).__name__, "out_features" if layer is LINEAR else "embedding_dim"
    _, tape = layer.forward(X if layer is LINEAR else IDS)
    other = nn.Linear(5, 4) if layer is LINEAR else nn.Embedding(10, 4)
    want = f"{name}.backward: d_output has shape (7, 4, 2), expected (*, {last}) = (7, 4, 3): the shape of output"
    assert refused(lambda: layer.backward(tape, D[..., 1:])) == want
    assert "has dtype float64, expected float32" in refused(lambda: layer.backward(tape, D.astype(float)), TypeError)
    assert "is None, expected an array" in refused(lambda: layer.backward(tape, None), TypeError)
    assert "tape is of type int, expected what forward returned" in refused(lambda: layer.backward(3, D), TypeError)
    assert "tape is of another model: <tape of " in refused(lambda: other.backward(tape, D))
    for copied in (copy.copy, copy.deepcopy):
        assert "a tape can be neither pickled nor copied" in refused(lambda copied=copied: copied(tape), TypeError)
    tape.input = tape.input[..., :1].astype(np.float64)
    want = f"{name}.backward: tape.input was changed since forward, expected it as forward left it"
    assert refused(lambda: layer.backward(tape, D)) == want


def test_weights_that_do_not_fit_are_named():
    said = refused(lambda: LINEAR.load_state_dict({"weight": np.ones((3, 4)), "weights": np.ones(3)}))
    assert said == (
        "Linear.load_state_dict: state_dict does not fit: bias is missing; weights is not one of its parameters; "
        "weight has shape (3, 4), expected (3, 5)"
    )
    layer = nn.Linear(5, 3, False)
    layer.bias = np.ones(3)
    assert refused(layer.pack).startswith("Linear.pack: bias is set, expected None: the layer was made without; nn.Lin")
    layer.bias = None
    layer.pack()
    with pytest.raises(AttributeError, match=r"^Linear: weight_ is not one of its parameters, expected weight$"):
        layer.weight_ = 3


def test_state_dict_of_one_weight_is_not_guessed():
    weight, bias = np.ones((10, 3), np.float32), np.ones(10)
    assert repr(nn.from_state_dict({"weight": weight, "bias": bias})) == repr(nn.Linear(3, 10))
    made = nn.from_state_dict({"h.weight": weight, "h.bias": bias}, "h.", dtype=np.float64, batch_first=True)
    assert repr(made) == repr(nn.Linear(3, 10, batch_first=True, dtype=np.float64))
    assert refused(lambda: nn.from_state_dict({"weight": weight})) == (
        "from_state_dict: weights has weight (10, 3) alone: those of nn.Embedding(10, 3) and of "
        "nn.Linear(3, 10, bias=False) look alike; kind='Embedding' or kind='Linear' says which"
    )
    assert repr(nn.from_state_dict({"weight": weight}, kind="Linear")) == repr(nn.Linear(3, 10, False))
    made = nn.from_state_dict({"e.weight": weight}, "e.", kind="Embedding", padding_idx=-1)
    assert repr(made) == repr(nn.Embedding(10, 3, 9))
    np.testing.assert_array_equal(made.weight, weight)
    said = refused(lambda: nn.from_state_dict({"weight": weight, "bias": bias}, in_features=4))
    assert said == "from_state_dict: in_features is 4, expected 3: the weights say so"
    said = refused(lambda: nn.from_state_dict({"weight": weight, "bias": bias}, dropout=0.1), TypeError)
    wanted = "bias, batch_first, dtype, rng, dequantize"
    assert said == f"from_state_dict: dropout is no option of Linear, expected one of {wanted}"
    said = refused(lambda: nn.from_state_dict({"weight": weight[None]}))
    assert "expected those of one of torch.nn's recurrent" in said


def test_kind_that_is_none_or_that_a_bias_contradicts_is_refused():
    weight, bias = np.ones((10, 3), np.float32), np.ones(10, np.float32)
    for kind, shown in (("Emb", "'Emb'"), (nn.Embedding, repr(nn.Embedding)), ("LSTM", "'LSTM'")):
        for weights in ({"weight": weight}, {"weight": weight, "bias": bias}):
            said = refused(lambda weights=weights, kind=kind: nn.from_state_dict(weights, kind=kind))
            assert said == f"from_state_dict: kind is {shown}, expected 'Embedding' or 'Linear'"
    said = refused(lambda: nn.from_state_dict({"weight": weight, "bias": bias}, kind="Embedding"))
    assert said == "from_state_dict: kind is 'Embedding', expected 'Linear': weights has a bias, too"
    assert repr(nn.from_state_dict({"weight": weight, "bias": bias}, kind="Linear")) == repr(nn.Linear(3, 10))


def test_whole_result_of_a_recurrent_layer_as_input_says_which_part_is_wanted():
    cure = "expected an array: a layer returns a pair, output and state; output, state = layer(...) takes it apart"
    x = np.ones((7, 4, 5), np.float32)
    for layer in (nn.LSTM(5, 5, rng=0), nn.GRU(5, 5, rng=0)):
        assert refused(lambda layer=layer: LINEAR(layer(x)), TypeError) == f"Linear: input is of type tuple, {cure}"
        said = refused(lambda layer=layer: nn.RNN(5, 2)(layer(x)), TypeError)
        assert said == f"RNN: input is of type tuple, {cure}"
    of_one_step = nn.GRU(5, 5, rng=0)(x[:1])
    assert of_one_step[0].shape == of_one_step[1].shape
    assert refused(lambda: LINEAR(of_one_step), TypeError) == f"Linear: input is of type tuple, {cure}"
    assert LINEAR((x[0], x[1])).shape == (2, 4, 3)  # two frames


@pytest.mark.parametrize("kind", ["arrays", "lists", "tuple"])
def test_list_of_sequences_of_several_lengths_says_how_they_are_padded(kind):
    sequences = [np.ones((4, 3), np.float32), np.ones((2, 3), np.float32)]
    if kind != "arrays":
        sequences = (list if kind == "lists" else tuple)(each.tolist() for each in sequences)
    tokens = [[1, 2, 0, 1], [1]] if kind == "lists" else [np.array([1, 2, 0, 1]), np.array([1])]
    lstm = nn.LSTM(3, 5, rng=0)
    for model, given, least in (
        (lstm, sequences, 2), (nn.Linear(3, 2), sequences, 2), (nn.Sequential(lstm), sequences, 2),
        (lstm, tokens, 1), (nn.Embedding(3, 2), tokens, 1), (lstm.forward, sequences, 2), (nn.LastStep(), sequences, 2),
    ):
        said = refused(lambda model=model, given=given: model(given))
        assert re.search(rf": input is a (list|tuple) of 2 sequences of {least} to 4 steps, expected one array: ", said)
        assert said.endswith('then lengths=: docs/how_to/nn.md, "Sequences of several lengths"')
    assert "docs/how_to/nn.md" not in refused(lambda: nn.LSTMCell(3, 5)(sequences))
    assert "docs/how_to/nn.md" not in refused(lambda: lstm([np.float32(1), [1.0]]))  # numbers are no sequences


@pytest.mark.parametrize("model", [LINEAR, EMBEDDING, nn.LayerNorm(3), nn.Sequential(LINEAR)], ids=repr)
def test_path_without_an_ending_names_the_formats_that_hold_the_model(model):
    said = refused(lambda: model.save("model"))
    assert said == f"{type(model).__name__}.save: 'model' has no ending, expected one of .npz, .safetensors"
    assert ".safetensors, .onnx, .h5, .hdf5, .keras" in refused(lambda: nn.LSTM(2, 3).save("model"))


def test_training_of_torch_says_how_a_head_is_trained():
    said = refused(lambda: LINEAR.train(), NotImplementedError)
    assert "to train, forward(x) keeps a tape" in said
    assert "forward(x, dropout_rng=rng)" in refused(lambda: nn.LSTM(2, 3).train(), NotImplementedError)


@pytest.mark.skipif(sys.maxsize < 2**60, reason="no array can claim so much")
def test_array_that_claims_more_than_memory_is_refused():
    x = np.broadcast_to(np.float32(1), (2**30, 2**26, 5))
    said = refused(lambda: LINEAR(x), MemoryError)
    assert said == "cyrnn: no memory for the results" or isa_in_use() == "reference"


def test_module_that_looks_like_torchs_is_taken_by_its_attributes():
    weight, bias = np.ones((3, 5), np.float64), np.arange(3.0)
    attributes = {"in_features": 5, "out_features": 3, "weight": weight, "bias": bias}
    for module in (type("Linear", (), attributes)(), type("Mine", (type("Linear", (), attributes),), {})()):
        for layer in (nn.from_torch(module), nn.Linear.from_torch(module)):
            assert repr(layer) == "Linear(in_features=5, out_features=3, bias=True, dtype='float64')"
            np.testing.assert_array_equal(layer.bias, bias)
    module = type("Linear", (), attributes | {"bias": None})()
    assert repr(nn.from_torch(module, dtype=np.float32)) == "Linear(in_features=5, out_features=3, bias=False)"
    attributes = {"num_embeddings": 3, "embedding_dim": 5, "padding_idx": 1, "weight": weight}
    assert repr(nn.from_torch(type("Embedding", (), attributes)(), dtype="float32")) == "Embedding(3, 5, padding_idx=1)"
    for name, value in (("max_norm", 1.0), ("scale_grad_by_freq", True)):
        module = type("Embedding", (), attributes | {name: value})()
        assert f"module.{name} is {value}, expected" in refused(lambda module=module: nn.from_torch(module))
    said = refused(lambda: nn.Linear.from_torch(module), TypeError)
    assert said == "Linear.from_torch: module is of type Embedding, expected one of torch.nn's Linear"
    del attributes["weight"]
    said = refused(lambda: nn.from_torch(type("Embedding", (), attributes)()), TypeError)
    assert said.startswith("Embedding.from_torch: module is of type Embedding and has no weight, expected one of torch")


def test_subclass_of_a_head_is_made_from_torch_as_itself():
    class Mine(nn.Linear):
        pass

    module = type("Linear", (), {"in_features": 1, "out_features": 2, "weight": np.ones((2, 1)), "bias": None})()
    assert repr(Mine.from_torch(module)) == "Mine(in_features=1, out_features=2, bias=False, dtype='float64')"
