"""Losses, each with its gradient: see run.h for the arguments."""

cdef enum:
    LOSS_ROWS = 64                # whose logarithms are taken together


cdef inline real max_of(const real* z, Py_ssize_t n) noexcept nogil:
    """The maximum of z (n,), n > 0; anything where there is a nan."""
    cdef real lanes[MAX_LANES]
    cdef Py_ssize_t count = n, i = LANES
    cdef const real* each = z
    cdef real peak
    cdef vec peaks
    if n >= LANES:
        peaks = load(z)
        while i + LANES <= n:
            peaks = max_(load(z + i), peaks)
            i += LANES
        store(lanes, max_(load(z + n - LANES), peaks))
        each, count = lanes, LANES
    peak = each[0]
    for i in range(1, count):
        if each[i] > peak:
            peak = each[i]
    return peak


cdef inline real exp_row(const real* z, Py_ssize_t n, real peak, real* e) noexcept nogil:
    """e (n,) = exp(z - peak); return the sum: MAX_LANES sums, of elements so far apart, which are added in halves."""
    cdef vec sums[MAX_LANES]
    cdef real lanes[MAX_LANES]
    cdef vec peaks = splat(peak), value
    cdef Py_ssize_t i = 0, v, half = MAX_LANES // 2
    for v in range(MAX_LANES // LANES):
        sums[v] = splat(0)
    while i + MAX_LANES <= n:
        for v in range(MAX_LANES // LANES):
            value = exp_(load(z + i + v * LANES) - peaks)
            store(e + i + v * LANES, value)
            sums[v] = sums[v] + value
        i += MAX_LANES
    v = 0
    while i < n:
        value = exp_(load_tail(z + i, n - i) - peaks)
        store_tail(e + i, value, n - i)
        sums[v] = sums[v] + (value if n - i >= LANES else keep_first(value, n - i))
        v += 1
        i += LANES
    for v in range(MAX_LANES // LANES):
        store(lanes + v * LANES, sums[v])
    while half > 0:
        for v in range(half):
            lanes[v] += lanes[v + half]
        half //= 2
    return lanes[0]


cdef inline void scale_row(real* d, Py_ssize_t n, real factor) noexcept nogil:
    """d (n,) *= factor."""
    cdef Py_ssize_t i = 0
    while i < n:
        store_tail(d + i, load_tail(d + i, n - i) * splat(factor), n - i)
        i += LANES


cdef void cross_entropy_of(const CrossEntropy* w, Py_ssize_t first, Py_ssize_t last) noexcept nogil:
    """losses, d of the rows first <= row < last.

        loss = w[t] (log(sum exp(z - peak)) - (z[t] - peak))
        d = exp(z - peak) (scale w[t] / sum), and scale w[t] less at t
    """
    cdef real totals[LOSS_ROWS]
    cdef real gaps[LOSS_ROWS]
    cdef real peak, own, factor
    cdef const real* z
    cdef real* d
    cdef Py_ssize_t row = first, count, i, t, C = w.classes
    while row < last:
        count = min(LOSS_ROWS, last - row)
        for i in range(LOSS_ROWS):
            totals[i] = 1
        for i in range(count):
            t, z, d = w.targets[row + i], w.logits + (row + i) * C, w.d + (row + i) * C
            if t < 0:
                memset(d, 0, C * sizeof(real))
                continue
            peak = max_of(z, C)
            totals[i] = exp_row(z, C, peak, d)
            gaps[i] = z[t] - peak
        for i in range(count):
            t, d = w.targets[row + i], w.d + (row + i) * C
            if t < 0:
                continue
            factor = 1 if w.weight == NULL else w.weight[t]
            own = <real> (w.scale * factor)
            scale_row(d, C, own / totals[i])
            d[t] -= own
        i = 0
        while i < count:
            store(totals + i, log_(load(totals + i)))
            i += LANES
        for i in range(count):
            t = w.targets[row + i]
            if t < 0:
                w.losses[row + i] = 0
            else:
                w.losses[row + i] = (1 if w.weight == NULL else w.weight[t]) * (totals[i] - gaps[i])
        row += count


cdef inline void squared_error(const ElementLoss* w, Py_ssize_t i, Py_ssize_t left, vec* loss, vec* d) noexcept nogil:
    cdef vec e = load_tail(w.output + i, left) - load_tail(w.target + i, left)
    loss[0] = e * e
    d[0] = e + e


cdef inline void huber(const ElementLoss* w, Py_ssize_t i, Py_ssize_t left, vec* loss, vec* d) noexcept nogil:
    """With c = e between -delta and delta: c (e - c / 2) is both e^2 / 2 and delta (|e| - delta / 2)."""
    cdef vec e = load_tail(w.output + i, left) - load_tail(w.target + i, left)
    cdef vec c = min_(splat(<real> w.delta), max_(splat(<real> -w.delta), e))
    loss[0] = c * fma(splat(-0.5), c, e)
    d[0] = c


cdef inline void binary_cross_entropy(const ElementLoss* w, Py_ssize_t i, Py_ssize_t left, vec* loss,
                                      vec* d) noexcept nogil:
    """p t softplus(-z) + (1 - t) softplus(z), softplus(z) = max(z, 0) + log(1 + exp(-|z|)): no digits cancel."""
    cdef vec z = load_tail(w.output + i, left), t = load_tail(w.target + i, left)
    cdef vec positive = t if w.pos_weight == NULL else t * load_tail(w.pos_weight + i, left)
    cdef vec negative = splat(1) - t
    cdef vec both = positive + negative
    cdef vec softplus = log_one_plus(exp_(as_real(as_bits(z) | isplat(SIGN))))
    loss[0] = fma(softplus, both, fma(positive, max_(splat(0), -z), negative * max_(splat(0), z)))
    d[0] = fma(both, sigmoid_(z), -positive)


cdef void element_loss_of(const ElementLoss* w, Py_ssize_t first, Py_ssize_t last) noexcept nogil:
    """losses, d of the elements first <= i < last."""
    cdef Py_ssize_t i = first
    cdef vec loss, d, weight
    while i < last:
        if w.kind == SQUARED_ERROR:
            squared_error(w, i, last - i, &loss, &d)
        elif w.kind == HUBER:
            huber(w, i, last - i, &loss, &d)
        else:
            binary_cross_entropy(w, i, last - i, &loss, &d)
        if w.weight != NULL:
            weight = load_tail(w.weight + i, last - i)
            loss, d = loss * weight, d * weight
        store_tail(w.losses + i, loss, last - i)
        store_tail(w.d + i, d * splat(<real> w.scale), last - i)
        i += LANES
