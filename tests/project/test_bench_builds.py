"""The benchmark's programs that compare cyrnn with itself: ratios, python, against. Nothing here is timed."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import pytest
from interpreter import run_python
from paths import ROOT

sys.path.insert(0, str(ROOT))

# E402: ci/ is found by the line above
import cyrnn
from ci.bench import against, overhead, pairs, ratios, work, worker
from ci.bench.against import Row
from ci.bench.work import Case


@pytest.mark.parametrize("group", pairs.GROUPS)
def test_both_calls_of_every_pair_are_alike(group):
    found = list(pairs.GROUPS[group]())
    assert len({str(pair) for pair in found}) == len(found)
    for pair in found:
        pair.check()
        assert len(ratios.line(ratios.Measured(pair, 99999.0, 9999.0))) <= ratios.WIDTH


@pytest.mark.parametrize(
    ("got", "reason"),
    [
        (np.ones(3), "differs from its base by 5.0e"),
        (np.array([0, np.nan, 2]), "inf"),
        (np.arange(3), "float64"),
        (np.arange(2.0), "expected"),
    ],
)
def test_pair_of_different_results_is_refused(got, reason):
    pair = pairs.Pair("odd", "work", "sizes", None, lambda: got, lambda: np.arange(3.0), pairs._all, "f64")
    with pytest.raises(ValueError, match=reason):
        pair.check()


def test_pairs_have_the_limits_of_the_issue():
    limits = [(pair.group, pair.limit) for group in pairs.GROUPS.values() for pair in group() if pair.limit]
    assert [limit for group, limit in limits if group == "layers"] == [1.4, 1.3, 1.15, 1.1, 2.2, 1.6, 1.1, 1.1]
    assert [limit for group, limit in limits if group == "odd"] == [3, 3, 2.5, 2.5, 1.4, 1.4, 1.1, 1.1] * 2
    assert [limit for group, limit in limits if group in ("step", "projection")] == [1.6, 1.6, 1.5, 1.5]
    assert {limit for group, limit in limits if group == "variants"} == {1.15}


def test_entered_counts_functions_in_python_and_in_c():
    def inner(values):
        return values.copy()  # a method in C

    def outer():
        return [inner([1]), inner([2])]

    count = overhead.entered(outer)
    assert count["c_call"] == 2
    assert count["call"] - 2 in (1, 2)  # before Python 3.12 a comprehension was a function, and this has none


@pytest.mark.parametrize("name", overhead.CALLS)
def test_calls_whose_python_is_counted_run(name):
    text = overhead.line(name, (2, 3, 4, 5), "f32", 0)
    assert len(text) <= overhead.WIDTH
    assert name in text


def test_worker_replies_with_the_same_digest_for_the_same_case():
    for kind in [kind for kind in work.KINDS if kind != "threads"]:
        T_x = 1 if not work.possible(kind, (3, 4, 1, 2)) else 2
        found = []
        for _ in range(2):
            side = worker.Worker()
            found.append(side.begin([kind, work.CELLS_OF.get(kind, ["gru"])[0], "f64", 3, 4, 1, T_x])["digest"])
            assert side.turn(2)["seconds"] > 0
            assert side.check()["error"] < 1e-12
        assert found[0] == found[1]


def row(*runs: tuple[float, float], **more: str) -> Row:
    return Row(Case("train_bidirectional", "lstm", "f32", 1024, 1024, 64, 100), list(runs), **more)


def test_row_that_was_slower_only_at_first_is_not_blamed():
    assert row((1.0, 1.2)).slower
    found = row((1.0, 1.2), (1.0, 1.01), (1.0, 1.3), (1.0, 0.9))
    assert found.ratio == 1.01
    assert not found.slower
    assert row((1.0, 1.2), (1.0, 1.1), (1.0, 1.3), (1.0, 0.9)).slower


def test_report_of_builds_says_who_is_slower_and_fits_its_page():
    found = [row((0.1, 0.2), bits="same"), row((0.2, 0.1), bits="WRONG: no"), row(failed="ValueError: no")]
    text = against.report(found, None)
    assert max(map(len, text.splitlines()[:3])) <= 80
    assert text.splitlines()[1].endswith("2.000")
    assert "of all               1.000  of 2 rows" in text
    assert "WRONG: no: train_bidirectional" in text
    assert "1 of 2 rows more than 3% slower; bits the same in 1" in text


def program(*words: str) -> str:
    done = run_python("-m", "ci.bench", *words, cwd=ROOT, seconds=300)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_build_against_itself_has_the_same_bits(tmp_path):
    path, result = Path(cyrnn.__file__).parents[1], tmp_path / "rows.json"
    words = ["--kinds", "cell,train_ragged,steps", "--cells", "lstm", "--dtypes", "f64", "--seconds", "0"]
    text = program("against", str(path), *words, "--shapes", "3,5,1,1;3,5,2,4", "--json", str(result))
    assert "bits the same in 4" in text
    stored = json.loads(result.read_text())
    assert {found["kind"] for found in stored} == {"cell", "train_ragged", "steps"}
    assert all(found["bits"] == "same" and found["old_us"] > 0 for found in stored)


def test_path_without_a_build_is_refused(tmp_path):
    with pytest.raises(SystemExit, match=r"has no cyrnn|ended: status 1"):
        against.Build(tmp_path)


def test_programs_print_their_tables():
    assert "nn.LSTM.step, reset=" in program("ratios", "--groups", "step", "--seconds", "0")
    assert "nn.LSTM forward + backward" in program("python", "--shapes", "2,3,4,5", "--seconds", "0")
