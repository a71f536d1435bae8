"""sigmoid and tanh for integer weights: one exp and one division each.

Design. What integers of 8 or 16 bits leave of a pre-activation is off by 1e-5 and more; so both functions are within
2e-7 of the true value, absolute, and do without the corrections of activations.pxi. Activations are a large part
of the time of small models.

Largest absolute error, of every float32 from 2^-15 to 2^7 and of every 64th beyond (2026-11-29; of a sample,
tests/kernels/test_integer_activations.py): sigmoid 9e-8, tanh 1.8e-7. A larger x never gives less by more than that.
Results stay within [0, 1] and [-1, 1], sigmoid(-inf) is 2e-38; nan gives nan; every operation is one of lanes.h and
rounds once.
"""

cdef inline vec sigmoid_(vec x) noexcept nogil:
    """1/(1 + exp(-x)), exp(-x) = 2^n exp(r) for x within -87 .. 87."""
    cdef vec rounder = splat(ROUNDER + BIAS)
    cdef vec a = min_(splat(87), max_(splat(-87), x))
    cdef vec t = fma(a, splat(-LOG2E), rounder)
    cdef vec r = fma(t - rounder, splat(-2 * HALF_LN2), -a)
    cdef vec p = fma(fma(horner(EXP_Q, r), r, splat(1)), r, splat(1)) * as_real(as_bits(t) << MANTISSA)
    return splat(1) / (splat(1) + p)


cdef inline vec tanh_(vec x) noexcept nogil:
    """2 sigmoid(2 x) - 1."""
    return fma(splat(2), sigmoid_(x + x), splat(-1))
