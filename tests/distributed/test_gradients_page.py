"""The program of docs/distributed.md: one rank and two print the same and end with the same weights."""

from __future__ import annotations

import re

import pytest
from interpreter import run_ranks
from paths import ROOT

pytest.importorskip("mpi4py", reason="mpi4py is not installed")


def test_program_of_the_page_gives_one_rank_and_two_the_same_weights(tmp_path):
    page = (ROOT / "docs" / "distributed.md").read_text(encoding="utf-8")
    (program,) = (code for code in re.findall(r"^```python\n(.*?)^```$", page, re.MULTILINE | re.DOTALL) if "MPI" in code)
    hashed = "b''.join(w.tobytes() for w in [*model.state_dict().values(), *head.state_dict().values()])"
    last = f"import hashlib; sha = hashlib.sha256({hashed}).hexdigest(); print(sha if gradients.rank == 0 else '')\n"
    (tmp_path / "train.py").write_text(program + last, encoding="utf-8")
    options = {"cwd": tmp_path, "CYRNN_NUM_THREADS": "1"}
    printed = {ranks: run_ranks(ranks, "-m", "mpi4py", "train.py", **options).stdout.split() for ranks in (1, 2)}
    assert len(printed[1]) == 13
    assert sorted(printed[1]) == sorted(printed[2])
