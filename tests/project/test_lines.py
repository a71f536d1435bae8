"""The programs on docs/how_to/sequential.md are no longer than those of Keras, and the page's table counts them."""

from __future__ import annotations

import importlib.util
import shutil
import subprocess

import pytest
from interpreter import run_python
from paths import ROOT

TEXT = (ROOT / "docs" / "how_to" / "sequential.md").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def lines():
    spec = importlib.util.spec_from_file_location("lines", ROOT / "ci" / "lines.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_what_counts_is_code(lines):
    assert lines.count("import os\n\n# a comment\nx = 1  # one more\n    # indented\n") == 2


def test_programs_are_no_longer_than_those_of_keras(lines):
    found = lines.programs(TEXT)
    assert len(found) == 3
    for title, codes in found.items():
        assert 10 < lines.count(codes["cyrnn"]) <= lines.count(codes["Keras"]), title


def test_table_of_the_page_is_what_is_counted(lines):
    shown = run_python(ROOT / "ci" / "lines.py")
    assert shown.stdout.strip() == lines.table(TEXT)
    assert lines.table(TEXT) in TEXT


@pytest.mark.skipif(shutil.which("ruff") is None, reason="ruff is not installed")
def test_programs_have_the_form_of_one_formatter(lines):
    command = ["ruff", "format", "--isolated", "--stdin-filename", "program.py", "-"]
    for codes in lines.programs(TEXT).values():
        for code in codes.values():
            assert subprocess.run(command, input=code, capture_output=True, text=True, check=True).stdout == code
