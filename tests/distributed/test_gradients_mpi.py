"""Programs that mpiexec starts: one SHA-256 of the weights for any number of ranks, and no rank that waits for ever."""

from __future__ import annotations

import json
import signal
import time

import pytest
from interpreter import patience, run_ranks
from paths import ROOT

pytest.importorskip("mpi4py", reason="mpi4py is not installed")
PROGRAM = ROOT / "tests" / "support" / "on_mpi.py"


def run(ranks: int, case: str, *options: str):
    return run_ranks(ranks, *options, PROGRAM, case, CYRNN_NUM_THREADS="1")


@pytest.fixture(scope="module")
def alone() -> dict[str, str]:
    """The SHA-256 of each training by one rank."""
    (found,) = json.loads(run(1, "trained").stdout)
    return found


def test_trainings_of_one_rank_differ_by_dtype_and_by_groups(alone):
    assert len(set(alone.values())) == len(alone) == 8


@pytest.mark.parametrize("ranks", [2, 4])
def test_weights_after_training_have_the_sha256_of_one_rank(ranks, alone):
    done = run(ranks, "trained")
    assert json.loads(done.stdout) == [alone] * ranks, done.stderr


def test_exception_in_the_function_reaches_every_rank():
    found = json.loads(run(2, "raising").stdout)
    assert found == [
        "RuntimeError: Gradients.sum: function raised on rank 1: ArithmeticError: no gradient today; [6.]",
        "ArithmeticError: no gradient today; [6.]",
    ]


def test_argument_that_is_none_on_one_rank_is_an_error_on_every_rank():
    (first, second) = json.loads(run(2, "unlike").stdout)
    assert first == second
    assert [said.partition(":")[0] for said in first[:3]] == ["ValueError", "TypeError", "ValueError"]
    assert "groups is 0, expected" in first[0]
    assert first[3] == "[8.]"


@pytest.mark.parametrize("case", ["leaving", "killed"])
def test_rank_that_ends_in_the_middle_ends_the_others(case):
    """Its own exception ends all where the program is run by `python -m mpi4py`, a signal in any case."""
    start = time.monotonic()
    done = run(2, case, *(("-m", "mpi4py") if case == "leaving" else ()))
    assert done.returncode != 0
    assert time.monotonic() - start < patience(20)
    if case == "leaving":
        assert "ArithmeticError: not in the function" in done.stderr
    else:
        assert done.returncode in (signal.SIGKILL, -signal.SIGKILL, 128 + signal.SIGKILL)
