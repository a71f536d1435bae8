"""What ThreadSanitizer watches: work that threads share, and objects that several threads call at once."""

from __future__ import annotations

import sys
import threading

import numpy as np

import cyrnn
import cyrnn.nn
from cyrnn.calls import threads as shared

LSTM = dict.fromkeys(("Wf", "Wi", "Wc", "Wo"), np.full((5, 8), 0.1)) | {"Wy": np.ones((2, 5)), "by": np.ones((2, 1))}
LSTM |= dict.fromkeys(("bf", "bi", "bc", "bo"), np.ones((5, 1)))


def main() -> None:
    assert not sys._is_gil_enabled(), "importing cyrnn turned the GIL on"
    shared.MILLISECOND_FMAS = 10_000  # small calls are shared, too, with threads that sit ready
    cyrnn.set_num_threads(2)
    large = cyrnn.nn.LSTM(64, 96, rng=0)
    frames = np.random.default_rng(0).standard_normal((60, 64, 64)).astype(np.float32)
    output, _, tape = large.forward(frames)
    large.backward(tape, output)
    small = cyrnn.nn.GRU(3, 5, num_layers=2, bidirectional=True, rng=0)
    few, weights = frames[:6, :3, :3].copy(), small.state_dict()
    x, a0, da = np.ones((3, 4, 6)), np.zeros((5, 4)), np.ones((5, 4, 6))
    packed, caches = cyrnn.pack(LSTM), cyrnn.lstm_forward(x, a0, LSTM)[-1]

    def work(number: int) -> None:
        for i in range(40):
            small(few, lengths=[1, 2, 6])
            small.backward(small.forward(few)[2], np.ones((6, 3, 10), np.float32))
            cyrnn.lstm_forward(x, a0, LSTM)
            cyrnn.lstm_forward(x, a0, packed, return_caches=False)
            cyrnn.lstm_backward(da, caches)
            cyrnn.softmax(x)
            cyrnn.pack(LSTM)
            if number == 0:
                small.load_state_dict(weights)
                small.pack()
                cyrnn.set_num_threads(1 + i % 3)
            if number == 1 and i % 20 == 0:
                large(frames)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    print("done")


if __name__ == "__main__":
    main()
