"""The tutorials: notebooks without outputs, in one form, in the toctree, whose cells run."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from interpreter import run_python
from paths import ROOT
from problems import isa_in_use

FOLDER = ROOT / "docs" / "tutorials"
TUTORIALS = sorted(FOLDER.glob("*.ipynb"))
#: what a cell may import beside NumPy and cyrnn; a tutorial is not run where that is not installed
OPTIONAL = ("IPython", "gymnasium", "matplotlib", "safetensors", "sklearn")
CPU_SECONDS = 60
#: runs the cells of a notebook, one behind the other, as a kernel does, and says what that took
PROGRAM = """
import json, sys, time
namespace = {"__name__": "__main__"}
for cell in json.load(open(sys.argv[1], encoding="utf-8"))["cells"]:
    if cell["cell_type"] == "code" and "skip-execution" not in cell["metadata"].get("tags", []):
        exec(compile("".join(cell["source"]), "cell " + cell["id"], "exec"), namespace)
print(time.process_time())
"""

each_tutorial = pytest.mark.parametrize("path", TUTORIALS, ids=lambda path: path.stem)


def cells_of(path: Path, kind: str | None = None) -> list[dict]:
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    return [cell for cell in cells if kind in (None, cell["cell_type"])]


def code_of(path: Path) -> str:
    return "\n".join("".join(cell["source"]) for cell in cells_of(path, "code"))


def test_there_are_tutorials():
    assert TUTORIALS


@each_tutorial
def test_tutorial_is_in_one_form(path):
    text = path.read_text(encoding="utf-8")
    notebook = json.loads(text)
    assert text == json.dumps(notebook, indent=1, ensure_ascii=False) + "\n"
    assert (notebook["nbformat"], notebook["nbformat_minor"]) == (4, 5)
    assert notebook["metadata"]["kernelspec"]["name"] == "python3"


@each_tutorial
def test_tutorial_has_no_outputs(path):
    assert all(cell["outputs"] == [] and cell["execution_count"] is None for cell in cells_of(path, "code"))


@each_tutorial
def test_ids_of_cells_are_unique(path):
    ids = [cell["id"] for cell in cells_of(path)]
    assert len(set(ids)) == len(ids)
    assert all(re.fullmatch(r"[\w-]{1,64}", name) for name in ids)


@each_tutorial
def test_tutorial_begins_with_its_title_and_asserts_its_numbers(path):
    first = cells_of(path)[0]
    assert first["cell_type"] == "markdown"
    assert "".join(first["source"]).startswith("# ")
    assert re.search(r"^\s*assert ", code_of(path), re.MULTILINE)


@each_tutorial
def test_pictures_have_alternative_texts(path):
    drawn = [cell for cell in cells_of(path, "code") if re.search(r"subplots\(|plt\.figure\(", "".join(cell["source"]))]
    texts = {cell["id"]: cell["metadata"].get("mystnb", {}).get("image", {}).get("alt", "") for cell in drawn}
    assert [name for name, text in texts.items() if len(text) < 20] == []


@each_tutorial
def test_tutorial_is_in_the_toctree(path):
    index = (FOLDER / "index.md").read_text(encoding="utf-8")
    toctree = re.search(r"^:::\{toctree\}$(.*?)^:::$", index, re.MULTILINE | re.DOTALL)
    assert path.stem in toctree[1].split()


@each_tutorial
@pytest.mark.skipif(isa_in_use() == "reference", reason="minutes of NumPy, whose bits are its own")
def test_tutorial_runs(path):
    for package in OPTIONAL:
        if re.search(rf"^\s*(?:from|import) {package}\b", code_of(path), re.MULTILINE):
            pytest.importorskip(package, reason=f"{package} is not installed")
    done = run_python("-c", PROGRAM, path, seconds=600, cwd=FOLDER, MPLBACKEND="Agg", CYRNN_NUM_THREADS="1")
    assert done.returncode == 0, done.stderr
    assert float(done.stdout.split()[-1]) < CPU_SECONDS
