"""The worked example of docs/how_to/own_cell.md, done: its change made in a copy of the sources, built, and tested.

    python ci/own_cell.py [ISA]    with the kernels of one ISA, avx2 if none is named; "reference" wants no build

A block of code below a line that is a path and a colon is a new file; blocks of diff are for `git apply`.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "how_to" / "own_cell.md"
COPIED = ["src", "tests", "ci", "docs", "setup.py", "pyproject.toml", "LICENSE"]
COPIED += [path.name for path in ROOT.glob("*.md")]
NOT_COPIED = shutil.ignore_patterns("*.so", "*.pyd", "*.c", "__pycache__", "*.egg-info")
NEW_FILE = re.compile(r"^`(\S+)`:\n\n```py\n(.*?)^```$", re.MULTILINE | re.DOTALL)
DIFF = re.compile(r"^```diff\n(.*?)^```$", re.MULTILINE | re.DOTALL)
TESTS = ["tests/kernels/test_parity.py", "tests/kernels/test_kernel_backward.py"]
TESTS += ["tests/kernels/test_canonical_kernels.py", "tests/notebook", "tests/calls"]


def copy_to(tree: Path) -> None:
    """The sources, without what is built of them."""
    for name in COPIED:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, tree / name, ignore=NOT_COPIED)
        elif source.exists():
            shutil.copy(source, tree / name)


def change(tree: Path) -> list[str]:
    """Make the page's change, and return the paths of its new files."""
    page = PAGE.read_text(encoding="utf-8")
    for path, text in NEW_FILE.findall(page):
        assert not (tree / path).exists(), f"{path} is there already"
        (tree / path).write_text(text, encoding="utf-8")
    for text in DIFF.findall(page):
        subprocess.run(["git", "apply", "-"], cwd=tree, input=text, text=True, check=True)
    return [path for path, _ in NEW_FILE.findall(page)]


def in_tree(tree: Path, isa: str, *command: str) -> None:
    """Run Python there, and with it the sources there."""
    own = {"PYTHONPATH": str(tree / "src"), "CYRNN_ISA": isa, "CYRNN_BUILD_ISAS": isa}
    subprocess.run([sys.executable, *command], cwd=tree, env=os.environ | own, check=True)


def main(isa: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        tree = Path(folder)
        copy_to(tree)
        files = change(tree)
        name = Path(files[0]).stem
        if isa == "reference":  # the CPU is asked for its features all the same
            from cyrnn.kernels import _cpu

            shutil.copy(_cpu.__file__, tree / "src" / "cyrnn" / "kernels")
        else:
            in_tree(tree, isa, "setup.py", "-q", "build_ext", "--inplace")
            ledger = tree / "tests" / "data" / "ledger.json"
            before = json.loads(ledger.read_text(encoding="utf-8"))["sha256"]
            in_tree(tree, isa, "tests/support/ledger.py", "--write")
            after = json.loads(ledger.read_text(encoding="utf-8"))["sha256"]
            assert before.items() < after.items(), "hashes of other cells changed"
            assert all(key.startswith(f"{name}-") for key in after.keys() - before.keys())
        chosen = f"{name} and not docstring" + " and not ledger" * (isa == "reference")
        in_tree(tree, isa, "-m", "pytest", "-q", "-p", "no:cacheprovider", *TESTS, "-k", chosen)
        in_tree(tree, isa, "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests/project/test_house.py")


if __name__ == "__main__":
    main(*(sys.argv[1:2] or ["avx2"]))
