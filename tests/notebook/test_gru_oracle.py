"""The notebook's GRU against what knows nothing of ours: by hand, PyTorch, ONNX Runtime, complex steps.

What ci/torch_data/gru.py stored is held against both forms: torch.nn.GRU has reset after the recurrent product, ONNX
Runtime's has both, and where torch has no reset before it, autograd of a plain cell in its tensors stands in.
"""

from __future__ import annotations

import gradients
import numpy as np
import pytest
import stored
from gru_inputs import FORMS, SHAPES, draw
from tolerances import assert_gradients_close

import cyrnn

#: values: of one or of the value, whichever is larger; gradients: of the largest element of each
TOLERANCE = {"float32": 2e-6, "float64": 1e-13}

each_form = pytest.mark.parametrize("form", FORMS)
each_shape = pytest.mark.parametrize("number", range(len(SHAPES)))


@pytest.fixture(scope="module")
def results():
    versions, results = stored.load("torch_gru.npz")
    assert versions["torch"].startswith("2.")
    return results


def assert_values_equal(got, want, dtype):
    assert (got.dtype, got.shape) == (dtype, want.shape)
    np.testing.assert_allclose(got, want, rtol=TOLERANCE[dtype], atol=TOLERANCE[dtype])


@each_shape
@pytest.mark.parametrize("dtype", TOLERANCE)
@each_form
def test_sequence_equals_torchs(results, form, dtype, number):
    given, want = draw(form, dtype, number), dict(results[f"torch-{form}-{dtype}-{number}"])
    a, y, caches = cyrnn.gru_forward(given["x"], given["a0"], given, reset_after=FORMS[form])
    assert_values_equal(a, want.pop("a"), dtype)
    scores = np.exp(np.einsum("ya,amt->ymt", given["Wy"], a) + given["by"][:, :, None])
    assert_values_equal(y, scores / scores.sum(axis=0), dtype)
    got = cyrnn.gru_backward(given["da"], caches, reset_after=FORMS[form])
    assert got.keys() == want.keys()
    for name, gradient in got.items():
        assert (gradient.dtype, gradient.shape) == (dtype, want[name].shape)
        assert abs(gradient - want[name]).max() <= TOLERANCE[dtype] * abs(want[name]).max(), name


@each_shape
@each_form
def test_sequence_equals_onnxruntimes(results, form, number):
    given = draw(form, "float32", number)
    a, _, caches = cyrnn.gru_forward(given["x"], given["a0"], given, reset_after=FORMS[form], return_caches=False)
    assert caches is None
    assert_values_equal(a, results[f"onnxruntime-{form}-float32-{number}"]["a"], "float32")


def test_forms_differ_and_so_do_their_gradients(results):
    """Else the tests above could not tell one form from the other: the same went into both, but for bca."""
    for number in range(len(SHAPES)):
        before, after = (results[f"torch-{form}-float64-{number}"] for form in FORMS)
        assert set(after) - set(before) == {"dbca"}
        assert all(abs(before[name] - after[name]).max() > 1e-3 for name in before)


def by_hand(form):
    """One unit, one input, xt = 1 and a_prev = 2, so that every gate is a fraction.

    z = sigmoid(1 * 2 - 2 * 1 + ln 3) = 3/4           r = sigmoid(-1 * 2 + 2 * 1 - ln 3) = 1/4

    before: the candidate is tanh(2 * (r * 2) + 1 * 1 + bc) = tanh(1 + 1 + bc), with bc = ln 2 - 2
    after:  it is tanh(1 * 1 + bc + r * (2 * 2 + bca)) = tanh(1 + bc + 2) with bca = 4, bc = ln 2 - 3
    each is tanh(ln 2) = (4 - 1) / (4 + 1) = 3/5, and so a_next = 3/4 * 2 + 1/4 * 3/5 = 1.65

    For da_next = 1, with what arrives at the argument of each gate:
        of z: (2 - 3/5) * 3/4 * 1/4 = 0.2625           of the candidate: 1/4 * (1 - 9/25) = 0.16
    before: r gets 2 * 0.16 * 2 = 0.64, its argument 0.64 * 1/4 * 3/4 = 0.12, and Wc [0.16 * r * 2, 0.16]
            a_prev: 3/4 + 2 * 0.16 * 1/4 + 1 * 0.2625 - 1 * 0.12 = 0.9725
            xt: 1 * 0.16 - 2 * 0.2625 + 2 * 0.12 = -0.125
    after:  r gets 0.16 * (2 * 2 + 4) = 1.28, its argument 0.24, bca 0.16 * r = 0.04, and Wc [0.04 * 2, 0.16]
            a_prev: 3/4 + 2 * 0.04 + 1 * 0.2625 - 1 * 0.24 = 0.8525
            xt: 1 * 0.16 - 2 * 0.2625 + 2 * 0.24 = 0.115
    """
    ln2, ln3 = np.log([2, 3])
    parameters = {"Wz": [[1, -2]], "Wr": [[-1, 2]], "Wc": [[2, 1]], "Wy": [[1], [0]]}
    parameters |= {"bz": [[ln3]], "br": [[-ln3]], "by": [[ln3 - 1.65], [0]]}  # y = (3/4, 1/4)
    if form == "before":
        parameters |= {"bc": [[ln2 - 2]]}
        want = {"dxt": -0.125, "da_prev": 0.9725, "dWr": [0.24, 0.12], "dbr": 0.12}
    else:
        parameters |= {"bc": [[ln2 - 3]], "bca": [[4]]}
        want = {"dxt": 0.115, "da_prev": 0.8525, "dWr": [0.48, 0.24], "dbr": 0.24, "dbca": 0.04}
    want |= {"dWz": [0.525, 0.2625], "dbz": 0.2625, "dWc": [0.08, 0.16], "dbc": 0.16}
    return {key: np.array(value, float) for key, value in parameters.items()}, want


@each_form
def test_cell_equals_numbers_computed_by_hand(form):
    parameters, want = by_hand(form)
    xt, a_prev = np.array([[1.0]]), np.array([[2.0]])
    a_next, yt_pred, cache = cyrnn.gru_cell_forward(xt, a_prev, parameters, reset_after=FORMS[form])
    np.testing.assert_allclose(a_next, [[1.65]], rtol=1e-14)
    np.testing.assert_allclose(yt_pred, [[0.75], [0.25]], rtol=1e-14)
    assert len(cache) == 7
    np.testing.assert_allclose(np.ravel(cache[:6]), [1.65, 2, 0.75, 0.25, 0.6, 1], rtol=1e-14)
    assert cache[6] is parameters
    got = cyrnn.gru_cell_backward(np.array([[1.0]]), cache, reset_after=FORMS[form])
    assert got.keys() == want.keys()
    for name, value in want.items():
        np.testing.assert_allclose(got[name], np.reshape(value, got[name].shape), rtol=1e-13, err_msg=name)


def sigma(z):
    return 1 / (1 + np.exp(-z))


def step(form, p, xt, a_prev):
    """The equations of Cho et al. 2014 (before) and of cuDNN (after), for complex numbers too."""
    n_a = len(a_prev)
    s = np.concatenate([a_prev, xt])
    z, r = sigma(p["Wz"] @ s + p["bz"]), sigma(p["Wr"] @ s + p["br"])
    if form == "before":
        candidate = np.tanh(p["Wc"] @ np.concatenate([r * a_prev, xt]) + p["bc"])
    else:
        W_a, W_x = p["Wc"][:, :n_a], p["Wc"][:, n_a:]
        candidate = np.tanh(W_x @ xt + p["bc"] + r * (W_a @ a_prev + p["bca"]))
    return z * a_prev + (1 - z) * candidate


def complex_steps(form, given, da) -> dict:
    """Each element of each gradient from its own run forward: see gradients.py."""
    names = [key for key in given if key not in ("da", "Wy", "by")]
    p = {key: given[key].astype(complex) for key in names}
    want = {}
    for name in names:
        want[f"d{name}"] = np.empty(given[name].shape)
        for at in np.ndindex(given[name].shape):
            p[name][at] += gradients.H * 1j
            a, loss = p["a0"], 0j
            for t in range(da.shape[2]):
                a = step(form, p, p["x"][:, :, t], a)
                loss += (a * da[:, :, t]).sum()
            want[f"d{name}"][at] = loss.imag / gradients.H
            p[name][at] = given[name][at]
    return want


@pytest.mark.parametrize("number", [0, 2])
@each_form
def test_gradients_equal_complex_steps(form, number):
    given = draw(form, "float64", number)
    *_, caches = cyrnn.gru_forward(given["x"], given["a0"], given, reset_after=FORMS[form])
    got = cyrnn.gru_backward(given["da"], caches, reset_after=FORMS[form])
    assert_gradients_close(got, complex_steps(form, given, given["da"]), "gradient against equations")


@pytest.mark.parametrize("number", [0, 2])
@each_form
def test_cell_gradients_equal_complex_steps(form, number):
    given = draw(form, "float64", number)
    given |= {"x": given["x"][:, :, :1], "da": given["da"][:, :, :1]}
    *_, cache = cyrnn.gru_cell_forward(given["x"][:, :, 0], given["a0"], given, reset_after=FORMS[form])
    got = cyrnn.gru_cell_backward(given["da"][:, :, 0], cache, reset_after=FORMS[form])
    want = complex_steps(form, given, given["da"])
    want["dxt"], want["da_prev"] = want.pop("dx")[:, :, 0], want.pop("da0")
    assert_gradients_close(got, want, "gradient against equations")


@each_form
def test_gradients_equal_central_differences_of_our_own_forward(form):
    """What backward says of forward is true of the forward that is here."""
    given = draw(form, "float64", 0)

    def loss() -> float:
        a, *_ = cyrnn.gru_forward(given["x"], given["a0"], given, reset_after=FORMS[form], return_caches=False)
        return float((a * given["da"]).sum())

    *_, caches = cyrnn.gru_forward(given["x"], given["a0"], given, reset_after=FORMS[form])
    got = cyrnn.gru_backward(given["da"], caches, reset_after=FORMS[form])
    want = {name: gradients.central(loss, given[name.removeprefix("d")]) for name in got}
    assert_gradients_close(got, want, "gradient against central differences")
