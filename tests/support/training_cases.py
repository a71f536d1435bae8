"""Cases of losses, optimizers and schedules, for tests and for ci/torch_data/training.py, which asks torch."""

from __future__ import annotations

import numpy as np

STEPS, SAVED = 100, (1, 2, 10, 100)  # of an optimizer; after which of them weights are stored
SHAPES = {"weight": (3, 5), "bias": (3,)}

#: name -> (class, options, clipping as (function, limit) or None, schedule or None)
OPTIMIZERS = {
    "sgd": ("SGD", {"lr": 0.1}, None, None),
    "sgd default": ("SGD", {}, None, None),
    "sgd momentum": ("SGD", {"lr": 0.1, "momentum": 0.9}, None, None),
    "sgd dampening": ("SGD", {"lr": 0.1, "momentum": 0.9, "dampening": 0.3}, None, None),
    "sgd nesterov": ("SGD", {"lr": 0.1, "momentum": 0.9, "nesterov": True}, None, None),
    "sgd decay": ("SGD", {"lr": 0.1, "momentum": 0.5, "weight_decay": 0.1}, None, None),
    "rmsprop": ("RMSprop", {}, None, None),
    "rmsprop alpha": ("RMSprop", {"lr": 0.01, "alpha": 0.9, "eps": 1e-3}, None, None),
    "rmsprop centered": ("RMSprop", {"centered": True}, None, None),
    "rmsprop momentum": ("RMSprop", {"momentum": 0.9}, None, None),
    "rmsprop all": ("RMSprop", {"momentum": 0.5, "centered": True, "weight_decay": 0.1}, None, None),
    "adam": ("Adam", {}, None, None),
    "adam betas": ("Adam", {"lr": 0.01, "betas": (0.5, 0.7), "eps": 1e-3}, None, None),
    "adam beta 0": ("Adam", {"lr": 0.01, "betas": (0.0, 0.9)}, None, None),
    "adam decay": ("Adam", {"lr": 0.01, "weight_decay": 0.1}, None, None),
    "adam amsgrad": ("Adam", {"lr": 0.01, "amsgrad": True}, None, None),
    "adamw": ("AdamW", {}, None, None),
    "adamw decay": ("AdamW", {"lr": 0.01, "weight_decay": 0.3, "amsgrad": True}, None, None),
    "clip norm": ("Adam", {"lr": 0.1}, ("norm", 2.0), None),
    "clip value": ("SGD", {"lr": 0.1}, ("value", 0.5), None),
    "step_lr": ("SGD", {"lr": 0.1, "momentum": 0.9}, None, "step_lr"),
    "cosine": ("AdamW", {"lr": 0.1}, ("norm", 1.0), "cosine_annealing_lr"),
}
#: name -> (torch's class, its options, our options) of a schedule that begins with LR
LR, SCHEDULED = 0.7, 250
SCHEDULES = {
    "step_lr": ("StepLR", {"step_size": 7, "gamma": 0.3}, {"step_size": 7, "gamma": 0.3}),
    "exponential_lr": ("ExponentialLR", {"gamma": 0.97}, {"gamma": 0.97}),
    "cosine_annealing_lr": ("CosineAnnealingLR", {"T_max": 60, "eta_min": 0.01}, {"T_max": 60, "eta_min": 0.01}),
    "linear_warmup": ("LinearLR", {"start_factor": 1 / 9, "total_iters": 8}, {"steps": 9}),
}


def weights() -> dict[str, np.ndarray]:
    random = np.random.RandomState(5)
    return {name: random.standard_normal(shape) for name, shape in SHAPES.items()}


def gradients(step: int) -> dict[str, np.ndarray]:
    random = np.random.RandomState(1000 + step)
    return {name: random.standard_normal(shape) for name, shape in SHAPES.items()}


#: name -> (function, options, how many elements of the targets are ignored)
LOSSES = {
    "cross_entropy": ("cross_entropy", {}, 0),
    "cross_entropy sum": ("cross_entropy", {"reduction": "sum"}, 0),
    "cross_entropy none": ("cross_entropy", {"reduction": "none"}, 2),
    "cross_entropy ignored": ("cross_entropy", {}, 5),
    "cross_entropy weight": ("cross_entropy", {"weight": True}, 5),
    "cross_entropy weight sum": ("cross_entropy", {"weight": True, "reduction": "sum"}, 5),
    "cross_entropy weight none": ("cross_entropy", {"weight": True, "reduction": "none"}, 5),
    "mse_loss": ("mse_loss", {}, 0),
    "mse_loss sum": ("mse_loss", {"reduction": "sum"}, 0),
    "mse_loss none": ("mse_loss", {"reduction": "none"}, 0),
    "huber_loss": ("huber_loss", {}, 0),
    "huber_loss delta": ("huber_loss", {"delta": 0.3, "reduction": "sum"}, 0),
    "huber_loss none": ("huber_loss", {"delta": 2.0, "reduction": "none"}, 0),
    "bce": ("binary_cross_entropy_with_logits", {}, 0),
    "bce sum": ("binary_cross_entropy_with_logits", {"reduction": "sum"}, 0),
    "bce weight": ("binary_cross_entropy_with_logits", {"weight": True}, 0),
    "bce pos_weight": ("binary_cross_entropy_with_logits", {"pos_weight": True}, 0),
    "bce all": ("binary_cross_entropy_with_logits", {"weight": True, "pos_weight": True, "reduction": "none"}, 0),
}
L, N, C = 5, 4, 19  # more than a vector of any ISA, and no multiple of one


def loss_arguments(name: str) -> tuple[str, np.ndarray, np.ndarray, dict]:
    """Return the function, what the model says, what it should say, and the options with their arrays."""
    function, options, ignored = LOSSES[name]
    random = np.random.RandomState(11)
    said = random.standard_normal((L, N, C)) * 3
    wanted = random.standard_normal((L, N, C))
    options = dict(options)
    if function == "cross_entropy":
        wanted = random.randint(0, C, (L, N))
        wanted.reshape(-1)[:ignored] = -100
    if function.startswith("binary"):
        wanted = random.uniform(0, 1, (L, N, C)).round(1)
    if "weight" in options:
        options["weight"] = random.uniform(0.5, 2, (C,) if function == "cross_entropy" else (N, 1))
    if "pos_weight" in options:
        options["pos_weight"] = random.uniform(0.5, 2, (C,))
    return function, said, wanted, options
