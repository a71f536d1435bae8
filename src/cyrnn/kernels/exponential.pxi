"""The reduction that all activations share, and exp of a vector: see activations.pxi for both."""

cdef extern from "coefficients.h" nogil:
    const real ROUNDER, LOG2E, LN2_HI, LN2_LO, HALF_LN2, EXP_MAX, EXP_MIN, TANH_MAX, TANH_SLOPE, UNLIFT
    const real* EXP_Q
    const real* TANH_Q
    const bits SIGN, EXPONENT
    enum:
        MANTISSA, BIAS, LIFT, TERMS


cdef inline vec horner(const real* q, vec r) noexcept nogil:
    """q[0] r^(TERMS - 1) + ... + q[TERMS - 1]."""
    cdef vec total = splat(q[0])
    cdef Py_ssize_t k
    for k in range(1, TERMS):
        total = fma(total, r, splat(q[k]))
    return total


cdef inline vec remainder(vec a, vec t, vec rounder) noexcept nogil:
    """r = a - n ln2, |r| <= ln2/2, for the t = a log2(e) + rounder that holds n."""
    cdef vec n = t - rounder
    return fma(n, splat(-LN2_LO), fma(n, splat(-LN2_HI), a))


cdef inline vec exp_(vec x) noexcept nogil:
    """exp(x) = 2^n exp(r). exp(+-0) = 1, exp(inf) = inf, exp(-inf) = +0; inf or subnormal where right.

    2^n goes on in two factors of half its exponent each: neither overflows, and the product rounds again only
    where it is subnormal. EXP_MIN is so far down that the first factor is 0 there, which costs no assist.
    """
    cdef vec rounder = splat(ROUNDER + 2 * BIAS)
    cdef vec t, r, p
    cdef ivec first, both
    x = max_(splat(EXP_MIN), min_(splat(EXP_MAX), x))
    t = fma(x, splat(LOG2E), rounder)
    r = remainder(x, t, rounder)
    p = fma(fma(horner(EXP_Q, r), r, splat(1)), r, splat(1))
    both = as_bits(t) << MANTISSA
    first = (as_bits(t) << (MANTISSA - 1)) & isplat(EXPONENT)
    return p * as_real(first) * as_real(both - first)
