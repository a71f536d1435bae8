"""Every error sentence, word for word: raised before any work, and nothing of the caller's is changed."""

from __future__ import annotations

import ast
import inspect
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from backward_sentences import BACKWARD_SENTENCES
from habit_sentences import HABIT_SENTENCES
from problems import cell_function, each_cell, make, run_cell, run_sequence, wrong_shapes
from sentences import LSTM, RNN
from sentences import SENTENCES as FORWARD_SENTENCES
from valid import OF_EVERY_CELL, VALID

import cyrnn
from cyrnn import _check, _keys
from cyrnn.kernels import dispatch

SENTENCES = FORWARD_SENTENCES + BACKWARD_SENTENCES + HABIT_SENTENCES + OF_EVERY_CELL
each_sentence = pytest.mark.parametrize(
    ("sentence", "changes", "error"), SENTENCES, ids=[row[0][:60] for row in SENTENCES]
)


def call(sentence: str, changes: dict):
    function = sentence.partition(":")[0]
    return getattr(cyrnn, function)(**{**VALID[function], **changes})


class NoKernels:
    """Stands where the kernels stand: any use of them is work begun."""

    def __getattr__(self, name):
        raise AssertionError(f"work began before the checks were done: kernels.{name}")


def snapshot(arguments: dict) -> list:
    """What every argument is and holds, dicts by key, identity and content."""
    items = []
    for name, value in arguments.items():
        inside = value.items() if hasattr(value, "items") else [(None, value)]
        items += [(name, key, id(item), content(item)) for key, item in inside]
    return items


def content(value):
    """The numbers in an array, or in any nest of tuples, lists and dicts of arrays."""
    if isinstance(value, dict):
        return {key: content(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [content(item) for item in value]
    return np.asarray(value, object).tolist()


@each_sentence
def test_error_sentence_is_word_for_word(sentence, changes, error, monkeypatch):
    monkeypatch.setattr(dispatch, "kernels", NoKernels())
    with pytest.raises(error) as caught:
        call(sentence, changes)
    assert str(caught.value) == sentence


@each_sentence
def test_error_leaves_everything_as_it_was(sentence, changes, error):
    function = sentence.partition(":")[0]
    arguments = {**VALID[function], **changes}
    before = snapshot(arguments)
    with pytest.raises(error):
        call(sentence, changes)
    assert snapshot(arguments) == before


@pytest.mark.parametrize("function", VALID)
def test_valid_arguments_raise_nothing(function):
    """The sentences above are about their changes alone."""
    arguments = {key: dict(value) if type(value) is dict else value for key, value in VALID[function].items()}
    getattr(cyrnn, function)(**arguments)


@each_cell
def test_wrong_size_of_any_axis_of_any_argument_is_refused(cell):
    """With plain arrays otherwise, so that no compiled call takes what the checks would not."""
    problem = make(cell, np.float64)
    step_x = problem.x[:, :, 0].copy()
    for shape in wrong_shapes(problem.x.shape):
        if shape[:2] != problem.x.shape[:2] or len(shape) != 3:  # any T_x is right
            with pytest.raises(ValueError, match=f"^{cell.function}_forward: "):
                run_sequence(replace(problem, x=np.ones(shape)))
    for shape in wrong_shapes(step_x.shape):
        with pytest.raises(ValueError, match=f"^{cell.function}_cell_forward: "):
            cell_function(cell)(np.ones(shape), *problem.initial, problem.parameters)
    for place, state in enumerate(problem.initial):
        for shape in wrong_shapes(state.shape):
            initial = (*problem.initial[:place], np.ones(shape), *problem.initial[place + 1 :])
            for call in (run_sequence, run_cell):
                with pytest.raises(ValueError, match=r"has shape .*, expected \(n_a, m\) = \(5, 10\): "):
                    call(replace(problem, initial=initial))
    for key, value in problem.parameters.items():
        for shape in wrong_shapes(value.shape):
            wrong = replace(problem, parameters={**problem.parameters, key: np.ones(shape)})
            for call in (run_sequence, run_cell):
                with pytest.raises(ValueError, match=r"has shape .*, expected "):
                    call(wrong)


def test_error_of_a_ragged_list_repeats_numpys_reason():
    ragged = [[1.0, 2.0], [3.0]]
    with pytest.raises(ValueError, match="inhomogeneous") as numpys:
        np.asarray(ragged)
    with pytest.raises(ValueError, match="inhomogeneous") as ours:
        cyrnn.rnn_forward(ragged, RNN.initial[0], RNN.parameters)
    assert str(ours.value) == f"rnn_forward: x is of type list, expected an array of numbers: {numpys.value}"


def test_masked_number_in_a_list_is_refused_in_a_sentence():
    """However deep it is: NumPy's MaskError is no ValueError, and none of ours; or its mask would be lost."""
    with pytest.raises(ValueError, match=r"^softmax: x is a masked array with 1 of its elements masked"):
        cyrnn.softmax([np.ma.array(3, mask=True)])
    masked = np.ma.array([1.0, 2.0], mask=[False, True])
    holder = type("Holder", (), {"__array__": lambda self, dtype=None, copy=None: masked})()
    for given in ([[masked], [masked]], [[[[masked]]]], holder):
        with pytest.raises(ValueError, match=r"^sigmoid: x is a masked array with \d of its elements masked"):
            cyrnn.sigmoid(given)
    assert cyrnn.sigmoid([[1.0, 2.0]]).shape == (1, 2)


def test_list_that_holds_itself_is_refused_in_a_sentence():
    endless: list = [np.ma.array([1.0])]
    endless.append(endless)
    with pytest.raises(ValueError, match=r"^tanh: x is of type list, expected an array of numbers: "):
        cyrnn.tanh(endless)


def test_weights_that_are_nan_are_the_same_in_every_step():
    nans = {**RNN.parameters, "Waa": np.full((5, 5), np.nan)}
    steps, x = cyrnn.rnn_forward(RNN.x, RNN.initial[0], nans)[2]
    steps = [(*step[:3], {key: value.copy() for key, value in step[3].items()}) for step in steps]
    assert np.isnan(cyrnn.rnn_backward(np.ones((5, 10, 4)), (steps, x))["da0"]).all()


def test_bounds_in_sentences_are_as_said():
    """What is "at least" or "from ... to" a number takes that number, and "less than" takes all below."""
    weights = {"W": np.ones(2)}
    for beta, t in ((0, 1), (1 - 2**-53, 1), (0.9, 10**400)):  # an int beyond all floats is at least 1
        v, s = cyrnn.initialize_adam(weights)
        cyrnn.update_parameters_with_adam(dict(weights), {"dW": np.ones(2)}, v, s, t, beta1=beta, beta2=beta)
    cyrnn.update_parameters_with_adam(dict(weights), {"dW": np.ones(2)}, v, s, np.array(1), np.array(0.1))
    for axis in (-2, -1, 0, 1):
        np.testing.assert_allclose(cyrnn.softmax(np.ones((2, 3)), axis=axis).sum(axis=axis), 1)
    no_input = {key: value[:, :5] if value.shape == (5, 8) else value for key, value in LSTM.parameters.items()}
    x, state = np.ones((0, 10, 4)), np.ones((5, 10))
    assert cyrnn.lstm_forward(x, state, cyrnn.pack(no_input), c0=state)[0].shape == (5, 10, 4)  # n_x = 0


def test_axis_that_is_no_number_is_refused_in_a_sentence():
    class Raising:
        def __index__(self):
            raise OSError("what")

    for axis in (np.array([1]), np.zeros(3), Raising(), 1.0, True):
        with pytest.raises(TypeError, match=r"^softmax: axis is of type \w+, expected a whole number$"):
            cyrnn.softmax(np.ones((2, 3)), axis=axis)
    with pytest.raises(ValueError, match=r"^softmax: axis is beyond all axes, expected a whole number from -2 to 1"):
        cyrnn.softmax(np.ones((2, 3)), axis=10**5000)


def test_number_of_threads_that_cannot_be_shown_is_named_by_its_type():
    class Silent:
        def __repr__(self):
            raise AssertionError("shown")

    with pytest.raises(ValueError, match=r"^set_num_threads: n is of type Silent, expected a whole number"):
        cyrnn.set_num_threads(Silent())


def test_every_public_function_has_sentences():
    with_sentence = {sentence.partition(":")[0] for sentence, _, _ in SENTENCES}
    assert with_sentence == set(VALID)
    assert {name for name in cyrnn.__all__ if inspect.signature(getattr(cyrnn, name)).parameters} <= with_sentence


@pytest.mark.parametrize("module", [_check, _keys])
def test_every_raise_in_check_is_reached_by_a_sentence(module):
    path = Path(module.__file__)
    raises = [node for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))) if isinstance(node, ast.Raise)]
    reached = set()

    def lines(frame, event, _argument):
        if event == "line":
            reached.add(frame.f_lineno)
        return lines

    def calls(frame, _event, _argument):
        return lines if frame.f_code.co_filename == str(path) else None

    before = sys.gettrace()
    sys.settrace(calls)
    try:
        for sentence, changes, error in SENTENCES:
            with pytest.raises(error):
                call(sentence, changes)
        with pytest.raises(ValueError, match="inhomogeneous"):
            cyrnn.softmax([[1.0, 2.0], [3.0]])
    finally:
        sys.settrace(before)
    missed = [node.lineno for node in raises if not reached & set(range(node.lineno, node.end_lineno + 1))]
    assert not missed, f"{path.name} raises at lines {missed}, and no sentence here shows it"
