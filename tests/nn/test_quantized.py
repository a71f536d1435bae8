"""Models of int8 and int16 weights: their results against loops by hand, against floats, and among themselves."""

from __future__ import annotations

import copy

import numpy as np
import pytest
import quantized_oracle
from nn_models import assert_same, columns, draw_state, parts
from tolerances import assert_close

from cyrnn import nn

LAYERS = {
    "rnn": nn.RNN(6, 16, rng=0),
    "relu and clip": nn.RNN(6, 16, nonlinearity="relu", clip=0.8, rng=1),
    "lstm": nn.LSTM(6, 16, rng=2),
    "stack": nn.LSTM(6, 16, num_layers=3, bias=False, rng=3),
    "both directions": nn.LSTM(6, 16, num_layers=2, bidirectional=True, batch_first=True, rng=4),
    "projected": nn.LSTM(6, 16, num_layers=2, proj_size=5, rng=5),
    "peephole": nn.LSTM(6, 16, peephole=True, output_activation="identity", rng=6),
    "coupled": nn.LSTM(6, 16, coupled=True, recurrent_activation="hard_sigmoid", rng=7),
    "gru": nn.GRU(6, 16, num_layers=2, rng=8),
    "reset before": nn.GRU(6, 16, reset_after=False, bidirectional=True, rng=9),
    "gru of variants": nn.GRU(6, 16, activation="softsign", clip=0.5, rng=10),
    "no features": nn.LSTM(0, 16, rng=11),
    "one unit": nn.LSTM(6, 1, rng=12),
    "larger": nn.LSTM(40, 70, num_layers=2, rng=13),
}
CELLS = {
    "RNNCell": nn.RNNCell(6, 16, rng=0),
    "LSTMCell": nn.LSTMCell(6, 16, peephole=True, rng=1),
    "GRUCell": nn.GRUCell(6, 16, rng=2),
    "reset before": nn.GRUCell(6, 16, reset_after=False, rng=3),
}
KINDS = ("int8", "int16", "int16x2")
each_layers = pytest.mark.parametrize("name", LAYERS)
each_cell = pytest.mark.parametrize("name", CELLS)
each_kind = pytest.mark.parametrize("kind", KINDS)
L, N = 9, 5
#: rms of the difference from floats: an activation or a weight is wrong by 1/254, or by 1/4094, of the largest at most
RMS = {"int8": 6e-3, "int16": 2e-4, "int16x2": 2e-5}


def quantized(name: str, kind: str):
    return LAYERS[name].quantize(kind)


def inputs(model, seed: int = 20) -> tuple[np.ndarray, object]:
    """x with an axis of time and one of the batch, and states, not all of which are below 1."""
    random = np.random.default_rng(seed)
    shape = (N, L) if model.batch_first else (L, N)
    x = random.standard_normal((*shape, model.input_size)).astype(np.float32)
    return x, draw_state(model, N, random)


def steps(model, x: np.ndarray, which) -> np.ndarray:
    return x[:, which] if model.batch_first else x[which]


def sequences(model, x: np.ndarray, which) -> np.ndarray:
    return x[which] if model.batch_first else x[:, which]


# ---- numbers -----------------------------------------------------------------------------------------------------


def by_hand(model, kind: str, x: np.ndarray) -> np.ndarray:
    """The output (L, N, D * H_out), a sequence at a time; the weights of the model are floats."""
    plan, weights = model._plan, model.state_dict()
    cell = {"lstm_variant": "lstm"}.get(plan.name, plan.name)
    found = []
    for column in range(x.shape[1]):
        rows = x[:, column].tolist()
        for layer in range(model.num_layers):
            outputs = []
            for suffix in plan.suffixes[layer * plan.directions : (layer + 1) * plan.directions]:
                names = ("weight_ih", "weight_hh", "bias_ih", "bias_hh", "weight_hr", "weight_ch")
                sublayer = quantized_oracle.Layer(cell, kind, *(weights.get(name + suffix) for name in names))
                back = -1 if suffix.endswith("_reverse") else 1
                outputs.append(sublayer.run(rows[::back])[0][::back])
            rows = [[value for direction in step for value in direction] for step in zip(*outputs, strict=True)]
        found.append(rows)
    return np.array(found).swapaxes(0, 1)


@each_kind
@pytest.mark.parametrize(
    "model",
    [
        nn.RNN(3, 4, num_layers=2, bidirectional=True, rng=0),
        nn.LSTM(3, 4, num_layers=2, bidirectional=True, proj_size=2, peephole=True, rng=1),
        nn.GRU(3, 4, num_layers=2, bidirectional=True, rng=2),
        nn.GRU(3, 4, num_layers=2, bidirectional=True, reset_after=False, rng=3),
    ],
    ids=["rnn", "lstm", "gru", "reset before"],
)
def test_output_is_that_of_loops(model, kind):
    x = np.random.default_rng(21).standard_normal((4, 2, 3)).astype(np.float32)
    assert_close(model.quantize(kind)(x)[0], by_hand(model, kind, x), "stack of integer weights against oracle")


@each_kind
@each_layers
def test_output_is_near_that_of_floats(name, kind):
    model = LAYERS[name]
    x, state = inputs(model)
    found, floats = model.quantize(kind)(x, state), model(x, state)
    for got, want in zip([found[0], *parts(found[1])], [floats[0], *parts(floats[1])], strict=True):
        assert got.dtype == np.float32
        difference = np.sqrt(np.mean((got - want) ** 2)) / max(1, np.sqrt(np.mean(want**2)))
        assert 0 < difference < RMS[kind]


@each_kind
@each_cell
def test_cell_is_near_that_of_floats(name, kind):
    cell, random = CELLS[name], np.random.default_rng(22)
    x = random.standard_normal((N, 6)).astype(np.float32)
    for got, want in zip(parts(cell.quantize(kind)(x)), parts(cell(x)), strict=True):
        assert 0 < np.sqrt(np.mean((got - want) ** 2)) < RMS[kind]


@each_kind
def test_report_is_of_all_results(kind):
    model = LAYERS["lstm"]
    x, _ = inputs(model)
    found, report = model.quantize(kind, calibrate=x)
    (output, states), (output_of_floats, states_of_floats) = found(x), model(x)
    pairs = zip([output, *states], [output_of_floats, *states_of_floats], strict=True)
    differences = np.concatenate([(a.astype(float) - b).ravel() for a, b in pairs])
    assert report == (np.sqrt(np.mean(differences**2)), np.abs(differences).max())
    assert (report.rms, report.largest) == report
    assert repr(found) == repr(model.quantize(kind))


@each_kind
@each_cell
def test_report_of_a_cell_is_of_its_states(name, kind):
    cell, x = CELLS[name], np.ones((N, 6), np.float32)
    found, report = cell.quantize(kind, x)
    differences = [np.abs(a - b).max() for a, b in zip(parts(found(x)), parts(cell(x)), strict=True)]
    assert report.largest == max(differences)


def test_report_is_of_the_weights_as_they_stand_in_the_attributes():
    model = nn.GRU(6, 16, rng=0)
    x, _ = inputs(model)
    model.weight_hh_l0[...] *= 2  # pack has not seen it
    _, report = model.quantize("int16", calibrate=x)
    assert report.largest < 1e-3


@pytest.mark.parametrize("shape", [(0, 2, 6), (3, 0, 6), (0, 6)], ids=str)
def test_report_of_nothing_is_refused(shape):
    with pytest.raises(ValueError, match=r"GRU\.quantize: calibrate has shape .*, expected some input"):
        LAYERS["gru"].quantize("int8", calibrate=np.zeros(shape, np.float32))


@each_kind
def test_rows_of_zeros_are_zeros(kind):
    model = copy.deepcopy(LAYERS["rnn"])
    model.weight_ih_l0[3], model.weight_hh_l0[3], model.bias_ih_l0[3], model.bias_hh_l0[3] = 0, 0, 0.25, 0.5
    found = model.quantize(kind)
    assert found.weight_ih_l0_scale[3] == found.weight_hh_l0_scale[3] == 0
    x, _ = inputs(model)
    assert_close(found(x)[0][..., 3], np.full((L, N), np.tanh(0.75)), "sequence against oracle")


@each_kind
@each_layers
def test_nan_and_infinity_stay_in_their_sequence(name, kind):
    model = quantized(name, kind)
    if not model.input_size:
        pytest.skip("there is no input to hold it")
    x, state = inputs(model)
    want, _ = model(x, state)
    sequences(model, x, 1)[4, 0], sequences(model, x, 3)[2, 5 % model.input_size] = np.nan, np.inf
    output, _ = model(x, state)
    assert_same(sequences(model, output, [0, 2, 4]), sequences(model, want, [0, 2, 4]))
    for sequence, step in ((1, 4), (3, 2)):
        assert np.isnan(steps(model, output, step)[sequence]).all()
        assert np.isnan(steps(model, output, -1)[sequence]).any()


# ---- bits --------------------------------------------------------------------------------------------------------


@each_kind
@each_layers
def test_sequence_has_the_same_bits_alone(name, kind):
    model = quantized(name, kind)
    x, state = inputs(model)
    output, last = model(x, state)
    for k in range(N):
        alone, alone_last = model(sequences(model, x, slice(k, k + 1)), columns(state, slice(k, k + 1)))
        assert_same(alone, sequences(model, output, slice(k, k + 1)))
        assert_same(alone_last, columns(last, slice(k, k + 1)))
    single, single_last = model(np.ascontiguousarray(sequences(model, x, 2)), columns(state, 2))
    assert_same([single, single_last], [sequences(model, output, 2), columns(last, 2)])


@each_kind
@each_layers
def test_ragged_batch_has_the_bits_of_its_sequences(name, kind):
    model, lengths = quantized(name, kind), [4, L, 0, 7, 1]
    x, state = inputs(model)
    output, last = model(x, state, lengths=lengths)
    for k, length in enumerate(lengths):
        own = np.ascontiguousarray(sequences(model, x, k)[:length])
        alone, alone_last = model(own, columns(state, k))
        found = sequences(model, output, k)
        assert_same([found[:length], columns(last, k)], [alone, alone_last])
        assert not found[length:].any()


@each_kind
@each_layers
def test_pieces_and_steps_have_the_bits_of_the_whole(name, kind):
    model = quantized(name, kind)
    x, state = inputs(model)
    if model.bidirectional:
        pytest.skip("a stream has one direction")
    output, last = model(x, state)
    first, between = model(steps(model, x, slice(0, 4)), state)
    second, end = model(steps(model, x, slice(4, L)), between)
    assert_same([steps(model, output, slice(0, 4)), steps(model, output, slice(4, L)), last], [first, second, end])
    for t in range(L):
        out, state = model.step(steps(model, x, t), state)
        assert_same(out, steps(model, output, t))
    assert_same(state, last)


@each_kind
@each_layers
def test_layout_of_the_input_is_no_matter(name, kind):
    model = quantized(name, kind)
    x, state = inputs(model)
    want = model(x, state)
    wide = np.zeros((*x.shape[:2], 2 * model.input_size + 1), np.float32)
    wide[..., : 2 * model.input_size : 2] = x
    for other in (np.asfortranarray(x), wide[..., : 2 * model.input_size : 2], x.astype(">f4"), x[::-1].copy()[::-1]):
        assert_same(model(other, state), want)


@each_kind
@pytest.mark.parametrize("options", [{}, {"reset_after": False}], ids=["after", "before"])
def test_cell_has_the_bits_of_a_layer(options, kind):
    layer = nn.GRU(6, 16, **options, rng=30).quantize(kind)
    weights = {name.replace("_l0", ""): value for name, value in layer.state_dict().items()}
    cell = nn.from_state_dict(weights, **options)
    assert repr(cell) == repr(layer).replace("GRU", "GRUCell")
    x, _ = inputs(layer)
    output, h = layer(x)[0], None
    for t in range(L):
        h = cell(x[t], h)
        assert_same(h, output[t])


@each_kind
@each_layers
def test_gates_of_every_step_are_returned_with_the_same_bits(name, kind):
    model = quantized(name, kind)
    x, state = inputs(model)
    want = model(x, state)
    found = model(x, state, return_gates=True)
    assert_same(found[:2], want)
    assert_same(found[2], model(x, state, return_gates=True, lengths=[L] * N)[2])
    floats = LAYERS[name](x, state, return_gates=True)[2]
    for gates, of_floats in zip(found[2], floats, strict=True):
        for gate in of_floats:
            assert np.sqrt(np.mean((gates[gate] - of_floats[gate]) ** 2)) < 2 * RMS[kind]


def test_states_start_from_zeros_where_a_stream_is_reset():
    model = quantized("stack", "int8")
    x, state = inputs(model)
    want = model.step(x[0])[0]
    assert_same(model.step(x[0], state, reset=np.ones(N, bool))[0], want)


# ---- what repr says ----------------------------------------------------------------------------------

SHOWN = {**LAYERS, **CELLS, "linear": nn.Linear(16, 7, rng=0), "embedding": nn.Embedding(9, 16, rng=0)}


@each_kind
@pytest.mark.parametrize("name", SHOWN)
def test_repr_says_the_kind_of_the_integers(name, kind):
    model = SHOWN[name].quantize(kind)
    wanted = f"{repr(SHOWN[name])[:-1]}, weights={kind!r})"
    assert repr(model) == wanted
    again = copy.copy(model)
    again.load_state_dict(model.state_dict())
    assert repr(again) == wanted


@pytest.mark.parametrize("damage", [None, "text", [[1]], np.zeros(3, np.int16), np.full((48, 6), 3000.5), object()])
def test_repr_of_a_damaged_attribute_does_not_fail(damage):
    model = nn.GRU(6, 16, rng=0).quantize("int16x2")
    model.weight_ih_l0 = damage
    assert repr(model) == "GRU(6, 16, weights='int16')"
    del model.weight_ih_l0
    assert repr(model) == "GRU(6, 16, weights='int16')"
