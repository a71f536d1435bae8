"""The program of docs/how_to/distributed.md gives one rank and two the same weights; docstrings have our form."""

from __future__ import annotations

import inspect
import re

import pytest
from docstrings import HEADING, REQUIRED, SECTIONS
from interpreter import run_ranks
from paths import ROOT

from cyrnn.distributed import Gradients, predict


def test_program_of_the_page_gives_one_rank_and_two_the_same_weights(tmp_path):
    pytest.importorskip("mpi4py", reason="mpi4py is not installed")
    page = (ROOT / "docs" / "how_to" / "distributed.md").read_text(encoding="utf-8")
    blocks = re.findall(r"^```python\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)
    (program,) = (code for code in blocks if "MPI" in code)
    hashed = "b''.join(w.tobytes() for w in model.state_dict().values())"
    last = f"import hashlib; sha = hashlib.sha256({hashed}).hexdigest(); print(sha if gradients.rank == 0 else '')\n"
    (tmp_path / "train.py").write_text(program + last, encoding="utf-8")
    options = {"cwd": tmp_path, "CYRNN_NUM_THREADS": "1"}
    printed = {ranks: run_ranks(ranks, "-m", "mpi4py", "train.py", **options).stdout.split() for ranks in (1, 2)}
    assert len(printed[1]) == 13
    assert sorted(printed[1]) == sorted(printed[2])


DOCUMENTED = [predict, Gradients, Gradients.parts, Gradients.sum]


@pytest.mark.parametrize("documented", DOCUMENTED, ids=lambda documented: documented.__qualname__)
def test_docstring_has_its_sections_and_every_argument(documented):
    doc = inspect.getdoc(documented)
    headings = HEADING.findall(doc)
    assert headings == [section for section in SECTIONS if section in headings]
    assert set(REQUIRED) - ({"Returns"} if documented is Gradients else set()) <= set(headings)
    parts = HEADING.split(doc)
    described = re.findall(r"^(\w+) : ", dict(zip(parts[1::2], parts[2::2], strict=True))["Parameters"], re.MULTILINE)
    assert described == [name for name in inspect.signature(documented).parameters if name != "self"]
