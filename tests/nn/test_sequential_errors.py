"""What a Sequential is not made of, called with or loaded from is said in one sentence, before any work."""

from __future__ import annotations

import copy
import json
import pickle

import numpy as np
import pytest

from cyrnn import nn

X = np.ones((4, 2, 3), np.float32)
LSTM, HEAD = nn.LSTM(3, 5, rng=0), nn.Linear(5, 2, rng=1)
KNOWN = "expected one of RNN, LSTM, GRU, Linear, Embedding, LayerNorm, Dropout, LastStep, Sequential"


def model():
    return nn.Sequential(nn.LSTM(3, 5, rng=0), nn.Linear(5, 2, rng=1))


def taped():
    return model().forward(X)


def broken():
    other = model()
    setattr(other, "1.weight", np.ones((3, 3)))
    return other


MADE = [
    ((LSTM, nn.Linear(5, 5), LSTM), "module 2 is module 0 once more, LSTM(3, 5): copy.deepcopy(module) is another one"),
    (([LSTM, HEAD],), f"module 0 is of type list, {KNOWN}: Sequential(*modules) takes a list apart"),
    ((LSTM, None), f"module 1 is of type NoneType, {KNOWN}"),
    ((nn.LSTM, HEAD), f"module 0 is the class LSTM, {KNOWN}: LSTM(...)"),
    ((nn.LSTMCell(3, 5),), f"module 0 is of type LSTMCell, {KNOWN}: LSTM is its layer, whose `step` is the cell's"),
    ((nn.Sequential(LSTM), LSTM), "module 1 is module 0.0 once more, LSTM(3, 5)"),
    ((LSTM, nn.Linear(5, 2, dtype=np.float64)), "module 1 is of float64, module 0 of float32, expected one dtype"),
    ((nn.LSTM(3, 5, batch_first=True), nn.GRU(5, 5)), "module 1 has batch_first=False, module 0 batch_first=True"),
    ((LSTM, nn.Dropout(), nn.Linear(4, 2)), "module 2, Linear(in_features=4, out_features=2, bias=True), takes 4 fe"),
    ((LSTM, nn.LayerNorm(4)), "module 1, LayerNorm(4), takes 4 features, and module 0, LSTM(3, 5), gives 5"),
    ((LSTM, nn.Embedding(9, 5)), "module 1, Embedding(9, 5), takes whole numbers, and others give floats: it can on"),
    ((LSTM, nn.LastStep(), nn.GRU(5, 2)), "module 2, GRU(5, 2), takes steps, and module 1, LastStep(), leaves the l"),
    ((), "no module has weights, expected one that has at least"),
    ((nn.Dropout(), nn.LastStep()), "no module has weights, expected one that has at least"),
]


@pytest.mark.parametrize(("modules", "sentence"), MADE)
def test_modules_that_make_no_model_are_refused(modules, sentence):
    with pytest.raises((ValueError, TypeError)) as caught:
        nn.Sequential(*modules)
    assert str(caught.value).startswith(f"Sequential: {sentence}")


CALLS = [
    (lambda: model()(X.astype(np.float64)), "Sequential: module 0: LSTM: input has dtype float64, expected float32"),
    (lambda: model()(X[0, 0]), "Sequential: module 0: LSTM: input has shape (3,), expected (L, N, input_size)"),
    (lambda: model()(X, 5), "Sequential: hx is of type int, expected a tuple of 1, the state of each recurrent layer"),
    (lambda: model()(X, (1, 2)), "Sequential: hx has 2 entries, expected a tuple of 1"),
    (lambda: model()(X, [np.ones(3)]), "Sequential: module 0: LSTM: hx is of type ndarray, expected the pair (h, c)"),
    (lambda: model()(X, lengths=[5, 1]), "Sequential: module 0: LSTM: lengths[0] is 5, expected 0 <= length <= L = 4"),
    (lambda: nn.Sequential(HEAD)(np.ones((4, 5), np.float32), reset=[True]), "Sequential: reset is given, expected"),
    (lambda: nn.Sequential(HEAD).step(X, reset=[True]), "Sequential.step: reset is given, expected None: no module"),
    (lambda: model().step(X), "Sequential.step: module 0: LSTM.step: x_t has shape (4, 2, 3), expected"),
    (lambda: model().forward(X, dropout_rng="a"), "Sequential.forward: dropout_rng is 'a', expected a Generator"),
    (lambda: model().forward(X[:, :, :2]), "Sequential.forward: module 0: LSTM.forward: input has shape (4, 2, 2)"),
    (lambda: model().backward(None, X), "Sequential.backward: tape is of type NoneType, expected what forward retur"),
    (lambda: model().backward(taped()[2], X), "Sequential.backward: module 1: Linear.backward: d_output has shape"),
    (lambda: model().backward(taped()[2], None, 5), "Sequential.backward: d_state is of type int, expected a tuple"),
    (lambda: nn.Sequential(HEAD).backward(taped()[2], X), "Sequential.backward: tape is of another model: <tape of"),
    (lambda: pickle.dumps(taped()[2]), "cyrnn: a tape can be neither pickled nor copied"),
    (lambda: model()["0"], "Sequential: the index is '0', expected a whole number or a slice"),
    (lambda: model()[2], "Sequential: the index is 2, expected -2 <= index < 2"),
    (lambda: model()[:0], "Sequential: no module has weights"),
    (lambda: model().quantize("int4"), "Sequential.quantize: module 0: LSTM.quantize: kind is 'int4', expected"),
    (lambda: model().quantize("int8").forward(X), "Sequential.forward: module 0: LSTM.forward: the model has int8"),
    (lambda: model().quantize("int8").double(), "Sequential.to: module 0: LSTM.to: dtype is float64, expected float32"),
    (lambda: model().train(), "Sequential.train: a call is as in eval mode"),
    (lambda: broken().pack(), "Sequential.pack: module 1: Linear.pack: a weight does not fit: weight has shape (3, 3)"),
    (lambda: broken().state_dict(), "Sequential.state_dict: module 1: Linear.state_dict: a weight does not fit"),
    (lambda: copy.copy(broken()), "Linear.pickle: a weight does not fit: weight has shape (3, 3)"),
    (lambda: model().load_state_dict({}), "Sequential.load_state_dict: state_dict does not fit: 0.weight_ih_l0 is m"),
    (lambda: model().load_state_dict(5), "Sequential.load_state_dict: state_dict is of type int, expected a dict"),
    (lambda: model().load_state_dict({"arr_0": X}), "Sequential.load_state_dict: state_dict does not fit: its array"),
    (lambda: model().save("model.onnx"), "Sequential.save: 'model.onnx' is for recurrent layers, expected .npz or ."),
    (lambda: model().save("model.keras"), "Sequential.save: 'model.keras' is for recurrent layers, expected .npz or"),
    (lambda: model().save("model.pt"), "Sequential.save: 'model.pt' has the ending '.pt', expected one of .npz, .safe"),
    (lambda: getattr(model(), "1.wieght"), "'Sequential' object has no attribute '1.wieght'"),
    (lambda: nn.Dropout(2), "Dropout: p is 2, expected a number from 0 to 1"),
    (lambda: nn.Dropout(0.5).forward([1, 2]), "Dropout.forward: input has dtype int64, expected float32 or float64"),
    (lambda: nn.Dropout().backward(None, X), "Dropout.backward: tape is of type NoneType"),
    (lambda: nn.Dropout().backward(nn.Dropout().forward(X)[1], X[0]), "Dropout.backward: d_output has shape (2, 3),"),
    (lambda: nn.Dropout().backward(nn.Dropout().forward(X)[1], X * 1.0j), "Dropout.backward: d_output has dtype com"),
    (
        lambda: nn.Dropout().backward(nn.Dropout().forward(X)[1], X.astype(float)),
        "Dropout.backward: d_output has dtype float64, expected float32: input was of it",
    ),
    (lambda: pickle.dumps(nn.Dropout().forward(X)[1]), "cyrnn: a tape can be neither pickled nor copied"),
    (lambda: nn.LastStep(bidirectional=1), "LastStep: bidirectional is 1, expected True or False"),
    (lambda: nn.LastStep()(X[0, 0]), "LastStep: input has shape (3,), expected (L, N, features) or (L, features)"),
    (lambda: nn.LastStep()(X, lengths=[1]), "LastStep: lengths has shape (1,), expected (N,) = (2,)"),
    (lambda: pickle.dumps(nn.LastStep().forward(X)[1]), "cyrnn: a tape can be neither pickled nor copied"),
]


@pytest.mark.parametrize(("do", "sentence"), CALLS, ids=[sentence[:50] for _, sentence in CALLS])
def test_wrong_argument_is_a_sentence(do, sentence, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises((ValueError, TypeError, IndexError, AttributeError, NotImplementedError)) as caught:
        do()
    assert str(caught.value).startswith(sentence)


def test_error_that_is_not_ours_is_raised_as_it_is():
    class Odd(nn.Linear):
        def __call__(self, *args, **options):
            raise ValueError("no word of ours: it is another's")

    with pytest.raises(ValueError, match=r"^no word of ours"):
        nn.Sequential(nn.LSTM(3, 5), Odd(5, 2))(X)


FILES = [
    ({"modules": 5}, "its modules are no list alone: of a newer cyrnn?"),
    ({"modules": [], "x": 1}, "its modules are no list alone: of a newer cyrnn?"),
    ({"modules": []}, "Sequential: no module has weights"),
    ({"modules": [["LSTM", {}]]}, "it has '1.weight', which is of none of its modules"),
    ({"modules": [["LSTM", {}], ["GRU", {}]]}, "its module 1 has the weights of Linear, expected those of GRU"),
    ({"modules": [["LSTM", {}], ["Linear", {"p": 3}]]}, "its module 1: its option 'p' is 3: of a newer cyrnn?"),
    ({"modules": [["Dropout", {"p": 3}], ["LSTM", {}]]}, "its module 0: Dropout: p is 3, expected"),
    ({"modules": [["Dropout", {"x": 3}]]}, "its module 0: its option 'x' is none of Dropout's"),
    ({"modules": [[["LSTM"], {}]]}, 'its module 0 is [["LSTM"], {}], expected a class and its options'),
    ({"modules": [["Sequential", {}]]}, 'its module 0 is ["Sequential", {}], expected a class and its options'),
    ({"modules": [["LayerNorm", {"normalized_shape": 10**12}]]}, "its module 0: its option 'normalized_shape' is 10"),
    ('{"modules":' + "[" * 100_000, "its options are no JSON"),
    ('["modules"]', "its options are no JSON object"),
]


@pytest.mark.parametrize(("about", "sentence"), FILES, ids=[sentence[:40] for _, sentence in FILES])
def test_file_that_says_what_cannot_be_is_a_sentence(about, sentence, tmp_path):
    path = tmp_path / "model.npz"
    text = about if isinstance(about, str) else json.dumps(about)
    np.savez(path, __cyrnn__=np.array(text), **model().state_dict())
    with pytest.raises(ValueError, match=r"^nn\.load: '.*model\.npz': ") as caught:
        nn.load(path)
    assert sentence in str(caught.value)


def test_model_in_too_many_others_is_refused(tmp_path):
    part = ["LSTM", {}]
    for _ in range(40):
        part = ["Sequential", [part]]
    np.savez(tmp_path / "model.npz", __cyrnn__=np.array(json.dumps({"modules": [part]})), **model().state_dict())
    with pytest.raises(ValueError, match="is within more than 32 others"):
        nn.load(tmp_path / "model.npz")


@pytest.mark.parametrize("ending", ["npz", "safetensors"])
def test_damaged_file_is_one_sentence(ending, tmp_path):
    path = tmp_path / f"model.{ending}"
    model().save(path)
    whole = path.read_bytes()
    for size in (0, 10, len(whole) // 2, len(whole) - 5):
        path.write_bytes(whole[:size])
        with pytest.raises(ValueError, match=r"^nn\.load: '.*model\.") as caught:
            nn.load(path)
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"batch_first": True}, "batch_first is given, .* has a Sequential: the file says all options"),
        ({"dtype": np.float64}, r"dtype is given, .* has a Sequential: model.double\(\) and model.float\(\) cast"),
        ({"dequantize": 1}, "dequantize is 1, expected True or False"),
        ({"prefix": "7."}, r"prefix is '7\.', expected one of '0\.', '1\.'"),
    ],
)
def test_options_that_a_file_of_a_model_does_not_take_are_refused(options, sentence, tmp_path):
    model().save(tmp_path / "model.npz")
    with pytest.raises((ValueError, TypeError), match=sentence):
        nn.load(tmp_path / "model.npz", **options)


def test_weights_that_do_not_fit_leave_the_model_as_it_was():
    one = nn.Sequential(nn.LSTM(3, 5, rng=0), nn.Linear(5, 2, rng=1)).quantize("int8")
    before, weights = one(X)[0], one.state_dict()
    weights["0.weight_ih_l0"] = weights["0.weight_ih_l0"] + np.int8(1)
    weights["1.weight"] = weights["1.weight"].astype(np.int16)
    with pytest.raises(ValueError, match=r"1\.weight has dtype int16, expected int8"):
        one.load_state_dict(weights)
    assert np.array_equal(one(X)[0], before)


def test_model_whose_inner_module_was_cast_alone_is_neither_saved_nor_pickled(tmp_path):
    """It could not be read again."""
    model = nn.Sequential(nn.LSTM(3, 2, rng=0), nn.Linear(2, 2, rng=0))
    model[1].double()
    said = "module 1 is of float64, module 0 of float32, expected one dtype"
    for do in (lambda: model.save(tmp_path / "model.npz"), lambda: pickle.dumps(model)):
        with pytest.raises(ValueError, match=said):
            do()
    model[1].float()
    model.save(tmp_path / "model.npz")
    assert len(nn.load(tmp_path / "model.npz")) == 2


def test_modules_that_do_not_agree_about_batch_first_are_refused():
    """An Embedding that says it, in front of a layer that does not, gave each sequence the state of another."""
    said = r"^Sequential: module 0 has batch_first=True, module 1 batch_first=False, expected the same of all modules"
    with pytest.raises(ValueError, match=said):
        nn.Sequential(nn.Embedding(5, 3, batch_first=True, rng=0), nn.LSTM(3, 4, rng=0))
    tagger = nn.Sequential(nn.Embedding(5, 3, rng=0), nn.LSTM(3, 4, batch_first=True, rng=0), nn.Linear(4, 2, rng=0))
    ids = np.array([[1, 2, 3], [4, 0, 1]])
    np.testing.assert_allclose(tagger(ids)[0][1], tagger(ids[1:])[0][0], rtol=0, atol=1e-6)


def test_arguments_of_quantize_are_named():
    model = nn.Sequential(nn.LSTM(3, 4, rng=0))
    with pytest.raises(TypeError, match=r"^Sequential\.quantize: there is no argument 'lengths', expected kind"):
        model.quantize("int8", lengths=[3])
    with pytest.raises(TypeError, match=r"^quantize: the model is .*, expected one of nn: "):
        nn.Sequential.quantize("int8")
