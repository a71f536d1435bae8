"""Sums of whole arrays in float64, in a fixed order: of losses, and of the squares of gradients.

Each SUM_BLOCK elements are eight sums, of elements eight apart, which are added in pairs; then the blocks are added in
their order. Neither depends on the ISA: a compiler may only do the eight at once.
"""

cdef enum:
    SUM_BLOCK = 256
    SUMS = 8


cdef inline double block_sum(const real* x, Py_ssize_t n, bint squares) noexcept nogil:
    """The sum of x (n,), or of its squares."""
    cdef double sums[SUMS]
    cdef double value
    cdef Py_ssize_t i = 0, j
    for j in range(SUMS):
        sums[j] = 0
    while i + SUMS <= n:
        for j in range(SUMS):
            value = x[i + j]
            sums[j] += value * value if squares else value
        i += SUMS
    for j in range(n - i):
        value = x[i + j]
        sums[j] += value * value if squares else value
    return ((sums[0] + sums[4]) + (sums[2] + sums[6])) + ((sums[1] + sums[5]) + (sums[3] + sums[7]))


cdef double sum_of(const real* x, Py_ssize_t N, double total) noexcept nogil:
    """total + the sum of x (N,); it may be continued behind whole blocks."""
    cdef Py_ssize_t i = 0
    while i < N:
        total += block_sum(x + i, min(SUM_BLOCK, N - i), False)
        i += SUM_BLOCK
    return total


cdef double sum_of_squares_of(const real* x, Py_ssize_t N, double total) noexcept nogil:
    """The same of the squares, each of which is exact for float32."""
    cdef Py_ssize_t i = 0
    while i < N:
        total += block_sum(x + i, min(SUM_BLOCK, N - i), True)
        i += SUM_BLOCK
    return total
