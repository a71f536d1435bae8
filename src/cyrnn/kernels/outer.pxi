"""The gradients of weights and biases: outer products and rows, summed over (step, column), both ascending."""

cdef enum:
    OUTER_ROWS = 256         # of a long product at a time: both sides stay in the cache
    OUTER_VECTORS = 3        # of its units: on every ISA that many lanes are whole tiles of TILE_ROWS


cdef void add_rows_of(const real* left, Py_ssize_t left_row_stride, Py_ssize_t N, Py_ssize_t units, real* out,
                      Py_ssize_t out_stride) noexcept nogil:
    """out (units,) += the sum of the rows of left (N, units), in their order."""
    cdef Py_ssize_t u = 0, k, i
    cdef vec total
    cdef real sums[MAX_LANES]
    while u < units:
        for i in range(LANES):
            sums[i] = out[(u + i) * out_stride] if u + i < units else 0
        total = load(sums)
        for k in range(N):
            total = total + load_tail(left + k * left_row_stride + u, units - u)
        store(sums, total)
        for i in range(min(LANES, units - u)):
            out[(u + i) * out_stride] = sums[i]
        u += LANES


cdef void transpose_strip(const real* left, Py_ssize_t left_row_stride, Py_ssize_t n, Py_ssize_t units, real* out,
                          Py_ssize_t out_row_stride) noexcept nogil:
    """out (units, out_row_stride) = left (n, units), transposed, with zeros behind n up to a whole vector."""
    cdef vec square[MAX_LANES]
    cdef Py_ssize_t u = 0, k, i
    while u < units:
        k = 0
        while k < n:
            for i in range(LANES):
                square[i] = load_tail(left + (k + i) * left_row_stride + u, units - u) if k + i < n else splat(0)
            transpose(square)
            for i in range(min(LANES, units - u)):
                store(out + (u + i) * out_row_stride + k, square[i])
            k += LANES
        u += LANES


cdef void pack_panels(const real* right, Py_ssize_t right_row_stride, Py_ssize_t n, Py_ssize_t K,
                      real* panels) noexcept nogil:
    """right (n, K) as panels (n, 4 vectors), zero-padded."""
    cdef Py_ssize_t width = vectors(K, 1), v = 0, Vp, k, i
    while v < width:
        Vp = min(4, width - v)
        for k in range(n):
            for i in range(Vp):
                store(panels + v * LANES * n + (k * Vp + i) * LANES,
                      load_tail(right + k * right_row_stride + (v + i) * LANES, K - (v + i) * LANES))
        v += Vp


cdef void add_tile(Product* p, Py_ssize_t R, Py_ssize_t Vp, Py_ssize_t columns, real* out,
                   Py_ssize_t out_row_stride) noexcept nogil:
    """out (R, columns) += the product, whose panel has Vp vectors: the last one may reach beyond the columns."""
    cdef vec tile_of_z[24]
    cdef real* z = <real*> tile_of_z
    cdef Py_ssize_t r, i
    if Vp * LANES <= columns:
        p.start = p.z = out
        p.start_row_stride = p.z_row_stride = out_row_stride
        product(p, R, 1, Vp)
        return
    p.start = p.z = z
    p.start_row_stride = p.z_row_stride = Vp * LANES
    for r in range(R):
        for i in range(Vp):
            store(z + (r * Vp + i) * LANES, load_tail(out + r * out_row_stride + i * LANES, columns - i * LANES))
    product(p, R, 1, Vp)
    for r in range(R):
        for i in range(Vp):
            store_tail(out + r * out_row_stride + i * LANES, load(z + (r * Vp + i) * LANES), columns - i * LANES)


cdef int add_outer_of(const real* left, Py_ssize_t left_row_stride, const real* right, Py_ssize_t right_row_stride,
                      Py_ssize_t N, Py_ssize_t units, Py_ssize_t K, real* out,
                      Py_ssize_t out_row_stride) noexcept nogil:
    """out (units, K) += left^T right, for left (N, units) and right (N, K): rows of N in their order.

    Returns -1 where memory is short. Both sides are copied, some rows of N at a time, for the microkernel to read
    contiguously: right as panels, left transposed, a strip of units at a time. Rows of left are
    often a whole page apart: read once, a line serves all its units (f32 LSTM (256,256,32,50) on Zen 4: 4.9 ms of 38
    went into copies of TILE_ROWS units, 0.6 so; 2026-11-26).
    """
    cdef Py_ssize_t width = vectors(K, 1), rows = min(N, OUTER_ROWS), strip = OUTER_VECTORS * LANES
    cdef Py_ssize_t row = (rows + LANES - 1) // LANES * LANES, n0 = 0, n, v, Vp, u, R
    cdef void* work
    cdef real* panels
    cdef real* transposed                      # (strip, row)
    cdef Product p
    if N == 0 or units == 0 or K == 0:
        return 0
    work = malloc((rows * width * LANES + strip * row) * sizeof(real) + ALIGNMENT)
    if work == NULL:
        return -1
    panels = aligned(work)
    transposed = panels + rows * width * LANES
    p.first.K = 0
    p.start_is_column = False
    p.z_panel_stride = 0
    p.second.row_stride = row
    p.second.k_stride = 1
    while n0 < N:
        n = p.second.K = min(OUTER_ROWS, N - n0)
        pack_panels(right + n0 * right_row_stride, right_row_stride, n, K, panels)
        u = 0
        while u < units:
            if u % strip == 0:
                transpose_strip(left + n0 * left_row_stride + u, left_row_stride, n, min(strip, units - u), transposed,
                                row)
            p.second.rows = transposed + u % strip * row
            R = min(TILE_ROWS, units - u)
            v = 0
            while v < width:
                Vp = min(4, width - v)
                p.second.panel = panels + v * LANES * n
                p.second.panel_k_stride = Vp * LANES
                add_tile(&p, R, Vp, K - v * LANES, out + u * out_row_stride + v * LANES, out_row_stride)
                v += Vp
            u += R
        n0 += n
    free(work)
    return 0
