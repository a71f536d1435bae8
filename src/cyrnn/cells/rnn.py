"""The plain recurrent cell: Elman 1990; the notebook's rnn_cell_forward. And a second one with relu in place of tanh.

    z      = Wax xt + Waa a_prev + ba
    a_next = tanh(z)                        or  max(z, 0)

and backward, dx being the gradient of x:

    dz      = da_next * (1 - a_next^2)      or  da_next where a_next > 0, else 0
    da_prev = Waa^T dz      dxt  = Wax^T dz
    dWaa    = dz a_prev^T   dWax = dz xt^T   dba = dz, summed over the batch

Variants, of `nn` alone: another activation in the place of tanh, z limited to -clip .. clip.
"""

from __future__ import annotations

from functools import partial

import numpy as np

from .activations import PLAIN, Variant
from .spec import Arrays, Cell, Gate, PointwiseBackwardArgs, PointwiseGradients, Stage


def pointwise(z: Arrays, previous: Arrays, _: Arrays, variant: Variant = PLAIN) -> tuple[Arrays, Arrays]:
    (z_a,) = z
    a_next = variant.candidate(variant.clipped(z_a))
    return (a_next,), (a_next,)


def derivative(args: PointwiseBackwardArgs, variant: Variant = PLAIN) -> PointwiseGradients:
    da, (a_next,) = args.d_next, args.next
    dz = da * variant.slope(variant.candidate, a_next)  # a_next = tanh(z)
    return PointwiseGradients(dz=(dz,), skip_gradients=())


def relu_pointwise(z: Arrays, previous: Arrays, _: Arrays) -> tuple[Arrays, Arrays]:
    (z_a,) = z
    a_next = np.where(z_a < 0, z_a.dtype.type(0), z_a)  # nan stays nan
    return (a_next,), (a_next,)


def relu_derivative(args: PointwiseBackwardArgs) -> PointwiseGradients:
    da, (a_next,) = args.d_next, args.next
    dz = np.where(a_next > 0, da, da.dtype.type(0))  # a_next = max(z, 0)
    return PointwiseGradients(dz=(dz,), skip_gradients=())


def stages(variant: Variant) -> tuple[Stage, ...]:
    return (Stage(GATES, partial(pointwise, variant=variant), partial(derivative, variant=variant)),)


GATES = (Gate("a_next", W_x="Wax", W_a="Waa", b="ba"),)

RNN = Cell(
    name="rnn",
    shapes={
        "Wax": ("n_a", "n_x"),
        "Waa": ("n_a", "n_a"),
        "Wya": ("n_y", "n_a"),
        "ba": ("n_a", "1"),
        "by": ("n_y", "1"),
    },
    stages=(Stage(GATES, pointwise, derivative),),
    states=("a",),
    skip_gradients=(),
    W_y="Wya",
    b_y="by",
    cache=("a_next", "a_prev", "xt", "parameters"),
    function="rnn",
)

RNN_RELU = RNN._replace(
    name="rnn_relu", stages=(Stage(GATES, relu_pointwise, relu_derivative),), function=None
)
RNN_VARIANT = RNN._replace(name="rnn_variant", stages=stages(PLAIN), function=None, stages_of=stages)
