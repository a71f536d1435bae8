"""Names, signatures, orders and identities: what the notebook's code sees of cyrnn besides the values."""

from __future__ import annotations

import inspect
import types
from dataclasses import replace

import numpy as np
import pytest
from interpreter import run_python
from problems import cell_function, each_cell, make, run_cell, run_sequence, sequence_function

import cyrnn

POSITIONAL = {
    "sigmoid": ["x"],
    "softmax": ["x", "axis"],
    "tanh": ["x"],
    "rnn_cell_forward": ["xt", "a_prev", "parameters"],
    "rnn_forward": ["x", "a0", "parameters"],
    "lstm_cell_forward": ["xt", "a_prev", "c_prev", "parameters"],
    "lstm_forward": ["x", "a0", "parameters"],
    "rnn_cell_backward": ["da_next", "cache"],
    "rnn_backward": ["da", "caches"],
    "lstm_cell_backward": ["da_next", "dc_next", "cache"],
    "lstm_backward": ["da", "caches"],
    "gru_cell_forward": ["xt", "a_prev", "parameters"],
    "gru_forward": ["x", "a0", "parameters"],
    "gru_cell_backward": ["da_next", "cache"],
    "gru_backward": ["da", "caches"],
    "initialize_adam": ["parameters"],
    "update_parameters_with_adam": [
        "parameters",
        "grads",
        "v",
        "s",
        "t",
        "learning_rate",
        "beta1",
        "beta2",
        "epsilon",
    ],
    "pack": ["parameters"],
    "set_num_threads": ["n"],
    "get_num_threads": [],
}
#: asked for by name: the notebook's star import does not need them
NOT_STARRED = {"set_num_threads", "get_num_threads"}
DEFAULTS = {
    "learning_rate": 0.01,
    "beta1": 0.9,
    "beta2": 0.999,
    "epsilon": 1e-8,
    "return_caches": True,
    "c0": None,
    "dc": None,
    "reset_after": False,
    "axis": 0,
    "weights": None,
}
KEYWORD_ONLY = {
    "pack": {"weights"},
    "rnn_cell_forward": {"return_caches"},
    "rnn_forward": {"return_caches"},
    "lstm_cell_forward": {"return_caches"},
    "lstm_forward": {"return_caches", "c0"},
    "lstm_backward": {"dc"},
    "gru_cell_forward": {"return_caches", "reset_after"},
    "gru_forward": {"return_caches", "reset_after"},
    "gru_cell_backward": {"reset_after"},
    "gru_backward": {"reset_after"},
}


@pytest.mark.parametrize("name", POSITIONAL)
def test_function_signature_is_the_notebooks(name):
    parameters = inspect.signature(getattr(cyrnn, name)).parameters.values()
    kinds = {kind: [p.name for p in parameters if p.kind is kind] for kind in {p.kind for p in parameters}}
    assert kinds.pop(inspect.Parameter.POSITIONAL_OR_KEYWORD, []) == POSITIONAL[name]
    assert set(kinds.pop(inspect.Parameter.KEYWORD_ONLY, ())) == KEYWORD_ONLY.get(name, set())
    assert not kinds
    for p in parameters:
        assert p.default == DEFAULTS.get(p.name, inspect.Parameter.empty)


def test_star_import_gives_the_functions_and_not_np():
    namespace: dict = {}
    exec("from cyrnn import *", namespace)
    del namespace["__builtins__"]
    assert set(namespace) == set(cyrnn.__all__)
    assert set(POSITIONAL) - NOT_STARRED <= set(namespace)
    assert "np" not in namespace
    assert not any(name.startswith("_") or isinstance(value, types.ModuleType) for name, value in namespace.items())


def test_all_lists_each_name_once():
    assert len(set(cyrnn.__all__)) == len(cyrnn.__all__)


def test_version_is_the_installed_metadata():
    from importlib.metadata import PackageNotFoundError, version

    try:
        assert cyrnn.__version__ == version("cyrnn")
    except PackageNotFoundError:
        pytest.skip("cyrnn is run from its sources, without metadata to compare with")


def test_return_order_lstm_forward_gives_y_before_c():
    problem = make(cyrnn.cells.LSTM, np.float64, n_y=2, n_a=5)
    a, y, c, caches = cyrnn.lstm_forward(problem.x, problem.initial[0], problem.parameters)
    assert (a.shape, y.shape, c.shape) == ((5, 10, 4), (2, 10, 4), (5, 10, 4))
    np.testing.assert_array_equal(c[:, :, 2], caches[0][2][1])
    np.testing.assert_allclose(y.sum(axis=0), 1, rtol=1e-15)
    assert (abs(a) < 1).all()


def test_return_order_lstm_cell_forward_gives_c_before_y():
    problem = make(cyrnn.cells.LSTM, np.float64, n_y=2, n_a=5)
    a_next, c_next, yt_pred, cache = cyrnn.lstm_cell_forward(problem.x[:, :, 0], *problem.initial, problem.parameters)
    assert (a_next.shape, c_next.shape, yt_pred.shape, len(cache)) == ((5, 10), (5, 10), (2, 10), 10)
    _, _, _, _, _, _, _, ot, _, _ = cache
    np.testing.assert_allclose(a_next, ot * np.tanh(c_next), rtol=1e-14)


CACHES = {
    "rnn": "a_next a_prev xt parameters",
    "lstm": "a_next c_next a_prev c_prev ft it cct ot xt parameters",
    "gru": "a_next a_prev zt rt cct xt parameters",
    "gru_after": "a_next a_prev zt rt cct xt parameters",
}


@pytest.mark.parametrize("name", CACHES)
def test_cache_of_the_spec_is_the_notebooks(name):
    assert " ".join(cyrnn.cells.CELLS[name].cache) == CACHES[name]


def test_lstm_gates_in_the_cache_are_those_of_the_equations():
    """Each by its own weights and its own activation: no two of them exchanged."""
    problem = make(cyrnn.cells.LSTM, np.float64)
    p, (a_prev, c_prev), xt = problem.parameters, problem.initial, problem.x[:, :, 0]
    a_next, c_next, _, cache = cyrnn.lstm_cell_forward(xt, a_prev, c_prev, p)
    stacked = np.concatenate([a_prev, xt])
    z = {gate: p[f"W{gate}"] @ stacked + p[f"b{gate}"] for gate in "fico"}
    ft, it, ot = (1 / (1 + np.exp(-z[gate])) for gate in "fio")
    for got, want in zip(cache[4:8], (ft, it, np.tanh(z["c"]), ot), strict=True):
        np.testing.assert_allclose(got, want, rtol=1e-13)
    np.testing.assert_allclose(c_next, ft * c_prev + it * np.tanh(z["c"]), rtol=1e-12)
    np.testing.assert_allclose(a_next, ot * np.tanh(c_next), rtol=1e-12)


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_gru_gates_in_the_cache_are_those_of_the_equations(after):
    problem = make(cyrnn.cells.GRU_AFTER, np.float64)
    p, (a_prev,), xt = problem.parameters, problem.initial, problem.x[:, :, 0]
    a_next, _, cache = cyrnn.gru_cell_forward(xt, a_prev, p, reset_after=after)
    stacked, n = np.concatenate([a_prev, xt]), len(a_prev)
    zt, rt = (1 / (1 + np.exp(-(p[f"W{gate}"] @ stacked + p[f"b{gate}"]))) for gate in "zr")
    W_a, z_x = p["Wc"][:, :n], p["Wc"][:, n:] @ xt + p["bc"]
    cct = np.tanh(z_x + (rt * (W_a @ a_prev + p["bca"]) if after else W_a @ (rt * a_prev)))
    for got, want in zip(cache[2:5], (zt, rt, cct), strict=True):
        np.testing.assert_allclose(got, want, rtol=1e-12)
    np.testing.assert_allclose(a_next, zt * a_prev + (1 - zt) * cct, rtol=1e-12)


@each_cell
def test_cell_cache_has_the_specs_entries_in_order(cell):
    problem = make(cell, np.float64)
    xt = problem.x[:, :, 1]
    *states, _, cache = cell_function(cell)(xt, *problem.initial, problem.parameters)
    entry = dict(zip(cell.cache, cache, strict=True))
    assert isinstance(cache, tuple)
    assert entry["xt"] is xt
    assert entry["parameters"] is problem.parameters
    for state, value, previous in zip(cell.states, states, problem.initial, strict=True):
        assert entry[f"{state}_next"] is value
        assert entry[f"{state}_prev"] is previous


@each_cell
def test_cell_cache_holds_the_gates_by_name(cell):
    """The gates in the cache are these, in this order, and not their neighbours."""
    problem = make(cell, np.float64)
    entry = dict(zip(cell.cache, run_cell(problem).cache, strict=True))
    W, xt = problem.parameters, problem.x[:, :, 0]
    values, hidden = (), problem.initial[0]
    n_a = len(hidden)
    for stage in cell.stages:
        z = []
        for gate in stage.gates:
            z.append(W[gate.b])
            if gate.W_x is not None:
                z[-1] = z[-1] + W[gate.W_x][:, -len(xt) :] @ xt
            if gate.W_a is not None:
                z[-1] = z[-1] + W[gate.W_a][:, :n_a] @ hidden
        found, following = stage.pointwise(tuple(z), problem.initial, values)
        values += found
        if stage.hands_on is not None:
            hidden = stage.hands_on(problem.initial, values)
    by_name = dict(zip((gate.name for gate in cell.gates), values, strict=True))
    for name in [*cell.stored_gates, *(gate for gate in by_name if gate in entry)]:
        np.testing.assert_allclose(entry[name], by_name[name], rtol=1e-12, err_msg=name)
    np.testing.assert_allclose(entry["a_next"], following[0], rtol=1e-12)


@each_cell
def test_sequence_caches_are_the_notebooks(cell):
    problem = make(cell, np.float64)
    run = run_sequence(problem)
    assert isinstance(run.caches, tuple)
    steps, x = run.caches
    assert isinstance(steps, list)
    assert (len(run.caches), len(steps)) == (2, 4)
    assert x is problem.x
    for t, cache in enumerate(steps):
        entry = dict(zip(cell.cache, cache, strict=True))
        assert isinstance(cache, tuple)
        assert entry["parameters"] is problem.parameters
        assert np.shares_memory(entry["xt"], problem.x)
        np.testing.assert_array_equal(entry["xt"], problem.x[:, :, t])
        for state, whole in zip(cell.states, run.states, strict=True):
            np.testing.assert_array_equal(entry[f"{state}_next"], whole[:, :, t])
            if t:
                before = dict(zip(cell.cache, steps[t - 1], strict=True))
                assert entry[f"{state}_prev"] is before[f"{state}_next"]


@each_cell
def test_sequence_first_cache_holds_the_callers_states(cell):
    problem = make(cell, np.float64)
    entry = dict(zip(cell.cache, run_sequence(problem).caches[0][0], strict=True))
    for state, value in zip(cell.states, problem.initial, strict=True):
        assert entry[f"{state}_prev"] is value


@each_cell
def test_sequence_caches_equal_those_of_cell_calls(cell):
    problem = make(cell, np.float64, seed=2)
    previous = problem.initial
    for t, cache in enumerate(run_sequence(problem).caches[0]):
        step = run_cell(problem, t, previous)
        for name, got, want in zip(cell.cache[:-1], cache[:-1], step.cache[:-1], strict=True):
            np.testing.assert_allclose(got, want, rtol=1e-12, err_msg=f"step {t}: {name}")
        previous = step.states


@each_cell
def test_sequence_without_caches_gives_none_and_the_same_values(cell):
    problem = make(cell, np.float64)
    run, bare = run_sequence(problem), run_sequence(problem, return_caches=False)
    assert bare.caches is None
    for got, want in zip((*bare.states, bare.y), (*run.states, run.y), strict=True):
        np.testing.assert_allclose(got, want, rtol=1e-14)


@each_cell
def test_cell_without_cache_gives_none_and_the_same_values(cell):
    problem = make(cell, np.float64)
    got = cell_function(cell)(problem.x[:, :, 0], *problem.initial, problem.parameters, return_caches=False)
    assert got[-1] is None
    want = run_cell(problem)
    for g, w in zip(got[:-1], (*want.states, want.y), strict=True):
        np.testing.assert_allclose(g, w, rtol=1e-14)


@each_cell
def test_sequence_keyword_states_default_to_zero(cell):
    problem = make(cell, np.float64)
    zeros = (problem.initial[0], *(np.zeros_like(value) for value in problem.initial[1:]))
    explicit = run_sequence(replace(problem, initial=zeros))
    a, y, *_ = sequence_function(cell)(problem.x, problem.initial[0], problem.parameters)
    np.testing.assert_array_equal(a, explicit.states[0])
    np.testing.assert_array_equal(y, explicit.y)


@each_cell
def test_sequence_extras_are_keyword_only(cell):
    problem = make(cell, np.float64)
    with pytest.raises(TypeError):
        sequence_function(cell)(problem.x, problem.initial[0], problem.parameters, True)


@pytest.mark.parametrize("sizes", [{"m": 0}, {"T_x": 0}, {"n_x": 0}, {"m": 0, "T_x": 0}, {"m": 0, "n_x": 0}], ids=str)
@each_cell
def test_sequence_empty_sizes_gives_right_shapes(cell, sizes):
    problem = make(cell, np.float32, **sizes)
    _n_x, m, T_x = problem.x.shape
    run = run_sequence(problem)
    assert [value.shape for value in run.states] == [(5, m, T_x)] * len(cell.states)
    assert run.y.shape == (2, m, T_x)
    assert {value.dtype for value in (*run.states, run.y)} == {np.dtype(np.float32)}
    assert len(run.caches[0]) == T_x
    assert run.caches[1] is problem.x
    if T_x:
        step = run_cell(problem)
        assert [value.shape for value in step.states] == [(5, m)] * len(cell.states)
        assert step.y.shape == (2, m)


@each_cell
def test_calls_by_keyword_are_accepted(cell):
    problem = make(cell, np.float64)
    a0, others = (
        problem.initial[0],
        {f"{s}_prev": v for s, v in zip(cell.states, problem.initial, strict=True)},
    )
    by_name = sequence_function(cell)(x=problem.x, a0=a0, parameters=problem.parameters)
    by_place = sequence_function(cell)(problem.x, a0, problem.parameters)
    np.testing.assert_array_equal(by_name[0], by_place[0])
    step = cell_function(cell)(xt=problem.x[:, :, 0], parameters=problem.parameters, **others)
    np.testing.assert_array_equal(step[0], run_cell(problem).states[0])


@each_cell
def test_parameters_any_mapping_with_more_keys_is_accepted(cell):
    """A model's dict may hold other layers too, and need not be a dict."""
    problem = make(cell, np.float64)
    more = types.MappingProxyType({"other": object(), **problem.parameters})
    run, want = run_sequence(replace(problem, parameters=more)), run_sequence(problem)
    np.testing.assert_array_equal(run.y, want.y)
    assert run.caches[0][0][-1] is more


def test_completion_shows_nn_and_every_name_before_nn_is_imported():
    code = "import cyrnn, sys; names = dir(cyrnn); print(bool({'cyrnn.nn', 'cyrnn.plot'} & set(sys.modules)), *names)"
    done = run_python("-c", code)
    assert done.returncode == 0, done.stderr
    imported, *names = done.stdout.split()
    assert imported == "False"
    assert {"nn", "plot", "__version__", *cyrnn.__all__, *NOT_STARRED} <= set(names)
    assert not {"Any", "TYPE_CHECKING"} & set(names)


def test_the_courses_utilities_are_there_under_their_module_name():
    """`import cyrnn as rnn_utils`; and a star import before one's own utilities leaves these in force."""
    namespace: dict = {}
    exec("import cyrnn as rnn_utils\nfrom cyrnn import *", namespace)
    for name in ("softmax", "sigmoid", "initialize_adam", "update_parameters_with_adam"):
        assert getattr(namespace["rnn_utils"], name) is namespace[name]
    assert not {"nn", "np", "annotations", "TYPE_CHECKING", "Any"} & set(namespace)
    own = types.ModuleType("own_utils")
    own.softmax = lambda x: x
    namespace |= vars(own)
    assert namespace["softmax"] is own.softmax
    assert namespace["rnn_forward"] is cyrnn.rnn_forward
