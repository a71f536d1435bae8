"""A recurrent policy for CartPole that is not told velocities, by PPO, on cyrnn and NumPy.

    python ppo_cartpole.py [SEED]

Eight worlds run side by side. The policy sees where the cart is and how the pole leans; how fast both move it has to
remember, in the state of a GRU. An episode ends when it ends: `reset` sets the state of that world to zero, in the step
that acts and in the sequences that train.
"""

from __future__ import annotations

import sys
import time

import gymnasium
import numpy as np

from cyrnn import nn, training

WORLDS, STEPS, EPOCHS, GROUPS = 8, 128, 4, 4  # 1024 steps an update, learnt from four times, two worlds at a time
GAMMA, LAMBDA, CLIP, ENTROPY, VALUE = 0.99, 0.95, 0.2, 0.01, 0.5
REWARD = 0.02  # for a step, so that values are of order one
SEEN, SCALE = [0, 2], np.array([0.5, 5.0], np.float32)  # of the four observations; to about -1 to 1


def make_worlds():
    kind = gymnasium.vector.AutoresetMode.SAME_STEP  # after an end comes the first observation of the next episode
    return gymnasium.vector.SyncVectorEnv([lambda: gymnasium.make("CartPole-v1")] * WORLDS, autoreset_mode=kind)


def probabilities(logits):
    """Return p and log p of the actions."""
    log_p = logits - logits.max(axis=-1, keepdims=True)
    log_p -= np.log(np.exp(log_p).sum(axis=-1, keepdims=True))
    return np.exp(log_p), log_p


class Agent:
    """A GRU, and one head for the logits of both actions and the value."""

    def __init__(self, seed, updates, units=64):
        self.rng = np.random.default_rng(seed)
        self.model = nn.Sequential(nn.GRU(2, units, rng=self.rng), nn.Linear(units, 3, rng=self.rng))
        schedule = training.cosine_annealing_lr(2e-3, updates * EPOCHS * GROUPS)
        self.optimizer = training.Adam(self.model, lr=schedule)
        self.state = (np.zeros((1, WORLDS, units), np.float32),)  # of the GRU

    def act(self, observation, reset):
        """One step of all worlds: actions, their log p, values."""
        out, self.state = self.model.step(observation, self.state, reset=reset)
        p, log_p = probabilities(out[:, :2])
        action = (self.rng.random(WORLDS) > p[:, 0]).astype(np.int64)
        return action, log_p[np.arange(WORLDS), action], out[:, 2]

    def value(self, observation, reset):
        """What the step to come is worth."""
        return self.model.step(observation, self.state, reset=reset)[0][:, 2]

    def learn(self, start, x, reset, action, log_p, advantage, target):
        """One update from some worlds: all (STEPS, worlds, ...), and the state before."""
        out, _, tape = self.model.forward(x, start, reset=reset)
        p, log_now = probabilities(out[..., :2])
        taken = np.eye(2, dtype=np.float32)[action]
        ratio = np.exp((log_now * taken).sum(axis=-1) - log_p)
        inside = ratio * advantage <= np.clip(ratio, 1 - CLIP, 1 + CLIP) * advantage
        d_log = np.where(inside, -ratio * advantage, 0)[..., None]
        entropy = -(p * log_now).sum(axis=-1, keepdims=True)
        d_out = np.empty_like(out)
        d_out[..., :2] = d_log * (taken - p) + ENTROPY * p * (log_now + entropy)
        d_out[..., 2] = VALUE * (out[..., 2] - target)
        gradients = self.model.backward(tape, d_out / action.size)
        training.clip_grad_norm(gradients, 0.5)
        self.optimizer.step(gradients)


def advantages(reward, value, ended, last_value):
    """Return those of every step (Schulman et al. 2016); `ended`: whether the episode ended with the step."""
    found, following, ahead = np.zeros_like(reward), last_value, 0.0
    for t in reversed(range(len(reward))):
        goes_on = 1 - ended[t]
        error = reward[t] + GAMMA * goes_on * following - value[t]
        found[t] = ahead = error + GAMMA * LAMBDA * goes_on * ahead
        following = value[t]
    return found


def train(seed=0, updates=300, enough=475, show=print, agent=None):
    """Train until the last hundred episodes have lasted `enough` steps in the mean; return all lengths, and steps."""
    agent, worlds = agent or Agent(seed, updates), make_worlds()
    seen, lasted, lengths = worlds.reset(seed=seed)[0], np.zeros(WORLDS), []
    reset, began = np.ones(WORLDS, bool), time.perf_counter()
    x = np.empty((STEPS, WORLDS, 2), np.float32)
    log_p, value, reward = np.empty((3, STEPS, WORLDS), np.float32)
    action, flags, ended = np.empty((STEPS, WORLDS), np.int64), *np.empty((2, STEPS, WORLDS), bool)
    for update in range(1, updates + 1):
        start = agent.state
        for t in range(STEPS):
            x[t], flags[t] = seen[:, SEEN] * SCALE, reset
            action[t], log_p[t], value[t] = agent.act(x[t], reset)
            seen, reward[t], terminated, truncated, _ = worlds.step(action[t])
            reward[t] *= REWARD
            reset = ended[t] = terminated | truncated
            lasted += 1
            lengths += lasted[reset].tolist()
            lasted[reset] = 0
        advantage = advantages(reward, value, ended, agent.value(seen[:, SEEN] * SCALE, reset))
        target = advantage + value
        advantage = (advantage - advantage.mean()) / (advantage.std() + 1e-8)
        for _ in range(EPOCHS):
            for part in np.array_split(agent.rng.permutation(WORLDS), GROUPS):
                given = (a[:, part] for a in (x, flags, action, log_p, advantage, target))
                agent.learn((start[0][:, part],), *given)
        mean, steps = float(np.mean(lengths[-100:] or [0])), update * STEPS * WORLDS
        if update % 10 == 0:
            seconds = time.perf_counter() - began
            show(f"{steps:7d} steps: episodes last {mean:5.1f}, {steps / seconds:6.0f} steps a second")
        if len(lengths) >= 100 and mean >= enough:
            show(f"solved after {steps} steps: the last hundred episodes lasted {mean:.1f}")
            break
    else:
        show(f"not solved after {steps} steps")
    return lengths, steps


if __name__ == "__main__":
    train(int(sys.argv[1]) if len(sys.argv) > 1 else 0)
