"""Pictures: what is drawn is what was given, read back from the artists; axes are those given; no figure is left."""

from __future__ import annotations

import itertools
import types

import numpy as np
import pytest

import cyrnn
from cyrnn import nn

matplotlib = pytest.importorskip("matplotlib", reason="matplotlib is not installed")
matplotlib.use("Agg")
plt = pytest.importorskip("matplotlib.pyplot")
plot = cyrnn.plot
RNG = np.random.default_rng(0)
L, N, FEATURES, UNITS = 6, 3, 4, 5
X = RNG.standard_normal((L, N, FEATURES), np.float32)
KINDS = {"lstm": nn.LSTM, "gru": nn.GRU}


@pytest.fixture(autouse=True)
def _no_figure_is_left():
    assert not plt.get_fignums()
    yield
    plt.close("all")


def image(ax):
    """The values of an image, with nan where it is blank."""
    (drawn,) = ax.images
    return np.ma.filled(drawn.get_array().astype(np.float64), np.nan)


def notebook_pass(kind="lstm"):
    """x, and what the notebook's forward function of a cell returns."""
    x, sizes = RNG.standard_normal((FEATURES, N, L)), (UNITS, UNITS + FEATURES)
    letters = {"lstm": "fico", "gru": "zrc"}.get(kind, "")
    parameters = {f"W{g}": RNG.standard_normal(sizes) for g in letters}
    parameters |= {f"b{g}": np.zeros((UNITS, 1)) for g in letters}
    if kind == "rnn":
        parameters = {"Waa": RNG.standard_normal((UNITS, UNITS)) / 3, "Wax": RNG.standard_normal((UNITS, FEATURES))}
        parameters["ba"] = np.zeros((UNITS, 1))
    return parameters, getattr(cyrnn, f"{kind}_forward")(x, np.zeros((UNITS, N)), parameters)


# ---- gates ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("batch_first", [False, True])
def test_gates_of_a_call_are_drawn_as_returned(kind, batch_first):
    model = KINDS[kind](FEATURES, UNITS, num_layers=2, bidirectional=True, batch_first=batch_first, rng=0)
    _, _, found = model(X.swapaxes(0, 1) if batch_first else X, return_gates=True)
    axes = plot.gates(found, layer=3, sequence=1, batch_first=batch_first)
    assert len(axes) == len(found[3])
    for ax, (name, array) in zip(axes, found[3].items(), strict=True):
        np.testing.assert_array_equal(image(ax), (array[1] if batch_first else array[:, 1]).T)
        assert f"({name})" in ax.get_title()
        assert ax.images[0].get_clim() == ((-1, 1) if name == "cct" else (0, 1))
        assert ax.get_ylabel() == "unit"
    assert axes[-1].get_xlabel() == "step"


@pytest.mark.parametrize("batch_first", [False, True])
def test_gates_of_a_tape_are_those_of_the_call_and_the_cell_state(batch_first):
    model = nn.LSTM(FEATURES, UNITS, num_layers=2, batch_first=batch_first, rng=0)
    x = X.swapaxes(0, 1) if batch_first else X
    _, _, found, cells = model(x, return_gates=True, return_cells=True)
    axes = plot.gates(model.forward(x)[2], layer=-1, sequence=-1)
    assert [ax.get_title() for ax in axes][-1] == "cell state (c)"
    for ax, array in zip(axes, [*found[1].values(), cells[1]], strict=True):
        np.testing.assert_array_equal(image(ax), (array[-1] if batch_first else array[:, -1]).T)
    c = cells[1][-1] if batch_first else cells[1][:, -1]
    assert axes[-1].images[0].get_clim() == pytest.approx((-np.abs(c).max(), np.abs(c).max()))


@pytest.mark.parametrize(("kind", "names"), [("lstm", "ft it cct ot c a"), ("gru", "zt rt cct a"), ("rnn", "a")])
def test_gates_of_the_notebooks_caches_are_their_arrays(kind, names):
    _, (*_, caches) = notebook_pass(kind)
    entries = {"lstm": "a c _ _ ft it cct ot", "gru": "a _ zt rt cct", "rnn": "a"}[kind].split()
    axes = plot.gates(caches, sequence=2)
    assert [ax.get_title().rpartition("(")[2].rstrip(")") for ax in axes] == names.split()
    for ax, name in zip(axes, names.split(), strict=True):
        wanted = np.stack([step[entries.index(name)][:, 2] for step in caches[0]], axis=1)
        np.testing.assert_array_equal(image(ax), wanted)


def test_states_are_drawn_beside_gates_and_without_a_batch():
    lstm = nn.LSTM(FEATURES, UNITS, rng=0)
    output, _, (gates,) = lstm(X[:, 0], return_gates=True)
    axes = plot.gates({**gates, "h": output, "relu": 3 * np.abs(output), "share": np.abs(output)})
    assert [ax.get_title() for ax in axes[-3:]] == ["hidden state (h)", "relu", "share"]
    np.testing.assert_array_equal(image(axes[-3]), output.T)
    assert axes[-3].images[0].get_clim() == (-1, 1)
    top = max(1, 3 * float(np.abs(output).max()))
    assert axes[-2].images[0].get_clim() in [(0, 1), pytest.approx((-top, top))]
    assert axes[-1].images[0].get_clim() == (0, 1)


def test_ragged_batch_is_drawn_to_the_end_of_the_sequence():
    lstm = nn.LSTM(FEATURES, UNITS, rng=0)
    _, _, found = lstm(X, lengths=[6, 2, 0], return_gates=True)
    axes = plot.gates(found, sequence=1, lengths=[6, 2, 0], tokens="ab")
    np.testing.assert_array_equal(image(axes[0]), found[0]["ft"][:2, 1].T)
    with pytest.raises(ValueError, match=r"plot.gates: sequence 2 has length 0, expected a step at least"):
        plot.gates(found, sequence=2, lengths=[6, 2, 0])


def test_values_that_are_not_finite_stay_blank():
    gate = np.array([[0.5, np.nan], [np.inf, 0.25]])
    (ax,) = plot.gates({"ft": gate})
    np.testing.assert_array_equal(image(ax), np.where(np.isfinite(gate), gate, np.nan).T)
    assert ax.images[0].get_clim() == (0, 1)
    (ax,) = plot.gates({"c": np.full((2, 2), np.nan)})
    assert ax.images[0].get_clim() == (-1, 1)
    ax.figure.canvas.draw()


def test_tokens_stand_under_their_steps_and_white_space_is_seen():
    tokens = ["a", " ", "$x$", "", "long" * 10, "\n"]
    axes = plot.gates({"ft": np.full((6, 2), 0.5)}, tokens=tokens)
    labels = axes[-1].get_xticklabels()
    assert [label.get_text() for label in labels] == ["a", "\u2423", "$x$", "''", "long" * 4 + "lon\u2026", "\u21b5"]
    assert list(axes[-1].get_xticks()) == list(range(6))
    assert not any(label.get_parse_math() for label in labels)
    axes[-1].figure.canvas.draw()


def test_tokens_of_a_long_sequence_do_not_overlap():
    axes = plot.gates({"ft": np.full((1000, 2), 0.5)}, tokens=[f"word{i}" for i in range(1000)])
    axes[-1].figure.canvas.draw()
    labels = axes[-1].get_xticklabels()
    assert labels[1].get_text() == f"word{axes[-1].get_xticks()[1]}"
    boxes = [label.get_window_extent() for label in labels]
    assert len(boxes) > 20
    assert all(one.x1 <= other.x0 for one, other in itertools.pairwise(boxes))


def test_units_do_not_run_together_however_many_steps_there_are():
    """Two units, shut and open, in 3000 steps: the pixels of a column have two colours."""
    (ax,) = plot.gates({"ft": np.tile([0.0, 1.0], (3000, 1))})
    ax.figure.canvas.draw()
    box, pixels = ax.get_window_extent(), np.asarray(ax.figure.canvas.buffer_rgba())
    column = pixels[::-1][int(box.y0) + 4 : int(box.y1) - 4, int(box.x0 + box.x1) // 2]
    assert len(np.unique(column, axis=0)) == 2
    (ax,) = plot.gates({"ft": np.zeros((3000, 100))})
    assert ax.images[0].get_interpolation() != "nearest"


@pytest.mark.parametrize("units", [96, 400])
def test_units_of_either_sign_do_not_mix_to_a_colour_off_the_scale(units):
    """A mean of blue and red would be purple, whose green is less than that of any colour from blue to grey."""
    signs = np.random.default_rng(0).choice([-1.0, 1.0], (2000, units))
    (ax,) = plot.gates({"cct": signs})
    ax.figure.canvas.draw()
    box, pixels = ax.get_window_extent(), np.asarray(ax.figure.canvas.buffer_rgba())
    inside = pixels[::-1][int(box.y0) + 4 : int(box.y1) - 4, int(box.x0) + 4 : int(box.x1) - 4, :3].reshape(-1, 3)
    scale = 255 * ax.images[0].cmap(np.linspace(0, 1, 256))[:, :3]
    colours = np.unique(inside, axis=0).astype(float)
    assert np.abs(colours[:, None] - scale).max(axis=2).min(axis=1).max() < 8


# ---- saturation ----------------------------------------------------------------------------------


def test_saturation_is_the_share_of_steps_of_each_unit():
    gates = {"ft": np.array([[0.05, 0.95], [0.5, 0.95], [0.1, 0.9], [0.0, 0.95]]), "cct": np.zeros((4, 2))}
    (ax,) = plot.saturation(gates)
    np.testing.assert_array_equal(ax.collections[0].get_offsets(), [[0.5, 0], [0, 0.75]])
    (ax,) = plot.saturation(gates, low=0.2, high=0.9)
    np.testing.assert_array_equal(ax.collections[0].get_offsets(), [[0.75, 0], [0, 0.75]])
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("share of steps below 0.2", "share of steps above 0.9")


def test_saturation_of_layers_counts_no_step_behind_the_end():
    model = nn.LSTM(FEATURES, UNITS, num_layers=2, bidirectional=True, rng=0)
    lengths = np.array([6, 2, 0])
    _, _, found = model(3 * X, lengths=lengths, return_gates=True)
    axes = plot.saturation(found, low=0.4, high=0.6, lengths=lengths)
    assert [ax.get_title() for ax in axes] == ["forget gate (ft)", "input gate (it)", "output gate (ot)"]
    for ax, name in zip(axes, ("ft", "it", "ot"), strict=True):
        for dots, gates in zip(ax.collections, found, strict=True):
            steps = np.concatenate([gates[name][:n, i] for i, n in enumerate(lengths)])
            np.testing.assert_allclose(dots.get_offsets()[:, 0], (steps < 0.4).sum(0) / 8)
            np.testing.assert_allclose(dots.get_offsets()[:, 1], (steps > 0.6).sum(0) / 8)
    assert [text.get_text() for text in axes[-1].get_legend().get_texts()] == [f"gates[{i}]" for i in range(4)]
    names = plot.saturation(model.forward(X)[2])[-1].get_legend().get_texts()
    assert [text.get_text() for text in names] == ["l0", "l0_reverse", "l1", "l1_reverse"]


def test_saturation_of_two_cells_has_the_gates_of_both():
    both = [{"ft": np.full((4, 2), 0.05)}, {"zt": np.full((4, 3), 0.95)}]
    axes = plot.saturation(both)
    assert [ax.get_title() for ax in axes] == ["forget gate (ft)", "update gate (zt)"]
    assert [dots.get_offsets().tolist() for ax in axes for dots in ax.collections] == [[[1, 0]] * 2, [[0, 1]] * 3]


def test_tape_of_several_modules_shows_its_recurrent_layers():
    first, second = (nn.GRU(FEATURES, FEATURES, num_layers=n, rng=n) for n in (1, 2))
    output, _, tape = first.forward(X)
    linear = nn.Linear(FEATURES, FEATURES, rng=0).forward(output)[1]
    whole = types.SimpleNamespace(tapes=[tape, linear, second.forward(output)[2]])
    names = plot.saturation(whole)[-1].get_legend().get_texts()
    assert [text.get_text() for text in names] == ["0.l0", "2.l0", "2.l1"]
    wanted = second(output, return_gates=True)[2][1]["zt"]
    np.testing.assert_array_equal(image(plot.gates(whole, layer=2, sequence=1)[0]), wanted[:, 1].T)


# ---- weights -------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [nn.RNN, nn.LSTM, nn.GRU])
def test_weights_of_a_model_are_drawn_by_gate(kind):
    model = kind(FEATURES, UNITS, num_layers=2, rng=0)
    axes = plot.weights(model, layer=1)
    largest = max(np.abs(model.weight_ih_l1).max(), np.abs(model.weight_hh_l1).max())
    for g in range(axes.shape[1]):
        rows = slice(g * UNITS, (g + 1) * UNITS)
        np.testing.assert_array_equal(image(axes[0, g]), model.weight_ih_l1[rows])
        np.testing.assert_array_equal(image(axes[1, g]), model.weight_hh_l1[rows])
        assert axes[1, g].images[0].get_clim() == pytest.approx((-largest, largest))
    titles = {nn.RNN: "a", nn.LSTM: "ifco", nn.GRU: "rzc"}[kind]  # torch's order of rows
    if kind is not nn.RNN:
        assert [ax.get_title().rpartition("(")[2][0] for ax in axes[0]] == list(titles)
    assert (axes[0, 0].get_xlabel(), axes[1, 0].get_xlabel()) == ("feature of x", "unit of h")


def test_weights_of_integers_are_the_floats_they_stand_for():
    model = nn.LSTM(FEATURES, UNITS, rng=0).quantize("int8")
    state = model.state_dict()
    wanted = state["weight_hh_l0"][:UNITS].astype(np.float64) * state["weight_hh_l0_scale"][:UNITS, None]
    np.testing.assert_allclose(image(plot.weights(model)[1, 0]), wanted, rtol=1e-6)


@pytest.mark.parametrize(("kind", "keys"), [("lstm", "Wf Wi Wc Wo"), ("gru", "Wz Wr Wc")])
def test_weights_of_the_notebook_are_drawn_by_gate(kind, keys):
    parameters, _ = notebook_pass(kind)
    axes = plot.weights(parameters, limit=2)
    for g, key in enumerate(keys.split()):
        np.testing.assert_array_equal(image(axes[0, g]), parameters[key][:, UNITS:])  # columns: a, then x
        np.testing.assert_array_equal(image(axes[1, g]), parameters[key][:, :UNITS])
        assert axes[0, g].images[0].get_clim() == (-2, 2)


def test_weights_of_the_notebooks_rnn_and_of_anything_else():
    parameters, _ = notebook_pass("rnn")
    axes = plot.weights(parameters)
    np.testing.assert_array_equal(image(axes[0, 0]), parameters["Wax"])
    np.testing.assert_array_equal(image(axes[1, 0]), parameters["Waa"])
    linear = nn.Linear(3, 2, rng=0)
    (ax,) = plot.weights(linear)
    assert ax.get_title() == "weight"
    np.testing.assert_array_equal(image(ax), linear.weight)
    assert [ax.get_title() for ax in plot.weights({"E": np.ones((2, 3)), "b": np.ones(3), 7: np.eye(2)})] == ["E", "7"]
    axes = plot.weights({str(i): np.eye(2) for i in range(7)})
    assert [ax.get_title() for ax in axes] == list("0123456")
    assert len(axes[0].figure.axes) == 8  # and the scale
    (ax,) = plot.weights(np.zeros((1, 1)))
    assert ax.images[0].get_clim() == (-1, 1)


# ---- axes, figures, styles -----------------------------------------------------------------------


def every_picture(units=UNITS, steps=L, batch=N):
    """name -> how many axes it has, and how to draw it."""
    lstm = nn.LSTM(FEATURES, units, rng=0)
    x = np.ones((steps, batch, FEATURES), np.float32)
    output, _, tape = lstm.forward(x)
    return {
        "gates": (5, lambda **given: plot.gates(tape, tokens=["token"] * steps, **given)),
        "saturation": (3, lambda **given: plot.saturation(tape, **given)),
        "weights": (8, lambda **given: plot.weights(lstm, **given)),
        "gradient_norm": (0, lambda **given: plot.gradient_norm(lstm.backward(tape, np.ones_like(output)), **given)),
        "loss_curve": (0, lambda **given: plot.loss_curve(np.linspace(2, 1, steps), np.linspace(3, 2, steps), **given)),
    }


@pytest.mark.parametrize("name", every_picture())
def test_axes_given_are_drawn_on_and_returned_and_no_figure_is_made(name):
    panels, draw = every_picture()[name]
    figure = matplotlib.figure.Figure(layout="constrained")
    if panels:
        given = figure.subplots(1, panels)
        assert list(draw(axes=given).ravel()) == list(given)
        assert list(draw(axes=list(given)).ravel()) == list(given)
    else:
        given = figure.subplots()
        assert draw(ax=given) is given
    assert not plt.get_fignums()


@pytest.mark.parametrize(
    ("sizes", "style"),
    [
        ((1, 1, 1), "default"),
        ((5, 6, 3), "default"),
        ((5, 6, 3), "dark_background"),
        ((300, 2, 1), "default"),
        ((2, 1000, 1), "default"),
    ],
    ids=str,
)
@pytest.mark.parametrize("name", every_picture())
def test_nothing_is_clipped_at_the_edge_of_the_page(name, sizes, style):
    """Every pixel of the frame of the page has the background's colour."""
    _, draw = every_picture(*sizes)[name]
    with plt.style.context(style):
        figure = np.asarray(draw(), object).ravel()[0].figure
        figure.canvas.draw()
        pixels = np.asarray(figure.canvas.buffer_rgba())
    frame = np.concatenate([pixels[0], pixels[-1], pixels[:, 0], pixels[:, -1]])
    np.testing.assert_array_equal(frame, np.broadcast_to(pixels[0, 0], frame.shape))
    assert (pixels != pixels[0, 0]).any()
    assert len(plt.get_fignums()) == 1


def linear(rgb):
    """sRGB without its gamma."""
    return np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)


@pytest.mark.parametrize("dark", [False, True])
def test_curves_stand_out_and_are_told_apart_without_colour(dark):
    """Contrast with the page by WCAG 2.1; and lines, which need no colour."""
    figure = matplotlib.figure.Figure()
    ax = figure.subplots()
    ax.set_facecolor("black" if dark else "white")
    ax = plot.gradient_norm({str(i): np.full((3, 2), i + 1.0) for i in range(3)}, ax=ax)
    colours = np.array([matplotlib.colors.to_rgb(line.get_color()) for line in ax.lines[:3]])
    assert len({line.get_linestyle() for line in ax.lines[:3]}) == 3
    luminance = linear(colours) @ [0.2126, 0.7152, 0.0722]
    contrast = (luminance + 0.05) / 0.05 if dark else 1.05 / (luminance + 0.05)
    assert contrast.min() > 3


@pytest.mark.parametrize(("array", "halves"), [("ft", 1), ("cct", 2)])
def test_colour_maps_grow_evenly_in_lightness(array, halves):
    """CIE L* of grey levels, along the map of a gate, and along both halves of the one with a sign."""
    (ax,) = plot.gates({array: np.zeros((2, 2))})
    rgb = ax.images[0].cmap(np.linspace(0, 1, 255))[:, :3]
    lightness = 116 * np.cbrt(linear(rgb) @ [0.2126, 0.7152, 0.0722]) - 16
    steps = np.diff(lightness)
    if halves == 2:
        assert steps[:120].min() > 0 > steps[-120:].max()
        assert abs(lightness[0] - lightness[-1]) < 5
        assert np.ptp(rgb[127]) < 0.05  # grey is 0
    else:
        assert steps.min() > 0
        assert steps.max() < 2 * steps.mean()
