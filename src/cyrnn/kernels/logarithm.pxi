"""The logarithm of a vector, for losses."""

cdef extern from "coefficients.h" nogil:
    const bits ROOT_HALF
    const real* LOG_Q
    enum:
        LOG_TERMS


cdef inline vec log_(vec x) noexcept nogil:
    """log(x) for x from sqrt(1/2) on: log(1) = +0, log(inf) = inf, nan stays.

    x = 2^n (1 + f) with sqrt(1/2) <= 1 + f < sqrt(2), and with s = f / (2 + f)

        log(1 + f) = 2 (s + s^3 / 3 + s^5 / 5 + ...) = f - s (f - r),   r = s^2 (2/3 + 2/5 s^2 + ...)

    the series of atanh, of which f keeps the digits that s has lost. |s| < 0.172.
    """
    cdef ivec n_bits = (as_bits(x) - isplat(ROOT_HALF)) >> MANTISSA
    cdef vec n = as_real(as_bits(splat(ROUNDER)) + n_bits) - splat(ROUNDER)
    cdef vec f = as_real(as_bits(x) - (n_bits << MANTISSA)) - splat(1)
    cdef vec s = f / (f + splat(2))
    cdef vec ss = s * s
    cdef vec r = splat(LOG_Q[0])
    cdef Py_ssize_t k
    for k in range(1, LOG_TERMS):
        r = fma(r, ss, splat(LOG_Q[k]))
    r = fma(-s, fma(-r, ss, f), f)
    r = fma(n, splat(LN2_HI), fma(n, splat(LN2_LO), r))
    return select(less(x, splat(INFINITY)), r, x)


cdef inline vec log_one_plus(vec p) noexcept nogil:
    """log(1 + p) for 0 <= p <= 1: p where p^2 is lost beside it; nan stays."""
    cdef vec total = p + splat(1)
    return log_(total) + (p - (total - splat(1))) / total
