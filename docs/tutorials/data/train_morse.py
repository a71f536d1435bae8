"""Train the model of the tutorial on streams with PyTorch, and write what the tutorial reads; some minutes of a core.

    python docs/tutorials/data/train_morse.py

`morse.safetensors` has the weights; `morse.npz` a test signal, and what PyTorch makes of it.
"""

from __future__ import annotations

from pathlib import Path

import morse
import numpy as np
import torch
from safetensors.torch import save_file

HERE = Path(__file__).parent
UPDATES, BATCH, FRAMES = 2400, 32, 200


class Decoder(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.gru = torch.nn.GRU(1, 64)
        self.head = torch.nn.Linear(64, len(morse.CLASSES))

    def forward(self, x, state=None):  # (L, N, 1)
        output, state = self.gru(x, state)
        return self.head(output), state


def example(rng):
    """Return the strength of a tone, the classes, and what was keyed so far; 15 to 24 words a minute."""
    dot = rng.uniform(0.05, 0.08)
    letters = rng.choice(list("ABCDEFGHIJKLMNOPQRSTUVWXYZ "), 20, p=[0.85 / 26] * 26 + [0.15])
    changes, *answers = morse.keying("".join(letters), dot, rng)
    first = rng.integers(0, 60)  # a signal may be met in the middle of a letter
    x = morse.envelope(changes, first + FRAMES, rng, rng.uniform(0.6, 1.4), rng.uniform(0.02, 0.25))
    return x[first:], *(morse.targets(answer, first + FRAMES)[first:] for answer in answers)


def main():
    torch.manual_seed(0)
    torch.set_num_threads(1)
    rng, model = np.random.default_rng(0), Decoder()
    # A second head, of the training alone, says what was keyed of a letter so far: something to learn at each frame
    so_far_head = torch.nn.Linear(64, len(morse.CLASSES))
    parameters = [*model.parameters(), *so_far_head.parameters()]
    optimizer = torch.optim.Adam(parameters, lr=8e-3)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, UPDATES)
    for update in range(1, UPDATES + 1):
        x, *wanted = (np.stack(part, axis=1) for part in zip(*[example(rng) for _ in range(BATCH)], strict=True))
        hidden, _ = model.gru(torch.from_numpy(x[..., None]))
        found = [model.head(hidden), so_far_head(hidden)]
        losses = [
            torch.nn.functional.cross_entropy(scores.flatten(0, 1), torch.from_numpy(classes).flatten())
            for scores, classes in zip(found, wanted, strict=True)
        ]
        loss = sum(losses)
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(parameters, 1.0)
        optimizer.step()
        schedule.step()
        if update % 100 == 0:
            right = [(s.argmax(-1).numpy() == classes).mean() for s, classes in zip(found, wanted, strict=True)]
            said = [f"loss {loss.item():.3f}, {share:.1%} right" for loss, share in zip(losses, right, strict=True)]
            print(f"update {update}: letters {said[0]}; so far {said[1]}", flush=True)
    save_file(model.state_dict(), HERE / "morse.safetensors")
    store(model)


def store(model):
    """Write a test signal and the scores that PyTorch makes of it."""
    rng = np.random.default_rng(1)
    changes, *_ = morse.keying("WHAT HATH GOD WROUGHT", 0.07, rng)
    x = morse.envelope(changes, int((changes[-1] + 0.7) / morse.FRAME), rng, noise=0.15)
    with torch.no_grad():
        scores, _ = model(torch.from_numpy(x[:, None, None]))
    print(morse.read(scores[:, 0].argmax(-1)))
    np.savez_compressed(HERE / "morse.npz", x=x, torch_scores=scores[:, 0].numpy())


if __name__ == "__main__":
    main()
