"""A program that starts two workers, each a process, and prints as JSON what it has seen; and models that watch.

It fails where an output differs from that of one call in its own process.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from pathlib import Path

import dask.array
import numpy as np
from dask.distributed import Client, LocalCluster
from nn_models import assert_same

import cyrnn.distributed
from cyrnn import nn


class Watched(nn.Linear):
    """A layer that knows how many threads each of its calls over sequences could have, and may fail."""

    seen: list[int] = []  # noqa: RUF012 - of the class, for copies of the model, too
    loaded: list[int] = []  # noqa: RUF012 - processes in which a copy was loaded
    fails = False

    def __setstate__(self, state):
        self.loaded.append(os.getpid())
        super().__setstate__(state)

    def __call__(self, input, *, lengths=None):
        if input.size:
            self.seen.append(cyrnn.get_num_threads())
            if self.fails:
                raise ArithmeticError("no output today")
        return super().__call__(input, lengths=lengths)


def loaded() -> list[int]:
    """How often a worker loaded a model, and the threads that its blocks had."""
    return [len(Watched.loaded), *sorted(set(Watched.seen))]


def killing(block: np.ndarray, mark: Path) -> np.ndarray:
    """Hand a block on; the first worker that comes here ends as if it had been killed."""
    try:
        mark.touch(exist_ok=False)
    except FileExistsError:
        return block
    os.kill(os.getpid(), signal.SIGKILL)
    raise AssertionError


def main(folder: Path) -> dict:
    rng = np.random.default_rng(0)
    x, lengths = rng.standard_normal((9, 64, 3)).astype(np.float32), rng.integers(0, 10, 64)
    lstm, watched = nn.LSTM(3, 20, 2, bidirectional=True, rng=0), Watched(3, 200, rng=0)
    blocks = dask.array.from_array(x, chunks=(-1, 4, -1))
    output = cyrnn.distributed.predict(lstm, blocks, lengths)
    watching = cyrnn.distributed.predict(watched, blocks)
    lossy = cyrnn.distributed.predict(lstm, blocks.map_blocks(killing, folder / "mark", meta=x[:0]), lengths)
    wanted = lstm(x, lengths=lengths)[0]
    found: dict = {}
    where = {"n_workers": 2, "threads_per_worker": 2, "dashboard_address": None, "local_directory": str(folder)}
    with LocalCluster(**where) as cluster, Client(cluster) as client:
        assert_same(output.compute(), wanted)
        assert_same(watching.compute(), watched(x))
        found["loaded"] = list(client.run(loaded).values())
        before = set(client.run(os.getpid).values())
        assert_same(lossy.compute(), wanted)
        client.wait_for_workers(2)
        found["workers that are new"] = len(set(client.run(os.getpid).values()) - before)
        found["killed"] = (folder / "mark").exists()
    return found


if __name__ == "__main__":
    from on_dask import main as of_module  # its classes are those of a module that workers import

    print(json.dumps(of_module(Path(sys.argv[1]))))
