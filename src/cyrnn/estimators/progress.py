"""How far a fit is: a bar of tqdm where a person looks on and it is installed, else a line for each epoch."""

from __future__ import annotations

import importlib
import sys
from typing import Any


class Progress:
    """Nothing at all, unless `verbose`."""

    def __init__(self, verbose: Any, function: str, epochs: int) -> None:
        self._epochs, self._verbose, self._bar = epochs, bool(verbose), None
        if self._verbose and sys.stderr is not None and sys.stderr.isatty():
            try:
                self._bar = importlib.import_module("tqdm").tqdm(total=epochs, desc=function, unit="epoch")
            except ImportError:
                self._bar = None

    def show(self, epoch: int, loss: float, score: float | None) -> None:
        if not self._verbose:
            return
        said = f"loss {loss:.4f}" + ("" if score is None else f", score {score:.4f}")
        if self._bar is None:
            print(f"epoch {epoch} of {self._epochs}: {said}", flush=True)
        else:
            self._bar.set_postfix_str(said)
            self._bar.update()

    def close(self) -> None:
        if self._bar is not None:
            self._bar.close()
