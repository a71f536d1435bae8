"""The notebook's reader: one import line changed, definitions deleted, each cell prints the same text."""

from __future__ import annotations

import contextlib
import io
import json
import math
import re

import pytest
from paths import DATA

NOTEBOOK = json.loads((DATA / "notebook.json").read_text(encoding="utf-8"))
NUMBER = re.compile(r"-?\d+\.\d+(?:e[-+]?\d+)?")
#: NumPy prints the elements of an array with eight decimals; a scalar is printed in full.
IN_FULL = 9
#: Only the last digit of those may differ: sums run in another order. The notebook's c[1][2][1], ending in
#: 1983, is three units from the true value, ...19804, which the canonical order gives.
LAST_DIGIT = 4


@pytest.fixture(scope="module")
def printed() -> dict[int, str]:
    """The session: cell number -> what it prints."""
    namespace: dict = {"__name__": "__main__"}
    texts = {}
    for cell in NOTEBOOK["cells"]:
        code = "\n".join(cell["code"]).replace("from rnn_utils import *", "from cyrnn import *")
        with contextlib.redirect_stdout(io.StringIO()) as out:
            exec(compile(code, f"notebook cell {cell['cell']}", "exec"), namespace)
        texts[cell["cell"]] = out.getvalue()
    return texts


def unit_of(text: str) -> float:
    """One unit of the last place of a number printed in full, or of the double itself if that is more."""
    return max(10.0 ** -len(text.partition(".")[2]), math.ulp(float(text)))


@pytest.mark.parametrize("cell", NOTEBOOK["cells"], ids=lambda cell: f"cell{cell['cell']}")
def test_session_cell_prints_the_same_text(printed, cell):
    got, want = printed[cell["cell"]].rstrip("\n"), "\n".join(cell["prints"])
    assert NUMBER.sub("#", got) == NUMBER.sub("#", want)
    for g, w in zip(NUMBER.findall(got), NUMBER.findall(want), strict=True):
        if len(w.partition(".")[2]) < IN_FULL:
            assert g == w
        else:
            assert abs(float(g) - float(w)) <= LAST_DIGIT * unit_of(w)


def test_session_covers_every_function_the_notebook_defines():
    import cyrnn

    defined = {cell["defines"] for cell in NOTEBOOK["cells"] if "defines" in cell}
    assert defined == {"rnn_cell_forward", "rnn_forward", "lstm_cell_forward", "lstm_forward"}
    assert defined <= set(cyrnn.__all__)
