"""silero-vad tells speech from silence, 32 ms by 32 ms: a spectrum, four convolutions, an LSTM of 128 units, a sigmoid.

Its weights are in the package; its front end is NumPy here, and agrees with the package's graph in onnxruntime to 4e-5
of features up to 9.
"""

from __future__ import annotations

from importlib.metadata import files

import numpy as np
import onnx
from onnx.numpy_helper import to_array
from speech import RATE, Speaker

#: samples of a chunk, of the chunk before that stand in front of it, and mirrored ones behind
CHUNK, BEFORE, MIRRORED = 512, 64, 64
WINDOW, HOP, BINS = 256, 128, 129
STRIDES = (1, 2, 2, 1)
SENTENCES = {
    "en": "The quick brown fox jumps over the lazy dog, and nobody is surprised.",
    "en-us": "Please leave your message after the tone; we will call you back as soon as we can.",
    "de": "Der Zug nach Hamburg fährt heute von Gleis sieben, und er hat zehn Minuten Verspätung.",
    "fr": "Il fait beau ce matin, mais la météo annonce de la pluie pour demain soir.",
    "es": "La biblioteca abre a las nueve y cierra a las ocho de la tarde.",
    "it": "Vorrei un caffè e un bicchiere d'acqua, per favore.",
}
#: of the noise, below the loudest sample
DECIBELS = (80, 40, 25, 15)


def recording(seed: int = 0) -> np.ndarray:
    """Sentences in several languages with pauses between, each in four noises."""
    rng, speak = np.random.default_rng(seed), Speaker()
    said = [speak(voice, text) for voice, text in SENTENCES.items()]
    found = []
    for decibels in DECIBELS:
        for x in said:
            x = np.concatenate([np.zeros(rng.integers(RATE // 4, RATE)), x, np.zeros(rng.integers(RATE // 4, RATE))])
            found.append(x + rng.standard_normal(len(x)) * np.abs(x).max() * 10 ** (-decibels / 20))
    x = np.concatenate(found).astype(np.float32)
    return x[: len(x) // CHUNK * CHUNK]


def convolved(x: np.ndarray, weight: np.ndarray, stride: int = 1) -> np.ndarray:
    """x (N, in, L), weight (out, in, K): (N, out, L')."""
    windows = np.lib.stride_tricks.sliding_window_view(x, weight.shape[2], axis=2)[:, :, ::stride]
    result: np.ndarray = np.einsum("nilk,oik->nol", windows, weight, optimize=True)
    return result


class Detector:
    """The package's net but for its LSTM."""

    def __init__(self) -> None:
        (file,) = (file for file in files("silero-vad") or () if file.name == "silero_vad_16k_sequence.onnx")
        self.path = file.locate()
        self.weights = {each.name: to_array(each) for each in onnx.load(self.path).graph.initializer}

    def features(self, x: np.ndarray) -> np.ndarray:
        """Return what the LSTM is given for samples x: float32 (chunks, 128)."""
        x = np.concatenate([np.zeros(BEFORE, x.dtype), x])
        x = np.lib.stride_tricks.sliding_window_view(x, BEFORE + CHUNK)[::CHUNK]
        x = np.pad(x, [(0, 0), (0, MIRRORED)], mode="reflect")[:, None]
        waves = convolved(x, self.weights["stft.forward_basis_buffer"], HOP)
        x = np.hypot(waves[:, :BINS], waves[:, BINS:])
        for k, stride in enumerate(STRIDES):
            x = convolved(np.pad(x, [(0, 0), (0, 0), (1, 1)]), self.weights[f"encoder.{k}.weight"], stride)
            x = np.maximum(x + self.weights[f"encoder.{k}.bias"][:, None], 0)
        return np.ascontiguousarray(x[:, :, 0], np.float32)

    def speech(self, h: np.ndarray) -> np.ndarray:
        """Return the probability that a chunk is speech, of the LSTM's output (chunks, 128)."""
        weight, bias = (self.weights[f"output.{name}"].astype(np.float64) for name in ("weight", "bias"))
        result: np.ndarray = 1 / (1 + np.exp(-(np.maximum(h, 0) @ weight[0, :, 0] + bias)))
        return result
