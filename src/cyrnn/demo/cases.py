"""The notebook's four seeded cases: how it draws the input, and every value that it printed.

Source: the notebook, code cells 3, 6, 8 and 11, as printed. `tests/demo/test_demo.py` compares the copy with
the stored notebook.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ..cells.spec import Array

#: (sizes...) -> standard normal numbers of that shape, the next ones of the stream
Draw = Callable[..., Array]

#: A float printed in full may be this many units of its last digit from ours: the notebook's sums ran in the
#: order its BLAS took. Its c[1][2][1] is 2.6 units from the exact value; ours is the nearest double.
LAST_DIGIT = 4


def draw_from(seed: int) -> Draw:
    """The stream of `np.random.seed(seed); np.random.randn`, without touching the caller's global one."""
    return np.random.RandomState(seed).randn


@dataclass(frozen=True)
class Case:
    function: str
    #: draws the arguments in the notebook's order, which the stream makes part of the input
    arguments: Callable[[Draw], tuple[Any, ...]]
    #: the notebook's names of the results; a dict names its own
    results: tuple[str, ...]
    #: expression in those names -> the text that the notebook printed for it
    printed: dict[str, str]
    #: the same for floats, computed from the same input with 200 bits by mpmath, and rounded to 20 digits
    exact: dict[str, str] = field(default_factory=dict)
    #: how far a float printed in full may be from ours, in units of its last digit
    units: int = LAST_DIGIT


def rnn_parameters(draw: Draw) -> dict[str, Array]:
    return {"Waa": draw(5, 5), "Wax": draw(5, 3), "Wya": draw(2, 5), "ba": draw(5, 1), "by": draw(2, 1)}


def lstm_parameters(draw: Draw) -> dict[str, Array]:
    parameters = {}
    for gate in "fioc":
        parameters["W" + gate] = draw(5, 5 + 3)
        parameters["b" + gate] = draw(5, 1)
    return {**parameters, "Wy": draw(2, 5), "by": draw(2, 1)}


CASES = (
    Case(
        "rnn_cell_forward",
        lambda draw: (draw(3, 10), draw(5, 10), rnn_parameters(draw)),
        ("a_next", "yt_pred", "cache"),
        {
            "a_next[4]": """[ 0.59584544  0.18141802  0.61311866  0.99808218  0.85016201  0.99980978
                             -0.18887155  0.99815551  0.6531151   0.82872037]""",
            "a_next.shape": "(5, 10)",
            "yt_pred[1]": """[0.9888161  0.01682021 0.21140899 0.36817467 0.98988387 0.88945212
                              0.36920224 0.9966312  0.9982559  0.17746526]""",
            "yt_pred.shape": "(2, 10)",
        },
    ),
    Case(
        "rnn_forward",
        lambda draw: (draw(3, 10, 4), draw(5, 10), rnn_parameters(draw)),
        ("a", "y_pred", "caches"),
        {
            "a[4][1]": "[-0.99999375  0.77911235 -0.99861469 -0.99833267]",
            "a.shape": "(5, 10, 4)",
            "y_pred[1][3]": "[0.79560373 0.86224861 0.11118257 0.81515947]",
            "y_pred.shape": "(2, 10, 4)",
            "caches[1][1][3]": "[-1.1425182  -0.34934272 -0.20889423  0.58662319]",
            "len(caches)": "2",
        },
    ),
    Case(
        "lstm_cell_forward",
        lambda draw: (draw(3, 10), draw(5, 10), draw(5, 10), lstm_parameters(draw)),
        ("a_next", "c_next", "yt", "cache"),
        {
            "a_next[4]": """[-0.66408471  0.0036921   0.02088357  0.22834167 -0.85575339  0.00138482
                              0.76566531  0.34631421 -0.00215674  0.43827275]""",
            "a_next.shape": "(5, 10)",
            "c_next[2]": """[ 0.63267805  1.00570849  0.35504474  0.20690913 -1.64566718  0.11832942
                              0.76449811 -0.0981561  -0.74348425 -0.26810932]""",
            "c_next.shape": "(5, 10)",
            "yt[1]": """[0.79913913 0.15986619 0.22412122 0.15606108 0.97057211 0.31146381
                         0.00943007 0.12666353 0.39380172 0.07828381]""",
            "yt.shape": "(2, 10)",
            "cache[1][3]": """[-0.16263996  1.03729328  0.72938082 -0.54101719  0.02752074 -0.30821874
                                0.07651101 -1.03752894  1.41219977 -0.37647422]""",
            "len(cache)": "10",
        },
    ),
    Case(
        "lstm_forward",
        lambda draw: (draw(3, 10, 7), draw(5, 10), lstm_parameters(draw)),
        ("a", "y", "c", "caches"),
        {
            "a[4][3][6]": "0.1721177675329167",
            "a.shape": "(5, 10, 7)",
            "y[1][4][3]": "0.9508734618501101",
            "y.shape": "(2, 10, 7)",
            "caches[1][1][1]": """[ 0.82797464  0.23009474  0.76201118 -0.22232814 -0.20075807  0.18656139
                                    0.41005165]""",
            "c[1][2][1]": "-0.8555449167181983",
            "len(caches)": "2",
        },
        {
            "a[4][3][6]": "0.17211776753291669358",
            "y[1][4][3]": "0.9508734618501100864",
            "c[1][2][1]": "-0.85554491671819803929",
        },
    ),
)
