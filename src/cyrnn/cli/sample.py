"""`python -m cyrnn sample` and `eval`: what a trained model says, and how well it foretells a text."""

from __future__ import annotations

import argparse
import itertools
import sys
import time

import numpy as np

from . import _check, character, checkpoint, text

#: what the model reads before the prompt, and alone where there is none: a sample begins a line
NEW_LINE = "\n"


def sample(words: argparse.Namespace) -> int:
    """Print the prompt and `--length` characters behind it."""
    known = checkpoint.load(words.model)
    prompt, lines = words.prompt or "", NEW_LINE in str(known.alphabet)
    if not (prompt or lines):
        _check.no_prompt(words.model)
    given = known.alphabet.encode("--prompt", prompt)
    read = np.concatenate([known.alphabet.encode("", NEW_LINE), given]) if lines else given
    tokens = character.sampled(known.model, read, words.temperature, np.random.default_rng(words.seed))
    _write(prompt)
    for token in itertools.islice(tokens, words.length):
        _write(known.alphabet.decode(np.array([token])))
    print(flush=True)
    return 0


def _write(letters: str) -> None:
    """Write to stdout, whatever of it can be shown there: a terminal gets no control characters that a text had."""
    out = sys.stdout
    if out is not None and out.isatty():
        letters = "".join(letter if letter.isprintable() or letter in "\n\t" else "?" for letter in letters)
    encoding = getattr(out, "encoding", None) or "utf-8"
    print(letters.encode(encoding, "replace").decode(encoding), end="")


def evaluate(words: argparse.Namespace) -> int:
    """Print the bits per character of a text.

    To a character that is not of its alphabet a model gives no probability, whose bits would be infinite: such a text
    is refused, or, where the user says so, read without those characters.
    """
    known, whole = checkpoint.load(words.model), text.read(words.text)
    _check.two_characters(words.text, len(whole))
    if words.skip_unknown:
        tokens = known.alphabet.encode_known(whole)
        _check.two_characters(words.text, len(tokens), _check.KNOWN)
    else:
        tokens = known.alphabet.encode(repr(words.text), whole, _check.SKIP)
    skipped = len(whole) - len(tokens)
    without = f", without {skipped:,} that the model does not know" if skipped else ""
    begin = time.monotonic()
    bits = character.bits_per_character(known.model, tokens)
    speed = len(tokens) / max(time.monotonic() - begin, 1e-9)
    print(f"{bits:.3f} bits/char of {len(tokens):,} characters{without}  {speed:,.0f} chars/s", flush=True)
    return 0
