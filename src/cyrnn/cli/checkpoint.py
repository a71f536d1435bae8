"""A training run in one .npz file: all that it has to know to go on with the same bits, in its place at once.

It is the file that `model.save` writes, which `cyrnn.nn.load` reads, with entries beside the weights:

    __cyrnn__.run            options and place in the text, in JSON
    __cyrnn__.alphabet       code points, in ascending order
    __cyrnn__.optimizer.*    what Adam keeps
    __cyrnn__.state.*        the state that the next piece begins with, an array for each of its parts

There is neither a time nor a path in it: two runs of the same options and text have the same bytes.
"""

from __future__ import annotations

import glob
import json
import os
import re
import struct
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ..nn import files
from ..training import Adam
from ..weights import npz_file
from ..weights.contents import ABOUT, Contents
from ..weights.protobuf import Malformed
from ..weights.whole_file import written
from . import _check, _check_checkpoint, character
from .options import OPTIONS
from .text import Alphabet

#: of the entry `run`; a later one may mean something else
FORMAT = 1
#: entries of `run` beside the options -> their types in JSON
FIELDS: dict[str, tuple[type, ...]] = dict.fromkeys(("epoch", "piece", "first", "characters"), (int,))
FIELDS |= {"nats": (float,), "history": (list,), "digest": (str,)}
#: of what reads a file, or is given its contents
ERRORS: tuple[type[Exception], ...] = (Malformed, zipfile.BadZipFile, struct.error, EOFError)
ERRORS += (ValueError, TypeError, KeyError, OverflowError, RuntimeError)


@dataclass
class Run:
    """A training run between two updates."""

    options: dict[str, Any]
    alphabet: Alphabet
    digest: str  # of the text
    model: Any
    optimizer: Any
    rng: np.random.Generator
    epoch: int = 0  # whole ones that are done
    piece: int = 0  # pieces of this epoch that are done
    first: int = 0  # steps of this epoch's first piece; 0 before it is drawn
    state: Any = None  # that the next piece begins with; None: zero
    nats: float = 0.0  # sum of the losses of this epoch's characters
    characters: int = 0  # that it is of
    history: list[list[float | None]] = field(default_factory=list)  # [trained, held out] of each epoch, in bits


def save(run: Run, path: str) -> None:
    """Write the run beside the path, and let it take the place of what was there."""
    known = {name: getattr(run, name) for name in FIELDS}
    about = json.dumps({"format": FORMAT, "options": run.options, "rng": run.rng.bit_generator.state} | known)
    own = {"run": np.array(about), "alphabet": run.alphabet.codes}
    own |= {f"optimizer.{name}": np.asarray(value) for name, value in run.optimizer.state_dict().items()}
    own |= {f"state.{i}": array for i, array in enumerate(_parts(run.state))}
    entries = run.model.state_dict() | {f"{ABOUT}.{name}": array for name, array in own.items()}
    try:
        with written(path) as file:
            npz_file.write(file, entries, files.about(run.model))
    except OSError as error:
        _check.cannot_write(path, error)


def _parts(state: Any) -> Any:
    """Return the arrays of a model's state; its one recurrent module has a pair, if it is an LSTM."""
    if state is None:
        return ()
    return state[0] if isinstance(state[0], tuple) else state


def sweep(path: str) -> None:
    """Remove what runs that were killed while they wrote have left beside the path."""
    path = os.path.realpath(path)
    for beside in glob.glob(f"{glob.escape(path)}.*.tmp"):
        if re.fullmatch(r"\.[0-9a-f]{12}\.tmp", beside[len(path) :]):
            with suppress(OSError):
                os.unlink(beside)


def load(path: str) -> Run:
    """Return the run that a file holds; refuse any other file, and one with a byte that changed."""
    with _check.reading(path):
        _check.regular(path)
        with open(path, "rb") as file, _damaged(path):
            with zipfile.ZipFile(file) as archive:  # for its checksums, which npz_file does not read
                compressed = any(member.compress_type != zipfile.ZIP_STORED for member in archive.infolist())
                _check_checkpoint.intact(compressed, None if compressed else archive.testzip())
            return _read(npz_file.contents(file))


def _read(contents: Contents) -> Run:
    def own(name: str) -> Any:
        return contents.read(f"{ABOUT}.{name}")

    about = _check_checkpoint.about(str(own("run")), FORMAT, FIELDS)
    options = _check_checkpoint.options(about["options"], {name: option.read for name, option in OPTIONS.items()})
    alphabet = Alphabet(_check_checkpoint.alphabet(own("alphabet")))
    weights = {name: contents.read(name) for name in contents.names}
    _check_checkpoint.sizes(weights, options, len(alphabet.codes))  # before memory is asked for
    rng = np.random.default_rng(0)
    model = character.build(options, len(alphabet.codes), rng)
    model.load_state_dict(weights)
    optimizer = Adam(model, options["lr"])
    optimizer.load_state_dict({name: own(f"optimizer.{name}") for name in optimizer.state_dict()})
    rng.bit_generator.state = about["rng"]
    parts = (2 if options["cell"] == "lstm" else 1) if about["piece"] else 0
    state = _check_checkpoint.state([own(f"state.{i}") for i in range(parts)], options)
    known = {name: about[name] for name in FIELDS}
    return Run(options, alphabet, model=model, optimizer=optimizer, rng=rng, state=state, **known)


@contextmanager
def _damaged(path: str) -> Iterator[None]:
    """Take any error of what reads a file, or of what its contents are given to, for the file's."""
    try:
        yield
    except ERRORS as error:
        _check_checkpoint.foreign(path, f"there is no {error}" if type(error) is KeyError else str(error))
