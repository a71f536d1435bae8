"""The input projection of later steps, interleaved with the recurrent product of this one: for one column.

Structs that were just written are not copied here: a wide load of narrow stores waits for all stores before it, which
made the forward pass 10% slower. See input_projection.pxi.
"""
ctypedef struct Interleaved:
    # The next group of rows of x, over the range of k that one step sums: k0 <= k < k0 + K.
    Py_ssize_t K
    Py_ssize_t k0
    const real* rows         # x of the first row, from k0 on
    Py_ssize_t row_stride
    Py_ssize_t k_stride      # of `rows`
    const real* start        # the sums so far, of the first panel
    Py_ssize_t start_row_stride
    real* z                  # the sums from now on
    Py_ssize_t z_row_stride


cdef bint can_interleave(const Run* run, const StagePlan* plans, Py_ssize_t stages) noexcept nogil:
    """Whether the input projection is worth interleaving, and can be."""
    cdef double bytes = 0
    cdef Py_ssize_t s
    cdef const StagePlan* plan
    if TILE_ROWS <= 3 or run.tokens or run.m != 1 or run.batch_sizes != NULL or run.n_x < INTERLEAVE_MIN_INPUTS:
        return False
    if 6 * run.n_x < run.n_a:
        return False
    for s in range(stages):
        plan = &plans[s]
        if plan.V_x != plan.V_a or run.T < 2 * max_interleaved_rows(plan.V_x):
            return False
        bytes += bytes_of(run, plan.width)
    return bytes <= max_interleaved_bytes()


cdef bint next_interleaved(const Run* run, const StagePlan* plan, Py_ssize_t t, Interleaved* next_rows) noexcept nogil:
    """Find the rows that step t works on; return False where there are none left."""
    cdef Py_ssize_t R = plan.interleaved_rows, phase, first, skipped = (plan.stage.gates - plan.stage.input) * LANES
    if t < plan.steps - R:
        return False
    phase = (t - plan.steps + R) % R
    first = t - phase + R                     # step of the next group
    if first >= run.T:
        return False
    next_rows.k0 = run.n_x * phase // R
    next_rows.K = run.n_x * (phase + 1) // R - next_rows.k0
    next_rows.rows = run.x + first * run.x_stride_t + next_rows.k0 * run.x_stride_k
    next_rows.row_stride = run.x_stride_t
    next_rows.k_stride = run.x_stride_k
    next_rows.z = projected_row(run, plan, first) + skipped
    next_rows.z_row_stride = plan.width * LANES
    if phase > 0:
        next_rows.start, next_rows.start_row_stride = next_rows.z, next_rows.z_row_stride
    else:
        next_rows.start, next_rows.start_row_stride = plan.b + skipped, 0
    return True


cdef inline void tile_interleaved(const Product* t, const Interleaved* next_rows, const real* x_panel, Py_ssize_t at,
                                  Py_ssize_t R, Py_ssize_t V) noexcept nogil:
    """V vectors of a row of z, whose product has its second factor alone, and of R of next_rows, from element `at` on.

    R steps in k of the row for each step in k of the others.
    """
    cdef vec acc[4]
    cdef vec sums[MAX_TILE]
    cdef Py_ssize_t rounds = min(next_rows.K, t.second.K // R), k, i
    cdef Py_ssize_t x_row_stride = next_rows.row_stride, x_k_stride = next_rows.k_stride, panel_k_stride = V * LANES
    cdef const real* row = t.second.rows
    cdef const real* panel = t.second.panel
    cdef const real* x = next_rows.rows
    tile_load(acc, t.start, 0, 0, 1, 1, V)
    tile_load(sums, next_rows.start + at, next_rows.start_row_stride, 0, R, 1, V)
    for k in range(rounds):
        tile_fma(sums, x, x_row_stride, x_panel, 0, R, 1, V)
        x += x_k_stride
        x_panel += panel_k_stride
        tile_is_summed(sums, R, 1, V)
        for i in range(R):
            tile_fma(acc, row + i, 0, panel, 0, 1, 1, V)
            panel += panel_k_stride
        row += R
    for k in range(rounds, next_rows.K):                   # more inputs than units
        tile_fma(sums, x, x_row_stride, x_panel, 0, R, 1, V)
        x += x_k_stride
        x_panel += panel_k_stride
    tile_store(next_rows.z + at, sums, next_rows.z_row_stride, 0, R, 1, V)
    for k in range(t.second.K - rounds * R):
        tile_fma(acc, row + k, 0, panel, 0, 1, 1, V)
        panel += panel_k_stride
    tile_store(t.z, acc, 0, 0, 1, 1, V)


cdef void run_stage_interleaved(const Run* run, const StagePlan* plan, Py_ssize_t t, const real* projected,
                                const real* row, const PointwiseArgs* at, const Interleaved* next_rows) noexcept nogil:
    """One stage of a step for one column, as `run_stage`, and its range of next_rows: a panel at a time."""
    cdef vec vectors_of_z[4]
    cdef real* z = <real*> vectors_of_z
    cdef Py_ssize_t n = run.n_a, V = plan.V, V_a = plan.V_a, panels = (plan.width + V - 1) // V, i, panel, v, first
    cdef const real* Wx
    cdef Product p
    cdef PointwiseArgs args
    begin_args(&args, plan, at, 1, z, 0)
    p.second.rows = row
    p.second.K = plan.K
    p.z = z
    for i in range(panels):
        panel = i if t % 2 == 0 else panels - 1 - i
        first = panel * V * LANES
        v = min(V_a, plan.width - panel * V)
        p.second.panel = plan.Wa + panel * V_a * LANES * plan.K
        p.start = projected + first
        Wx = plan.Wx + (panel * V_a * run.n_x + next_rows.k0 * v) * LANES
        if V_a == 2:
            tile_interleaved(&p, next_rows, Wx, first, INTERLEAVED_ROWS_2, 2)
        elif V_a == 3:
            tile_interleaved(&p, next_rows, Wx, first, INTERLEAVED_ROWS_3, 3)
        elif v == 4:
            tile_interleaved(&p, next_rows, Wx, first, INTERLEAVED_ROWS_4, 4)
        elif v == 3:
            tile_interleaved(&p, next_rows, Wx, first, INTERLEAVED_ROWS_4, 3)
        elif v == 2:
            tile_interleaved(&p, next_rows, Wx, first, INTERLEAVED_ROWS_4, 2)
        else:
            tile_interleaved(&p, next_rows, Wx, first, INTERLEAVED_ROWS_4, 1)
        for v in range(V_a, V):                        # gates without a recurrent half
            store(z + v * LANES, load(p.start + v * LANES))
        pointwise_of_panel(plan, at, 0, panel, n, &args)
