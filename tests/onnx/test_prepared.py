"""Prepared layers: their attributes as `help` and type checkers have them, their weights, what a call enters."""

from __future__ import annotations

import inspect
import sys

import numpy as np
import pytest
from problems import assert_same_bits

from cyrnn import onnx

COMMON = ["direction", "activations", "activation_alpha", "activation_beta", "clip", "hidden_size", "layout"]
OWN = {"RNN": [], "GRU": ["linear_before_reset"], "LSTM": ["input_forget"]}
INPUTS = {"RNN": [*"WRB"], "GRU": [*"WRB"], "LSTM": [*"WRBP"]}
GATES = {"RNN": 1, "GRU": 3, "LSTM": 4}
each_operator = pytest.mark.parametrize("operator", OWN)


def draw(*shape, seed=0, dtype=np.float32):
    return np.random.default_rng(seed).standard_normal(shape).astype(dtype)


def weights(operator, n_x=3, n=5, D=1, dtype=np.float32):
    G = GATES[operator]
    given = {"W": (D, G * n, n_x), "R": (D, G * n, n), "B": (D, 2 * G * n), "P": (D, 3 * n)}
    return {name: draw(*given[name], seed=i, dtype=dtype) for i, name in enumerate(INPUTS[operator])}


@each_operator
def test_help_shows_every_attribute_with_its_default(operator):
    kind, function = getattr(onnx, operator), getattr(onnx, operator.lower())
    shown = inspect.signature(kind).parameters
    assert list(shown) == [*INPUTS[operator], *COMMON, *OWN[operator]]
    defaults = {name: shown[name].default for name in [*COMMON, *OWN[operator]]}
    assert defaults == dict.fromkeys(COMMON) | {"direction": "forward", "layout": 0} | dict.fromkeys(OWN[operator], 0)
    own = inspect.signature(function).parameters
    assert {name: own[name].default for name in defaults} == defaults
    assert all(own[name].kind is inspect.Parameter.KEYWORD_ONLY for name in defaults)
    assert all(name in inspect.getdoc(kind) for name in defaults)


@each_operator
def test_an_unknown_attribute_is_refused(operator):
    given = weights(operator)
    other = "input_forget" if operator == "GRU" else "linear_before_reset"
    for name in (other, "colour"):
        with pytest.raises(TypeError, match=f"onnx.{operator}: there is no attribute '{name}', expected one of direct"):
            getattr(onnx, operator)(**given, **{name: 0})


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
@each_operator
def test_a_layer_keeps_the_weights_that_it_was_prepared_from(operator, dtype):
    """Forward, where they are packed, and backward, where they are read as they are."""
    given, x = weights(operator, dtype=dtype), draw(4, 2, 3, dtype=dtype)
    layer = getattr(onnx, operator)(**given)

    def both():
        Y, *_, tape = layer.forward(x)
        return [Y, *layer.backward(tape, Y).values()]

    wanted = both()
    for value in given.values():
        value *= 2
    assert_same_bits(both(), wanted)


def test_rows_that_no_gate_reads_have_no_gradient():
    layer = onnx.LSTM(**weights("LSTM", D=2), input_forget=1, direction="bidirectional")
    for _ in range(20):  # memory that is not written to would show
        Y, *_, tape = layer.forward(draw(4, 2, 3))
        gradients = layer.backward(tape, Y)
        assert not gradients["W"][:, 10:15].any()
        assert not gradients["R"][:, 10:15].any()
        assert not gradients["B"].reshape(2, 2, 20)[:, :, 10:15].any()
        assert not gradients["P"][:, 10:].any()


def entered_by(call, arguments):
    """The functions of cyrnn.onnx that a call enters."""
    entered = []

    def note(frame, event, _):
        if event == "call" and frame.f_globals.get("__package__") == "cyrnn.onnx":
            entered.append(frame.f_code.co_name)

    sys.setprofile(note)
    try:
        call(*arguments)
    finally:
        sys.setprofile(None)
    return entered


@pytest.mark.parametrize("layout", [0, 1])
@each_operator
def test_a_call_with_plain_arrays_enters_few_functions(operator, layout):
    """And checks none of them in Python: 3 us over a call of nn are not many functions."""
    layer, x = getattr(onnx, operator)(**weights(operator), layout=layout), draw(4, 4, 3)
    h = draw(1, 4, 5) if not layout else draw(4, 1, 5)
    states = [h, h][: 1 + (operator == "LSTM")]
    for arguments in ([x], [x, None, *states], [x, np.array([4, 2, 0, 1], np.int32), *states], [x, None, h]):
        entered = entered_by(layer, arguments)
        assert {"_plain", "weight"}.isdisjoint(entered), entered
        assert len(entered) <= 4, entered
