"""Threads over the batch, or the units of a step: which part of the work each gets, and how many there are.

Columns of a batch never meet, nor units of a step, so nothing is summed across threads: the bits do not depend on their
number. Where a layer has two directions and few columns, both run at once instead. A thread has to be called from
Python, which takes 50 us and more, unless it still sits ready from the call before (seats.pxi): work that is worth
no such thread is done where it is called.
"""

from __future__ import annotations

import _thread
import contextlib
import os
import threading
import weakref
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from .. import _check
from .implementation import implementation

if TYPE_CHECKING:
    from queue import SimpleQueue

#: multiply-adds that one thread does in about a millisecond, float32 with AVX-512; other ISAs split a little early
MILLISECOND_FMAS = 60_000_000
#: parts of a millisecond that are worth a thread which has to be called, and one which sits ready
CALLED, SEATED = 8, 25
#: a range of fewer rows leaves most of a tile of the matrix product empty
MIN_ROWS = 4

_threads = 1
_pool: _Pool | None = None


def get_num_threads() -> int:
    """Return how many threads a large call may use, the calling one included.

    Returns
    -------
    int
        What `set_num_threads` or the environment variable `CYRNN_NUM_THREADS` said; else the number of cores that
        this process may use.

    See Also
    --------
    set_num_threads : Changes it.

    Examples
    --------
    >>> cyrnn.get_num_threads() >= 1
    True
    """
    return _threads


def set_num_threads(n: int) -> None:
    """Let large calls use up to n threads, the calling one included.

    The results have the same bits for every n.

    Parameters
    ----------
    n : int
        At least 1. A call uses fewer where a thread would have too little work: less than about 0.1 ms, and where
        calls follow each other within 5 ms, for which long threads stay awake, 0.04 ms.

    Raises
    ------
    ValueError
        If n is not a whole number, or below 1.

    See Also
    --------
    get_num_threads : How many there are now.

    Examples
    --------
    >>> before = cyrnn.get_num_threads()
    >>> cyrnn.set_num_threads(2)
    >>> cyrnn.get_num_threads()
    2
    >>> cyrnn.set_num_threads(before)
    """
    _use(_check.whole_number("set_num_threads", "n", n, least=1))


def split(task: Any, rows: int, work: int) -> None:
    """Divide a task into ranges, if `work` multiply-adds are worth it, and let other threads take some of them.

    The caller takes those that are left, so that all are done however few others come. One that comes late finds
    nothing to do.
    """
    ranges = min(_threads, rows // MIN_ROWS, work * SEATED // MILLISECOND_FMAS)
    if ranges < 2:
        return
    task.divide(ranges)
    missing = ranges - 1 - task.offer(ranges - 1)
    if not missing or work * CALLED < 2 * MILLISECOND_FMAS:
        return
    try:
        pool = _workers()
    except RuntimeError:  # no lock is to be had, for want of memory
        return
    with contextlib.suppress(RuntimeError):  # no thread is to be had, as while the interpreter ends
        pool.hire(ranges - 1)
    pool.lend(task, missing)


def lone(columns: int, work: int) -> bool:
    """Whether columns are too few to be divided, but each of two calls with so many multiply-adds is worth a thread."""
    return _threads > 1 and columns < 2 * MIN_ROWS and work >= MILLISECOND_FMAS


def at_once(one: Callable[[], Any], other: Callable[[], Any]) -> tuple[Any, Any]:
    """Return the results of two calls, of which another thread takes one, if one has time."""
    try:
        errand = _Errand(other)
        pool = _workers()
    except RuntimeError:  # no lock is to be had, for want of memory
        return one(), other()
    with contextlib.suppress(RuntimeError):  # no thread is to be had
        pool.hire(1)
    pool.lend(errand, 1)
    try:
        found = one()
    except BaseException:
        errand.cancel()
        raise
    return found, errand.result()


class _Errand:
    """A call that is made once: by the thread that takes it, at last by the one that wants its result."""

    def __init__(self, call: Callable[[], Any]) -> None:
        self._call = call
        self._taken, self._ended = _thread.allocate_lock(), _thread.allocate_lock()
        self._ended.acquire()
        self._process = os.getpid()
        self._found: Any = None
        self._error: BaseException | None = None

    def __call__(self) -> None:
        if not self._taken.acquire(blocking=False):
            return
        try:
            self._found = self._call()
        except BaseException as error:  # raised again where the result is wanted
            self._error = error
        finally:
            self._ended.release()

    def cancel(self) -> None:
        """Let nobody begin it any more."""
        self._taken.acquire(blocking=False)

    def result(self) -> Any:
        """Return what the call returns, or raise what it raises."""
        self()
        while not self._ended.acquire(timeout=0.06):
            if os.getpid() != self._process:  # forked by a signal's handler: there is no other thread
                raise RuntimeError(
                    "cyrnn: the process was forked during this call, by a signal's handler: call again"
                )
        if self._error is not None:
            raise self._error
        return self._found


class _Life:
    """What a thread alone holds on to: gone with it, however it ended."""


class _Pool:
    """The threads that join a calling one, until the interpreter ends, which waits for none of them.

    Not one of concurrent.futures: that never replaces a thread that died, keeps what was submitted for it for ever, and
    waits for ever for one that dies, for want of memory, before it has said that it started.
    """

    def __init__(self, size: int) -> None:
        from queue import SimpleQueue

        self._size = size
        self._lives: list[weakref.ref[_Life]] = []
        self._hiring = _thread.allocate_lock()
        self._tasks: SimpleQueue[Callable[[], None] | None] = SimpleQueue()

    def hire(self, wanted: int) -> None:
        """Start the threads that are missing: at first all that are wanted, later those that died."""
        wanted = min(wanted, self._size)
        # no generator: CPython 3.12 and 3.13 crash where a function is made at run time and there is no memory for it
        if len([life for life in self._lives if life()]) >= wanted:
            return
        # another is at it, perhaps this thread itself, in a signal's handler: this call does with those there are
        if not self._hiring.acquire(blocking=False):
            return
        try:
            self._lives = [life for life in self._lives if life()]
            while len(self._lives) < wanted:
                life = _Life()
                self._lives.append(weakref.ref(life))
                _thread.start_new_thread(_serve, (self._tasks, life))
                del life
        finally:
            self._hiring.release()

    def lend(self, task: Callable[[], None], most: int) -> None:
        """Let up to so many threads call a task. What busy threads have not come to is never more than one for each."""
        for _ in range(min(most, self._size - self._tasks.qsize())):
            self._tasks.put(task)

    def close(self) -> None:
        """Let all threads end, the busy ones later."""
        for _ in self._lives:
            self._tasks.put(None)


def _serve(tasks: SimpleQueue[Callable[[], None] | None], life: _Life) -> None:
    while (task := tasks.get()) is not None:
        task()
        del task  # which may be the last of it


def _workers() -> _Pool:
    global _pool
    pool = _pool
    if pool is None:
        pool = _pool = _Pool(max(1, _threads - 1))
    return pool


def _forget() -> None:
    global _pool
    _pool = None


def _after_fork() -> None:
    """Drop the pool, whose threads have not come along; the one that forked is the main thread now."""
    _forget()
    implementation.begin_process(_thread.get_ident())


def _use(n: int) -> None:
    global _threads
    _threads = n
    pool = _pool
    _forget()
    if pool is not None:
        pool.close()
    implementation.share_above(max(1, 2 * MILLISECOND_FMAS // CALLED) if n > 1 else 0, split)


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _wanted() -> int:
    said = os.environ.get("CYRNN_NUM_THREADS")
    return _cores() if not said else _check.whole_number("cyrnn", "CYRNN_NUM_THREADS", said, least=1)


_use(_wanted())
implementation.begin_process(threading.main_thread().ident)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
