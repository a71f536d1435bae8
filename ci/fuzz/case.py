"""One case: its random numbers, what was drawn, and what is held against what."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from cyrnn._convert import promoted

from . import verdict


class Case:
    """The seed draws everything; two runs of a case differ in nothing but the machine."""

    def __init__(self, seed: int, isa: str) -> None:
        self.seed, self.isa = seed, isa
        self.rng = np.random.default_rng(seed)
        self.bits = isa != "reference"  # its sums are in NumPy's order, which depends on the layout
        self.drawn: list[str] = []
        self.results: list[Any] = []
        self.refused = 0
        self._inputs: list[tuple[Any, str]] = []

    def pick(self, choices: Sequence[Any]) -> Any:
        return choices[int(self.rng.integers(len(choices)))]

    @property
    def multiplied(self) -> bool:
        """Whether all numbers were multiplied: with large weights every rounding grows from step to step."""
        return any("all numbers times" in said for said in self.drawn)

    def chance(self, probability: float) -> bool:
        return bool(self.rng.random() < probability)

    def say(self, *what: object) -> None:
        self.drawn.append(" ".join(map(str, what)))

    def watch(self, *values: Any) -> None:
        """Remember arrays that no call may write to."""
        self._inputs += [(value, verdict.digest(value)) for value in values]

    def finish(self) -> str:
        """Return the hash of all results: the same on every ISA with fused multiply-add."""
        for value, before in self._inputs:
            if verdict.digest(value) != before:
                raise verdict.Failure("a call wrote to its arguments")
        return verdict.digest(self.results)

    def same(self, got: Any, want: Any, what: str, *, computed_in: Any = None) -> None:
        verdict.same(got, want, what, bits=self.bits, numbers=not self.multiplied, computed_in=computed_in)

    def refuses(self, call: Callable[[], Any], what: str) -> None:
        """Fail unless a call refuses."""
        before = self.refused
        self.attempt(call)
        if self.refused == before:
            raise verdict.Failure(f"accepted: {what}")

    def attempt(self, call: Callable[[], Any]) -> Any:
        """Return the result of a call, or None where it refuses in a sentence."""
        try:
            return call()
        except Exception as error:
            self.say("refused:", verdict.refusal(error))
            self.refused += 1
            return None


def plain(*groups: Sequence[Any]) -> tuple[Any, list[list[Any]]]:
    """Return the dtype of a call on these objects, and each as a new array of it."""
    arrays = [[None if value is None else np.asarray(value) for value in group] for group in groups]
    dtype = promoted([value for group in arrays for value in group if value is not None])
    with np.errstate(all="ignore"):
        return dtype, [[None if v is None else np.array(v, dtype, order="C") for v in group] for group in arrays]
