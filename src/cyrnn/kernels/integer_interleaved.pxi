"""The input projection of later steps, interleaved with the recurrent product of this one: for one column.

As interleaved.pxi: the recurrent product waits for W_a to come from L2, and meanwhile the CPU sums rows of later steps,
in each step over a range of k. Sums stand in the rows of z that they become, until the last range makes z of them.
"""

ctypedef struct NextIntegers:
    # The next group of rows of x, over the range of groups of k that one step sums.
    Py_ssize_t groups
    Py_ssize_t first         # group of k
    const char* rows         # from that one on
    bint begins              # whether sums start here,
    bint ends                # and whether they become z
    real* z                  # of the first panel: sums, or z; rows z_row_stride apart


cdef bint can_interleave_integers(const Run* run, const IntegerStage* stages) noexcept nogil:
    """Whether the input projection is worth interleaving, and can be."""
    cdef double weights = 0
    cdef Py_ssize_t s, rows = max_interleaved_rows(stages[0].plan.V_x)
    if TILE_ROWS <= 3 or run.tokens or run.m != 1 or run.batch_sizes != NULL or run.x_stride_k != 1:
        return False
    if 6 * run.n_x < run.n_a or PLANES(run.integers.width) > 1:
        return False
    for s in range(formulas_of(run.cell).stages):
        # all stages read the same rows of integers, which are replaced when a group of them is through
        if (stages[s].plan.V_x != stages[s].plan.V_a or max_interleaved_rows(stages[s].plan.V_x) != rows
                or run.T < 2 * rows):
            return False
        weights += bytes_of(run, stages[s].plan.width)
    weights *= run.integers.width / <double> sizeof(real)
    # int8 does as much with a byte as int16 with four
    return weights >= (INTERLEAVE_MIN_BYTES if run.integers.width == 1 else INTERLEAVE_MIN_BYTES // 4) and (
        weights <= max_interleaved_bytes())


cdef bint next_integers(const Run* run, const IntegerStage* stage, Py_ssize_t t, const IntegerWork* work,
                        NextIntegers* next_rows) noexcept nogil:
    """Find the rows that step t works on; return False where there are none left."""
    cdef const StagePlan* plan = &stage.plan
    cdef Py_ssize_t R = plan.interleaved_rows, phase, first, groups = groups_of(run.n_x, run.integers.width)
    if t < plan.steps - R:
        return False
    phase = (t - plan.steps + R) % R
    first = t - phase + R                     # step of the next group
    if first >= run.T:
        return False
    next_rows.first = groups * phase // R
    next_rows.groups = groups * (phase + 1) // R - next_rows.first
    next_rows.rows = work.x.rows + 4 * next_rows.first
    next_rows.begins, next_rows.ends = phase == 0, phase == R - 1
    next_rows.z = projected_row(run, plan, first) + (plan.stage.gates - plan.stage.input) * LANES
    return True


cdef inline void integer_tile_interleaved(const IntegerProduct* t, const NextIntegers* next_rows,
                                          const IntegerProduct* x, Py_ssize_t R, Py_ssize_t V,
                                          int width) noexcept nogil:
    """V vectors of a row of z, and of R of next_rows; `x`: their panel, scales, and where z is.

    R groups in k of the row for each group of the others.
    """
    cdef ivec acc[4]
    cdef ivec sums[MAX_TILE]
    cdef Py_ssize_t rounds = min(next_rows.groups, t.groups // R), k, i, panel_step = V * WEIGHT_VECTOR(width)
    cdef Py_ssize_t x_row_stride = x.row_stride
    cdef const char* row = t.rows
    cdef const char* panel = t.panel
    cdef const char* x_rows = next_rows.rows
    cdef const char* x_panel = x.panel + next_rows.first * panel_step
    sums_start(acc, t.starts, 1, 1, V, width)
    if next_rows.begins:
        sums_start(sums, x.starts, R, 1, V, width)
    else:
        sums_load(sums, x.z, x.z_row_stride, R, V)
    for k in range(rounds):
        sums_dot(sums, x_rows, x_row_stride, x_panel, 0, R, 1, V, width)
        x_rows += 4
        x_panel += panel_step
        for i in range(R):
            sums_dot(acc, row + 4 * i, 0, panel, 0, 1, 1, V, width)
            panel += panel_step
        row += 4 * R
    for k in range(rounds, next_rows.groups):          # more inputs than units
        sums_dot(sums, x_rows, x_row_stride, x_panel, 0, R, 1, V, width)
        x_rows += 4
        x_panel += panel_step
    if next_rows.ends:
        sums_scale(sums, x.scale, x.row_scale, x.start, 0, 0, x.z, x.z_row_stride, 0, LANES, R, 1, V, width)
    else:
        sums_store(sums, x.z, x.z_row_stride, R, V)
    for k in range(t.groups - rounds * R):
        sums_dot(acc, row, 0, panel, 0, 1, 1, V, width)
        row += 4
        panel += panel_step
    sums_scale(acc, t.scale, t.row_scale, t.start, 0, 0, t.z, 0, 0, LANES, 1, 1, V, width)


cdef inline void interleaved_product_of(const IntegerProduct* t, const NextIntegers* next_rows,
                                        const IntegerProduct* x, Py_ssize_t V, Py_ssize_t Vp,
                                        int width) noexcept nogil:
    if V == 2:
        integer_tile_interleaved(t, next_rows, x, INTERLEAVED_ROWS_2, 2, width)
    elif V == 3:
        integer_tile_interleaved(t, next_rows, x, INTERLEAVED_ROWS_3, 3, width)
    elif Vp == 4:
        integer_tile_interleaved(t, next_rows, x, INTERLEAVED_ROWS_4, 4, width)
    elif Vp == 3:
        integer_tile_interleaved(t, next_rows, x, INTERLEAVED_ROWS_4, 3, width)
    elif Vp == 2:
        integer_tile_interleaved(t, next_rows, x, INTERLEAVED_ROWS_4, 2, width)
    else:
        integer_tile_interleaved(t, next_rows, x, INTERLEAVED_ROWS_4, 1, width)


cdef void interleaved_bytes(const IntegerProduct* t, const NextIntegers* next_rows, const IntegerProduct* x,
                            Py_ssize_t V, Py_ssize_t Vp) noexcept nogil:
    interleaved_product_of(t, next_rows, x, V, Vp, 1)


cdef void interleaved_pairs(const IntegerProduct* t, const NextIntegers* next_rows, const IntegerProduct* x,
                            Py_ssize_t V, Py_ssize_t Vp) noexcept nogil:
    interleaved_product_of(t, next_rows, x, V, Vp, 2)


cdef void run_integers_interleaved(const Run* run, const IntegerStage* stage, Py_ssize_t t, const real* projected,
                                   const IntegerWork* work, const PointwiseArgs* at,
                                   const NextIntegers* next_rows) noexcept nogil:
    """One stage of a step for one column, as run_integer_row, and its range of next_rows: a panel at a time."""
    cdef vec vectors_of_z[4]
    cdef real* z = <real*> vectors_of_z
    cdef const StagePlan* plan = &stage.plan
    cdef Py_ssize_t V = plan.V, V_a = plan.V_a, panels = (plan.width + V - 1) // V, i, panel, v, first
    cdef Py_ssize_t skipped = plan.stage.gates - plan.stage.input
    cdef int width = run.integers.width
    cdef IntegerProduct o
    cdef IntegerProduct x
    cdef PointwiseArgs args
    begin_args(&args, plan, at, 1, z, 0)
    begin_product(&o, &work.h, plan.K, width)
    begin_product(&x, &work.x, run.n_x, width)
    take_integer_rows(&o, &work.h, 0)
    take_integer_rows(&x, &work.x, 0)
    o.z, x.z_row_stride = z, plan.width * LANES
    for i in range(panels):
        panel = i if t % 2 == 0 else panels - 1 - i
        first = panel * V * LANES
        v = min(V_a, plan.width - panel * V)
        take_panel(&o, &stage.Wa, panel, V_a, width)
        take_panel(&x, &stage.Wx, panel, V_a, width)
        o.start = projected + first
        x.start = plan.b + first + skipped * LANES
        x.z = next_rows.z + first
        if INT8 and width == 1:
            interleaved_bytes(&o, next_rows, &x, V_a, v)
        else:
            interleaved_pairs(&o, next_rows, &x, V_a, v)
        for v in range(V_a, V):                        # gates without a recurrent half
            store(z + v * LANES, load(o.start + v * LANES))
        pointwise_of_panel(plan, at, 0, panel, run.n_a, &args)
