"""A text as tokens: its alphabet, the part that is held out, streams beside each other."""

from __future__ import annotations

import hashlib
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from . import _check

#: a held-out part is at most so many pieces, each of at least so many characters
HELD_OUT_PIECES, HELD_OUT_CHARACTERS = 16, 64

Tokens = NDArray[np.int32]


def read(path: str) -> str:
    """Return a file's text. A byte order mark is no part of it, and lines of Windows end as those of others."""
    with _check.reading(path):
        _check.no_folder(path)
        _check.ends(path)
        with open(path, "rb") as file:
            data = file.read()
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        _check.not_utf8(path, error, data)
    return text.replace("\r\n", "\n")


def digest(text: str) -> str:
    """Return what tells a text from others: the SHA-256 of its UTF-8."""
    return hashlib.sha256(text.encode()).hexdigest()


def codes_of(text: str) -> NDArray[np.uint32]:
    """Return the code points; surrogates, which a shell makes of bytes that are not UTF-8, are such, too."""
    return np.frombuffer(text.encode("utf-32-le", "surrogatepass"), np.dtype("<u4")).astype(np.uint32)


class Alphabet(NamedTuple):
    """The characters of a text, in ascending order: a token is a place among them."""

    codes: NDArray[np.uint32]

    @classmethod
    def of(cls, text: str) -> Alphabet:
        return cls(np.flatnonzero(np.bincount(codes_of(text))).astype(np.uint32))

    def __str__(self) -> str:
        return self.decode(np.arange(len(self.codes)))

    def decode(self, tokens: NDArray[np.integer]) -> str:
        return str(self.codes[tokens].astype("<u4").tobytes(), "utf-32-le")

    def encode(self, where: str, text: str, cure: str = "") -> Tokens:
        """Return the tokens of a text; `where`: what it is, for the error that names unknown characters."""
        given = codes_of(text)
        tokens, known = self._found(given)
        unknown = np.flatnonzero(~known)
        letters = [chr(code) for code in np.unique(given[unknown])]
        _check.of_alphabet(where, letters, int(unknown[0]) if len(unknown) else 0, len(self.codes), cure)
        return tokens

    def encode_known(self, text: str) -> Tokens:
        """Return the tokens of a text without the characters that are not of the alphabet."""
        tokens, known = self._found(codes_of(text))
        return tokens[known]

    def _found(self, given: NDArray[np.uint32]) -> tuple[Tokens, NDArray[np.bool]]:
        """Return tokens of code points, and which of these are of the alphabet; of others the token says nothing."""
        tokens = np.searchsorted(self.codes, given).clip(max=len(self.codes) - 1)
        return tokens.astype(np.int32), self.codes[tokens] == given


def split(text: str, fraction: float) -> tuple[str, str]:
    """Return the part of a text to train on, and the held-out part, each put together of pieces of the whole text.

    So a text in alphabetical order holds out names of every letter. Pieces end with a line, where one ends nearby.
    """
    held_out = int(len(text) * fraction)
    count = min(HELD_OUT_PIECES, max(1, held_out // HELD_OUT_CHARACTERS))
    size = held_out // count
    trained, held, begin = [], [], 0
    for piece in range(1, count + 1) if size else ():
        end = len(text) * piece // count
        cut, end = _line_end(text, end - size, size // 2), _line_end(text, end, size // 2)
        trained.append(text[begin:cut])
        held.append(text[cut:end])
        begin = end
    return "".join([*trained, text[begin:]]), "".join(held)


def _line_end(text: str, at: int, most: int) -> int:
    """Return the place behind the first line that ends at `at` or at most so many characters behind it; else `at`."""
    return text.find("\n", at - 1, at + most) + 1 or at


def streams(tokens: Tokens, batch: int, T: int) -> tuple[Tokens, Tokens]:
    """Return inputs (L, N) and their targets, the tokens behind them: N streams, each a part of the text.

    There are fewer than `batch` where a stream would be shorter than T. What does not fill a last step is left out.
    """
    count = min(batch, (len(tokens) - 1) // T)
    steps = (len(tokens) - 1) // count
    inputs, targets = (tokens[shift : shift + steps * count].reshape(count, steps).T for shift in (0, 1))
    return inputs, targets
