"""Activations as integers: rows of x, or of hidden states, rounded to the levels of the weights that they meet.

    x    scale = max|x| / levels                 q = x * levels / max|x|, to the nearest integer, ties to even
    h    r = max(1, max|h|), scale = r           q = h * levels / r

A scale belongs to one row, a column of the batch at one step. Where an element is not finite, the scale is nan, and so
is every z of the row: magnitudes are compared by their bits, where nan comes after infinity. An x below 2^-100 counts
as 0.
"""

cdef enum:
    INFINITY_BITS = 0x7f800000
    ONE_BITS = 0x3f800000
    NEGLIGIBLE_BITS = 0x0d800000             # of 2^-100

cdef bits nan_bits = 0x7fc00000


cdef inline real real_of_bits(bits b) noexcept nogil:
    cdef real value
    memcpy(&value, &b, sizeof(real))
    return value


cdef inline Py_ssize_t row_bytes(Py_ssize_t n, int width) noexcept nogil:
    """Bytes from row to row of integers, of equal planes: whole vectors are stored."""
    return PLANES(width) * (((n + LANES - 1) // LANES * LANES * ROW_WIDTH(width) + 4 + ALIGNMENT - 1)
                            // ALIGNMENT * ALIGNMENT)


cdef inline bits peak_of(const real* x, Py_ssize_t n) noexcept nogil:
    """The bits of the largest magnitude of x (n,)."""
    cdef ivec peak = isplat(0)
    cdef Py_ssize_t i = 0
    while i < n:
        peak = max_bits(peak, magnitude_bits(load_tail(x + i, n - i)))
        i += LANES
    return max_lane(peak)


cdef inline void store_levels(const real* x, Py_ssize_t n, real factor, int width, Py_ssize_t row_stride,
                              char* out) noexcept nogil:
    cdef vec factors = splat(factor)
    cdef ivec q
    cdef ivec high
    cdef Py_ssize_t i = 0
    cdef char* low = out + row_stride // PLANES(width)
    if ROW_WIDTH(width) == 1:
        while i < n:
            store_integers(out + i, nearest(load_tail(x + i, n - i), factors, 1), 1)
            i += LANES
    elif PLANES(width) > 1:
        while i < n:
            q = nearest(load_tail(x + i, n - i), factors, SPLIT)
            high = high_plane(q)
            store_integers(out + 2 * i, high, 2)
            store_integers(low + 2 * i, low_plane(q, high), 2)
            i += LANES
    else:
        while i < n:
            store_integers(out + 2 * i, nearest(load_tail(x + i, n - i), factors, 2), 2)
            i += LANES


cdef inline real quantize_input(const real* x, Py_ssize_t n, real levels, int width, Py_ssize_t row_stride,
                                char* out) noexcept nogil:
    """out (n,) = the integers of a row of x; returns its scale."""
    cdef bits peak = peak_of(x, n)
    if peak < NEGLIGIBLE_BITS:
        store_levels(x, n, 0, width, row_stride, out)
        return 0
    store_levels(x, n, levels / real_of_bits(peak) if peak < INFINITY_BITS else 0, width, row_stride,
                 out)
    return real_of_bits(peak) / levels if peak < INFINITY_BITS else real_of_bits(nan_bits)


cdef inline real quantize_hidden(const real* h, Py_ssize_t n, real levels, int width, Py_ssize_t row_stride,
                                 char* out) noexcept nogil:
    """The same for a row of hidden states, which nearly all are within -1 .. 1: the branch does not wait for the peak.
    """
    cdef bits peak = peak_of(h, n)
    if peak <= ONE_BITS:
        store_levels(h, n, levels, width, row_stride, out)
        return 1
    store_levels(h, n, levels / real_of_bits(peak) if peak < INFINITY_BITS else 0, width, row_stride,
                 out)
    return real_of_bits(peak) if peak < INFINITY_BITS else real_of_bits(nan_bits)
