"""Docstrings of cyrnn.training have the form of the house, and their examples run."""

from __future__ import annotations

import doctest
import inspect
import re

import numpy as np
import pytest
from docstrings import HEADING, REQUIRED, SECTIONS

import cyrnn.nn
from cyrnn import training

PUBLIC = [getattr(training, name) for name in training.__all__]
METHODS = [training.Adam.step, training.Adam.state_dict, training.Adam.load_state_dict]


@pytest.mark.parametrize("documented", [*PUBLIC, *METHODS], ids=lambda d: d.__qualname__)
def test_docstring_has_its_sections_and_every_argument(documented):
    text = inspect.getdoc(documented)
    headings = HEADING.findall(text)
    assert headings == [section for section in SECTIONS if section in headings]
    required = REQUIRED if documented in PUBLIC else {"Raises"}
    if isinstance(documented, type) or inspect.signature(documented).return_annotation == "None":
        required = required - {"Returns"}
    if documented is training.Adam.state_dict:
        required = {"Returns"}
    assert required <= set(headings)
    parts = HEADING.split(text)
    section = dict(zip(parts[1::2], parts[2::2], strict=True)).get("Parameters", "")
    lines = re.findall(r"^(\w+(?:, \w+)*)(?: : .*)?$", section, re.MULTILINE)
    described = [name for line in lines for name in line.split(", ")]
    assert sorted(described) == sorted(name for name in inspect.signature(documented).parameters if name != "self")


@pytest.mark.parametrize("documented", PUBLIC, ids=lambda d: d.__name__)
def test_example_runs_and_prints_what_is_shown(documented):
    names = {"np": np, "cyrnn": cyrnn} | {name: getattr(training, name) for name in training.__all__}
    (test,) = doctest.DocTestFinder(recurse=False).find(documented, documented.__name__, globs=names)
    assert test.examples
    assert doctest.DocTestRunner().run(test).failed == 0


def test_page_of_the_module_names_all_that_is_public():
    assert [name for name in training.__all__ if name not in training.__doc__] == []
    assert set(training.__all__) <= set(dir(training))
