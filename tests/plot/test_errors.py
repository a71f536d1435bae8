"""What a picture refuses, in a sentence, before it draws; and what it says without matplotlib."""

from __future__ import annotations

import builtins
import importlib
import inspect
import re

import numpy as np
import pytest
from docstrings import HEADING, REQUIRED, SECTIONS
from interpreter import run_python
from paths import ROOT

import cyrnn
from cyrnn import nn

plot = cyrnn.plot
GATE = {"ft": np.full((4, 3, 2), 0.5)}
LSTM = nn.LSTM(3, 5, rng=0)
CACHES = cyrnn.rnn_forward(
    np.ones((2, 1, 3)), 0, {"Waa": np.eye(4), "Wax": np.ones((4, 2)), "ba": np.zeros((4, 1))}
)[2]
D_OUTPUT = np.ones((4, 2, 5), np.float32)
X = np.ones((4, 2, 3), np.float32)
TAPE_OF_RNN = nn.RNN(3, 5, rng=0).forward(X)[2]

#: the sentence begins with the function; then its kind and words of it
REFUSED = {
    "gates of nothing": (lambda: plot.gates(None), TypeError, "source is None, expected the gates of a call"),
    "gates of a number": (lambda: plot.gates(3), TypeError, "source is of type int, expected the gates of a call"),
    "gates of an RNN": (lambda: plot.gates(TAPE_OF_RNN), ValueError, 'source has no gates, .*{"h": output}'),
    "no layer": (lambda: plot.gates([]), ValueError, "source has no gates"),
    "layer": (lambda: plot.gates(GATE, layer=1), ValueError, "layer is 1, expected -1 .. 0: there are 1 layers"),
    "layer of a kind": (lambda: plot.gates(GATE, layer="a"), TypeError, "layer is of type str, expected a whole"),
    "sequence": (lambda: plot.gates(GATE, sequence=3), ValueError, "sequence is 3, expected -3 .. 2"),
    "shape": (lambda: plot.gates({"ft": np.ones(3)}), ValueError, r'source\["ft"\] has shape \(3,\), expected \(L, N'),
    "shape of a batch": (
        lambda: plot.gates({"ft": np.ones(3)}, batch_first=True), ValueError, r"expected \(N, L, features\) or"
    ),
    "empty": (lambda: plot.gates({"ft": np.ones((0, 3))}), ValueError, r"has shape \(0, 3\), .* of a step at least"),
    "steps differ": (
        lambda: plot.gates({**GATE, "c": np.ones((5, 3, 2))}), ValueError, r'source\["c"\] has \(L, N\) = \(5, 3\)'
    ),
    "tokens": (lambda: plot.gates(GATE, tokens="abc"), ValueError, "tokens has 3 labels, expected 4: one for each"),
    "tokens of a kind": (lambda: plot.gates(GATE, tokens=7), TypeError, "tokens is of type int, expected a label"),
    "lengths": (lambda: plot.gates(GATE, lengths=[4, 4]), ValueError, r"lengths has shape \(2,\) .* 3 whole numbers"),
    "floats": (lambda: plot.gates(GATE, lengths=[4.0] * 3), ValueError, "lengths has .* dtype float64"),
    "long": (lambda: plot.gates(GATE, lengths=[5, 4, 4]), ValueError, r"lengths has 4 .. 5, expected 0 .. 4: L = 4"),
    "caches": (lambda: plot.gates(([], 3)), TypeError, r"caches is of type tuple, expected what lstm_forward"),
    "caches of no cell": (lambda: plot.gates(([(1, 2)], 3)), ValueError, "has steps of 2 entries, expected 10 of an"),
    "thresholds": (lambda: plot.saturation(GATE, low=0.9, high=0.1), ValueError, "expected 0 <= low <= high <= 1"),
    "thresholds of a kind": (lambda: plot.saturation(GATE, low=None), TypeError, "expected two numbers"),
    "no sigmoid": (lambda: plot.saturation({"c": np.ones((3, 2))}), ValueError, 'has "c", expected a gate within'),
    "layers differ": (
        lambda: plot.saturation([GATE, {"ft": np.ones((5, 3, 2))}]),
        ValueError,
        r'gates\[1\]\["ft"\] has \(L, N\) = \(5, 3\), expected \(4, 3\): those of gates\[0\]\["ft"\]',
    ),
    "no step": (lambda: plot.saturation(GATE, lengths=[0, 0, 0]), ValueError, "length 0, expected a step"),
    "matrix": (lambda: plot.weights(np.ones(3)), ValueError, r"source has shape \(3,\), expected a matrix"),
    "no matrix": (lambda: plot.weights({"b": np.ones(3)}), TypeError, "of type dict without a matrix, expected a"),
    "limit": (lambda: plot.weights(LSTM, limit=0), ValueError, "limit is 0, expected a number above 0"),
    "limit of a kind": (lambda: plot.weights(LSTM, limit="1"), ValueError, "limit is '1', expected a number above 0"),
    "gradient": (lambda: plot.gradient_norm({"RNN": {"dy": 1}}), TypeError, "of type dict, expected an array"),
    "no gradient": (lambda: plot.gradient_norm({}), TypeError, "gradients is of type dict, expected an array"),
    "losses": (lambda: plot.loss_curve([]), ValueError, r"training has shape \(0,\), expected \(n,\)"),
    "validation": (lambda: plot.loss_curve([1.0, 2.0], [1.0]), ValueError, "has 1 losses, expected 2: .*_at= says"),
    "validation_at": (
        lambda: plot.loss_curve([1.0], [1.0], validation_at=[1, 2]), ValueError, r"validation_at has shape \(2,\)"
    ),
    "no layers": (lambda: plot.state_gradients(None, X, D_OUTPUT), TypeError, "model is None, expected layers of nn"),
    "Sequential": (
        lambda: plot.state_gradients(nn.Sequential(nn.LayerNorm(3), LSTM), X, D_OUTPUT), TypeError,
        r"of type Sequential, expected layers of nn: RNN, LSTM or GRU; model\[1\] is one, with the gradient at its out",
    ),
    "gradient of tokens": (
        lambda: plot.gradient_norm(LSTM.backward(LSTM.forward(np.ones((4, 2), int))[2], D_OUTPUT)), ValueError,
        "gradients.input is None, expected .*: tokens have no gradient; state_gradients",
    ),
    "two directions": (
        lambda: plot.state_gradients(nn.RNN(3, 5, bidirectional=True), X, D_OUTPUT), ValueError, "is bidirectional"
    ),
    "d_output": (lambda: plot.state_gradients(LSTM, X, D_OUTPUT[:3]), ValueError, r"d_output has \(L, N\) = \(3, 2\)"),
    "d_output of tokens": (
        lambda: plot.state_gradients(LSTM, np.ones((4, 3), int), D_OUTPUT), ValueError, r"has \(L, N\) = \(4, 2\), exp"
    ),
    "da": (lambda: plot.cache_gradients(CACHES, np.ones((3, 4, 1))), ValueError, r"\(n_a, m, T_x\) = \(4, 1, 3\)"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_argument_that_does_not_fit_is_refused_in_a_sentence(case):
    call, kind, words = REFUSED[case]
    with pytest.raises(kind, match=rf"^plot\.\w+: .*{words}"):
        call()


def test_axes_that_do_not_fit_are_refused():
    figure = pytest.importorskip("matplotlib.figure", reason="matplotlib is not installed").Figure()
    axes = figure.subplots(1, 2)
    with pytest.raises(ValueError, match=r"^plot.gates: axes has 2 axes, expected 1: ft$"):
        plot.gates(GATE, axes=axes)
    with pytest.raises(TypeError, match=r"^plot.gates: axes is of type str, expected an array of axes"):
        plot.gates(GATE, axes="axes")
    with pytest.raises(TypeError, match=r"^plot.loss_curve: ax is of type ndarray, expected axes of matplotlib"):
        plot.loss_curve([1.0], ax=axes)
    assert not any(ax.has_data() for ax in axes)


PICTURES = {
    "gates": lambda: plot.gates(GATE),
    "saturation": lambda: plot.saturation(GATE),
    "weights": lambda: plot.weights(LSTM),
    "gradient_norm": lambda: plot.gradient_norm(D_OUTPUT),
    "loss_curve": lambda: plot.loss_curve([1.0]),
}


@pytest.mark.parametrize("name", PICTURES)
def test_without_matplotlib_one_sentence_names_the_extra(name, monkeypatch):
    found = importlib.import_module

    def missing(module, *package):
        if module.startswith("matplotlib"):
            raise ImportError("No module named 'matplotlib'")
        return found(module, *package)

    monkeypatch.setattr(importlib, "import_module", missing)
    wanted = rf"^plot.{name}: matplotlib is not installed: pip install matplotlib, or cyrnn's extra plot$"
    with pytest.raises(ImportError, match=wanted):
        PICTURES[name]()


def test_matplotlib_is_imported_by_the_first_picture_alone():
    """Nor is cyrnn.plot, by any other part of cyrnn."""
    code = """if True:
        import sys, cyrnn, cyrnn.nn, cyrnn.onnx
        print("cyrnn.plot" in sys.modules, "matplotlib" in sys.modules)
        import numpy as np
        cyrnn.plot.state_gradients(cyrnn.nn.RNN(2, 2), np.ones((2, 1, 2), np.float32), np.ones((2, 1, 2), np.float32))
        print("cyrnn.plot" in sys.modules, "matplotlib" in sys.modules)"""
    done = run_python("-c", code)
    assert (done.stdout.split(), done.stderr) == (["False", "False", "True", "False"], "")


def test_pictures_of_the_page_are_those_that_its_code_saves():
    page = (ROOT / "docs" / "how_to" / "pictures.md").read_text(encoding="utf-8")
    shown = re.findall(r"^!\[.+\]\(pictures/(\w+\.png)\)$", page, re.MULTILINE)
    assert shown == re.findall(r'savefig\("(\w+\.png)"', page)
    assert sorted(shown) == sorted(path.name for path in (ROOT / "docs" / "how_to" / "pictures").iterdir())
    for name in shown:
        picture = (ROOT / "docs" / "how_to" / "pictures" / name).read_bytes()
        assert picture.startswith(b"\x89PNG")
        assert len(picture) < 60_000
    assert all(f"| `{name}(" in page for name in PICTURES)


def test_completion_shows_the_pictures_alone():
    shown = {name for name in dir(plot) if not name.startswith("__")}
    assert shown == {*PICTURES, "cache_gradients", "state_gradients"} == set(plot.__all__)
    assert "plot" in dir(cyrnn)
    assert not hasattr(cyrnn, "plots")
    assert builtins.__import__("cyrnn.plot").plot is plot


@pytest.mark.parametrize("name", plot.__all__)
def test_docstring_has_its_sections_and_every_argument(name):
    function = getattr(plot, name)
    text = inspect.getdoc(function)
    headings = HEADING.findall(text)
    assert headings == [section for section in SECTIONS if section in headings]
    assert {*REQUIRED, "References"} <= set(headings)
    parts = HEADING.split(text)
    section = dict(zip(parts[1::2], parts[2::2], strict=True))["Parameters"]
    named = [part.strip() for line in re.findall(r"^(\w+(?:, \w+)*)(?: : .*)?$", section, re.MULTILINE)
             for part in line.split(",")]
    assert sorted(named) == sorted(inspect.signature(function).parameters)
