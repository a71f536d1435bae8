"""The plain recurrent cell: Elman 1990; the notebook's rnn_cell_forward.

    z      = Wax xt + Waa a_prev + ba
    a_next = tanh(z)
"""

from __future__ import annotations

from .activations import tanh
from .spec import Array, Cell, Gate


def pointwise(z: tuple[Array, ...], previous: tuple[Array, ...]) -> tuple[tuple[Array, ...], tuple[Array, ...]]:
    (z_a,) = z
    a_next = tanh(z_a)
    return (a_next,), (a_next,)


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
)
