"""Rows times a matrix of integers: for a projection, and for linear layers."""

cdef enum:
    ROWS_AT_ONCE = 48        # of a linear layer, as integers: the panels are read once for them


cdef void multiply_integer_rows(const IntegerMatrix* W, int width, const real* b, Py_ssize_t units,
                                const IntegerRows* rows, Py_ssize_t K, Py_ssize_t N, real* out) noexcept nogil:
    """out (N, units) = rows of integers (N, K) times W, plus b, packed, which may be NULL."""
    cdef vec tile_of_z[TILE_VECTORS]
    cdef vec zeros[4]
    cdef real* z = <real*> tile_of_z
    cdef Py_ssize_t vectors_ = vectors(units, 1), panel = 0, row, R, Vp, r, i, first
    cdef IntegerProduct p
    for i in range(4):
        store(<real*> zeros + i * LANES, splat(0))
    begin_product(&p, rows, K, width)
    p.start, p.start_row_stride, p.start_panel_stride, p.z_panel_stride = <real*> zeros, 0, 0, 0
    p.z, p.z_vector_stride = z, LANES
    while 4 * panel < vectors_:
        Vp, first = min(4, vectors_ - 4 * panel), 4 * panel * LANES
        p.z_row_stride = Vp * LANES
        take_panel(&p, W, panel, 4, width)
        if b != NULL:
            p.start = b + first
        row = 0
        while row < N:
            R = even_share(N - row, integer_tile_rows(width))
            take_integer_rows(&p, rows, row)
            integer_product(&p, R, 1, Vp, width)
            for r in range(R):
                i = 0
                while i < Vp * LANES and first + i < units:
                    store_tail(out + (row + r) * units + first + i, load(z + r * p.z_row_stride + i),
                               units - first - i)
                    i += LANES
            row += R
        panel += 1


cdef void quantize_rows(const real* h, Py_ssize_t m, Py_ssize_t n, real levels, int width,
                        const IntegerRows* out) noexcept nogil:
    """m rows of hidden states (n,) as integers."""
    cdef Py_ssize_t r
    for r in range(m):
        out.scale[r] = quantize_hidden(h + r * n, n, levels, width, out.row_stride,
                                       out.rows + r * out.row_stride)


cdef int multiply_integers(const IntegerWeights* weights, const real* x, Py_ssize_t row_stride, Py_ssize_t N,
                           Py_ssize_t K, Py_ssize_t units, real* out) noexcept nogil:
    """out (N, units) = x (N, K) times weights.Wx, as pack_integers has it of one gate, plus b; -1 without memory."""
    cdef Py_ssize_t count = min(N, ROWS_AT_ONCE), row = 0, r
    cdef IntegerRows rows
    cdef void* memory = malloc(rows_bytes(count, K, weights.width) + 2 * ALIGNMENT)
    if memory == NULL:
        return -1
    place_rows(&rows, count, K, weights.width, <char*> aligned(memory))
    while row < N:
        count = min(N - row, ROWS_AT_ONCE)
        for r in range(count):
            rows.scale[r] = quantize_input(x + (row + r) * row_stride, K, weights.Wx.levels, weights.width,
                                           rows.row_stride, rows.rows + r * rows.row_stride)
        multiply_integer_rows(&weights.Wx, weights.width, weights.b, units, &rows, K, count, out + row * units)
        row += count
    free(memory)
    return 0
