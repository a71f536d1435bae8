"""The head: y = softmax(Wy a + by), each column on its own."""

cdef inline void softmax_lanes(const real* z, Py_ssize_t z_row_stride, Py_ssize_t n, real* y, Py_ssize_t y_row_stride,
                               Py_ssize_t left) noexcept nogil:
    """LANES columns at once: y = exp(z - max z) / sum, the sum in ascending order; y may be z."""
    cdef Py_ssize_t j
    cdef vec peak, e, total = splat(0)
    if n == 0:
        return
    peak = load_tail(z, left)
    for j in range(1, n):
        peak = max_(load_tail(z + j * z_row_stride, left), peak)
    for j in range(n):
        e = exp_(load_tail(z + j * z_row_stride, left) - peak)
        total = total + e
        store_tail(y + j * y_row_stride, e, left)
    for j in range(n):
        store_tail(y + j * y_row_stride, load_tail(y + j * y_row_stride, left) / total, left)


cdef void softmax_of(const real* z, Py_ssize_t row_stride, Py_ssize_t n, Py_ssize_t N, real* y) noexcept nogil:
    """y (n, N) = softmax of every column of z; rows of both are row_stride apart."""
    cdef Py_ssize_t i = 0
    while i < N:
        softmax_lanes(z + i, row_stride, n, y + i, row_stride, N - i)
        i += LANES


cdef int head_packed(const real* a, Py_ssize_t n_a, Py_ssize_t N, const real* Wy, const real* by, Py_ssize_t n_y,
                     real* y) noexcept nogil:
    """y (N, n_y) for a (N, n_a), Wy and by packed. Returns -1 where memory is short."""
    cdef Py_ssize_t V = vectors_per_panel(1), width = vectors(n_y, 1)
    cdef Py_ssize_t row, rows, i, j, r, R, v, Vp
    cdef void* work = malloc(2 * width * LANES * LANES * sizeof(real) + ALIGNMENT)
    cdef real* z                                           # (LANES, width * LANES): some rows of Wy a + by
    cdef real* columns                                     # (n_y, LANES): the same, transposed
    cdef Product p
    if work == NULL:
        return -1
    z = aligned(work)
    columns = z + width * LANES * LANES
    p.first.K = 0
    p.ahead = NULL
    p.second.K = n_a
    p.second.row_stride = n_a
    p.second.k_stride = 1
    p.start_is_column = False
    p.start_row_stride = 0
    p.z_row_stride = width * LANES
    p.z_panel_stride = 0
    row = 0
    while row < N:
        rows = min(LANES, N - row)
        v = 0
        while v < width:
            Vp = min(V, width - v)
            p.second.panel = Wy + v * LANES * n_a
            p.second.panel_k_stride = Vp * LANES
            p.start = by + v * LANES
            i = 0
            while i < rows:
                R = even_share(rows - i, TILE_ROWS)
                p.second.rows = a + (row + i) * n_a
                p.z = z + i * p.z_row_stride + v * LANES
                product(&p, R, 1, Vp)
                i += R
            v += V
        pack_lanes(z, p.z_row_stride, 1, rows, n_y, columns, LANES)
        softmax_lanes(columns, LANES, n_y, columns, LANES, LANES)
        for r in range(rows):
            for j in range(n_y):
                y[(row + r) * n_y + j] = columns[j * LANES + r]
        row += LANES
    free(work)
    return 0
