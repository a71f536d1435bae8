"""One build of cyrnn in a process of its own, for `against`: takes turns on request.

Requests and replies are JSON, a line each. Only the build that stands first on sys.path differs between workers; cases,
calls and clock are this directory's for both.
"""

from __future__ import annotations

import gc
import hashlib
import json
import sys
from time import perf_counter
from typing import Any

import numpy as np

import cyrnn

from . import clock, contestant, truth
from .rivals import ours
from .work import STREAMS, Array, Case

Reply = dict[str, Any]


def digest(named: dict[str, Array]) -> str:
    """Of names, dtypes, shapes and bits."""
    found = hashlib.sha256()
    for name in sorted(named):
        array = np.ascontiguousarray(named[name])
        found.update(f"{name} {array.dtype} {array.shape} ".encode())
        found.update(array.tobytes())
    return found.hexdigest()[:16]


class Worker:
    """The case that is timed now."""

    def __init__(self) -> None:
        self.case: Case | None = None
        self.entry: clock.Entry | None = None
        self.named: dict[str, Array] = {}

    def begin(self, case: list[Any]) -> Reply:
        """Prepare a case; reply with how many calls make a turn, and the digest of the results."""
        self.case = self.entry = None
        self.named = {}
        gc.collect()
        self.case = Case(*case)
        variant = contestant.variants(ours, self.case)[0]
        start = perf_counter()
        for _ in range(truth.STREAM_STEPS if self.case.kind in STREAMS else 1):
            result = variant.call()
        once = perf_counter() - start
        self.named = {name: np.array(array) for name, array in variant.read(result).items()}
        self.entry = clock.Entry(variant) if once > 2 * clock.TURN_SECONDS else clock.ready(variant)
        return {"calls": self.entry.calls, "digest": digest(self.named)}

    def turn(self, calls: int) -> Reply:
        """Reply with the seconds of a call; a turn begins with an untimed call if calls are short."""
        assert self.entry is not None
        self.entry.calls = calls
        clock.take_turns([self.entry])
        return {"seconds": self.entry.times[-1]}

    def check(self) -> Reply:
        """Reply with the error against the truth."""
        assert self.case is not None
        try:
            return {"error": truth.error(self.case, self.named, truth.wanted(self.case))}
        except ValueError as error:
            return {"wrong": str(error)}


def serve() -> None:
    replies, sys.stdout = sys.stdout, sys.stderr  # nothing else may stand between replies
    worker = Worker()
    gc.disable()

    def reply(words: Reply) -> None:
        print(json.dumps(words), file=replies, flush=True)

    reply({"file": cyrnn.__file__, "isa": ours.isa()})
    for line in sys.stdin:
        request = json.loads(line)
        action = request.pop("do")
        try:
            reply(getattr(worker, action)(**request))
        except Exception as error:  # told to the other side, which goes on with the next case
            reply({"failed": f"{type(error).__name__}: {error}"})


if __name__ == "__main__":
    serve()
