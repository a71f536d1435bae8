"""Steps a second of the agent of docs/how_to/examples/ppo_cartpole.py, on cyrnn and on torch, one core each.

    python ci/agents.py [UPDATES]

With the worlds of gymnasium, and without: then observations, rewards and ends are drawn before. The agent on torch is
the same program: the same sizes, losses and numbers of updates. torch's GRU has no resets: a sequence is run step by
step, its state multiplied by zeros; or in pieces from reset to reset of any world, faster where those are rare.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1] / "docs/how_to/examples"))
import ppo_cartpole as ppo
import torch


class TorchAgent:
    """ppo.Agent, on torch."""

    def __init__(self, seed, updates, units=64, pieces=True):
        torch.manual_seed(seed)
        self.rng, self.pieces = np.random.default_rng(seed), pieces
        self.gru, self.head = torch.nn.GRU(2, units), torch.nn.Linear(units, 3)
        self.weights = [*self.gru.parameters(), *self.head.parameters()]
        self.optimizer = torch.optim.Adam(self.weights, lr=2e-3, fused=True)
        self.schedule = torch.optim.lr_scheduler.CosineAnnealingLR(self.optimizer, updates * ppo.EPOCHS * ppo.GROUPS)
        self.state = (torch.zeros(1, ppo.WORLDS, units),)

    @torch.no_grad()
    def act(self, observation, reset):
        keep = torch.from_numpy(~reset)[:, None]
        hidden, state = self.gru(torch.from_numpy(observation)[None], self.state[0] * keep)
        out, self.state = self.head(hidden[0]), (state,)
        log_p = torch.log_softmax(out[:, :2], -1)
        action = torch.from_numpy(self.rng.random(ppo.WORLDS)) > log_p[:, 0].exp()
        taken = log_p.gather(1, action.long()[:, None])[:, 0]
        return action.numpy().astype(np.int64), taken.numpy(), out[:, 2].numpy()

    @torch.no_grad()
    def value(self, observation, reset):
        keep = torch.from_numpy(~reset)[:, None]
        return self.head(self.gru(torch.from_numpy(observation)[None], self.state[0] * keep)[0][0])[:, 2].numpy()

    def run(self, x, state, reset):
        cuts = np.flatnonzero(reset[1:].any(axis=1)) + 1 if self.pieces else range(1, len(x))
        outputs = []
        for t, until in zip([0, *cuts], [*cuts, len(x)], strict=True):
            keep = torch.from_numpy(~reset[t])[:, None]
            output, state = self.gru(x[t:until], state * keep)
            outputs.append(output)
        return torch.cat(outputs)

    def learn(self, start, x, reset, action, log_p, advantage, target):
        out = self.head(self.run(torch.from_numpy(x), start[0], reset))
        log_now = torch.log_softmax(out[..., :2], -1)
        log_p, advantage, target = (torch.from_numpy(a) for a in (log_p, advantage, target))
        taken = log_now.gather(2, torch.from_numpy(action)[..., None])[..., 0]
        ratio = torch.exp(taken - log_p)
        gain = torch.min(ratio * advantage, ratio.clamp(1 - ppo.CLIP, 1 + ppo.CLIP) * advantage)
        entropy = -(log_now.exp() * log_now).sum(-1)
        loss = (-gain - ppo.ENTROPY * entropy + ppo.VALUE * (out[..., 2] - target) ** 2 / 2).mean()
        self.optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.weights, 0.5)
        self.optimizer.step()
        self.schedule.step()


class Drawn:
    """Worlds without any: observations, rewards and ends that were drawn before."""

    def __init__(self):
        random = np.random.default_rng(0)
        self.seen = random.standard_normal((997, ppo.WORLDS, 4), np.float32)
        self.ends, self.t = random.random((997, ppo.WORLDS)) < 0.005, 0  # episodes of 200 steps
        self.reward, self.never = np.ones(ppo.WORLDS), np.zeros(ppo.WORLDS, bool)

    def reset(self, seed):
        return self.seen[0], {}

    def step(self, action):
        self.t = (self.t + 1) % 997
        return self.seen[self.t], self.reward, self.ends[self.t], self.never, {}


def steps_a_second(agent, worlds, updates):
    """The median of three."""
    found = []
    for _ in range(3):
        ppo.Agent, ppo.make_worlds = agent, worlds
        began = time.perf_counter()
        _, steps = ppo.train(0, updates, enough=1e9, show=lambda said: None)
        found.append(steps / (time.perf_counter() - began))
    return sorted(found)[1]


def main(updates):
    torch.set_num_threads(1)
    ours, worlds = ppo.Agent, ppo.make_worlds
    rows = {"cyrnn": ours, "torch, in pieces": TorchAgent}
    rows["torch, step by step"] = lambda seed, n: TorchAgent(seed, n, pieces=False)
    print(f"{'':20} {'with worlds':>12} {'without':>12}   steps a second")
    for name, agent in rows.items():
        print(f"{name:20}", *(f"{steps_a_second(agent, kind, updates):12.0f}" for kind in (worlds, Drawn)))


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 10)
