"""Valid arguments for every public function; a sentence is shown by changing one of them."""

from __future__ import annotations

import numpy as np
from backward_sentences import DA
from problems import CELLS, make, run_sequence
from sentences import ADAM, LSTM, WEIGHTS

import cyrnn


def of_cell(cell) -> dict:
    """The arguments of the four functions of a cell."""
    problem = make(cell, np.float64)
    a0, *others = problem.initial
    x, parameters, caches = problem.x, problem.parameters, run_sequence(problem).caches

    def beside_a(name: str) -> dict:
        return {name.format(state): value for state, value in zip(cell.states[1:], others, strict=True)}

    arguments = {
        "cell_forward": {"xt": x[:, :, 0], "a_prev": a0, **beside_a("{}_prev"), "parameters": parameters},
        "forward": {"x": x, "a0": a0, **beside_a("{}0"), "parameters": parameters},
        "cell_backward": {"da_next": a0, **beside_a("d{}_next"), "cache": caches[0][0]},
        "backward": {"da": DA, "caches": caches, **beside_a("d{}")},
    }
    return {f"{cell.function}_{kind}": given for kind, given in arguments.items()}


#: n_x = 3, n_a = 5, n_y = 2, m = 10, T_x = 4
VALID = {
    "sigmoid": {"x": WEIGHTS},
    "tanh": {"x": WEIGHTS},
    "softmax": {"x": WEIGHTS},
    **{name: given for cell in CELLS if not cell.keywords for name, given in of_cell(cell).items()},
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

#: as in sentences.py: of every function of a cell, so that a new one has some
OF_EVERY_CELL = [
    (f"{name}: {argument} is None, expected an array of numbers", {argument: None}, TypeError)
    for name, given in VALID.items()
    for argument in ("xt", "a_prev", "x", "a0", "da_next", "da")
    if name.startswith(tuple(f"{cell.function}_" for cell in CELLS)) and argument in given
]
