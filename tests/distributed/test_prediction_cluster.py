"""Two workers of dask.distributed, each a process: the model is sent once to each, a killed worker costs a retry."""

from __future__ import annotations

import json

import pytest
from interpreter import run_python
from paths import ROOT

pytest.importorskip("distributed", reason="dask.distributed is not installed")


@pytest.fixture(scope="module")
def seen(tmp_path_factory) -> dict:
    folder = tmp_path_factory.mktemp("workers")
    done = run_python(ROOT / "tests" / "support" / "on_dask.py", folder, CYRNN_NUM_THREADS="2")
    assert done.returncode == 0, done.stderr  # an output differs
    return json.loads(done.stdout)


def test_model_is_loaded_at_most_once_by_each_worker_and_blocks_have_one_thread(seen):
    """16 blocks; a worker that computed none has loaded nothing."""
    assert {tuple(of_worker) for of_worker in seen["loaded"]} <= {(1, 1), (0,)}
    assert (1, 1) in {tuple(of_worker) for of_worker in seen["loaded"]}


def test_worker_that_is_killed_in_the_middle_costs_a_retry(seen):
    assert seen["killed"]
    assert seen["workers that are new"] >= 1
