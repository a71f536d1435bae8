"""Every error sentence, with what leads to it and the type of the error. Run by test_errors.py."""

from __future__ import annotations

from types import MappingProxyType

import numpy as np
from problems import make

import cyrnn
from cyrnn.cells import CELLS

RNN, LSTM, GRU, GRU_AFTER = (make(CELLS[name], np.float64) for name in ("rnn", "lstm", "gru", "gru_after"))
WEIGHTS = np.ones((2, 3))

REAL = "expected float32 or float64 (float16, integers and bools are converted)"
ADAM = "update_parameters_with_adam"


def of(shape, dtype=np.float64):
    return np.zeros(shape, dtype)


def rnn_with(**changes):
    return {"parameters": {**RNN.parameters, **changes}}


def lstm_with(**changes):
    return {"parameters": {**LSTM.parameters, **changes}}


def gru_with(**changes):
    return {"parameters": {**GRU.parameters, **changes}}


def tampered(parameters):
    """Packed parameters whose panels somebody has taken away, by a way that Python does not forbid."""
    packed = cyrnn.pack(parameters)
    object.__setattr__(packed, "panels", None)
    return {"parameters": packed}


def without(parameters, *keys):
    return {"parameters": {key: value for key, value in parameters.items() if key not in keys}}


#: the sentence, which begins with the function; what is passed instead of its valid arguments; the error
SENTENCES = [
    # ---- kinds and dtypes
    (f"sigmoid: x has dtype complex128, {REAL}", {"x": of(3, complex)}, TypeError),
    (f"tanh: x has dtype object, {REAL}", {"x": of(3, object)}, TypeError),
    (f"softmax: x has dtype <U3, {REAL}", {"x": "abc"}, TypeError),
    (f"tanh: x has dtype datetime64[D], {REAL}", {"x": [np.datetime64("2026-11-28")]}, TypeError),
    ("sigmoid: x is None, expected an array of numbers", {"x": None}, TypeError),
    ("tanh: x is of type dict, expected an array of numbers", {"x": {}}, TypeError),
    ("softmax: x is of type object, expected an array of numbers", {"x": object()}, TypeError),
    (f"rnn_cell_forward: xt has dtype complex64, {REAL}", {"xt": of((3, 10), "F")}, TypeError),
    (f"rnn_cell_forward: a_prev has dtype |S1, {REAL}", {"a_prev": of((5, 10), "S1")}, TypeError),
    ("rnn_forward: x is None, expected an array of numbers", {"x": None}, TypeError),
    ("rnn_forward: a0 is None, expected an array of numbers", {"a0": None}, TypeError),
    (f'rnn_forward: parameters["ba"] has dtype complex128, {REAL}', rnn_with(ba=of((5, 1), "D")), TypeError),
    ('rnn_forward: parameters["by"] is None, expected an array of numbers', rnn_with(by=None), TypeError),
    ("lstm_cell_forward: c_prev is None, expected an array of numbers", {"c_prev": None}, TypeError),
    (f"lstm_forward: c0 has dtype datetime64[s], {REAL}", {"c0": of((5, 10), "M8[s]")}, TypeError),
    (
        "rnn_cell_forward: parameters is None, expected a dict or another mapping",
        {"parameters": None},
        TypeError,
    ),
    (
        "rnn_forward: parameters is of type list, expected a dict or another mapping",
        {"parameters": []},
        TypeError,
    ),
    (
        "lstm_forward: parameters is of type ndarray, expected a dict or another mapping",
        {"parameters": of(3)},
        TypeError,
    ),
    # ---- shapes
    (
        "rnn_cell_forward: xt has shape (3, 10, 4), expected (n_x, m): 2 dimensions, not 3",
        {"xt": RNN.x},
        ValueError,
    ),
    ("lstm_cell_forward: xt has shape (), expected (n_x, m): 2 dimensions, not 0", {"xt": 1.0}, ValueError),
    (
        "rnn_forward: x has shape (3, 10), expected (n_x, m, T_x): 3 dimensions, not 2",
        {"x": of((3, 10))},
        ValueError,
    ),
    (
        "rnn_cell_forward: a_prev has shape (4, 10), expected (n_a, m) = (5, 10): "
        'n_a = 5 from parameters["Wax"], m = 10 from xt',
        {"a_prev": of((4, 10))},
        ValueError,
    ),
    (
        "rnn_forward: a0 has shape (5,), expected (n_a, m) = (5, 10): "
        'n_a = 5 from parameters["Wax"], m = 10 from x',
        {"a0": of(5)},
        ValueError,
    ),
    (
        'rnn_forward: parameters["Wax"] has shape (5, 4), expected (n_a, n_x) = (5, 3): '
        'n_a = 5 from parameters["Wax"], n_x = 3 from x',
        rnn_with(Wax=of((5, 4))),
        ValueError,
    ),
    (
        'rnn_forward: parameters["Wax"] has shape (5,), expected (n_a, n_x): 2 dimensions, not 1',
        rnn_with(Wax=of(5)),
        ValueError,
    ),
    (
        'rnn_cell_forward: parameters["Waa"] has shape (5, 4), expected (n_a, n_a) = (5, 5): '
        'n_a = 5 from parameters["Wax"]',
        rnn_with(Waa=of((5, 4))),
        ValueError,
    ),
    (
        'rnn_forward: parameters["Wya"] has shape (2, 4), expected (n_y, n_a) = (2, 5): '
        'n_y = 2 from parameters["Wya"], n_a = 5 from parameters["Wax"]',
        rnn_with(Wya=of((2, 4))),
        ValueError,
    ),
    (
        'rnn_forward: parameters["ba"] has shape (5,), expected (n_a, 1) = (5, 1): '
        'n_a = 5 from parameters["Wax"]',
        rnn_with(ba=of(5)),
        ValueError,
    ),
    (
        'rnn_forward: parameters["by"] has shape (3, 1), expected (n_y, 1) = (2, 1): '
        'n_y = 2 from parameters["Wya"]',
        rnn_with(by=of((3, 1))),
        ValueError,
    ),
    (
        "lstm_cell_forward: a_prev has shape (4, 10), expected (n_a, m) = (5, 10): "
        'n_a = 5 from parameters["Wf"], m = 10 from xt',
        {"a_prev": of((4, 10))},
        ValueError,
    ),
    (
        "lstm_cell_forward: c_prev has shape (1, 10), expected (n_a, m) = (5, 10): "
        'n_a = 5 from parameters["Wf"], m = 10 from xt',
        {"c_prev": of((1, 10))},
        ValueError,
    ),
    (
        "lstm_forward: c0 has shape (10, 5), expected (n_a, m) = (5, 10): "
        'n_a = 5 from parameters["Wf"], m = 10 from x',
        {"c0": of((10, 5))},
        ValueError,
    ),
    (
        'lstm_forward: parameters["Wf"] has shape (5, 7), expected (n_a, n_a + n_x) = (5, 8): '
        'n_a = 5 from parameters["Wf"], n_x = 3 from x',
        lstm_with(Wf=of((5, 7))),
        ValueError,
    ),
    (
        'lstm_forward: parameters["Wo"] has shape (8, 5), expected (n_a, n_a + n_x) = (5, 8): '
        'n_a = 5 from parameters["Wf"], n_x = 3 from x',
        lstm_with(Wo=of((8, 5))),
        ValueError,
    ),
    (
        'lstm_cell_forward: parameters["bc"] has shape (1, 5), expected (n_a, 1) = (5, 1): '
        'n_a = 5 from parameters["Wf"]',
        lstm_with(bc=of((1, 5))),
        ValueError,
    ),
    (
        'lstm_forward: parameters["Wf"] has shape (5, 8), expected (n_a, n_a + n_x) = (5, 9): '
        'n_a = 5 from parameters["Wf"], n_x = 4 from x',
        {"x": of((4, 10, 4)), "parameters": cyrnn.pack(LSTM.parameters)},
        ValueError,
    ),
    (
        'pack: parameters["Wf"] has shape (5, 4), expected (n_a, n_a + n_x) with n_x >= 0: '
        'n_a = 5 from parameters["Wf"]',
        lstm_with(Wf=of((5, 4))),
        ValueError,
    ),
    (
        "gru_cell_forward: a_prev has shape (4, 10), expected (n_a, m) = (5, 10): "
        'n_a = 5 from parameters["Wz"], m = 10 from xt',
        {"a_prev": of((4, 10))},
        ValueError,
    ),
    (
        'gru_forward: parameters["Wc"] has shape (5, 7), expected (n_a, n_a + n_x) = (5, 8): '
        'n_a = 5 from parameters["Wz"], n_x = 3 from x',
        gru_with(Wc=of((5, 7))),
        ValueError,
    ),
    (
        'gru_forward: parameters["bca"] has shape (5,), expected (n_a, 1) = (5, 1): '
        'n_a = 5 from parameters["Wz"]',
        {"reset_after": True, **gru_with(bca=of(5))},
        ValueError,
    ),
    # ---- keys
    (
        'rnn_forward: parameters lacks "Wax", "by"; it has "Waa", "Wya", "ba"',
        without(RNN.parameters, "Wax", "by"),
        KeyError,
    ),
    (
        'lstm_cell_forward: parameters lacks "Wy"; '
        'it has "Wf", "bf", "Wi", "bi", "Wc", "bc", "Wo", "bo", "by"',
        without(LSTM.parameters, "Wy"),
        KeyError,
    ),
    (
        'rnn_cell_forward: parameters lacks "Wax", "Waa", "ba"; it has 7, (1, 2)',
        {"parameters": {7: 1, (1, 2): 3}},
        KeyError,
    ),
    (
        'rnn_forward: parameters lacks "Wax", "Waa", "ba"; it has '
        + ", ".join(f'"k{i}"' for i in range(20))
        + ", and 25 more",
        {"parameters": {f"k{i}": WEIGHTS for i in range(45)}},
        KeyError,
    ),
    (
        'rnn_forward: parameters lacks "Wax", "Waa", "ba"; it has ' + ", ".join(f'"k{i}"' for i in range(20)),
        {"parameters": {f"k{i}": WEIGHTS for i in range(20)}},
        KeyError,
    ),
    (
        'pack: parameters lacks "Wax", "Waa", "ba" for rnn; '
        '"Wf", "bf", "Wi", "bi", "Wc", "bc", "Wo", "bo" for lstm; '
        '"Wz", "bz", "Wr", "br", "Wc", "bc" for gru; '
        '"Wz", "bz", "Wr", "br", "Wc", "bc", "bca" for gru_after; it has no keys',
        {"parameters": {}},
        KeyError,
    ),
    *(
        (
            f'{function}: parameters lacks "bca"; it has "Wz", "bz", "Wr", "br", "Wc", "bc", "Wy", "by"',
            {"reset_after": True},
            KeyError,
        )
        for function in ("gru_cell_forward", "gru_forward")
    ),
    # ---- pack
    (
        "pack: parameters has the keys of rnn and of lstm, expected those of one cell",
        {"parameters": RNN.parameters | LSTM.parameters},
        ValueError,
    ),
    (
        "pack: parameters has the keys of lstm and of gru, expected those of one cell",
        {"parameters": LSTM.parameters | GRU.parameters},
        ValueError,
    ),
    (
        "pack: parameters has the keys of lstm and of gru_after, expected those of one cell",
        {"parameters": LSTM.parameters | GRU_AFTER.parameters},
        ValueError,
    ),
    (
        "gru_forward: parameters is packed for the cell gru_after, expected one packed for gru",
        {"parameters": cyrnn.pack(GRU_AFTER.parameters)},
        KeyError,
    ),
    (
        "gru_cell_forward: parameters is packed for the cell gru, expected one packed for gru_after",
        {"parameters": cyrnn.pack(GRU.parameters), "reset_after": True},
        KeyError,
    ),
    ("pack: parameters is of type tuple, expected a dict or another mapping", {"parameters": ()}, TypeError),
    (f'pack: parameters["Wi"] has dtype complex128, {REAL}', lstm_with(Wi=of((5, 8), complex)), TypeError),
    (
        "rnn_forward: parameters, which pack made, was changed, expected it as it was: pack again",
        tampered(RNN.parameters),
        RuntimeError,
    ),
    (
        "lstm_forward: parameters is packed for the cell rnn, expected one packed for lstm",
        {"parameters": cyrnn.pack(RNN.parameters)},
        KeyError,
    ),
    (
        "rnn_cell_forward: xt has dtype float32, expected float64: parameters is packed in float64; "
        "np.asarray(xt, np.float64)",
        {
            "xt": of((3, 10), "f4"),
            "a_prev": of((5, 10), "f4"),
            "parameters": cyrnn.pack(RNN.parameters),
        },
        TypeError,
    ),
    (
        "lstm_forward: x has dtype int64 (computed in float64), expected float32: "
        "parameters is packed in float32; np.asarray(x, np.float32)",
        {
            "x": of((3, 10, 4), "i8"),
            "parameters": cyrnn.pack({key: value.astype("f4") for key, value in LSTM.parameters.items()}),
        },
        TypeError,
    ),
    (
        "rnn_cell_forward: a_prev has dtype float64, expected float32: parameters is packed in float32; "
        "np.asarray(a_prev, np.float32)",
        {
            "xt": of((3, 10), "f4"),
            "a_prev": of((5, 10), "f8"),
            "parameters": cyrnn.pack({key: value.astype("f4") for key, value in RNN.parameters.items()}),
        },
        TypeError,
    ),
    # ---- threads
    ("set_num_threads: n is 0, expected a whole number of at least 1", {"n": 0}, ValueError),
    ("set_num_threads: n is -1, expected a whole number of at least 1", {"n": -1}, ValueError),
    ("set_num_threads: n is 2.0, expected a whole number of at least 1", {"n": 2.0}, ValueError),
    ("set_num_threads: n is None, expected a whole number of at least 1", {"n": None}, ValueError),
    ("set_num_threads: n is True, expected a whole number of at least 1", {"n": True}, ValueError),
    # ---- Adam
    (
        "initialize_adam: parameters is of type list, expected a dict or another mapping",
        {"parameters": [WEIGHTS]},
        TypeError,
    ),
    ("initialize_adam: parameters has the key 1, expected strings", {"parameters": {1: WEIGHTS}}, TypeError),
    (
        'initialize_adam: parameters["W"] is None, expected an array of numbers',
        {"parameters": {"W": None}},
        TypeError,
    ),
    (
        f"{ADAM}: parameters is of type mappingproxy, which is read-only, "
        "expected a dict: it is updated in place",
        {"parameters": MappingProxyType({"W": WEIGHTS})},
        TypeError,
    ),
    (
        f"{ADAM}: parameters is of type Packed, which is read-only, expected a dict: it is updated in place",
        {"parameters": cyrnn.pack(LSTM.parameters)},
        TypeError,
    ),
    (f"{ADAM}: v is None, expected a dict or another mapping", {"v": None}, TypeError),
    (f"{ADAM}: s is of type str, expected a dict or another mapping", {"s": "s"}, TypeError),
    (f"{ADAM}: grads is of type ndarray, expected a dict or another mapping", {"grads": WEIGHTS}, TypeError),
    (
        f"{ADAM}: parameters has the key 2, expected strings",
        {"parameters": {"W": WEIGHTS, 2: WEIGHTS}},
        TypeError,
    ),
    (f'{ADAM}: v lacks "dW"; it has no keys', {"v": {}}, KeyError),
    (f'{ADAM}: grads lacks "dW"; it has "W"', {"grads": {"W": WEIGHTS}}, KeyError),
    (f'{ADAM}: s lacks "dW"; it has "W"', {"s": {"W": WEIGHTS}}, KeyError),
    (f'{ADAM}: grads["dW"] is None, expected an array of numbers', {"grads": {"dW": None}}, TypeError),
    (f'{ADAM}: grads["dW"] has dtype object, {REAL}', {"grads": {"dW": of((2, 3), object)}}, TypeError),
    (
        f'{ADAM}: grads["dW"] has shape (3, 2), expected (2, 3): the shape of parameters["W"]',
        {"grads": {"dW": of((3, 2))}},
        ValueError,
    ),
    (
        f'{ADAM}: s["dW"] has shape (), expected (2, 3): the shape of parameters["W"]',
        {"s": {"dW": 0.0}},
        ValueError,
    ),
    (f"{ADAM}: t is None, expected a number", {"t": None}, TypeError),
    (f"{ADAM}: t is 0, expected a number at least 1", {"t": 0}, ValueError),
    (f"{ADAM}: t is nan, expected a number at least 1", {"t": float("nan")}, ValueError),
    (f"{ADAM}: learning_rate is of type str, expected a number", {"learning_rate": "0.1"}, TypeError),
    (f"{ADAM}: learning_rate is of type ndarray, expected a number", {"learning_rate": np.ones(1)}, TypeError),
    (f"{ADAM}: beta1 is 1.0, expected a number at least 0 and less than 1", {"beta1": 1.0}, ValueError),
    (f"{ADAM}: beta1 is 1.5, expected a number at least 0 and less than 1", {"beta1": 1.5}, ValueError),
    (f"{ADAM}: beta2 is -0.5, expected a number at least 0 and less than 1", {"beta2": -0.5}, ValueError),
    (f"{ADAM}: epsilon is of type complex, expected a number", {"epsilon": 1j}, TypeError),
]
