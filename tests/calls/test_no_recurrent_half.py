"""A cell none of whose gates reads the hidden state: an LSTM without W_a, beside the LSTM whose W_a are zeros.

The library has no such cell; docs/how_to/own_cell.md says that it may be added.
"""

from __future__ import annotations

from interpreter import run_python
from problems import isa_in_use

CODE = """
import numpy as np
import cyrnn
from cyrnn import calls
from cyrnn.cells import CELLS, LSTM
from cyrnn.kernels import dispatch
from problems import make

(stage,) = LSTM.stages
alone = stage._replace(gates=tuple(gate._replace(W_a=None) for gate in stage.gates))
shapes = {key: ("n_a", "n_x") if shape[1] == "n_a + n_x" else shape for key, shape in LSTM.shapes.items()}
CELL = LSTM._replace(stages=(alone,), shapes=shapes)
MATRICES = ("Wf", "Wi", "Wc", "Wo")


def arrays_of(cell, problem, parameters):
    its, (a0, c0), (n, m, T) = calls.of(cell), problem.initial, (*problem.initial[0].shape, problem.x.shape[2])
    found = []
    for given in (parameters, cyrnn.calls.Packed(parameters, parameters, its.pack(dict(parameters)), None)):
        a, y, c, caches = its.sequence(problem.x, (a0, c0), given, True)
        gradients = its.backward(np.ones((n, m, T), a.dtype), caches)
        a_next, c_next, _, cache = its.step(problem.x[:, :, 0], (a0, c0), given, True)
        last = its.backward_step(np.ones((n, m), a.dtype), cache, np.ones((n, m), a.dtype))
        found += [a, y, c, a_next, c_next]
        for grads in (gradients, last):
            for key, value in grads.items():
                found.append(value[:, -len(problem.x):] if key[1:] in MATRICES else value)
    return found


def both(dtype, sizes):
    problem = make(LSTM, dtype, **dict(zip(("n_x", "n_a", "m", "T_x"), sizes)))
    n = sizes[1]
    zeros = dict(problem.parameters)
    for key in MATRICES:
        zeros[key] = zeros[key].copy()
        zeros[key][:, :n] = 0
    halves = {key: np.ascontiguousarray(W[:, n:]) if key in MATRICES else W for key, W in problem.parameters.items()}
    return problem, zeros, halves


SIZES = [(3, 5, 10, 4), (1, 1, 1, 3), (33, 17, 4, 9), (64, 64, 1, 30), (70, 130, 9, 6)]
CASES = [(dtype, sizes) for dtype in (np.float32, np.float64) for sizes in SIZES]
want = []
for dtype, sizes in CASES:
    problem, zeros, _ = both(dtype, sizes)
    want.append(arrays_of(LSTM, problem, zeros))

calls._of_cells.clear()
CELLS["lstm"] = CELL
for kind in ("f32", "f64") if dispatch.kernels.isa != "reference" else ():
    dispatch.define_cells(dispatch.compiled(f"_isa_{dispatch.kernels.isa}_{kind}"))
for (dtype, sizes), wanted in zip(CASES, want):
    problem, _, halves = both(dtype, sizes)
    for got, value in zip(arrays_of(CELL, problem, halves), wanted, strict=True):
        np.testing.assert_allclose(got, value, rtol=0, atol=TOLERANCE * np.finfo(dtype).eps)
print("the same")
"""


def test_cell_without_recurrent_weights_is_one_whose_weights_are_zeros():
    """To the bit where arithmetic is canonical: a chain goes on from z with fma(0, a, z) = z."""
    tolerance = 64 if isa_in_use() in ("reference", "baseline") else 0
    done = run_python("-c", CODE.replace("TOLERANCE", str(tolerance)), seconds=120)
    assert done.stdout == "the same\n", done.stderr
