"""The tables that ci/bench writes into pages."""

from __future__ import annotations

import pytest
from bench_rows import HEAD, many_rows

from ci.bench import performance_page, readme, work


def test_tables_have_every_shape_and_nothing_in_fewer_bits():
    text = "\n".join(readme.tables(many_rows()))
    assert "| (64,64,1,100) |" in text
    assert "GRU, float32" in text
    assert "| LSTM, 2 layers, both directions (64,64,1,100) |" in text
    assert "int8" not in text


def test_readme_has_ten_rows_or_says_which_are_missing():
    assert "\n".join(readme.ten(HEAD, many_rows())).count("1.00x |") == len(readme.TEN) == 10
    with pytest.raises(ValueError, match=r"hidden gru f32 \(64,64,1,100\).*: not measured"):
        readme.ten(HEAD, [row for row in many_rows() if row["cell"] != "gru"])


def test_ten_rows_are_work_that_a_run_does():
    for _, kind, cell, dtype, shape in readme.TEN:
        assert shape in work.SHAPES[kind]
        assert cell in work.CELLS
        assert dtype in work.DTYPES


def test_page_is_written_between_its_markers_and_nowhere_else():
    text = "before\n<!-- roof:start -->\nold\n<!-- roof:end -->\nafter\n"
    new = performance_page.filled(text, {"roof": lambda: ["| a table |", ""]})
    assert new == "before\n<!-- roof:start -->\n\n| a table |\n<!-- roof:end -->\nafter\n"
    assert performance_page.filled(new, {"roof": lambda: ["| a table |", ""]}) == new


@pytest.mark.parametrize(
    "text",
    [
        "",
        "<!-- roof:start -->",
        "<!-- roof:end --> <!-- roof:start -->",
        "<!-- roof:start --><!-- roof:end -->" * 2,
    ],
)
def test_page_without_its_markers_is_an_error(text):
    with pytest.raises(ValueError, match="once each"):
        performance_page.filled(text, {"roof": list})
