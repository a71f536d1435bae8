"""A step of few columns on unpacked weights: units in lanes.

Rows of W are transposed in registers on their way to the sums, some rows of one gate at a time: where their stride is
a multiple of 4 KB, they begin in one set of the L1 cache, which holds 8 to 12 lines. All gates at once took f64 LSTM
(256,256,1) from 76 to 169 us (Zen 4, 2026-11-28).
"""

cdef enum:
    MAX_PANELS = 4           # side by side


cdef inline void accumulate_columns(vec* acc, const real* W, Py_ssize_t row_stride, const real* x, Py_ssize_t K,
                                    Py_ssize_t P, Py_ssize_t R) noexcept nogil:
    """acc (P, R) += W x, k ascending, for P * LANES rows of W, contiguous in k, and x (K, R)."""
    cdef vec columns[MAX_LANES]
    cdef Py_ssize_t k = 0, i, p, r
    while k + COLUMNS <= K:
        for p in range(P):
            load_columns(W + p * LANES * row_stride + k, row_stride, columns)
            for i in range(COLUMNS):
                for r in range(R):
                    acc[p * R + r] = fma(splat(x[(k + i) * R + r]), columns[i], acc[p * R + r])
        k += COLUMNS
    if k < K:
        for p in range(P):
            accumulate_square(acc + p * R, W + p * LANES * row_stride + k, row_stride, LANES, x + k * R, K - k, R)


cdef inline void accumulate_square(vec* acc, const real* W, Py_ssize_t row_stride, Py_ssize_t rows, const real* x,
                                   Py_ssize_t K, Py_ssize_t R) noexcept nogil:
    """acc (R) += W x for up to LANES rows and up to LANES k: nothing is read beside them."""
    cdef vec square[MAX_LANES]
    cdef Py_ssize_t i, r
    for i in range(LANES):
        square[i] = load_tail(W + i * row_stride, K) if i < rows else splat(0)
    transpose(square)
    for i in range(min(K, LANES)):
        for r in range(R):
            acc[r] = fma(splat(x[i * R + r]), square[i], acc[r])


cdef inline void accumulate_rows(vec* acc, const real* W, Py_ssize_t row_stride, Py_ssize_t rows, const real* x,
                                 Py_ssize_t K, Py_ssize_t P, Py_ssize_t R) noexcept nogil:
    """acc (P, R) += W x for P * LANES rows, or for fewer than LANES."""
    cdef Py_ssize_t k = 0
    if rows >= LANES:
        accumulate_columns(acc, W, row_stride, x, K, P, R)
        return
    while k < K:
        accumulate_square(acc, W + k, row_stride, rows, x + k * R, K - k, R)
        k += LANES


cdef inline void sum_gates(const Run* run, const Stage* stage, const GateWeights* weights, Py_ssize_t unit,
                           Py_ssize_t rows, const real* x, const real* a, real* z, Py_ssize_t P,
                           Py_ssize_t R) noexcept nogil:
    """z (gates, R, P * LANES) = b + Wx x + Wa a of P * LANES units, or of fewer than LANES; x (n_x, R), a (n_a, R)."""
    cdef const GateWeights* W
    cdef vec acc[MAX_PANELS * MAX_UNPACKED_COLUMNS]
    cdef Py_ssize_t g, p, r
    for g in range(stage.gates):
        W = weights + g
        for p in range(P):
            pack_lanes(W.b + (unit + p * LANES) * W.b_stride, W.b_stride, 1, min(rows, LANES), 1, z, LANES)
            for r in range(R):
                acc[p * R + r] = load(z)
        if g >= stage.gates - stage.input:
            accumulate_rows(acc, W.Wx + unit * W.Wx_row_stride, W.Wx_row_stride, rows, x, run.n_x, P, R)
        if g < stage.hidden:
            accumulate_rows(acc, W.Wa + unit * W.Wa_row_stride, W.Wa_row_stride, rows, a, run.n_a, P, R)
        for p in range(P):
            for r in range(R):
                store(z + (r * P + p) * LANES, acc[p * R + r])
        z += R * P * LANES


cdef inline void run_units(const Run* run, const Stage* stage, const GateWeights* weights, const real* x,
                           const real* a, const PointwiseArgs* at, Py_ssize_t unit, Py_ssize_t rows, Py_ssize_t P,
                           Py_ssize_t R) noexcept nogil:
    """Gates and next states of some units. `at`: arguments of the first unit."""
    cdef real z[MAX_GATES * MAX_PANELS * MAX_UNPACKED_COLUMNS * MAX_LANES]
    cdef PointwiseArgs args = at[0]
    sum_gates(run, stage, weights, unit, rows, x, a, z, P, R)
    args.rows, args.n, args.z, args.z_row_stride, args.z_gate_stride = R, rows, z, P * LANES, R * P * LANES
    args.previous = at.previous + unit
    args.next = at.next + unit
    args.gates = NULL if at.gates == NULL else at.gates + unit
    stage.pointwise(&args)


cdef inline Py_ssize_t sets_of(Py_ssize_t row_stride) noexcept nogil:
    """In how many of the 64 sets of an L1 cache rows of this stride begin."""
    cdef Py_ssize_t bytes = row_stride * <Py_ssize_t> sizeof(real), sets = 64
    if bytes % 64 == 0:
        while sets > 1 and bytes // 64 % 2 == 0:
            bytes //= 2
            sets //= 2
    return sets


cdef inline Py_ssize_t panels_side_by_side(const GateWeights* W, Py_ssize_t R) noexcept nogil:
    """How many panels of LANES rows are read side by side: chains enough for few columns, at most 8 rows a set."""
    cdef Py_ssize_t P = max(16 // LANES, 2 if R == 1 else 1) if R < 4 else 1
    cdef Py_ssize_t sets = min(sets_of(W.Wx_row_stride), sets_of(W.Wa_row_stride))
    P = min(P, MAX_PANELS)
    while P > 1 and P * LANES > 8 * sets:
        P //= 2
    return P


cdef inline void run_stage_unpacked(const Run* run, const Stage* stage, const GateWeights* weights, const real* x,
                                    const real* a, const PointwiseArgs* at, Py_ssize_t R) noexcept nogil:
    """One stage of one step (T = 1), units in lanes: x (n_x, R), a (n_a, R), states (S, 1, R, n_a).

    Needs W with unit stride in k. `at`: arguments of the first unit.
    """
    cdef Py_ssize_t n = run.n_a, unit = 0, max_panels = panels_side_by_side(weights, R), P, rows
    while unit < n:
        P = max_panels
        while P > 1 and (n < P * LANES or 2 * (n - unit) <= P * LANES):
            P //= 2
        rows = min(n, P * LANES)
        unit = min(unit, n - rows)              # the last units: some are summed twice, rather than lanes left idle
        if P == 1:
            run_units(run, stage, weights, x, a, at, unit, rows, 1, R)
        elif P == 2 and R < 4:
            run_units(run, stage, weights, x, a, at, unit, rows, 2, R)
        elif R < 4 and LANES < 8:
            run_units(run, stage, weights, x, a, at, unit, rows, 4, R)
        unit += rows


cdef void run_step_unpacked(const Run* run, real* work, real* between) noexcept nogil:
    """One step of at most MAX_UNPACKED_COLUMNS columns.

    Workspace: work (n_x + n_a, m), between (1 + kept, m, n_a) for the output and the gates of a first stage.
    """
    cdef const Formulas* cell = formulas_of(run.cell)
    cdef Py_ssize_t s, n = run.n_a, m = run.m
    cdef const Stage* stage
    cdef const GateWeights* W = run.weights
    cdef const real* x = columns_of(run.x, run.x_stride_k, run.x_stride_m, run.n_x, m, work)
    cdef const real* a
    cdef PointwiseArgs at
    at.row_stride = n
    at.previous = run.initial
    at.previous_state_stride = run.initial_state_stride
    at.state_stride = run.state_stride
    at.gate_stride = m * n
    at.gates = run.gates
    if run.gates == NULL and cell.stages > 1:
        at.gates = between + m * n
    for s in range(cell.stages):
        stage = &cell.stage[s]
        at.next = run.states if s + 1 == cell.stages else between
        a = columns_of(run.initial if s == 0 else between, 1, n, n, m, work + run.n_x * m)
        if m == 1:
            run_stage_unpacked(run, stage, W, x, a, &at, 1)
        elif m == 2:
            run_stage_unpacked(run, stage, W, x, a, &at, 2)
        elif m == 3:
            run_stage_unpacked(run, stage, W, x, a, &at, 3)
        elif m == 4:
            run_stage_unpacked(run, stage, W, x, a, &at, 4)
        elif m == 5:
            run_stage_unpacked(run, stage, W, x, a, &at, 5)
        elif m == 6:
            run_stage_unpacked(run, stage, W, x, a, &at, 6)
        elif m == 7:
            run_stage_unpacked(run, stage, W, x, a, &at, 7)
        elif m == 8:
            run_stage_unpacked(run, stage, W, x, a, &at, 8)
        W += stage.gates


cdef inline const real* columns_of(const real* source, Py_ssize_t k_stride, Py_ssize_t m_stride, Py_ssize_t K,
                                   Py_ssize_t m, real* out) noexcept nogil:
    """(K, m) without gaps: where the source is, or copied to `out`."""
    cdef Py_ssize_t k, r
    if (k_stride == m or K == 1) and (m_stride == 1 or m == 1):
        return source
    for k in range(K):
        for r in range(m):
            out[k * m + r] = source[k * k_stride + r * m_stride]
    return out


cdef int step_unpacked(const Run* run) noexcept nogil:
    """One step and the head for at most MAX_UNPACKED_COLUMNS columns. Returns -1 where memory is short."""
    cdef const Formulas* cell = formulas_of(run.cell)
    cdef Py_ssize_t n = run.n_a, m = run.m, y_size = run.n_y * m, width = (m + LANES - 1) // LANES * LANES
    cdef Py_ssize_t between = (1 + cell.kept) * m * n if cell.stages > 1 else 0
    cdef void* work = malloc((between + max((run.n_x + n) * m, n * width + y_size + width)) * sizeof(real) + ALIGNMENT)
    cdef real* a
    if work == NULL:
        return -1
    run_step_unpacked(run, <real*> work + between, <real*> work)
    if run.y != NULL and m > 0:
        a = aligned(work)
        pack_columns(run.states, 1, n, n, m, a)
        head_unpacked(run, a, a + n * width)
        memcpy(run.y, a + n * width, y_size * sizeof(real))
    free(work)
    return 0
