"""What a type checker knows: revealed_types.py and wrong_types.py, by mypy, and by pyright where that is installed."""

from __future__ import annotations

import importlib.util
import json
import re
from pathlib import Path

import numpy as np
import pytest
from interpreter import run_python
from paths import SUPPORT

import cyrnn

WRONG = [
    number
    for number, line in enumerate((SUPPORT / "wrong_types.py").read_text(encoding="utf-8").splitlines(), 1)
    if line.endswith("# wrong")
]


def mypy(name: str, folder: Path) -> dict[int, str]:
    """The errors of mypy in a file, by the line; strict, as in the project."""
    pytest.importorskip("mypy", reason="mypy is not installed")
    path = str(Path(cyrnn.__file__).parents[1])
    options = ["--strict", "--no-error-summary", "--hide-error-context", "--cache-dir", folder]
    where = {} if "-packages" in path else {"MYPYPATH": path}  # installed packages mypy finds, and refuses there
    run = run_python("-m", "mypy", *options, SUPPORT / name, seconds=300, cwd=folder, **where)
    assert not run.stderr, run.stderr
    found = re.findall(rf"^\S*{re.escape(name)}:(\d+): error: (.*)$", run.stdout, re.MULTILINE)
    assert len(found) == run.stdout.count(": error: "), run.stdout
    return {int(line): said for line, said in found}


def pyright(name: str, folder: Path) -> dict[int, str]:
    """The errors of pyright, or of basedpyright, which has it in one wheel."""
    checker = next((kind for kind in ("basedpyright", "pyright") if importlib.util.find_spec(kind)), None)
    if checker is None:
        pytest.skip("neither pyright nor basedpyright is installed")
    config = {
        "typeCheckingMode": "standard",
        "include": [str(SUPPORT / name)],
        "extraPaths": [str(Path(cyrnn.__file__).parents[1]), str(Path(np.__file__).parents[1])],
    }
    (folder / "pyrightconfig.json").write_text(json.dumps(config))
    run = run_python("-m", checker, "--project", folder, "--outputjson", seconds=300)
    found = json.loads(run.stdout)["generalDiagnostics"]
    return {entry["range"]["start"]["line"] + 1: entry["message"] for entry in found if entry["severity"] == "error"}


each_checker = pytest.mark.parametrize("checker", [mypy, pyright], ids=lambda checker: checker.__name__)


@each_checker
def test_types_of_calls_are_those_asserted(checker, tmp_path):
    assert checker("revealed_types.py", tmp_path) == {}


@each_checker
def test_mistake_is_an_error_and_nothing_else_is(checker, tmp_path):
    found = checker("wrong_types.py", tmp_path)
    assert sorted(found) == WRONG, found
