"""The reference of the site: every public object has an entry, and none that is not there."""

from __future__ import annotations

import importlib
import re

import pytest
from paths import ROOT
from public import ROOMS, names_of

PAGES = sorted((ROOT / "docs" / "reference").glob("*.rst"))


def listed() -> list[str]:
    """Return the full names in the pages' tables. Sphinx makes a page of each, with all members of a class."""
    found = []
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        room = "".join(re.findall(r"^\.\. currentmodule:: (\S+)$", text, re.MULTILINE))
        for table in re.findall(r"^\.\. autosummary::\n(?:   :.+\n)+\n((?:   \S+\n)+)", text, re.MULTILINE):
            found += [f"{room}.{name}" for name in table.split()]
    return found


@pytest.mark.parametrize("room", ROOMS)
def test_public_object_has_an_entry(room):
    if room == "cyrnn.estimators":
        pytest.importorskip("sklearn", reason="scikit-learn is not installed")
    names = [f"{room}.{name}" for name in names_of(importlib.import_module(room))]
    assert sorted(name for name in listed() if name.rpartition(".")[0] == room) == sorted(names)


def test_entry_is_in_one_page():
    assert len(set(listed())) == len(listed())
