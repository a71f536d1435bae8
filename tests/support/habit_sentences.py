"""The error sentences of a NumPy user's habits: keys of other editions, masked arrays. Run by test_errors.py."""

from __future__ import annotations

import numpy as np
from backward_sentences import LSTM_CACHES, caches_with
from sentences import ADAM, GRU, LSTM, RNN, gru_with, lstm_with, of


class Answers:
    """Has __getitem__ and nothing else."""

    def __init__(self, **values):
        self._values = values

    def __getitem__(self, key):
        return self._values[key]


def renamed(parameters, **names):
    return {"parameters": {names.get(key, key): value for key, value in parameters.items()}}


def masked(shape):
    """An array of zeros, the first of which is masked."""
    mask = np.zeros(shape, bool)
    mask.flat[0] = True
    return np.ma.masked_array(np.zeros(shape), mask)


#: as in sentences.py
HABIT_SENTENCES = [
    # ---- objects that do not tell their keys
    (
        'rnn_forward: parameters lacks "Wax"',
        {"parameters": Answers(Waa=of((5, 5)), ba=of((5, 1)))},
        KeyError,
    ),
    # ---- keys of other editions of the notebook
    (
        'lstm_forward: parameters lacks "Wi", "bi"; it has "Wf", "bf", "Wu", "bu", "Wc", "bc", "Wo", "bo", "Wy", "by"'
        ': pass "Wu" as "Wi", "bu" as "bi"',
        renamed(LSTM.parameters, Wi="Wu", bi="bu"),
        KeyError,
    ),
    (
        'rnn_cell_forward: parameters lacks "ba"; it has "Wax", "Waa", "Wya", "b", "by": pass "b" as "ba"',
        renamed(RNN.parameters, ba="b"),
        KeyError,
    ),
    (  # no head, it seems, and y would be empty; but its matrix is there under the name that an RNN's has
        'lstm_forward: parameters lacks "Wy"; it has "Wf", "bf", "Wi", "bi", "Wc", "bc", "Wo", "bo", "Wya": '
        'pass "Wya" as "Wy"',
        {"parameters": {{"Wy": "Wya"}.get(key, key): value for key, value in LSTM.parameters.items() if key != "by"}},
        KeyError,
    ),
    (
        'rnn_forward: parameters lacks "Wya"; it has "Wax", "Waa", "Wy", "ba", "by": pass "Wy" as "Wya"',
        renamed(RNN.parameters, Wya="Wy"),
        KeyError,
    ),
    (
        'gru_forward: parameters lacks "Wz", "bz"; it has "Wu", "bu", "Wr", "br", "Wc", "bc", "Wy", "by": '
        'the course\'s update gate is 1 - zt: pass -Wu as "Wz", -bu as "bz"',
        renamed(GRU.parameters, Wz="Wu", bz="bu"),
        KeyError,
    ),
    (
        'pack: parameters lacks "Wax", "Waa", "Wya", "ba" for rnn; '
        '"Wf", "bf", "Wi", "bi", "Wo", "bo" for lstm; "Wz", "bz" for gru; '
        '"Wz", "bz", "bca" for gru_after; it has "Wu", "bu", "Wr", "br", "Wc", "bc", "Wy", "by": '
        'the course\'s update gate is 1 - zt: pass -Wu as "Wz", -bu as "bz"',
        renamed(GRU.parameters, Wz="Wu", bz="bu"),
        KeyError,
    ),
    (
        'lstm_backward: parameters lacks "Wi"; it has "Wf", "Wu", "Wc", "Wo": pass "Wu" as "Wi"',
        caches_with(LSTM_CACHES, 0, 9, dict.fromkeys(("Wf", "Wu", "Wc", "Wo"), LSTM.parameters["Wf"])),
        KeyError,
    ),
    # ---- the axis of softmax
    ("softmax: axis is None, expected a whole number", {"axis": None}, TypeError),
    ("softmax: axis is of type tuple, expected a whole number", {"axis": (0, 1)}, TypeError),
    ("softmax: axis is of type float, expected a whole number", {"axis": 0.0}, TypeError),
    ("softmax: axis is of type bool, expected a whole number", {"axis": False}, TypeError),
    (
        "softmax: axis is 2, expected a whole number from -2 to 1: x has shape (2, 3)",
        {"x": of((2, 3)), "axis": 2},
        ValueError,
    ),
    *(
        (
            f"softmax: axis is {shown}, expected a whole number from -2 to 1: x has shape (2, 3)",
            {"x": of((2, 3)), "axis": axis},
            ValueError,
        )
        for axis, shown in ((10**9 - 1, 10**9 - 1), (-(10**9) + 1, -(10**9) + 1), (10**9, "beyond all axes"))
    ),
    (
        "softmax: axis is -4, expected a whole number from -3 to 2: x has shape (2, 3, 1)",
        {"x": of((2, 3, 1)), "axis": -4},
        ValueError,
    ),
    (
        "softmax: axis is -2, expected a whole number from -1 to 0: x has shape ()",
        {"x": 1.0, "axis": -2},
        ValueError,
    ),
    # ---- masks
    *(
        (
            f"{function}: {argument} is a masked array with 1 of its elements masked, expected an array without a "
            "mask: x.filled(0) puts numbers in their place; for sequences of several lengths there is lengths= in "
            "cyrnn.nn",
            changes,
            ValueError,
        )
        for function, argument, changes in (
            ("softmax", "x", {"x": masked((2, 3))}),
            ("tanh", "x", {"x": [np.zeros(3), masked(3)]}),
            ("rnn_cell_forward", "xt", {"xt": masked((3, 10))}),
            ("lstm_forward", "x", {"x": masked((3, 10, 4))}),
            ("lstm_forward", "c0", {"c0": masked((5, 10))}),
            ("gru_forward", 'parameters["br"]', gru_with(br=masked((5, 1)))),
            ("pack", 'parameters["by"]', lstm_with(by=masked((2, 1)))),
            (ADAM, 'grads["dW"]', {"grads": {"dW": masked((2, 3))}}),
            ("gru_backward", "da", {"da": masked((5, 10, 4))}),
            ("lstm_backward", "ft of caches[0][1]", caches_with(LSTM_CACHES, 1, 4, masked((5, 10)))),
        )
    ),
]
