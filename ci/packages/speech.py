"""Speech for nets that listen: eSpeak NG reads sentences aloud, the same samples wherever its version is the same."""

from __future__ import annotations

import ctypes

import espeakng_loader
import numpy as np

RATE = 16000
#: of eSpeak NG: samples are returned, not played; text is UTF-8; events in a callback's last argument are not read
_RETRIEVAL, _UTF8 = 1, 1
_CALLBACK = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.c_void_p)


class Speaker:
    """Voices of eSpeak NG, 16000 samples a second."""

    def __init__(self) -> None:
        self._espeak = ctypes.CDLL(espeakng_loader.get_library_path())
        folder = espeakng_loader.get_data_path().encode()
        self._rate = self._espeak.espeak_Initialize(_RETRIEVAL, 0, folder, 0)
        self._heard: list[np.ndarray] = []
        self._callback = _CALLBACK(self._hear)  # lives as long as the library calls it
        self._espeak.espeak_SetSynthCallback(self._callback)

    def _hear(self, samples: ctypes._Pointer[ctypes.c_short], count: int, _: object) -> int:
        if count > 0:
            self._heard.append(np.ctypeslib.as_array(samples, (count,)).copy())
        return 0

    def __call__(self, voice: str, text: str) -> np.ndarray:
        """Return a sentence as float32 within -1 .. 1."""
        if self._espeak.espeak_SetVoiceByName(voice.encode()):
            raise ValueError(f"eSpeak NG has no voice {voice}")
        said = text.encode() + b"\0"
        self._heard.clear()
        self._espeak.espeak_Synth(said, ctypes.c_size_t(len(said)), 0, 0, 0, _UTF8, None, None)
        self._espeak.espeak_Synchronize()
        return resampled(np.concatenate(self._heard) / np.float32(2**15), self._rate)


def resampled(x: np.ndarray, rate: int) -> np.ndarray:
    """Return x, of `rate` samples a second, with RATE of them: frequencies above RATE / 2 are cut off."""
    count = len(x) * RATE // rate
    spectrum = np.fft.rfft(x)[: count // 2 + 1]
    return (np.fft.irfft(spectrum, count) * (count / len(x))).astype(np.float32)
