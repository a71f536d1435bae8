"""Steps of optimizers: w, and what is kept of gradients, are written where they are.

Every line rounds once or twice, as written; training/optimizers.py has the equations.
"""

cdef inline vec decayed(vec w, vec g, double decay) noexcept nogil:
    """g + decay w."""
    return g if decay == 0 else fma(splat(<real> decay), w, g)


cdef void sgd(const Update* u, Py_ssize_t first, Py_ssize_t last) noexcept nogil:
    # lr, decay, kept, fresh, momentum, nesterov
    cdef vec kept = splat(<real> u.number[2]), fresh = splat(<real> u.number[3]), momentum = splat(<real> u.number[4])
    cdef vec rate = splat(<real> -u.number[0])
    cdef Py_ssize_t i = first
    cdef vec w, g, b
    while i < last:
        w = load_tail(u.w + i, last - i)
        g = decayed(w, load_tail(u.g + i, last - i), u.number[1])
        if u.state[0] != NULL:
            b = fma(kept, load_tail(u.state[0] + i, last - i), fresh * g)
            store_tail(u.state[0] + i, b, last - i)
            g = fma(momentum, b, g) if u.number[5] != 0 else b
        store_tail(u.w + i, fma(rate, g, w), last - i)
        i += LANES


cdef void rmsprop(const Update* u, Py_ssize_t first, Py_ssize_t last) noexcept nogil:
    # lr, decay, alpha, eps, momentum
    cdef vec alpha = splat(<real> u.number[2]), rest = splat(<real> (1 - u.number[2])), eps = splat(<real> u.number[3])
    cdef vec momentum = splat(<real> u.number[4]), rate = splat(<real> -u.number[0])
    cdef Py_ssize_t i = first
    cdef vec w, g, s, a
    while i < last:
        w = load_tail(u.w + i, last - i)
        g = decayed(w, load_tail(u.g + i, last - i), u.number[1])
        s = fma(rest * g, g, alpha * load_tail(u.state[0] + i, last - i))
        store_tail(u.state[0] + i, s, last - i)
        if u.state[1] != NULL:
            a = load_tail(u.state[1] + i, last - i)
            a = fma(rest, g - a, a)
            store_tail(u.state[1] + i, a, last - i)
            s = fma(-a, a, s)
        g = g / (root(s) + eps)
        if u.state[2] != NULL:
            g = fma(momentum, load_tail(u.state[2] + i, last - i), g)
            store_tail(u.state[2] + i, g, last - i)
        store_tail(u.w + i, fma(rate, g, w), last - i)
        i += LANES


cdef void adam(const Update* u, Py_ssize_t first, Py_ssize_t last) noexcept nogil:
    # step, decay, kept, beta1, beta2, inverse_root, eps
    cdef vec step = splat(<real> -u.number[0]), kept = splat(<real> u.number[2])
    cdef vec rest1 = splat(<real> (1 - u.number[3])), beta2 = splat(<real> u.number[4])
    cdef vec rest2 = splat(<real> (1 - u.number[4])), inverse_root = splat(<real> u.number[5])
    cdef vec eps = splat(<real> u.number[6])
    cdef Py_ssize_t i = first
    cdef vec w, g, m, v
    while i < last:
        w = load_tail(u.w + i, last - i)
        g = decayed(w, load_tail(u.g + i, last - i), u.number[1])
        m = load_tail(u.state[0] + i, last - i)
        m = fma(rest1, g - m, m)
        store_tail(u.state[0] + i, m, last - i)
        v = fma(rest2 * g, g, beta2 * load_tail(u.state[1] + i, last - i))
        store_tail(u.state[1] + i, v, last - i)
        if u.state[2] != NULL:
            v = max_(load_tail(u.state[2] + i, last - i), v)
            store_tail(u.state[2] + i, v, last - i)
        store_tail(u.w + i, fma(step, m / fma(root(v), inverse_root, eps), w * kept), last - i)
        i += LANES


cdef void update_of(const Update* u, Py_ssize_t first, Py_ssize_t last) noexcept nogil:
    """Update the elements first <= i < last of a weight."""
    if u.method == SGD:
        sgd(u, first, last)
    elif u.method == RMSPROP:
        rmsprop(u, first, last)
    else:
        adam(u, first, last)
