"""The grid of ci/bench: right work, limits, order, files, picture. Nothing here is timed."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from xml.etree import ElementTree

import numpy as np
import pytest
from bench_rows import HEAD as RUN
from interpreter import run_python
from paths import ROOT

sys.path.insert(0, str(ROOT))

# E402: ci/ is found by the line above
from ci.bench import grid, grid_picture, grid_work
from ci.bench.grid import Row

HEAD = {"machine": RUN["machine"], "isa": "avx512", "one_thread": True, "steps": 10, "seconds": 0.02, "date": "2026"}
EVERY = [
    Row(function, dtype, n, m, 1.0, 2e5, 1e5, "0000", "0000")
    for function in grid_work.FUNCTIONS
    for dtype in grid_work.DTYPES
    for n in grid_work.SIZES
    for m in grid_work.BATCHES
]


def row(ratio: float = 1.0, limit: float = 1.0, **more: object) -> Row:
    return replace(Row("lstm_cell_backward", "f32", 1024, 128, limit, 99999.4 * ratio, 99999.4, "0a1Z", "0001"), **more)


def works(cell: str, dtype: str, wanted: list[str], n: int = 3, m: int = 2) -> list[grid_work.Work]:
    return list(grid_work.works(cell, dtype, m, grid_work.weights(cell, dtype, n), wanted))


@pytest.mark.parametrize("dtype", grid_work.DTYPES)
@pytest.mark.parametrize("cell", grid_work.CELLS)
def test_both_sides_of_every_function_are_alike(cell, dtype):
    for n, m in ((1, 1), (3, 1), (5, 10), (17, 4)):
        found = works(cell, dtype, list(grid_work.FUNCTIONS), n, m)
        assert [each.function for each in found] == [
            f"{cell}_{name}" for name in ("cell_forward", "cell_backward", "forward", "backward")
        ]
        for each in found:
            each.error()
            names = set(grid_work.named(each.function, each.numpy_result))
            assert len(names) >= (2 if each.function.endswith("forward") else 5)
            assert (each.n, each.m) == (n, m)


def test_backward_alone_has_its_caches_and_no_forward_row():
    assert [each.function for each in works("gru", "f64", ["gru_backward"])] == ["gru_backward"]
    assert works("gru", "f64", ["lstm_backward"]) == []


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda a: a + 1e-4, "differs from NumPy by"),
        (lambda a: np.where(a > a.min(), a, np.nan), "differs from NumPy by inf"),
        (lambda a: a.astype(np.float64), "float64, expected"),
        (lambda a: a[:-1], "expected"),
    ],
)
def test_wrong_result_is_refused_and_not_timed(change, reason):
    (work,) = works("rnn", "f32", ["rnn_forward"])
    a, *rest = work.cyrnn_result
    wrong = replace(work, cyrnn_result=(change(a), *rest))
    with pytest.raises(ValueError, match=reason):
        wrong.error()
    found = grid.measure(wrong, 1.0, 0)
    assert found.word == "WRONG"
    assert not found.cyrnn_turns
    assert not found.holds


def test_numpy_that_computes_in_another_dtype_is_refused():
    """It would be slower, and the ratio too good."""
    (work,) = works("rnn", "f32", ["rnn_backward"])
    work.numpy_result["dx"] = work.numpy_result["dx"].astype(np.float64)
    with pytest.raises(ValueError, match="not the same work"):
        work.error()


@pytest.mark.parametrize(
    ("where", "isa", "one_thread", "least"),
    [
        (("lstm_cell_forward", "f32", 512, 1), "avx512", True, 0.75),
        (("rnn_cell_backward", "f32", 1024, 1), "avx512", True, 0.75),
        (("lstm_cell_forward", "f32", 400, 1), "avx512", True, 1.0),
        (("lstm_cell_forward", "f32", 512, 2), "avx512", True, 1.0),
        (("lstm_cell_forward", "f64", 512, 1), "avx512", True, 1.0),
        (("lstm_forward", "f32", 512, 1), "avx512", True, 1.0),
        (("lstm_cell_forward", "f32", 512, 1), "avx512", False, 1.0),
        (("lstm_cell_forward", "f32", 256, 2), "avx2", True, 0.6),
        (("gru_backward", "f32", 1024, 1), "avx2", True, 0.6),
        (("lstm_cell_forward", "f32", 200, 1), "avx2", True, 0.9),
        (("lstm_cell_forward", "f32", 256, 3), "avx2", True, 0.9),
        (("lstm_cell_forward", "f64", 256, 1), "avx2", False, 0.9),
    ],
)
def test_limits_are_those_of_the_issue(where, isa, one_thread, least):
    assert grid.limit(*where, isa=isa, one_thread=one_thread) == least


def test_row_within_a_tie_holds_and_one_below_is_marked():
    assert row(2.0).ratio == pytest.approx(2.0)
    assert row(0.98).holds
    assert row(0.98).word == ""
    assert not row(0.96).holds
    assert row(0.96).word == "BELOW"
    assert row(0.96, 0.9).holds
    assert row(2.0, wrong="no").ratio == 0


def test_row_below_its_limit_is_timed_again_and_all_turns_count(monkeypatch):
    turns = iter([([1.0, 1.2], [2.0]), ([1.5], [1.5]), ([0.9], [1.7])])
    monkeypatch.setattr(grid, "take_turns", lambda work, seconds, one_thread: next(turns))
    (work,) = works("rnn", "f64", ["rnn_forward"])
    found = grid.measure(work, 1.0, 0)
    assert (found.numpy_us, found.cyrnn_us) == (0.9e6, 1.5e6)
    assert (found.numpy_turns, found.cyrnn_turns) == ("bxZ0", "x0d")
    turns = iter([([2.0], [1.0])])
    assert grid.measure(work, 1.0, 0).numpy_turns == "0"


def test_turns_of_both_sides_are_as_many():
    (work,) = works("lstm", "f32", ["lstm_cell_forward"])
    for once, count in ((work.once, grid.LEAST_TURNS), ((1.0, 0.0001), grid.LEAST_LONG_TURNS)):
        both = grid.take_turns(replace(work, once=once), 0)
        assert [len(times) for times in both] == [count, count]
        assert 0 < min(map(min, both)) <= max(map(max, both)) < 1


def test_order_is_by_what_is_reached_of_the_limit():
    found = [row(3.0), row(0.8, 0.75), row(0.9), row(1.0, wrong="no"), row(0.5)]
    assert [each.word for each in grid.worst_first(found)] == ["WRONG", "BELOW", "BELOW", "", ""]
    assert [each.ratio for each in grid.worst_first(found)][1:] == pytest.approx([0.5, 0.9, 0.8, 3.0])


def test_report_fits_its_page_and_counts():
    other = row(4.0, function="rnn_forward", dtype="f64", n=1, m=1)
    text = grid.report(HEAD, [row(0.25), row(1.0), other, row(wrong="differs from NumPy by 1.0e-01 " * 4)], None)
    assert max(map(len, text.splitlines())) <= grid.WIDTH
    lines = text.splitlines()
    assert [each.split()[-1] for each in lines if each.endswith("BELOW")] == ["BELOW"]
    assert "lstm_cell_backward  f32          1/3   0.50x   0.00x  (1024,128)" in lines
    assert "rnn_forward         f64          1/1   4.00x   4.00x  (1,1)" in lines
    assert any(each.split()[:3] == ["all", "2/4", "1.00x"] for each in lines)
    assert "one thread each" in text
    assert sum("(1024,128)" in each for each in grid.report(HEAD, [row()] * 9, 2).splitlines()) == 2 + 2
    assert "default threads" in grid.report(HEAD | {"one_thread": False}, [], None)


def test_rows_survive_their_file_and_the_last_file_counts(tmp_path):
    old, new, other = (tmp_path / name for name in ("old.json", "new.json", "other.json"))
    grid.write(old, HEAD, [row(0.5), row(2.0, m=1)])
    grid.write(new, HEAD | {"date": "2027"}, [row(1.5)])
    assert grid.read([old]) == (HEAD, [row(0.5), row(2.0, m=1)])
    head, found = grid.read([old, new])
    assert found == [row(1.5), row(2.0, m=1)]
    assert head["date"] == "2027"
    grid.write(other, HEAD | {"isa": "avx2"}, [row()])
    with pytest.raises(SystemExit, match="has isa avx2"):
        grid.read([old, other])


def test_functions_are_selected_by_name_and_pattern():
    assert grid.selected(["gru_*", "rnn_forward"]) == ["rnn_forward", *grid_work.FUNCTIONS[8:]]
    assert len(grid.selected(["*"])) == 12
    with pytest.raises(SystemExit, match="no function is called lstm"):
        grid.selected(["lstm", "*"])


def drawn(rows: list[Row]) -> ElementTree.Element:
    return ElementTree.fromstring(grid_picture.draw(HEAD, rows))


def test_picture_has_a_panel_for_each_function_and_dtype_and_a_square_for_each_row():
    text, root = grid_picture.draw(HEAD, EVERY), drawn(EVERY)
    assert len(EVERY) == 4080
    assert len([each for each in root if each.tag.endswith("}g")]) == 24
    assert text.count(f"h{grid_picture.SIDE_X - 1}v") == 4080
    assert text.count(">1024<") == len(grid_work.PASSES)
    assert "4080 of 4080" in text
    assert len(text) < 150_000


def test_picture_of_few_rows_marks_those_below_and_those_wrong():
    text = grid_picture.draw(HEAD, [row(0.4), row(3.0, m=7), row(wrong="no", n=99)])
    (panel,) = [each for each in ElementTree.fromstring(text) if each.tag.endswith("}g")]
    fills = {each.get("fill") for each in panel}
    assert {grid_picture.COLOURS[0][1], grid_picture.WRONG} < fills
    (dots,) = [each.get("d") for each in panel if each.get("stroke")]
    assert dots.count("M") == 2
    assert ">99<" in text
    assert ">7<" in text


def test_colours_change_at_their_ratios():
    for number, (least, shade) in enumerate(grid_picture.COLOURS):
        assert grid_picture.colour(row(least + 1e-6)) == shade
        if number:
            assert grid_picture.colour(row(least - 1e-6)) == grid_picture.COLOURS[number - 1][1]


def bench(*words: str, **environment: str):
    return run_python("-m", "ci.bench", "grid", *words, cwd=ROOT, seconds=300, **environment)


def test_program_measures_a_part_and_draws_it_again_from_its_file(tmp_path):
    result, picture, again = tmp_path / "rows.json", tmp_path / "grid.svg", tmp_path / "again.svg"
    words = ["--only", "lstm_cell_*,rnn_forward", "--n", "3,5,99", "--max-n", "5", "--m", "1,2", "--seconds", "0"]
    done = bench(*words, "--json", str(result), "--picture", str(picture), OPENBLAS_CORETYPE="Prescott")
    assert done.returncode == 0, done.stderr
    assert "Prescott" not in done.stdout
    stored = json.loads(result.read_text())
    assert sorted((n, len(of_m)) for *_, n, of_m in stored["rows"]) == 6 * [(3, 2)] + 6 * [(5, 2)]
    assert all(numpy_us > 0 < cyrnn_us for *_, of_m in stored["rows"] for _, _, numpy_us, cyrnn_us, *_ in of_m)
    assert "24 of 24 calls" in picture.read_text() or "BELOW" in done.stdout
    redrawn = bench("--from", str(result), "--picture", str(again))
    assert redrawn.returncode == 0, redrawn.stderr
    assert redrawn.stdout == done.stdout
    assert again.read_text() == picture.read_text()
    part = bench("--from", str(result), "--only", "rnn_*", "--dtypes", "f64", "--max-n", "3", "--m", "2")
    assert "rnn_forward" in part.stdout
    assert "lstm" not in part.stdout


def test_program_fails_where_a_row_is_wrong_or_strictly_below(tmp_path):
    path = tmp_path / "rows.json"
    for found, words, code in (
        (row(0.5), [], 0),
        (row(0.5), ["--strict"], 1),
        (row(0.98), ["--strict"], 0),
        (row(wrong="no"), [], 1),
    ):
        grid.write(path, HEAD, [found])
        assert bench("--from", str(path), *words).returncode == code
    assert "does not end in .svg" in bench("--from", str(path), "--picture", "grid.png").stderr


def test_threads_are_the_default_or_one():
    """The conditions of a run, and what the libraries of the process are told of threads."""
    code = "import os; from ci.bench import machine; print(machine.settle(None, default_threads={}), {})"
    told = "*(os.environ.get(name) for name in ('OPENBLAS_NUM_THREADS', 'CYRNN_NUM_THREADS'))"
    for default, wanted in ((True, ["None", "None"]), (False, ["1", "1"])):
        done = run_python("-c", code.format(default, told), cwd=ROOT, OPENBLAS_NUM_THREADS="7")
        assert done.returncode == 0, done.stderr
        core, *found = done.stdout.split()
        assert found == wanted
        assert not default or core == "None"
