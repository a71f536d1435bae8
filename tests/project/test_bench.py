"""The benchmark program without its rivals: right work, right rows, right verdicts. Nothing here is timed."""

from __future__ import annotations

import json
import sys
from subprocess import CompletedProcess
from types import SimpleNamespace

import numpy as np
import pytest
from interpreter import run_python
from paths import ROOT

sys.path.insert(0, str(ROOT))

# E402: ci/ is found by the line above
from bench_rows import HEAD, made_row, many_rows

from ci.bench import clock, contestant, judge, rows, run, table, targets, truth, work
from ci.bench.contestant import Variant
from ci.bench.rivals import best_numpy, notebook_numpy, ours, ours_int8, ours_int16, ours_int16x2
from ci.bench.work import Case

MODULES = {
    "cyrnn": ours,
    "notebook": notebook_numpy,
    "numpy": best_numpy,
    "cyrnn_int8": ours_int8,
    "cyrnn_int16": ours_int16,
    "cyrnn_int16x2": ours_int16x2,
}
SMALL = ((3, 5, 10, 7), (4, 3, 1, 6), (1, 1, 1, 1), (2, 17, 3, 1), (5, 6, 1, 1))
CASES = list(work.cases(list(work.KINDS), list(work.CELLS), list(work.DTYPES), list(SMALL)))


@pytest.mark.parametrize("case", CASES, ids=str)
def test_contestants_on_every_kind_of_work_are_right(case):
    good, out = run.entrants(case, MODULES)
    assert [row["rival"] for row in out if row["out"] != table.NOT_OFFERED] == []
    expected = {name for name, module in MODULES.items() if contestant.variants(module, case)}
    assert {variant.rival for variant, _ in good} == expected
    if case.kind != "threads":
        assert "cyrnn" in expected
        notebook_alone = case.kind in ("cell", "forward", "train", "backward") and case.cell == "gru"
        # torch and others are not here
        without_rivals = case.kind in (*work.NN, *work.NN_TRAIN, *work.VARIANTS, *work.QUANTIZED)
        assert len(expected) > 1 or notebook_alone or without_rivals


@pytest.mark.parametrize("kind", ["forward", "cell"])
@pytest.mark.parametrize("cell", work.CELLS)
def test_truth_agrees_with_the_public_functions(kind, cell):
    case = Case(kind, cell, "f64", 3, 5, 10, 1 if kind == "cell" else 7)
    (variant,) = contestant.variants(ours, case)
    got, want = variant.read(variant.call()), truth.run(case)
    assert set(got) == set(want) - {"h_n", "c_n"}
    for name, array in got.items():
        np.testing.assert_allclose(array.reshape(want[name].shape), want[name], rtol=0, atol=1e-14)


@pytest.mark.parametrize("kind", work.NN)
def test_truth_of_a_wrong_layer_differs(kind, monkeypatch):
    """Every layer, direction and initial state counts in the comparison."""
    case = Case(kind, "lstm", "f64", 3, 4, 2 if kind not in work.STREAMS else 1, 1 if kind in ("call", "steps") else 5)
    want = truth.run(case)
    for changed in ("by_weights", "by_state"):
        for k in range(len(case.sublayers)):
            other = Case(*(getattr(case, name) for name in ("kind", "cell", "dtype", "n_x", "n_a", "m", "T_x")))
            layer = other if len(other.sublayers) == 1 else other.sublayers[k]
            layer._draw["Wf" if changed == "by_weights" else "c0"][...] += 0.01
            with pytest.raises(ValueError, match="differs"):
                truth.error(case, truth.run(other), want)


@pytest.mark.parametrize("row", range(3))
def test_truth_of_wrong_peepholes_differs(row):
    case, other = (Case("peephole", "lstm", "f64", 3, 4, 2, 5) for _ in range(2))
    other.peepholes[row] += 0.01
    with pytest.raises(ValueError, match="differs"):
        truth.error(case, truth.run(other), truth.run(case))


def test_truth_of_the_other_form_of_a_gru_differs():
    before, after = (Case(kind, "gru", "f64", 3, 4, 2, 5) for kind in ("reset_before", "hidden"))
    np.testing.assert_array_equal(before.x, after.x)
    with pytest.raises(ValueError, match="differs"):
        truth.error(before, truth.run(after), truth.run(before))


def test_kinds_are_offered_for_their_cells_alone():
    assert {case.cell for case in work.cases(["peephole"], list(work.CELLS), ["f32"], None)} == {"lstm"}
    assert {case.cell for case in work.cases(["reset_before"], list(work.CELLS), ["f32"], None)} == {"gru"}
    assert {case.cell for case in work.cases(["onnx"], list(work.CELLS), ["f32"], None)} == set(work.CELLS)


@pytest.mark.parametrize("kind", work.NN_TRAIN)
@pytest.mark.parametrize("cell", work.CELLS)
def test_truth_of_layer_gradients_is_a_difference_quotient(kind, cell):
    """In x, h_0 and a weight of the last sublayer: independent of cyrnn."""
    case = Case(kind, cell, "f64", 3, 4, 3, 5)
    found, k = truth.layer_gradients(case), len(case.sublayers) - 1

    def loss(name: str, index: tuple[int, ...], step: float) -> float:
        other = Case(kind, cell, "f64", 3, 4, 3, 5)
        (other if name == "x" else other.sublayers[k])._draw[name][index] += step
        return float((truth.run(other)["a"] * case.da).sum())

    weight = "Waa" if cell == "rnn" else "Wc"
    for name, index, analytic in (
        ("x", (1, 2, 0), found["dx"][1, 2, 0]),
        ("a0", (2, 1), found["dh_0"][k, 1, 2]),
        (weight, (1, 3), found[f"{k} d{weight}"][1, 3]),
    ):
        quotient = (loss(name, index, 1e-6) - loss(name, index, -1e-6)) / 2e-6
        assert analytic == pytest.approx(quotient, rel=1e-6, abs=1e-8)


def test_lengths_of_a_ragged_case_are_spread_evenly_and_shuffled():
    lengths = Case("ragged", "gru", "f32", *work.SHAPES["ragged"][0]).lengths
    assert len(lengths) == 32
    np.testing.assert_array_equal(np.sort(lengths)[[0, -1]], [1, 200])
    assert set(np.diff(np.sort(lengths))) == {6, 7}
    assert (np.diff(lengths) < 0).any()


def test_truth_of_a_ragged_case_is_that_of_each_sequence_alone():
    case = Case("ragged", "gru", "f64", 3, 4, 5, 9)
    want = truth.run(case)
    for column, length in enumerate(case.lengths):
        alone = truth._steps(case, case.x_rows[:length].astype(float))
        expected = np.stack([step.a_next[column] for step in alone], axis=1)
        np.testing.assert_array_equal(want["a"][:, column, :length], expected)
        np.testing.assert_array_equal(want["a"][:, column, length:], 0)
        np.testing.assert_array_equal(want["h_n"][0, column], expected[:, -1])


def wrong_variant(case: Case, change: float, dtype: str = "f8") -> Variant:
    def read(_: object) -> dict[str, np.ndarray]:
        return {"a": (truth.run(case)["a"] + change).astype(dtype)}

    return Variant("wrong", "", lambda: None, read)


@pytest.mark.parametrize(
    ("change", "dtype", "reason"),
    [
        (1e-3, "f8", "differs from the float64 result by 1.0e-03, tolerance 1e-12"),
        (np.nan, "f8", "differs from the float64 result by inf"),
        (0, "f4", "a is float32, expected float64: not the same work"),
    ],
)
def test_checked_of_a_wrong_result_says_what_is_wrong(change, dtype, reason):
    case = Case("hidden", "rnn", "f64", 3, 5, 2, 4)
    with pytest.raises(ValueError, match=reason):
        run.checked(wrong_variant(case, change, dtype), case, truth.run(case))


def test_wrong_way_beside_a_right_one_is_reported_and_has_no_time():
    """A rival must not be slower than it is because its fastest variant was kept out in silence."""
    case = Case("hidden", "rnn", "f64", 3, 5, 2, 4)
    variants = [wrong_variant(case, 1e-3), wrong_variant(case, 0)]
    module = SimpleNamespace(version=lambda: "1", hidden=lambda _: variants)
    good, out = run.entrants(case, {"wrong": module})
    assert [variant for variant, _ in good] == variants[1:]
    (row,) = out
    assert "differs from the float64 result" in row["out"]
    (_, timed) = run.timed(case, {"wrong": module}, 0)
    text = table.render(HEAD, [row, timed])
    assert f"{table.entry(timed)}" in text
    assert "out: wrong" in text


def test_load_of_a_missing_rival_reports_it(monkeypatch):
    monkeypatch.setitem(contestant.MODULES, "absent", "absent_module")
    here, missing = contestant.load(["numpy", "absent"])
    assert list(here) == ["numpy"]
    assert "absent_module" in missing["absent"]


def test_race_keeps_the_fastest_way_of_each_rival_and_thread_count(monkeypatch):
    def variant(rival: str, name: str, threads: int = 1) -> Variant:
        return Variant(rival, name, lambda: None, lambda _: {}, threads=threads)

    named = [("a", "slow"), ("a", "fast"), ("b", "only"), ("a", "two", 2), ("a", "near")]
    variants = [variant(*words) for words in named]
    times = {"slow": 9.0, "fast": 1.0, "only": 5.0, "two": 7.0, "near": 1.1}
    monkeypatch.setattr(clock, "ready", clock.Entry)

    def turn(entry: clock.Entry) -> None:
        entry.times.append(times[entry.variant.variant] * (1 if entry.times else 2))
        entry.shares.append(1.0 if len(entry.times) > 1 else 0.5)

    monkeypatch.setattr(clock.Entry, "turn", turn)
    raced = clock.race(variants, 0)
    assert [entry.variant.variant for entry in raced] == ["fast", "only", "two"]
    assert all(len(entry.times) == clock.LEAST_ROUNDS for entry in raced)
    assert clock.summary(raced[0]) == {
        "min_us": 1e6,
        "median_us": 1e6,
        "turns": clock.LEAST_ROUNDS,
        "share": 1.0,
        "above": [1000, *[0] * (clock.LEAST_ROUNDS - 1)],
    }


@pytest.mark.parametrize(("share", "busy", "mark"), [(0.99, False, ""), (0.6, False, "~"), (0.6, True, "")])
def test_table_marks_a_minimum_that_had_not_its_core(share, busy, mark):
    row = made_row("torch", 10.0, share=share, busy=busy)
    assert table.entry(row) == f"10.0/10.0{mark}"


def test_targets_name_work_that_a_run_does():
    for target in targets.TARGETS:
        assert set(target.least) <= set(work.SHAPES[target.kind])
        assert target.cell in work.CELLS
        assert target.dtype in work.DTYPES


def verdict_of(found: list[rows.Row], **wanted: object) -> list[judge.Verdict]:
    (target,) = (
        target for target in targets.TARGETS if all(getattr(target, key) == wanted[key] for key in wanted)
    )
    return [verdict for verdict in judge.verdicts(target, found) if verdict.ratio is not None]


@pytest.mark.parametrize(("us", "word"), [(4.0, "reached"), (4.1, "tie"), (4.3, "MISSED")])
def test_verdict_is_against_the_fastest_rival(us, word):
    found = [made_row("cyrnn", us), made_row("numpy", 10.0), made_row("torch", 30.0)]
    found.append(made_row("jax", 1.0) | {"dtype": "f64"})
    (verdict,) = verdict_of(found, kind="stream", cell="lstm", dtype="f32")
    assert verdict.word == word
    assert verdict.rival is not None
    assert verdict.rival["rival"] == "numpy"


def test_verdict_on_threads_beside_a_busy_process_takes_the_worse_of_minimum_and_median():
    shape = {"kind": "threads", "shape": list(work.SHAPES["threads"][0]), "busy": True}
    found = [made_row("cyrnn", 10.0, **shape), made_row("cyrnn", 9.0, **shape, threads=2, median_us=40.0)]
    (verdict,) = verdict_of(found, kind="threads", cell="lstm", dtype="f32", busy=True)
    assert verdict.ratio == 10 / 40
    assert verdict.word == "MISSED"


@pytest.mark.parametrize(("rival", "us"), [("torch", 10.1), ("torch_cell", 5.1), ("onnxruntime", 2.1)])
def test_verdict_on_a_call_is_against_each_rival_alone(rival, us):
    found = [made_row("cyrnn", 1.0, kind="call"), made_row(rival, us, kind="call")]
    (verdict,) = verdict_of(found, kind="call", against=(rival,))
    assert verdict.word == "reached"


def test_geometric_mean_needs_every_shape():
    found = []
    for shape in work.SHAPES["hidden"]:
        common = {"kind": "hidden", "shape": list(shape)}
        found += [made_row("cyrnn", 10.0, **common), made_row("torch", 20.0, **common)]
    assert verdict_of(found, kind="hidden", cell="lstm", dtype="f32")[-1].ratio == pytest.approx(2)
    part = verdict_of(found[2:], kind="hidden", cell="lstm", dtype="f32")
    assert all(verdict.shape is not None for verdict in part)


def test_table_of_everything_fits_the_page():
    text = table.render(HEAD, many_rows())
    assert max(map(len, text.splitlines())) <= table.WIDTH
    assert "missing: jax (No module named 'jax')" in text
    assert "lstm f64" in text


@pytest.mark.parametrize(
    ("us", "text"), [(6.314, "6.31"), (42.71, "42.7"), (591.2, "591"), (159295.0, "159k")]
)
def test_short_keeps_three_digits(us, text):
    assert table.short(us) == text


def test_table_shows_what_was_kept_out_and_why():
    row = made_row("torch", 1.0) | {"out": "native: differs from the float64 result"}
    del row["min_us"]
    assert "native: differs" in table.render(HEAD, [row])


def test_read_takes_a_case_whole_from_the_last_file_that_has_it(tmp_path):
    old, new = tmp_path / "old.json", tmp_path / "new.json"
    other = made_row("torch", 3.0, shape=[128, 128, 1, 1])
    rows.write(old, HEAD, [made_row("cyrnn", 1.0), made_row("torch", 2.0), other])
    rows.write(new, HEAD, [made_row("cyrnn", 5.0)])
    head, found = rows.read([old, new])
    assert found == [made_row("cyrnn", 5.0), other]
    assert head["machine"] == HEAD["machine"]


def bench(*words: str, **environment: str) -> CompletedProcess[str]:
    return run_python("-m", "ci.bench", *words, cwd=ROOT, seconds=300, **environment)


def test_program_runs_and_compares(tmp_path):
    result = tmp_path / "run.json"
    words = [
        "run",
        "--kinds",
        "forward,cell,hidden,stream",
        "--cells",
        "rnn",
        "--dtypes",
        "f64",
        "--seconds",
        "0",
    ]
    words += ["--rivals", "cyrnn,notebook,numpy", "--shapes", "3,5,10,7;4,4,1,1", "--json", str(result)]
    done = bench(*words, OPENBLAS_CORETYPE="Prescott")
    assert done.returncode == 0, done.stderr
    assert "Prescott" not in done.stdout
    stored = json.loads(result.read_text())["rows"]
    assert {row["kind"] for row in stored} == {"forward", "cell", "hidden", "stream"}
    wanted = {
        "cpu",
        "isa",
        "threads",
        "dtype",
        "kind",
        "cell",
        "shape",
        "min_us",
        "median_us",
        "commit",
        "rival",
    }
    assert all(wanted | {"version"} <= set(row) for row in stored)
    judged = bench("compare", str(result))
    assert judged.returncode == 0, judged.stderr
    assert "not measured" in judged.stdout


def test_every_rival_that_is_here_is_right(tmp_path):
    """The big ones, where they are installed."""
    result = tmp_path / "run.json"
    words = ["--shapes", "3,5,2,4;4,4,1,1", "--seconds", "0", "--json", str(result)]
    kinds = ("hidden", "stream", "train", *work.NN, *work.NN_TRAIN, *work.VARIANTS, *work.QUANTIZED)
    done = bench("run", "--kinds", ",".join(kinds), *words)
    assert done.returncode == 0, done.stderr
    stored = json.loads(result.read_text())["rows"]
    assert {row["out"] for row in stored if "out" in row} <= {table.NOT_OFFERED}
    assert {row["kind"] for row in stored if row["rival"] == "cyrnn"} >= set(kinds)


def test_settle_after_numpy_is_refused():
    from ci.bench import machine

    with pytest.raises(RuntimeError, match="too late"):
        machine.settle(None)
