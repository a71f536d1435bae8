"""Hostile arguments: one sentence with the cure, before any work, nothing half-updated."""

from __future__ import annotations

import re

import numpy as np
import pytest

from cyrnn import nn, training
from cyrnn.training import (
    SGD,
    Adam,
    AdamW,
    RMSprop,
    binary_cross_entropy_with_logits,
    chunks,
    clip_grad_norm,
    clip_grad_value,
    cosine_annealing_lr,
    cross_entropy,
    exponential_lr,
    huber_loss,
    linear_warmup,
    mse_loss,
    step_lr,
)

Z, T = np.zeros((3, 2, 4)), np.zeros((3, 2), int)
X = Z.astype(np.float32)
PAIR = "expected an array: a layer returns a pair, output and state; output, state = layer(...) takes it apart"


def linear(**options):
    return nn.Linear(2, 3, rng=0, **options)


def ones(model) -> dict:
    return {name: np.ones_like(value) for name, value in model.state_dict().items()}


#: what is called -> (kind of error, what its sentence has to say)
LOSSES = {
    "one-hot": (lambda: cross_entropy(Z, np.zeros((3, 2, 4), int)), ValueError, "targets.argmax(-1)"),
    "floats": (lambda: cross_entropy(Z, T.astype(float)), TypeError, "targets.astype(np.int64)"),
    "float one-hot": (lambda: cross_entropy(Z, Z), TypeError, "targets.argmax(-1)"),
    "bools": (lambda: cross_entropy(Z, T > 0), TypeError, "has dtype bool"),
    "column": (lambda: cross_entropy(Z, T[..., None]), ValueError, "targets[..., 0]"),
    "swapped": (lambda: cross_entropy(Z, T.T), ValueError, "targets.T"),
    "axis 1": (lambda: cross_entropy(np.zeros((3, 4, 2)), T), ValueError, "np.moveaxis(logits, 1, -1)"),
    "other shape": (lambda: cross_entropy(Z, T[:1]), ValueError, "(1, 2), expected (3, 2)"),
    "no class": (lambda: cross_entropy(Z, T + 4), ValueError, "a target is 4, expected 0 <= target < C = 4"),
    "negative": (lambda: cross_entropy(Z, T - 1), ValueError, "a target is -1"),
    "huge": (lambda: cross_entropy(Z[0, 0], np.uint64(2**64 - 1)), ValueError, "a target is 9223372036854775807"),
    "no classes": (lambda: cross_entropy(np.zeros((3, 0)), [0, 0, 0]), ValueError, "classes on the last axis"),
    "scalar": (lambda: cross_entropy(1.0, 0), ValueError, "classes on the last axis"),
    "complex": (lambda: cross_entropy(Z * 1j, T), TypeError, "logits has dtype complex128"),
    "weight": (lambda: cross_entropy(Z, T, weight=[1, 2]), ValueError, "expected (C,) = (4,)"),
    "ignore_index": (lambda: cross_entropy(Z, T, ignore_index=1.5), TypeError, "ignore_index is 1.5"),
    "ignore True": (lambda: cross_entropy(Z, T, ignore_index=True), TypeError, "ignore_index is True"),
    "reduction": (lambda: cross_entropy(Z, T, reduction="avg"), ValueError, "'mean', 'sum' or 'none'"),
    "reduction None": (lambda: mse_loss(Z, Z, reduction=None), ValueError, "reduction is None"),
    "broadcast": (lambda: mse_loss(np.zeros((3, 1)), np.zeros(3)), ValueError, "target.reshape(output.shape)"),
    "axes": (lambda: mse_loss(np.zeros((3, 2)), np.zeros((2, 3))), ValueError, "swap its axes"),
    "fewer": (lambda: mse_loss(np.zeros((3, 2)), np.zeros(2)), ValueError, "expected (3, 2): the shape of output"),
    "None": (lambda: mse_loss(Z, None), TypeError, "target is None"),
    "masked": (lambda: mse_loss(np.ma.masked_less(Z, 1), Z), ValueError, "lengths="),
    "delta": (lambda: huber_loss(Z, Z, delta=0), ValueError, "delta is 0.0, expected a number more than 0"),
    "delta nan": (lambda: huber_loss(Z, Z, delta=np.nan), ValueError, "delta is nan"),
    "bce weight": (
        lambda: binary_cross_entropy_with_logits(Z, Z, weight=[1, 2]), ValueError, "what broadcasts to (3, 2, 4)",
    ),
    "pos_weight": (
        lambda: binary_cross_entropy_with_logits(Z, Z, pos_weight=np.ones((5, 3, 2, 4))), ValueError, "broadcasts",
    ),
    "pair of an LSTM": (lambda: cross_entropy(nn.LSTM(4, 4)(X), T), TypeError, "logits is of type tuple, " + PAIR),
    "pair of a GRU": (lambda: mse_loss(nn.GRU(4, 4)(X), Z), TypeError, "output is of type tuple, " + PAIR),
    "pair of a model": (
        lambda: binary_cross_entropy_with_logits(nn.Sequential(nn.GRU(4, 4))(X), Z), TypeError, "logits is of type tup"
    ),
    "lengths": (lambda: cross_entropy(Z, T, lengths=[4, 0]), ValueError, "lengths[0] is 4"),
    "lengths first": (lambda: cross_entropy(Z, T, lengths=[3, 1], batch_first=True), ValueError, "(N,) = (3,)"),
    "lengths float": (lambda: mse_loss(Z, Z, lengths=[1.0, 2.0]), TypeError, "whole numbers"),
    "lengths text": (lambda: mse_loss(Z, Z, lengths=["a", "b"]), TypeError, "expected N = 2 whole numbers"),
    "lengths flat": (lambda: mse_loss(Z[0, 0], Z[0, 0], lengths=[1]), ValueError, "it is not (L, N, *)"),
    "batch_first": (lambda: mse_loss(Z, Z, lengths=[1, 2], batch_first=1), TypeError, "batch_first is 1"),
}
MADE = {
    "lr nan": (lambda: SGD(linear(), lr=np.nan), ValueError, "lr is nan"),
    "lr negative": (lambda: Adam(linear(), lr=-1e-3), ValueError, "lr is -0.001"),
    "lr inf": (lambda: Adam(linear(), lr=np.inf), ValueError, "lr is inf"),
    "lr text": (lambda: Adam(linear(), lr="fast"), TypeError, "lr is of type str"),
    "betas": (lambda: Adam(linear(), betas=(0.9, 1.0)), ValueError, "betas[1] is 1.0"),
    "betas one": (lambda: AdamW(linear(), betas=0.9), TypeError, "AdamW: betas is 0.9, expected a pair"),
    "eps": (lambda: Adam(linear(), eps=-1), ValueError, "eps is -1"),
    "amsgrad": (lambda: Adam(linear(), amsgrad=1), TypeError, "amsgrad is 1"),
    "decay": (lambda: SGD(linear(), weight_decay=np.nan), ValueError, "weight_decay is nan"),
    "nesterov": (lambda: SGD(linear(), nesterov=True), ValueError, "momentum more than 0 and dampening 0"),
    "alpha": (lambda: RMSprop(linear(), alpha=1), ValueError, "alpha is 1"),
    "none": (lambda: Adam([]), ValueError, "modules is empty"),
    "dict": (lambda: Adam({"W": Z}), TypeError, "update_parameters_with_adam"),
    "array": (lambda: Adam([linear(), Z]), TypeError, "modules[1] is of type ndarray"),
    "state_dict": (lambda: Adam(linear().state_dict()), TypeError, "expected a module of cyrnn.nn"),
    "quantised": (lambda: Adam(linear().quantize("int8")), TypeError, "train in float32, then quantise"),
    "step size": (lambda: step_lr(0.1, 0), ValueError, "step_size is 0"),
    "gamma": (lambda: exponential_lr(0.1, -1), ValueError, "gamma is -1"),
    "T_max": (lambda: cosine_annealing_lr(0.1, 2.5), ValueError, "T_max is 2.5"),
    "warmup": (lambda: linear_warmup(-1, 5), ValueError, "lr is -1"),
    "max_norm": (lambda: clip_grad_norm({}, -1), ValueError, "max_norm is -1"),
    "max_norm nan": (lambda: clip_grad_norm({}, np.nan), ValueError, "max_norm is nan"),
    "clip_value": (lambda: clip_grad_value({}, np.nan), ValueError, "clip_value is nan"),
    "clip list": (lambda: clip_grad_norm({"a": [1.0]}, 1), TypeError, "gradients['a'] is of type list"),
    "clip ints": (lambda: clip_grad_value([{"a": np.ones(2, int)}], 1), TypeError, "gradients[0]['a'] is int64"),
    "clip array": (lambda: clip_grad_norm(Z, 1), TypeError, "it has .weights"),
    "clip number": (lambda: clip_grad_norm(3, 1), TypeError, "gradients is of type int"),
    "chunks T": (lambda: chunks(Z, 0), ValueError, "T is 0"),
    "chunks scalar": (lambda: chunks(3.0, 1), ValueError, "expected (L, *)"),
    "chunks flat": (lambda: chunks(Z[0, 0], 1, batch_first=True), ValueError, "expected (N, L, *)"),
}


@pytest.mark.parametrize(("call", "kind", "said"), [*LOSSES.values(), *MADE.values()], ids=[*LOSSES, *MADE])
def test_argument_that_is_wrong_is_named_with_what_is_expected(call, kind, said):
    with pytest.raises(kind, match=re.escape(said)) as caught:
        call()
    sentence = str(caught.value)
    assert "\n" not in sentence
    assert re.match(r"\w+: ", sentence)


def test_module_that_is_given_twice_is_refused():
    model = linear()
    with pytest.raises(ValueError, match=re.escape("modules[2] is the module that modules[0] is")):
        SGD([model, linear(), model])


def test_generator_of_parameters_is_told_what_to_give():
    with pytest.raises(TypeError, match="not its parameters"):
        Adam(value for value in linear().state_dict().values())


def test_read_only_gradient_is_not_clipped():
    gradients = {"a": np.ones(3), "b": np.ones(3)}
    gradients["b"].flags.writeable = False
    for clip in (clip_grad_norm, clip_grad_value):
        with pytest.raises(ValueError, match="b'] is read-only"):
            clip(gradients, 0.1)
    assert (gradients["a"] == 1).all()


#: gradients of a linear layer that are wrong
GRADIENTS = {
    "missing": (lambda g: {"weight": g["weight"]}, ValueError, "lacks bias, expected the names of state_dict()"),
    "others": (lambda g: g | {"weight_ih_l0": g["weight"]}, ValueError, "has weight_ih_l0"),
    "with d": (lambda g: {f"d{k}": v for k, v in g.items()}, ValueError, "lacks weight, bias and has dweight, dbias"),
    "shape": (lambda g: g | {"bias": np.ones(4, np.float32)}, ValueError, "bias has shape (4,), expected (3,)"),
    "transposed": (lambda g: g | {"weight": g["weight"].T}, ValueError, "(2, 3), expected (3, 2)"),
    "dtype": (lambda g: g | {"bias": np.ones(3)}, TypeError, ".astype(np.float32)"),
    "text": (lambda g: g | {"bias": "text"}, TypeError, "bias has dtype <U4"),
    "array": (lambda g: g["weight"], TypeError, "it has .weights"),
    "nothing": (lambda g: None, TypeError, "is None, expected what backward returned"),
    "tuple": (lambda g: (g,), TypeError, "is of type tuple, expected what backward returned"),
}


@pytest.mark.parametrize(("change", "kind", "said"), GRADIENTS.values(), ids=GRADIENTS)
@pytest.mark.parametrize("several", [False, True])
def test_gradients_that_are_wrong_change_nothing(change, kind, said, several):
    first, model = linear(), linear()
    optimizer = Adam([first, model]) if several else Adam(model)
    good = [ones(first), ones(model)] if several else ones(model)
    optimizer.step(good)
    weights = [dict(each.state_dict()) for each in (first, model)]
    kept = optimizer.state_dict()
    x = np.ones((2, 2), np.float32)
    before = model(x)
    wrong = change(ones(model))
    with pytest.raises(kind, match=re.escape(said)):
        optimizer.step([ones(first), wrong] if several else wrong)
    for each, values in zip((first, model), weights, strict=True):
        assert all(np.array_equal(each.state_dict()[name], value) for name, value in values.items())
    assert all(np.array_equal(optimizer.state_dict()[name], value) for name, value in kept.items())
    assert np.array_equal(model(x), before)


def test_list_of_another_length_and_no_list_are_refused():
    models = [linear(), linear()]
    optimizer = SGD(models)
    with pytest.raises(ValueError, match="gradients has 1 entries, expected 2"):
        optimizer.step([ones(models[0])])
    with pytest.raises(TypeError, match="expected a list of 2"):
        optimizer.step(ones(models[0]))
    y, tape = models[0].forward(np.ones((1, 2), np.float32))
    with pytest.raises(TypeError, match="of type LinearGradients, expected a list of 2"):
        optimizer.step(models[0].backward(tape, y))


@pytest.mark.parametrize("kind", [list, tuple])
def test_gradients_of_two_modules_for_one_are_counted(kind):
    model = linear()
    with pytest.raises(ValueError, match=r"^Adam.step: gradients has 2 entries for 1 module, expected what backward"):
        Adam(model).step(kind([ones(model), ones(model)]))
    with pytest.raises(ValueError, match="gradients has 2 entries, expected 1: one for each module"):
        Adam([model]).step(kind([ones(model), ones(model)]))
    with pytest.raises(TypeError, match=r"gradients\[0\] is of type list, expected what backward returned"):
        Adam([model]).step([[ones(model), ones(model)]])


@pytest.mark.parametrize("kind", [SGD, RMSprop, Adam, AdamW])
def test_zero_grad_says_that_nothing_is_kept(kind):
    with pytest.raises(NotImplementedError, match=rf"^{kind.__name__}.zero_grad: no gradient is kept between steps"):
        kind(linear()).zero_grad()


def test_repr_shows_modules_and_every_option():
    model, lstm = linear(), nn.LSTM(2, 3)
    adam = "betas=(0.9, 0.999), eps=1e-08"
    assert repr(Adam(model)) == f"Adam(Linear, lr=0.001, {adam}, weight_decay=0.0, amsgrad=False)"
    shown = f"AdamW([LSTM, Linear], lr=0.1, {adam}, weight_decay=0.01, amsgrad=True)"
    assert repr(AdamW([lstm, model], lr=0.1, amsgrad=True)) == shown
    shown = "SGD(Sequential, lr=<schedule>, momentum=0.9, dampening=0.0, weight_decay=0.0, nesterov=True)"
    assert repr(SGD(nn.Sequential(lstm, nn.Linear(3, 2)), step_lr(0.1, 5), momentum=0.9, nesterov=True)) == shown
    shown = "RMSprop([Linear], lr=0.01, alpha=0.99, eps=1e-08, weight_decay=0.0, momentum=0.0, centered=True)"
    assert repr(RMSprop([model], centered=True)) == shown


def test_weights_that_share_an_array_are_refused_until_one_has_no_gradient():
    models = [linear(), linear()]
    models[1].weight = models[0].weight
    optimizer = SGD(models, lr=1.0)
    gradients = [ones(model) for model in models]
    before = models[0].weight.copy()
    with pytest.raises(ValueError, match=r"the weight 1\.weight shares memory with 0\.weight"):
        optimizer.step(gradients)
    assert np.array_equal(models[0].weight, before)
    gradients[1]["weight"] = None
    optimizer.step(gradients)
    assert np.allclose(models[1](np.eye(2, dtype=np.float32)) - models[1].bias, (before - 1).T, atol=1e-6)


def test_model_of_another_dtype_than_the_state_is_refused():
    model = linear()
    optimizer = Adam(model)
    model.double()
    with pytest.raises(ValueError, match="make a new one"):
        optimizer.step(ones(model))


def test_attribute_that_is_missing_or_of_another_shape_is_refused():
    model = linear()
    optimizer = Adam(model)
    gradients = ones(model)
    model.weight = np.zeros((5, 5), np.float32)
    with pytest.raises(ValueError, match="weight has shape"):
        optimizer.step(gradients)
    del model.weight
    with pytest.raises(ValueError, match="weight is missing"):
        optimizer.step(gradients)


def test_gradient_that_changes_while_it_is_looked_at_is_refused(monkeypatch):
    model = linear()
    optimizer, gradients = Adam(model), ones(model)
    gradients["bias"] = gradients["bias"].astype(">f4")  # it is converted, and then

    def meddle(*arguments):
        return np.zeros(7, np.float32)

    monkeypatch.setattr("cyrnn.training._check_optimizers.gradient", meddle)
    before = model.bias.copy()
    with pytest.raises(RuntimeError, match="step again"):
        optimizer.step(gradients)
    assert np.array_equal(model.bias, before)
    assert optimizer.updates == 0


def test_schedule_that_says_no_rate_is_named_with_its_step():
    model = linear()
    for wrong, said in ((np.nan, "lr is nan"), (-1, "lr is -1"), ("x", "lr is of type str")):
        optimizer = SGD(model, lr=lambda t, wrong=wrong: wrong)
        with pytest.raises((ValueError, TypeError), match=f"SGD.step: the schedule of lr was called with 0: {said}"):
            optimizer.step(ones(model))

    def broken(t):
        raise ValueError("mine")

    with pytest.raises(ValueError, match=r"^mine$"):
        SGD(model, lr=broken).step(ones(model))
    with pytest.raises(ValueError, match="lr is nan"):
        SGD(model).lr = np.nan


#: states that are wrong
STATES = {
    "no mapping": (lambda s: [1], TypeError, "expected what state_dict() returned"),
    "missing": (lambda s: {k: v for k, v in s.items() if k != "bias.step"}, ValueError, "lacks bias.step"),
    "others": (lambda s: s | {"x": 1}, ValueError, "has x, expected that of an optimizer of the same class"),
    "shape": (lambda s: s | {"bias.exp_avg": np.ones(4, np.float32)}, ValueError, "has dtype float32 and shape (4,)"),
    "dtype": (lambda s: s | {"bias.exp_avg": np.ones(3)}, ValueError, "has dtype float64"),
    "count": (lambda s: s | {"updates": 1.5}, ValueError, "expected a count of updates"),
    "below 0": (lambda s: s | {"updates": -1}, ValueError, "'updates'] is -1"),
}


@pytest.mark.parametrize(("change", "kind", "said"), STATES.values(), ids=STATES)
def test_state_that_is_wrong_changes_nothing(change, kind, said):
    model = linear()
    optimizer = Adam(model)
    optimizer.step(ones(model))
    before = optimizer.state_dict()
    with pytest.raises(kind, match=re.escape(said)):
        optimizer.load_state_dict(change(optimizer.state_dict()))
    assert all(np.array_equal(optimizer.state_dict()[name], value) for name, value in before.items())


def test_name_that_training_has_not_is_an_attribute_error():
    with pytest.raises(AttributeError, match="Adamax"):
        training.Adamax  # noqa: B018 - asking for it is the test
    assert "cross_entropy" in dir(training)
