"""The error sentences of the backward pass: of caches, and of the gradients that arrive. Run by test_errors.py."""

from __future__ import annotations

import numpy as np
from sentences import GRU, GRU_AFTER, LSTM, REAL, RNN, of

import cyrnn

RNN_CACHES = cyrnn.rnn_forward(RNN.x, RNN.initial[0], RNN.parameters)[-1]
LSTM_CACHES = cyrnn.lstm_forward(LSTM.x, LSTM.initial[0], LSTM.parameters, c0=LSTM.initial[1])[-1]
GRU_CACHES = cyrnn.gru_forward(GRU.x, GRU.initial[0], GRU.parameters)[-1]
DA = np.ones((5, 10, 4))
GRU_CACHE = "(a_next, a_prev, zt, rt, cct, xt, parameters)"


def caches_with(caches, t, place, value):
    """The same caches, but for one entry of one step."""
    steps = list(caches[0])
    steps[t] = (*steps[t][:place], value, *steps[t][place + 1 :])
    return {"caches": (steps, caches[1])}


#: as in sentences.py
BACKWARD_SENTENCES = [
    # ---- caches
    (
        "rnn_backward: caches is None, expected the pair (list of T_x caches, x): return_caches=False keeps none",
        {"caches": None},
        TypeError,
    ),
    (
        "lstm_backward: caches has 3 entries, expected 2: (list of T_x caches, x)",
        {"caches": (1, 2, 3)},
        ValueError,
    ),
    (
        "lstm_backward: caches has 1 entries, expected 2: (list of T_x caches, x)",
        {"caches": (1,)},
        ValueError,
    ),
    (
        "rnn_backward: caches[0] is of type ndarray, expected a list of T_x caches",
        {"caches": RNN_CACHES[::-1]},
        TypeError,
    ),
    (
        "rnn_backward: caches[0] is empty, expected the cache of at least one step",
        {"caches": ([], RNN.x)},
        ValueError,
    ),
    (
        "rnn_backward: caches[0][0] has 10 entries, expected 4: (a_next, a_prev, xt, parameters)",
        {"caches": LSTM_CACHES},
        ValueError,
    ),
    (
        "lstm_backward: caches[0][2] has 9 entries, expected 10: "
        "(a_next, c_next, a_prev, c_prev, ft, it, cct, ot, xt, parameters)",
        {"caches": ([*LSTM_CACHES[0][:2], LSTM_CACHES[0][2][:9]], LSTM.x)},
        ValueError,
    ),
    (
        "rnn_cell_backward: cache is of type dict, expected the tuple (a_next, a_prev, xt, parameters)",
        {"cache": {}},
        TypeError,
    ),
    (
        "lstm_cell_backward: cache has 4 entries, expected 10: "
        "(a_next, c_next, a_prev, c_prev, ft, it, cct, ot, xt, parameters)",
        {"cache": RNN_CACHES[0][0]},
        ValueError,
    ),
    (
        "rnn_backward: a_prev of caches[0][3] has shape (5, 9), expected (n_a, m) = (5, 10): "
        'n_a = 5 from parameters["Wax"], m = 10 from a_next of caches[0][0]',
        caches_with(RNN_CACHES, 3, 1, of((5, 9))),
        ValueError,
    ),
    (
        "lstm_backward: ft of caches[0][1] has shape (4, 10), expected (n_a, m) = (5, 10): "
        'n_a = 5 from parameters["Wf"], m = 10 from a_next of caches[0][0]',
        caches_with(LSTM_CACHES, 1, 4, of((4, 10))),
        ValueError,
    ),
    (
        "lstm_backward: xt of caches[0][0] has shape (4, 10), expected (n_x, m) = (3, 10): "
        'n_x = 3 from parameters["Wf"], m = 10 from a_next of caches[0][0]',
        caches_with(LSTM_CACHES, 0, 8, of((4, 10))),
        ValueError,
    ),
    (
        f"lstm_backward: c_next of caches[0][0] has dtype complex128, {REAL}",
        caches_with(LSTM_CACHES, 0, 1, of((5, 10), complex)),
        TypeError,
    ),
    (
        'rnn_backward: parameters["Waa"] of caches[0][1] differs from the first step\'s, '
        "expected the same in every step",
        caches_with(RNN_CACHES, 1, 3, {**RNN.parameters, "Waa": of((5, 5))}),
        ValueError,
    ),
    (
        "rnn_backward: parameters of caches[0][2] is None, expected a dict or another mapping",
        caches_with(RNN_CACHES, 2, 3, None),
        TypeError,
    ),
    (
        "lstm_cell_backward: parameters is packed for the cell rnn, expected one packed for lstm",
        {"cache": (*LSTM_CACHES[0][0][:9], cyrnn.pack(RNN.parameters))},
        KeyError,
    ),
    (f"gru_backward: caches[0][0] has 4 entries, expected 7: {GRU_CACHE}", {"caches": RNN_CACHES}, ValueError),
    (f"gru_cell_backward: cache has 10 entries, expected 7: {GRU_CACHE}", {"cache": LSTM_CACHES[0][0]}, ValueError),
    (
        'gru_cell_backward: parameters lacks "bca"; it has "Wz", "bz", "Wr", "br", "Wc", "bc", "Wy", "by"',
        {"reset_after": True},
        KeyError,
    ),
    (
        "gru_backward: parameters is packed for the cell gru_after, expected one packed for gru",
        {"caches": cyrnn.gru_forward(GRU.x, GRU.initial[0], cyrnn.pack(GRU_AFTER.parameters), reset_after=True)[-1]},
        KeyError,
    ),
    (
        "gru_backward: parameters is packed for the cell gru, expected one packed for gru_after",
        {"caches": cyrnn.gru_forward(GRU.x, GRU.initial[0], cyrnn.pack(GRU.parameters))[-1], "reset_after": True},
        KeyError,
    ),
    # ---- gradients
    (
        "gru_backward: da has shape (5, 10, 5), expected (n_a, m, T) with T <= 4: caches[0] has 4 entries",
        {"da": of((5, 10, 5))},
        ValueError,
    ),
    (
        "rnn_backward: da has shape (5, 10, 5), expected (n_a, m, T) with T <= 4: caches[0] has 4 entries",
        {"da": of((5, 10, 5))},
        ValueError,
    ),
    (
        "lstm_backward: da has shape (4, 10, 4), expected (n_a, m, T) = (5, 10, 4): "
        'n_a = 5 from parameters["Wf"], m = 10 from a_next of caches[0][0], T = 4 from da',
        {"da": of((4, 10, 4))},
        ValueError,
    ),
    (
        "rnn_backward: da has shape (5, 9, 4), expected (n_a, m, T) = (5, 10, 4): "
        'n_a = 5 from parameters["Wax"], m = 10 from a_next of caches[0][0], T = 4 from da',
        {"da": of((5, 9, 4))},
        ValueError,
    ),
    (
        "rnn_cell_backward: da_next has shape (5, 10, 4), expected (n_a, m) = (5, 10): "
        'n_a = 5 from parameters["Wax"], m = 10 from a_next of cache',
        {"da_next": DA},
        ValueError,
    ),
    (
        "lstm_cell_backward: dc_next has shape (1, 10), expected (n_a, m) = (5, 10): "
        'n_a = 5 from parameters["Wf"], m = 10 from a_next of cache',
        {"dc_next": of((1, 10))},
        ValueError,
    ),
    (
        "lstm_backward: dc has shape (10, 5), expected (n_a, m) = (5, 10): "
        'n_a = 5 from parameters["Wf"], m = 10 from a_next of caches[0][0]',
        {"dc": of((10, 5))},
        ValueError,
    ),
    (f"rnn_backward: da has dtype complex64, {REAL}", {"da": of((5, 10, 4), "F")}, TypeError),
    ("lstm_backward: da is None, expected an array of numbers", {"da": None}, TypeError),
    ("lstm_cell_backward: dc_next is None, expected an array of numbers", {"dc_next": None}, TypeError),
]
