"""The plain recurrent cell: Elman 1990; the notebook's rnn_cell_forward. And a second one with relu in place of tanh.

    z      = Wax xt + Waa a_prev + ba
    a_next = tanh(z)                        or  max(z, 0)

and backward, dx being the gradient of x:

    dz      = da_next * (1 - a_next^2)      or  da_next where a_next > 0, else 0
    da_prev = Waa^T dz      dxt  = Wax^T dz
    dWaa    = dz a_prev^T   dWax = dz xt^T   dba = dz, summed over the batch
"""

from __future__ import annotations

import numpy as np

from .activations import tanh
from .spec import Arrays, Cell, Gate, PointwiseBackwardArgs, PointwiseGradients, Stage


def pointwise(z: Arrays, previous: Arrays, _: Arrays) -> tuple[Arrays, Arrays]:
    (z_a,) = z
    a_next = tanh(z_a)
    return (a_next,), (a_next,)


def derivative(args: PointwiseBackwardArgs) -> PointwiseGradients:
    da, (a_next,) = args.d_next, args.next
    dz = da * (1 - a_next) * (1 + a_next)  # a_next = tanh(z)
    return PointwiseGradients(dz=(dz,), skip_gradients=())


def relu_pointwise(z: Arrays, previous: Arrays, _: Arrays) -> tuple[Arrays, Arrays]:
    (z_a,) = z
    a_next = np.where(z_a < 0, z_a.dtype.type(0), z_a)  # nan stays nan
    return (a_next,), (a_next,)


def relu_derivative(args: PointwiseBackwardArgs) -> PointwiseGradients:
    da, (a_next,) = args.d_next, args.next
    dz = np.where(a_next > 0, da, da.dtype.type(0))  # a_next = max(z, 0)
    return PointwiseGradients(dz=(dz,), skip_gradients=())


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
