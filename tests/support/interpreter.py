"""Another Python: the one place where tests start a new interpreter. It finds every module that this one finds."""

from __future__ import annotations

import contextlib
import os
import shutil
import struct
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

#: variables that cyrnn reads at its import
OURS = ("CYRNN_ISA", "CYRNN_NUM_THREADS")
#: of tests that are many callers at once
needs_threads = pytest.mark.skipif(sys.platform == "emscripten", reason="WebAssembly starts no thread")
#: names that the code of `isolated` finds
PRELUDE = "import numpy as np, cyrnn\nfrom problems import *\n"


def patience(seconds: float) -> float:
    """How long to wait for another Python. On an emulated CPU, as in ci/wheels/, all lasts many times as long."""
    return seconds * float(os.environ.get("CYRNN_TEST_PATIENCE") or 1)


def skip_without_processes() -> None:
    if sys.platform == "emscripten":
        pytest.skip("WebAssembly starts no other process")


def start_python(*arguments: str | Path, **options: Any) -> subprocess.Popen:
    """Start an interpreter with pipes for output and errors; `run_python` has the options."""
    skip_without_processes()
    return subprocess.Popen([sys.executable, *arguments], **_of_process(**options))


def run_python(*arguments: str | Path, seconds: float = 60, **options: Any) -> subprocess.CompletedProcess:
    """Run an interpreter to its end, which is that of the test after `seconds`, times the patience.

    Parameters
    ----------
    arguments : as on a command line, "-c", code or a program's path first
    text : bool, True by default; False leaves output and errors as bytes
    cwd : Path, optional
    preexec_fn : callable, optional; POSIX alone
    options : variables of the environment beside those of this process; None takes one away
    """
    skip_without_processes()
    command, process = [sys.executable, *arguments], _of_process(**options)
    for attempts_left in (2, 1, 0):
        try:
            return subprocess.run(command, **process, timeout=patience(seconds), check=False)
        except OSError as error:  # wine 8 on a busy machine starts a process at the second try: one in some hundreds
            if getattr(error, "winerror", None) != 1359 or not attempts_left:
                raise
            time.sleep(1)
    raise AssertionError


def run_in_terminal(*arguments: str | Path, columns: int = 80, **options: Any) -> tuple[int, str]:
    """Run an interpreter whose output and errors are a terminal; return its status and all that it wrote there."""
    fcntl, termios = (pytest.importorskip(name, reason="a terminal of POSIX") for name in ("fcntl", "termios"))
    skip_without_processes()
    ours, theirs = os.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("4H", 24, columns, 0, 0))
    process = {**_of_process(**options), "stdout": theirs, "stderr": theirs, "text": False}
    written = b""
    with subprocess.Popen([sys.executable, *arguments], **process) as running:
        os.close(theirs)
        with contextlib.suppress(OSError):  # of a terminal whose other end is closed
            while part := os.read(ours, 1 << 16):
                written += part
    os.close(ours)
    return running.returncode, written.decode().replace("\r\n", "\n")


def fresh(code: str, **variables: str | None) -> subprocess.CompletedProcess:
    """Run code with those variables alone, of the ones that cyrnn reads, that are given."""
    return run_python("-c", code, **{**dict.fromkeys(OURS), **variables})


def run_ranks(ranks: int, *arguments: str | Path, seconds: float = 60, **options: Any) -> subprocess.CompletedProcess:
    """Run that many ranks of an interpreter by mpiexec, that of this environment if it has one; see `run_python`."""
    skip_without_processes()
    places = os.pathsep.join([os.path.dirname(sys.executable), os.environ.get("PATH", "")])
    mpiexec = shutil.which("mpiexec", path=places)
    if mpiexec is None:
        pytest.skip("there is no mpiexec")
    options["MPIEXEC_TIMEOUT"] = str(int(patience(seconds)))  # it ends its ranks, too
    command = [mpiexec, "-n", str(ranks), sys.executable, *arguments]
    return subprocess.run(command, **_of_process(**options), timeout=2 * patience(seconds), check=False)


def isolated(code: str) -> subprocess.CompletedProcess:
    """Run code, with the names of problems.py, where a crash ends nothing else."""
    return run_python("-c", PRELUDE + code)


def _of_process(
    *, text: bool = True, cwd: Path | None = None, preexec_fn=None, **variables
) -> dict:
    paths = os.pathsep.join(os.path.abspath(folder) for folder in sys.path)
    env = {**os.environ, "PYTHONPATH": paths, **variables}
    return {
        "env": {name: value for name, value in env.items() if value is not None},
        "stdin": subprocess.DEVNULL,
        "stdout": subprocess.PIPE,
        "stderr": subprocess.PIPE,
        "text": text,
        "cwd": cwd,
        "preexec_fn": preexec_fn,
    }


def wait_for(condition) -> bool:
    """Whether a condition holds before long."""
    end = time.monotonic() + patience(20)
    while not condition() and time.monotonic() < end:
        time.sleep(0.002)
    return condition()
