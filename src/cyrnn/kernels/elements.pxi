"""Rows that end within a vector, and the activations of whole arrays."""

cdef inline vec load_tail(const real* p, Py_ssize_t left) noexcept nogil:
    return load(p) if left >= LANES else load_first(p, left)


cdef inline void store_tail(real* p, vec v, Py_ssize_t left) noexcept nogil:
    if left >= LANES:
        store(p, v)
    else:
        store_first(p, v, left)


cdef void exp_of(const real* x, Py_ssize_t N, real* out) noexcept nogil:
    """out (N,) = exp(x)."""
    cdef Py_ssize_t i = 0
    while i < N:
        store_tail(out + i, exp_(load_tail(x + i, N - i)), N - i)
        i += LANES


cdef void tanh_of(const real* x, Py_ssize_t N, real* out) noexcept nogil:
    """out (N,) = tanh(x)."""
    cdef Py_ssize_t i = 0
    while i < N:
        store_tail(out + i, tanh_(load_tail(x + i, N - i)), N - i)
        i += LANES


cdef void sigmoid_of(const real* x, Py_ssize_t N, real* out) noexcept nogil:
    """out (N,) = sigmoid(x)."""
    cdef Py_ssize_t i = 0
    while i < N:
        store_tail(out + i, sigmoid_(load_tail(x + i, N - i)), N - i)
        i += LANES
