"""What a cell has in other places than its plain form: activations by their number, limits, peepholes.

Formulas of cells are written once, with `variant` as a constant: where it is NULL, the compiler finds sigmoid and tanh
alone. Their equations are in cells/activations.py.
"""

cdef inline vec one_minus_square(vec y) noexcept nogil:
    """The derivative of tanh where it is y; (1 - y)(1 + y) is as exact as y however near it is to 1."""
    return (splat(1) - y) * (splat(1) + y)


cdef inline vec from_sigmoid(vec y) noexcept nogil:
    """The derivative of sigmoid where it is y."""
    return y * (splat(1) - y)


cdef inline vec expm1_(vec x) noexcept nogil:
    """exp(x) - 1 for x <= 0, as 2 t / (1 - t) with t = tanh(x / 2): near 0, too, it loses no digits. -1 at -inf."""
    cdef vec t = tanh_(splat(0.5) * x)
    return (t + t) / (splat(1) - t)


cdef inline vec log1p_(vec p) noexcept nogil:
    """log(1 + p) for 0 <= p <= 1, as 2 atanh(s) with s = p / (2 + p) <= 1/3: s + s^3 / 3 + ..; what is left out is
    below 2^-29 of it in float32, 2^-58 in float64.
    """
    cdef vec s = p / (splat(2) + p), square = s * s, total = splat(0)
    cdef Py_ssize_t k = 17 if sizeof(real) == 8 else 8
    while k > 0:
        k -= 1
        total = fma(total, square, splat(<real> 1 / <real> (2 * k + 1)))
    return (s + s) * total


cdef vec activate(const Activation* a, vec z) noexcept nogil:
    """y of z. nan stays nan."""
    cdef vec zero = splat(0), one = splat(1), alpha = splat(<real> a.alpha), beta = splat(<real> a.beta), y
    if a.kind == SIGMOID:
        return sigmoid_(z)
    if a.kind == TANH:
        return tanh_(z)
    if a.kind == RELU:
        return select(less(z, zero), zero, z)
    if a.kind == HARD_SIGMOID:
        y = fma(alpha, z, beta)
        return select(less(y, zero), zero, select(less(one, y), one, y))
    if a.kind == AFFINE:
        return fma(alpha, z, beta)
    if a.kind == LEAKY_RELU:
        return select(less(z, zero), alpha * z, z)
    if a.kind == THRESHOLDED_RELU:
        return select(less(z, alpha), zero, select(less(alpha, z), z, z - alpha))
    if a.kind == SCALED_TANH:
        return alpha * tanh_(beta * z)
    if a.kind == ELU:
        return select(less(z, zero), alpha * expm1_(z), z)
    if a.kind == SOFTSIGN:
        return z / (one + max_(z, -z))
    if a.kind == SOFTPLUS:
        return select(less(z, zero), zero, z) + log1p_(exp_(select(less(z, zero), z, -z)))
    return z                                           # IDENTITY


cdef vec slope_of(const Activation* a, vec y) noexcept nogil:
    """dy/dz where the function is y."""
    cdef vec zero = splat(0), one = splat(1), alpha = splat(<real> a.alpha), beta = splat(<real> a.beta)
    if a.kind == SIGMOID:
        return from_sigmoid(y)
    if a.kind == TANH:
        return one_minus_square(y)
    if a.kind == RELU:
        return select(less(zero, y), one, zero)
    if a.kind == HARD_SIGMOID:
        return select(less(zero, y), select(less(y, one), alpha, zero), zero)
    if a.kind == AFFINE:
        return alpha
    if a.kind == LEAKY_RELU:
        return select(less(zero, y), one, alpha)
    if a.kind == THRESHOLDED_RELU:
        return select(less(zero, y), one, select(less(y, zero), one, zero))
    if a.kind == SCALED_TANH:
        return zero if a.alpha == 0 else beta * (alpha - y * (y / alpha))
    if a.kind == ELU:
        return select(less(zero, y), one, y + alpha)
    if a.kind == SOFTSIGN:
        y = one - max_(y, -y)
        return y * y
    if a.kind == SOFTPLUS:
        return -expm1_(-y)
    return one                                         # IDENTITY


cdef inline vec limited(const Variant* variant, vec z) noexcept nogil:
    """z limited to -clip .. clip; nan stays nan."""
    cdef vec high = splat(<real> variant.clip)
    z = select(less(high, z), high, z)
    return select(less(z, -high), -high, z)


cdef inline vec slope_of_limited(const Variant* variant, const Activation* a, vec y) noexcept nogil:
    """dy/dz of an activation of a limited z: 0 where y is what it is at a limit."""
    cdef vec slope = slope_of(a, y), zero = splat(0), high, edge
    if variant.clip == INFINITY:
        return slope
    high = splat(<real> variant.clip)
    edge = activate(a, high)
    slope = select(less(y, edge), slope, select(less(edge, y), slope, zero))
    edge = activate(a, -high)
    return select(less(y, edge), slope, select(less(edge, y), slope, zero))


# ---- the places of a cell: `variant` is a constant NULL in the functions of its plain form ----------------------

cdef inline vec gate_(const Variant* variant, vec z) noexcept nogil:
    return sigmoid_(z) if variant == NULL else activate(&variant.gate, limited(variant, z))


cdef inline vec candidate_(const Variant* variant, vec z) noexcept nogil:
    return tanh_(z) if variant == NULL else activate(&variant.candidate, limited(variant, z))


cdef inline vec output_(const Variant* variant, vec c) noexcept nogil:
    return tanh_(c) if variant == NULL else activate(&variant.output, c)


cdef inline vec from_gate(const Variant* variant, vec y) noexcept nogil:
    return from_sigmoid(y) if variant == NULL else slope_of_limited(variant, &variant.gate, y)


cdef inline vec from_candidate(const Variant* variant, vec y) noexcept nogil:
    return one_minus_square(y) if variant == NULL else slope_of_limited(variant, &variant.candidate, y)


cdef inline vec from_output(const Variant* variant, vec y) noexcept nogil:
    return one_minus_square(y) if variant == NULL else slope_of(&variant.output, y)


cdef enum:
    # rows of peepholes
    PEEPHOLE_I
    PEEPHOLE_O
    PEEPHOLE_F


cdef inline vec peep(const Variant* variant, Py_ssize_t row, Py_ssize_t n_a, Py_ssize_t unit, Py_ssize_t left, vec c,
                     vec z) noexcept nogil:
    """z + P c, of one gate and the units from `unit` on."""
    if variant == NULL or variant.peepholes == NULL:
        return z
    return fma(load_tail(variant.peepholes + row * n_a + unit, left), c, z)


#: the plain form of a cell that has variants: what such a cell is without a `Variant` of its own
cdef Variant plain_variant
plain_variant.gate.kind, plain_variant.candidate.kind, plain_variant.output.kind = SIGMOID, TANH, TANH
plain_variant.clip = INFINITY
plain_variant.peepholes = NULL


cdef inline const Variant* variant_of(const Variant* given) noexcept nogil:
    if given == NULL:
        return &plain_variant
    return given
