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

Variants, of `nn` alone: other activations in the places of sigmoid, of tanh in cct and of tanh in a_next;
pre-activations limited to -clip .. clip; coupled gates, ft = 1 - it (Greff et al. 2015); and peepholes (Gers and
Schmidhuber 2000), which show the gates the cell state,

    z_f += P_f * c_prev       z_i += P_i * c_prev       z_o += P_o * c_next

and backward

    dc += P_o * dz_o          dc_prev += P_f * dz_f + P_i * dz_i
    dP_f = dz_f * c_prev      dP_i = dz_i * c_prev      dP_o = dz_o * c_next, summed over the batch
"""

from __future__ import annotations

from functools import partial

from .activations import PLAIN, Variant
from .spec import Array, Arrays, Cell, Gate, PointwiseBackwardArgs, PointwiseGradients, Stage

#: rows of the peepholes
P_I, P_O, P_F = 0, 1, 2


def pointwise(z: Arrays, previous: Arrays, _: Arrays, variant: Variant = PLAIN) -> tuple[Arrays, Arrays]:
    z_f, z_i, z_c, z_o = z
    c_prev = previous[1]
    ft = variant.gate(variant.clipped(variant.peep(z_f, P_F, c_prev)))
    it = variant.gate(variant.clipped(variant.peep(z_i, P_I, c_prev)))
    cct = variant.candidate(variant.clipped(z_c))
    c_next = ft * c_prev + it * cct
    ot = variant.gate(variant.clipped(variant.peep(z_o, P_O, c_next)))
    a_next = ot * variant.output(c_next)
    return (ft, it, cct, ot), (a_next, c_next)


def derivative(args: PointwiseBackwardArgs, variant: Variant = PLAIN) -> PointwiseGradients:
    ft, it, cct, ot = args.gates
    c_prev = args.previous[1]
    dc, dz_o = of_cell_state(args, ot, variant)
    dz_f = dc * c_prev * variant.slope(variant.gate, ft)
    dz_i = dc * cct * variant.slope(variant.gate, it)
    dz_c = dc * it * variant.slope(variant.candidate, cct)
    dc_prev = variant.peep(variant.peep(dc * ft, P_I, dz_i), P_F, dz_f)  # c_next = ft * c_prev + it * cct
    return PointwiseGradients(dz=(dz_f, dz_i, dz_c, dz_o), skip_gradients=(dc_prev,))


def of_cell_state(args: PointwiseBackwardArgs, ot: Array, variant: Variant) -> tuple[Array, Array]:
    """Return the whole gradient of c_next, and dz_o."""
    da, (dc,) = args.d_next, args.skip_gradients
    tc = variant.output(args.next[1])
    dz_o = da * tc * variant.slope(variant.gate, ot)
    dc = dc + da * ot * variant.output.slope(tc)  # a_next = ot * tanh(c_next)
    return variant.peep(dc, P_O, dz_o), dz_o


def coupled_pointwise(z: Arrays, previous: Arrays, _: Arrays, variant: Variant = PLAIN) -> tuple[Arrays, Arrays]:
    z_i, z_c, z_o = z
    c_prev = previous[1]
    it = variant.gate(variant.clipped(variant.peep(z_i, P_I, c_prev)))
    cct = variant.candidate(variant.clipped(z_c))
    c_next = (1 - it) * c_prev + it * cct
    ot = variant.gate(variant.clipped(variant.peep(z_o, P_O, c_next)))
    a_next = ot * variant.output(c_next)
    return (it, cct, ot), (a_next, c_next)


def coupled_derivative(args: PointwiseBackwardArgs, variant: Variant = PLAIN) -> PointwiseGradients:
    it, cct, ot = args.gates
    c_prev = args.previous[1]
    dc, dz_o = of_cell_state(args, ot, variant)
    dz_i = dc * (cct - c_prev) * variant.slope(variant.gate, it)
    dz_c = dc * it * variant.slope(variant.candidate, cct)
    dc_prev = variant.peep(dc * (1 - it), P_I, dz_i)  # c_next = (1 - it) * c_prev + it * cct
    return PointwiseGradients(dz=(dz_i, dz_c, dz_o), skip_gradients=(dc_prev,))


FORGET = Gate("ft", W_x="Wf", W_a="Wf", b="bf")
OTHERS = (
    Gate("it", W_x="Wi", W_a="Wi", b="bi"),
    Gate("cct", W_x="Wc", W_a="Wc", b="bc"),
    Gate("ot", W_x="Wo", W_a="Wo", b="bo"),
)


def stages(variant: Variant) -> tuple[Stage, ...]:
    parts = partial(pointwise, variant=variant), partial(derivative, variant=variant)
    return (Stage((FORGET, *OTHERS), *parts),)


def coupled_stages(variant: Variant) -> tuple[Stage, ...]:
    parts = partial(coupled_pointwise, variant=variant), partial(coupled_derivative, variant=variant)
    return (Stage(OTHERS, *parts),)


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
    stages=(Stage((FORGET, *OTHERS), pointwise, derivative),),
    states=("a", "c"),
    skip_gradients=("c",),
    W_y="Wy",
    b_y="by",
    cache=("a_next", "c_next", "a_prev", "c_prev", "ft", "it", "cct", "ot", "xt", "parameters"),
    function="lstm",
)

LSTM_VARIANT = LSTM._replace(
    name="lstm_variant",
    stages=stages(PLAIN),
    function=None,
    stages_of=stages,
    peepholes=("it", "ot", "ft"),
)
LSTM_COUPLED = LSTM._replace(
    name="lstm_coupled",
    shapes={key: shape for key, shape in LSTM.shapes.items() if key not in ("Wf", "bf")},
    stages=coupled_stages(PLAIN),
    cache=tuple(entry for entry in LSTM.cache if entry != "ft"),
    function=None,
    stages_of=coupled_stages,
    peepholes=("it", "ot"),
)
