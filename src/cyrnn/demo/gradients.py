"""The seeded cases of the backward functions, as longer notebooks on the same exercise printed them.

Source: "Building a Recurrent Neural Network - Step by Step" in Kulbear/deep-learning-coursera (v2) and in
amanchadha/coursera-deep-learning-specialization (v3a, v4); some printed 12 digits, some all. `tests/demo/test_demo.py`
compares the copy with tests/data/goldens.json, which has every source.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import notebook
from ..cells.spec import Array
from .cases import Case, Draw, lstm_parameters

#: Units of the last digit, as `Case.units`. These sums run over batch and steps, and may cancel to a tenth of their
#: terms: the printed dWf[3][1] of lstm_cell_backward is 16 units from ours. (float64, 2026-11-24)
UNITS = 32


def rnn_parameters(draw: Draw) -> dict[str, Array]:
    """As these notebooks draw them: not in the order of the forward cases."""
    return {"Wax": draw(5, 3), "Waa": draw(5, 5), "Wya": draw(2, 5), "ba": draw(5, 1), "by": draw(2, 1)}


def lstm_without_head(draw: Draw) -> dict[str, Array]:
    """As the case of lstm_backward draws them: it has no head, and any will do."""
    return lstm_parameters(lambda *shape: draw(*shape) if shape[0] == 5 else np.zeros(shape))


def rnn_step(draw: Draw) -> tuple[Any, ...]:
    *_, cache = notebook.rnn_cell_forward(draw(3, 10), draw(5, 10), rnn_parameters(draw))
    return draw(5, 10), cache


def rnn_sequence(draw: Draw) -> tuple[Any, ...]:
    *_, caches = notebook.rnn_forward(draw(3, 10, 4), draw(5, 10), rnn_parameters(draw))
    return draw(5, 10, 4), caches


def lstm_step(draw: Draw) -> tuple[Any, ...]:
    *_, cache = notebook.lstm_cell_forward(draw(3, 10), draw(5, 10), draw(5, 10), lstm_parameters(draw))
    return draw(5, 10), draw(5, 10), cache


def lstm_sequence(draw: Draw) -> tuple[Any, ...]:
    *_, caches = notebook.lstm_forward(draw(3, 10, 7), draw(5, 10), lstm_without_head(draw))
    return draw(5, 10, 4), caches  # of the first four steps of seven


GRADIENTS = (
    Case(
        "rnn_cell_backward",
        rnn_step,
        (),
        {
            "dxt[1][2]": "-1.3872130506",
            "da_prev[2][3]": "-0.152399493774",
            "dWax[3][1]": "0.410772824935",
            "dWaa[1][2]": "1.15034506685",
            "dba[4]": "[0.20023491]",
        },
        units=UNITS,
    ),
    Case(
        "rnn_backward",
        rnn_sequence,
        (),
        {
            "dx[1][2]": "[-2.07101689 -0.59255627  0.02466855  0.01483317]",
            "da0[2][3]": "-0.31494237512664996",
            "dWax[3][1]": "11.264104496527775",
            "dWaa[1][2]": "2.303333126579893",
            "dba[4]": "[-0.74747722]",
        },
        units=UNITS,
    ),
    Case(
        "lstm_cell_backward",
        lstm_step,
        (),
        {
            "dxt[1][2]": "3.2305591151091884",
            "da_prev[2][3]": "-0.06396214197109246",
            "dc_prev[2][3]": "0.7975220387970015",
            "dWf[3][1]": "-0.1479548381644968",
            "dWi[1][2]": "1.0574980552259903",
            "dWc[3][1]": "2.304562163687667",
            "dWo[1][2]": "0.3313115952892111",
            "dbf[4]": "[0.18864637]",
            "dbi[4]": "[-0.40142491]",
            "dbc[4]": "[0.25587763]",
            "dbo[4]": "[0.13893342]",
        },
        units=UNITS,
    ),
    Case(
        "lstm_backward",
        lstm_sequence,
        (),
        {
            "dx[1][2]": "[0.00218254  0.28205375 -0.48292508 -0.43281115]",
            "da0[2][3]": "0.312770310257",
            "dWf[3][1]": "-0.0809802310938",
            "dWi[1][2]": "0.40512433093",
            "dWc[3][1]": "-0.0793746735512",
            "dWo[1][2]": "0.038948775763",
            "dbf[4]": "[-0.15745657]",
            "dbi[4]": "[-0.50848333]",
            "dbc[4]": "[-0.42510818]",
            "dbo[4]": "[-0.17958196]",
        },
        units=UNITS,
    ),
)
