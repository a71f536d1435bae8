"""Pictures of recurrent networks, by matplotlib (extra `plot`): gates, vanishing gradients, losses, weights.

    gates              gates and states over a sequence, a panel for each
    saturation         how often each unit's gates are shut or open
    gradient_norm      the norm of a gradient over time
    loss_curve         training and validation loss
    weights            the matrices of a cell, by gate

    state_gradients    dL/dh_t of a layer of nn, for gradient_norm
    cache_gradients    dL/da_t from the notebook's caches, for gradient_norm

A picture goes into the axes that are given, and these are returned; without, a figure of pyplot is made. Time is the
first axis, as in nn: (L, N, features). matplotlib is imported by the first picture.
"""

from .curves import gradient_norm as gradient_norm
from .curves import loss_curve as loss_curve
from .gradients import cache_gradients as cache_gradients
from .gradients import state_gradients as state_gradients
from .heatmaps import gates as gates
from .matrices import weights as weights
from .saturated import saturation as saturation

__all__ = [
    "cache_gradients",
    "gates",
    "gradient_norm",
    "loss_curve",
    "saturation",
    "state_gradients",
    "weights",
]


def __dir__() -> list[str]:
    """Return what a shell completes `cyrnn.plot.` to: the pictures, and nothing of the modules behind them."""
    return sorted({*__all__} | {name for name in globals() if name.startswith("__")})
