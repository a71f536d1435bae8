"""The agent of docs/how_to/examples: that it learns, and its sums."""

from __future__ import annotations

import importlib.util
import re
import sys

import numpy as np
import pytest
from paths import ROOT

from cyrnn import nn

pytest.importorskip("gymnasium", reason="gymnasium is not installed")
SPEC = importlib.util.spec_from_file_location("ppo_cartpole", ROOT / "docs/how_to/examples/ppo_cartpole.py")
ppo = importlib.util.module_from_spec(SPEC)
sys.modules[SPEC.name] = ppo
SPEC.loader.exec_module(ppo)


def test_episodes_become_longer():
    said: list[str] = []
    lengths, steps = ppo.train(0, 40, show=said.append)
    assert steps == 40 * 1024
    assert len(said) == 5
    assert said[-1] == f"not solved after {steps} steps"
    assert np.mean(lengths[:100]) < 30
    assert np.mean(lengths[-30:]) > 60


def test_the_same_seed_gives_the_same_episodes():
    assert ppo.train(3, 2) == ppo.train(3, 2)


def test_it_stops_when_episodes_are_long_enough():
    said: list[str] = []
    lengths, steps = ppo.train(0, 40, enough=15, show=said.append)
    assert len(lengths) >= 100
    assert steps < 10 * 1024
    mean = np.mean(lengths[-100:])
    assert said[-1] == f"solved after {steps} steps: the last hundred episodes lasted {mean:.1f}"


def test_page_says_what_changes_for_an_lstm():
    source = (ROOT / "docs/how_to/examples/ppo_cartpole.py").read_text(encoding="utf-8")
    page = (ROOT / "docs/how_to/agents.md").read_text(encoding="utf-8")
    changes = page.partition("```diff\n")[2].partition("```")[0]
    for before, after in re.findall(r"^-(.*\n)\+(.*\n)", changes, re.MULTILINE):
        assert source.count(before) == 1
        source = source.replace(before, after)
    changed = {"__name__": "ppo_lstm"}
    exec(compile(source, "ppo_lstm.py", "exec"), changed)
    agent = changed["Agent"](0, 1)
    assert type(agent.model[0]) is nn.LSTM
    assert changed["train"](3, 2) == changed["train"](3, 2) != ppo.train(3, 2)


def test_advantages_are_sums_of_errors_up_to_the_end_of_an_episode():
    random = np.random.default_rng(0)
    reward, value = random.standard_normal((2, 9, 3))
    ended, last = random.random((9, 3)) < 0.3, random.standard_normal(3)
    found = ppo.advantages(reward, value, ended, last)
    following = np.concatenate([value[1:], last[None]]) * ~ended
    error = reward + ppo.GAMMA * following - value
    for t in range(9):
        for i in range(3):
            total, factor = 0.0, 1.0
            for k in range(t, 9):
                total += factor * error[k, i]
                factor *= ppo.GAMMA * ppo.LAMBDA
                if ended[k, i]:
                    break
            assert found[t, i] == pytest.approx(total, abs=1e-12)


def test_gradient_is_the_slope_of_the_loss(monkeypatch):
    """d_out of `learn`, against central differences of the loss of Schulman et al. 2017 at out."""
    random, kept = np.random.default_rng(1), {}
    agent = ppo.Agent(0, 1)
    x = random.standard_normal((4, 2, 2)).astype(np.float32)
    reset, action = random.random((4, 2)) < 0.2, random.integers(0, 2, (4, 2))
    log_p, advantage, target = random.standard_normal((3, 4, 2)).astype(np.float32)
    log_p -= 1.0
    start = (np.zeros((1, 2, 64), np.float32),)
    out = agent.model(x, start, reset=reset)[0].astype(np.float64)
    backward = agent.model.backward
    monkeypatch.setattr(type(agent.model), "backward", lambda self, tape, d: kept.update(d=d) or backward(tape, d))
    agent.learn(start, x, reset, action, log_p, advantage, target)

    def loss(out):
        p, log_now = ppo.probabilities(out[..., :2])
        ratio = np.exp(np.take_along_axis(log_now, action[..., None], 2)[..., 0] - log_p)
        gain = np.minimum(ratio * advantage, np.clip(ratio, 1 - ppo.CLIP, 1 + ppo.CLIP) * advantage)
        entropy = -(p * log_now).sum(axis=-1)
        return (-gain - ppo.ENTROPY * entropy + ppo.VALUE / 2 * (out[..., 2] - target) ** 2).mean()

    for index in np.ndindex(out.shape):
        step = np.zeros_like(out)
        step[index] = 1e-6
        assert kept["d"][index] == pytest.approx((loss(out + step) - loss(out - step)) / 2e-6, abs=1e-5)
