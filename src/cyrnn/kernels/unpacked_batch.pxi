"""A stage on unpacked weights, batch in lanes: xt and the state that W_a multiplies are packed, W is read once."""

cdef enum:
    BLOCK_ELEMENTS_IN_PLACE = 1 << 17    # of packed columns: 1 MB of float64, which an L2 cache holds


cdef inline void pack_columns(const real* source, Py_ssize_t row_stride, Py_ssize_t col_stride, Py_ssize_t n,
                              Py_ssize_t m, real* out) noexcept nogil:
    """Pack source (n, m) for a product whose lanes are its columns: panels of 4 vectors, [panel][n][4][LANES], the last
    one of as many as it needs, with zeros behind the last column.
    """
    cdef Py_ssize_t first = 0, width, i, j
    while first < m:
        width = (min(m - first, 4 * LANES) + LANES - 1) // LANES * LANES
        for i in range(n):
            if col_stride == 1:
                j = 0
                while j < width:
                    store(out + j, load_tail(source + i * row_stride + first + j, m - first - j))
                    j += LANES
            else:
                gather(source + i * row_stride + first * col_stride, col_stride, min(width, m - first), out)
                for j in range(m - first, width):
                    out[j] = 0
            out += width
        first += width


cdef inline void product_in_place(Product* t, Py_ssize_t R, Py_ssize_t V) noexcept nogil:
    """z (R, V * LANES), R of rows_in_place: few vectors take more rows than `product` has, for as many chains."""
    if V == 1 and R == 12:
        tile(t, 12, 1, 1)
    elif V == 2 and R == 6:
        tile(t, 6, 1, 2)
    else:
        product(t, R, 1, V)


cdef inline Py_ssize_t rows_in_place(Py_ssize_t left, Py_ssize_t V) noexcept nogil:
    """How many of the rows that are left the next tile of V vectors has."""
    cdef Py_ssize_t R = 12 // V if V <= 2 else TILE_ROWS
    return R if left >= R else min(left, TILE_ROWS)


cdef void rows_times_columns(Product* p, Py_ssize_t rows, Py_ssize_t m, real* z) noexcept nogil:
    """z (rows, m) of packed columns, and up to a vector more behind its end: whole vectors spill over what is written
    next. Rows of W are read once for as many columns as stay in a cache.
    """
    cdef Py_ssize_t width = (m + LANES - 1) // LANES, last = (width - 1) // 4 * 4, row, v, R
    cdef Py_ssize_t elements = max(1, 4 * LANES * (p.first.K + p.second.K))                     # of a panel
    cdef Py_ssize_t block = 4 * max(1, BLOCK_ELEMENTS_IN_PLACE // elements)
    cdef const real* first = p.first.rows
    cdef const real* second = p.second.rows
    cdef const real* start = p.start
    cdef const real* first_panel = p.first.panel
    cdef const real* second_panel = p.second.panel
    p.start_is_column = True
    p.ahead = NULL
    p.z_row_stride = m
    p.z_panel_stride = 0
    while last >= 0:                   # the last columns first: what spills into the next row is then overwritten
        row = 0
        while row < rows:
            R = rows_in_place(rows - row, min(width, 4))
            p.first.rows = first + row * p.first.row_stride
            p.second.rows = second + row * p.second.row_stride
            p.start = start + row * p.start_row_stride
            v = last
            while v >= 0 and v > last - block:
                p.first.panel = first_panel + v * LANES * p.first.K
                p.second.panel = second_panel + v * LANES * p.second.K
                p.first.panel_k_stride = p.second.panel_k_stride = min(4, width - v) * LANES
                p.z = z + row * m + v * LANES
                product_in_place(p, R, min(4, width - v))
                v -= 4
            row += R
        last -= block
    p.first.panel = first_panel
    p.second.panel = second_panel


cdef void softmax_in_place(const Run* run, const real* a, real* y) noexcept nogil:
    """y (n_y, m) = softmax(Wy a + by), a (n_a, m) packed; y is writable up to a vector past its end."""
    cdef Py_ssize_t i = 0
    cdef Product p
    p.first.K = 0
    p.first.row_stride = 0
    p.first.rows = run.head.Wa
    p.first.panel = a
    p.second.K = run.n_a
    p.second.rows = run.head.Wa
    p.second.row_stride = run.head.Wa_row_stride
    p.second.k_stride = run.head.Wa_col_stride
    p.second.panel = a
    p.start = run.head.b
    p.start_row_stride = run.head.b_stride
    rows_times_columns(&p, run.n_y, run.m, y)
    while i < run.m:
        softmax_lanes(y + i, run.m, run.n_y, y + i, run.m, run.m - i)
        i += LANES


cdef void run_stage_of_batch(const Run* run, const Stage* stage, const GateWeights* weights, const real* x,
                             const real* a, const PointwiseArgs* at, Py_ssize_t first, Py_ssize_t last,
                             real* z) noexcept nogil:
    """Gates and next states of the units first <= j < last: x (n_x, m) and a (n_a, m) packed, states (S, n_a, m).

    z: workspace, (gates, last - first, m) with a vector of padding behind each gate. `at`: arguments of the first unit.
    """
    cdef Py_ssize_t g, m = run.m, size = (last - first) * m, z_gate_stride = size + (m + LANES - 1) // LANES * LANES
    cdef Product p
    cdef PointwiseArgs args = at[0]
    cdef const GateWeights* W
    p.first.panel, p.second.panel = x, a
    for g in range(stage.gates):
        W = weights + g
        # lanes behind the last column are computed too; left as malloc had them, they read as subnormal float32:
        # lstm_forward (3,5,10,7) took 16.1 us so, 7.1 cleared (Xeon with AVX-512, 2026-11-23)
        store(z + g * z_gate_stride + size, splat(0))
        p.first.K = run.n_x if g >= stage.gates - stage.input else 0
        p.first.rows = W.Wx + first * W.Wx_row_stride
        p.first.row_stride, p.first.k_stride = W.Wx_row_stride, W.Wx_col_stride
        p.second.K = run.n_a if g < stage.hidden else 0
        p.second.rows = W.Wa + first * W.Wa_row_stride
        p.second.row_stride, p.second.k_stride = W.Wa_row_stride, W.Wa_col_stride
        p.start, p.start_row_stride = W.b + first * W.b_stride, W.b_stride
        rows_times_columns(&p, last - first, m, z + g * z_gate_stride)
    args.rows, args.n, args.z, args.z_row_stride, args.z_gate_stride = 1, size, z, 0, z_gate_stride
    args.previous = at.previous + first * m
    args.next = at.next + first * m
    args.gates = NULL if at.gates == NULL else at.gates + first * m
    stage.pointwise(&args)
