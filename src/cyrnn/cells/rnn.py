"""The plain recurrent cell: Elman 1990; the notebook's rnn_cell_forward.

    z      = Wax xt + Waa a_prev + ba
    a_next = tanh(z)

and back, dx standing for the gradient of x:

    dz      = da_next * (1 - a_next^2)
    da_prev = Waa^T dz      dxt  = Wax^T dz
    dWaa    = dz a_prev^T   dWax = dz xt^T   dba = dz, summed over the batch
"""

from __future__ import annotations

from .activations import tanh
from .spec import Arrays, Cell, Gate


def pointwise(z: Arrays, previous: Arrays) -> tuple[Arrays, Arrays]:
    (z_a,) = z
    a_next = tanh(z_a)
    return (a_next,), (a_next,)


def derivative(
    arriving: Arrays, previous: Arrays, following: Arrays, gates: Arrays
) -> tuple[Arrays, Arrays]:
    (da,) = arriving
    (a_next,) = following
    dz = da * (1 - a_next) * (1 + a_next)  # a_next = tanh(z)
    return (dz,), ()


RNN = Cell(
    name="rnn",
    shapes={
        "Wax": ("n_a", "n_x"),
        "Waa": ("n_a", "n_a"),
        "Wya": ("n_y", "n_a"),
        "ba": ("n_a", "1"),
        "by": ("n_y", "1"),
    },
    gates=(Gate("a_next", W_x="Wax", W_a="Waa", b="ba"),),
    states=("a",),
    W_y="Wya",
    b_y="by",
    cache=("a_next", "a_prev", "xt", "parameters"),
    pointwise=pointwise,
    derivative=derivative,
)
