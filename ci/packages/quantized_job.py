"""Integer weights in two trained nets: how far states are from those of float64, and which decisions that changes.

silero-vad's LSTM hears speech that eSpeak NG reads aloud; g2p-en's two GRUs spell words of the dictionary. Prints the
rows of cyrnn in docs/how_to/quantized.md, and fails where one is above its bound: the best int8 of others, or what the
page says.
"""

from __future__ import annotations

import sys
from importlib.metadata import version
from typing import Any, NamedTuple

import numpy as np
from g2p_en_job import DICTIONARY, WEIGHTS, G2p, OnCyrnn
from silero import Detector, recording

from cyrnn import nn

COLUMNS = ("net", "weights", "rms of states", "largest", "decisions", "that change")
KINDS = ("float32", "int8", "int16")
WORDS = 800


class Bound(NamedTuple):
    rms: float
    changed: int


#: rms of int8: of the most exact int8 of others, onnxruntime 1.32 and torch 2.13 on the same input. What else: room
#: for features and scores that another BLAS rounds otherwise
BOUNDS = {
    ("silero-vad", "float32"): Bound(1e-6, 0),
    ("silero-vad", "int8"): Bound(7.4e-3, 12),
    ("silero-vad", "int16"): Bound(5e-4, 2),
    ("g2p-en", "float32"): Bound(1e-6, 0),
    ("g2p-en", "int8"): Bound(1.0e-2, 30),
    ("g2p-en", "int16"): Bound(5e-4, 3),
}


def in_kind(model: Any, kind: str) -> Any:
    return model if kind == "float32" else model.quantize(kind)


def row(net: str, kind: str, difference: np.ndarray, count: int, decisions: int, changed: int) -> bool:
    """Print a row; return whether it is above its bound. `count`: states; `difference` may have zeros beside them."""
    rms, bound = float(np.sqrt(np.sum(difference**2) / count)), BOUNDS[net, kind]
    found = f"{rms:.1e}", f"{np.abs(difference).max():.1e}", str(decisions), str(changed)
    wrong = not (rms <= bound.rms and changed <= bound.changed)
    print("|", " | ".join([f"{net} {version(net)}", kind, *found]), "|" + f" above {bound}" * wrong)
    return wrong


def silero_vad() -> int:
    detector = Detector()
    x = detector.features(recording())
    truth = nn.load(detector.path, dtype=np.float64)(x.astype(np.float64))[0]
    wanted = detector.speech(truth) > 0.5
    lstm, failed = nn.load(detector.path), 0
    for kind in KINDS:
        h = in_kind(lstm, kind)(x)[0]
        changed = int(np.sum((detector.speech(h) > 0.5) != wanted))
        failed += row("silero-vad", kind, h - truth, h.size, len(h), changed)
    return failed


class InKind(OnCyrnn):
    def __init__(self, kind: str) -> None:
        super().__init__()
        self.encoder, self.decoder = in_kind(self.encoder, kind), in_kind(self.decoder, kind)


def padded(rows: list[np.ndarray]) -> tuple[np.ndarray, list[int]]:
    """Return (N, L, features) of rows (L, features) of any length, and the lengths."""
    lengths = [len(row) for row in rows]
    found = np.zeros((len(rows), max(lengths), rows[0].shape[1]), np.float32)
    for each, row in zip(found, rows, strict=True):
        each[: len(row)] = row
    return found, lengths


def g2p_en() -> int:
    rng, package = np.random.default_rng(0), G2p()
    words = rng.choice([word for word in DICTIONARY if word.isalpha() and len(word) > 3], WORDS, replace=False)
    spelled = [package.predict(word) for word in words]
    read, read_lengths = padded([package.encode(word)[0] for word in words])
    begun = [[2, *map(package.p2idx.get, phonemes)] for phonemes in spelled]  # the package's decoder begins with 2
    written, written_lengths = padded([package.dec_emb[numbers] for numbers in begun])
    nets = {}
    for net in ("enc", "dec"):
        weights = {f"{name}_l0": package.variables[f"{net}_{own}"] for name, own in WEIGHTS.items()}
        nets[net] = nn.from_state_dict(weights, batch_first=True)

    def states(encoder: Any, decoder: Any, dtype: Any) -> np.ndarray:
        """What the encoder leaves, letter by letter, and the decoder, given the package's phonemes."""
        found, last = encoder(read.astype(dtype), lengths=read_lengths)
        others, _ = decoder(written.astype(dtype), last, lengths=written_lengths)
        return np.concatenate([found.ravel(), others.ravel()])

    doubles = [nn.from_state_dict(net.state_dict(), batch_first=True, dtype=np.float64) for net in nets.values()]
    truth, count = states(*doubles, np.float64), sum([*read_lengths, *written_lengths]) * nets["enc"].hidden_size
    failed = 0
    for kind in KINDS:
        found = states(*(in_kind(net, kind) for net in nets.values()), np.float32)
        speller = InKind(kind)
        changed = sum(speller.predict(word) != wanted for word, wanted in zip(words, spelled, strict=True))
        failed += row("g2p-en", kind, found - truth, count, WORDS, changed)
    return failed


if __name__ == "__main__":
    print("|", " | ".join(COLUMNS), "|")
    print("|---" * len(COLUMNS) + "|")
    sys.exit(bool(silero_vad() + g2p_en()))
