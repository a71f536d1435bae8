"""Whole training steps: forward, loss, backward, clipping, Adam; and one step of an agent for eight worlds.

Each contestant begins with the same weights and takes the same batch. Before the clock starts it takes LOSSES steps,
whose losses have to be those of cyrnn. torch: fused Adam, with oneDNN and without; jax: one jitted function of the
whole step, its weights donated.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from cyrnn import nn, training

from . import clock
from .contestant import Variant
from .samples import letters
from .table import markdown, short

LOSSES = 4
LR, MAX_NORM = 1e-3, 1.0
#: the same sums, in other orders
TOLERANCE = 2e-4

Array = Any
Step = Callable[[], float]


@dataclass(frozen=True)
class Job:
    """A model in words that every contestant knows, and its batch."""

    title: str
    least: float  # times torch's speed, of the issue
    features: int
    units: int
    layers: int
    outputs: int
    T: int
    N: int
    tokens: bool = False  # one-hot ones
    embedding: bool = False  # of tokens, in the place of one-hot rows
    last: bool = False  # whether the last step alone is used
    classes: bool = True  # cross entropy, else squared error

    @property
    def sizes(self) -> str:
        layers = f"{self.layers} x " if self.layers > 1 else ""
        return f"{self.features} -> {layers}{self.units} -> {self.outputs}, T {self.T}, N {self.N}"

    def batch(self) -> tuple[Array, Array]:
        """Return x (T, N, features), of tokens (T, N), and the targets."""
        random = np.random.default_rng(self.units + self.T)
        if self.tokens:
            x: Array = random.integers(0, self.features, (self.T, self.N))
        else:
            x = random.standard_normal((self.T, self.N, self.features)).astype(np.float32)
        leading = (self.N,) if self.last else (self.T, self.N)
        if self.classes:
            return x, random.integers(0, self.outputs, leading)
        return x, random.standard_normal((*leading, self.outputs)).astype(np.float32)

    def model(self) -> Any:
        width = self.units if self.embedding else self.features
        parts: list[Any] = [nn.Embedding(self.features, width, rng=1)] if self.embedding else []
        parts.append(nn.LSTM(width, self.units, num_layers=self.layers, rng=2))
        parts += [nn.LastStep()] if self.last else []
        return nn.Sequential(*parts, nn.Linear(self.units, self.outputs, rng=3))


JOBS = {
    "characters": Job("character model, one-hot", 1.3, 80, 128, 1, 80, 64, 32, tokens=True),
    "embedded": Job("character model, embedding", 1.3, 80, 128, 1, 80, 64, 32, tokens=True, embedding=True),
    "digits": Job("digits, rows of 8 x 8", 1.5, 8, 64, 2, 10, 8, 64, last=True),
    "forecaster": Job("forecaster", 2.0, 1, 32, 1, 1, 48, 32, last=True, classes=False),
    "agent": Job("agent, one step of 8 worlds", 5.0, 4, 64, 1, 3, 1, 8, classes=False),
}


def ours(job: Job) -> tuple[Step, Step | None]:
    """The step, and that of the optimizer alone."""
    model = job.model()
    x, targets = job.batch()
    if job.T == 1:
        state = None

        def act() -> float:
            nonlocal state
            output, state = model.step(x[0], state)
            return float(output[0, 0])

        return act, None
    optimizer = training.Adam(model, lr=LR)
    loss_of = training.cross_entropy if job.classes else training.mse_loss
    gradients: Any = None

    def step() -> float:
        nonlocal gradients
        output, _, tape = model.forward(x)
        loss, d = loss_of(output, targets)
        gradients = model.backward(tape, d)
        training.clip_grad_norm(gradients, MAX_NORM)
        optimizer.step(gradients)
        return loss  # type: ignore[no-any-return]  # a number: the mean

    return step, lambda: optimizer.step(gradients) or 0.0


def torch_step(job: Job) -> Step:
    import torch

    torch.set_num_threads(1)
    weights = {name: torch.from_numpy(value) for name, value in job.model().state_dict().items()}
    x, targets = (torch.from_numpy(value) for value in job.batch())
    width = job.units if job.embedding else job.features
    parts: list[Any] = [torch.nn.Embedding(job.features, width)] if job.embedding else []
    lstm, head = torch.nn.LSTM(width, job.units, job.layers), torch.nn.Linear(job.units, job.outputs)
    parts += [lstm, *([torch.nn.Identity()] if job.last else []), head]
    model = torch.nn.ModuleList(parts)
    model.load_state_dict(weights)
    if job.T == 1:
        state = None

        @torch.inference_mode()
        def act() -> float:
            nonlocal state
            output, state = lstm(x, state)
            return float(head(output[0])[0, 0])

        return act
    optimizer = torch.optim.Adam(model.parameters(), lr=LR, fused=True)
    loss_of = torch.nn.functional.cross_entropy if job.classes else torch.nn.functional.mse_loss

    def step() -> float:
        read = x
        if job.tokens:
            read = parts[0](x) if job.embedding else torch.nn.functional.one_hot(x, job.features).float()
        output, _ = lstm(read)
        found = head(output[-1] if job.last else output)
        loss = loss_of(found.flatten(0, -2) if job.classes else found, targets.flatten() if job.classes else targets)
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), MAX_NORM)
        optimizer.step()
        return float(loss.detach())

    return step


@contextlib.contextmanager
def _onednn(enabled: bool) -> Any:
    import torch

    with torch.backends.mkldnn.flags(enabled=enabled):
        yield


def jax_step(job: Job) -> Step:
    import jax
    from jax import numpy as jnp

    x, targets = job.batch()
    weights = job.model().state_dict()
    first = int(job.embedding)

    def layer(w: Any, rows: Any, state: Any, k: int) -> Any:
        name = f"{first}.{{}}_l{k}"
        W, U = w[name.format("weight_ih")], w[name.format("weight_hh")]
        z_x = rows @ W.T + w[name.format("bias_ih")] + w[name.format("bias_hh")]

        def cell(carry: Any, z: Any) -> Any:
            h, c = carry
            i, f, g, o = jnp.split(z + h @ U.T, 4, axis=-1)
            c = jax.nn.sigmoid(f) * c + jax.nn.sigmoid(i) * jnp.tanh(g)
            h = jax.nn.sigmoid(o) * jnp.tanh(c)
            return (h, c), h

        return jax.lax.scan(cell, state, z_x)

    def output_of(w: Any, states: Any) -> Any:
        rows = x
        if job.tokens:
            rows = w["0.weight"][x] if job.embedding else jax.nn.one_hot(x, job.features)
        for k in range(job.layers):
            states[k], rows = layer(w, rows, states[k], k)
        head = len(w) and max(name.split(".")[0] for name in w)
        return (rows[-1] if job.last or job.T == 1 else rows) @ w[f"{head}.weight"].T + w[f"{head}.bias"], states

    zero = [(jnp.zeros((job.N, job.units)),) * 2 for _ in range(job.layers)]
    if job.T == 1:
        states = zero
        run = jax.jit(output_of)

        def act() -> float:
            nonlocal states
            output, states = run(weights, states)
            return float(output[0, 0])

        return act

    def loss_of(w: Any) -> Any:
        output, _ = output_of(w, list(zero))
        if not job.classes:
            return jnp.mean((output - targets) ** 2)
        return -jnp.mean(jnp.take_along_axis(jax.nn.log_softmax(output), targets[..., None], axis=-1))

    def whole(w: Any, m: Any, v: Any, t: Any) -> Any:
        loss, g = jax.value_and_grad(loss_of)(w)
        norm = jnp.sqrt(sum(jnp.sum(value**2) for value in g.values()))
        g = {name: value * jnp.minimum(1, MAX_NORM / (norm + 1e-6)) for name, value in g.items()}
        m = {name: 0.9 * m[name] + 0.1 * value for name, value in g.items()}
        v = {name: 0.999 * v[name] + 0.001 * value**2 for name, value in g.items()}
        rate, root = LR / (1 - 0.9**t), jnp.sqrt(1 - 0.999**t)
        return loss, {name: w[name] - rate * m[name] / (jnp.sqrt(v[name]) / root + 1e-8) for name in w}, m, v

    w = {name: jnp.asarray(value) for name, value in weights.items()}
    m, v = ({name: jnp.zeros_like(value) for name, value in w.items()} for _ in range(2))
    jitted, t = jax.jit(whole, donate_argnums=(0, 1, 2)), 0

    def step() -> float:
        nonlocal w, m, v, t
        t += 1
        loss, w, m, v = jitted(w, m, v, t)
        return float(loss)

    return step


def variants(job: Job) -> tuple[list[Variant], Step | None]:
    """Return every contestant that is here and right; raise ValueError if one is wrong."""
    own, optimizer = ours(job)
    want = [own() for _ in range(LOSSES)]
    found = [Variant("cyrnn", "", own, dict)]
    for name, make, modes in (("torch", torch_step, (True, False)), ("jax", jax_step, (None,))):
        for mode in modes:
            around = contextlib.nullcontext if mode is None else (lambda mode=mode: _onednn(mode))
            try:
                with around():
                    step = make(job)
                    losses = [step() for _ in range(LOSSES)]
            except ImportError:
                continue
            if not np.allclose(losses, want, rtol=TOLERANCE, atol=TOLERANCE):
                raise ValueError(f"{job.title}: losses of {name} are {losses}, of cyrnn {want}")
            word = {True: "oneDNN", False: "native", None: "jit"}[mode]
            found.append(Variant(name, word, step, dict, around))
    return found, optimizer


def _short(entry: clock.Entry) -> dict[str, Any]:
    """The form, the minimum, and a letter for each turn as in samples.py."""
    found = clock.summary(entry)
    return {"variant": entry.variant.variant, "min_us": found["min_us"], "turns": letters(found["above"])}


def measured(names: list[str], seconds: float) -> list[dict[str, Any]]:
    rows = []
    for name in names:
        job = JOBS[name]
        found, optimizer = variants(job)
        row: dict[str, Any] = {"job": name}
        for entry in clock.race(found, seconds):
            row[entry.variant.rival] = _short(entry)
        if optimizer is not None:
            (entry,) = clock.race([Variant("optimizer", "", optimizer, dict)], seconds)
            row["optimizer"] = _short(entry)
        rows.append(row)
    return rows


def table(rows: list[dict[str, Any]]) -> list[str]:
    """A line for each job: microseconds a step, and over ours; what the optimizer takes of ours."""
    body = []
    for row in rows:
        job, own = JOBS[row["job"]], row["cyrnn"]["min_us"]
        line = [job.title, job.sizes, short(own)]
        for rival in ("torch", "jax"):
            line.append(short(row[rival]["min_us"]) if rival in row else "")
        torch = f"{row['torch']['min_us'] / own:.2f}x" if "torch" in row else ""
        line += [torch, f"{job.least}x", f"{100 * row['optimizer']['min_us'] / own:.1f}%" if "optimizer" in row else ""]
        body.append(line)
    return markdown(["work", "sizes", "cyrnn", "torch", "jax", "torch / cyrnn", "wanted", "Adam's share"], body)
