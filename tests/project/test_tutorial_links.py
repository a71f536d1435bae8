"""What a tutorial offers at its head, and the cell that installs cyrnn on Colab."""

from __future__ import annotations

import importlib.util
import json

import pytest
from paths import ROOT

pytest.importorskip("sphinx", reason="sphinx is not installed")
SPEC = importlib.util.spec_from_file_location("tutorials", ROOT / "docs/_extensions/tutorials.py")
tutorials = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(tutorials)
NOTEBOOKS = sorted((ROOT / "docs/tutorials").glob("*.ipynb"))
ADDRESS = "https://github.com/OWNER/NAME"


def empty(**wanted):
    return {"metadata": {"cyrnn": wanted}, "cells": [{"id": "title"}, {"id": "text"}]}


def source_of(*args):
    return "".join(tutorials.install_cell(*args)["source"])


def test_install_cell_has_what_the_settings_say():
    from_zip = source_of(empty(files=["data/morse.py"], packages=["gymnasium"]), None, "./cyrnn.zip")
    assert "    %pip install -q ./cyrnn.zip gymnasium\n" in from_zip
    assert from_zip.endswith('    !mkdir -p data && unzip -qjo cyrnn.zip "*docs/tutorials/data/morse.py" -d data')
    from_index = source_of(empty(files=["../how_to/examples/ppo_cartpole.py"]), ADDRESS, "cyrnn")
    assert "    %pip install -q cyrnn\n" in from_index
    assert from_index.endswith(
        f"    !wget -q -P ../how_to/examples {ADDRESS}/raw/main/docs/how_to/examples/ppo_cartpole.py"
    )
    assert "zip" not in from_index


def test_install_cell_stands_behind_the_title_once_and_is_not_run_by_a_build():
    notebook = tutorials.with_install_cell(empty(), None, "./cyrnn.zip")
    again = tutorials.with_install_cell(notebook, None, "cyrnn")
    assert [cell["id"] for cell in again["cells"]] == ["title", "colab", "text"]
    assert "skip-execution" in again["cells"][1]["metadata"]["tags"]
    assert "zip" in "".join(notebook["cells"][1]["source"])


def test_colab_opens_the_notebook_where_there_is_a_repository():
    assert tutorials.colab_address("tutorials/agent", None) == "https://colab.research.google.com/#upload=true"
    there = "https://colab.research.google.com/github/OWNER/NAME/blob/main/docs/tutorials/agent.ipynb"
    assert tutorials.colab_address("tutorials/agent", ADDRESS) == there


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_files_that_a_notebook_needs_are_named_for_colab(path):
    notebook = json.loads(path.read_text(encoding="utf-8"))
    wanted = notebook["metadata"].get("cyrnn", {}).get("files", [])
    assert all((path.parent / name).is_file() for name in wanted)
    text = "".join("".join(cell["source"]) for cell in notebook["cells"] if cell["cell_type"] == "code")
    read = {name for name in ("data/", "../how_to/examples") if f'"{name.rstrip("/")}' in text}
    assert all(any(name.startswith(folder) for name in wanted) for folder in read)


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_install_cell_does_nothing_but_on_colab(path):
    cell = json.loads(path.read_text(encoding="utf-8"))["cells"][1]
    assert cell["id"] == "colab"
    guard = 'if "google.colab" in sys.modules:'
    head, _, body = "".join(cell["source"]).partition(guard)
    assert all(line.startswith("    ") for line in body.split("\n")[1:])
    exec(f"{head}{guard}\n    raise AssertionError")
