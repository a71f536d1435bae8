"""Make the data by which tests/training/ holds losses, optimizers, clipping and schedules against PyTorch.

    python ci/torch_data/training.py tests/data        with torch and NumPy installed

One file, torch_training.npz, in float64. What goes in is drawn by tests/support/training_cases.py.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import torch

sys.path.insert(0, str(Path(__file__).parents[2] / "tests" / "support"))
import stored
import training_cases as cases


def scheduled(optimizer, name: str):
    kind, options, _ = cases.SCHEDULES[name]
    return getattr(torch.optim.lr_scheduler, kind)(optimizer, **options)


def trained(name: str) -> dict[str, np.ndarray]:
    """Weights after some steps, and the norms that clipping has found."""
    kind, options, clip, schedule = cases.OPTIMIZERS[name]
    weights = {key: torch.tensor(value, requires_grad=True) for key, value in cases.weights().items()}
    optimizer = getattr(torch.optim, kind)(list(weights.values()), **options)
    following = scheduled(optimizer, schedule) if schedule else None
    found, norms = {}, []
    for step in range(1, cases.STEPS + 1):
        for key, value in cases.gradients(step).items():
            weights[key].grad = torch.tensor(value)
        if clip is not None and clip[0] == "norm":
            norms.append(float(torch.nn.utils.clip_grad_norm_(list(weights.values()), clip[1])))
        elif clip is not None:
            torch.nn.utils.clip_grad_value_(list(weights.values()), clip[1])
        optimizer.step()
        if following is not None:
            following.step()
        if step in cases.SAVED:
            found |= {f"{step} {key}": value.detach().numpy().copy() for key, value in weights.items()}
    return found | ({"norms": np.array(norms)} if norms else {})


def rates(name: str) -> dict[str, np.ndarray]:
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=cases.LR)
    following, found = scheduled(optimizer, name), []
    for _ in range(cases.SCHEDULED):
        found.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        following.step()
    return {"rates": np.array(found)}


def lost(name: str) -> dict[str, np.ndarray]:
    function, said, wanted, options = cases.loss_arguments(name)
    options = {key: torch.tensor(value) if isinstance(value, np.ndarray) else value for key, value in options.items()}
    x, t = torch.tensor(said, requires_grad=True), torch.tensor(wanted)
    classes = function == "cross_entropy"  # which torch has on axis 1
    loss = getattr(torch.nn.functional, function)(x.permute(0, 2, 1) if classes else x, t, **options)
    loss.sum().backward()
    return {"loss": loss.detach().numpy(), "d": x.grad.numpy()}


def main(folder: Path) -> None:
    results = {f"optimizer {name}": trained(name) for name in cases.OPTIMIZERS}
    results |= {f"schedule {name}": rates(name) for name in cases.SCHEDULES}
    results |= {f"loss {name}": lost(name) for name in cases.LOSSES}
    versions = {"torch": torch.__version__, "numpy": np.__version__}
    stored.save(folder / "torch_training.npz", versions, results)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
