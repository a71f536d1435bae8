"""Folders that tests read. Beside an installed wheel ROOT holds only what cibuildwheel's `test-sources` names."""

from __future__ import annotations

from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SRC = ROOT / "src" / "cyrnn"
DATA = ROOT / "tests" / "data"
SUPPORT = ROOT / "tests" / "support"
