"""The worked example of docs/how_to/own_cell.md: its change fits the sources, and its formulas are right in NumPy.

`ci/own_cell.py` builds it, too.
"""

from __future__ import annotations

import shutil
import sys

import pytest
from interpreter import run_python
from paths import ROOT

from cyrnn.cells import CELLS
from cyrnn.kernels import _cpu

sys.path.insert(0, str(ROOT))
own_cell = pytest.importorskip("ci.own_cell", reason="ci/ is not here")

needs_git = pytest.mark.skipif(shutil.which("git") is None, reason="git applies the diffs of the page")


@needs_git
@pytest.mark.skipif([*CELLS][-1] != "gru_after_variant", reason="a new cell stands where the page's diff puts its own")
def test_change_of_the_page_fits_and_runs_in_numpy(tmp_path):
    own_cell.copy_to(tmp_path)
    assert own_cell.change(tmp_path) == [
        "src/cyrnn/cells/ugrnn.py",
        "src/cyrnn/notebook/ugrnn.py",
        "src/cyrnn/cells/ugrnn.pxi",
    ]
    shutil.copy(_cpu.__file__, tmp_path / "src" / "cyrnn" / "kernels")
    tests = ["tests/notebook/test_oracle.py", "tests/notebook/test_backward.py"]
    done = run_python(
        *("-m", "pytest", "-q", "-p", "no:cacheprovider", *tests, "-k", "ugrnn"),
        cwd=tmp_path,
        CYRNN_ISA="reference",
        COVERAGE_PROCESS_CONFIG=None,  # lines of the copy are not those of src/
        COVERAGE_PROCESS_START=None,
        PYTHONPATH=str(tmp_path / "src"),
        seconds=300,
    )
    assert done.returncode == 0, done.stdout[-2000:]
    assert "passed" in done.stdout
