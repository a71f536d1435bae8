"""`pack`: a read-only mapping with the parameters' keys and values, accepted in place of the dict."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Mapping, MutableMapping
from dataclasses import replace

import numpy as np
import pytest
from problems import (
    CELLS,
    assert_same_bits,
    assert_same_values,
    each_cell,
    each_dtype,
    make,
    results,
    run_cell,
    run_sequence,
)

import cyrnn


def packed(problem):
    return replace(problem, parameters=cyrnn.pack(problem.parameters))


@pytest.mark.parametrize(
    "sizes", [{}, {"m": 1}, {"m": 17, "n_a": 33, "T_x": 9}, {"n_x": 0}, {"m": 0}, {"T_x": 0}], ids=str
)
@each_dtype
@each_cell
def test_packed_parameters_give_the_results_of_the_dict(cell, dtype, sizes):
    problem = make(cell, dtype, **sizes)
    assert_same_values(results(run_sequence(packed(problem))), results(run_sequence(problem)))
    if sizes.get("T_x", 1):
        got, want = run_cell(packed(problem)), run_cell(problem)
        assert_same_values([*got.states, got.y], [*want.states, want.y])


@each_cell
def test_packed_parameters_are_the_ones_in_the_cache(cell):
    problem = packed(make(cell, np.float64))
    assert run_cell(problem).cache[-1] is problem.parameters
    assert all(cache[-1] is problem.parameters for cache in run_sequence(problem).caches[0])


@each_dtype
@each_cell
def test_pack_is_a_mapping_with_the_same_items(cell, dtype):
    parameters = make(cell, dtype).parameters
    p = cyrnn.pack(parameters)
    assert isinstance(p, Mapping)
    assert not isinstance(p, MutableMapping)
    assert list(p) == list(parameters)
    assert len(p) == len(parameters)
    assert "Wxyz" not in p
    assert p.get("Wxyz") is None
    with pytest.raises(KeyError):
        p["Wxyz"]
    for key, value in p.items():
        assert key in p
        assert p[key] is value
        assert value.dtype == dtype
        np.testing.assert_array_equal(value, parameters[key])
    assert dict(p).keys() == parameters.keys()


@each_cell
def test_pack_cannot_be_written_to(cell):
    p = cyrnn.pack(make(cell, np.float64).parameters)
    key = next(iter(p))
    with pytest.raises(TypeError):
        p[key] = p[key]
    with pytest.raises(TypeError):
        del p[key]
    for value in p.values():
        with pytest.raises(ValueError, match="read-only"):
            value[...] = 0
        with pytest.raises(ValueError, match="WRITEABLE"):
            value.flags.writeable = True
    with pytest.raises((AttributeError, TypeError)):
        p.anything = 1


@each_cell
def test_pack_is_a_snapshot(cell):
    problem = make(cell, np.float64)
    ready = packed(problem)
    before = [value.copy() for value in results(run_sequence(ready))]
    for value in problem.parameters.values():
        value += 1
    assert_same_bits(results(run_sequence(ready)), before)
    assert not np.array_equal(run_sequence(problem).y, run_sequence(ready).y)


@each_cell
def test_pack_leaves_the_caller_writeable(cell):
    parameters = make(cell, np.float64).parameters
    cyrnn.pack(parameters)
    assert all(value.flags.writeable for value in parameters.values())


@pytest.mark.parametrize("how", ["pickle", "copy", "deepcopy", "pack"])
@each_dtype
@each_cell
def test_pack_copied_is_as_good(cell, dtype, how):
    problem = packed(make(cell, dtype))
    again = {
        "pickle": lambda p: pickle.loads(pickle.dumps(p)),
        "copy": copy.copy,
        "deepcopy": copy.deepcopy,
        "pack": cyrnn.pack,
    }[how](problem.parameters)
    assert list(again) == list(problem.parameters)
    assert_same_bits(again.values(), problem.parameters.values())
    assert_same_bits(
        results(run_sequence(replace(problem, parameters=again))), results(run_sequence(problem))
    )
    with pytest.raises(ValueError, match="read-only"):
        next(iter(again.values()))[...] = 0


@each_cell
def test_pack_keeps_other_keys(cell):
    parameters = {"name": "model", **make(cell, np.float64).parameters}
    assert list(cyrnn.pack(parameters)) == list(parameters)
    assert cyrnn.pack(parameters)["name"] == "model"


@each_cell
def test_pack_says_what_it_holds(cell):
    assert repr(cyrnn.pack(make(cell, np.float32).parameters)) == (
        f"<cyrnn parameters packed for {cell.name}: float32, n_x = 3, n_a = 5, n_y = 2>"
    )


@each_cell
def test_pack_mixed_dtypes_is_packed_in_the_promoted(cell):
    problem = make(cell, np.float32)
    one = next(iter(problem.parameters))
    mixed = {**problem.parameters, one: problem.parameters[one].astype(np.float64)}
    wide = problem.map(lambda value: value.astype(np.float64))
    got, want = run_sequence(replace(wide, parameters=cyrnn.pack(mixed))), run_sequence(wide)
    assert_same_values([got.y, *got.states], [want.y, *want.states])


@each_cell
def test_packed_for_another_cell_is_refused_by_name(cell):
    problem = make(cell, np.float64)
    for other in CELLS:
        if other is not cell:
            wrong = replace(problem, parameters=cyrnn.pack(make(other, np.float64).parameters))
            for function, call in (
                (f"{cell.function}_forward", run_sequence),
                (f"{cell.function}_cell_forward", run_cell),
            ):
                with pytest.raises(KeyError) as caught:
                    call(wrong)
                assert str(caught.value) == (
                    f"{function}: parameters is packed for the cell {other.name}, "
                    f"expected one packed for {cell.name}"
                )


@pytest.mark.parametrize(("ready", "given"), [("float32", "float64"), ("float64", "float32")])
@each_cell
def test_packed_in_another_dtype_is_refused_by_name(cell, ready, given):
    problem = make(cell, given)
    wrong = replace(problem, parameters=cyrnn.pack(make(cell, ready).parameters))
    for function, argument, call in (
        (f"{cell.function}_forward", "x", run_sequence),
        (f"{cell.function}_cell_forward", "xt", run_cell),
    ):
        with pytest.raises(TypeError) as caught:
            call(wrong)
        assert str(caught.value) == (
            f"{function}: {argument} has dtype {given}, expected {ready}: parameters is packed in {ready}; "
            f"np.asarray({argument}, np.{ready})"
        )
