"""`python -m cyrnn train`: the loop over epochs and pieces of the text, which a signal ends in order."""

from __future__ import annotations

import argparse
import math
import time
from typing import Any

import numpy as np

from ..training import Adam, chunks, clip_grad_norm, cross_entropy
from . import _check, _check_checkpoint, character, checkpoint, picture, text
from .checkpoint import Run
from .interrupts import Interrupts
from .options import DEFAULTS, OPTIONS
from .progress import Progress

BITS = 1 / math.log(2)  # of a nat


def train(words: argparse.Namespace) -> int:
    """Run the command; return the status with which the program ends."""
    given = {name: getattr(words, name.replace("-", "_")) for name in DEFAULTS}
    _check.out_path(words.out, words.resume, words.overwrite)
    if words.plot:
        picture.check(words.plot)
    whole = text.read(words.text)
    run = _resumed(words, given, whole) if words.resume else _begun(words, given, whole)
    with Interrupts() as interrupts:
        return Training(run, whole, words, interrupts).to_its_end()


def _begun(words: argparse.Namespace, given: dict[str, Any], whole: str) -> Run:
    options = {name: DEFAULTS[name] if value is None else value for name, value in given.items()}
    _check.between_layers(options["dropout"], options["layers"])
    trained, _ = text.split(whole, options["held-out"])
    _check.length(words.text, len(whole), len(trained), options["T"])
    alphabet, rng = text.Alphabet.of(whole), np.random.default_rng(options["seed"])
    model = character.build(options, len(alphabet.codes), rng)
    return Run(options, alphabet, text.digest(whole), model, Adam(model, options["lr"]), rng)


def _resumed(words: argparse.Namespace, given: dict[str, Any], whole: str) -> Run:
    run = checkpoint.load(words.out)
    alphabets = str(run.alphabet), str(text.Alphabet.of(whole))
    _check.same_text(words.out, alphabets, (run.digest, text.digest(whole)))
    changed = {name: value for name, value in given.items() if value is not None and value != run.options[name]}
    _check.same_run(words.out, [name for name in changed if not OPTIONS[name].free], given, run.options)
    run.options |= changed
    _check.epochs_left(words.out, run.epoch, run.piece > 0, run.options["epochs"])
    run.optimizer.lr = run.options["lr"]
    return run


class Training:
    """A run, its text in streams, and the user who looks on."""

    def __init__(self, run: Run, whole: str, words: argparse.Namespace, interrupts: Interrupts) -> None:
        self.run, self.options, self.words, self.interrupts = run, run.options, words, interrupts
        self.progress, self.saved = Progress(), 0.0  # saved: when, by time.monotonic
        parts = text.split(whole, self.options["held-out"])
        trained, held_out = (run.alphabet.encode("the text", part) for part in parts)
        self.held_out = held_out if len(held_out) > 1 else None
        self.inputs, self.targets = text.streams(trained, self.options["batch"], self.options["T"])
        _check_checkpoint.streams(words.out, run.state, self.inputs.shape[1])

    def to_its_end(self) -> int:
        """Train until all epochs are done or a signal came, and save; return the status for the shell."""
        checkpoint.sweep(self.words.out)
        self._save()
        try:
            self._say_what_runs()
            while self.run.epoch < self.options["epochs"] and self._epoch():
                self._save()
        except OSError:  # of stdout, which is closed or on a full disk
            self.progress.clear()
            self._save()
            raise
        if self.interrupts.caught:
            self._save()
        if self.words.plot:
            picture.losses(self.run.history, self.words.plot)
        if self.interrupts.caught:
            self.progress.line(f"stopped in epoch {self.run.epoch + 1} and saved: --resume goes on")
            return 128 + self.interrupts.caught
        return 0

    def _say_what_runs(self) -> None:
        options, run = self.options, self.run
        weights = sum(array.size for array in run.model.state_dict().values())
        held_out = 0 if self.held_out is None else len(self.held_out)
        steps, count = self.inputs.shape
        self.progress.line(f"{len(run.alphabet.codes):,} different characters; {held_out:,} are held out")
        self.progress.line(f"{steps * count:,} to train on, in {count} streams, {options['T']} at a time")
        kind = f"{options['cell'].upper()}, {options['layers']} x {options['units']} units, {weights:,} weights"
        self.progress.line(kind + self._how_far())

    def _how_far(self) -> str:
        """Return what a run that goes on says of it."""
        epoch, wanted = self.run.epoch, self.options["epochs"]
        if epoch == wanted:
            done = f"all {epoch} epochs are" if epoch > 1 else "the one epoch is"
            return f"; {done} done: --epochs {epoch + 1} goes on"
        return f"; epoch {epoch + 1} goes on" if epoch or self.run.piece else ""

    def _epoch(self) -> bool:
        """Go through what is left of an epoch; return whether it came to its end."""
        run, T, begin, before = self.run, self.options["T"], time.monotonic(), self.run.characters
        if not run.first:
            run.first = int(run.rng.integers(1, T + 1))  # pieces begin at other places in each epoch
        x, y = ([part[: run.first], *chunks(part[run.first :], T)] for part in (self.inputs, self.targets))
        speed = 0.0
        for piece in range(run.piece, len(x)):
            self._update(x[piece], y[piece])
            speed = (run.characters - before) / max(time.monotonic() - begin, 1e-9)
            self.progress.show(self._name(), run.characters / self.inputs.size, self._measures(speed))
            if self.interrupts.caught:
                return False
            if time.monotonic() - self.saved > self.words.save_every:
                self._save()
        return self._ended(speed)

    def _update(self, x: text.Tokens, y: text.Tokens) -> None:
        """Learn from one piece of all streams."""
        run, options = self.run, self.options
        dropout_rng = run.rng if options["dropout"] else None
        logits, state, tape = run.model.forward(x, run.state, dropout_rng=dropout_rng)
        loss, d_logits = cross_entropy(logits, y)
        d_logits *= len(x) / options["T"]  # the first piece and the last are shorter, and count less
        gradients = run.model.backward(tape, d_logits)
        norm = clip_grad_norm(gradients, options["clip"])
        _check.finite(loss, norm, self._name(), self.words.out)
        run.optimizer.step(gradients)
        run.state, run.piece = state, run.piece + 1
        run.nats, run.characters = run.nats + loss * x.size, run.characters + x.size

    def _ended(self, speed: float) -> bool:
        """Measure the held-out part, and say how the epoch was; False if a signal came before."""
        run, held_out = self.run, None
        if self.held_out is not None:
            held_out = character.bits_per_character(run.model, self.held_out, lambda: not self.interrupts.caught)
            if held_out is None:
                return False
        self.progress.line(f"{self._name()}  {self._measures(speed, held_out)}")
        run.history.append([run.nats / run.characters * BITS, held_out])
        run.epoch, run.piece, run.first, run.state, run.nats, run.characters = run.epoch + 1, 0, 0, None, 0.0, 0
        return True

    def _name(self) -> str:
        epochs = str(self.options["epochs"])
        return f"epoch {self.run.epoch + 1:{len(epochs)}}/{epochs}"

    def _measures(self, speed: float, held_out: float | None = None) -> str:
        trained = self.run.nats / max(self.run.characters, 1) * BITS
        second = "" if held_out is None else f"  held out {held_out:.3f}"
        return f"train {trained:.3f}{second} bits/char  {speed:,.0f} chars/s"

    def _save(self) -> None:
        checkpoint.save(self.run, self.words.out)
        self.saved = time.monotonic()
