"""Ranks of MPI as threads of this process: the part of a communicator of mpi4py that gradients are summed with."""

from __future__ import annotations

import copy
import threading
from collections.abc import Callable
from queue import SimpleQueue
from typing import Any

import numpy as np


class Rank:
    """One of them. A message that does not come within seconds is an error, not a test that hangs."""

    def __init__(self, rank: int, size: int, queues: dict[tuple[int, int, bool], SimpleQueue]) -> None:
        self.rank, self.size, self.queues = rank, size, queues
        self.sent = 0  # buffers to one other rank

    def Get_rank(self) -> int:
        return self.rank

    def Get_size(self) -> int:
        return self.size

    def send(self, value: Any, dest: int, tag: int) -> None:
        self._put(value, dest, False)

    def recv(self, buffer: None, source: int, tag: int) -> Any:
        return self._get(source, False)

    def Send(self, buffer: np.ndarray, dest: int, tag: int) -> None:
        self.sent += 1
        self._put(buffer, dest, True)

    def Recv(self, buffer: np.ndarray, source: int, tag: int) -> None:
        self._fill(buffer, self._get(source, True))

    def allgather(self, value: Any) -> list:
        return [self.bcast(value, root) for root in range(self.size)]

    def bcast(self, value: Any, root: int) -> Any:
        return self._from(root, value, False)

    def Bcast(self, buffer: np.ndarray, root: int) -> None:
        self._fill(buffer, self._from(root, buffer, True))

    def _from(self, root: int, value: Any, of_buffer: bool) -> Any:
        if self.rank != root:
            return self._get(root, of_buffer)
        for other in range(self.size):
            if other != root:
                self._put(value, other, of_buffer)
        return value

    def _put(self, value: Any, dest: int, of_buffer: bool) -> None:
        assert dest != self.rank
        self.queues[self.rank, dest, of_buffer].put(copy.deepcopy(value))

    def _get(self, source: int, of_buffer: bool) -> Any:
        return self.queues[source, self.rank, of_buffer].get(timeout=20)

    @staticmethod
    def _fill(buffer: np.ndarray, found: np.ndarray) -> None:
        assert (buffer.shape, buffer.dtype) == (found.shape, found.dtype)
        buffer[...] = found


def together(size: int, body: Callable[[Rank], Any]) -> list:
    """Run body on every rank at once, and return what it returned or raised on each; no message may be left."""
    places = [(one, other, kind) for one in range(size) for other in range(size) for kind in (False, True)]
    queues = {place: SimpleQueue() for place in places}
    results: list[Any] = [None] * size

    def run(rank: int) -> None:
        try:
            results[rank] = body(Rank(rank, size, queues))
        except Exception as error:
            results[rank] = error

    threads = [threading.Thread(target=run, args=(rank,)) for rank in range(size)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(queue.empty() for queue in queues.values())
    return results
