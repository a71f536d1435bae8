"""Threads that sit ready after a call, for the next."""

from __future__ import annotations

import numpy as np
import pytest
from interpreter import needs_threads, wait_for
from problems import assert_same_values, isa_in_use, make, results, run_sequence

import cyrnn
from cyrnn.calls.implementation import implementation

pytestmark = pytest.mark.skipif(isa_in_use() == "reference", reason="the reference shares no work among threads")


@needs_threads
def test_threads_that_sit_ready_take_smaller_calls():
    """After a call that is worth calling threads for: they take what would not be, and go when nothing comes."""
    before = cyrnn.get_num_threads()
    large, small = (make(cyrnn.cells.RNN, np.float32, m=m, n_a=128, n_x=128, T_x=5) for m in (512, 64))
    cyrnn.set_num_threads(1)
    want = results(run_sequence(small))
    cyrnn.set_num_threads(3)
    try:
        assert wait_for(lambda: not implementation.seated())
        run_sequence(small)
        assert not implementation.seated()
        assert wait_for(lambda: run_sequence(large) and implementation.seated())
        for _ in range(50):
            assert_same_values(results(run_sequence(small)), want)
        assert wait_for(lambda: not implementation.seated())
    finally:
        cyrnn.set_num_threads(before)
