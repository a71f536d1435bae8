"""The pages that ci/bench writes its tables to."""

from __future__ import annotations

import pytest
from bench_rows import HEAD, many_rows

from ci.bench import readme, work


def test_page_is_written_between_its_markers_and_nowhere_else(tmp_path):
    page = tmp_path / "performance.md"
    page.write_text(f"before\n{readme.START}\nold\n{readme.END}\nafter\n")
    readme.write(page, HEAD, many_rows())
    once = page.read_text()
    assert once.startswith(f"before\n{readme.START}\n")
    assert once.endswith(f"{readme.END}\nafter\n")
    assert "| (64,64,1,100) |" in once
    assert "GRU, float32" in once
    assert "| LSTM, 2 layers, both directions (64,64,1,100) |" in once
    assert "old" not in once
    readme.write(page, HEAD, many_rows())
    assert page.read_text() == once


def test_readme_has_ten_rows_between_markers_of_its_own(tmp_path):
    page = tmp_path / "README.md"
    page.write_text(f"before\n{readme.TEN_START}\nold\n{readme.TEN_END}\nafter\n")
    readme.write(page, HEAD, many_rows())
    once = page.read_text()
    assert once.startswith(f"before\n{readme.TEN_START}\n")
    assert once.endswith(f"{readme.TEN_END}\nafter\n")
    assert once.count("1.00x |") == len(readme.TEN) == 10
    assert "old" not in once
    with pytest.raises(ValueError, match=r"hidden gru f32 \(64,64,1,100\).*: not measured"):
        readme.write(page, HEAD, [row for row in many_rows() if row["cell"] != "gru"])
    assert page.read_text() == once


def test_ten_rows_are_work_that_a_run_does():
    for _, kind, cell, dtype, shape in readme.TEN:
        assert shape in work.SHAPES[kind]
        assert cell in work.CELLS
        assert dtype in work.DTYPES


@pytest.mark.parametrize(
    "text", ["", readme.TEN_START, readme.START, f"{readme.END} {readme.START}", f"{readme.START}{readme.END}" * 2]
)
def test_readme_without_its_markers_is_an_error_and_stays(tmp_path, text):
    page = tmp_path / "README.md"
    page.write_text(text)
    with pytest.raises(ValueError, match="once each"):
        readme.write(page, HEAD, [])
    assert page.read_text() == text
