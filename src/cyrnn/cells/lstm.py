"""The long short-term memory cell: Hochreiter and Schmidhuber 1997, with the forget gate of Gers et al. 2000.

    ft     = sigmoid(Wf [a_prev, xt] + bf)        forget
    it     = sigmoid(Wi [a_prev, xt] + bi)        update
    cct    = tanh   (Wc [a_prev, xt] + bc)        candidate
    ot     = sigmoid(Wo [a_prev, xt] + bo)        output
    c_next = ft * c_prev + it * cct
    a_next = ot * tanh(c_next)
"""

from __future__ import annotations

from .activations import sigmoid, tanh
from .spec import Array, Cell, Gate


def pointwise(z: tuple[Array, ...], previous: tuple[Array, ...]) -> tuple[tuple[Array, ...], tuple[Array, ...]]:
    z_f, z_i, z_c, z_o = z
    _, c_prev = previous
    ft = sigmoid(z_f)
    it = sigmoid(z_i)
    cct = tanh(z_c)
    ot = sigmoid(z_o)
    c_next = ft * c_prev + it * cct
    a_next = ot * tanh(c_next)
    return (ft, it, cct, ot), (a_next, c_next)


LSTM = Cell(
    name="lstm",
    shapes={
        "Wf": ("n_a", "n_a + n_x"),
        "bf": ("n_a", "1"),
        "Wi": ("n_a", "n_a + n_x"),
        "bi": ("n_a", "1"),
        "Wc": ("n_a", "n_a + n_x"),
        "bc": ("n_a", "1"),
        "Wo": ("n_a", "n_a + n_x"),
        "bo": ("n_a", "1"),
        "Wy": ("n_y", "n_a"),
        "by": ("n_y", "1"),
    },
    gates=(
        Gate("ft", W_x="Wf", W_a="Wf", b="bf"),
        Gate("it", W_x="Wi", W_a="Wi", b="bi"),
        Gate("cct", W_x="Wc", W_a="Wc", b="bc"),
        Gate("ot", W_x="Wo", W_a="Wo", b="bo"),
    ),
    states=("a", "c"),
    W_y="Wy",
    b_y="by",
    cache=("a_next", "c_next", "a_prev", "c_prev", "ft", "it", "cct", "ot", "xt", "parameters"),
    pointwise=pointwise,
)
