"""Threads over the batch: which part of the work each gets, and how many there are.

Columns of a batch never meet, so threads split it and nothing is summed across them: the bits do not depend on their
number. A thread is worth its while from about a millisecond of work on; below that everything runs where it is called.
"""

from __future__ import annotations

import contextlib
import os
from collections import deque
from collections.abc import Callable
from itertools import pairwise
from typing import TYPE_CHECKING

from .. import _check
from .implementation import implementation

if TYPE_CHECKING:
    from concurrent.futures import Future, ThreadPoolExecutor

#: multiply-adds that one thread does in about a millisecond, float32 with AVX-512; other ISAs split a little early
MILLISECOND_FMAS = 60_000_000
#: a range of fewer rows leaves most of a tile of the matrix product empty
MIN_ROWS = 4

_threads = 1
_pool: ThreadPoolExecutor | None = None


def get_num_threads() -> int:
    """Return how many threads a large call may use, the calling one included.

    Returns
    -------
    int
        What `set_num_threads` or the environment variable `CYRNN_NUM_THREADS` said; else the number of cores that
        this process may use.

    Examples
    --------
    >>> cyrnn.get_num_threads() >= 1
    True
    """
    return _threads


def set_num_threads(n: int) -> None:
    """Let large calls use up to n threads, the calling one included. The results have the same bits for every n.

    Parameters
    ----------
    n : int
        At least 1. A call uses fewer where a thread would have less than about a millisecond of work.

    Raises
    ------
    ValueError
        If n is not a whole number, or below 1.

    Examples
    --------
    >>> before = cyrnn.get_num_threads()
    >>> cyrnn.set_num_threads(2)
    >>> cyrnn.get_num_threads()
    2
    >>> cyrnn.set_num_threads(before)
    """
    _use(_check.whole_number("set_num_threads", "n", n, least=1))


def split(run: Callable[[int, int], None], rows: int, work: int) -> None:
    """Call run(first, last) for consecutive parts of range(rows), on as many threads as `work` multiply-adds are worth.

    The first exception of any part is raised, after all parts have ended. Each thread, this one too, takes the next
    part that nobody has: so all is done however few others come, and one that comes late finds nothing to touch.
    """
    parts = min(_threads, rows // MIN_ROWS, work // MILLISECOND_FMAS)
    if parts < 2:
        run(0, rows)
        return
    waiting = deque(pairwise([rows * i // parts for i in range(parts + 1)]))

    def take() -> None:
        while waiting:
            try:
                part = waiting.popleft()
            except IndexError:  # another was faster
                return
            run(*part)

    others: list[Future[None]] = []
    with contextlib.suppress(RuntimeError):  # no thread is to be had, as while the interpreter ends
        workers = _workers()
        for _ in range(parts - 1):
            others.append(workers.submit(take))
    try:
        take()
    finally:
        errors = [other.exception() for other in others if not other.cancel()]  # waits for those that began
    for error in errors:
        if error is not None:
            raise error


def _workers() -> ThreadPoolExecutor:
    global _pool
    pool = _pool
    if pool is None:
        from concurrent.futures import ThreadPoolExecutor  # costs milliseconds to import: only where it is used

        pool = _pool = ThreadPoolExecutor(max(1, _threads - 1), thread_name_prefix="cyrnn")
    return pool


def _forget() -> None:
    """Drop the pool without waiting for it: its threads ended with the number they were made for, or with a fork."""
    global _pool
    _pool = None


def _use(n: int) -> None:
    global _threads
    _threads = n
    _forget()
    implementation.share_above(2 * MILLISECOND_FMAS if n > 1 else 0, split)


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _wanted() -> int:
    said = os.environ.get("CYRNN_NUM_THREADS")
    return _cores() if not said else _check.whole_number("cyrnn", "CYRNN_NUM_THREADS", said, least=1)


_use(_wanted())
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget)
