"""Rows times a matrix: packed, for the projection, dx, and what a cell computes anew in its backward pass; or in place.
"""

cdef enum:
    ROWS_IN_PLACE = 128      # of a matrix, at a time: few pages, and a panel of them is a stack's work area


cdef void multiply_rows(const real* rows, Py_ssize_t row_stride, Py_ssize_t N, Py_ssize_t K, const real* panels,
                        const real* b, Py_ssize_t units, real* out) noexcept nogil:
    """out (N, units) = rows (N, K) times a packed matrix (units, K), plus b, packed, which may be NULL."""
    cdef vec tile_of_z[MAX_TILE]
    cdef real* z = <real*> tile_of_z
    cdef real zero = 0
    cdef Py_ssize_t width = vectors(units, 1), v = 0, row, R, P, Vp, r, j
    cdef Product p
    p.first.K = 0
    p.ahead = NULL
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
        if v + P * Vp < width:
            ask_for(&p, p.second.panel + P * Vp * LANES * K, 4 * LANES * K)
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


cdef enum How:
    # what becomes of a product
    WRITTEN                  # chains from zero
    CONTINUED                # chains that go on from what is there
    ADDED                    # chains from zero, then added to what is there


cdef void product_to(Product* p, Py_ssize_t R, Py_ssize_t P, Py_ssize_t Vp, Py_ssize_t columns, How how, real* out,
                     Py_ssize_t out_row_stride) noexcept nogil:
    """A product of P panels of Vp vectors into out (R, columns), in place; the last panel may reach beyond columns."""
    cdef vec tile_of_z[MAX_TILE]
    cdef real* z = <real*> tile_of_z
    cdef real zero = 0
    cdef Py_ssize_t width = P * Vp * LANES, r
    p.z, p.z_row_stride, p.z_panel_stride = out, out_row_stride, Vp * LANES
    if how == ADDED or width > columns:
        p.z, p.z_row_stride = z, width
        columns = min(columns, width)
        if how == CONTINUED:
            for r in range(R):
                load_row(out + r * out_row_stride, columns, z + r * width)
    p.start, p.start_row_stride, p.start_is_column = p.z, p.z_row_stride, False
    if how == ADDED:
        tile_prefetch(out, out_row_stride, R, P * Vp)
    if how != CONTINUED:
        p.start, p.start_row_stride, p.start_is_column = &zero, 0, True
    product(p, R, P, Vp)
    if p.z != z:
        return
    for r in range(R):
        if how == ADDED:
            add_row(z + r * width, columns, out + r * out_row_stride)
        else:
            copy_row(z + r * width, columns, out + r * out_row_stride)


cdef void multiply_in_place(const real* rows, Py_ssize_t row_stride, Py_ssize_t N, Py_ssize_t K, const real* W,
                            Py_ssize_t W_row_stride, Py_ssize_t units, How how, real* out,
                            Py_ssize_t out_row_stride) noexcept nogil:
    """out (N, units) = rows (N, K) W (K, units), unit stride along units; WRITTEN or CONTINUED.

    For a product that is wanted once: W is read in its own order, some rows at a time. They are copied where several
    tiles read them, and where they end within a vector: zeros follow then.
    """
    cdef vec copied[ROWS_IN_PLACE * 4]
    cdef Py_ssize_t width = vectors(units, 1), full = units // (4 * LANES), k = 0, n, v, row, R, P, Vp, left, j, i
    cdef const real* panel
    cdef Product p
    p.first.K = 0
    p.ahead = NULL
    p.second.row_stride, p.second.k_stride, p.second.panel_stride = row_stride, 1, 4 * LANES
    while k < K:
        n = p.second.K = min(ROWS_IN_PLACE, K - k)
        v = 0
        while v < width:
            P = panels_at_once(N, 4, full - v // 4) if v // 4 < full else 1
            Vp, left = min(4, width - v), units - v * LANES
            panel = W + k * W_row_stride + v * LANES
            p.second.panel, p.second.panel_k_stride = panel, W_row_stride
            if left < Vp * LANES or N > max_rows(P, Vp):
                for j in range(n):
                    for i in range(Vp):
                        copied[j * Vp + i] = load_tail(panel + j * W_row_stride + i * LANES, left - i * LANES)
                p.second.panel, p.second.panel_k_stride = <const real*> copied, Vp * LANES
            row = 0
            while row < N:
                R = even_share(N - row, max_rows(P, Vp))
                p.second.rows = rows + row * row_stride + k
                product_to(&p, R, P, Vp, left, how, out + row * out_row_stride + v * LANES, out_row_stride)
                row += R
            v += P * Vp
        how = CONTINUED
        k += n
