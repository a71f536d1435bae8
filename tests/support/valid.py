"""Valid arguments for every public function; a sentence is shown by changing one of them."""

from __future__ import annotations

from backward_sentences import DA, GRU_CACHES, LSTM_CACHES, RNN_CACHES
from sentences import ADAM, GRU, LSTM, RNN, WEIGHTS

import cyrnn

#: n_x = 3, n_a = 5, n_y = 2, m = 10, T_x = 4
VALID = {
    "sigmoid": {"x": WEIGHTS},
    "tanh": {"x": WEIGHTS},
    "softmax": {"x": WEIGHTS},
    "rnn_cell_forward": {
        "xt": RNN.x[:, :, 0],
        "a_prev": RNN.initial[0],
        "parameters": RNN.parameters,
    },
    "rnn_forward": {"x": RNN.x, "a0": RNN.initial[0], "parameters": RNN.parameters},
    "lstm_cell_forward": {
        "xt": LSTM.x[:, :, 0],
        "a_prev": LSTM.initial[0],
        "c_prev": LSTM.initial[1],
        "parameters": LSTM.parameters,
    },
    "lstm_forward": {
        "x": LSTM.x,
        "a0": LSTM.initial[0],
        "c0": LSTM.initial[1],
        "parameters": LSTM.parameters,
    },
    "rnn_cell_backward": {"da_next": RNN.initial[0], "cache": RNN_CACHES[0][0]},
    "rnn_backward": {"da": DA, "caches": RNN_CACHES},
    "lstm_cell_backward": {"da_next": LSTM.initial[0], "dc_next": LSTM.initial[1], "cache": LSTM_CACHES[0][0]},
    "lstm_backward": {"da": DA, "caches": LSTM_CACHES, "dc": LSTM.initial[1]},
    "gru_cell_forward": {"xt": GRU.x[:, :, 0], "a_prev": GRU.initial[0], "parameters": GRU.parameters},
    "gru_forward": {"x": GRU.x, "a0": GRU.initial[0], "parameters": GRU.parameters},
    "gru_cell_backward": {"da_next": GRU.initial[0], "cache": GRU_CACHES[0][0]},
    "gru_backward": {"da": DA, "caches": GRU_CACHES},
    "pack": {"parameters": LSTM.parameters},
    "set_num_threads": {"n": cyrnn.get_num_threads()},
    "initialize_adam": {"parameters": {"W": WEIGHTS}},
    ADAM: {
        "parameters": {"W": WEIGHTS.copy(), "b": WEIGHTS.copy()},
        "grads": {"dW": WEIGHTS, "dx": WEIGHTS},
        "v": {"dW": WEIGHTS, "db": WEIGHTS},
        "s": {"dW": WEIGHTS, "db": WEIGHTS},
        "t": 1,
    },
}
