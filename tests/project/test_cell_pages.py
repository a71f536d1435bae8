"""docs/reference/cells: the figures are what ci/cell_figures.py draws, and every page has its parts."""

from __future__ import annotations

import re
import sys

import numpy as np
import pytest
from paths import ROOT

sys.path.insert(0, str(ROOT))
from ci.cell_figures import FIGURES, FOLDER

PAGES = sorted(path for path in FOLDER.glob("*.md") if path.name != "index.md")
NUMBER = re.compile(r"-?\d+\.?\d*")


@pytest.mark.parametrize("name", FIGURES)
def test_figure_is_what_the_program_draws(name):
    kept, drawn = (FOLDER / f"{name}.svg").read_text(encoding="utf-8"), FIGURES[name]().written()
    assert NUMBER.sub("0", kept) == NUMBER.sub("0", drawn)
    numbers = [np.array(NUMBER.findall(text), float) for text in (kept, drawn)]
    np.testing.assert_allclose(*numbers, atol=0.11)  # a digit of a curve may be rounded the other way


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_page_has_its_parts_and_a_figure_with_words(page):
    text = page.read_text(encoding="utf-8")
    titles = re.findall(r"^## (.*)$", text, re.MULTILINE)
    assert {"The formulas in NumPy", "What computes it", "In other frameworks", "Sources"} <= set(titles)
    (words, figure), *_ = re.findall(r"^!\[(.*)\]\((.*)\.svg\)$", text, re.MULTILINE)
    assert figure in FIGURES
    assert len(words) > 60
    assert re.search(r"doi\.org|arxiv\.org|jmlr|mlr\.press", text.partition("## Sources")[2])


def test_every_figure_is_on_a_page_and_every_page_in_the_index():
    index = (FOLDER / "index.md").read_text(encoding="utf-8")
    texts = index + "".join(page.read_text(encoding="utf-8") for page in PAGES)
    assert [name for name in FIGURES if f"({name}.svg)" not in texts] == []
    assert [page.stem for page in PAGES if f"\n{page.stem}\n" not in index] == []
