"""Every check of what the commands are given, and its error sentences: one line each, for a shell."""

from __future__ import annotations

import argparse
import contextlib
import importlib.util
import math
import os
import stat
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, NoReturn

#: an exit status: of an error of the arguments, the files, the disk; of a training that went astray
USAGE, ASTRAY = 2, 1
#: of a text that `eval` reads: its cure for unknown characters, and what it counts without them
SKIP, KNOWN = "; --skip-unknown reads it without", " that the model knows"
#: characters of a list that a sentence shows
SHOWN = 8


class Refused(Exception):
    """A sentence for the user, and the exit status of the program."""

    def __init__(self, sentence: str, status: int = USAGE) -> None:
        super().__init__(" ".join(sentence.splitlines()))
        self.status = status


# ---- arguments, for argparse, which says their names ---------------------------------------------


def whole(least: int) -> Callable[[str], int]:
    """Return what reads a whole number that is not below `least`."""

    def read(given: str) -> int:
        try:
            number = int(given)
        except ValueError:
            number = least - 1
        if number < least:
            raise argparse.ArgumentTypeError(f"{given!r}, expected a whole number from {least} on")
        return number

    return read


def real(least: float, most: float, *, above: bool = False) -> Callable[[str], float]:
    """Return what reads a finite number from `least`, or from above it, to `most`."""
    wanted = f"a number {'above' if above else 'from'} {least:g}" + (f" to {most:g}" if most < math.inf else "")

    def read(given: str) -> float:
        try:
            number = float(given)
        except ValueError:
            number = math.nan
        if not (math.isfinite(number) and least <= number <= most) or (above and number == least):
            raise argparse.ArgumentTypeError(f"{given!r}, expected {wanted}")
        return number

    return read


def one_of(*known: str) -> Callable[[str], str]:
    """Return what reads one of some words."""

    def read(given: str) -> str:
        if given not in known:
            raise argparse.ArgumentTypeError(f"{given!r}, expected {' or '.join(known)}")
        return given

    return read


def model_path(given: str) -> str:
    """Return a path that ends in .npz."""
    if not given.lower().endswith(".npz"):
        raise argparse.ArgumentTypeError(f"{given!r}, expected a path that ends in .npz")
    return given


# ---- the text --------------------------------------------------------------------------------------


@contextlib.contextmanager
def reading(path: str) -> Iterator[None]:
    """Say what the system said of a file that cannot be read."""
    try:
        yield
    except FileNotFoundError:
        raise Refused(f"{path!r}: there is no such file") from None
    except IsADirectoryError:
        raise Refused(f"{path!r} is a folder, expected a file") from None
    except OSError as error:
        raise Refused(f"{path!r} cannot be read: {error.strerror or error}") from None


def no_folder(path: str) -> None:
    """Refuse a folder before it is opened, of which Windows says that access is denied."""
    if os.path.isdir(path):
        raise IsADirectoryError(path)


def ends(path: str) -> None:
    """Refuse a device that is read, which need not end. A pipe may be."""
    if stat.S_ISCHR(os.stat(path).st_mode):
        raise Refused(f"{path!r} is a device, expected a file of text, or a pipe")


def not_utf8(path: str, error: UnicodeDecodeError, head: bytes) -> NoReturn:
    other = "utf-16" if head[:2] in (b"\xff\xfe", b"\xfe\xff") else "latin-1"
    cure = f"`iconv -f {other} -t utf-8` makes it so, if it is {other}"
    found = f"0x{error.object[error.start]:02x} at byte {error.start}"
    raise Refused(f"{path!r} is not in UTF-8: {found}; {cure}") from None


def length(path: str, whole: int, trained: int, T: int) -> None:
    """Refuse a text of which no piece of T characters, and the next one, can be trained on."""
    if whole == 0:
        raise Refused(f"{path!r} is empty, expected a text")
    if trained < T + 1:
        less = f", {trained} of them to train on" if trained < whole else ""
        cure = f": --T {trained - 1} takes it" if trained > 1 else ""
        raise Refused(f"{path!r} has {counted(whole)}{less}, expected at least --T and one, {T + 1}{cure}")


def two_characters(path: str, found: int, which: str = "") -> None:
    if found < 2:
        raise Refused(f"{path!r} has {counted(found)}{which}, expected at least two: the first is not foretold")


def counted(characters: int) -> str:
    return f"{characters} character{'s' * (characters != 1)}"


def of_alphabet(where: str, unknown: Sequence[str], first: int, size: int, cure: str = "") -> None:
    """Refuse characters that the model has never seen; `first`: the place of the first one."""
    if unknown:
        what = "characters that are" if len(unknown) > 1 else "a character that is"
        found = f"{listed(unknown)}, the first at place {first}"
        raise Refused(f"{where} has {what} not among the model's {size}: {found}{cure}")


def listed(letters: Sequence[str]) -> str:
    return ", ".join(ascii(letter) for letter in letters[:SHOWN]) + ", ..." * (len(letters) > SHOWN)


def no_prompt(path: str) -> NoReturn:
    raise Refused(f"{path!r}: its text had no lines, so that no sample begins by itself: give --prompt")


# ---- files of models ---------------------------------------------------------------------------------


def regular(path: str) -> None:
    """Refuse a folder, and a pipe or a device, which would not end."""
    no_folder(path)
    if not stat.S_ISREG(os.stat(path).st_mode):
        raise Refused(f"{path!r} is no regular file, expected a model of `python -m cyrnn train`")


def out_path(path: str, resume: bool, overwrite: bool) -> None:
    """Refuse a path where no file can be, and, without leave, one where a file is."""
    folder = os.path.dirname(os.path.abspath(path))
    try:
        mode = os.stat(path).st_mode
    except FileNotFoundError:
        if not os.path.isdir(folder):
            raise Refused(f"--out {path!r}: there is no folder {folder!r}") from None
        if resume:
            raise Refused(f"--resume: there is no {path!r} to go on with: leave --resume out to begin") from None
        return
    except OSError as error:
        cannot_write(path, error)
    if stat.S_ISDIR(mode):
        raise Refused(f"--out {path!r} is a folder, expected a file")
    if not stat.S_ISREG(mode):
        raise Refused(f"--out {path!r} is no regular file: a checkpoint takes the place of the last one")
    if not (resume or overwrite):
        raise Refused(f"--out {path!r} is there already: --resume goes on with it, --overwrite starts over")


def cannot_write(path: str, error: OSError) -> NoReturn:
    kept = "; what was there is as it was" if os.path.isfile(path) else ""
    raise Refused(f"{path!r} cannot be written: {error.strerror or error}{kept}") from None


def same_run(path: str, changed: Sequence[str], given: Mapping[str, Any], found: Mapping[str, Any]) -> None:
    """Refuse options that contradict the run that is to go on."""
    for name in changed:
        raise Refused(f"--{name} {given[name]}: {path!r} was begun with {found[name]}: leave --{name} out to go on")


def same_text(path: str, alphabets: tuple[str, str], digests: tuple[str, str]) -> None:
    """Refuse another text than that with which the run was begun; of each pair the model's comes first."""
    known, given = alphabets
    for letters, others, has in ((given, known, "the text has"), (known, given, "the model has")):
        more = [letter for letter in letters if letter not in others]
        if more:
            raise Refused(f"--resume: {path!r} has another alphabet: {has} {listed(more)} more")
    if digests[0] != digests[1]:
        raise Refused(f"--resume: {path!r} was begun with another text, of the same alphabet")


def epochs_left(path: str, done: int, begun: bool, wanted: int) -> None:
    """Refuse fewer epochs than a run has; `begun`: whether it has a part of the next one, which would be lost."""
    if wanted < done + begun:
        has = f"{done} epoch{'s' * (done != 1)}" + f" and a part of epoch {done + 1}" * begun
        raise Refused(f"--epochs {wanted}: {path!r} has {has} already: --epochs {done + 1} goes on")


def between_layers(dropout: float, layers: int) -> None:
    if dropout and layers == 1:
        raise Refused(f"--dropout {dropout:g} falls between layers, of which there is one: --layers 2")


# ---- training, pictures, the machine -----------------------------------------------------------------

NO_MEMORY = "there is not enough memory: fewer --units, a smaller --batch or --T want less"


def finite(loss: float, norm: float, epoch: str, path: str) -> None:
    """Refuse to go on with what can only become worse."""
    if not (math.isfinite(loss) and math.isfinite(norm)):
        cure = f"a smaller --lr may help; {path!r} is as it was saved before"
        raise Refused(f"{epoch}: the loss is {loss}, the norm of its gradients {norm}: {cure}", ASTRAY)


def has_matplotlib() -> None:
    if importlib.util.find_spec("matplotlib") is None:
        raise Refused("--plot draws by matplotlib, which is not installed: pip install 'cyrnn[plot]'")


def picture(path: str, ending: str, known: Iterable[str]) -> None:
    """Refuse a picture of an unknown kind, and one where no file can be."""
    if ending not in known:
        raise Refused(f"--plot {path!r} has the ending {ending!r}, expected one of {', '.join(sorted(known))}")
    folder = os.path.dirname(os.path.abspath(path))
    if os.path.isdir(path):
        raise Refused(f"--plot {path!r} is a folder, expected a file")
    if not os.path.isdir(folder):
        raise Refused(f"--plot {path!r}: there is no folder {folder!r}")


def no_output(error: OSError) -> str:
    return f"stdout cannot be written: {error.strerror or error}"
