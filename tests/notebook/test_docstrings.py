"""Docstrings: their sections, in order, and their examples, which run."""

from __future__ import annotations

import doctest
import importlib
import inspect
import pkgutil
import re

import numpy as np
import pytest
from docstrings import HEADING, REQUIRED, SECTIONS

import cyrnn

#: what an example imports beside NumPy; it is skipped where that is not installed
EXTRAS = ("dask", "mpi4py", "onnx")
FUNCTIONS = [*cyrnn.__all__, "get_num_threads", "set_num_threads"]
MODULES = ["cyrnn"] + [
    module.name
    for module in pkgutil.walk_packages(cyrnn.__path__, "cyrnn.")
    if not module.name.rpartition(".")[2].startswith(("_isa_", "_cpu", "__main__"))
]


def installed(package: str) -> bool:
    try:
        importlib.import_module(package)
    except ImportError:
        return False
    return True


def examples() -> list:
    found: dict[str, doctest.DocTest] = {}
    finder = doctest.DocTestFinder(exclude_empty=True)
    for name in MODULES:
        if name.startswith("cyrnn.estimators") and not installed("sklearn"):
            continue
        module = importlib.import_module(name)
        for test in finder.find(module, extraglobs={"np": np, "cyrnn": cyrnn}):
            if test.examples:
                found.setdefault(test.name, test)
    return list(found.values())


EXAMPLES = examples()


@pytest.mark.parametrize("test", EXAMPLES, ids=lambda test: test.name)
def test_example_in_docstring_prints_what_it_says(test, monkeypatch):
    for package in EXTRAS:
        if re.search(rf"^\s*>>> (?:from|import) {package}\b", test.docstring, re.MULTILINE):
            pytest.importorskip(package, reason=f"{package} is not installed")
    if test.name.startswith("cyrnn.plot."):
        monkeypatch.setenv("MPLBACKEND", "Agg")
        pyplot = pytest.importorskip("matplotlib.pyplot", reason="matplotlib is not installed")
        with pyplot.rc_context():
            run_examples(test)
        pyplot.close("all")
    else:
        run_examples(test)


def run_examples(test):
    result = doctest.DocTestRunner(optionflags=doctest.NORMALIZE_WHITESPACE).run(test, clear_globs=False)
    assert result.attempted
    assert not result.failed


@pytest.mark.parametrize("name", FUNCTIONS)
def test_docstring_has_its_sections_in_order(name):
    function = getattr(cyrnn, name)
    headings = HEADING.findall(inspect.getdoc(function))
    assert headings == [section for section in SECTIONS if section in headings]
    signature = inspect.signature(function)
    required = REQUIRED if signature.parameters else REQUIRED - {"Parameters", "Raises"}
    if signature.return_annotation in (None, "None"):
        required = required - {"Returns"}
    assert required <= set(headings)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_docstring_summary_is_one_imperative_sentence(name):
    summary = inspect.getdoc(getattr(cyrnn, name)).partition("\n\n")[0]
    assert re.match(r"[A-Z]\w+ ", summary)
    assert not re.match(r"[A-Z]\w+s ", summary), "Return, Run, Take: not Returns, Runs, Takes"
    assert summary.endswith((".", ":"))


@pytest.mark.parametrize("name", FUNCTIONS)
def test_docstring_names_every_argument(name):
    function = getattr(cyrnn, name)
    parts = HEADING.split(inspect.getdoc(function))
    section = dict(zip(parts[1::2], parts[2::2], strict=True)).get("Parameters", "")
    described = re.findall(r"^(\w+(?:, \w+)*)(?: : .*)?$", section, re.MULTILINE)
    named = [argument.strip() for line in described for argument in line.split(",")]
    assert sorted(named) == sorted(inspect.signature(function).parameters)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_docstring_has_an_example_that_runs(name):
    function = getattr(cyrnn, name)
    assert f"{function.__module__}.{function.__name__}" in {test.name for test in EXAMPLES}


def see_also(documented) -> list[str]:
    parts = HEADING.split(inspect.getdoc(documented))
    section = dict(zip(parts[1::2], parts[2::2], strict=True)).get("See Also", "")
    return re.findall(r"^([\w.]+) : .+\.$", section, re.MULTILINE)


@pytest.mark.parametrize("name", [name for name in FUNCTIONS if name.endswith(("forward", "backward"))])
def test_see_also_links_forward_and_backward(name):
    other = name.replace("forward", "backward") if name.endswith("forward") else name.replace("backward", "forward")
    named = see_also(getattr(cyrnn, name))
    assert other in named
    assert all(hasattr(cyrnn, other) for other in named)


def test_see_also_of_nn_links_forward_and_backward():
    links = {"forward": "backward", "backward": "forward", "__call__": "forward", "step": "__call__"}
    for kind in (cyrnn.nn.RNN, cyrnn.nn.LSTM, cyrnn.nn.GRU):
        for name, other in links.items():
            assert other in see_also(getattr(kind, name))
    assert see_also(cyrnn.nn.from_torch) == ["from_state_dict"]
    assert see_also(cyrnn.nn.from_state_dict) == ["from_torch"]
