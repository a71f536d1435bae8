"""Rows times a packed matrix: for the projection, dx, and what a cell computes anew in its backward pass."""

cdef void multiply_rows(const real* rows, Py_ssize_t row_stride, Py_ssize_t N, Py_ssize_t K, const real* panels,
                        const real* b, Py_ssize_t units, real* out) noexcept nogil:
    """out (N, units) = rows (N, K) times a packed matrix (units, K), plus b, packed, which may be NULL."""
    cdef vec tile_of_z[MAX_TILE]
    cdef real* z = <real*> tile_of_z
    cdef real zero = 0
    cdef Py_ssize_t width = vectors(units, 1), v = 0, row, R, P, Vp, r, j
    cdef Product p
    p.first.K = 0
    p.start = &zero
    p.start_row_stride = 0
    p.start_is_column = b == NULL
    p.second.K = K
    p.second.row_stride = row_stride
    p.second.k_stride = 1
    p.second.panel_stride = 4 * LANES * K
    p.z = z
    p.z_panel_stride = 4 * LANES
    while v < width:
        P = panels_at_once(N, 4, (width - v) // 4) if width - v >= 4 else 1
        Vp = min(4, width - v)
        p.second.panel = panels + v * LANES * K
        p.second.panel_k_stride = Vp * LANES
        p.z_row_stride = P * Vp * LANES
        if b != NULL:
            p.start = b + v * LANES
        row = 0
        while row < N:
            R = even_share(N - row, max_rows(P, Vp))
            p.second.rows = rows + row * row_stride
            product(&p, R, P, Vp)
            for r in range(R):
                j = 0
                while j < P * Vp * LANES and v * LANES + j < units:
                    store_tail(out + (row + r) * units + v * LANES + j, load(z + r * p.z_row_stride + j),
                               units - v * LANES - j)
                    j += LANES
            row += R
        v += P * Vp
