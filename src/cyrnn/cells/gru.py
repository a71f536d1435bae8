"""The gated recurrent unit: Cho et al. 2014, with biases; in two forms, which reset before or after a product.

    zt     = sigmoid(Wz [a_prev, xt] + bz)        update
    rt     = sigmoid(Wr [a_prev, xt] + br)        reset
    a_next = zt * a_prev + (1 - zt) * cct

The candidate, Wc_a and Wc_x being the columns of Wc for a_prev and for xt:

    before    inner = rt * a_prev                 cct = tanh(Wc_x xt + Wc_a inner + bc)
    after     inner = Wc_a a_prev + bca           cct = tanh(Wc_x xt + bc + rt * inner)

and backward, dx being the gradient of x, and z_g the pre-activation of gate g: zt = sigmoid(z_z):

    dz_z    = da_next * (a_prev - cct) * zt * (1 - zt)
    dz_c    = da_next * (1 - zt) * (1 - cct^2)
    before    dinner = Wc_a^T dz_c                dz_r = dinner * a_prev * rt * (1 - rt)
              da_prev = Wz_a^T dz_z + Wr_a^T dz_r + da_next * zt + dinner * rt
    after     dinner = dz_c * rt                  dz_r = dz_c * inner * rt * (1 - rt)
              da_prev = Wc_a^T dinner + Wz_a^T dz_z + Wr_a^T dz_r + da_next * zt
    dxt     = Wz_x^T dz_z + Wr_x^T dz_r + Wc_x^T dz_c

The paper resets before the product; cuDNN and torch reset after (ONNX: linear_before_reset = 1), since one product of
all gates is faster. Some courses write u for 1 - zt.

Variants, of `nn` alone: other activations in the places of sigmoid and of tanh; pre-activations limited to -clip ..
clip.
"""

from __future__ import annotations

from functools import partial

from .activations import PLAIN, Variant
from .spec import Array, Arrays, Cell, Gate, PointwiseBackwardArgs, PointwiseGradients, Stage


def blend(zt: Array, a_prev: Array, cct: Array) -> Array:
    return zt * a_prev + (1 - zt) * cct


# ---- reset before the product --------------------------------------------------------------------


def gates_pointwise(z: Arrays, previous: Arrays, _: Arrays, variant: Variant = PLAIN) -> tuple[Arrays, Arrays]:
    z_z, z_r = z
    return (variant.gate(variant.clipped(z_z)), variant.gate(variant.clipped(z_r))), ()


def hands_on(previous: Arrays, gates: Arrays) -> Array:
    (a_prev,), (_, rt, *_) = previous, gates
    return rt * a_prev


def candidate_pointwise(
    z: Arrays, previous: Arrays, values: Arrays, variant: Variant = PLAIN
) -> tuple[Arrays, Arrays]:
    (z_c,), (a_prev,), (zt, _) = z, previous, values
    cct = variant.candidate(variant.clipped(z_c))
    return (cct,), (blend(zt, a_prev, cct),)


def candidate_derivative(args: PointwiseBackwardArgs, variant: Variant = PLAIN) -> PointwiseGradients:
    (skip,) = args.skip_gradients
    zt, _, cct = args.gates
    da = args.d_next + skip
    dz_c = da * (1 - zt) * variant.slope(variant.candidate, cct)  # cct = tanh(z_c)
    return PointwiseGradients(dz=(dz_c,), skip_gradients=(da,))


def gates_derivative(args: PointwiseBackwardArgs, variant: Variant = PLAIN) -> PointwiseGradients:
    d_inner, (da,) = args.d_next, args.skip_gradients
    (a_prev,) = args.previous
    zt, rt, cct = args.gates
    dz_z = da * (a_prev - cct) * variant.slope(variant.gate, zt)  # zt = sigmoid(z_z)
    dz_r = d_inner * a_prev * variant.slope(variant.gate, rt)  # rt = sigmoid(z_r)
    return PointwiseGradients(dz=(dz_z, dz_r), skip_gradients=(da * zt + d_inner * rt,))


# ---- reset after the product ---------------------------------------------------------------------


def after_pointwise(z: Arrays, previous: Arrays, _: Arrays, variant: Variant = PLAIN) -> tuple[Arrays, Arrays]:
    inner, z_z, z_r, z_c = z
    (a_prev,) = previous
    zt = variant.gate(variant.clipped(z_z))
    rt = variant.gate(variant.clipped(z_r))
    cct = variant.candidate(variant.clipped(z_c + rt * inner))
    return (inner, zt, rt, cct), (blend(zt, a_prev, cct),)


def after_derivative(args: PointwiseBackwardArgs, variant: Variant = PLAIN) -> PointwiseGradients:
    (skip,), (a_prev,) = args.skip_gradients, args.previous
    zt, rt, cct, inner = args.gates
    da = args.d_next + skip
    dz_z = da * (a_prev - cct) * variant.slope(variant.gate, zt)  # zt = sigmoid(z_z)
    dz_c = da * (1 - zt) * variant.slope(variant.candidate, cct)  # cct = tanh(z_c)
    dz_r = dz_c * inner * variant.slope(variant.gate, rt)  # rt = sigmoid(z_r)
    return PointwiseGradients(dz=(dz_c * rt, dz_z, dz_r, dz_c), skip_gradients=(da * zt,))


def stages(variant: Variant) -> tuple[Stage, ...]:
    of = partial(partial, variant=variant)
    return (
        Stage((UPDATE, RESET), of(gates_pointwise), of(gates_derivative), hands_on),
        Stage((CANDIDATE,), of(candidate_pointwise), of(candidate_derivative)),
    )


def after_stages(variant: Variant) -> tuple[Stage, ...]:
    parts = partial(after_pointwise, variant=variant), partial(after_derivative, variant=variant)
    return (Stage((INNER, UPDATE, RESET, CANDIDATE_OF_X), *parts),)


UPDATE = Gate("zt", W_x="Wz", W_a="Wz", b="bz")
RESET = Gate("rt", W_x="Wr", W_a="Wr", b="br")
CANDIDATE = Gate("cct", W_x="Wc", W_a="Wc", b="bc")
INNER = Gate("inner", W_x=None, W_a="Wc", b="bca")
CANDIDATE_OF_X = Gate("cct", W_x="Wc", W_a=None, b="bc")
SHAPES = {
    "Wz": ("n_a", "n_a + n_x"),
    "bz": ("n_a", "1"),
    "Wr": ("n_a", "n_a + n_x"),
    "br": ("n_a", "1"),
    "Wc": ("n_a", "n_a + n_x"),
    "bc": ("n_a", "1"),
}
HEAD = {"Wy": ("n_y", "n_a"), "by": ("n_y", "1")}
CACHE = ("a_next", "a_prev", "zt", "rt", "cct", "xt", "parameters")

GRU = Cell(
    name="gru",
    shapes=SHAPES | HEAD,
    stages=(
        Stage((UPDATE, RESET), gates_pointwise, gates_derivative, hands_on),
        Stage((CANDIDATE,), candidate_pointwise, candidate_derivative),
    ),
    states=("a",),
    skip_gradients=("a",),
    W_y="Wy",
    b_y="by",
    cache=CACHE,
    function="gru",
)

GRU_AFTER = Cell(
    name="gru_after",
    shapes=SHAPES | {"bca": ("n_a", "1")} | HEAD,
    stages=(Stage((INNER, UPDATE, RESET, CANDIDATE_OF_X), after_pointwise, after_derivative),),
    states=("a",),
    skip_gradients=("a",),
    W_y="Wy",
    b_y="by",
    cache=CACHE,
    function="gru",
    keywords={"reset_after": True},
)

GRU_VARIANT = GRU._replace(name="gru_variant", stages=stages(PLAIN), function=None, stages_of=stages)
GRU_AFTER_VARIANT = GRU_AFTER._replace(
    name="gru_after_variant", stages=after_stages(PLAIN), function=None, keywords={}, stages_of=after_stages
)
