"""Every public docstring passes numpydoc's validation, but for what pyproject.toml excludes and says why."""

from __future__ import annotations

import importlib.util
import re
import tomllib

import pytest
from paths import ROOT
from public import ROOMS, public_names

validation = pytest.importorskip("numpydoc.validate", reason="numpydoc is not installed")

#: rooms that import another package where they are imported
NEEDS = {"cyrnn.estimators": "sklearn"}
SETTINGS = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["numpydoc_validation"]
CHECKS = set(validation.ERROR_MSGS) - set(SETTINGS["checks"])
OVERRIDES = {key.removeprefix("override_"): value for key, value in SETTINGS.items() if key.startswith("override_")}
INSTALLED = [room for room in ROOMS if room not in NEEDS or importlib.util.find_spec(NEEDS[room])]
NAMES = public_names(INSTALLED)


def allowed(code: str, docstring: str) -> bool:
    return code not in CHECKS or any(re.search(pattern, docstring) for pattern in OVERRIDES.get(code, ()))


@pytest.mark.parametrize("name", [name for name in NAMES if not any(re.search(p, name) for p in SETTINGS["exclude"])])
def test_docstring_passes_validation(name):
    report = validation.validate(name)
    errors = [f"{code}: {said}" for code, said in report["errors"] if not allowed(code, report["docstring"])]
    assert not errors, "\n".join([f"{report['file']}:{report['file_line']}", *errors])


def test_exceptions_are_known_codes():
    assert "all" in SETTINGS["checks"]
    assert set(OVERRIDES) <= CHECKS
