"""The page of speeds: its tables are those that the files beside it give, and each file says where it is from."""

from __future__ import annotations

import json
import re
import sys

import pytest
from paths import ROOT

sys.path.insert(0, str(ROOT))

# E402: ci/ is found by the line above
from ci.bench import memory, performance_page, roofline, samples, scaling, start

FOLDER = ROOT / "docs" / "explanation" / "performance"
FILES = sorted(FOLDER.glob("*.json"))
PAGE, *others = (page.read_text(encoding="utf-8") for page in performance_page.PAGES)
PAGES = "\n".join([PAGE, *others])


def test_tables_of_the_pages_are_what_the_program_writes():
    assert performance_page.write(check=True) == 0, "run python -m ci.bench page"


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_file_says_machine_blas_versions_commit_and_date(path):
    run = json.loads(path.read_text(encoding="utf-8"))["run"]
    assert set(samples.SAID) <= set(run)
    assert all(run["machine"][name] for name in samples.OF_MACHINE)
    assert re.fullmatch(r"\w+ [\d.]+ \w+", run["machine"]["blas"]), "the BLAS and its kernel"
    assert re.fullmatch(r"[0-9a-f]{10}", run["machine"]["commit"]), "of sources without changes"
    assert re.fullmatch(r"20\d\d-\d\d-\d\d \d\d:\d\d", run["date"])
    assert run["contestants"]["cyrnn"]
    assert f"performance/{path.name}" in PAGES or f"performance/{path.stem}.svg" in PAGES


def test_files_are_small_and_every_picture_is_on_the_page():
    assert sum(path.stat().st_size for path in FILES) < 1_200_000
    for path in FOLDER.glob("*.svg"):
        assert re.search(rf"!\[[^\]]{{40,}}\]\(performance/{path.name}\)", PAGE), f"{path.name} with a text"


def test_letters_of_turns_are_percent_above_the_minimum():
    assert samples.letters([0, 4, 14, 100, 354, 614, 5000]) == "001azZZ"


def made(path, commit, minimum, above, kind="hidden", error=0.0):
    """A file of `run --json` with one case of two contestants."""
    common = {"kind": kind, "cell": "lstm", "dtype": "f32", "shape": [3, 5, 10, 7], "variant": "nn", "error": error}
    both = [common | {"rival": name, "min_us": minimum, "above": above} for name in ("cyrnn", "torch")]
    head = {"machine": {"commit": commit}, "contestants": {"cyrnn": "1", "torch": "2", "jax": "3"}, "isa": "avx2"}
    path.write_text(json.dumps({"run": head | {"date": "2026-11-29 23:00", "missing": {}}, "rows": both}))
    return path


def test_all_turns_of_several_runs_count(tmp_path):
    one, two = made(tmp_path / "one", "aaa", 2.0, [0, 500]), made(tmp_path / "two", "bbb", 1.0, [0, 20, 1000])
    packed = samples.packed([one, two])
    assert packed["measured"] == [["aaa", "2026-11-29 23:00"], ["bbb", "2026-11-29 23:00"]]
    assert packed["run"]["contestants"] == {"cyrnn": "1", "torch": "2"}
    assert packed["rows"][0][4:] == [[0, 1], {name: ["nn", 1.0, "ZZ02Z"] for name in ("cyrnn", "torch")}]
    page = tmp_path / "file.json"
    page.write_text(samples.dump(packed))
    _, rows = samples.load(page)
    assert {row["error"] for row in rows} == {0.0}, "of weights in fewer bits alone"
    assert [(row["rival"], row["min_us"], row["turns"], row["commit"]) for row in rows] == [
        ("cyrnn", 1.0, 5, "aaa, bbb"),
        ("torch", 1.0, 5, "aaa, bbb"),
    ]


def test_error_in_fewer_bits_is_that_of_the_fastest_form(tmp_path):
    files = [made(tmp_path / str(us), "aaa", us, [0], "quantized", 1e-3 * us) for us in (2.0, 1.0, 3.0)]
    page = tmp_path / "file.json"
    page.write_text(samples.dump(samples.packed(files)))
    assert [(row["min_us"], row["error"]) for row in samples.load(page)[1]] == [(1.0, 1e-3)] * 2


def test_roof_is_the_slower_of_operations_and_bytes():
    roof = {"peak": {"avx2": {"f32": [100.0, 90.0]}}, "read": {"avx2": [[1 << 14, [50.0]], [1 << 20, [10.0, 5.0]]]}}
    assert roofline.least_seconds(roof, "avx2", 1e11, 1 << 14, 1) == pytest.approx(1)
    assert roofline.least_seconds(roof, "avx2", 1.0, 1 << 20, 3) == pytest.approx(3 * (1 << 20) / 1e10)
    assert 10 < roofline.bandwidth(roof, "avx2", 1 << 17) < 50


def test_operations_and_bytes_of_an_lstm():
    shape = 3, 5, 10, 7
    assert scaling.operations("hidden", shape) == 2 * (3 + 5) * 20 * 10 * 7
    assert scaling.operations("train", shape) == 3 * scaling.operations("hidden", shape)
    assert scaling.weight_bytes(shape) == 4 * 20 * 8
    assert scaling.recurrent_bytes(shape) == 4 * 20 * 5
    for sweep in scaling.SWEEPS:
        along = [sweep.along(each) for each in sweep.shapes]
        assert along == sorted(set(along))


@pytest.mark.parametrize("name", list(start.PROGRAMS))
def test_programs_of_start_are_python(name):
    assert [compile(part, name, "exec") for part in start.PROGRAMS[name]]
    assert len(start.least([[3.0] * 5, [2.0] * 5])) == 5


@pytest.mark.skipif(not memory.CLEAR.exists(), reason="Linux alone marks the highest resident memory")
def test_memory_of_a_small_model_is_measured():
    found = memory.child("cyrnn", "hidden", (3, 5, 1, 2), 0)
    assert found["form"] == "nn"
    assert len(found["calls"]) == memory.CALLS
    assert memory.child("cyrnn", "hidden", (3, 5, 1, 2), 99) == {}


def test_pictures_are_drawn_from_the_files():
    pytest.importorskip("matplotlib")
    from ci.bench import performance_pictures

    assert {path.stem for path in FOLDER.glob("*.svg")} == set(performance_pictures.PICTURES)
    text = performance_pictures.drawn("roofline")
    assert text == performance_pictures.drawn("roofline"), "the same file from the same numbers"
    assert all(name in text for name in performance_pictures.STYLES)
