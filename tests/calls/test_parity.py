"""Every compiled kernel against the reference: cell x ISA x dtype x shape, caches too."""

from __future__ import annotations

import numpy as np
import pytest
from entry_points import each_compiled_cell, kernels_of, pack, packed_gates, run
from problems import CELLS, COMPILED, DTYPES, ODD_SIZES, assert_same_bits, make
from tolerances import assert_close

SMALL = 7


def assert_parity(problem, isa: str) -> None:
    dtype = problem.x.dtype
    got, want = run(kernels_of(isa, dtype), problem), run(kernels_of("reference", dtype), problem)
    for name, g, w in zip(got._fields, got, want, strict=True):
        assert g.dtype == dtype
        assert np.isfinite(w).all()
        assert_close(g, w, "kernel against reference", name)


@pytest.mark.parametrize("n_a", ODD_SIZES)
@each_compiled_cell
def test_forward_odd_sizes_matches_reference(cell, dtype, isa, n_a):
    """n_a against each m; n_x, n_y and T_x go along, so that each size meets each other somewhere."""
    at = ODD_SIZES.index(n_a)
    for i, m in enumerate(ODD_SIZES):
        n_x = ODD_SIZES[(at + 2 * i) % len(ODD_SIZES)]
        n_y = ODD_SIZES[(at + i) % len(ODD_SIZES)]
        assert_parity(make(cell, dtype, seed=i, n_a=n_a, m=m, n_x=n_x, n_y=n_y, T_x=1 + i % 4), isa)


@pytest.mark.parametrize(
    "sizes",
    [
        {"n_x": 0},
        {"n_x": 0, "m": 1, "T_x": 1},
        {"n_a": 64, "n_x": 64, "m": 1, "T_x": 20},
        {"n_a": 100, "n_x": 27, "m": 2, "T_x": 9},
        {"n_a": 37, "n_x": 130, "m": 41, "T_x": 3},
        {"n_a": 130, "n_x": 9, "m": 13, "T_x": 2, "n_y": 70},
    ],
    ids=str,
)
@each_compiled_cell
def test_forward_other_sizes_matches_reference(cell, dtype, isa, sizes):
    assert_parity(make(cell, dtype, seed=9, **sizes), isa)


@pytest.mark.parametrize(
    "sizes", [{"m": 0}, {"T_x": 0}, {"m": 0, "T_x": 0}, {"m": 0, "n_x": 0}, {"T_x": 0, "n_x": 0}], ids=str
)
@each_compiled_cell
def test_forward_empty_sizes_gives_empty_results(cell, dtype, isa, sizes):
    got = run(kernels_of(isa, dtype), make(cell, dtype, **sizes))
    assert [value.size for value in got] == [0, 0, 0]


@each_compiled_cell
def test_forward_without_gates_gives_the_same_bits(cell, dtype, isa):
    kernels = kernels_of(isa, dtype)
    for m in ODD_SIZES:
        problem = make(cell, dtype, m=m, n_a=19)
        bare, full = run(kernels, problem, gates=False), run(kernels, problem)
        assert_same_bits([bare.states, bare.y], [full.states, full.y])
        assert np.isnan(bare.gates).all()


@each_compiled_cell
def test_forward_strided_input_amid_nan_gives_the_same_bits(cell, dtype, isa):
    """Nothing beside the elements of x is used."""
    kernels = kernels_of(isa, dtype)
    for m in (1, 3, 17):
        problem = make(cell, dtype, m=m, n_a=19)
        want = run(kernels, problem)
        for apart in (2, 5):
            memory = np.full([apart * n + 3 for n in problem.x.shape], np.nan, dtype)
            x = memory[1:, 1:, 1:][tuple(slice(0, apart * n, apart) for n in problem.x.shape)]
            x[...] = problem.x
            assert_same_bits(run(kernels, type(problem)(cell, problem.parameters, x, problem.initial)), want)


@each_compiled_cell
def test_pack_strided_matrices_gives_the_same_bits(cell, dtype, isa):
    kernels = kernels_of(isa, dtype)
    problem = make(cell, dtype, n_a=19)
    want = packed_gates(kernels, problem)
    assert_same_bits(packed_gates(kernels, problem.map(np.asfortranarray)), want)
    assert_same_bits(packed_gates(kernels, problem.map(lambda v: v[..., ::-1].copy()[..., ::-1])), want)


@pytest.mark.parametrize("gates", [1, 2, 3, 4])
@pytest.mark.parametrize(
    ("dtype", "isa"), [pytest.param(d, isa, id=f"{d.name}-{isa}") for d in DTYPES for isa in COMPILED]
)
def test_pack_any_sizes_writes_every_element(dtype, isa, gates):
    kernels = kernels_of(isa, dtype)
    for units in ODD_SIZES:
        for k in (0, 1, 2, 33):
            W = [np.full((units, k), gate + 1, dtype) for gate in range(gates)]
            packed = pack(kernels, W)
            assert packed.size >= gates * units * k
            for gate in range(gates):
                assert (packed == gate + 1).sum() == units * k
            assert (packed == 0).sum() == packed.size - gates * units * k


@pytest.mark.parametrize("n_y", [*ODD_SIZES, 70])
@pytest.mark.parametrize(
    ("dtype", "isa"), [pytest.param(d, isa, id=f"{d.name}-{isa}") for d in DTYPES for isa in COMPILED]
)
def test_head_odd_sizes_matches_reference(dtype, isa, n_y):
    random = np.random.RandomState(n_y)
    for rows in (0, *ODD_SIZES):
        for n_a in (1, SMALL, 33):
            a, W, b = (
                random.standard_normal(shape).astype(dtype) for shape in [(rows, n_a), (n_y, n_a), (n_y, 1)]
            )
            got, want = np.full((2, rows, n_y), np.nan, dtype)
            for y, kernels in ((got, kernels_of(isa, dtype)), (want, kernels_of("reference", dtype))):
                kernels.head(a, pack(kernels, [W]), pack(kernels, [b]), y)
            assert_close(got, want, "kernel against reference")


def test_every_cell_is_among_the_cells():
    assert {cell.name for cell in CELLS} >= {"rnn", "lstm", "gru", "gru_after"}
