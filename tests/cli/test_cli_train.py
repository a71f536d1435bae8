"""A training run and what comes of it: lines, a model that learned, files with the same bits if it was stopped."""

from __future__ import annotations

import math
import re
import signal

import numpy as np
import pytest
from cli_runs import SMALL, numbers, run, written

import cyrnn
from cyrnn import nn
from cyrnn.cli import checkpoint, interrupts, text, train
from cyrnn.training import cross_entropy

KINDS = {
    "lstm": ("--cell", "lstm", "--dropout", "0.3"),
    "gru-float64": ("--cell", "gru", "--dtype", "float64"),
    "rnn-one-layer": ("--cell", "rnn", "--layers", "1", "--held-out", "0"),
}


@pytest.fixture
def names(tmp_path):
    return written(tmp_path / "numbers.txt", numbers(99))


@pytest.fixture(autouse=True)
def ctrl_c_is_heard():
    """A shell lets what it starts in the background ignore Ctrl-C, and so these tests, which it may have started."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def stopped_after(monkeypatch, updates: int) -> None:
    """Let a signal come while an update runs; later updates run as ever."""
    left, update = [updates], train.Training._update

    def counted(self, x, y):
        update(self, x, y)
        left[0] -= 1
        if left[0] == 0:
            signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr(train.Training, "_update", counted)


def test_training_says_what_it_does_in_lines_of_80_columns(names, tmp_path, capsys):
    assert run("train", names, "--out", tmp_path / "m.npz", *SMALL) == 0
    out, err = capsys.readouterr()
    lines = out.splitlines()
    assert err == ""
    assert max(map(len, lines)) < 80
    assert lines[0] == "18 different characters; 97 are held out"
    assert lines[1] == "924 to train on, in 4 streams, 16 at a time"
    assert lines[2] == f"LSTM, 2 x 12 units, {4 * 12 * (18 + 12 + 2 + 24 + 2) + 18 * 13:,} weights"
    epoch = r"epoch {}/3  train \d\.\d{{3}}  held out \d\.\d{{3}} bits/char  [\d,]+ chars/s"
    assert len(lines) == 6
    for number, line in enumerate(lines[3:], 1):
        assert re.fullmatch(epoch.format(number), line)


def test_model_learns_and_keeps_the_losses_of_its_epochs(names, tmp_path):
    path = tmp_path / "m.npz"
    run("train", names, "--out", path, *SMALL, "--epochs", "12")
    known = checkpoint.load(str(path))
    assert len(known.history) == known.epoch == 12
    trained, held_out = known.history[-1]
    assert trained < 2.5 < 3.9 < known.history[0][0] < math.log2(18) + 0.1
    assert trained - 0.5 < held_out < trained + 0.5
    assert (known.piece, known.first, known.state, known.nats, known.characters) == (0, 0, None, 0.0, 0)


def test_bits_of_the_held_out_part_are_those_of_its_own_formula(names, tmp_path):
    """-log2 of the probability of each character but the first, by softmax in NumPy, read as one stream."""
    path = tmp_path / "m.npz"
    run("train", names, "--out", path, *SMALL)
    known = checkpoint.load(str(path))
    _, held_out = text.split(numbers(99), 0.1)
    tokens = known.alphabet.encode("it", held_out)
    hidden, _ = known.model[0](np.eye(18, dtype=np.float32)[tokens[:-1]])
    logits = (hidden @ known.model[1].weight.T + known.model[1].bias).astype(np.float64)
    p = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    bits = -np.log2(p[np.arange(len(tokens) - 1), tokens[1:]]).mean()
    assert known.history[-1][1] == pytest.approx(bits, abs=1e-5)


def test_one_piece_is_learned_as_adam_learns_it(names, tmp_path, monkeypatch):
    """The first update by formulas: with bias correction each weight goes by lr * g / (|g| + eps)."""
    path = tmp_path / "m.npz"
    stopped_after(monkeypatch, 1)
    assert run("train", names, "--out", path, *SMALL, "--dtype", "float64", "--seed", "5") == 130
    known = checkpoint.load(str(path))
    rng = np.random.default_rng(5)
    model = nn.Sequential(
        nn.LSTM(18, 12, num_layers=2, dtype="float64", rng=rng), nn.Linear(12, 18, dtype="float64", rng=rng)
    )
    first = int(rng.integers(1, 17))
    trained, _ = text.split(numbers(99), 0.1)
    x, y = (part[:first] for part in text.streams(known.alphabet.encode("it", trained), 4, 16))
    output, _, tape = model.forward(x)
    _, d_output = cross_entropy(output, y)
    gradients = model.backward(tape, d_output * first / 16).weights
    norm = math.sqrt(sum(np.square(g).sum() for g in gradients.values()))
    scale = min(1, 5 / norm)
    for name, weight in model.state_dict().items():
        g = gradients[name] * scale
        assert known.model.state_dict()[name] == pytest.approx(weight - 0.01 * g / (abs(g) + 1e-8), abs=1e-9)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("updates", [1, 5, 15, 16, 33])
def test_interrupted_run_goes_on_with_the_same_bits(kind, updates, names, tmp_path, monkeypatch, capsys):
    words = ("train", names, *SMALL, *KINDS[kind])
    whole, stopped = tmp_path / "whole.npz", tmp_path / "stopped.npz"
    assert run(*words, "--out", whole) == 0
    with monkeypatch.context() as patched:
        stopped_after(patched, updates)
        assert run(*words, "--out", stopped) == 130
        assert run(*words, "--out", stopped, "--resume", "--save-every", "0") == 0
    assert stopped.read_bytes() == whole.read_bytes()
    out, err = capsys.readouterr()
    assert err == ""
    losses = [line.partition("  ")[2].rpartition("  ")[0] for line in out.splitlines() if line.startswith("epoch")]
    assert losses[:3] == losses[3:]
    assert re.search(r"^stopped in epoch [123] and saved: --resume goes on$", out, re.MULTILINE)


def test_signal_while_the_held_out_part_is_read_loses_nothing(names, tmp_path, monkeypatch):
    words = ("train", names, *SMALL)
    whole, stopped = tmp_path / "whole.npz", tmp_path / "stopped.npz"
    assert run(*words, "--out", whole) == 0
    with monkeypatch.context() as patched:
        ended = train.Training._ended

        def signalled(self, speed):
            signal.raise_signal(signal.SIGTERM)
            return ended(self, speed)

        patched.setattr(train.Training, "_ended", signalled)
        assert run(*words, "--out", stopped) == 143
    known = checkpoint.load(str(stopped))
    assert (known.epoch, known.piece, len(known.history)) == (0, 15, 0)
    assert run(*words, "--out", stopped, "--resume") == 0
    assert stopped.read_bytes() == whole.read_bytes()


def test_more_epochs_are_those_of_a_longer_run(names, tmp_path, capsys):
    longer, resumed = tmp_path / "longer.npz", tmp_path / "resumed.npz"
    run("train", names, *SMALL, "--out", longer, "--epochs", 4)
    run("train", names, *SMALL, "--out", resumed)
    capsys.readouterr()
    assert run("train", names, "--out", resumed, "--resume", "--epochs", 4) == 0
    assert "weights; epoch 4 goes on" in capsys.readouterr().out
    assert resumed.read_bytes() == longer.read_bytes()


@pytest.mark.parametrize(("epochs", "said"), [(1, "the one epoch is done"), (2, "all 2 epochs are done")])
def test_finished_run_says_how_it_goes_on(epochs, said, names, tmp_path, capsys):
    path = tmp_path / "m.npz"
    run("train", names, *SMALL, "--out", path, "--epochs", epochs)
    before = path.read_bytes()
    capsys.readouterr()
    assert run("train", names, "--out", path, "--resume") == 0
    assert capsys.readouterr().out.endswith(f" weights; {said}: --epochs {epochs + 1} goes on\n")
    assert path.read_bytes() == before


def test_resumed_run_may_have_another_learning_rate(names, tmp_path):
    path = tmp_path / "m.npz"
    run("train", names, *SMALL, "--out", path)
    before = checkpoint.load(str(path)).model.state_dict()
    assert run("train", names, "--out", path, "--resume", "--epochs", 4, "--lr", "1e-12") == 0
    known = checkpoint.load(str(path))
    assert known.options["lr"] == 1e-12
    assert known.model.state_dict()["1.weight"] == pytest.approx(before["1.weight"], abs=1e-9)


def test_bits_are_the_same_whatever_the_threads(tmp_path):
    names, threads = written(tmp_path / "n.txt", numbers(999)), cyrnn.get_num_threads()
    words = ("train", names, "--units", 48, "--epochs", 1, "--T", 48)
    try:
        for count in (1, 3):
            cyrnn.set_num_threads(count)
            assert run(*words, "--out", tmp_path / f"{count}.npz") == 0
    finally:
        cyrnn.set_num_threads(threads)
    assert (tmp_path / "1.npz").read_bytes() == (tmp_path / "3.npz").read_bytes()


def test_seed_makes_another_model(names, tmp_path):
    for seed in (0, 1):
        run("train", names, *SMALL, "--epochs", 1, "--seed", seed, "--out", tmp_path / f"{seed}.npz")
    zero, one = (nn.load(tmp_path / f"{seed}.npz") for seed in (0, 1))
    assert not np.array_equal(zero[1].weight, one[1].weight)


def test_file_is_a_model_of_nn(names, tmp_path):
    path = tmp_path / "m.npz"
    run("train", names, *SMALL, "--cell", "gru", "--dropout", "0.25", "--out", path)
    model = nn.load(path)
    assert repr(model[0]) == "GRU(18, 12, num_layers=2, dropout=0.25)"
    known = checkpoint.load(str(path)).model
    x = np.arange(20) % 18
    assert np.array_equal(model(x)[0], known(x)[0])


def test_overwrite_starts_over_and_sweeps_what_killed_runs_left(names, tmp_path):
    path, other = tmp_path / "m.npz", tmp_path / "m.npz.notes.tmp"
    (tmp_path / "m.npz.0123456789ab.tmp").write_bytes(b"half")
    other.write_bytes(b"the user's")
    for _ in range(2):
        assert run("train", names, *SMALL, "--epochs", 1, "--out", path, "--overwrite") == 0
    assert sorted(file.name for file in tmp_path.iterdir()) == ["m.npz", other.name, "numbers.txt"]


def test_text_of_one_character_is_foretold_at_once(tmp_path, capsys):
    path = tmp_path / "m.npz"
    assert run("train", written(tmp_path / "a.txt", "a" * 40), "--out", path, *SMALL, "--epochs", 1) == 0
    assert "train 0.000  held out 0.000 bits/char" in capsys.readouterr().out


def test_second_signal_ends_at_once_and_handlers_are_given_back():
    before = signal.getsignal(signal.SIGINT)
    with interrupts.Interrupts() as caught:
        assert caught.caught == 0
        signal.raise_signal(signal.SIGINT)
        assert caught.caught == signal.SIGINT
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
    assert signal.getsignal(signal.SIGINT) is before


def test_ignored_signal_stays_ignored(monkeypatch):
    before = signal.signal(signal.SIGTERM, signal.SIG_IGN)
    try:
        with interrupts.Interrupts() as caught:
            signal.raise_signal(signal.SIGTERM)
            assert caught.caught == 0
    finally:
        signal.signal(signal.SIGTERM, before)
