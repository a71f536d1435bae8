"""A step of one to three columns on unpacked weights: units in lanes.

Squares of W are transposed in registers on their way to the sums. See unpacked_batch.pxi.
"""

cdef inline void accumulate_square(vec* acc, const real* W, Py_ssize_t row_stride, const real* x,
                                   Py_ssize_t x_stride_m, Py_ssize_t x_stride_k, Py_ssize_t R) noexcept nogil:
    """acc (R) += W x for LANES rows of W and LANES k."""
    cdef vec square[MAX_LANES]
    cdef Py_ssize_t i, r
    load_transposed(W, row_stride, square)
    for i in range(LANES):
        for r in range(R):
            acc[r] = fma(splat(x[r * x_stride_m + i * x_stride_k]), square[i], acc[r])


cdef inline void accumulate_transposed(vec* acc, const real** W, const Py_ssize_t* row_strides,
                                       const Py_ssize_t* units, Py_ssize_t K, const real* x, Py_ssize_t x_stride_m,
                                       Py_ssize_t x_stride_k, Py_ssize_t R) noexcept nogil:
    """acc (4, R) += W x, k ascending: four matrices of units[v] rows each (unit stride in k), R columns of x."""
    cdef Py_ssize_t k = 0, left, i, r, v
    cdef real column[MAX_LANES]
    if (min(min(units[0], units[1]), min(units[2], units[3])) >= LANES
            and row_strides[1] == row_strides[0] and row_strides[2] == row_strides[0]
            and row_strides[3] == row_strides[0]):
        while k + LANES <= K:                   # written out, so that the sums stay in registers
            accumulate_square(acc, W[0] + k, row_strides[0], x + k * x_stride_k, x_stride_m, x_stride_k, R)
            accumulate_square(acc + R, W[1] + k, row_strides[0], x + k * x_stride_k, x_stride_m, x_stride_k, R)
            accumulate_square(acc + 2 * R, W[2] + k, row_strides[0], x + k * x_stride_k, x_stride_m, x_stride_k, R)
            accumulate_square(acc + 3 * R, W[3] + k, row_strides[0], x + k * x_stride_k, x_stride_m, x_stride_k, R)
            k += LANES
    while k < K:
        left = min(K - k, LANES)
        for v in range(4):
            if units[v] >= LANES and left == LANES:
                accumulate_square(acc + v * R, W[v] + k, row_strides[v], x + k * x_stride_k, x_stride_m, x_stride_k, R)
            elif units[v] > 0:
                for i in range(k, k + left):
                    pack_lanes(W[v] + i, row_strides[v], 1, min(units[v], LANES), 1, column, LANES)
                    for r in range(R):
                        acc[v * R + r] = fma(splat(x[r * x_stride_m + i * x_stride_k]), load(column), acc[v * R + r])
        k += left


cdef inline void run_stage_unpacked(const Run* run, const Stage* stage, const GateWeights* weights, const real* a,
                                    const PointwiseArgs* at, Py_ssize_t R) noexcept nogil:
    """One stage of one step (T = 1), units in lanes, R = m columns: a (m, n_a), states (S, 1, m, n_a).

    Needs W with unit stride in k. `at`: arguments of the first unit.
    """
    cdef Py_ssize_t gates = stage.gates, n = run.n_a, unit = 0, v, r, g
    cdef Py_ssize_t per = units_per_panel(gates)
    cdef Py_ssize_t units[4]                    # of each vector; with an input half; with a recurrent half
    cdef Py_ssize_t units_x[4]
    cdef Py_ssize_t units_a[4]
    cdef const real* Wx[4]
    cdef const real* Wa[4]
    cdef Py_ssize_t Wx_row_stride[4]
    cdef Py_ssize_t Wa_row_stride[4]
    cdef const GateWeights* W
    cdef vec acc[4 * MAX_UNPACKED_COLUMNS]
    cdef real z[4 * MAX_UNPACKED_COLUMNS * MAX_LANES]
    cdef PointwiseArgs args = at[0]
    args.rows = R
    args.z = z
    args.z_row_stride = 4 * LANES
    args.z_gate_stride = per
    while unit < n:
        for v in range(4):
            g = 0 if gates == 1 else min(v, gates - 1)
            r = unit + (v * LANES if gates == 1 else 0)
            W = weights + g
            units[v] = min(LANES, n - r) if v < gates or gates == 1 else 0
            units_x[v] = units[v] if gates == 1 or v >= gates - stage.input else 0
            units_a[v] = units[v] if gates == 1 or v < stage.hidden else 0
            Wx[v] = W.Wx + r * W.Wx_row_stride
            Wa[v] = W.Wa + r * W.Wa_row_stride
            Wx_row_stride[v] = W.Wx_row_stride
            Wa_row_stride[v] = W.Wa_row_stride
            if units[v] > 0:
                pack_lanes(W.b + r * W.b_stride, W.b_stride, 0, units[v], 1, z, LANES)
                for r in range(R):
                    acc[v * R + r] = load(z)
        accumulate_transposed(acc, Wx, Wx_row_stride, units_x, run.n_x, run.x, run.x_stride_m, run.x_stride_k, R)
        accumulate_transposed(acc, Wa, Wa_row_stride, units_a, n, a, n, 1, R)
        for r in range(R):
            for v in range(4):
                if units[v] > 0:
                    store(z + (r * 4 + v) * LANES, acc[v * R + r])
        args.n = min(per, n - unit)
        args.previous = at.previous + unit
        args.next = at.next + unit
        args.gates = NULL if at.gates == NULL else at.gates + unit
        stage.pointwise(&args)
        unit += per


cdef void run_step_unpacked(const Run* run, real* between) noexcept nogil:
    """One step of at most MAX_UNPACKED_COLUMNS columns; between (1 + kept, m, n_a): workspace of a first stage."""
    cdef const Formulas* cell = formulas_of(run.cell)
    cdef Py_ssize_t s, g = 0
    cdef const real* a = run.initial
    cdef PointwiseArgs at
    at.row_stride = run.n_a
    at.previous = run.initial
    at.previous_state_stride = run.initial_state_stride
    at.state_stride = run.state_stride
    at.gate_stride = run.m * run.n_a
    at.gates = run.gates
    if run.gates == NULL and between != NULL:
        at.gates = between + run.m * run.n_a
    for s in range(cell.stages):
        at.next = run.states if s + 1 == cell.stages else between
        if run.m == 1:
            run_stage_unpacked(run, &cell.stage[s], run.weights + g, a, &at, 1)
        elif run.m == 2:
            run_stage_unpacked(run, &cell.stage[s], run.weights + g, a, &at, 2)
        elif run.m == 3:
            run_stage_unpacked(run, &cell.stage[s], run.weights + g, a, &at, 3)
        a = between
        g += cell.stage[s].gates


cdef int step_unpacked(const Run* run) noexcept nogil:
    """One step and the head for at most MAX_UNPACKED_COLUMNS columns. Returns -1 where memory is short."""
    cdef const Formulas* cell = formulas_of(run.cell)
    cdef Py_ssize_t n = run.n_a, m = run.m, y_size = run.n_y * m, width = (m + LANES - 1) // LANES * LANES
    cdef void* work
    cdef real* a
    if cell.stages > 1:
        work = malloc((1 + cell.kept) * m * n * sizeof(real) + 1)
        if work == NULL:
            return -1
        run_step_unpacked(run, <real*> work)
        free(work)
    else:
        run_step_unpacked(run, NULL)
    if run.y == NULL or m == 0:
        return 0
    work = malloc((n * width + y_size + width) * sizeof(real) + ALIGNMENT)
    if work == NULL:
        return -1
    a = aligned(work)
    copy_columns(run.states, 1, n, n, m, a, width)
    head_unpacked(run, a, width, a + n * width)
    memcpy(run.y, a + n * width, y_size * sizeof(real))
    free(work)
    return 0
