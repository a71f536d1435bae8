"""exp, tanh and sigmoid of a vector: one algorithm for both dtypes, the same bits on every ISA with an fma.

Design. No branches, no tables, no libm; every operation is one of lanes.h and rounds once. All three share
the reduction a = n ln2 + r: adding ROUNDER = 1.5 * 2^MANTISSA to a log2(e) leaves the nearest integer n in
the low bits of the sum, where a bias added on the way makes it the exponent of 2^n after one shift.

Largest error in ULP of the true value, measured by ci/accuracy/measure.py: float32 over all 2^32 arguments,
float64 over a sample. In brackets the baseline, whose fma rounds twice:

              float32         float64
    exp       0.90 (1.17)     0.89 (1.18)
    tanh      0.91 (1.09)     0.91 (1.32)
    sigmoid   0.89 (1.17)     0.89 (1.16)

Any argument is valid: nan gives nan, the rest is said with each function. Division by hardware is the
faster: a polynomial and Newton steps with fma instead cost tanh and sigmoid 7% on AVX-512 and 25% on
AVX2 (Xeon, Sapphire Rapids, 2026-11-23), because there is enough other work to hide it. Where an argument or
a result is subnormal, or x^2 in tanh, the CPU's assist made it 30 times slower on the same machine.
"""

cdef inline vec tanh_(vec x) noexcept nogil:
    """tanh(x), odd to the bit: tanh(+-0) = +-0, tanh(+-inf) = +-1, and x itself where x^2 is lost beside 1.

    With e = (1 - exp(-2|x|))/2, tanh|x| = e / (1 - e). Here n counts up from 0 and |x| = n ln2/2 + r, so

        exp(-2|x|) = 2^-n exp(-2r)      m = (1 - exp(-2r))/2      e = (1 - 2^-n)/2 + 2^-n m

    and e is as precise as |x| when n = 0. `low` carries the digits that m and e drop. The quotient
    q = e / (1 - e) is put right: 1/(1 - e) = 1 + q, e - q is exact (q is between e and 2e), and so

        tanh|x| - q = ((e - q) + q e + low (1 + q)) (1 + q), to first order.

    n is TANH_SLOPE |x|, rounded: a little less than |x| 2/ln2, so that n stays below MANTISSA + 2, where
    (1 - 2^-n)/2 rounds to 1/2, until 1 is good enough for tanh. As r drifts to 0.4, 2^-n forgives it.
    """
    cdef vec rounder = splat(ROUNDER + BIAS)
    cdef vec a, t, r, rr, s, m, h, e, low, q, y
    a = min_(splat(TANH_MAX), as_real(as_bits(x) & isplat(~SIGN)))
    t = fma(a, splat(-TANH_SLOPE), rounder)
    r = fma(t - rounder, splat(HALF_LN2), a)            # t holds -n
    q = horner(TANH_Q, r)
    rr = r * r
    m = fma(q, rr, r)
    low = fma(q, rr, r - m)
    s = as_real(as_bits(t) << MANTISSA)                 # 2^-n
    h = fma(s, splat(-0.5), splat(0.5))
    e = fma(s, m, h)
    low = fma(s, low, fma(s, m, h - e))
    q = e / (splat(1) - e)
    y = splat(1) + q
    q = fma(fma(low, y, fma(q, e, e - q)), y, q)
    return as_real(as_bits(q) | (as_bits(x) & isplat(SIGN)))


cdef inline vec sigmoid_(vec x) noexcept nogil:
    """1/(1 + exp(-x)). sigmoid(+-0) = 1/2, sigmoid(inf) = 1, sigmoid(-inf) = +0; subnormal where right.

    With p = exp(-|x|), it is 1/(1 + p) for x >= 0 and p/(1 + p) for x < 0. `low` carries the digits that p
    drops; they matter only for x < 0. The quotient q = above / (1 + p) is put right by

        above/(1 + p) - q = ((above - q) - q p + low y) y, with y = 1/(1 + p) and above - q exact.

    For x < 0 all that is done to 2^LIFT times the value, so that nothing is subnormal before the result is.
    """
    cdef mask negative = less(x, splat(0))
    cdef vec rounder = splat(ROUNDER + BIAS + LIFT)
    cdef vec a, t, r, u, p, low, s, above, y, q
    a = max_(splat(EXP_MIN), as_real(as_bits(x) | isplat(SIGN)))
    t = fma(a, splat(LOG2E), rounder)
    r = remainder(a, t, rounder)
    u = fma(horner(EXP_Q, r), r, splat(1))
    p = fma(u, r, splat(1))
    low = fma(u, r, splat(1) - p)
    s = as_real(as_bits(t) << MANTISSA)                 # 2^(n + LIFT), or 0 at EXP_MIN
    p = p * s
    above = select(negative, p, splat(1))
    low = select(negative, low * s, splat(0))
    p = p * splat(UNLIFT)
    y = splat(1) / (splat(1) + p)
    q = above * y
    q = fma(fma(low, y, fma(-q, p, above - q)), y, q)
    return q * select(negative, splat(UNLIFT), splat(1))
