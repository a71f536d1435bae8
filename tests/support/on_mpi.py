"""A program for mpiexec: its first argument is what it does. The first rank prints what all of them have found."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import sys

import numpy as np
from mpi4py import MPI

from cyrnn import distributed, nn, training

#: groups, examples: the same for each rank or not, fewer examples than groups, fewer groups than ranks
SIZES = [(8, 32), (5, 13), (8, 3), (1, 4)]


def train(comm, dtype, groups: int, n: int, updates: int = 5) -> dict[str, np.ndarray]:
    """Train two layers and a head to add their inputs up, and return the weights."""
    gradients = distributed.Gradients(comm, groups=groups)
    rng = np.random.default_rng(0)
    recurrent, head = nn.LSTM(2, 6, num_layers=2, dtype=dtype, rng=0), nn.Linear(6, 1, dtype=dtype, rng=0)
    model = nn.Sequential(recurrent, nn.LastStep(), head)
    optimizer = training.Adam(model, lr=0.01)
    for _ in range(updates):
        x = rng.standard_normal((5, n, 2)).astype(dtype)
        target = np.tanh(x.sum(axis=(0, 2)))[:, None]

        def of_group(rows, x=x, target=target):
            output, _, tape = model.forward(x[:, rows])
            loss, d_output = training.mse_loss(output, target[rows], reduction="sum")
            return {"loss": loss / n, **model.backward(tape, d_output / n).weights}

        sums = gradients.sum(of_group, n)
        del sums["loss"]
        optimizer.step(sums)
    return model.state_dict()


def sha256(weights: dict[str, np.ndarray]) -> str:
    return hashlib.sha256(b"".join(array.tobytes() for array in weights.values())).hexdigest()


def trained(comm) -> dict[str, str]:
    """The SHA-256 of the weights on this rank, after each training."""
    return {
        f"{dtype}, {groups} groups, {n} examples": sha256(train(comm, dtype, groups, n))
        for dtype in ("float32", "float64")
        for groups, n in SIZES
    }


def raising(comm) -> str:
    """What is raised on this rank where the last one's function raises, and whether the next sum is right."""
    gradients = distributed.Gradients(comm, groups=6)

    def of_group(rows):
        if comm.Get_rank() == comm.Get_size() - 1:
            raise ArithmeticError("no gradient today")
        return {"W": np.ones(3)}

    try:
        gradients.sum(of_group, 12)
    except Exception as error:
        said = f"{type(error).__name__}: {error}"
    return f"{said}; {gradients.sum(lambda rows: {'W': np.ones(1)}, 12)['W']}"


def unlike(comm) -> list[str]:
    """What is raised on this rank where an argument is wrong on the last one alone, and the next sum."""
    last, said = comm.Get_rank() == comm.Get_size() - 1, []
    gradients = distributed.Gradients(comm)

    def groups(value):
        distributed.Gradients(comm, groups=value)

    for do, value in ((groups, 0), (groups, "8"), (lambda n: gradients.sum(lambda rows: {"W": np.ones(1)}, n), 0)):
        try:
            do(value if last else 8)
        except (ValueError, TypeError) as error:
            said.append(f"{type(error).__name__}: {error}")
    return [*said, str(gradients.sum(lambda rows: {"W": np.ones(1)}, 8)["W"])]


def leaving(comm) -> None:
    """The last rank ends in the middle, by an exception of its own or by SIGKILL; the others go on adding."""
    gradients = distributed.Gradients(comm)
    for update in range(100_000):
        if update == 5 and comm.Get_rank() == comm.Get_size() - 1:
            if sys.argv[1] == "killed":
                os.kill(os.getpid(), signal.SIGKILL)
            raise ArithmeticError("not in the function")
        gradients.sum(lambda rows: {"W": np.ones(3)}, 8)


if __name__ == "__main__":
    bodies = {"trained": trained, "raising": raising, "unlike": unlike, "leaving": leaving, "killed": leaving}
    body = bodies[sys.argv[1]]
    found = MPI.COMM_WORLD.gather(body(MPI.COMM_WORLD))
    if found is not None:
        print(json.dumps(found))
