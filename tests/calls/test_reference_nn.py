"""nn's layers in NumPy against torch's stored results, the equations and finite differences."""

from __future__ import annotations

from dataclasses import replace

import gradients
import nn_grid
import numpy as np
import oracle
import pytest
import stored
from any_layer import layer_of, parts, states_of, there_and_back
from nn_grid import Case
from problems import Problem, assert_same_bits, each_dtype, every_cell, make
from tolerances import assert_close, assert_gradients_close

import cyrnn
from cyrnn import calls, nn
from cyrnn.calls import Packed, reference

LENGTHS = (3, 0, 5, 1, 5)
T = 6
#: as in test_nn_torch.py: of one or the value, of the largest element of a gradient
TOLERANCE = {"float32": 2e-6, "float64": 1e-13}


@pytest.fixture(autouse=True)
def reference_calls(monkeypatch):
    """The reference under nn and under any_layer.py, whatever ISA is in use."""
    monkeypatch.setattr(calls, "of", lambda cell: reference.CellCalls(cell, 0, None, None, Packed))
    monkeypatch.setattr(calls, "lengths", reference.lengths)


@pytest.fixture(scope="module")
def results():
    return stored.load("torch_nn.npz")[1]


def module_of(case: Case):
    module = getattr(nn, case.kind)(**case.arguments, dtype=case.dtype)
    module.load_state_dict(case.draw().weights)
    return module


def run(case: Case, module) -> dict[str, np.ndarray]:
    """Values and gradients by the names of nn_in_torch.run; of a cell its values alone."""
    drawn = case.draw()
    hx = None if drawn.states is None else tuple(drawn.states) if len(drawn.states) > 1 else drawn.states[0]
    d_state = tuple(drawn.d_state) if len(drawn.d_state) > 1 else drawn.d_state[0]
    if case.is_cell:
        return dict(zip([f"{state}_n" for state in case.states], parts(module(drawn.x, hx)), strict=True))
    output, last, tape = module.forward(drawn.x, hx, lengths=case.lengths)
    found = module.backward(tape, drawn.d_output, d_state)
    values = {"output": output} | {f"{s}_n": value for s, value in zip(case.states, parts(last), strict=True)}
    values["d_input"] = found.input
    if case.initial:
        values |= {f"d_{state}": value for state, value in zip(case.states, parts(found.hx), strict=True)}
    return values | {f"d_{name}": value for name, value in found.weights.items()}


@pytest.mark.parametrize("case", nn_grid.STORED, ids=str)
def test_reference_layers_equal_torchs(results, case):
    """Layers, both directions, ragged batches, projections, forms of the arguments: as torch computed them."""
    want = results[str(case)]
    module = module_of(case)
    assert all(type(sublayer).__module__.startswith("cyrnn.calls.reference") for sublayer in module._sublayers)
    got = run(case, module)
    assert got.keys() == {name for name in want if not case.is_cell or name[:2] != "d_"}
    for name, value in got.items():
        assert (value.dtype, value.shape) == (case.dtype, want[name].shape), name
        scale = abs(want[name]).max() if name.startswith("d_") else np.maximum(1, abs(want[name]))
        assert (abs(value - want[name]) <= TOLERANCE[case.dtype] * scale).all(), name


def problem_of(cell, dtype, n_a: int = 5) -> tuple[Problem, np.ndarray, tuple]:
    """A ragged batch, da (T, m, n_a) and the gradients at the last states, (n_a, m)."""
    problem = make(cell, dtype, n_a=n_a, m=len(LENGTHS), T_x=T, n_y=1)
    random = np.random.RandomState(7)
    da = random.standard_normal((T, len(LENGTHS), n_a)).astype(dtype)
    return problem, da, tuple(random.standard_normal(value.shape).astype(dtype) for value in problem.initial)


@each_dtype
@every_cell
def test_reference_ragged_batch_follows_the_equations_of_each_sequence(cell, dtype):
    problem, da, last = problem_of(cell, dtype)
    batch = there_and_back(problem, LENGTHS, da, last)
    total = [np.zeros(value.shape, np.longdouble) for value in batch.weights[:2]]
    n = len(problem.initial[0])
    for j, length in enumerate(LENGTHS):
        only = problem.columns([j])
        only = replace(only, x=only.x[:, :, :length])
        states, _ = oracle.sequence(only)
        assert_close(batch.output[:length, j], states[0][:, 0].T, "sequence against oracle")
        assert_close(batch.cells[:length, j], states[-1][:, 0].T, "sequence against oracle")
        for got, every, start in zip(batch.last, states, only.initial, strict=True):
            assert_close(got[j], every[:, 0, -1] if length else start[:, 0], "sequence against oracle")
        whole = da[:length, [j]].T.copy()
        whole[:, :, length - 1 :] += last[0][:, [j], None]
        want = gradients.chain(only, whole, [value[:, [j]] for value in last[1:]])
        got = {"dx": batch.dx[:length, [j]].T} | {
            f"d{s}0": d[[j]].T for s, d in zip(cell.states, batch.initial, strict=True)
        }
        if not length:
            want["da0"] = last[0][:, [j]]
        assert_gradients_close(got, {name: want[name] for name in got}, "gradient against equations")
        for g, gate in enumerate(cell.gates):
            rows = slice(g * n, (g + 1) * n)
            if gate.W_x:
                total[0][rows] += want[f"d{gate.W_x}"][:, n:] if cell.stacked else want[f"d{gate.W_x}"]
            if gate.W_a:
                total[1][rows] += want[f"d{gate.W_a}"][:, :n] if cell.stacked else want[f"d{gate.W_a}"]
    named = [dict(zip(("W_x", "W_a"), weights, strict=False)) for weights in (batch.weights[:2], total)]
    assert_gradients_close(*named, "gradient against equations")
    outside = np.arange(T)[:, None] >= np.asarray(LENGTHS)
    for value in (batch.output, *batch.gates, batch.cells, batch.dx):
        assert not value[outside].any()


@pytest.mark.parametrize("lengths", [None, LENGTHS], ids=["whole", "ragged"])
@every_cell
def test_reference_reverse_direction_reads_each_sequence_from_its_end(cell, lengths):
    problem, da, last = problem_of(cell, np.float64)
    ends = lengths or [T] * len(LENGTHS)
    mirrored, d_mirrored = problem.x.copy(), da.copy()
    for j, end in enumerate(ends):
        mirrored[:, j, :end], d_mirrored[:end, j] = problem.x[:, j, :end][:, ::-1], da[:end, j][::-1]
    want = there_and_back(replace(problem, x=mirrored), ends, d_mirrored, last)
    layer, n, records = layer_of(problem, direction=1), 5, []
    hx, d_state = (tuple(np.stack([0 * v.T, v.T]) for v in values) for values in (problem.initial, last))
    hx, d_state = (value if len(value) > 1 else value[0] for value in (hx, d_state))
    ragged = None if lengths is None else reference.lengths(list(lengths), T, len(LENGTHS))
    x, before = problem.x.transpose(2, 1, 0), np.full((T, len(LENGTHS), 2 * n), 9.0)
    output, states = layer.forward(x, hx, False, ragged, None, None, before, records)
    assert output is before
    assert (output[:, :, :n] == 9).all()
    d_output = np.concatenate([np.full_like(da, np.nan), da], axis=2)
    dx, d_initial, weights = layer.backward(records[0], d_output, d_state)
    got = [output[:, :, n:], records[0].every_cell_state(), *records[0].every_gate(), dx]
    for value, wanted in zip(got, [want.output, want.cells, *want.gates, want.dx], strict=True):
        for j, end in enumerate(ends):
            np.testing.assert_allclose(value[:end, j], wanted[:end, j][::-1], rtol=0, atol=1e-13)
            assert not value[end:, j].any()
    own = [part[1] for part in (*parts(states), *parts(d_initial))]
    for value, wanted in zip([*own, *weights], [*want.last, *want.initial, *want.weights], strict=True):
        np.testing.assert_allclose(value, wanted, rtol=0, atol=1e-12)


@pytest.mark.parametrize("projected", [False, True], ids=["plain", "projected"])
def test_reference_gradients_of_a_ragged_batch_are_differences_of_its_own_loss(projected):
    """Of x, the initial states, W_x, W_a, b and W_hr: the halves of a bias share its gradient."""
    random, n_x, n, m = np.random.RandomState(3), 2, 3, len(LENGTHS)
    n_h = 2 if projected else n

    def draw(*shape):
        return random.standard_normal(shape) / 2

    W_x, W_a, b, W_hr = draw(4 * n, n_x), draw(4 * n, n_h), draw(4, n), draw(n_h, n) if projected else None
    blocks, x, hx = (1, 0, 2, 3), draw(T, m, n_x), (draw(1, m, n_h), draw(1, m, n))
    d_output, d_state, lengths = draw(T, m, n_h), (draw(1, m, n_h), draw(1, m, n)), reference.lengths(LENGTHS, T, m)

    def layer():
        return calls.of(cyrnn.cells.LSTM).sublayer(W_x, W_a, b, W_hr, blocks, 0, 1, 1, False)

    def loss() -> float:
        output, last = layer().forward(x, hx, False, lengths)
        return float((output * d_output).sum() + sum((a * d).sum() for a, d in zip(last, d_state, strict=True)))

    records, own = [], layer()
    own.forward(x, hx, False, lengths, None, None, None, records)
    dx, d_initial, (dW_x, dW_a, db_x, db_a, *dW_hr) = own.backward(records[0], d_output, d_state)
    assert_same_bits([db_x], [db_a])
    db = db_x.reshape(4, n)[list(blocks)]
    arrays = {"x": x, "h": hx[0], "c": hx[1], "W_x": W_x, "W_a": W_a, "b": b} | ({"W_hr": W_hr} if projected else {})
    got = dict(zip(arrays, (dx, *d_initial, dW_x, dW_a, db, *dW_hr), strict=True))
    want = {name: gradients.central(loss, array) for name, array in arrays.items()}
    assert_gradients_close(got, want, "gradient against central differences")


@every_cell
def test_reference_reset_starts_from_zeros(cell):
    problem = make(cell, np.float64, n_y=1)
    layer, x, hx = layer_of(problem), problem.x.transpose(2, 1, 0)[:1], states_of(problem.initial)
    mask = np.arange(10) % 3 == 0
    anew = [np.where(mask[:, None], 0, part) for part in parts(hx)]
    got = layer.forward(x, hx, False, None, mask)
    want = layer.forward(x, tuple(anew) if len(anew) > 1 else anew[0])
    assert_same_bits([got[0], *parts(got[1])], [want[0], *parts(want[1])])
    single = tuple(part[:, 1] for part in parts(hx))
    single = single if len(single) > 1 else single[0]
    for reset, start in ((True, None), (False, single)):
        got, want = layer.forward(x[:, 1], single, False, None, reset), layer.forward(x[:, 1], start)
        assert_same_bits([got[0], *parts(got[1])], [want[0], *parts(want[1])])
    for odd in (mask[:3], mask.astype(int), list(mask), True):
        assert layer.forward(x, hx, False, None, odd) is None
    assert layer.forward(x[:, 1], single, False, None, np.True_) is None


@every_cell
def test_reference_answers_none_to_odd_arguments(cell):
    problem = make(cell, np.float64, n_y=1)
    layer, x, hx = layer_of(problem), problem.x.transpose(2, 1, 0), states_of(problem.initial)
    count = len(cell.states)
    for odd in (x.astype(np.float32), x[0, 0], x[..., :2], x.tolist(), None):
        assert layer.forward(odd, hx) is None
    for odd in (parts(hx)[0].astype(np.float32), parts(hx)[0][0], "h"):
        assert layer.forward(x, (odd, *parts(hx)[1:]) if count > 1 else odd) is None
    if count > 1:
        assert layer.forward(x, hx[0]) is None
        assert layer.forward(x, (hx[0], None)) is None
        assert layer.forward(x, list(hx)) is not None
    assert layer.forward(x, hx, False, reference.lengths([4] * 10, 5, 10)) is None
    records = []
    output, _ = layer.forward(x, hx, False, None, None, None, None, records)
    for odd in (output[:3], output[..., :2], output.astype(np.float32), output.tolist()):
        assert layer.backward(records[0], odd, None) is None
    assert layer.backward(records[0], None, parts(hx)[0][0]) is None
    assert layer_of(problem).backward(records[0], output, None) is None
    zeros = layer.backward(records[0], None, None)
    assert not any(array.any() for array in (zeros[0], *parts(zeros[1]), *zeros[2]))


def test_reference_lengths_are_whole_numbers_of_a_batch():
    for given in ([3, 0, 2], (3, 0, 2), np.array([3, 0, 2], np.uint8)):
        assert reference.lengths(given, 3, 3).lengths.tolist() == [3, 0, 2]
    for odd in (
        [3, 0],
        [4, 0, 2],
        [-1, 0, 2],
        [3.0, 0, 2],
        [True, 0, 2],
        [10**30, 0, 2],
        [[3, 0, 2]],
        None,
        3,
        np.array([3.0, 0, 2]),
        np.array([True, False, True]),
        np.array([2**64 - 1, 0, 2], np.uint64),
    ):
        assert reference.lengths(odd, 3, 3) is None
    given = np.array([1, 2])
    found = reference.lengths(given, 2, 2)
    given[:] = 9
    assert found.lengths.tolist() == [1, 2]
    assert reference.lengths([], 3, 0).lengths.shape == (0,)
