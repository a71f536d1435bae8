"""The child: runs one case after the other, and says before each which one it is."""

from __future__ import annotations

import faulthandler
import json
import sys
import traceback
import warnings
from typing import Any

import numpy as np

import cyrnn.nn  # noqa: F401  # here, not within a case

from . import damage, edits, elements, integers, models, notebook, threads, verdict
from .case import Case

#: what a case may be, and how often
KINDS = {
    notebook.forward: 10,
    notebook.backward: 8,
    elements.activation: 6,
    elements.adam: 2,
    models.call: 10,
    models.step: 6,
    models.backward: 8,
    models.cell: 4,
    edits.caches: 10,
    damage.notebook: 10,
    damage.model: 8,
    damage.weights: 6,
    damage.adam: 2,
    threads.large: 1,
    threads.shared: 1,
    threads.wild: 6,
}
#: in the place of another, with that probability: drawn apart, all other cases keep their numbers
INSTEAD = {integers.call: 0.1}
#: a case that takes so long hangs
PATIENCE_S = 120


def kind_of(case: Case) -> Any:
    kinds = [kind for kind, often in KINDS.items() for _ in range(often)]
    found, apart = case.pick(kinds), np.random.default_rng([case.seed, 1])
    for kind, probability in INSTEAD.items():
        if apart.random() < probability:
            found = kind
    return found


def one(seed: int, isa: str) -> dict[str, Any]:
    """Run a case; return its verdict."""
    case = Case(seed, isa)
    kind = kind_of(case)
    found: dict[str, Any] = {"case": seed, "kind": f"{kind.__module__.rpartition('.')[2]}.{kind.__name__}"}
    try:
        kind(case)
        found["digest"] = case.finish()
    except BaseException as error:
        found["failure"] = f"{type(error).__name__}: {error}"[:1000]
        if not isinstance(error, verdict.Failure):
            found["traceback"] = "".join(traceback.format_exception(error)[-6:])[-3000:]
        found["drawn"] = case.drawn
    return found | {"refused": case.refused}


def main(first: int, isa: str) -> None:
    """Run cases from `first` on until the parent closes the pipe: it reads one line before each case and one after."""
    warnings.simplefilter("error")
    warnings.filterwarnings("ignore", "Warning: converting a masked")  # NumPy's, of a masked scalar in a list
    seed = first
    while True:
        faulthandler.dump_traceback_later(PATIENCE_S, exit=True)
        try:
            print(json.dumps({"begins": seed}), flush=True)
            print(json.dumps(one(seed, isa)), flush=True)
        except BrokenPipeError:
            return
        seed += 1


if __name__ == "__main__":
    faulthandler.enable()
    main(int(sys.argv[1]), sys.argv[2])
