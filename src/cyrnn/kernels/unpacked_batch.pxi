"""Forward pass on unpacked weights, for single cell calls and short runs: batch in lanes.

Design. Packing W pays when it is used often. Otherwise two kernels give the same chains without:
    batch in lanes   the columns of xt and of a state are packed, which are few: lanes run over them, rows are units
    units in lanes   for few columns (unpacked_step.pxi): rows of W are transposed in registers
"""

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
                for j in range(min(width, m - first)):
                    out[j] = source[i * row_stride + (first + j) * col_stride]
                for j in range(m - first, width):
                    out[j] = 0
            out += width
        first += width


cdef inline void product_in_place(const Product* t, Py_ssize_t R, Py_ssize_t V) noexcept nogil:
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
    next. Rows of W are read once, the columns from a cache.
    """
    cdef Py_ssize_t width = (m + LANES - 1) // LANES, last = (width - 1) // 4 * 4, row = 0, v, R
    cdef const real* first = p.first.rows
    cdef const real* second = p.second.rows
    cdef const real* start = p.start
    cdef const real* first_panel = p.first.panel
    cdef const real* second_panel = p.second.panel
    p.start_is_column = True
    p.z_row_stride = m
    p.z_panel_stride = 0
    while row < rows:
        R = rows_in_place(rows - row, min(width, 4))
        p.first.rows = first + row * p.first.row_stride
        p.second.rows = second + row * p.second.row_stride
        p.start = start + row * p.start_row_stride
        v = last
        while v >= 0:                  # the last columns first: what spills into the next row is then overwritten
            p.first.panel = first_panel + v * LANES * p.first.K
            p.second.panel = second_panel + v * LANES * p.second.K
            p.first.panel_k_stride = p.second.panel_k_stride = min(4, width - v) * LANES
            p.z = z + row * m + v * LANES
            product_in_place(p, R, min(4, width - v))
            v -= 4
        row += R
    p.first.panel = first_panel
    p.second.panel = second_panel


cdef void head_unpacked(const Run* run, const real* a, real* y) noexcept nogil:
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


cdef int forward_unpacked(const Run* run) noexcept nogil:
    """All T steps and the head, batch in lanes. Returns -1 where memory is short."""
    cdef const Formulas* cell = formulas_of(run.cell)
    cdef Py_ssize_t gates = gates_of(run.cell), n = run.n_a, m = run.m, t, s, g, y_size = run.n_y * m
    cdef Py_ssize_t width = (m + LANES - 1) // LANES * LANES, z_gate_stride = n * m + width
    cdef Py_ssize_t workspace = (run.n_x + n) * width + gates * z_gate_stride + y_size + width
    cdef void* work
    cdef real* x
    cdef real* a
    cdef real* z
    cdef real* y
    cdef real* between
    cdef real* following
    cdef PointwiseArgs args
    cdef Py_ssize_t pause_at = run.pause_steps
    cdef int outcome = 0
    if m == 0:
        return 0
    if cell.stages > 1:
        workspace += n * width + (1 + cell.kept) * n * m
    work = malloc(workspace * sizeof(real) + ALIGNMENT)
    if work == NULL:
        return -1
    x = aligned(work)
    a = x + run.n_x * width                    # (n_a, width): a_prev; with two stages a second one, output of the first
    z = a + cell.stages * n * width            # (gates, n_a, m), a vector of padding behind each gate
    y = z + gates * z_gate_stride                     # (n_y, m), likewise
    between = y + y_size + width               # (1 + kept, n_a, m)
    # lanes behind the last column are computed too; left as malloc had them, they read as subnormal float32:
    # lstm_forward (3,5,10,7) took 16.1 us so, 7.1 cleared (Xeon with AVX-512, 2026-11-23)
    for g in range(gates):
        store(z + g * z_gate_stride + n * m, splat(0))
    args.rows = 1
    args.n = n * m
    args.z_row_stride = 0
    args.z_gate_stride = z_gate_stride
    args.row_stride = 0
    args.previous_state_stride = run.initial_state_stride
    args.previous = run.initial
    args.state_stride = run.state_stride
    args.gate_stride = n * m
    pack_columns(run.initial, m, 1, n, m, a)
    for t in range(run.T):
        pack_columns(run.x + t * run.x_stride_t, run.x_stride_k, run.x_stride_m, run.n_x, m, x)
        following = run.states + t * n * m
        args.gates = between + n * m if cell.stages > 1 else NULL
        if run.gates != NULL:
            args.gates = run.gates + cell.kept * t * n * m
        g = 0
        for s in range(cell.stages):
            stage_unpacked(run, &cell.stage[s], run.weights + g, x, a + s * n * width, z + g * z_gate_stride,
                           z_gate_stride)
            args.z = z + g * z_gate_stride
            args.next = following if s + 1 == cell.stages else between
            cell.stage[s].pointwise(&args)
            if s + 1 < cell.stages:
                pack_columns(between, m, 1, n, m, a + n * width)
            g += cell.stage[s].gates
        args.previous = following
        args.previous_state_stride = args.state_stride
        pack_columns(following, m, 1, n, m, a)
        if run.y != NULL:
            head_unpacked(run, a, y)
            memcpy(run.y + t * y_size, y, y_size * sizeof(real))
        if t + 1 == pause_at:
            outcome = run.pause(run.progress)
            if outcome != 0:
                break
            pause_at += run.pause_steps
    free(work)
    return outcome


cdef void stage_unpacked(const Run* run, const Stage* stage, const GateWeights* weights, const real* x, const real* a,
                         real* z, Py_ssize_t z_gate_stride) noexcept nogil:
    """z (gates, n_a, m) of one stage, from x (n_x, m) and a (n_a, m), both packed."""
    cdef Py_ssize_t g
    cdef Product p
    p.first.panel = x
    p.second.panel = a
    for g in range(stage.gates):
        p.first.K = run.n_x if g >= stage.gates - stage.input else 0
        p.first.rows = weights[g].Wx
        p.first.row_stride = weights[g].Wx_row_stride
        p.first.k_stride = weights[g].Wx_col_stride
        p.second.K = run.n_a if g < stage.hidden else 0
        p.second.rows = weights[g].Wa
        p.second.row_stride = weights[g].Wa_row_stride
        p.second.k_stride = weights[g].Wa_col_stride
        p.start = weights[g].b
        p.start_row_stride = weights[g].b_stride
        rows_times_columns(&p, run.n_a, run.m, z + g * z_gate_stride)
