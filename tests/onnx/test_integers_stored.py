"""Files that onnxruntime's quantize_dynamic wrote, and its results: nearer to float64 than those, of the same integers.

ci/torch_data/integers.py stored them.
"""

from __future__ import annotations

import numpy as np
import pytest
import stored

from cyrnn import onnx

VERSIONS, RESULTS = stored.load("integers.npz")
CASES = [case for case in RESULTS if case.startswith("onnxruntime ")]
X = RESULTS["x"]["x"]


def rms(found, truth):
    return np.sqrt(np.square(found - truth).mean())


@pytest.mark.parametrize("case", CASES)
def test_stored_file_is_nearer_to_float64_than_what_onnxruntime_made_of_it(case):
    file, theirs = RESULTS[case]["file"].tobytes(), RESULTS[case]["Y"]
    (layer,) = onnx.load(file).values()
    (floats,) = onnx.load(file, dequantize=True).values()
    assert repr(layer).endswith("int8 weights>")
    truth = floats(X)[0]
    assert rms(theirs, truth) < 5e-3  # gates and directions are where they are elsewhere
    assert 0 < rms(layer(X)[0], truth) < rms(theirs, truth)


def test_stored_cases_are_of_both_frameworks():
    assert set(VERSIONS) == {"torch", "onnxruntime", "numpy"}
    assert len(CASES) == 6
