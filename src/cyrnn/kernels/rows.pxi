"""Rows that end within a vector, and how rows are shared among tiles."""

cdef inline vec load_tail(const real* p, Py_ssize_t left) noexcept nogil:
    return load(p) if left >= LANES else load_first(p, left)


cdef inline void store_tail(real* p, vec v, Py_ssize_t left) noexcept nogil:
    if left >= LANES:
        store(p, v)
    else:
        store_first(p, v, left)


cdef inline void add_row(const real* z, Py_ssize_t n, real* out) noexcept nogil:
    """out (n,) += z."""
    cdef Py_ssize_t i = 0
    while i < n:
        store_tail(out + i, load_tail(out + i, n - i) + load_tail(z + i, n - i), n - i)
        i += LANES


cdef inline void fill_row(real value, Py_ssize_t n, real* out) noexcept nogil:
    """out (n,) = value."""
    cdef Py_ssize_t i
    for i in range(n):
        out[i] = value


cdef inline void load_row(const real* source, Py_ssize_t n, real* z) noexcept nogil:
    """z = source (n,), with zeros up to a whole vector."""
    cdef Py_ssize_t i = 0
    while i < n:
        store(z + i, load_tail(source + i, n - i))
        i += LANES


cdef inline void copy_row(const real* source, Py_ssize_t n, real* out) noexcept nogil:
    """out (n,) = source."""
    cdef Py_ssize_t i = 0
    while i < n:
        store_tail(out + i, load_tail(source + i, n - i), n - i)
        i += LANES


cdef inline Py_ssize_t even_share(Py_ssize_t rows, Py_ssize_t max_share) noexcept nogil:
    """The next of the fewest tiles of at most max_share rows, cut as evenly as can be: 8 rows are 4 + 4, not 6 + 2."""
    cdef Py_ssize_t tiles = (rows + max_share - 1) // max_share
    return (rows + tiles - 1) // tiles
