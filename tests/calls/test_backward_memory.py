"""What the backward pass asks for: linear in T_x, with the constant that its docstring states, and nothing is kept."""

from __future__ import annotations

import gc
import platform
import re
import tracemalloc

import numpy as np
import pytest
from backward import from_caches, incoming
from interpreter import run_python
from problems import each_cell, isa_in_use, make, run_sequence

import cyrnn

SIZES = {"n_x": 64, "n_a": 64, "n_y": 1, "m": 2}


def stated(cell) -> tuple[int, int]:
    """How many n_a and n_x for each step and column, as the docstring has it."""
    text = " ".join(getattr(cyrnn, f"{cell.function}_backward").__doc__.split())
    many, n_x = re.search(r"memory (?:is )?for T m \((\d+) n_a \+ (\d*)n_x\) elements", text).groups()
    if cell.keywords:
        (keyword,) = cell.keywords
        assert f"; of both, n_a more with `{keyword}`." in text
        return int(many) + 1, int(n_x or 1)
    return int(many), int(n_x or 1)


def traced(cell, T: int) -> tuple[int, int]:
    """The peak of a call beside its results, and what is left when results and caches are gone; in bytes."""
    problem = make(cell, np.float64, T_x=T, **SIZES)
    d = incoming(problem)
    from_caches(cell, run_sequence(problem).caches, d)
    gc.collect()
    tracemalloc.start()
    try:
        caches = run_sequence(problem).caches
        before, _ = tracemalloc.get_traced_memory()
        tracemalloc.reset_peak()
        gradients = from_caches(cell, caches, d)
        _, peak = tracemalloc.get_traced_memory()
        results = sum(value.nbytes for value in gradients.values())
        del caches, gradients
        gc.collect()
        left, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    return peak - before - results, left


@pytest.mark.skipif(isa_in_use() == "reference", reason="the reference makes NumPy's temporaries: readable, not frugal")
@each_cell
def test_backward_memory_is_linear_in_the_steps_as_the_docstring_says(cell):
    n_a, n_x = stated(cell)
    halves = [half for gate in cell.gates for half in (gate.W_x, gate.W_a) if half]
    weights = 8 * len(halves) * 64 * 64  # W_x and W_a transposed
    peaks = [traced(cell, T)[0] for T in (500, 1000)]
    for peak, T in zip(peaks, (500, 1000), strict=True):
        asked = 8 * T * 2 * (n_a * 64 + n_x * 64) + weights
        assert asked < peak + 2**16, "the docstring claims more than is asked for"
        assert peak < asked + 2**16 + 16 * T, f"T = {T}: {peak} bytes beside the results, {asked} stated"
    assert peaks[1] < 2.05 * peaks[0]


@each_cell
def test_backward_keeps_nothing_once_results_and_caches_are_dropped(cell):
    _, left = traced(cell, 1000)
    assert left < 2**16


STEPS = """
import resource
import numpy as np
from cyrnn import nn

model = nn.LSTM(64, 64, num_layers=2, rng=0)
x = np.ones((128, 8, 64), np.float32)
for step in range(60):
    if step == 10:
        before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    output, _, tape = model.forward(x)
    gradients = model.backward(tape, output)
    del output, tape, gradients
print((resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before) / 50)
"""


def faults(**environment: str) -> float:
    """Pages that the system brings for each step of training, in a process that did nothing else."""
    done = run_python("-c", STEPS, CYRNN_NUM_THREADS="1", **environment)
    assert done.returncode == 0, done.stderr
    return float(done.stdout)


@pytest.mark.skipif(isa_in_use() == "reference", reason="the reference makes NumPy's temporaries")
@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="another allocator than glibc's")
def test_steps_of_training_do_not_fetch_their_memory_anew():
    """Of its 6 MB a step has no page to fetch, unless the user has told glibc what to keep."""
    assert faults() < 50
    assert faults(MALLOC_TRIM_THRESHOLD_="131072") > 500
