"""What the commands `train`, `sample` and `eval` take."""

from __future__ import annotations

import argparse
import math
from typing import Any

from . import _check
from .options import OPTIONS

TRAIN = """Train a character model of a text, and write it to --out: at the start, at the end of each epoch, and
every --save-every seconds between. Ctrl-C saves, too, and ends with status 130. --resume goes on where the file
is, with the bits that an uninterrupted run has."""
SAMPLE = "Print a text that a model of `train` makes, character by character."
EVAL = "Measure how well a model of `train` foretells a text, in bits per character."
SKIP = "read the text without the characters that the model does not know, and say how many they are"
TEMPERATURE = "above 1 bolder, below 1 more careful, 0 the likeliest character each time (1)"


def add_commands(commands: Any) -> None:
    """Add the three to argparse's subparsers."""
    train = _command(commands, "train", "train a character model of a text", TRAIN)
    train.add_argument("text", metavar="TEXT", help="any file in UTF-8")
    train.add_argument("--out", required=True, type=_check.model_path, metavar="MODEL.npz", help="where the model goes")
    for name, option in OPTIONS.items():
        about, metavar = f"{option.about} ({option.default})", name.upper().replace("-", "_")
        train.add_argument(f"--{name}", type=option.read, metavar=metavar, help=about)
    train.add_argument("--resume", action="store_true", help="go on with the run in --out; options are as they were")
    train.add_argument("--overwrite", action="store_true", help="start over where --out is there already")
    every = _check.real(0, math.inf)
    train.add_argument("--save-every", type=every, default=30.0, metavar="SECONDS", help="between checkpoints (30)")
    train.add_argument("--plot", metavar="LOSS.png", help="draw the losses of the epochs (wants matplotlib)")

    sample = _command(commands, "sample", "print a text that a model makes", SAMPLE)
    sample.add_argument("model", metavar="MODEL.npz", type=_check.model_path, help="a file of `train`")
    sample.add_argument("--prompt", help="the beginning of a line, which the text goes on with (none)")
    sample.add_argument("--temperature", type=_check.real(0, 100), default=1.0, help=TEMPERATURE)
    sample.add_argument("--length", type=_check.whole(0), default=500, help="characters behind the prompt (500)")
    sample.add_argument("--seed", type=_check.whole(0), help="the same seed, the same text (another text each time)")

    evaluate = _command(commands, "eval", "measure a model on a text", EVAL)
    evaluate.add_argument("model", metavar="MODEL.npz", type=_check.model_path, help="a file of `train`")
    evaluate.add_argument("text", metavar="TEXT", help="a file in UTF-8, of the characters that the model knows")
    evaluate.add_argument("--skip-unknown", action="store_true", help=SKIP)


def _command(commands: Any, name: str, what: str, about: str) -> argparse.ArgumentParser:
    found: argparse.ArgumentParser = commands.add_parser(name, help=what, description=" ".join(about.split()))
    return found
