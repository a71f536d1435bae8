"""Count lines of the programs on docs/how_to/sequential.md: `python ci/lines.py` prints the table that stands there.

A line counts that is neither empty nor a comment alone. Both programs of a section have the form that `ruff format` of
its defaults gives them, 88 columns, so that nobody's lines are longer than the other's.
"""

from __future__ import annotations

import re
from pathlib import Path

PAGE = Path(__file__).resolve().parents[1] / "docs" / "how_to" / "sequential.md"
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
#: how blocks of code are marked -> whose they are
MARKS = {"python": "cyrnn", "py": "Keras"}


def count(code: str) -> int:
    return sum(1 for line in code.splitlines() if line.strip() and not line.lstrip().startswith("#"))


def programs(text: str) -> dict[str, dict[str, str]]:
    """Return the programs by the titles of sections that have one of each, and by whose they are."""
    found = {}
    for part in text.split("\n## ")[1:]:
        title, _, body = part.partition("\n")
        codes = {MARKS[mark]: code for mark, code in BLOCK.findall(body) if mark in MARKS}
        if len(codes) == len(MARKS):
            found[title] = codes
    return found


def table(text: str) -> str:
    lines = ["| program | cyrnn | Keras |", "|---|---:|---:|"]
    for title, codes in programs(text).items():
        lines.append(f"| {title} | {count(codes['cyrnn'])} | {count(codes['Keras'])} |")
    return "\n".join(lines)


if __name__ == "__main__":
    print(table(PAGE.read_text(encoding="utf-8")))
