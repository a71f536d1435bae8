"""What the jobs of this folder share: a package as it is and on cyrnn, text by text, every decision compared.

A model is called with a text and returns its decisions. What it went by it leaves in `seen`, unless that is None.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from importlib.metadata import version
from typing import Any, Protocol

import numpy as np

COLUMNS = (
    "package", "texts", "decisions", "that differ", "states differ by", "closest decision", "s as it is", "s on cyrnn"
)
ROUNDS = 3


class Seen(list[np.ndarray]):
    """States of the nets, in the order in which they were computed, and by how much the closest decision was taken."""

    margin = np.inf

    def scores(self, scores: np.ndarray) -> None:
        """Take scores of classes in the last axis, the largest of which is decided for."""
        best = np.sort(scores, axis=-1)[..., -2:]
        self.margin = min(self.margin, float((best[..., 1] - best[..., 0]).min(initial=np.inf)))


class Model(Protocol):
    seen: Seen | None

    def __call__(self, text: str) -> list[str]: ...


def watch(model: Model, owner: Any, method: str, take: Callable[[Seen, Any], None] = Seen.append) -> None:
    """Let `model.seen` take the results of a method of an object."""
    own = getattr(owner, method)

    def watched(*args: Any, **kwargs: Any) -> Any:
        result = own(*args, **kwargs)
        if model.seen is not None:
            take(model.seen, result)
        return result

    setattr(owner, method, watched)


def exchange(net: Any, order: Sequence[int]) -> None:
    """Make a mistake: take the blocks of rows of each weight in another order."""
    wrong = {}
    for name, value in net.state_dict().items():
        blocks = np.split(value, len(order))
        wrong[name] = np.concatenate([blocks[place] for place in order])
    net.load_state_dict(wrong)


def difference(one: Sequence[np.ndarray], other: Sequence[np.ndarray]) -> float:
    return max((float(np.abs(a - b).max(initial=0)) for a, b in zip(one, other, strict=True)), default=0.0)


def decided(model: Model, text: str) -> tuple[list[str], Seen]:
    model.seen = seen = Seen()
    decisions = model(text)
    model.seen = None
    return decisions, seen


def seconds(model: Model, texts: Sequence[str]) -> float:
    start = time.perf_counter()
    for text in texts:
        model(text)
    return time.perf_counter() - start


def compare(name: str, texts: Sequence[str], package: Model, ours: Model, wrong: Mapping[str, Model]) -> int:
    """Print what both decide and how long they take; return how many decisions differ.

    `wrong`: models with mistakes that a person makes. One that nothing shows is a failure, too: of the check.
    """
    decisions = differing = states = 0
    margin = np.inf
    unlike = dict.fromkeys(wrong, 0)
    for text in texts:
        (wanted, as_it_is), (got, on_cyrnn) = decided(package, text), decided(ours, text)
        decisions, margin = decisions + len(wanted), min(margin, as_it_is.margin)
        for mistake, model in wrong.items():
            unlike[mistake] += model(text) != wanted
        if wanted == got:
            states = max(states, difference(as_it_is, on_cyrnn))
        else:  # so states that come later have other inputs
            differing += abs(len(wanted) - len(got)) + sum(a != b for a, b in zip(wanted, got, strict=False))
            print(f"{text!r}: {wanted}, on cyrnn {got}; the closest decision: {as_it_is.margin:.1e}")
    rounds = [(seconds(package, texts), seconds(ours, texts)) for _ in range(ROUNDS)]
    before, after = (min(times) for times in zip(*rounds, strict=True))
    found = len(texts), decisions, differing, f"{states:.1e}", f"{margin:.1e}", f"{before:.2f}", f"{after:.2f}"
    print("|", " | ".join([f"{name} {version(name)}", *map(str, found)]), "|")
    for mistake, count in unlike.items():
        print(f"  {mistake}: other decisions in {count} texts" + ("" if count else ", so the check is blind"))
    return differing + sum(count == 0 for count in unlike.values())


if __name__ == "__main__":
    print("|", " | ".join(COLUMNS), "|")
    print("|---" * len(COLUMNS) + "|")
