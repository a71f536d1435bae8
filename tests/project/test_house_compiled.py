"""The floors of the compiled lines, computed from who uses whose functions.

An index (body.pxi, a .pyx with `include` lines) is its files in reading order. Whatever stands in one of them uses what
stands in the same file or above: never below, so no circle is possible. Lines of the index itself, between its
includes, are a file at that place.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

import pytest
from paths import SRC

INCLUDE = re.compile(r'^include\s+"([^"]+)"', re.MULTILINE)
INDEXES = [
    path
    for path in sorted([*SRC.rglob("*.pyx"), *SRC.rglob("*.pxi")])
    if INCLUDE.search(path.read_text(encoding="utf-8"))
    and not path.name.startswith("_isa_")
]
each_index = pytest.mark.parametrize("index", INDEXES, ids=lambda path: path.name)

#: a function, a class, a struct, a function pointer's type: where they are defined; methods and `def` within are not
DEFINITION = re.compile(
    r"^(?:cdef\s+(?:inline\s+)?(?:const\s+)?[\w.]+[\s*]+(?=\w+\()|def\s+|cdef\s+class\s+"
    r"|(?:ctypedef|cdef)\s+(?:struct|enum)\s+|ctypedef\s+[\w\s*]+\(\*)(\w+)",
    re.MULTILINE,
)
CONSTANT = re.compile(r"^    ([A-Z][A-Z0-9_]*)\b(?: *=|,|$)", re.MULTILINE)
#: `import` with its names, which are not uses
IMPORT = re.compile(r"^(?:from\s+\S+\s+)?c?import\s+(?:\([^)]*\)|.*)$", re.MULTILINE)


class Unit(NamedTuple):
    """A file of an index, or lines of the index itself."""

    name: str
    code: str  # without comments, docstrings, other literals, imports

    def defined(self) -> set[str]:
        constants = {
            name
            for block in re.findall(r"^cdef enum[ \w]*:\n((?:(?: +.*)?\n)+)", self.code, re.MULTILINE)
            for name in CONSTANT.findall(block)
        }
        return set(DEFINITION.findall(self.code)) | constants

    def used(self, names: set[str]) -> set[str]:
        """Those of the names that stand here, but as an attribute, a keyword, a local variable or a parameter."""
        found = set()
        for block in re.split(r"^(?=\S)", self.code, flags=re.MULTILINE):
            if block.startswith("cdef extern"):
                continue
            words = set(re.findall(r"(?<![.\w])[A-Za-z_]\w*\b(?!\s*=[^=])", block))
            head, _, body = block.partition(":\n")
            inside = head.partition("(")[2]
            declared = [*re.split(r",|\(", inside), *re.findall(r"^\s+cdef\s+(.*)$", body, re.MULTILINE)]
            local = {name for text in declared for name in re.findall(r"(\w+)\s*(?=[,=)\[]|$)", text)}
            found |= (words & names) - (local - set(re.findall(r"(?<![.\w])(\w+)\(", body)))
        return found


def code_of(text: str) -> str:
    for pattern in (r'("""|\'\'\')(?:.|\n)*?\1', r'"(?:\\.|[^"\\\n])*"', r"'(?:\\.|[^'\\\n])*'"):
        text = re.sub(pattern, "", text)
    return IMPORT.sub("", re.sub(r"#.*", "", text))


def units_of(index: Path) -> list[Unit]:
    pieces = INCLUDE.split(index.read_text(encoding="utf-8"))  # text, name, text, name, ..., text
    units = []
    for i, piece in enumerate(pieces):
        if i % 2:
            target = (index.parent / piece).resolve()
            units.append(Unit(target.name, code_of(target.read_text(encoding="utf-8"))))
        else:
            units.append(Unit(f"{index.name}, part {i // 2}", code_of(piece)))
    return units


def uses_of(index: Path) -> list[tuple[int, int, str, str]]:
    """Every use of something of another unit: (rank of the user, rank of the owner, a sentence, the owner's name)."""
    units = units_of(index)
    owner: dict[str, int] = {}
    for rank, unit in enumerate(units):  # a class is owned by its forward declaration, if it has one
        owner = dict.fromkeys(unit.defined(), rank) | owner
    return [
        (rank, owner[name], f"{unit.name} uses {name} of {units[owner[name]].name}", units[owner[name]].name)
        for rank, unit in enumerate(units)
        for name in sorted(unit.used(set(owner)))
        if owner[name] != rank
    ]


def circle_in(edges: set[tuple[int, int]]) -> set[int]:
    """Ranks that use each other in a circle, and what leads to and from them; none where there is no circle."""
    left = {rank for edge in edges for rank in edge}
    while True:
        free = {rank for rank in left if not any(user == rank and owner in left for user, owner in edges)}
        if not free:
            return left
        left -= free


@each_index
def test_compiled_lines_use_what_stands_above(index):
    upwards = [sentence for user, owner, sentence, _ in uses_of(index) if owner > user]
    assert not upwards, "\n".join(upwards)


@each_index
def test_compiled_files_have_no_circle(index):
    uses = uses_of(index)
    circle = circle_in({(user, owner) for user, owner, _, _ in uses})
    assert not circle, "\n".join(line for user, owner, line, _ in uses if {user, owner} <= circle)


@each_index
def test_index_lists_its_files_in_their_order(index):
    """Where an index's docstring describes files, it describes all of them."""
    text = index.read_text(encoding="utf-8")
    included = INCLUDE.findall(text)
    described = re.findall(r"^ {4}(\S+\.pxi)\b", text.split('"""')[1], re.MULTILINE)
    assert described in ([], included)


def test_rule_sees_a_use_upwards_and_a_circle(tmp_path):
    """What these tests are made of finds what it is made for, and nothing in comments, strings, names of fields."""
    (tmp_path / "low.pxi").write_text(
        'cdef enum:\n    SIZE = 3\n\n\ncdef int low(int n) noexcept nogil:\n    """high(n)"""\n'
        "    return n  # high(n)\n\n\n"
        "cdef int field(int high) noexcept nogil:\n    cdef Thing thing\n    return thing.high + high\n"
    )
    (tmp_path / "high.pxi").write_text(
        "cdef inline int high(int n) noexcept nogil:\n    return low(n) + SIZE\n\n\ncdef void other():\n    pass\n"
    )
    index = tmp_path / "index.pyx"
    index.write_text('include "low.pxi"\ninclude "high.pxi"\n\nfunctions.high = high\n')
    assert [line for *_, line, _ in uses_of(index)] == [
        "high.pxi uses SIZE of low.pxi",
        "high.pxi uses low of low.pxi",
        "index.pyx, part 2 uses high of high.pxi",
    ]
    assert not circle_in({(user, owner) for user, owner, _, _ in uses_of(index)})
    with (tmp_path / "low.pxi").open("a") as file:
        file.write("\n\npointer = high\n")
    upwards = [line for user, owner, line, _ in uses_of(index) if owner > user]
    assert upwards == ["low.pxi uses high of high.pxi"]
    assert circle_in({(user, owner) for user, owner, _, _ in uses_of(index)})


def test_kernels_are_read():
    """The index of the kernels is among these, with all its functions."""
    (body,) = [index for index in INDEXES if index.name == "body.pxi"]
    names = {name for unit in units_of(body) for name in unit.defined()}
    assert {"forward_packed", "StagePlan", "TILE_VECTORS", "Pointwise", "lstm_pointwise", "define_cell"} <= names
    assert len(uses_of(body)) > 100
