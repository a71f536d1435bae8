"""What a training run is: its options, their defaults, and how a shell or a checkpoint says them."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

from . import _check


class Option(NamedTuple):
    """One keyword of `train`."""

    read: Callable[[str], Any]  # of a text, which argparse names in its error
    default: Any
    about: str
    free: bool = False  # whether a run that goes on may have another value


#: name -> option, in the order of the help
OPTIONS = {
    "cell": Option(_check.one_of("lstm", "gru", "rnn"), "lstm", "kind of the recurrent layers: lstm, gru or rnn"),
    "units": Option(_check.whole(1), 128, "units of each layer"),
    "layers": Option(_check.whole(1), 2, "recurrent layers"),
    "dropout": Option(_check.real(0, 0.95), 0.0, "share of outputs dropped between layers"),
    "epochs": Option(_check.whole(1), 20, "passes over the text", free=True),
    "batch": Option(_check.whole(1), 32, "parts of the text that are read beside each other"),
    "T": Option(_check.whole(1), 64, "characters of a piece, through which gradients go back"),
    "lr": Option(_check.real(0, math.inf, above=True), 0.002, "learning rate of Adam", free=True),
    "clip": Option(_check.real(0, math.inf, above=True), 5.0, "largest norm of the gradients", free=True),
    "held-out": Option(_check.real(0, 0.5), 0.1, "share of the text that is held out"),
    "dtype": Option(_check.one_of("float32", "float64"), "float32", "of weights: float32 or float64"),
    "seed": Option(_check.whole(0), 0, "of weights, pieces and dropout"),
}
DEFAULTS = {name: option.default for name, option in OPTIONS.items()}
