"""ci/bench on models in fewer bits: errors, targets, tables. Nothing here is timed."""

from __future__ import annotations

import sys
from types import SimpleNamespace

import numpy as np
import pytest
from paths import ROOT

sys.path.insert(0, str(ROOT))

# E402: ci/ is found by the line above
from bench_rows import HEAD, made_row, many_rows

from ci.bench import contestant, judge, quantized_page, rows, run, table, targets, truth, work
from ci.bench.contestant import Variant
from ci.bench.rivals import ours
from ci.bench.work import Case

SEQUENCE = (64, 64, 1, 100)


def sequence(rival: str, us: float, **more: object) -> rows.Row:
    return made_row(rival, us, kind="quantized", shape=list(SEQUENCE), **more)


def hidden_states(case: Case, change: np.ndarray | float) -> dict[str, np.ndarray]:
    return {"a": (truth.run(case)["a"] + change).astype("f4")}


def test_error_of_fewer_bits_is_the_root_mean_square_of_the_hidden_states():
    case = Case("quantized", "lstm", "f32", 3, 4, 2, 5)
    change = np.zeros((4, 2, 5))
    change[0, 0, 0], change[3, 1, 4] = 0.04, 0.03
    error = truth.error(case, hidden_states(case, change), truth.run(case))
    assert error == pytest.approx(0.05 / np.sqrt(change.size), rel=1e-4)


def test_error_of_a_step_is_over_the_hidden_state_after_its_last_step_alone():
    case = Case("quantized_step", "lstm", "f32", 3, 4, 1, 1)
    want = truth.run(case)
    last = {"a": want["a"][:, :, -1] + 0.02, "c": want["c"][:, :, -1] + 0.5}
    for got in (last, {"h_n": want["h_n"] + 0.02, "c_n": want["c_n"] + 0.5}):
        narrow = {name: array.astype("f4") for name, array in got.items()}
        assert truth.error(case, narrow, want) == pytest.approx(0.02, rel=1e-4)


@pytest.mark.parametrize(
    ("change", "reason"), [(0.031, r"by 3\.1e-02 rms, limit 0\.03"), (np.nan, "by nan rms"), (np.inf, "by inf rms")]
)
def test_error_above_the_limit_is_refused_before_the_clock(change, reason):
    case = Case("quantized", "gru", "f32", 3, 4, 2, 5)
    wrong = Variant("wrong", "", lambda: None, lambda _: hidden_states(case, change))
    module = SimpleNamespace(version=lambda: "1", quantized=lambda _: [wrong])
    good, (out,) = run.entrants(case, {"wrong": module})
    assert good == []
    assert np.isnan(change) == ("nan" in out["out"])
    with pytest.raises(ValueError, match=reason):
        run.checked(wrong, case, truth.run(case))


@pytest.mark.parametrize(("cell", "gates"), [("lstm", "fi"), ("lstm", "fo"), ("lstm", "co"), ("gru", "zr")])
def test_gates_exchanged_are_above_the_limit(cell, gates):
    case, other = (Case("quantized", cell, "f32", 64, 64, 1, 100) for _ in range(2))
    first, second = gates
    for letter in "Wb":
        drawn = other._draw
        drawn[letter + first], drawn[letter + second] = drawn[letter + second], drawn[letter + first]
    with pytest.raises(ValueError, match="rms, limit"):
        truth.error(case, {"a": truth.run(other)["a"].astype("f4")}, truth.run(case))


def test_results_of_bfloat16_are_not_the_same_work():
    case = Case("quantized", "gru", "f32", 3, 4, 2, 5)
    with pytest.raises(ValueError, match="a is float16, expected float32: not the same work"):
        truth.error(case, {"a": truth.run(case)["a"].astype("f2")}, truth.run(case))


def test_float32_of_ours_is_right_to_float32():
    for kind, shape in (("quantized", (5, 6, 2, 7)), ("quantized_step", (5, 6, 1, 1))):
        for cell in work.CELLS:
            case = Case(kind, cell, "f32", *shape)
            for variant in contestant.variants(ours, case):
                assert run.checked(variant, case, truth.wanted(case)) < 1e-6


def test_float64_has_no_rows_in_fewer_bits():
    found = list(work.cases(list(work.QUANTIZED), list(work.CELLS), ["f64"], None))
    assert found == []
    assert {case.cell for case in work.cases(["quantized"], list(work.CELLS), ["f32"], None)} == set(work.CELLS)


def test_rival_that_refuses_a_case_is_a_row_with_the_reason():
    def refuse(case: Case) -> list[Variant]:
        raise ValueError(f"left {case.cell} in float32")

    module = SimpleNamespace(version=lambda: "1", quantized=refuse)
    good, (out,) = run.entrants(Case("quantized", "gru", "f32", 3, 4, 2, 5), {"wrong": module})
    assert good == []
    assert out["out"] == "left gru in float32"


class Quantizable:
    """A float32 module in the place of one whose weights are integers, which notes what it was asked for."""

    def __init__(self, module: object, asked: list[str]) -> None:
        self.module, self.asked = module, asked

    def quantize(self, weights: str) -> object:
        self.asked.append(weights)
        return self.module


@pytest.mark.parametrize("kind", work.QUANTIZED)
@pytest.mark.parametrize("weights", ["int8", "int16", "int16x2"])
def test_contestants_of_ours_call_quantize_on_every_module(kind, weights, monkeypatch):
    asked: list[str] = []
    names = ("LSTM", "LSTMCell")
    for name in names:

        def quantize(module: object, weights: str) -> object:
            return Quantizable(module, asked).quantize(weights)

        monkeypatch.setattr(getattr(ours.nn, name), "quantize", quantize, raising=False)
    case = Case(kind, "lstm", "f32", 5, 6, 1, 1)
    found = ours.integers(case, weights)
    assert {variant.rival for variant in found} == {f"cyrnn_{weights}"}
    assert asked == [weights] * len(found)
    assert len(found) == (1 if kind == "quantized" else 2)
    for variant in found:
        assert run.checked(variant, case, truth.wanted(case)) < 1e-6


def verdict(found: list[rows.Row], **wanted: object) -> judge.Verdict:
    (target,) = (
        target
        for target in targets.QUANTIZED
        if all(getattr(target, name) == value for name, value in wanted.items()) and max(target.least.values()) != 1.0
    )
    (said,) = (said for said in judge.verdicts(target, found) if said.ratio is not None)
    return said


@pytest.mark.parametrize(("us", "word"), [(10.0, "reached"), (10.2, "tie"), (10.4, "MISSED")])
def test_verdict_on_int8_is_against_our_float32(us, word):
    found = [sequence("cyrnn", 26.0), sequence("cyrnn_int8", us), sequence("cyrnn_int16", 1.0), sequence("torch", 1.0)]
    said = verdict(found, kind="quantized", cell="lstm", ours="cyrnn_int8", against=("cyrnn",), held_to="")
    assert said.word == word
    assert said.ratio == pytest.approx(26 / us)


def test_verdict_on_int8_is_against_the_fastest_int8_of_others():
    found = [sequence("cyrnn_int8", 10.0), sequence("openvino_bf16", 1.0), sequence("torch_int8", 99.0)]
    found += [sequence("onnxruntime_int8", 19.0), sequence("openvino_int8", 20.0)]
    said = verdict(found, kind="quantized", cell="lstm", against=targets.INT8_PEERS)
    assert (said.word, said.rival["rival"]) == ("reached", "onnxruntime_int8")


def test_verdict_on_int16_is_against_the_fastest_bfloat16():
    found = [sequence("cyrnn_int16", 10.0), sequence("openvino_bf16", 11.0), sequence("torch_bf16", 12.0)]
    said = verdict(found, against=targets.BF16_PEERS)
    assert (said.word, said.rival["rival"]) == ("MISSED", "openvino_bf16")


def test_verdict_held_to_an_isa_takes_rows_of_that_isa_alone():
    free = [sequence("cyrnn", 30.0), sequence("cyrnn_int8", 10.0)]
    held = [sequence("cyrnn", 13.0, held_to="avx2"), sequence("cyrnn_int8", 10.0, held_to="avx2")]
    wanted = {"kind": "quantized", "cell": "lstm", "against": ("cyrnn",), "ours": "cyrnn_int8"}
    assert verdict(free + held, held_to="avx2", **wanted).ratio == 1.3
    assert verdict(free + held, held_to="", **wanted).ratio == 3.0


def test_verdict_on_error_is_against_the_most_exact_whatever_its_time():
    shape = {"shape": [256, 256, 1, 100]}
    found = [
        sequence("cyrnn_int8", 10.0) | shape | {"error": 1.3e-3},
        sequence("onnxruntime_int8", 99.0) | shape | {"error": 1.5e-3},
        sequence("torch_int8", 20.0) | shape | {"error": 2.9e-3},
    ]
    (target,) = (target for target in targets.QUANTIZED if target.measure == "error" and target.cell == "lstm")
    (said,) = judge.verdicts(target, found)
    assert (said.word, said.ratio) == ("reached", pytest.approx(1.5 / 1.3))
    text, _ = judge.report(found)
    assert "quantized lstm f32, cyrnn_int8 against onnxruntime_int8, torch_int8, rms error" in text
    assert "ours  1.3e-3  onnxruntime_int8  1.5e-3" in " ".join(text.split("\n"))


def test_rows_held_to_an_isa_do_not_replace_others_in_fewer_bits(tmp_path):
    first, second = tmp_path / "all.json", tmp_path / "avx2.json"
    rows.write(first, HEAD, [sequence("cyrnn", 1.0), made_row("cyrnn", 2.0)])
    rows.write(second, HEAD, [sequence("cyrnn", 3.0, held_to="avx2"), made_row("cyrnn", 4.0, held_to="avx2")])
    _, found = rows.read([first, second])
    assert sorted(row["min_us"] for row in found) == [1.0, 3.0, 4.0]


def test_table_of_a_run_has_times_and_errors_below_each_other():
    found = [sequence("cyrnn", 26.04, error=2e-8), sequence("torch_int8", 830.0, error=2.5e-3, share=0.5)]
    found.append(sequence("openvino_int8", 1.0) | {"out": table.NOT_OFFERED})
    del found[-1]["min_us"]
    names, bits, times, errors = table.block_lines(found)
    assert names.split() == ["cyrnn", "torch", "openvino"]
    assert bits.split() == ["n_x,n_a,m,T_x", "float32", "int8", "int8"]
    assert times.split() == ["(64,64,1,100)", "26.0", "830~", "-"]
    assert errors.split() == ["rms", "error", "2.0e-8", "2.5e-3", "-"]


def test_page_has_times_errors_and_ratios():
    measured = [
        sequence("cyrnn", 90.0, error=2e-8),
        sequence("cyrnn_int8", 30.0, error=1.3e-3),
        sequence("onnxruntime_int8", 66.0, error=1.4e-3),
        sequence("openvino_int8", 75.0, error=2.9e-3),
    ]
    title, _, head, _, line, _ = quantized_page.tables(measured, "AVX2")
    assert title == "LSTM, hidden states of a sequence, AVX2:"
    names = "| n_x, n_a, m, T_x | cyrnn float32 | cyrnn int8 | onnxruntime int8 | openvino int8 "
    assert head == f"{names}| float32 / int8 | best int8 of others / int8 |"
    assert line == "| (64,64,1,100) | 90.0 (2.0e-8) | 30.0 (1.3e-3) | 66.0 (1.4e-3) | 75.0 (2.9e-3) | 3.00x | 2.20x |"


def test_contestants_in_fewer_bits_are_all_on_the_page():
    many_quantized = [row for row in many_rows() if row["kind"] in work.QUANTIZED]
    text = "\n".join(quantized_page.tables(many_quantized, "AVX-512"))
    for name in contestant.QUANTIZED:
        assert " ".join(table.precision(name)) in text
