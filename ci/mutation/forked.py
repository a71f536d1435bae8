"""Run the tests on every mutant of a session of cosmic-ray's, each in a child of a process that has NumPy and pytest.

    python ci/mutation/forked.py session.sqlite SECONDS TEST.py...

`cosmic-ray exec` starts an interpreter for each, which takes longer than most tests. In an order of chance, so that
those done when the time is over are a sample. A mutant is killed by the first file that fails; one that hangs is, too.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import os
import random
import signal
import sys
import time

import pytest
from cosmic_ray.mutating import _make_diff, use_mutation
from cosmic_ray.plugins import get_operator
from cosmic_ray.work_db import use_db
from cosmic_ray.work_item import TestOutcome, WorkerOutcome, WorkResult

#: seconds for one file of tests, most of which take less than five
_HANGS = 30
_QUICKLY = ("-q", "-x", "--tb=no", "--assert=plain", "-pno:cacheprovider", "-pno:logging")
_IN_EVERY_TEST = ("numpy.ma", "numpy.testing", "hypothesis", "torch")


def passes(test: str) -> bool:
    """Whether a file of tests passes, in a child."""
    child = os.fork()
    if child == 0:
        os.setsid()
        quiet = os.open(os.devnull, os.O_RDWR)
        for descriptor in range(3):
            os.dup2(quiet, descriptor)
        os._exit(pytest.main([*_QUICKLY, test]))
    end = time.monotonic() + _HANGS
    while time.monotonic() < end:
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            return status == 0
        time.sleep(0.01)
    os.killpg(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return False


def main(session: str, seconds: str, *tests: str) -> None:
    end = time.monotonic() + float(seconds)
    for name in _IN_EVERY_TEST:
        with contextlib.suppress(ImportError):
            importlib.import_module(name)
    gc.freeze()  # which pytest collects twice each time: half of its time, with torch
    broken = [test for test in tests if not passes(test)]  # which writes their bytecode, too
    if broken:
        sys.exit(f"without a mutation already, these do not pass: {', '.join(broken)}")
    sys.dont_write_bytecode = True
    os.environ["PYTHONDONTWRITEBYTECODE"] = "1"  # for programs that tests start
    with use_db(session) as work:
        pending = list(work.pending_work_items)
        module = pending[0].mutations[0].module_path
        for kept in module.parent.glob(f"__pycache__/{module.stem}.*.pyc"):
            kept.unlink()  # by its size and second a mutant may be taken for what it was
        random.Random(0).shuffle(pending)
        for item in pending:
            if time.monotonic() > end:
                break
            (mutation,) = item.mutations
            operator = get_operator(mutation.operator_name)(**mutation.operator_args)
            with use_mutation(mutation.module_path, operator, mutation.occurrence) as (before, after):
                outcome = TestOutcome.SURVIVED if all(map(passes, tests)) else TestOutcome.KILLED
            diff = "\n".join(_make_diff(before, after, mutation.module_path))
            work.set_result(item.job_id, WorkResult(WorkerOutcome.NORMAL, test_outcome=outcome, diff=diff))


if __name__ == "__main__":
    main(*sys.argv[1:])
