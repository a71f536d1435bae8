"""Adam against its equations; which dict gets which arrays."""

from __future__ import annotations

import numpy as np
import pytest
from layouts import LAYOUTS
from problems import each_dtype
from tolerances import assert_close

from cyrnn import initialize_adam, nn, update_parameters_with_adam

SHAPES = {"Wf": (3, 5), "bf": (3, 1), "embedding": (2, 3, 4), "scale": ()}


def draw(seed: int, dtype, prefix: str = "") -> dict:
    random = np.random.RandomState(seed)
    return {
        prefix + key: np.array(random.standard_normal(shape)).astype(dtype) for key, shape in SHAPES.items()
    }


def equations(p, g, v, s, t, learning_rate=0.01, beta1=0.9, beta2=0.999, epsilon=1e-8):
    """Kingma and Ba 2015, algorithm 1, with epsilon inside the square root as the notebooks have it."""
    p, g, v, s = (np.asarray(value, np.longdouble) for value in (p, g, v, s))
    beta1, beta2 = np.longdouble(beta1), np.longdouble(beta2)
    v = beta1 * v + (1 - beta1) * g
    s = beta2 * s + (1 - beta2) * g * g
    return p - learning_rate * (v / (1 - beta1**t)) / np.sqrt(s / (1 - beta2**t) + epsilon), v, s


@each_dtype
def test_initialize_adam_any_keys_gives_zeros_under_d(dtype):
    parameters = draw(0, dtype)
    v, s = initialize_adam(parameters)
    for averages in (v, s):
        assert list(averages) == ["d" + key for key in parameters]
        for key, value in averages.items():
            assert (value.shape, value.dtype) == (SHAPES[key[1:]], dtype)
            assert not value.any()
    assert not any(np.shares_memory(v[key], s[key]) for key in v)


@pytest.mark.parametrize(
    ("given", "result"), [("float16", "float32"), ("int8", "float64"), ("bool", "float64")]
)
def test_initialize_adam_other_dtypes_are_those_computed_in(given, result):
    v, s = initialize_adam({"W": np.ones((2, 2), given)})
    assert (v["dW"].dtype, s["dW"].dtype) == (result, result)


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"learning_rate": 0.3},
        {"beta1": 0.0},
        {"beta2": 0.5, "epsilon": 1e-2},
        {"beta1": 0.99, "beta2": 0.0},
    ],
    ids=str,
)
@each_dtype
def test_adam_many_steps_follow_the_equations(dtype, options):
    parameters = draw(1, dtype)
    v, s = initialize_adam(parameters)
    for t in range(1, 8):
        grads = draw(10 + t, dtype, "d")
        want = {
            k: equations(parameters[k], grads["d" + k], v["d" + k], s["d" + k], t, **options)
            for k in parameters
        }
        parameters, v, s = update_parameters_with_adam(parameters, grads, v, s, t, **options)
        for key, expected in want.items():
            for got, value in zip((parameters[key], v["d" + key], s["d" + key]), expected, strict=True):
                assert got.dtype == dtype
                assert_close(got, value, "adam against equations")


def test_adam_epsilon_is_inside_the_square_root():
    """At a zero gradient after one large one, and at a large epsilon, the two conventions differ by far."""
    p, v, s = ({"W": np.array([1.0])}, {"dW": np.array([0.0])}, {"dW": np.array([0.0])})
    update_parameters_with_adam(p, {"dW": np.array([1e-6])}, v, s, 1, 1.0, 0.9, 0.999, 1e-2)
    inside, outside = 1 - 1e-6 / np.sqrt(1e-12 + 1e-2), 1 - 1e-6 / (1e-6 + 1e-2)
    assert abs(p["W"][0] - inside) < 1e-12
    assert abs(p["W"][0] - outside) > 1e-5


def test_adam_arguments_by_place_are_in_the_notebooks_order():
    grads = draw(3, np.float64, "d")
    results = []
    for call in (
        lambda p, v, s: update_parameters_with_adam(p, grads, v, s, 3, 0.1, 0.5, 0.6, 1e-3),
        lambda p, v, s: update_parameters_with_adam(
            epsilon=1e-3, beta2=0.6, beta1=0.5, learning_rate=0.1, t=3, s=s, v=v, grads=grads, parameters=p
        ),
    ):
        results.append(call(draw(2, np.float64), *initialize_adam(draw(2, np.float64))))
    for one, other in zip(*results, strict=True):
        for key in one:
            np.testing.assert_array_equal(one[key], other[key])
    want, _, _ = equations(draw(2, np.float64)["Wf"], grads["dWf"], 0.0, 0.0, 3, 0.1, 0.5, 0.6, 1e-3)
    assert_close(results[0][0]["Wf"], want, "adam against equations")


def test_adam_callers_dicts_get_new_arrays():
    parameters, grads = draw(4, np.float64), draw(5, np.float64, "d")
    v, s = initialize_adam(parameters)
    kept = [(dict(d), {key: value.copy() for key, value in d.items()}) for d in (parameters, grads, v, s)]
    got = update_parameters_with_adam(parameters, grads, v, s, 1)
    assert got[0] is parameters
    assert got[1] is v
    assert got[2] is s
    for arrays, values in kept:
        for key, array in arrays.items():
            np.testing.assert_array_equal(array, values[key])
    for d, (arrays, _) in zip((parameters, v, s), (kept[0], kept[2], kept[3]), strict=True):
        assert list(d) == list(arrays)
        for key in d:
            assert not np.shares_memory(d[key], arrays[key])
            assert not np.array_equal(d[key], arrays[key])
    assert all(grads[key] is array for key, array in kept[1][0].items())


def test_adam_keys_without_gradient_stay_as_they_are():
    parameters, grads = draw(6, np.float64), draw(7, np.float64, "d")
    del grads["dWf"]
    grads["dx"] = np.ones((3, 3, 3))
    v, s = initialize_adam(parameters)
    before = parameters["Wf"], v["dWf"], s["dWf"], v["dbf"]
    update_parameters_with_adam(parameters, grads, v, s, 1)
    assert parameters["Wf"] is before[0]
    assert v["dWf"] is before[1]
    assert s["dWf"] is before[2]
    assert v["dbf"] is not before[3]
    assert "x" not in parameters
    assert "dx" not in v


def test_adam_parameter_named_as_the_gradient_of_another_is_no_mistake():
    parameters = {"W": np.ones(2), "dW": np.ones(3)}
    update_parameters_with_adam(parameters, {"dW": np.ones(2)}, *initialize_adam(parameters), 1)
    assert parameters["W"][0] < 1
    assert parameters["dW"][0] == 1


def test_adam_gradients_of_nn_without_their_d_are_refused_and_nothing_changes():
    model = nn.GRU(2, 3, rng=0)
    output, _, tape = model.forward(np.ones((4, 2), np.float32))
    grads = model.backward(tape, output).weights
    parameters = model.state_dict()
    kept, (v, s) = dict(parameters), initialize_adam(parameters)
    with pytest.raises(KeyError, match=r'grads lacks "dweight_ih_l0", .*; it has "weight_ih_l0", '):
        update_parameters_with_adam(parameters, grads, v, s, 1)
    assert all(parameters[name] is value for name, value in kept.items())


def test_adam_averages_without_parameter_stay_as_they_are():
    parameters, grads = {"W": np.ones(2)}, {"dW": np.ones(2)}
    v, s = initialize_adam({"W": np.ones(2), "gone": np.ones(3)})
    gone = v["dgone"]
    update_parameters_with_adam(parameters, grads, v, s, 1)
    assert v["dgone"] is gone


@pytest.mark.parametrize("layout", ["read-only", "fortran", "byte-swapped", "misaligned", "matrix"])
@each_dtype
def test_adam_any_layout_gives_the_same_values(dtype, layout):
    def update(change):
        p, grads = draw(8, dtype), draw(9, dtype, "d")
        del p["scale"]  # 0-d: it has no layout
        v, s = initialize_adam(p)
        p, grads, v, s = (
            {key: change(np.asarray(value)) for key, value in d.items()} for d in (p, grads, v, s)
        )
        return update_parameters_with_adam(p, grads, v, s, 2)

    for got, want in zip(update(LAYOUTS[layout]), update(lambda value: value), strict=True):
        for key in want:
            np.testing.assert_array_equal(got[key], want[key])
            assert np.asarray(got[key]).dtype.isnative
            assert type(got[key]) is type(want[key])


@pytest.mark.parametrize(
    ("given", "result"),
    [("float16", "float32"), ("int8", "float64"), ("uint8", "float64"), ("int64", "float64")],
)
def test_adam_other_dtypes_are_computed_in_their_own(given, result):
    """100 squared has no room in int8, and 1e-4 squared none in float16."""
    large = 100 if result == "float64" else 300
    p, grads = {"W": np.array([large, 1], given)}, {"dW": np.array([large, 1], given)}
    v, s = initialize_adam(p)
    want = equations(p["W"], grads["dW"], 0.0, 0.0, 1)
    update_parameters_with_adam(p, grads, v, s, 1)
    for got, value in zip((p["W"], v["dW"], s["dW"]), want, strict=True):
        assert got.dtype == result
        assert_close(got, value, "adam against equations")


@each_dtype
def test_adam_specials_stay_in_their_element_without_warning(dtype):
    for special in (np.nan, np.inf, -np.inf, np.finfo(dtype).max):
        clean, hit = draw(11, dtype, "d"), draw(11, dtype, "d")
        hit["dWf"][1, 2] = special
        results = []
        for grads in (clean, hit):
            p = draw(12, dtype)
            with np.errstate(all="raise"):
                update_parameters_with_adam(p, grads, *initialize_adam(p), 1)
            results.append(p)
        differ = results[0]["Wf"] != results[1]["Wf"]
        assert differ[1, 2]
        assert differ.sum() == 1


@pytest.mark.parametrize("wide", ["learning_rate", "beta1", "beta2", "epsilon", "t", "grads", "clipped", "v", "s"])
def test_adam_float64_beside_float32_parameters_leaves_all_of_them_float32(wide):
    """A rate of float64, a gradient clipped by a norm of float64, averages of a checkpoint that was float64."""
    p, grads = draw(1, np.float32), draw(2, np.float32, "d")
    v, s = initialize_adam(p)
    numbers = {"t": 3, "learning_rate": 0.01, "beta1": 0.9, "beta2": 0.999, "epsilon": 1e-8}
    want = [dict(d) for d in (p, v, s)]
    update_parameters_with_adam(want[0], grads, *want[1:], **numbers)
    if wide in numbers:
        numbers[wide] = np.float64(numbers[wide])
    elif wide == "clipped":
        grads = {key: value * np.float64(1.0) for key, value in grads.items()}
        assert grads["dWf"].dtype == np.float64
    else:
        given = {"grads": grads, "v": v, "s": s}[wide]
        given |= {key: value.astype(np.float64) for key, value in given.items()}
    update_parameters_with_adam(p, grads, v, s, **numbers)
    for got, expected in zip((p, v, s), want, strict=True):
        for key, value in got.items():
            assert value.dtype == np.float32
            np.testing.assert_array_equal(value, expected[key])


def test_adam_parameter_of_float64_keeps_it_beside_those_of_float32():
    p = {"W": np.ones(2, np.float32), "scale": np.ones(2)}
    v, s = initialize_adam(p)
    update_parameters_with_adam(p, {"dW": np.ones(2), "dscale": np.ones(2, np.float32)}, v, s, 1)
    for got in (p, v, s):
        assert [value.dtype for value in got.values()] == [np.float32, np.float64]


@pytest.mark.filterwarnings("error")
def test_adam_gradient_beyond_float32_is_inf_without_a_warning():
    p = {"W": np.ones(2, np.float32)}
    update_parameters_with_adam(p, {"dW": np.array([1e300, 1.0])}, *initialize_adam(p), 1)
    assert p["W"].dtype == np.float32


def test_adam_with_epsilon_1e_16_takes_torchs_steps_where_the_default_shrinks_them():
    """Gradients of 1e-5: torch steps by the rate; with epsilon 1e-8 inside of the root a step is a tenth of that."""
    steps = {}
    for epsilon in (1e-8, 1e-16):
        p = {"W": np.zeros(1)}
        update_parameters_with_adam(p, {"dW": np.full(1, 1e-5)}, *initialize_adam(p), 1, 0.01, epsilon=epsilon)
        steps[epsilon] = -p["W"][0]
    torch_step = 0.01 * 1e-5 / (1e-5 + 1e-8)  # epsilon outside of the root
    assert abs(steps[1e-16] - torch_step) < 1e-3 * torch_step
    assert 0.09 < steps[1e-8] / torch_step < 0.11
