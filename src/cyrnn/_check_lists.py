"""What is no array but holds some, and its error sentences: the result of a layer, sequences of several lengths."""

from __future__ import annotations

from typing import Any

import numpy as np


def result_of_layer(function: str, argument: str, value: Any) -> None:
    """Refuse the pair that a recurrent layer returns; a pair of frames is none."""
    if type(value) is not tuple or len(value) != 2 or not isinstance(value[0], np.ndarray):
        return
    output, state = value  # of an LSTM (h_n, c_n); of one step h_n has the shape of output, as two frames have
    batched = isinstance(state, np.ndarray) and (state.shape != output.shape or output.ndim > 2)
    if isinstance(state, tuple) or batched:
        cure = "a layer returns a pair, output and state; output, state = layer(...) takes it apart"
        raise TypeError(f"{function}: {argument} is of type tuple, expected an array: {cure}")


def several_lengths(function: str, argument: str, value: Any) -> None:
    """Refuse a list of sequences of which one is longer than another."""
    if type(value) not in (list, tuple):  # torch's PackedSequence is a named tuple
        return
    steps = {_steps(one) for one in value} - {None}
    if len(steps) > 1:
        said = f"{argument} is a {type(value).__name__} of {len(value)} sequences of {min(steps)} to {max(steps)} steps"
        cure = (
            "np.zeros of (max(lengths), N, ...) and a loop that fills it pad them, then lengths=: docs/how_to/nn.md, "
            '"Sequences of several lengths"'
        )
        raise ValueError(f"{function}: {said}, expected one array: {cure}")


def _steps(value: Any) -> Any:
    """Return how many steps a sequence has; None of what is none."""
    if isinstance(value, (list, tuple)):
        return len(value)
    shape = getattr(value, "shape", None)  # of a tensor, too
    return shape[0] if isinstance(shape, tuple) and shape else None
