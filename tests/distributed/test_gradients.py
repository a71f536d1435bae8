"""Gradients over ranks that are threads: the tree, who has which group, what is wrong on one rank and told on all."""

from __future__ import annotations

import sys
from itertools import pairwise

import numpy as np
import pytest
from gradients import central
from interpreter import fresh, needs_threads
from ranks import together

from cyrnn import nn
from cyrnn.distributed import Gradients

pytestmark = needs_threads


def values(n: int, dtype=np.float32) -> np.ndarray:
    """Numbers whose sum depends on the order: of some decades, of both signs."""
    rng = np.random.default_rng(n)
    return (rng.standard_normal((n, 16)) * 10.0 ** rng.integers(-2, 3, (n, 16))).astype(dtype)


def tree(groups: list) -> np.ndarray:
    """Add neighbours until there is one."""
    while len(groups) > 1:
        groups = [sum(groups[at + 1 : at + 2], groups[at]) for at in range(0, len(groups), 2)]
    return groups[0]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("size", [1, 2, 3, 4, 7])
def test_sums_are_those_of_a_fixed_tree_on_every_rank(size, dtype):
    for groups in (1, 2, 3, 5, 8, 13):
        for n in (1, 2, 7, 8, 30):
            x = values(n, dtype)
            results = together(size, lambda comm, groups=groups, n=n, x=x: Gradients(comm, groups).sum(
                lambda rows: {"W": x[rows].sum(axis=0), "count": float(len(x[rows]))}, n
            ))
            count = min(groups, n)
            cuts = [n * group // count for group in range(count + 1)]
            wanted = tree([x[begin:end].sum(axis=0) for begin, end in pairwise(cuts)])
            for sums in results:
                assert list(sums) == ["W", "count"]
                assert sums["W"].dtype == dtype
                assert sums["W"].tobytes() == wanted.tobytes()
                assert sums["count"] == n


def test_order_of_the_sum_can_be_seen_in_these_values():
    x = values(8)
    assert tree(list(x)).tobytes() != x.sum(axis=0).tobytes()


@pytest.mark.parametrize("size", [1, 2, 3, 4, 9])
@pytest.mark.parametrize(("groups", "n"), [(8, 30), (8, 3), (5, 5), (1, 7)])
def test_parts_of_all_ranks_are_the_examples_in_order(size, groups, n):
    parts = together(size, lambda comm: Gradients(comm, groups).parts(n))
    rows = [row for of_rank in parts for part in of_rank for row in range(n)[part]]
    assert rows == list(range(n))
    assert all(range(n)[part] for of_rank in parts for part in of_rank)
    counts = [len(of_rank) for of_rank in parts]
    assert sum(counts) == min(groups, n)
    assert max(counts) - min(counts) <= 1


def test_function_is_called_with_the_parts_of_its_rank_in_order():
    def body(comm):
        called, gradients = [], Gradients(comm, 7)
        gradients.sum(lambda rows: called.append(rows) or {"W": np.ones(1)}, 20)
        return called, gradients.parts(20)

    for called, parts in together(3, body):
        assert called == parts


@pytest.mark.parametrize(("size", "groups", "messages"), [(1, 8, 0), (2, 8, 1), (4, 8, 3), (2, 5, 2), (8, 3, 2)])
def test_only_sums_that_are_complete_are_sent(size, groups, messages):
    def body(comm):
        Gradients(comm, groups).sum(lambda rows: {"W": np.ones(100)}, 16)
        return comm.sent

    assert sum(together(size, body)) == messages


def test_gradients_of_a_model_are_those_of_central_differences_of_the_loss():
    model, rng = nn.GRU(2, 3, dtype=np.float64, rng=0), np.random.default_rng(0)
    x, target = rng.standard_normal((4, 7, 2)), rng.standard_normal((4, 7, 3))

    def of_group(rows):
        output, _, tape = model.forward(x[:, rows])
        error = output - target[:, rows]
        return {"loss": float((error**2).sum()), **model.backward(tape, 2 * error).weights}

    def loss() -> float:
        model.pack()
        return float(((model(x)[0] - target) ** 2).sum())

    sums = together(2, lambda comm: Gradients(comm, 3).sum(of_group, 7))[0]
    assert sums.pop("loss") == pytest.approx(loss(), rel=1e-12)
    assert list(sums) == list(model.state_dict())
    for name, d in sums.items():
        np.testing.assert_allclose(d, central(loss, getattr(model, name)), rtol=1e-6, atol=1e-7)


def test_mixed_dtypes_strides_and_byte_orders_are_summed_as_they_are():
    wide = np.arange(6.0).reshape(2, 3)
    found = {"a": np.float32(0.5), "b": wide.T, "c": wide.astype(">f4"), "d": 2, "e": np.empty((0, 4))}
    sums = together(2, lambda comm: Gradients(comm, 4).sum(lambda rows: found, 4))
    for one in sums:
        assert [(name, array.dtype, array.shape) for name, array in one.items()] == [
            *(("a", np.float32, ()), ("b", np.float64, (3, 2)), ("c", np.float32, (2, 3))),
            *(("d", np.float64, ()), ("e", np.float64, (0, 4))),
        ]
        assert one["a"] == 2
        np.testing.assert_array_equal(one["b"], 4 * wide.T)
        np.testing.assert_array_equal(one["c"], 4 * wide)
        assert one["d"] == 8


def test_sums_are_new_arrays_that_nothing_of_the_caller_shares():
    mine = {"W": np.ones(3)}
    (sums,) = together(1, lambda comm: Gradients(comm, 2).sum(lambda rows: mine, 2))
    sums["W"] += 1
    np.testing.assert_array_equal(mine["W"], 1)


@pytest.mark.parametrize("size", [1, 2, 3, 5])
@pytest.mark.parametrize("bad", [0, 4, 7])
def test_exception_in_the_function_is_raised_on_every_rank_and_the_next_sum_is_right(size, bad):
    def body(comm):
        gradients = Gradients(comm, 8)

        def of_group(rows):
            if rows.start == bad:
                raise ArithmeticError("no gradient today")
            return {"W": np.ones(2)}

        with pytest.raises((ArithmeticError, RuntimeError)) as caught:
            gradients.sum(of_group, 8)
        return caught.value, gradients.sum(lambda rows: {"W": np.ones(2)}, 8)["W"].tolist()

    results = together(size, body)
    assert [sums for _, sums in results] == [[8, 8]] * size
    errors = [error for error, _ in results]
    (own,) = [rank for rank, error in enumerate(errors) if type(error) is ArithmeticError]
    for rank, error in enumerate(errors):
        if rank != own:
            sentence = f"Gradients.sum: function raised on rank {own}: ArithmeticError: no gradient today"
            assert (type(error), str(error)) == (RuntimeError, sentence)


WRONG_RESULTS = {
    "none": (lambda rows: None, TypeError, "what function returned is None, expected a dict of arrays"),
    "integers": (lambda rows: {"W": np.ones(2, int)}, TypeError, "an array of int64 under 'W', expected float32 or"),
    "complex": (lambda rows: {"W": 1j}, TypeError, "an array of complex128 under 'W'"),
    "shapes": (lambda rows: {"W": np.ones(rows.start + 1)}, ValueError, "expected the same names, shapes and dtypes"),
    "names": (lambda rows: {f"W{rows.start}": 1.0}, ValueError, "('W0', (), 'float64') for one group of examples"),
    "less": (lambda rows: dict.fromkeys("ab"[rows.start :], 1.0), ValueError, "the same less or in another order"),
}


@pytest.mark.parametrize("size", [1, 2])
@pytest.mark.parametrize("name", WRONG_RESULTS)
def test_wrong_results_of_the_function_are_refused_on_every_rank(name, size):
    function, kind, sentence = WRONG_RESULTS[name]
    errors = together(size, lambda comm: Gradients(comm, 2).sum(function, 2))
    assert kind in {type(error) for error in errors}
    for error in errors:
        assert isinstance(error, (kind, RuntimeError))
        assert sentence in str(error)


def test_arguments_that_differ_between_ranks_are_refused_on_all():
    errors = together(3, lambda comm: Gradients(comm, 8 + comm.rank // 2))
    assert [(type(error), str(error)) for error in errors] == 3 * [
        (ValueError, "distributed.Gradients: groups is 8 on rank 0, 9 on rank 2, expected the same on every rank")
    ]
    errors = together(2, lambda comm: Gradients(comm).sum(lambda rows: {}, 4 - comm.rank))
    assert [str(error) for error in errors] == 2 * [
        "Gradients.sum: n is 4 on rank 0, 3 on rank 1, expected the same on every rank"
    ]


@pytest.mark.parametrize(("groups", "n"), [(0, 1), (2.5, 1), (None, 1), (8, 0), (8, "many"), (8, -3)])
def test_counts_that_are_no_whole_numbers_of_at_least_one_are_refused(groups, n):
    for call in (lambda g: g.parts(n), lambda g: g.sum(lambda rows: {}, n)):
        (error,) = together(1, lambda comm, call=call: call(Gradients(comm, groups)))
        assert isinstance(error, (TypeError, ValueError))
        assert "expected a whole number of at least 1" in str(error)


def test_what_is_no_communicator_is_refused():
    with pytest.raises(TypeError, match=r"comm is of type int, expected a communicator of mpi4py"):
        Gradients(8)


def test_without_mpi4py_one_line_names_the_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "mpi4py.MPI", None)
    wanted = r"^distributed\.Gradients: mpi4py is not .*: pip install mpi4py, or cyrnn's extra mpi$"
    with pytest.raises(ImportError, match=wanted):
        Gradients()


def test_import_brings_neither_dask_nor_mpi4py():
    done = fresh("import sys, cyrnn.distributed; print({'dask', 'mpi4py', 'distributed'} & set(sys.modules))")
    assert (done.stdout.strip(), done.stderr) == ("set()", "")
