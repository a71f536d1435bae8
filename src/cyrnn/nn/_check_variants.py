"""Checks of the options of cells that torch's have not, and their error sentences."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..cells import FUNCTIONS, Activation
from ._check import _shown


def activation(function: str, argument: str, given: Any) -> Activation:
    """Return the activation that a name, or a tuple of a name, alpha and beta, stands for."""
    name, *constants = given if type(given) in (tuple, list) and given else (given,)
    if not isinstance(name, str) or name not in FUNCTIONS:
        raise ValueError(f"{function}: {argument} is {_shown(name)}, expected one of {', '.join(FUNCTIONS)}")
    own = FUNCTIONS[name].constants
    if len(constants) > len(own):
        has = f"{len(own)} at most" if own else "none"
        raise ValueError(f"{function}: {argument} has {len(constants)} constants behind {name!r}, expected {has}")
    for i, constant in enumerate(constants):
        if not _is_number(constant) or not np.isfinite(constant):
            raise ValueError(f"{function}: {argument}[{i + 1}] is {_shown(constant)}, expected a finite number")
    alpha_and_beta = [float(constant) for constant in constants] + list(own[len(constants) :])
    if name in ("leaky_relu", "elu") and alpha_and_beta[0] < 0:
        why = "the gradient is that of the value, which would not tell the sign"
        raise ValueError(f"{function}: {argument}[1] is {alpha_and_beta[0]}, expected 0 or more for {name!r}: {why}")
    return Activation(name, *alpha_and_beta)


def clip(function: str, given: Any) -> float:
    """Return the limit of pre-activations; infinity for None."""
    if given is None:
        return np.inf
    if not _is_number(given) or not given > 0:
        raise ValueError(f"{function}: clip is {_shown(given)}, expected a number above 0, or None")
    return float(given)


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float, np.integer, np.floating)) and not isinstance(value, bool)
