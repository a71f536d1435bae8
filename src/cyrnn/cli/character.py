"""A character model: recurrent layers over tokens, and a linear layer that foretells the next one."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np

from .. import nn, softmax
from ..training import chunks, cross_entropy
from .text import Tokens

#: steps of a call that reads a text, or of a prompt: memory for the outputs of these alone
STEPS = 1024
KINDS = {"lstm": nn.LSTM, "gru": nn.GRU, "rnn": nn.RNN}


def build(options: Mapping[str, Any], size: int, rng: np.random.Generator) -> Any:
    """Return the model of these options for an alphabet of `size` characters, its weights drawn from `rng`."""
    units, layers, dropout, dtype = (options[name] for name in ("units", "layers", "dropout", "dtype"))
    recurrent = KINDS[options["cell"]](size, units, layers, dropout=dropout, dtype=dtype, rng=rng)
    return nn.Sequential(recurrent, nn.Linear(units, size, dtype=dtype, rng=rng))


def bits_per_character(model: Any, tokens: Tokens, going_on: Callable[[], bool] = lambda: True) -> float | None:
    """Return the mean of -log2 of the probability of each character behind the first, which are read as one stream.

    None where `going_on` said no in between.
    """
    column, state, nats = tokens[:, None], None, 0.0
    for x, y in zip(chunks(column[:-1], STEPS), chunks(column[1:], STEPS), strict=True):
        if not going_on():
            return None
        logits, state = model(x, state)
        nats += cross_entropy(logits, y, reduction="sum")[0]
    return nats / (len(tokens) - 1) / math.log(2)


def sampled(model: Any, prompt: Tokens, temperature: float, rng: np.random.Generator) -> Iterator[int]:
    """Yield tokens without end, each drawn from what the model foretells behind all before it.

    Logits are divided by the temperature; at 0 it is the likeliest token each time.
    """
    state = None
    for x in chunks(prompt[:, None], STEPS):
        logits, state = model(x, state)
    while True:
        token = drawn(logits[-1, 0], temperature, rng)
        yield token
        logits, state = model(np.array([[token]], np.int32), state)


def drawn(logits: Any, temperature: float, rng: np.random.Generator) -> int:
    """Return the token that one number of the generator chooses."""
    if temperature == 0:
        return int(logits.argmax())
    with np.errstate(over="ignore"):  # to -inf, whose probability is 0
        likely = softmax(((logits.astype(np.float64) - logits.max()) / temperature)[:, None])[:, 0]
    below = np.cumsum(likely)
    return min(int(np.searchsorted(below, rng.random() * below[-1], side="right")), len(logits) - 1)
