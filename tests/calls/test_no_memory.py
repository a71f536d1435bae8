"""No memory: whichever allocation of a call fails, it ends in MemoryError or the right result, and works afterwards.

The calls are those of tests/support/no_memory.py, in a child: a crash, a hang and a wrong result end that.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from interpreter import run_python
from no_memory import SHIM
from problems import isa_in_use

pytestmark = pytest.mark.skipif(isa_in_use() == "reference", reason="NumPy's calls: every line may allocate")

PROGRAM = Path(__file__).parents[1] / "support" / "no_memory.py"
#: most of what these do is Python's: some of CPython's and NumPy's own functions keep objects when memory fails
PYTHONS = ("pack", "load_state_dict")
COMPILED = (
    "rnn_cell_forward", "lstm_forward", "lstm_forward packed", "lstm_backward", "gru_backward",
    "softmax", "nn", "nn projected", "nn training", "nn resets", "linear", "embedding",
)
GENERATORS = """import _testcapi
for k in range(40):
    _testcapi.set_nomemory(k, k + 1)
    try:
        sum(x for x in ())
    except MemoryError:
        pass
    finally:
        _testcapi.remove_mem_hooks()
"""


def report(*arguments: str, **variables: str) -> list[tuple[str, int, int, int]]:
    """What the program prints: of each call its name, how often it was tried and failed, how much more is alive."""
    done = run_python(PROGRAM, *arguments, seconds=120, **variables)
    assert done.returncode == 0, done.stdout + done.stderr
    lines = [line.rsplit(" ", 3) for line in done.stdout.splitlines()]
    return [(name, int(tried), int(failed), int(more)) for name, tried, failed, more in lines]


def test_allocation_of_python_that_fails_ends_in_memory_error_or_the_result():
    pytest.importorskip("_testcapi", reason="this Python cannot be told to have no memory")
    # CPython 3.12 and 3.13 crash where a generator's function is not to be had: such a line is in Python's alone
    names = COMPILED if run_python("-c", GENERATORS).returncode else COMPILED + PYTHONS
    found = report("python", "1", *names)
    assert {name for name, _, _, _ in found} == set(names)
    assert all(failed for _, _, failed, _ in found)
    leaky = [line for line in found if line[3] >= 30 + line[2] // 4 and line[0] not in PYTHONS]
    assert not leaky


def test_allocation_of_c_that_fails_ends_in_memory_error_or_the_result(tmp_path):
    compiler = shutil.which("cc") or shutil.which("gcc")
    if sys.platform != "linux" or compiler is None:
        pytest.skip("wants a C compiler and LD_PRELOAD")
    (tmp_path / "shim.c").write_text(SHIM)
    shim = tmp_path / "shim.so"
    built = subprocess.run(
        [compiler, "-O1", "-shared", "-fPIC", "-o", shim, tmp_path / "shim.c"],
        check=False, capture_output=True, text=True,
    )
    if built.returncode:
        pytest.skip(f"the shim is for glibc: {built.stderr[-200:]}")
    if run_python("-c", "", LD_PRELOAD=str(shim)).returncode:
        pytest.skip("the shim is for glibc, and for no sanitizer's malloc")
    found = report("c", "1", LD_PRELOAD=str(shim))
    assert len(found) == 15
    assert all(failed for _, _, failed, _ in found)
    # how many blocks threads and CPython keep for themselves varies by some 20 from round to round
    assert all(more < 30 + failed // 4 for _, _, failed, more in found), found
