"""How releases are made: what builds them is pinned, and so is what runs it."""

from __future__ import annotations

import re
import tomllib

import pytest
from paths import ROOT

WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
REQUIREMENTS = "ci/wheels/requirements.txt"


def pinned() -> dict[str, tuple[str, list[str]]]:
    """Name to version and hashes."""
    text = re.sub(r"^#.*\n", "", (ROOT / REQUIREMENTS).read_text(encoding="utf-8"), flags=re.MULTILINE)
    entries = re.findall(r"^([\w-]+)==(\S+)(?: ; [^\n]*)? \\\n((?:    --hash=\S+(?: \\)?\n)+)", text, re.MULTILINE)
    assert len(entries) == len(re.findall(r"^\S", text, re.MULTILINE)), "an entry without version or hash"
    return {name: (version, re.findall(r"--hash=sha256:([0-9a-f]{64})\b", hashes)) for name, version, hashes in entries}


def number(version: str) -> list[int]:
    return [int(part) for part in re.findall(r"\d+", version)]


def test_build_requirements_are_pinned_with_hashes_and_new_enough():
    found = pinned()
    assert all(hashes for _, hashes in found.values())
    for requirement in [*PYPROJECT["build-system"]["requires"], "build>=1"]:
        name, _, least = requirement.partition(";")[0].partition(">=")
        assert number(found[name.lower()][0]) >= number(least), requirement


def test_build_requirement_of_one_system_is_pinned_for_it_alone():
    """As pyproject.toml has it: another system would find no hash, or download what it does not use."""
    text = (ROOT / REQUIREMENTS).read_text(encoding="utf-8").replace('"', "'")
    wanted = [line for line in PYPROJECT["build-system"]["requires"] if ";" in line]
    assert [line.partition(";")[2].strip() for line in wanted] == re.findall(r"^\S+ ; (.*) \\$", text, re.MULTILINE)


@pytest.mark.parametrize("path", ["pyproject.toml", ".github/workflows/wheels.yml", "ci/wheels/run.sh"])
def test_release_build_installs_by_hash_and_is_not_isolated(path):
    text = (ROOT / path).read_text(encoding="utf-8")
    assert re.search(r"--require-hashes --only-binary :all: -r \S*requirements\.txt", text)
    assert "--no-isolation" in text


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_workflow_pins_each_action_by_commit(path):
    used = re.findall(r"uses: (.*)", path.read_text(encoding="utf-8"))
    assert used
    assert all(re.fullmatch(r"[\w./-]+@[0-9a-f]{40} # v[\d.]+", action) for action in used)


def test_security_page_names_what_is_there():
    text = (ROOT / "SECURITY.md").read_text(encoding="utf-8")
    assert "private vulnerability reporting" in text
    assert not re.search(r"\S+@\S+\.\w+", text), "an address"
    named = re.findall(r"`((?:ci|\.github)/[\w./]+)`", text)
    assert len(named) > 3
    assert all((ROOT / name).exists() for name in named)


def test_citation_is_of_this_version():
    cited = re.search(r"^version: (.*)$", (ROOT / "CITATION.cff").read_text(encoding="utf-8"), re.MULTILINE)
    assert cited is not None
    assert cited[1] == PYPROJECT["project"]["version"]


@pytest.mark.parametrize("path", sorted((ROOT / ".github").glob("**/*TEMPLATE*/*.yml")), ids=lambda path: path.name)
def test_issue_form_asks_what_runs_there(path):
    text = path.read_text(encoding="utf-8")
    assert path.name == "config.yml" or "python -m cyrnn info" in text
