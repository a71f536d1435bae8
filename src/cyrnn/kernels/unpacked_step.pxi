"""A stage on unpacked weights, units in lanes: for few columns.

Rows of W are transposed in registers on their way to the sums, some rows of one gate at a time: where their stride is
a multiple of 4 KB, they begin in one set of the L1 cache, which holds 8 to 12 lines. All gates at once took f64 LSTM
(256,256,1) from 76 to 169 us (Zen 4, 2026-11-28). Sixteen rows of such a stride are read by whole lines (`lines_fma`).
"""

cdef enum:
    MAX_PANELS = 4           # side by side


cdef inline const real* columns_of(const real* source, Py_ssize_t k_stride, Py_ssize_t m_stride, Py_ssize_t K,
                                   Py_ssize_t m, real* out) noexcept nogil:
    """(K, m) without gaps, so that strides are constants: the source in place, or a copy in `out`."""
    cdef Py_ssize_t k, r
    if (k_stride == m or K == 1) and (m_stride == 1 or m == 1):
        return source
    for k in range(K):
        for r in range(m):
            out[k * m + r] = source[k * k_stride + r * m_stride]
    return out


cdef inline Py_ssize_t sets_of(Py_ssize_t row_stride) noexcept nogil:
    """In how many of the 64 sets of an L1 cache rows of this stride begin."""
    cdef Py_ssize_t bytes = row_stride * <Py_ssize_t> sizeof(real), sets = 64
    if bytes % 64 == 0:
        while sets > 1 and bytes // 64 % 2 == 0:
            bytes //= 2
            sets //= 2
    return sets


cdef inline void accumulate_columns(vec* acc, const real* W, Py_ssize_t row_stride, const real* x, Py_ssize_t K,
                                    Py_ssize_t P, Py_ssize_t R) noexcept nogil:
    """acc (P, R) += W x, k ascending, for P * LANES rows of W, contiguous in k, and x (K, R)."""
    cdef Py_ssize_t k = 0
    if LANES == 16 and P == 1 and sets_of(row_stride) == 1:             # to the first line, then whole ones
        k = min(K, -(<Py_ssize_t> W // <Py_ssize_t> sizeof(real)) & (LINE - 1))
        if k > 0:
            accumulate_square(acc, W, row_stride, LANES, x, k, R)
        k += lines_fma(acc, W + k, row_stride, x + k * R, K - k, R)
    while k + COLUMNS <= K:
        columns_fma(acc, W + k, row_stride, x + k * R, P, R)
        k += COLUMNS
    if k < K:
        accumulate_square(acc, W + k, row_stride, LANES, x + k * R, K - k, R)
        if P > 1:
            accumulate_square(acc + R, W + LANES * row_stride + k, row_stride, LANES, x + k * R, K - k, R)
        if P > 2:
            accumulate_square(acc + 2 * R, W + 2 * LANES * row_stride + k, row_stride, LANES, x + k * R, K - k, R)
            accumulate_square(acc + 3 * R, W + 3 * LANES * row_stride + k, row_stride, LANES, x + k * R, K - k, R)


cdef inline void accumulate_square(vec* acc, const real* W, Py_ssize_t row_stride, Py_ssize_t rows, const real* x,
                                   Py_ssize_t K, Py_ssize_t R) noexcept nogil:
    """acc (R) += W x for up to LANES rows and up to LANES k: nothing is read beside them."""
    cdef vec square[MAX_LANES]
    cdef Py_ssize_t i, r
    load_rows(W, row_stride, rows, min(K, LANES), square)
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
    cdef vec b[MAX_PANELS]
    cdef const real* w
    cdef const real* columns
    cdef Py_ssize_t g, p, half, row_stride, K
    for g in range(stage.gates):
        W = weights + g
        for p in range(P):
            pack_lanes(W.b + (unit + p * LANES) * W.b_stride, W.b_stride, 1, min(rows, LANES), 1, z, LANES)
            b[p] = load(z)
        columns_start(acc, b, P, R)
        # half the code; of few columns float32 would lose 6% by it, and NEON's float64 keep addresses on the stack
        if (sizeof(real) == 8 and LANES > 2) or LANES == 1 or R > 3:
            for half in range(2):
                if half == 0 and g >= stage.gates - stage.input:
                    w, row_stride, columns, K = W.Wx, W.Wx_row_stride, x, run.n_x
                elif half == 1 and g < stage.hidden:
                    w, row_stride, columns, K = W.Wa, W.Wa_row_stride, a, run.n_a
                else:
                    continue
                accumulate_rows(acc, w + unit * row_stride, row_stride, rows, columns, K, P, R)
        else:
            if g >= stage.gates - stage.input:
                accumulate_rows(acc, W.Wx + unit * W.Wx_row_stride, W.Wx_row_stride, rows, x, run.n_x, P, R)
            if g < stage.hidden:
                accumulate_rows(acc, W.Wa + unit * W.Wa_row_stride, W.Wa_row_stride, rows, a, run.n_a, P, R)
        tile_store(z, acc, LANES, P * LANES, P, R, 1)
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


cdef inline Py_ssize_t max_side_by_side(Py_ssize_t R) noexcept nogil:
    """How many panels of LANES rows may be read side by side: chains enough for few columns."""
    return min(MAX_PANELS, max(16 // LANES, 2 if R == 1 else 1)) if R < 4 else 1


cdef inline Py_ssize_t panels_side_by_side(const GateWeights* W, Py_ssize_t R) noexcept nogil:
    """How many panels are: at most 8 rows a set."""
    cdef Py_ssize_t P = max_side_by_side(R)
    cdef Py_ssize_t sets = min(sets_of(W.Wx_row_stride), sets_of(W.Wa_row_stride))
    while P > 1 and P * LANES > 8 * sets:
        P //= 2
    return P


cdef inline void run_columns(const Run* run, const Stage* stage, const GateWeights* weights, const real* x,
                             const real* a, const PointwiseArgs* at, Py_ssize_t first, Py_ssize_t last,
                             Py_ssize_t R) noexcept nogil:
    cdef Py_ssize_t unit = first, max_panels = panels_side_by_side(weights, R), P, rows
    while unit < last:
        P = max_panels
        while P > 1 and (last - first < P * LANES or 2 * (last - unit) <= P * LANES):
            P //= 2
        rows = min(last - first, P * LANES)
        unit = min(unit, last - rows)           # the last units: some are summed twice, rather than lanes left idle
        if P == 1:
            run_units(run, stage, weights, x, a, at, unit, rows, 1, R)
        elif P == 2 and max_side_by_side(R) >= 2:           # what cannot be is not compiled
            run_units(run, stage, weights, x, a, at, unit, rows, 2, R)
        elif max_side_by_side(R) >= 4:
            run_units(run, stage, weights, x, a, at, unit, rows, 4, R)
        unit += rows


cdef void run_stage_of_columns(const Run* run, const Stage* stage, const GateWeights* W, const real* x, const real* a,
                               const PointwiseArgs* at, Py_ssize_t first, Py_ssize_t last) noexcept nogil:
    """Gates and next states of the units first <= j < last: x (n_x, m), a (n_a, m) without gaps, states (S, m, n_a).

    Needs 1 <= m <= MAX_UNPACKED_COLUMNS, and W with unit stride in k. `at`: arguments of the first unit.
    """
    if run.m == 1:
        run_columns(run, stage, W, x, a, at, first, last, 1)
    elif run.m == 2:
        run_columns(run, stage, W, x, a, at, first, last, 2)
    elif run.m == 3:
        run_columns(run, stage, W, x, a, at, first, last, 3)
    elif run.m == 4:
        run_columns(run, stage, W, x, a, at, first, last, 4)
    elif run.m == 5:
        run_columns(run, stage, W, x, a, at, first, last, 5)
    elif run.m == 6:
        run_columns(run, stage, W, x, a, at, first, last, 6)
    elif run.m == 7:
        run_columns(run, stage, W, x, a, at, first, last, 7)
    elif run.m == 8:
        run_columns(run, stage, W, x, a, at, first, last, 8)
