"""Straight from the notebook's own arrays, nothing packed: for single cell calls and short runs.

Design. Packing pays when the weights are used often. Where they are not, two other ways give the same chains:
    batch in lanes   the columns of one xt or state are neighbours in memory: lanes run over them, rows are units
    units in lanes   for one to three columns: squares of W turn in registers on their way to the sums
"""

cdef enum:
    FEW_COLUMNS = 3          # up to here the units go to the lanes


cdef inline void copy_columns(const real* source, Py_ssize_t row, Py_ssize_t col, Py_ssize_t n, Py_ssize_t m,
                              real* out, Py_ssize_t out_row) noexcept nogil:
    """out (n, out_row) = source (n, m) with zeros behind, out_row a multiple of LANES."""
    cdef Py_ssize_t i, j
    for i in range(n):
        if col == 1:
            j = 0
            while j < m:
                store(out + i * out_row + j, get(source + i * row + j, m - j))
                j += LANES
        else:
            for j in range(m):
                out[i * out_row + j] = source[i * row + j * col]
            for j in range(m, out_row):
                out[i * out_row + j] = 0


cdef void rows_times_columns(Product* p, Py_ssize_t rows, Py_ssize_t m, real* z) noexcept nogil:
    """z (rows, m), and up to a vector more behind its end: whole vectors spill over what is written next."""
    cdef Py_ssize_t width = (m + LANES - 1) // LANES, v = (width - 1) // 4 * 4, row, R
    cdef const real* first = p.first.rows
    cdef const real* second = p.second.rows
    cdef const real* start = p.start
    cdef const real* first_panel = p.first.panel
    cdef const real* second_panel = p.second.panel
    p.start_is_column = True
    p.z_row = m
    while v >= 0:                      # the last columns first: what spills into the next row is then overwritten
        row = 0
        p.first.panel = first_panel + v * LANES
        p.second.panel = second_panel + v * LANES
        while row < rows:
            R = min(TILE_ROWS, rows - row)
            p.first.rows = first + row * p.first.row
            p.second.rows = second + row * p.second.row
            p.start = start + row * p.start_row
            p.z = z + row * m + v * LANES
            product(p, R, 1, min(4, width - v))
            row += R
        v -= 4
    p.first.panel = first_panel
    p.second.panel = second_panel


cdef void head_batch(const Run* run, const real* a, Py_ssize_t width, real* y) noexcept nogil:
    """y (n_y, m) = softmax(Wy a + by), a (n_a, width) padded; y has room for a vector behind its end."""
    cdef Py_ssize_t i = 0
    cdef Product p
    p.first.K = 0
    p.first.row = 0
    p.first.rows = run.head.Wa
    p.first.panel = a
    p.second.K = run.n_a
    p.second.rows = run.head.Wa
    p.second.row = run.head.Wa_row
    p.second.row_k = run.head.Wa_col
    p.second.panel = a
    p.second.panel_k = width
    p.start = run.head.b
    p.start_row = run.head.b_row
    rows_times_columns(&p, run.n_y, run.m, y)
    while i < run.m:
        softmax_lanes(y + i, run.m, run.n_y, y + i, run.m, run.m - i)
        i += LANES


cdef int forward_batch(const Run* run) noexcept nogil:
    """All T steps and the head, batch in lanes. Returns -1 where the work area cannot be had."""
    cdef Py_ssize_t gates = gates_of(run.cell), n = run.n_a, m = run.m, t, g, y_size = run.n_y * m
    cdef Py_ssize_t width = (m + LANES - 1) // LANES * LANES, z_gate = n * m + width
    cdef void* work
    cdef real* x
    cdef real* a
    cdef real* z
    cdef real* y
    cdef Pointwise pointwise = pointwise_of(run.cell)
    cdef Product p
    cdef Block block
    if m == 0:
        return 0
    work = malloc(((run.n_x + n) * width + gates * z_gate + y_size + width) * sizeof(real) + ALIGNMENT)
    if work == NULL:
        return -1
    x = aligned(work)
    a = x + run.n_x * width                    # (n_a, width)
    z = a + n * width                          # (gates, n_a, m), with room behind each gate
    y = z + gates * z_gate                     # (n_y, m), likewise
    # lanes behind the last column are computed too; left as malloc had them, they read as subnormal float32:
    # lstm_forward (3,5,10,7) took 16.1 us so, 7.1 cleared (Xeon with AVX-512, 2026-11-23)
    for g in range(gates):
        store(z + g * z_gate + n * m, splat(0))
    block.rows = 1
    block.n = n * m
    block.z = z
    block.z_row = 0
    block.z_gate = z_gate
    block.row = 0
    block.previous_state = run.initial_state
    block.previous = run.initial
    block.state = run.state
    block.gate = n * m
    block.gates = NULL
    p.first.K = run.n_x
    p.first.panel = x
    p.first.panel_k = width
    p.second.K = n
    p.second.panel = a
    p.second.panel_k = width
    copy_columns(run.initial, m, 1, n, m, a, width)
    for t in range(run.T):
        copy_columns(run.x + t * run.x_t, run.x_k, run.x_m, run.n_x, m, x, width)
        for g in range(gates):
            p.first.rows = run.weights[g].Wx
            p.first.row = run.weights[g].Wx_row
            p.first.row_k = run.weights[g].Wx_col
            p.second.rows = run.weights[g].Wa
            p.second.row = run.weights[g].Wa_row
            p.second.row_k = run.weights[g].Wa_col
            p.start = run.weights[g].b
            p.start_row = run.weights[g].b_row
            rows_times_columns(&p, n, m, z + g * z_gate)
        block.next = run.states + t * n * m
        if run.gates != NULL:
            block.gates = run.gates + gates * t * n * m
        pointwise(&block)
        block.previous = block.next
        block.previous_state = block.state
        copy_columns(block.next, m, 1, n, m, a, width)
        if run.y != NULL:
            head_batch(run, a, width, y)
            memcpy(run.y + t * y_size, y, y_size * sizeof(real))
    free(work)
    return 0


cdef inline void extend_square(vec* acc, const real* W, Py_ssize_t row, const real* x, Py_ssize_t x_m, Py_ssize_t x_k,
                               Py_ssize_t R) noexcept nogil:
    """acc (R) += W x for LANES rows of W and LANES k."""
    cdef vec square[MAX_LANES]
    cdef Py_ssize_t i, r
    load_turned(W, row, square)
    for i in range(LANES):
        for r in range(R):
            acc[r] = fma(splat(x[r * x_m + i * x_k]), square[i], acc[r])


cdef inline void extend_turning(vec* acc, const real** W, const Py_ssize_t* rows, const Py_ssize_t* units,
                                Py_ssize_t K, const real* x, Py_ssize_t x_m, Py_ssize_t x_k,
                                Py_ssize_t R) noexcept nogil:
    """acc (4, R) += W x, k ascending: four matrices of units[v] rows each (unit stride in k), R columns of x."""
    cdef Py_ssize_t k = 0, left, i, r, v
    cdef real column[MAX_LANES]
    if (min(min(units[0], units[1]), min(units[2], units[3])) >= LANES
            and rows[1] == rows[0] and rows[2] == rows[0] and rows[3] == rows[0]):
        while k + LANES <= K:                   # written out, so that the sums stay in registers
            extend_square(acc, W[0] + k, rows[0], x + k * x_k, x_m, x_k, R)
            extend_square(acc + R, W[1] + k, rows[0], x + k * x_k, x_m, x_k, R)
            extend_square(acc + 2 * R, W[2] + k, rows[0], x + k * x_k, x_m, x_k, R)
            extend_square(acc + 3 * R, W[3] + k, rows[0], x + k * x_k, x_m, x_k, R)
            k += LANES
    while k < K:
        left = min(K - k, LANES)
        for v in range(4):
            if units[v] >= LANES and left == LANES:
                extend_square(acc + v * R, W[v] + k, rows[v], x + k * x_k, x_m, x_k, R)
            elif units[v] > 0:
                for i in range(k, k + left):
                    pack_lanes(W[v] + i, rows[v], 1, min(units[v], LANES), 1, column, LANES)
                    for r in range(R):
                        acc[v * R + r] = fma(splat(x[r * x_m + i * x_k]), load(column), acc[v * R + r])
        k += left


cdef inline void step_turning(const Run* run, Py_ssize_t R) noexcept nogil:
    """One step (T = 1), units in lanes, R = m columns; states (S, 1, m, n_a). Needs W with unit stride in k."""
    cdef Py_ssize_t gates = gates_of(run.cell), n = run.n_a, unit = 0, v, r, g
    cdef Py_ssize_t per = units_per_panel(gates)
    cdef Py_ssize_t units[4]
    cdef const real* Wx[4]
    cdef const real* Wa[4]
    cdef Py_ssize_t Wx_row[4]
    cdef Py_ssize_t Wa_row[4]
    cdef const GateWeights* weights
    cdef vec acc[4 * FEW_COLUMNS]
    cdef real z[4 * FEW_COLUMNS * MAX_LANES]
    cdef Pointwise pointwise = pointwise_of(run.cell)
    cdef Block block
    block.rows = R
    block.z = z
    block.z_row = 4 * LANES
    block.z_gate = per
    block.row = n
    block.previous_state = run.initial_state
    block.state = run.state
    block.gate = R * n
    block.gates = NULL
    while unit < n:
        for v in range(4):
            g = 0 if gates == 1 else v
            r = unit + (v * LANES if gates == 1 else 0)
            weights = run.weights + g
            units[v] = min(LANES, n - r) if v < gates or gates == 1 else 0
            Wx[v] = weights.Wx + r * weights.Wx_row
            Wa[v] = weights.Wa + r * weights.Wa_row
            Wx_row[v] = weights.Wx_row
            Wa_row[v] = weights.Wa_row
            if units[v] > 0:
                pack_lanes(weights.b + r * weights.b_row, weights.b_row, 0, units[v], 1, z, LANES)
                for r in range(R):
                    acc[v * R + r] = load(z)
        extend_turning(acc, Wx, Wx_row, units, run.n_x, run.x, run.x_m, run.x_k, R)
        extend_turning(acc, Wa, Wa_row, units, n, run.initial, n, 1, R)
        for r in range(R):
            for v in range(4):
                if units[v] > 0:
                    store(z + (r * 4 + v) * LANES, acc[v * R + r])
        block.n = min(per, n - unit)
        block.previous = run.initial + unit
        block.next = run.states + unit
        if run.gates != NULL:
            block.gates = run.gates + unit
        pointwise(&block)
        unit += per


cdef int step_few(const Run* run) noexcept nogil:
    """One step and the head for at most FEW_COLUMNS columns. Returns -1 where the work area cannot be had."""
    cdef Py_ssize_t n = run.n_a, m = run.m, y_size = run.n_y * m, width = (m + LANES - 1) // LANES * LANES
    cdef void* work
    cdef real* a
    if m == 1:
        step_turning(run, 1)
    elif m == 2:
        step_turning(run, 2)
    elif m == 3:
        step_turning(run, 3)
    if run.y == NULL or m == 0:
        return 0
    work = malloc((n * width + y_size + width) * sizeof(real) + ALIGNMENT)
    if work == NULL:
        return -1
    a = aligned(work)
    copy_columns(run.states, 1, n, n, m, a, width)
    head_batch(run, a, width, a + n * width)
    memcpy(run.y, a + n * width, y_size * sizeof(real))
    free(work)
    return 0
