"""Writes docs/inventories/numpy.inv, by which the site's types link to NumPy's: `python -m ci.inventory`.

NumPy's own objects.inv is in no package, and the site is built without network. So these are the names that docstrings
use, at NumPy's addresses, as of its 2.0. `python -m sphinx -n` says which name is missing here.
"""

from __future__ import annotations

import zlib
from pathlib import Path

INVENTORY = Path(__file__).parents[1] / "docs" / "inventories" / "numpy.inv"

#: name -> its role; its page is its own, `reference/generated/NAME.html`
GENERATED = {
    "numpy.ascontiguousarray": "function",
    "numpy.dtype": "class",
    "numpy.load": "function",
    "numpy.ndarray": "class",
    "numpy.savez": "function",
}
#: name -> role, page, anchor
ELSEWHERE = {
    "numpy.random.Generator": ("class", "reference/random/generator.html", "numpy.random.Generator"),
    "numpy.random.RandomState": ("class", "reference/random/legacy.html", "numpy.random.RandomState"),
    "numpy.random.seed": ("function", "reference/random/generated/numpy.random.seed.html", "numpy.random.seed"),
    "numpy.float32": ("class", "reference/arrays.scalars.html", "numpy.float32"),
    "numpy.float64": ("class", "reference/arrays.scalars.html", "numpy.float64"),
}
WORDS = {
    "array_like": ("std:term", "glossary.html#term-array_like", "array_like"),
    "arrays.scalars": ("std:label", "reference/arrays.scalars.html#arrays-scalars", "Scalars"),
}
HEAD = """\
# Sphinx inventory version 2
# Project: NumPy
# Version: 2.0
# The remainder of this file is compressed using zlib.
"""


def lines() -> list[str]:
    """Return the entries: name, role, priority, address, text."""
    found = {name: (role, f"reference/generated/{name}.html", name) for name, role in GENERATED.items()} | ELSEWHERE
    entries = [f"{name} py:{role} 1 {page}#{anchor} -" for name, (role, page, anchor) in found.items()]
    return sorted([*entries, *(f"{name} {role} -1 {to} {text}" for name, (role, to, text) in WORDS.items())])


if __name__ == "__main__":
    body = "".join(f"{line}\n" for line in lines()).encode()
    INVENTORY.write_bytes(HEAD.encode() + zlib.compress(body, 9))
