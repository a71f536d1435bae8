"""Arguments of a model's calls, made plain for compiled calls; or said what is wrong with them."""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import calls
from ..cells.spec import Array
from . import _check
from .tape import Tape
from .weights import Plan


def sizes_of(x: Any, batch_first: bool) -> tuple[int, int] | None:
    """Return the numbers of steps and of sequences of a batch; None where x is none."""
    shape: tuple[int, ...] = x.shape if type(x) is np.ndarray else ()  # read once: another thread may change it
    if len(shape) != 3:
        return None
    return (shape[1], shape[0]) if batch_first else (shape[0], shape[1])


def resets(reset: Any, batched: bool, batch_first: bool, to_initial: bool) -> Any:
    """Return where sequences are reset, for compiled calls; None where that is no plain array of bools."""
    if type(reset) is not np.ndarray or reset.ndim != 1 + batched:
        return None
    return calls.resets_of(reset[:, None] if not batched else reset.T if batch_first else reset, to_initial)


def sequences(function: str, plan: Plan, input: Any, batch_first: bool) -> Array:
    """Return the input as a plain array."""
    x = _check.array(function, "input", input, plan.dtype)
    _check.features(function, "input", x, "N, L" if batch_first else "L, N", plan.input_size, input)
    return x


def states(function: str, plan: Plan, argument: str, value: Any, columns: tuple[int, ...], source: str) -> Any:
    """Return states of all sublayers, or gradients of them, (sublayers, *columns, n), as plain arrays."""
    if value is None:
        return None
    found: list[Array | None] = []
    leading = (plan.sublayers, *columns)
    parts = _check.states(function, argument, value, len(plan.state_sizes))
    for (name, given), size in zip(parts, plan.state_sizes, strict=True):
        if given is None and argument == "d_state":
            found.append(None)
            continue
        array = _check.array(function, name, given, plan.dtype)
        if array.shape != (*leading, size):
            last = "hidden_size" if found else "H_out"
            _check.wrong_state(function, name, array, ("D * num_layers",), last, (*leading, size), source)
        found.append(array)
    return tuple(found) if len(found) > 1 else found[0]


def gradients(function: str, tape: Tape, d_output: Any, d_state: Any) -> tuple[Any, Any]:
    """Return the incoming gradients as plain arrays."""
    batched = len(tape.output_shape) == 3
    if d_output is not None:
        d_output = _check.array(function, "d_output", d_output, tape.plan.dtype)
        if d_output.shape != tape.output_shape:
            axes = ("L",) if not batched else ("N", "L") if tape.batch_first else ("L", "N")
            wanted = tape.output_shape
            _check.wrong_shape(function, "d_output", d_output, (*axes, "D * H_out"), wanted, "the shape of output")
    columns = tape.steps_and_sequences[1:] if batched else ()
    return d_output, states(function, tape.plan, "d_state", d_state, columns, "input of forward")
