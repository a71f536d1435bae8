# exp, tanh and sigmoid on `vec`: the same formulas for float32 and float64, the same bits on every ISA with fma.
cdef extern from "coefficients.h" nogil:
    const real MAGIC, LOG2E, LN2_HI, LN2_LO, EXP_MIN, EXP_MAX, TANH_MAX, TINY
    const real* EXP_Q
    const real* EXPM1_Q
    const bits SIGN_BIT, HALF_EXPONENT
    enum:
        MANTISSA, HIGHER, EXP_TERMS


cdef inline vec exp_(vec x) noexcept nogil:
    cdef vec t, n, r, q, p
    cdef ivec scale, half
    cdef Py_ssize_t k
    x = larger(splat(EXP_MIN), smaller(splat(EXP_MAX), x))
    t = fma(x, splat(LOG2E), splat(MAGIC))
    n = t - splat(MAGIC)
    r = fma(n, splat(-LN2_HI), x)
    r = fma(n, splat(-LN2_LO), r)
    q = splat(EXP_Q[0])
    for k in range(1, EXP_TERMS):
        q = fma(q, r, splat(EXP_Q[k]))
    p = splat(1) + fma(q, r * r, r)
    scale = as_bits(t) << MANTISSA
    half = (as_bits(t) << (MANTISSA - 1)) & isplat(HALF_EXPONENT)
    return p * as_real(half) * as_real(scale - half)


cdef inline vec tanh_(vec x) noexcept nogil:
    # tanh|x| = -e / (2 + e), e = expm1(-2|x|); everything halved so that the argument needs no doubling
    cdef vec a, t, n, r, q, m, s, h, e, d, y, el, dl, rr
    cdef ivec sign
    cdef Py_ssize_t k
    sign = as_bits(x) & isplat(SIGN_BIT)
    a = as_real(as_bits(x) | isplat(SIGN_BIT))
    a = larger(splat(-TANH_MAX), a)
    t = fma(a, splat(2 * LOG2E), splat(MAGIC))
    n = t - splat(MAGIC)
    r = fma(n, splat(-0.5 * LN2_HI), a)
    r = fma(n, splat(-0.5 * LN2_LO), r)
    q = splat(EXPM1_Q[0] * (1 << EXP_TERMS))
    for k in range(1, EXP_TERMS):
        q = fma(q, r, splat(EXPM1_Q[k] * (1 << (EXP_TERMS - k))))
    rr = r * r
    m = fma(q, rr, r)
    s = as_real((as_bits(t) << MANTISSA) - isplat(<bits> ((1 << (10 if sizeof(real) == 8 else 7)) - 1) << MANTISSA))
    h = fma(s, splat(0.5), splat(-0.5))
    e = fma(s, m, h)
    el = fma(s, m, h - e)
    d = splat(1) + e
    dl = (splat(1) - d) + e
    y = splat(1) / d
    q = e * y
    rr = fma(-q, d, e) + el
    rr = fma(-q, dl + el, rr)
    q = fma(rr, y, q)
    return as_real((as_bits(q) & isplat(~SIGN_BIT)) | sign)


cdef inline vec sigmoid_(vec x) noexcept nogil:
    cdef vec a, t, n, r, q, m, p, pl, s, d, dl, y, num, numl, sc, res
    cdef mask neg
    cdef Py_ssize_t k
    neg = less(x, splat(0))
    a = as_real(as_bits(x) | isplat(SIGN_BIT))
    a = larger(splat(EXP_MIN), a)
    t = fma(a, splat(LOG2E), splat(MAGIC))
    n = t - splat(MAGIC)
    r = fma(n, splat(-LN2_HI), a)
    r = fma(n, splat(-LN2_LO), r)
    q = splat(EXP_Q[0])
    for k in range(1, EXP_TERMS):
        q = fma(q, r, splat(EXP_Q[k]))
    m = fma(q, r * r, r)
    p = splat(1) + m
    pl = (splat(1) - p) + m
    s = as_real((as_bits(t) << MANTISSA) - isplat(<bits> ((1 << (10 if sizeof(real) == 8 else 7)) - 1 - HIGHER) << MANTISSA))
    num = p * s
    numl = pl * s
    d = fma(num, splat(TINY), splat(1))
    dl = fma(num, splat(TINY), splat(1) - d)
    num = pick(neg, num, splat(1))
    numl = pick(neg, numl, splat(0))
    sc = pick(neg, splat(TINY), splat(1))
    y = splat(1) / d
    q = num * y
    res = fma(-q, d, num) + fma(-q, dl, numl)
    q = fma(res, y, q)
    return q * sc
