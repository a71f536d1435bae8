"""What the commands refuse: one line that says what and why, no traceback, exit status 2, before any work."""

from __future__ import annotations

import importlib.util
import os
import re
import signal

import numpy as np
import pytest
from cli_runs import SMALL, numbers, refusal, run, written

from cyrnn import nn
from cyrnn.cli import checkpoint, commands, train

posix = pytest.mark.skipif(os.name != "posix", reason="a device of POSIX")


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    """A text and a model of it."""
    folder = tmp_path_factory.mktemp("model")
    names = written(folder / "numbers.txt", numbers(50))
    assert run("train", names, "--out", folder / "m.npz", *SMALL, "--epochs", 1) == 0
    return folder


@pytest.fixture
def path(tmp_path):
    return tmp_path / "m.npz"


# ---- texts -------------------------------------------------------------------------------------------

TEXTS = {
    "empty": (b"", "is empty, expected a text"),
    "mark-alone": (b"\xef\xbb\xbf", "is empty, expected a text"),
    "latin-1": (
        b"caf\xe9 " * 99,
        "is not in UTF-8: 0xe9 at byte 3; `iconv -f latin-1 -t utf-8` makes it so, if it is latin-1",
    ),
    "utf-16": (
        "\ufeffabc".encode("utf-16-le") * 99,
        "is not in UTF-8: 0xff at byte 0; `iconv -f utf-16 -t utf-8` makes it so, if it is utf-16",
    ),
    "shorter-than-T": (
        b"abcdefghij" * 6,
        "has 60 characters, 54 of them to train on, expected at least --T and one, 65: --T 53 takes it",
    ),
    "one": (b"a", "has 1 character, expected at least --T and one, 65"),
}


@pytest.mark.parametrize("kind", TEXTS)
def test_text_that_cannot_be_trained_on(kind, tmp_path, path, capsys):
    data, said = TEXTS[kind]
    text = written(tmp_path / "text.txt", data)
    assert refusal(capsys, "train", text, "--out", path) == f"{text!r} {said}"
    assert not path.exists()


def test_text_of_T_and_one_is_long_enough_and_the_cure_is_one(tmp_path, path):
    text = written(tmp_path / "text.txt", b"abcdefghij" * 6)
    words = ("train", text, "--units", 4, "--epochs", 1, "--out", path, "--overwrite")
    assert run(*words, "--T", 53) == 0
    assert run(*words, "--T", 54) == 2
    assert run(*words, "--T", 59, "--held-out", 0) == 0
    assert run(*words, "--T", 60, "--held-out", 0) == 2


def test_text_that_is_not_there_or_a_folder(tmp_path, path, capsys):
    missing = str(tmp_path / "missing.txt")
    assert refusal(capsys, "train", missing, "--out", path) == f"{missing!r}: there is no such file"
    assert refusal(capsys, "train", tmp_path, "--out", path) == f"{str(tmp_path)!r} is a folder, expected a file"
    below = os.path.join(written(tmp_path / "file.txt", "abc"), "text.txt")
    assert refusal(capsys, "train", below, "--out", path).startswith(repr(below))
    assert refusal(capsys, "eval", "missing.npz", missing) == "'missing.npz': there is no such file"


@posix
def test_text_that_never_ends(path, capsys):
    assert refusal(capsys, "train", "/dev/zero", "--out", path).startswith("'/dev/zero' is a device, expected a file")


def test_sentence_is_one_line_whatever_the_name(path, capsys):
    assert "\\n" in refusal(capsys, "train", "two\nlines", "--out", path)


# ---- where the model goes ----------------------------------------------------------------------------


def test_out_that_cannot_be_written(model, tmp_path, capsys):
    text = model / "numbers.txt"
    folder, lost, below = tmp_path / "folder.npz", tmp_path / "no" / "m.npz", tmp_path / "file" / "m.npz"
    folder.mkdir()
    written(tmp_path / "file", "abc")
    assert refusal(capsys, "train", text, "--out", folder) == f"--out {str(folder)!r} is a folder, expected a file"
    said = refusal(capsys, "train", text, "--out", lost)
    assert said == f"--out {str(lost)!r}: there is no folder {str(lost.parent)!r}"
    assert refusal(capsys, "train", text, "--out", below).startswith(("--out", repr(str(below))))


@posix
def test_out_that_is_a_device_is_not_replaced(model, tmp_path, capsys):
    device = tmp_path / "device.npz"
    device.symlink_to(os.devnull)
    said = refusal(capsys, "train", model / "numbers.txt", "--out", device, "--overwrite")
    assert said == f"--out {str(device)!r} is no regular file: a checkpoint takes the place of the last one"
    assert not os.path.isfile(os.devnull)


def test_out_of_a_folder_that_may_not_be_written(model, path, capsys, monkeypatch):
    opened = open

    def refused(name, mode="r", *rest, **options):
        if "x" in mode:
            raise PermissionError(13, "Permission denied", name)
        return opened(name, mode, *rest, **options)

    monkeypatch.setattr("builtins.open", refused)
    said = refusal(capsys, "train", model / "numbers.txt", "--out", path, *SMALL)
    assert said == f"{str(path)!r} cannot be written: Permission denied"


def test_out_that_is_there_is_not_lost(model, capsys):
    there = model / "m.npz"
    before = there.read_bytes()
    said = refusal(capsys, "train", model / "numbers.txt", "--out", there, *SMALL)
    assert said == f"--out {str(there)!r} is there already: --resume goes on with it, --overwrite starts over"
    assert there.read_bytes() == before


def test_dropout_of_one_layer_has_no_place(model, path, capsys):
    said = refusal(capsys, "train", model / "numbers.txt", "--out", path, "--layers", 1, "--dropout", 0.25)
    assert said == "--dropout 0.25 falls between layers, of which there is one: --layers 2"


# ---- runs that go on ---------------------------------------------------------------------------------


def test_resume_of_what_is_not_this_run(model, tmp_path, path, capsys):
    text, there = model / "numbers.txt", model / "m.npz"
    before = there.read_bytes()
    other = written(tmp_path / "other.txt", numbers(51))
    more = written(tmp_path / "more.txt", numbers(50) + "Q\u00e9!")
    fewer = written(tmp_path / "fewer.txt", numbers(10) * 9)
    said = refusal(capsys, "train", text, "--out", path, "--resume")
    assert said == f"--resume: there is no {str(path)!r} to go on with: leave --resume out to begin"
    resume, named = ("--out", there, "--resume"), f"--resume: {str(there)!r}"
    assert refusal(capsys, "train", other, *resume) == f"{named} was begun with another text, of the same alphabet"
    said = refusal(capsys, "train", more, *resume)
    assert said == f"{named} has another alphabet: the text has '!', 'Q', '\\xe9' more"
    said = refusal(capsys, "train", fewer, *resume)
    assert said == f"{named} has another alphabet: the model has '-', 'l', 'y' more"
    said = refusal(capsys, "train", text, *resume, "--units", 13)
    assert said == f"--units 13: {str(there)!r} was begun with 12: leave --units out to go on"
    said = refusal(capsys, "train", text, *resume, "--held-out", 0.2)
    assert said == f"--held-out 0.2: {str(there)!r} was begun with 0.1: leave --held-out out to go on"
    assert run("train", text, *resume, "--units", 12, "--epochs", 1) == 0
    assert there.read_bytes() == before


def test_resume_with_fewer_epochs_than_are_done(model, path, capsys):
    text = model / "numbers.txt"
    run("train", text, "--out", path, *SMALL)
    capsys.readouterr()
    said = refusal(capsys, "train", text, "--out", path, "--resume", "--epochs", 2)
    assert said == f"--epochs 2: {str(path)!r} has 3 epochs already: --epochs 4 goes on"


@pytest.mark.parametrize("done", [0, 1, 2])
def test_resume_does_not_lose_the_rest_of_an_epoch(model, path, capsys, monkeypatch, done):
    text, updates, update = model / "numbers.txt", [], train.Training._update

    def stopped(self, x, y):
        update(self, x, y)
        updates.append(self.run.epoch)
        if updates.count(done) == 2:
            signal.raise_signal(signal.SIGTERM)  # a shell lets what it starts in the background ignore SIGINT

    with monkeypatch.context() as patched:
        patched.setattr(train.Training, "_update", stopped)
        assert run("train", text, "--out", path, *SMALL) == 143
    before = path.read_bytes()
    capsys.readouterr()
    if done:  # --epochs 0 is none
        said = refusal(capsys, "train", text, "--out", path, "--resume", "--epochs", done)
        has = f"{done} epoch{'s' * (done > 1)} and a part of epoch {done + 1}"
        assert said == f"--epochs {done}: {str(path)!r} has {has} already: --epochs {done + 1} goes on"
        assert path.read_bytes() == before
    assert run("train", text, "--out", path, "--resume", "--epochs", done + 1) == 0
    assert f"weights; epoch {done + 1} goes on\n" in capsys.readouterr().out
    assert checkpoint.load(str(path)).epoch == done + 1


# ---- samples and measures ----------------------------------------------------------------------------


def test_prompt_and_text_of_unknown_characters(model, tmp_path, capsys):
    there = model / "m.npz"
    said = refusal(capsys, "sample", there, "--prompt", "one\u20ac")
    known = len(set(numbers(50)))
    wanted = f"not among the model's {known}: '\\u20ac', the first at place 3"
    assert said == f"--prompt has a character that is {wanted}"
    text = written(tmp_path / "text.txt", "one\u20ac")
    said = refusal(capsys, "eval", there, text)
    assert said == f"{text!r} has a character that is {wanted}; --skip-unknown reads it without"


def test_text_of_which_nothing_is_foretold(model, tmp_path, capsys):
    text = written(tmp_path / "text.txt", "o")
    said = refusal(capsys, "eval", model / "m.npz", text)
    assert said == f"{text!r} has 1 character, expected at least two: the first is not foretold"
    text = written(tmp_path / "text.txt", "\u20aco\u20ac")
    said = refusal(capsys, "eval", model / "m.npz", text, "--skip-unknown")
    assert said == f"{text!r} has 1 character that the model knows, expected at least two: the first is not foretold"


def test_sample_of_a_text_without_lines_wants_a_prompt(tmp_path, path, capsys):
    assert run("train", written(tmp_path / "a.txt", "abc" * 40), "--out", path, *SMALL, "--epochs", 1) == 0
    capsys.readouterr()
    said = refusal(capsys, "sample", path)
    assert said == f"{str(path)!r}: its text had no lines, so that no sample begins by itself: give --prompt"
    assert run("sample", path, "--prompt", "ab", "--length", 5) == 0
    assert re.fullmatch("ab[abc]{5}\n", capsys.readouterr().out)


# ---- what is not a text ------------------------------------------------------------------------------

USAGES = {
    "units": (("--units", "0"), "argument --units: '0', expected a whole number from 1 on"),
    "whole": (("--batch", "2.5"), "argument --batch: '2.5', expected a whole number from 1 on"),
    "lr": (("--lr", "0"), "argument --lr: '0', expected a number above 0"),
    "nan": (("--clip", "nan"), "argument --clip: 'nan', expected a number above 0"),
    "held-out": (("--held-out", "0.6"), "argument --held-out: '0.6', expected a number from 0 to 0.5"),
    "word": (("--save-every", "often"), "argument --save-every: 'often', expected a number from 0"),
    "cell": (("--cell", "elman"), "argument --cell: 'elman', expected lstm or gru or rnn"),
    "ending": (("--out", "m.pt"), "argument --out: 'm.pt', expected a path that ends in .npz"),
}


@pytest.mark.parametrize("kind", USAGES)
def test_argument_that_is_none_shows_the_usage(kind, model, path, capsys):
    words, said = USAGES[kind]
    assert run("train", model / "numbers.txt", "--out", path, *words) == 2
    err = capsys.readouterr().err
    assert err.startswith("usage: python -m cyrnn train")
    assert err.endswith(f"python -m cyrnn train: error: {said}\n")


@pytest.mark.parametrize("command", ["train", "sample", "eval"])
def test_help_fits_80_columns_and_names_every_default(command, monkeypatch, capsys):
    monkeypatch.setenv("COLUMNS", "80")
    assert run(command, "--help") == 0
    out = capsys.readouterr().out
    assert max(map(len, out.splitlines())) <= 80
    assert out.isascii()
    if command == "train":
        for default in ("(lstm)", "(128)", "(2)", "(20)", "(32)", "(64)", "(0.002)", "(0.1)", "(float32)", "(0)"):
            assert default in " ".join(out.split())


def test_training_that_goes_astray_ends_and_leaves_the_last_checkpoint(model, path, capsys):
    assert run("train", model / "numbers.txt", "--out", path, *SMALL, "--lr", "3e38") == 1
    err = capsys.readouterr().err
    assert re.fullmatch(
        r"python -m cyrnn train: epoch \d/3: the loss is \S+, the norm of its gradients \S+: a smaller --lr may help; "
        rf"{re.escape(repr(str(path)))} is as it was saved before\n",
        err,
    )
    assert all(np.isfinite(weight).all() for weight in nn.load(path).state_dict().values())


def test_memory_that_is_not_there_is_one_line(model, path, capsys, monkeypatch):
    def none(*given):
        raise MemoryError

    monkeypatch.setattr(train.character, "build", none)
    said = refusal(capsys, "train", model / "numbers.txt", "--out", path)
    assert said == "there is not enough memory: fewer --units, a smaller --batch or --T want less"


def test_ctrl_c_before_there_is_anything_to_save(model, path, capsys, monkeypatch):
    def interrupted(words):
        raise KeyboardInterrupt

    monkeypatch.setattr(commands, "_function", lambda command: interrupted)
    assert run("train", model / "numbers.txt", "--out", path) == 130
    assert capsys.readouterr() == ("", "")


# ---- pictures ----------------------------------------------------------------------------------------


def test_plot_without_matplotlib_names_the_extra(model, path, capsys, monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    said = refusal(capsys, "train", model / "numbers.txt", "--out", path, "--plot", "loss.png")
    assert said == "--plot draws by matplotlib, which is not installed: pip install matplotlib, or cyrnn's extra plot"


def test_plot_that_cannot_be_drawn_is_refused_before_training(model, path, tmp_path, capsys):
    pytest.importorskip("matplotlib", reason="matplotlib is not installed")
    words = ("train", model / "numbers.txt", "--out", path, "--plot")
    lost, folder = tmp_path / "no" / "loss.png", tmp_path / "folder.png"
    folder.mkdir()
    assert refusal(capsys, *words, "loss.doc").startswith("--plot 'loss.doc' has the ending 'doc', expected one of ")
    assert refusal(capsys, *words, lost) == f"--plot {str(lost)!r}: there is no folder {str(lost.parent)!r}"
    assert refusal(capsys, *words, folder) == f"--plot {str(folder)!r} is a folder, expected a file"
    assert not path.exists()
