"""The long short-term memory cell: Hochreiter and Schmidhuber 1997, with the forget gate of Gers et al. 2000.

    ft     = sigmoid(Wf [a_prev, xt] + bf)        forget
    it     = sigmoid(Wi [a_prev, xt] + bi)        update
    cct    = tanh   (Wc [a_prev, xt] + bc)        candidate
    ot     = sigmoid(Wo [a_prev, xt] + bo)        output
    c_next = ft * c_prev + it * cct
    a_next = ot * tanh(c_next)

and backward, dx being the gradient of x, and z_g the pre-activation of gate g: ft = sigmoid(z_f):

    dc      = dc_next + da_next * ot * (1 - tanh(c_next)^2)          dc_prev = dc * ft
    dz_f    = dc * c_prev * ft * (1 - ft)        dz_i = dc * cct * it * (1 - it)
    dz_c    = dc * it * (1 - cct^2)              dz_o = da_next * tanh(c_next) * ot * (1 - ot)
    [da_prev, dxt] = sum over the gates of W_g^T dz_g
    dW_g    = dz_g [a_prev, xt]^T                db_g = dz_g, summed over the batch
"""

from __future__ import annotations

from .activations import sigmoid, tanh
from .spec import Arrays, Cell, Gate, PointwiseBackwardArgs, PointwiseGradients, Stage


def pointwise(z: Arrays, previous: Arrays, _: Arrays) -> tuple[Arrays, Arrays]:
    z_f, z_i, z_c, z_o = z
    c_prev = previous[1]
    ft = sigmoid(z_f)
    it = sigmoid(z_i)
    cct = tanh(z_c)
    ot = sigmoid(z_o)
    c_next = ft * c_prev + it * cct
    a_next = ot * tanh(c_next)
    return (ft, it, cct, ot), (a_next, c_next)


def derivative(args: PointwiseBackwardArgs) -> PointwiseGradients:
    da, (dc,) = args.d_next, args.skip_gradients
    c_prev, c_next = args.previous[1], args.next[1]
    ft, it, cct, ot = args.gates
    tc = tanh(c_next)
    dc = dc + da * ot * (1 - tc) * (1 + tc)  # a_next = ot * tanh(c_next)
    dz_o = da * tc * ot * (1 - ot)  # ot = sigmoid(z_o)
    dc_prev = dc * ft  # c_next = ft * c_prev + it * cct
    dz_f = dc * c_prev * ft * (1 - ft)  # ft = sigmoid(z_f)
    dz_i = dc * cct * it * (1 - it)  # it = sigmoid(z_i)
    dz_c = dc * it * (1 - cct) * (1 + cct)  # cct = tanh(z_c)
    return PointwiseGradients(dz=(dz_f, dz_i, dz_c, dz_o), skip_gradients=(dc_prev,))


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
    stages=(
        Stage(
            gates=(
                Gate("ft", W_x="Wf", W_a="Wf", b="bf"),
                Gate("it", W_x="Wi", W_a="Wi", b="bi"),
                Gate("cct", W_x="Wc", W_a="Wc", b="bc"),
                Gate("ot", W_x="Wo", W_a="Wo", b="bo"),
            ),
            pointwise=pointwise,
            derivative=derivative,
        ),
    ),
    states=("a", "c"),
    skip_gradients=("c",),
    W_y="Wy",
    b_y="by",
    cache=("a_next", "c_next", "a_prev", "c_prev", "ft", "it", "cct", "ot", "xt", "parameters"),
    function="lstm",
)
