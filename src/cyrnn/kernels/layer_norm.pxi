"""Layer normalisation of rows, each alone.

    m = sum x / n       d = x - m       r = 1 / sqrt(sum d^2 / n + eps)         x^ = d r        y = w x^ + b

And the gradients, with g = w dy:

    dx = r (g - sum g / n - x^ sum (g x^) / n)          dw = sum over rows of dy x^         db = sum over rows of dy

Here sums run along a row, across lanes. Their order is that of CHAINS chains, element k in chain k mod CHAINS, whatever
the lanes of an ISA; chains are then added in halves: i and i + 8, i and i + 4, and so on.
"""

cdef enum:
    CHAINS = 16                # MAX_LANES: so many chains are one vector or more on every ISA


cdef inline real added(const vec* sums) noexcept nogil:
    """The sum of all chains."""
    cdef real chains[CHAINS]
    cdef Py_ssize_t v, i, half = CHAINS // 2
    for v in range(CHAINS // LANES):
        store(chains + v * LANES, sums[v])
    while half:
        for i in range(half):
            chains[i] = chains[i] + chains[i + half]
        half //= 2
    return chains[0]


cdef inline real row_sum(const real* x, Py_ssize_t n) noexcept nogil:
    """The sum of x (n,)."""
    cdef vec sums[CHAINS]
    cdef Py_ssize_t v, i = 0
    for v in range(CHAINS // LANES):
        sums[v] = splat(0)
    while i + CHAINS <= n:
        for v in range(CHAINS // LANES):
            sums[v] = sums[v] + load(x + i + v * LANES)
        i += CHAINS
    v = 0
    while i < n:
        sums[v] = sums[v] + load_tail(x + i, n - i)
        v += 1
        i += LANES
    return added(sums)


cdef inline real product_of(const real* x, const real* y, Py_ssize_t n) noexcept nogil:
    """The sum of x y, both (n,)."""
    cdef vec sums[CHAINS]
    cdef Py_ssize_t v, i = 0
    for v in range(CHAINS // LANES):
        sums[v] = splat(0)
    while i + CHAINS <= n:
        for v in range(CHAINS // LANES):
            sums[v] = fma(load(x + i + v * LANES), load(y + i + v * LANES), sums[v])
        i += CHAINS
    v = 0
    while i < n:
        sums[v] = fma(load_tail(x + i, n - i), load_tail(y + i, n - i), sums[v])
        v += 1
        i += LANES
    return added(sums)


cdef inline real deviate(const real* x, Py_ssize_t n, real eps, real* out) noexcept nogil:
    """out (n,) = d; return r. A square root of a double, rounded to a float, is the float's own square root."""
    cdef real one = 1, size = n, mean = row_sum(x, n) / size, variance
    cdef Py_ssize_t i = 0
    while i < n:
        store_tail(out + i, load_tail(x + i, n - i) - splat(mean), n - i)
        i += LANES
    variance = product_of(out, out, n) / size
    return one / <real> sqrt(<double> (variance + eps))


cdef void layer_norm_of(const real* x, Py_ssize_t row_stride, Py_ssize_t N, Py_ssize_t n, const real* w, const real* b,
                        double eps, real* out) noexcept nogil:
    """out (N, n) = y of rows x; w and b (n,), or NULL for ones and zeros."""
    cdef Py_ssize_t row, i, left
    cdef vec r, y
    for row in range(N):
        r = splat(deviate(x + row * row_stride, n, <real> eps, out))
        i = 0
        while i < n:
            left = n - i
            y = load_tail(out + i, left) * r
            if b != NULL:
                y = fma(load_tail(w + i, left), y, load_tail(b + i, left))
            elif w != NULL:
                y = load_tail(w + i, left) * y
            store_tail(out + i, y, left)
            i += LANES
        out += n


cdef void layer_norm_backward(const real* x, Py_ssize_t row_stride, const real* dy, Py_ssize_t dy_row_stride,
                              Py_ssize_t N, Py_ssize_t n, const real* w, double eps, real* normal,
                              real* dx) noexcept nogil:
    """dx (N, n), and x^ (N, n) into `normal`."""
    cdef Py_ssize_t row, i, left
    cdef real size = n, factor
    cdef vec r, mean, share, g
    for row in range(N):
        factor = deviate(x + row * row_stride, n, <real> eps, normal)
        r = splat(factor)
        i = 0
        while i < n:
            left = n - i
            store_tail(normal + i, load_tail(normal + i, left) * r, left)
            g = load_tail(dy + row * dy_row_stride + i, left)
            store_tail(dx + i, g if w == NULL else load_tail(w + i, left) * g, left)
            i += LANES
        mean = splat(row_sum(dx, n) / size)
        share = splat(-product_of(dx, normal, n) / size)
        i = 0
        while i < n:
            left = n - i
            g = fma(load_tail(normal + i, left), share, load_tail(dx + i, left) - mean)
            store_tail(dx + i, g * r, left)
            i += LANES
        normal += n
        dx += n
