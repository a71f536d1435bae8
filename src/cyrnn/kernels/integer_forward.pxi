"""The time loop over integer weights, units in lanes.

Design. As in forward.pxi: the input projection is summed for some steps at once, before the loop runs them; a tile of z
goes to a small buffer, and the cell's pointwise function turns it into gates and next states. Before a product its rows
become integers, in a pass of their own: they are read from the first level of the cache, and the product of one panel
has them all.
"""

cdef enum:
    INTEGER_WORK_ROWS = 48   # of z, of a block of steps, if T allows; but one step at least


cdef void quantize_inputs(const Run* run, Py_ssize_t t0, Py_ssize_t t1, const IntegerWork* work) noexcept nogil:
    """x of the steps t0 <= t < t1 as integers; rows of columns that take no part are zero."""
    cdef const IntegerWeights* weights = run.integers
    cdef const IntegerRows* rows = &work.x
    cdef const real* x
    cdef char* out = rows.rows
    cdef real* scale = rows.scale
    cdef Py_ssize_t t, column, active
    for t in range(t0, t1):
        active = batch_size_at(run.batch_sizes, run.batch_offset, run.m, t)
        for column in range(run.m):
            x = run.x + t * run.x_stride_t + column * run.x_stride_m
            if column >= active:
                memset(out, 0, rows.row_stride)
                scale[0] = 0
            else:
                if run.x_stride_k != 1:
                    gather(x, run.x_stride_k, run.n_x, work.x_row)
                    x = work.x_row
                scale[0] = quantize_input(x, run.n_x, weights.Wx.levels, weights.width, out)
            out += rows.row_stride
            scale += 1


cdef void project_integers(const Run* run, const IntegerStage* stage, const IntegerRows* x,
                           Py_ssize_t total) noexcept nogil:
    """projected (total, width) = b + W_x x of so many rows: the first half of every z."""
    cdef const StagePlan* plan = &stage.plan
    cdef Py_ssize_t V = plan.V_x, skipped = plan.stage.gates - plan.stage.input, panel = 0, row, R, Vp
    cdef int width = run.integers.width
    cdef IntegerProduct p
    begin_product(&p, x, run.n_x, width)
    p.start_row_stride = p.z_panel_stride = 0
    p.z_row_stride = plan.width * LANES
    while panel * plan.V < plan.width:
        Vp = min(V, plan.width - panel * plan.V)
        take_panel(&p, &stage.Wx, panel, V)
        p.start = plan.b + (panel * plan.V + skipped) * LANES
        row = 0
        while row < total:
            R = even_share(total - row, TILE_ROWS)
            take_integer_rows(&p, x, row)
            p.z = plan.projected + row * p.z_row_stride + (panel * plan.V + skipped) * LANES
            integer_product(&p, R, 1, Vp, width)
            row += R
        panel += 1


cdef void run_integer_stage(const Run* run, const IntegerStage* stage, Py_ssize_t t, Py_ssize_t m,
                            const real* projected, const IntegerRows* h, const PointwiseArgs* at) noexcept nogil:
    """One stage of a step for m rows of the batch: z = projected (m, width) + W_a h, then pointwise.

    `at`: arguments of the first row and unit.
    """
    cdef vec tile_of_z[TILE_VECTORS]
    cdef vec compacted[TILE_VECTORS]
    cdef real* z = <real*> tile_of_z
    cdef const StagePlan* plan = &stage.plan
    cdef Py_ssize_t n = run.n_a, V = plan.V, V_a = plan.V_a, width = plan.width, row, R, first, P, Vp, p, r, v
    cdef Py_ssize_t panels = (width + V - 1) // V, full = width // V, done = 0
    cdef bint narrow = m > 1 and 2 * n <= LANES and at.variant == NULL, backwards = t % 2 != 0
    cdef IntegerProduct o
    cdef PointwiseArgs args
    begin_args(&args, plan, at, 0, z, 0)
    begin_product(&o, h, plan.K, run.integers.width)
    o.z = z
    o.z_panel_stride = V * LANES
    o.start_row_stride = width * LANES
    while done < panels:
        # backwards in every other step: what was read last is in the cache. A panel that is not whole goes alone
        first = panels - done - 1 if backwards else done
        P = 1
        if not backwards and first < full:
            P = integer_panels_at_once(m, V_a, full - first)
        elif backwards and first < full:
            P = integer_panels_at_once(m, V_a, first + 1)
            first -= P - 1
        done += P
        Vp = min(V_a, width - first * V)
        take_panel(&o, &stage.Wa, first, V_a)
        o.z_row_stride = args.z_row_stride = P * V * LANES
        row = 0
        while row < m:
            R = even_share(m - row, TILE_ROWS)
            take_integer_rows(&o, h, row)
            o.start = projected + (row * width + first * V) * LANES
            integer_product(&o, R, P, Vp, run.integers.width)
            for v in range(V_a, V):                    # gates without a recurrent half
                for r in range(R):
                    for p in range(P):
                        store(z + r * o.z_row_stride + (p * V + v) * LANES,
                              load(o.start + r * o.start_row_stride + (p * V + v) * LANES))
            if narrow:
                compact(z, o.z_row_stride, plan.stage.gates, R, n, <real*> compacted)
                args.rows, args.n, args.z, args.z_gate_stride = 1, R * n, <real*> compacted, R * LANES
                pointwise_from(plan, at, row * n, &args)
            else:
                args.rows = R
                for p in range(P):
                    args.z = z + p * V * LANES
                    pointwise_of_panel(plan, at, row, first + p, n, &args)
            row += R


cdef void project_hidden(const Run* run, const IntegerRows* rows, Py_ssize_t m, real* out) noexcept nogil:
    """out (m, n_h) = Whr times rows of integers (m, n_a)."""
    cdef vec tile_of_h[TILE_VECTORS]
    cdef vec zeros[4]
    cdef real* z = <real*> tile_of_h
    cdef Py_ssize_t width = vectors(run.n_h, 1), panel = 0, row, R, Vp, r, i, left
    cdef IntegerProduct p
    for i in range(4):
        store(<real*> zeros + i * LANES, splat(0))
    begin_product(&p, rows, run.n_a, run.integers.width)
    p.start, p.start_row_stride, p.z_panel_stride = <real*> zeros, 0, 0
    p.z = z
    while 4 * panel < width:
        Vp = min(4, width - 4 * panel)
        p.z_row_stride = Vp * LANES
        take_panel(&p, &run.integers.Whr, panel, 4)
        row = 0
        while row < m:
            R = even_share(m - row, TILE_ROWS)
            take_integer_rows(&p, rows, row)
            integer_product(&p, R, 1, Vp, run.integers.width)
            for r in range(R):
                i = 0
                while i < Vp * LANES and 4 * panel * LANES + i < run.n_h:
                    left = run.n_h - 4 * panel * LANES - i
                    store_tail(out + (row + r) * run.n_h + 4 * panel * LANES + i,
                               load(z + r * p.z_row_stride + i), left)
                    i += LANES
            row += R
        panel += 1


cdef void quantize_rows(const real* h, Py_ssize_t m, Py_ssize_t n, real levels, int width,
                        const IntegerRows* out) noexcept nogil:
    """m rows of hidden states (n,) as integers."""
    cdef Py_ssize_t r
    for r in range(m):
        out.scale[r] = quantize_hidden(h + r * n, n, levels, width, out.rows + r * out.row_stride)


cdef void run_integer_step(const Run* run, const IntegerStage* stages, Py_ssize_t t,
                           const IntegerWork* work) noexcept nogil:
    """One step."""
    cdef const Formulas* cell = formulas_of(run.cell)
    cdef const IntegerWeights* weights = run.integers
    cdef Py_ssize_t n = run.n_a, s, m = batch_size_at(run.batch_sizes, run.batch_offset, run.m, t)
    cdef const real* hidden                    # (m, n_h) before the step
    cdef PointwiseArgs at
    begin_step(run, t, work.between, &at)
    hidden = hidden_before(run, t, &at)
    for s in range(cell.stages):
        at.next = run.states + t * run.batch * n if s + 1 == cell.stages else work.between
        quantize_rows(hidden if s == 0 else work.between, m, stages[s].plan.K, weights.Wa.levels, weights.width,
                      &work.h)
        run_integer_stage(run, &stages[s], t, m, projected_row(run, &stages[s].plan, t), &work.h, &at)
    if run.Whr != NULL:
        quantize_rows(run.states + t * run.batch * n, m, n, weights.Whr.levels, weights.width, &work.h)
        project_hidden(run, &work.h, m, run.hidden + t * run.batch * run.n_h)


cdef int integer_forward(const Run* run) noexcept nogil:
    """All T steps, as forward_packed."""
    cdef const Formulas* cell = formulas_of(run.cell)
    cdef IntegerStage stages[MAX_STAGES]
    cdef IntegerWork work
    cdef Py_ssize_t t = 0, t1, s, steps, width = plan_integer_stages(run, stages), pause_at = run.pause_steps
    cdef void* memory
    cdef int outcome = 0
    if run.m == 0 or run.T == 0:
        return 0
    steps = min(run.T, max(1, INTEGER_WORK_ROWS // run.m))
    memory = malloc(integer_work_bytes(run, steps, width))
    if memory == NULL:
        return -1
    place_integer_work(run, stages, steps, <char*> memory, &work)
    if has_separate_halves(&stages[0].plan):
        fill_biases(&stages[0].plan, steps * run.m)
    while t < run.T and outcome == 0:
        t1 = min(run.T, t + steps)
        quantize_inputs(run, t, t1, &work)
        for s in range(cell.stages):
            stages[s].plan.first_step = t
            project_integers(run, &stages[s], &work.x, (t1 - t) * run.m)
        while t < t1 and outcome == 0:
            run_integer_step(run, stages, t, &work)
            t += 1
            if t == pause_at:
                outcome = run.pause(run.progress)
                pause_at += run.pause_steps
    free(memory)
    return outcome
