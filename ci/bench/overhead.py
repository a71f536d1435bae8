"""How much of a call is Python: functions entered, and the time of the same call on layers of a single unit.

The share: a call is timed as it is, then with n_x = n_a = 1, where the kernels have next to nothing to do, but
arguments are checked, converted, allocated, looped over and returned as before. The second time over the first is the
most that Python and everything else outside the kernels may take: kernels still take 0.1 us a step of it at m = 1, 0.25
at m = 10 (Xeon with AVX-512). The method uses public functions alone, so that it compares builds of any time.
`once`: the second with T_x = 1; `a step`: what each further step adds to it. A loop in Python adds microseconds there.

`python`: Python functions entered, the first included (sys.setprofile, "call"). `C`: calls of functions and methods
written in C ("c_call"); Python reports neither those that C calls nor, in cyrnn's compiled modules, functions
that are not methods of a class.
"""

from __future__ import annotations

import sys
import textwrap
from collections import Counter
from collections.abc import Callable
from functools import partial
from types import FrameType
from typing import Any

import numpy as np

import cyrnn

from . import clock
from .contestant import Variant
from .pairs import Plain
from .rivals import torch_form
from .table import shape_text, short
from .work import Array, Case, Shape

SHAPES: tuple[Shape, ...] = ((3, 5, 10, 7), (64, 64, 1, 100), (128, 128, 8, 64))
WIDTH = 80
Call = Callable[[], Any]


def _forward(case: Case) -> Call:
    return partial(cyrnn.lstm_forward, case.x, case.a0, case.parameters)


def _backward(case: Case) -> Call:
    return partial(cyrnn.lstm_backward, case.da, _forward(case)()[-1])


def _odd_backward(case: Case) -> Call:
    return partial(cyrnn.lstm_backward, case.da.view(Plain), _forward(case)()[-1])


def _model(case: Case) -> tuple[Any, Array, Any]:
    model = cyrnn.nn.LSTM(case.n_x, case.n_a, dtype=case.real, rng=0)
    model.load_state_dict(torch_form.weights(case))
    return model, case.x_rows, tuple(case.all_initial)


def _layer(case: Case) -> Call:
    model, x, state = _model(case)
    return partial(model, x, state)


def _ragged(case: Case) -> Call:
    lengths = np.linspace(case.T_x, 1, case.m).round().astype(np.int64)
    model, x, state = _model(case)
    return partial(model, x, state, lengths=lengths)


def _step(case: Case) -> Call:
    model, x, state = _model(case)
    return partial(model.step, x[0], state)


def _training(case: Case) -> Call:
    model, x, state = _model(case)
    da = case.da_rows

    def train() -> Any:
        return model.backward(model.forward(x, state)[2], da)

    return train


CALLS: dict[str, Callable[[Case], Call]] = {
    "lstm_forward": _forward,
    "lstm_backward": _backward,
    "lstm_backward, da a subclass": _odd_backward,
    "nn.LSTM": _layer,
    "nn.LSTM, lengths=": _ragged,
    "nn.LSTM.step": _step,
    "nn.LSTM forward + backward": _training,
}


def entered(call: Call) -> Counter[str]:
    """Count the functions that a call enters: "call" those in Python, "c_call" those in C that Python calls."""
    count: Counter[str] = Counter()

    def note(frame: FrameType, event: str, argument: Any) -> None:
        count[event] += 1

    call()  # a first call may import and cache
    sys.setprofile(note)
    try:
        call()
    finally:
        sys.setprofile(None)
    count["c_call"] -= 1  # sys.setprofile(None) itself
    if getattr(call, "__name__", "") == "train":
        count["call"] -= 1  # the function above that joins forward and backward
    return count


def _times(calls: dict[str, Call], seconds: float) -> dict[str, float]:
    """Time calls in turns; return the minima in microseconds."""
    variants = [Variant(name, name, call, lambda _: {}) for name, call in calls.items()]
    return {entry.variant.rival: entry.least * 1e6 for entry in clock.race(variants, seconds)}


HEAD = f"{'call':<28}{'n_x,n_a,m,T_x':>15}{'python':>7}{'C':>6}{'us':>6}{'share':>6}{'once':>5}{'step':>6}"


def line(name: str, shape: Shape, dtype: str, seconds: float) -> str:
    *_, m, T = shape
    make = CALLS[name]
    cases = {"whole": shape, "narrow": (1, 1, m, T), "once": (1, 1, m, 1)}
    calls = {key: make(Case("hidden", "lstm", dtype, *sizes)) for key, sizes in cases.items()}
    count, us = entered(calls["whole"]), _times(calls, seconds)
    share = min(us["narrow"] / us["whole"], 1.0)
    each = max(us["narrow"] - us["once"], 0.0) / max(T - 1, 1)
    times = f"{short(us['whole']):>6}{share:>6.0%}{us['once']:>5.0f}{each:>6.2f}"
    return f"{name:<28}{shape_text(shape):>15}{count['call']:>7}{count['c_call']:>6}{times}"


def run(shapes: list[Shape] | None, dtype: str, seconds: float) -> int:
    """Print the table, a line as it is measured."""
    said = (
        "python, C: functions entered, in Python and built in. us: minimum of a call. share: most of it that is "
        "outside the kernels, the time with n_x = n_a = 1 over us. once: us of that with T_x = 1; step: us for each "
        "step more."
    )
    print("\n".join(textwrap.wrap(said, WIDTH)))
    print(HEAD)
    for shape in shapes or SHAPES:
        for name in CALLS:
            print(line(name, shape, dtype, seconds), flush=True)
    return 0
