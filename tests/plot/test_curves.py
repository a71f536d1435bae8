"""Gradients over time and losses: against central differences, the notebook's sums, and numbers known beforehand."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

import cyrnn
from cyrnn import nn

matplotlib = pytest.importorskip("matplotlib", reason="matplotlib is not installed")
matplotlib.use("Agg")
plt = pytest.importorskip("matplotlib.pyplot")
plot = cyrnn.plot
RNG = np.random.default_rng(1)
L, N, FEATURES, UNITS = 5, 3, 4, 6
each_kind = pytest.mark.parametrize("kind", [nn.RNN, nn.LSTM, nn.GRU], ids=lambda kind: kind.__name__)


@pytest.fixture(autouse=True)
def _no_figure_is_left():
    assert not plt.get_fignums()
    yield
    plt.close("all")


# ---- dL/dh_t -------------------------------------------------------------------------------------


def loss_from(model, x, state, h, d_output, t):
    """The loss of step t and later ones, with h in the place of the top layer's h_t."""
    found = (d_output[t] * h).sum()
    pair = isinstance(state, tuple)
    (state[0] if pair else state)[-1] = h
    if t + 1 < len(x):
        found += (d_output[t + 1 :] * model(x[t + 1 :], state)[0]).sum()
    return found


@each_kind
def test_state_gradients_are_those_of_central_differences(kind):
    model = kind(FEATURES, UNITS, num_layers=2, dtype=np.float64, rng=0)
    x, d_output = RNG.standard_normal((L, N, FEATURES)), RNG.standard_normal((L, N, UNITS))
    found = plot.state_gradients(model, x, d_output)
    assert found.shape == (L, N, UNITS)
    for t in range(L):
        output, state = model(x[: t + 1])
        direction = RNG.standard_normal((N, UNITS))
        slope = 0.0
        for sign in (1, -1):
            copied = tuple(part.copy() for part in state) if isinstance(state, tuple) else state.copy()
            slope += sign * loss_from(model, x, copied, output[t] + sign * 1e-6 * direction, d_output, t) / 2e-6
        assert slope == pytest.approx((found[t] * direction).sum(), rel=1e-6)


@each_kind
@pytest.mark.parametrize("batch_first", [False, True])
def test_state_gradients_end_in_those_of_hx_and_know_lengths(kind, batch_first):
    model = kind(FEATURES, UNITS, batch_first=batch_first, rng=0)
    x, d_output = (RNG.standard_normal((L, N, size)).astype(np.float32) for size in (FEATURES, UNITS))
    lengths = [5, 2, 0]
    swapped = (lambda a: a.swapaxes(0, 1)) if batch_first else lambda a: a
    found = plot.state_gradients(model, swapped(x), swapped(d_output), lengths=lengths)
    assert not found[2:, 1].any()
    assert not found[:, 2].any()
    for n, steps in enumerate(lengths[:2]):
        alone = plot.state_gradients(model, x[:steps, n], d_output[:steps, n])
        np.testing.assert_allclose(found[:steps, n], alone[:, 0], rtol=1e-5, atol=1e-7)
    np.testing.assert_array_equal(found[4, 0], d_output[4, 0])


@each_kind
def test_state_gradients_start_from_a_state(kind):
    model = kind(FEATURES, UNITS, rng=0)
    x, d_output = (RNG.standard_normal((L, size)).astype(np.float32) for size in (FEATURES, UNITS))
    _, state = model(RNG.standard_normal((3, FEATURES)).astype(np.float32))
    from_zero, from_state = plot.state_gradients(model, x, d_output), plot.state_gradients(model, x, d_output, state)
    assert not np.array_equal(from_zero, from_state)
    batched = tuple(part[:, None] for part in state) if isinstance(state, tuple) else state[:, None]
    again = plot.state_gradients(model, x[:, None], d_output[:, None], batched)
    np.testing.assert_array_equal(from_state, again)


@each_kind
@pytest.mark.parametrize("batch_first", [False, True])
def test_state_gradients_of_tokens_have_the_bits_of_one_hot_rows(kind, batch_first):
    model = kind(FEATURES, UNITS, batch_first=batch_first, rng=0)
    shape = (N, L) if batch_first else (L, N)
    tokens, d_output = RNG.integers(0, FEATURES, shape), RNG.standard_normal((*shape, UNITS)).astype(np.float32)
    rows = np.eye(FEATURES, dtype=np.float32)[tokens]
    found = plot.state_gradients(model, tokens, d_output, lengths=[5, 2, 0])
    np.testing.assert_array_equal(found, plot.state_gradients(model, rows, d_output, lengths=[5, 2, 0]))
    alone = plot.state_gradients(model, tokens[0], d_output[0])
    np.testing.assert_array_equal(alone, plot.state_gradients(model, rows[0], d_output[0]))


@each_kind
@pytest.mark.parametrize("batch_first", [False, True])
def test_state_gradients_do_not_pass_a_reset(kind, batch_first):
    """They are those of the pieces between resets, each called by itself."""
    model = kind(FEATURES, UNITS, batch_first=batch_first, rng=0)
    x, d_output = (RNG.standard_normal((L, N, size)).astype(np.float32) for size in (FEATURES, UNITS))
    reset = np.zeros((L, N), bool)
    reset[2, 1] = reset[0, 2] = reset[3, 2] = True
    swapped = (lambda a: a.swapaxes(0, 1)) if batch_first else lambda a: a
    found = plot.state_gradients(model, swapped(x), swapped(d_output), reset=swapped(reset))
    for n, ends in enumerate([(0, 5), (0, 2, 5), (0, 3, 5)]):
        pieces = [plot.state_gradients(model, x[a:b, n], d_output[a:b, n]) for a, b in itertools.pairwise(ends)]
        np.testing.assert_allclose(found[:, n], np.concatenate(pieces)[:, 0], rtol=1e-5, atol=1e-7)
        alone = plot.state_gradients(model, x[:, n], d_output[:, n], reset=reset[:, n])
        np.testing.assert_allclose(found[:, n], alone[:, 0], rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("kind", ["rnn", "lstm", "gru", "gru after"])
def test_cache_gradients_give_the_whole_gradients_of_the_notebook(kind):
    """The first step's, carried one step further, is da0; summed with inputs they are dba of the RNN."""
    name, _, after = kind.partition(" ")
    options = {"reset_after": True} if after else {}
    letters = {"lstm": "fico", "gru": "zrc"}.get(name, "")
    parameters = {f"W{g}": RNG.standard_normal((UNITS, UNITS + FEATURES)) for g in letters}
    parameters |= {f"b{g}": np.zeros((UNITS, 1)) for g in (*letters, *(("ca",) if after else ()))}
    if name == "rnn":
        parameters = {"Waa": RNG.standard_normal((UNITS, UNITS)) / 3, "Wax": RNG.standard_normal((UNITS, FEATURES))}
        parameters["ba"] = np.zeros((UNITS, 1))
    x, da = RNG.standard_normal((FEATURES, N, L)), RNG.standard_normal((UNITS, N, L))
    *_, caches = getattr(cyrnn, f"{name}_forward")(x, np.zeros((UNITS, N)), parameters, **options)
    d_state = {"dc": RNG.standard_normal((UNITS, N))} if name == "lstm" else {}
    found = plot.cache_gradients(caches, da, **d_state, **options)
    assert found.shape == (L, N, UNITS)
    whole = getattr(cyrnn, f"{name}_backward")(da, caches, **d_state, **options)
    np.testing.assert_array_equal(found[-1], da[:, :, -1].T)
    without_first = da.copy()
    without_first[:, :, 0] = 0
    later = plot.cache_gradients(caches, without_first, **d_state, **options)
    np.testing.assert_allclose(found[0] - later[0], da[:, :, 0].T)
    if name == "rnn":  # dz = (1 - a^2) * dL/da
        a = np.stack([step[0] for step in caches[0]])
        np.testing.assert_allclose(((1 - a**2) * found.swapaxes(1, 2)).sum((0, 2)), whole["dba"][:, 0])
    elif name == "lstm":  # the gradient of the output gate knows dL/da alone: dz_o = da * tanh(c) * o * (1 - o)
        c, o = (np.stack([step[i] for step in caches[0]]) for i in (1, 7))
        dz = found.swapaxes(1, 2) * np.tanh(c) * o * (1 - o)
        np.testing.assert_allclose(dz.sum((0, 2)), whole["dbo"][:, 0])
    else:  # a = z * a_prev + (1 - z) * candidate
        a_prev, z, candidate = (np.stack([step[i] for step in caches[0]]) for i in (1, 2, 4))
        dz = found.swapaxes(1, 2) * (a_prev - candidate) * z * (1 - z)
        np.testing.assert_allclose(dz.sum((0, 2)), whole["dbz"][:, 0])


# ---- the curve -----------------------------------------------------------------------------------


def test_gradient_norm_is_the_median_over_the_batch_in_a_band():
    gradient = RNG.standard_normal((L, 9, UNITS))
    ax = plot.gradient_norm(gradient)
    norms = np.sqrt((gradient**2).sum(-1))
    np.testing.assert_allclose(ax.lines[0].get_ydata(), np.median(norms, axis=1))
    band = ax.collections[0].get_paths()[0].vertices[:, 1]
    assert band.min() == pytest.approx(np.percentile(norms, 10, axis=1).min())
    assert band.max() == pytest.approx(np.percentile(norms, 90, axis=1).max())
    assert (ax.get_yscale(), ax.get_xlabel(), ax.get_ylabel()) == ("log", "step", "norm of the gradient")
    ax = plot.gradient_norm(gradient, sequence=-2, lengths=[5] * 7 + [3, 5])
    np.testing.assert_allclose(ax.lines[0].get_ydata(), norms[:3, -2])
    assert not ax.collections


def test_gradient_norm_takes_what_backward_returns():
    model = nn.LSTM(FEATURES, UNITS, batch_first=True, rng=0)
    output, _, tape = model.forward(RNG.standard_normal((N, L, FEATURES)).astype(np.float32))
    gradients = model.backward(tape, np.ones_like(output))
    parameters = {"Waa": np.eye(UNITS), "Wax": np.ones((UNITS, FEATURES)), "ba": np.zeros((UNITS, 1))}
    *_, caches = cyrnn.rnn_forward(RNG.standard_normal((FEATURES, N, L)), 0, parameters)
    of_notebook = cyrnn.rnn_backward(RNG.standard_normal((UNITS, N, L)), caches)
    ax = plot.gradient_norm({"nn": gradients}, batch_first=True, sequence=1)
    np.testing.assert_allclose(ax.lines[0].get_ydata(), np.linalg.norm(gradients.input[1], axis=-1), rtol=1e-6)
    ax = plot.gradient_norm(of_notebook, sequence=1)
    np.testing.assert_allclose(ax.lines[0].get_ydata(), np.linalg.norm(of_notebook["dx"][:, 1], axis=0))
    assert ax.get_legend() is None


def test_gradient_norm_shows_where_it_vanishes_and_where_it_is_zero():
    norms = 10.0 ** np.arange(-7, 1)
    norms[:2] = 0
    ax = plot.gradient_norm({"RNN": norms[:, None].astype(np.float32) / 2, "flat": np.ones((8, 1))})
    np.testing.assert_array_equal(np.isnan(ax.lines[0].get_ydata()), norms == 0)
    triangles, dotted = ax.lines[2:]
    assert (list(triangles.get_xdata()), triangles.get_marker()) == ([0, 1], "v")
    assert list(dotted.get_xdata()) == [3, 3]  # 1e-4, the first below 1e-3 of 1, from the right
    ax.figure.canvas.draw()


def test_gradient_norm_of_small_float32_does_not_underflow():
    ax = cyrnn.plot.gradient_norm(np.full((3, 4), 1e-30, np.float32))
    np.testing.assert_allclose(ax.lines[0].get_ydata(), 2e-30, rtol=1e-6)
    assert plot.gradient_norm({"_hidden": np.ones((3, 2))}).get_legend() is None
    plot.gradient_norm(np.zeros((3, 2))).figure.canvas.draw()
    cyrnn.plot.gradient_norm(np.full((3, 2), np.nan)).figure.canvas.draw()


# ---- losses --------------------------------------------------------------------------------------


def test_loss_curve_draws_both_and_marks_the_lowest_of_validation():
    training, validation = [3.0, 2.0, np.nan, 1.0], [3.5, np.nan, 2.5, 2.75]
    ax = plot.loss_curve(training, validation, ylabel="bits per character", log=True)
    np.testing.assert_array_equal(ax.lines[0].get_xydata(), np.transpose([[1, 2, 3, 4], training]))
    np.testing.assert_array_equal(ax.lines[1].get_xydata(), np.transpose([[1, 2, 3, 4], validation]))
    assert ax.lines[2].get_xydata().tolist() == [[3, 2.5]]
    assert (ax.get_xlabel(), ax.get_ylabel(), ax.get_yscale()) == ("epoch", "bits per character", "log")
    ax = plot.loss_curve(np.ones(100), [2.0, 1.5], validation_at=[50, 100], xlabel="update")
    np.testing.assert_array_equal(ax.lines[1].get_xdata(), [50, 100])
    assert ax.get_legend().get_texts()[-1].get_text() == "lowest, 1.5 at update 100"
    assert len(plot.loss_curve([1.0, 2.0], [np.nan, np.nan]).lines) == 2
    assert len(plot.loss_curve([1.0]).lines) == 1


@pytest.mark.parametrize("value", [0.0, np.nan, np.inf])
def test_gradients_that_vanish_everywhere_are_drawn(value):
    """On no log scale, which has no place for them."""
    ax = cyrnn.plot.gradient_norm(np.full((5, 2, 4), value))
    ax.figure.canvas.draw()
    assert ax.get_yscale() == "linear"
