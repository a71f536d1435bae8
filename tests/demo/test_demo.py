"""`python -m cyrnn` as a person or a script meets it: what it says, how wide, and how it ends."""

from __future__ import annotations

import io
import json
import os
import re
from subprocess import CompletedProcess

import mpmath
import numpy as np
import pytest
from interpreter import run_python, start_python
from paths import DATA

import cyrnn
from cyrnn import __main__ as program
from cyrnn import notebook
from cyrnn.demo import numbers, speed
from cyrnn.demo.cases import CASES, draw_from
from cyrnn.demo.gradients import GRADIENTS
from cyrnn.demo.page import Page
from cyrnn.kernels import dispatch

FUNCTIONS = [
    "sigmoid",
    "tanh",
    "softmax",
    "rnn_cell_forward",
    "rnn_forward",
    "lstm_cell_forward",
    "lstm_forward",
    "rnn_cell_backward",
    "rnn_backward",
    "lstm_cell_backward",
    "lstm_backward",
    "gru_cell_forward",
    "gru_forward",
    "gru_cell_backward",
    "gru_backward",
]
STORED = json.loads((DATA / "notebook.json").read_text(encoding="utf-8"))
GOLDENS = json.loads((DATA / "goldens.json").read_text(encoding="utf-8"))["cases"]


def python(*words: str, **environment: str) -> CompletedProcess[bytes]:
    """Run `python -m cyrnn` with warnings as errors and without a terminal."""
    return run_python("-W", "error", "-m", "cyrnn", *words, seconds=120, text=False, **environment)


@pytest.fixture(scope="module")
def quick() -> str:
    """What `python -m cyrnn --quick` prints."""
    done = python("--quick", PYTHONIOENCODING="ascii")
    assert done.returncode == 0, done.stdout.decode() + done.stderr.decode()
    assert done.stderr == b""
    return done.stdout.decode("ascii").replace(os.linesep, "\n")


def test_demo_output_fits_80_columns_without_colour(quick):
    assert max(map(len, quick.splitlines())) < 80
    assert "\033" not in quick
    assert not [line for line in quick.splitlines() if line != line.rstrip()]


def test_demo_all_right_says_so(quick):
    verdicts = re.findall(r"^  (ok|WRONG) ", quick, re.MULTILINE)
    # the notebook printed 25 values, its kin 31 of gradients; the sentence adds four checks, two of the GRU
    assert verdicts == ["ok"] * 60
    assert quick.splitlines()[-1] == "All 60 checks are ok."


def test_demo_shows_the_notebooks_values_beside_ours(quick):
    for case in (*CASES, *GRADIENTS):
        for expression, text in case.printed.items():
            assert re.search(rf"^  ok     {re.escape(expression)}( |$)", quick, re.MULTILINE)
            if "." in text and not text.startswith("["):
                assert f"notebook {text}" in quick


def test_demo_times_every_function_at_two_sizes(quick):
    table = quick[quick.index("Speed-up") :]
    timed = re.findall(r"^    (\w+) +\([\d, ]+\) +[\d.]+ us +[\d.]+ us +[\d.]+ x$", table, re.MULTILINE)
    assert timed == FUNCTIONS * 2


def test_demo_times_of_a_slow_machine_stay_apart(monkeypatch):
    """As under an emulator, where they once read 591917.1 us279241.7 us."""
    slow = speed.Timing(1e6, 1e6)
    monkeypatch.setattr(speed, "measure", lambda job, _: speed.Row(job.function, speed.sizes(job), slow, slow))
    page = Page(io.StringIO())
    speed.show(page, 0)
    assert page.out.getvalue().count(" 1000000.0 us 1000000.0 us    1.0 x\n") == 2 * len(FUNCTIONS)


def test_demo_sentence_has_one_row_per_word(quick):
    words = re.findall(r"^  \d  (\w+) +((?:[01] ){6})", quick, re.MULTILINE)
    assert [word for word, _ in words] == ["ChatGPT", "is", "a", "powerful", "a", "language", "model"]
    assert words[2][1] == words[4][1] == "0 0 1 0 0 0 "


def test_cases_are_those_of_the_stored_notebook():
    stored = [cell for cell in STORED["cells"] if any("np.random.seed(1)" in line for line in cell["code"])]
    assert len(stored) == len(CASES)
    for cell, case in zip(stored, CASES, strict=True):
        printed = " ".join(" ".join(cell["prints"]).split())
        texts = [" ".join(text.split()) for text in case.printed.values()]
        assert [text for text in texts if text not in printed] == []
        assert len(texts) == sum(line.startswith("print(") for line in cell["code"])


@pytest.mark.parametrize("case", GRADIENTS, ids=lambda case: case.function)
def test_gradient_cases_are_those_of_the_stored_goldens(case):
    stored = next(golden for golden in GOLDENS if golden["function"] == case.function)
    values = {output["expr"]: output["values"] for output in stored["outputs"] if "values" in output}
    copied = {expression: text.strip("[]").split() for expression, text in case.printed.items()}
    assert copied == {re.sub(r"^gradients\['(\w+)'\]", r"\1", expr): texts for expr, texts in values.items()}


def test_cases_exact_values_are_those_of_the_recurrence():
    mp = mpmath.mp.clone()
    mp.prec = 200
    x, a0, parameters = CASES[3].arguments(draw_from(1))
    W = {key: [[mp.mpf(float(w)) for w in row] for row in value] for key, value in parameters.items()}

    def affine(gate, v):
        return [mp.fdot(row, v) + b for row, (b,) in zip(W["W" + gate], W["b" + gate], strict=True)]

    def run(example, steps):
        a, c = [mp.mpf(float(v)) for v in a0[:, example]], [mp.zero] * 5
        for t in range(steps):
            v = [*a, *(mp.mpf(float(u)) for u in x[:, example, t])]
            f, i, o = ([1 / (1 + mp.exp(-z)) for z in affine(gate, v)] for gate in "fio")
            g = [mp.tanh(z) for z in affine("c", v)]
            c = [f[k] * c[k] + i[k] * g[k] for k in range(5)]
            a = [o[k] * mp.tanh(c[k]) for k in range(5)]
        e = [mp.exp(z) for z in affine("y", a)]
        return a, c, [v / sum(e) for v in e]

    exact = {"a[4][3][6]": run(3, 7)[0][4], "y[1][4][3]": run(4, 4)[2][1], "c[1][2][1]": run(2, 2)[1][1]}
    assert {name: mp.nstr(value, 20) for name, value in exact.items()} == CASES[3].exact


def test_demo_wrong_number_is_shown_and_fails(monkeypatch, capsys):
    printed = CASES[0].printed
    monkeypatch.setitem(printed, "a_next[4]", printed["a_next[4]"].replace("0.18141802", "0.18141803"))
    assert program.main(["--quick"]) == 1
    lines = capsys.readouterr().out.splitlines()
    at = lines.index("  WRONG  a_next[4]")
    assert lines[at + 3].index("^") == lines[at + 2].index("0.18141803") - 1
    assert lines[-1] == "WRONG: 1 of 60 checks failed."


@pytest.mark.parametrize(
    ("value", "text", "right"),
    [
        (np.array([0.5, 0.1234567849]), "[0.5        0.12345678]", [True, True]),
        (np.array([0.5, 0.1234567851]), "[0.5        0.12345678]", [True, False]),
        (np.array([0.5]), "[0.5        0.12345678]", [True, False]),
        (np.array([0.5, 0.25, 0.125]), "[0.5        0.25]", [True, True, False]),
        (np.array([np.nan]), "[0.5]", [False]),
        (0.17211776753291670, "0.1721177675329167", [True]),
        (0.17211776753291705, "0.1721177675329167", [True]),
        (0.17211776753291715, "0.1721177675329167", [False]),
        (float("nan"), "0.1721177675329167", [False]),
        (-0.06396214197149, "-0.063962141971", [True]),
        (-0.06396214197151, "-0.063962141971", [False]),
        (float("nan"), "-0.063962141971", [False]),
        ((5, 10), "(5, 10)", [True]),
        ((5, 11), "(5, 10)", [False]),
        (9, "10", [False]),
    ],
)
def test_compare_holds_arrays_to_eight_decimals_and_floats_to_the_last_unit(value, text, right):
    assert numbers.compare(value, text)[2] == right


def test_demo_function_that_differs_is_not_timed_and_fails(monkeypatch, capsys):
    monkeypatch.setattr(notebook, "tanh", lambda x: np.tanh(x) + 1e-6)
    assert program.main(["--quick"]) == 1
    out = capsys.readouterr().out
    assert "  WRONG  tanh (5, 10) differs from plain NumPy: not timed" in out
    assert "  WRONG  tanh (64, 100) differs from plain NumPy: not timed" in out


def test_speed_compares_caches_too():
    job = next(job for job in speed.jobs()["at the notebook's sizes"] if job.function == "lstm_forward")
    ours, theirs = (notebook.lstm_forward(*job.arguments) for _ in range(2))
    assert speed.agree(ours, theirs)
    ours[3][0][3][4][0, 0] += 1e-6  # ft of step 3
    assert not speed.agree(ours, theirs)


def test_speed_compares_gradients_by_their_keys():
    job = next(job for job in speed.jobs()["at the notebook's sizes"] if job.function == "lstm_backward")
    ours = notebook.lstm_backward(*job.arguments)
    theirs = dict(reversed(ours.items()))
    assert speed.agree(ours, theirs)
    theirs["dWf"], theirs["dWi"] = theirs["dWi"], theirs["dWf"]
    assert not speed.agree(ours, theirs)


def test_demo_leaves_the_global_random_stream_alone(capsys):
    stream = np.random.get_state  # of the legacy stream, which a caller may have seeded
    before = stream()[1].copy()
    program.main(["--quick"])
    assert np.array_equal(before, stream()[1])


def test_demo_into_a_closed_pipe_ends_quietly():
    with start_python("-u", "-m", "cyrnn", "--quick", text=False) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert process.stdout.readline().startswith(b"cyrnn ")
        process.stdout.close()
        assert process.stderr.read() == b""
    assert process.returncode == program.PIPE_CLOSED


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_page_is_coloured_for_a_person_only(monkeypatch):
    for name in ("NO_COLOR", "TERM"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("WT_SESSION", "1")  # on Windows: a terminal that knows the codes
    assert Page(Terminal()).colour
    assert not Page(io.StringIO()).colour
    monkeypatch.setenv("NO_COLOR", "1")
    assert not Page(Terminal()).colour


def test_page_counts_and_keeps_to_ascii():
    page = Page(io.StringIO())
    page.verdict(True, "Zen\u2122")
    page.verdict(False, "x")
    assert page.out.getvalue() == "  ok     Zen?\n  WRONG  x\n"
    assert (page.right, page.wrong) == (1, 1)


def test_info_says_what_runs_here():
    done = python("info")
    assert (done.returncode, done.stderr) == (0, b"")
    rows = dict(line.split(maxsplit=1) for line in done.stdout.decode("ascii").splitlines() if line[0] != " ")
    assert rows["cyrnn"] == cyrnn.__version__
    assert rows["numpy"] == np.__version__
    assert rows["isa"] == dispatch.kernels.isa
    assert rows["threads"].isdigit()
    assert max(map(len, done.stdout.decode().splitlines())) < 80


def test_info_json_has_the_same_facts():
    done = python("info", "--json")
    assert (done.returncode, done.stderr) == (0, b"")
    known = json.loads(done.stdout)
    assert list(known) == [
        "cyrnn",
        "python",
        "numpy",
        "platform",
        "cpu",
        "features",
        "isa",
        "available",
        "compiler",
        "threads",
    ]
    assert known["features"] == dispatch.features()
    assert known["isa"] == dispatch.kernels.isa
    assert known["available"] == list(dispatch.available())
    assert known["compiler"].split()[0] in ("gcc", "clang", "MSVC")
    assert known["threads"] >= 1


def test_info_names_the_forced_isa():
    done = python("info", "--json", CYRNN_ISA="reference")
    assert json.loads(done.stdout)["isa"] == "reference"


@pytest.mark.parametrize(
    ("words", "complaint"),
    [(["nonsense"], b"invalid choice"), (["--nonsense"], b"unrecognized"), (["info", "x"], b"unrecognized")],
)
def test_wrong_arguments_show_the_usage_and_end_with_2(words, complaint):
    done = python(*words)
    assert (done.returncode, done.stdout) == (2, b"")
    assert done.stderr.startswith(b"usage: python -m cyrnn")
    assert complaint in done.stderr


def test_help_fits_80_columns():
    done = python("--help", COLUMNS="80")
    assert (done.returncode, done.stderr) == (0, b"")
    assert b"info" in done.stdout
    assert max(map(len, done.stdout.decode("ascii").splitlines())) <= 80


def test_help_of_info_keeps_its_capitals():
    done = python("info", "--help", COLUMNS="80")
    assert done.returncode == 0
    assert b"Show versions, CPU features, chosen ISA and thread count." in done.stdout


def test_unknown_isa_ends_with_a_sentence_that_names_it():
    done = python("info", CYRNN_ISA="nonsense")
    assert done.returncode == 1
    last = done.stderr.decode().splitlines()[-1]
    assert last.startswith("ImportError: ")
    assert "nonsense" in last
