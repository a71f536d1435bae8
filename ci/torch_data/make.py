"""Make the data by which tests/notebook/test_torch.py holds cyrnn against PyTorch: gradients, and a training of digits.

    python ci/torch_data/make.py tests/data        with torch, scikit-learn and NumPy installed

Everything is drawn from seeds, so that it can be made again; the versions that made it are stored with it. PyTorch runs
plain cells written with its tensors (no nn.LSTM: the notebook's weights and gates are another layout), and its autograd
makes every gradient.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import sklearn
import torch
from sklearn.datasets import load_digits

SHAPES = [(3, 5, 4, 7), (6, 17, 1, 9), (2, 8, 9, 3)]  # n_x, n_a, m, T_x
STEPS, EXAMPLES, UNITS, RATE = 100, 60, 16, 0.01
BETA1, BETA2, EPSILON = 0.9, 0.999, 1e-8


def weights(cell: str, n_x: int, n_a: int, n_y: int, random) -> dict[str, np.ndarray]:
    """The notebook's parameters, small enough that no gate is saturated."""
    shapes = {"Wax": (n_a, n_x), "Waa": (n_a, n_a), "ba": (n_a, 1), "Wya": (n_y, n_a), "by": (n_y, 1)}
    if cell == "lstm":
        shapes = {f"W{gate}": (n_a, n_a + n_x) for gate in "fico"} | {f"b{gate}": (n_a, 1) for gate in "fico"}
        shapes |= {"Wy": (n_y, n_a), "by": (n_y, 1)}
    return {key: random.uniform(-1, 1, shape) / np.sqrt(n_a) for key, shape in shapes.items()}


def hidden(cell: str, p, x, a, c):
    """Hidden states of every step, and the last memory."""
    states = []
    for t in range(x.shape[2]):
        if cell == "rnn":
            a = torch.tanh(p["Wax"] @ x[:, :, t] + p["Waa"] @ a + p["ba"])
        else:
            s = torch.cat([a, x[:, :, t]])
            f, i, o = (torch.sigmoid(p[f"W{gate}"] @ s + p[f"b{gate}"]) for gate in "fio")
            c = f * c + i * torch.tanh(p["Wc"] @ s + p["bc"])
            a = o * torch.tanh(c)
        states.append(a)
    return torch.stack(states, dim=2), c


def gradients() -> dict[str, np.ndarray]:
    """Inputs and gradients by name "cell/dtype/shape/what"."""
    stored = {}
    for cell in ("rnn", "lstm"):
        for dtype in (np.float64, np.float32):
            for number, (n_x, n_a, m, T) in enumerate(SHAPES):
                random = np.random.RandomState(number)
                given = weights(cell, n_x, n_a, 1, random)
                given |= {"x": random.standard_normal((n_x, m, T)), "da": random.standard_normal((n_a, m, T))}
                given |= {name: random.standard_normal((n_a, m)) for name in ("a0", "c0", "dc")}
                given = {key: value.astype(dtype) for key, value in given.items()}
                t = {key: torch.tensor(value, requires_grad=key not in ("da", "dc")) for key, value in given.items()}
                a, c = hidden(cell, t, t["x"], t["a0"], t["c0"])
                loss = (a * t["da"]).sum() + ((c * t["dc"]).sum() if cell == "lstm" else 0)
                loss.backward()
                where = f"{cell}/{np.dtype(dtype).name}/{number}"
                stored |= {f"{where}/{key}": value for key, value in given.items()}
                stored |= {f"{where}/d{k}": v.grad.numpy() for k, v in t.items() if v.grad is not None}
    return stored


def digits() -> dict[str, np.ndarray]:
    """A hundred steps of Adam on handwritten digits, read row by row: 8 steps of 8 features, softmax after the last."""
    data = load_digits()
    images, labels = data.images[:EXAMPLES].astype(np.uint8), data.target[:EXAMPLES].astype(np.uint8)
    first = weights("lstm", 8, UNITS, 10, np.random.RandomState(0))
    p = {key: torch.tensor(value, requires_grad=True) for key, value in first.items()}
    x = torch.tensor(images.transpose(2, 0, 1) / 16.0)  # (feature, example, row)
    zero = torch.zeros(UNITS, EXAMPLES, dtype=torch.float64)
    v, s = ({key: torch.zeros_like(value) for key, value in p.items()} for _ in range(2))
    losses = []
    for step in range(1, STEPS + 1):
        a, _ = hidden("lstm", p, x, zero, zero)
        scores = (p["Wy"] @ a[:, :, -1] + p["by"]).T
        loss = torch.nn.functional.cross_entropy(scores, torch.tensor(labels.astype(np.int64)))
        losses.append(loss.item())
        for value in p.values():
            value.grad = None
        loss.backward()
        with torch.no_grad():
            for key, value in p.items():  # epsilon stands inside the root, as in the notebook's Adam
                v[key] = BETA1 * v[key] + (1 - BETA1) * value.grad
                s[key] = BETA2 * s[key] + (1 - BETA2) * value.grad**2
                corrected = s[key] / (1 - BETA2**step)
                value -= RATE * (v[key] / (1 - BETA1**step)) / torch.sqrt(corrected + EPSILON)
    return {"images": images, "labels": labels, "losses": np.array(losses)} | {f"p/{k}": w for k, w in first.items()}


if __name__ == "__main__":
    folder = Path(sys.argv[1])
    versions = {"torch": torch.__version__, "numpy": np.__version__, "scikit-learn": sklearn.__version__}
    note = np.array(json.dumps(versions))
    np.savez_compressed(folder / "torch_gradients.npz", versions=note, **gradients())
    np.savez_compressed(folder / "torch_digits.npz", versions=note, **digits())
