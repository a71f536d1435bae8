"""The fuzzing program: its cases pass, and it notices what it is there for."""

from __future__ import annotations

import sys
import warnings

import numpy as np
import pytest
from interpreter import run_python
from paths import ROOT
from problems import isa_in_use

sys.path.insert(0, str(ROOT))

# E402: ci/ is found by the line above
import ci.fuzz.__main__ as parent
import cyrnn
import cyrnn.nn
from ci.fuzz import child, damage, dress, edits, integers, models, notebook, verdict
from ci.fuzz.case import Case
from ci.fuzz.layers import Layers

KINDS = [*child.KINDS, *child.INSTEAD]

@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: f"{kind.__module__.rpartition('.')[2]}-{kind.__name__}")
def test_case_of_each_kind_passes(kind):
    for seed in range(4):
        case = Case(seed, isa_in_use())
        kind(case)
        case.finish()


def test_case_is_the_same_in_every_run():
    one, two = (child.one(7, isa_in_use()) for _ in range(2))
    assert one == two
    assert "failure" not in one


def test_rounding_that_large_weights_let_grow_is_no_failure_of_the_reference():
    done = run_python("-m", "ci.fuzz", "--case", "937740568519", "--isa", "reference", cwd=ROOT)
    assert '"failure"' not in done.stdout
    assert '"case": 937740568519' in done.stdout


def test_dresses_are_more_than_twenty_and_keep_the_numbers():
    value, rng = np.arange(12, dtype=np.float32).reshape(3, 4) - 5, np.random.default_rng(0)
    assert len(dress.KEPT) > 20
    for name, change in dress.KEPT.items():
        plain = np.asarray(change(value, rng))
        assert plain.shape == value.shape, name
        assert plain.dtype.newbyteorder("=") == value.dtype, name
        if name != "repeated":
            np.testing.assert_array_equal(plain, value)


def noticed(kind) -> str:
    """The first failure of the cases of one kind."""
    for seed in range(300):
        case = Case(seed, isa_in_use())
        try:
            kind(case)
            case.finish()
        except Exception as error:
            return f"{type(error).__name__}: {error}"
    return "nothing"


def wrapped(monkeypatch, name: str, change) -> None:
    """Let `change(result, arguments, keywords)` have what a function of cyrnn returns."""
    function = getattr(cyrnn, name)

    def call(*arguments, **keywords):
        return change(function(*arguments, **keywords), arguments, keywords)

    monkeypatch.setattr(cyrnn, name, call)


def other_last_bit(result, arguments, keywords):
    if result[0].size and keywords.get("return_caches") is False:
        result[0].flat[-1] = np.nextafter(result[0].flat[-1], 9)
    return result


def off_by_a_thousandth(result, arguments, keywords):
    return (*result[:1], result[1] * result[1].dtype.type(1.001), *result[2:])


def write(result, arguments, keywords):
    if type(arguments[0]) is np.ndarray and arguments[0].flags.writeable and arguments[0].size:
        arguments[0].flat[0] = -arguments[0].flat[0]
    return result


@pytest.mark.skipif(isa_in_use() == "reference", reason="promises no bits")
def test_another_last_bit_is_noticed(monkeypatch):
    for cell in ("rnn", "lstm", "gru"):
        wrapped(monkeypatch, f"{cell}_cell_forward", other_last_bit)
    said = noticed(notebook.forward)
    assert "against sequence: array 0: 1 of" in said


@pytest.mark.parametrize("change", [off_by_a_thousandth, write])
def test_wrong_numbers_and_written_arguments_are_noticed(monkeypatch, change):
    for cell in ("rnn", "lstm", "gru"):
        wrapped(monkeypatch, f"{cell}_forward", change)
    assert noticed(notebook.forward).startswith("Failure: ")


def test_written_argument_is_named():
    case, argument = Case(0, isa_in_use()), np.zeros(3)
    case.watch({"x": argument})
    argument[1] = 1
    with pytest.raises(verdict.Failure, match="wrote to its arguments"):
        case.finish()


def test_wrong_gradient_of_a_model_is_noticed(monkeypatch):
    backward = cyrnn.nn.LSTM.backward

    def doubled(self, *arguments):
        found = backward(self, *arguments)
        return found._replace(weights={name: 2 * value for name, value in found.weights.items()})

    for kind in (cyrnn.nn.RNN, cyrnn.nn.LSTM, cyrnn.nn.GRU):
        monkeypatch.setattr(kind, "backward", doubled)
    assert "gradients against oracle" in noticed(models.backward)


def test_integers_that_differ_by_shape_are_noticed(monkeypatch):
    step = cyrnn.nn.GRU.step

    def other(self, *arguments, **keywords):
        output, state = step(self, *arguments, **keywords)
        return output + np.float32(1e-2), state

    for kind in (cyrnn.nn.RNN, cyrnn.nn.LSTM, cyrnn.nn.GRU):
        monkeypatch.setattr(kind, "step", other)
    assert "pieces against the whole" in noticed(integers.call)


def test_integers_far_from_their_floats_are_noticed(monkeypatch):
    monkeypatch.setattr(integers, "MAX_OFF", {"int8": 1e-6, "int16": 1e-7})
    assert "integers against oracle" in noticed(integers.call)


def test_weights_that_are_taken_unasked_are_noticed(monkeypatch):
    for kind in (cyrnn.nn.RNN, cyrnn.nn.LSTM, cyrnn.nn.GRU):
        monkeypatch.setattr(kind, "load_state_dict", lambda self, state: None)
    assert "Failure: accepted: " in noticed(damage.weights)


def test_error_without_a_sentence_is_noticed(monkeypatch):
    def bare(*arguments, **keywords):
        raise KeyError("Wf")

    for cell in ("rnn", "lstm", "gru"):
        monkeypatch.setattr(cyrnn, f"{cell}_forward", bare)
    assert "KeyError does not begin with the name of a function: 'Wf'" in noticed(damage.notebook)
    for cell in ("rnn", "lstm", "gru"):
        wrapped(monkeypatch, f"{cell}_backward", lambda result, arguments, keywords: 1 / 0)
    assert noticed(edits.caches) != "nothing"


@pytest.mark.parametrize("error", [SystemError("x"), AssertionError("lstm_forward: x"), ValueError("shapes differ")])
def test_refusal_is_a_sentence(error):
    assert verdict.refusal(TypeError("lstm_forward: x is None, expected an array of numbers"))
    with pytest.raises(verdict.Failure):
        verdict.refusal(error)


def test_oracle_is_not_the_library():
    """Its layers in float64 agree with nn, and disagree if one weight of it is another."""
    model = cyrnn.nn.GRU(3, 4, num_layers=2, bidirectional=True, dtype=np.float64, rng=0)
    x, h = np.random.default_rng(1).standard_normal((2, 5, 2, 3)), np.zeros((4, 2, 4))
    output, _ = model(x[0])
    np.testing.assert_allclose(Layers(model).forward(x[0], [h], np.full(2, 5))[0], output, rtol=0, atol=1e-14)
    model.bias_hh_l1_reverse[-1] += 0.1
    assert abs(Layers(model).forward(x[0], [h], np.full(2, 5))[0] - output).max() > 1e-4


def test_program_runs_and_repeats_a_case():
    done = run_python("-m", "ci.fuzz", "--seconds", "1", "--seed", "5", "--isa", isa_in_use(), cwd=ROOT)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "0 failures" in done.stdout
    done = run_python("-m", "ci.fuzz", "--case", "5", "--isa", isa_in_use(), cwd=ROOT)
    assert done.returncode == 0, done.stdout + done.stderr
    assert '"case": 5' in done.stdout


def test_death_of_a_child_is_told_with_its_case(capsys, monkeypatch, tmp_path):
    """Of the third case; the fourth has another child."""
    code = "import ctypes, ci.fuzz.child as c; one = c.one\n"
    code += "c.one = lambda seed, isa: ctypes.string_at(0) if seed == 13 else one(seed, isa)\n"
    (tmp_path / "deadly.py").write_text(f"{code}import faulthandler, sys; c.main(int(sys.argv[1]), sys.argv[2])")
    monkeypatch.setattr(parent, "CHILD", [str(tmp_path / "deadly.py")])
    found = parent.batch(11, 4, isa_in_use(), float("inf"))
    assert [said["case"] for said in found] == [11, 12, 13, 14]
    count = parent.Count()
    for said in found:
        parent.tell(count, said, isa_in_use())
    assert count.failures == [f"python -m ci.fuzz --case 13 --isa {isa_in_use()}"]
    assert "the child died, status" in capsys.readouterr().out


def test_child_that_never_starts_ends_the_program():
    with pytest.raises(SystemExit, match="no child starts, ISA none"):
        parent.batch(11, 1, "none", 0)


def test_other_bits_on_another_isa_are_told(capsys):
    count = parent.Count()
    digests = {3: {"avx2": "a", "avx512": "b", "reference": "c"}, 4: {"avx2": "a", "baseline": "b"}}
    assert parent.compare(count, digests) == 1
    assert len(count.failures) == 1
    assert "case 3 has other bits on avx2 and avx512" in capsys.readouterr().out


def test_warnings_are_left_as_they_were():
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        child.one(2, isa_in_use())
    assert not caught
