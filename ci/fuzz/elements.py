"""Cases of sigmoid, tanh, softmax and Adam."""

from __future__ import annotations

from typing import Any

import numpy as np

import cyrnn

from . import dress, verdict
from .case import Case, plain

WIDE = np.longdouble


def _softmax(x: Any) -> Any:
    e = np.exp(x - x.max(axis=0, initial=-np.inf)) if x.ndim else np.ones_like(x)
    return e / e.sum(axis=0) if x.ndim else e


TRUE = {"sigmoid": lambda x: 1 / (1 + np.exp(-x)), "tanh": np.tanh, "softmax": _softmax}


def activation(case: Case) -> None:
    """A function of elements of an array of any shape, against longdouble."""
    name = case.pick(list(TRUE))
    shape = tuple(int(n) for n in case.rng.integers(0, case.pick([3, 9, 20]), case.rng.integers(0, 5)))
    x = np.asarray(case.rng.standard_normal(shape) * case.pick([0.1, 1, 10, 100]), case.pick(["f4", "f8"]))
    worn = dress.array(case.rng, x, changed=0.3)
    case.say(name, shape, x.dtype, type(worn).__name__)
    _, ((bare,),) = plain([worn])
    case.watch(bare)
    function = getattr(cyrnn, name)
    got, want = function(worn), function(bare)
    case.results += [np.asarray(want)]
    case.same(np.asarray(got), np.asarray(want), "dressed against plain")
    with np.errstate(all="ignore"):
        verdict.close([got], [TRUE[name](bare.astype(WIDE))], f"{name} against longdouble", 64)
    with np.errstate(all="ignore"):
        special = np.array([np.nan, np.inf, -np.inf, 0, -0.0, 1e300, -1e300, 5e-324]).astype(bare.dtype)
    if name != "softmax":
        with np.errstate(all="ignore"):
            verdict.close([function(special)], [TRUE[name](special.astype(WIDE))], f"{name} of special numbers", 64)


def adam(case: Case) -> None:
    """Updates of Adam against its equations in float64, in dresses; what is refused changes nothing."""
    shapes = [tuple(int(n) for n in case.rng.integers(0, 6, case.rng.integers(0, 4))) for _ in range(3)]
    dtype = case.pick([np.float32, np.float64])
    parameters = {f"W{i}": case.rng.standard_normal(shape).astype(dtype) for i, shape in enumerate(shapes)}
    parameters = {key: np.asarray(value, dtype) for key, value in parameters.items()}
    true = {key: value.astype(np.float64) for key, value in parameters.items()}
    v, s = cyrnn.initialize_adam(parameters)
    true_v, true_s = ({key: np.zeros(value.shape) for key, value in true.items()} for _ in range(2))
    rate, beta1, beta2, epsilon = 0.01, case.pick([0.0, 0.9, 0.5]), case.pick([0.0, 0.999]), case.pick([1e-8, 1e-2])
    case.say(shapes, dtype.__name__, beta1, beta2, epsilon)
    for t in range(1, 4):
        grads = {f"d{key}": np.asarray(case.rng.standard_normal(p.shape), dtype) for key, p in true.items()}
        worn = {key: dress.same_numbers(case.rng, value) for key, value in grads.items()}
        case.watch(grads, parameters)
        found = cyrnn.update_parameters_with_adam(dict(parameters), worn, v, s, t, rate, beta1, beta2, epsilon)
        parameters = found[0]
        for key, p in true.items():
            g = grads[f"d{key}"].astype(np.float64)
            true_v[key] = beta1 * true_v[key] + (1 - beta1) * g
            true_s[key] = beta2 * true_s[key] + (1 - beta2) * g**2
            v_hat, s_hat = true_v[key] / (1 - beta1**t), true_s[key] / (1 - beta2**t)
            true[key] = p - rate * v_hat / np.sqrt(s_hat + epsilon)
    for key, p in parameters.items():
        if p.dtype != dtype:
            raise verdict.Failure(f"{key} turned from {np.dtype(dtype)} to {p.dtype}")
        verdict.close([p], [true[key]], "Adam against its equations", verdict.FORWARD)
